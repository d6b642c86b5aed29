#include <ampacity/core/error.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/core/work.hpp>

#include <cmath>

namespace ampacity {
namespace {

/// speed = mantissa x 2^-shift with an odd mantissa below 2^53, or shift = 0.
struct exact_speed {
    std::uint64_t mantissa = 0;
    unsigned shift = 0;
};

exact_speed split(double speed) {
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

}  // namespace

namespace detail {

duration work_at_speed(duration elapsed, double speed) {
    const exact_speed s = split(speed);
    const uint128 product = static_cast<uint128>(ticks(elapsed)) * s.mantissa;
    const uint128 whole = s.shift >= 128 ? 0 : product >> s.shift;
    constexpr auto limit = static_cast<uint128>(duration::max().count());
    return duration{static_cast<std::int64_t>(whole < limit ? whole : limit)};
}

duration time_at_speed(duration remaining, double speed) {
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
}  // namespace ampacity
