#include "lib/llm/least_squares.hpp"
#include "support/catch.hpp"
#include "support/data.hpp"
#include "support/files.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/training_measurements.hpp>
#include <ampacity/llm/calibration.hpp>

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

using namespace ampacity;

namespace {

/// y = a exp(b x) at ten points.
class exponential final : public llm::residual_function {
public:
    void operator()(const std::vector<double>& x, std::vector<double>& out) const override {
        out.clear();
        for (int i = 0; i < 10; ++i) out.push_back(x[0] * std::exp(x[1] * i) - 2 * std::exp(-0.3 * i));
    }
};

llm::training_efficiency shipped() { return io::read_model<llm::training_efficiency>("training").value; }

/// Steps that take just as long as other coefficients say.
llm::measured_set made_of(const llm::training_efficiency& e) {
    llm::measured_set set;
    for (const char* const name : {"llama-3.1-8b", "llama-3.1-70b", "llama-3.1-405b", "qwen3-30b-a3b", "deepseek-v3"})
        set.models.push_back(io::read_model<llm::model>(name).value);
    for (const char* const name : {"gb200-nvl72", "gb300-nvl72"})
        set.systems.push_back(llm::system_of(io::read_model<hardware::rack>(name).value));
    set.systems.push_back(llm::system_of(io::read_model<hardware::node>("dgx-h100").value));
    for (std::uint32_t s = 0; s < 3; ++s) {
        for (const auto precision : {llm::precision_kind::bf16, llm::precision_kind::fp8}) {
            const auto add = [&](std::uint32_t model, llm::parallel_plan p, llm::batch_shape b) {
                p.precision = precision;
                set.steps.push_back({.suite = "made",
                                     .family = set.models[model].name,
                                     .software = "1",
                                     .model = model,
                                     .system = s,
                                     .plan = p,
                                     .batch = b});
            };
            add(0, {.dp = 8, .micro_batch = 2}, {128, 8192});
            add(1, {.tp = 4, .pp = 4, .vp = 5, .dp = 4}, {128, 8192});
            add(1, {.tp = 2, .dp = 32, .zero = 3}, {128, 8192});
            add(2, {.tp = 8, .pp = 8, .vp = 4, .cp = 2, .dp = 8}, {512, 8192});
            add(3, {.dp = 8, .ep = 8, .micro_batch = 4}, {512, 4096});
            add(4, {.pp = 8, .vp = 4, .dp = 32, .ep = 32}, {4096, 4096});
        }
    }
    for (auto& m : set.steps) m.time_s = llm::modelled(set, m, e).time_s;
    return set;
}

}  // namespace

TEST_CASE("least squares finds the bottom", "[llm]") {
    const auto x = llm::least_squares(exponential{}, {1, 0});
    CHECK(x[0] == Approx(2).epsilon(1e-6));
    CHECK(x[1] == Approx(-0.3).epsilon(1e-6));
}

TEST_CASE("the fit finds steps that other coefficients made", "[llm]") {
    llm::training_efficiency truth = shipped();
    truth.attention *= 0.9;
    truth.expert_layer_s *= 0.6;
    truth.data_exposed *= 0.7;
    for (auto& g : truth.gpus) {
        for (double* v : {&g.bf16, &g.fp8, &g.mxfp8, &g.nvfp4}) *v *= 0.85;
    }
    const llm::measured_set set = made_of(truth);
    REQUIRE(set.steps.size() == 36);
    const auto e = llm::fit_training(set);
    const auto compared = llm::compare(set, e);
    REQUIRE(compared.size() == 36);
    CHECK(llm::mean_error(compared) < 0.02);
    CHECK(llm::median_error(compared) < 0.02);
    CHECK(llm::mean_error(llm::leave_one_family_out(set)) < 0.06);
    CHECK(llm::mean_error(llm::leave_one_configuration_out(set)) < 0.03);
    CHECK(llm::fit_training(set) == e);
    // Coefficients before the fit are further away.
    CHECK(llm::mean_error(llm::compare(set, shipped())) > 0.05);
}

TEST_CASE("the factor of a recipe is found from two scales and foretells a third", "[llm]") {
    llm::measured_set set;
    set.models = {io::read_model<llm::model>("llama-3.1-405b").value};
    set.systems = {llm::system_of(io::read_model<hardware::rack>("gb200-nvl72").value)};
    llm::training_efficiency e = shipped();
    e.recipes.clear();
    const llm::recipe_efficiency truth{.time_factor = 1.08, .step_s = -0.05};
    for (const std::uint32_t dp : {4U, 16U, 80U}) {
        llm::measured_step m{.suite = "tuned", .family = "tuned", .software = "1", .recipe = true};
        m.plan = {.tp = 4, .pp = 8, .vp = 8, .cp = 2, .dp = dp, .precision = llm::precision_kind::fp8};
        m.batch = {dp * 24, 8192};
        m.time_s = llm::step_of(set.models[0], m.plan, m.batch, set.systems[0], e, llm::attention_count::causal, &truth)
                       .time_s;
        set.steps.push_back(m);
    }
    const auto rows = llm::leave_one_scale_out(set, e);
    REQUIRE(rows.size() == 3);
    for (const auto& r : rows) CHECK(std::abs(r.error()) < 0.01);
    set.steps[0].fitted = set.steps[1].fitted = false;
    CHECK(llm::leave_one_scale_out(set, e).empty());  // no other scale
}

TEST_CASE("versions of the software are compared on the same plan", "[llm]") {
    llm::measured_set set = made_of(shipped());
    CHECK(llm::software_drift(set).empty());
    for (const double factor : {1.2, 0.9}) {
        llm::measured_step m = set.steps[3];
        m.time_s *= factor;
        m.software = factor > 1 ? "2" : "3";
        set.steps.push_back(m);
    }
    const auto drift = llm::software_drift(set);
    REQUIRE(drift.size() == 1);
    CHECK(drift[0] == Approx(1.2 / 0.9 - 1));
}

TEST_CASE("the training step is as near to measurements as its targets", "[llm]") {
    const auto folder = test::real_data("../validation");
    if (!folder) return;
    const auto set = io::read_training_measurements(*folder);
    REQUIRE(set.steps.size() > 150);
    for (const auto& m : set.steps) {
        INFO(m.where);
        CHECK(llm::memory_fault_of(llm::memory_of(set.model_of(m), m.plan, m.batch), set.system_of(m)).empty());
    }
    std::map<bool, std::vector<llm::compared_step>> by;
    for (const auto& r : llm::leave_one_family_out(set)) {
        const auto& m = set.steps[r.row];
        if (m.suite == "megatron-bridge") by[llm::has_experts(set, m)].push_back(r);
    }
    REQUIRE(by[false].size() >= 15);
    REQUIRE(by[true].size() >= 30);
    CHECK(llm::mean_error(by[false]) < 0.10);
    CHECK(llm::mean_error(by[true]) < 0.20);
    const auto e = llm::fit_training(set);
    const auto scales = llm::leave_one_scale_out(set, e);
    REQUIRE(scales.size() >= 11);
    for (const auto& r : scales) {
        INFO(set.steps[r.row].where);
        CHECK(std::abs(r.error()) < 0.03);
    }
    // What is shipped is what the fit gives.
    const auto file = std::filesystem::path{AMPACITY_SOURCE_DIR} / "models" / "calibration" / "training.yaml";
    CHECK(io::calibration_file("training", e, set) == test::read_file(file));
}

TEST_CASE("FLOP per token are those of the measured rows", "[llm]") {
    const auto folder = test::real_data("../validation");
    if (!folder) return;
    const auto set = io::read_training_measurements(*folder);
    const std::map<std::string, double> published{{"llama-3.1-8b", 51.5e9},   {"llama-3.1-70b", 449.2e9},
                                                  {"llama-3.1-405b", 2524e9}, {"deepseek-v3", 260.0e9},
                                                  {"kimi-k2", 204.5e9},       {"qwen3-30b-a3b", 23.0e9},
                                                  {"qwen3-235b-a22b", 148e9}, {"deepseek-v4-flash", 90.9e9}};
    std::size_t seen = 0;
    for (const auto& m : set.steps) {
        const auto at = published.find(set.model_of(m).name);
        if (m.suite != "megatron-bridge" || at == published.end()) continue;
        if (at->first == "deepseek-v3" && !m.plan.with_mtp) continue;
        ++seen;
        INFO(at->first);
        CHECK(set.model_of(m).training_flop_per_token(m.batch.length, llm::attention_count::causal, m.plan.with_mtp) ==
              Approx(at->second).epsilon(0.015));
    }
    CHECK(seen > 80);
}
