#pragma once
/// \file
/// A request to an inference service, as its user sends it: what a trace or a generator yields, before anything runs.
///
/// A plain value of under 64 bytes, copied into the live tables of the replica that serves it.

#include <ampacity/core/time.hpp>

#include <cstdint>

namespace ampacity::workload {

/// The most tokens that a prompt or an answer may have; more is bad input.
inline constexpr std::uint64_t max_tokens_per_request = std::uint64_t{1} << 31U;

/// The number of priorities that requests may have.
inline constexpr std::uint8_t num_request_priorities = 8;

/// A prompt and the answer that it gets.
struct request {
    std::uint64_t row = 0;            ///< position in its file, from 0, counting the rows that were kept
    instant arrival{};                ///< when it reaches the service
    std::uint32_t prompt_tokens = 1;  ///< >= 1
    std::uint32_t output_tokens = 1;  ///< >= 1; schedulers never see it
    std::uint32_t prefix_tokens = 0;  ///< leading tokens of the prompt that it shares with its session
    std::uint32_t tenant = 0;         ///< index into the source's texts, 0 = none
    std::uint32_t session = 0;        ///< index into the source's texts, 0 = none
    std::uint8_t priority = 0;        ///< below `num_request_priorities`, larger is more urgent
};

static_assert(sizeof(request) <= 64);

}  // namespace ampacity::workload
