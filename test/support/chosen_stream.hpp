#pragma once
/// \file
/// A random stream whose next two draws are chosen by the test.
///
/// Philox is a bijection of its counters and a stream's name and position are the whole counter, so running Philox
/// backwards finds the stream that says what is wanted. Pure functions, any thread.

#include <ampacity/core/philox.hpp>
#include <ampacity/core/stream.hpp>

#include <cstdint>

namespace ampacity::test {

/// The inverse of an odd number modulo 2^32, by Newton's iteration.
constexpr std::uint32_t inverse(std::uint32_t odd) noexcept {
    std::uint32_t x = odd;
    for (int i = 0; i < 5; ++i) x *= 2U - odd * x;
    return x;
}

/// The counter for which `philox4x32(counter, key)` is `block`.
constexpr philox_counter philox4x32_backwards(philox_counter block, philox_key key) noexcept {
    constexpr std::uint32_t multiplier_0 = 0xD251'1F53U;
    constexpr std::uint32_t multiplier_1 = 0xCD9E'8D57U;
    for (std::uint32_t round = 10; round-- > 0;) {
        const std::uint32_t key_0 = key[0] + round * 0x9E37'79B9U;
        const std::uint32_t key_1 = key[1] + round * 0xBB67'AE85U;
        const std::uint32_t c0 = block[3] * inverse(multiplier_0);
        const std::uint32_t c2 = block[1] * inverse(multiplier_1);
        const auto high_0 = static_cast<std::uint32_t>(std::uint64_t{multiplier_0} * c0 >> 32U);
        const auto high_1 = static_cast<std::uint32_t>(std::uint64_t{multiplier_1} * c2 >> 32U);
        block = {c0, block[0] ^ high_1 ^ key_0, c2, block[2] ^ high_0 ^ key_1};
    }
    return block;
}

/// A stream that draws `first`, then `second`.
constexpr random_stream chosen_stream(std::uint64_t first, std::uint64_t second) {
    const philox_counter counter =
        philox4x32_backwards({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(first >> 32U),
                              static_cast<std::uint32_t>(second), static_cast<std::uint32_t>(second >> 32U)},
                             {0, 0});
    random_stream out(0, static_cast<purpose>(counter[1]), counter[2] | std::uint64_t{counter[3]} << 32U);
    out.seek(std::uint64_t{counter[0]} * 2);
    return out;
}

}  // namespace ampacity::test
