#pragma once
/// \file
/// Fits the coefficients of an iteration to measured deployments, and tells how far the fit is from them.
///
/// Least squares of log(modelled / measured) with normal priors on the logarithms of the coefficients. Fitted are times
/// per token; the batch behind each follows from the measurement by Little's law, so that what a row tells of a step is
/// not mixed with what it tells of a queue. Judged is `estimate`, which knows of a row its plan and its load alone.
/// Deterministic; seconds for 500 rows.

#include <ampacity/llm/inference_planner.hpp>
#include <ampacity/llm/length_law.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::llm {

/// A deployment under one load that somebody measured.
struct measured_serving {
    std::string family{};      ///< of models, left out together
    std::string deployment{};  ///< model, system, software and plan: left out together
    std::string where{};       ///< file and line
    std::uint32_t model = 0;   ///< index
    std::uint32_t system = 0;  ///< index
    inference_deployment as{};
    closed_load load{};
    double ttft_s = 0;  ///< mean [s]
    double tpot_s = 0;  ///< [s]
    bool fitted = true;

    /// From first to last of a request. [s]
    [[nodiscard]] double total_s() const { return ttft_s + (load.output - 1) * tpot_s; }
    [[nodiscard]] double requests_s() const { return load.concurrency / total_s(); }
    [[nodiscard]] double tokens_s_gpu() const { return requests_s() * load.output / as.gpus(); }
};

/// One all-to-all of tokens to experts, or back, that somebody measured inside a domain.
struct measured_exchange {
    double ranks = 0;
    double tokens = 0;       ///< of one rank
    double token_bytes = 0;  ///< that travel [B]
    double active = 0;       ///< experts of a token
    double link_b_s = 0;     ///< [B/s]
    double time_s = 0;       ///< [s]
};

/// The products of the experts of one layer on one GPU.
struct measured_experts {
    std::uint32_t system = 0;  ///< index
    precision_kind precision = precision_kind::bf16;
    double tokens = 0;  ///< of the whole group
    double experts = 0;
    double active = 0;
    double hidden = 0;
    double width = 0;
    double gpus = 0;    ///< that they are divided over
    double time_s = 0;  ///< [s]
};

/// A run of a benchmark, whose plan is not told: judged is the best one.
struct measured_server {
    std::string suite{};  ///< such as "mlperf server"
    std::string where{};  ///< file and line
    std::uint32_t model = 0;
    std::uint32_t system = 0;
    std::uint32_t gpus = 0;
    inference_deployment like{};   ///< its formats
    inference_deployment usual{};  ///< the plan that submissions publish for such GPUs, for the fit; none: 0 workers
    serving_goal goal{};           ///< limits of 99 % of requests
    length_law prompt{};
    length_law output{};
    double requests_s = 0;  ///< [1/s]
    double ttft_s = 0;      ///< median; 0: not measured [s]
    double tpot_s = 0;      ///< median; 0: not measured [s]
    double tpot_p99_s = 0;  ///< 0: not measured [s]
    bool fitted = true;
};

/// Measurements with what they are about.
struct inference_set {
    std::vector<model> models{};
    std::vector<system> systems{};
    std::vector<measured_serving> rows{};
    std::vector<measured_exchange> exchanges{};
    std::vector<measured_experts> experts{};
    std::vector<measured_server> servers{};
    std::vector<std::string> left_out{};  ///< rows that are not used, each with the reason

    [[nodiscard]] const model& model_of(const measured_serving& r) const { return models[r.model]; }
    [[nodiscard]] const system& system_of(const measured_serving& r) const { return systems[r.system]; }
};

/// The fit to those rows of `set` that `fitted` says. \throws nothing but std::bad_alloc.
[[nodiscard]] inference_efficiency fit_inference(const inference_set& set);

/// Adds to `e` the program of tuned engines, "trtllm-tuned", fitted to those benchmark runs of `set` that `fitted`
/// says, under the plans that submissions publish: six unknowns. The time per token of a run is compared at the batch
/// that it tells by Little's law, and the rate of one without latencies at the batch for which there is memory. Nothing
/// changes where there is no run.
void fit_tuned(const inference_set& set, inference_efficiency& e);
/// A run and what it counts.
struct weighted_run {
    const measured_server* run;
    double weight;
};
/// Those that are fitted. Submitters run the same engines: many of them tell less with each.
[[nodiscard]] std::vector<weighted_run> fitted_runs(const inference_set& set);
/// Requests per second of replicas without limits of latency, each with as many as it has memory for. [1/s]
[[nodiscard]] double full_rate(const model& m, const inference_deployment& d, const length_law& prompt,
                               const length_law& output, const system& s, const inference_efficiency& e);
/// Modelled / measured - 1 of the time that `fit_tuned` compares for a run; 0 without a plan. [1]
[[nodiscard]] double tuned_error(const inference_set& set, const measured_server& r, const inference_efficiency& e);
inline constexpr std::string_view tuned_program = "trtllm-tuned";

/// The time per token at the batch that the measured times tell, as the fit sees it. [s]
[[nodiscard]] double token_at_measured_batch(const inference_set& set, const measured_serving& r,
                                             const inference_efficiency& e);

/// How the load of a row is to the most that the model lets its deployment serve.
enum class saturation : std::uint8_t {
    low,    ///< below 0.3
    below,  ///< 0.3 to 0.9
    at,     ///< 0.9 and more, nothing waits
    above,  ///< requests wait for memory or for prefill
};
/// "low", "below", "at", "above".
[[nodiscard]] std::string_view name_of(saturation s) noexcept;

/// A row beside its estimate.
struct compared_serving {
    std::uint32_t row = 0;
    load_estimate modelled{};
    saturation load = saturation::low;
    double ttft_error = 0;        ///< modelled / measured - 1 [1]
    double tpot_error = 0;        ///< [1]
    double throughput_error = 0;  ///< of output tokens per second and GPU [1]
};

/// Every row whose accelerator has coefficients and whose weights fit.
[[nodiscard]] std::vector<compared_serving> compare(const inference_set& set, const inference_efficiency& e);
/// Every fitted row with coefficients that were fitted without its deployment.
[[nodiscard]] std::vector<compared_serving> leave_one_deployment_out(const inference_set& set);
/// Every fitted row with coefficients that were fitted without its family of models.
[[nodiscard]] std::vector<compared_serving> leave_one_family_out(const inference_set& set);

/// Mean of |modelled / measured - 1| of the all-to-alls and of the products of experts; 0 of none. [1]
[[nodiscard]] double exchange_error(const inference_set& set, const inference_efficiency& e);
[[nodiscard]] double expert_error(const inference_set& set, const inference_efficiency& e);

/// Median of |error|; 0 of none. [1]
[[nodiscard]] double median_error(std::span<const compared_serving> rows, double compared_serving::* error);

}  // namespace ampacity::llm
