#pragma once
/// \file
/// How one replica of an inference server batches: seats, tokens of a step, KV blocks, and what it does beside that.
///
/// Plain values, which `replica` checks.

#include <ampacity/core/time.hpp>
#include <ampacity/serving/adapter_slots.hpp>
#include <ampacity/serving/cache_tiers.hpp>
#include <ampacity/serving/speculation.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ampacity::serving {

/// What shares a step.
enum class step_order : std::uint8_t {
    mixed,          ///< decodes, then chunks of prompts
    prefill_first,  ///< chunks of prompts alone where there are any, else decodes
    decode_first,   ///< decodes alone where there are any, else chunks of prompts
};

/// Their names in scenarios, by value.
inline constexpr std::array<std::string_view, 3> step_order_names{"mixed", "prefill-first", "decode-first"};

struct replica_options {
    std::int64_t max_seqs = 64;               ///< requests that run at a time, 1 .. 2^20
    std::int64_t max_batched_tokens = 2048;   ///< of one step, 1 .. 2^31
    std::int64_t kv_capacity_tokens = 60000;  ///< 0 .. 2^48; whole blocks count
    std::int64_t kv_block_tokens = 16;        ///< 1 .. `kv_blocks::max_block_tokens`
    step_order order = step_order::mixed;     ///< `prefill_first` requires max_batched_tokens >= max_seqs
    bool priorities = false;                  ///< the queue is by priority; else nobody looks at it
    /// Full blocks of sessions stay known after their requests, see docs/serving.md; else nobody looks at sessions.
    bool prefix_cache = false;
    /// With `prefix_cache`: where blocks go that it evicts, the first one first; up to `prefix_cache::max_tiers`.
    std::vector<cache_tier> tiers{};
    /// What it costs to compute a token again instead of loading it; without it all that is found is loaded.
    std::optional<duration> recompute_per_token{};
    /// A request runs when the adapter of its tenant is loaded.
    std::optional<adapter_options> adapters{};
    /// A request that is not finished so long after its arrival is cancelled, at the first end of a step from then on.
    std::optional<duration> timeout{};
    /// The same for one that no step has worked on.
    std::optional<duration> max_wait{};
    /// Decode steps verify drafts. Requires max_batched_tokens >= max_seqs (drafts + 1), and blocks of drafts + 1 to
    /// `speculation_options::max_block_tokens` tokens, so that no decode takes two of them in a step.
    std::optional<speculation_options> speculation{};
    /// A request leaves with its first token, unless that is its last: it and its cache are then for another replica.
    /// Who lacks blocks while caches are on their way waits for these.
    bool hands_over = false;
    /// With `hands_over`: a request of more tokens, prompt and answer, can never be served there and is rejected.
    std::int64_t most_tokens_elsewhere = std::int64_t{1} << 48U;
};

}  // namespace ampacity::serving
