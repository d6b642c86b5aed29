// Module io: scenarios and traces from files, results into files.
#include "example.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/convert_trace.hpp>
#include <ampacity/io/csv_reader.hpp>
#include <ampacity/io/inference_measurements.hpp>
#include <ampacity/io/input_stream.hpp>
#include <ampacity/io/job_traces.hpp>
#include <ampacity/io/metrics.hpp>
#include <ampacity/io/models.hpp>
#include <ampacity/io/output_files.hpp>
#include <ampacity/io/plugins.hpp>
#include <ampacity/io/prepare.hpp>
#include <ampacity/io/request_traces.hpp>
#include <ampacity/io/run_files.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/io/signal_files.hpp>
#include <ampacity/io/surface_cache.hpp>
#include <ampacity/io/surface_file.hpp>
#include <ampacity/io/trace_statistics.hpp>
#include <ampacity/io/training_measurements.hpp>
#include <ampacity/io/xxh64.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace ampacity;
namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

void requests_are_read(const fs::path& directory) {
    const fs::path file = directory / "requests.csv";
    std::ofstream(file) << "arrival_s,prompt_tokens,output_tokens,session\n0.5,300,40,a\n2,1200,7,b\n";
    const auto source = io::open_request_trace({.path = file});
    std::array<workload::request, 8> requests;
    require(source->next(requests) == 2 && requests[1].prompt_tokens == 1200, "as requests");
    require(source->text(requests[1].session) == "b", "names behind numbers");
    require(io::request_trace_formats()[0].name == "requests-csv", "formats by name");
}

void files_are_read(const fs::path& trace) {
    io::input_stream bytes(trace);
    std::array<char, 6> head{};
    require(bytes.read(head) == 6 && std::string_view{head.data(), 6} == "job_id", "plain or compressed, as bytes");

    io::csv_reader rows{io::input_stream(trace)};
    require(rows.next() && rows[*rows.find("gpus")] == "2", "as rows, columns by name");
    require(rows.where(0).line == 2, "each field has its place");

    const auto source = io::open_job_trace({.path = trace});
    std::array<workload::job_request, 8> jobs;
    require(source->next(jobs) == 2 && jobs[1].gpus == 4, "as jobs");
    io::xxh64 hash;
    hash.update(read(trace));
    require(source->finish_digest() == hash.digest(), "a file is named by its hash");
    require(io::digest_text(0) == "xxh64:0000000000000000", "as text");

    const auto statistics = io::read_statistics({.path = trace});
    require(statistics.all.jobs == 2 && statistics.gpus->max == 4, "what a trace holds");
    // 2 GPUs for 10 s and 4 for 5 s, over 1.5 s between the submits.
    require(io::offered_load(statistics, 4) == 40.0 / (4 * 1.5), "and what it asks of a fleet");
    std::string converted;
    const auto done = io::convert_to_jobs_csv({.path = trace}, [&](std::string_view text) { converted += text; });
    require(done.jobs == 2 && converted.starts_with("job_id,submit_s,gpus,duration_s"), "traces can be converted");
    require(io::job_trace_formats().front().name == "jobs-csv", "the formats");
}

void a_scenario_runs_and_is_written(const fs::path& scenario, const fs::path& out) {
    const auto loaded = io::read_scenario(scenario, std::array{io::parse_override("scheduler.policy=easy")});
    require(loaded.value.scheduler.policy == "easy" && loaded.locate("seed").line == 3, "values and their places");
    require(io::check_inputs(loaded).skipped.empty(), "every record of the trace is a job");

    auto run = io::prepare(loaded);
    io::run_files files(out, loaded.value, std::array{scenario, fs::path{run.traces[0]->path()}});
    run.parts.observers.push_back(&files);
    sim::simulation s(std::move(run.parts));
    files.watch(s);
    s.run();
    files.finish(s, false, {});

    for (const auto& f : io::output_files())
        if (f.when == "always") require(fs::exists(out / f.name), std::string{f.name} + " is there");
    require(read(out / "jobs.csv").find("b,1.5,10,15,4,finished") != std::string::npos, "a row per job");
    const auto metrics = io::metrics();
    require(std::any_of(metrics.begin(), metrics.end(), [](const auto& m) { return m.name == "wait_s.mean"; }),
            "the numbers of summary.json");
}

void signals_are_steps(const fs::path& file) {
    io::write_file(file, "hour,price\n2026-01-01 00:00,20\n2026-01-01 01:00,-80\n");
    const io::signal_data prices = io::read_signal({.key = "energy.signals.price",
                                                    .of = {.path = file, .column = "price", .unit = "USD/MWh"},
                                                    .file = file,
                                                    .what = scenario::dimension::price,
                                                    .start = scenario::default_start},
                                                   [](std::string_view) { return source_position{}; });
    require(prices.series->size() == 2 && prices.series->value(1) == -80 / 3.6e9, "in USD per joule");
}

void plugins_are_checked(const fs::path& file) {
    io::write_file(file, "no library");
    try {
        io::plugins loaded{std::array{file.string()}};
        require(false, "a text is no plug-in");
    } catch (const plugin_error& e) {
        require(e.exit_status() == 5 && e.details().where.file == file, "which file is wrong");
    }
    require(io::plugins{}.policies().empty() && io::plugins{}.comment().empty(), "no plug-ins are fine");
}

void models_are_data(const fs::path& folder) {
    fs::create_directories(folder);
    io::write_file(folder / "short.yaml",
                   "ampacity-workload: 1\nname: short\ndoc: jobs of a minute\nsource: assumption\n"
                   "synthetic: { jobs: 10, rate: \"1 /min\", duration: { median: \"1 min\", sigma: 0 }, "
                   "gpus: [{ gpus: 1, weight: 1 }] }\n"
                   "parameters: [{ key: jobs, source: assumption }, { key: rate, source: assumption }, "
                   "{ key: duration, source: assumption }, { key: gpus, source: assumption }]\n");
    const auto model = io::read_workload_model(folder / "short.yaml");
    require(model.name == "short" && model.synthetic.jobs == 10, "a workload model");
    require(!io::model_directories().empty(), "models are searched where they are installed");
}

void hardware_is_data_too(const fs::path& folder) {
    const auto rack = io::read_model<hardware::rack>("gb300-nvl72");
    require(rack.value.gpus() == 72 && rack.value.node.gpu.name == "gb300", "a rack with its trays and GPUs");
    const auto& nameplate = rack.text.figures;
    require(std::any_of(nameplate.begin(), nameplate.end(),
                        [](const auto& f) { return f.key == "power.nameplate" && f.value == "142 kW"; }),
            "each number as it was written, with its source");

    io::write_file(
        folder / "ours.yaml",
        "ampacity-rack: 1\nname: ours\ndoc: a rack of ours\nbased_on: gb300-nvl72\nsources: { meter: ours }\n"
        "power:\n  nameplate: { value: 135 kW, source: meter, confidence: measured }\n");
    const auto ours = io::read_model<hardware::rack>("ours.yaml", folder);
    require(ours.value.power.nameplate_w == 135e3 && ours.value.nodes == 18, "one's own model, based on another");
    require(io::kind_of_file(folder / "ours.yaml") == io::model_kind::rack, "a file says its kind");
}

void measured_steps_are_rows(const fs::path& folder) {
    fs::create_directories(folder);
    io::write_file(folder / "our_training_megatron_bridge.csv",
                   "container,phase,system,model,gpus,precision,fsdp,gbs,mbs,seq_len,tp,pp,cp,vp,ep,step_time_s\n"
                   "26.04,Pre-Training,DGX-GB200,LLAMA3_8B,8,FP8,0,128,2,8192,1,1,1,n/a,,4.2\n");
    const auto set = io::read_training_measurements(folder);
    require(set.steps.size() == 1 && set.models[0].name == "llama-3.1-8b", "a row is a step of a known model");
    const auto e = io::read_model<llm::training_efficiency>("training").value;
    require(std::abs(llm::compare(set, e).front().error()) < 0.3, "coefficients of the catalogue");
    require(!io::calibration_file("ours", e, set).empty(), "coefficients as a file");
}

void measured_deployments_are_rows(const fs::path& folder) {
    fs::create_directories(folder);
    io::write_file(folder / "our_inference_e2e_aic_silicon.csv",
                   "system,backend,backend_version,model_path,precision,mode,isl,osl,concurrency,gemm_quant_mode,"
                   "moe_quant_mode,batch_size,tp_size,pp_size,attention_dp_size,moe_ep_size,silicon_ttft_ms,"
                   "silicon_tpot_ms\n"
                   "h100_sxm,vllm,0.12.0,Qwen/Qwen3-32B,,agg,1024,256,16,,,16,2,1,,,200,17\n");
    const auto set = io::read_inference_measurements(folder);
    require(set.rows.size() == 1 && set.rows[0].load.concurrency == 16, "a row is a deployment under a load");
    const auto e = io::read_model<llm::inference_efficiency>("inference").value;
    require(std::abs(llm::compare(set, e).front().tpot_error) < 0.3, "coefficients of the catalogue");
}

}  // namespace

void io_example() {
    const fs::path folder = fs::current_path() / "io-example";
    fs::create_directories(folder);
    io::write_file(folder / "jobs.csv", "job_id,submit_s,gpus,duration_s\na,0,2,10\nb,1.5,4,5\n");
    io::write_file(folder / "s.yaml",
                   "ampacity: 1\nname: small\nseed: 1\nfleet: { pool_gpus: 4 }\n"
                   "workload: [{ trace: { path: jobs.csv } }]\nscheduler: { policy: fifo }\n"
                   "output: { telemetry: \"1 s\" }\n");
    files_are_read(folder / "jobs.csv");
    requests_are_read(folder);
    models_are_data(folder / "models");
    hardware_is_data_too(folder / "models");
    measured_steps_are_rows(folder / "measured");
    measured_deployments_are_rows(folder / "served");
    signals_are_steps(folder / "prices.csv");
    plugins_are_checked(folder / "mine.so");
    a_scenario_runs_and_is_written(folder / "s.yaml", folder / "out");
}
