#pragma once
/// \file
/// Running and queued jobs in one list; the longest prefix that fits is kept (semantics: srtf).
///
/// A pass starts at the first queued job: the running ones that come before it keep their GPUs. Only when it does not
/// fit into what is free do running jobs behind it lose theirs. On a pool these are the last of the list, one look at
/// its end each; on nodes the places matter, and those behind are walked one by one. The order may differ from pass
/// to pass, not within one. Not thread-safe.
///
/// `List` says what the order is:
///   - `entry`: a job (`.job`) and where it stands in this pass; `before(a, b)` compares two of them
///   - `refresh(v)`: a pass begins; entries are asked for until the next one
///   - `waiting()`, `head(v)`, `pop_head()`, `enqueue(v, job)`, `hint(v)`: the queue, its first job, and a call after a
///     pop for `view::expect`
///   - `queued_entry(v, job)`: of any queued job
///   - `running()`, `last(v)`, `behind(v, entry, out)`: running jobs, the last of them, and those behind an entry, in
///     order, appended to `out`
///   - `begin_run(v, job)`, `end_run(v, entry)` before a preemption, `leave(v, job)` of one that has come to its end or
///     is stopped, and before it `learn(v, job)` of one that has come to its end
///   - `is_slowed(v, job)` after the pass in which a run began on slow nodes: in that pass it stands where it stood in
///     the queue; `leave(v, job)` before a run changes its speed and `go_on(v, job)` after it
///   - `tick(v)` at a wake-up and `wake_up(p)` at the end of a pass

#include "claims.hpp"

#include <ampacity/policy/policy.hpp>
#include <ampacity/policy/reason.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace ampacity::policy {

template <class List>
class prefix_policy final : public policy {
public:
    template <class... Options>
    explicit prefix_policy(Options&&... options) : list_(std::forward<Options>(options)...) {}

    void on_submit(const view& v, job_id job) override { list_.enqueue(v, job); }
    void on_finish(const view& v, job_id job) override {
        list_.learn(v, job);
        list_.leave(v, job);
    }
    void on_fail(const view& v, job_id job) override { list_.leave(v, job); }
    void on_start(const view& v, job_id job) override {
        if (v.is_slowed(job)) list_.is_slowed(v, job);
    }
    void on_speed_changing(const view& v, job_id job) override { list_.leave(v, job); }
    void on_speed_changed(const view& v, job_id job) override { list_.go_on(v, job); }
    [[nodiscard]] bool runs_into_closings() const noexcept override { return true; }
    [[nodiscard]] bool moves_runs() const noexcept override { return true; }
    void on_tick(const view& v) override { list_.tick(v); }

    void decide(const view& v, plan& p) override {
        list_.refresh(v);
        lowest_victim_.reset();
        while (list_.waiting()) {
            const entry head = list_.head(v);
            if (lowest_victim_ && !before(head, *lowest_victim_)) break;
            if (p.start(head.job)) {
                list_.pop_head();
                list_.begin_run(v, head.job);
                list_.hint(v);
                continue;
            }
            if (!list_.running() || before(list_.last(v), head)) break;
            if (!v.capacity.free.is_pool()) {
                contest(v, p, head);
                break;
            }
            if (!clear(v, p, head, v[head.job].demand.gpus)) break;
        }
        list_.wake_up(p);
    }

    /// The jobs that run are the longest prefix that fits, so the first of the queue ended the walk.
    [[nodiscard]] reason explain(const view& v, const plan&, job_id job) const override {
        const job_id head = list_.head(v).job;
        reason r = seen_from_outside(v, v.capacity.free, job);
        if (job != head) {
            r.what = obstacle::order;
            r.blocker = head;
        }
        const entry mine = list_.queued_entry(v, job);
        r.ahead = count_waiting(v, [&](job_id other) { return before(list_.queued_entry(v, other), mine); });
        return r;
    }

private:
    using entry = typename List::entry;

    void preempt(const view& v, plan& p, const entry& e) {
        list_.end_run(v, e);
        p.preempt(e.job);
    }

    /// On a pool: preempts the last running jobs behind `limit` until `gpus` are free. When all of them are not
    /// enough, the job at `limit` is the first that does not fit, and the walk ends there: false.
    bool clear(const view& v, plan& p, const entry& limit, std::uint32_t gpus) {
        while (v.capacity.free.free_gpus() < gpus) {
            if (!list_.running()) return false;
            const entry last = list_.last(v);
            if (before(last, limit)) return false;
            lowest_victim_ = last;
            preempt(v, p, last);
            list_.enqueue(v, last.job);
        }
        return true;
    }

    /// On nodes: walks the merged list from the queue's head on; running jobs behind it may lose their GPUs.
    void contest(const view& v, plan& p, const entry& limit) {
        claims_.begin(v);
        contested_.reserve(v.capacity.empty.free_gpus());
        contested_.clear();
        list_.behind(v, limit, contested_);
        for (const entry& e : contested_) claims_.contest(v, e.job);
        const std::size_t reached = walk(v);
        for (std::size_t i = 0; i != contested_.size(); ++i) {
            const entry& e = contested_[i];
            if (i < reached && kept_[i]) continue;
            preempt(v, p, e);
            if (i >= reached) list_.enqueue(v, e.job);
        }
        for (const claims::placed& s : claims_.starts()) {
            p.start(s.job, claims_.where(s));
            list_.begin_run(v, s.job);
        }
    }

    /// Decides for each job whether it is kept, placed anew, or ends the walk; returns how many of the contested
    /// running jobs were reached. Jobs of the queue that get a place leave it.
    std::size_t walk(const view& v) {
        kept_.assign(contested_.size(), false);
        std::size_t at = 0;
        while (at != contested_.size() || list_.waiting()) {
            const bool next_is_running =
                at != contested_.size() && (!list_.waiting() || before(contested_[at], list_.head(v)));
            if (next_is_running) {
                const job_id job = contested_[at].job;
                kept_[at] = claims_.keep(v, job);
                if (!kept_[at] && !claims_.claim(v, job)) return at;
                ++at;
            } else {
                if (!claims_.claim(v, list_.head(v).job)) return at;
                list_.pop_head();
            }
        }
        return at;
    }

    List list_;
    /// On a pool: the first of the jobs that this pass has preempted, as it stood in the list when the pass began. It
    /// does not fit, or it would not have been preempted: the walk ends there. Its place in the queue may be further
    /// behind, if it has lost progress.
    std::optional<entry> lowest_victim_;
    claims claims_;
    std::vector<entry> contested_;
    std::vector<bool> kept_;  // (contested)
};

}  // namespace ampacity::policy
