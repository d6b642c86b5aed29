// Services that name a model: the engine against the rules of a step done literally, on random models, plans and
// requests, from the scenario's text on.
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/naive_serving.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/prepare.hpp>
#include <ampacity/llm/expert_load.hpp>
#include <ampacity/llm/inference_replica.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using workload::request;

struct served {
    std::string model, fleet, system, precision;
    std::uint32_t tp, dp, pp, ep;
};

/// Plans that fit.
const std::vector<served> deployments{
    {"llama-3.1-8b", "nodes: { model: dgx-h100, count: 1 }", "dgx-h100", "bf16", 1, 1, 1, 1},
    {"llama-3.1-8b", "nodes: { model: dgx-h100, count: 1 }", "dgx-h100", "fp8", 2, 1, 2, 1},
    {"llama-3.1-70b", "nodes: { model: dgx-h100, count: 1 }", "dgx-h100", "fp8", 4, 1, 1, 1},
    {"gpt-oss-120b", "pool_gpus: 8", "dgx-b200", "nvfp4", 1, 1, 1, 1},
    {"deepseek-r1", "racks: { model: gb300-nvl72, count: 1 }", "gb300-nvl72", "nvfp4", 1, 32, 1, 32},
    {"deepseek-r1", "racks: { model: gb200-nvl72, count: 1 }", "gb200-nvl72", "fp8", 8, 1, 1, 8},
    {"qwen3-235b-a22b", "racks: { model: gb200-nvl72, count: 1 }", "gb200-nvl72", "fp8", 2, 4, 1, 8},
    {"nemotron-3-nano", "nodes: { model: dgx-h100, count: 1 }", "dgx-h100", "fp8", 1, 1, 1, 1}};

struct random_service {
    served of;
    std::int64_t seqs, tokens, capacity, block;
    std::string text;
};

random_service random_one(std::uint64_t number) {
    random_stream d(23, purpose::test, number);
    const auto between = [&d](std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(d.below(static_cast<std::uint64_t>(high - low + 1)));
    };
    random_service c{.of = deployments[number % deployments.size()],
                     .seqs = between(1, 40),
                     .tokens = between(8, 3000),
                     .capacity = between(0, 1) == 0 ? 0 : between(1500, 6000),
                     .block = between(1, 32),
                     .text = {}};
    const char* const orders[]{"mixed", "prefill-first", "decode-first"};
    const std::int64_t order = c.tokens >= c.seqs ? between(0, 2) : 0;
    c.text = "ampacity: 1\nname: t\nseed: " + std::to_string(number) + "\nfleet: { " + c.of.fleet +
             " }\nworkload:\n  - service:\n      name: a\n      model: " + c.of.model +
             "\n      system: " + c.of.system + "\n      precision: " + c.of.precision +
             "\n      parallel: { tp: " + std::to_string(c.of.tp) + ", attention_dp: " + std::to_string(c.of.dp) +
             ", pp: " + std::to_string(c.of.pp) + ", ep: " + std::to_string(c.of.ep) +
             " }\n      assumptions: { context: \"600 token\", prompt: \"300 token\" }" +
             "\n      engine: { max_seqs: " + std::to_string(c.seqs) +
             ", max_batched_tokens: " + std::to_string(c.tokens) + ", kv_block_tokens: " + std::to_string(c.block) +
             ", order: " + orders[order] +
             (c.capacity == 0 ? "" : ", kv_capacity_tokens: " + std::to_string(c.capacity)) +
             " }\n      synthetic: { requests: 60, rate: \"" + std::to_string(between(1, 60)) +
             " /s\", prompt: { median: \"300 token\", sigma: 1, max: \"1400 token\" }, output: { median: \"120 "
             "token\", sigma: 1, max: \"1500 token\" } }\nscheduler: { policy: fifo }\n";
    return c;
}

/// The replica as the model has it, in decimals.
struct by_hand {
    serving::step_grid grid;
    serving::linear_step attention;
    std::int64_t capacity;
};

by_hand model_of(const random_service& c) {
    const auto m = io::read_model<llm::model>(c.of.model).value;
    const auto s = c.of.system.starts_with("dgx") ? llm::system_of(io::read_model<hardware::node>(c.of.system).value)
                                                  : llm::system_of(io::read_model<hardware::rack>(c.of.system).value);
    const auto e = io::read_model<llm::inference_efficiency>("inference").value;
    const auto precision = c.of.precision == "fp8"    ? llm::precision_kind::fp8
                           : c.of.precision == "bf16" ? llm::precision_kind::bf16
                                                      : llm::precision_kind::nvfp4;
    const auto r = llm::replica_of(
        m,
        {.tp = c.of.tp,
         .attention_dp = c.of.dp,
         .pp = c.of.pp,
         .ep = c.of.ep,
         .precision = precision,
         .mixers = precision},
        s, e, e.find_software("vllm"),
        {.decodes = std::min(c.seqs, c.tokens), .prefill_tokens = c.tokens, .context = 600, .prompt = 300});
    const auto exact = [](double seconds) { return serving::exact_time{std::llround(seconds * 1e18), 9}; };
    by_hand out{.grid = {.decodes = r.decodes, .prefill_tokens = r.prefill_tokens, .time = {}},
                .attention = {.per_kv_token = exact(r.per_kv_token_s), .per_prefill_attention = exact(r.per_pair_s)},
                .capacity = c.capacity != 0 ? c.capacity : static_cast<std::int64_t>(r.cache_tokens / c.of.pp)};
    for (const double seconds : r.time_s) out.grid.time.push_back(exact(seconds));
    return out;
}

}  // namespace

TEST_CASE("served models: the engine jumps over the model's steps as the rules do them one by one") {
    const std::size_t cases = test::random_cases(160);
    std::int64_t finished = 0, preemptions = 0, steps = 0;
    for (std::size_t number = 0; number != cases; ++number) {
        const random_service c = random_one(number);
        INFO(c.text);
        auto run = io::prepare(io::read_scenario_text("s.yaml", c.text));
        sim::service_parts& parts = run.parts.services.at(0);
        REQUIRE(parts.modelled);
        CHECK(parts.options.replicas == c.of.pp);
        CHECK(parts.gpus_per_replica == c.of.tp * c.of.dp);
        const by_hand expected = model_of(c);
        CHECK(parts.options.engine.kv_capacity_tokens == expected.capacity);
        // The naive engine counts blocks one by one.
        parts.options.engine.kv_capacity_tokens = std::min<std::int64_t>(expected.capacity, 60 * 3000);
        std::vector<request> requests(1000);
        requests.resize(parts.requests->next(requests));
        REQUIRE(requests.size() == 60);
        serving::service service(parts.options, parts.time);
        workload::vector_request_source source(requests);
        std::vector<serving::request_record> records;
        serving::serve(source, service, never, [&](const auto& r) { records.push_back(r); });
        std::sort(records.begin(), records.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
        for (std::uint32_t replica = 0; replica != c.of.pp; ++replica) {
            std::vector<request> sent;
            for (const request& r : requests) {
                if (records[r.row].replica == replica) sent.push_back(r);
            }
            const auto naive =
                test::serve_naively(sent, parts.options.engine, {expected.attention}, never, expected.grid);
            for (serving::request_record r : naive.records) {
                r.replica = replica;
                REQUIRE(records[r.row] == r);
                finished += r.state == serving::request_state::finished;
            }
            preemptions += naive.preemptions;
            steps += naive.steps;
        }
    }
    CHECK(finished > static_cast<std::int64_t>(cases) * 50);
    CHECK(preemptions > 0);
    CHECK(steps > static_cast<std::int64_t>(cases) * 200);
}

TEST_CASE("served models: what does not fit is refused with the gigabytes that lack") {
    const auto refusal = [](const std::string& service) {
        try {
            static_cast<void>(io::prepare(io::read_scenario_text(
                "s.yaml",
                "ampacity: 1\nname: t\nseed: 1\nfleet: { nodes: { model: dgx-h100, count: 1 } }\nworkload:\n"
                "  - service: { name: a, " +
                    service +
                    ", synthetic: { requests: 1, rate: \"1 /s\", prompt: { median: \"10 token\" }, output: "
                    "{ median: \"10 token\" } } }\nscheduler: { policy: fifo }\n")));
        } catch (const scenario_error& e) {
            return e.details().key + ": " + e.details().what + " (" + e.details().value + "); " + e.details().remedy;
        }
        return std::string{"accepted"};
    };
    CHECK(refusal("model: llama-3.1-8b") == "accepted");
    CHECK(refusal("model: llama-3.1-70b, precision: bf16, parallel: { tp: 1 }") ==
          "workload.0.service.parallel: llama-3.1-70b does not fit on dgx-h100 (it needs 147.1 GB of each GPU (141.1 "
          "of weights, 6.0 of workspace), 70.2 GB more than the 77.0 that may be used); divide it over more GPUs, or "
          "write a smaller precision");
    CHECK(refusal("model: llama-3.1-70b, gpus_per_replica: 4").starts_with("accepted"));
    CHECK(refusal("model: llama-3.1-70b, gpus_per_replica: 8, parallel: { tp: 4 }")
              .starts_with("workload.0.service.gpus_per_replica: the plan has another number (8); write 4"));
    CHECK(refusal("model: llama-3.1-70b, parallel: { tp: 16 }")
              .starts_with("workload.0.service.model: only 0 of 1 replicas of 16 GPUs have a place on the fleet"));
    CHECK(refusal("model: llama-3.1-8b, parallel: { ep: 2 }")
              .starts_with("workload.0.service.parallel: no plan for llama-3.1-8b on dgx-h100 (ep 2 does not divide"));
    CHECK(refusal("model: llama-3.1-8b, engine: { step: { base: \"1 ms\" } }")
              .starts_with("workload.0.service.engine.step: the model says how long steps take"));
    CHECK(refusal("model: llama-3.1-9b").find("llama-3.1-8b") != std::string::npos);
    CHECK(refusal("gpus_per_replica: 1, engine: { kv_capacity_tokens: 100 }")
              .starts_with("workload.0.service.engine: does not say how long a step takes"));
    CHECK(refusal("gpus_per_replica: 1, engine: { step: { base: \"1 ms\" } }")
              .starts_with("workload.0.service.engine.kv_capacity_tokens: required key is missing"));
    CHECK(refusal("gpus_per_replica: 1, precision: fp8, engine: { kv_capacity_tokens: 9, step: { base: \"1 ms\" } }")
              .starts_with("workload.0.service.precision: is for a model"));
    CHECK(refusal("model: llama-3.1-8b, system: dgx-h10").find("dgx-h100") != std::string::npos);
}

TEST_CASE("served models: assumptions on the load of experts") {
    const auto text = [](const std::string& model, const std::string& sizes, const std::string& assumptions) {
        return "ampacity: 1\nname: t\nseed: 1\nfleet: { racks: { model: gb300-nvl72, count: 1 } }\nworkload:\n"
               "  - service: { name: a, model: " +
               model + ", precision: fp8, parallel: { " + sizes + " }, assumptions: { " + assumptions +
               " }, engine: { max_batched_tokens: 32768 }, synthetic: { requests: 1, rate: \"1 /s\", prompt: { median: "
               "\"10 token\" }, output: { median: "
               "\"10 token\" } } }\nscheduler: { policy: fifo }\n";
    };
    const auto facts = [&](const std::string& assumptions) {
        auto run = io::prepare(io::read_scenario_text(
            "s.yaml", text("deepseek-r1", "tp: 1, attention_dp: 32", "memory_share: 0.9" + assumptions)));
        return *run.parts.services.at(0).modelled;
    };
    const auto refusal = [&](const std::string& model, const std::string& sizes, const std::string& assumptions) {
        try {
            static_cast<void>(io::prepare(io::read_scenario_text("s.yaml", text(model, sizes, assumptions))));
        } catch (const scenario_error& e) {
            return e.details().key + ": " + e.details().what + " (" + e.details().value + "); " + e.details().remedy;
        }
        return std::string{"accepted"};
    };
    const auto usual = facts(""), even = facts(", expert_skew: 0"), uneven = facts(", expert_skew: 0.7"),
               copied = facts(", expert_skew: 0.7, redundant_experts: 32"), held = facts(", redundant_experts: 32");
    CHECK(usual.expert_imbalance == 0);
    CHECK(even.expert_imbalance == 1);
    CHECK(uneven.expert_imbalance == Approx(llm::expert_imbalance(llm::zipf_loads(256, 0.7), 32, 0)).epsilon(1e-6));
    CHECK(copied.expert_imbalance == Approx(llm::expert_imbalance(llm::zipf_loads(256, 0.7), 32, 32)).epsilon(1e-6));
    CHECK(held.expert_imbalance == 0);
    // Prompts are as fast as the busiest experts; copies are in memory, where there was cache.
    CHECK(even.prefill_tokens_s > usual.prefill_tokens_s);
    CHECK(uneven.prefill_tokens_s < usual.prefill_tokens_s);
    CHECK(copied.prefill_tokens_s > uneven.prefill_tokens_s);
    CHECK(uneven.weights_b == usual.weights_b);
    CHECK(copied.weights_b - usual.weights_b == Approx(58 * 3.0 * 7168 * 2048));
    CHECK(copied.kv_capacity_tokens < usual.kv_capacity_tokens);
    CHECK(held.decode_full_s > usual.decode_full_s);
    const std::string at = "workload.0.service.assumptions.";
    const std::string wide = "tp: 1, attention_dp: 32";
    CHECK(refusal("deepseek-r1", wide, "redundant_experts: 5") ==
          at + "redundant_experts: parallel.ep 32 does not divide experts and copies (5); write 32");
    CHECK(refusal("deepseek-r1", "tp: 1, attention_dp: 72", "expert_skew: 1") ==
          at + "redundant_experts: parallel.ep 72 does not divide experts and copies (0); write 32");
    CHECK(refusal("deepseek-r1", wide, "redundant_experts: 65536") ==
          at + "redundant_experts: there is no room for so many with parallel.ep 32 (65536); write fewer, or another "
               "parallel.ep");
    CHECK(refusal("deepseek-r1", "tp: 8", "redundant_experts: 8") ==
          at + "redundant_experts: experts are not divided, parallel.ep is 1 (8); remove it, or write parallel.ep");
    CHECK(refusal("llama-3.1-8b", "tp: 1", "expert_skew: 0.5") ==
          at + "expert_skew: llama-3.1-8b has no experts (0.5); remove it");
}

TEST_CASE("tables of steps: a full grid is linear between its corners and anything else is refused") {
    const auto prepared = [](const std::string& engine) {
        return io::prepare(io::read_scenario_text(
            "s.yaml",
            "ampacity: 1\nname: t\nseed: 1\nfleet: { pool_gpus: 1 }\nworkload:\n  - service: { name: a, "
            "gpus_per_replica: 1, engine: { kv_capacity_tokens: 100, max_seqs: 8, max_batched_tokens: 16, " +
                engine +
                " }, synthetic: { requests: 1, rate: \"1 /s\", prompt: { median: \"10 token\" }, output: { "
                "median: \"10 token\" } } }\nscheduler: { policy: fifo }\n"));
    };
    const auto refusal = [&](const std::string& engine) {
        try {
            static_cast<void>(prepared(engine));
        } catch (const scenario_error& e) {
            return e.details().key + ": " + e.details().what;
        }
        return std::string{"accepted"};
    };
    const auto run = prepared(
        "table: [ { decodes: 0, prefill_tokens: 0, time: \"0 s\" }, { decodes: 8, prefill_tokens: 0, time: \"8 us\" }, "
        "{ decodes: 0, prefill_tokens: 16, time: \"4 us\" }, { decodes: 8, prefill_tokens: 16, time: \"20 us\" } ]");
    const serving::iteration_time& t = run.parts.services[0].time;
    const auto ns = [&](std::int64_t decodes, std::int64_t prefilled) {
        return t.round_to_ns(t({.tokens = decodes + prefilled, .decodes = decodes}));
    };
    CHECK(ns(4, 0) == 4000);
    CHECK(ns(8, 0) == 8000);
    CHECK(ns(0, 4) == 1000);
    CHECK(ns(4, 8) == 8000);  // the mean of the corners
    // Decodes alone; prompts by the terms of `step`.
    const auto decodes = prepared(
        "step: { per_token: \"100 ns\" }, table: [ { decodes: 0, time: \"1 us\" }, { decodes: 8, time: \"9 us\" } ]");
    const serving::iteration_time& u = decodes.parts.services[0].time;
    CHECK(u.round_to_ns(u({.tokens = 13, .decodes = 3})) == 4000 + 1300);
    CHECK(refusal("table: [ { decodes: 0, time: \"1 us\" } ]") ==
          "workload.0.service.engine.table: wrong number of different `decodes`");
    CHECK(refusal("table: [ { decodes: 0, time: \"1 us\" }, { decodes: 4, time: \"9 us\" } ]") ==
          "workload.0.service.engine.table: ends before `max_seqs`");
    CHECK(refusal("table: [ { decodes: 0, time: \"1 us\" }, { decodes: 0, time: \"9 us\" } ]") ==
          "workload.0.service.engine.table: has an entry twice");
    CHECK(refusal("table: [ { decodes: 0, time: \"1 us\" }, { decodes: 8, time: \"9 us\" }, { decodes: 8, "
                  "prefill_tokens: 16, time: \"9 us\" } ]") == "workload.0.service.engine.table: is no full grid");
    CHECK(refusal("table: [ { decodes: 1, time: \"1 us\" }, { decodes: 8, time: \"9 us\" } ]") ==
          "workload.0.service.engine.table: `decodes` do not begin at 0");
}

TEST_CASE("served models: the energy of GPUs is what the steps one by one make of their phases") {
    const hardware::gpu_power gpu = io::read_model<hardware::accelerator>("h100").value.power;
    for (const int number : {0, 2, 7, 8, 10}) {  // of one replica on H100
        const random_service c = random_one(static_cast<std::uint64_t>(number));
        INFO(c.text);
        auto run = io::prepare(io::read_scenario_text("s.yaml", c.text));
        auto again = io::prepare(io::read_scenario_text("s.yaml", c.text));
        sim::service_parts& parts = run.parts.services.at(0);
        std::vector<request> requests(1000);
        requests.resize(parts.requests->next(requests));
        const by_hand model = model_of(c);
        serving::replica_options options = parts.options.engine;
        options.kv_capacity_tokens = std::min<std::int64_t>(model.capacity, 60 * 3000);
        again.parts.services[0].options.engine.kv_capacity_tokens = options.kv_capacity_tokens;
        const auto naive = test::serve_naively(requests, options, {model.attention}, never, model.grid);
        sim::simulation simulation(std::move(again.parts));
        simulation.run();
        const sim::service_result& result = simulation.results().services.at(0);
        const double products = c.of.precision == "bf16" ? gpu.phases.gemm_bf16_w : gpu.phases.gemm_fp8_w;
        const double expected = 1e-9 * c.of.tp *
                                (static_cast<double>(naive.prefill_time) * products +
                                 static_cast<double>(naive.busy - naive.prefill_time) * gpu.phases.decode_gemm_w +
                                 static_cast<double>(ticks(result.held) - naive.busy) * gpu.context_w);
        REQUIRE(result.gpu_energy_j());
        CHECK(*result.gpu_energy_j() == Approx(expected).epsilon(1e-12));
        CHECK(naive.prefill_time > 0);
        CHECK(naive.prefill_time < naive.busy);
    }
}
