#pragma once
/// \file
/// A running job: remaining work, speed, and what its time was good for.
///
/// Remaining work is integer nanoseconds at speed 1. At a change of speed, and when a run ends early,
/// remaining -= floor(elapsed x speed); a run's end is now + ceil(remaining / speed).
/// One row per live job. Not thread-safe.

#include <ampacity/core/time.hpp>
#include <ampacity/core/work.hpp>

namespace ampacity::execution {

using ampacity::time_for;
using ampacity::work_in;

/// The state of one live job.
struct run {
    duration remaining{};                  ///< work left at `since`
    duration allowance = duration::max();  ///< run time left before it is killed, at `since`
    duration useful{};                     ///< run time of kept work so far
    instant since{};                       ///< start of the current stretch of constant speed
    double speed = 1.0;

    /// When the current run ends, by itself or killed. \pre running, stretch begun
    [[nodiscard]] instant end() const {
        const duration left = time_for(remaining, speed);
        const duration run_time = left < allowance ? left : allowance;
        return run_time > never - since ? never : since + run_time;
    }
    /// Does the run end by being killed?
    [[nodiscard]] bool ends_killed() const { return allowance < time_for(remaining, speed); }

    /// A run begins now.
    void start(instant now) { since = now; }
    /// Books the stretch up to `now`: progress is kept.
    void advance(instant now) {
        const duration elapsed = now - since;
        remaining -= work_in(elapsed, speed);
        if (remaining < duration::zero()) remaining = duration::zero();
        if (allowance != duration::max()) allowance -= elapsed;
        useful += elapsed;
        since = now;
    }
    /// The speed changes now; the end must be asked for again.
    void set_speed(instant now, double to) {
        advance(now);
        speed = to;
    }
};

}  // namespace ampacity::execution
