#include "support/catch.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/plan.hpp>

#include <string>

using namespace ampacity;

namespace {

llm::model read(const std::string& name) { return io::read_model<llm::model>(name).value; }

llm::system nvl72() { return llm::system_of(io::read_model<hardware::rack>("gb200-nvl72").value); }
llm::system dgx() { return llm::system_of(io::read_model<hardware::node>("dgx-h100").value); }

/// A GPT of Megatron: 4 h wide, as many heads of keys as of queries.
llm::model gpt(std::uint32_t hidden, std::uint32_t layers, std::uint32_t heads) {
    return {.name = "gpt",
            .hidden = hidden,
            .vocabulary = 51200,
            .tied = true,
            .layers = {{.name = "dense",
                        .count = layers,
                        .heads = heads,
                        .kv_heads = heads,
                        .head_dim = hidden / heads,
                        .width = 4 * hidden,
                        .matrices = 2}}};
}

}  // namespace

TEST_CASE("a rack and a node are seen as domains of GPUs", "[llm]") {
    const llm::system rack = nvl72();
    CHECK(rack.accelerator == "gb200");
    CHECK(rack.domain_gpus == 72);
    CHECK(rack.node_gpus == 4);
    CHECK(rack.domain_b_s == 900e9);
    CHECK(rack.rail_b_s == 50e9);
    CHECK(rack.peak_flop_s(llm::precision_kind::nvfp4) == 10e15);
    const llm::system node = dgx();
    CHECK(node.domain_gpus == 8);
    CHECK(node.domain_b_s == 450e9);
    CHECK(node.peak_flop_s(llm::precision_kind::nvfp4) == 0);
}

TEST_CASE("what cannot be is said with the numbers", "[llm]") {
    const llm::model m = read("llama-3.1-405b");
    const llm::system s = nvl72();
    const llm::batch_shape b{1280, 8192};
    const llm::parallel_plan good{.tp = 4, .pp = 8, .vp = 8, .cp = 2, .dp = 32, .precision = llm::precision_kind::fp8};
    CHECK(good.gpus() == 2048);
    CHECK(llm::micro_batches(good, b) == 40);
    CHECK(llm::fault_of(m, good, b, s).empty());
    const auto fault = [&](auto change) {
        llm::parallel_plan p = good;
        change(p);
        return llm::fault_of(m, p, b, s);
    };
    CHECK(fault([](auto& p) { p.dp = 33; }) == "the global batch 1280 is no multiple of dp x micro-batch 33");
    CHECK(fault([](auto& p) { p.tp = 3; }) == "the heads 128 is no multiple of tp 3");
    CHECK(fault([](auto& p) { p.tp = 0; }) == "tp is 0");
    CHECK(fault([](auto& p) { p.cp = 3; }) == "the sequence 8192 is no multiple of 2 cp 6");
    CHECK(fault([](auto& p) { p.ep = 8; }) == "llama-3.1-405b has no experts for ep 8");
    CHECK(fault([](auto& p) { p.pp = 128; }) == "128 stages for 126 layers");
    CHECK(fault([](auto& p) { p.pp = 1; }) == "interleaving (vp) needs pp above 1");
    CHECK(fault([](auto& p) { p.vp = 17; }) == "136 chunks of the pipeline for 126 layers");
    CHECK(fault([](auto& p) { p.dp = 64; }) ==
          "with interleaving the number of micro-batches 20 is no multiple of pp 8");
    CHECK(fault([](auto& p) { p.zero = 4; }) == "ZeRO stage 4 does not exist, 0 to 3 do");
    CHECK(fault([](auto& p) { p.zero = 3; }).find("pp 1") != std::string::npos);
    CHECK(llm::fault_of(m, {.precision = llm::precision_kind::nvfp4}, b, dgx()) == "h100 has no nvfp4");
    CHECK(llm::fault_of(read("deepseek-v3"), {.dp = 8, .ep = 3}, {64, 4096}, s) ==
          "the experts 256 is no multiple of ep 3");
    CHECK(llm::fault_of(read("deepseek-v3"), {.dp = 8, .ep = 16}, {64, 4096}, s) ==
          "tp x cp x dp 8 is no multiple of ep 16");
}

TEST_CASE("activations are those of Korthikanti's table", "[llm]") {
    // arXiv:2205.05198: 34 s b h / t per layer with selective recompute and sequence parallelism, 2 s b h / t with
    // full.
    const double s = 2048;
    const double h = 12288;
    const double layers = 96;
    const llm::batch_shape b{64, 2048};
    llm::parallel_plan p{.tp = 8,
                         .pp = 8,
                         .vp = 3,
                         .recompute = llm::recompute_kind::selective,
                         .gradient_bytes = 4,
                         .fused_attention = false};
    const llm::model m = gpt(12288, 96, 96);
    const double in_flight = 1 + 7.0 / (8 * 3);
    CHECK(llm::memory_of(m, p, b).activations_b == Approx(34 * s * h / 8 * layers * in_flight));
    p.recompute = llm::recompute_kind::none;
    CHECK(llm::memory_of(m, p, b).activations_b == Approx((34 * h + 5 * 96 * s) * s / 8 * layers * in_flight));
    p.recompute = llm::recompute_kind::full;
    const double again = (34 * h + 5 * 96 * s) * s / 8;
    CHECK(llm::memory_of(m, p, b).activations_b == Approx(2 * s * h / 8 * layers * in_flight + again));
    p.vp = 1;  // without interleaving as many micro-batches as stages, each of its stage
    p.recompute = llm::recompute_kind::selective;
    CHECK(llm::memory_of(m, p, b).activations_b == Approx(34 * s * h / 8 * layers));
}

TEST_CASE("states are divided as ZeRO says", "[llm]") {
    const llm::model m = read("llama-3.1-8b");
    const llm::batch_shape b{64, 8192};
    llm::parallel_plan p{.dp = 8, .zero = 0, .gradient_bytes = 4};
    const double n = m.parameters() - m.hidden;  // the last gain is in no layer
    CHECK(llm::memory_of(m, p, b).weights_b == Approx(2 * n));
    CHECK(llm::memory_of(m, p, b).gradients_b == Approx(4 * n));
    CHECK(llm::memory_of(m, p, b).optimizer_b == Approx(12 * n));
    p.zero = 1;
    CHECK(llm::memory_of(m, p, b).optimizer_b == Approx(12 * n / 8));
    CHECK(llm::memory_of(m, p, b).gradients_b == Approx(4 * n));
    p.zero = 2;
    CHECK(llm::memory_of(m, p, b).gradients_b == Approx(4 * n / 8));
    p.zero = 3;
    CHECK(llm::memory_of(m, p, b).weights_b == Approx(2 * n / 8));
    // Experts are divided over ep and repeated as often as is left.
    const llm::model moe = read("qwen3-30b-a3b");
    const llm::memory_use one = llm::memory_of(moe, {.dp = 8, .ep = 1}, b);
    const llm::memory_use eight = llm::memory_of(moe, {.dp = 8, .ep = 8}, b);
    CHECK(one.weights_b / eight.weights_b > 5);
    CHECK(one.optimizer_b == Approx(eight.optimizer_b));
}

TEST_CASE("a plan that does not fit says by how much, and recompute is as little as fits", "[llm]") {
    const llm::model m = read("llama-3.1-70b");
    const llm::batch_shape b{256, 8192};
    const llm::system s = nvl72();
    llm::parallel_plan p{.dp = 64, .micro_batch = 2, .zero = 3, .precision = llm::precision_kind::fp8};
    const std::string fault = llm::memory_fault_of(llm::memory_of(m, p, b), s);
    INFO(fault);
    CHECK(fault.find("GB too much") != std::string::npos);
    CHECK(fault.find("do not fit in 198.7 GB of gb200") != std::string::npos);
    REQUIRE(llm::lighten(m, p, b, s));
    CHECK(p.recompute == llm::recompute_kind::full);
    CHECK(p.recompute_share < 1);
    CHECK(llm::memory_fault_of(llm::memory_of(m, p, b), s).empty());
    llm::parallel_plan less = p;
    less.recompute_share -= 1.0 / 80;
    CHECK_FALSE(llm::memory_fault_of(llm::memory_of(m, less, b), s).empty());
    llm::parallel_plan never{.dp = 1};
    CHECK_FALSE(llm::lighten(m, never, b, dgx()));
}

TEST_CASE("groups lie in the tree as ranks are numbered", "[llm]") {
    const llm::system rack = nvl72();
    const llm::system node = dgx();
    const llm::parallel_plan p{.tp = 4, .pp = 8, .cp = 2, .dp = 32};
    auto map = llm::map_groups(p, rack);
    CHECK(map.tensor == llm::group_span{4, 1});
    CHECK(map.context == llm::group_span{2, 1});
    CHECK(map.data == llm::group_span{16, 4});  // 64 ranks 4 apart: 16 in a domain of 72
    CHECK(map.pipeline_crosses);
    map = llm::map_groups({.tp = 8, .pp = 8, .cp = 2, .dp = 64}, node);
    CHECK(map.tensor == llm::group_span{8, 1});
    CHECK(map.context == llm::group_span{1, 2});
    CHECK(map.data == llm::group_span{1, 128});
    map = llm::map_groups({.dp = 256, .ep = 64}, rack);
    CHECK(map.expert == llm::group_span{64, 1});
    CHECK(map.expert_data == llm::group_span{1, 4});
    map = llm::map_groups({.dp = 256, .ep = 64}, node);
    CHECK(map.expert == llm::group_span{8, 8});
    CHECK_FALSE(llm::map_groups({.tp = 2, .pp = 4, .dp = 4}, rack).pipeline_crosses);
}
