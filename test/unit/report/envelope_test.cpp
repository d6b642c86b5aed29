#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/statistics.hpp>
#include <ampacity/report/envelope.hpp>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

using namespace ampacity;
using namespace ampacity::report;

namespace {

instant at(std::int64_t ns) { return start_of_time + duration{ns}; }

struct step {
    std::int64_t ns;
    std::int64_t value;
};

/// Steps in time order, several at one instant now and then, some beyond the end.
std::vector<step> random_steps(std::mt19937_64& random, std::int64_t length) {
    std::vector<step> steps(random() % 60);
    for (step& s : steps) {
        s.ns = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(length + 20));
        s.value = static_cast<std::int64_t>(random() % 100) - 20;
    }
    std::sort(steps.begin(), steps.end(), [](const step& a, const step& b) { return a.ns < b.ns; });
    return steps;
}

std::int64_t value_at(const std::vector<step>& steps, std::int64_t ns) {
    std::int64_t value = 0;
    for (const step& s : steps) {
        if (s.ns <= ns) value = s.value;
    }
    return value;
}

}  // namespace

TEST_CASE("edges are spread evenly", "[report]") {
    CHECK(even_edges(duration{10}, 4) == std::vector{at(0), at(2), at(5), at(7), at(10)});
    CHECK(even_edges(duration{3}, 800) == std::vector{at(0), at(1), at(2), at(3)});
    CHECK(even_edges(duration{0}, 800) == std::vector{at(0)});
    const duration longest = duration::max();
    const auto edges = even_edges(longest, 800);
    REQUIRE(edges.size() == 801);
    CHECK(edges.back() == start_of_time + longest);
    CHECK_THROWS_AS(even_edges(duration{-1}, 1), internal_error);
}

TEST_CASE("an envelope keeps integral, least and greatest value", "[report]") {
    std::mt19937_64 random{7};
    for (int trial = 0; trial < 300; ++trial) {
        const auto length = static_cast<std::int64_t>(1 + random() % 500);
        const auto steps = random_steps(random, length);
        envelope e{even_edges(duration{length}, 1 + random() % 40)};
        time_weighted whole{start_of_time};
        for (const step& s : steps) {
            e.set(at(s.ns), s.value);
            if (s.ns < length) whole.set(at(s.ns), s.value);
        }
        e.close();
        REQUIRE(e.integral() == whole.integral(at(length)));
        for (std::size_t i = 0; i < e.stretches().size(); ++i) {
            int128 integral = 0;
            std::int64_t least = std::numeric_limits<std::int64_t>::max();
            std::int64_t greatest = std::numeric_limits<std::int64_t>::min();
            for (std::int64_t ns = ticks(e.edge(i)); ns < ticks(e.edge(i + 1)); ++ns) {
                const std::int64_t value = value_at(steps, ns);
                integral += value;
                least = std::min(least, value);
                greatest = std::max(greatest, value);
            }
            REQUIRE(e.stretches()[i].integral == integral);
            REQUIRE(e.stretches()[i].least == least);
            REQUIRE(e.stretches()[i].greatest == greatest);
        }
    }
}

TEST_CASE("a short peak stays in the band", "[report]") {
    envelope e{even_edges(std::chrono::hours{24 * 365}, 800)};
    e.add(at(1'000'000'000'000), 512);
    e.add(at(1'000'000'000'001), -512);
    e.close();
    CHECK(e.greatest() == 512);
    CHECK(e.least() == 0);
    CHECK(e.integral() == 512);
}

TEST_CASE("what lasts no time is not seen", "[report]") {
    envelope e{even_edges(duration{10}, 5)};
    e.add(at(4), 7);
    e.add(at(4), -7);
    e.set(at(10), 9);
    e.set(at(12), 9);
    e.close();
    CHECK(e.greatest() == 0);
    CHECK(e.mean() == 0);
}

TEST_CASE("stretches may follow the steps", "[report]") {
    envelope e{{at(0), at(3), at(10)}};
    e.set(at(3), 5);
    e.close();
    REQUIRE(e.stretches().size() == 2);
    CHECK(e.mean(0) == 0);
    CHECK(e.mean(1) == 5);
    CHECK(e.mean() == 3.5);
    CHECK(e.length() == duration{10});
    CHECK_THROWS_AS((envelope{{at(0), at(0)}}), internal_error);
    CHECK_THROWS_AS((envelope{{at(1), at(2)}}), internal_error);
}

TEST_CASE("no time has no stretches", "[report]") {
    envelope e{even_edges(duration{0}, 800)};
    e.set(at(0), 5);
    e.close();
    CHECK(e.stretches().empty());
    CHECK(e.mean() == 0);
    CHECK(e.greatest() == 0);
}
