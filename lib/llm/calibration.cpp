#include "least_squares.hpp"

#include <ampacity/llm/calibration.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <tuple>

namespace ampacity::llm {
namespace {

// Of log(modelled / measured): what versions of the software differ by.
constexpr double dense_deviation = 0.05;
constexpr double expert_deviation = 0.10;
constexpr double recipe_deviation = 0.01;  ///< of the scales of one recipe

/// Generations of GPUs, whose products reach like shares of their peaks.
enum class generation : std::uint8_t { ampere, hopper, blackwell };

struct known_gpu {
    std::string_view accelerator;
    generation of;
    bool own_host;  ///< Grace
};
constexpr std::array known_gpus{
    known_gpu{"a100-80gb", generation::ampere, false}, known_gpu{"h100", generation::hopper, false},
    known_gpu{"h200", generation::hopper, false},      known_gpu{"b200", generation::blackwell, false},
    known_gpu{"b300", generation::blackwell, false},   known_gpu{"gb200", generation::blackwell, true},
    known_gpu{"gb300", generation::blackwell, true}};

using curve_row = std::array<collective_curve, num_collectives>;
/// Curves of each of `known_gpus`.
using domain_curves = std::array<curve_row, known_gpus.size()>;

/// Residuals of one curve.
class curve_residuals final : public residual_function {
public:
    /// `linear`: without the slow rise of bandwidth.
    curve_residuals(collective_kind kind, std::vector<const measured_collective*> rows, bool linear = false)
        : kind_{kind}, rows_{std::move(rows)}, linear_{linear} {}

    [[nodiscard]] collective_curve make(const std::vector<double>& x) const {
        return {.latency_s = 10e-6 * std::exp(x[0]),
                .share = 0.6 * std::exp(x[1]),
                .half_b = linear_ ? 0 : 5e6 * std::exp(x[2])};
    }
    void operator()(const std::vector<double>& x, std::vector<double>& out) const override {
        out.clear();
        const collective_curve c = make(x);
        for (const measured_collective* m : rows_)
            out.push_back(std::log(c.time_s(kind_, m->bytes, m->ranks, m->link_b_s) / m->time_s) / 0.1);
        for (const double v : x) out.push_back(v);
    }

private:
    collective_kind kind_;
    std::vector<const measured_collective*> rows_;
    bool linear_;
};

/// Curves of all GPUs; of those that were not measured, that of the same generation of NVLink.
domain_curves fit_curves(const measured_set& set) {
    domain_curves out{};
    for (std::size_t i = 0; i < known_gpus.size(); ++i) {
        for (std::uint32_t k = 0; k < num_collectives; ++k) {
            const auto rows_of = [&](const auto& matches) {
                std::vector<const measured_collective*> rows;
                for (const measured_collective& m : set.collectives) {
                    if (m.kind == static_cast<collective_kind>(k) && matches(m.accelerator)) rows.push_back(&m);
                }
                return rows;
            };
            auto rows = rows_of([&](const std::string& a) { return a == known_gpus[i].accelerator; });
            if (rows.empty())
                rows = rows_of([&](const std::string& a) {
                    const bool blackwell = known_gpus[i].of == generation::blackwell;
                    return a == (blackwell ? "gb200" : "h100");
                });
            if (rows.empty()) continue;
            const curve_residuals residuals{static_cast<collective_kind>(k), std::move(rows)};
            out[i][k] = residuals.make(least_squares(residuals, std::vector<double>(3)));
        }
    }
    return out;
}

/// Unknowns of the fit and how they make coefficients.
class unknowns {
public:
    unknowns() {
        // Shares of the dense peak that GEMM kernels reach (GB200, measured: 0.61 bf16, 0.56 fp8, 0.42 nvfp4), less
        // what casts and scales take.
        for (const double usual : {0.58, 0.50, 0.48, 0.38}) share_.push_back(add(usual, 0.15));
        hopper_bf16_ = add(0.62, 0.15);
        hopper_low_ = add(0.48, 0.15);
        ampere_ = add(0.62, 0.15);
        for (const known_gpu& g : known_gpus) {
            const bool varies = g.of == generation::blackwell && g.accelerator != "gb200";
            shift_.push_back(varies ? add(1, 0.1) : none);
            for (std::uint32_t p = 0; p < num_precisions; ++p)
                own_.push_back(g.of == generation::blackwell ? add(1, 0.05) : none);
        }
        attention_ = add(0.45, 0.12);
        small_dim_ = add(150, 0.5);
        traffic_ = add(1.2, 0.3);
        expert_traffic_ = add(1.5, 0.4);
        scan_ = add(4, 0.5);
        layer_ = add(0.8e-3, 0.6);
        expert_layer_ = add(5e-3, 0.5);
        host_ = add(1.4, 0.25);
        tensor_ = add(0.3, 0.5);
        context_ = add(0.2, 0.5);
        expert_ = add(0.6, 0.4);
        pipeline_ = add(0.3, 0.5);
        data_ = add(0.5, 0.5);
        gather_ = add(0.1, 0.5);
        step_ = add(0.03, 0.3);
    }

    [[nodiscard]] std::size_t size() const { return priors_.size(); }

    [[nodiscard]] training_efficiency make(const std::vector<double>& x, const domain_curves& curves) const {
        const auto at = [&](std::size_t i) { return i == none ? 1.0 : priors_.value(x, i); };
        training_efficiency e;
        e.attention = at(attention_);
        e.small_dim = at(small_dim_);
        e.traffic = at(traffic_);
        e.expert_traffic = at(expert_traffic_);
        e.scan_traffic = at(scan_);
        e.layer_s = at(layer_);
        e.expert_layer_s = at(expert_layer_);
        e.tensor_exposed = at(tensor_);
        e.context_exposed = at(context_);
        e.expert_exposed = at(expert_);
        e.pipeline_exposed = at(pipeline_);
        e.data_exposed = at(data_);
        e.gather_exposed = at(gather_);
        e.step_s = at(step_);
        for (std::size_t i = 0; i < known_gpus.size(); ++i) {
            const known_gpu& g = known_gpus[i];
            const auto share = [&](std::size_t p) {
                if (g.of == generation::blackwell)
                    return at(share_[p]) * at(shift_[i]) * at(own_[i * num_precisions + p]);
                if (g.of == generation::hopper) return p == 3 ? 0 : at(p == 0 ? hopper_bf16_ : hopper_low_);
                return p == 0 ? at(ampere_) : 0;
            };
            e.gpus.push_back({.name = std::string{g.accelerator},
                              .bf16 = share(0),
                              .fp8 = share(1),
                              .mxfp8 = share(2),
                              .nvfp4 = share(3),
                              .host_factor = g.own_host ? 1 : at(host_)});
            for (std::uint32_t k = 0; k < num_collectives; ++k) {
                const auto kind = static_cast<collective_kind>(k);
                const collective_curve& curve = curves[i][k];
                e.collectives.push_back({.name = std::string{g.accelerator} + ' ' + std::string{name_of(kind)},
                                         .accelerator = std::string{g.accelerator},
                                         .kind = kind,
                                         .latency_s = curve.latency_s,
                                         .share = curve.share,
                                         .half_b = curve.half_b});
            }
        }
        return e;
    }

    void add_priors(const std::vector<double>& x, std::vector<double>& out) const { priors_.add_residuals(x, out); }

private:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    std::size_t add(double usual, double deviation) { return priors_.add(usual, deviation); }

    priors priors_;
    std::vector<std::size_t> share_;
    std::vector<std::size_t> shift_;
    std::vector<std::size_t> own_;
    std::size_t hopper_bf16_, hopper_low_, ampere_, attention_, small_dim_, traffic_, expert_traffic_, scan_, layer_,
        expert_layer_, host_, tensor_, context_, expert_, pipeline_, data_, gather_, step_;
};

/// Rows of one recipe on one kind of GPU in one precision.
using recipe_key = std::tuple<std::string, std::string, precision_kind>;

recipe_key key_of(const measured_set& set, const measured_step& m) {
    return {m.suite, set.system_of(m).accelerator, m.plan.precision};
}

/// Residuals of the rows and of the priors.
class training_residuals final : public residual_function {
public:
    explicit training_residuals(const measured_set& set) : set_{set}, curves_{fit_curves(set)} {
        for (const measured_step& m : set.steps) {
            // Recipes have coefficients of their own on top: a row of them weighs as much as what they share does.
            if (m.fitted) rows_.push_back(&m);
        }
    }

    void operator()(const std::vector<double>& x, std::vector<double>& out) const override {
        out.clear();
        const training_efficiency e = make(x);
        for (const measured_step* m : rows_) {
            const double r = std::log(step_time(*m, e) / m->time_s);
            const double scaled =
                r / ((set_.model_of(*m).has_experts() ? expert_deviation : dense_deviation) * (m->recipe ? 2 : 1));
            // Like |r| far out: one version of the software that is much slower does not bend the rest.
            out.push_back(std::copysign(std::sqrt(2 * (std::sqrt(1 + scaled * scaled) - 1)), scaled));
        }
        unknowns_.add_priors(x, out);
    }

    [[nodiscard]] std::size_t size() const { return unknowns_.size(); }
    [[nodiscard]] training_efficiency make(const std::vector<double>& x) const { return unknowns_.make(x, curves_); }

private:
    [[nodiscard]] double step_time(const measured_step& m, const training_efficiency& e) const {
        return step_of(set_.model_of(m), m.plan, m.batch, set_.system_of(m), e).time_s;
    }

    const measured_set& set_;
    domain_curves curves_;
    unknowns unknowns_;
    std::vector<const measured_step*> rows_;
};

/// t = f a (m + (p - 1) / v) + c0 + s with f near 1 and s near 0, to the rows of one recipe.
recipe_efficiency fit_recipe(const measured_set& set, const std::vector<const measured_step*>& rows,
                             const training_efficiency& e, recipe_key key) {
    // Normal equations of (log f, s / 1 s), relative errors; priors of 15 % and 0.15 s.
    double a11 = 1 / (0.15 * 0.15);
    double a22 = 1 / (0.15 * 0.15);
    double a12 = 0;
    double b1 = 0;
    double b2 = 0;
    for (const measured_step* m : rows) {
        const training_step t = step_of(set.model_of(*m), m->plan, m->batch, set.system_of(*m), e);
        const double w = 1 / (recipe_deviation * m->time_s);
        const double work = (t.time_s - t.rest_s) * w;
        const double miss = (m->time_s - t.time_s) * w;
        a11 += work * work;
        a12 += work * w;
        a22 += w * w;
        b1 += work * miss;
        b2 += w * miss;
    }
    const double det = a11 * a22 - a12 * a12;
    return {.name = std::get<0>(key) + ' ' + std::get<1>(key) + ' ' + std::string{name_of(std::get<2>(key))},
            .suite = std::get<0>(key),
            .accelerator = std::get<1>(key),
            .precision = std::get<2>(key),
            .time_factor = 1 + (b1 * a22 - b2 * a12) / det,
            .step_s = (b2 * a11 - b1 * a12) / det};
}

std::map<recipe_key, std::vector<const measured_step*>> recipe_rows(const measured_set& set) {
    std::map<recipe_key, std::vector<const measured_step*>> out;
    for (const measured_step& m : set.steps) {
        if (m.recipe && m.fitted) out[key_of(set, m)].push_back(&m);
    }
    return out;
}

training_efficiency fit_without_recipes(const measured_set& set) {
    const training_residuals residuals{set};
    return residuals.make(least_squares(residuals, std::vector<double>(residuals.size())));
}

/// Every fitted row of no recipe with coefficients that were fitted without the rows of the same key.
template <class Key>
std::vector<compared_step> leave_out(const measured_set& set, Key key_of_row) {
    std::map<decltype(key_of_row(set.steps.front())), std::vector<std::uint32_t>> groups;
    for (std::uint32_t i = 0; i < set.steps.size(); ++i) {
        const measured_step& m = set.steps[i];
        if (m.fitted && !m.recipe) groups[key_of_row(m)].push_back(i);
    }
    std::vector<compared_step> out;
    for (const auto& [key, rows] : groups) {
        measured_set rest = set;
        for (const std::uint32_t i : rows) rest.steps[i].fitted = false;
        const training_efficiency e = fit_without_recipes(rest);
        for (const std::uint32_t i : rows)
            out.push_back({i, set.steps[i].time_s, modelled(set, set.steps[i], e).time_s});
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    return out;
}

}  // namespace

training_step modelled(const measured_set& set, const measured_step& m, const training_efficiency& e) {
    const system& s = set.system_of(m);
    const auto recipe = m.recipe ? e.find_recipe(m.suite, s.accelerator, m.plan.precision) : std::nullopt;
    return step_of(set.model_of(m), m.plan, m.batch, s, e, attention_count::causal, recipe ? &*recipe : nullptr);
}

training_efficiency fit_training(const measured_set& set) {
    training_efficiency e = fit_without_recipes(set);
    for (const auto& [key, rows] : recipe_rows(set)) e.recipes.push_back(fit_recipe(set, rows, e, key));
    return e;
}

std::vector<compared_step> compare(const measured_set& set, const training_efficiency& e) {
    std::vector<compared_step> out;
    for (std::uint32_t i = 0; i < set.steps.size(); ++i) {
        const measured_step& m = set.steps[i];
        if (m.time_s <= 0 || e.find(set.system_of(m).accelerator) == nullptr) continue;
        out.push_back({i, m.time_s, modelled(set, m, e).time_s});
    }
    return out;
}

std::vector<compared_step> leave_one_family_out(const measured_set& set) {
    return leave_out(set, [](const measured_step& m) { return m.family; });
}

std::vector<compared_step> leave_one_configuration_out(const measured_set& set) {
    return leave_out(set, [](const measured_step& m) {
        return std::tuple{m.suite, m.model, m.system, m.plan.with_mtp, m.plan.precision, m.plan.gpus()};
    });
}

std::vector<double> software_drift(const measured_set& set) {
    std::vector<double> out;
    std::vector<bool> seen(set.steps.size());
    for (std::size_t i = 0; i < set.steps.size(); ++i) {
        const measured_step& a = set.steps[i];
        double least = a.time_s;
        double most = a.time_s;
        bool several = false;
        for (std::size_t k = i + 1; k < set.steps.size() && !seen[i]; ++k) {
            const measured_step& b = set.steps[k];
            if (a.suite != b.suite || a.model != b.model || a.system != b.system || !(a.plan == b.plan) ||
                !(a.batch == b.batch) || a.software == b.software)
                continue;
            seen[k] = several = true;
            least = std::min(least, b.time_s);
            most = std::max(most, b.time_s);
        }
        if (several) out.push_back(most / least - 1);
    }
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<compared_step> leave_one_scale_out(const measured_set& set, const training_efficiency& e) {
    std::vector<compared_step> out;
    for (const auto& [key, rows] : recipe_rows(set)) {
        for (const measured_step* m : rows) {
            std::vector<const measured_step*> others;
            for (const measured_step* other : rows) {
                if (other->plan.gpus() != m->plan.gpus()) others.push_back(other);
            }
            if (others.empty()) continue;
            training_efficiency rest = e;
            rest.recipes = {fit_recipe(set, others, e, key)};
            out.push_back(
                {static_cast<std::uint32_t>(m - set.steps.data()), m->time_s, modelled(set, *m, rest).time_s});
        }
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    return out;
}

std::vector<compared_curve> compare_curves(const measured_set& set, const training_efficiency& e) {
    std::vector<compared_curve> out;
    for (const gpu_efficiency& g : e.gpus) {
        for (std::uint32_t k = 0; k < num_collectives; ++k) {
            std::vector<const measured_collective*> rows;
            for (const measured_collective& m : set.collectives) {
                if (m.accelerator == g.name && m.kind == static_cast<collective_kind>(k)) rows.push_back(&m);
            }
            if (rows.empty()) continue;
            const auto error_of = [&](const collective_curve& c) {
                double sum = 0;
                for (const measured_collective* m : rows)
                    sum += std::abs(c.time_s(m->kind, m->bytes, m->ranks, m->link_b_s) / m->time_s - 1);
                return sum / static_cast<double>(rows.size());
            };
            const curve_residuals linear{static_cast<collective_kind>(k), rows, true};
            const collective_curve curve = e.curve_of(g.name, static_cast<collective_kind>(k));
            out.push_back({.accelerator = g.name,
                           .kind = static_cast<collective_kind>(k),
                           .curve = curve,
                           .rows = static_cast<std::uint32_t>(rows.size()),
                           .curve_error = error_of(curve),
                           .linear_error = error_of(linear.make(least_squares(linear, std::vector<double>(3))))});
        }
    }
    return out;
}

double mean_error(std::span<const compared_step> rows) {
    double sum = 0;
    for (const compared_step& r : rows) sum += std::abs(r.error());
    return rows.empty() ? 0 : sum / static_cast<double>(rows.size());
}

double median_error(std::span<const compared_step> rows) {
    if (rows.empty()) return 0;
    std::vector<double> all;
    for (const compared_step& r : rows) all.push_back(std::abs(r.error()));
    std::sort(all.begin(), all.end());
    const std::size_t half = all.size() / 2;
    return all.size() % 2 == 1 ? all[half] : (all[half - 1] + all[half]) / 2;
}

}  // namespace ampacity::llm
