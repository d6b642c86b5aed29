// The reference is arithmetic on whole numbers of any length; a speed is taken apart by its bits.
#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/work.hpp>

#include <boost/multiprecision/cpp_int.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

using namespace ampacity;
using boost::multiprecision::cpp_int;

namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

struct fraction {
    cpp_int above, below;
};

fraction exact(double speed) {
    const auto bits = std::bit_cast<std::uint64_t>(speed);
    const auto biased = static_cast<int>(bits >> 52U);
    const std::uint64_t stored = bits & ((std::uint64_t{1} << 52U) - 1);
    const cpp_int mantissa = biased == 0 ? stored : stored | std::uint64_t{1} << 52U;
    const int exponent = (biased == 0 ? 1 : biased) - 1075;
    if (exponent >= 0) return {mantissa << exponent, 1};
    return {mantissa, cpp_int{1} << -exponent};
}

std::int64_t within_range(const cpp_int& x) { return x > largest ? largest : static_cast<std::int64_t>(x); }

std::int64_t floor_product(std::int64_t ns, double speed) {
    const fraction f = exact(speed);
    return within_range(cpp_int{ns} * f.above / f.below);
}

std::int64_t ceil_quotient(std::int64_t ns, double speed) {
    const fraction f = exact(speed);
    return within_range((cpp_int{ns} * f.below + f.above - 1) / f.above);
}

std::int64_t work(std::int64_t ns, double speed) { return ticks(work_in(duration{ns}, speed)); }
std::int64_t time(std::int64_t ns, double speed) { return ticks(time_for(duration{ns}, speed)); }

void check(std::int64_t ns, double speed) {
    if (work(ns, speed) != floor_product(ns, speed))
        FAIL("work in " << ns << " at " << speed << ": " << work(ns, speed));
    if (time(ns, speed) != ceil_quotient(ns, speed))
        FAIL("time for " << ns << " at " << speed << ": " << time(ns, speed));
}

constexpr std::array speeds{
    0.5,  1.7,  1.0 / 3,   2.0 / 3, 0.1,         1.0,       0.9999999999999999,      1.0000000000000002,
    0.75, 3.0,  1048576.0, 1e-9,    1e-300,      0x1p-1074, 0x1.fffffffffffffp-1023, 1e-3,
    1e-6, 7.25, 123.456,   2.0,     1048575.9999};

}  // namespace

TEST_CASE("work and time at simple speeds", "[work]") {
    CHECK(work(10, 0.5) == 5);
    CHECK(work(11, 0.5) == 5);
    CHECK(time(5, 0.5) == 10);
    CHECK(time(10, 3) == 4);
    CHECK(work(4, 3) == 12);
    CHECK(time(9, 3) == 3);
    // 0.1 is a little more than 1/10, 1.7 a little less than 17/10.
    CHECK(work(10, 0.1) == 1);
    CHECK(time(1, 0.1) == 10);
    CHECK(work(10, 1.7) == 16);
    CHECK(time(17, 1.7) == 11);
    for (const double speed : speeds) {
        CHECK(work(0, speed) == 0);
        CHECK(time(0, speed) == 0);
    }
}

TEST_CASE("speed 1 changes no nanosecond", "[work]") {
    std::mt19937_64 random{1};
    for (int trial = 0; trial < 1000; ++trial) {
        const auto ns = static_cast<std::int64_t>(random() >> 1U);
        REQUIRE(work(ns, 1.0) == ns);
        REQUIRE(time(ns, 1.0) == ns);
    }
    CHECK(work(largest, 1.0) == largest);
    CHECK(time(largest, 1.0) == largest);
}

TEST_CASE("work is the exact floor and time the exact ceiling for every speed", "[work]") {
    std::mt19937_64 random{2};
    for (const double speed : speeds) {
        for (const std::int64_t ns :
             {std::int64_t{1}, std::int64_t{2}, std::int64_t{3}, std::int64_t{1'000'000'000}, largest - 1, largest}) {
            check(ns, speed);
        }
        for (int trial = 0; trial < 300; ++trial)
            check(static_cast<std::int64_t>(random() >> (1 + random() % 63)), speed);
    }
    for (int trial = 0; trial < 20'000; ++trial) {
        const double mantissa = 1 + static_cast<double>(random() >> 12U) * 0x1p-52;
        const int spread = trial % 3 == 0 ? 1000 : trial % 3 == 1 ? 70 : 6;
        const double speed = std::ldexp(mantissa, 19 - static_cast<int>(random() % static_cast<std::uint64_t>(spread)));
        check(static_cast<std::int64_t>(random() >> (1 + random() % 63)), speed);
    }
    // Small speeds with few bits: products and quotients that come out even.
    for (int trial = 0; trial < 20'000; ++trial) {
        const auto bits = static_cast<double>(random() % 32 + 1);
        const double speed = std::ldexp(bits, -static_cast<int>(random() % 12));
        check(static_cast<std::int64_t>(random() % 5000), speed);
    }
}

TEST_CASE("what is beyond the range stays at its end", "[work]") {
    CHECK(work(largest, 2.0) == largest);
    CHECK(work(largest / 2, 2.0) == largest - 1);
    CHECK(work(largest / 2 + 1, 2.0) == largest);
    CHECK(time(largest, 0.5) == largest);
    CHECK(time(largest / 2, 0.5) == largest - 1);
    CHECK(time(1, 0x1p-1074) == largest);
    CHECK(time(1, 0x1p-62) == std::int64_t{1} << 62U);
    CHECK(time(1, 0x1p-63) == largest);
    CHECK(time(1, 0x1p-64) == largest);
    CHECK(work(largest, 0x1p-1074) == 0);
}

TEST_CASE("the time for a piece of work is the first at which it is done", "[work]") {
    std::mt19937_64 random{3};
    for (int trial = 0; trial < 20'000; ++trial) {
        const auto ns = static_cast<std::int64_t>(random() >> (4 + random() % 60)) + 1;
        const double speed =
            trial % 2 == 0 ? speeds[random() % 11] : 0.01 + static_cast<double>(random() >> 11U) * 0x1p-50;
        const std::int64_t needed = time(ns, speed);
        if (needed == largest) continue;
        if (work(needed, speed) < ns || work(needed - 1, speed) >= ns) FAIL("work " << ns << " at " << speed);
    }
}

TEST_CASE("a speed must be positive, finite and at most 2^20", "[work]") {
    for (const double wrong : {0.0, -1.0, std::nextafter(1048576.0, 2e6), std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::quiet_NaN()}) {
        CAPTURE(wrong);
        CHECK_THROWS_AS(work_in(duration{5}, wrong), internal_error);
        CHECK_THROWS_AS(time_for(duration{5}, wrong), internal_error);
    }
}
