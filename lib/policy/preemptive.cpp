#include "builtin.hpp"

#include <algorithm>

namespace ampacity::policy {
namespace {

/// Running and queued jobs in one list; the longest prefix that fits is kept (semantics: srtf, las).
///
/// Between passes the running jobs are that prefix, so a pass starts at the first queued job: those running ones
/// that come before it keep their GPUs. Only when it does not fit into what is free, and running jobs come behind
/// it, are these contested and walked one by one.
class prefix_policy : public policy {
public:
    void on_submit(const view& v, job_id job) override { enqueue(v, job); }

    void on_finish(const view&, job_id job) override {
        std::erase_if(running_, [job](const entry& e) { return e.job == job; });
    }

    void decide(const view& v, plan& p) override {
        while (!queue_.empty()) {
            const entry head = queue_.front();
            if (p.start(head.job)) {
                pop();
                run(v, head.job);
                continue;
            }
            const auto behind = std::upper_bound(running_.begin(), running_.end(), shifted(head, age(v)), before);
            if (behind != running_.end()) contest(v, p, static_cast<std::size_t>(behind - running_.begin()));
            break;
        }
        plan_wake_up(v, p);
    }

protected:
    /// Place in the list; `key` of running jobs is kept so that it does not change with time.
    struct entry {
        std::int64_t key = 0;
        std::uint64_t order = 0;
        job_id job{};
    };
    static bool before(const entry& a, const entry& b) { return a.key != b.key ? a.key < b.key : a.order < b.order; }
    static bool after(const entry& a, const entry& b) { return before(b, a); }

    /// Key of a queued job, or of a running one that is about to be queued.
    virtual std::int64_t queued_key(const view& v, job_id job) const = 0;
    /// Key of a running job.
    virtual std::int64_t running_key(const view& v, job_id job) const = 0;
    /// running key = key as if queued + age.
    virtual std::int64_t age(const view& v) const = 0;
    virtual void plan_wake_up(const view&, plan&) {}

    void run(const view& v, job_id job) {
        const entry e{.key = running_key(v, job), .order = v[job].order, .job = job};
        running_.insert(std::upper_bound(running_.begin(), running_.end(), e, before), e);
    }
    void resort() { std::sort(running_.begin(), running_.end(), before); }

    std::vector<entry> running_;  // sorted

private:
    static entry shifted(entry e, std::int64_t by) {
        e.key += by;
        return e;
    }
    void enqueue(const view& v, job_id job) {
        queue_.push_back({.key = queued_key(v, job), .order = v[job].order, .job = job});
        std::push_heap(queue_.begin(), queue_.end(), after);
    }
    void pop() {
        std::pop_heap(queue_.begin(), queue_.end(), after);
        queue_.pop_back();
    }

    struct placed {
        job_id job{};
        std::size_t begin = 0;  ///< into shares_
        std::size_t end = 0;
    };

    /// Walks the merged list from the queue's head on; running_[first..] may lose their GPUs.
    void contest(const view& v, plan& p, std::size_t first) {
        const std::vector<entry> contested(running_.begin() + static_cast<std::ptrdiff_t>(first), running_.end());
        preferred_ = v.capacity.free;
        unclaimed_ = v.capacity.free;
        for (const entry& e : contested) unclaimed_.give(v[e.job].demand.gpus, v.held(e.job));
        shares_.clear();
        placed_.clear();
        kept_.assign(contested.size(), false);

        std::size_t at = 0;
        for (;;) {
            const bool more_running = at != contested.size();
            if (!more_running && queue_.empty()) break;
            if (more_running && (queue_.empty() || before(contested[at], shifted(queue_.front(), age(v))))) {
                const job_id job = contested[at].job;
                if (keep(v, job)) {
                    kept_[at++] = true;
                } else if (claim(v, job)) {
                    ++at;
                } else {
                    break;
                }
            } else if (claim(v, queue_.front().job)) {
                pop();
            } else {
                break;
            }
        }

        running_.resize(first);
        for (std::size_t i = 0; i != contested.size(); ++i) {
            if (kept_[i]) {
                running_.push_back(contested[i]);
                continue;
            }
            const job_id job = contested[i].job;
            if (i >= at) enqueue(v, job);  // neither kept nor given another place
            p.preempt(job);
        }
        for (const placed& s : placed_) {
            p.start(s.job, std::span{shares_}.subspan(s.begin, s.end - s.begin));
            run(v, s.job);
        }
    }

    /// Does a contested running job still have its GPUs?
    bool keep(const view& v, job_id job) {
        const auto held = v.held(job);
        const std::uint32_t gpus = v[job].demand.gpus;
        if (unclaimed_.is_pool()) {
            if (gpus > unclaimed_.free_gpus()) return false;
        } else if (!std::all_of(held.begin(), held.end(), [this](const auto& s) { return unclaimed_.is_free(s); })) {
            // From here on what is left of its GPUs belongs to nobody.
            for (const auto& s : held) {
                const std::uint64_t left = s.gpus & unclaimed_.free_mask(s.node);
                if (left != 0) preferred_.give({.node = s.node, .gpus = left});
            }
            return false;
        }
        unclaimed_.take(gpus, held);
        return true;
    }

    /// Finds a place: first where no running job still to be walked sits, then anywhere unclaimed.
    bool claim(const view& v, job_id job) {
        const fleet::demand wanted = v[job].demand;
        const std::size_t begin = shares_.size();
        if (unclaimed_.is_pool()) {
            if (wanted.gpus > unclaimed_.free_gpus()) return false;
        } else if (!place(v.place, preferred_, wanted, shares_) && !place(v.place, unclaimed_, wanted, shares_)) {
            return false;
        }
        const auto where = std::span{shares_}.subspan(begin);
        unclaimed_.take(wanted.gpus, where);
        for (const auto& s : where) {
            const std::uint64_t mine = s.gpus & preferred_.free_mask(s.node);
            if (mine != 0) preferred_.take({.node = s.node, .gpus = mine});
        }
        placed_.push_back({.job = job, .begin = begin, .end = shares_.size()});
        return true;
    }

    std::vector<entry> queue_;  // a heap, the next job in front
    fleet::free_index preferred_;
    fleet::free_index unclaimed_;
    std::vector<fleet::gpu_share> shares_;
    std::vector<placed> placed_;
    std::vector<bool> kept_;
};

/// Work done by now.
duration work_done(const view& v, job_id job) {
    return v[job].state == job_state::running ? v[job].progress + (v.now - v[job].run_start) : v[job].progress;
}

class srtf final : public prefix_policy {
public:
    explicit srtf(bool by_estimate) : by_estimate_(by_estimate) {}

private:
    [[nodiscard]] duration whole(const view& v, job_id job) const { return by_estimate_ ? v[job].estimate : v.oracle.work(job); }
    std::int64_t queued_key(const view& v, job_id job) const override { return ticks(whole(v, job) - work_done(v, job)); }
    std::int64_t running_key(const view& v, job_id job) const override {
        return ticks(whole(v, job) - v[job].progress) + ticks(v[job].run_start);
    }
    std::int64_t age(const view& v) const override { return ticks(v.now); }

    bool by_estimate_;
};

class las final : public prefix_policy {
public:
    explicit las(std::vector<gpu_time> thresholds) : thresholds_(std::move(thresholds)) {}

    void on_tick(const view& v) override {
        for (entry& e : running_) e.key = bucket(attained(v, e.job));
        resort();
    }

private:
    [[nodiscard]] gpu_time attained(const view& v, job_id job) const {
        return gpu_time{ticks(work_done(v, job))} * v[job].demand.gpus;
    }
    [[nodiscard]] std::int64_t bucket(gpu_time service) const {
        return std::upper_bound(thresholds_.begin(), thresholds_.end(), service) - thresholds_.begin();
    }
    std::int64_t queued_key(const view& v, job_id job) const override { return bucket(attained(v, job)); }
    std::int64_t running_key(const view& v, job_id job) const override { return bucket(attained(v, job)); }
    std::int64_t age(const view&) const override { return 0; }

    /// The first instant at which a running job reaches its next threshold.
    void plan_wake_up(const view& v, plan& p) override {
        instant next = never;
        for (const entry& e : running_) {
            const auto b = static_cast<std::size_t>(e.key);
            if (b == thresholds_.size()) continue;
            const gpu_time missing = thresholds_[b] - gpu_time{ticks(v[e.job].progress)} * v[e.job].demand.gpus;
            const auto gpus = static_cast<gpu_time>(v[e.job].demand.gpus);
            const gpu_time run = (missing + gpus - 1) / gpus;
            if (run > gpu_time{ticks(never - v[e.job].run_start)}) continue;
            next = std::min(next, v[e.job].run_start + duration{static_cast<std::int64_t>(run)});
        }
        if (next != never || !running_.empty()) p.wake_at(next);
    }

    std::vector<gpu_time> thresholds_;  // [GPU-ns], rising
};

}  // namespace

std::unique_ptr<policy> make_srtf(bool by_estimate) { return std::make_unique<srtf>(by_estimate); }
std::unique_ptr<policy> make_las(std::vector<gpu_time> thresholds) { return std::make_unique<las>(std::move(thresholds)); }

}  // namespace ampacity::policy
