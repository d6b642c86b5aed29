// The reference for order statistics is sorting.
#include "support/catch.hpp"

#include <ampacity/core/statistics.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace ampacity;
using keys = std::vector<std::uint64_t>;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::uint64_t all_bits = ~std::uint64_t{0};
constexpr std::uint64_t limit = quantile_selector::collect_limit;

static_assert(exact_rank(p50, 1) == 1 && exact_rank(p50, 2) == 1 && exact_rank(p50, 3) == 2);
static_assert(exact_rank(p99, 100) == 99 && exact_rank(p99, 101) == 100 && exact_rank(p999, 1000) == 999);
static_assert(exact_rank(per_mille{1}, 1000) == 1 && exact_rank(per_mille{1}, 1001) == 2);
static_assert(exact_rank(p100, all_bits) == all_bits && exact_rank(p50, all_bits) == std::uint64_t{1} << 63U);
static_assert(order_key(0.0) == 0 && order_key(-0.0) == 0 && from_order_key(order_key(1.5)) == 1.5);

instant at(std::int64_t ns) { return instant{duration{ns}}; }

/// Runs the selector over the keys; each pass in another order.
void feed(quantile_selector& selector, keys data) {
    std::mt19937_64 random{5};
    bool more = true;
    while (more) {
        for (const std::uint64_t k : data) selector.add(k);
        more = selector.end_pass();
        std::shuffle(data.begin(), data.end(), random);
    }
}

/// Checks all interesting percentiles and ranks against sorting; returns the number of passes.
int check_selection(const keys& data) {
    const std::vector<per_mille> wanted{p100, p50, per_mille{1}, p999, p90, p99, per_mille{251}, p50};
    keys sorted = data;
    std::sort(sorted.begin(), sorted.end());
    const std::uint64_t n = sorted.size();

    quantile_selector selector(wanted);
    feed(selector, data);
    CHECK(selector.count() == n);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        CAPTURE(n, wanted[i].value);
        if (n == 0) {
            CHECK_FALSE(selector.value(i).has_value());
        } else {
            CHECK(selector.value(i) == sorted[exact_rank(wanted[i], n) - 1]);
        }
    }

    std::mt19937_64 random{6};
    keys ranks{1, n, n + 1, all_bits};
    for (int i = 0; i < 8 && n > 0; ++i) ranks.push_back(1 + random() % n);
    ranks.erase(std::remove(ranks.begin(), ranks.end(), 0U), ranks.end());
    quantile_selector by_rank = quantile_selector::of_ranks(ranks);
    feed(by_rank, data);
    for (std::size_t i = 0; i < ranks.size(); ++i) {
        CAPTURE(n, ranks[i]);
        if (ranks[i] > n) {
            CHECK_FALSE(by_rank.value(i).has_value());
        } else {
            CHECK(by_rank.value(i) == sorted[ranks[i] - 1]);
        }
    }
    return selector.passes();
}

}  // namespace

TEST_CASE("a percentile's rank is the smallest whole number not below its share", "[statistics]") {
    for (std::uint32_t p = 1; p <= 1000; ++p) {
        for (const std::uint64_t n : {1U, 2U, 3U, 7U, 10U, 99U, 100U, 101U, 999U, 1000U, 1001U, 65'537U}) {
            const std::uint64_t r = exact_rank(per_mille{p}, n);
            if (!(r >= 1 && r <= n && r * 1000 >= p * n && (r - 1) * 1000 < p * n)) FAIL("p " << p << " n " << n);
        }
    }
    CHECK_THROWS_AS(exact_rank(per_mille{0}, 5), internal_error);
    CHECK_THROWS_AS(exact_rank(per_mille{1001}, 5), internal_error);
    CHECK_THROWS_AS(exact_rank(p50, 0), internal_error);
}

TEST_CASE("order keys sort as the doubles do", "[statistics]") {
    std::mt19937_64 random{1};
    std::vector<double> values{0.0, 0x1p-1074, 0x1p-1022, 1.0, 0x1.fffffffffffffp1023, infinity};
    while (values.size() < 2000) {
        const auto x = std::bit_cast<double>(random() >> 1U);
        if (!std::isnan(x)) values.push_back(x);
    }
    std::sort(values.begin(), values.end());
    for (std::size_t i = 1; i < values.size(); ++i) {
        REQUIRE((order_key(values[i - 1]) < order_key(values[i])) == (values[i - 1] < values[i]));
        REQUIRE(from_order_key(order_key(values[i])) == values[i]);
    }
    CHECK_FALSE(std::signbit(from_order_key(order_key(-0.0))));
    CHECK_THROWS_AS(order_key(-0x1p-1074), internal_error);
    CHECK_THROWS_AS(order_key(-infinity), internal_error);
    CHECK_THROWS_AS(order_key(std::numeric_limits<double>::quiet_NaN()), internal_error);
}

TEST_CASE("few keys are selected in one pass", "[statistics]") {
    std::mt19937_64 random{2};
    CHECK(check_selection({}) == 1);
    CHECK(check_selection({7}) == 1);
    CHECK(check_selection({all_bits, 0}) == 1);
    for (const std::size_t n : {2U, 3U, 10U, 999U, 1000U, 1001U}) {
        keys narrow(n), wide(n);
        for (std::uint64_t& k : narrow) k = random() % 20;
        for (std::uint64_t& k : wide) k = random() >> random() % 64;
        CHECK(check_selection(narrow) == 1);
        CHECK(check_selection(wide) == 1);
    }
    keys full(limit);
    for (std::uint64_t& k : full) k = random();
    CHECK(check_selection(full) == 1);
}

TEST_CASE("more keys than are collected are selected in a few passes", "[statistics]") {
    std::mt19937_64 random{3};
    const auto fill = [](std::size_t n, auto&& next) {
        keys out(n);
        for (std::uint64_t& k : out) k = next();
        return out;
    };
    CHECK(check_selection(fill(limit + 1, [&] { return random(); })) <= 2);
    CHECK(check_selection(fill(200'000, [&] { return random() >> random() % 64; })) <= 3);
    CHECK(check_selection(fill(150'000, [&] { return random() % 1000; })) == 1);
    CHECK(check_selection(fill(150'000, [&] { return 1000 + random() % 50; })) <= 2);
    CHECK(check_selection(fill(150'000, [&] { return order_key(std::ldexp(1.0, static_cast<int>(random() % 9))); })) <=
          5);
    CHECK(check_selection(fill(150'000, [&] { return order_key(static_cast<double>(random() >> 11U) * 0x1p-53); })) <=
          3);
    CHECK(check_selection(keys(limit + 1, 0)) == 1);
    CHECK(check_selection(keys(limit + 1, all_bits)) == 5);

    // Two heaps, too large to be collected, that differ in the last bit only: every pass is needed.
    CHECK(check_selection(fill(3 * limit, [&] { return (std::uint64_t{1} << 63U) + random() % 2; })) == 5);
    CHECK(check_selection(fill(3 * limit, [&] { return all_bits - random() % 2; })) == 5);
    // Heaps on both sides of the borders of bins and parts.
    CHECK(check_selection(fill(4 * limit, [&] {
              constexpr std::array<std::uint64_t, 4> borders{1024, 2048, std::uint64_t{1} << 40U,
                                                             0x8010'0000'0000'0000U};
              const std::uint64_t border = borders[random() % 4];
              return border - random() % 2;
          })) <= 5);
}

TEST_CASE("the selector refuses what it cannot answer", "[statistics]") {
    CHECK_THROWS_AS(quantile_selector({p50, per_mille{0}}), internal_error);
    CHECK_THROWS_AS(quantile_selector({per_mille{1001}}), internal_error);
    CHECK_THROWS_AS(quantile_selector::of_ranks({1, 0}), internal_error);

    quantile_selector early({p50});
    early.add(1);
    CHECK_THROWS_AS(early.value(0), internal_error);
    CHECK_FALSE(early.end_pass());
    CHECK(early.value(0) == 1U);
    CHECK_THROWS_AS(early.value(1), internal_error);

    for (const std::uint64_t second : {limit, limit + 2}) {
        CAPTURE(second);
        quantile_selector changed({p50});
        for (std::uint64_t i = 0; i <= limit; ++i) changed.add(5'000'000);
        REQUIRE(changed.end_pass());
        for (std::uint64_t i = 0; i < second; ++i) changed.add(5'000'000);
        CHECK_THROWS_AS(changed.end_pass(), internal_error);
    }
}

TEST_CASE("select_percentiles asks for the keys as often as needed", "[statistics]") {
    std::mt19937_64 random{4};
    keys data(limit + 100);
    for (std::uint64_t& k : data) k = random() % 1'000'000;
    int calls = 0;
    const auto each = [&](auto&& sink) {
        ++calls;
        for (const std::uint64_t k : data) sink(k);
    };
    const auto found = select_percentiles(each, {p90, p50});
    CHECK(calls == 2);
    std::sort(data.begin(), data.end());
    REQUIRE(found.size() == 2);
    CHECK(found[0] == data[exact_rank(p90, data.size()) - 1]);
    CHECK(found[1] == data[exact_rank(p50, data.size()) - 1]);
    const auto none = select_percentiles([](auto&&) {}, {p50, p99});
    CHECK(none == std::vector<std::optional<std::uint64_t>>(2));
}

TEST_CASE("a time-weighted value is integrated exactly", "[statistics]") {
    time_weighted w(at(10), 3);
    CHECK_FALSE(w.mean(at(10)).has_value());
    CHECK(w.integral(at(10)) == 0);
    CHECK(w.integral(at(14)) == 12);
    w.set(at(12), 100);
    w.set(at(12), -1);  // the last at an instant counts
    CHECK(w.value() == -1);
    CHECK(w.integral(at(12)) == 6);
    w.add(at(15), 5);
    CHECK(w.value() == 4);
    CHECK(w.integral(at(20)) == 6 - 3 + 20);
    CHECK(w.mean(at(20)) == 2.3);
    CHECK(w.integral(at(20)) == 23);
    CHECK_THROWS_AS(w.set(at(14), 0), internal_error);
    CHECK_THROWS_AS(w.integral(at(14)), internal_error);
    CHECK_THROWS_AS(w.mean(at(14)), internal_error);
    CHECK(time_weighted(at(0)).value() == 0);

    // 2^31 GPUs for 200 years: beyond 64 bits.
    constexpr std::int64_t gpus = std::int64_t{1} << 31U;
    time_weighted large(start_of_time, gpus);
    CHECK(to_string(large.integral(start_of_time + longest_input)) == "13581717382103040000000000000");
    CHECK(large.mean(start_of_time + longest_input) == static_cast<double>(gpus));
}

TEST_CASE("a time-weighted value agrees with a sum over nanoseconds", "[statistics]") {
    std::mt19937_64 random{7};
    for (int trial = 0; trial < 200; ++trial) {
        const auto start = static_cast<std::int64_t>(random() % 50);
        std::array<std::int64_t, 200> at_ns{};  // value from start + i on
        std::int64_t value = static_cast<std::int64_t>(random() % 21) - 10;
        time_weighted w(at(start), value);
        std::size_t t = 0;
        at_ns.fill(value);
        for (int change = 0; change < 10; ++change) {
            t += random() % 4 == 0 ? 0 : random() % 20;
            if (t >= at_ns.size()) break;
            const auto by = static_cast<std::int64_t>(random() % 21) - 10;
            if (random() % 2 == 0) {
                value = by;
                w.set(at(start + static_cast<std::int64_t>(t)), by);
            } else {
                value += by;
                w.add(at(start + static_cast<std::int64_t>(t)), by);
            }
            std::fill(at_ns.begin() + static_cast<std::ptrdiff_t>(t), at_ns.end(), value);
        }
        std::int64_t sum = 0;
        for (const std::int64_t x : at_ns) sum += x;
        REQUIRE((w.integral(at(start + 200)) == sum));
        REQUIRE(w.mean(at(start + 200)) == static_cast<double>(sum) / 200);
    }
}
