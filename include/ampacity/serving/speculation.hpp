#pragma once
/// \file
/// Speculative decoding: before each decode step a small model drafts a few tokens, and the step verifies them together
/// with the one that it computes anyway.
///
/// How many drafts are accepted is not drawn: each step gives every request that decodes the mean number of tokens, in
/// whole thousandths, and a request has those that are complete. So all that decode grow alike, and a series of steps
/// keeps its closed form. Plain values and pure functions.

#include <ampacity/serving/exact_time.hpp>

#include <cstdint>
#include <span>

namespace ampacity::serving {

struct speculation_options {
    std::int64_t drafts = 1;   ///< tokens that are drafted for each request that decodes, 1 .. `max_drafts`
    std::int64_t gain = 1000;  ///< tokens that a step gives it on average, 1000 .. 1000 (drafts + 1) [1/1000]
    exact_time draft{};        ///< time of all drafts of one step, before it; >= 0

    static constexpr std::int64_t max_drafts = 64;
    /// The largest block of a KV cache [tokens].
    static constexpr std::int64_t max_block_tokens = 1024;
};

/// Parts of a token in which growth is counted with speculation.
inline constexpr std::int64_t parts_per_token = 1000;

/// The mean number of tokens of a step, where each draft is accepted with probability `acceptance` if those before it
/// are: (1 - a^(g+1)) / (1 - a), rounded half to even to parts [1/1000], exactly for an `acceptance` of up to nine
/// decimals, which is taken as such. \pre 0 <= acceptance <= 1.
[[nodiscard]] std::int64_t mean_gain(std::int64_t drafts, double acceptance);
/// The same, where `shares[k]` is the share of steps that accept k drafts: the sum of (k + 1) x shares[k], over that of
/// the shares. \pre one of them is a billionth or more.
[[nodiscard]] std::int64_t mean_gain(std::span<const double> shares);

}  // namespace ampacity::serving
