#include <ampacity/core/wide.hpp>
#include <ampacity/serving/exact_time.hpp>

#include <limits>
#include <string_view>

namespace ampacity::serving {
namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

/// Digits without the point, and the power of ten to multiply them by.
struct digits {
    int128 value = 0;
    std::int64_t exponent = 0;
    bool too_long = false;
};

/// The digits of a well-formed number without its sign; those after the last that is not 0 are left out.
digits read_digits(std::string_view mantissa) noexcept {
    digits out;
    bool fraction = false;
    std::int64_t zeros = 0;
    for (const char c : mantissa) {
        if (c == '.') {
            fraction = true;
            continue;
        }
        if (fraction) --out.exponent;
        if (c == '0') {
            ++zeros;
            continue;
        }
        if (out.value != 0) {
            for (; zeros != 0 && out.value <= largest; --zeros) out.value *= 10;
        }
        zeros = 0;
        if (out.value > largest) out.too_long = true;
        if (!out.too_long) out.value = out.value * 10 + (c - '0');
    }
    out.exponent += zeros;
    return out;
}

}  // namespace

decimal_result<exact_time> parse_exact_time(std::string_view number, std::int64_t unit_ns) noexcept {
    // The scanner of decimal.hpp decides what is a number at all.
    const decimal_status status = parse_scaled(number, 0).status;
    if (status != decimal_status::ok && status != decimal_status::overflow) return {status, {}};

    const bool negative = number.front() == '-';
    if (negative || number.front() == '+') number.remove_prefix(1);
    const std::size_t mark = number.find_first_of("eE");
    digits d = read_digits(number.substr(0, mark));
    if (d.value == 0) return {decimal_status::ok, {}};
    if (d.too_long || d.value > largest) return {decimal_status::overflow, {}};
    if (mark != std::string_view::npos) {
        const auto power = parse_integer(number.substr(mark + 1));
        if (!power || power.value > 1'000'000 || power.value < -1'000'000)
            return {number[mark + 1] == '-' ? decimal_status::fractional : decimal_status::overflow, {}};
        d.exponent += power.value;
    }
    int128 value = d.value * unit_ns;  // below 2^126
    for (; d.exponent < 0 && value % 10 == 0; ++d.exponent) value /= 10;
    for (; d.exponent > 0 && value <= largest; --d.exponent) value *= 10;
    if (d.exponent < -max_time_scale) return {decimal_status::fractional, {}};
    if (d.exponent > 0 || value > largest) return {decimal_status::overflow, {}};
    const auto mantissa = static_cast<std::int64_t>(value);
    return {decimal_status::ok, {negative ? -mantissa : mantissa, static_cast<int>(-d.exponent)}};
}

}  // namespace ampacity::serving
