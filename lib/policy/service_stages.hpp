#pragma once
/// \file
/// How far running jobs have come, in stages of attained service, and when they reach the next one.
///
/// The stage of a job is the number of thresholds that its attained service (integer GPU-ns) has reached; a crossing
/// happens at the first ns at which attained >= threshold. Where progress can be lost, lost work and the time that
/// restarts and checkpoints take are service too: a job never comes back to a stage that it has left. Of a job that has
/// run under another scheduler only the work that it kept is known. O(log running jobs) for each run that begins or
/// ends and each crossing. Not thread-safe.

#include "ordered_jobs.hpp"

#include <ampacity/core/pod_vector.hpp>
#include <ampacity/policy/policy.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace ampacity::policy {

class service_stages {
public:
    /// \pre at most 255, rising [GPU-ns]
    explicit service_stages(std::vector<gpu_time> thresholds) : thresholds_(std::move(thresholds)) {
        AMPACITY_ASSERT(thresholds_.size() <= 255);
    }

    [[nodiscard]] std::size_t stages() const noexcept { return thresholds_.size() + 1; }

    /// Attained by any job, by now [GPU-ns].
    [[nodiscard]] gpu_time service(const view& v, job_id job) const {
        const job_view& j = v[job];
        const duration now = j.state == job_state::running ? work_in(v.now - j.run_start, j.speed) : duration::zero();
        return gpu_time{ticks(served(v, job) + now)} * j.demand.gpus;
    }
    /// Of any job, by now.
    [[nodiscard]] std::size_t stage(const view& v, job_id job) const {
        return static_cast<std::size_t>(std::upper_bound(thresholds_.begin(), thresholds_.end(), service(v, job)) -
                                        thresholds_.begin());
    }
    /// Of a running job, as of its last crossing.
    [[nodiscard]] std::size_t running_stage(job_id job) const { return stage_[index(job)]; }

    void begin_run(const view& v, job_id job) {
        if (!v.costs.empty() && !knows(v, job)) {
            served_.grow_to(index(job) + 1, {});
            served_[index(job)] = {.time = v[job].progress, .order = v[job].order};
        }
        go_on(v, job);
    }
    /// It runs, and its speed has changed since `end_run`.
    void go_on(const view& v, job_id job) {
        stage_.grow_to(index(job) + 1, 0);
        stage_[index(job)] = static_cast<std::uint8_t>(stage(v, job));
        if (const auto e = crossing_place(v, job); e.key != ns(never)) crossings_.insert(e);
    }
    /// Before the job is preempted or changes its speed, or when it has ended.
    void end_run(const view& v, job_id job) {
        forget_crossing(v, job);
        if (!v.costs.empty()) served_[index(job)].time += work_in(v.now - v[job].run_start, v[job].speed);
    }

    /// The wake-up that was asked for has come.
    void tick() noexcept { wanted_ = never; }

    /// Calls `moved(job, from, to)` for each running job that has left its stage by now. To be asked in every pass: one
    /// that takes time has had no tick for the crossings since the first.
    template <class F>
    void cross(const view& v, F moved) {
        while (!crossings_.empty() && crossings_.first().key <= ns(v.now)) {
            const job_id job = crossings_.first().job;
            const std::size_t from = running_stage(job);
            forget_crossing(v, job);
            go_on(v, job);
            moved(job, from, running_stage(job));
        }
    }

    /// Asks for a tick at the next crossing.
    void wake_up(plan& p) {
        const instant next =
            crossings_.empty() ? never : instant{duration{static_cast<std::int64_t>(crossings_.first().key)}};
        if (next == wanted_) return;
        wanted_ = next;
        p.wake_at(next);
    }

private:
    static std::uint64_t ns(instant t) noexcept { return static_cast<std::uint64_t>(ticks(t)); }

    /// What the runs before the current one, or its last change of speed, count for, per GPU.
    [[nodiscard]] duration served(const view& v, job_id job) const {
        if (v.costs.empty()) return v[job].progress;
        return knows(v, job) ? served_[index(job)].time : v[job].progress;
    }
    /// Has this job run before, here?
    [[nodiscard]] bool knows(const view& v, job_id job) const {
        return index(job) < served_.size() && served_[index(job)].order == v[job].order;
    }
    void forget_crossing(const view& v, job_id job) {
        if (const auto e = crossing_place(v, job); e.key != ns(never)) crossings_.erase(e);
    }
    /// When the running job leaves its stage; the key is `never` for one that does not.
    [[nodiscard]] ranked_job crossing_place(const view& v, job_id job) const {
        const std::size_t s = stage_[index(job)];
        const instant when = s == thresholds_.size() ? never : crossing(v[job], served(v, job), thresholds_[s]);
        return {.key = ns(when), .order = v[job].order, .job = job};
    }

    /// The first instant of the current run at which the attained service reaches `threshold`, `never` beyond time.
    static instant crossing(const job_view& j, duration served, gpu_time threshold) {
        const gpu_time gpus = j.demand.gpus;
        const gpu_time work = (threshold + gpus - 1) / gpus - ticks(served);
        if (work > ticks(duration::max())) return never;
        return add_saturating(j.run_start, time_for(duration{static_cast<std::int64_t>(work)}, j.speed));
    }

    struct attained {
        duration time{};
        std::uint64_t order = 0;  ///< of the job
    };

    std::vector<gpu_time> thresholds_;  // [GPU-ns], rising
    pod_vector<std::uint8_t> stage_;    // by job_id; of running jobs
    pod_vector<attained> served_;       // by job_id; of jobs that have run, where preemption has costs
    ordered_jobs crossings_;            // running jobs that will reach a threshold, by when
    instant wanted_ = never;            // the wish that was made last
};

}  // namespace ampacity::policy
