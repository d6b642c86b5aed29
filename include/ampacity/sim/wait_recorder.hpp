#pragma once
/// \file
/// Why jobs waited, as stretches of time: the answers of `policy::explain` after each pass, merged as long as they stay
/// the same.
///
/// The stretches of a job cover its waiting without gap or overlap, from its submit (or a preemption) to the start that
/// ends it, so their lengths add up to its wait exactly. It is an observer of the simulation and the listener of a
/// policy made by `policy::make_explain`, and needs to be both. Per pass it costs what `explain` costs for the jobs
/// that are followed and wait. Not thread-safe.

#include <ampacity/policy/wrappers.hpp>
#include <ampacity/sim/observer.hpp>
#include <ampacity/sim/simulation.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::sim {

/// What a job is called; its row may belong to another by now.
struct job_label {
    std::uint16_t source = 0;  ///< entry of the workload
    std::int64_t name = 0;     ///< job_id of the file, or text index
    bool name_is_text = false;

    friend bool operator==(const job_label&, const job_label&) = default;
};

/// A stretch during which a job waited for one reason.
struct wait_stretch {
    job_label job;
    std::uint32_t gpus = 0;  ///< that it needs
    instant from{}, to{};
    policy::reason why{};                         ///< as of its first pass
    job_label blocker{};                          ///< where `why` has one
    std::string feed{};                           ///< that is short of power
    std::uint64_t passes = 0;                     ///< that left the job waiting for it
    std::uint64_t least_free = 0, most_free = 0;  ///< GPUs free at its turn in these passes
};

class wait_recorder final : public observer, public policy::pass_listener {
public:
    using choice = std::function<bool(const job_event&)>;
    using sink = std::function<void(const wait_stretch&)>;

    /// Follows the jobs for which `follow` is true at their submit; tells `to` each stretch when it ends. Stretches of
    /// no length are left out.
    wait_recorder(choice follow, sink to);

    void on_submit(const job_event& e) override;
    void on_reject(const job_event& e) override {
        close(e.job, e.at);
        followed_.erase(e.job);
    }
    void on_start(const job_start& s) override { close(s.job, s.at); }
    void on_stop(const job_event& e, run_end how) override;
    void on_pass(const policy::policy::view& v, const policy::policy::plan& p,
                 const policy::policy& decided_by) override;

    /// The simulation has ended: jobs that still wait have waited until then.
    void finish(instant end);

private:
    struct followed {
        bool open = false;  ///< `stretch` has begun
        wait_stretch stretch{};
    };
    void close(job_id job, instant at);
    void end_stretch(followed& f, instant at);

    choice follow_;
    sink to_;
    std::vector<job_label> labels_;        // by job_id
    std::map<job_id, followed> followed_;  // that are in the system
};

/// Those who decide tell `to` of their passes from now on: the policy, those of reservations, and those of sites.
inline void explain_to(parts& of, policy::pass_listener& to) {
    of.policy = policy::make_explain(std::move(of.policy), to);
    for (reservation& r : of.reservations) {
        if (r.policy) r.policy = policy::make_explain(std::move(r.policy), to);
    }
    if (of.sites.sites.empty()) return;
    of.sites.make_policy = [make = std::move(of.sites.make_policy), &to] { return policy::make_explain(make(), to); };
}

}  // namespace ampacity::sim
