#pragma once
/// \file
/// Time of one training step of a model under a parallel plan: t = a (m + (p - 1) / v) + c0.
///
/// a is the time of a micro-batch on one stage: products, attention and HBM traffic of its layers one after the other,
/// and what compute does not hide of the traffic of its groups; where launching takes longer, that. c0 is what is left
/// of gradients and weights at the end of a step, the optimizer and the host. A pure function, O(layer types).

#include <ampacity/llm/efficiency.hpp>
#include <ampacity/llm/plan.hpp>

#include <cstdint>

namespace ampacity::llm {

/// Parts of a time [s]. In a step they are sums over its micro-batches, without the bubble.
struct step_parts {
    double products_s = 0;   ///< matrix products
    double attention_s = 0;  ///< scores and sums, scans of Mamba
    double traffic_s = 0;    ///< norms, activation functions, casts, permutation of tokens
    double launch_s = 0;     ///< beyond all others: the host is behind
    double tensor_s = 0;     ///< exposed, of tensor parallel groups
    double context_s = 0;
    double expert_s = 0;
    double pipeline_s = 0;
    double gather_s = 0;  ///< of ZeRO-3

    [[nodiscard]] double compute_s() const { return products_s + attention_s + traffic_s + launch_s; }
    [[nodiscard]] double exposed_s() const { return tensor_s + context_s + expert_s + pipeline_s + gather_s; }
    [[nodiscard]] double total_s() const { return compute_s() + exposed_s(); }
};

/// Traffic of the groups of a plan, hidden or not: time that it takes at the bandwidth that collectives reach [s].
struct step_traffic {
    double tensor_s = 0;  ///< of a step
    double context_s = 0;
    double expert_s = 0;
    double pipeline_s = 0;
    double gather_s = 0;
    double data_s = 0;
};

/// A step.
struct training_step {
    double time_s = 0;         ///< of the step
    double micro_batch_s = 0;  ///< a: of a micro-batch on a stage
    double rest_s = 0;         ///< c0
    double bubble_s = 0;       ///< a (p - 1) / v
    double data_s = 0;         ///< exposed, of data parallel groups; part of c0
    double optimizer_s = 0;    ///< part of c0
    step_parts parts{};        ///< of all micro-batches of the step
    step_traffic traffic{};
    std::uint32_t micro_batches = 0;
    double flop = 0;  ///< of the model, by the convention that was asked for, of all GPUs [FLOP]
    double mfu = 0;   ///< flop / (time x GPUs x dense peak in the precision of the plan) [1]
    double tokens_per_s_per_gpu = 0;
};

/// The step. \pre the plan is valid and the accelerator has a row in `e`. `recipe`: nullptr or a row of `e`.
[[nodiscard]] training_step step_of(const model& m, const parallel_plan& p, const batch_shape& b, const system& s,
                                    const training_efficiency& e, attention_count count = attention_count::causal,
                                    const recipe_efficiency* recipe = nullptr);

}  // namespace ampacity::llm
