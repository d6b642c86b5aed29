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

#include <array>
#include <cstdint>
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
    unknown,      ///< it fits, and its policy says no more
};
/// Their names, as files and tables show them.
inline constexpr std::array<std::string_view, 7> obstacle_names{"gpus",  "placement", "order",  "reservation",
                                                                "round", "unchanged", "unknown"};

/// Why a job waits after a pass.
struct reason {
    obstacle what = obstacle::unknown;
    job_id blocker = none<job_id>;  ///< order, reservation: the job in its way
    /// As planned now. gpus, placement: when its own reservation begins; reservation: when `blocker` is to start;
    /// round: the next one; `never` where nothing is planned.
    instant until = never;
    std::uint64_t free_gpus = 0;  ///< at its turn
    std::uint64_t ahead = 0;      ///< waiting jobs before it in the policy's order
    std::uint32_t gpus = 0;       ///< that it waits for; 0: those of its demand
};

/// What can be told without knowing the rule: too few GPUs, no place, or `unknown` if it fits.
[[nodiscard]] inline reason seen_from_outside(const view& v, const fleet::free_index& free, job_id job) {
    const fleet::demand wanted = v[job].demand;
    reason r{.free_gpus = free.free_gpus()};
    if (wanted.gpus > free.free_gpus())
        r.what = obstacle::gpus;
    else if (!fits(v.place, free, wanted))
        r.what = obstacle::placement;
    return r;
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
