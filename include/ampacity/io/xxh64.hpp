#pragma once
/// \file
/// XXH64 with seed 0 over a stream of bytes: the hash that names input files in `run.json`.
///
/// The published algorithm (Y. Collet, xxHash, XXH64), so `xxhsum -H64 FILE` prints the same. Several
/// bytes per cycle, so it hides behind any reader; not a cryptographic hash. A plain value, not shared
/// between threads.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ampacity::io {

/// An unfinished XXH64.
class xxh64 {
public:
    /// Takes the next bytes of the stream.
    void update(std::string_view bytes) noexcept;

    /// The hash of all bytes so far; more may follow.
    [[nodiscard]] std::uint64_t digest() const noexcept;

private:
    static constexpr std::size_t stripe_bytes = 32;
    static constexpr std::uint64_t prime1 = 0x9E3779B185EBCA87U;
    static constexpr std::uint64_t prime2 = 0xC2B2AE3D27D4EB4FU;

    void take_stripe(const char* bytes) noexcept;

    std::array<std::uint64_t, 4> lanes_{prime1 + prime2, prime2, 0, 0 - prime1};
    std::array<char, stripe_bytes> pending_{};
    std::size_t num_pending_ = 0;
    std::uint64_t total_ = 0;
};

/// A digest as `xxh64:` and 16 hexadecimal digits.
[[nodiscard]] std::string digest_text(std::uint64_t digest);

}  // namespace ampacity::io
