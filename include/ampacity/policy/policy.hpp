#pragma once
/// \file
/// The scheduling policy: the one class to derive from to bring your own.
///
/// The simulation tells the policy what happens (notifications), and once per round, if something happened that
/// a policy can act on, asks it to decide. A policy proposes on the plan; the simulation commits. Keep state in
/// the notifications so that a pass costs what changed, not the length of the queue. One instance serves one
/// simulation and is called from one thread.
///
///     class shortest_estimate_first final : public ampacity::policy::policy {
///         std::set<std::tuple<ampacity::duration, std::uint64_t, ampacity::job_id>> queue_;
///
///         void on_submit(const view& v, ampacity::job_id job) override { queue_.insert({v[job].estimate, v[job].order,
///         job}); } void decide(const view&, plan& p) override {
///             while (!queue_.empty() && p.start(std::get<ampacity::job_id>(*queue_.begin())))
///             queue_.erase(queue_.begin());
///         }
///     };

#include <ampacity/core/ids.hpp>
#include <ampacity/policy/plan.hpp>
#include <ampacity/policy/reason.hpp>
#include <ampacity/policy/view.hpp>

namespace ampacity::policy {

class policy {
public:
    // In a class derived from this one `policy` names the class, not the namespace: so that `policy::view` and the
    // others mean the same everywhere.
    using view = ::ampacity::policy::view;
    using plan = ::ampacity::policy::plan;
    using job_view = ::ampacity::policy::job_view;
    using job_state = ::ampacity::policy::job_state;
    using reason = ::ampacity::policy::reason;

    policy() = default;
    policy(const policy&) = delete;
    policy& operator=(const policy&) = delete;
    virtual ~policy() = default;

    /// Does `plan::start` place jobs where they are planned to run into a closing, so that they are stopped there? A
    /// policy that preempts may.
    [[nodiscard]] virtual bool runs_into_closings() const noexcept { return false; }

    /// Proposes what to do now. Called at most once per round, after all notifications of the round.
    virtual void decide(const view& v, plan& p) = 0;

    /// A job has arrived and is queued. Jobs that can never run are rejected before and not shown. Orders rise from job
    /// to job, unless a policy round this one holds some of them back. At a site with a scheduler of its own one may
    /// have run elsewhere before, with the progress that it keeps.
    virtual void on_submit(const view&, job_id) {}
    /// A start of this policy's plan has been committed.
    virtual void on_start(const view&, job_id) {}
    /// A job has finished, was killed, or goes to another site; its row is reused after this call.
    virtual void on_finish(const view&, job_id) {}
    /// A preemption of this policy's plan has been committed; the job is queued again.
    virtual void on_preempt(const view&, job_id) {}
    /// A resize of this policy's plan has been committed.
    virtual void on_resize(const view&, job_id) {}
    /// Something other than a plan of this policy stops the job: its nodes fail or close, or a checkpoint is complete
    /// after a `plan::vacate`. The view still shows its run; the job is queued again behind this call, and `on_requeue`
    /// follows.
    virtual void on_fail(const view& v, job_id job) { on_finish(v, job); }
    /// The job that was stopped waits again, with what is left of its work and its old rank.
    virtual void on_requeue(const view& v, job_id job) { on_submit(v, job); }
    /// The speed of a running job is about to change, without a plan of this policy: its nodes become slow, or fast
    /// again. The view still shows the run as it was; `on_speed_changed` follows.
    virtual void on_speed_changing(const view&, job_id) {}
    /// The run goes on at another speed since now: `job_view` has a new `run_start`, `progress` and `speed`, and
    /// another planned end. It counts as the same run.
    virtual void on_speed_changed(const view&, job_id) {}
    /// Nodes have entered or left service.
    virtual void on_capacity_changed(const view&) {}
    /// What feeds could carry more has changed, by something else than a start or stop of this policy's jobs: feeds are
    /// lost, limited or back, limits of GPUs have changed, or a job of another queue has left. A pass follows.
    virtual void on_headroom_changed(const view&) {}
    /// The instant asked for by `plan::wake_at` has come.
    virtual void on_tick(const view&) {}

    /// Does it choose how many GPUs elastic jobs get? Asked at each submit: if not, an elastic job that never fits with
    /// its preferred number is rejected, as a rigid one is; if so, only one that does not fit with its smallest.
    [[nodiscard]] virtual bool chooses_gpus() const { return false; }
    /// Does it place jobs that run anew, with the size that they have then? Those keep the size that they start with:
    /// an elastic training job that could go on without the nodes that failed is stopped.
    [[nodiscard]] virtual bool moves_runs() const noexcept { return false; }

    /// Why does this job, which waits, not start in the pass that has just been decided? Called after `decide`, before
    /// its plan is committed, for jobs that somebody wants to know about; it must change no decision. Without an answer
    /// of the policy it is told what can be seen from outside: does it fit in what is free, and how many arrived
    /// before.
    [[nodiscard]] virtual reason explain(const view& v, const plan&, job_id job) const {
        reason r = seen_from_outside(v, v.capacity.free, job);
        r.ahead = waiting_before(v, job);
        return r;
    }
};

}  // namespace ampacity::policy
