#pragma once
/// \file
/// What follows for a replica from the language model that a service serves. A plain value.

#include <cstdint>

namespace ampacity::sim {

/// What the model that a service serves makes of one replica.
struct modelled_service {
    std::uint32_t gpus = 1;               ///< of a replica
    double expert_imbalance = 0;          ///< by assumption [1]; 0: the calibrated one, or no experts over GPUs
    std::int64_t kv_capacity_tokens = 0;  ///< that the replica holds
    double weights_b = 0;                 ///< on the GPU with most [B]
    std::int64_t full_decodes = 0;        ///< requests of usual context that fit: by seats, tokens of a step and cache
    double decode_alone_s = 0;            ///< step of one decode of usual context [s]
    double decode_full_s = 0;             ///< step of `full_decodes` of them [s]
    double prefill_tokens_s = 0;          ///< tokens of prompts per second, in full steps of nothing else [1/s]
    /// Of a GPU in steps with prompts, in steps of decodes alone, and with the model resident and no step [W]; 0: not
    /// known.
    double prefill_w = 0, decode_w = 0, waiting_w = 0;
    double mean_error = 0;  ///< of the times of steps against the iteration of the model [1]
    double most_error = 0;  ///< [1]
};

/// Of the GPUs of replicas that were there for `all_s` together, `in_steps_s` of it in steps and `with_prompts_s` of
/// these in steps with prompts [J].
[[nodiscard]] inline double energy_j(const modelled_service& m, std::uint64_t gpus_each, double all_s,
                                     double in_steps_s, double with_prompts_s) noexcept {
    return static_cast<double>(gpus_each) * (with_prompts_s * m.prefill_w + (in_steps_s - with_prompts_s) * m.decode_w +
                                             (all_s - in_steps_s) * m.waiting_w);
}

}  // namespace ampacity::sim
