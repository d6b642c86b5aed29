#include "support/catch.hpp"

#include <ampacity/scenario/units.hpp>

#include <random>
#include <set>

using namespace ampacity;
using namespace ampacity::scenario;

namespace {

template <class T>
T read(std::string_view text) {
    T value{};
    const auto wrong = parse(text, value);
    INFO(text << (wrong ? ": " + wrong->what : ""));
    REQUIRE(!wrong);
    return value;
}

template <class T>
std::string refused(std::string_view text) {
    T value{};
    const auto wrong = parse(text, value);
    return wrong ? wrong->what + "; " + wrong->remedy : "accepted";
}

constexpr std::string_view time_units = "ns, us, ms, s, min, h, d, w, y";

}  // namespace

TEST_CASE("the unit table has no symbol twice and converts with one rounding", "[units]") {
    std::set<std::string_view> seen;
    for (const unit& row : units()) {
        CHECK(seen.insert(row.symbol).second);
        CHECK((row.num == 1 || row.den == 1));
        CHECK((row.num >= 1 && row.den >= 1));
    }
}

TEST_CASE("durations become exact nanoseconds", "[units]") {
    CHECK(read<duration>("60 s") == std::chrono::seconds{60});
    CHECK(read<duration>("60s") == std::chrono::seconds{60});
    CHECK(read<duration>("30 d") == std::chrono::hours{720});
    CHECK(read<duration>("1.5 h") == std::chrono::minutes{90});
    CHECK(read<duration>("2 w") == std::chrono::hours{336});
    CHECK(read<duration>("7 y") == std::chrono::hours{7 * 8760});
    CHECK(format(std::chrono::hours{8760}) == "365 d");  // never in years
    CHECK(read<duration>("1e3 ms") == std::chrono::seconds{1});
    CHECK(read<duration>("0.1 us").count() == 100);
    CHECK(read<duration>("-3 min") == -std::chrono::minutes{3});
    // Ties go to the even nanosecond.
    CHECK(read<duration>("0.5 ns").count() == 0);
    CHECK(read<duration>("1.5 ns").count() == 2);
    CHECK(read<duration>("2.5 ns").count() == 2);
    CHECK(read<duration>("2.5000000000000000000001 ns").count() == 3);
    CHECK(read<duration>("73200 d") == longest_input);
}

TEST_CASE("wrong durations say what is wrong and what to write", "[units]") {
    CHECK(refused<duration>("60") ==
          "expected a duration, found a bare number; write the unit, such as \"60 s\" (units: " +
              std::string{time_units} + ")");
    CHECK(refused<duration>("5 kW") ==
          "expected a duration, found a power; write one of the units of a duration: " + std::string{time_units});
    CHECK(refused<duration>("5 fortnights") ==
          "unknown unit; write one of the units of a duration: " + std::string{time_units});
    CHECK(refused<duration>("5 H") == "unknown unit; did you mean `h`?");
    CHECK(refused<duration>("soon") == "expected a duration; write a number and a unit, such as \"60 s\"");
    CHECK(refused<duration>("") == "expected a duration; write a number and a unit, such as \"60 s\"");
    CHECK(refused<duration>("nan s") == "expected a duration; write a number and a unit, such as \"60 s\"");
    CHECK(refused<duration>("73200.1 d") == "too large; write at most 200 years");
    CHECK(refused<duration>("1e400 s") == "too large; write at most 200 years");
    CHECK(refused<duration>("1 2 s").starts_with("unknown unit"));
    CHECK(refused<duration>("5e s").starts_with("unknown unit"));
}

TEST_CASE("GPU-times take a bare number only where a unit is given for it", "[units]") {
    CHECK(read<gpu_duration>("1 GPU-h").value == gpu_time{3'600'000'000'000});
    CHECK(refused<gpu_duration>("3600").starts_with("expected a GPU-time, found a bare number"));
    CHECK(refused<gpu_duration>("1 h").starts_with("expected a GPU-time, found a duration"));
    gpu_duration bare;
    REQUIRE(!parse("3600", bare, "GPU-s"));
    CHECK(bare == read<gpu_duration>("1 GPU-h"));
}

TEST_CASE("rates become 1/s by one division", "[units]") {
    CHECK(read<rate>("36 /h").value == 0.01);
    CHECK(read<rate>("0.01/s").value == 0.01);
    CHECK(read<rate>("10 /h").value == 10.0 / 3600.0);
    CHECK(read<rate>("864 /d").value == 0.01);
    CHECK(refused<rate>("36 h").starts_with("expected a rate, found a duration"));
    CHECK(refused<rate>("1e999 /s").starts_with("not a finite number"));
}

TEST_CASE("plain numbers", "[units]") {
    CHECK(read<double>("2.4") == 2.4);
    CHECK(read<double>("-1e-3") == -0.001);
    CHECK(read<double>("+.5") == 0.5);
    CHECK(refused<double>("2.4 s") == "expected a number; write it without a unit");
    CHECK(refused<double>(".inf") == "expected a number; write a decimal number, such as 1.5");
    CHECK(refused<double>("nan") == "expected a number; write a decimal number, such as 1.5");
    CHECK(refused<double>("0x10") == "expected a number; write it without a unit");
    CHECK(refused<double>("1e999").starts_with("not a finite number"));

    CHECK(read<std::uint64_t>("18446744073709551615") == 18446744073709551615ULL);
    CHECK(read<std::uint64_t>("1e9") == 1'000'000'000);
    CHECK(read<std::uint64_t>("512.0") == 512);
    CHECK(refused<std::uint64_t>("18446744073709551616") == "too large; write at most 18446744073709551615");
    CHECK(refused<std::uint64_t>("-1") == "must not be negative; write a whole number from 0 up");
    CHECK(refused<std::uint64_t>("1.5") == "expected a whole number; write digits only, such as 512");
    CHECK(refused<std::uint64_t>("512 GPUs") == "expected a whole number; write it without a unit");
    CHECK(refused<std::uint64_t>("many") == "expected a whole number; write digits only, such as 512");
}

TEST_CASE("dates", "[units]") {
    using namespace std::chrono;
    const date base{sys_days{2026y / 1 / 1}};
    CHECK(read<date>("2026-01-01") == base);
    CHECK(read<date>("2026-01-01T00:00:00Z") == base);
    CHECK(read<date>("2026-01-01T06:30") == base + 390min);
    CHECK(read<date>("2026-01-01 06:30:15.25Z") == base + 390min + 15250ms);
    CHECK(read<date>("2026-01-01T02:00:00+02:00") == base);
    CHECK(read<date>("2025-12-31T19:00:00-05:00") == base);
    CHECK(read<date>("2024-02-29") == date{sys_days{2024y / 2 / 29}});
    for (const char* wrong :
         {"", "2026", "2026-1-1", "2026-13-01", "2025-02-29", "2026-01-01T", "2026-01-01T24:00", "2026-01-01T00:60",
          "2026-01-01T00:00:00X", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00Zx",
          "1600-01-01", "2300-01-01", "2026-01-01T00:00+2"}) {
        INFO(wrong);
        CHECK(refused<date>(wrong) ==
              "expected a date; write an ISO 8601 date of the years 1678 to 2261, such as 2026-01-01T00:00:00Z");
    }
}

TEST_CASE("canonical texts", "[units]") {
    CHECK(format(duration{0}) == "0 s");
    CHECK(format(duration{1}) == "1 ns");
    CHECK(format(duration{std::chrono::minutes{90}}) == "90 min");
    CHECK(format(duration{std::chrono::hours{24 * 30}}) == "30 d");
    CHECK(format(duration{-std::chrono::hours{1}}) == "-1 h");
    CHECK(format(read<gpu_duration>("36000 GPU-s")) == "10 GPU-h");
    CHECK(format(read<rate>("36 /h")) == "36 /h");
    CHECK(format(read<rate>("10 /h")) == "10 /h");
    CHECK(format(rate{0.5}) == "0.5 /s");
    CHECK(format(read<date>("2026-01-01T06:30:15.250Z")) == "2026-01-01T06:30:15.25Z");
    CHECK(format(0.1) == "0.1");
}

TEST_CASE("what is written reads back to the same value", "[units]") {
    std::mt19937_64 random{20260101};
    for (int i = 0; i < 20'000; ++i) {
        const auto bits = random();
        const duration d{static_cast<std::int64_t>(bits % static_cast<std::uint64_t>(longest_input.count())) >>
                         (bits % 60)};
        CHECK(read<duration>(format(d)) == d);
        const gpu_duration g{static_cast<std::int64_t>(bits % 9'000'000'000'000'000'000ULL) >> (bits % 62)};
        CHECK(read<gpu_duration>(format(g)) == g);
        const double x = std::ldexp(static_cast<double>(random() >> 11U), static_cast<int>(bits % 200) - 150);
        CHECK(read<double>(format(x)) == x);
        for (const unit& u : units()) {
            if (u.of == dimension::time || u.of == dimension::gpu_time) continue;
            double again = 0;
            if (parse_quantity(format_quantity(x, u.of), u.of, again) || again != x)
                FAIL("not the same: " << format_quantity(x, u.of));
        }
        const date t{std::chrono::nanoseconds{static_cast<std::int64_t>(bits) / 2}};
        if (t > read<date>("1678-01-02") && t < read<date>("2261-12-30")) CHECK(read<date>(format(t)) == t);
        CHECK(read<std::uint64_t>(format(bits)) == bits);
    }
}
