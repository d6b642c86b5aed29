#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/inference_replica.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

using namespace ampacity;

namespace {

llm::model read(const std::string& name) { return io::read_model<llm::model>(name).value; }
llm::system rack(const std::string& name) { return llm::system_of(io::read_model<hardware::rack>(name).value); }
llm::system node(const std::string& name) { return llm::system_of(io::read_model<hardware::node>(name).value); }
llm::inference_efficiency shipped() { return io::read_model<llm::inference_efficiency>("inference").value; }

struct deployment {
    std::string name;
    llm::system system;
    llm::inference_plan plan;
    double mean, most;      ///< errors that it keeps to
    double at_usual{0.02};  ///< the same at usual lengths
};

std::vector<deployment> deployments() {
    using enum llm::precision_kind;
    return {{"llama-3.1-8b", node("dgx-h100"), {}, 0.003, 0.02},
            {"llama-3.1-70b", node("dgx-h100"), {.tp = 4, .precision = fp8, .mixers = fp8}, 0.003, 0.02},
            {"gpt-oss-120b", node("dgx-h100"), {.tp = 2, .precision = nvfp4}, 0.02, 0.09},
            {"deepseek-r1", rack("gb200-nvl72"), {.tp = 8, .ep = 8, .precision = nvfp4, .mixers = fp8}, 0.02, 0.09},
            {"deepseek-r1",
             rack("gb300-nvl72"),
             {.tp = 1, .attention_dp = 32, .ep = 32, .precision = fp8, .mixers = fp8, .cache_bytes = 1},
             0.04,
             // One decode of 32 groups: its context weighs as much as that of all.
             0.4,
             0.06},
            {"nemotron-3-nano", node("dgx-h100"), {.tp = 1, .precision = fp8, .mixers = fp8}, 0.02, 0.09}};
}

}  // namespace

TEST_CASE("a replica is near its iteration for dense models, experts and groups alike", "[llm]") {
    const auto e = shipped();
    const auto with = e.find_software("trtllm");
    random_stream draw(1, purpose::test, 77);
    for (const deployment& d : deployments()) {
        INFO(d.name << " on " << d.system.name);
        const llm::model m = read(d.name);
        const llm::replica_range range{.decodes = 256, .prefill_tokens = 8192};
        const llm::modelled_replica r = llm::replica_of(m, d.plan, d.system, e, with, range);
        INFO("mean error " << r.mean_error << ", largest " << r.most_error);
        CHECK(r.mean_error < d.mean);
        CHECK(r.most_error < d.most);
        // Batches of the usual context and prompts are those of the iteration itself.
        double worst = 0;
        for (int i = 0; i != 300; ++i) {
            const auto decodes = static_cast<double>(1 + draw.below(256));
            const auto prompts = static_cast<double>(draw.below(8));
            const double prefilled = prompts * range.prompt;
            const double exact =
                llm::iteration_of(
                    m, d.plan,
                    {.decodes = decodes, .context = range.context, .prefills = prompts, .prefill_tokens = prefilled},
                    d.system, e, with)
                    .time_s();
            const double pairs = prompts * range.prompt * (range.prompt + 1) / 2;
            worst = std::max(worst, std::abs(r.step_s(decodes, decodes * range.context, prefilled, pairs) / exact - 1));
        }
        INFO("worst at usual lengths " << worst);
        CHECK(worst < d.at_usual);
        CHECK(r.decodes.back() == range.decodes);
        CHECK(r.prefill_tokens.back() == range.prefill_tokens);
        CHECK(r.time_s.size() == r.decodes.size() * r.prefill_tokens.size());
        CHECK(*std::min_element(r.time_s.begin(), r.time_s.end()) >= 0);
    }
}

TEST_CASE("the cache of a replica is what weights and workspace leave of its memory", "[llm]") {
    const auto e = shipped();
    const llm::system h100 = node("dgx-h100");
    const llm::model m = read("llama-3.1-70b");
    const llm::inference_plan p{.tp = 4, .precision = llm::precision_kind::fp8, .mixers = llm::precision_kind::fp8};
    const auto r = llm::replica_of(m, p, h100, e, e.find_software("vllm"), {});
    // 80 layers, 8 heads of 128, keys and values in bf16, over 4 GPUs.
    const double per_token = 80.0 * 8 * 2 * 128 * 2 / 4;
    const double free_b = 0.9 * h100.memory_b - llm::weight_bytes(m, p) - llm::inference_workspace_b;
    CHECK(r.cache_tokens == std::floor(free_b / per_token));
    CHECK(llm::memory_fault_of(m, p, h100).empty());
}

TEST_CASE("a replica that does not fit says by how much", "[llm]") {
    const llm::system h100 = node("dgx-h100");
    const llm::model m = read("llama-3.1-70b");
    const llm::inference_plan p{.tp = 1};
    const std::string fault = llm::memory_fault_of(m, p, h100);
    const double over = llm::weight_bytes(m, p) + llm::inference_workspace_b - 0.9 * h100.memory_b;
    REQUIRE(over > 0);
    char expected[64];
    std::snprintf(expected, sizeof expected, "%.1f GB more than the", over / 1e9);
    CHECK(fault.find(expected) != std::string::npos);
}
