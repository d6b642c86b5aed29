#include "availability.hpp"
#include "builtin.hpp"
#include "job_sorter.hpp"
#include "ordered_jobs.hpp"
#include "planned_space.hpp"

#include <ampacity/policy/class_queue.hpp>

#include <algorithm>
#include <bit>

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

/// Conservative backfill. Reservations made in queue order stay what a rebuild would give as long as jobs end when
/// planned and start at their slots, so they are kept between passes; an early end, or a job that had no place at
/// its slot, rebuilds them. So does a start that leaves no room at the slot of a job without length before it, which
/// holds nothing that others could see.
///
/// Only starts can be observed, and what is planned to be free only shrinks as jobs get their slots. So a pass stops
/// once no job behind could start now even if no other came before it; those behind are left to later passes.
class conservative final : public policy {
public:
    void on_submit(const view& v, job_id job) override {
        queue_.push(job, v[job].order, v[job].demand, v.remaining_time(job));
        if (unreserved_ == none<job_id>) unreserved_ = job;
    }

    /// All slots are planned anew, as nodes have left.
    void on_requeue(const view& v, job_id job) override {
        queue_.put_back(job, v[job].order, v[job].demand, v.remaining_time(job));
        stale_ = true;
    }

    void on_finish(const view& v, job_id job) override {
        const ranked_job e = ending(v, job);
        if (e.key != ticks_of(v.now)) stale_ = true;
        running_.erase(e);
    }

    void on_capacity_changed(const view&) override { stale_ = true; }

    void decide(const view& v, plan& p) override {
        if (queue_.empty() || v.capacity.free.free_gpus() == 0) return;
        if (stale_ || (!slots_.empty() && slots_.front().key < ticks_of(v.now))) {
            rebuild(v);
        } else {
            planned_.forget_past(ticks_of(v.now));
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
        if (slots.back().key == ticks_of(v.now)) return r;  // its slot is now: it has no place
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

    /// When the running jobs for which `counts` holds are planned to end, and what is free until then.
    template <class F>
    [[nodiscard]] availability planned_without_queue(const view& v, F counts) const {
        std::vector<std::pair<planned_time, std::int64_t>> ends;
        availability planned;
        plan_running(v, counts, ends, planned);
        return planned;
    }

    /// The same, in what is kept. Nodes that close come back; those that have failed, or drain, do not.
    template <class F>
    void plan_running(const view& v, F counts, std::vector<std::pair<planned_time, std::int64_t>>& ends,
                      availability& planned) const {
        ends.clear();
        const std::vector<level> levels = levels_of(v);
        const std::int64_t most = levels.back().usable;
        std::int64_t free = countable(v) + most - levels.front().usable;
        for (auto e = running_.begin(); e != running_.end(); ++e) {
            const std::int64_t gpus = coming_back(v, e->job);
            if (e->key <= ticks_of(v.now) || !counts(e->job))
                free += gpus;
            else
                ends.emplace_back(e->key, gpus);
        }
        planned.reset(ticks_of(v.now), free, ends);
        for (std::size_t i = 0; i + 1 < levels.size(); ++i)
            planned.claim(ticks_of(levels[i].from), levels[i + 1].from - levels[i].from, most - levels[i].usable);
    }

    /// GPUs that jobs could hold from an instant on, if nodes close and come back as planned.
    struct level {
        instant from{};
        std::int64_t usable = 0;
    };
    [[nodiscard]] static std::vector<level> levels_of(const view& v) {
        std::vector<level> out{{.from = v.now, .usable = static_cast<std::int64_t>(v.capacity.usable_gpus())}};
        if (v.capacity.horizons.empty()) return out;
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

    /// Of a running job's GPUs, those that others can have when it ends.
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

    /// The slots that this pass gave to the jobs up to `job`, in queue order; those that it started among them.
    [[nodiscard]] std::vector<ranked_job> slots_through(const view& v, const plan& p, job_id job) const {
        std::vector<ranked_job> slots;
        for (auto e = running_.begin(); e != running_.end(); ++e) {
            if (starts(p, e->job) && v[e->job].order < v[job].order)
                slots.push_back({.order = v[e->job].order, .job = e->job});
        }
        for (job_id j = queue_.front(); j != job; j = queue_.next(j)) slots.push_back({.order = v[j].order, .job = j});
        slots.push_back({.order = v[job].order, .job = job});
        std::sort(slots.begin(), slots.end(), before);
        availability planned = planned_without_queue(v, [&](job_id j) { return !starts(p, j); });
        slot_bounds bounds;
        for (ranked_job& s : slots) {
            const std::int64_t gpus = v[s.job].demand.gpus;
            const duration length = v.remaining_time(s.job);
            s.key = planned.earliest(bounds.bound(gpus, length, ticks_of(v.now)), gpus, length);
            bounds.learn(gpus, length, s.key);
            planned.claim(s.key, length, gpus);
        }
        return slots;
    }

    /// The first waiting job whose reservation keeps the last one of `slots` from starting now.
    [[nodiscard]] ranked_job first_in_the_way(const view& v, const plan& p,
                                              const std::vector<ranked_job>& slots) const {
        const ranked_job& mine = slots.back();
        const std::int64_t gpus = v[mine.job].demand.gpus;
        const duration length = v.remaining_time(mine.job);
        availability planned =
            planned_without_queue(v, [&](job_id j) { return !starts(p, j) || v[j].order < mine.order; });
        for (const ranked_job& s : slots) {
            if (s.job == mine.job || starts(p, s.job)) continue;
            planned.claim(s.key, v.remaining_time(s.job), v[s.job].demand.gpus);
            if (planned.earliest(ticks_of(v.now), gpus, length) != ticks_of(v.now)) return s;
        }
        return {.key = never_planned, .order = 0, .job = none<job_id>};
    }

    /// Forgets all reservations; what is planned to be free follows from the running jobs alone.
    void rebuild(const view& v) {
        plan_running(v, [](job_id) { return true; }, ends_, planned_);
        bounds_.clear();
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
        for (const ranked_job& e : due_) start(v, p, e.job);
    }

    /// GPUs that nobody holds. What racks offer depends on more than that: on their limits, and on exclusive jobs.
    [[nodiscard]] std::int64_t countable(const view& v) const {
        if (!v.capacity.free.has_racks()) return static_cast<std::int64_t>(v.capacity.free.free_gpus());
        auto free = static_cast<std::int64_t>(v.capacity.usable_gpus());
        for (auto e = running_.begin(); e != running_.end(); ++e) free -= coming_back(v, e->job);
        return free;
    }

    /// Gives slots to jobs that have none, in queue order, as long as one of them could start now.
    void reserve(const view& v, plan& p) {
        class_queue::entry hope;
        while (unreserved_ != none<job_id>) {
            const job_id job = unreserved_;
            const std::uint64_t order = v[job].order;
            if (hope.job == none<job_id> || hope.order < order ||
                !could_start(v, v[hope.job].demand, v.remaining_time(hope.job))) {
                hope = next_hope(v, order);
                if (hope.job == none<job_id>) return;
            }
            unreserved_ = queue_.next(job);
            const std::int64_t gpus = v[job].demand.gpus;
            const duration length = v.remaining_time(job);
            const planned_time slot = planned_.earliest(bounds_.bound(gpus, length, ticks_of(v.now)), gpus, length);
            bounds_.learn(gpus, length, slot);
            planned_.claim(slot, length, gpus);
            if (slot == ticks_of(v.now)) {
                start(v, p, job);
                continue;
            }
            const ranked_job reserved{.key = slot, .order = order, .job = job};
            slots_.push(reserved);
            if (length == duration::zero()) instants_.insert(reserved);
        }
    }

    /// Could a job of this demand and length start now, were it the next to get its slot?
    [[nodiscard]] bool could_start(const view& v, fleet::demand wanted, duration length) const {
        const fleet::free_index& room =
            v.capacity.horizons.empty() ? v.capacity.free : v.capacity.room(add_saturating(v.now, length));
        if (!fits(v.place, room, wanted)) return false;
        const auto longest = planned_.free_for(wanted.gpus);
        return longest && static_cast<planned_time>(ticks(length)) <= *longest;
    }

    /// The first job of rank `order` or behind that could start now.
    [[nodiscard]] class_queue::entry next_hope(const view& v, std::uint64_t order) const {
        class_queue::entry first;
        queue_.for_lanes(v.capacity.free.free_gpus(), [&](const class_queue::lane& lane) {
            const auto placeable = v.longest_run(lane.demand());
            if (!placeable) return;
            const auto longest = planned_.free_for(lane.demand().gpus);
            if (!longest) return;
            const auto most = static_cast<planned_time>(ticks(class_queue::within(*placeable)));
            const duration window{static_cast<std::int64_t>(std::min(*longest, most))};
            if (const auto e = lane.first(order, window); e.order < first.order) first = e;
        });
        return first;
    }

    void start(const view& v, plan& p, job_id job) {
        if (!p.start(job)) {
            stale_ = true;  // no place at its slot: the next pass plans anew
            return;
        }
        queue_.remove(job);
        const ranked_job e = ending(v, job);
        running_.insert(e);
        for (auto z = instants_.begin(); z != instants_.end() && z->key < e.key; ++z) {
            if (z->order < e.order && planned_.free_at(z->key) < std::int64_t{v[z->job].demand.gpus}) stale_ = true;
        }
    }

    class_queue queue_;
    job_id unreserved_ = none<job_id>;  // the first in the queue that has not been given a slot
    job_sorter slots_;                  // the earliest slot that is still to come in front
    std::vector<ranked_job> due_;
    ordered_jobs instants_;  // those of slots_ that hold nothing: planned to end when they start
    ordered_jobs running_;   // by planned end
    std::vector<std::pair<planned_time, std::int64_t>> ends_;
    availability planned_;
    slot_bounds bounds_;
    bool stale_ = true;
};

}  // namespace

std::unique_ptr<policy> make_conservative() { return std::make_unique<conservative>(); }

}  // namespace ampacity::policy
