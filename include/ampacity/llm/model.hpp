#pragma once
/// \file
/// The architecture of a language model: a list of layer types with their counts, and what follows from it: parameters,
/// FLOP per token, bytes of the KV cache.
///
/// Plain data; the counts are sums over the list, O(layer types), without state. Matrices are counted, with the
/// gains of norms; biases, and the norms of queries and keys, are not (below 0.1 % of every model of the catalogue).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::llm {

/// What mixes the tokens of a sequence.
enum class mixer_kind : std::uint8_t {
    attention,  ///< multi-head, grouped or single-key attention
    latent,     ///< multi-head latent attention (MLA)
    mamba,      ///< Mamba-2: a state of constant size, no KV cache
    none,       ///< a layer of a feed-forward part alone
};

/// What works on each token alone.
enum class feed_forward_kind : std::uint8_t {
    dense,
    experts,  ///< mixture of experts (MoE)
    none,     ///< a layer of a mixer alone
};

/// How attention FLOP of training and prefill are counted.
enum class attention_count : std::uint8_t {
    full,    ///< every query with every key, as MLPerf counts: 12 L n d s per token of training
    causal,  ///< keys up to the query only, half of it, as Megatron-Bridge counts: 6 L n d s
};
/// "full", "causal".
[[nodiscard]] std::string_view name_of(attention_count c) noexcept;

/// A type of layer and how many of it.
struct layer {
    std::string name{};
    std::uint32_t count = 0;
    mixer_kind mixer = mixer_kind::attention;
    feed_forward_kind feed_forward = feed_forward_kind::dense;
    std::optional<std::uint32_t> heads{};           ///< of queries; of the state of Mamba
    std::optional<std::uint32_t> kv_heads{};        ///< of keys and values
    std::optional<std::uint32_t> head_dim{};        ///< of queries and keys, without `rope_dim`
    std::optional<std::uint32_t> rope_dim{};        ///< latent: further, rotated part of queries and keys
    std::optional<std::uint32_t> value_dim{};       ///< of values; none: as `head_dim`
    std::optional<std::uint32_t> q_rank{};          ///< queries by way of so many numbers; none: directly
    std::optional<std::uint32_t> kv_rank{};         ///< latent: keys and values by way of so many
    std::optional<std::uint32_t> o_rank{};          ///< output by way of so many per group; none: directly
    std::optional<std::uint32_t> o_groups{};        ///< groups of heads of that
    std::optional<bool> shared_kv{};                ///< keys are the values
    std::optional<std::uint32_t> window{};          ///< last keys that a query sees; none: all
    std::optional<std::uint32_t> compression{};     ///< keys beyond the window, one for so many tokens
    std::optional<std::uint32_t> sparse_keys{};     ///< most keys that an indexer chooses; none: all
    std::optional<std::uint32_t> index_heads{};     ///< of the indexer
    std::optional<std::uint32_t> index_dim{};       ///< of its heads
    std::optional<std::uint32_t> state{};           ///< Mamba: numbers of state per number of a head
    std::optional<std::uint32_t> groups{};          ///< Mamba: heads that share their input to the state
    std::optional<std::uint32_t> conv{};            ///< Mamba: taps of the convolution
    std::optional<std::uint32_t> width{};           ///< dense: inner width
    std::optional<std::uint32_t> matrices{};        ///< 3: gated (SwiGLU); 2: not
    std::optional<std::uint32_t> experts{};         ///< routed ones
    std::optional<std::uint32_t> active_experts{};  ///< routed ones of a token
    std::optional<std::uint32_t> expert_width{};    ///< inner width of one
    std::optional<std::uint32_t> shared_width{};    ///< inner width of all that every token visits
    std::optional<std::uint32_t> latent_width{};    ///< of the tokens that routed experts see; none: the hidden size

    /// Query, key and value parts of one head with what rope adds.
    [[nodiscard]] double qk_dim() const { return head_dim.value_or(0) + rope_dim.value_or(0); }
    [[nodiscard]] double v_dim() const { return value_dim.value_or(head_dim.value_or(0)); }
    [[nodiscard]] bool attends() const { return mixer == mixer_kind::attention || mixer == mixer_kind::latent; }

    friend bool operator==(const layer&, const layer&) = default;
};

/// Parameters of one layer of a type.
struct layer_parameters {
    double mixer = 0;         ///< matrices of the mixer
    double feed_forward = 0;  ///< of the dense part: all that every token visits, the router included
    double experts = 0;       ///< all routed experts
    double active = 0;        ///< of them, those of one token
    double gains = 0;         ///< norms and what else is no matrix
};

/// An architecture.
struct model {
    std::string name{};
    std::uint32_t hidden = 0;
    std::uint32_t vocabulary = 0;
    bool tied = false;                           ///< input embedding and output head are one matrix
    std::optional<std::uint32_t> positions{};    ///< learned embeddings of positions; none: rotary or none
    std::optional<std::uint32_t> context{};      ///< longest sequence [token]
    std::vector<layer> layers{};                 ///< in any order: types with counts
    std::vector<layer> mtp_layers{};             ///< of one module of multi-token prediction; empty: there is none
    std::optional<std::uint32_t> mtp_modules{};  ///< that training runs; none: 1 where there are `mtp_layers`

    [[nodiscard]] layer_parameters parameters_of(const layer& l) const;
    /// Embeddings of the input, positions included.
    [[nodiscard]] double embedding_parameters() const;
    /// Matrix of the output head; 0 where it is the embedding.
    [[nodiscard]] double head_parameters() const;
    /// All parameters, without multi-token prediction.
    [[nodiscard]] double parameters() const;
    /// Those that one token visits, both embeddings included.
    [[nodiscard]] double active_parameters() const;
    /// Parameters of the modules for multi-token prediction.
    [[nodiscard]] double mtp_parameters() const;
    [[nodiscard]] bool has_experts() const;
    /// Layers that are not of multi-token prediction.
    [[nodiscard]] std::uint32_t num_layers() const;

    /// FLOP of one token of training (forward and backward, 3 times forward) in a sequence of this length;
    /// \p with_mtp counts multi-token prediction.
    [[nodiscard]] double training_flop_per_token(double sequence, attention_count count, bool with_mtp = false) const;
    /// FLOP of the mixing of one token in one layer, forward: scores and sums over keys, indexer, state.
    [[nodiscard]] double mixing_flop(const layer& l, double sequence, attention_count count) const;
    /// Bytes of the KV cache per token at the far end of a long context; layers of a constant state add nothing.
    [[nodiscard]] double kv_bytes_per_token(double bytes_per_number) const;
    /// Bytes of state that a sequence keeps whatever its length: windows and states of Mamba.
    [[nodiscard]] double state_bytes(double bytes_per_number) const;

    friend bool operator==(const model&, const model&) = default;
};

/// Keys that a query sees on average.
[[nodiscard]] double keys_seen(const layer& l, double sequence, attention_count count);

}  // namespace ampacity::llm
