#include "least_squares.hpp"

#include <ampacity/llm/inference_calibration.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string_view>

namespace ampacity::llm {
namespace {

constexpr double row_deviation = 0.12;  ///< of log(modelled / measured): versions, settings that are not published

struct known_gpu {
    std::string_view accelerator;
    bool blackwell;
};
constexpr std::array known_gpus{known_gpu{"h100", false}, known_gpu{"h200", false}, known_gpu{"b200", true},
                                known_gpu{"b300", true},  known_gpu{"gb200", true}, known_gpu{"gb300", true}};
constexpr std::array<std::string_view, 3> programs{"sglang", "trtllm", "vllm"};

/// Latency and share of the bandwidth of all-to-alls.
class exchange_residuals final : public residual_function {
public:
    explicit exchange_residuals(const inference_set& set) : set_{set} {}

    static double time_s(const measured_exchange& m, double latency_s, double share) {
        const double others = (m.ranks - 1) * (1 - std::pow(1 - 1 / m.ranks, m.active));
        return latency_s + m.tokens * m.token_bytes * others / (m.link_b_s * share);
    }
    static double latency_s(const std::vector<double>& x) { return 12e-6 * std::exp(x[0]); }
    static double share(const std::vector<double>& x) { return 0.5 * std::exp(x[1]); }

    void operator()(const std::vector<double>& x, std::vector<double>& out) const override {
        out.clear();
        for (const measured_exchange& m : set_.exchanges)
            out.push_back(std::log(time_s(m, latency_s(x), share(x)) / m.time_s) / 0.1);
        for (const double v : x) out.push_back(v);
    }

private:
    const inference_set& set_;
};

/// Unknowns of the fit and how they make coefficients.
class unknowns {
public:
    unknowns() {
        for (const double usual : {0.62, 0.55}) hopper_.push_back(add(usual, 0.2));
        for (const double usual : {0.58, 0.50, 0.40}) blackwell_.push_back(add(usual, 0.2));
        hopper_memory_ = add(0.80, 0.10);
        blackwell_memory_ = add(0.75, 0.10);
        attention_ = add(0.45, 0.25);
        cache_ = add(0.60, 0.25);
        experts_ = add(0.65, 0.25);
        imbalance_ = add(1.2, 0.15);
        traffic_ = add(2, 0.4);
        layer_ = add(15e-6, 0.6);
        expert_layer_ = add(15e-6, 0.6);
        reduce_ = add(6e-6, 0.5);
        reduce_share_ = add(0.6, 0.25);
        for (auto& s : step_) s = add(1e-3, 0.6);
    }

    [[nodiscard]] std::size_t size() const { return priors_.size(); }

    [[nodiscard]] inference_efficiency make(const std::vector<double>& x, double exchange_s,
                                            double exchange_share) const {
        const auto at = [&](std::size_t i) { return priors_.value(x, i); };
        inference_efficiency e{.attention = at(attention_),
                               .cache = at(cache_),
                               .experts = at(experts_),
                               .imbalance = at(imbalance_),
                               .traffic = at(traffic_),
                               .layer_s = at(layer_),
                               .expert_layer_s = at(expert_layer_),
                               .reduce_s = at(reduce_),
                               .reduce_share = at(reduce_share_),
                               .exchange_s = exchange_s,
                               .exchange_share = exchange_share};
        for (const known_gpu& g : known_gpus) {
            const auto& products = g.blackwell ? blackwell_ : hopper_;
            e.gpus.push_back({.name = std::string{g.accelerator},
                              .bf16 = at(products[0]),
                              .fp8 = at(products[1]),
                              .nvfp4 = g.blackwell ? at(products[2]) : 0,
                              .memory = at(g.blackwell ? blackwell_memory_ : hopper_memory_)});
        }
        for (std::size_t i = 0; i < programs.size(); ++i)
            e.software.push_back({.name = std::string{programs[i]}, .step_s = at(step_[i])});
        return e;
    }

    void add_priors(const std::vector<double>& x, std::vector<double>& out) const { priors_.add_residuals(x, out); }

private:
    std::size_t add(double usual, double deviation) { return priors_.add(usual, deviation); }

    priors priors_;
    std::vector<std::size_t> hopper_;
    std::vector<std::size_t> blackwell_;
    std::size_t hopper_memory_, blackwell_memory_, attention_, cache_, experts_, imbalance_, traffic_, layer_,
        expert_layer_, reduce_, reduce_share_;
    std::array<std::size_t, programs.size()> step_;
};

/// Like |r| far out: a deployment that was set up badly does not bend the rest.
double flattened(double r) { return std::copysign(std::sqrt(2 * (std::sqrt(1 + r * r) - 1)), r); }

class serving_residuals final : public residual_function {
public:
    serving_residuals(const inference_set& set, double exchange_s, double exchange_share)
        : set_{set}, exchange_s_{exchange_s}, exchange_share_{exchange_share} {
        std::map<std::string_view, double> count;
        for (const measured_serving& r : set.rows) {
            if (r.fitted) count[r.deployment] += 1;
        }
        for (const measured_serving& r : set.rows) {
            if (!r.fitted) continue;
            rows_.push_back(&r);
            // A deployment with many loads tells less with each.
            weight_.push_back(1 / std::sqrt(std::max(1.0, count[r.deployment] / 4)));
        }
    }

    void operator()(const std::vector<double>& x, std::vector<double>& out) const override {
        out.clear();
        const inference_efficiency e = make(x);
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            const measured_serving& r = *rows_[i];
            const double token = std::log(token_at_measured_batch(set_, r, e) / r.tpot_s);
            out.push_back(weight_[i] * flattened(token / row_deviation));
            // Where most of the time is waiting, the prefill pool is what limits.
            if (!r.as.split() || r.ttft_s < 0.5 * r.load.output * r.tpot_s) continue;
            const double one = prompt_s(set_.model_of(r), r.as, 0, r.load.prompt, set_.system_of(r), e);
            const double most = r.as.prefill_workers / one;
            out.push_back(weight_[i] * flattened(std::log(most / r.requests_s()) / (2 * row_deviation)));
        }
        unknowns_.add_priors(x, out);
    }

    [[nodiscard]] std::size_t size() const { return unknowns_.size(); }
    [[nodiscard]] inference_efficiency make(const std::vector<double>& x) const {
        return unknowns_.make(x, exchange_s_, exchange_share_);
    }

private:
    const inference_set& set_;
    double exchange_s_;
    double exchange_share_;
    unknowns unknowns_;
    std::vector<const measured_serving*> rows_;
    std::vector<double> weight_;
};

/// What times to the first token tell of a program: the time of a request outside of iterations and the share of the
/// burst, of a grid, that bring the mean of |log(modelled / measured)| of rows that do not queue lowest.
struct first_token_row {
    double measured_s;
    double steady_s;
    double burst_s;
};
std::vector<first_token_row> first_tokens(const inference_set& set, const inference_efficiency& e,
                                          const std::string& program, bool split) {
    std::vector<first_token_row> out;
    for (const measured_serving& r : set.rows) {
        if (!r.fitted || r.as.split() != split || r.as.software != program) continue;
        const load_estimate l = estimate(set.model_of(r), r.as, r.load, set.system_of(r), e);
        if (l.steady_s > 0 && !l.queues) out.push_back({r.ttft_s, l.steady_s, l.burst_s});
    }
    return out;
}
double miss_of(const std::vector<first_token_row>& rows, double outside_s, double burst) {
    double sum = 0;
    for (const first_token_row& r : rows)
        sum += std::abs(std::log((outside_s + (1 - burst) * r.steady_s + burst * r.burst_s) / r.measured_s));
    return sum;
}

void fit_first_tokens(const inference_set& set, inference_efficiency& e) {
    constexpr int steps = 40;
    for (inference_software& s : e.software) {
        const auto replicas = first_tokens(set, e, s.name, false);
        double least = miss_of(replicas, 0, 0);
        for (int t = 0; t <= steps; ++t) {
            for (int b = 0; b <= steps; ++b) {
                const double request_s = t * 0.005;
                const double burst = static_cast<double>(b) / steps;
                const double miss = miss_of(replicas, request_s, burst);
                if (miss >= least) continue;
                least = miss;
                s.request_s = request_s;
                s.burst = burst;
            }
        }
        const auto pools = first_tokens(set, e, s.name, true);
        least = miss_of(pools, s.request_s, s.burst);
        for (int t = 1; t <= 5 * steps; ++t) {
            const double miss = miss_of(pools, s.request_s + t * 0.005, s.burst);
            if (miss >= least) continue;
            least = miss;
            s.handover_s = t * 0.005;
        }
    }
}

template <class Key>
std::vector<compared_serving> leave_out(const inference_set& set, Key key_of) {
    std::map<std::string, std::vector<std::uint32_t>> groups;
    for (std::uint32_t i = 0; i < set.rows.size(); ++i) {
        if (set.rows[i].fitted) groups[key_of(set.rows[i])].push_back(i);
    }
    std::vector<compared_serving> out;
    for (const auto& [key, rows] : groups) {
        inference_set rest = set;
        for (const std::uint32_t i : rows) rest.rows[i].fitted = false;
        const inference_efficiency e = fit_inference(rest);
        inference_set only = set;
        only.rows.clear();
        for (const std::uint32_t i : rows) only.rows.push_back(set.rows[i]);
        for (compared_serving c : compare(only, e)) {
            c.row = rows[c.row];
            out.push_back(c);
        }
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    return out;
}

}  // namespace

double token_at_measured_batch(const inference_set& set, const measured_serving& r, const inference_efficiency& e) {
    const model& m = set.model_of(r);
    const system& s = set.system_of(r);
    const double decoding = (r.load.output - 1) * r.tpot_s;
    const bool waves = !r.as.split() && r.as.admission == admission_kind::waves;
    const double share = waves ? 1 : decoding / (r.ttft_s + decoding);
    const double decodes = std::max(1.0, r.load.concurrency / r.as.decode_workers * share);
    const double token = token_s(m, r.as, decodes, r.load.prompt + r.load.output / 2, s, e);
    if (r.as.split()) return token;
    if (waves) {
        const double per_batch = std::max(1.0, std::floor(r.as.step_tokens / r.load.prompt));
        const double batches = std::ceil(decodes / per_batch);
        const double one = prompt_s(m, r.as, 0, r.load.prompt, s, e) * std::min(per_batch, decodes);
        return token + (batches - 1) / 2 * one / r.load.output;
    }
    return token + decodes / r.load.output * prompt_s(m, r.as, decodes, r.load.prompt, s, e);
}

inference_efficiency fit_inference(const inference_set& set) {
    const exchange_residuals exchange{set};
    const auto x = least_squares(exchange, std::vector<double>(2));
    const serving_residuals residuals{set, exchange_residuals::latency_s(x), exchange_residuals::share(x)};
    inference_efficiency e = residuals.make(least_squares(residuals, std::vector<double>(residuals.size())));
    fit_first_tokens(set, e);
    return e;
}

std::string_view name_of(saturation s) noexcept {
    switch (s) {
        case saturation::low: return "low";
        case saturation::below: return "below";
        case saturation::at: return "at";
        case saturation::above: break;
    }
    return "above";
}

std::vector<compared_serving> compare(const inference_set& set, const inference_efficiency& e) {
    std::vector<compared_serving> out;
    for (std::uint32_t i = 0; i < set.rows.size(); ++i) {
        const measured_serving& r = set.rows[i];
        if (e.find(set.system_of(r).accelerator) == nullptr) continue;
        const load_estimate l = estimate(set.model_of(r), r.as, r.load, set.system_of(r), e);
        if (l.tpot_s <= 0) continue;
        const double used = l.requests_s / l.capacity_s;
        const saturation load = l.queues     ? saturation::above
                                : used > 0.9 ? saturation::at
                                : used < 0.3 ? saturation::low
                                             : saturation::below;
        out.push_back({.row = i,
                       .modelled = l,
                       .load = load,
                       .ttft_error = l.ttft_s / r.ttft_s - 1,
                       .tpot_error = l.tpot_s / r.tpot_s - 1,
                       .throughput_error = l.tokens_s_gpu / r.tokens_s_gpu() - 1});
    }
    return out;
}

std::vector<compared_serving> leave_one_deployment_out(const inference_set& set) {
    return leave_out(set, [](const measured_serving& r) { return r.deployment; });
}

std::vector<compared_serving> leave_one_family_out(const inference_set& set) {
    return leave_out(set, [](const measured_serving& r) { return r.family; });
}

double exchange_error(const inference_set& set, const inference_efficiency& e) {
    double sum = 0;
    for (const measured_exchange& m : set.exchanges)
        sum += std::abs(exchange_residuals::time_s(m, e.exchange_s, e.exchange_share) / m.time_s - 1);
    return set.exchanges.empty() ? 0 : sum / static_cast<double>(set.exchanges.size());
}

double expert_error(const inference_set& set, const inference_efficiency& e) {
    double sum = 0;
    for (const measured_experts& m : set.experts) {
        const system& s = set.systems[m.system];
        const inference_gpu& gpu = *e.find(s.accelerator);
        const double parameters = m.experts * 3 * m.hidden * m.width;
        const double flop_s = 2 * m.tokens * parameters * m.active / m.experts / m.gpus * e.imbalance /
                              (s.peak_flop_s(m.precision) * gpu.products(m.precision) * e.experts);
        const double visited = 1 - std::pow(1 - m.active / m.experts, m.tokens);
        const double read_s =
            parameters / m.gpus * visited * weight_bytes(m.precision) / (s.memory_b_s * gpu.memory * e.experts);
        sum += std::abs((std::max(flop_s, read_s) + e.expert_layer_s) / m.time_s - 1);
    }
    return set.experts.empty() ? 0 : sum / static_cast<double>(set.experts.size());
}

double median_error(std::span<const compared_serving> rows, double compared_serving::* error) {
    if (rows.empty()) return 0;
    std::vector<double> all;
    for (const compared_serving& r : rows) all.push_back(std::abs(r.*error));
    std::sort(all.begin(), all.end());
    const std::size_t half = all.size() / 2;
    return all.size() % 2 == 1 ? all[half] : (all[half - 1] + all[half]) / 2;
}

}  // namespace ampacity::llm
