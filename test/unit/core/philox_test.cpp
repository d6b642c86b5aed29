#include "support/catch.hpp"
#include "support/chosen_stream.hpp"

#include <ampacity/core/philox.hpp>

#include <bit>
#include <cstdint>
#include <random>

using namespace ampacity;

namespace {

constexpr std::uint32_t ones = 0xFFFF'FFFFU;

// Known answers of Random123, tests/kat_vectors, `philox4x32 10`.
static_assert(philox4x32({0, 0, 0, 0}, {0, 0}) ==
              philox_counter{0x6627'e8d5U, 0xe169'c58dU, 0xbc57'ac4cU, 0x9b00'dbd8U});
static_assert(philox4x32({ones, ones, ones, ones}, {ones, ones}) ==
              philox_counter{0x408f'276dU, 0x41c8'3b0eU, 0xa20b'c7c6U, 0x6d54'51fdU});
static_assert(philox4x32({0x243f'6a88U, 0x85a3'08d3U, 0x1319'8a2eU, 0x0370'7344U}, {0xa409'3822U, 0x299f'31d0U}) ==
              philox_counter{0xd16c'fe09U, 0x94fd'ccebU, 0x5001'e420U, 0x2412'6ea1U});

}  // namespace

TEST_CASE("Philox4x32-10 gives the published known answers at run time too", "[philox]") {
    const volatile std::uint32_t zero = 0;
    CHECK(philox4x32({zero, zero, zero, zero}, {zero, zero}) ==
          philox_counter{0x6627'e8d5U, 0xe169'c58dU, 0xbc57'ac4cU, 0x9b00'dbd8U});
    const volatile std::uint32_t all = ones;
    CHECK(philox4x32({all, all, all, all}, {all, all}) ==
          philox_counter{0x408f'276dU, 0x41c8'3b0eU, 0xa20b'c7c6U, 0x6d54'51fdU});
    const volatile std::uint32_t pi = 0x243f'6a88U;
    CHECK(philox4x32({pi, 0x85a3'08d3U, 0x1319'8a2eU, 0x0370'7344U}, {0xa409'3822U, 0x299f'31d0U}) ==
          philox_counter{0xd16c'fe09U, 0x94fd'ccebU, 0x5001'e420U, 0x2412'6ea1U});
}

TEST_CASE("Philox is a bijection of the counters under every key: it runs backwards", "[philox]") {
    std::mt19937 random{1};
    const auto word = [&] { return static_cast<std::uint32_t>(random()); };
    for (int trial = 0; trial < 10'000; ++trial) {
        const philox_counter counter{word(), word(), word(), word()};
        const philox_key key{word(), word()};
        const philox_counter block = philox4x32(counter, key);
        if (test::philox4x32_backwards(block, key) != counter) FAIL("trial " << trial);
    }
}

TEST_CASE("one bit of counter or key changes half of Philox's bits", "[philox]") {
    // Flips are Binomial(128, 1/2) per block: the mean over n blocks is 64 +- 5.66 / sqrt(n). 5 deviations, for each
    // of 192 input bits: alpha = 1.1e-4 in all.
    constexpr int blocks = 400;
    std::mt19937 random{2};
    const auto word = [&] { return static_cast<std::uint32_t>(random()); };
    for (unsigned bit = 0; bit < 192; ++bit) {
        int flips = 0;
        for (int i = 0; i < blocks; ++i) {
            const philox_counter counter{word(), word(), word(), word()};
            const philox_key key{word(), word()};
            philox_counter other_counter = counter;
            philox_key other_key = key;
            (bit < 128 ? other_counter[bit / 32] : other_key[bit / 32 - 4]) ^= std::uint32_t{1} << bit % 32;
            const philox_counter a = philox4x32(counter, key);
            const philox_counter b = philox4x32(other_counter, other_key);
            for (std::size_t w = 0; w < 4; ++w) flips += std::popcount(a[w] ^ b[w]);
        }
        CAPTURE(bit);
        CHECK(std::abs(flips / double{blocks} - 64) < 5 * 5.657 / 20);
    }
}
