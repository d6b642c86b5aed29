#pragma once
/// \file
/// Random streams named by (seed, purpose, entity).
///
/// A stream is a name and a position, nothing else: draw number i of a stream is a pure function of
/// (seed, purpose, entity, i). So adding an entity, drawing more for another purpose, or swapping a policy
/// never shifts the draws of anyone else (common random numbers), and a stream can be rebuilt anywhere
/// from its name.
///
/// Mapping onto Philox4x32-10, all 192 bits of its input used once, hence injective:
///
///     key word 0, 1      seed, low and high half
///     counter word 0     block number within the stream (two 64-bit draws per block)
///     counter word 1     purpose
///     counter word 2, 3  entity, low and high half
///
/// Streams under one seed therefore never share a block; under different seeds they use different Philox
/// keys. A stream holds 2^32 blocks, 2^33 draws; a draw beyond that fails loudly, it never wraps.
///
/// O(1) for every operation but `below`, which is expected O(1). A stream is a value: copy it freely, use
/// one copy from one thread at a time.

#include <ampacity/core/error.hpp>
#include <ampacity/core/philox.hpp>
#include <ampacity/core/wide.hpp>

#include <cstdint>
#include <limits>
#include <random>

namespace ampacity {

/// What a stream's draws are for. The numbers are part of every result: they are never changed and never
/// reused, also not after a purpose has gone. New purposes take the next free number below 2^31;
/// numbers from 2^31 on belong to plug-ins and to programs that link the library.
enum class purpose : std::uint32_t {
    arrivals = 1,          ///< instants at which jobs, requests or sessions come
    sizes = 2,             ///< GPUs of a job, tokens of a request
    durations = 3,         ///< how long a job runs
    estimates = 4,         ///< what its user believes about it
    placement = 5,         ///< random choices of placers and routers
    failures = 6,          ///< times to failure
    repairs = 7,           ///< times to repair
    batches = 8,           ///< how many jobs come at one arrival
    users = 9,             ///< whose job it is
    priorities = 10,       ///< how urgent a job is
    models = 11,           ///< what a job computes
    lemons = 12,           ///< which nodes fail far more often
    excess_failures = 13,  ///< times to failures beyond the usual rate
    excess_repairs = 14,   ///< times to repair of these
    delays = 15,           ///< until a failure is noticed, or its part swapped
    excess_delays = 16,    ///< the same, of failures beyond the usual rate
    sessions = 17,         ///< turns of a conversation and the pauses between them
    build_out = 18,        ///< steps of a rack until it is in service, delays of power blocks
    test = 1000,           ///< tests and benchmarks
    designs = 40,          ///< points at which an experiment samples its parameters
    resampling = 41,       ///< samples that statistics draw from themselves
};

/// The name of a stream.
struct stream_name {
    std::uint64_t seed;    ///< of the run
    purpose use;           ///< what the draws are for
    std::uint64_t entity;  ///< whose draws: a number that does not depend on the order of construction

    friend constexpr bool operator==(const stream_name&, const stream_name&) = default;
};

/// A stream of 64-bit random numbers; a `std::uniform_random_bit_generator`. It has no default seed.
/// The standard library's distributions differ between implementations: draw with those of
/// `distributions.hpp`.
class random_stream {
public:
    using result_type = std::uint64_t;

    /// Number of draws that a stream holds.
    static constexpr std::uint64_t length = std::uint64_t{1} << 33;

    /// The stream of this name, at its beginning. `entity` must be stable: a file row, a node row; not the
    /// row of a live job (`job_id`), which is reused.
    constexpr random_stream(std::uint64_t seed, purpose use, std::uint64_t entity) noexcept
        : name_{seed, use, entity} {}

    [[nodiscard]] constexpr const stream_name& name() const noexcept { return name_; }

    static constexpr result_type min() noexcept { return 0; }
    static constexpr result_type max() noexcept { return std::numeric_limits<result_type>::max(); }

    /// The next 64 bits. Throws `internal_error` after `length` draws.
    constexpr result_type operator()() {
        if ((position_++ & 1U) != 0) return odd_;
        return draw_block((position_ - 1) >> 1U);
    }

    /// Uniform in [0, 1), a multiple of 2^-53. One draw.
    constexpr double uniform01() { return static_cast<double>((*this)() >> 11U) * 0x1p-53; }

    /// Uniform in (0, 1), an odd multiple of 2^-53, symmetric about 1/2. One draw.
    constexpr double uniform01_open() { return (static_cast<double>((*this)() >> 12U) + 0.5) * 0x1p-52; }

    /// Uniform integer in [0, n), without bias (Lemire, "Fast random integer generation in an interval",
    /// 2019). One draw, with probability < n / 2^64 more. Requires n > 0.
    constexpr std::uint64_t below(std::uint64_t n) {
        AMPACITY_ASSERT(n > 0);
        uint128 product = static_cast<uint128>((*this)()) * n;
        if (static_cast<std::uint64_t>(product) < n) {
            const std::uint64_t biased = (std::uint64_t{0} - n) % n;  // 2^64 mod n
            while (static_cast<std::uint64_t>(product) < biased) product = static_cast<uint128>((*this)()) * n;
        }
        return static_cast<std::uint64_t>(product >> 64U);
    }

    /// Number of 64-bit draws taken so far, or set by `seek`.
    [[nodiscard]] constexpr std::uint64_t position() const noexcept { return position_; }

    /// Makes the next draw number `position` (from 0). Requires position <= `length`.
    constexpr void seek(std::uint64_t position) {
        AMPACITY_ASSERT(position <= length);
        if ((position & 1U) != 0) draw_block(position >> 1U);
        position_ = position;
    }

    /// Same name and same position: all further draws are equal.
    friend constexpr bool operator==(const random_stream& a, const random_stream& b) noexcept {
        return a.name_ == b.name_ && a.position_ == b.position_;
    }

private:
    // Returns the even draw of a block and keeps the odd one.
    constexpr std::uint64_t draw_block(std::uint64_t block) {
        if (block >= length / 2) {
            position_ = length;
            assertion_failed("the random stream is not exhausted", __FILE__, __LINE__);
        }
        const philox_counter words =
            philox4x32({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(name_.use),
                        static_cast<std::uint32_t>(name_.entity), static_cast<std::uint32_t>(name_.entity >> 32U)},
                       {static_cast<std::uint32_t>(name_.seed), static_cast<std::uint32_t>(name_.seed >> 32U)});
        odd_ = words[2] | static_cast<std::uint64_t>(words[3]) << 32U;
        return words[0] | static_cast<std::uint64_t>(words[1]) << 32U;
    }

    stream_name name_;
    std::uint64_t position_ = 0;
    std::uint64_t odd_ = 0;  // second draw of the current block; meaningful only at odd positions
};

static_assert(std::uniform_random_bit_generator<random_stream>);

}  // namespace ampacity
