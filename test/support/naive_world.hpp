#pragma once
/// \file
/// What the naive replays have in common: jobs and where they stand, what their runs went on, and the GPUs that they
/// hold.
///
/// Each derives its events and its passes from it. Nothing is kept that could go stale: free space is rebuilt from the
/// running jobs whenever it is asked for, and a run is walked through from its start, whatever its speed has been.
/// Shares no code with the engine.

#include "support/naive_leaves.hpp"
#include "support/naive_places.hpp"
#include "support/naive_racks.hpp"
#include "support/naive_replay.hpp"

#include <ampacity/core/wide.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace naive {

class world : protected places {
protected:
    world(const std::vector<job>& jobs, const fleet& where, const overheads& costs, bool enforce_estimate)
        : places(jobs, where), costs_(costs), enforce_estimate_(enforce_estimate) {}
    ~world() = default;

    /// GPUs that jobs can hold at a time, of nodes that a job over [from, to) could get.
    std::uint64_t all_gpus(std::int64_t from, std::int64_t to) const {
        if (!is_mixed()) return gpus_of_part(fleet_, [&](std::uint32_t n) { return is_out(n, from, to); });
        std::uint64_t sum = 0;
        for (std::size_t t = 0; t < fleet_.types.size(); ++t) sum += gpus_of_type(t, from, to);
        return sum;
    }
    std::uint64_t gpus_of_type(std::size_t t, std::int64_t from, std::int64_t to) const {
        const std::uint32_t first = first_node(t);
        return gpus_of_part(fleet_.types[t], [&](std::uint32_t n) { return is_out(first + n, from, to); });
    }
    std::uint64_t all_gpus() const { return all_gpus(now_, now_); }

    // ---- nodes that leave and come back

    bool is_out(std::uint32_t node, std::int64_t from, std::int64_t to) const {
        return naive::is_out(fleet_, node, now_, from, to);
    }
    bool drains(std::uint32_t node) const { return naive::drains(fleet_, node, now_); }
    std::vector<std::int64_t> changes() const { return naive::changes(fleet_); }

    /// Stops the jobs whose nodes leave now, and changes the speed of those whose nodes become slow or fast. True if
    /// any node leaves or comes back, or a job changes its speed.
    bool change_capacity() {
        bool any = change_speeds();
        for (const bool planned : {false, true}) {
            for (const leave& l : fleet_.leaves) {
                if (l.end_ns == now_ || (l.planned && l.known_ns == now_)) any = true;
                if (l.planned != planned || l.start_ns != now_) continue;
                any = true;
                for (entry& e : jobs_) {
                    const bool hit = std::any_of(e.where.begin(), e.where.end(),
                                                 [&](const auto& part) { return names(l, part.first); });
                    if (e.at == phase::running && hit) stop(e, !planned);
                }
            }
        }
        return any;
    }
    void stop(entry& e, bool fails) {
        book_run(e, true, fails);
        e.at = phase::queued;
        e.vacates = false;
        e.where.clear();
        ++(fails ? e.out.restarts : e.out.preemptions);
        e.has_failed = fails;
    }

    // ---- nodes that are slow

    double pace_of(const placement& where) const { return pace_at(fleet_, where, now_); }
    bool change_speeds() {
        std::vector<entry*> changing;
        for (entry* e : in(phase::running))
            if (pace_of(e->where) != e->paces.back().pace) changing.push_back(e);
        std::sort(changing.begin(), changing.end(), came_before);
        for (entry* e : changing) {
            e->paces.push_back({now_, pace_of(e->where)});
            e->planned = ++plans_;
        }
        return !changing.empty();
    }

    spending walk_to(const entry& e, std::int64_t t) const {
        return walk_run(costs_, was_stopped(e), t - e.run_start, without_limit, e.has_failed);
    }
    /// Sum over the current run up to `t` of the work that was done in `time(t)`, which rises.
    template <class Time>
    std::int64_t work_of(const entry& e, std::int64_t t, Time time) const {
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < e.paces.size(); ++i) {
            const std::int64_t from = std::min(t, e.paces[i].start_ns);
            const std::int64_t to = i + 1 < e.paces.size() ? std::min(t, e.paces[i + 1].start_ns) : t;
            sum += work_at(e, time(to) - time(from), e.paces[i].pace);
        }
        return sum;
    }
    /// Work that the current run has done by `t`, kept or not.
    std::int64_t done_by(const entry& e, std::int64_t t) const {
        return work_of(e, t, [&](std::int64_t at) { return walk_to(e, at).worked; });
    }
    /// What the current run counts for by `t` as attained service.
    std::int64_t served_by(const entry& e, std::int64_t t) const {
        return work_of(e, t, [&](std::int64_t at) { return at - e.run_start; });
    }

    std::vector<entry*> in(phase wanted) {
        std::vector<entry*> list;
        for (entry& e : jobs_)
            if (e.at == wanted) list.push_back(&e);
        return list;
    }

    // ---- a job's numbers

    std::int64_t run_time(const entry& e) const { return e.ran + (e.at == phase::running ? now_ - e.run_start : 0); }

    static bool was_stopped(const entry& e) { return e.out.preemptions + e.out.restarts > 0; }

    /// How long a run lasts that does all the work that is left of `whole`, at the speed of now from now on.
    std::int64_t length_of_run(const entry& e, std::int64_t whole) const {
        if (e.at != phase::running) return length_at(e, whole, speed(e));
        const paced last = e.paces.back();
        const std::int64_t left = whole - e.kept - done_by(e, last.start_ns);
        const std::int64_t worked = walk_to(e, last.start_ns).worked + time_at(e, left, last.pace);
        return walk_run(costs_, was_stopped(e), without_limit, worked, e.has_failed).total();
    }
    std::int64_t length_at(const entry& e, std::int64_t whole, std::int64_t at_speed) const {
        return walk_run(costs_, was_stopped(e), without_limit, time_for(whole - e.kept, at_speed), e.has_failed)
            .total();
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
        if (is_mixed()) return whole - e.kept - (e.at == phase::running ? done_by(e, now_) : 0);
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
        const std::int64_t now = e.at == phase::running ? served_by(e, now_) : 0;
        return int128{e.served + now} * static_cast<int128>(e.in.gpus);
    }
    /// The first ns at which the running job has attained so much. \pre it has not yet
    int128 when_attained(const entry& e, int128 service_gpu_ns) const {
        const int128 gpus = static_cast<int128>(e.in.gpus);
        const paced last = e.paces.back();
        const int128 served = int128{e.served} + served_by(e, last.start_ns);
        const int128 work = (service_gpu_ns - served * gpus + gpus - 1) / gpus;
        if (last.pace == 1) return last.start_ns + (work * unit + speed(e) - 1) / speed(e);
        return int128{last.start_ns} + time_at(e, static_cast<std::int64_t>(work), last.pace);
    }

    // ---- events

    /// The next arrival or end.
    std::optional<std::int64_t> next_of_jobs() const {
        std::optional<std::int64_t> next;
        const auto consider = [&](std::int64_t t) {
            if (!next || t < *next) next = t;
        };
        for (const entry& e : jobs_) {
            if (e.at == phase::running) consider(end_of_run(e));
            if (e.at != phase::to_come) continue;
            if (const auto t = next_look(e)) consider(*t);
        }
        // What happens to nodes when no job is there any more is of no interest.
        const bool anyone = std::any_of(jobs_.begin(), jobs_.end(), [](const entry& e) { return e.at != phase::over; });
        for (const std::int64_t t : changes())
            if (anyone && t > now_ && (!next || t < *next)) next = t;
        for (const slowdown& d : fleet_.slowdowns)
            for (const std::int64_t t : {d.start_ns, d.end_ns})
                if (anyone && t > now_ && (!next || t < *next)) next = t;
        return next;
    }

    /// Ends the runs that end now, in the order in which that was planned; `f` sees each just before. True if there
    /// were any.
    template <class F>
    bool end_jobs(F f) {
        begin_round();
        std::vector<entry*> ending;
        for (entry* e : in(phase::running))
            if (end_of_run(*e) == now_) ending.push_back(e);
        std::sort(ending.begin(), ending.end(), [](const entry* a, const entry* b) { return a->planned < b->planned; });
        for (entry* e : ending) {
            f(*e);
            const bool killed = will_be_killed(*e);
            book_run(*e, false, false);
            set_over(*e, killed ? state::killed : state::finished);
            e->out.finish_ns = now_;
            if (killed)
                e->out.lost_gpu_ns = int128{e->ran} * static_cast<int128>(e->in.gpus);
            else
                book_job(*e);
        }
        reject_broken();
        return !ending.empty();
    }

    /// Takes in the jobs that arrive now; `f` sees each that is not rejected. True if there were any.
    template <class F>
    bool admit_jobs(F f) {
        bool any = false;
        for (entry& e : jobs_) {
            if (e.at != phase::to_come) continue;
            if (e.asked) {
                if (!comes_now(e)) continue;
            } else {
                if (e.in.submit_ns != now_) continue;
                if (e.in.gpus == 0 || !place(whole_fleet(), e)) {
                    e.asked = true;
                    set_over(e, state::rejected);
                    reject_broken();
                    continue;
                }
                if (!comes_at_submit(e)) continue;
            }
            if (!has_place_in_array(e)) continue;
            enter(e);
            f(e);
            any = true;
        }
        return any;
    }

    void start(entry& e, const placement& where) {
        e.at = phase::running;
        e.run_start = now_;
        e.number = ++runs_;
        e.planned = ++plans_;
        e.where = where;
        e.paces = {{now_, pace_of(where)}};
        if (!e.out.first_start_ns) e.out.first_start_ns = now_;
        const std::uint32_t type = is_mixed() ? type_of(where) : 0;
        const bool from_pool = is_mixed() && fleet_.types[type].pool_gpus > 0;
        e.out.attempts.push_back({now_, from_pool ? placement{} : where, type});
    }

    bool start_if_fits(entry& e) {
        const std::optional<placement> where = place(room(e), e);
        if (where) start(e, *where);
        return where.has_value();
    }

    void preempt(entry& e) { stop(e, false); }

    /// What became of all jobs if it ends at `until`, or has ended.
    std::vector<outcome> outcomes(std::optional<std::int64_t> until) {
        now_ = until.value_or(now_);
        std::vector<outcome> result;
        for (entry& e : jobs_) {
            if (e.at == phase::running) book_run(e, false, false);
            if (e.at != phase::over) book_job(e);
            result.push_back(e.out);
        }
        return result;
    }

    // ---- space

    /// What a job over [from, to) could get if nobody else were there.
    space empty_fleet(std::int64_t from, std::int64_t to) const {
        space s = whole_fleet();
        close(s, 0, from, to);
        for (std::size_t t = 0; t < s.types.size(); ++t) close(s.types[t], first_node(t), from, to);
        return s;
    }
    /// Nodes that such a job could not get; row 0 is node `first` of the fleet.
    void close(space& s, std::uint32_t first, std::int64_t from, std::int64_t to) const {
        for (std::uint32_t n = 0; n < s.free.size(); ++n)
            if (is_out(first + n, from, to)) s.free[n] = 0;
        for (std::uint32_t n = 0; n < s.racks.out.size(); ++n) s.racks.out[n] = is_out(first + n, from, to);
    }
    space empty_fleet() const { return empty_fleet(now_, now_); }

    /// Free space if of the running jobs only those were there for which `stays`.
    template <class F>
    space free_with(F stays, std::int64_t from, std::int64_t to) const {
        space s = empty_fleet(from, to);
        for (const entry& e : jobs_)
            if (e.at == phase::running && stays(e)) take(s, e, e.where);
        return s;
    }
    template <class F>
    space free_with(F stays) const {
        return free_with(stays, now_, now_);
    }
    space free_now() const {
        return free_with([](const entry&) { return true; });
    }
    /// What a job that waits could get now.
    space room(const entry& e) const {
        return free_with([](const entry&) { return true; }, now_, runs_into_closings_ ? now_ : planned_end(e));
    }
    /// What a job that waits could get at `t` if running jobs end as planned and nothing else starts.
    space room_at(std::int64_t t, const entry& e) const {
        return free_with([&](const entry& other) { return planned_end(other) > t; }, t, t + planned_end(e) - now_);
    }

    /// Gives the whole fleet anew to the jobs of the list, which holds all running ones. The first without a place ends
    /// the walk, or is passed over.
    void walk(const std::vector<entry*>& list, bool skip) {
        space unclaimed = empty_fleet();
        std::vector<std::optional<placement>> decided(list.size());
        for (std::size_t i = 0; i < list.size(); ++i) {
            const entry& e = *list[i];
            if (e.at == phase::running && could_keep(unclaimed, e)) {
                decided[i] = e.where;
            } else if (is_pool()) {
                decided[i] = place(unclaimed, e);
            } else {
                space quiet = unclaimed;
                for (std::size_t later = i + 1; later < list.size(); ++later)
                    if (list[later]->at == phase::running) take(quiet, *list[later], list[later]->where);
                decided[i] = place(quiet, e);
                // On racks a node that only jobs still to be walked use may be one too many.
                if (decided[i] && !could_have(unclaimed, e, *decided[i])) decided[i].reset();
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

    overheads costs_;
    bool enforce_estimate_;
    bool runs_into_closings_ = false;  ///< jobs are put where nodes are planned to leave

private:
    void book_run(entry& e, bool loses, bool fails) const {
        const spending s = walk_to(e, now_);
        // Only an interval leaves checkpoints behind when nobody knew.
        const std::int64_t kept = fails && !costs_.checkpoint_interval_ns ? 0 : loses ? s.kept : s.worked;
        e.ran += now_ - e.run_start;
        e.served += served_by(e, now_);
        e.kept += work_of(e, now_, [&](std::int64_t t) { return std::min(kept, walk_to(e, t).worked); });
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
    std::uint64_t plans_ = 0;
};

}  // namespace naive
