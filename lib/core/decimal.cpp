#include <ampacity/core/decimal.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

namespace ampacity {
namespace {

constexpr std::uint64_t positive_limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

constexpr std::array<std::int64_t, 19> powers_of_ten = [] {
    std::array<std::int64_t, 19> powers{};
    std::int64_t power = 1;
    for (std::size_t i = 0; i < powers.size(); ++i) {
        powers[i] = power;
        if (i + 1 < powers.size()) power *= 10;
    }
    return powers;
}();

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// The parts of a number: digit(0) is its first digit, the point stands before digit(point).
struct scanned_number {
    decimal_status status = decimal_status::malformed;
    bool negative = false;
    std::string_view whole;
    std::string_view fraction;
    std::int64_t point = 0;  ///< digits before the point, the exponent included; may lie outside the digits
    std::int64_t first = 0;  ///< index of the first non-zero digit, == count for zero
    std::int64_t count = 0;  ///< digits in all

    [[nodiscard]] int digit(std::int64_t i) const noexcept {
        if (i >= count) return 0;
        const auto at = static_cast<std::size_t>(i);
        return (at < whole.size() ? whole[at] : fraction[at - whole.size()]) - '0';
    }
    [[nodiscard]] bool is_zero() const noexcept { return first == count; }
    [[nodiscard]] bool any_digit_from(std::int64_t i) const noexcept {
        for (i = std::max(i, first); i < count; ++i) {
            if (digit(i) != 0) return true;
        }
        return false;
    }
};

bool equals_ignoring_case(std::string_view text, std::string_view lower) noexcept {
    if (text.size() != lower.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
        if (c != lower[i]) return false;
    }
    return true;
}

std::string_view take_digits(std::string_view& text) noexcept {
    std::size_t n = 0;
    while (n < text.size() && is_digit(text[n])) ++n;
    const std::string_view digits = text.substr(0, n);
    text.remove_prefix(n);
    return digits;
}

bool take_sign(std::string_view& text) noexcept {
    if (text.empty() || (text.front() != '+' && text.front() != '-')) return false;
    const bool negative = text.front() == '-';
    text.remove_prefix(1);
    return negative;
}

scanned_number scan(std::string_view text) noexcept {
    scanned_number n;
    if (text.empty()) {
        n.status = decimal_status::empty;
        return n;
    }
    n.negative = take_sign(text);
    if (equals_ignoring_case(text, "nan") || equals_ignoring_case(text, "inf") ||
        equals_ignoring_case(text, "infinity")) {
        n.status = decimal_status::not_finite;
        return n;
    }
    n.whole = take_digits(text);
    if (!text.empty() && text.front() == '.') {
        text.remove_prefix(1);
        n.fraction = take_digits(text);
    }
    n.count = static_cast<std::int64_t>(n.whole.size() + n.fraction.size());
    if (n.count == 0) return n;
    std::int64_t exponent = 0;
    if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
        text.remove_prefix(1);
        const bool below = take_sign(text);
        const std::string_view digits = take_digits(text);
        if (digits.empty()) return n;
        // Saturates far beyond any text that fits in memory, so that positions stay exact.
        constexpr std::int64_t saturation = 1'000'000'000'000'000;
        for (const char c : digits) exponent = std::min(exponent * 10 + (c - '0'), saturation);
        if (below) exponent = -exponent;
    }
    if (!text.empty()) return n;
    n.point = static_cast<std::int64_t>(n.whole.size()) + exponent;
    while (n.first < n.count && n.digit(n.first) == 0) ++n.first;
    n.status = decimal_status::ok;
    return n;
}

decimal_result<std::int64_t> with_sign(std::uint64_t magnitude, bool negative) noexcept {
    if (magnitude > positive_limit + (negative ? 1U : 0U)) return {decimal_status::overflow, 0};
    return {decimal_status::ok, static_cast<std::int64_t>(negative ? ~magnitude + 1 : magnitude)};
}

/// Rounds digits in place: the result's last kept digit stands right before `point`.
decimal_result<std::int64_t> round_at(const scanned_number& n, std::int64_t point) noexcept {
    if (n.is_zero()) return {decimal_status::ok, 0};
    const std::int64_t length = point - n.first;
    if (length < 0) return {decimal_status::ok, 0};
    if (length > 19) return {decimal_status::overflow, 0};
    std::uint64_t magnitude = 0;
    for (std::int64_t i = n.first; i < point; ++i) {
        magnitude = magnitude * 10 + static_cast<std::uint64_t>(n.digit(i));
    }
    const int next = n.digit(point);
    if (next > 5 || (next == 5 && ((magnitude & 1U) != 0 || n.any_digit_from(point + 1)))) ++magnitude;
    return with_sign(magnitude, n.negative);
}

/// Digits and at most one point, short enough for 64 bits at every step; false hands over to `scan`.
bool parse_short(std::string_view text, int scale, std::int64_t& value) noexcept {
    const char* p = text.data();
    const char* const end = p + text.size();
    std::uint64_t digits = 0;
    const char* const whole = p;
    while (p != end && is_digit(*p)) digits = digits * 10 + static_cast<std::uint64_t>(*p++ - '0');
    const auto whole_digits = p - whole;
    if (whole_digits == 0 || whole_digits + scale > 18) return false;
    if (p == end) {
        value = static_cast<std::int64_t>(digits) * powers_of_ten[static_cast<std::size_t>(scale)];
        return true;
    }
    if (*p != '.') return false;
    const char* const fraction = ++p;
    if (end - fraction > scale) return false;
    while (p != end && is_digit(*p)) digits = digits * 10 + static_cast<std::uint64_t>(*p++ - '0');
    if (p != end) return false;
    value = static_cast<std::int64_t>(digits) * powers_of_ten[static_cast<std::size_t>(scale - (p - fraction))];
    return true;
}

constexpr std::array<char, 200> digit_pairs = [] {
    std::array<char, 200> pairs{};
    for (std::size_t i = 0; i < 100; ++i) {
        pairs[2 * i] = static_cast<char>('0' + i / 10);
        pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
    return pairs;
}();

char* write_unsigned(char* out, std::uint64_t value) noexcept { return std::to_chars(out, out + 20, value).ptr; }

/// `value` in exactly `width` digits, zeros in front.
void write_padded(char* out, std::uint64_t value, int width) noexcept {
    for (; width >= 2; width -= 2) {
        std::memcpy(out + width - 2, &digit_pairs[2 * (value % 100)], 2);
        value /= 100;
    }
    if (width == 1) *out = static_cast<char>('0' + value % 10);
}

/// The point and the nanoseconds without trailing zeros; nothing where they are 0.
char* write_fraction(char* out, std::uint32_t nanos) noexcept {
    if (nanos == 0) return out;
    *out++ = '.';
    write_padded(out, nanos, 9);
    char* end = out + 9;
    while (end[-1] == '0') --end;
    return end;
}

}  // namespace

decimal_result<std::int64_t> parse_scaled(std::string_view text, int scale) noexcept {
    std::int64_t value = 0;
    if (parse_short(text, scale, value)) return {decimal_status::ok, value};
    const scanned_number n = scan(text);
    if (n.status != decimal_status::ok) return {n.status, 0};
    return round_at(n, n.point + scale);
}

decimal_result<std::int64_t> parse_scaled_by(std::string_view text, std::int64_t numerator,
                                             std::int64_t denominator) noexcept {
    const scanned_number n = scan(text);
    if (n.status != decimal_status::ok) return {n.status, 0};
    if (n.is_zero()) return {decimal_status::ok, 0};
    // A whole part of 39 digits or more divided by any denominator exceeds 64 bits.
    if (n.point - n.first > 38) return {decimal_status::overflow, 0};

    // Fraction times numerator by schoolbook multiplication from the right: `carry` ends as its whole
    // part, `tenths` as its first decimal, `sticky` tells whether any later decimal is not zero.
    const auto factor = static_cast<uint128>(numerator);
    uint128 carry = 0;
    int tenths = 0;
    bool sticky = false;
    const auto push = [&](int digit) {
        sticky = sticky || tenths != 0;
        const uint128 product = static_cast<uint128>(digit) * factor + carry;
        tenths = static_cast<int>(product % 10);
        carry = product / 10;
    };
    for (std::int64_t i = n.count; i-- > std::max(n.first, n.point);) push(n.digit(i));
    // The zeros between the point and the first digit; once all is carried out nothing changes but `tenths`.
    for (std::int64_t i = n.first; i > n.point; --i) {
        push(0);
        if (carry == 0 && tenths == 0) break;
    }

    uint128 whole = 0;
    for (std::int64_t i = n.first; i < n.point; ++i) whole = whole * 10 + static_cast<uint128>(n.digit(i));
    constexpr uint128 room = (static_cast<uint128>(1) << 127U) - 1;
    if (whole > (room - carry) / factor) return {decimal_status::overflow, 0};
    const uint128 product = whole * factor + carry;
    const auto divisor = static_cast<uint128>(denominator);
    uint128 quotient = product / divisor;
    // Twice the remainder against the divisor: above rounds up, equal is a tie.
    const uint128 twice = 2 * (product % divisor) + (tenths >= 5 ? 1U : 0U);
    const bool beyond = tenths % 5 != 0 || sticky;
    if (twice > divisor || (twice == divisor && (beyond || (quotient & 1U) != 0))) ++quotient;
    if (quotient > positive_limit + 1) return {decimal_status::overflow, 0};
    return with_sign(static_cast<std::uint64_t>(quotient), n.negative);
}

decimal_result<duration> parse_seconds(std::string_view text) noexcept {
    const auto [status, ns] = parse_scaled(text, 9);
    if (status != decimal_status::ok) return {status, duration::zero()};
    const duration value{ns};
    if (value > longest_input || value < -longest_input) return {decimal_status::overflow, duration::zero()};
    return {decimal_status::ok, value};
}

decimal_result<std::int64_t> parse_integer(std::string_view text) noexcept {
    std::int64_t value = 0;
    if (parse_short(text, 0, value)) return {decimal_status::ok, value};
    const scanned_number n = scan(text);
    if (n.status != decimal_status::ok) return {n.status, 0};
    if (n.any_digit_from(n.point)) return {decimal_status::fractional, 0};
    return round_at(n, n.point);
}

decimal_result<std::int64_t> parse_count(std::string_view text) noexcept {
    std::int64_t value = 0;
    if (parse_short(text, 0, value)) return {decimal_status::ok, value};
    const scanned_number n = scan(text);
    if (n.status != decimal_status::ok) return {n.status, 0};
    if (n.negative && !n.is_zero()) return {decimal_status::negative, 0};
    return parse_integer(text);
}

char* write_ns_as_seconds(char* out, std::int64_t ns) noexcept {
    auto magnitude = static_cast<std::uint64_t>(ns);
    if (ns < 0) {
        *out++ = '-';
        magnitude = ~magnitude + 1;
    }
    constexpr std::uint64_t second = 1'000'000'000;
    out = write_unsigned(out, magnitude / second);
    return write_fraction(out, static_cast<std::uint32_t>(magnitude % second));
}

char* write_gpu_seconds(char* out, gpu_time gpu_ns) noexcept {
    if (gpu_ns >= std::numeric_limits<std::int64_t>::min() && gpu_ns <= std::numeric_limits<std::int64_t>::max()) {
        return write_ns_as_seconds(out, static_cast<std::int64_t>(gpu_ns));
    }
    auto magnitude = static_cast<uint128>(gpu_ns);
    if (gpu_ns < 0) {
        *out++ = '-';
        magnitude = ~magnitude + 1;
    }
    constexpr std::uint64_t second = 1'000'000'000;
    constexpr std::uint64_t group = 1'000'000'000'000'000'000;
    const auto nanos = static_cast<std::uint32_t>(magnitude % second);
    const uint128 seconds = magnitude / second;  // below 2^127 / 10^9: two groups of 18 digits hold it
    const auto high = static_cast<std::uint64_t>(seconds / group);
    const auto low = static_cast<std::uint64_t>(seconds % group);
    if (high == 0) {
        out = write_unsigned(out, low);
    } else {
        out = write_unsigned(out, high);
        write_padded(out, low, 18);
        out += 18;
    }
    return write_fraction(out, nanos);
}

void append_ns_as_seconds(std::string& out, std::int64_t ns) {
    std::array<char, max_seconds_chars> text;
    out.append(text.data(), static_cast<std::size_t>(write_ns_as_seconds(text.data(), ns) - text.data()));
}

void append_gpu_seconds(std::string& out, gpu_time gpu_ns) {
    std::array<char, max_gpu_seconds_chars> text;
    out.append(text.data(), static_cast<std::size_t>(write_gpu_seconds(text.data(), gpu_ns) - text.data()));
}

std::string format_ns_as_seconds(std::int64_t ns) {
    std::string out;
    append_ns_as_seconds(out, ns);
    return out;
}

std::string format_gpu_seconds(gpu_time gpu_ns) {
    std::string out;
    append_gpu_seconds(out, gpu_ns);
    return out;
}

}  // namespace ampacity
