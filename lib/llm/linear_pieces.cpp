#include <ampacity/llm/linear_pieces.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace ampacity::llm {
namespace {

constexpr int num_terms = 4;
constexpr double unit_s = 1e-18;  ///< 1e-9 ns
using terms = std::array<double, num_terms>;

/// A batch: 1, tokens, kv tokens, pairs; and its time.
struct sample {
    terms x;
    double time_s;
};

double dot(const terms& a, const terms& b) {
    double sum = 0;
    for (int i = 0; i < num_terms; ++i) sum += a[static_cast<std::size_t>(i)] * b[static_cast<std::size_t>(i)];
    return sum;
}

/// Batches at shares of the range; `shift` moves them between those of another grid.
std::vector<sample> samples_of(const model& m, const inference_plan& p, const system& s, const inference_efficiency& e,
                               const inference_software& with, const batch_range& range, double shift) {
    std::vector<sample> out;
    const auto level = [&](int i, int of, double most) {
        return i == 0 ? 0 : std::max(1.0, std::floor(most * std::pow(2.0, (i + shift) - of)));
    };
    for (int d = 0; d <= 8; ++d) {
        for (int c = 1; c <= 4; ++c) {
            for (int t = 0; t <= 5; ++t) {
                const inference_batch b{.decodes = level(d, 8, range.decodes),
                                        .context = level(c, 4, range.context),
                                        .prefills = t == 0 ? 0.0 : 1.0,
                                        .prefill_tokens = level(t, 5, range.prefill_tokens)};
                if (b.tokens() < range.least_tokens || (d == 0 && c > 1)) continue;
                const double pairs = b.prefill_tokens * (b.prefill_tokens + 1) / 2;
                out.push_back(
                    {{1, b.tokens(), b.decodes * b.context, pairs}, iteration_of(m, p, b, s, e, with).time_s()});
            }
        }
    }
    return out;
}

/// Least squares of relative errors over the terms that `mask` has; false: singular or a coefficient below 0.
bool solve(const std::vector<const sample*>& of, unsigned mask, const terms& scale, terms& out) {
    std::array<terms, num_terms> a{};
    terms b{};
    for (const sample* r : of) {
        for (std::size_t i = 0; i < num_terms; ++i) {
            const double xi = r->x[i] * scale[i] / r->time_s;
            b[i] += xi;
            for (std::size_t j = 0; j < num_terms; ++j) a[i][j] += xi * r->x[j] * scale[j] / r->time_s;
        }
    }
    for (std::size_t i = 0; i < num_terms; ++i) {
        if ((mask >> i & 1U) != 0) continue;
        a[i] = {};
        for (auto& row : a) row[i] = 0;
        a[i][i] = 1;
        b[i] = 0;
    }
    for (std::size_t k = 0; k < num_terms; ++k) {
        if (!(a[k][k] > 1e-12)) return false;
        for (std::size_t i = k + 1; i < num_terms; ++i) {
            const double f = a[i][k] / a[k][k];
            for (std::size_t j = k; j < num_terms; ++j) a[i][j] -= f * a[k][j];
            b[i] -= f * b[k];
        }
    }
    for (std::size_t k = num_terms; k-- > 0;) {
        for (std::size_t j = k + 1; j < num_terms; ++j) b[k] -= a[k][j] * b[j];
        b[k] /= a[k][k];
        if (b[k] < 0) return false;
    }
    for (std::size_t i = 0; i < num_terms; ++i) out[i] = b[i] * scale[i];
    return true;
}

/// The best coefficients >= 0: over all sets of terms that are not 0.
terms fit(const std::vector<const sample*>& of) {
    terms scale{};
    for (std::size_t i = 0; i < num_terms; ++i) {
        double most = 0;
        for (const sample* r : of) most = std::max(most, r->x[i] / r->time_s);
        scale[i] = most > 0 ? 1 / most : 1;
    }
    terms best{};
    double least = -1;
    for (unsigned mask = 1; mask < 1U << num_terms; ++mask) {
        terms c{};
        if (!solve(of, mask, scale, c)) continue;
        double sum = 0;
        for (const sample* r : of) sum += std::pow(dot(c, r->x) / r->time_s - 1, 2);
        if (least >= 0 && sum >= least) continue;
        least = sum;
        best = c;
    }
    return best;
}

std::size_t largest(const std::vector<terms>& pieces, const terms& x) {
    std::size_t at = 0;
    for (std::size_t i = 1; i < pieces.size(); ++i) {
        if (dot(pieces[i], x) > dot(pieces[at], x)) at = i;
    }
    return at;
}

double error_of(const std::vector<terms>& pieces, const std::vector<sample>& all) {
    double sum = 0;
    for (const sample& r : all) sum += std::pow(dot(pieces[largest(pieces, r.x)], r.x) / r.time_s - 1, 2);
    return sum;
}

/// Alternates from a partition by a term into `count` parts.
std::vector<terms> alternate(const std::vector<sample>& all, std::size_t count, std::size_t by) {
    std::vector<const sample*> sorted;
    for (const sample& r : all) sorted.push_back(&r);
    std::stable_sort(sorted.begin(), sorted.end(), [by](const auto* a, const auto* b) { return a->x[by] < b->x[by]; });
    std::vector<std::vector<const sample*>> parts(count);
    for (std::size_t i = 0; i < sorted.size(); ++i) parts[i * count / sorted.size()].push_back(sorted[i]);
    std::vector<terms> best;
    for (int round = 0; round < 30; ++round) {
        std::vector<terms> pieces;
        for (const auto& part : parts) {
            if (part.size() >= num_terms) pieces.push_back(fit(part));
        }
        if (best.empty() || error_of(pieces, all) < error_of(best, all)) best = pieces;
        parts.assign(pieces.size(), {});
        for (const sample& r : all) parts[largest(pieces, r.x)].push_back(&r);
    }
    return best;
}

}  // namespace

double piecewise_time::time_s(double tokens, double kv_tokens, double prefill_attention) const {
    double most = 0;
    for (const linear_piece& p : pieces)
        most = std::max(most, static_cast<double>(p.base) + static_cast<double>(p.per_token) * tokens +
                                  static_cast<double>(p.per_kv_token) * kv_tokens +
                                  static_cast<double>(p.per_prefill_attention) * prefill_attention);
    return most * unit_s;
}

piecewise_time linear_pieces(const model& m, const inference_plan& p, const system& s, const inference_efficiency& e,
                             const inference_software& with, const batch_range& range) {
    const std::vector<sample> grid = samples_of(m, p, s, e, with, range, 0);
    std::vector<terms> best = alternate(grid, 1, 1);
    for (std::size_t count = 2; count <= range.pieces; ++count) {
        for (std::size_t by = 1; by < num_terms; ++by) {
            std::vector<terms> more = alternate(grid, count, by);
            // A piece more is worth it where it lowers the error by more than rounding does.
            if (error_of(more, grid) < 0.98 * error_of(best, grid) - 1e-9) best = std::move(more);
        }
    }
    piecewise_time out;
    const auto whole = [](double v) { return static_cast<std::int64_t>(std::llround(v / unit_s)); };
    for (const terms& c : best) out.pieces.push_back({whole(c[0]), whole(c[1]), whole(c[2]), whole(c[3])});
    const std::vector<sample> between = samples_of(m, p, s, e, with, range, -0.5);
    for (const sample& r : between) {
        const double error = std::abs(out.time_s(r.x[1], r.x[2], r.x[3]) / r.time_s - 1);
        out.mean_error += error / static_cast<double>(between.size());
        out.most_error = std::max(out.most_error, error);
    }
    return out;
}

}  // namespace ampacity::llm
