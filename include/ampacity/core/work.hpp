#pragma once
/// \file
/// Work and speed, exactly: how much work a stretch of time does, and how much time a piece of work takes.
///
/// Work is integer nanoseconds at speed 1. Both functions are exact for every double: speed 1 is plain integer
/// arithmetic, other speeds are taken apart into mantissa and exponent. Pure functions, O(1).

#include <ampacity/core/error.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>

#include <cmath>
#include <cstdint>

namespace ampacity {

namespace detail {

/// speed = mantissa x 2^-shift with an odd mantissa below 2^53, or shift = 0.
struct exact_speed {
    std::uint64_t mantissa = 0;
    unsigned shift = 0;
};

inline exact_speed split(double speed) {
    AMPACITY_ASSERT(std::isfinite(speed) && speed > 0 && speed <= 1048576.0);
    int exponent = 0;
    auto mantissa = static_cast<std::uint64_t>(std::ldexp(std::frexp(speed, &exponent), 53));
    int shift = 53 - exponent;
    while (shift > 0 && mantissa % 2 == 0) {
        mantissa /= 2;
        --shift;
    }
    return {.mantissa = mantissa, .shift = static_cast<unsigned>(shift)};
}

[[nodiscard, gnu::noinline]] inline duration work_at_speed(duration elapsed, double speed) {
    const exact_speed s = split(speed);
    const uint128 product = static_cast<uint128>(ticks(elapsed)) * s.mantissa;
    const uint128 whole = s.shift >= 128 ? 0 : product >> s.shift;
    constexpr auto limit = static_cast<uint128>(duration::max().count());
    return duration{static_cast<std::int64_t>(whole < limit ? whole : limit)};
}

[[nodiscard, gnu::noinline]] inline duration time_at_speed(duration remaining, double speed) {
    const exact_speed s = split(speed);
    constexpr auto limit = static_cast<uint128>(duration::max().count());
    uint128 quotient = static_cast<uint128>(ticks(remaining)) / s.mantissa;
    uint128 rest = static_cast<uint128>(ticks(remaining)) % s.mantissa;
    for (unsigned left = s.shift; left != 0;) {  // long division: 60 bits of 2^shift at a time
        const unsigned bits = left < 60 ? left : 60;
        left -= bits;
        rest <<= bits;
        quotient = (quotient << bits) + rest / s.mantissa;
        rest %= s.mantissa;
        if (quotient > limit) return duration::max();
    }
    if (rest != 0) ++quotient;
    return quotient > limit ? duration::max() : duration{static_cast<std::int64_t>(quotient)};
}

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
