// The reference is schoolbook arithmetic on strings of digits, independent of the library's code.
#include "support/catch.hpp"

#include <ampacity/core/decimal.hpp>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace ampacity;

namespace {

/// A natural number as decimal digits, most significant first.
using digits = std::string;

digits trimmed(digits d) {
    d.erase(0, std::min(d.find_first_not_of('0'), d.size()));
    return d.empty() ? "0" : d;
}

int compare(const digits& a, const digits& b) {
    const digits x = trimmed(a), y = trimmed(b);
    if (x.size() != y.size()) return x.size() < y.size() ? -1 : 1;
    return x.compare(y);
}

digits multiplied(const digits& a, const digits& b) {
    std::vector<int> cells(a.size() + b.size(), 0);
    for (std::size_t i = a.size(); i-- > 0;) {
        for (std::size_t j = b.size(); j-- > 0;) {
            const int t = cells[i + j + 1] + (a[i] - '0') * (b[j] - '0');
            cells[i + j + 1] = t % 10;
            cells[i + j] += t / 10;
        }
    }
    digits out;
    for (const int c : cells) out += static_cast<char>('0' + c);
    return trimmed(out);
}

digits subtracted(digits a, digits b) {
    b.insert(0, a.size() - std::min(a.size(), b.size()), '0');
    a.insert(0, b.size() - a.size(), '0');
    int borrow = 0;
    for (std::size_t i = a.size(); i-- > 0;) {
        int t = a[i] - b[i] - borrow;
        borrow = t < 0 ? 1 : 0;
        if (t < 0) t += 10;
        a[i] = static_cast<char>('0' + t);
    }
    return trimmed(a);
}

digits incremented(digits a) {
    std::size_t i = a.size();
    while (i-- > 0) {
        if (a[i] != '9') {
            ++a[i];
            return a;
        }
        a[i] = '0';
    }
    return "1" + a;
}

/// a / b by long division: quotient and remainder.
std::pair<digits, digits> divided(const digits& a, const digits& b) {
    digits quotient, rest = "0";
    for (const char c : a) {
        rest = trimmed(rest + c);
        char q = '0';
        while (compare(rest, b) >= 0) {
            rest = subtracted(rest, b);
            ++q;
        }
        quotient += q;
    }
    return {trimmed(quotient), rest};
}

/// whole.fraction x 10^exponent x numerator / denominator, half to even; nothing where it exceeds 64 bits.
std::optional<std::int64_t> reference(bool negative, const digits& whole, const digits& fraction, int exponent,
                                      const digits& numerator, const digits& denominator) {
    digits above = multiplied(whole + fraction, numerator);
    digits below = denominator;
    const int shift = exponent - static_cast<int>(fraction.size());
    if (shift >= 0) {
        above += digits(static_cast<std::size_t>(shift), '0');
    } else {
        below += digits(static_cast<std::size_t>(-shift), '0');
    }
    auto [quotient, rest] = divided(trimmed(above), below);
    const int half = compare(multiplied(rest, "2"), below);
    if (half > 0 || (half == 0 && (quotient.back() - '0') % 2 == 1)) quotient = incremented(quotient);
    if (compare(quotient, negative ? "9223372036854775808" : "9223372036854775807") > 0) return std::nullopt;
    if (negative && quotient == "9223372036854775808") return std::numeric_limits<std::int64_t>::min();
    const std::int64_t value = std::stoll(quotient);
    return negative ? -value : value;
}

std::int64_t scaled(std::string_view text, int scale) {
    const auto r = parse_scaled(text, scale);
    INFO("text " << text << " status " << static_cast<int>(r.status));
    REQUIRE(r.status == decimal_status::ok);
    return r.value;
}

decimal_status status_of(std::string_view text) { return parse_scaled(text, 9).status; }

}  // namespace

TEST_CASE("decimals are scaled exactly and rounded half to even", "[decimal]") {
    CHECK(scaled("0", 9) == 0);
    CHECK(scaled("12", 9) == 12'000'000'000);
    CHECK(scaled("1.5", 9) == 1'500'000'000);
    CHECK(scaled("-1.5", 9) == -1'500'000'000);
    CHECK(scaled("+.5", 1) == 5);
    CHECK(scaled("5.", 1) == 50);
    CHECK(scaled("1e3", 0) == 1000);
    CHECK(scaled("1.25E-1", 3) == 125);
    CHECK(scaled("1e+2", 0) == 100);
    CHECK(scaled("0.1", 9) == 100'000'000);
    CHECK(scaled("0.3", 18) == 300'000'000'000'000'000);

    CHECK(scaled("0.5", 0) == 0);
    CHECK(scaled("1.5", 0) == 2);
    CHECK(scaled("2.5", 0) == 2);
    CHECK(scaled("-2.5", 0) == -2);
    CHECK(scaled("-3.5", 0) == -4);
    CHECK(scaled("0.5000000000000000000001", 0) == 1);
    CHECK(scaled("0.4999999999999999999999", 0) == 0);
    CHECK(scaled("2.5" + std::string(500, '0'), 0) == 2);
    CHECK(scaled("2.5" + std::string(500, '0') + "1", 0) == 3);
    CHECK(scaled("0.0000000005", 9) == 0);
    CHECK(scaled("0.00000000051", 9) == 1);
    CHECK(scaled("0.0000000015", 9) == 2);
    CHECK(scaled("25e-1", 0) == 2);
    CHECK(scaled("0.00049", 0) == 0);
    CHECK(scaled("9.5", 0) == 10);
    CHECK(scaled("99.5", 0) == 100);
}

TEST_CASE("decimals have no length limit and saturate nowhere", "[decimal]") {
    CHECK(scaled("0" + std::string(1000, '0') + "7", 0) == 7);
    CHECK(scaled("1" + std::string(400, '0') + "e-400", 0) == 1);
    CHECK(scaled("0." + std::string(400, '0') + "1e401", 0) == 1);
    CHECK(scaled("0e99999999999999999999", 9) == 0);
    CHECK(scaled("1e-99999999999999999999", 9) == 0);
    CHECK(status_of("1e99999999999999999999") == decimal_status::overflow);
    CHECK(scaled("9223372036854775807", 0) == std::numeric_limits<std::int64_t>::max());
    CHECK(scaled("-9223372036854775808", 0) == std::numeric_limits<std::int64_t>::min());
    CHECK(parse_scaled("9223372036854775807.5", 0).status == decimal_status::overflow);
    CHECK(parse_scaled("9223372036854775808", 0).status == decimal_status::overflow);
    CHECK(scaled("-9223372036854775808.5", 0) == std::numeric_limits<std::int64_t>::min());
    CHECK(parse_scaled("-9223372036854775808.51", 0).status == decimal_status::overflow);
    CHECK(parse_scaled("99999999999999999999", 0).status == decimal_status::overflow);
}

TEST_CASE("what is not a number is told apart", "[decimal]") {
    CHECK(status_of("") == decimal_status::empty);
    for (const char* text : {"nan", "NaN", "-nan", "inf", "+Inf", "-INF", "infinity", "Infinity"}) {
        CAPTURE(text);
        CHECK(status_of(text) == decimal_status::not_finite);
        CHECK(parse_count(text).status == decimal_status::not_finite);
        CHECK(parse_scaled_by(text, 1).status == decimal_status::not_finite);
    }
    for (const char* text :
         {"-",   "+",   ".",    "e5", "1e",   "1e+",      "1.2.3", "1,2",   " 1",    "1 ",
          "--1", "+-1", "0x10", "1f", "nano", "infinite", "1_000", "1e5.0", "1e5e5", "\xEF\xBC\x91"}) {
        CAPTURE(text);
        CHECK(status_of(text) == decimal_status::malformed);
        CHECK(parse_integer(text).status == decimal_status::malformed);
    }
    CHECK(status_of(std::string_view("1\0", 2)) == decimal_status::malformed);
}

TEST_CASE("seconds end at 200 years", "[decimal]") {
    CHECK(parse_seconds("3600").value == std::chrono::hours{1});
    CHECK(parse_seconds("-0.25").value == -std::chrono::milliseconds{250});
    CHECK(parse_seconds("6324480000").value == longest_input);
    CHECK(parse_seconds("6324480000.0000000001").value == longest_input);
    CHECK(parse_seconds("6324480000.000000001").status == decimal_status::overflow);
    CHECK(parse_seconds("-6324480000.000000001").status == decimal_status::overflow);
    CHECK(parse_seconds("1e300").status == decimal_status::overflow);
    CHECK(parse_seconds("1e300").value == duration::zero());
}

TEST_CASE("counts are whole and not negative", "[decimal]") {
    for (const char* text : {"4", "4.0", "4e0", "40e-1", "0.4e1", "+4", "4.", "004"}) {
        CAPTURE(text);
        CHECK(parse_count(text).status == decimal_status::ok);
        CHECK(parse_count(text).value == 4);
    }
    CHECK(parse_count("-0").status == decimal_status::ok);
    CHECK(parse_count("-4").status == decimal_status::negative);
    CHECK(parse_count("-4.5").status == decimal_status::negative);
    CHECK(parse_count("-1e-400").status == decimal_status::negative);
    CHECK(parse_count("4.5").status == decimal_status::fractional);
    CHECK(parse_count("1e-400").status == decimal_status::fractional);
    CHECK(parse_count("0.1e400").status == decimal_status::overflow);
    CHECK(parse_count("9223372036854775808").status == decimal_status::overflow);
    CHECK(parse_integer("-4.0").value == -4);
    CHECK(parse_integer("-4.5").status == decimal_status::fractional);
}

TEST_CASE("unit factors apply exactly", "[decimal]") {
    constexpr std::int64_t hour = 3'600'000'000'000;
    CHECK(parse_scaled_by("1.5", hour).value == 5'400'000'000'000);
    CHECK(parse_scaled_by("0.1", 1000).value == 100);
    CHECK(parse_scaled_by("-0.1", 1000).value == -100);
    CHECK(parse_scaled_by("0.0005", 1000).value == 0);
    CHECK(parse_scaled_by("0.0015", 1000).value == 2);
    CHECK(parse_scaled_by("1", 1, 2).value == 0);
    CHECK(parse_scaled_by("3", 1, 2).value == 2);
    CHECK(parse_scaled_by("1", 1, 3).value == 0);
    CHECK(parse_scaled_by("2", 1, 3).value == 1);
    CHECK(parse_scaled_by("1e-30", hour).value == 0);
    CHECK(parse_scaled_by("0.5e-3600000000000", hour).value == 0);
    CHECK(parse_scaled_by("1e18", 10).status == decimal_status::overflow);
    CHECK(parse_scaled_by("1e37", 1, std::numeric_limits<std::int64_t>::max()).value == 1'084'202'172'485'504'434);
    CHECK(parse_scaled_by("1e39", 1, std::numeric_limits<std::int64_t>::max()).status == decimal_status::overflow);
    CHECK(parse_scaled_by("0", std::numeric_limits<std::int64_t>::max()).value == 0);
}

TEST_CASE("random decimals agree with schoolbook arithmetic", "[decimal]") {
    std::mt19937_64 random{20261};
    const auto below = [&](std::uint64_t n) { return random() % n; };
    const auto random_digits = [&](std::size_t most) {
        digits d;
        // Mostly zeros, fives and nines: where ties and carries live.
        for (std::size_t n = below(most + 1); n > 0; --n)
            d += below(3) == 0 ? "0959"[below(4)] : static_cast<char>('0' + below(10));
        return d;
    };
    std::size_t overflows = 0;
    for (int trial = 0; trial < 20'000; ++trial) {
        digits whole = random_digits(below(2) == 0 ? 3 : 20);
        const digits fraction = random_digits(below(2) == 0 ? 4 : 30);
        if (whole.empty() && fraction.empty()) whole = "0";
        const bool negative = below(2) == 0;
        const int exponent = below(2) == 0 ? 0 : static_cast<int>(below(25)) - 12;
        std::string text = (negative ? "-" : "") + whole;
        if (!fraction.empty()) text += "." + fraction;
        if (exponent != 0) text += "e" + std::to_string(exponent);
        CAPTURE(text);

        const int scale = static_cast<int>(below(19));
        CAPTURE(scale);
        const auto expected =
            reference(negative, whole, fraction, exponent, "1" + digits(static_cast<std::size_t>(scale), '0'), "1");
        const auto actual = parse_scaled(text, scale);
        REQUIRE(actual.status == (expected ? decimal_status::ok : decimal_status::overflow));
        REQUIRE(actual.value == expected.value_or(0));
        overflows += expected ? 0U : 1U;

        const auto numerator = static_cast<std::int64_t>(1 + (random() >> (1 + below(62))));
        const auto denominator = below(2) == 0 ? 1 : static_cast<std::int64_t>(1 + (random() >> (1 + below(62))));
        CAPTURE(numerator, denominator);
        const auto by =
            reference(negative, whole, fraction, exponent, std::to_string(numerator), std::to_string(denominator));
        const auto actual_by = parse_scaled_by(text, numerator, denominator);
        REQUIRE(actual_by.status == (by ? decimal_status::ok : decimal_status::overflow));
        REQUIRE(actual_by.value == by.value_or(0));
    }
    CHECK(overflows > 1000);
    CHECK(overflows < 19'000);
}

TEST_CASE("ties of a unit factor go to even at any length", "[decimal]") {
    std::mt19937_64 random{7};
    for (int trial = 0; trial < 2000; ++trial) {
        // (2m + 1) / (2 x 2^k) is a finite decimal; times 2^k it is exactly m + 1/2.
        const auto m = static_cast<std::int64_t>(random() % 100'000);
        const auto k = static_cast<std::size_t>(random() % 20);
        digits value = std::to_string(2 * m + 1);
        for (std::size_t i = 0; i <= k; ++i) value = multiplied(value, "5");
        const std::string text = value + "e-" + std::to_string(k + 1);
        CAPTURE(text);
        REQUIRE(parse_scaled_by(text, std::int64_t{1} << k).value == m + m % 2);
        REQUIRE(parse_scaled_by(value + "0001e-" + std::to_string(k + 5), std::int64_t{1} << k).value == m + 1);
    }
}

TEST_CASE("seconds are written shortest and exact", "[decimal]") {
    CHECK(format_ns_as_seconds(0) == "0");
    CHECK(format_ns_as_seconds(12'000'000'000) == "12");
    CHECK(format_ns_as_seconds(1) == "0.000000001");
    CHECK(format_ns_as_seconds(-1'500'000'000) == "-1.5");
    CHECK(format_ns_as_seconds(10'000'000'010) == "10.00000001");
    CHECK(format_ns_as_seconds(std::numeric_limits<std::int64_t>::max()) == "9223372036.854775807");
    CHECK(format_ns_as_seconds(std::numeric_limits<std::int64_t>::min()) == "-9223372036.854775808");
    CHECK(format_ns_as_seconds(std::numeric_limits<std::int64_t>::min()).size() == max_seconds_chars);

    const gpu_time largest = static_cast<gpu_time>(~static_cast<uint128>(0) >> 1U);
    CHECK(format_gpu_seconds(0) == "0");
    CHECK(format_gpu_seconds(-1) == "-0.000000001");
    CHECK(format_gpu_seconds(largest) == "170141183460469231731687303715.884105727");
    CHECK(format_gpu_seconds(-largest - 1) == "-170141183460469231731687303715.884105728");
    CHECK(format_gpu_seconds(-largest - 1).size() == max_gpu_seconds_chars);
    CHECK(format_gpu_seconds(static_cast<gpu_time>(9'223'372'036'854'775'807) + 1) == "9223372036.854775808");
    CHECK(format_gpu_seconds(static_cast<gpu_time>(1'000'000'000'000'000'000) * 1'000'000'000) ==
          "1000000000000000000");
    CHECK(format_gpu_seconds(static_cast<gpu_time>(1'000'000'000'000'000'000) * 1'000'000'001) ==
          "1000000001000000000");
    std::string buffer = "a,";
    append_ns_as_seconds(buffer, 2'500'000'000);
    append_gpu_seconds(buffer, 7'000'000'000);
    CHECK(buffer == "a,2.57");
}

TEST_CASE("what is written reads back", "[decimal]") {
    std::mt19937_64 random{11};
    for (int trial = 0; trial < 20'000; ++trial) {
        const auto ns = static_cast<std::int64_t>(random()) >> (random() % 63);
        const std::string text = format_ns_as_seconds(ns);
        CAPTURE(text);
        REQUIRE(parse_scaled(text, 9).value == ns);
        REQUIRE((text.find('.') == std::string::npos || text.back() != '0'));

        const auto wide = static_cast<gpu_time>(static_cast<uint128>(random()) << 64U | random()) >> (random() % 127);
        std::string whole = to_string(wide < 0 ? -(wide / 1'000'000'000) : wide / 1'000'000'000);
        std::string nanos = to_string(wide < 0 ? -(wide % 1'000'000'000) : wide % 1'000'000'000);
        nanos.insert(0, 9 - nanos.size(), '0');
        nanos.erase(nanos.find_last_not_of('0') + 1);
        REQUIRE(format_gpu_seconds(wide) == (wide < 0 ? "-" : "") + whole + (nanos.empty() ? "" : "." + nanos));
    }
}
