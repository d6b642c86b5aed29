#include "support/catch.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/inference_load.hpp>

#include <random>
#include <string>
#include <vector>

using namespace ampacity;

namespace {

llm::model read(const std::string& name) { return io::read_model<llm::model>(name).value; }
llm::system nvl72() { return llm::system_of(io::read_model<hardware::rack>("gb200-nvl72").value); }
llm::system h100() { return llm::system_of(io::read_model<hardware::node>("dgx-h100").value); }
/// The shipped coefficients without requests that come all at once.
llm::inference_efficiency steady() {
    auto e = io::read_model<llm::inference_efficiency>("inference").value;
    for (auto& s : e.software) s.burst = 0;
    return e;
}

llm::inference_deployment replicas(const std::string& program = "trtllm") {
    llm::inference_deployment d{.software = program, .step_tokens = 8192};
    d.decode.tp = 2;
    return d;
}

struct told {
    double tpot_s;
    double requests_s;
};

/// A closed loop step by step: prompts go whole into the next step, beside all decodes. Lengths of answers are uniform
/// around their mean, so that requests do not stay together. The mean of what ends after 2 of 10 rounds.
told stepped(const llm::model& m, const llm::inference_deployment& d, const llm::closed_load& load,
             const llm::system& s, const llm::inference_efficiency& e) {
    struct request {
        double ready_s = 0;
        double first_s = 0;
        int tokens = 0;
        int output = 0;
    };
    std::mt19937_64 random{5};
    const auto drawn = [&] {
        return static_cast<int>(load.output * (0.5 + static_cast<double>(random() % 1001) / 1000));
    };
    const auto with = e.find_software(d.software);
    const auto number = static_cast<std::size_t>(load.concurrency);
    std::vector<request> all(number);
    for (request& r : all) r.output = drawn();
    double now = 0;
    double decoding_s = 0;
    double tokens = 0;
    double since = 0;
    std::size_t ended = 0;
    while (ended < 10 * number) {
        std::vector<request*> prompts;
        double decodes = 0;
        double context = 0;
        for (request& r : all) {
            if (r.tokens > 0) {
                ++decodes;
                context += load.prompt + r.tokens;
            } else if (r.ready_s <= now && static_cast<double>(prompts.size() + 1) * load.prompt <= d.step_tokens) {
                prompts.push_back(&r);
            }
        }
        const double count = static_cast<double>(prompts.size());
        if (decodes + count == 0) {
            now += 1e-3;
            continue;
        }
        now += llm::iteration_of(m, d.decode,
                                 {.decodes = decodes,
                                  .context = decodes > 0 ? context / decodes : 0,
                                  .prefills = count,
                                  .prefill_tokens = count * load.prompt},
                                 s, e, with)
                   .time_s();
        for (request& r : all) {
            if (r.tokens > 0 && ++r.tokens >= r.output) {
                if (++ended > 2 * number) {
                    decoding_s += now - r.first_s;
                    tokens += r.output - 1;
                }
                if (ended == 2 * number) since = now;
                r = {.ready_s = now + with.request_s, .output = drawn()};
            }
        }
        for (request* r : prompts) r->first_s = now, r->tokens = 1;
    }
    const double counted = static_cast<double>(ended - 2 * number);
    return {decoding_s / tokens, counted / (now - since)};
}

}  // namespace

TEST_CASE("the closed form is near a loop of steps", "[llm]") {
    const auto e = steady();
    struct one {
        const char* model;
        llm::inference_plan plan;
        llm::closed_load load;
    };
    using enum llm::precision_kind;
    const std::vector<one> cases{
        {"llama-3.1-8b", {}, {1024, 256, 8}},
        {"llama-3.1-8b", {}, {1024, 256, 64}},
        {"llama-3.1-8b", {.tp = 4}, {4096, 128, 32}},
        {"llama-3.1-70b", {.tp = 4, .precision = fp8, .mixers = fp8}, {1024, 512, 32}},
        {"llama-3.1-70b", {.tp = 8, .precision = fp8, .mixers = fp8}, {2048, 128, 128}},
        {"gpt-oss-120b", {.tp = 4, .precision = nvfp4}, {1024, 512, 64}},
        {"qwen3-235b-a22b", {.tp = 8, .ep = 8, .precision = fp8, .mixers = fp8}, {512, 256, 32}}};
    for (const one& c : cases) {
        llm::inference_deployment d = replicas();
        d.decode = c.plan;
        const llm::model m = read(c.model);
        const auto closed = llm::estimate(m, d, c.load, h100(), e);
        const auto naive = stepped(m, d, c.load, h100(), e);
        INFO(c.model << ' ' << c.load.prompt << '/' << c.load.output << " x" << c.load.concurrency);
        CHECK_FALSE(closed.queues);
        CHECK(closed.tpot_s == Approx(naive.tpot_s).epsilon(0.10));
        CHECK(closed.requests_s == Approx(naive.requests_s).epsilon(0.10));
    }
}

TEST_CASE("Little's law holds of every load", "[llm]") {
    const auto e = steady();
    const llm::model m = read("llama-3.1-70b");
    llm::inference_deployment d = replicas();
    d.decode = {.tp = 4, .precision = llm::precision_kind::fp8, .mixers = llm::precision_kind::fp8};
    llm::load_estimate before;
    for (double c = 1; c < 1e5; c *= 1.7) {
        const auto l = llm::estimate(m, d, {2048, 256, c}, h100(), e);
        INFO(c);
        CHECK(l.requests_s * (l.ttft_s + 256 * l.tpot_s) == Approx(c).epsilon(l.queues ? 1e-9 : 1e-6));
        CHECK(l.requests_s >= before.requests_s * (1 - 1e-9));
        CHECK(l.tpot_s >= before.tpot_s * (1 - 1e-9));
        CHECK(l.ttft_s >= before.ttft_s * (1 - 1e-9));
        CHECK(l.decodes <= l.most_decodes);
        CHECK(l.tokens_s_gpu == Approx(l.requests_s * 256 / 4));
        before = l;
    }
    CHECK(before.queues);
    CHECK(before.requests_s == Approx(before.capacity_s));
}

TEST_CASE("replicas beside each other share the load", "[llm]") {
    const auto e = steady();
    const llm::model m = read("llama-3.1-8b");
    llm::inference_deployment one = replicas();
    llm::inference_deployment three = one;
    three.decode_workers = 3;
    const auto a = llm::estimate(m, one, {1024, 128, 20}, h100(), e);
    const auto b = llm::estimate(m, three, {1024, 128, 60}, h100(), e);
    CHECK(b.tpot_s == Approx(a.tpot_s));
    CHECK(b.requests_s == Approx(3 * a.requests_s));
    CHECK(b.tokens_s_gpu == Approx(a.tokens_s_gpu));
}

TEST_CASE("a pool for prefill limits what decodes get", "[llm]") {
    const auto e = steady();
    const llm::model m = read("deepseek-r1");
    constexpr auto fp8 = llm::precision_kind::fp8;
    llm::inference_deployment d{.software = "trtllm", .prefill_workers = 1, .decode_workers = 2};
    d.prefill = {.attention_dp = 8, .ep = 8, .precision = fp8, .mixers = fp8};
    d.decode = {.tp = 8, .ep = 8, .precision = fp8, .mixers = fp8};
    CHECK(d.gpus() == 24);
    const llm::system s = nvl72();
    const auto light = llm::estimate(m, d, {1024, 1024, 8}, s, e);
    CHECK_FALSE(light.queues);
    CHECK(light.tpot_s == Approx(llm::token_s(m, d, light.decodes, 1536, s, e)));
    const double most = 1 / llm::prompt_s(m, d, 0, 8192, s, e);
    const auto heavy = llm::estimate(m, d, {8192, 64, 20000}, s, e);
    CHECK(heavy.queues);
    CHECK(heavy.requests_s == Approx(most).epsilon(0.01));
    CHECK(heavy.ttft_s * heavy.requests_s > 0.9 * 20000);
    d.prefill_workers = 2;
    CHECK(llm::estimate(m, d, {8192, 64, 20000}, s, e).requests_s == Approx(2 * most).epsilon(0.01));
}

TEST_CASE("equal requests that come together wait for each other", "[llm]") {
    const auto e = steady();
    const llm::model m = read("llama-3.1-8b");
    llm::inference_deployment d = replicas("sglang");
    d.admission = llm::admission_kind::waves;
    d.step_tokens = 8192;
    // 32 prompts of 1024 are four steps of eight.
    const auto l = llm::estimate(m, d, {1024, 128, 32}, h100(), e);
    const double eight = 8 * llm::prompt_s(m, d, 0, 1024, h100(), e);
    CHECK(l.ttft_s == Approx(2.5 * eight + e.find_software("sglang").request_s));
    CHECK(l.tpot_s == Approx(llm::token_s(m, d, 32, 1088, h100(), e) + 1.5 * eight / 128));
}

TEST_CASE("drafts pay where batches are small", "[llm]") {
    const auto e = steady();
    const llm::model m = read("llama-3.1-8b");
    llm::inference_deployment plain = replicas();
    llm::inference_deployment drafts = plain;
    drafts.drafts = {.drafts = 3, .acceptance = 0.7, .draft_cost = 0.05};
    const auto gain = [&](double decodes) {
        return llm::token_s(m, plain, decodes, 100, h100(), e) / llm::token_s(m, drafts, decodes, 100, h100(), e);
    };
    CHECK(gain(1) > 1.5);
    CHECK(gain(1) < drafts.drafts.tokens_per_step());
    CHECK(gain(2000) < 1);
}

TEST_CASE("what does not fit serves nothing", "[llm]") {
    llm::inference_deployment d = replicas();
    d.decode = {};
    const auto l = llm::estimate(read("llama-3.1-405b"), d, {1024, 128, 8}, h100(), steady());
    CHECK(l.requests_s == 0);
    CHECK(l.tpot_s == 0);
}
