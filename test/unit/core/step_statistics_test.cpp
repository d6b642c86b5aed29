// The reference is the list of values, nanosecond by nanosecond.
#include "support/catch.hpp"

#include <ampacity/core/step_statistics.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace ampacity;

namespace {

instant at(std::int64_t ns) { return instant{duration{ns}}; }

}  // namespace

TEST_CASE("a step function's moments and extremes are those of its nanoseconds", "[step_statistics]") {
    std::mt19937_64 random{11};
    for (int trial = 0; trial < 500; ++trial) {
        const auto start = static_cast<std::int64_t>(random() % 50);
        const std::int64_t offset = trial % 3 == 0 ? 0 : (trial % 3 == 1 ? 1 : -1) * (step_statistics::limit - 100);
        const std::int64_t spread = trial % 5 == 0 ? 2 : 60;
        const auto any = [&] {
            return offset + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(spread)) - spread / 2;
        };
        std::vector<std::int64_t> values(200);
        std::int64_t value = any();
        step_statistics s(at(start), value);
        CHECK_FALSE(s.summarize(at(start)).has_value());
        std::fill(values.begin(), values.end(), value);
        std::size_t t = 0;
        for (int change = 0; change < 10; ++change) {
            t += random() % 4 == 0 ? 0 : random() % 25;
            if (t >= values.size()) break;
            const std::int64_t next = any();
            if (random() % 2 == 0) {
                s.set(at(start + static_cast<std::int64_t>(t)), next);
            } else {
                s.add(at(start + static_cast<std::int64_t>(t)), next - value);
            }
            value = next;
            std::fill(values.begin() + static_cast<std::ptrdiff_t>(t), values.end(), value);
        }
        long double mean = 0;
        for (const std::int64_t x : values) mean += static_cast<long double>(x);
        mean /= 200;
        long double variance = 0;
        for (const std::int64_t x : values)
            variance += (static_cast<long double>(x) - mean) * (static_cast<long double>(x) - mean);
        variance /= 200;
        const auto got = s.summarize(at(start + 200));
        REQUIRE(got.has_value());
        REQUIRE(std::fabs(got->mean - static_cast<double>(mean)) <= 4e-16 * std::fabs(static_cast<double>(mean)));
        REQUIRE(std::fabs(got->variance - static_cast<double>(variance)) <= 1e-14 * static_cast<double>(variance));
        REQUIRE(got->min == *std::min_element(values.begin(), values.end()));
        REQUIRE(got->max == *std::max_element(values.begin(), values.end()));
    }
}

TEST_CASE("200 years of the largest values do not overflow", "[step_statistics]") {
    step_statistics s(start_of_time, step_statistics::limit);
    s.set(start_of_time + longest_input / 2, -step_statistics::limit);
    const auto got = s.summarize(start_of_time + longest_input);
    REQUIRE(got.has_value());
    CHECK(got->mean == 0);
    CHECK(got->variance == 0x1p62);
    // A blip of 1 ns in 200 years.
    step_statistics blip(start_of_time, 1'000'000'007);
    blip.set(start_of_time + duration{5}, 1'000'000'008);
    blip.set(start_of_time + duration{6}, 1'000'000'007);
    const auto seen = blip.summarize(start_of_time + longest_input);
    const double share = 1 / static_cast<double>(ticks(longest_input));
    CHECK(std::fabs(seen->variance - share) < 1e-15 * share);
    CHECK(seen->max == 1'000'000'008);
}

TEST_CASE("step statistics refuse the past and values beyond the limit", "[step_statistics]") {
    step_statistics s(at(10), 3);
    s.set(at(12), 4);
    CHECK_THROWS_AS(s.set(at(11), 0), internal_error);
    CHECK_THROWS_AS(s.summarize(at(11)), internal_error);
    CHECK_THROWS_AS(s.set(at(13), step_statistics::limit + 1), internal_error);
    CHECK_THROWS_AS(s.add(at(13), -2 * step_statistics::limit), internal_error);
    // A value that held for no time counts nowhere.
    step_statistics instant_peak(at(0), 1);
    instant_peak.set(at(5), 100);
    instant_peak.set(at(5), 1);
    CHECK(instant_peak.summarize(at(9))->max == 1);
}
