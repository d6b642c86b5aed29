#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/workload/rate_profile.hpp>

#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

using namespace ampacity;
using workload::rate_profile;

namespace {

using weights = std::vector<double>;

constexpr duration hour = std::chrono::hours{1};

weights random_weights(std::mt19937_64& random) {
    weights w(rate_profile::hours);
    for (double& x : w) x = random() % 4 == 0 ? 0 : static_cast<double>(1 + random() % 1000) * 0.1;
    w[random() % w.size()] += 1;
    return w;
}

/// The integral in long doubles, hour by hour from time 0.
long double integral_of(const weights& w, duration offset, duration t) {
    long double total = 0;
    for (const double x : w) total += x;
    long double sum = 0;
    duration at = offset;
    const duration end = offset + t;
    while (at < end) {
        const auto index = static_cast<std::size_t>((at % rate_profile::week) / hour);
        const duration next = std::min(end, at - at % hour + hour);
        sum += static_cast<long double>(ticks(next - at)) * w[index] / (total / rate_profile::hours);
        at = next;
    }
    return sum;
}

}  // namespace

TEST_CASE("a flat profile changes no nanosecond", "[rate_profile]") {
    std::mt19937_64 random{31};
    for (const double weight : {1.0, 0.1, 3e-300, 1e300}) {
        const rate_profile flat(weights(rate_profile::hours, weight), std::chrono::hours{77} + duration{12'345});
        for (int i = 0; i < 2000; ++i) {
            const duration s{static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(ticks(longest_input)))};
            REQUIRE(flat.calendar_time(s) == s);
            REQUIRE(flat.operational_time(s) == s);
        }
        CHECK(flat.calendar_time(duration{0}) == duration{0});
    }
}

TEST_CASE("the change of time is the integral of the rate and its inverse", "[rate_profile]") {
    std::mt19937_64 random{32};
    for (int trial = 0; trial < 60; ++trial) {
        const weights w = random_weights(random);
        const duration offset{
            static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(ticks(rate_profile::week)))};
        const rate_profile profile(w, offset);
        // A whole number of weeks is itself.
        CHECK(profile.operational_time(3 * rate_profile::week) == 3 * rate_profile::week);
        duration before{0};
        for (int i = 0; i < 50; ++i) {
            const duration t{
                static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(ticks(3 * rate_profile::week)))};
            // Each hour's share is rounded to a nanosecond once, and so is the result.
            const long double exact = integral_of(w, offset, t);
            REQUIRE(std::fabs(static_cast<double>(static_cast<long double>(ticks(profile.operational_time(t))) -
                                                  exact)) <= 4);
            // The first instant that has reached s.
            const duration s{
                static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(ticks(2 * rate_profile::week)))};
            const duration at = profile.calendar_time(s);
            REQUIRE(profile.operational_time(at) >= s);
            if (at > duration{0}) REQUIRE(profile.operational_time(at - duration{1}) <= s);
            before = std::max(before, at);
        }
        // Never backwards, and nothing within an hour of weight 0.
        duration last{0};
        for (duration s{1}; s < rate_profile::week; s += std::chrono::minutes{7}) {
            const duration at = profile.calendar_time(s);
            REQUIRE(at >= last);
            last = at;
            const duration into = (offset + at) % rate_profile::week;
            if (w[static_cast<std::size_t>(into / hour)] == 0) REQUIRE(into % hour == duration{0});
        }
    }
}

TEST_CASE("a profile is checked", "[rate_profile]") {
    CHECK_THROWS_AS(rate_profile(weights(rate_profile::hours, 0.0), duration{0}), std::invalid_argument);
    CHECK_THROWS_AS(rate_profile(weights(rate_profile::hours, -1.0), duration{0}), std::invalid_argument);
    CHECK_THROWS_AS(rate_profile(weights(rate_profile::hours, std::numeric_limits<double>::max()), duration{0}),
                    std::invalid_argument);
    CHECK_THROWS_AS(rate_profile(weights(24, 1.0), duration{0}), internal_error);
    const rate_profile flat(weights(rate_profile::hours, 1.0), duration{0});
    CHECK(flat.calendar_time(longest_input) >= longest_input);
}
