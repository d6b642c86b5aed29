#pragma once
/// \file
/// A parallel plan of a training job, whether it can be, the memory that it takes and where its groups lie.
///
/// Ranks are numbered as Megatron does: tensor parallel innermost, then context, then data, pipeline outermost; expert
/// groups are consecutive ranks of one stage. Pure functions, O(layer types).

#include <ampacity/llm/model.hpp>
#include <ampacity/llm/system.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace ampacity::llm {

/// What is computed again in the backward pass instead of kept.
enum class recompute_kind : std::uint8_t {
    none,       ///< nothing; without a fused attention its scores are kept
    selective,  ///< scores of attention, norms and activation functions
    full,       ///< all but the input of each layer
};
/// "none", "selective", "full".
[[nodiscard]] std::string_view name_of(recompute_kind r) noexcept;

/// How a job is divided. GPUs = tp x cp x dp x pp; experts are divided over the ranks of a stage and add none.
struct parallel_plan {
    std::uint32_t tp = 1;           ///< tensor parallel, with sequence parallel
    std::uint32_t pp = 1;           ///< pipeline stages
    std::uint32_t vp = 1;           ///< chunks of layers per stage (interleaving)
    std::uint32_t cp = 1;           ///< context parallel
    std::uint32_t dp = 1;           ///< data parallel
    std::uint32_t ep = 1;           ///< expert parallel
    std::uint32_t micro_batch = 1;  ///< sequences
    std::uint32_t zero = 1;         ///< 0 to 3: what data-parallel ranks share: optimizer, gradients, weights
    recompute_kind recompute = recompute_kind::none;
    double recompute_share = 1;  ///< of the layers, for `full`; the others are as `selective` [1]
    precision_kind precision = precision_kind::bf16;
    std::uint32_t gradient_bytes = 2;  ///< of a gradient: 2 (reduced in bf16) or 4
    bool fused_attention = true;       ///< scores are never kept, as in FlashAttention
    /// Weights stay as they are, as under LoRA, whose adapters are not counted; they are kept in 8 bits where products
    /// are of 8 or 4.
    bool frozen = false;
    bool with_mtp = false;  ///< multi-token prediction is trained too

    [[nodiscard]] std::uint64_t gpus() const { return std::uint64_t{tp} * pp * cp * dp; }
    friend bool operator==(const parallel_plan&, const parallel_plan&) = default;
};

/// What is trained at a time.
struct batch_shape {
    std::uint32_t sequences = 0;  ///< of one step: the global batch
    std::uint32_t length = 0;     ///< of a sequence [token]

    [[nodiscard]] double tokens() const { return static_cast<double>(sequences) * length; }
    friend bool operator==(const batch_shape&, const batch_shape&) = default;
};

/// Micro-batches of one replica in a step. \pre the plan is valid.
[[nodiscard]] std::uint32_t micro_batches(const parallel_plan& p, const batch_shape& b);

/// Why the plan cannot be, a phrase with numbers; empty: it can, if its memory fits.
[[nodiscard]] std::string fault_of(const model& m, const parallel_plan& p, const batch_shape& b, const system& s);

/// Memory of the GPU that needs most.
struct memory_use {
    double weights_b = 0;      ///< [B]
    double gradients_b = 0;    ///< [B]
    double optimizer_b = 0;    ///< master weights and both moments in fp32 [B]
    double activations_b = 0;  ///< of the first stage, all micro-batches in flight [B]
    double buffers_b = 0;      ///< logits, gathered layers, context and workspaces [B]

    [[nodiscard]] double total_b() const { return weights_b + gradients_b + optimizer_b + activations_b + buffers_b; }
};
[[nodiscard]] memory_use memory_of(const model& m, const parallel_plan& p, const batch_shape& b);
/// By how much it does not fit, a phrase with numbers; empty: it fits.
[[nodiscard]] std::string memory_fault_of(const memory_use& use, const system& s);
/// The lightest recompute that fits in `p`; false: none does, and `p` has the full one.
bool lighten(const model& m, parallel_plan& p, const batch_shape& b, const system& s);

/// Where a group of ranks lies: `inside` of them share a domain, `outside` domains hold the group.
struct group_span {
    std::uint32_t inside = 1;
    std::uint32_t outside = 1;

    [[nodiscard]] std::uint32_t size() const { return inside * outside; }
    friend bool operator==(const group_span&, const group_span&) = default;
};

/// Where the groups of a plan lie in the physical tree.
struct group_map {
    group_span tensor{};
    group_span context{};
    group_span expert{};
    group_span data{};              ///< of dense weights: data and context ranks
    group_span expert_data{};       ///< replicas of experts
    bool pipeline_crosses = false;  ///< neighbouring stages lie in different domains
};
[[nodiscard]] group_map map_groups(const parallel_plan& p, const system& s);

}  // namespace ampacity::llm
