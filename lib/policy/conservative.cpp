#include "availability.hpp"
#include "builtin.hpp"
#include "job_sorter.hpp"
#include "ordered_jobs.hpp"
#include "planned_space.hpp"
#include "rank_order.hpp"

#include <ampacity/core/pod_vector.hpp>
#include <ampacity/policy/class_queue.hpp>

#include <algorithm>
#include <bit>
#include <optional>

namespace ampacity::policy {
namespace {

/// Where a search for a slot may begin: what is free only shrinks while reservations are made, so a job comes no
/// earlier than any before it that needed at most as many GPUs for at most as long. For each number of GPUs, the
/// longest lengths that had a slot no later are forgotten, so that lengths and slots rise together.
class slot_bounds {
public:
    void clear() {
        for (size& s : sizes_) s.slots.clear();
    }

    [[nodiscard]] planned_time bound(std::int64_t gpus, duration length, planned_time now) const {
        planned_time from = now;
        for (const size& s : sizes_) {
            if (s.gpus > gpus) break;
            const auto longer = std::upper_bound(s.slots.begin(), s.slots.end(), length,
                                                 [](duration l, const known& k) { return l < k.length; });
            if (longer != s.slots.begin()) from = std::max(from, std::prev(longer)->slot);
        }
        return from;
    }

    void learn(std::int64_t gpus, duration length, planned_time slot) {
        auto s = std::lower_bound(sizes_.begin(), sizes_.end(), gpus,
                                  [](const size& a, std::int64_t g) { return a.gpus < g; });
        if (s == sizes_.end() || s->gpus != gpus) s = sizes_.insert(s, {.gpus = gpus, .slots = {}});
        auto& slots = s->slots;
        const auto at = std::lower_bound(slots.begin(), slots.end(), length,
                                         [](const known& k, duration l) { return k.length < l; });
        if (at != slots.begin() && std::prev(at)->slot >= slot) return;
        auto end = at;
        while (end != slots.end() && end->slot <= slot) ++end;
        if (end == at) {
            slots.insert(at, {.length = length, .slot = slot});
        } else {
            *at = {.length = length, .slot = slot};
            slots.erase(std::next(at), end);
        }
    }

private:
    struct known {
        duration length{};
        planned_time slot = 0;
    };
    struct size {
        std::int64_t gpus = 0;
        std::vector<known> slots;  // both rising
    };
    std::vector<size> sizes_;  // rising
};

/// What is planned for the GPUs of one type; a fleet without types has one.
struct track {
    availability planned;
    slot_bounds bounds;
};

/// Where a job is planned to run.
struct slot {
    planned_time at = never_planned;
    fleet::gpu_type type = 0;
    duration length{};
};

/// Conservative backfill. Reservations made in queue order stay what a rebuild would give as long as jobs end when
/// planned and start at their slots, so they are kept between passes; an early end, or a job that had no place at
/// its slot, rebuilds them. So does a start that leaves no room at the slot of a job without length before it, which
/// holds nothing that others could see.
///
/// Only starts can be observed, and what is planned to be free only shrinks as jobs get their slots. So a pass stops
/// once no job behind could start now even if no other came before it; those behind are left to later passes.
///
/// On a mixed fleet each type has a profile of its own. Of the types that could hold the job were the fleet empty it
/// gets the one with the earliest slot, of equally early ones the fastest, and starts on that type only.
class conservative final : public policy {
public:
    void on_submit(const view& v, job_id job) override {
        if (!ranks_.rises(v[job].order)) return on_requeue(v, job);
        queue_.push(job, v[job].order, v[job].demand, v.queued_time(job));
        if (unreserved_ == none<job_id>) unreserved_ = job;
    }

    /// All slots are planned anew, as nodes have left.
    void on_requeue(const view& v, job_id job) override {
        queue_.put_back(job, v[job].order, v[job].demand, v.queued_time(job));
        stale_ = true;
    }

    void on_finish(const view& v, job_id job) override {
        const ranked_job e = ending(v, job);
        if (e.key != ticks_of(v.now)) stale_ = true;
        running_.erase(e);
    }

    void on_speed_changing(const view& v, job_id job) override {
        running_.erase(ending(v, job));
        stale_ = true;
    }
    void on_speed_changed(const view& v, job_id job) override { running_.insert(ending(v, job)); }

    void on_capacity_changed(const view&) override { stale_ = true; }

    void decide(const view& v, plan& p) override {
        if (queue_.empty() || v.capacity.free.free_gpus() == 0) return;
        if (stale_ || (!slots_.empty() && slots_.front().key < ticks_of(v.now))) {
            rebuild(v);
        } else {
            for (track& t : tracks_) t.planned.forget_past(ticks_of(v.now));
        }
        start_due(v, p);
        reserve(v, p);
    }

    /// The rule as it reads: all slots anew, in queue order, from what ran before this pass.
    [[nodiscard]] reason explain(const view& v, const plan& p, job_id job) const override {
        reason r = seen_from_outside(v, free_at_turn(v, p, job), job);
        r.ahead = waiting_before(v, job);
        if (r.what == obstacle::gpus) return r;
        const auto slots = slots_through(v, p, job);
        if (slots.back().where.at == ticks_of(v.now)) return r;  // its slot is now: it has no place
        const ranked_job other = first_in_the_way(v, p, slots);
        r.what = obstacle::reservation;
        r.blocker = other.job;
        if (other.key < ticks_of(never)) r.until = instant{duration{static_cast<std::int64_t>(other.key)}};
        return r;
    }

private:
    static std::uint64_t ticks_of(instant t) noexcept { return static_cast<std::uint64_t>(ticks(t)); }
    static ranked_job ending(const view& v, job_id job) {
        return {.key = v.planned_end_ns(job), .order = v[job].order, .job = job};
    }

    [[nodiscard]] static std::size_t num_types(const view& v) {
        return v.capacity.free.is_mixed() ? v.capacity.types()->size() : 1;
    }
    /// Calls `f(type, length)` for each type that could hold the job were the fleet empty, the fastest first, with how
    /// long it would run there.
    template <class F>
    static void for_types(const view& v, job_id job, F f) {
        if (!v.capacity.free.is_mixed()) return f(fleet::gpu_type{0}, v.queued_time(job));
        const fleet::demand wanted = v[job].demand;
        for (const fleet::gpu_type t : v.capacity.types()->by_speed(wanted.speeds)) {
            if (fits_on(v.place, v.capacity.empty, t, wanted))
                f(t, v.time_at(job, v.capacity.types()->speed(wanted.speeds, t)));
        }
    }
    /// The slot of the next job, which the bounds learn of; the GPUs are not claimed.
    static slot earliest(const view& v, job_id job, std::vector<track>& tracks) {
        const std::int64_t gpus = v[job].demand.gpus;
        std::optional<slot> best;
        for_types(v, job, [&](fleet::gpu_type type, duration length) {
            track& t = tracks[type];
            const planned_time at = t.planned.earliest(t.bounds.bound(gpus, length, ticks_of(v.now)), gpus, length);
            t.bounds.learn(gpus, length, at);
            if (!best || at < best->at) best = slot{.at = at, .type = type, .length = length};
        });
        return *best;
    }

    /// When the running jobs for which `counts` holds are planned to end, and what is free until then.
    template <class F>
    [[nodiscard]] std::vector<track> planned_without_queue(const view& v, F counts) const {
        std::vector<std::pair<planned_time, std::int64_t>> ends;
        std::vector<track> tracks;
        plan_running(v, counts, ends, tracks);
        return tracks;
    }

    /// The same, in what is kept. Nodes that close come back; those that have failed, or drain, do not.
    template <class F>
    void plan_running(const view& v, F counts, std::vector<std::pair<planned_time, std::int64_t>>& ends,
                      std::vector<track>& tracks) const {
        tracks.resize(num_types(v));
        if (v.capacity.free.is_mixed()) {
            for (std::size_t t = 0; t != tracks.size(); ++t)
                plan_type(v, counts, ends, static_cast<fleet::gpu_type>(t), tracks[t].planned);
            return;
        }
        ends.clear();
        const std::vector<level> levels = levels_of(v);
        const std::int64_t most = levels.empty() ? 0 : levels.back().usable;
        std::int64_t free = countable(v) + (levels.empty() ? 0 : most - levels.front().usable);
        for (auto e = running_.begin(); e != running_.end(); ++e) {
            const std::int64_t gpus = coming_back(v, e->job);
            if (e->key <= ticks_of(v.now) || !counts(e->job))
                free += gpus;
            else
                ends.emplace_back(e->key, gpus);
        }
        availability& planned = tracks.front().planned;
        planned.reset(ticks_of(v.now), free, ends);
        for (std::size_t i = 0; i + 1 < levels.size(); ++i)
            planned.claim(ticks_of(levels[i].from), levels[i + 1].from - levels[i].from, most - levels[i].usable);
    }
    /// The same for one type of a mixed fleet, of which no nodes close.
    template <class F>
    void plan_type(const view& v, F counts, std::vector<std::pair<planned_time, std::int64_t>>& ends,
                   fleet::gpu_type type, availability& planned) const {
        ends.clear();
        std::int64_t free = countable(v, type);
        for (auto e = running_.begin(); e != running_.end(); ++e) {
            if (v[e->job].type != type) continue;
            const std::int64_t gpus = v[e->job].demand.gpus;
            if (e->key <= ticks_of(v.now) || !counts(e->job))
                free += gpus;
            else
                ends.emplace_back(e->key, gpus);
        }
        planned.reset(ticks_of(v.now), free, ends);
    }

    /// GPUs that jobs could hold from an instant on, if nodes close and come back as planned. None if that does not
    /// change any more.
    struct level {
        instant from{};
        std::int64_t usable = 0;
    };
    [[nodiscard]] static std::vector<level> levels_of(const view& v) {
        if (v.capacity.horizons.empty()) return {};
        std::vector<level> out{{.from = v.now, .usable = static_cast<std::int64_t>(v.capacity.usable_gpus())}};
        for (const fleet::closing& c : v.capacity.closings) {
            if (c.start > v.now) out.push_back({.from = c.start});
            if (c.end > v.now) out.push_back({.from = c.end});
        }
        std::sort(out.begin(), out.end(), [](const level& a, const level& b) { return a.from < b.from; });
        planned_space space;
        space.begin(v, v.capacity.in_service);
        for (level& l : out) {
            space.look(v, l.from, l.from);
            l.usable = static_cast<std::int64_t>(space.free().free_gpus());
        }
        return out;
    }

    /// Of a running job's GPUs, those that others can have when it ends. \pre one type
    [[nodiscard]] static std::int64_t coming_back(const view& v, job_id job) {
        if (!v.capacity.free.has_racks()) return v[job].demand.gpus;
        std::int64_t gpus = 0;
        for (const auto& s : v.held(job)) {
            if (v.health.nodes[index(s.node)] == fleet::node_state::up) gpus += std::popcount(s.gpus);
        }
        return gpus;
    }

    /// Is it among the starts of this pass?
    [[nodiscard]] static bool starts(const plan& p, job_id job) {
        const auto actions = p.actions();
        return std::any_of(actions.begin(), actions.end(), [job](const action& a) { return a.job == job; });
    }

    /// A job and the slot that it was given.
    struct reservation {
        std::uint64_t order = 0;
        job_id job{};
        slot where{};
    };

    /// The slots that this pass gave to the jobs up to `job`, in queue order; those that it started among them.
    [[nodiscard]] std::vector<reservation> slots_through(const view& v, const plan& p, job_id job) const {
        std::vector<reservation> slots;
        for (auto e = running_.begin(); e != running_.end(); ++e) {
            if (starts(p, e->job) && v[e->job].order < v[job].order)
                slots.push_back({.order = v[e->job].order, .job = e->job});
        }
        for (job_id j = queue_.front(); j != job; j = queue_.next(j)) slots.push_back({.order = v[j].order, .job = j});
        slots.push_back({.order = v[job].order, .job = job});
        std::sort(slots.begin(), slots.end(),
                  [](const reservation& a, const reservation& b) { return a.order < b.order; });
        std::vector<track> tracks = planned_without_queue(v, [&](job_id j) { return !starts(p, j); });
        for (reservation& s : slots) {
            s.where = earliest(v, s.job, tracks);
            tracks[s.where.type].planned.claim(s.where.at, s.where.length, v[s.job].demand.gpus);
        }
        return slots;
    }

    /// The first waiting job whose reservation keeps the last one of `slots` from starting now.
    [[nodiscard]] ranked_job first_in_the_way(const view& v, const plan& p,
                                              const std::vector<reservation>& slots) const {
        const reservation& mine = slots.back();
        const std::int64_t gpus = v[mine.job].demand.gpus;
        std::vector<track> tracks =
            planned_without_queue(v, [&](job_id j) { return !starts(p, j) || v[j].order < mine.order; });
        for (const reservation& s : slots) {
            if (s.job == mine.job || starts(p, s.job)) continue;
            tracks[s.where.type].planned.claim(s.where.at, s.where.length, v[s.job].demand.gpus);
            bool could_start_now = false;
            for_types(v, mine.job, [&](fleet::gpu_type t, duration length) {
                if (tracks[t].planned.earliest(ticks_of(v.now), gpus, length) == ticks_of(v.now))
                    could_start_now = true;
            });
            if (!could_start_now) return {.key = s.where.at, .order = s.order, .job = s.job};
        }
        return {.key = never_planned, .order = 0, .job = none<job_id>};
    }

    /// Forgets all reservations; what is planned to be free follows from the running jobs alone.
    void rebuild(const view& v) {
        plan_running(v, [](job_id) { return true; }, ends_, tracks_);
        for (track& t : tracks_) t.bounds.clear();
        slots_.clear();
        instants_.clear();
        unreserved_ = queue_.front();
        stale_ = false;
    }

    /// Starts the jobs whose slot is now, in queue order.
    void start_due(const view& v, plan& p) {
        due_.clear();
        while (!slots_.empty() && slots_.front().key == ticks_of(v.now)) {
            due_.push_back(slots_.front());
            slots_.pop();
        }
        while (!instants_.empty() && instants_.first().key == ticks_of(v.now)) instants_.erase(instants_.first());
        for (const ranked_job& e : due_) start(v, p, e.job, type_of_slot(v, e.job));
    }

    /// GPUs that nobody holds. What racks offer depends on more than that: on their limits, and on exclusive jobs.
    [[nodiscard]] std::int64_t countable(const view& v) const {
        if (!v.capacity.free.has_racks()) return static_cast<std::int64_t>(v.capacity.free.free_gpus());
        auto free = static_cast<std::int64_t>(v.capacity.usable_gpus());
        for (auto e = running_.begin(); e != running_.end(); ++e) free -= coming_back(v, e->job);
        return free;
    }

    /// The same of one type of a mixed fleet.
    [[nodiscard]] std::int64_t countable(const view& v, fleet::gpu_type type) const {
        const fleet::free_index& part = v.capacity.free.of(type);
        if (!part.has_racks()) return static_cast<std::int64_t>(part.free_gpus());
        auto free = static_cast<std::int64_t>(v.capacity.in_service.of(type).free_gpus());
        for (auto e = running_.begin(); e != running_.end(); ++e) {
            if (v[e->job].type == type) free -= v[e->job].demand.gpus;
        }
        return free;
    }

    /// Gives slots to jobs that have none, in queue order, as long as one of them could start now.
    void reserve(const view& v, plan& p) {
        class_queue::entry hope;
        while (unreserved_ != none<job_id>) {
            const job_id job = unreserved_;
            const std::uint64_t order = v[job].order;
            if (hope.job == none<job_id> || hope.order < order || !could_start(v, hope.job)) {
                hope = next_hope(v, order);
                if (hope.job == none<job_id>) return;
            }
            unreserved_ = queue_.next(job);
            const slot where = earliest(v, job, tracks_);
            tracks_[where.type].planned.claim(where.at, where.length, v[job].demand.gpus);
            if (where.at == ticks_of(v.now)) {
                start(v, p, job, where.type);
                continue;
            }
            if (v.capacity.free.is_mixed()) {
                type_of_slot_.grow_to(index(job) + 1, 0);
                type_of_slot_[index(job)] = where.type;
            }
            const ranked_job reserved{.key = where.at, .order = order, .job = job};
            slots_.push(reserved);
            if (where.length == duration::zero()) instants_.insert(reserved);
        }
    }
    [[nodiscard]] fleet::gpu_type type_of_slot(const view& v, job_id job) const {
        return v.capacity.free.is_mixed() ? type_of_slot_[index(job)] : fleet::gpu_type{0};
    }

    /// Could this job start now, were it the next to get its slot?
    [[nodiscard]] bool could_start(const view& v, job_id job) const {
        bool could = false;
        for_types(v, job, [&](fleet::gpu_type t, duration length) {
            if (could || !has_place(v, t, v[job].demand, length)) return;
            const auto longest = tracks_[t].planned.free_for(v[job].demand.gpus);
            could = longest && static_cast<planned_time>(ticks(length)) <= *longest;
        });
        return could;
    }
    /// Is there a place now for a job that runs for so long? Of a mixed fleet: on this type.
    [[nodiscard]] static bool has_place(const view& v, fleet::gpu_type type, fleet::demand wanted, duration length) {
        if (v.capacity.free.is_mixed()) return fits_on(v.place, v.capacity.free, type, wanted);
        const fleet::free_index& room =
            v.capacity.horizons.empty() ? v.capacity.free : v.capacity.room(add_saturating(v.now, length));
        return fits(v.place, room, wanted);
    }

    /// The longest `queued_time` of a job of this demand that could start now; nothing if none could.
    [[nodiscard]] std::optional<duration> longest_to_start(const view& v, fleet::demand wanted) const {
        if (v.capacity.free.is_mixed()) return longest_on_types(v, wanted);
        const auto placeable = v.longest_run(wanted);
        if (!placeable) return std::nullopt;
        const auto time = tracks_.front().planned.free_for(wanted.gpus);
        if (!time) return std::nullopt;
        const auto most = static_cast<planned_time>(ticks(class_queue::within(*placeable)));
        return duration{static_cast<std::int64_t>(std::min(*time, most))};
    }
    [[nodiscard]] std::optional<duration> longest_on_types(const view& v, fleet::demand wanted) const {
        constexpr duration most = duration::max() - duration{1};
        std::optional<duration> longest;
        for (const fleet::gpu_type t : v.capacity.types()->by_speed(wanted.speeds)) {
            if (!fits_on(v.place, v.capacity.free, t, wanted)) continue;
            const auto time = tracks_[t].planned.free_for(wanted.gpus);
            if (!time) continue;
            const bool for_good = *time >= static_cast<planned_time>(ticks(most));
            const double speed = v.capacity.types()->speed(wanted.speeds, t);
            const duration here = for_good ? most : v.longest_within(duration{static_cast<std::int64_t>(*time)}, speed);
            longest = std::max(longest.value_or(duration::zero()), std::min(here, most));
        }
        return longest;
    }

    /// The first job of rank `order` or behind that could start now.
    [[nodiscard]] class_queue::entry next_hope(const view& v, std::uint64_t order) const {
        class_queue::entry first;
        queue_.for_lanes(v.capacity.free.free_gpus(), [&](const class_queue::lane& lane) {
            const auto longest = longest_to_start(v, lane.demand());
            if (!longest) return;
            if (const auto e = lane.first(order, *longest); e.order < first.order) first = e;
        });
        return first;
    }

    void start(const view& v, plan& p, job_id job, fleet::gpu_type type) {
        if (!start_on(v, p, job, type)) {
            stale_ = true;  // no place at its slot: the next pass plans anew
            return;
        }
        queue_.remove(job);
        const ranked_job e = ending(v, job);
        running_.insert(e);
        if (v.is_slowed(job)) stale_ = true;  // it ends later than its slot
        for (auto z = instants_.begin(); z != instants_.end() && z->key < e.key; ++z) {
            if (z->order < e.order && type_of_slot(v, z->job) == type &&
                tracks_[type].planned.free_at(z->key) < std::int64_t{v[z->job].demand.gpus})
                stale_ = true;
        }
    }
    bool start_on(const view& v, plan& p, job_id job, fleet::gpu_type type) {
        if (!v.capacity.free.is_mixed()) return p.start(job);
        shares_.clear();
        if (!place_on(v.place, v.capacity.free, type, v[job].demand, shares_)) return false;
        p.start(job, shares_);
        return true;
    }

    class_queue queue_;
    rank_order ranks_;
    job_id unreserved_ = none<job_id>;  // the first in the queue that has not been given a slot
    job_sorter slots_;                  // the earliest slot that is still to come in front
    std::vector<ranked_job> due_;
    ordered_jobs instants_;  // those of slots_ that hold nothing: planned to end when they start
    ordered_jobs running_;   // by planned end
    std::vector<std::pair<planned_time, std::int64_t>> ends_;
    std::vector<track> tracks_;                 // (types), one without types
    pod_vector<fleet::gpu_type> type_of_slot_;  // by job_id; on a mixed fleet
    std::vector<fleet::gpu_share> shares_;
    bool stale_ = true;
};

}  // namespace

std::unique_ptr<policy> make_conservative() { return std::make_unique<conservative>(); }

}  // namespace ampacity::policy
