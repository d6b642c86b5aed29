#pragma once
/// \file
/// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers:
/// as easy as 1, 2, 3" (SC'11), bit for bit as in Random123.
///
/// A pure function: (128-bit counter, 64-bit key) -> 128 random bits. For each key it is a bijection of
/// the counters, so two different counters under one key never give the same block. 20 multiplications of
/// 32 x 32 bits per block; no state, so any number of threads may call it.

#include <array>
#include <cstddef>
#include <cstdint>

namespace ampacity {

using philox_counter = std::array<std::uint32_t, 4>;  ///< word 0 is the least significant
using philox_key = std::array<std::uint32_t, 2>;      ///< word 0 is the least significant

/// The block of four random words that belongs to `counter` under `key`.
[[nodiscard]] constexpr philox_counter philox4x32(philox_counter counter, philox_key key) noexcept {
    constexpr int rounds = 10;
    constexpr std::uint64_t multiplier_0 = 0xD251'1F53U;
    constexpr std::uint64_t multiplier_1 = 0xCD9E'8D57U;
    constexpr std::uint32_t weyl_0 = 0x9E37'79B9U;  // golden ratio
    constexpr std::uint32_t weyl_1 = 0xBB67'AE85U;  // sqrt(3) - 1
    for (int round = 0; round < rounds; ++round) {
        const std::uint64_t product_0 = multiplier_0 * counter[0];
        const std::uint64_t product_1 = multiplier_1 * counter[2];
        counter = {
            static_cast<std::uint32_t>(product_1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product_1),
            static_cast<std::uint32_t>(product_0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product_0)};
        key[0] += weyl_0;
        key[1] += weyl_1;
    }
    return counter;
}

}  // namespace ampacity
