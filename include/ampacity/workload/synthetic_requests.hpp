#pragma once
/// \file
/// Requests from distributions: arrivals as of jobs, lengths of prompts and answers from mixtures of laws.
///
/// Every draw is named by (seed, purpose, entity): lengths of request k come from the stream (seed, sizes, entity + k),
/// the prompt from its first two numbers, the answer from the next two. So no length depends on the rate, on the number
/// of requests or on the other length. Results are the same bits on every x86-64 machine. O(1) per request, no memory
/// per request. One thread at a time.

#include <ampacity/core/stream.hpp>
#include <ampacity/core/tables.hpp>
#include <ampacity/workload/arrivals.hpp>
#include <ampacity/workload/durations.hpp>
#include <ampacity/workload/request_source.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::workload {

/// Lengths in tokens: a mixture of laws, each a distribution of tokens where durations have seconds.
class token_lengths {
public:
    /// Longer draws are cut to `max`. \throws std::invalid_argument for laws that are not valid, no component, or no
    /// weight above 0. \pre 1 <= max <= max_tokens_per_request.
    explicit token_lengths(std::vector<weighted_law> components, std::uint64_t max = max_tokens_per_request);

    /// A draw, rounded half away from zero, 1 .. max. One number of the stream, two where there are several components.
    [[nodiscard]] std::uint32_t operator()(random_stream& stream) const;

private:
    std::vector<duration_law> laws_;
    discrete_distribution pick_;
    double max_;
};

/// What a stream of synthetic requests looks like.
struct synthetic_request_options {
    std::uint64_t seed;          ///< of the run
    std::uint64_t entity = 0;    ///< of request 0; those of the others follow
    std::uint64_t requests = 0;  ///< how many
    arrival_options arrivals;    ///< when they come
    token_lengths prompt;        ///< of prompts
    token_lengths output;        ///< of answers
    std::uint8_t priority = 0;   ///< of all, below `num_request_priorities`
};

/// The stream. The first request comes one interval after the start.
class synthetic_requests final : public request_source {
public:
    /// \pre the options are in their ranges (checked).
    explicit synthetic_requests(synthetic_request_options options);

    /// \throws scenario_error when an arrival lies beyond 200 years.
    std::size_t next(std::span<request> out) override;
    [[nodiscard]] std::optional<double> progress() const override;

private:
    synthetic_request_options options_;
    arrivals arrivals_;
    std::uint64_t at_ = 0;
};

}  // namespace ampacity::workload
