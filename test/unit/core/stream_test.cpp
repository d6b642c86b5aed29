#include "support/catch.hpp"
#include "support/chosen_stream.hpp"
#include "support/goodness_of_fit.hpp"

#include <ampacity/core/stream.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <random>
#include <vector>

using namespace ampacity;
using test::chosen_stream;

namespace {

// Part of every result: never changed, never reused.
static_assert(static_cast<std::uint32_t>(purpose::arrivals) == 1 && static_cast<std::uint32_t>(purpose::sizes) == 2);
static_assert(static_cast<std::uint32_t>(purpose::durations) == 3 &&
              static_cast<std::uint32_t>(purpose::estimates) == 4);
static_assert(static_cast<std::uint32_t>(purpose::placement) == 5 &&
              static_cast<std::uint32_t>(purpose::failures) == 6);
static_assert(static_cast<std::uint32_t>(purpose::repairs) == 7 && static_cast<std::uint32_t>(purpose::test) == 1000);

static_assert(!std::is_default_constructible_v<random_stream>, "no default seed");
static_assert(random_stream::length == 8'589'934'592);

constexpr std::uint64_t all_bits = ~std::uint64_t{0};

std::vector<std::uint64_t> draws(random_stream stream, std::size_t n) {
    std::vector<std::uint64_t> out(n);
    for (std::uint64_t& x : out) x = stream();
    return out;
}

}  // namespace

TEST_CASE("a stream's name and position are the whole input of Philox", "[stream]") {
    // The known answers of Random123, spelled as streams: nothing of the mapping can change unseen.
    random_stream zero(0, purpose{0}, 0);
    CHECK(zero() == 0xe169'c58d'6627'e8d5U);
    CHECK(zero() == 0x9b00'dbd8'bc57'ac4cU);

    random_stream pi(0x299f'31d0'a409'3822U, purpose{0x85a3'08d3U}, 0x0370'7344'1319'8a2eU);
    pi.seek(2 * std::uint64_t{0x243f'6a88U});
    CHECK(pi() == 0x94fd'cceb'd16c'fe09U);
    CHECK(pi() == 0x2412'6ea1'5001'e420U);

    random_stream ones(all_bits, purpose{0xFFFF'FFFFU}, all_bits);
    ones.seek(random_stream::length - 2);
    CHECK(ones() == 0x41c8'3b0e'408f'276dU);
    CHECK(ones() == 0x6d54'51fd'a20b'c7c6U);

    CHECK(pi.name() == stream_name{0x299f'31d0'a409'3822U, purpose{0x85a3'08d3U}, 0x0370'7344'1319'8a2eU});
}

TEST_CASE("a chosen stream draws what was chosen", "[stream]") {
    std::mt19937_64 random{1};
    for (int trial = 0; trial < 1000; ++trial) {
        const std::uint64_t first = random(), second = random();
        random_stream s = chosen_stream(first, second);
        CHECK(s() == first);
        CHECK(s() == second);
    }
}

TEST_CASE("draws from one stream never shift another's", "[stream]") {
    constexpr std::size_t n = 500;
    const auto name = [](std::size_t i) {
        return random_stream(7, i % 2 == 0 ? purpose::failures : purpose::repairs, i / 2);
    };
    std::vector<std::vector<std::uint64_t>> alone;
    for (std::size_t i = 0; i < 6; ++i) alone.push_back(draws(name(i), n));

    // Any interleaving, with streams that come later and draw differently, gives each the same draws.
    std::mt19937_64 random{2};
    std::vector<random_stream> streams;
    std::vector<std::size_t> drawn;
    for (int step = 0; step < 20'000; ++step) {
        if (streams.size() < alone.size() && random() % 50 == 0) {
            streams.push_back(name(streams.size()));
            drawn.push_back(0);
        }
        if (streams.empty()) continue;
        const std::size_t i = random() % streams.size();
        if (drawn[i] == n) continue;
        REQUIRE(streams[i]() == alone[i][drawn[i]++]);
    }
    CHECK(drawn == std::vector<std::size_t>(6, n));
}

TEST_CASE("streams of different names share no draw", "[stream]") {
    // 40'500 draws: a chance meeting has probability 4.5e-11.
    std::vector<std::uint64_t> seen;
    for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32U}) {
        for (const purpose use : {purpose::arrivals, purpose::sizes, purpose::test}) {
            for (const std::uint64_t entity :
                 {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3}, std::uint64_t{1} << 31U,
                  std::uint64_t{1} << 32U, std::uint64_t{1} << 48U, std::uint64_t{1} << 63U, all_bits}) {
                const auto d = draws(random_stream(seed, use, entity), 500);
                seen.insert(seen.end(), d.begin(), d.end());
            }
        }
    }
    REQUIRE(seen.size() == 40'500);
    std::sort(seen.begin(), seen.end());
    CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
}

TEST_CASE("neighbouring streams agree in half of their bits", "[stream]") {
    // Agreeing bits are Binomial(64 n, 1/2). alpha = 1e-5 for each of 96 pairs.
    constexpr double alpha = 1e-5;
    constexpr std::size_t n = 4000;
    const auto p_value = [](const random_stream& x, const random_stream& y) {
        const auto a = draws(x, n), b = draws(y, n);
        double differ = 0;
        for (std::size_t i = 0; i < n; ++i) differ += std::popcount(a[i] ^ b[i]);
        return test::normal_p((differ - 32.0 * n) / std::sqrt(16.0 * n));
    };
    for (std::uint64_t i = 0; i < 32; ++i) {
        CAPTURE(i);
        const random_stream here(i, purpose::test, i);
        CHECK(p_value(here, random_stream(i, purpose::test, i + 1)) > alpha);
        CHECK(p_value(here, random_stream(i + 1, purpose::test, i)) > alpha);
        CHECK(p_value(here, random_stream(i, purpose{1001}, i)) > alpha);
    }
    CHECK(p_value(random_stream(1, purpose::test, 1), random_stream(1, purpose::test, 1)) == 0);
}

TEST_CASE("each bit of a stream is set half of the time, also after each value of the bit before", "[stream]") {
    // alpha = 1e-4 per test, by chi-square.
    constexpr double alpha = 1e-4;
    random_stream stream(11, purpose::test, 0);
    std::array<std::uint64_t, 64> set{};
    std::array<std::uint64_t, 256> pairs{};  // top nibbles of two consecutive draws
    constexpr std::size_t n = 100'000;
    std::uint64_t last = stream();
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t x = stream();
        for (unsigned bit = 0; bit < 64; ++bit) set[bit] += x >> bit & 1U;
        if (i % 2 == 0) ++pairs[last >> 60U << 4U | x >> 60U];
        last = x;
    }
    double statistic = 0;
    for (const std::uint64_t k : set) {
        const double z = (2.0 * static_cast<double>(k) - n) / std::sqrt(double{n});
        statistic += z * z;
    }
    CHECK(test::chi_square_p(statistic, 64) > alpha);
    CHECK(test::equal_counts_p(pairs) > alpha);
}

TEST_CASE("seek goes to any draw, forwards and backwards", "[stream]") {
    const random_stream fresh(5, purpose::test, 9);
    const auto expected = draws(fresh, 1000);
    random_stream s = fresh;
    CHECK(s.position() == 0);
    CHECK(s == fresh);
    std::mt19937_64 random{3};
    for (int trial = 0; trial < 2000; ++trial) {
        const std::uint64_t at = random() % 995;
        s.seek(at);
        REQUIRE(s.position() == at);
        const std::uint64_t run = random() % 6;
        for (std::uint64_t i = 0; i < run; ++i) REQUIRE(s() == expected[at + i]);
        REQUIRE(s.position() == at + run);
        if (trial % 10 == 0) {
            random_stream copy = s;
            REQUIRE(copy == s);
            REQUIRE(copy() == expected[at + run]);
            REQUIRE_FALSE(copy == s);
        }
    }
    CHECK_FALSE(fresh == random_stream(6, purpose::test, 9));
    CHECK_FALSE(fresh == random_stream(5, purpose::sizes, 9));
    CHECK_FALSE(fresh == random_stream(5, purpose::test, 8));
}

TEST_CASE("a stream ends loudly and never wraps", "[stream]") {
    random_stream s(1, purpose::test, 2);
    s.seek(random_stream::length - 3);
    for (int i = 0; i < 3; ++i) CHECK_NOTHROW(s());
    CHECK(s.position() == random_stream::length);
    for (int i = 0; i < 3; ++i) {
        CHECK_THROWS_AS(s(), internal_error);
        CHECK(s.position() == random_stream::length);
    }
    CHECK_THROWS_AS(s.uniform01(), internal_error);
    CHECK_THROWS_AS(s.below(10), internal_error);
    CHECK_THROWS_AS(s.seek(random_stream::length + 1), internal_error);
    s.seek(random_stream::length);
    CHECK_THROWS_AS(s(), internal_error);
    s.seek(0);
    CHECK(s() == random_stream(1, purpose::test, 2)());
}

TEST_CASE("uniform numbers stand on their grids", "[stream]") {
    CHECK(chosen_stream(0, 0).uniform01() == 0.0);
    CHECK(chosen_stream(0x7FF, 0).uniform01() == 0.0);
    CHECK(chosen_stream(0x800, 0).uniform01() == 0x1p-53);
    CHECK(chosen_stream(all_bits, 0).uniform01() == 1.0 - 0x1p-53);
    CHECK(chosen_stream(0, 0).uniform01_open() == 0x1p-53);
    CHECK(chosen_stream(0xFFF, 0).uniform01_open() == 0x1p-53);
    CHECK(chosen_stream(0x1000, 0).uniform01_open() == 0x3p-53);
    CHECK(chosen_stream(all_bits, 0).uniform01_open() == 1.0 - 0x1p-53);
    std::mt19937_64 random{4};
    for (int trial = 0; trial < 1000; ++trial) {
        const std::uint64_t x = random();
        REQUIRE(chosen_stream(x, 0).uniform01_open() == 1.0 - chosen_stream(~x, 0).uniform01_open());
    }
}

TEST_CASE("integers below n: exact multiplication, rejection where it would be biased", "[stream]") {
    random_stream s(1, purpose::test, 3);
    CHECK_THROWS_AS(s.below(0), internal_error);
    CHECK(chosen_stream(all_bits, 0).below(1) == 0);
    CHECK(chosen_stream(all_bits, 0).below(all_bits) == all_bits - 1);
    CHECK(chosen_stream(all_bits, 0).below(6) == 5);
    CHECK(chosen_stream(std::uint64_t{1} << 63U, 0).below(6) == 3);

    // 2^64 mod 3 = 1: of all draws, 0 alone is one too many.
    random_stream rejected = chosen_stream(0, all_bits);
    const std::uint64_t before = rejected.position();
    CHECK(rejected.below(3) == 2);
    CHECK(rejected.position() == before + 2);
    random_stream kept = chosen_stream(1, all_bits);
    const std::uint64_t kept_from = kept.position();
    CHECK(kept.below(3) == 0);
    CHECK(kept.position() == kept_from + 1);
    // 2^64 mod 2^63 = 0: nothing is rejected.
    random_stream power = chosen_stream(0, all_bits);
    const std::uint64_t start = power.position();
    CHECK(power.below(std::uint64_t{1} << 63U) == 0);
    CHECK(power.position() == start + 1);
}

TEST_CASE("integers below n are equally likely", "[stream]") {
    // alpha = 1e-4 per n, by chi-square.
    constexpr double alpha = 1e-4;
    random_stream s(2026, purpose::test, 4);
    for (const std::uint64_t n : {2U, 3U, 6U, 7U, 10U, 100U, 1000U, 1023U}) {
        CAPTURE(n);
        std::vector<std::uint64_t> counts(n);
        for (std::uint64_t i = 0; i < 20'000 + 20 * n; ++i) ++counts.at(s.below(n));
        CHECK(test::equal_counts_p(counts) > alpha);
    }
    // Without rejection every third value of [0, 3 x 2^62) would come twice as often as its neighbours.
    constexpr std::uint64_t wide = std::uint64_t{3} << 62U;
    std::array<std::uint64_t, 3> residues{};
    std::array<std::uint64_t, 12> parts{};
    const std::uint64_t start = s.position();
    constexpr std::uint64_t n = 30'000;
    for (std::uint64_t i = 0; i < n; ++i) {
        const std::uint64_t x = s.below(wide);
        REQUIRE(x < wide);
        ++residues[x % 3];
        ++parts[x / (wide / 12)];
    }
    CHECK(test::equal_counts_p(residues) > alpha);
    CHECK(test::equal_counts_p(parts) > alpha);
    // A quarter of the draws is rejected: 4 / 3 draws each, deviation 2 / 3 per integer.
    const double each = static_cast<double>(s.position() - start) / n;
    CHECK(test::normal_p((each - 4.0 / 3) / (2.0 / 3 / std::sqrt(double{n}))) > alpha);
    // The test can see such a bias.
    CHECK(test::equal_counts_p(std::array<std::uint64_t, 3>{n / 2, n / 4, n / 4}) < 1e-12);
}
