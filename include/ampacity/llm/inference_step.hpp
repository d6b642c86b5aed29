#pragma once
/// \file
/// Time of one iteration of a replica that serves a language model: prefill, decode or both.
///
/// t = step + L x layer + sum over classes of operators of max(FLOP / (eta_c C), bytes / (eta_m W)) + collectives. The
/// classes are the products of all tokens together (queries, keys, values, output, dense parts), those of routed
/// experts, the head, attention of prefills, attention of decodes, and what is left of HBM traffic. All are those of
/// the busiest GPU. Pure functions, O(layer types).

#include <ampacity/llm/inference_efficiency.hpp>
#include <ampacity/llm/model.hpp>

#include <cstdint>
#include <string>

namespace ampacity::llm {

/// How a replica is divided. Experts are divided over the `tp` x `attention_dp` GPUs of a stage, `ep` ways into sets
/// and the rest ways inside each.
struct inference_plan {
    std::uint32_t tp = 1;                 ///< tensor parallel, of mixers and dense parts
    std::uint32_t attention_dp = 1;       ///< groups of `tp` GPUs, each with its own requests and dense weights
    std::uint32_t pp = 1;                 ///< pipeline stages, each of which works on other requests at a time
    std::uint32_t ep = 1;                 ///< expert parallel, a divisor of tp x attention_dp
    std::uint32_t redundant_experts = 0;  ///< copies of routed experts of each layer, beside one of each
    precision_kind precision = precision_kind::bf16;  ///< of the products of dense parts and experts
    precision_kind mixers = precision_kind::bf16;     ///< of those of mixers
    double cache_bytes = 2;                           ///< of a number of keys or values [B]

    [[nodiscard]] std::uint32_t stage_gpus() const { return tp * attention_dp; }
    [[nodiscard]] std::uint32_t gpus() const { return stage_gpus() * pp; }
    friend bool operator==(const inference_plan&, const inference_plan&) = default;
};

/// Why the plan cannot be, a phrase with numbers; empty: it can, if its memory fits.
[[nodiscard]] std::string fault_of(const model& m, const inference_plan& p, const system& s);

/// What one iteration works on, over all groups of a replica, evenly.
struct inference_batch {
    double decodes = 0;         ///< requests with one new token each, or `tokens_per_decode`
    double context = 0;         ///< mean tokens before a decode [token]
    double prefills = 0;        ///< requests with a chunk of their prompt
    double prefill_tokens = 0;  ///< of all chunks [token]
    double prefill_before = 0;  ///< mean tokens before a chunk [token]
    /// New tokens of a decode: 1 + drafts that are verified. [token]
    double tokens_per_decode = 1;

    [[nodiscard]] double tokens() const { return decodes * tokens_per_decode + prefill_tokens; }
};

/// Counts of an iteration on the busiest GPU, and its time.
struct inference_iteration {
    double product_flop = 0;  ///< of all but experts, on one GPU [FLOP]
    double expert_flop = 0;
    double attention_flop = 0;  ///< of prefills and decodes
    double weight_b = 0;        ///< read, of all but experts [B]
    double expert_b = 0;        ///< of experts that a token visits [B]
    double cache_b = 0;         ///< keys and values read by decodes [B]

    double products_s = 0;  ///< of all but experts and head [s]
    double experts_s = 0;
    double head_s = 0;
    double prefill_attention_s = 0;
    double decode_attention_s = 0;
    double traffic_s = 0;
    double fixed_s = 0;     ///< step and layers
    double reduce_s = 0;    ///< all-reduces of tensor parallel groups
    double exchange_s = 0;  ///< all-to-alls of experts
    double pipeline_s = 0;  ///< between stages

    /// From its first kernel to its tokens. [s]
    [[nodiscard]] double time_s() const {
        return products_s + experts_s + head_s + prefill_attention_s + decode_attention_s + traffic_s + fixed_s +
               reduce_s + exchange_s + pipeline_s;
    }
};

/// The iteration. \pre `fault_of` is empty and the accelerator has a row in `e`.
[[nodiscard]] inference_iteration iteration_of(const model& m, const inference_plan& p, const inference_batch& b,
                                               const system& s, const inference_efficiency& e,
                                               const inference_software& with);

/// Shares of the routed experts of a layer that `tokens` visit, which copies share evenly: 1 - (1 - k/(E + r))^tokens.
/// [1]
[[nodiscard]] double experts_visited(const layer& l, double tokens, double redundant = 0);
/// Bytes of a weight in this format with its scales. [B]
[[nodiscard]] double weight_bytes(precision_kind p);
/// Weights on the GPU that has most. [B]
[[nodiscard]] double weight_bytes(const model& m, const inference_plan& p);
/// Of a GPU beside weights and cache: context, graphs, activations of a step; an assumption. [B]
inline constexpr double inference_workspace_b = 6e9;
/// Tokens of keys and values that a replica can hold with `memory_share` of its memory used; 0: not even weights fit.
/// Contexts of `length` tokens say how much of the states of constant size each needs. [token]
[[nodiscard]] double cache_tokens(const model& m, const inference_plan& p, const system& s, double length,
                                  double memory_share = 0.9);
/// Time from one pool to another of the keys and values of a prompt, of which all but the last layer hide behind its
/// prefill. [s]
[[nodiscard]] double transfer_s(const model& m, const inference_plan& from, double prompt, const system& s,
                                const inference_efficiency& e);

/// Drafted tokens, declared.
struct speculation {
    double drafts = 0;      ///< g, of every step; 0: none
    double acceptance = 0;  ///< a, of one draft after accepted ones [1]
    double draft_cost = 0;  ///< of one draft, as a share of the step without drafts [1]

    /// Tokens that a step yields: (1 - a^(g + 1)) / (1 - a). [1]
    [[nodiscard]] double tokens_per_step() const;
    friend bool operator==(const speculation&, const speculation&) = default;
};

}  // namespace ampacity::llm
