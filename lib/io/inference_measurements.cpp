#include "measurement_rows.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/inference_measurements.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace ampacity::io {
namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t widest_group = 16;  ///< tensor parallel
constexpr double usual_rise = 1.33;         ///< more load never makes tokens faster by more

/// What the table of deployments calls a model.
struct served_name {
    std::string_view in_table;  ///< the end of it
    std::string_view model;     ///< of the catalogue
    std::string_view family;    ///< left out together
    bool wide_mixers = false;   ///< its mixers are in bf16 whatever the table says, as its card does
};
constexpr std::array served_names{served_name{"/DeepSeek-R1", "deepseek-r1", "deepseek-v3"},
                                  served_name{"/DeepSeek-V3", "deepseek-r1", "deepseek-v3"},
                                  served_name{"/Kimi-K2.5", "kimi-k2", "kimi-k2"},
                                  served_name{"/GLM-5", "glm-5", "glm-5"},
                                  served_name{"/gpt-oss-120b", "gpt-oss-120b", "gpt-oss", true},
                                  served_name{"/MiniMax-M2.5", "minimax-m2", "minimax-m2"},
                                  served_name{"/Qwen3-235B-A22B-FP8", "qwen3-235b-a22b", "qwen3-235b"},
                                  served_name{"/Qwen3-32B", "qwen3-32b", "qwen3-32b"},
                                  served_name{"/Qwen3-32B-NVFP4", "qwen3-32b", "qwen3-32b"},
                                  served_name{"/Llama-3.1-70B", "llama-3.1-70b", "llama-3.1-70b"},
                                  served_name{"/Llama-3.1-8B-Instruct", "llama-3.1-8b", "llama-3.1-8b"}};

class inference_collector {
public:
    llm::inference_set set;

    std::uint32_t model(const std::string& name) {
        return find(models_, name, [&] { set.models.push_back(read_model<llm::model>(name).value); }, set.models);
    }
    std::uint32_t system(const std::string& gpu) {
        return find(systems_, gpu, [&] { set.systems.push_back(measured_system(gpu)); }, set.systems);
    }
    void leave_out(const named_row& row, const std::string& why) { leave_out(row.place(), why); }
    void leave_out(const std::string& place, const std::string& why) {
        set.left_out.push_back(fmt::format("{}: {}", place, why));
    }

    /// A row of the table of deployments.
    struct candidate {
        llm::measured_serving row;
        bool batch_known = false;
    };
    std::vector<candidate> candidates;

private:
    template <class Make, class List>
    static std::uint32_t find(std::map<std::string, std::uint32_t>& in, const std::string& name, Make make,
                              const List& list) {
        const auto at = in.find(name);
        if (at != in.end()) return at->second;
        make();
        const auto index = static_cast<std::uint32_t>(list.size() - 1);
        in.emplace(name, index);
        return index;
    }

    std::map<std::string, std::uint32_t> models_;
    std::map<std::string, std::uint32_t> systems_;
};

/// 1 where the table has nothing or 0.
std::uint32_t size_of(const named_row& row, const std::string& name) {
    return row.empty(name) || row.number(name) < 1 ? 1 : row.count(name);
}

llm::inference_plan plan_of(const named_row& row, const std::string& pool) {
    return {.tp = size_of(row, pool + "tp_size"),
            .attention_dp = size_of(row, pool + "attention_dp_size"),
            .pp = size_of(row, pool + "pp_size"),
            .ep = size_of(row, pool + "moe_ep_size")};
}

void set_precision(llm::inference_plan& p, const named_row& row, bool wide_mixers) {
    using enum llm::precision_kind;
    const auto of = [&](const char* column) {
        const std::string text = row.text(column);
        return text == "nvfp4" ? nvfp4 : text.starts_with("fp8") ? fp8 : bf16;
    };
    p.precision = of("moe_quant_mode");
    p.mixers = wide_mixers ? bf16 : of("gemm_quant_mode");
    // TensorRT-LLM keeps the cache of quantised models in fp8; the others in bf16 unless asked to.
    p.cache_bytes = row.text("backend") == "trtllm" && p.precision != bf16 ? 1 : 2;
}

std::string text_of(const llm::inference_plan& p) {
    return fmt::format("tp{} dp{} pp{} ep{}", p.tp, p.attention_dp, p.pp, p.ep);
}

void read_serving_row(const named_row& row, inference_collector& to) {
    const std::string name = row.text("model_path");
    const auto known = std::find_if(served_names.begin(), served_names.end(),
                                    [&](const served_name& s) { return name.ends_with(s.in_table); });
    if (known == served_names.end()) {
        to.leave_out(row, "the catalogue has no " + name);
        return;
    }
    std::string gpu = row.text("system");
    if (gpu.ends_with("_sxm")) gpu.resize(gpu.size() - 4);
    const bool split = row.text("mode") == "disagg";
    const std::string program = row.text("backend");
    llm::measured_serving m{.family = std::string{known->family},
                            .where = row.place(),
                            .model = to.model(std::string{known->model}),
                            .system = to.system(gpu),
                            .ttft_s = row.number("silicon_ttft_ms") * 1e-3,
                            .tpot_s = row.number("silicon_tpot_ms") * 1e-3};
    m.as.software = program;
    m.as.admission = program == "sglang" ? llm::admission_kind::waves : llm::admission_kind::mixed;
    m.as.step_tokens = program == "sglang" ? 16384 : 8192;
    m.as.decode = plan_of(row, split ? "decode_" : "");
    const std::string precision = row.text("precision");
    set_precision(m.as.decode, row, known->wide_mixers);
    m.load = {.prompt = row.number("isl"), .output = row.number("osl")};
    bool batch_known = false;
    if (split) {
        m.as.prefill = plan_of(row, "prefill_");
        set_precision(m.as.prefill, row, known->wide_mixers);
        m.as.prefill_workers = row.count("prefill_num_workers", 1);
        m.as.decode_workers = row.count("decode_num_workers", 1);
        batch_known = !row.empty("decode_num_workers");
        m.load.concurrency = row.empty("concurrency") ? 0 : row.number("concurrency");
    } else {
        // Replicas beside each other are told by the batch alone.
        m.load.concurrency = row.empty("batch_size") ? 0 : row.number("batch_size") * m.as.decode.attention_dp;
        batch_known = m.load.concurrency > 0 && !row.empty("concurrency");
    }
    m.deployment = fmt::format("{} {} {} {} {} {}", known->model, gpu, program, row.text("backend_version"),
                               precision.empty() ? "bf16" : precision, text_of(m.as.decode));
    if (split)
        m.deployment +=
            fmt::format(" x{}, prefill {} x{}", m.as.decode_workers, text_of(m.as.prefill), m.as.prefill_workers);
    if (m.ttft_s <= 0 || m.tpot_s <= 0) {
        to.leave_out(row, "no times");
        return;
    }
    to.candidates.push_back({std::move(m), batch_known});
}

/// What makes two rows the same measurement, whatever plan they stand under.
auto identity_of(const llm::measured_serving& m) {
    return std::tuple{m.system, m.family, m.load.prompt, m.load.output, m.ttft_s, m.tpot_s};
}

/// Keeps of each measurement one row, and those whose batch and plan are known.
void choose_rows(inference_collector& to) {
    std::map<decltype(identity_of(to.candidates.front().row)), std::vector<std::size_t>> same;
    for (std::size_t i = 0; i < to.candidates.size(); ++i) same[identity_of(to.candidates[i].row)].push_back(i);
    std::vector<std::size_t> kept;
    for (std::size_t i = 0; i < to.candidates.size(); ++i) {
        const auto& c = to.candidates[i];
        const auto& rows = same[identity_of(c.row)];
        if (!c.batch_known || !(c.row.load.concurrency > 0)) {
            to.leave_out(c.row.where, "how many requests a replica works on was not published");
            continue;
        }
        const auto better = [&](std::size_t other) {
            const auto& o = to.candidates[other];
            return o.batch_known && (o.row.as.split() != c.row.as.split() ? o.row.as.split() : other < i);
        };
        if (std::any_of(rows.begin(), rows.end(), better)) {
            to.leave_out(c.row.where, "a measurement that stands there twice");
            continue;
        }
        // An aggregated row that repeats one of pools has the sum of their GPUs as its plan.
        if (!c.row.as.split() &&
            std::any_of(rows.begin(), rows.end(), [&](std::size_t o) { return to.candidates[o].row.as.split(); })) {
            to.leave_out(c.row.where, "the same measurement stands there as one of two pools");
            continue;
        }
        const std::string fault = llm::fault_of(to.set.model_of(c.row), c.row.as.decode, to.set.system_of(c.row));
        const double heads = to.set.model_of(c.row).layers.front().heads.value_or(1);
        if (!fault.empty() || std::fmod(heads, c.row.as.decode.tp) != 0 || c.row.as.decode.tp > widest_group) {
            to.leave_out(c.row.where, fault.empty() ? "its tensor group is the sum of several workers" : fault);
            continue;
        }
        const double length = c.row.load.prompt + c.row.load.output;
        if (llm::cache_tokens(to.set.model_of(c.row), c.row.as.decode, to.set.system_of(c.row), length) < length) {
            to.leave_out(c.row.where, "its weights leave no memory for a request: not the plan that ran");
            continue;
        }
        kept.push_back(i);
    }
    std::map<std::tuple<std::string, double, double, double>, std::vector<std::size_t>> keys;
    for (const std::size_t i : kept) {
        const auto& m = to.candidates[i].row;
        keys[{m.deployment, m.load.prompt, m.load.output, m.load.concurrency}].push_back(i);
    }
    const auto disturbed = [&](const llm::measured_serving& m) {
        const auto first = keys.upper_bound({m.deployment, m.load.prompt, m.load.output, m.load.concurrency});
        for (auto at = first; at != keys.end(); ++at) {
            const auto& other = to.candidates[at->second.front()].row;
            if (other.deployment != m.deployment || other.load.prompt != m.load.prompt ||
                other.load.output != m.load.output)
                return false;
            if (m.tpot_s > usual_rise * other.tpot_s) return true;
        }
        return false;
    };
    for (const std::size_t i : kept) {
        auto& m = to.candidates[i].row;
        const auto& rows = keys[{m.deployment, m.load.prompt, m.load.output, m.load.concurrency}];
        double least = m.tpot_s;
        double most = m.tpot_s;
        for (const std::size_t o : rows) {
            least = std::min(least, to.candidates[o].row.tpot_s);
            most = std::max(most, to.candidates[o].row.tpot_s);
        }
        if (most > 1.05 * least)
            to.leave_out(m.where, "measurements of this deployment under this load disagree");
        else if (disturbed(m))
            to.leave_out(m.where, "slower than the same deployment under more load: something else ran");
        else if (i != rows.front())
            to.leave_out(m.where, "a measurement that stands there twice");
        else
            to.set.rows.push_back(m);
    }
}

double format_bytes(const std::string& text) {
    return text == "bfloat16"
               ? 2
               : llm::weight_bytes(text == "nvfp4" ? llm::precision_kind::nvfp4 : llm::precision_kind::fp8);
}

void read_exchange_row(const named_row& row, inference_collector& to) {
    const std::string op = row.text("op_name");
    if (op != "alltoall_dispatch" && op != "alltoall_combine") {
        to.leave_out(row, op + ": no transfer of tokens as the model has it");
        return;
    }
    if (row.text("distribution") != "balanced") {
        to.leave_out(row, "tokens are not spread evenly");
        return;
    }
    const double number_b = op == "alltoall_combine" ? 2 : format_bytes(row.text("moe_dtype"));
    to.set.exchanges.push_back({.ranks = row.number("moe_ep_size"),
                                .tokens = row.number("num_tokens"),
                                .token_bytes = number_b * row.number("hidden_size"),
                                .active = row.number("topk"),
                                .link_b_s = to.set.systems[to.system(row.text("system"))].domain_b_s,
                                .time_s = row.number("latency_ms") * 1e-3});
}

void read_deepep_row(const named_row& row, inference_collector& to) {
    std::string gpu = row.text("system");
    if (gpu.ends_with("_sxm")) gpu.resize(gpu.size() - 4);
    static constexpr std::array<std::string_view, 6> known{"h100", "h200", "b200", "b300", "gb200", "gb300"};
    if (std::find(known.begin(), known.end(), gpu) == known.end()) {
        to.leave_out(row, "the catalogue has no " + gpu);
        return;
    }
    const llm::system& s = to.set.systems[to.system(gpu)];
    const double ranks = row.number("node_num") * s.node_gpus;
    // Dispatched in fp8 with a scale per 128, combined in bf16.
    for (const auto& [column, number_b] : {std::pair{"dispatch_avg_t_us", 1 + 4.0 / 128}, {"combine_avg_t_us", 2.0}})
        to.set.exchanges.push_back({.ranks = ranks,
                                    .tokens = row.number("num_token"),
                                    .token_bytes = number_b * row.number("hidden_size"),
                                    .active = row.number("num_topk"),
                                    .link_b_s = s.domain_b_s,
                                    .time_s = row.number(column) * 1e-6});
}

void read_expert_row(const named_row& row, inference_collector& to) {
    if (row.text("distribution") != "balanced") {
        to.leave_out(row, "tokens are not spread evenly");
        return;
    }
    const std::string format = row.text("moe_dtype");
    const double ranks = row.number("moe_ep_size") * row.number("moe_tp_size");
    to.set.experts.push_back({.system = to.system(row.text("system")),
                              .precision = format == "bfloat16" ? llm::precision_kind::bf16
                                           : format == "nvfp4"  ? llm::precision_kind::nvfp4
                                                                : llm::precision_kind::fp8,
                              .tokens = row.number("num_tokens"),
                              .experts = row.number("num_experts"),
                              .active = row.number("topk"),
                              .hidden = row.number("hidden_size"),
                              .width = row.number("inter_size"),
                              .gpus = ranks,
                              .time_s = row.number("latency_ms") * 1e-3});
}

/// Benchmarks of MLPerf and the mean lengths of their requests.
struct benchmark {
    std::string_view in_table;
    std::string_view model;
    /// Mean and cut of the data set are usual values: no reference checked.
    llm::length_law prompt;
    /// The mean is that of the runs; the spread is what median, mean and percentiles of their latencies tell.
    llm::length_law output;
};
constexpr std::array benchmarks{benchmark{"llama2-70b-99", "llama-2-70b", {294, 0.8, 1024}, {281, 0.6, 1024}},
                                benchmark{"llama3.1-405b", "llama-3.1-405b", {9428, 0.35, 20000}, {656, 0.3, 2000}},
                                benchmark{"llama3.1-8b", "llama-3.1-8b", {870, 0.5, 2600}, {129, 0, 0}},
                                benchmark{"deepseek-r1", "deepseek-r1", {800, 0.8, 3200}, {3710, 1.2, 20000}}};

const benchmark* find_benchmark(const named_row& row, inference_collector& to) {
    const std::string name = row.text("model");
    const auto at =
        std::find_if(benchmarks.begin(), benchmarks.end(), [&](const benchmark& b) { return b.in_table == name; });
    if (at != benchmarks.end()) return &*at;
    to.leave_out(row, "no lengths are known of " + name);
    return nullptr;
}

constexpr double least_requests = 64;  ///< for which a replica has memory

/// Replicas as configurations of NVIDIA's submissions to MLPerf Inference have them, which others run too; excerpts,
/// whose round was not checked. Two stages of two GPUs each count as four GPUs that share a product.
llm::inference_deployment usual_plan(const llm::measured_server& r, const llm::model& m, const llm::system& s) {
    llm::inference_deployment d = r.like;
    const bool blackwell = d.decode.precision == llm::precision_kind::nvfp4;
    if (m.has_experts()) {
        d.decode.attention_dp = d.decode.ep = 8;
    } else if (r.goal.prompt > 4096) {
        d.decode.tp = blackwell ? 4 : 8;
    }
    const double length = r.goal.prompt + r.goal.output;
    while (d.decode.tp < 8 && llm::cache_tokens(m, d.decode, s, length) < least_requests * length) d.decode.tp *= 2;
    d.decode_workers = r.gpus / d.decode.gpus();
    return d;
}

llm::measured_server server_of(const named_row& row, const benchmark& b, inference_collector& to) {
    llm::measured_server out{.suite = "mlperf " + lower(row.text("scenario")),
                             .where = row.place(),
                             .model = to.model(std::string{b.model}),
                             .system = to.system(lower(row.text("gpu"))),
                             .gpus = row.count("gpus"),
                             .goal = {.prompt = b.prompt.mean, .output = b.output.mean},
                             .prompt = b.prompt,
                             .output = b.output};
    llm::inference_plan& p = out.like.decode;
    const bool fp4 = row.text("weight_dtype") == "fp4";
    p.precision = fp4 ? llm::precision_kind::nvfp4 : llm::precision_kind::fp8;
    // nvidia/DeepSeek-R1-FP4 is taken to leave attention in bf16: the card of its v2 tells what that quantises further.
    p.mixers = fp4 && b.model == "deepseek-r1" ? llm::precision_kind::bf16 : p.precision;
    p.cache_bytes = 1;
    out.usual = usual_plan(out, to.set.models[out.model], to.set.systems[out.system]);
    return out;
}

void read_server_row(const named_row& row, inference_collector& to) {
    const benchmark* const b = find_benchmark(row, to);
    if (b == nullptr) return;
    if (row.empty("completed_samples_per_s") || row.number("completed_samples_per_s") <= 0) {
        to.leave_out(row, "no rate was published");
        return;
    }
    llm::measured_server m = server_of(row, *b, to);
    m.requests_s = row.number("completed_samples_per_s");
    m.goal.output = m.output.mean = row.number("completed_tokens_per_s") / m.requests_s;
    m.goal.most_ttft_s = row.number("ttft_limit_ms") * 1e-3;
    m.goal.most_tpot_s = row.number("tpot_limit_ms") * 1e-3;
    m.ttft_s = row.number("ttft_p50_ms") * 1e-3;
    m.tpot_s = row.number("tpot_p50_ms") * 1e-3;
    m.tpot_p99_s = row.number("tpot_p99_ms") * 1e-3;
    to.set.servers.push_back(std::move(m));
}

void read_offline_row(const named_row& row, inference_collector& to) {
    const benchmark* const b = find_benchmark(row, to);
    if (b == nullptr) return;
    if (row.text("scenario") != "Offline") {
        to.leave_out(row, "runs within limits of latency are read with their latencies");
        return;
    }
    llm::measured_server m = server_of(row, *b, to);
    m.requests_s = row.number("result") / (row.text("unit") == "Tokens/s" ? m.goal.output : 1);
    to.set.servers.push_back(std::move(m));
}

using inference_table = measured_table<inference_collector>;
constexpr std::array inference_tables{inference_table{"inference_e2e_aic_silicon.csv", read_serving_row},
                                      inference_table{"moe_alltoall_gb200.csv", read_exchange_row},
                                      inference_table{"moe_deepep_ll.csv", read_deepep_row},
                                      inference_table{"moe_expert_gemm_gb200_gb300.csv", read_expert_row},
                                      inference_table{"mlperf_inference_server_latency.csv", read_server_row},
                                      inference_table{"mlperf_inference_v51.csv", read_offline_row}};

}  // namespace

llm::inference_set read_inference_measurements(const fs::path& folder) {
    inference_collector to;
    read_tables<inference_collector>(folder, inference_tables, to, "inference",
                                     "calibrate_inference_e2e_aic_silicon.csv");
    choose_rows(to);
    return std::move(to.set);
}

namespace {

std::string seconds_text(double s) {
    return s < 1e-3 ? fmt::format("{:.4g} us", 1e6 * s) : fmt::format("{:.4g} ms", 1e3 * s);
}

std::string error_note(const std::vector<llm::compared_serving>& rows) {
    if (rows.empty()) return "no row: as the others of its generation";
    return fmt::format("{} row{}, median error per token {:.1f} %", rows.size(), rows.size() == 1 ? "" : "s",
                       100 * llm::median_error(rows, &llm::compared_serving::tpot_error));
}

std::string tuned_text(const llm::inference_software& s) {
    std::string out;
    const auto add = [&](std::string_view key, const std::optional<double>& v) {
        if (v) out += fmt::format(", {}: {:.4g}", key, *v);
    };
    add("products", s.products);
    add("nvfp4", s.nvfp4);
    add("traffic", s.traffic);
    add("layer", s.layer);
    add("reduce", s.reduce);
    return out;
}

std::string tuned_note(const llm::inference_set& set, const llm::inference_efficiency& e) {
    std::vector<double> errors;
    for (const llm::measured_server& r : set.servers) {
        if (r.fitted && r.usual.decode_workers > 0) errors.push_back(std::abs(llm::tuned_error(set, r, e)));
    }
    if (errors.empty()) return "no row";
    std::sort(errors.begin(), errors.end());
    return fmt::format("{} runs, median error of the time of a request {:.1f} %", errors.size(),
                       100 * errors[errors.size() / 2]);
}

}  // namespace

std::string calibration_file(const std::string& name, const llm::inference_efficiency& e,
                             const llm::inference_set& set) {
    const std::vector<llm::compared_serving> compared = llm::compare(set, e);
    const auto note_of = [&](const auto& matches) {
        std::vector<llm::compared_serving> out;
        for (const llm::compared_serving& r : compared) {
            if (set.rows[r.row].fitted && matches(set.rows[r.row])) out.push_back(r);
        }
        return error_note(out);
    };
    std::string out =
        "# Written by `ampacity calibrate inference`: fitted to measured deployments, see docs/inference-models.md.\n";
    out += fmt::format("ampacity-inference-efficiency: 1\nname: {}\n", name);
    out += "doc: \"what inference reaches of the peaks of GPUs and links\"\nsources:\n";
    out +=
        "  fit: \"least squares over measured deployments: ai-dynamo/aiconfigurator@095f58a silicon_sample.csv "
        "(Apache-2.0)\"\n";
    if (std::any_of(e.software.begin(), e.software.end(), [](const auto& s) { return s.tuned(); }))
        out +=
            "  tuned: \"least squares over closed results of MLPerf Inference v5.1 (Apache-2.0), under plans as "
            "in NVIDIA's configurations, rounds not checked\"\n";
    out += "  exchange: \"least squares over all-to-alls of the same, TensorRT-LLM on GB200 and DeepEP\"\n";
    out += "  usual: \"usual value, no reference checked\"\n";
    const std::string all = "aggregated: " + note_of([](const llm::measured_serving& r) { return !r.as.split(); }) +
                            ", pools: " + note_of([](const llm::measured_serving& r) { return r.as.split(); });
    const auto line = [&](std::string_view key, const std::string& value, std::string_view source = "fit",
                          std::string_view confidence = "derived", std::string note = {}) {
        out += fmt::format("{}: {{ value: {}, source: {}, confidence: {}, note: \"{}\" }}\n", key, value, source,
                           confidence, note.empty() ? all : note);
    };
    const auto number = [](double v) { return fmt::format("{:.4g}", v); };
    line("attention", number(e.attention));
    line("cache", number(e.cache));
    line("experts", number(e.experts));
    line("imbalance", number(e.imbalance));
    line("traffic", number(e.traffic));
    line("layer", seconds_text(e.layer_s));
    line("expert_layer", seconds_text(e.expert_layer_s));
    line("reduce", seconds_text(e.reduce_s));
    line("reduce_share", number(e.reduce_share));
    const std::string exchanges =
        fmt::format("{} all-to-alls, mean error {:.1f} %", set.exchanges.size(), 100 * llm::exchange_error(set, e));
    line("exchange", seconds_text(e.exchange_s), "exchange", "derived", exchanges);
    line("exchange_share", number(e.exchange_share), "exchange", "derived", exchanges);
    line("rail", seconds_text(e.rail_s), "usual", "assumption", "not fitted: few rows leave a domain");
    line("rail_share", number(e.rail_share), "usual", "assumption", "not fitted: few rows leave a domain");
    out += "gpus:\n";
    for (const llm::inference_gpu& g : e.gpus)
        out += fmt::format(
            "  - {{ name: {}, bf16: {:.4g}, fp8: {:.4g}, nvfp4: {:.4g}, memory: {:.4g}, source: fit, confidence: "
            "derived, note: \"{}\" }}\n",
            g.name, g.bf16, g.fp8, g.nvfp4, g.memory,
            note_of([&](const llm::measured_serving& r) { return set.system_of(r).accelerator == g.name; }));
    out += "software:\n";
    for (const llm::inference_software& s : e.software) {
        const std::string note = s.tuned()
                                     ? tuned_note(set, e)
                                     : note_of([&](const llm::measured_serving& r) { return r.as.software == s.name; });
        out += fmt::format("  - {{ name: {}, step: {}, request: {}, handover: {}, burst: {:.4g}{}, source: {}, ",
                           s.name, seconds_text(s.step_s), seconds_text(s.request_s), seconds_text(s.handover_s),
                           s.burst, tuned_text(s), s.tuned() ? "tuned" : "fit");
        out += fmt::format("confidence: derived, note: \"{}\" }}\n", note);
    }
    return out;
}

}  // namespace ampacity::io
