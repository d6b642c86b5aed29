#include "support/catch.hpp"

#include <ampacity/workload/arrivals.hpp>
#include <ampacity/workload/rate_clock.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
using workload::rate_clock;
using workload::rate_profile;
using workload::rate_trend;

namespace {

constexpr duration day = 24h;

/// Relative rate at an instant, as the header says it.
long double rate_at(const std::vector<double>& weights, duration offset, const rate_trend& trend, duration t) {
    long double rate = 1;
    if (!weights.empty()) {
        long double sum = 0;
        for (const double w : weights) sum += w;
        rate = weights[static_cast<std::size_t>(((offset + t) % rate_profile::week) / 1h)] * 168 / sum;
    }
    rate *= std::pow(static_cast<long double>(trend.growth), static_cast<long double>(t / day) / 365);
    for (const auto& s : trend.surges) {
        if (t >= s.at && t - s.at < s.length) rate *= s.factor;
    }
    return rate;
}

}  // namespace

TEST_CASE("rate clock: a surge of twice the rate halves the gaps while it lasts") {
    workload::arrivals beat({.seed = 1,
                             .entity = 0,
                             .rate_per_s = 0.1,
                             .cv = 0,
                             .trend = {.surges = {{.at = 25s, .length = 20s, .factor = 2}}}});
    // 10, 20; from 25 s on operational time runs twice as fast, until it is 65 s at 45 s.
    for (const duration expected : {duration{10s}, duration{20s}, duration{27'500ms}, duration{32'500ms},
                                    duration{37'500ms}, duration{42'500ms}, duration{50s}, duration{60s}})
        CHECK(beat.next() == start_of_time + expected);
}

TEST_CASE("rate clock: nothing comes while a surge of factor 0 lasts, and all goes on behind it") {
    rate_clock clock({}, {.surges = {{.at = 0s, .length = 1h, .factor = 0}, {.at = 2h, .length = 1h, .factor = 0}}});
    CHECK(clock.calendar_time(1ns) == 1h + 1ns);
    CHECK(clock.calendar_time(1h) == 2h);
    CHECK(clock.calendar_time(1h + 1ns) == 3h + 1ns);
}

TEST_CASE("rate clock: growth is compounded by the day") {
    rate_clock clock({}, {.growth = 1.5});
    // After d days: the sum of 1.5^(k/365) days, k < d.
    const double q = std::pow(1.5, 1.0 / 365);
    for (const int d : {1, 2, 365, 730, 2555}) {
        const double days = (std::pow(q, d) - 1) / (q - 1);
        const duration at = clock.calendar_time(duration{std::llround(days * 86400e9)});
        CHECK(std::abs(to_seconds(at - d * day)) < 1e-3);
    }
}

TEST_CASE("rate clock: what falls without end is never reached, and what explodes stays in order") {
    rate_clock falls({}, {.growth = 0.001});
    CHECK(falls.calendar_time(40 * day) < longest_input);
    CHECK(falls.calendar_time(100 * day) > longest_input);
    CHECK(falls.calendar_time(longest_input) > longest_input);
    rate_clock explodes({}, {.growth = 1000});
    duration before{0};
    for (duration s = 1h; s < longest_input / 2; s *= 2) {
        const duration at = explodes.calendar_time(s);
        CHECK(at > before);
        before = at;
    }
    CHECK(before < 10 * 365 * day);
}

TEST_CASE("rate clock: the integral of the rate up to each instant is the operational time") {
    std::mt19937_64 random{17};
    for (int round = 0; round != 40; ++round) {
        std::vector<double> weights;
        const auto minutes = [&](std::uint64_t below) { return std::chrono::minutes{random() % below}; };
        const duration offset = minutes(168 * 60);
        if (round % 2 == 0) {
            for (std::size_t i = 0; i != rate_profile::hours; ++i) weights.push_back(static_cast<double>(random() % 4));
            weights[random() % 168] += 1;
        }
        rate_trend trend{.growth = round % 3 == 0 ? 1 : 0.2 + 0.1 * static_cast<double>(random() % 40)};
        for (std::uint64_t i = random() % 4; i != 0; --i)
            trend.surges.push_back({.at = minutes(13'000),
                                    .length = 1min + minutes(1500),
                                    .factor = 0.5 * static_cast<double>(random() % 6)});
        const auto profile = weights.empty() ? std::nullopt : std::optional{rate_profile{weights, offset}};
        rate_clock clock(profile, trend), back(profile, trend);
        // All changes are at whole minutes.
        long double sum = 0;
        duration at{0};
        for (duration s = 5min; s < 10 * day; s += 3h + duration{static_cast<std::int64_t>(random() % 1'000'000'000)}) {
            const duration t = clock.calendar_time(s);
            REQUIRE(t >= at);
            // The first nanosecond at which it is reached: with a high rate several pass in one.
            CHECK((back.operational_time(t) >= s - 1ns && back.operational_time(t) < s + 1us));
            if (t > 40 * day) break;
            for (; at + 1min <= t; at += 1min) sum += 60 * rate_at(weights, offset, trend, at);
            const long double rest =
                static_cast<long double>(ticks(t - at)) / 1e9L * rate_at(weights, offset, trend, at);
            CHECK(std::abs(static_cast<double>(sum + rest - static_cast<long double>(ticks(s)) / 1e9L)) < 2e-6);
        }
    }
}
