#pragma once
/// \file
/// The rest of model_schema.hpp: language models. With what is checked in them and what follows from them.

#include "model_schema.hpp"
#include "model_totals.hpp"

#include <ampacity/llm/efficiency.hpp>
#include <ampacity/llm/inference_efficiency.hpp>
#include <ampacity/llm/model.hpp>
#include <ampacity/scenario/training_jobs.hpp>

#include <string>
#include <vector>

namespace ampacity::scenario {

template <>
struct names<llm::mixer_kind> {
    using E = llm::mixer_kind;
    static constexpr std::array known{named<E>{E::attention, "attention"}, named<E>{E::latent, "latent"},
                                      named<E>{E::mamba, "mamba"}, named<E>{E::none, "none"}};
};
template <>
struct names<llm::feed_forward_kind> {
    using E = llm::feed_forward_kind;
    static constexpr std::array known{named<E>{E::dense, "dense"}, named<E>{E::experts, "experts"},
                                      named<E>{E::none, "none"}};
};

template <>
struct names<llm::collective_kind> {
    using E = llm::collective_kind;
    static constexpr std::array known{named<E>{E::all_reduce, "all-reduce"}, named<E>{E::all_gather, "all-gather"},
                                      named<E>{E::reduce_scatter, "reduce-scatter"},
                                      named<E>{E::all_to_all, "all-to-all"}};
};

}  // namespace ampacity::scenario

namespace ampacity::io {

template <>
struct schema<llm::layer> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = llm::layer;
        v.word(&T::name, {.key = "name", .doc = "of the type"});
        v.number(&T::count, {.key = "count", .doc = "layers of this type", .min = 1, .max = 10000});
        v.word(&T::mixer, {.key = "mixer", .doc = "what mixes the tokens"});
        v.word(&T::feed_forward, {.key = "feed_forward", .doc = "what works on each token alone"});
        v.number(&T::heads, {.key = "heads", .doc = "of queries, or of the state of Mamba", .min = 1, .max = 1e5});
        v.number(&T::kv_heads, {.key = "kv_heads", .doc = "of keys and values", .min = 1, .max = 1e5});
        v.number(&T::head_dim, {.key = "head_dim", .doc = "of queries and keys, without rope_dim", .max = 1e5});
        v.number(&T::rope_dim, {.key = "rope_dim", .doc = "latent: rotated part beside head_dim", .max = 1e5});
        v.number(&T::value_dim, {.key = "value_dim", .doc = "of values, where it is not head_dim", .max = 1e5});
        v.number(&T::q_rank, {.key = "q_rank", .doc = "queries by way of so many numbers", .min = 1, .max = 1e6});
        v.number(&T::kv_rank, {.key = "kv_rank", .doc = "latent: keys and values by way of", .min = 1, .max = 1e6});
        v.number(&T::o_rank, {.key = "o_rank", .doc = "output by way of so many per group", .min = 1, .max = 1e6});
        v.number(&T::o_groups, {.key = "o_groups", .doc = "groups of heads of that", .min = 1, .max = 1e5});
        v.word(&T::shared_kv, {.key = "shared_kv", .doc = "keys are the values"});
        v.number(&T::window, {.key = "window", .doc = "last keys that a query sees", .min = 1});
        v.number(&T::compression, {.key = "compression", .doc = "tokens per key beyond the window", .min = 1});
        v.number(&T::sparse_keys, {.key = "sparse_keys", .doc = "most keys that an indexer chooses", .min = 1});
        v.number(&T::index_heads, {.key = "index_heads", .doc = "of the indexer", .min = 1, .max = 1e5});
        v.number(&T::index_dim, {.key = "index_dim", .doc = "of the indexer's heads", .min = 1, .max = 1e5});
        v.number(&T::state, {.key = "state", .doc = "Mamba: state per number of a head", .min = 1, .max = 1e5});
        v.number(&T::groups, {.key = "groups", .doc = "Mamba: groups of heads with one input", .min = 1, .max = 1e5});
        v.number(&T::conv, {.key = "conv", .doc = "Mamba: taps of the convolution", .min = 1, .max = 100});
        v.number(&T::width, {.key = "width", .doc = "dense: inner width", .min = 1, .max = 1e7});
        v.number(&T::matrices, {.key = "matrices", .doc = "3: gated, as SwiGLU; 2: not", .min = 2, .max = 3});
        v.number(&T::experts, {.key = "experts", .doc = "routed ones", .min = 1, .max = 1e5});
        v.number(&T::active_experts, {.key = "active_experts", .doc = "routed ones of a token", .min = 1, .max = 1e5});
        v.number(&T::expert_width, {.key = "expert_width", .doc = "inner width of one expert", .min = 1, .max = 1e7});
        v.number(&T::shared_width, {.key = "shared_width", .doc = "inner width of all shared ones", .max = 1e7});
        v.number(&T::latent_width, {.key = "latent_width", .doc = "of tokens at the experts", .min = 1, .max = 1e6});
    }
};

template <>
struct schema<llm::model> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = llm::model;
        v.number(&T::hidden, {.key = "hidden", .doc = "width of the residual stream", .min = 1, .max = 1e6});
        v.number(&T::vocabulary, {.key = "vocabulary", .doc = "rows of the embedding", .min = 1, .max = 1e8});
        v.word(&T::tied, {.key = "tied", .doc = "whether embedding and output head are one"});
        v.number(&T::positions, {.key = "positions", .doc = "learned embeddings of positions", .min = 1, .max = 1e8});
        v.number(&T::context, {.key = "context", .doc = "longest sequence", .min = 1, .max = 1e9});
        v.record(&T::layers, {.key = "layers", .doc = "types of layers"});
        v.record(&T::mtp_layers, {.key = "mtp_layers", .doc = "of one module of multi-token prediction"});
        v.number(&T::mtp_modules, {.key = "mtp_modules", .doc = "such modules in training", .min = 1, .max = 100});
    }
};

template <>
struct schema<llm::gpu_efficiency> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = llm::gpu_efficiency;
        v.word(&T::name, {.key = "name", .doc = "of the accelerator"});
        v.number(&T::bf16, {.key = "bf16", .doc = "share of the dense peak that large products reach", .max = 1});
        v.number(&T::fp8, {.key = "fp8", .doc = "the same in fp8, one scale per tensor; 0: it has none", .max = 1});
        v.number(&T::mxfp8, {.key = "mxfp8", .doc = "the same in fp8, one scale per 32", .max = 1});
        v.number(&T::nvfp4, {.key = "nvfp4", .doc = "the same in fp4, one scale per 16", .max = 1});
        v.number(&T::host_factor, {.key = "host_factor", .doc = "times the launch times with a Grace", .max = 100});
    }
};

template <>
struct schema<llm::collective_efficiency> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = llm::collective_efficiency;
        v.word(&T::name, {.key = "name", .doc = "of GPU and operation"});
        v.word(&T::accelerator, {.key = "accelerator", .doc = "the GPU"});
        v.word(&T::kind, {.key = "kind", .doc = "the operation"});
        v.number(&T::latency_s, {.key = "latency", .doc = "of two ranks", .of = dimension::time});
        v.number(&T::share, {.key = "share", .doc = "of the link that large messages reach", .max = 2});
        v.number(&T::half_b,
                 {.key = "half", .doc = "size at which half of that is reached", .of = dimension::data_size});
    }
};

template <>
struct schema<llm::recipe_efficiency> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = llm::recipe_efficiency;
        v.word(&T::name, {.key = "name", .doc = "of suite, GPU and precision"});
        v.word(&T::suite, {.key = "suite", .doc = "whose runs these are"});
        v.word(&T::accelerator, {.key = "accelerator", .doc = "the GPU"});
        v.word(&T::precision, {.key = "precision", .doc = "of the products"});
        v.number(&T::time_factor, {.key = "time_factor", .doc = "times the time of a micro-batch", .max = 10});
        v.number(&T::step_s, {.key = "step", .doc = "added to every step", .of = dimension::time, .min = -1e12});
    }
};

template <>
struct schema<llm::training_efficiency> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = llm::training_efficiency;
        v.number(&T::attention,
                 {.key = "attention", .doc = "share of the bf16 peak that scores and sums reach", .max = 1});
        v.number(&T::small_dim,
                 {.key = "small_dim", .doc = "a product is slower by it x (1/m + 1/n + 1/k)", .max = 1e5});
        v.number(&T::traffic, {.key = "traffic", .doc = "times the least HBM traffic of norms and casts", .max = 100});
        v.number(&T::expert_traffic,
                 {.key = "expert_traffic", .doc = "the same of the permutation of tokens", .max = 100});
        v.number(&T::scan_traffic, {.key = "scan_traffic", .doc = "the same of the scan of Mamba", .max = 100});
        v.number(&T::layer_s, {.key = "layer", .doc = "launching a dense layer on Grace", .of = dimension::time});
        v.number(&T::expert_layer_s,
                 {.key = "expert_layer", .doc = "launching a layer of experts on Grace", .of = dimension::time});
        v.number(&T::tensor_exposed, {.key = "tensor_exposed", .doc = "share that compute does not hide", .max = 10});
        v.number(&T::context_exposed, {.key = "context_exposed", .doc = "the same of context parallel", .max = 10});
        v.number(&T::expert_exposed, {.key = "expert_exposed", .doc = "the same of expert parallel", .max = 10});
        v.number(&T::pipeline_exposed, {.key = "pipeline_exposed", .doc = "the same of the pipeline", .max = 10});
        v.number(&T::data_exposed, {.key = "data_exposed", .doc = "the same of data parallel", .max = 10});
        v.number(&T::gather_exposed, {.key = "gather_exposed", .doc = "the same of ZeRO-3", .max = 10});
        v.number(&T::rail_share, {.key = "rail_share", .doc = "of rails that collectives reach", .max = 1});
        v.number(&T::step_s, {.key = "step", .doc = "of every step: host, clipping, logging", .of = dimension::time});
        v.record(&T::gpus, {.key = "gpus", .doc = "kinds of GPUs"});
        v.record(&T::collectives, {.key = "collectives", .doc = "curves inside NVLink domains"});
        v.record(&T::recipes, {.key = "recipes", .doc = "suites whose runs are tuned in their own way"});
    }
};

template <>
struct schema<llm::inference_gpu> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = llm::inference_gpu;
        v.word(&T::name, {.key = "name", .doc = "of the accelerator"});
        v.number(&T::bf16, {.key = "bf16", .doc = "share of the dense peak that large products reach", .max = 1});
        v.number(&T::fp8, {.key = "fp8", .doc = "the same in fp8", .max = 1});
        v.number(&T::nvfp4, {.key = "nvfp4", .doc = "the same in fp4; 0: it has none", .max = 1});
        v.number(&T::memory, {.key = "memory", .doc = "of HBM that products of few rows reach", .max = 1});
    }
};

template <>
struct schema<llm::inference_software> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = llm::inference_software;
        v.word(&T::name, {.key = "name", .doc = "of the server program"});
        v.number(&T::step_s, {.key = "step", .doc = "of every iteration: the host", .of = dimension::time});
        v.number(&T::request_s,
                 {.key = "request", .doc = "of every request outside of iterations", .of = dimension::time});
        v.number(&T::handover_s,
                 {.key = "handover", .doc = "further, from one pool to another", .of = dimension::time});
        v.number(&T::burst, {.key = "burst", .doc = "of measured requests, those that came at once", .max = 1});
        v.number(&T::products, {.key = "products", .doc = "of tuned engines, times the shares of peaks", .max = 10});
        v.number(&T::nvfp4, {.key = "nvfp4", .doc = "the same in fp4", .max = 10});
        v.number(&T::traffic, {.key = "traffic", .doc = "the same, times the traffic of norms", .max = 10});
        v.number(&T::layer, {.key = "layer", .doc = "the same, times the time of every layer", .max = 10});
        v.number(&T::reduce, {.key = "reduce", .doc = "the same, times the time of all-reduces", .max = 10});
    }
};

template <>
struct schema<llm::inference_efficiency> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = llm::inference_efficiency;
        v.number(&T::attention, {.key = "attention", .doc = "of the bf16 peak: scores and sums", .max = 1});
        v.number(&T::cache, {.key = "cache", .doc = "of HBM at which keys and values are read", .max = 1});
        v.number(&T::experts, {.key = "experts", .doc = "of the shares of products, those of experts", .max = 2});
        v.number(&T::imbalance, {.key = "imbalance", .doc = "busiest rank of experts / mean", .min = 1, .max = 100});
        v.number(&T::traffic, {.key = "traffic", .doc = "times the least HBM traffic of norms", .max = 100});
        v.number(&T::layer_s, {.key = "layer", .doc = "of every layer: small kernels", .of = dimension::time});
        v.number(&T::expert_layer_s,
                 {.key = "expert_layer", .doc = "further, of a layer of experts", .of = dimension::time});
        v.number(&T::reduce_s, {.key = "reduce", .doc = "an all-reduce of two ranks", .of = dimension::time});
        v.number(&T::reduce_share, {.key = "reduce_share", .doc = "of NVLink that it reaches", .max = 1});
        v.number(&T::exchange_s, {.key = "exchange", .doc = "an all-to-all of few tokens", .of = dimension::time});
        v.number(&T::exchange_share, {.key = "exchange_share", .doc = "of NVLink that it reaches", .max = 1});
        v.number(&T::rail_s, {.key = "rail", .doc = "a step of a collective on rails", .of = dimension::time});
        v.number(&T::rail_share, {.key = "rail_share", .doc = "of rails that collectives reach", .max = 1});
        v.record(&T::gpus, {.key = "gpus", .doc = "kinds of GPUs"});
        v.record(&T::software, {.key = "software", .doc = "server programs"});
    }
};

/// What a layer of its kinds needs.
template <class Fail>
void check_layer(const llm::layer& l, const std::string& path, Fail fail) {
    const auto need = [&](bool given, const char* key, const char* what) {
        if (!given) fail(path, (std::string{what} + " without " + key).c_str(), ("write " + std::string{key}).c_str());
    };
    if (l.mixer != llm::mixer_kind::none) {
        need(l.heads.has_value(), "heads", "a mixer");
        need(l.head_dim.has_value(), "head_dim", "a mixer");
    }
    if (l.mixer == llm::mixer_kind::attention) {
        need(l.kv_heads.has_value(), "kv_heads", "attention");
        if (*l.heads % *l.kv_heads != 0) fail(path, "heads are no multiple of kv_heads", "write a divisor of heads");
    }
    if (l.mixer == llm::mixer_kind::latent) need(l.kv_rank.has_value(), "kv_rank", "latent attention");
    if (l.mixer == llm::mixer_kind::mamba) need(l.state.has_value(), "state", "mamba");
    if (l.feed_forward == llm::feed_forward_kind::dense) need(l.width.has_value(), "width", "a dense part");
    if (l.feed_forward == llm::feed_forward_kind::experts) {
        need(l.experts.has_value(), "experts", "a part of experts");
        need(l.active_experts.has_value(), "active_experts", "a part of experts");
        need(l.expert_width.has_value(), "expert_width", "a part of experts");
        if (*l.active_experts > *l.experts) fail(path, "more active_experts than experts", "write at most experts");
    }
    if (l.mixer == llm::mixer_kind::none && l.feed_forward == llm::feed_forward_kind::none)
        fail(path, "a layer without mixer and feed_forward", "write one of them");
}

template <class Fail>
void check_model(const llm::model& m, Fail fail) {
    if (m.layers.empty()) fail("layers", "no layers", "write at least one type of layer");
    for (std::size_t i = 0; i < m.layers.size(); ++i) check_layer(m.layers[i], "layers." + std::to_string(i), fail);
    for (std::size_t i = 0; i < m.mtp_layers.size(); ++i)
        check_layer(m.mtp_layers[i], "mtp_layers." + std::to_string(i), fail);
}

inline std::vector<model_total> totals(const llm::model& m) {
    total_list out;
    out.add("layers", m.num_layers(), {}, "of all types");
    out.add("parameters", m.parameters(), {}, "without multi-token prediction");
    out.add("parameters.active", m.active_parameters(), {}, "that one token visits, both embeddings included");
    out.add("parameters.visited", m.active_parameters() - m.embedding_parameters(), {},
            "the same without the input embedding");
    if (!m.mtp_layers.empty())
        out.add("parameters.mtp", m.mtp_parameters(), {}, "of multi-token prediction, beside these");
    out.add("kv_cache", m.kv_bytes_per_token(2), dimension::data_size, "per token of context, in bf16");
    if (m.state_bytes(2) > 0)
        out.add("state", m.state_bytes(2), dimension::data_size, "per sequence, whatever its length, in bf16");
    out.add("flop.full", m.training_flop_per_token(8192, llm::attention_count::full), {},
            "of training, per token of a sequence of 8192, full attention counted");
    out.add("flop.causal", m.training_flop_per_token(8192, llm::attention_count::causal), {},
            "the same, keys up to the query counted");
    return out.take();
}

}  // namespace ampacity::io
