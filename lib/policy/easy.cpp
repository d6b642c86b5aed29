#include "builtin.hpp"

#include <ampacity/policy/class_queue.hpp>

#include <algorithm>

namespace ampacity::policy {
namespace {

/// EASY backfill. The shadow of the head is kept between passes: it stays right as long as jobs end when planned,
/// since those that start behind the head either end by it or leave the head its place. It is found anew when the
/// head changes or a job ends early.
class easy final : public policy {
public:
    void on_submit(const view& v, job_id job) override { queue_.push(job, v[job].order, v[job].demand, v[job].estimate); }

    void on_finish(const view& v, job_id job) override {
        const instant end = v[job].planned_end();
        if (end != v.now) shadow_known_ = false;
        auto at = std::lower_bound(running_.begin(), running_.end(), end, [](const ending& e, instant t) { return e.at > t; });
        while (at->job != job) ++at;
        running_.erase(at);
    }

    void on_capacity_changed(const view&) override { shadow_known_ = false; }

    void decide(const view& v, plan& p) override {
        while (!queue_.empty() && p.start(queue_.front())) {
            begin(v, queue_.front());
            shadow_known_ = false;
        }
        if (queue_.size() < 2 || v.capacity.free.free_gpus() == 0) return;
        if (!shadow_known_) find_shadow(v);
        std::uint64_t from = v[queue_.front()].order + 1;
        while (v.capacity.free.free_gpus() != 0) {
            class_queue::entry best;
            for (const auto& lane : queue_.lanes()) {
                if (lane.size() == 0 || !fits(v.place, v.capacity.free, lane.demand())) continue;
                const duration window = may_outlive(v, lane.demand()) ? longest_window : shadow_ - v.now;
                if (const auto e = lane.first(from, window); e.order < best.order) best = e;
            }
            if (best.job == none<job_id> || !p.start(best.job)) return;
            begin(v, best.job);
            from = best.order + 1;
            if (v[best.job].planned_end() > shadow_) {
                if (!then_.is_pool()) then_.take(v[best.job].demand.gpus, v.held(best.job));
                else extra_ -= v[best.job].demand.gpus;
            }
        }
    }

private:
    struct ending {
        instant at{};
        job_id job{};
    };
    static constexpr duration longest_window = duration::max() - duration{1};

    void begin(const view& v, job_id job) {
        queue_.remove(job);
        const ending e{.at = v[job].planned_end(), .job = job};
        running_.insert(std::lower_bound(running_.begin(), running_.end(), e.at,
                                         [](const ending& a, instant t) { return a.at > t; }), e);
    }

    /// The earliest planned end at which the head fits, all ends of that instant counted; `then_` is what is free then.
    void find_shadow(const view& v) {
        const fleet::demand head = v[queue_.front()].demand;
        then_ = v.capacity.free;
        shadow_ = never;
        shadow_known_ = true;
        for (auto e = running_.rbegin(); e != running_.rend();) {
            const instant at = e->at;
            for (; e != running_.rend() && e->at == at; ++e) then_.give(v[e->job].demand.gpus, v.held(e->job));
            if (fits(v.place, then_, head)) {
                shadow_ = at;
                break;
            }
        }
        extra_ = then_.free_gpus() < head.gpus ? 0 : then_.free_gpus() - head.gpus;
    }

    /// May a job of this demand start now and run past the shadow?
    bool may_outlive(const view& v, fleet::demand wanted) {
        if (then_.is_pool()) return wanted.gpus <= extra_;
        shares_.clear();
        if (!v.place.place(v.capacity.free, wanted, shares_)) return false;
        then_.take(wanted.gpus, shares_);
        const bool head_fits = fits(v.place, then_, v[queue_.front()].demand);
        then_.give(wanted.gpus, shares_);
        return head_fits;
    }

    class_queue queue_;
    std::vector<ending> running_;  // latest planned end first
    bool shadow_known_ = false;
    instant shadow_{};
    std::uint64_t extra_ = 0;   // pool: free at the shadow beyond the head's need
    fleet::free_index then_;    // what is free at the shadow, before the head starts
    std::vector<fleet::gpu_share> shares_;
};

}  // namespace

std::unique_ptr<policy> make_easy() { return std::make_unique<easy>(); }

}  // namespace ampacity::policy
