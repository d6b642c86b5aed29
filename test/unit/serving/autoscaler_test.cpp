// How many replicas are wanted: closed forms of each policy, and what always holds, against a list of all decisions.
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/serving/autoscaler.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
using serving::autoscaler;
using serving::autoscaler_options;
using serving::scaling_observation;
using serving::scaling_policy;

namespace {

scaling_observation seen(std::int64_t number, double requests, std::int64_t running = 0, std::int64_t waiting = 0) {
    constexpr duration since = 10s;
    return {.now = start_of_time + number * since,
            .since = since,
            .running = running,
            .waiting = waiting,
            .request_ns = static_cast<int128>(requests * 1e9) * 10};
}

autoscaler_options options_of(scaling_policy policy, std::uint32_t max, double target) {
    return {.policy = policy, .max = max, .interval = 10s, .target = target, .seats = 8};
}

}  // namespace

TEST_CASE("seats for the mean number of requests are at most taken to the target", "[autoscaler]") {
    autoscaler a(options_of(scaling_policy::target_utilisation, 100, 0.5));
    CHECK(a.wanted() == 1);
    std::int64_t number = 0;
    for (std::uint32_t n = 1; n != 90; ++n) {  // 4 requests for each replica
        CHECK(a.decide(seen(++number, 4.0 * n)) == n);
        CHECK(a.decide(seen(++number, 4.0 * n + 0.001)) == n + 1);
        CHECK(a.decide(seen(++number, 4.0 * n - 3.999)) == n);
    }
    CHECK(a.decide(seen(++number, 1e6)) == 100);
    CHECK(a.decide(seen(++number, 0)) == 1);
}

TEST_CASE("a queue asks for seats of those that run and more for those that wait", "[autoscaler]") {
    autoscaler a(options_of(scaling_policy::queue, 20, 4));
    CHECK(a.decide(seen(1, 0, 8, 0)) == 1);
    CHECK(a.decide(seen(2, 0, 9, 0)) == 2);
    CHECK(a.decide(seen(3, 0, 16, 1)) == 3);
    CHECK(a.decide(seen(4, 0, 16, 4)) == 3);
    CHECK(a.decide(seen(5, 0, 16, 5)) == 4);
    CHECK(a.decide(seen(6, 0, 0, 1000)) == 20);
    CHECK(a.decide(seen(7, 0, 0, 0)) == 1);
}

TEST_CASE("missed targets ask for a tenth more and met ones for one fewer", "[autoscaler]") {
    autoscaler_options o = options_of(scaling_policy::slo, 100, 0.9);
    o.first = 20;
    autoscaler a(o);
    std::int64_t number = 0;
    const auto decide = [&](double requests, std::uint64_t left, std::uint64_t met) {
        scaling_observation s = seen(++number, requests);
        s.left = left;
        s.met = met;
        return a.decide(s);
    };
    CHECK(decide(0, 100, 89) == 22);
    CHECK(decide(0, 100, 89) == 25);
    CHECK(decide(97, 100, 90) == 25);  // more than half of the seats of 24
    CHECK(decide(96, 100, 90) == 24);
    CHECK(decide(0, 0, 0) == 23);
    for (int i = 0; i != 40; ++i) decide(0, 10, 10);
    CHECK(a.wanted() == 1);
    CHECK(decide(0, 10, 8) == 2);
    for (int i = 0; i != 100; ++i) decide(0, 10, 0);
    CHECK(a.wanted() == 100);
}

TEST_CASE("a schedule is exact and has its decisions at its steps", "[autoscaler]") {
    const autoscaler_options o{.policy = scaling_policy::schedule,
                               .min = 2,
                               .max = 9,
                               .down_delay = 5h,  // which a schedule does not wait for
                               .schedule = {{7h, 9}, {20h, 4}, {23h, 2}},
                               .offset = 6h};
    autoscaler a(o);
    CHECK(a.wanted() == 2);
    instant now = start_of_time;
    const std::vector<std::pair<duration, std::uint32_t>> expected{{1h, 9},  {14h, 4}, {17h, 2},
                                                                   {25h, 9}, {38h, 4}, {41h, 2}};
    for (const auto& [at, replicas] : expected) {
        CHECK(a.next(now) == start_of_time + at);
        CHECK(a.next(start_of_time + at - duration{1}) == start_of_time + at);
        CHECK(a.scheduled(start_of_time + at - duration{1}) == a.wanted());
        now = start_of_time + at;
        CHECK(a.decide({.now = now, .since = 1h}) == replicas);
    }
    CHECK(a.next(never - duration{5}) == never);
}

TEST_CASE("decisions come at multiples of the interval and a fixed count has none", "[autoscaler]") {
    const autoscaler a(options_of(scaling_policy::queue, 4, 1));
    CHECK(a.next(start_of_time) == start_of_time + 10s);
    CHECK(a.next(start_of_time + 10s - duration{1}) == start_of_time + 10s);
    CHECK(a.next(start_of_time + 10s) == start_of_time + 20s);
    CHECK(a.next(never - duration{1}) == never);
    CHECK(autoscaler({.first = 3, .max = 5}).next(start_of_time) == never);
    CHECK(autoscaler({.first = 3, .max = 5}).wanted() == 3);
}

TEST_CASE("hysteresis and bounds hold against a list of all decisions", "[autoscaler]") {
    std::uint64_t rises = 0, falls = 0, held = 0;
    for (std::uint64_t number = 0; number != 400; ++number) {
        random_stream d(5, purpose::test, number);
        const auto upto = [&](std::uint64_t n) { return static_cast<std::int64_t>(d.below(n)); };
        autoscaler_options o = options_of(scaling_policy::queue, 0, 1);
        o.seats = 1;
        o.min = static_cast<std::uint32_t>(1 + upto(4));
        o.max = o.min + static_cast<std::uint32_t>(upto(12));
        o.first = o.min + static_cast<std::uint32_t>(upto(o.max - o.min + 1));
        o.up_delay = upto(3) * 9s;
        o.down_delay = upto(8) * 10s;
        autoscaler a(o);
        struct asked {
            instant at;
            std::uint32_t replicas;
        };
        std::vector<asked> all{{start_of_time, o.first}};
        std::uint32_t wanted = o.first;
        for (std::int64_t i = 1; i != 120; ++i) {
            const std::int64_t load = upto(4) == 0 ? upto(20) : std::int64_t{wanted} + upto(3) - 1;
            scaling_observation s = seen(i, 0, load, 0);
            const auto raw = std::clamp(static_cast<std::uint32_t>(load), o.min, o.max);
            all.push_back({s.now, raw});
            std::uint32_t lowest = raw, highest = raw;
            for (const asked& x : all) {
                if (s.now - x.at < o.up_delay) lowest = std::min(lowest, x.replicas);
                if (s.now - x.at < o.down_delay) highest = std::max(highest, x.replicas);
            }
            const std::uint32_t before = wanted;
            if (lowest > wanted)
                wanted = lowest;
            else if (highest < wanted)
                wanted = highest;
            REQUIRE(a.decide(s) == wanted);
            REQUIRE((o.min <= wanted && wanted <= o.max));
            rises += wanted > before ? 1U : 0U;
            falls += wanted < before ? 1U : 0U;
            held += raw != wanted ? 1U : 0U;
        }
    }
    CHECK(rises > 3000);
    CHECK(falls > 3000);
    CHECK(held > 3000);
}
