#pragma once
/// \file
/// A replica of a model as an engine of requests sees it: the time of a step on a grid of decodes and prefilled tokens,
/// the tokens that its cache holds, and what follows for a request.
///
/// A step lasts grid(decodes, prefilled tokens), linear between, + per_kv_token x (tokens before decodes) + per_pair x
/// (pairs of prefilled tokens with those before them). The grid has the iteration itself at `context` tokens before
/// each decode and prompts of `prompt` tokens, so that shapes which are not convex, such as the weights of experts that
/// a batch visits or groups that a lone prompt leaves idle, are there; away from these lengths attention is linear.
/// What is lost is told, on batches between the lines of the grid. Pure functions; milliseconds.

#include <ampacity/llm/inference_step.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace ampacity::llm {

/// For which batches.
struct replica_range {
    std::int64_t decodes = 256;          ///< at most; >= 1
    std::int64_t prefill_tokens = 8192;  ///< of a step, at most; >= 1
    double context = 4096;               ///< usual tokens before a decode
    double prompt = 1024;                ///< usual length of a prompt: how many share the prefilled tokens of a step
    double memory_share = 0.9;           ///< of a GPU's memory that is used [1]
};

struct modelled_replica {
    std::vector<std::int64_t> decodes{};         ///< rows, ascending from 0 to at least that of the range
    std::vector<std::int64_t> prefill_tokens{};  ///< columns, the same
    std::vector<double> time_s{};                ///< row by row [s]
    double per_kv_token_s = 0;                   ///< of each token before a decode [s]
    double per_pair_s = 0;                       ///< of each pair of a prefilled token and one before it, or itself [s]
    double mean_error = 0;                       ///< of |this / iteration_of - 1| [1]
    double most_error = 0;                       ///< [1]
    double cache_tokens = 0;                     ///< of keys and values that it holds, all stages together
    double weights_b = 0;                        ///< of the GPU with most [B]

    /// [s] \pre as for the range
    [[nodiscard]] double step_s(double decodes_now, double kv_tokens, double prefilled, double pairs) const;
};

/// By how much weights and workspace exceed `memory_share` of the memory of a GPU, a phrase in GB; empty: they do not.
[[nodiscard]] std::string memory_fault_of(const model& m, const inference_plan& p, const system& s,
                                          double memory_share = 0.9);

/// \pre `fault_of` and `memory_fault_of` are empty and the accelerator has a row in `e`.
[[nodiscard]] modelled_replica replica_of(const model& m, const inference_plan& p, const system& s,
                                          const inference_efficiency& e, const inference_software& with,
                                          const replica_range& range);

}  // namespace ampacity::llm
