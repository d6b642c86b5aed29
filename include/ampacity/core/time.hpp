#pragma once
/// \file
/// Simulated time: a 64-bit integer count of nanoseconds since the scenario's `start`.
///
/// Instants and durations are different types (`instant - instant = duration`); no floating-point
/// number ever takes part in ordering. The range is +-292 years; inputs are limited to 200 years so
/// that sums of an instant and a duration do not overflow. All functions are constexpr and pure.

#include <chrono>
#include <cstdint>

namespace ampacity {

/// The simulation's clock: a tag only, it cannot be read with `now()`.
struct sim_clock {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::duration<rep, period>;
    using time_point = std::chrono::time_point<sim_clock>;
    static constexpr bool is_steady = true;
};

using duration = sim_clock::duration;   ///< difference of two instants [ns]
using instant = sim_clock::time_point;  ///< point in simulated time [ns since scenario start]

inline constexpr instant start_of_time{};                                      ///< the scenario's `start`
inline constexpr instant never = instant::max();                               ///< later than every event
inline constexpr duration longest_input = std::chrono::hours{24 * 366 * 200};  ///< limit of every input time

/// Seconds as a double, for reports only: correctly rounded from the integer nanoseconds.
constexpr double to_seconds(duration d) noexcept {
    constexpr std::int64_t exact = std::int64_t{1} << 53;
    constexpr std::int64_t second = 1'000'000'000;
    const std::int64_t ns = d.count();
    if (-exact <= ns && ns <= exact) return static_cast<double>(ns) / 1e9;
    // From 2^23 s on, whole nanoseconds stay 512 / (1e9 x 2^30) away from every tie between two doubles, and the
    // quotient's error is below 2^-54: it cannot change how the sum is rounded.
    const std::int64_t whole = ns / second;
    return static_cast<double>(whole) + static_cast<double>(ns % second) / 1e9;
}
/// The same, since the start.
constexpr double to_seconds(instant t) noexcept { return to_seconds(t.time_since_epoch()); }

/// Nanoseconds since the start, for arithmetic in wide integers.
constexpr std::int64_t ticks(instant t) noexcept { return t.time_since_epoch().count(); }
constexpr std::int64_t ticks(duration d) noexcept { return d.count(); }

/// `t + d`, or `never` where that lies beyond the range. \pre d >= 0
constexpr instant add_saturating(instant t, duration d) noexcept { return d > instant::max() - t ? never : t + d; }

}  // namespace ampacity
