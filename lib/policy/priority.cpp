#include "builtin.hpp"
#include "eviction.hpp"
#include "job_lists.hpp"
#include "ordered_jobs.hpp"
#include "planned_space.hpp"
#include "vacating.hpp"

#include <algorithm>
#include <deque>
#include <limits>

namespace ampacity::policy {
namespace {

/// Preemptive priorities (docs/policies/priority.md). Running jobs lie in one list per priority, in order of their
/// starts, so that those to be preempted are found from the end of the lowest; the GPUs of each list are counted, so
/// that a head that cannot be helped costs no search.
class priority final : public policy {
public:
    explicit priority(const priority_options& o)
        : backfill_(o.backfill), at_checkpoints_(o.at_checkpoints), preempt_above_(o.preempt_above) {}

    void on_submit(const view& v, job_id job) override { enqueue(v, job); }
    void on_finish(const view& v, job_id job) override { stop(v, job); }
    /// It may go on with fewer GPUs.
    void on_speed_changing(const view& v, job_id job) override { level_of(v[job].priority).gpus -= v[job].demand.gpus; }
    void on_speed_changed(const view& v, job_id job) override { level_of(v[job].priority).gpus += v[job].demand.gpus; }

    void decide(const view& v, plan& p) override {
        awaits_ = false;
        vacating_.begin_pass();
        while (!queue_.empty()) {
            const ranked_job head = queue_.first();
            if (!p.start(head.job) && !make_room(v, p, head.job)) break;
            begin(v, head);
        }
        if (awaits_) ask_ahead(v, p);
        if (backfill_ && any_fits(v)) backfill(v, p);
    }

    /// The head has no place, not even with all that it may preempt, or waits for those that it has asked to leave.
    [[nodiscard]] reason explain(const view& v, const plan& p, job_id job) const override {
        const job_id head = queue_.first().job;
        const ranked_job mine = place_of(v, job);
        fleet::free_index free = v.capacity.free;
        for (const action& a : p.actions()) {
            if (a.kind == action_kind::start && before(mine, place_of(v, a.job)))
                free.give(v[a.job].demand, v.held(a.job));
        }
        reason r = seen_from_outside(v, free, job);
        if (job != head && (!backfill_ || r.what == obstacle::unknown)) {
            r.what = backfill_ ? obstacle::reservation : obstacle::order;
            r.blocker = head;
        }
        if (backfill_ && (job == head || r.what == obstacle::reservation)) {
            planned_space then;
            std::vector<ranked_job> ends;
            const std::uint64_t at = shadow(v, head, then, ends);
            r.until = instant_of(at);
        }
        if (job == head && awaits_ && (r.what == obstacle::gpus || r.what == obstacle::placement)) {
            r.what = obstacle::checkpoint;
            if (!backfill_) r.until = last_vacated(v, vacating_.leaving());
        }
        r.ahead = count_waiting(v, [&](job_id other) { return before(place_of(v, other), mine); });
        return r;
    }

private:
    /// The running jobs of one priority.
    struct level {
        std::int32_t priority = 0;
        std::size_t list = 0;
        std::uint64_t gpus = 0;
    };

    /// Waiting jobs of one demand, for backfill.
    struct lane {
        explicit lane(fleet::demand d) : demand(d) {}
        fleet::demand demand;
        ordered_jobs by_rank;
        ordered_jobs by_length;  ///< how long they would run by their planning estimate
    };

    static constexpr ranked_job last_rank{.key = std::numeric_limits<std::uint64_t>::max(),
                                          .order = std::numeric_limits<std::uint64_t>::max(),
                                          .job = none<job_id>};

    /// Falls as the priority rises; at least 1.
    static std::uint64_t key_of(std::int64_t priority) {
        return static_cast<std::uint64_t>(std::int64_t{std::numeric_limits<std::int32_t>::max()} + 1 - priority);
    }
    static ranked_job place_of(const view& v, job_id job) {
        return {.key = key_of(v[job].priority), .order = v[job].order, .job = job};
    }
    static ranked_job length_of(const view& v, job_id job) {
        return {.key = static_cast<std::uint64_t>(ticks(v.queued_time(job))), .order = v[job].order, .job = job};
    }
    /// Jobs of at most this priority may be preempted for `job`.
    [[nodiscard]] std::int64_t below(const view& v, job_id job) const { return v[job].priority - preempt_above_; }

    level& level_of(std::int32_t of) {
        auto at = std::lower_bound(levels_.begin(), levels_.end(), of,
                                   [](const level& l, std::int32_t p) { return l.priority < p; });
        if (at == levels_.end() || at->priority != of)
            at = levels_.insert(at, {.priority = of, .list = running_.add()});
        return *at;
    }

    lane& lane_of(fleet::demand wanted) {
        const auto same = [wanted](const lane& l) { return l.demand == wanted; };
        const auto at = std::find_if(lanes_.begin(), lanes_.end(), same);
        return at != lanes_.end() ? *at : lanes_.emplace_back(wanted);
    }
    void enqueue(const view& v, job_id job) {
        queue_.insert(place_of(v, job));
        if (!backfill_) return;
        lane& l = lane_of(v[job].demand);
        l.by_rank.insert(place_of(v, job));
        l.by_length.insert(length_of(v, job));
    }
    /// A queued job runs.
    void begin(const view& v, const ranked_job& e) {
        queue_.erase(e);
        if (backfill_) {
            lane& l = lane_of(v[e.job].demand);
            l.by_rank.erase(e);
            l.by_length.erase(length_of(v, e.job));
        }
        level& l = level_of(v[e.job].priority);
        running_.push_back(l.list, e.job);
        l.gpus += v[e.job].demand.gpus;
    }
    void stop(const view& v, job_id job) {
        level& l = level_of(v[job].priority);
        running_.erase(l.list, job);
        l.gpus -= v[job].demand.gpus;
        if (at_checkpoints_) vacating_.forget(job);
    }

    /// Calls `f(job)` for each running job that may be preempted for one of this limit, until it is true; was it?
    template <class F>
    bool for_victims(std::int64_t limit, F f) const {
        for (const level& l : levels_) {
            if (l.priority > limit) return false;
            for (job_id job = running_.last(l.list); job != none<job_id>; job = running_.before(job)) {
                if (f(job)) return true;
            }
        }
        return false;
    }

    /// Could there be so many GPUs without the jobs up to this priority?
    [[nodiscard]] bool could_have(const view& v, std::int64_t limit, std::uint32_t wanted) const {
        std::uint64_t gpus = v.capacity.free.free_gpus();
        bool any = false;
        for (const level& l : levels_) {
            if (l.priority > limit) break;
            gpus += l.gpus;
            any = any || l.gpus != 0;
        }
        for (const job_id job : vacating_.leaving()) {
            if (v[job].priority <= limit) continue;
            gpus += v[job].demand.gpus;
            any = true;
        }
        // An exclusive job that goes gives back all of its racks.
        return any && (gpus >= wanted || v.capacity.free.is_mixed() || v.capacity.free.has_racks());
    }

    /// Preempts as few as its rule lets it, and starts the job; if that cannot help, nobody is. Where victims leave at
    /// checkpoints only, the job may have to wait for them, and counts on all that have been asked to leave.
    bool make_room(const view& v, plan& p, job_id job) {
        if (!could_have(v, below(v, job), v[job].demand.gpus)) return false;
        awaits_ = find_victims(v, job);
        if (!awaits_) return false;
        for (const job_id victim : victims_.jobs()) evict(v, p, victim);
        awaits_ = !p.start(job);
        return !awaits_;
    }
    /// Those that must go so that the job fits, besides all that have been asked to leave. False if nobody can help.
    [[nodiscard]] bool find_victims(const view& v, job_id job) {
        if (!vacating_.look_ahead(v, job, victims_)) return false;
        if (at_checkpoints_ && victims_.is_enough(v)) return true;
        const auto takes = [&](job_id victim) { return !v[victim].vacates && victims_.take(v, victim); };
        if (!for_victims(below(v, job), takes)) return false;
        victims_.spare(v);
        return true;
    }
    void evict(const view& v, plan& p, job_id victim) {
        if (!at_checkpoints_)
            p.preempt(victim);
        else if (!vacating_.ask(p, victim))
            return;
        stop(v, victim);
        enqueue(v, victim);
    }
    /// The head waits for its victims: those of the jobs behind it are asked meanwhile, up to the first that cannot be
    /// helped. Who would leave at once is asked when it is needed.
    void ask_ahead(const view& v, plan& p) {
        ranked_job from = queue_.first();
        vacating_.await(from.job);
        for (auto next = queue_.behind(from); next != queue_.end(); next = queue_.behind(from)) {
            from = *next;
            if (!could_have(v, below(v, from.job), v[from.job].demand.gpus) || !find_victims(v, from.job)) return;
            for (const job_id victim : victims_.jobs()) {
                if (v.lost_if_preempted(victim) == duration::zero()) return;
            }
            for (const job_id victim : victims_.jobs()) evict(v, p, victim);
            vacating_.await(from.job);
        }
    }

    /// When the head, for which all that it may preempt counts as free, would fit; `then` is what is free then. Those
    /// that have been asked to leave count until they do, and where that is enough, others until they end.
    [[nodiscard]] std::uint64_t shadow(const view& v, job_id head, planned_space& then,
                                       std::vector<ranked_job>& ends) const {
        const std::int64_t limit = below(v, head);
        then.begin(v);
        ends.clear();
        for (const level& l : levels_) {
            for (job_id job = running_.last(l.list); job != none<job_id>; job = running_.before(job)) {
                if (v[job].vacates)
                    ends.push_back({.key = static_cast<std::uint64_t>(ticks(v.vacated_at(job))),
                                    .order = v[job].order,
                                    .job = job});
                else if (l.priority <= limit && (!awaits_ || v.leaves_at_once(job)))
                    then.give(v[job].demand, v.held(job));
                else
                    ends.push_back({.key = v.planned_end_ns(job), .order = v[job].order, .job = job});
            }
        }
        for (const fleet::closing& c : v.capacity.closings) {
            if (c.end > v.now) ends.push_back({.key = static_cast<std::uint64_t>(ticks(c.end)), .job = none<job_id>});
        }
        std::sort(ends.begin(), ends.end(), before);
        const duration length = v.remaining_time(head);
        for (std::size_t i = 0; i != ends.size();) {
            const std::uint64_t at = ends[i].key;
            for (; i != ends.size() && ends[i].key == at; ++i) {
                if (ends[i].job != none<job_id>) then.give(v[ends[i].job].demand, v.held(ends[i].job));
            }
            then.look(v, instant_of(at), add_saturating(instant_of(at), length));
            if (fits(v.place, then.free(), v[head].demand)) return at;
        }
        return ~std::uint64_t{0};
    }

    /// Might a waiting job start now, but for the head?
    [[nodiscard]] bool any_fits(const view& v) const {
        if (queue_.empty() || v.capacity.free.free_gpus() == 0) return false;
        return !v.capacity.horizons.empty() || std::any_of(lanes_.begin(), lanes_.end(), [&v](const lane& l) {
            return !l.by_rank.empty() && fits(v.place, v.capacity.free, l.demand);
        });
    }

    /// Starts jobs behind the blocked head that do not delay it. What is free only shrinks, so taking the first that
    /// may start, again and again, is the walk of the queue.
    void backfill(const view& v, plan& p) {
        const ranked_job head = queue_.first();
        const std::uint64_t shadow_ns = shadow(v, head.job, then_, ends_);
        const auto ends_in_time = [&v, shadow_ns](const ranked_job& by_length) {
            std::uint64_t length = by_length.key;
            if (v.capacity.free.is_mixed()) {
                const fleet::demand wanted = v[by_length.job].demand;
                length = static_cast<std::uint64_t>(ticks(v.time_at(by_length.job, v.speed_now(wanted))));
            }
            return length + static_cast<std::uint64_t>(ticks(v.now)) <= shadow_ns;
        };
        if (!v.capacity.horizons.empty()) return backfill_one_by_one(v, p, head, shadow_ns, ends_in_time);
        for (ranked_job from = head; v.capacity.free.free_gpus() != 0;) {
            ranked_job best = last_rank;
            for (const lane& l : lanes_) {
                if (l.by_rank.empty() || !fits(v.place, v.capacity.free, l.demand)) continue;
                best = std::min(best, first_to_start(v, l, head.job, from, ends_in_time), before);
            }
            if (best.job == none<job_id>) return;
            const bool harmless = goes_at_once(v, head.job, best.job) || ends_in_time(length_of(v, best.job));
            if (!harmless) take_at_shadow(v, best.job);
            if (!p.start(best.job)) return;
            if (harmless) take_if_late(v, head.job, best.job, shadow_ns);
            begin(v, best);
            from = best;
        }
    }

    /// The same where nodes are to close, so that jobs of one demand differ in what they could get: the walk of the
    /// queue as it reads.
    template <class InTime>
    void backfill_one_by_one(const view& v, plan& p, const ranked_job& head, std::uint64_t shadow_ns,
                             InTime ends_in_time) {
        for (ranked_job from = head; v.capacity.free.free_gpus() != 0;) {
            const auto next = queue_.behind(from);
            if (next == queue_.end()) return;
            from = *next;
            if (!fits(v.place, v.room(from.job), v[from.job].demand)) continue;
            const bool harmless = goes_at_once(v, head.job, from.job) || ends_in_time(length_of(v, from.job));
            if (!harmless) {
                take_at_shadow(v, from.job);
                if (!fits(v.place, then_.free(), v[head.job].demand)) {
                    then_.give(v[from.job].demand, shares_);
                    continue;
                }
            }
            if (!p.start(from.job)) return;
            if (harmless) take_if_late(v, head.job, from.job, shadow_ns);
            begin(v, from);
        }
    }

    /// The first job of a lane behind `from` that may start now; `last_rank` if there is none. \pre its jobs fit
    template <class InTime>
    [[nodiscard]] ranked_job first_to_start(const view& v, const lane& l, job_id head, const ranked_job& from,
                                            InTime ends_in_time) {
        if (leaves_room(v, head, l.by_rank.first().job)) {
            const auto next = l.by_rank.behind(from);
            return next == l.by_rank.end() ? last_rank : *next;
        }
        ranked_job best = last_rank;
        // Those that the head may preempt, from the most urgent of them on.
        const std::int64_t limit = below(v, head);
        if (limit >= std::numeric_limits<std::int32_t>::min() && any_goes_at_once(v)) {
            const ranked_job above{.key = key_of(limit) - 1, .order = last_rank.order, .job = {}};
            auto next = l.by_rank.behind(std::max(from, above, before));
            while (next != l.by_rank.end() && !goes_at_once(v, head, next->job)) ++next;
            if (next != l.by_rank.end()) best = *next;
        }
        for (auto at = l.by_length.begin(); at != l.by_length.end(); ++at) {
            if (!ends_in_time(*at)) {
                // At another speed those behind may take less than this one, if what it costs to resume differs.
                if (!v.capacity.free.is_mixed()) break;
                continue;
            }
            const ranked_job e = place_of(v, at->job);
            if (before(from, e) && before(e, best)) best = e;
        }
        return best;
    }

    /// Could the head have the GPUs of this job whenever it wants?
    [[nodiscard]] bool goes_at_once(const view& v, job_id head, job_id job) const {
        return v[job].priority <= below(v, head) && (!at_checkpoints_ || v.leaves_at_once(job));
    }
    /// Is there a job of which that can be?
    [[nodiscard]] bool any_goes_at_once(const view& v) const {
        return !at_checkpoints_ || v.costs.empty() ||
               std::any_of(v.costs.begin(), v.costs.end(),
                           [](const preemption_costs& c) { return c.first.interval == duration::max(); });
    }

    /// Would the head still fit at the shadow with this job in place?
    [[nodiscard]] bool leaves_room(const view& v, job_id head, job_id job) {
        take_at_shadow(v, job);
        const bool room = fits(v.place, then_.free(), v[head].demand);
        then_.give(v[job].demand, shares_);
        return room;
    }
    /// Puts a job where it would start now. \pre it fits
    void take_at_shadow(const view& v, job_id job) {
        shares_.clear();
        const bool placed = place(v.place, v.room(job), v[job].demand, shares_);
        AMPACITY_ASSERT(placed);
        then_.take(v[job].demand, shares_);
    }

    /// A job that has just started on slow nodes may outlive the shadow, which it was not planned to.
    void take_if_late(const view& v, job_id head, job_id job, std::uint64_t shadow_ns) {
        if (!v.is_slowed(job) || goes_at_once(v, head, job) || v.planned_end_ns(job) <= shadow_ns) return;
        then_.take(v[job].demand, v.held(job));
    }

    bool backfill_;
    bool at_checkpoints_;
    std::int64_t preempt_above_;
    ordered_jobs queue_;         // by falling priority
    std::deque<lane> lanes_;     // only with backfill
    job_lists running_;          // one per level, in order of start
    std::vector<level> levels_;  // rising priority
    vacating vacating_;
    bool awaits_ = false;  // in this pass: the head fits once those that have been asked to leave have
    eviction victims_;
    planned_space then_;
    std::vector<ranked_job> ends_;
    std::vector<fleet::gpu_share> shares_;
};

}  // namespace

std::unique_ptr<policy> make_priority(const priority_options& options) { return std::make_unique<priority>(options); }

}  // namespace ampacity::policy
