#pragma once
/// \file
/// Spans of time in decimals of a nanosecond, for coefficients that are summed many times before they are rounded.
///
/// Plain values and pure functions; nothing here is ever a floating-point number.

#include <ampacity/core/decimal.hpp>

#include <cstdint>
#include <string_view>

namespace ampacity::serving {

/// The most decimals of a nanosecond.
inline constexpr int max_time_scale = 18;

/// `mantissa` x 10^-`scale` ns.
struct exact_time {
    std::int64_t mantissa = 0;
    int scale = 0;  ///< 0 .. `max_time_scale`

    friend constexpr bool operator==(const exact_time&, const exact_time&) = default;
};

/// A whole number of nanoseconds.
[[nodiscard]] constexpr exact_time to_exact(duration d) noexcept { return {ticks(d), 0}; }

/// The number, in the grammar of `decimal.hpp`, times `unit_ns`, without trailing zeros: "20.5" with 1000 is 20,500 ns.
/// Status `fractional` where it has more than `max_time_scale` decimals of a nanosecond, `overflow` where the mantissa
/// has more than 63 bits; else as for `parse_scaled`. \pre unit_ns > 0.
[[nodiscard]] decimal_result<exact_time> parse_exact_time(std::string_view number, std::int64_t unit_ns) noexcept;

}  // namespace ampacity::serving
