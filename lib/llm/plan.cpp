#include <ampacity/llm/plan.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ampacity::llm {
namespace {

constexpr double context_b = 3e9;  ///< CUDA context, communicators, workspaces of libraries [B]

double n(const std::optional<std::uint32_t>& v) { return v.value_or(0); }

/// Bytes that one token leaves in one layer for the backward pass, if nothing is computed again.
double activation_bytes(const model& m, const layer& l, const parallel_plan& p, double sequence) {
    const double h = m.hidden;
    double bytes = 0;
    if (l.mixer == mixer_kind::attention) {
        const double q = n(l.heads) * n(l.head_dim);
        const double kv = n(l.kv_heads) * (n(l.head_dim) + l.v_dim());
        // Input of the norm, input of the projections, q, k, v, output of attention, sum of the residual.
        bytes += 2 * h + 2 * h + 2 * (q + kv) + 2 * n(l.heads) * l.v_dim() + h;
    } else if (l.mixer == mixer_kind::latent) {
        const double q = n(l.heads) * l.qk_dim();
        bytes += 2 * h + 2 * h + 2 * (n(l.q_rank) + n(l.kv_rank) + n(l.rope_dim)) +
                 2 * (2 * q + n(l.heads) * l.v_dim()) + 2 * n(l.heads) * l.v_dim() + h;
    } else if (l.mixer == mixer_kind::mamba) {
        const double inner = n(l.heads) * n(l.head_dim);
        bytes += 2 * h + 2 * h + 2 * (3 * inner + 4 * n(l.groups) * n(l.state)) + 2 * inner + h;
    }
    if (l.attends() && !p.fused_attention) bytes += 5 * n(l.heads) * sequence;
    const double gates = l.matrices.value_or(3) - 1.0;
    if (l.feed_forward == feed_forward_kind::dense) {
        bytes += 2 * h + 2 * h + 2 * gates * n(l.width) + 2 * n(l.width) + h;
    } else if (l.feed_forward == feed_forward_kind::experts) {
        const double seen = l.latent_width ? n(l.latent_width) : h;
        bytes += 2 * h + 2 * h + 2 * (gates + 1) * n(l.shared_width) + h;
        bytes += n(l.active_experts) * (2 * seen + 2 * (gates + 1) * n(l.expert_width));
    }
    return bytes;
}

/// The same when norms, scores and activation functions are computed again.
double selective_bytes(const model& m, const layer& l, const parallel_plan& p, double sequence) {
    const double h = m.hidden;
    parallel_plan fused = p;
    fused.fused_attention = true;
    double bytes = activation_bytes(m, l, fused, sequence);
    if (!p.fused_attention) return bytes;  // Korthikanti's selective mode drops the scores alone
    if (l.mixer != mixer_kind::none) bytes -= 2 * h;
    if (l.mixer == mixer_kind::latent) bytes -= 2 * 2 * n(l.heads) * l.qk_dim();
    if (l.feed_forward == feed_forward_kind::dense) bytes -= 2 * h + 2 * n(l.width);
    if (l.feed_forward == feed_forward_kind::experts)
        bytes -= 2 * h + 2 * n(l.shared_width) + 2 * n(l.active_experts) * n(l.expert_width);
    return bytes;
}

double kept_bytes(const model& m, const layer& l, const parallel_plan& p, double sequence) {
    switch (p.recompute) {
        case recompute_kind::none: return activation_bytes(m, l, p, sequence);
        case recompute_kind::selective: return selective_bytes(m, l, p, sequence);
        case recompute_kind::full: break;
    }
    return p.recompute_share * 2.0 * m.hidden + (1 - p.recompute_share) * selective_bytes(m, l, p, sequence);
}

double gb(double bytes) { return bytes / 1e9; }

/// The largest divisor of `n` that is at most `most`, at least 1.
std::uint32_t divisor_up_to(std::uint32_t number, std::uint32_t most) {
    for (std::uint32_t d = std::min(number, most); d > 1; --d) {
        if (number % d == 0) return d;
    }
    return 1;
}

/// Ranks of a group with this stride between neighbours.
group_span span_of(std::uint32_t size, std::uint64_t stride, std::uint32_t domain) {
    const std::uint64_t room = stride >= domain ? 1 : domain / stride;
    const std::uint32_t inside = divisor_up_to(size, static_cast<std::uint32_t>(room));
    return {inside, size / inside};
}

}  // namespace

std::string_view name_of(recompute_kind r) noexcept {
    switch (r) {
        case recompute_kind::none: return "none";
        case recompute_kind::selective: return "selective";
        case recompute_kind::full: break;
    }
    return "full";
}

std::uint32_t micro_batches(const parallel_plan& p, const batch_shape& b) {
    return b.sequences / (p.dp * p.micro_batch);
}

std::string fault_of(const model& m, const parallel_plan& p, const batch_shape& b, const system& s) {
    const auto multiple = [](const char* what, std::uint64_t of, const char* by, std::uint64_t d) {
        return fmt::format("{} {} is no multiple of {} {}", what, of, by, d);
    };
    for (const auto& [value, name] : {std::pair{p.tp, "tp"},
                                      {p.pp, "pp"},
                                      {p.vp, "vp"},
                                      {p.cp, "cp"},
                                      {p.dp, "dp"},
                                      {p.ep, "ep"},
                                      {p.micro_batch, "micro-batch"}}) {
        if (value == 0) return fmt::format("{} is 0", name);
    }
    if (p.zero > 3) return fmt::format("ZeRO stage {} does not exist, 0 to 3 do", p.zero);
    if (s.peak_flop_s(p.precision) <= 0) return fmt::format("{} has no {}", s.accelerator, name_of(p.precision));
    const std::uint64_t replica = std::uint64_t{p.dp} * p.micro_batch;
    if (b.sequences % replica != 0) return multiple("the global batch", b.sequences, "dp x micro-batch", replica);
    if (p.cp > 1 && b.length % (2 * p.cp) != 0) return multiple("the sequence", b.length, "2 cp", 2 * p.cp);
    for (const layer& l : m.layers) {
        if (l.heads && *l.heads % p.tp != 0) return multiple("the heads", *l.heads, "tp", p.tp);
        if (l.attends() && l.kv_heads.value_or(p.tp) % p.tp != 0 && p.tp % *l.kv_heads != 0)
            return multiple("tp", p.tp, "the kv heads", *l.kv_heads);
        if (l.width && *l.width % p.tp != 0) return multiple("the width", *l.width, "tp", p.tp);
        if (l.experts && *l.experts % p.ep != 0) return multiple("the experts", *l.experts, "ep", p.ep);
    }
    if (p.ep > 1 && !m.has_experts()) return fmt::format("{} has no experts for ep {}", m.name, p.ep);
    const std::uint64_t ranks = std::uint64_t{p.tp} * p.cp * p.dp;
    if (ranks % p.ep != 0) return multiple("tp x cp x dp", ranks, "ep", p.ep);
    if (p.pp > m.num_layers()) return fmt::format("{} stages for {} layers", p.pp, m.num_layers());
    if (p.vp > 1) {
        if (p.pp == 1) return "interleaving (vp) needs pp above 1";
        if (std::uint64_t{p.pp} * p.vp > m.num_layers() + 2U)
            return fmt::format("{} chunks of the pipeline for {} layers", p.pp * p.vp, m.num_layers());
        const std::uint32_t count = micro_batches(p, b);
        if (count % p.pp != 0) return multiple("with interleaving the number of micro-batches", count, "pp", p.pp);
    }
    if (p.zero >= 2 && p.pp > 1)
        return fmt::format("ZeRO {} with a pipeline gathers anew for each micro-batch: use pp 1", p.zero);
    return {};
}

memory_use memory_of(const model& m, const parallel_plan& p, const batch_shape& b) {
    double dense = 0;
    double experts = 0;
    double kept = 0;
    double largest = 0;
    const double length = b.length;
    const auto add = [&](const std::vector<layer>& layers, double times) {
        for (const layer& l : layers) {
            const layer_parameters one = m.parameters_of(l);
            const double d = one.mixer + one.feed_forward + one.gains;
            dense += times * l.count * d;
            experts += times * l.count * one.experts;
            kept += times * l.count * kept_bytes(m, l, p, length);
            largest = std::max(largest, d / p.tp + one.experts / p.ep);
        }
    };
    add(m.layers, 1);
    if (p.with_mtp) add(m.mtp_layers, 1);
    const double layers = m.num_layers();
    const double embeddings = p.pp == 1 ? m.embedding_parameters() + m.head_parameters()
                                        : std::max(m.embedding_parameters(), m.head_parameters());
    const double own_dense = (dense / p.pp + embeddings) / p.tp;
    const double own_experts = experts / (static_cast<double>(p.pp) * p.ep);
    const double ranks = static_cast<double>(p.tp) * p.cp * p.dp;
    const double dense_copies = ranks / p.tp;
    const double expert_copies = std::max(1.0, ranks / p.ep);

    const auto shared = [&](std::uint32_t from) {
        return p.zero >= from ? own_dense / dense_copies + own_experts / expert_copies : own_dense + own_experts;
    };
    memory_use out;
    // Frozen weights are kept in the format of the products.
    out.weights_b = (p.frozen && p.precision != precision_kind::bf16 ? 1 : 2) * shared(3);
    out.gradients_b = p.frozen ? 0 : p.gradient_bytes * shared(2);
    out.optimizer_b = p.frozen ? 0 : 12 * shared(1);

    const double tokens = static_cast<double>(p.micro_batch) * length / (static_cast<double>(p.tp) * p.cp);
    const double pp = p.pp;
    // Layers whose activations the first stage holds at once; never more than all micro-batches leave there.
    const double in_flight =
        p.pp == 1 ? 1 : std::min(p.vp == 1 ? 1 : 1 + (pp - 1) / (pp * p.vp), micro_batches(p, b) / pp);
    out.activations_b = tokens * kept * in_flight;
    if (p.recompute == recompute_kind::full && layers > 0) {
        // One layer is computed again in full.
        double most = 0;
        parallel_plan whole = p;
        whole.recompute = recompute_kind::none;
        for (const layer& l : m.layers) most = std::max(most, kept_bytes(m, l, whole, length));
        out.activations_b += tokens * most;
    }
    out.buffers_b = context_b;
    // Logits in bf16 and their gradient in fp32; the last stage of a pipeline has room for them.
    if (p.pp == 1) out.buffers_b += 6.0 * tokens * m.vocabulary;
    if (p.zero >= 3) out.buffers_b += 2 * 2 * largest;
    return out;
}

std::string memory_fault_of(const memory_use& use, const system& s) {
    if (use.total_b() <= s.memory_b) return {};
    return fmt::format(
        "{:.1f} GB per GPU do not fit in {:.1f} GB of {}: {:.1f} GB too much ({:.1f} weights, {:.1f} "
        "gradients, {:.1f} optimizer, {:.1f} activations, {:.1f} buffers)",
        gb(use.total_b()), gb(s.memory_b), s.accelerator, gb(use.total_b() - s.memory_b), gb(use.weights_b),
        gb(use.gradients_b), gb(use.optimizer_b), gb(use.activations_b), gb(use.buffers_b));
}

bool lighten(const model& m, parallel_plan& p, const batch_shape& b, const system& s) {
    p.recompute_share = 1;
    for (const auto r : {recompute_kind::none, recompute_kind::selective, recompute_kind::full}) {
        p.recompute = r;
        if (memory_of(m, p, b).total_b() > s.memory_b) continue;
        if (r == recompute_kind::full) {
            // Memory falls linearly with the layers that are computed again: as few of them as fit.
            const double full = memory_of(m, p, b).total_b();
            p.recompute_share = 0;
            const double least = memory_of(m, p, b).total_b();
            const double layers = m.num_layers();
            p.recompute_share = least > full ? std::ceil(layers * (least - s.memory_b) / (least - full)) / layers : 1;
            p.recompute_share = std::clamp(p.recompute_share, 0.0, 1.0);
        }
        return true;
    }
    return false;
}

group_map map_groups(const parallel_plan& p, const system& s) {
    const std::uint32_t domain = s.domain_gpus;
    group_map out;
    out.tensor = span_of(p.tp, 1, domain);
    out.context = span_of(p.cp, p.tp, domain);
    out.data = span_of(p.dp * p.cp, p.tp, domain);
    out.expert = span_of(p.ep, 1, domain);
    const std::uint64_t stage = std::uint64_t{p.tp} * p.cp * p.dp;
    out.expert_data = span_of(static_cast<std::uint32_t>(std::max<std::uint64_t>(1, stage / p.ep)), p.ep, domain);
    out.pipeline_crosses = p.pp > 1 && 2 * stage > domain;
    return out;
}

}  // namespace ampacity::llm
