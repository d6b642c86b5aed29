#include <ampacity/llm/model.hpp>

#include <algorithm>

namespace ampacity::llm {
namespace {

double n(const std::optional<std::uint32_t>& v) { return v.value_or(0); }

double matrices(const layer& l) { return l.matrices.value_or(3); }

double attention_parameters(const layer& l, double h) {
    const double q = n(l.heads) * n(l.head_dim);
    const double kv = n(l.kv_heads) * (n(l.head_dim) + (l.shared_kv.value_or(false) ? 0 : l.v_dim()));
    const double o = n(l.heads) * l.v_dim();
    const double queries = l.q_rank ? h * n(l.q_rank) + n(l.q_rank) * q : h * q;
    const double output = l.o_rank ? n(l.o_rank) * o + l.o_groups.value_or(1) * n(l.o_rank) * h : o * h;
    return queries + h * kv + output;
}

double latent_parameters(const layer& l, double h) {
    const double q = n(l.heads) * l.qk_dim();
    const double queries = l.q_rank ? h * n(l.q_rank) + n(l.q_rank) * q : h * q;
    const double down = h * (n(l.kv_rank) + n(l.rope_dim));
    const double up = n(l.kv_rank) * n(l.heads) * (n(l.head_dim) + l.v_dim());
    return queries + down + up + n(l.heads) * l.v_dim() * h;
}

double indexer_parameters(const layer& l, double h) {
    if (!l.index_heads) return 0;
    const double from = l.q_rank ? n(l.q_rank) : h;
    return from * n(l.index_heads) * n(l.index_dim) + h * n(l.index_dim) + h * n(l.index_heads);
}

double mamba_inner(const layer& l) { return n(l.heads) * n(l.head_dim); }

}  // namespace

std::string_view name_of(attention_count c) noexcept { return c == attention_count::full ? "full" : "causal"; }

layer_parameters model::parameters_of(const layer& l) const {
    const double h = hidden;
    layer_parameters out;
    switch (l.mixer) {
        case mixer_kind::attention: out.mixer = attention_parameters(l, h) + indexer_parameters(l, h); break;
        case mixer_kind::latent: out.mixer = latent_parameters(l, h) + indexer_parameters(l, h); break;
        case mixer_kind::mamba: {
            const double inner = mamba_inner(l);
            const double shared = 2 * n(l.groups) * n(l.state);
            out.mixer = h * (2 * inner + shared + n(l.heads)) + inner * h;
            out.gains += (inner + shared) * n(l.conv) + inner + 3 * n(l.heads);
            break;
        }
        case mixer_kind::none: break;
    }
    if (l.mixer == mixer_kind::latent) out.gains += n(l.q_rank) + n(l.kv_rank);
    switch (l.feed_forward) {
        case feed_forward_kind::dense: out.feed_forward = matrices(l) * h * n(l.width); break;
        case feed_forward_kind::experts: {
            const double seen = l.latent_width ? n(l.latent_width) : h;
            const double one = matrices(l) * seen * n(l.expert_width);
            out.experts = n(l.experts) * one;
            out.active = n(l.active_experts) * one;
            out.feed_forward = matrices(l) * h * n(l.shared_width) + h * n(l.experts);
            if (l.latent_width) out.feed_forward += 2 * h * seen;
            break;
        }
        case feed_forward_kind::none: break;
    }
    if (l.mixer != mixer_kind::none) out.gains += h;
    if (l.feed_forward != feed_forward_kind::none) out.gains += h;
    return out;
}

double model::embedding_parameters() const {
    return (static_cast<double>(vocabulary) + n(positions)) * static_cast<double>(hidden);
}

double model::head_parameters() const { return tied ? 0 : static_cast<double>(vocabulary) * hidden; }

double model::parameters() const {
    double sum = embedding_parameters() + head_parameters() + hidden;
    for (const layer& l : layers) {
        const layer_parameters p = parameters_of(l);
        sum += l.count * (p.mixer + p.feed_forward + p.experts + p.gains);
    }
    return sum;
}

double model::active_parameters() const {
    double sum = embedding_parameters() + head_parameters() + hidden;
    for (const layer& l : layers) {
        const layer_parameters p = parameters_of(l);
        sum += l.count * (p.mixer + p.feed_forward + p.active + p.gains);
    }
    return sum;
}

double model::mtp_parameters() const {
    if (mtp_layers.empty()) return 0;
    double sum = 2.0 * hidden * hidden + 3.0 * hidden;
    for (const layer& l : mtp_layers) {
        const layer_parameters p = parameters_of(l);
        sum += l.count * (p.mixer + p.feed_forward + p.experts + p.gains);
    }
    return sum;
}

bool model::has_experts() const {
    return std::any_of(layers.begin(), layers.end(),
                       [](const layer& l) { return l.feed_forward == feed_forward_kind::experts; });
}

std::uint32_t model::num_layers() const {
    std::uint32_t sum = 0;
    for (const layer& l : layers) sum += l.count;
    return sum;
}

double keys_seen(const layer& l, double sequence, attention_count count) {
    // The mean over the queries of a sequence of min(keys before it, limit).
    const auto mean = [&](double limit) {
        if (count == attention_count::full) return std::min(sequence, limit);
        return limit >= sequence ? sequence / 2 : limit - limit * limit / (2 * sequence);
    };
    if (!l.compression && !l.sparse_keys) return l.window ? mean(n(l.window)) : mean(sequence);
    const double near = l.window ? mean(n(l.window)) : 0;
    double far = mean(sequence) / std::max(1.0, n(l.compression));
    if (l.sparse_keys) far = std::min(far, n(l.sparse_keys));
    return near + far;
}

double model::mixing_flop(const layer& l, double sequence, attention_count count) const {
    if (l.mixer == mixer_kind::mamba) return 7 * mamba_inner(l) * n(l.state);
    if (!l.attends()) return 0;
    double flop = 2 * n(l.heads) * (l.qk_dim() + l.v_dim()) * keys_seen(l, sequence, count);
    if (l.index_heads) {
        const double keys =
            (count == attention_count::full ? sequence : sequence / 2) / std::max(1.0, n(l.compression));
        flop += 2 * n(l.index_heads) * n(l.index_dim) * keys;
    }
    return flop;
}

double model::training_flop_per_token(double sequence, attention_count count, bool with_mtp) const {
    const auto sum = [&](const std::vector<layer>& of) {
        double flop = 0;
        for (const layer& l : of) {
            const layer_parameters p = parameters_of(l);
            flop += l.count * (2 * (p.mixer + p.feed_forward + p.active) + mixing_flop(l, sequence, count));
        }
        return flop;
    };
    const double head = 2.0 * vocabulary * hidden;
    double forward = sum(layers) + head;
    if (with_mtp && !mtp_layers.empty())
        forward += mtp_modules.value_or(1) * (sum(mtp_layers) + 4.0 * hidden * hidden + head);
    return 3 * forward;
}

double model::kv_bytes_per_token(double bytes_per_number) const {
    double numbers = 0;
    for (const layer& l : layers) {
        if (!l.attends() || (l.window && !l.compression && !l.sparse_keys)) continue;
        const double one = l.mixer == mixer_kind::latent
                               ? n(l.kv_rank) + n(l.rope_dim)
                               : n(l.kv_heads) * (n(l.head_dim) + (l.shared_kv.value_or(false) ? 0 : l.v_dim()));
        numbers += l.count * (one + n(l.index_dim)) / std::max(1.0, n(l.compression));
    }
    return numbers * bytes_per_number;
}

double model::state_bytes(double bytes_per_number) const {
    double numbers = 0;
    for (const layer& l : layers) {
        if (l.mixer == mixer_kind::mamba)
            numbers += l.count * (mamba_inner(l) * n(l.state) +
                                  (mamba_inner(l) + 2 * n(l.groups) * n(l.state)) * std::max(0.0, n(l.conv) - 1));
        else if (l.attends() && l.window)
            numbers +=
                l.count * n(l.window) * n(l.kv_heads) * (n(l.head_dim) + (l.shared_kv.value_or(false) ? 0 : l.v_dim()));
    }
    return numbers * bytes_per_number;
}

}  // namespace ampacity::llm
