#include "support/catch.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/time.hpp>

#include <concepts>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <type_traits>

using namespace ampacity;

namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t smallest = std::numeric_limits<std::int64_t>::min();

template <class A, class B>
concept can_add = requires(A a, B b) { a + b; };

// Points and differences are different types.
static_assert(std::same_as<decltype(instant{} - instant{}), duration>);
static_assert(std::same_as<decltype(instant{} + duration{}), instant>);
static_assert(can_add<instant, duration> && !can_add<instant, instant>);
static_assert(!std::convertible_to<std::int64_t, duration> && !std::convertible_to<duration, instant>);
static_assert(!std::convertible_to<std::chrono::duration<double>, duration>, "no double becomes a time");
static_assert(std::same_as<duration::rep, std::int64_t> && std::same_as<duration::period, std::nano>);

static_assert(ticks(start_of_time) == 0 && ticks(never) == largest);
static_assert(ticks(longest_input) == 6'324'480'000 * std::int64_t{1'000'000'000});
static_assert(longest_input <= duration::max() - longest_input / 4, "sums with an input do not overflow");
static_assert(ticks(instant{duration{-7}}) == -7 && ticks(duration{42}) == 42);
static_assert(to_seconds(duration{1'500'000'000}) == 1.5 && to_seconds(instant{duration{-250'000'000}}) == -0.25);

static_assert(add_saturating(instant{duration{5}}, duration{7}) == instant{duration{12}});
static_assert(add_saturating(never, duration{0}) == never && add_saturating(never, duration{1}) == never);
static_assert(add_saturating(start_of_time, duration::max()) == never);
static_assert(add_saturating(instant{duration{1}}, duration::max()) == never);
static_assert(add_saturating(instant{duration{largest - 10}}, duration{9}) == instant{duration{largest - 1}});
static_assert(add_saturating(instant{duration{largest - 10}}, duration{11}) == never);
static_assert(add_saturating(start_of_time + longest_input, longest_input) == never);

}  // namespace

TEST_CASE("seconds are the double nearest to the exact decimal, at any size", "[time]") {
    const auto nearest = [](std::int64_t ns) { return std::strtod(format_ns_as_seconds(ns).c_str(), nullptr); };
    std::mt19937_64 random{1};
    for (int trial = 0; trial < 100'000; ++trial) {
        const std::int64_t ns = static_cast<std::int64_t>(random()) >> random() % 63;
        if (to_seconds(duration{ns}) != nearest(ns)) FAIL("ns " << ns);
    }
    constexpr std::int64_t exact = std::int64_t{1} << 53;
    for (std::int64_t near = -2000; near <= 2000; ++near) {
        for (const std::int64_t ns : {exact + near, -exact + near, (std::int64_t{1} << 62) + near, near}) {
            if (to_seconds(duration{ns}) != nearest(ns)) FAIL("ns " << ns);
        }
    }
    CHECK(to_seconds(duration{largest}) == nearest(largest));
    CHECK(to_seconds(duration{smallest}) == nearest(smallest));
    CHECK(to_seconds(never) == nearest(largest));
}
