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

/// How slow nodes are.
class pacing {
public:
    pacing() = default;
    pacing(const pacing&) = delete;
    pacing& operator=(const pacing&) = delete;
    virtual ~pacing() = default;
    /// Its speed on these GPUs if none of their nodes were slow, where that depends on where they are; else what it is
    /// anyway, `usual`. A job that waits again is expected to run as fast as last.
    [[nodiscard]] virtual double full_speed(job_id job, std::span<const fleet::gpu_share> where, double usual) const {
        static_cast<void>(job);
        static_cast<void>(where);
        return usual;
    }
    /// How fast the job runs on these GPUs now, of its full speed: as fast as its slowest node. In (0, 1].
    [[nodiscard]] virtual double pace(job_id job, std::span<const fleet::gpu_share> where) const = 0;
};

/// What the power of GPUs can be limited by.
class capping {
public:
    capping() = default;
    capping(const capping&) = delete;
    capping& operator=(const capping&) = delete;
    virtual ~capping() = default;
    /// Why that cannot be, or empty.
    [[nodiscard]] virtual std::string why_not(std::uint32_t feed) const = 0;
    [[nodiscard]] virtual std::string why_not(node_id first, node_id last) const = 0;
};

class checked_plan final : public plan {
public:
    /// What is passed outlives the plan. Without `elastic` all jobs are rigid, without `pace` no node is slow; either
    /// needs `changed`, with a row for each elastic job, and with `pace` for each job.
    checked_plan(fleet::fleet_state& fleet, job_table& jobs, fleet::allocation_arena& allocations, const placer& place,
                 const preemption_costs* costs = nullptr, elastic_table* elastic = nullptr,
                 changed_table* changed = nullptr, const pacing* pace = nullptr);

    bool start(job_id job) override;
    void start(job_id job, std::span<const fleet::gpu_share> where) override;
    bool start_on(job_id job, std::uint32_t gpus) override;
    bool resize(job_id job, std::uint32_t gpus) override;
    using plan::preempt;
    void preempt(job_id job, duration lost) override;
    void reject(job_id job) override;
    void wake_at(instant when) override;
    void migrate(job_id job, std::span<const fleet::gpu_share> where) override;
    void drain(node_id node) override;
    void undrain(node_id node) override;
    bool vacate(job_id job) override;
    void set_cap(std::uint32_t feed, gpu_limits to) override;
    void set_cap(node_id first, node_id last, gpu_limits to) override;

    /// What `set_cap` may limit, which outlives the plan, nodes by their numbers or not; without it nothing.
    void allow_caps(const capping& by, bool nodes) noexcept {
        capping_ = &by;
        caps_nodes_ = nodes;
    }
    /// Begins a new plan at `now`. May jobs be placed where they are planned to run into a closing?
    void begin(instant now, bool into_closings = false);
    /// Takes every proposal back, newest first.
    void roll_back();

private:
    job_view& checked(job_id job, job_state wanted, const char* verb);
    void commit_start(job_id job, job_view& j, std::span<const fleet::gpu_share> where);
    [[nodiscard]] std::uint64_t check_type(job_id job, const job_view& j, std::span<const fleet::gpu_share> where);
    void run_on(job_view& j, std::span<const fleet::gpu_share> where) const;
    void leave_type(job_view& j) const;
    /// A run begins now, or goes on with other GPUs, with these costs: from full speed to what its nodes let it be.
    void slow_down(job_id job, job_view& j, std::span<const fleet::gpu_share> where, const run_costs& costs);
    /// The job runs no more.
    void forget_change(job_id job, job_view& j);
    [[nodiscard]] changed_run* changed(job_id job) noexcept;
    [[nodiscard]] changed_run& change(job_id job);
    [[nodiscard]] std::string name_of(job_id job) const;
    /// What a job could get that goes on from `progress` now, at `speed`; null: with the costs that it has.
    [[nodiscard]] const fleet::free_index& room(job_id job, const job_view& j, duration progress, double speed,
                                                const run_costs* costs = nullptr);
    [[nodiscard]] bool find_place(job_id job, const fleet::free_index& room, fleet::demand wanted);
    /// Null for a rigid job.
    [[nodiscard]] elastic_job* elastic(job_id job) noexcept;
    /// Of a job that may have so many GPUs.
    [[nodiscard]] elastic_job& ranged(job_id job, std::uint32_t gpus);
    [[nodiscard]] const run_costs& costs_of(job_id job, const job_view& j);
    /// A start or a resize of this plan is final.
    void refuse_twice(job_id job, const job_view& j);
    /// What of a running job a preemption or a resize changes.
    [[nodiscard]] action as_it_is(action_kind kind, job_id job, const job_view& j);
    void undo(const action& a);
    void check_cap(const std::string& of, const std::string& why_not, gpu_limits to);
    [[noreturn]] void refuse(job_id job, const std::string& why);
    [[noreturn]] void refuse(const std::string& text);
    [[noreturn]] void unsupported(const char* what);

    fleet::fleet_state& fleet_;
    job_table& jobs_;
    fleet::allocation_arena& allocations_;
    const placer& placer_;
    const preemption_costs* costs_;
    elastic_table* elastic_;
    changed_table* changed_;
    const pacing* pacing_;
    const capping* capping_ = nullptr;
    bool caps_nodes_ = false;
    std::vector<changed_run> before_;  // of the actions whose runs had changed, in order
    instant now_{};
    bool into_closings_ = false;
    std::vector<fleet::gpu_share> scratch_;
};

}  // namespace ampacity::policy
