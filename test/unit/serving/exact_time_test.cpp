#include "support/catch.hpp"

#include <ampacity/serving/exact_time.hpp>

#include <cstdint>
#include <string>

using namespace ampacity;
using serving::exact_time;
using serving::parse_exact_time;

TEST_CASE("exact_time: decimals times a unit, without trailing zeros") {
    CHECK(parse_exact_time("5", 1'000'000).value == exact_time{5'000'000, 0});
    CHECK(parse_exact_time("20.5", 1000).value == exact_time{20'500, 0});
    CHECK(parse_exact_time("0.0305", 1).value == exact_time{305, 4});
    CHECK(parse_exact_time("30.500", 1).value == exact_time{305, 1});
    CHECK(parse_exact_time("1.5e-3", 1000).value == exact_time{15, 1});
    CHECK(parse_exact_time("12E2", 1).value == exact_time{1200, 0});
    CHECK(parse_exact_time("0.000", 1000).value == exact_time{});
    CHECK(parse_exact_time("0e99999999999999999999", 1).value == exact_time{});
    CHECK(parse_exact_time("-2.50", 1).value == exact_time{-25, 1});
    CHECK(parse_exact_time("+.5", 60'000'000'000).value == exact_time{30'000'000'000, 0});
    CHECK(parse_exact_time("0.000000000000000001", 1).value == exact_time{1, 18});
    CHECK(parse_exact_time("0.0000000000000000001", 10).value == exact_time{1, 18});
    CHECK(parse_exact_time("9223372036854775807", 1).value == exact_time{INT64_MAX, 0});
    CHECK(parse_exact_time("100000000000000000000e-20", 1).value == exact_time{1, 0});
}

TEST_CASE("exact_time: what has no exact value is told apart") {
    using enum decimal_status;
    CHECK(parse_exact_time("", 1).status == empty);
    CHECK(parse_exact_time("5 ms", 1).status == malformed);
    CHECK(parse_exact_time("nan", 1).status == not_finite);
    CHECK(parse_exact_time("0.0000000000000000001", 1).status == fractional);
    CHECK(parse_exact_time("1e-99999999999999999999", 1).status == fractional);
    CHECK(parse_exact_time("9223372036854775808", 1).status == overflow);
    CHECK(parse_exact_time("1e18", 1000).status == overflow);
    CHECK(parse_exact_time("1e99999999999999999999", 1).status == overflow);
    CHECK(parse_exact_time("123456789012345678901234567890123456789012345678901", 1).status == overflow);
}

TEST_CASE("exact_time: agrees with the rounding reader wherever that is exact") {
    for (std::int64_t i = -3000; i != 3000; ++i) {
        const std::string text = std::to_string(i) + "e-3";
        const auto exact = parse_exact_time(text, 1000);
        REQUIRE(exact);
        CHECK(exact.value == exact_time{i, 0});
        const auto fine = parse_exact_time(text, 1);
        REQUIRE(fine);
        std::int64_t milli = fine.value.mantissa;
        for (int s = fine.value.scale; s != 3; ++s) milli *= 10;
        CHECK(milli == parse_scaled(text, 3).value);
    }
}
