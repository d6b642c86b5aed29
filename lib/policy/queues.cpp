#include "builtin.hpp"
#include "job_ring.hpp"
#include "job_sorter.hpp"
#include "rank_order.hpp"

#include <ampacity/policy/class_queue.hpp>

namespace ampacity::policy {
namespace {

/// The first that does not fit blocks those behind it.
reason explain_blocking(const view& v, job_id head, job_id job) {
    if (job == head) return seen_from_outside(v, v.capacity.free, job);
    return {.what = obstacle::order, .blocker = head, .free_gpus = v.capacity.free.free_gpus()};
}

class fifo final : public policy {
public:
    void on_submit(const view& v, job_id job) override {
        if (!ranks_.rises(v[job].order)) return on_requeue(v, job);
        queue_.push_back(job);
    }
    void on_requeue(const view& v, job_id job) override {
        queue_.insert(job, [&v](job_id a, job_id b) { return v[a].order < v[b].order; });
    }
    void decide(const view& v, plan& p) override {
        while (!queue_.empty() && p.start(queue_.front())) {
            queue_.pop_front();
            if (!queue_.empty()) v.expect(queue_.front());
        }
    }
    [[nodiscard]] reason explain(const view& v, const plan&, job_id job) const override {
        reason r = explain_blocking(v, queue_.front(), job);
        r.ahead = waiting_before(v, job);
        return r;
    }

private:
    job_ring queue_;
    rank_order ranks_;
};

/// Within a pass room only shrinks, so a job that was skipped cannot fit later in it: taking the earliest job of
/// all lanes that still fit is the walk of the queue.
class fifo_skip final : public policy {
public:
    void on_submit(const view& v, job_id job) override {
        if (!ranks_.rises(v[job].order)) return on_requeue(v, job);
        queue_.push(job, v[job].order, v[job].demand, v.remaining_time(job));
    }
    void on_requeue(const view& v, job_id job) override {
        queue_.put_back(job, v[job].order, v[job].demand, v.remaining_time(job));
    }
    void decide(const view& v, plan& p) override {
        while (!queue_.empty() && v.capacity.free.free_gpus() != 0) {
            class_queue::entry best;
            queue_.for_lanes(v.capacity.free.free_gpus(), [&](const class_queue::lane& lane) {
                const auto longest = v.longest_run(lane.demand());
                if (!longest) return;
                if (const auto e = lane.first(0, class_queue::within(*longest)); e.order < best.order) best = e;
            });
            if (best.job == none<job_id> || !p.start(best.job)) return;
            queue_.remove(best.job);
        }
    }
    [[nodiscard]] reason explain(const view& v, const plan& p, job_id job) const override {
        reason r = seen_from_outside(v, free_at_turn(v, p, job), job);
        r.ahead = waiting_before(v, job);
        return r;
    }

private:
    class_queue queue_;
    rank_order ranks_;
};

class sjf final : public policy {
public:
    explicit sjf(bool by_estimate) : by_estimate_(by_estimate) {}
    void on_submit(const view& v, job_id job) override { queue_.push(place(v, job)); }
    void decide(const view& v, plan& p) override {
        while (!queue_.empty() && p.start(queue_.front().job)) {
            queue_.pop();
            queue_.for_next([&v](job_id next) { v.expect(next); });
        }
    }
    [[nodiscard]] reason explain(const view& v, const plan&, job_id job) const override {
        reason r = explain_blocking(v, queue_.front().job, job);
        const ranked_job mine = place(v, job);
        r.ahead = count_waiting(v, [&](job_id other) { return before(place(v, other), mine); });
        return r;
    }

private:
    [[nodiscard]] ranked_job place(const view& v, job_id job) const {
        const duration length = by_estimate_ ? v[job].estimate : v.oracle.work(job);
        return {.key = static_cast<std::uint64_t>(ticks(length)), .order = v[job].order, .job = job};
    }

    bool by_estimate_;
    job_sorter queue_;
};

}  // namespace

std::unique_ptr<policy> make_fifo() { return std::make_unique<fifo>(); }
std::unique_ptr<policy> make_fifo_skip() { return std::make_unique<fifo_skip>(); }
std::unique_ptr<policy> make_sjf(bool by_estimate) { return std::make_unique<sjf>(by_estimate); }

}  // namespace ampacity::policy
