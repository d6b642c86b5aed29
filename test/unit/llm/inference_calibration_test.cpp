#include "support/catch.hpp"
#include "support/data.hpp"
#include "support/files.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/inference_measurements.hpp>
#include <ampacity/llm/inference_calibration.hpp>
#include <ampacity/serving/server_comparison.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

using namespace ampacity;
using row = llm::compared_serving;

namespace {

llm::inference_efficiency shipped() { return io::read_model<llm::inference_efficiency>("inference").value; }

/// Rows that are just what coefficients say, of replicas and pools, dense and with experts.
llm::inference_set made_of(const llm::inference_efficiency& e) {
    using enum llm::precision_kind;
    llm::inference_set set;
    for (const char* const name : {"llama-3.1-8b", "llama-3.1-70b", "qwen3-235b-a22b", "deepseek-r1"})
        set.models.push_back(io::read_model<llm::model>(name).value);
    set.systems.push_back(llm::system_of(io::read_model<hardware::node>("dgx-h100").value));
    set.systems.push_back(llm::system_of(io::read_model<hardware::rack>("gb200-nvl72").value));
    const auto add = [&](std::uint32_t model, std::uint32_t system, const char* program,
                         const llm::inference_plan& plan, bool split) {
        for (const double c : {4.0, 16.0, 64.0, 256.0}) {
            for (const double prompt : {512.0, 4096.0}) {
                llm::measured_serving r{.family = set.models[model].name,
                                        .deployment = program + std::to_string(set.rows.size() / 8),
                                        .model = model,
                                        .system = system,
                                        .load = {prompt, 512, c}};
                r.as.software = program;
                r.as.decode = plan;
                if (split) {
                    r.as.prefill = plan;
                    r.as.prefill_workers = 2;
                }
                set.rows.push_back(r);
            }
        }
    };
    for (const char* const program : {"trtllm", "vllm", "sglang"}) {
        add(0, 0, program, {}, false);
        add(0, 0, program, {.tp = 4}, false);
        add(1, 0, program, {.tp = 4, .precision = fp8, .mixers = fp8}, false);
        add(1, 1, program, {.tp = 2}, false);
        add(1, 1, program, {.precision = nvfp4, .mixers = nvfp4}, false);
        add(2, 0, program, {.tp = 8, .ep = 8, .precision = fp8, .mixers = fp8}, false);
        add(3, 1, program, {.tp = 8, .ep = 8, .precision = nvfp4, .mixers = nvfp4}, true);
        add(3, 1, program, {.attention_dp = 16, .ep = 16, .precision = fp8, .mixers = fp8}, true);
    }
    std::vector<llm::measured_serving> kept;
    for (llm::measured_serving& r : set.rows) {
        const auto l = llm::estimate(set.model_of(r), r.as, r.load, set.system_of(r), e);
        if (l.tpot_s <= 0 || l.queues) continue;
        r.ttft_s = l.ttft_s;
        r.tpot_s = l.tpot_s;
        kept.push_back(r);
    }
    set.rows = std::move(kept);
    for (const double ranks : {2.0, 8.0, 32.0}) {
        for (const double tokens : {1.0, 64.0, 4096.0}) {
            llm::measured_exchange m{
                .ranks = ranks, .tokens = tokens, .token_bytes = 14336, .active = 8, .link_b_s = 900e9};
            const double others = (ranks - 1) * (1 - std::pow(1 - 1 / ranks, 8));
            m.time_s = e.exchange_s + tokens * 14336 * others / (900e9 * e.exchange_share);
            set.exchanges.push_back(m);
        }
    }
    return set;
}

}  // namespace

TEST_CASE("the fit finds deployments that other coefficients made", "[llm]") {
    llm::inference_efficiency truth = shipped();
    truth.layer_s *= 0.6;
    truth.reduce_s *= 1.5;
    truth.exchange_s *= 1.4;
    truth.exchange_share *= 0.8;
    for (auto& g : truth.gpus) {
        g.memory *= 0.85;
        for (double* v : {&g.bf16, &g.fp8, &g.nvfp4}) *v *= 0.8;
    }
    for (auto& s : truth.software) s = {.name = s.name, .step_s = 2 * s.step_s, .request_s = 0.03};
    const llm::inference_set set = made_of(truth);
    REQUIRE(set.rows.size() > 120);
    const auto e = llm::fit_inference(set);
    const auto compared = llm::compare(set, e);
    REQUIRE(compared.size() == set.rows.size());
    CHECK(llm::median_error(compared, &row::tpot_error) < 0.02);
    CHECK(llm::median_error(compared, &row::throughput_error) < 0.02);
    CHECK(llm::median_error(compared, &row::ttft_error) < 0.10);
    CHECK(e.exchange_s == Approx(truth.exchange_s).epsilon(0.01));
    CHECK(e.exchange_share == Approx(truth.exchange_share).epsilon(0.01));
    CHECK(llm::exchange_error(set, e) < 0.01);
    for (const auto& s : e.software) {
        if (s.name != "sglang") CHECK(s.request_s == Approx(0.03).margin(0.015));
    }
    CHECK(llm::fit_inference(set) == e);
    // Coefficients before the fit are further away; fitted without a deployment they are not.
    CHECK(llm::median_error(llm::compare(set, shipped()), &row::tpot_error) > 0.05);
    CHECK(llm::median_error(llm::leave_one_deployment_out(set), &row::tpot_error) < 0.03);
    CHECK(llm::median_error(llm::leave_one_family_out(set), &row::tpot_error) < 0.08);
}

TEST_CASE("enough rows recover the coefficients whatever was known before", "[llm]") {
    llm::inference_efficiency truth = shipped();
    truth.layer_s *= 0.6;
    truth.reduce_s *= 1.5;
    for (auto& g : truth.gpus) g.memory *= 0.85;
    for (auto& s : truth.software) s = {.name = s.name, .step_s = 2 * s.step_s};
    llm::inference_set set = made_of(truth);
    const auto once = set.rows;
    for (int i = 1; i < 40; ++i) {
        for (llm::measured_serving r : once) {
            r.deployment += ' ' + std::to_string(i);
            set.rows.push_back(r);
        }
    }
    const auto e = llm::fit_inference(set);
    CHECK(e.layer_s == Approx(truth.layer_s).epsilon(0.10));
    CHECK(e.reduce_s == Approx(truth.reduce_s).epsilon(0.10));
    CHECK(e.attention == Approx(truth.attention).epsilon(0.10));
    CHECK(e.cache == Approx(truth.cache).epsilon(0.10));
    CHECK(e.traffic == Approx(truth.traffic).epsilon(0.20));  // prompts see it alone
    for (const char* const gpu : {"h100", "gb200"}) {
        CHECK(e.find(gpu)->memory == Approx(truth.find(gpu)->memory).epsilon(0.03));
    }
    CHECK(e.find("h100")->fp8 == Approx(truth.find("h100")->fp8).epsilon(0.10));
    for (const auto& s : e.software) CHECK(s.step_s == Approx(truth.find_software(s.name).step_s).epsilon(0.10));
}

TEST_CASE("rows that are not fitted do not matter", "[llm]") {
    llm::inference_set set = made_of(shipped());
    llm::inference_set less = set;
    for (std::size_t i = 0; i < set.rows.size(); i += 3) {
        set.rows[i].fitted = false;
        set.rows[i].tpot_s *= 5;
    }
    std::vector<llm::measured_serving> kept;
    for (const auto& r : set.rows) {
        if (r.fitted) kept.push_back(r);
    }
    less.rows = kept;
    CHECK(llm::fit_inference(set) == llm::fit_inference(less));
}

TEST_CASE("loads are told by what a deployment can serve", "[llm]") {
    const auto e = shipped();
    llm::inference_set set;
    set.models.push_back(io::read_model<llm::model>("llama-3.1-8b").value);
    set.systems.push_back(llm::system_of(io::read_model<hardware::node>("dgx-h100").value));
    llm::measured_serving r{.ttft_s = 1, .tpot_s = 0.02};
    r.as.software = "vllm";
    std::map<llm::saturation, double> least;
    for (double c = 1; c < 5000; c *= 1.2) {
        r.load = {1024, 256, c};
        set.rows = {r};
        least.emplace(llm::compare(set, e).front().load, c);
    }
    REQUIRE(least.size() == 4);
    CHECK(least[llm::saturation::low] < least[llm::saturation::below]);
    CHECK(least[llm::saturation::below] < least[llm::saturation::at]);
    CHECK(least[llm::saturation::at] < least[llm::saturation::above]);
}

TEST_CASE("an iteration is as near to measurements as its targets", "[llm]") {
    const auto folder = test::real_data("../validation");
    if (!folder) return;
    const auto set = io::read_inference_measurements(*folder);
    REQUIRE(set.rows.size() > 500);
    std::map<bool, std::vector<row>> by;
    std::vector<row> loaded;
    for (const auto& r : llm::leave_one_deployment_out(set)) {
        const bool split = set.rows[r.row].as.split();
        by[split].push_back(r);
        if (!split && r.load == llm::saturation::below) loaded.push_back(r);
    }
    REQUIRE(by[false].size() > 400);
    REQUIRE(by[true].size() > 100);
    REQUIRE(loaded.size() > 200);
    CHECK(llm::median_error(by[false], &row::tpot_error) < 0.15);
    CHECK(llm::median_error(by[true], &row::tpot_error) < 0.25);
    CHECK(llm::median_error(by[false], &row::throughput_error) < 0.15);
    CHECK(llm::median_error(by[true], &row::throughput_error) < 0.15);
    CHECK(llm::median_error(loaded, &row::ttft_error) < 0.35);
    // What is shipped is what the fit gives.
    const auto file =
        std::filesystem::path{AMPACITY_SOURCE_DIR} / "models" / "calibration" / "inference" / "inference.yaml";
    llm::inference_efficiency e = llm::fit_inference(set);
    llm::fit_tuned(set, e);
    serving::fit_first_tokens(set, e);
    CHECK(io::calibration_file("inference", e, set) == test::read_file(file));
}

TEST_CASE("benchmark runs are as near to the best replicas as their targets", "[llm]") {
    const auto folder = test::real_data("../validation");
    if (!folder) return;
    const auto set = io::read_inference_measurements(*folder);
    const auto compared = serving::compare_servers(set, shipped());
    const auto median = [&](const std::string& suite, double serving::latency_errors::* error) {
        std::vector<double> all;
        for (const auto& c : compared) {
            if (set.servers[c.row].suite == suite) all.push_back(std::abs(c.measured.*error));
        }
        REQUIRE_FALSE(all.empty());
        std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
        return all[all.size() / 2];
    };
    for (const char* const suite : {"mlperf server", "mlperf interactive"}) {
        CHECK(median(suite, &serving::latency_errors::tpot_p50) < 0.30);
        CHECK(median(suite, &serving::latency_errors::tpot_p99) < 0.30);
        CHECK(median(suite, &serving::latency_errors::ttft_p50) < 0.30);
    }
}
