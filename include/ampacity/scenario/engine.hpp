#pragma once
/// \file
/// The description of the engine of a replica: how long its steps take, what fits into them and in which order.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/kv_tiers.hpp>
#include <ampacity/scenario/lora_adapters.hpp>
#include <ampacity/scenario/speculative.hpp>
#include <ampacity/serving/iteration_time.hpp>
#include <ampacity/serving/kv_blocks.hpp>
#include <ampacity/serving/replica.hpp>

#include <array>
#include <cstdint>
#include <optional>

namespace ampacity::scenario {

template <>
struct names<serving::step_order> {
    using order = serving::step_order;
    static constexpr std::array known{named<order>{order::mixed, serving::step_order_names[0]},
                                      named<order>{order::prefill_first, serving::step_order_names[1]},
                                      named<order>{order::decode_first, serving::step_order_names[2]}};
};

/// How long a scheduler step takes: a sum of exact terms.
struct step_terms {
    exact_duration base{};
    exact_duration per_token{};
    exact_duration per_kv_token{};
    exact_duration per_prefill_attention{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&step_terms::base, {.key = "base", .doc = "of every step"});
        visit(&step_terms::per_token, {.key = "per_token", .doc = "for each token that it works on"});
        visit(&step_terms::per_kv_token,
              {.key = "per_kv_token", .doc = "for each token in the caches of the requests that decode"});
        visit(&step_terms::per_prefill_attention,
              {.key = "per_prefill_attention",
               .doc = "for each pair of a prefilled token and one up to it in its request"});
    }
    friend bool operator==(const step_terms&, const step_terms&) = default;
};

/// A corner of the grid of a table of steps.
struct table_entry {
    std::uint64_t decodes = 0;
    std::uint64_t prefill_tokens = 0;
    exact_duration time{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&table_entry::decodes, {.key = "decodes",
                                      .doc = "requests that decode in the step",
                                      .required = true,
                                      .example = "64",
                                      .max = std::uint64_t{1} << 20U});
        visit(&table_entry::prefill_tokens,
              {.key = "prefill_tokens", .doc = "its tokens of prompts", .max = std::uint64_t{1} << 31U});
        visit(&table_entry::time,
              {.key = "time", .doc = "how long it takes", .required = true, .example = "\"12.5 ms\""});
    }
    friend bool operator==(const table_entry&, const table_entry&) = default;
};

/// The engine of each replica.
struct engine_options {
    std::uint64_t max_seqs = 64;
    std::uint64_t max_batched_tokens = 2048;
    std::optional<std::uint64_t> kv_capacity_tokens{};
    std::uint64_t kv_block_tokens = 16;
    single_or_list<step_terms> step{};
    std::vector<table_entry> table{};
    serving::step_order order = serving::step_order::mixed;
    bool priorities = false;
    bool prefix_cache = false;
    std::vector<kv_tier> tiers{};
    std::optional<quantity<dimension::data_size>> kv_bytes_per_token{};
    std::optional<duration> recompute_per_token{};
    std::optional<lora_adapters> adapters{};
    std::optional<duration> timeout{};
    std::optional<duration> max_wait{};
    std::optional<speculative_decoding> speculation{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        constexpr std::uint64_t one = 1;
        visit(&engine_options::max_seqs,
              {.key = "max_seqs", .doc = "requests that run at a time", .min = one, .max = std::uint64_t{1} << 20U});
        visit(&engine_options::max_batched_tokens,
              {.key = "max_batched_tokens", .doc = "tokens of a step", .min = one, .max = std::uint64_t{1} << 31U});
        visit(&engine_options::kv_capacity_tokens, {.key = "kv_capacity_tokens",
                                                    .doc = "tokens that the KV cache holds; whole blocks count; "
                                                           "without it what the model leaves of the memory",
                                                    .example = "60000",
                                                    .min = std::uint64_t{0},
                                                    .max = std::uint64_t{1} << 48U});
        visit(&engine_options::kv_block_tokens,
              {.key = "kv_block_tokens",
               .doc = "tokens of a block of the KV cache",
               .min = one,
               .max = static_cast<std::uint64_t>(serving::kv_blocks::max_block_tokens)});
        visit(&engine_options::step, {.key = "step",
                                      .doc = "how long a scheduler step takes; of a list of up to 16 the longest; "
                                             "without `model`",
                                      .example = "{ base: \"5 ms\", per_token: \"20 us\", per_kv_token: \"30 ns\" }",
                                      .never_empty = true});
        visit(
            &engine_options::table,
            {.key = "table",
             .doc = "a grid of times by decodes and tokens of prompts, linear between, beside `step`; without `model`",
             .example = "[ { decodes: 0, time: \"0 ms\" }, { decodes: 64, time: \"12.5 ms\" }, ... ]",
             .never_empty = true});
        visit(&engine_options::order,
              {.key = "order", .doc = "what shares a step: decodes and chunks of prompts, or either alone first"});
        visit(&engine_options::priorities,
              {.key = "priorities", .doc = "requests wait by priority, larger first; else nobody looks at it"});
        visit(&engine_options::prefix_cache,
              {.key = "prefix_cache", .doc = "full blocks of sessions stay known after their requests"});
        visit(&engine_options::tiers,
              {.key = "tiers",
               .doc = "up to four memories that keep the blocks that the prefix cache evicts, the first one first",
               .example = "[ { name: lpddr, capacity: \"480 GB\", bandwidth: \"400 GB/s\" } ]",
               .never_empty = true});
        visit(&engine_options::kv_bytes_per_token,
              {.key = "kv_bytes_per_token",
               .doc = "of the KV cache, for `tiers`; without it those of the model",
               .example = "\"0.16 MB\"",
               .min = quantity<dimension::data_size>{1},
               .max = quantity<dimension::data_size>{17179869184.0}});
        visit(&engine_options::recompute_per_token,
              {.key = "recompute_per_token",
               .doc = "what it costs to compute a token instead of loading it from `tiers`: no more is loaded than "
                      "saves time; without it all that is found is",
               .example = "\"50 us\"",
               .min = duration::zero(),
               .max = longest_input});
        visit(&engine_options::adapters,
              {.key = "adapters",
               .doc = "a request waits until the adapter of its tenant is in one of a few slots",
               .example = "{ slots: 8, size: \"200 MB\", bandwidth: \"50 GB/s\" }"});
        visit(&engine_options::timeout,
              {.key = "timeout",
               .doc = "a request that is not finished so long after its arrival is cancelled when a step ends",
               .example = "\"60 s\"",
               .above = duration::zero(),
               .max = longest_input});
        visit(&engine_options::max_wait, {.key = "max_wait",
                                          .doc = "the same of a request that no step has worked on",
                                          .example = "\"10 s\"",
                                          .above = duration::zero(),
                                          .max = longest_input});
        visit(&engine_options::speculation, {.key = "speculation",
                                             .doc = "decode steps verify tokens that a small model has drafted",
                                             .example = "{ tokens: 3, acceptance: 0.8, draft: \"1 ms\" }"});
    }
    friend bool operator==(const engine_options&, const engine_options&) = default;
};

}  // namespace ampacity::scenario
