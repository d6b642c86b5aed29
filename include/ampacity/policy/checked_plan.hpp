#pragma once
/// \file
/// The plan of a simulation: it checks each proposal against the fleet and the jobs, and makes it show in them at once.
///
/// Nothing allocates in steady state. After an impossible proposal everything proposed has been taken back. Not
/// thread-safe.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/fleet_state.hpp>
#include <ampacity/policy/job_view.hpp>
#include <ampacity/policy/placer.hpp>
#include <ampacity/policy/plan.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ampacity::policy {

class checked_plan final : public plan {
public:
    /// `fleet`, `jobs`, `allocations`, `place` and `costs` outlive the plan.
    checked_plan(fleet::fleet_state& fleet, job_table& jobs, fleet::allocation_arena& allocations, const placer& place,
                 const preemption_costs* costs = nullptr);

    bool start(job_id job) override;
    void start(job_id job, std::span<const fleet::gpu_share> where) override;
    using plan::preempt;
    void preempt(job_id job, duration lost) override;
    void reject(job_id job) override;
    void wake_at(instant when) override;
    void resize(job_id job, std::uint32_t gpus) override;
    void migrate(job_id job, std::span<const fleet::gpu_share> where) override;
    void drain(node_id node) override;
    void undrain(node_id node) override;
    void set_cap(node_id node, double power_w) override;

    /// Begins a new plan at `now`. May jobs be placed where they are planned to run into a closing?
    void begin(instant now, bool into_closings = false);
    /// Takes every proposal back, newest first.
    void roll_back();

private:
    job_view& checked(job_id job, job_state wanted, const char* verb);
    void commit_start(job_id job, job_view& j, std::span<const fleet::gpu_share> where);
    [[nodiscard]] std::string name_of(job_id job) const;
    [[nodiscard]] const fleet::free_index& room(const job_view& j) const;
    [[nodiscard]] bool find_place(job_id job, const job_view& j);
    [[noreturn]] void refuse(job_id job, const std::string& why);
    [[noreturn]] void refuse(const std::string& text);
    [[noreturn]] void unsupported(const char* what);

    fleet::fleet_state& fleet_;
    job_table& jobs_;
    fleet::allocation_arena& allocations_;
    const placer& placer_;
    const preemption_costs* costs_;
    instant now_{};
    bool into_closings_ = false;
    std::vector<fleet::gpu_share> scratch_;
};

}  // namespace ampacity::policy
