#pragma once
/// \file
/// What the naive replays have in common: jobs and where they stand, what their runs went on, and the GPUs that they
/// hold.
///
/// Each derives its events and its passes from it. Nothing is kept that could go stale: free space is rebuilt from the
/// running jobs whenever it is asked for. Shares no code with the engine.

#include "support/naive_replay.hpp"
#include "support/naive_space.hpp"

#include <ampacity/core/wide.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace naive {

using ampacity::int128;

enum class phase { to_come, queued, running, over };

/// One job and where it stands.
struct entry {
    std::size_t index = 0;  ///< file order
    job in{};
    phase at = phase::to_come;
    std::int64_t run_start = 0;  ///< of the current run
    std::uint64_t number = 0;    ///< of the current run, counting the runs of all jobs
    std::int64_t ran = 0;        ///< run time of earlier runs [ns]
    std::int64_t kept = 0;       ///< their work that was not lost [ns at speed 1]
    std::int64_t useful = 0;     ///< the time that it took [ns]
    std::int64_t served = 0;     ///< what their whole run time counts for as attained service [ns at speed 1]
    std::int64_t lost = 0;       ///< and what else they went on [ns]
    std::int64_t checkpoint = 0;
    std::int64_t restart = 0;
    placement where{};              ///< of the current run
    std::int64_t stage = 0;         ///< las, gittins: as of the last round
    std::int64_t predicted_ns = 0;  ///< qssf
    outcome out{};
};

class world {
protected:
    world(const std::vector<job>& jobs, const fleet& where, const overheads& costs, bool enforce_estimate)
        : fleet_(where), costs_(costs), enforce_estimate_(enforce_estimate) {
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            entry e;
            e.index = i;
            e.in = jobs[i];
            jobs_.push_back(e);
        }
    }
    ~world() = default;

    bool is_pool() const { return fleet_.pool_gpus > 0; }
    bool has_racks() const { return !fleet_.racks.empty(); }
    bool is_mixed() const { return !fleet_.types.empty(); }

    std::uint64_t all_gpus() const {
        std::uint64_t sum = is_mixed() ? 0 : naive::all_gpus(fleet_);
        for (const fleet& f : fleet_.types) sum += naive::all_gpus(f);
        return sum;
    }

    // ---- types of a mixed fleet; speeds are in 64ths

    static constexpr std::int64_t unit = 64;

    /// Nodes of the types before it.
    std::uint32_t first_node(std::size_t type) const {
        std::uint32_t first = 0;
        for (std::size_t t = 0; t < type; ++t) first += fleet_.types[t].pool_gpus > 0 ? 1 : fleet_.types[t].nodes;
        return first;
    }
    std::uint32_t type_of(const placement& where) const {
        std::uint32_t type = 0;
        while (is_mixed() && type + 1 < fleet_.types.size() && where.at(0).first >= first_node(type + 1)) ++type;
        return type;
    }
    static std::int64_t speed_on(const entry& e, std::size_t type) {
        return e.in.speeds.empty() ? unit : e.in.speeds[type];
    }
    /// Of the current run; of a job that waits 1.
    std::int64_t speed(const entry& e) const {
        return is_mixed() && e.at == phase::running ? speed_on(e, type_of(e.where)) : unit;
    }
    /// The types that can run the job, the fastest first.
    std::vector<std::size_t> by_speed(const entry& e) const {
        std::vector<std::size_t> order;
        for (std::size_t t = 0; t < fleet_.types.size(); ++t)
            if (speed_on(e, t) > 0) order.push_back(t);
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return speed_on(e, a) > speed_on(e, b); });
        return order;
    }
    /// Its speed on the fastest type that could hold it if nobody else were there.
    std::int64_t best_speed(const entry& e) const {
        for (const std::size_t t : by_speed(e))
            if (place_on(empty_fleet(), e, t)) return speed_on(e, t);
        return unit;
    }
    static std::int64_t time_for(std::int64_t work, std::int64_t speed) {
        return static_cast<std::int64_t>((int128{work} * unit + speed - 1) / speed);
    }
    static std::int64_t work_in(std::int64_t time, std::int64_t speed) {
        return static_cast<std::int64_t>(int128{time} * speed / unit);
    }

    std::vector<entry*> in(phase wanted) {
        std::vector<entry*> list;
        for (entry& e : jobs_)
            if (e.at == wanted) list.push_back(&e);
        return list;
    }

    static bool came_before(const entry* a, const entry* b) {
        if (a->in.submit_ns != b->in.submit_ns) return a->in.submit_ns < b->in.submit_ns;
        return a->index < b->index;
    }

    // ---- a job's numbers

    std::int64_t run_time(const entry& e) const { return e.ran + (e.at == phase::running ? now_ - e.run_start : 0); }

    /// How long a run lasts that does all the work that is left of `whole`.
    std::int64_t length_of_run(const entry& e, std::int64_t whole) const { return length_at(e, whole, speed(e)); }
    std::int64_t length_at(const entry& e, std::int64_t whole, std::int64_t at_speed) const {
        return walk_run(costs_, e.out.preemptions > 0, without_limit, time_for(whole - e.kept, at_speed)).total();
    }

    bool will_be_killed(const entry& e) const {
        return enforce_estimate_ && e.in.estimate_ns && *e.in.estimate_ns - e.ran < length_of_run(e, e.in.duration_ns);
    }

    /// When the current run ends, by completion or kill.
    std::int64_t end_of_run(const entry& e) const {
        return e.run_start + (will_be_killed(e) ? *e.in.estimate_ns - e.ran : length_of_run(e, e.in.duration_ns));
    }

    static std::int64_t planning_estimate(const entry& e) {
        return e.in.estimate_ns ? std::max(*e.in.estimate_ns, e.in.duration_ns) : e.in.duration_ns;
    }

    /// Run time that is left if work is what `whole` says; on a mixed fleet the work that is left.
    std::int64_t remaining(const entry& e, std::int64_t whole) const {
        if (is_mixed()) {
            const std::int64_t elapsed = e.at == phase::running ? now_ - e.run_start : 0;
            const spending s = walk_run(costs_, e.out.preemptions > 0, elapsed, without_limit);
            return whole - e.kept - work_in(s.worked, speed(e));
        }
        return length_of_run(e, whole) - (e.at == phase::running ? now_ - e.run_start : 0);
    }

    /// Of a job that waits: if it started now.
    std::int64_t planned_end(const entry& e) const {
        return (e.at == phase::running ? e.run_start : now_) + length_of_run(e, planning_estimate(e));
    }

    /// The same if it starts now at this place.
    std::int64_t end_if_started(const entry& e, const placement& where) const {
        if (!is_mixed()) return planned_end(e);
        return now_ + length_at(e, planning_estimate(e), speed_on(e, type_of(where)));
    }

    int128 attained(const entry& e) const {
        const std::int64_t now = e.at == phase::running ? work_in(now_ - e.run_start, speed(e)) : 0;
        return int128{e.served + now} * static_cast<int128>(e.in.gpus);
    }
    /// The first ns at which the running job has attained so much. \pre it has not yet
    int128 when_attained(const entry& e, int128 service_gpu_ns) const {
        const int128 gpus = static_cast<int128>(e.in.gpus);
        const int128 work = (service_gpu_ns - int128{e.served} * gpus + gpus - 1) / gpus;
        return e.run_start + (work * unit + speed(e) - 1) / speed(e);
    }

    // ---- events

    /// The next arrival or end.
    std::optional<std::int64_t> next_of_jobs() const {
        std::optional<std::int64_t> next;
        for (const entry& e : jobs_) {
            if (e.at != phase::to_come && e.at != phase::running) continue;
            const std::int64_t t = e.at == phase::to_come ? e.in.submit_ns : end_of_run(e);
            if (!next || t < *next) next = t;
        }
        return next;
    }

    /// Ends the runs that end now, in the order in which they began; `f` sees each just before. True if there were any.
    template <class F>
    bool end_jobs(F f) {
        std::vector<entry*> ending;
        for (entry* e : in(phase::running))
            if (end_of_run(*e) == now_) ending.push_back(e);
        std::sort(ending.begin(), ending.end(), [](const entry* a, const entry* b) { return a->number < b->number; });
        for (entry* e : ending) {
            f(*e);
            const bool killed = will_be_killed(*e);
            book_run(*e, false);
            e->at = phase::over;
            e->out.finish_ns = now_;
            e->out.st = killed ? state::killed : state::finished;
            if (killed)
                e->out.lost_gpu_ns = int128{e->ran} * static_cast<int128>(e->in.gpus);
            else
                book_job(*e);
        }
        return !ending.empty();
    }

    /// Takes in the jobs that arrive now; `f` sees each that is not rejected. True if there were any.
    template <class F>
    bool admit_jobs(F f) {
        bool any = false;
        for (entry& e : jobs_) {
            if (e.at != phase::to_come || e.in.submit_ns != now_) continue;
            if (e.in.gpus == 0 || !place(empty_fleet(), e)) {
                e.at = phase::over;
                e.out.st = state::rejected;
                continue;
            }
            e.at = phase::queued;
            f(e);
            any = true;
        }
        return any;
    }

    void start(entry& e, const placement& where) {
        e.at = phase::running;
        e.run_start = now_;
        e.number = ++runs_;
        e.where = where;
        if (!e.out.first_start_ns) e.out.first_start_ns = now_;
        const std::uint32_t type = is_mixed() ? type_of(where) : 0;
        const bool from_pool = is_mixed() && fleet_.types[type].pool_gpus > 0;
        e.out.attempts.push_back({now_, from_pool ? placement{} : where, type});
    }

    bool start_if_fits(entry& e) {
        const std::optional<placement> where = place(free_now(), e);
        if (where) start(e, *where);
        return where.has_value();
    }

    void preempt(entry& e) {
        book_run(e, true);
        e.at = phase::queued;
        e.where.clear();
        ++e.out.preemptions;
    }

    /// What became of all jobs if it ends at `until`, or has ended.
    std::vector<outcome> outcomes(std::optional<std::int64_t> until) {
        now_ = until.value_or(now_);
        std::vector<outcome> result;
        for (entry& e : jobs_) {
            if (e.at == phase::running) book_run(e, false);
            if (e.at != phase::over) book_job(e);
            result.push_back(e.out);
        }
        return result;
    }

    // ---- space

    space empty_fleet() const {
        if (!is_mixed()) return naive::empty_fleet(fleet_);
        space s;
        for (const fleet& f : fleet_.types) s.types.push_back(naive::empty_fleet(f));
        return s;
    }

    void take(space& s, const entry& e, const placement& where) const {
        if (!is_mixed()) return naive::take(fleet_, s, e.in, where);
        const std::uint32_t t = type_of(where);
        naive::take(fleet_.types[t], s.types[t], e.in, moved(where, t, false));
    }
    /// Rows of a type's nodes in its part of the fleet, or back.
    placement moved(placement where, std::size_t type, bool back) const {
        for (auto& [node, mask] : where) node = back ? node + first_node(type) : node - first_node(type);
        return where;
    }

    /// Free space if of the running jobs only those were there for which `stays`.
    template <class F>
    space free_with(F stays) const {
        space s = empty_fleet();
        for (const entry& e : jobs_)
            if (e.at == phase::running && stays(e)) take(s, e, e.where);
        return s;
    }
    space free_now() const {
        return free_with([](const entry&) { return true; });
    }
    /// Free space at `t` if running jobs end as planned and nothing else starts.
    space free_at(std::int64_t t) const {
        return free_with([&](const entry& e) { return planned_end(e) > t; });
    }

    bool could_have(const space& s, const entry& e, const placement& where) const {
        if (!is_mixed()) return naive::could_have(fleet_, s, e.in, where);
        const std::uint32_t t = type_of(where);
        return naive::could_have(fleet_.types[t], s.types[t], e.in, moved(where, t, false));
    }

    /// A place on GPUs of this type of a mixed fleet.
    std::optional<placement> place_on(const space& s, const entry& e, std::size_t type) const {
        auto where = naive::place(fleet_.types[type], s.types[type], e.in);
        if (where && fleet_.types[type].pool_gpus > 0) where = placement{{0, 0}};
        if (where) where = moved(*where, type, true);
        return where;
    }
    std::optional<placement> place(const space& s, const entry& e) const {
        if (!is_mixed()) return naive::place(fleet_, s, e.in);
        for (const std::size_t t : by_speed(e))
            if (auto where = place_on(s, e, t)) return where;
        return std::nullopt;
    }

    /// Gives the whole fleet anew to the jobs of the list, which holds all running ones. The first without a place ends
    /// the walk, or is passed over.
    void walk(const std::vector<entry*>& list, bool skip) {
        space unclaimed = empty_fleet();
        std::vector<std::optional<placement>> decided(list.size());
        for (std::size_t i = 0; i < list.size(); ++i) {
            const entry& e = *list[i];
            if (e.at == phase::running && could_have(unclaimed, e, e.where)) {
                decided[i] = e.where;
            } else if (is_pool()) {
                decided[i] = place(unclaimed, e);
            } else {
                space quiet = unclaimed;
                for (std::size_t later = i + 1; later < list.size(); ++later)
                    if (list[later]->at == phase::running) take(quiet, *list[later], list[later]->where);
                decided[i] = place(quiet, e);
                if (!decided[i]) decided[i] = place(unclaimed, e);
            }
            if (decided[i]) take(unclaimed, e, *decided[i]);
            if (!decided[i] && !skip) break;
        }
        for (std::size_t i = 0; i < list.size(); ++i) {
            entry& e = *list[i];
            if (e.at == phase::running && decided[i] && *decided[i] == e.where) continue;
            if (e.at == phase::running) preempt(e);
            if (decided[i]) start(e, *decided[i]);
        }
    }

    fleet fleet_;
    overheads costs_;
    bool enforce_estimate_;
    std::vector<entry> jobs_{};
    std::int64_t now_ = 0;

private:
    void book_run(entry& e, bool loses) const {
        const spending s = walk_run(costs_, e.out.preemptions > 0, now_ - e.run_start, without_limit);
        const std::int64_t kept = loses ? s.kept : s.worked;
        e.ran += now_ - e.run_start;
        e.served += work_in(now_ - e.run_start, speed(e));
        e.kept += work_in(kept, speed(e));
        e.useful += kept;
        e.lost += s.worked - kept;
        e.checkpoint += s.checkpoint;
        e.restart += s.restart;
    }

    static void book_job(entry& e) {
        const auto gpus = static_cast<int128>(e.in.gpus);
        e.out.useful_gpu_ns = e.useful * gpus;
        e.out.lost_gpu_ns = e.lost * gpus;
        e.out.checkpoint_gpu_ns = e.checkpoint * gpus;
        e.out.restart_gpu_ns = e.restart * gpus;
    }

    std::uint64_t runs_ = 0;
};

}  // namespace naive
