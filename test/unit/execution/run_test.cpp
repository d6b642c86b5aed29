// work_in and time_for have tests of their own (core/work_test.cpp); here is what a run does with them. The reference
// is arithmetic on fractions of any length.
#include "support/catch.hpp"

#include <ampacity/execution/run.hpp>

#include <boost/multiprecision/cpp_int.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <random>

using namespace ampacity;
using boost::multiprecision::cpp_int;
using boost::multiprecision::cpp_rational;
using execution::run;

namespace {

instant at(std::int64_t ns) { return instant{duration{ns}}; }

constexpr std::array speeds{1.0, 0.5, 1.7, 1.0 / 3, 2.0 / 3, 0.1, 0.9999999999999999, 2.5, 1e-6, 3.0, 1000.25};

/// A double as mantissa / 2^53 x 2^exponent.
cpp_rational exact(double speed) {
    int exponent = 0;
    const auto mantissa = static_cast<std::int64_t>(std::ldexp(std::frexp(speed, &exponent), 53));
    const int shift = 53 - exponent;
    return shift >= 0 ? cpp_rational(cpp_int{mantissa}, cpp_int{1} << shift)
                      : cpp_rational(cpp_int{mantissa} << -shift);
}

std::int64_t floor_of(const cpp_rational& x) { return static_cast<std::int64_t>(numerator(x) / denominator(x)); }

std::int64_t ceiling_of(const cpp_rational& x) {
    return static_cast<std::int64_t>((numerator(x) + denominator(x) - 1) / denominator(x));
}

/// A run of `work` ns that starts at `now`.
run started(std::int64_t work, double speed, std::int64_t now) {
    run r;
    r.remaining = duration{work};
    r.speed = speed;
    r.start(at(now));
    return r;
}

}  // namespace

TEST_CASE("a run at speed 1 is integer arithmetic", "[run]") {
    run r = started(1'000'000'007, 1, 5);
    CHECK(r.end() == at(1'000'000'012));
    CHECK_FALSE(r.ends_killed());
    r.advance(at(8));
    CHECK(r.remaining == duration{1'000'000'004});
    CHECK(r.ran == duration{3});
    CHECK(r.since == at(8));
    CHECK(r.end() == at(1'000'000'012));
    r.advance(at(8));
    CHECK(r.remaining == duration{1'000'000'004});
    // Preempted at 8, again from 20 on.
    r.start(at(20));
    CHECK(r.end() == at(1'000'000'024));
    r.advance(r.end());
    CHECK(r.remaining == duration{0});
    CHECK(r.ran == duration{1'000'000'007});
}

TEST_CASE("a run of no work ends as it starts", "[run]") {
    for (const double speed : speeds) {
        const run r = started(0, speed, 77);
        CHECK(r.end() == at(77));
        CHECK_FALSE(r.ends_killed());
    }
}

TEST_CASE("at its end a run is done, and not a nanosecond before", "[run]") {
    std::mt19937_64 random{1};
    for (int trial = 0; trial < 20'000; ++trial) {
        const double speed = speeds[random() % speeds.size()];
        const auto work = static_cast<std::int64_t>(random() >> (24 + random() % 39)) + 1;
        const auto start = static_cast<std::int64_t>(random() % 1'000'000);
        const run r = started(work, speed, start);
        run early = r;
        early.advance(r.end() - duration{1});
        run on_time = r;
        on_time.advance(r.end());
        if (early.remaining <= duration{0} || on_time.remaining != duration{0})
            FAIL("work " << work << " speed " << speed);
    }
}

TEST_CASE("pauses at speed 1 lose no work", "[run]") {
    std::mt19937_64 random{2};
    for (int trial = 0; trial < 300; ++trial) {
        const auto work = static_cast<std::int64_t>(random() % 1'000'000'000'000) + 1;
        std::int64_t now = static_cast<std::int64_t>(random() % 1000);
        std::int64_t done = 0;
        run r = started(work, 1, now);
        for (int stretch = 0; stretch < 50; ++stretch) {
            const auto ran = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(work - done + 1));
            now += ran;
            done += ran;
            r.advance(at(now));
            REQUIRE(r.remaining == duration{work - done});
            REQUIRE(r.ran == duration{done});
            now += static_cast<std::int64_t>(random() % 1000);
            r.start(at(now));
            REQUIRE(r.end() == at(now + work - done));
        }
    }
}

TEST_CASE("changes of speed and pauses agree with exact fractions, and cost less than 1 ns of work each", "[run]") {
    std::mt19937_64 random{3};
    for (int trial = 0; trial < 300; ++trial) {
        const auto work = static_cast<std::int64_t>(random() % 1'000'000'000) + 1'000;
        std::int64_t now = static_cast<std::int64_t>(random() % 1000);
        std::int64_t remaining = work;
        std::int64_t ran = 0;
        cpp_rational done = 0;  // had no fraction been dropped
        int stretches = 0;
        double speed = 1;
        run r = started(work, speed, now);
        for (int change = 0; change < 30; ++change) {
            const std::int64_t needed = ceiling_of(cpp_rational(remaining) / exact(speed));
            REQUIRE(r.end() == at(now + needed));
            // Mostly short stretches, where the fractions dropped matter.
            const auto longest =
                static_cast<std::uint64_t>(random() % 4 == 0 ? needed : std::min<std::int64_t>(needed, 50));
            const auto elapsed = static_cast<std::int64_t>(random() % (longest + 1));
            now += elapsed;
            ran += elapsed;
            remaining -= floor_of(elapsed * exact(speed));
            if (remaining < 0) remaining = 0;
            done += elapsed * exact(speed);
            ++stretches;
            const double next = speeds[random() % speeds.size()];
            if (random() % 3 == 0) {
                r.advance(at(now));
                now += static_cast<std::int64_t>(random() % 100);
                r.start(at(now));
                r.speed = next;
            } else {
                r.set_speed(at(now), next);
            }
            speed = next;
            REQUIRE(r.remaining == duration{remaining});
            REQUIRE(r.ran == duration{ran});
            REQUIRE(r.since == at(now));
            if (remaining == 0) break;
            // No work appears, and none is lost but the fraction of each stretch.
            REQUIRE(cpp_rational(work - remaining) <= done);
            REQUIRE(done < work - remaining + stretches);
        }
    }
}

TEST_CASE("a run with an allowance is killed when it is used up first", "[run]") {
    run r = started(100, 1, 10);
    r.allowance = duration{60};
    CHECK(r.ends_killed());
    CHECK(r.end() == at(70));
    r.advance(at(30));
    CHECK(r.allowance == duration{40});
    CHECK(r.remaining == duration{80});
    // The allowance is run time: a pause does not use it, a speed does not stretch it.
    r.start(at(1000));
    CHECK(r.end() == at(1040));
    r.set_speed(at(1010), 4);
    CHECK(r.allowance == duration{30});
    CHECK(r.remaining == duration{70});
    CHECK_FALSE(r.ends_killed());
    CHECK(r.end() == at(1010 + 18));
    r.set_speed(at(1011), 0.5);
    CHECK(r.remaining == duration{66});
    CHECK(r.ends_killed());
    CHECK(r.end() == at(1011 + 29));
    r.advance(r.end());
    CHECK(r.allowance == duration{0});
    CHECK(r.remaining == duration{66 - 14});

    // Work that ends with the allowance ends by itself.
    run exactly = started(100, 1, 0);
    exactly.allowance = duration{100};
    CHECK_FALSE(exactly.ends_killed());
    CHECK(exactly.end() == at(100));
    exactly.allowance = duration{99};
    CHECK(exactly.ends_killed());

    // An allowance of nothing kills at once; no allowance stays none.
    run none = started(5, 1, 3);
    none.allowance = duration{0};
    CHECK(none.ends_killed());
    CHECK(none.end() == at(3));
    run free = started(100, 0.5, 0);
    free.advance(at(50));
    CHECK(free.allowance == duration::max());
    CHECK_FALSE(free.ends_killed());
}

TEST_CASE("a run that would end beyond the range never ends", "[run]") {
    CHECK(started(10, 0x1p-1074, 5).end() == never);
    CHECK(started(ticks(longest_input), 1e-3, 0).end() == never);
    CHECK(started(ticks(duration::max()), 1, 1).end() == never);
    CHECK(started(ticks(duration::max()) - 5, 1, 4).end() == never - duration{1});
    run limited = started(10, 0x1p-1074, 5);
    limited.allowance = duration{7};
    CHECK(limited.end() == at(12));
    CHECK(limited.ends_killed());
}
