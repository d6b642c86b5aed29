#include "support/catch.hpp"
#include "support/files.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/inference_measurements.hpp>
#include <ampacity/serving/server_comparison.hpp>

#include <algorithm>
#include <cmath>
#include <string>

using namespace ampacity;

namespace {

const std::string header =
    "system,backend,backend_version,model_path,precision,mode,isl,osl,concurrency,gemm_quant_mode,moe_quant_mode,"
    "batch_size,tp_size,pp_size,attention_dp_size,moe_ep_size,prefill_num_workers,prefill_tp_size,prefill_pp_size,"
    "prefill_attention_dp_size,prefill_moe_ep_size,decode_num_workers,decode_tp_size,decode_pp_size,"
    "decode_attention_dp_size,decode_moe_ep_size,silicon_ttft_ms,silicon_tpot_ms\n";

std::string replica(const std::string& load, const std::string& times, const std::string& model = "Qwen/Qwen3-32B") {
    return "h100_sxm,vllm,0.12.0," + model + ",fp8,agg,1024,256," + load + ",fp8,fp8," + load + ",2,1,,0" +
           std::string(10, ',') + ',' + times + '\n';
}
std::string pools(const std::string& workers, const std::string& times) {
    return "gb200,trtllm,1.0,deepseek-ai/DeepSeek-V3,fp4,disagg,1024,1024,64,nvfp4,nvfp4,,,,,," + workers +
           ",1,1,4,4," + workers + ",8,1,1,8," + times + '\n';
}

llm::inference_set read(const std::string& rows) {
    const test::temporary_directory here;
    test::write_file(here.path() / "my_inference_e2e_aic_silicon.csv", header + rows);
    return io::read_inference_measurements(here.path());
}
bool left_out(const llm::inference_set& set, const std::string& why) {
    return std::any_of(set.left_out.begin(), set.left_out.end(),
                       [&](const std::string& s) { return s.find(why) != std::string::npos; });
}

}  // namespace

TEST_CASE("a row is a deployment under a load") {
    const auto set = read(replica("16", "200.5,12.25") + pools("2", "300,8"));
    REQUIRE(set.rows.size() == 2);
    CHECK(set.left_out.empty());
    const auto& one = set.rows[0];
    CHECK(set.model_of(one).name == "qwen3-32b");
    CHECK(set.system_of(one).accelerator == "h100");
    CHECK(one.as.decode ==
          llm::inference_plan{.tp = 2, .precision = llm::precision_kind::fp8, .mixers = llm::precision_kind::fp8});
    CHECK_FALSE(one.as.split());
    CHECK(one.load == llm::closed_load{1024, 256, 16});
    CHECK(one.ttft_s == Approx(0.2005));
    CHECK(one.tpot_s == Approx(0.01225));
    CHECK(one.tokens_s_gpu() == Approx(16 * 256 / (0.2005 + 255 * 0.01225) / 2));
    CHECK(one.where == "my_inference_e2e_aic_silicon.csv:2");
    const auto& two = set.rows[1];
    CHECK(set.model_of(two).name == "deepseek-r1");
    CHECK(two.as.split());
    CHECK(two.as.gpus() == 2 * 4 + 2 * 8);
    CHECK(two.as.prefill.attention_dp == 4);
    CHECK(two.as.decode.ep == 8);
    CHECK(two.as.decode.cache_bytes == 1);
}

TEST_CASE("what a row does not tell or tells twice is left out") {
    CHECK(left_out(read(replica("4", "100,10") + pools("", "300,8")), "how many requests a replica works on"));
    CHECK(left_out(read(replica("", "100,10") + replica("4", "100,10")), "how many requests a replica works on"));
    const auto twice = read(replica("4", "100,10") + replica("4", "100,10"));
    CHECK(twice.rows.size() == 1);
    CHECK(left_out(twice, "stands there twice"));
    CHECK(read(replica("4", "100,10") + replica("4", "101,10.2")).rows.size() == 1);
    const auto disagree = read(replica("4", "100,10") + replica("4", "100,11"));
    CHECK(disagree.rows.empty());
    CHECK(left_out(disagree, "disagree"));
    const auto slow = read(replica("4", "100,20") + replica("8", "100,12"));
    REQUIRE(slow.rows.size() == 1);
    CHECK(slow.rows[0].load.concurrency == 8);
    CHECK(left_out(slow, "slower than the same deployment under more load"));
    CHECK(left_out(read(replica("4", "100,10", "a/b")), "the catalogue has no a/b"));
    // A measurement of pools that also stands there as one of replicas.
    const std::string sum = "gb200,trtllm,,deepseek-ai/DeepSeek-R1,fp4,agg,1024,1024,64,nvfp4,nvfp4,64,16,1,1,1" +
                            std::string(10, ',') + ",300,8\n";
    const auto both = read(sum + pools("2", "300,8"));
    REQUIRE(both.rows.size() == 1);
    CHECK(both.rows[0].as.split());
}

TEST_CASE("bad rows are refused with their place") {
    const auto fault = [](const std::string& rows) {
        try {
            static_cast<void>(read(rows));
        } catch (const data_error& e) {
            const std::string text = e.what();
            return text.substr(text.find("my_"), text.find(':', text.find(".csv:") + 5) - text.find("my_"));
        }
        return std::string{"accepted"};
    };
    CHECK(fault(replica("4", "fast,10")) == "my_inference_e2e_aic_silicon.csv:2");
    CHECK(fault(replica("4", "100,10") + replica("4", "-1,10")) == "my_inference_e2e_aic_silicon.csv:3");
    const test::temporary_directory here;
    CHECK_THROWS_AS(io::read_inference_measurements(here.path()), data_error);
    CHECK_THROWS_AS(io::read_inference_measurements(here.path() / "nowhere"), data_error);
}

TEST_CASE("benchmark runs and kernels are read") {
    const test::temporary_directory here;
    test::write_file(
        here.path() / "x_mlperf_inference_server_latency.csv",
        "gpu,gpus,model,scenario,weight_dtype,completed_tokens_per_s,completed_samples_per_s,ttft_limit_ms,"
        "tpot_limit_ms,ttft_p50_ms,tpot_p50_ms,tpot_p99_ms\n"
        "B200,8,llama3.1-405b,Server,fp4,1200,2,6000,175,1391.5,103.4,140.5\n"
        "B200,8,whisper,Server,fp4,1200,2,6000,175,1391.5,103.4,140.5\n");
    test::write_file(here.path() / "x_mlperf_inference_v51.csv",
                     "gpu,gpus,model,scenario,weight_dtype,result,unit\n"
                     "H200,8,llama3.1-8b,Offline,fp8,645,Tokens/s\n"
                     "H200,8,llama3.1-8b,Server,fp8,645,Tokens/s\n");
    test::write_file(here.path() / "x_moe_alltoall_gb200.csv",
                     "op_name,moe_dtype,num_tokens,hidden_size,topk,moe_ep_size,distribution,latency_ms,system\n"
                     "alltoall_dispatch,nvfp4,64,7168,8,32,balanced,0.02,gb200\n"
                     "alltoall_combine,nvfp4,64,7168,8,32,balanced,0.03,gb200\n"
                     "alltoall_prepare,nvfp4,64,7168,8,32,balanced,0.03,gb200\n");
    const auto set = io::read_inference_measurements(here.path());
    REQUIRE(set.servers.size() == 2);
    CHECK(set.servers[0].requests_s == 2);
    CHECK(set.servers[0].goal.output == 600);
    CHECK(set.servers[0].goal.most_tpot_s == Approx(0.175));
    CHECK(set.servers[0].tpot_s == Approx(0.1034));
    CHECK(set.servers[0].like.decode.precision == llm::precision_kind::nvfp4);
    CHECK(set.servers[1].requests_s == Approx(5));
    CHECK(set.servers[1].goal.most_tpot_s == 0);
    REQUIRE(set.exchanges.size() == 2);
    CHECK(set.exchanges[0].token_bytes == Approx(7168 * 0.5625));
    CHECK(set.exchanges[1].token_bytes == Approx(7168 * 2));
    CHECK(set.exchanges[0].link_b_s == 900e9);
    CHECK(set.left_out.size() == 3);
    const auto e = io::read_model<llm::inference_efficiency>("inference").value;
    CHECK(set.servers[0].tpot_p99_s == Approx(0.1405));
    CHECK(set.servers[0].output.mean == 600);
    CHECK(set.servers[0].usual.decode.tp == 4);
    CHECK(set.servers[0].usual.decode_workers == 2);
    CHECK(set.servers[1].usual.decode_workers == 8);
    const auto compared = serving::compare_servers(set, e);
    REQUIRE(compared.size() == 2);
    CHECK(compared[0].best.most.tpot_p99_s <= 0.175);
    CHECK(std::abs(compared[0].throughput_error) < 0.3);
    CHECK(std::abs(compared[0].measured.tpot_p50) < 0.3);
    CHECK(std::abs(compared[0].measured.ttft_p50) < 0.3);
    CHECK(compared[1].measured.tpot_p50 == 0);
}

TEST_CASE("coefficients of inference are written as a model") {
    const auto e = io::read_model<llm::inference_efficiency>("inference").value;
    auto set = read(replica("16", "200.5,12.25"));
    const std::string text = io::calibration_file("ours", e, set);
    const auto again = io::read_model_text<llm::inference_efficiency>("ours.yaml", text).value;
    CHECK(again.gpus.size() == e.gpus.size());
    CHECK(again.layer_s == Approx(e.layer_s).epsilon(1e-3));
    CHECK(again.find("gb200")->memory == Approx(e.find("gb200")->memory).epsilon(1e-3));
    CHECK(again.find_software("vllm").step_s == Approx(e.find_software("vllm").step_s).epsilon(1e-3));
    CHECK(again.find_software("unknown").step_s > 0);
    CHECK_FALSE(again.find_software("unknown").tuned());
    CHECK(*again.find_software("trtllm-tuned").nvfp4 == Approx(*e.find_software("trtllm-tuned").nvfp4).epsilon(1e-3));
}
