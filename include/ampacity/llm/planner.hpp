#pragma once
/// \file
/// Finds the parallel plans under which a step is fastest.
///
/// Enumerates tensor, context, pipeline, expert and micro-batch sizes, drops what cannot be or does not fit, and ranks
/// the rest by the time of a step; O(plans), well below a second for any model on any number of GPUs. A plan may use
/// fewer GPUs than there are: data-parallel ranks are as many as the batch can be divided into. Deterministic: equal
/// times are in order of fewer GPUs, then of tp, pp, cp, ep, micro-batch, vp.

#include <ampacity/llm/training_step.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::llm {

/// Those that are not searched for.
struct fixed_sizes {
    std::optional<std::uint32_t> tp{};
    std::optional<std::uint32_t> pp{};
    std::optional<std::uint32_t> vp{};
    std::optional<std::uint32_t> cp{};
    std::optional<std::uint32_t> ep{};
    std::optional<std::uint32_t> micro_batch{};
    std::optional<std::uint32_t> zero{};
};

/// What is looked for. Empty sizes are free.
struct plan_request {
    std::uint64_t gpus = 0;  ///< that there are
    batch_shape batch{};
    precision_kind precision = precision_kind::fp8;
    attention_count count = attention_count::causal;
    bool with_mtp = false;
    double memory_share = 0.95;  ///< of the memory that may be used: the rest is for fragments [1]
    bool within_domain = true;   ///< tensor parallel groups may not leave their NVLink domain
    std::optional<recipe_efficiency> recipe{};
    fixed_sizes fixed{};
    std::uint32_t top = 10;  ///< plans to keep
};

/// A plan with all there is to say about it.
struct ranked_plan {
    parallel_plan plan{};
    training_step step{};
    memory_use memory{};
    group_map map{};
};

/// The best plans.
struct plan_ranking {
    std::vector<ranked_plan> plans{};  ///< the fastest first
    std::uint64_t valid = 0;           ///< plans that could be
    std::uint64_t fitting = 0;         ///< of them, those that fit in memory
    /// Of the plan that needs the least memory where none fits, or why none could be. Empty: there are plans.
    std::string fault{};
};

/// \pre the accelerator of `s` has a row in `e`.
[[nodiscard]] plan_ranking find_plans(const model& m, const system& s, const training_efficiency& e,
                                      const plan_request& r);

/// Sizes that are tried, for tests that try them all one by one.
struct plan_sizes {
    std::vector<std::uint32_t> tp{}, pp{}, cp{}, ep{}, micro_batch{};
};
[[nodiscard]] plan_sizes sizes_to_try(const model& m, const system& s, const plan_request& r);
/// Numbers of chunks that are tried for a number of stages.
[[nodiscard]] std::vector<std::uint32_t> chunks_to_try(const model& m, const plan_request& r, std::uint32_t pp);
/// Data-parallel ranks for the other sizes; 0: not even one replica has room.
[[nodiscard]] std::uint32_t data_ranks(const plan_request& r, std::uint64_t replica_gpus, std::uint32_t micro_batch);

/// "tp 4, pp 8 x 4, cp 2, ep 1, dp 40, micro-batch 1, selective" and so on.
[[nodiscard]] std::string text_of(const parallel_plan& p);

}  // namespace ampacity::llm
