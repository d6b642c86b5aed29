#pragma once
/// \file
/// Benchmark runs beside the best replicas that the model finds within their limits.
///
/// Each run is asked twice: under the measured rate, or the largest modelled one where that is less, and under the
/// largest modelled one, since submissions run as fast as the limits let them. Deterministic; about a minute for 130
/// runs.

#include <ampacity/llm/inference_calibration.hpp>
#include <ampacity/serving/percentile_planner.hpp>

#include <cstdint>
#include <vector>

namespace ampacity::serving {

/// Modelled / measured - 1; 0: not measured. [1]
struct latency_errors {
    double ttft_p50 = 0;
    double tpot_p50 = 0;
    double tpot_p99 = 0;
};

/// A run of a benchmark beside the best replicas.
struct compared_server {
    std::uint32_t row = 0;
    percentile_plan best{};
    latency_percentiles modelled{};  ///< under the measured rate
    double throughput_error = 0;     ///< largest rate within the limits / measured - 1 [1]
    latency_errors measured{};       ///< under the measured rate
    latency_errors largest{};        ///< under the largest modelled one
};

/// Sets the time of a request outside of iterations, of the program of tuned engines: that of a grid that brings the
/// mean of |log(modelled / measured)| of the times to the first token of fitted runs lowest. Nothing changes without
/// it.
void fit_first_tokens(const llm::inference_set& set, llm::inference_efficiency& e);
/// Every benchmark run that a plan can serve, by the program of tuned engines.
[[nodiscard]] std::vector<compared_server> compare_servers(const llm::inference_set& set,
                                                           const llm::inference_efficiency& e);
/// Every run with tuned engines that were fitted without its model.
[[nodiscard]] std::vector<compared_server> leave_one_model_out(const llm::inference_set& set,
                                                               const llm::inference_efficiency& e);
/// Every run with tuned engines that were fitted without its kind of GPU.
[[nodiscard]] std::vector<compared_server> leave_one_gpu_out(const llm::inference_set& set,
                                                             const llm::inference_efficiency& e);

}  // namespace ampacity::serving
