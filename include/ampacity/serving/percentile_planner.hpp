#pragma once
/// \file
/// Which replicas of a number of GPUs serve most requests while 99 % of them keep limits of latency, and the latencies
/// themselves: what benchmarks with Poisson arrivals ask.
///
/// Replicas are those of `llm::all_replicas`; each kind of them serves simulated requests, in `service`, at lower and
/// lower rates until one keeps the limits. A step takes as many tokens as the limit of the time per token leaves room
/// for. Deterministic; a tenth of a second and more per question.

#include <ampacity/llm/inference_planner.hpp>
#include <ampacity/llm/length_law.hpp>

#include <cmath>
#include <cstdint>

namespace ampacity::serving {

/// What is served, and limits that 99 % of requests keep.
struct percentile_goal {
    llm::length_law prompt{};
    llm::length_law output{};
    double most_ttft_s = 0;  ///< 0: any [s]
    double most_tpot_s = 0;  ///< 0: any [s]

    /// The same of equal requests, on average.
    [[nodiscard]] llm::serving_goal mean() const {
        return {.prompt = prompt.mean, .output = output.mean, .most_ttft_s = most_ttft_s, .most_tpot_s = most_tpot_s};
    }
    friend bool operator==(const percentile_goal&, const percentile_goal&) = default;
};

/// Of requests that came after the start and before the end of a simulated run; one that no replica can ever hold never
/// gets its first token.
struct latency_percentiles {
    double requests_s = 0;  ///< that came [1/s]
    double ttft_p50_s = 0;
    double ttft_p99_s = 0;
    double tpot_p50_s = 0;
    double tpot_p99_s = 0;

    [[nodiscard]] bool keeps(const percentile_goal& goal) const {
        return std::isfinite(ttft_p99_s) && (goal.most_ttft_s <= 0 || ttft_p99_s <= goal.most_ttft_s) &&
               (goal.most_tpot_s <= 0 || tpot_p99_s <= goal.most_tpot_s);
    }
};

/// Replicas and the most that they serve within the limits.
struct percentile_plan {
    llm::inference_deployment as{};
    latency_percentiles most{};  ///< `requests_s` 0: no plan keeps the limits
};

/// The most tokens of a step, a power of two of 256 to 8192, whose prompts alone last no longer than the limit of the
/// time per token. [token]
[[nodiscard]] double step_tokens_within(const llm::model& m, const llm::inference_deployment& d, double most_tpot_s,
                                        double prompt, const llm::system& s, const llm::inference_efficiency& e);
/// Replicas under so many requests per second, up to four of them with their share. \pre the weights fit
[[nodiscard]] latency_percentiles latencies_at(const llm::model& m, const llm::inference_deployment& d,
                                               const percentile_goal& goal, double requests_s, const llm::system& s,
                                               const llm::inference_efficiency& e);
/// The best of all replicas of `gpus`; formats and program are those of `like`.
[[nodiscard]] percentile_plan best_within(const llm::model& m, std::uint32_t gpus,
                                          const llm::inference_deployment& like, const percentile_goal& goal,
                                          const llm::system& s, const llm::inference_efficiency& e);

}  // namespace ampacity::serving
