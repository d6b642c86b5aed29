#pragma once
/// \file
/// How long the cache of a prompt takes from the replica that has computed it to the one that goes on with it.
///
/// Each sending replica has one link, which carries one cache after the other in the order of first tokens. A cache may
/// leave while it is computed, but of its last layer, 1 / `layers` of it, nothing before the prompt is done:
///
///     sent = max(max(free, first step) + whole, max(free, first token) + last)
///     free = sent, there = sent + latency
///
/// whole = prompt tokens x bytes_per_token / (efficiency x bandwidth) and last = whole / layers are fractions of
/// integers, each rounded once, half to even, to nanoseconds. With one layer nothing leaves before the first token.
/// Immutable: any number of threads.

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>

#include <cstdint>

namespace ampacity::serving {

struct kv_transfer_options {
    duration latency{};                           ///< of each transfer, 0 .. 200 years
    std::int64_t bytes_per_token = 1;             ///< of the cache, 1 .. 2^34 [B]
    std::int64_t bandwidth_b_s = 1'000'000'000;   ///< of the link of a sending replica, 1 .. 10^18 [B/s]
    std::int64_t efficiency_ppb = 1'000'000'000;  ///< of it that is reached, 1 .. 10^9 [1e-9]
    std::int64_t layers = 1;                      ///< 1 .. 2^20
};

class kv_transfer {
public:
    /// \throws scenario_error for options outside their ranges; the key is their name.
    explicit kv_transfer(const kv_transfer_options& options);

    /// The cache of so many tokens, or its last layer, on a link that has nothing else to do; at most 200 years.
    /// \pre 0 <= tokens <= 2^31
    [[nodiscard]] duration whole(std::int64_t tokens) const noexcept { return of(tokens, 1); }
    [[nodiscard]] duration last(std::int64_t tokens) const noexcept { return of(tokens, options_.layers); }

    /// When the link has sent it. \pre first_step <= first_token
    [[nodiscard]] instant sent(std::int64_t tokens, instant first_step, instant first_token,
                               instant link_free) const noexcept;

    [[nodiscard]] const kv_transfer_options& options() const noexcept { return options_; }

private:
    [[nodiscard]] duration of(std::int64_t tokens, std::int64_t share) const noexcept;

    kv_transfer_options options_;
    int128 ns_per_token_ = 0, divisor_ = 1;  // their quotient is the time of a token [ns]
};

}  // namespace ampacity::serving
