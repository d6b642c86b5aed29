#pragma once
/// \file
/// Work and speed, exactly: how much work a stretch of time does, and how much time a piece of work takes.
///
/// Work is integer nanoseconds at speed 1. Both functions are exact for every double: speed 1 is plain integer
/// arithmetic, other speeds are taken apart into mantissa and exponent. Pure functions, O(1).

#include <ampacity/core/time.hpp>

namespace ampacity {

namespace detail {
[[nodiscard]] duration work_at_speed(duration elapsed, double speed);
[[nodiscard]] duration time_at_speed(duration work, double speed);
}  // namespace detail

/// floor(elapsed x speed). \pre elapsed >= 0, 0 < speed <= 2^20, finite
[[nodiscard]] inline duration work_in(duration elapsed, double speed) {
    return speed == 1.0 ? elapsed : detail::work_at_speed(elapsed, speed);
}

/// ceil(work / speed), `duration::max()` where that is beyond the range. \pre work >= 0, speed as above
[[nodiscard]] inline duration time_for(duration work, double speed) {
    return speed == 1.0 ? work : detail::time_at_speed(work, speed);
}

}  // namespace ampacity
