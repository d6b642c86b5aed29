// Module llm: language models, parallel plans, the training step, iterations of inference. Plain structs and pure
// functions; the catalogue fills models, systems and coefficients from files.
#include "example.hpp"

#include <ampacity/llm/calibration.hpp>
#include <ampacity/llm/collectives.hpp>
#include <ampacity/llm/efficiency.hpp>
#include <ampacity/llm/expert_load.hpp>
#include <ampacity/llm/inference_calibration.hpp>
#include <ampacity/llm/inference_efficiency.hpp>
#include <ampacity/llm/inference_load.hpp>
#include <ampacity/llm/inference_planner.hpp>
#include <ampacity/llm/inference_replica.hpp>
#include <ampacity/llm/inference_step.hpp>
#include <ampacity/llm/length_law.hpp>
#include <ampacity/llm/linear_pieces.hpp>
#include <ampacity/llm/model.hpp>
#include <ampacity/llm/plan.hpp>
#include <ampacity/llm/planner.hpp>
#include <ampacity/llm/system.hpp>
#include <ampacity/llm/training_step.hpp>

#include <cmath>
#include <vector>

using namespace ampacity;

namespace {

/// Llama 3.1 8B.
llm::model a_model() {
    return {.name = "8b",
            .hidden = 4096,
            .vocabulary = 128256,
            .layers = {{.name = "dense",
                        .count = 32,
                        .heads = 32,
                        .kv_heads = 8,
                        .head_dim = 128,
                        .width = 14336,
                        .matrices = 3}}};
}

llm::system a_system() {
    return {.name = "node",
            .accelerator = "g",
            .memory_b = 100e9,
            .memory_b_s = 4e12,
            .bf16_flop_s = 1e15,
            .fp8_flop_s = 2e15,
            .domain_gpus = 8,
            .node_gpus = 8,
            .domain_b_s = 450e9,
            .rail_b_s = 50e9};
}

llm::training_efficiency coefficients() {
    return {.gpus = {{.name = "g", .bf16 = 0.6, .fp8 = 0.5}},
            .collectives = {{.name = "g all-gather", .accelerator = "g", .kind = llm::collective_kind::all_gather}}};
}

void a_model_is_counted() {
    const llm::model m = a_model();
    require(m.parameters() == 8'030'261'248.0, "parameters, matrix by matrix");
    require(m.kv_bytes_per_token(2) == 131072, "KV cache in bf16");
    require(m.training_flop_per_token(8192, llm::attention_count::full) >
                m.training_flop_per_token(8192, llm::attention_count::causal),
            "two conventions of attention FLOP");
}

void a_plan_is_checked_and_timed() {
    const llm::model m = a_model();
    const llm::system s = a_system();
    const llm::batch_shape batch{128, 8192};
    llm::parallel_plan p{.tp = 2, .dp = 8, .precision = llm::precision_kind::fp8};
    require(llm::fault_of(m, p, batch, s).empty(), "all sizes divide");
    require(llm::lighten(m, p, batch, s), "it fits, computing again as little as needed");
    require(llm::map_groups(p, s).data.outside == 2, "data-parallel groups over two nodes");
    const llm::training_step t = llm::step_of(m, p, batch, s, coefficients());
    require(std::abs(t.time_s - (t.micro_batch_s * t.micro_batches + t.bubble_s + t.rest_s)) < 1e-9, "a m + c0");
    require(t.mfu > 0.1 && t.mfu < 0.6, "a share of the peak");
}

void the_planner_ranks_plans() {
    const llm::plan_request r{.gpus = 16, .batch = {128, 8192}, .top = 3};
    const llm::plan_ranking found = llm::find_plans(a_model(), a_system(), coefficients(), r);
    require(found.plans.size() == 3 && found.plans[0].step.time_s <= found.plans[1].step.time_s, "the fastest first");
    require(!llm::text_of(found.plans[0].plan).empty(), "in words");
}

void coefficients_are_fitted() {
    const llm::collective_curve curve{.latency_s = 5e-6, .share = 0.7, .half_b = 1e6};
    require(curve.time_s(llm::collective_kind::all_gather, 1e9, 8, 450e9) > 0.875e9 / (0.7 * 450e9), "never faster");
    const llm::measured_set set{.models = {a_model()}, .systems = {a_system()}};
    require(llm::compare(set, coefficients()).empty(), "nothing measured, nothing compared");
}

llm::inference_efficiency inference() {
    return {.gpus = {{.name = "g", .bf16 = 0.6, .fp8 = 0.5, .memory = 0.8}},
            .software = {{.name = "vllm", .step_s = 1e-3}}};
}

void an_iteration_is_timed() {
    const llm::model m = a_model();
    const llm::system s = a_system();
    const llm::inference_plan p{.tp = 2};
    require(llm::fault_of(m, p, s).empty(), "a plan that can be");
    const llm::inference_efficiency e = inference();
    const llm::inference_iteration t =
        llm::iteration_of(m, p, {.decodes = 32, .context = 1000}, s, e, e.find_software("vllm"));
    require(t.cache_b == 32 * 1000 * 131072.0 / 2, "keys and values of 32 requests, on each of two GPUs");
    require(t.time_s() > t.weight_b / s.memory_b_s, "no faster than its weights are read");
    const llm::piecewise_time pieces =
        llm::linear_pieces(m, p, s, e, e.find_software("vllm"), {.decodes = 64, .context = 4096});
    require(pieces.most_error < 0.05, "a maximum of linear functions for exact engines");
    const llm::modelled_replica replica =
        llm::replica_of(m, p, s, e, e.find_software("vllm"), {.decodes = 64, .context = 1000});
    require(llm::memory_fault_of(m, p, s).empty() && replica.cache_tokens > 64 * 1000, "it fits, with its cache");
    require(std::abs(replica.step_s(32, 32 * 1000, 0, 0) / t.time_s() - 1) < 0.01, "a grid for services");
}

void experts_are_placed() {
    const std::vector<double> loads{8, 4, 2, 2};
    require(llm::expert_imbalance(loads, 2, 0) == 1.25, "8 and 2 on one of two sets");
    require(llm::expert_imbalance(loads, 2, 2) == 1, "both have copies of the two busiest");
}

void a_deployment_is_estimated() {
    llm::inference_deployment d{.software = "vllm", .decode_workers = 4};
    const llm::load_estimate light = llm::estimate(a_model(), d, {1000, 200, 16}, a_system(), inference());
    const llm::load_estimate heavy = llm::estimate(a_model(), d, {1000, 200, 160}, a_system(), inference());
    require(heavy.tokens_s_gpu > light.tokens_s_gpu && heavy.tpot_s > light.tpot_s, "throughput against latency");
    const llm::serving_goal goal{.prompt = 1000, .output = 200, .most_ttft_s = 1, .most_tpot_s = 0.05};
    const llm::planned_serving best = llm::best_replicas(a_model(), 8, d, goal, a_system(), inference());
    require(best.as.gpus() == 8 && best.most.tpot_s <= 0.05, "the replicas that serve most within the limits");
    require(llm::compare(llm::inference_set{}, inference()).empty(), "nothing measured, nothing compared");
    const llm::length_law answers{.mean = 200, .sigma = 0.6, .most = 1024};
    require(answers.median() < 200 && answers.met() > 200, "a step meets longer answers than come");
}

}  // namespace

void llm_example() {
    a_model_is_counted();
    a_plan_is_checked_and_timed();
    the_planner_ranks_plans();
    coefficients_are_fitted();
    an_iteration_is_timed();
    experts_are_placed();
    a_deployment_is_estimated();
}
