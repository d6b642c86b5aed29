#include <ampacity/core/error.hpp>
#include <ampacity/llm/expert_load.hpp>
#include <ampacity/llm/inference_step.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ampacity::llm {
namespace {

double n(const std::optional<std::uint32_t>& v) { return v.value_or(0); }

/// Routed experts with their copies / experts.
double with_copies(const layer& l, const inference_plan& p) {
    return l.feed_forward == feed_forward_kind::experts ? (n(l.experts) + p.redundant_experts) / n(l.experts) : 1;
}

/// Of one all-reduce or all-to-all: how many ranks of a group share a domain, and over how many domains it lies.
struct span_of_group {
    double inside;
    double outside;
};
span_of_group span_of(double ranks, const system& s) {
    const double domain = std::max(1U, s.domain_gpus);
    return ranks <= domain ? span_of_group{ranks, 1} : span_of_group{domain, std::ceil(ranks / domain)};
}

double numbers_per_token(const layer& l) {
    if (l.mixer == mixer_kind::latent) return n(l.kv_rank) + n(l.rope_dim);
    return n(l.kv_heads) * (n(l.head_dim) + (l.shared_kv.value_or(false) ? 0 : l.v_dim()));
}

/// Keys that a decode reads of one layer, those of an indexer apart.
double keys_read(const layer& l, double context) {
    if (!l.compression && !l.sparse_keys) return l.window ? std::min(context, n(l.window)) : context;
    const double near = l.window ? std::min(context, n(l.window)) : 0;
    const double far = context / std::max(1.0, n(l.compression));
    return near + (l.sparse_keys ? std::min(far, n(l.sparse_keys)) : far);
}

/// Scores and sums of one new token of a decode, of all heads: absorbed products for latent attention.
double decode_flop(const layer& l, double context) {
    if (l.mixer == mixer_kind::mamba) return 7 * n(l.heads) * n(l.head_dim) * n(l.state);
    if (!l.attends()) return 0;
    const double per_key = l.mixer == mixer_kind::latent ? 2 * n(l.heads) * (2 * n(l.kv_rank) + n(l.rope_dim))
                                                         : 2 * n(l.heads) * (l.qk_dim() + l.v_dim());
    double flop = per_key * keys_read(l, context);
    if (l.index_heads) flop += 2 * n(l.index_heads) * n(l.index_dim) * context / std::max(1.0, n(l.compression));
    return flop;
}

/// One iteration under one plan.
class iteration_model {
public:
    iteration_model(const model& m, const inference_plan& p, const inference_batch& b, const system& s,
                    const inference_efficiency& e, const inference_software& with)
        : m_{m}, p_{p}, b_{b}, s_{s}, e_{e}, with_{with}, gpu_{*e.find(s.accelerator)} {
        // A request is in one group: fewer requests than groups leave some of them idle.
        const double groups = std::min<double>(p.attention_dp, std::max(1.0, b.prefills));
        decodes_ = b.decodes / std::min<double>(p.attention_dp, std::max(1.0, b.decodes));
        prefills_ = b.prefills / groups;
        prefill_tokens_ = b.prefill_tokens / groups;
        tokens_ = decodes_ * b.tokens_per_decode + prefill_tokens_;
        memory_b_s_ = s.memory_b_s * gpu_.memory;
    }

    inference_iteration run() {
        for (const layer& l : m_.layers) add(l);
        add_head();
        out_.fixed_s += with_.step_s;
        if (p_.pp > 1) {
            const double bytes = 2 * tokens_ * m_.hidden / p_.tp;
            const bool crosses = p_.gpus() > s_.domain_gpus;
            const double one = crosses ? e_.rail_s + bytes / (s_.rail_b_s * e_.rail_share)
                                       : e_.exchange_s / 2 + bytes / (s_.domain_b_s * e_.reduce_share);
            out_.pipeline_s = (p_.pp - 1.0) * one;
        }
        return out_;
    }

private:
    /// FLOP/s that large products reach.
    [[nodiscard]] double rate(precision_kind p) const {
        const double peak = s_.peak_flop_s(p);
        const auto reached = [](double share, const std::optional<double>& tuned) {
            return std::min(1.0, share * tuned.value_or(1));
        };
        if (peak > 0)
            return peak * reached(gpu_.products(p), p == precision_kind::nvfp4 ? with_.nvfp4 : with_.products);
        return s_.fp8_flop_s > 0 ? s_.fp8_flop_s * reached(gpu_.fp8, with_.products)
                                 : s_.bf16_flop_s * reached(gpu_.bf16, with_.products);
    }

    void add(const layer& l) {
        const layer_parameters own = m_.parameters_of(l);
        const double t = p_.tp;
        const double count = l.count;
        // One GPU's products: mixers and dense parts are one class with two formats.
        const double mixer = own.mixer / t;
        const double dense = own.feed_forward / t;
        const double flop_s = 2 * tokens_ * (mixer / rate(p_.mixers) + dense / rate(p_.precision));
        const double bytes = mixer * weight_bytes(p_.mixers) + dense * weight_bytes(p_.precision);
        out_.product_flop += count * 2 * tokens_ * (mixer + dense);
        out_.weight_b += count * bytes;
        out_.products_s += count * std::max(flop_s, bytes / memory_b_s_);
        add_attention(l);
        // Norms and residuals in bf16, rotations, activation functions.
        const double width = l.feed_forward == feed_forward_kind::dense
                                 ? n(l.width) / t
                                 : (n(l.shared_width) + n(l.active_experts) * n(l.expert_width)) / t;
        const double numbers = 6.0 * m_.hidden + 3 * n(l.heads) * l.qk_dim() / t + 3 * width;
        out_.traffic_s += count * with_.traffic.value_or(1) * e_.traffic * 2 * tokens_ * numbers / s_.memory_b_s;
        const bool half = l.mixer == mixer_kind::none || l.feed_forward == feed_forward_kind::none;
        out_.fixed_s += count * with_.layer.value_or(1) * e_.layer_s * (half ? 0.5 : 1);
        if (l.feed_forward == feed_forward_kind::experts) add_experts(l, own);
        add_collectives(l);
    }

    void add_attention(const layer& l) {
        if (l.mixer == mixer_kind::none) return;
        const double t = p_.tp;
        const double rate = s_.bf16_flop_s * e_.attention;
        const double cache_b_s = s_.memory_b_s * e_.cache;
        if (prefill_tokens_ > 0) {
            const double length = prefill_tokens_ / std::max(1e-9, prefills_);
            const double per_token =
                m_.mixing_flop(l, length, attention_count::causal) + (l.attends() ? before_flop(l) : 0);
            const double flop = prefill_tokens_ * per_token / t;
            out_.attention_flop += l.count * flop;
            out_.prefill_attention_s += l.count * flop / rate;
        }
        if (decodes_ <= 0) return;
        const double flop = decodes_ * b_.tokens_per_decode * decode_flop(l, b_.context) / t;
        // One latent head is on every rank; the others are divided as far as there are heads.
        const double divided = l.mixer == mixer_kind::latent ? 1 : std::min(t, std::max(1.0, n(l.kv_heads)));
        double numbers = keys_read(l, b_.context) * numbers_per_token(l) / divided;
        if (l.index_heads) numbers += b_.context / std::max(1.0, n(l.compression)) * n(l.index_dim);
        double bytes = decodes_ * numbers * p_.cache_bytes;
        // States of Mamba are read and written in fp32.
        if (l.mixer == mixer_kind::mamba) bytes = decodes_ * 8 * n(l.heads) * n(l.head_dim) * n(l.state) / t;
        out_.attention_flop += l.count * flop;
        out_.cache_b += l.count * bytes;
        out_.decode_attention_s += l.count * std::max(flop / rate, bytes / cache_b_s);
    }

    /// Of a prefilled token with the keys before its chunk.
    [[nodiscard]] double before_flop(const layer& l) const {
        if (b_.prefill_before <= 0) return 0;
        return 2 * n(l.heads) * (l.qk_dim() + l.v_dim()) * keys_read(l, b_.prefill_before);
    }

    void add_experts(const layer& l, const layer_parameters& own) {
        const double all = b_.tokens();
        const double gpus = p_.stage_gpus();
        const double flop = 2 * all * own.active / gpus * (p_.ep > 1 ? e_.imbalance : 1);
        const double held = own.experts * with_copies(l, p_) / gpus;
        const double bytes = held * experts_visited(l, all, p_.redundant_experts) * weight_bytes(p_.precision);
        out_.expert_flop += l.count * flop;
        out_.expert_b += l.count * bytes;
        out_.experts_s +=
            l.count * std::max(flop / (rate(p_.precision) * e_.experts), bytes / (memory_b_s_ * e_.experts));
        out_.fixed_s += l.count * with_.layer.value_or(1) * e_.expert_layer_s;
    }

    void add_collectives(const layer& l) {
        const double row = 2.0 * m_.hidden;
        if (l.mixer != mixer_kind::none) out_.reduce_s += l.count * all_reduce_s(tokens_ * row, p_.tp);
        if (l.feed_forward == feed_forward_kind::none) return;
        if (l.feed_forward == feed_forward_kind::experts && p_.attention_dp > 1) {
            const double numbers = l.latent_width ? n(l.latent_width) : m_.hidden;
            out_.exchange_s +=
                l.count * (exchange_s(numbers * std::min(2.0, weight_bytes(p_.precision)), n(l.active_experts)) +
                           exchange_s(numbers * 2, n(l.active_experts)));
            return;
        }
        out_.reduce_s += l.count * all_reduce_s(tokens_ * row, p_.tp);
    }

    /// Sums over `ranks` of `bytes` on each.
    [[nodiscard]] double all_reduce_s(double bytes, double ranks) const {
        if (ranks <= 1) return 0;
        const span_of_group g = span_of(ranks, s_);
        double time = 0;
        if (g.inside > 1)
            time += e_.reduce_s * (1 + std::log2(g.inside)) / 2 +
                    2 * (g.inside - 1) / g.inside * bytes / (s_.domain_b_s * e_.reduce_share);
        if (g.outside > 1)
            time += 2 * e_.rail_s * std::log2(g.outside) +
                    2 * (g.outside - 1) / g.outside * bytes / g.inside / (s_.rail_b_s * e_.rail_share);
        return time * with_.reduce.value_or(1);
    }

    /// Tokens of this rank go once to each other rank that has an expert for them.
    [[nodiscard]] double exchange_s(double token_bytes, double active) const {
        const double ranks = p_.stage_gpus();
        if (ranks <= 1) return 0;
        const span_of_group g = span_of(ranks, s_);
        const double bytes = tokens_ / p_.tp * token_bytes;
        const auto others = [&](double of) { return (of - 1) * (1 - std::pow(1 - 1 / of, active)); };
        const double inside = others(ranks) * (g.inside - 1) / (ranks - 1) * g.outside;
        double time = e_.exchange_s + bytes * inside / (s_.domain_b_s * e_.exchange_share);
        if (g.outside > 1)
            time += e_.rail_s * std::log2(g.outside) + bytes * others(g.outside) / (s_.rail_b_s * e_.rail_share);
        return time;
    }

    void add_head() {
        const double parameters = static_cast<double>(m_.vocabulary) * m_.hidden / p_.tp;
        const double rows = decodes_ * b_.tokens_per_decode + prefills_;
        const double flop = 2 * rows * parameters;
        out_.product_flop += flop;
        out_.weight_b += 2 * parameters;
        out_.head_s = std::max(flop / rate(precision_kind::bf16), 2 * parameters / memory_b_s_);
    }

    const model& m_;
    const inference_plan& p_;
    const inference_batch& b_;
    const system& s_;
    const inference_efficiency& e_;
    const inference_software& with_;
    const inference_gpu& gpu_;
    double tokens_ = 0;  ///< of one group of `tp`
    double decodes_ = 0;
    double prefills_ = 0;
    double prefill_tokens_ = 0;
    double memory_b_s_ = 0;
    inference_iteration out_{};
};

}  // namespace

const inference_gpu* inference_efficiency::find(std::string_view accelerator) const {
    const auto at = std::find_if(gpus.begin(), gpus.end(), [&](const auto& g) { return g.name == accelerator; });
    return at == gpus.end() ? nullptr : &*at;
}

inference_software inference_efficiency::find_software(std::string_view program) const {
    inference_software mean{.name = std::string{program}};
    const auto plain = std::count_if(software.begin(), software.end(), [](const auto& s) { return !s.tuned(); });
    for (const inference_software& s : software) {
        if (s.name == program) return s;
        if (s.tuned()) continue;
        mean.step_s += s.step_s / static_cast<double>(plain);
        mean.request_s += s.request_s / static_cast<double>(plain);
        mean.handover_s += s.handover_s / static_cast<double>(plain);
        mean.burst += s.burst / static_cast<double>(plain);
    }
    return mean;
}

std::string fault_of(const model& m, const inference_plan& p, const system& s) {
    const auto text = [](std::uint32_t v) { return std::to_string(v); };
    if (p.tp < 1 || p.attention_dp < 1 || p.pp < 1 || p.ep < 1) return "a size of 0";
    if (p.stage_gpus() % p.ep != 0)
        return "ep " + text(p.ep) + " does not divide the " + text(p.stage_gpus()) + " GPUs of a stage";
    if (p.pp > m.num_layers()) return "pp " + text(p.pp) + " with " + text(m.num_layers()) + " layers";
    if (p.ep > 1 && !m.has_experts()) return "ep " + text(p.ep) + " of a model without experts";
    for (const layer& l : m.layers) {
        if (l.mixer != mixer_kind::none && p.tp > n(l.heads))
            return "tp " + text(p.tp) + " with " + text(l.heads.value_or(0)) + " heads";
        if (l.feed_forward == feed_forward_kind::experts && p.ep > n(l.experts))
            return "ep " + text(p.ep) + " with " + text(l.experts.value_or(0)) + " experts";
    }
    if (p.redundant_experts > 0) {
        if (p.ep == 1) return text(p.redundant_experts) + " redundant experts with ep 1, which holds each";
        if (redundant_from(m, p.ep, p.redundant_experts) != p.redundant_experts)
            return "ep " + text(p.ep) + " does not divide experts and " + text(p.redundant_experts) + " copies";
    }
    if (p.gpus() > s.domain_gpus && s.rail_b_s <= 0)
        return text(p.gpus()) + " GPUs leave a domain of " + text(s.domain_gpus) + " that has no rails";
    return {};
}

double experts_visited(const layer& l, double tokens, double redundant) {
    if (l.feed_forward != feed_forward_kind::experts) return 0;
    return 1 - std::pow(1 - n(l.active_experts) / (n(l.experts) + redundant), tokens);
}

double weight_bytes(precision_kind p) {
    switch (p) {
        case precision_kind::bf16: return 2;
        case precision_kind::fp8: return 1;
        case precision_kind::mxfp8: return 1 + 1.0 / 32;
        case precision_kind::nvfp4: break;
    }
    return 0.5 + 1.0 / 16;
}

double weight_bytes(const model& m, const inference_plan& p) {
    double layers = 0;
    for (const layer& l : m.layers) {
        const layer_parameters own = m.parameters_of(l);
        layers +=
            l.count * (own.mixer * weight_bytes(p.mixers) / p.tp + own.feed_forward * weight_bytes(p.precision) / p.tp +
                       own.experts * with_copies(l, p) * weight_bytes(p.precision) / p.stage_gpus() + 2 * own.gains);
    }
    const double ends = 2 * (m.embedding_parameters() + m.head_parameters()) / p.tp;
    return p.pp == 1 ? layers + ends : layers / p.pp + std::max(ends / 2, 2 * m.embedding_parameters() / p.tp);
}

double cache_tokens(const model& m, const inference_plan& p, const system& s, double length, double memory_share) {
    const double free_b = memory_share * s.memory_b - weight_bytes(m, p) - inference_workspace_b;
    if (free_b <= 0) return 0;
    double per_token = m.state_bytes(p.cache_bytes) / std::max(1.0, length) / p.tp;
    for (const layer& l : m.layers) {
        if (!l.attends() || (l.window && !l.compression && !l.sparse_keys)) continue;
        const double divided = l.mixer == mixer_kind::latent ? 1 : std::min<double>(p.tp, std::max(1.0, n(l.kv_heads)));
        per_token += l.count * (numbers_per_token(l) / divided + n(l.index_dim)) / std::max(1.0, n(l.compression)) *
                     p.cache_bytes;
    }
    if (per_token <= 0) return 1e18;
    return free_b / (per_token / p.pp) * p.attention_dp;
}

double transfer_s(const model& m, const inference_plan& from, double prompt, const system& s,
                  const inference_efficiency& e) {
    const double bytes = prompt * m.kv_bytes_per_token(from.cache_bytes) / m.num_layers();
    const bool crosses = 2 * from.gpus() > s.domain_gpus;
    const double b_s = crosses ? s.rail_b_s * e.rail_share : s.domain_b_s * e.exchange_share;
    return e.rail_s + bytes / (b_s * from.tp);
}

double speculation::tokens_per_step() const {
    if (drafts <= 0) return 1;
    return acceptance >= 1 ? drafts + 1 : (1 - std::pow(acceptance, drafts + 1)) / (1 - acceptance);
}

inference_iteration iteration_of(const model& m, const inference_plan& p, const inference_batch& b, const system& s,
                                 const inference_efficiency& e, const inference_software& with) {
    AMPACITY_ASSERT(e.find(s.accelerator) != nullptr);
    return iteration_model{m, p, b, s, e, with}.run();
}

}  // namespace ampacity::llm
