#include "support/catch.hpp"
#include "support/files.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/training_measurements.hpp>

#include <string>

using namespace ampacity;

namespace {

const std::string bridge_header =
    "container,phase,system,model,gpus,precision,fsdp,gbs,mbs,seq_len,tp,pp,cp,vp,ep,ga,tokens_per_s_per_gpu,"
    "model_tflops_per_gpu,step_time_s,source\n";

/// A folder with one file.
class measured {
public:
    explicit measured(const std::string& rows, const std::string& header = bridge_header,
                      const std::string& name = "x_training_megatron_bridge.csv") {
        test::write_file(folder_.path() / name, header + rows);
    }
    [[nodiscard]] llm::measured_set read() const { return io::read_training_measurements(folder_.path()); }
    [[nodiscard]] std::string refusal() const {
        try {
            static_cast<void>(read());
        } catch (const data_error& e) {
            const std::string text = e.what();
            return text.substr(text.find("x_"));
        }
        return "accepted";
    }
    void add(const std::string& name, const std::string& text) const { test::write_file(folder_.path() / name, text); }

private:
    test::temporary_directory folder_;
};

}  // namespace

TEST_CASE("rows of Megatron-Bridge are steps of models, systems and plans", "[llm]") {
    const measured files{
        "26.08,Pre-Training,DGX-GB300,DeepSeekV3,256,MXFP8,,4096,1,4096,1,2,1,8,32,,1,1,10.4,s\n"
        "26.04.01,Pre-Training,DGX-GB300,DeepSeekV3,256,MXFP8,0,4096,2,4096,1,2,1,8,32,,1,1,13.1,s\n"
        "25.11,Pre-Training,DGX-GB300,DeepSeekV3 (w/o MTP),256,FP8-MX,0,4096,1,4096,1,2,1,4,32,32,1,1,15.0,s\n"
        "26.04,Pre-Training,DGX-GB300,LLAMA3_70B,64,FP8,64,256,2,8192,1,1,1,n/a,,,1,1,6.2,s\n"
        "26.06,LoRA,DGX-H100,LLAMA3_70B,8,FP8,,32,1,4096,2,4,1,20,,,1,1,6.2,s\n"
        "25.09,Pre-Training,DGX-B200,Qwen3_30B_a3B (tokendrop),8,,0,512,1,4096,1,1,1,1,8,64,1,1,14.5,s\n"
        "25.09,Pre-Training,DGX-H100,DeepSeekV3 (dropless),1024,,0,8192,1,4096,2,8,1,4,64,128,1,1,25.2,s\n"
        "25.09,Pre-Training,DGX-H100,Unheard_of,8,,0,8,1,4096,1,1,1,1,1,1,1,1,25.2,s\n"
        "25.09,Pre-Training,DGX-H100,LLAMA3_8B,8,BF16,0,9,1,4096,1,1,1,1,1,1,1,1,25.2,s\n"};
    const auto set = files.read();
    REQUIRE(set.steps.size() == 6);
    REQUIRE(set.left_out.size() == 3);
    CHECK(set.left_out[0] ==
          "x_training_megatron_bridge.csv:7: Qwen3_30B_a3B (tokendrop): tokens beyond the capacity of experts were "
          "dropped");
    CHECK(set.left_out[1] == "x_training_megatron_bridge.csv:9: the catalogue has no Unheard_of");
    CHECK(set.left_out[2] ==
          "x_training_megatron_bridge.csv:10: the global batch 9 is no multiple of dp x micro-batch 8");
    const auto& newest = set.steps[0];
    CHECK(set.model_of(newest).name == "deepseek-v3");
    CHECK(set.system_of(newest).accelerator == "gb300");
    CHECK(newest.plan.dp == 128);
    CHECK(newest.plan.vp == 8);
    CHECK(newest.plan.ep == 32);
    CHECK(newest.plan.with_mtp);
    CHECK(newest.plan.precision == llm::precision_kind::mxfp8);
    CHECK(newest.time_s == 10.4);
    CHECK(newest.where == "x_training_megatron_bridge.csv:2");
    // A later version stands in for an older one; without MTP it is another configuration.
    CHECK((newest.fitted && !newest.superseded));
    CHECK((!set.steps[1].fitted && set.steps[1].superseded));
    CHECK((set.steps[2].fitted && !set.steps[2].plan.with_mtp));
    CHECK(set.steps[3].plan.zero == 3);
    CHECK(set.steps[4].suite == "megatron-bridge-lora");
    CHECK((set.steps[4].plan.frozen && !set.steps[4].fitted));
    CHECK(set.steps[5].plan.precision == llm::precision_kind::fp8);
}

TEST_CASE("the other tables of measurements", "[llm]") {
    const measured files{
        "v5.0,llama31_405b,GB200,2048,1280,8192,40.0,4.0,8.0,2.0,32.0,FP8,7.1585\n"
        "v4.1,gpt3,H100,512,2048,2048,64.0,,,,,,\n",
        "version,benchmark,gpu,gpus,gbs,seq_len,grad_accum,tp,pp,cp,dp,precision,step_time_s_median\n",
        "x_mlperf_training_pretrain.csv"};
    files.add("x_mlperf_training_small.csv",
              "version,benchmark,gpu,gpus,gbs,seq_len,grad_accum,tp,pp,cp,dp,precision,step_time_s_median\n"
              "v5.1,llama2_70b_lora,H200,8,8,8192,2,1,1,2,4,,\n"
              "v5.0,llama2_70b_lora,GB200,64,8,8192,1,,,,,,0.24\n");
    files.add("x_training_seqpar_a100.csv",
              "model,recompute,hidden,layers,heads,seq_len,gpus,tp,pp,dp,batch,microbatch,pp_interleave,"
              "measured_iteration_s\nmegatron-22B,seqsel,6144,48,64,2048,8,8,1,1,4,4,1,1.1\n");
    files.add("x_training_megatron_sc21.csv",
              "params_b,heads,hidden,layers,tp,pp,gpus,batch,seq_len,iteration_time_s_derived\n"
              "1.7,24,2304,24,1,1,32,512,2048,3.528\n");
    files.add("x_collectives_nccl.csv",
              "system,op_name,num_gpus,message_bytes,latency_ms\nh100_sxm,alltoall,8,512,0.009\n");
    const auto set = files.read();
    REQUIRE(set.steps.size() == 4);
    CHECK(set.left_out.size() == 2);
    CHECK(set.steps[0].suite == "mlperf-v5.0");
    CHECK((set.steps[0].recipe && set.steps[0].plan.vp == 8 && set.steps[0].plan.dp == 32));
    CHECK((set.steps[1].suite == "mlperf-lora" && set.steps[1].time_s == 0));
    CHECK(set.system_of(set.steps[1]).accelerator == "h200");
    CHECK((set.steps[2].plan.recompute == llm::recompute_kind::selective && !set.steps[2].plan.fused_attention));
    CHECK(set.model_of(set.steps[3]).parameters() == Approx(1.7e9).epsilon(0.03));
    CHECK_FALSE(set.steps[3].fitted);
    REQUIRE(set.collectives.size() == 1);
    CHECK(set.collectives[0].kind == llm::collective_kind::all_to_all);
    CHECK(set.collectives[0].time_s == Approx(9e-6));
    // A row without a time is compared with nothing.
    const auto e = io::read_model<llm::training_efficiency>("training").value;
    CHECK(llm::compare(set, e).size() == 3);
}

TEST_CASE("what is wrong with measurements is said with its place", "[llm]") {
    const std::string row = "26.08,Pre-Training,DGX-GB300,LLAMA3_8B,8,FP8,,128,2,8192,1,1,1,n/a,,,1,1,";
    CHECK(measured{row + "fast,s\n"}.refusal() ==
          "x_training_megatron_bridge.csv:2:74: error: step_time_s: expected a number of at least 0, at byte 217 "
          "(fast); write it as "
          "in 12.5");
    CHECK(
        measured{"26.08,Pre-Training,DGX-GB300,LLAMA3_8B,8.5,FP8,,128,2,8192,1,1,1,n/a,,,1,1,3,s\n"}.refusal() ==
        "x_training_megatron_bridge.csv:2:40: error: gpus: expected a count, at byte 183 (8.5); write a whole number");
    CHECK(measured{"26.08,Pre-Training\n", "container,phase\n"}.refusal().find("error: model: no such column") !=
          std::string::npos);
    const test::temporary_directory empty;
    CHECK_THROWS_AS(io::read_training_measurements(empty.path()), data_error);
    CHECK_THROWS_AS(io::read_training_measurements(empty.path() / "none"), data_error);
}

TEST_CASE("coefficients are written as they are read", "[llm]") {
    const auto e = io::read_model<llm::training_efficiency>("training");
    const llm::measured_set nothing;
    const std::string text = io::calibration_file("mine", e.value, nothing);
    const auto again = io::read_model_text<llm::training_efficiency>("mine.yaml", text);
    llm::training_efficiency same = e.value;
    same.name = "mine";
    CHECK(io::calibration_file("mine", again.value, nothing) == text);
    CHECK(again.value.gpus == same.gpus);
    CHECK(again.value.attention == same.attention);
    CHECK(again.value.expert_layer_s == Approx(same.expert_layer_s).epsilon(1e-12));
    CHECK(again.value.recipes.size() == same.recipes.size());
    CHECK(again.value.find("gb300") != nullptr);
    CHECK(again.text.figures.size() == e.text.figures.size());
}
