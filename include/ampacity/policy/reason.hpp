#pragma once
/// \file
/// Why a job that waits was not started in a pass: the answer of `policy::explain`, and what it is made of.
///
/// Looked at as things stood at the job's turn: starts of the same pass that came after it are taken back first. Slow
/// next to a pass (it may copy the free index and walk all jobs); asked only of jobs that somebody wants to know about.
/// Values and pure functions.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/fleet/free_index.hpp>
#include <ampacity/policy/plan.hpp>
#include <ampacity/policy/view.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ampacity::policy {

/// What keeps a job from starting.
enum class obstacle : std::uint8_t {
    gpus,         ///< fewer GPUs are free than it needs
    placement,    ///< enough are free, but the placer finds no place
    order,        ///< it stands behind `blocker`, which has no place; the rule starts nothing behind such a job
    reservation,  ///< it would fit, but delay `blocker`, which is planned to start later
    round,        ///< it came after the last round; the next decision falls at `until`
    unchanged,    ///< no decision was made: what kept it at the last one still does
    closing,      ///< it fits, but is planned to run beyond `until`, when nodes that it needs close
    unknown,      ///< it fits, and its policy says no more
    quota,        ///< it does not fit, and as its group would exceed its quota it may take GPUs from nobody
    lease,        ///< it does not fit; GPUs in use are offered again at `until`, to whoever is worst off then
    closed,       ///< it would not fit without other jobs either: nodes that it needs are out of service
    signal,       ///< it is held back until `until`, when carbon or price are expected to be lower
    power,        ///< it fits, but `feed` could not carry it
    checkpoint,   ///< it fits once jobs that have been asked to leave have, at their next checkpoints
};
/// Their names, as files and tables show them.
inline constexpr std::array<std::string_view, 14> obstacle_names{
    "gpus",    "placement", "order", "reservation", "round",  "unchanged", "closing",
    "unknown", "quota",     "lease", "closed",      "signal", "power",     "checkpoint"};

/// Why a job waits after a pass.
struct reason {
    obstacle what = obstacle::unknown;
    job_id blocker = none<job_id>;  ///< order, reservation: the job in its way
    /// As planned now. gpus, placement: when its own reservation begins; reservation: when `blocker` is to start;
    /// round: the next one; lease: its end; signal: when it is let go; closed: the next time that nodes come back;
    /// power: when the events that limit `feed` are over; checkpoint: when they will have left; `never` where nothing
    /// is planned.
    instant until = never;
    std::uint64_t free_gpus = 0;  ///< at its turn
    std::uint64_t ahead = 0;      ///< waiting jobs before it in the policy's order
    std::uint32_t gpus = 0;       ///< that it waits for; 0: those of its demand
    std::uint32_t feed = 0;       ///< power: of the head-room view
};

/// Free GPUs, on a mixed fleet those of the type that has most of them and can run the job.
[[nodiscard]] inline std::uint64_t most_free_for(const fleet::free_index& free, fleet::demand wanted) {
    if (!free.is_mixed()) return free.free_gpus();
    std::uint64_t most = 0;
    for (const fleet::gpu_type t : free.types()->by_speed(wanted.speeds)) most = std::max(most, free.of(t).free_gpus());
    return most;
}

/// Of a job that fits: does it wait because it would run into a closing?
inline void look_for_closing(const view& v, job_id job, reason& r) {
    const auto horizons = v.capacity.horizons;
    const instant end = horizons.empty() ? v.now : v.end_if_started(job);
    for (std::size_t i = 1; i < horizons.size() && end > horizons[i - 1].until; ++i) {
        if (fits(v.place, *horizons[i].free, v[job].demand)) continue;
        r.what = obstacle::closing;
        r.until = horizons[i - 1].until;
        return;
    }
}

/// What can be told without knowing the rule: too few GPUs, no place, or `unknown` if it fits.
[[nodiscard]] inline reason seen_from_outside(const view& v, const fleet::free_index& free, job_id job) {
    const fleet::demand wanted = v[job].demand;
    reason r{.free_gpus = most_free_for(free, wanted)};
    if (wanted.gpus > r.free_gpus)
        r.what = obstacle::gpus;
    else if (!fits(v.place, free, wanted))
        r.what = obstacle::placement;
    else
        look_for_closing(v, job, r);
    return r;
}

/// Of a job without a place: is that because nodes are out of service?
inline void look_for_closed(const view& v, job_id job, reason& r) {
    if (r.what != obstacle::gpus && r.what != obstacle::placement) return;
    if (fits(v.place, v.capacity.in_service, v[job].demand)) return;
    r.what = obstacle::closed;
    r.until = never;
    for (const fleet::closing& c : v.capacity.closings) {
        if (c.start <= v.now && v.now < c.end) r.until = std::min(r.until, c.end);
    }
}

/// What was free when it was the turn of a job that waits, in a policy that walks the queue in submit order: starts of
/// the plan that came behind it are taken back.
[[nodiscard]] inline fleet::free_index free_at_turn(const view& v, const plan& p, job_id job) {
    fleet::free_index free = v.capacity.free;
    for (const action& a : p.actions()) {
        if (a.kind == action_kind::start && v[a.job].order > v[job].order) free.give(v[a.job].demand, v.held(a.job));
    }
    return free;
}

/// What was free before the action of that number was proposed: it and those after it are taken back.
[[nodiscard]] inline fleet::free_index free_before(const view& v, const plan& p, std::size_t action) {
    fleet::free_index free = v.capacity.free;
    const auto actions = p.actions();
    for (std::size_t i = actions.size(); i-- > action;) {
        const auto& a = actions[i];
        if (a.kind == action_kind::start) free.give(v[a.job].demand, v.held(a.job));
        if (a.kind == action_kind::preempt) free.take(v[a.job].demand, v.allocations.shares(a.before));
    }
    return free;
}

/// When all of these running jobs are planned to have left, which have been asked to.
[[nodiscard]] inline instant last_vacated(const view& v, std::span<const job_id> jobs) {
    instant last = v.now;
    for (const job_id job : jobs) last = std::max(last, v.vacated_at(job));
    return last;
}

/// Waiting jobs for which `is_before` holds.
template <class F>
[[nodiscard]] std::uint64_t count_waiting(const view& v, F is_before) {
    std::uint64_t n = 0;
    for (std::uint32_t i = 0; i != v.jobs.size(); ++i) {
        if (v.jobs[i].state == job_state::queued && is_before(job_id{i})) ++n;
    }
    return n;
}

/// Waiting jobs that arrived before this one.
[[nodiscard]] inline std::uint64_t waiting_before(const view& v, job_id job) {
    return count_waiting(v, [&](job_id other) { return v[other].order < v[job].order; });
}

}  // namespace ampacity::policy
