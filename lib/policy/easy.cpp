#include "builtin.hpp"
#include "ordered_jobs.hpp"

#include <ampacity/policy/class_queue.hpp>

#include <algorithm>

namespace ampacity::policy {
namespace {

/// EASY backfill. The shadow of the head is kept between passes: it stays right as long as jobs end when planned,
/// since those that start behind the head either end by it or leave the head its place. It is found anew when the
/// head changes or a job ends early. What is free at the shadow is kept with it and rewound to what is free now by
/// the jobs that were to end by then, so nothing is copied and nothing scans the fleet.
class easy final : public policy {
public:
    void on_submit(const view& v, job_id job) override {
        queue_.push(job, v[job].order, v[job].demand, v.queued_time(job));
    }

    void on_finish(const view& v, job_id job) override {
        const ranked_job e = ending(v, job);
        running_.erase(e);
        if (shadow_known_ && e.key > shadow_ns_) then_.give(v[job].demand, v.held(job));
        if (e.key != ticks_of(v.now)) early_ = true;
    }

    void on_capacity_changed(const view&) override { shadow_known_ = false; }

    void decide(const view& v, plan& p) override {
        while (!queue_.empty() && p.start(queue_.front())) {
            begin(v, queue_.front());
            early_ = true;  // the head has changed
        }
        if (queue_.size() < 2 || v.capacity.free.free_gpus() == 0) return;
        if (early_ || !shadow_known_) find_shadow(v);
        std::uint64_t from = v[queue_.front()].order + 1;
        while (v.capacity.free.free_gpus() != 0) {
            class_queue::entry best;
            queue_.for_lanes(v.capacity.free.free_gpus(), [&](const class_queue::lane& lane) {
                if (!fits(v.place, v.capacity.free, lane.demand())) return;
                const duration window = may_outlive(v, lane.demand()) ? longest : until_shadow(v, lane.demand());
                if (const auto e = lane.first(from, window); e.order < best.order) best = e;
            });
            if (best.job == none<job_id> || !p.start(best.job)) return;
            begin(v, best.job);
            from = best.order + 1;
        }
    }

    [[nodiscard]] reason explain(const view& v, const plan& p, job_id job) const override {
        const job_id head = queue_.front();
        reason r = seen_from_outside(v, free_at_turn(v, p, job), job);
        if (job == head || r.what == obstacle::unknown) r.until = shadow(v, v[head].demand);
        if (r.what == obstacle::unknown) {
            r.what = obstacle::reservation;
            r.blocker = head;
        }
        r.ahead = waiting_before(v, job);
        return r;
    }

private:
    static constexpr duration longest = duration::max() - duration{1};

    /// The longest `queued_time` of a job of this demand that is over by the shadow if it starts now. \pre it fits
    [[nodiscard]] duration until_shadow(const view& v, fleet::demand wanted) const {
        const std::uint64_t ns = shadow_ns_ - ticks_of(v.now);
        if (ns >= ticks_of(instant{longest})) return longest;
        const duration time{static_cast<std::int64_t>(ns)};
        if (!v.capacity.free.is_mixed()) return time;
        return std::min(longest, v.longest_within(time, v.speed_now(wanted)));
    }
    static std::uint64_t ticks_of(instant t) noexcept { return static_cast<std::uint64_t>(ticks(t)); }
    static ranked_job ending(const view& v, job_id job) {
        return {.key = v.planned_end_ns(job), .order = v[job].order, .job = job};
    }

    /// A job leaves the queue and runs.
    void begin(const view& v, job_id job) {
        queue_.remove(job);
        const ranked_job e = ending(v, job);
        running_.insert(e);
        if (shadow_known_ && e.key > shadow_ns_) then_.take(v[job].demand, v.held(job));
    }

    /// The earliest planned end at which the head fits, all ends of that instant counted; `then_` is what is free then.
    void find_shadow(const view& v) {
        if (shadow_known_) {
            for (auto e = running_.begin(); e != running_.end() && e->key <= shadow_ns_; ++e) {
                then_.take(v[e->job].demand, v.held(e->job));
            }
        } else {
            then_ = v.capacity.free;
        }
        shadow_ns_ = ~std::uint64_t{0};
        shadow_known_ = true;
        early_ = false;
        const fleet::demand head = v[queue_.front()].demand;
        for (auto e = running_.begin(); e != running_.end();) {
            const std::uint64_t at = e->key;
            for (; e != running_.end() && e->key == at; ++e) then_.give(v[e->job].demand, v.held(e->job));
            if (fits(v.place, then_, head)) {
                shadow_ns_ = at;
                return;
            }
        }
    }

    /// The shadow time, found without what is kept of it.
    [[nodiscard]] instant shadow(const view& v, fleet::demand head) const {
        fleet::free_index then = v.capacity.free;
        for (auto e = running_.begin(); e != running_.end();) {
            const std::uint64_t at = e->key;
            for (; e != running_.end() && e->key == at; ++e) then.give(v[e->job].demand, v.held(e->job));
            if (fits(v.place, then, head))
                return at < ticks_of(never) ? instant{duration{static_cast<std::int64_t>(at)}} : never;
        }
        return never;
    }

    /// May a job of this demand start now and run past the shadow?
    bool may_outlive(const view& v, fleet::demand wanted) {
        const fleet::demand head = v[queue_.front()].demand;
        if (then_.is_pool()) return then_.free_gpus() >= std::uint64_t{head.gpus} + wanted.gpus;
        shares_.clear();
        if (!place(v.place, v.capacity.free, wanted, shares_)) return false;
        then_.take(wanted, shares_);
        const bool head_fits = fits(v.place, then_, head);
        then_.give(wanted, shares_);
        return head_fits;
    }

    class_queue queue_;
    ordered_jobs running_;       // by planned end
    bool shadow_known_ = false;  // shadow_ns_ and then_ belong together
    bool early_ = false;         // but are no longer the earliest
    std::uint64_t shadow_ns_ = 0;
    fleet::free_index then_;  // what is free at the shadow, before the head starts
    std::vector<fleet::gpu_share> shares_;
};

}  // namespace

std::unique_ptr<policy> make_easy() { return std::make_unique<easy>(); }

}  // namespace ampacity::policy
