#pragma once
/// \file
/// The replicas of a number of GPUs that serve most requests within limits of latency.
///
/// Every power of two of tensor and, of models with experts, attention-data parallel groups, experts divided over all
/// GPUs of a replica or inside each; replicas of one kind fill the GPUs. For each the largest load within the limits is
/// found by halving. Pure functions; some milliseconds.

#include <ampacity/llm/inference_load.hpp>

#include <cstdint>
#include <vector>

namespace ampacity::llm {

/// What is served and how fast it has to be, on average.
struct serving_goal {
    double prompt = 0;       ///< [token]
    double output = 0;       ///< [token]
    double most_ttft_s = 0;  ///< 0: any [s]
    double most_tpot_s = 0;  ///< 0: any [s]

    friend bool operator==(const serving_goal&, const serving_goal&) = default;
};

/// Replicas and the most that they serve within the limits.
struct planned_serving {
    inference_deployment as{};
    load_estimate most{};  ///< `requests_s` 0: no plan fits and keeps the limits
};

/// The largest load of a deployment within the limits.
[[nodiscard]] load_estimate most_within(const model& m, const inference_deployment& d, const serving_goal& goal,
                                        const system& s, const inference_efficiency& e);
/// The load under which a deployment serves `requests_s`; its largest where that is less.
[[nodiscard]] load_estimate estimate_at(const model& m, const inference_deployment& d, const serving_goal& goal,
                                        double requests_s, const system& s, const inference_efficiency& e);
/// Every kind of replicas of `gpus` that fits and keeps the limits, those that serve most first.
[[nodiscard]] std::vector<planned_serving> all_replicas(const model& m, std::uint32_t gpus,
                                                        const inference_deployment& like, const serving_goal& goal,
                                                        const system& s, const inference_efficiency& e);
/// The best of all replicas of `gpus`; formats, program and budget of a step are those of `like`.
[[nodiscard]] planned_serving best_replicas(const model& m, std::uint32_t gpus, const inference_deployment& like,
                                            const serving_goal& goal, const system& s, const inference_efficiency& e);

}  // namespace ampacity::llm
