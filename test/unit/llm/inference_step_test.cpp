#include "support/catch.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/inference_step.hpp>

#include <cmath>
#include <random>
#include <string>
#include <vector>

using namespace ampacity;

namespace {

llm::model read(const std::string& name) { return io::read_model<llm::model>(name).value; }
llm::system nvl72() { return llm::system_of(io::read_model<hardware::rack>("gb200-nvl72").value); }
llm::system h100() { return llm::system_of(io::read_model<hardware::node>("dgx-h100").value); }
const llm::inference_efficiency& shipped() {
    static const auto e = io::read_model<llm::inference_efficiency>("inference").value;
    return e;
}
llm::inference_iteration run(const llm::model& m, const llm::inference_plan& p, const llm::inference_batch& b,
                             const llm::system& s = nvl72(), const llm::inference_efficiency& e = shipped()) {
    REQUIRE(llm::fault_of(m, p, s) == "");
    return llm::iteration_of(m, p, b, s, e, e.find_software("trtllm"));
}

struct served {
    llm::model model;
    llm::inference_plan plan;
};
/// Plans that use every kind of layer and group.
std::vector<served> deployments() {
    using enum llm::precision_kind;
    return {{read("llama-3.1-8b"), {}},
            {read("llama-3.1-70b"), {.tp = 8, .precision = fp8, .mixers = fp8}},
            {read("llama-3.1-405b"), {.tp = 8, .pp = 2, .precision = fp8, .mixers = fp8}},
            {read("deepseek-r1"), {.tp = 8, .ep = 8, .precision = nvfp4, .mixers = fp8, .cache_bytes = 1}},
            {read("deepseek-r1"), {.attention_dp = 32, .ep = 32, .precision = fp8, .mixers = fp8}},
            {read("gpt-oss-120b"), {.tp = 4, .precision = nvfp4}},
            {read("nemotron-3-nano"), {.tp = 2, .ep = 2}},
            {read("deepseek-v4-flash"), {.tp = 16, .ep = 16, .precision = fp8, .mixers = fp8}}};
}

}  // namespace

TEST_CASE("FLOP of one decode are twice the weights it visits and its attention", "[llm]") {
    const llm::model m = read("llama-3.1-8b");
    const auto t = run(m, {}, {.decodes = 1, .context = 1000}, h100());
    // 32 layers of 4096 x (4096 + 2 x 1024 + 4096 + 3 x 14336) and a head of 4096 x 128256.
    const double weights = 32.0 * 4096 * (4096 + 2 * 1024 + 4096 + 3 * 14336) + 4096.0 * 128256;
    CHECK(t.product_flop == Approx(2 * weights).epsilon(1e-12));
    CHECK(weights == Approx(m.active_parameters() - m.embedding_parameters()).epsilon(1e-4));
    CHECK(t.attention_flop == Approx(32.0 * 4 * 4096 * 1000).epsilon(1e-12));
    CHECK(t.weight_b == Approx(2 * weights).epsilon(1e-12));
    CHECK(t.cache_b == Approx(131072.0 * 1000).epsilon(1e-12));
    CHECK(t.expert_flop == 0);
    // 128 of them read the weights once.
    const auto many = run(m, {}, {.decodes = 128, .context = 1000}, h100());
    CHECK(many.weight_b == t.weight_b);
    CHECK(many.product_flop == Approx(128 * t.product_flop));
    CHECK(many.cache_b == Approx(128 * t.cache_b));
}

TEST_CASE("keys and values are divided over heads but for latent attention", "[llm]") {
    const llm::inference_batch one{.decodes = 1, .context = 1000};
    const llm::model llama = read("llama-3.1-405b");
    CHECK(run(llama, {}, one).cache_b == Approx(516096.0 * 1000));
    CHECK(run(llama, {.tp = 8}, one).cache_b == Approx(516096.0 * 1000 / 8));
    CHECK(run(llama, {.tp = 16}, one).cache_b == Approx(516096.0 * 1000 / 8));
    const llm::model deepseek = read("deepseek-v3");
    CHECK(run(deepseek, {}, one).cache_b == Approx(70272.0 * 1000));
    CHECK(run(deepseek, {.tp = 8}, one).cache_b == Approx(70272.0 * 1000));
    CHECK(run(deepseek, {.tp = 8, .cache_bytes = 1}, one).cache_b == Approx(70272.0 * 500));
    // Absorbed: each of 128 heads works on 512 + 64 numbers of a key and 512 of its value.
    CHECK(run(deepseek, {}, one).attention_flop == Approx(61.0 * 2 * 128 * (2 * 512 + 64) * 1000));
    CHECK(run(deepseek, {.tp = 8}, one).attention_flop == Approx(61.0 * 2 * 16 * (2 * 512 + 64) * 1000));
    // 18 layers see 128 keys, 18 see all; 8 heads of 64.
    CHECK(run(read("gpt-oss-120b"), {}, one).cache_b == Approx(18.0 * (128 + 1000) * 2 * 8 * 64 * 2));
    // Mamba has a state whatever the context is.
    const llm::model nano = read("nemotron-3-nano");
    const double more = run(nano, {}, {.decodes = 1, .context = 2000}).cache_b - run(nano, {}, one).cache_b;
    CHECK(more == Approx(1000 * nano.kv_bytes_per_token(2)));
    CHECK(run(nano, {}, one).cache_b > 1000 * nano.kv_bytes_per_token(2));
}

TEST_CASE("a batch reads the experts that it visits", "[llm]") {
    const llm::model m = read("deepseek-v3");
    const double expert = 3.0 * 7168 * 2048;
    const llm::inference_plan p{.tp = 8, .ep = 8, .precision = llm::precision_kind::fp8};
    const auto one = run(m, p, {.decodes = 1, .context = 10});
    CHECK(one.expert_b == Approx(58 * 8 * expert / 8));
    CHECK(one.expert_flop == Approx(2 * 58 * 8 * expert / 8 * shipped().imbalance));
    const auto four = run(m, p, {.decodes = 4, .context = 10});
    CHECK(four.expert_b == Approx(58 * 256 * (1 - std::pow(1 - 8.0 / 256, 4)) * expert / 8));
    CHECK(run(m, p, {.decodes = 4096, .context = 10}).expert_b == Approx(58 * 256 * expert / 8));
    // All ranks of a group work for all tokens: 32 times as many on 32 groups.
    const llm::inference_plan wide{.attention_dp = 32, .ep = 32, .precision = llm::precision_kind::fp8};
    CHECK(run(m, wide, {.decodes = 32, .context = 10}).expert_b ==
          Approx(58 * 256 * (1 - std::pow(1 - 8.0 / 256, 32)) * expert / 32));
    CHECK(run(m, wide, {.decodes = 32, .context = 10}).exchange_s > 0);
    CHECK(run(m, wide, {.decodes = 32, .context = 10}).reduce_s == 0);
    CHECK(one.reduce_s > 0);
}

TEST_CASE("a prefill is counted with the keys before it", "[llm]") {
    const llm::model m = read("llama-3.1-8b");
    const auto whole = run(m, {}, {.prefills = 1, .prefill_tokens = 4096});
    CHECK(whole.attention_flop == Approx(32.0 * 4 * 4096 * 4096 * 4096 / 2));
    const auto first = run(m, {}, {.prefills = 1, .prefill_tokens = 2048});
    const auto second = run(m, {}, {.prefills = 1, .prefill_tokens = 2048, .prefill_before = 2048});
    CHECK(first.attention_flop + second.attention_flop == Approx(whole.attention_flop));
    // The head sees the last token alone.
    CHECK(whole.product_flop == Approx(2.0 * 4096 * 32 * 4096 * (10240 + 43008) + 2.0 * 4096 * 128256));
}

TEST_CASE("more bandwidth is never slower and more work never faster", "[llm]") {
    std::mt19937_64 random{11};
    const auto pick = [&](double most) {
        return std::floor(std::pow(most, static_cast<double>(random() % 1000) / 999));
    };
    std::size_t runs = 0;
    for (const served& d : deployments()) {
        for (int i = 0; i < 200; ++i, ++runs) {
            llm::system s = nvl72();
            llm::inference_batch b{.decodes = pick(2000), .context = pick(1e5), .prefills = double(random() % 3)};
            b.prefill_tokens = b.prefills * pick(8192);
            const double time = run(d.model, d.plan, b, s).time_s();
            const auto with = [&](auto change) {
                llm::system other = s;
                change(other);
                return run(d.model, d.plan, b, other).time_s();
            };
            CHECK(with([](auto& o) { o.memory_b_s *= 1.5; }) < time);
            CHECK(with([](auto& o) { o.domain_b_s *= 2; }) <= time);
            CHECK(with([](auto& o) { o.bf16_flop_s *= 2, o.fp8_flop_s *= 2, o.fp4_flop_s *= 2; }) <= time);
            CHECK(with([](auto& o) { o.domain_gpus = 8; }) >= time);
            CHECK(with([](auto& o) { o.domain_gpus = 8, o.rail_b_s /= 2; }) >=
                  with([](auto& o) { o.domain_gpus = 8; }));
            const auto batch = [&](auto change) {
                llm::inference_batch other = b;
                change(other);
                return run(d.model, d.plan, other, s).time_s();
            };
            const double slack = time * (1 + 1e-12);
            CHECK(batch([](auto& o) { o.decodes += 1; }) * (1 + 1e-12) >= time);
            CHECK(batch([](auto& o) { o.context += 100; }) * (1 + 1e-12) >= time);
            CHECK(batch([](auto& o) { o.tokens_per_decode = 4; }) >= time);
            CHECK(slack >= batch([](auto& o) { o.prefills = 0, o.prefill_tokens = 0; }));
            if (b.prefills > 0) CHECK(batch([](auto& o) { o.prefill_tokens *= 2; }) >= time);
        }
    }
    CHECK(runs == 1600);
}

TEST_CASE("the parts of an iteration are its time", "[llm]") {
    for (const served& d : deployments()) {
        const llm::inference_batch b{.decodes = 64, .context = 2000, .prefills = 2, .prefill_tokens = 1000};
        const auto t = run(d.model, d.plan, b);
        CHECK(t.time_s() ==
              Approx(t.products_s + t.experts_s + t.head_s + t.prefill_attention_s + t.decode_attention_s +
                     t.traffic_s + t.fixed_s + t.reduce_s + t.exchange_s + t.pipeline_s));
        CHECK(t.time_s() > t.fixed_s);
        CHECK((t.pipeline_s > 0) == (d.plan.pp > 1));
        // Another program differs by its step alone.
        llm::inference_software slower{.name = "slow", .step_s = 1};
        CHECK(llm::iteration_of(d.model, d.plan, b, nvl72(), shipped(), slower).time_s() ==
              Approx(t.time_s() + 1 - shipped().find_software("trtllm").step_s));
    }
}

TEST_CASE("tuned engines differ in what their coefficients say", "[llm]") {
    for (const served& d : deployments()) {
        const llm::inference_batch b{.decodes = 64, .context = 2000, .prefills = 4, .prefill_tokens = 16000};
        const auto t = run(d.model, d.plan, b);
        const auto with = [&](auto change) {
            llm::inference_software s = shipped().find_software("trtllm");
            change(s);
            CHECK(s.tuned());
            return llm::iteration_of(d.model, d.plan, b, nvl72(), shipped(), s);
        };
        CHECK(with([](auto& s) { s.traffic = 0.5; }).traffic_s == Approx(t.traffic_s / 2));
        CHECK(with([](auto& s) { s.traffic = 0.5; }).time_s() == Approx(t.time_s() - t.traffic_s / 2));
        CHECK(with([](auto& s) { s.reduce = 0.5; }).reduce_s == Approx(t.reduce_s / 2));
        const double step_s = shipped().find_software("trtllm").step_s;
        CHECK(with([](auto& s) { s.layer = 2; }).fixed_s - step_s == Approx(2 * (t.fixed_s - step_s)));
        const auto fast = with([](auto& s) { s.products = s.nvfp4 = 1.5; });
        CHECK(fast.products_s < t.products_s);
        CHECK(fast.products_s >= t.products_s / 1.5001);
        // No kernel is beyond the peak.
        const auto beyond = with([](auto& s) { s.products = s.nvfp4 = 1e3; });
        CHECK(beyond.products_s >= t.product_flop / nvl72().peak_flop_s(llm::precision_kind::nvfp4) * 0.999 - t.head_s);
        CHECK(with([](auto& s) { s.products = s.nvfp4 = 1; }).time_s() == t.time_s());
    }
}

TEST_CASE("what plans cannot be is said", "[llm]") {
    const llm::model llama = read("llama-3.1-8b");
    const llm::model deepseek = read("deepseek-v3");
    CHECK(llm::fault_of(llama, {.ep = 2}, h100()) == "ep 2 does not divide the 1 GPUs of a stage");
    CHECK(llm::fault_of(llama, {.tp = 2, .ep = 2}, h100()) == "ep 2 of a model without experts");
    CHECK(llm::fault_of(llama, {.tp = 64}, nvl72()) == "tp 64 with 32 heads");
    CHECK(llm::fault_of(llama, {.pp = 33}, nvl72()) == "pp 33 with 32 layers");
    CHECK(llm::fault_of(deepseek, {.attention_dp = 512, .ep = 512}, nvl72()) == "ep 512 with 256 experts");
    CHECK(llm::fault_of(llama, {.tp = 0}, h100()) == "a size of 0");
    llm::system alone = h100();
    alone.rail_b_s = 0;
    CHECK(llm::fault_of(llama, {.tp = 16}, alone) == "16 GPUs leave a domain of 8 that has no rails");
}

TEST_CASE("memory that weights leave holds keys and values", "[llm]") {
    const llm::model m = read("llama-3.1-8b");
    const llm::system s = h100();
    CHECK(llm::weight_bytes(m, {}) == Approx(2 * m.parameters()).epsilon(1e-4));
    CHECK(llm::cache_tokens(m, {}, s, 4096) ==
          Approx((0.9 * s.memory_b - 2 * m.parameters() - 6e9) / 131072).epsilon(1e-3));
    CHECK(llm::cache_tokens(read("llama-3.1-405b"), {}, s, 4096) == 0);
    // Groups hold their own; latent keys are on every rank of a group.
    const llm::model deepseek = read("deepseek-v3");
    const llm::system big = nvl72();
    const llm::inference_plan tp{
        .tp = 8, .ep = 8, .precision = llm::precision_kind::fp8, .mixers = llm::precision_kind::fp8};
    const llm::inference_plan dp{
        .attention_dp = 8, .ep = 8, .precision = llm::precision_kind::fp8, .mixers = llm::precision_kind::fp8};
    const auto free_b = [&](const llm::inference_plan& p) {
        return 0.9 * big.memory_b - llm::weight_bytes(deepseek, p) - 6e9;
    };
    CHECK(llm::cache_tokens(deepseek, tp, big, 4096) == Approx(free_b(tp) / 70272));
    CHECK(llm::cache_tokens(deepseek, dp, big, 4096) == Approx(8 * free_b(dp) / 70272));
    CHECK(llm::cache_tokens(deepseek, dp, big, 4096) > 5 * llm::cache_tokens(deepseek, tp, big, 4096));
}

TEST_CASE("drafts yield a geometric series of tokens", "[llm]") {
    CHECK(llm::speculation{}.tokens_per_step() == 1);
    CHECK(llm::speculation{.drafts = 3, .acceptance = 0.5}.tokens_per_step() == Approx(1 + 0.5 + 0.25 + 0.125));
    CHECK(llm::speculation{.drafts = 3, .acceptance = 1}.tokens_per_step() == 4);
    CHECK(llm::speculation{.drafts = 3, .acceptance = 0}.tokens_per_step() == 1);
}
