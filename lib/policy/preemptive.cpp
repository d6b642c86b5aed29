#include "builtin.hpp"
#include "job_sorter.hpp"
#include "ordered_jobs.hpp"

#include <algorithm>
#include <limits>
#include <optional>

namespace ampacity::policy {
namespace {

/// Running and queued jobs in one list; the longest prefix that fits is kept (semantics: srtf, las).
///
/// Between passes the running jobs are that prefix, so a pass starts at the first queued job: those running ones
/// that come before it keep their GPUs. Only when it does not fit into what is free do running jobs behind it
/// lose theirs. On a pool these are the last of the list, O(log n) each; on nodes the places matter, and those
/// behind are walked one by one.
class prefix_policy : public policy {
public:
    void on_submit(const view& v, job_id job) override { enqueue(v, job); }
    void on_finish(const view& v, job_id job) override { running_.erase(running_place(v, job)); }

    void decide(const view& v, plan& p) override {
        lowest_victim_.reset();
        while (!queue_.empty()) {
            const ranked_job head = queue_.front();
            if (lowest_victim_ && !before(shifted(head, age(v)), *lowest_victim_)) break;
            if (p.start(head.job)) {
                queue_.pop();
                run(v, head.job);
                queue_.for_next([&v](job_id next) { v.expect(next); });
                continue;
            }
            const ranked_job limit = shifted(head, age(v));
            if (running_.empty() || before(running_.last(), limit)) break;
            if (!v.capacity.free.is_pool()) {
                contest(v, p, limit);
                break;
            }
            if (!clear(v, p, limit, v[head.job].demand.gpus)) break;
        }
        plan_wake_up(p);
    }

    /// The jobs that run are the longest prefix that fits, so the first of the queue ended the walk.
    [[nodiscard]] reason explain(const view& v, const plan&, job_id job) const override {
        const job_id head = queue_.front().job;
        reason r = seen_from_outside(v, v.capacity.free, job);
        if (job != head) {
            r.what = obstacle::order;
            r.blocker = head;
        }
        const ranked_job mine = queued_place(v, job);
        r.ahead = count_waiting(v, [&](job_id other) { return before(queued_place(v, other), mine); });
        return r;
    }

protected:
    /// Key of a queued job.
    virtual std::uint64_t queued_key(const view& v, job_id job) const = 0;
    /// Key of a running job, which does not change with time: key as if queued + age.
    virtual std::uint64_t running_key(const view& v, job_id job) const = 0;
    virtual std::uint64_t age(const view& v) const = 0;
    virtual void begin_run(const view&, job_id) {}
    virtual void end_run(const view&, job_id) {}
    virtual void plan_wake_up(plan&) {}

    [[nodiscard]] ranked_job running_place(const view& v, job_id job) const {
        return {.key = running_key(v, job), .order = v[job].order, .job = job};
    }

    ordered_jobs running_;

private:
    static ranked_job shifted(ranked_job e, std::uint64_t by) {
        e.key += by;
        return e;
    }
    void run(const view& v, job_id job) {
        begin_run(v, job);
        running_.insert(running_place(v, job));
    }
    void preempt(const view& v, plan& p, const ranked_job& e) {
        running_.erase(e);
        end_run(v, e.job);
        p.preempt(e.job);
    }
    [[nodiscard]] ranked_job queued_place(const view& v, job_id job) const {
        return {.key = queued_key(v, job), .order = v[job].order, .job = job};
    }
    void enqueue(const view& v, job_id job) { queue_.push(queued_place(v, job)); }

    /// On a pool: preempts the last running jobs behind `limit` until `gpus` are free. When all of them are not
    /// enough, the job at `limit` is the first that does not fit, and the walk ends there: false.
    bool clear(const view& v, plan& p, const ranked_job& limit, std::uint32_t gpus) {
        while (v.capacity.free.free_gpus() < gpus) {
            if (running_.empty() || before(running_.last(), limit)) return false;
            const ranked_job last = running_.last();
            lowest_victim_ = last;
            preempt(v, p, last);
            enqueue(v, last.job);
        }
        return true;
    }

    struct placed {
        job_id job{};
        std::size_t begin = 0;  ///< into shares_
        std::size_t end = 0;
    };

    /// On nodes: walks the merged list from the queue's head on; running jobs behind it may lose their GPUs.
    void contest(const view& v, plan& p, const ranked_job& limit) {
        preferred_ = v.capacity.free;
        unclaimed_ = v.capacity.free;
        make_room(v.capacity.empty.free_gpus());
        contested_.clear();
        for (auto at = running_.behind(limit); at != running_.end(); ++at) {
            contested_.push_back(*at);
            unclaimed_.give(v[at->job].demand, v.held(at->job));
        }
        shares_.clear();
        placed_.clear();
        const std::size_t reached = walk(v);
        for (std::size_t i = 0; i != contested_.size(); ++i) {
            const ranked_job& e = contested_[i];
            if (i < reached && kept_[i]) continue;
            preempt(v, p, e);
            if (i >= reached) enqueue(v, e.job);
        }
        for (const placed& s : placed_) {
            p.start(s.job, std::span{shares_}.subspan(s.begin, s.end - s.begin));
            run(v, s.job);
        }
    }

    /// A job has at least one GPU, and so has a share.
    void make_room(std::uint64_t gpus) {
        contested_.reserve(gpus);
        placed_.reserve(gpus);
        shares_.reserve(gpus);
    }

    /// Decides for each job whether it is kept, placed anew, or ends the walk; returns how many of the contested
    /// running jobs were reached. Jobs of the queue that get a place leave it.
    std::size_t walk(const view& v) {
        kept_.assign(contested_.size(), false);
        std::size_t at = 0;
        while (at != contested_.size() || !queue_.empty()) {
            const bool next_is_running =
                at != contested_.size() && (queue_.empty() || before(contested_[at], shifted(queue_.front(), age(v))));
            if (next_is_running) {
                const job_id job = contested_[at].job;
                kept_[at] = keep(v, job);
                if (!kept_[at] && !claim(v, job)) return at;
                ++at;
            } else {
                if (!claim(v, queue_.front().job)) return at;
                queue_.pop();
            }
        }
        return at;
    }

    /// Does a contested running job still have its GPUs?
    bool keep(const view& v, job_id job) {
        const fleet::demand wanted = v[job].demand;
        const auto held = v.held(job);
        if (unclaimed_.is_free(wanted, held)) {
            unclaimed_.take(wanted, held);
            return true;
        }
        // From here on what is left of its GPUs belongs to nobody.
        if (wanted.exclusive) preferred_.lock(held, false);
        for (const auto& s : held) {
            const std::uint64_t left = s.gpus & ~unclaimed_.held_mask(s.node);
            if (left != 0) preferred_.give({.node = s.node, .gpus = left});
        }
        return false;
    }

    /// Finds a place: first where no running job still to be walked sits, then anywhere unclaimed.
    bool claim(const view& v, job_id job) {
        const fleet::demand wanted = v[job].demand;
        const std::size_t begin = shares_.size();
        if (!place(v.place, preferred_, wanted, shares_) && !place(v.place, unclaimed_, wanted, shares_)) return false;
        const auto where = std::span{shares_}.subspan(begin);
        unclaimed_.take(wanted, where);
        for (const auto& s : where) {
            const std::uint64_t mine = s.gpus & ~preferred_.held_mask(s.node);
            if (mine != 0) preferred_.take({.node = s.node, .gpus = mine});
        }
        if (wanted.exclusive) preferred_.lock(where, true);
        placed_.push_back({.job = job, .begin = begin, .end = shares_.size()});
        return true;
    }

    job_sorter queue_;
    /// On a pool: the first of the jobs that this pass has preempted, as it stood in the list when the pass began. It
    /// does not fit, or it would not have been preempted: the walk ends there. Its place in the queue may be further
    /// behind, if it has lost progress.
    std::optional<ranked_job> lowest_victim_;
    std::vector<ranked_job> contested_;
    std::vector<bool> kept_;  // (contested)
    fleet::free_index preferred_;
    fleet::free_index unclaimed_;
    std::vector<fleet::gpu_share> shares_;
    std::vector<placed> placed_;
};

/// Sums of a duration and an instant, each up to 292 years, need the unsigned range.
std::uint64_t unsigned_ns(std::int64_t ns) noexcept { return static_cast<std::uint64_t>(ns); }

class srtf final : public prefix_policy {
public:
    explicit srtf(bool by_estimate) : by_estimate_(by_estimate) {}

private:
    /// Run time that the job still takes, counted from the start of its run if it runs.
    [[nodiscard]] std::uint64_t left(const view& v, job_id job) const {
        const duration whole = by_estimate_ ? v[job].estimate : v.oracle.work(job);
        return unsigned_ns(ticks(v.run_length(job, time_for(whole - v[job].progress, v[job].speed))));
    }
    std::uint64_t queued_key(const view& v, job_id job) const override { return left(v, job); }
    std::uint64_t running_key(const view& v, job_id job) const override {
        return left(v, job) + unsigned_ns(ticks(v[job].run_start));
    }
    std::uint64_t age(const view& v) const override { return unsigned_ns(ticks(v.now)); }

    bool by_estimate_;
};

class las final : public prefix_policy {
public:
    explicit las(std::vector<gpu_time> thresholds) : thresholds_(std::move(thresholds)) {
        AMPACITY_ASSERT(thresholds_.size() <= 255);
    }

    void on_submit(const view& v, job_id job) override {
        if (v.costs != nullptr) {
            served_.grow_to(index(job) + 1, {});
            served_[index(job)] = {};
        }
        prefix_policy::on_submit(v, job);
    }

    void on_finish(const view& v, job_id job) override {
        prefix_policy::on_finish(v, job);
        forget_crossing(v, job);
    }

    void on_tick(const view& v) override {
        wanted_ = never;
        while (!crossings_.empty() && crossings_.first().key <= unsigned_ns(ticks(v.now))) {
            const job_id job = crossings_.first().job;
            running_.erase(running_place(v, job));
            forget_crossing(v, job);
            begin_run(v, job);
            running_.insert(running_place(v, job));
        }
    }

private:
    std::uint64_t queued_key(const view& v, job_id job) const override { return bucket(v, job); }
    std::uint64_t running_key(const view&, job_id job) const override { return bucket_[index(job)]; }
    std::uint64_t age(const view&) const override { return 0; }

    /// Thresholds that the attained service has reached by now.
    [[nodiscard]] std::uint64_t bucket(const view& v, job_id job) const {
        const job_view& j = v[job];
        const duration now = j.state == job_state::running ? work_in(v.now - j.run_start, j.speed) : duration::zero();
        const gpu_time service = gpu_time{ticks(served(v, job) + now)} * j.demand.gpus;
        return static_cast<std::uint64_t>(std::upper_bound(thresholds_.begin(), thresholds_.end(), service) -
                                          thresholds_.begin());
    }

    void begin_run(const view& v, job_id job) override {
        bucket_.grow_to(index(job) + 1, 0);
        bucket_[index(job)] = static_cast<std::uint8_t>(bucket(v, job));
        if (const auto e = crossing_place(v, job); e.key != unsigned_ns(ticks(never))) crossings_.insert(e);
    }
    void end_run(const view& v, job_id job) override {
        forget_crossing(v, job);
        if (v.costs != nullptr) served_[index(job)] += work_in(v.now - v[job].run_start, v[job].speed);
    }
    void forget_crossing(const view& v, job_id job) {
        if (const auto e = crossing_place(v, job); e.key != unsigned_ns(ticks(never))) crossings_.erase(e);
    }
    /// What the runs before the current one count for, per GPU. Where progress can be lost, lost work is service too: a
    /// job never rises again.
    [[nodiscard]] duration served(const view& v, job_id job) const {
        return v.costs == nullptr ? v[job].progress : served_[index(job)];
    }
    /// When the running job leaves its bucket; the key is `never` for one that does not.
    [[nodiscard]] ranked_job crossing_place(const view& v, job_id job) const {
        const std::size_t b = bucket_[index(job)];
        const instant when = b == thresholds_.size() ? never : crossing(v[job], served(v, job), thresholds_[b]);
        return {.key = unsigned_ns(ticks(when)), .order = v[job].order, .job = job};
    }

    /// The first instant of the current run at which the attained service reaches `threshold`, `never` beyond time.
    static instant crossing(const job_view& j, duration served, gpu_time threshold) {
        const gpu_time gpus = j.demand.gpus;
        const gpu_time work = (threshold + gpus - 1) / gpus - ticks(served);
        if (work > ticks(duration::max())) return never;
        return add_saturating(j.run_start, time_for(duration{static_cast<std::int64_t>(work)}, j.speed));
    }

    void plan_wake_up(plan& p) override {
        const instant next =
            crossings_.empty() ? never : instant{duration{static_cast<std::int64_t>(crossings_.first().key)}};
        if (next == wanted_) return;
        wanted_ = next;
        p.wake_at(next);
    }

    std::vector<gpu_time> thresholds_;  // [GPU-ns], rising
    pod_vector<std::uint8_t> bucket_;   // by job_id; of running jobs
    pod_vector<duration> served_;       // by job_id, where preemption has costs
    ordered_jobs crossings_;            // running jobs that will reach a threshold, by when
    instant wanted_ = never;            // the wish that was made last
};

}  // namespace

std::unique_ptr<policy> make_srtf(bool by_estimate) { return std::make_unique<srtf>(by_estimate); }
std::unique_ptr<policy> make_las(std::vector<gpu_time> thresholds) {
    return std::make_unique<las>(std::move(thresholds));
}

}  // namespace ampacity::policy
