#include "support/catch.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/inference_planner.hpp>

#include <algorithm>
#include <string>

using namespace ampacity;

namespace {

llm::model read(const std::string& name) { return io::read_model<llm::model>(name).value; }
llm::system h100() { return llm::system_of(io::read_model<hardware::node>("dgx-h100").value); }
const llm::inference_efficiency& shipped() {
    static const auto e = io::read_model<llm::inference_efficiency>("inference").value;
    return e;
}
llm::inference_deployment fp8() {
    llm::inference_deployment d{.software = "vllm"};
    d.decode.precision = d.decode.mixers = llm::precision_kind::fp8;
    return d;
}

}  // namespace

TEST_CASE("the largest load keeps the limits and no larger one does", "[llm]") {
    const llm::model m = read("llama-3.1-70b");
    llm::inference_deployment d = fp8();
    d.decode.tp = 4;
    const llm::serving_goal goal{.prompt = 1024, .output = 256, .most_ttft_s = 2, .most_tpot_s = 0.03};
    const auto most = llm::most_within(m, d, goal, h100(), shipped());
    CHECK(most.tpot_s <= 0.03);
    CHECK(most.ttft_s <= 2);
    const auto total_s = [&](const llm::load_estimate& l) { return l.ttft_s + 256 * l.tpot_s; };
    const double concurrency = most.requests_s * total_s(most);
    CHECK(llm::estimate(m, d, {1024, 256, 1.05 * concurrency}, h100(), shipped()).tpot_s > 0.03);
    const auto half = llm::estimate_at(m, d, goal, most.requests_s / 2, h100(), shipped());
    CHECK(half.requests_s == Approx(most.requests_s / 2).epsilon(0.01));
    CHECK(half.tpot_s < most.tpot_s);
    CHECK(llm::most_within(m, d, {.prompt = 1024, .output = 256, .most_tpot_s = 1e-4}, h100(), shipped()).requests_s ==
          0);
}

TEST_CASE("the best replicas are the best of all", "[llm]") {
    for (const char* const name : {"llama-3.1-70b", "qwen3-235b-a22b"}) {
        const llm::model m = read(name);
        for (const double limit : {0.02, 0.05, 0.0}) {
            const llm::serving_goal goal{.prompt = 1024, .output = 256, .most_tpot_s = limit};
            const auto best = llm::best_replicas(m, 8, fp8(), goal, h100(), shipped());
            REQUIRE(best.most.requests_s > 0);
            CHECK(best.as.gpus() <= 8);
            double most = 0;
            for (std::uint32_t tp = 1; tp <= 8; tp *= 2) {
                for (std::uint32_t dp = 1; tp * dp <= 8; dp *= 2) {
                    for (std::uint32_t ep = 1; ep <= tp * dp; ep = ep < tp * dp ? tp * dp : 99) {
                        if (!m.has_experts() && (dp > 1 || ep > 1)) continue;
                        llm::inference_deployment d = fp8();
                        d.decode.tp = tp;
                        d.decode.attention_dp = dp;
                        d.decode.ep = ep;
                        d.decode_workers = 8 / (tp * dp);
                        most = std::max(most, llm::most_within(m, d, goal, h100(), shipped()).requests_s);
                    }
                }
            }
            CHECK(best.most.requests_s == most);
        }
    }
    CHECK(llm::best_replicas(read("llama-3.1-405b"), 2, fp8(), {.prompt = 100, .output = 100}, h100(), shipped())
              .most.requests_s == 0);
}
