#pragma once
/// \file
/// A running job: remaining work, speed, and what its time was good for.
///
/// Remaining work is integer nanoseconds at speed 1. At a change of speed, and when a run ends early,
/// remaining -= floor(elapsed x speed); a run's end is now + ceil(remaining / speed), and later by what the run costs
/// beside its work. A run with costs changes its speed only where it gets new costs, too.
/// One row per live job. Not thread-safe.

#include <ampacity/core/error.hpp>
#include <ampacity/core/run_costs.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/core/work.hpp>

namespace ampacity::execution {

using ampacity::time_for;
using ampacity::work_in;

/// The state of one live job.
struct run {
    duration remaining{};                  ///< work left at `since`
    duration allowance = duration::max();  ///< run time left before it is killed, at `since`
    duration ran{};                        ///< run time so far, of all runs
    instant since{};                       ///< start of the current stretch of constant speed
    double speed = 1.0;
    const run_costs* costs = nullptr;  ///< none: all time is work, and all work is kept

    /// When the current run ends, by itself or killed. \pre running, stretch begun
    [[nodiscard]] instant end() const {
        const duration left = run_time_left();
        const duration run_time = left < allowance ? left : allowance;
        return run_time > never - since ? never : since + run_time;
    }
    /// Does the run end by being killed?
    [[nodiscard]] bool ends_killed() const { return allowance < run_time_left(); }
    /// What the time since its start has gone on. \pre no change of speed since
    [[nodiscard]] run_time spent(instant now) const {
        const duration elapsed = now - since;
        return costs == nullptr ? run_time{.worked = elapsed, .kept = elapsed} : costs->spend(elapsed);
    }

    /// A run begins now.
    void start(instant now) { since = now; }
    /// Books the stretch up to `now`: what was worked is done. With costs that ends the run, or `go_on` follows.
    void advance(instant now) {
        const duration elapsed = now - since;
        remaining -= work_in(spent(now).worked, speed);
        if (remaining < duration::zero()) remaining = duration::zero();
        if (allowance != duration::max()) allowance -= elapsed;
        ran += elapsed;
        since = now;
    }
    /// Another stretch begins at the end of the one before; the end must be asked for again.
    void go_on(double at_speed, const run_costs* with) noexcept {
        speed = at_speed;
        costs = with;
    }
    /// The speed changes now; the end must be asked for again.
    /// \pre no costs
    void set_speed(instant now, double to) {
        AMPACITY_ASSERT(costs == nullptr);
        advance(now);
        speed = to;
    }

private:
    [[nodiscard]] duration run_time_left() const {
        const duration left = time_for(remaining, speed);
        return costs == nullptr ? left : costs->length(left);
    }
};

}  // namespace ampacity::execution
