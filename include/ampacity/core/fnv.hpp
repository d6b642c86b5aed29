#pragma once
/// \file
/// FNV-1a: the same 64-bit number for the same text on every machine, so that a name may be the entity of a random
/// stream, or tell layouts apart. Not for keys of an adversary. Pure functions.

#include <cstdint>
#include <string_view>

namespace ampacity {

inline constexpr std::uint64_t fnv_start = 0xCBF2'9CE4'8422'2325U;

/// One more piece: a byte, or a number in one.
[[nodiscard]] constexpr std::uint64_t fnv_1a(std::uint64_t piece, std::uint64_t so_far) noexcept {
    return (so_far ^ piece) * 0x100'0000'01B3U;
}
[[nodiscard]] constexpr std::uint64_t fnv_1a(std::string_view text, std::uint64_t so_far = fnv_start) noexcept {
    for (const char c : text) so_far = fnv_1a(static_cast<unsigned char>(c), so_far);
    return so_far;
}

}  // namespace ampacity
