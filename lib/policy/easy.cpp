#include "builtin.hpp"
#include "ordered_jobs.hpp"
#include "planned_space.hpp"
#include "rank_order.hpp"

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
        if (!ranks_.rises(v[job].order)) return on_requeue(v, job);
        queue_.push(job, v[job].order, v[job].demand, v.queued_time(job));
    }

    void on_requeue(const view& v, job_id job) override {
        queue_.put_back(job, v[job].order, v[job].demand, v.queued_time(job));
        early_ = true;  // it may be the head
    }

    void on_finish(const view& v, job_id job) override {
        const ranked_job e = ending(v, job);
        running_.erase(e);
        if (shadow_known_ && e.key > shadow_ns_) then_.give(v[job].demand, v.held(job));
        if (e.key != ticks_of(v.now)) early_ = true;
    }

    void on_speed_changing(const view& v, job_id job) override {
        on_finish(v, job);
        early_ = true;
    }
    void on_speed_changed(const view& v, job_id job) override { run(v, job); }

    void on_capacity_changed(const view&) override { shadow_known_ = false; }

    void decide(const view& v, plan& p) override {
        while (!queue_.empty() && p.start(queue_.front())) {
            begin(v, queue_.front());
            early_ = true;  // the head has changed
        }
        if (queue_.size() < 2 || v.capacity.free.free_gpus() == 0) return;
        if (early_ || !shadow_known_ || !v.capacity.horizons.empty()) find_shadow(v);
        std::uint64_t from = v[queue_.front()].order + 1;
        while (v.capacity.free.free_gpus() != 0) {
            class_queue::entry best;
            queue_.for_lanes(v.capacity.free.free_gpus(), [&](const class_queue::lane& lane) {
                // What a job could get depends on how long it runs.
                duration above{-1};
                v.for_horizons([&](const fleet::horizon& h) {
                    const duration most = h.until == never ? longest : h.until - v.now;
                    if (fits(v.place, *h.free, lane.demand())) {
                        const bool outlives = may_outlive(v, *h.free, lane.demand());
                        const duration window = outlives ? most : std::min(most, until_shadow(v, lane.demand()));
                        auto e = lane.first(from, window, above);
                        while (!outlives && e.job != none<job_id> && e.order < best.order && is_too_long(v, e.job))
                            e = lane.first(e.order + 1, window, above);
                        if (e.order < best.order) best = e;
                    }
                    above = most;
                });
            });
            if (best.job == none<job_id> || !p.start(best.job)) return;
            begin(v, best.job);
            from = best.order + 1;
        }
    }

    [[nodiscard]] reason explain(const view& v, const plan& p, job_id job) const override {
        const job_id head = queue_.front();
        reason r = seen_from_outside(v, free_at_turn(v, p, job), job);
        if (job == head || r.what == obstacle::unknown) {
            planned_space then;
            then.begin(v);
            r.until = instant_of(find_shadow(v, head, then));
        }
        if (r.what == obstacle::unknown) {
            r.what = obstacle::reservation;
            r.blocker = head;
            // That of the pass: jobs that it started on slow nodes may have moved it since.
            if (job != head && shadow_known_) r.until = instant_of(shadow_ns_);
        }
        r.ahead = waiting_before(v, job);
        return r;
    }

private:
    static constexpr duration longest = duration::max() - duration{1};

    /// The longest `queued_time` of a job of this demand that is over by the shadow if it starts now; on a mixed fleet
    /// a bound of it. \pre it fits
    [[nodiscard]] duration until_shadow(const view& v, fleet::demand wanted) const {
        const std::uint64_t ns = shadow_ns_ - ticks_of(v.now);
        if (ns >= ticks_of(instant{longest})) return longest;
        const duration time{static_cast<std::int64_t>(ns)};
        if (!v.capacity.free.is_mixed()) return time;
        return std::min(longest, v.longest_within(time, v.speed_now(wanted)));
    }
    /// Was that bound too wide for it?
    [[nodiscard]] bool is_too_long(const view& v, job_id job) const {
        if (v.costs.empty() || !v.capacity.free.is_mixed()) return false;
        const std::uint64_t ns = shadow_ns_ - ticks_of(v.now);
        if (ns >= ticks_of(instant{longest})) return false;
        return v.time_at(job, v.speed_now(v[job].demand)) > duration{static_cast<std::int64_t>(ns)};
    }
    static std::uint64_t ticks_of(instant t) noexcept { return static_cast<std::uint64_t>(ticks(t)); }
    static ranked_job ending(const view& v, job_id job) {
        return {.key = v.planned_end_ns(job), .order = v[job].order, .job = job};
    }

    /// A job leaves the queue and runs.
    void begin(const view& v, job_id job) {
        queue_.remove(job);
        run(v, job);
        if (v.is_slowed(job)) early_ = true;  // it may end behind the shadow, which it was not planned to
    }
    void run(const view& v, job_id job) {
        const ranked_job e = ending(v, job);
        running_.insert(e);
        if (shadow_known_ && e.key > shadow_ns_) then_.take(v[job].demand, v.held(job));
    }

    /// The earliest planned end at which the head fits, all ends of that instant counted; `then_` is what is free then.
    void find_shadow(const view& v) {
        if (shadow_known_ && v.capacity.horizons.empty()) {
            for (auto e = running_.begin(); e != running_.end() && e->key <= shadow_ns_; ++e) {
                then_.take(v[e->job].demand, v.held(e->job));
            }
        } else {
            then_.begin(v);
        }
        shadow_ns_ = find_shadow(v, queue_.front(), then_);
        shadow_known_ = true;
        early_ = false;
    }

    /// The same in this space; `~0` if there is none. Where nodes are to close, the ends of closings count, too.
    [[nodiscard]] std::uint64_t find_shadow(const view& v, job_id head, planned_space& then) const {
        const duration length = v.remaining_time(head);
        auto e = running_.begin();
        while (true) {
            std::uint64_t at = e == running_.end() ? ~std::uint64_t{0} : e->key;
            for (const fleet::closing& c : v.capacity.closings) {
                if (c.end > then.seen() && ticks_of(c.end) < at) at = ticks_of(c.end);
            }
            if (at == ~std::uint64_t{0}) return at;
            for (; e != running_.end() && e->key == at; ++e) then.give(v[e->job].demand, v.held(e->job));
            then.look(v, instant_of(at), add_saturating(instant_of(at), length));
            if (fits(v.place, then.free(), v[head].demand)) return at;
        }
    }

    /// May a job of this demand start now in what is free, and run past the shadow?
    bool may_outlive(const view& v, const fleet::free_index& free, fleet::demand wanted) {
        const fleet::demand head = v[queue_.front()].demand;
        if (free.is_pool()) return then_.free().free_gpus() >= std::uint64_t{head.gpus} + wanted.gpus;
        shares_.clear();
        if (!place(v.place, free, wanted, shares_)) return false;
        then_.take(wanted, shares_);
        const bool head_fits = fits(v.place, then_.free(), head);
        then_.give(wanted, shares_);
        return head_fits;
    }

    class_queue queue_;
    rank_order ranks_;
    ordered_jobs running_;       // by planned end
    bool shadow_known_ = false;  // shadow_ns_ and then_ belong together
    bool early_ = false;         // but are no longer the earliest
    std::uint64_t shadow_ns_ = 0;
    planned_space then_;  // what is free at the shadow, before the head starts
    std::vector<fleet::gpu_share> shares_;
};

}  // namespace

std::unique_ptr<policy> make_easy() { return std::make_unique<easy>(); }

}  // namespace ampacity::policy
