#include <ampacity/core/error.hpp>
#include <ampacity/llm/training_step.hpp>

#include <algorithm>
#include <cmath>

namespace ampacity::llm {
namespace {

constexpr double rail_latency_s = 15e-6;  ///< of one step of a collective between domains; an assumption [s]

double n(const std::optional<std::uint32_t>& v) { return v.value_or(0); }

/// Work of one layer on one rank for one micro-batch, forward.
struct layer_work {
    double product_s = 0;
    double attention_s = 0;
    double bytes = 0;         ///< HBM traffic of all but products and attention
    double expert_bytes = 0;  ///< of the permutation of tokens
    double scan_bytes = 0;    ///< of convolution and scan of Mamba
    double tensor_b = 0;      ///< sent per rank
    double context_b = 0;
    double expert_s = 0;  ///< of both all-to-alls
};

/// One step under one plan.
class step_model {
public:
    step_model(const model& m, const parallel_plan& p, const batch_shape& b, const system& s,
               const training_efficiency& e)
        : m_{m},
          p_{p},
          b_{b},
          s_{s},
          e_{e},
          gpu_{*e.find(s.accelerator)},
          gather_{e.curve_of(s.accelerator, collective_kind::all_gather)},
          exchange_{e.curve_of(s.accelerator, collective_kind::all_to_all)},
          map_{map_groups(p, s)} {
        tokens_ = static_cast<double>(p.micro_batch) * b.length / p.cp;
        const auto low = p.precision;
        rate_ = s.peak_flop_s(low) * gpu_.products(low);
        casts_ = low != precision_kind::bf16;
        rail_b_s_ = s.rail_b_s * e.rail_share;
    }

    training_step run(attention_count count, const recipe_efficiency* recipe) {
        for (const layer& l : m_.layers) add(l, l.count);
        if (p_.with_mtp) {
            for (const layer& l : m_.mtp_layers) add(l, l.count * m_.mtp_modules.value_or(1));
            add_head(m_.mtp_modules.value_or(1), 2.0 * m_.hidden);
        }
        // A head on the last stage lengthens it only where the layers are even, so that none is left out for it.
        const bool even = p_.pp > 1 && m_.num_layers() % (p_.pp * p_.vp) == 0;
        const double stages = p_.pp;
        parts_ = divided(parts_, stages);
        traffic_.tensor_s /= stages;
        traffic_.context_s /= stages;
        traffic_.expert_s /= stages;
        traffic_.gather_s /= stages;
        add_head(even ? 1 : 1 / stages, 0);
        add_pipeline();
        return finish(count, recipe);
    }

private:
    static step_parts divided(step_parts x, double by) {
        for (double* v : {&x.products_s, &x.attention_s, &x.traffic_s, &x.launch_s, &x.tensor_s, &x.context_s,
                          &x.expert_s, &x.pipeline_s, &x.gather_s})
            *v /= by;
        return x;
    }

    /// A product of `rows` tokens with a matrix of inner x outer.
    [[nodiscard]] double product_s(double rows, double inner, double outer, double times = 1) const {
        if (rows <= 0 || inner <= 0 || outer <= 0) return 0;
        const double slower = 1 + e_.small_dim * (1 / rows + 1 / inner + 1 / outer);
        return times * 2 * rows * inner * outer / rate_ * slower;
    }

    /// Bytes that quantising the inputs of products moves: read in bf16, written twice in the format.
    [[nodiscard]] double cast_bytes(double numbers) const { return casts_ ? 4 * numbers : 0; }

    void add_mixer(const layer& l, layer_work& w) const {
        const double h = m_.hidden;
        const double t = p_.tp;
        const double heads = n(l.heads) / t;
        const double q = heads * l.qk_dim();
        const double o = heads * l.v_dim();
        if (l.mixer == mixer_kind::none) return;
        double inner = o;
        if (l.mixer == mixer_kind::attention) {
            const double kv =
                std::max(1.0, n(l.kv_heads) / t) * (n(l.head_dim) + (l.shared_kv.value_or(false) ? 0 : l.v_dim()));
            if (l.q_rank) {
                w.product_s += product_s(tokens_ / t, h, n(l.q_rank)) + product_s(tokens_, n(l.q_rank), q) +
                               product_s(tokens_, h, kv);
            } else {
                w.product_s += product_s(tokens_, h, q + kv);
            }
            if (l.o_rank) {
                const double groups = std::max(1.0, l.o_groups.value_or(1) / t);
                w.product_s +=
                    product_s(tokens_, o / groups, n(l.o_rank), groups) + product_s(tokens_, groups * n(l.o_rank), h);
            } else {
                w.product_s += product_s(tokens_, o, h);
            }
            w.bytes += tokens_ * 4 * (q + kv / 2);
            w.context_b += 2 * tokens_ * kv * (p_.cp - 1.0);
        } else if (l.mixer == mixer_kind::latent) {
            const double up = heads * (n(l.head_dim) + l.v_dim());
            w.product_s += product_s(tokens_ / t, h, n(l.q_rank) + n(l.kv_rank) + n(l.rope_dim)) +
                           product_s(tokens_, n(l.q_rank), q) + product_s(tokens_, n(l.kv_rank), up) +
                           product_s(tokens_, o, h);
            // Norms of the narrow parts, keys put together from two parts, values.
            w.bytes += tokens_ * (4 * (2 * q + o) + 4 * (n(l.q_rank) + n(l.kv_rank)) / t);
            w.context_b += 2 * tokens_ * (q + o) * (p_.cp - 1.0);
            w.bytes += cast_bytes(tokens_ * (n(l.q_rank) + n(l.kv_rank)));
        } else {
            inner = q;
            const double shared = 2 * n(l.groups) * n(l.state) / t;
            w.product_s += product_s(tokens_, h, 2 * inner + shared + heads) + product_s(tokens_, inner, h);
            // Convolution; states of chunks written, passed on and read in fp32; scan of chunks; gate and norm.
            w.scan_bytes += tokens_ * (4 * (inner + shared) + 14 * inner + 12 * inner + 6 * inner);
        }
        // Exponentials take as long as products with heads of 64: narrow heads are slower. 1 at 128.
        const double narrow = l.attends() ? (1 + 128 / (l.qk_dim() + l.v_dim())) / 1.5 : 1;
        w.attention_s += narrow * tokens_ / t * m_.mixing_flop(l, b_.length, attention_count::causal) /
                         (s_.bf16_flop_s * e_.attention);
        w.bytes += tokens_ / t * 10 * h + cast_bytes(tokens_ * (h + inner));
        if (p_.tp > 1) w.tensor_b += 2 * 2 * tokens_ * h * (t - 1) / t;
    }

    void add_feed_forward(const layer& l, layer_work& w) const {
        const double h = m_.hidden;
        const double t = p_.tp;
        const double gates = l.matrices.value_or(3) - 1.0;
        if (l.feed_forward == feed_forward_kind::none) return;
        const double width = (l.feed_forward == feed_forward_kind::dense ? n(l.width) : n(l.shared_width)) / t;
        w.product_s += product_s(tokens_, h, gates * width) + product_s(tokens_, width, h);
        w.bytes += tokens_ / t * 10 * h + tokens_ * 2 * (gates + 1) * width;
        if (width > 0) w.bytes += cast_bytes(tokens_ * (h + width));
        if (width > 0 && p_.tp > 1) w.tensor_b += 2 * 2 * tokens_ * h * (t - 1) / t;
        if (l.feed_forward == feed_forward_kind::dense) return;
        const double seen = l.latent_width ? n(l.latent_width) : h;
        const double own = tokens_ / t;
        const double k = n(l.active_experts);
        if (l.latent_width) w.product_s += product_s(own, h, seen) + product_s(own, seen, h);
        const double held = n(l.experts) / p_.ep;
        const double each = own * k / held;  // tokens of one expert: as many come as go
        w.product_s +=
            product_s(each, seen, gates * n(l.expert_width), held) + product_s(each, n(l.expert_width), seen, held);
        w.expert_bytes += own * k * (8 * seen + 2 * (gates + 1) * n(l.expert_width)) + own * 8 * n(l.experts);
        w.expert_bytes += cast_bytes(own * k * (seen + n(l.expert_width)));
        w.expert_s += 2 * exchange_s(own * seen * 2, k, map_.expert);
    }

    /// Time of an all-to-all of `bytes` of tokens, each for `k` experts spread evenly: a token goes once to each other
    /// domain and, inside, once to each rank that has an expert for it.
    [[nodiscard]] double exchange_s(double bytes, double k, const group_span& g) const {
        const auto others = [k](double of) { return (of - 1) * (1 - std::pow(1 - 1 / of, k)); };
        const double ranks = g.size();
        // Ranks of its own domain, seen from all copies that arrive there.
        const double inside = others(ranks) * (g.inside - 1.0) / std::max(1.0, ranks - 1) * g.outside;
        const collective_curve& c = curve(collective_kind::all_to_all);
        return latency_s(collective_kind::all_to_all, g) + c.sent_s(bytes * inside, bytes, s_.domain_b_s) +
               (g.outside > 1 ? bytes * others(g.outside) / rail_b_s_ : 0);
    }
    [[nodiscard]] const collective_curve& curve(collective_kind k) const {
        return k == collective_kind::all_to_all ? exchange_ : gather_;
    }
    [[nodiscard]] double latency_s(collective_kind k, const group_span& g) const {
        return g.size() > 1 ? curve(k).latency_s * (1 + std::log2(g.size())) / 2 : 0;
    }
    /// Of a reduce-scatter or all-gather of `bytes` in all: inside domains, across with what is left.
    [[nodiscard]] double gather_s(double bytes, const group_span& g) const {
        const double inside =
            curve(collective_kind::all_gather).time_s(collective_kind::all_gather, bytes, g.inside, s_.domain_b_s);
        const double outside = g.outside > 1 ? rail_latency_s * std::log2(g.outside) +
                                                   bytes / g.inside * (g.outside - 1.0) / g.outside / rail_b_s_
                                             : 0;
        return inside + outside;
    }
    /// Of bytes that each rank passes on in `messages`.
    [[nodiscard]] double ring_s(double bytes, double messages, const group_span& g) const {
        if (g.size() <= 1 || bytes <= 0) return 0;
        if (g.outside > 1) return bytes / rail_b_s_;
        return messages * latency_s(collective_kind::all_gather, g) +
               curve(collective_kind::all_gather).sent_s(bytes, bytes / messages, s_.domain_b_s);
    }

    void add(const layer& l, double count) {
        layer_work w;
        add_mixer(l, w);
        add_feed_forward(l, w);
        const bool again = p_.recompute == recompute_kind::full;
        // Forward, twice that backward, what is computed again.
        const double more = again ? p_.recompute_share : 0;
        // Frozen weights need no gradients.
        const double passes = (p_.frozen ? 2 : 3) + more;
        const double more_traffic = p_.recompute == recompute_kind::none ? 3 : 3.5 + more / 2;
        step_parts one;
        one.products_s = passes * w.product_s;
        // The backward pass of fused attention computes the scores again.
        one.attention_s = (l.attends() ? 3.5 + more : 3 + more) * w.attention_s;
        one.traffic_s = more_traffic *
                        (e_.traffic * w.bytes + e_.expert_traffic * w.expert_bytes + e_.scan_traffic * w.scan_bytes) /
                        s_.memory_b_s;
        const double tensor = (2 + more) * ring_s(w.tensor_b, 4, map_.tensor);
        const double context = 3 * ring_s(w.context_b, std::max(1.0, p_.cp - 1.0), map_.context);
        const double expert = (2 + more) * w.expert_s;
        one.tensor_s = e_.tensor_exposed * tensor;
        one.context_s = e_.context_exposed * context;
        one.expert_s = e_.expert_exposed * expert;
        double gather = 0;
        if (p_.zero >= 3) {
            // Gathered forward and backward, gradients scattered, in each micro-batch.
            const layer_parameters own = m_.parameters_of(l);
            gather = 3 * (gather_s(2 * (own.mixer + own.feed_forward) / p_.tp, map_.data) +
                          gather_s(2 * own.experts / p_.ep, map_.expert_data));
            one.gather_s = e_.gather_exposed * gather + std::max(0.0, gather - one.total_s());
        }
        const bool experts = l.feed_forward == feed_forward_kind::experts;
        double launch = gpu_.host_factor * (experts ? e_.expert_layer_s : e_.layer_s);
        if (l.mixer == mixer_kind::none || l.feed_forward == feed_forward_kind::none) launch /= 2;
        // The slower of the two, rounded where they are near each other.
        const double busy = one.total_s();
        one.launch_s = std::pow(std::pow(busy, 4) + std::pow(launch, 4), 0.25) - busy;
        for (const auto& [to, from] : {std::pair{&parts_.products_s, one.products_s},
                                       {&parts_.attention_s, one.attention_s},
                                       {&parts_.traffic_s, one.traffic_s},
                                       {&parts_.launch_s, one.launch_s},
                                       {&parts_.tensor_s, one.tensor_s},
                                       {&parts_.context_s, one.context_s},
                                       {&parts_.expert_s, one.expert_s},
                                       {&parts_.gather_s, one.gather_s}})
            *to += count * from;
        traffic_.tensor_s += count * tensor;
        traffic_.context_s += count * context;
        traffic_.expert_s += count * expert;
        traffic_.gather_s += count * gather;
    }

    /// `times` output heads with a loss; `inputs`: numbers that a projection joins before each, for multi-token
    /// prediction.
    void add_head(double times, double inputs) {
        const double h = m_.hidden;
        const double flop = 2.0 * tokens_ * h * m_.vocabulary / p_.tp + 2 * tokens_ / p_.tp * inputs * h;
        parts_.products_s += times * (p_.frozen ? 2 : 3) * flop / (s_.bf16_flop_s * gpu_.bf16);
        // Logits: written, read for the loss, their gradient written and read twice.
        parts_.traffic_s += times * e_.traffic * tokens_ * m_.vocabulary / p_.tp * 14 / s_.memory_b_s;
    }

    void add_pipeline() {
        if (p_.pp == 1) return;
        const double bytes = 2 * 2.0 * tokens_ / p_.tp * m_.hidden * p_.vp;  // forward and backward
        traffic_.pipeline_s = map_.pipeline_crosses
                                  ? bytes / rail_b_s_
                                  : curve(collective_kind::all_gather).sent_s(bytes, bytes / p_.vp / 2, s_.domain_b_s);
        parts_.pipeline_s = e_.pipeline_exposed * traffic_.pipeline_s;
    }

    training_step finish(attention_count count, const recipe_efficiency* recipe) {
        training_step out;
        out.micro_batches = micro_batches(p_, b_);
        const double factor = recipe != nullptr ? recipe->time_factor : 1;
        parts_ = divided(parts_, 1 / factor);
        out.micro_batch_s = parts_.total_s();
        const double times = out.micro_batches;
        out.parts = divided(parts_, 1 / times);
        out.bubble_s = out.micro_batch_s * (p_.pp - 1.0) / p_.vp;

        double dense = (p_.pp == 1 ? m_.embedding_parameters() + m_.head_parameters() : 0) / p_.tp;
        double experts = 0;
        for (const layer& l : m_.layers) {
            const layer_parameters own = m_.parameters_of(l);
            dense += l.count * (own.mixer + own.feed_forward + own.gains) / (static_cast<double>(p_.pp) * p_.tp);
            experts += l.count * own.experts / (static_cast<double>(p_.pp) * p_.ep);
        }
        if (p_.zero < 3 && !p_.frozen) {
            const double moved = p_.gradient_bytes + (casts_ ? 1.0 : 2.0);
            out.traffic.data_s = gather_s(moved * dense, map_.data) + gather_s(moved * experts, map_.expert_data);
        }
        out.data_s = e_.data_exposed * out.traffic.data_s;
        const double shared =
            p_.zero >= 1 ? dense / map_.data.size() + experts / map_.expert_data.size() : dense + experts;
        // Gradient, master weight and two moments read, three of them and the weight written.
        out.optimizer_s = p_.frozen ? 0 : 32 * shared / s_.memory_b_s;
        out.rest_s = out.data_s + out.optimizer_s + e_.step_s + (recipe != nullptr ? recipe->step_s : 0);
        out.time_s = out.micro_batch_s * times + out.bubble_s + out.rest_s;

        for (double* t :
             {&traffic_.tensor_s, &traffic_.context_s, &traffic_.expert_s, &traffic_.pipeline_s, &traffic_.gather_s})
            *t *= times;
        traffic_.data_s = out.traffic.data_s;
        out.traffic = traffic_;
        const double gpus = static_cast<double>(p_.gpus());
        out.flop = b_.tokens() * m_.training_flop_per_token(b_.length, count, p_.with_mtp) * (p_.frozen ? 2.0 / 3 : 1);
        out.mfu = out.flop / (out.time_s * gpus * s_.peak_flop_s(p_.precision));
        out.tokens_per_s_per_gpu = b_.tokens() / (out.time_s * gpus);
        return out;
    }

    const model& m_;
    const parallel_plan& p_;
    const batch_shape& b_;
    const system& s_;
    const training_efficiency& e_;
    const gpu_efficiency& gpu_;
    collective_curve gather_;    ///< of all-gathers and reduce-scatters
    collective_curve exchange_;  ///< of all-to-alls
    group_map map_;
    double tokens_ = 0;  ///< of a micro-batch on a context rank
    double rate_ = 0;    ///< of large products [FLOP/s]
    bool casts_ = false;
    double rail_b_s_ = 0;
    step_parts parts_{};  ///< of one micro-batch on one stage
    step_traffic traffic_{};
};

}  // namespace

training_step step_of(const model& m, const parallel_plan& p, const batch_shape& b, const system& s,
                      const training_efficiency& e, attention_count count, const recipe_efficiency* recipe) {
    AMPACITY_ASSERT(e.find(s.accelerator) != nullptr);
    return step_model{m, p, b, s, e}.run(count, recipe);
}

}  // namespace ampacity::llm
