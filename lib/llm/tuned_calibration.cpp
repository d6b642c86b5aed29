#include "least_squares.hpp"

#include <ampacity/llm/inference_calibration.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace ampacity::llm {
namespace {

constexpr double run_deviation = 0.1;  ///< of log(modelled / measured): settings, versions
constexpr double most_decodes = 4096;  ///< of one replica without limits of latency

/// The unknowns of tuned engines, and residuals of runs and priors.
class tuned_residuals final : public residual_function {
public:
    tuned_residuals(const inference_set& set, const inference_efficiency& e) : set_{set}, e_{e} {
        products_ = priors_.add(1.3, 0.15);
        nvfp4_ = priors_.add(1.3, 0.15);
        traffic_ = priors_.add(1, 0.4);
        layer_ = priors_.add(1, 0.5);
        // Products and all-reduces are one kernel in the published engines (`gemm_allreduce_plugin`).
        reduce_ = priors_.add(0.6, 0.4);
        step_ = priors_.add(e.find_software("trtllm").step_s, 0.6);
        for (const weighted_run& r : fitted_runs(set)) {
            if (e.find(set.systems[r.run->system].accelerator) != nullptr) runs_.push_back(r);
        }
    }

    void operator()(const std::vector<double>& x, std::vector<double>& out) const override {
        out.clear();
        const inference_efficiency e = make(x);
        for (const weighted_run& one : runs_) {
            const double r = std::log(1 + tuned_error(set_, *one.run, e)) / run_deviation;
            out.push_back(std::sqrt(one.weight) * std::copysign(std::sqrt(2 * (std::sqrt(1 + r * r) - 1)), r));
        }
        priors_.add_residuals(x, out);
    }

    [[nodiscard]] bool empty() const { return runs_.empty(); }
    [[nodiscard]] std::size_t size() const { return priors_.size(); }
    [[nodiscard]] inference_efficiency make(const std::vector<double>& x) const {
        inference_efficiency e = e_;
        std::erase_if(e.software, [](const inference_software& s) { return s.name == tuned_program; });
        e.software.push_back({.name = std::string{tuned_program},
                              .step_s = priors_.value(x, step_),
                              .products = priors_.value(x, products_),
                              .nvfp4 = priors_.value(x, nvfp4_),
                              .traffic = priors_.value(x, traffic_),
                              .layer = priors_.value(x, layer_),
                              .reduce = priors_.value(x, reduce_)});
        return e;
    }

private:
    const inference_set& set_;
    const inference_efficiency& e_;
    priors priors_;
    std::size_t products_, nvfp4_, traffic_, layer_, reduce_, step_;
    std::vector<weighted_run> runs_;
};

/// Time of one request on a replica with so many decodes, its share of them. [s]
double request_s(const model& m, const inference_deployment& d, double decodes, double prompt, double output,
                 double context, const system& s, const inference_efficiency& e) {
    return output / decodes * token_s(m, d, decodes, context, s, e) + prompt_s(m, d, decodes, prompt, s, e);
}

}  // namespace

std::vector<weighted_run> fitted_runs(const inference_set& set) {
    const auto key = [](const measured_server& r) { return std::tuple{r.suite, r.model, r.system}; };
    const auto counts = [](const measured_server& r) { return r.fitted && r.usual.decode_workers > 0; };
    std::map<std::tuple<std::string, std::uint32_t, std::uint32_t>, double> count;
    for (const measured_server& r : set.servers) {
        if (counts(r)) count[key(r)] += 1;
    }
    std::vector<weighted_run> out;
    for (const measured_server& r : set.servers) {
        if (counts(r)) out.push_back({&r, 1 / std::max(1.0, count[key(r)] / 4)});
    }
    return out;
}

double full_rate(const model& m, const inference_deployment& d, const length_law& prompt, const length_law& output,
                 const system& s, const inference_efficiency& e) {
    const double context = prompt.mean + output.met() / 2;
    const double decodes =
        std::min(cache_tokens(m, d.decode, s, context) / context, most_decodes * d.decode.attention_dp);
    if (decodes < 1) return 0;
    return d.decode_workers / request_s(m, d, decodes, prompt.mean, output.mean, context, s, e);
}

double tuned_error(const inference_set& set, const measured_server& r, const inference_efficiency& e) {
    if (r.usual.decode_workers == 0) return 0;
    const model& m = set.models[r.model];
    const system& s = set.systems[r.system];
    inference_deployment d = r.usual;
    d.software = tuned_program;
    if (r.tpot_s <= 0) return r.requests_s / full_rate(m, d, r.prompt, r.output, s, e) - 1;
    const double decodes = r.requests_s / d.decode_workers * r.output.mean * r.tpot_s;
    const double context = r.prompt.mean + r.output.met() / 2;
    return request_s(m, d, decodes, r.prompt.mean, r.output.mean, context, s, e) * r.requests_s / d.decode_workers - 1;
}

void fit_tuned(const inference_set& set, inference_efficiency& e) {
    const tuned_residuals residuals{set, e};
    if (residuals.empty()) return;
    e = residuals.make(least_squares(residuals, std::vector<double>(residuals.size())));
}

}  // namespace ampacity::llm
