// The commands plan, replicas and calibrate.

#include "cli/program.hpp"

#include <string>

using namespace ampacity::test;

namespace {

const std::string bridge_header =
    "container,phase,system,model,gpus,precision,fsdp,gbs,mbs,seq_len,tp,pp,cp,vp,ep,step_time_s\n";
const std::string measured_rows =
    "26.04,Pre-Training,DGX-GB200,LLAMA3_8B,8,FP8,0,128,2,8192,1,1,1,n/a,,4.2\n"
    "26.04,Pre-Training,DGX-GB300,LLAMA3_8B,8,FP8,0,128,2,8192,1,1,1,n/a,,3.5\n"
    "26.06,Pre-Training,DGX-GB300,Qwen3_30B_a3B,8,MXFP8,0,512,8,4096,1,1,1,n/a,8,5.9\n";

}  // namespace

TEST_CASE("plan ranks plans and tells where the time goes") {
    const std::vector<std::string> words{"plan",        "llama-3.1-405b", "--gpus", "2048",  "--system",
                                         "gb200-nvl72", "--gbs",          "1280",   "--top", "3"};
    const auto told = ampacity::test::ampacity(words);
    INFO(told.out << told.err);
    CHECK(told.status == 0);
    CHECK(told.err.empty());
    for (const char* const part :
         {"llama-3.1-405b on 2048 GPUs of gb200-nvl72 in fp8: 1280 sequences of 8192 tokens", "causal attention FLOP",
          "\n1  ", "\n3  ", "matrix products", "bubble", "data, exposed", "memory per GPU [GB]:", "groups: tensor"})
        CHECK(contains(told.out, part));
    CHECK_FALSE(contains(told.out, "\n4  "));
    CHECK(ampacity::test::ampacity(words).out == told.out);

    auto more = words;
    more.push_back("--json");
    const auto json = nlohmann::json::parse(ampacity::test::ampacity(more).out);
    REQUIRE(json["plans"].size() == 3);
    const auto& best = json["plans"][0];
    CHECK(best["step_s"].get<double>() <= json["plans"][1]["step_s"].get<double>());
    const auto& p = best["plan"];
    CHECK(p["gpus"].get<int>() == p["tp"].get<int>() * p["pp"].get<int>() * p["cp"].get<int>() * p["dp"].get<int>());
    CHECK(best["memory_b"]["total"].get<double>() < best["memory_b"]["of"].get<double>());
    CHECK(best["mfu"].get<double>() > 0.2);
    CHECK(best["mfu"].get<double>() < 0.6);
}

TEST_CASE("plan keeps fixed sizes and both conventions of FLOP") {
    const std::vector<std::string> words{
        "plan", "llama-3.1-405b", "--gpus", "2048", "--system", "gb200-nvl72",   "--gbs", "1280",  "--tp", "4", "--pp",
        "8",    "--vp",           "8",      "--cp", "2",        "--micro-batch", "1",     "--json"};
    const auto causal = nlohmann::json::parse(ampacity::test::ampacity(words).out);
    REQUIRE(causal["plans"].size() == 1);
    CHECK(causal["plans"][0]["plan"]["dp"] == 32);
    auto more = words;
    more.insert(more.end(), {"--attention", "full", "--recipe", "mlperf-v5.0"});
    const auto full = nlohmann::json::parse(ampacity::test::ampacity(more).out);
    CHECK(full["attention"] == "full");
    CHECK(full["plans"][0]["flop"].get<double>() == Approx(1280 * 21508e12).epsilon(1e-3));
    CHECK(full["plans"][0]["step_s"] != causal["plans"][0]["step_s"]);
}

TEST_CASE("what plan cannot do is said") {
    const auto refused = [](std::vector<std::string> more, int status = 2) {
        std::vector<std::string> words{"plan"};
        words.insert(words.end(), more.begin(), more.end());
        return check_refused(ampacity::test::ampacity(words), status);
    };
    const auto big = refused({"deepseek-v3", "--gpus", "8", "--system", "dgx-h100"});
    CHECK(big.what == "no plan for deepseek-v3 on dgx-h100");
    CHECK(contains(big.value, "GB too much"));
    CHECK(refused({"lama-3.1-8b", "--gpus", "8", "--system", "dgx-h100"}).remedy == "did you mean `llama-3.1-8b`?");
    CHECK(refused({"llama-3.1-8b", "--gpus", "8", "--system", "dgx-h10"}).remedy == "did you mean `dgx-h100`?");
    CHECK(refused({"llama-3.1-8b", "--gpus", "8", "--system", "dgx-h100", "--precision", "fp9"}).what ==
          "no such precision");
    CHECK(contains(refused({"llama-3.1-8b", "--gpus", "8", "--system", "dgx-h100", "--precision", "nvfp4"}).value,
                   "h100 has no nvfp4"));
    CHECK(refused({"llama-3.1-8b", "--gpus", "8", "--system", "dgx-h100", "--mtp"}).what ==
          "the model has no multi-token prediction");
    CHECK(refused({"llama-3.1-8b", "--gpus", "8", "--system", "dgx-h100", "--recipe", "mlperf-v5.2"}).what ==
          "no such suite");
    CHECK(ampacity::test::ampacity({"plan", "llama-3.1-8b", "--gpus", "0", "--system", "dgx-h100"}).status == 2);
}

TEST_CASE("calibrate fits, tells its errors and writes coefficients that plan reads") {
    const workspace here;
    here.write("ours_training_megatron_bridge.csv", bridge_header + measured_rows);
    const auto told = here.call({"calibrate", "training", "--data", ".", "-o", "ours.yaml", "--rows"});
    INFO(told.out << told.err);
    CHECK(told.status == 0);
    CHECK(contains(told.out, "3 steps of ."));
    CHECK(contains(told.out, "memory: 3 of 3 plans that ran fit"));
    CHECK(contains(told.out, "megatron-bridge experts"));
    CHECK(contains(told.out, "qwen3-30b-a3b gb300 mxfp8 x8 tp1 pp1 cp1 ep8 mb8 (megatron-bridge)"));
    CHECK(here.read("ours.yaml").starts_with("# Written by `ampacity calibrate training`"));
    CHECK(here.call({"describe", "ours.yaml"}).status == 0);
    CHECK(here.call({"plan", "llama-3.1-8b", "--gpus", "8", "--system", "gb200-nvl72", "--coefficients", "ours.yaml"})
              .status == 0);
    const auto judged = here.call({"calibrate", "training", "--data", ".", "--coefficients", "ours.yaml", "--json"});
    const auto json = nlohmann::json::parse(judged.out);
    REQUIRE(json["compared"].size() == 3);
    for (const auto& row : json["compared"])
        CHECK(row["modelled_s"].get<double>() == Approx(row["measured_s"].get<double>()).epsilon(0.25));
    CHECK(json["without_family"].empty());

    here.write("ours_training_megatron_bridge.csv", bridge_header + "26.04,Pre-Training\n");
    CHECK(check_refused(here.call({"calibrate", "training", "--data", "."}), 3).line == 2);
    check_refused(here.call({"calibrate", "training", "--data", "nowhere"}), 3);
    CHECK(here.call({"calibrate"}).status == 2);
}

TEST_CASE("replicas finds those that serve most within limits and tells latencies") {
    std::vector<std::string> words{"replicas", "llama-3.1-8b", "--gpus",   "2",  "--system",   "dgx-h100",
                                   "--prompt", "500",          "--output", "50", "--software", "vllm",
                                   "--ttft",   "500",          "--tpot",   "20"};
    const auto told = ampacity::test::ampacity(words);
    INFO(told.out << told.err);
    CHECK(told.status == 0);
    CHECK(contains(told.out, "llama-3.1-8b on 2 GPUs of dgx-h100 in fp8, by vllm: 2 replicas of tp 1"));
    CHECK(contains(told.out, "within the limits"));
    words.insert(words.end(), {"--rate", "5", "--json"});
    const auto json = nlohmann::json::parse(ampacity::test::ampacity(words).out);
    const double most = json["most"]["requests_s"].get<double>();
    CHECK(most > 5);
    CHECK(json["most"]["ttft_p99_s"].get<double>() <= 0.5);
    CHECK(json["most"]["tpot_p99_s"].get<double>() <= 0.02);
    CHECK(json["most"]["tpot_p99_s"].get<double>() > json["under_rate"]["tpot_p99_s"].get<double>());
    words[words.size() - 2] = std::to_string(2 * most);
    CHECK(nlohmann::json::parse(ampacity::test::ampacity(words).out)["under_rate"].is_null());
    words.pop_back();
    CHECK(contains(ampacity::test::ampacity(words).out, "are more than they serve within the limits"));
    const auto refused = [](std::vector<std::string> more) {
        more.insert(more.begin(), {"replicas", "llama-3.1-405b", "--gpus", "2", "--system", "dgx-h100"});
        return ampacity::test::ampacity(more);
    };
    CHECK(contains(refused({}).err, "no replicas of llama-3.1-405b fit and keep the limits"));
    CHECK(refused({"--most-output", "10"}).status == 2);
    CHECK(refused({"--precision", "int4"}).status == 2);
}

TEST_CASE("calibrate fits iterations of inference and judges coefficients") {
    const workspace here;
    const std::string header =
        "system,backend,backend_version,model_path,precision,mode,isl,osl,concurrency,gemm_quant_mode,moe_quant_mode,"
        "batch_size,tp_size,pp_size,attention_dp_size,moe_ep_size,silicon_ttft_ms,silicon_tpot_ms\n";
    const auto row = [](int concurrency, double tpot_ms) {
        const std::string c = std::to_string(concurrency);
        return "h100_sxm,vllm,0.12.0,Qwen/Qwen3-32B,,agg,1024,256," + c + ",,," + c + ",2,1,,0,200," +
               std::to_string(tpot_ms) + '\n';
    };
    here.write("ours_inference_e2e_aic_silicon.csv", header + row(8, 16.5) + row(32, 25) + row(32, 50));
    const auto told = here.call({"calibrate", "inference", "--data", ".", "-o", "ours.yaml", "--rows"});
    INFO(told.out << told.err);
    CHECK(told.status == 0);
    CHECK(contains(told.out, "1 rows of ., 2 rows left out"));
    CHECK(contains(told.out, "qwen3-32b h100 vllm 0.12.0 bf16 tp2 dp1 pp1 ep1"));
    CHECK(contains(told.out, "measurements of this deployment under this load disagree"));
    CHECK(here.read("ours.yaml").starts_with("# Written by `ampacity calibrate inference`"));
    CHECK(here.call({"describe", "ours.yaml"}).status == 0);
    const auto judged = here.call({"calibrate", "inference", "--data", ".", "--coefficients", "inference", "--json"});
    const auto json = nlohmann::json::parse(judged.out);
    REQUIRE(json["compared"].size() == 1);
    CHECK(json["compared"][0]["tpot_s"]["modelled"].get<double>() == Approx(0.0165).epsilon(0.25));
    CHECK(json["without_deployment"].empty());
    check_refused(here.call({"calibrate", "inference", "--data", "nowhere"}), 3);
    CHECK(here.call({"calibrate", "fun", "--data", "."}).status == 2);
}
