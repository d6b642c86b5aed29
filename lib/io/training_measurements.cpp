#include "measurement_rows.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/csv_reader.hpp>
#include <ampacity/io/training_measurements.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::io {
namespace fs = std::filesystem;

namespace {

/// Gathers steps, models and systems.
class collector {
public:
    llm::measured_set set;

    std::uint32_t model(const std::string& name) {
        return find(models_, name, [&] {
            set.models.push_back(read_model<llm::model>(name).value);
            return set.models.size();
        });
    }
    std::uint32_t model(const llm::model& m) {
        return find(models_, m.name, [&] {
            set.models.push_back(m);
            return set.models.size();
        });
    }
    std::uint32_t system(const std::string& gpu) {
        return find(systems_, gpu, [&] {
            set.systems.push_back(measured_system(gpu));
            return set.systems.size();
        });
    }
    void leave_out(const named_row& row, const std::string& why) {
        set.left_out.push_back(fmt::format("{}: {}", row.place(), why));
    }
    /// Adds a step whose plan can be; recomputes as little as fits where nothing was published of it.
    void add(const named_row& row, llm::measured_step m, bool recompute_known = false) {
        const llm::model& model = set.models[m.model];
        const llm::system& s = set.systems[m.system];
        const std::string fault = llm::fault_of(model, m.plan, m.batch, s);
        if (!fault.empty()) {
            leave_out(row, fault);
            return;
        }
        if (!recompute_known) llm::lighten(model, m.plan, m.batch, s);
        m.where = row.place();
        set.steps.push_back(std::move(m));
    }

private:
    template <class Make>
    static std::uint32_t find(std::map<std::string, std::uint32_t>& in, const std::string& name, Make make) {
        const auto at = in.find(name);
        if (at != in.end()) return at->second;
        const auto index = static_cast<std::uint32_t>(make() - 1);
        in.emplace(name, index);
        return index;
    }

    std::map<std::string, std::uint32_t> models_;
    std::map<std::string, std::uint32_t> systems_;
};

/// What the tables of Megatron-Bridge call a model.
struct bridge_name {
    std::string_view in_table;
    std::string_view model;   ///< of the catalogue; empty: left out
    std::string_view family;  ///< left out together; of a row that is left out: why
    bool with_mtp = false;
};
constexpr std::array bridge_names{
    bridge_name{"LLAMA3_8B", "llama-3.1-8b", "llama-3-8b"},
    bridge_name{"LLAMA3_70B", "llama-3.1-70b", "llama-3-70b"},
    bridge_name{"LLAMA3.1_405B", "llama-3.1-405b", "llama-3.1-405b"},
    bridge_name{"DeepSeekV3", "deepseek-v3", "deepseek-v3", true},
    bridge_name{"DeepSeekV3 (w/ MTP)", "deepseek-v3", "deepseek-v3", true},
    bridge_name{"DeepSeekV3 (w/o MTP)", "deepseek-v3", "deepseek-v3"},
    bridge_name{"DeepSeekV3 (dropless)", "deepseek-v3", "deepseek-v3", true},
    bridge_name{"DeepSeekV3 (tokendrop)", "", "tokens beyond the capacity of experts were dropped"},
    bridge_name{"DeepSeekV4 Flash", "deepseek-v4-flash", "deepseek-v4", true},
    bridge_name{"GPT OSS 120B", "gpt-oss-120b", "gpt-oss"},
    bridge_name{"GPT OSS 20B", "gpt-oss-20b", "gpt-oss"},
    bridge_name{"Qwen3_30B_a3B", "qwen3-30b-a3b", "qwen3-30b"},
    bridge_name{"Qwen3_30B_a3B (tokendrop)", "", "tokens beyond the capacity of experts were dropped"},
    bridge_name{"Qwen3_235B_a22B", "qwen3-235b-a22b", "qwen3-235b"},
    bridge_name{"Qwen3_235B_a22B (tokendrop)", "", "tokens beyond the capacity of experts were dropped"},
    bridge_name{"Kimi_K2", "kimi-k2", "kimi-k2"},
    bridge_name{"Nemotron_3_Nano", "nemotron-3-nano", "nemotron-3"},
    bridge_name{"Nemotron_3_Super", "nemotron-3-super", "nemotron-3", true},
    bridge_name{"Nemotron_3_Ultra", "nemotron-3-ultra", "nemotron-3", true},
    bridge_name{"Nemotron_3_5_Lightning", "", "its architecture was not found"}};

llm::precision_kind precision_of(const std::string& text, bool experts, const std::string& gpu) {
    const std::string p = lower(text);
    if (p == "bf16") return llm::precision_kind::bf16;
    if (p == "nvfp4") return llm::precision_kind::nvfp4;
    if (p == "mxfp8" || p == "fp8-mx") return llm::precision_kind::mxfp8;
    // The oldest tables do not say: blocks of 32 for experts on Blackwell, as the next ones.
    if (p.empty() && experts && gpu != "h100" && gpu != "h200") return llm::precision_kind::mxfp8;
    return llm::precision_kind::fp8;
}

void read_bridge_row(const named_row& row, collector& to) {
    const std::string name = row.text("model");
    const auto known = std::find_if(bridge_names.begin(), bridge_names.end(),
                                    [&](const bridge_name& b) { return b.in_table == name; });
    if (known == bridge_names.end()) {
        to.leave_out(row, "the catalogue has no " + name);
        return;
    }
    if (known->model.empty()) {
        to.leave_out(row, name + ": " + std::string{known->family});
        return;
    }
    std::string gpu = lower(row.text("system"));
    if (gpu.starts_with("dgx-")) gpu = gpu.substr(4);
    const std::string phase = row.text("phase");
    const bool pretraining = phase == "Pre-Training";
    llm::measured_step m{.suite = pretraining ? "megatron-bridge" : "megatron-bridge-" + lower(phase),
                         .family = std::string{known->family},
                         .software = row.text("container"),
                         .model = to.model(std::string{known->model}),
                         .system = to.system(gpu),
                         .time_s = row.number("step_time_s")};
    llm::parallel_plan& p = m.plan;
    p.tp = row.count("tp", 1);
    p.pp = row.count("pp", 1);
    p.vp = row.count("vp", 1);
    p.cp = row.count("cp", 1);
    p.ep = row.count("ep", 1);
    p.micro_batch = row.count("mbs");
    p.precision = precision_of(row.text("precision"), to.set.model_of(m).has_experts(), gpu);
    p.with_mtp = known->with_mtp;
    p.frozen = phase == "LoRA";
    const std::uint32_t gpus = row.count("gpus");
    if (gpus % (p.tp * p.pp * p.cp) != 0) {
        to.leave_out(row, "the GPUs are no multiple of tp x pp x cp");
        return;
    }
    p.dp = gpus / (p.tp * p.pp * p.cp);
    if (!row.empty("fsdp") && row.number("fsdp") > 0) p.zero = 3;
    m.batch = {row.count("gbs"), row.count("seq_len")};
    to.add(row, std::move(m));
}

void read_mlperf_row(const named_row& row, collector& to) {
    if (row.text("benchmark") != "llama31_405b" || row.empty("step_time_s_median") || row.empty("tp")) {
        to.leave_out(row, row.text("benchmark") + ": no step time or no plan was published");
        return;
    }
    llm::measured_step m{.suite = "mlperf-" + row.text("version"),
                         .family = "mlperf",
                         .software = row.text("version"),
                         .model = to.model("llama-3.1-405b"),
                         .system = to.system(lower(row.text("gpu"))),
                         .time_s = row.number("step_time_s_median"),
                         .recipe = true};
    llm::parallel_plan& p = m.plan;
    p.tp = row.count("tp");
    p.pp = row.count("pp");
    p.vp = 8;  // of all configurations of this benchmark
    p.cp = row.count("cp");
    p.dp = row.count("dp");
    p.precision = precision_of(row.text("precision"), false, lower(row.text("gpu")));
    m.batch = {row.count("gbs"), row.count("seq_len")};
    to.add(row, std::move(m));
}

void read_mlperf_small_row(const named_row& row, collector& to) {
    const bool lora = row.text("benchmark") == "llama2_70b_lora";
    if (!lora && row.text("benchmark") != "llama31_8b") {
        to.leave_out(row, "no model is known of " + row.text("benchmark"));
        return;
    }
    if (row.empty("tp")) {
        to.leave_out(row, row.text("benchmark") + ": no plan was published");
        return;
    }
    llm::measured_step m{.suite = lora ? "mlperf-lora" : "mlperf-8b",
                         .family = lora ? "mlperf-lora" : "mlperf-8b",
                         .software = row.text("version"),
                         .model = to.model(lora ? "llama-2-70b" : "llama-3.1-8b"),
                         .system = to.system(lower(row.text("gpu"))),
                         .time_s = row.empty("step_time_s_median") ? 0 : row.number("step_time_s_median"),
                         .fitted = false};
    llm::parallel_plan& p = m.plan;
    p.tp = row.count("tp");
    p.pp = row.count("pp");
    p.cp = row.count("cp");
    p.dp = row.count("dp");
    p.frozen = lora;
    p.precision = precision_of(row.text("precision"), false, lower(row.text("gpu")));
    m.batch = {row.count("gbs"), row.count("seq_len")};
    const std::uint32_t pieces = p.dp * row.count("grad_accum", 1);
    p.micro_batch = std::max(1U, m.batch.sequences / std::max(1U, pieces));
    to.add(row, std::move(m));
}

/// A GPT of Megatron: heads of queries, keys and values are as many, the inner width is 4 times the hidden size.
llm::model gpt(std::string name, std::uint32_t hidden, std::uint32_t layers, std::uint32_t heads,
               std::uint32_t length) {
    return {.name = std::move(name),
            .hidden = hidden,
            .vocabulary = 51200,
            .tied = true,
            .positions = length,
            .layers = {{.name = "dense",
                        .count = layers,
                        .heads = heads,
                        .kv_heads = heads,
                        .head_dim = hidden / heads,
                        .width = 4 * hidden,
                        .matrices = 2}}};
}

void read_seqpar_row(const named_row& row, collector& to) {
    const auto model =
        gpt(row.text("model"), row.count("hidden"), row.count("layers"), row.count("heads"), row.count("seq_len"));
    llm::measured_step m{.suite = "korthikanti",
                         .family = "korthikanti",
                         .software = "2022",
                         .model = to.model(model),
                         .system = to.system("a100-80gb"),
                         .time_s = row.number("measured_iteration_s")};
    m.plan = {.tp = row.count("tp"),
              .pp = row.count("pp"),
              .vp = row.count("pp_interleave"),
              .dp = row.count("dp"),
              .micro_batch = row.count("microbatch"),
              .zero = 0,
              .recompute = row.text("recompute") == "full" ? llm::recompute_kind::full : llm::recompute_kind::selective,
              .gradient_bytes = 4,
              .fused_attention = false};
    m.batch = {row.count("batch"), row.count("seq_len")};
    to.add(row, std::move(m), true);
}

void read_sc21_row(const named_row& row, collector& to) {
    const auto model = gpt(fmt::format("gpt-{}b", row.text("params_b")), row.count("hidden"), row.count("layers"),
                           row.count("heads"), row.count("seq_len"));
    llm::measured_step m{.suite = "sc21",
                         .family = "sc21",
                         .software = "2021",
                         .model = to.model(model),
                         .system = to.system("a100-80gb"),
                         .time_s = row.number("iteration_time_s_derived"),
                         .fitted = false,
                         .plan_known = false};
    const std::uint32_t gpus = row.count("gpus");
    m.plan = {.tp = row.count("tp"),
              .pp = row.count("pp"),
              .zero = 0,
              .recompute = llm::recompute_kind::full,
              .gradient_bytes = 4,
              .fused_attention = false};
    m.plan.dp = gpus / (m.plan.tp * m.plan.pp);
    m.batch = {row.count("batch"), row.count("seq_len")};
    to.add(row, std::move(m), true);
}

void read_nccl_row(const named_row& row, collector& to) {
    std::string gpu = row.text("system");
    if (gpu.ends_with("_sxm")) gpu.resize(gpu.size() - 4);
    static constexpr std::array<std::string_view, llm::num_collectives> names{"all_reduce", "all_gather",
                                                                              "reduce_scatter", "alltoall"};
    const auto kind = std::find(names.begin(), names.end(), row.text("op_name"));
    if (kind == names.end())
        row.fail("op_name", "no such collective", "write one of all_reduce, all_gather, reduce_scatter, alltoall");
    if (gpu != "gb200" && gpu != "gb300" && gpu != "b200" && gpu != "b300" && gpu != "h100" && gpu != "h200") {
        to.leave_out(row, "the catalogue has no " + gpu);
        return;
    }
    const double time_s = row.number("latency_ms") * 1e-3;
    const double bytes = row.number("message_bytes");
    if (time_s <= 0 || bytes <= 0) row.fail("latency_ms", "a time or a size of 0", "leave the row out");
    const llm::system& s = to.set.systems[to.system(gpu)];
    to.set.collectives.push_back({.accelerator = gpu,
                                  .kind = static_cast<llm::collective_kind>(kind - names.begin()),
                                  .ranks = static_cast<double>(row.count("num_gpus")),
                                  .bytes = bytes,
                                  .link_b_s = s.domain_b_s,
                                  .time_s = time_s});
}

using table = measured_table<collector>;
constexpr std::array tables{
    table{"training_megatron_bridge.csv", read_bridge_row},    table{"mlperf_training_pretrain.csv", read_mlperf_row},
    table{"mlperf_training_small.csv", read_mlperf_small_row}, table{"training_seqpar_a100.csv", read_seqpar_row},
    table{"training_megatron_sc21.csv", read_sc21_row},        table{"collectives_nccl.csv", read_nccl_row}};

/// Versions such as 26.06.01 by their numbers.
std::vector<double> numbers_of(const std::string& version) {
    std::vector<double> out;
    double part = 0;
    for (const char c : version + '.') {
        if (c == '.') {
            out.push_back(part);
            part = 0;
        } else if (c >= '0' && c <= '9') {
            part = part * 10 + (c - '0');
        }
    }
    return out;
}

/// A configuration is a model, with or without multi-token prediction, a system, a precision and a number of GPUs; the
/// rows of its latest version are judged and fitted.
void mark_superseded(llm::measured_set& set) {
    using key = std::tuple<std::string, std::uint32_t, bool, std::uint32_t, llm::precision_kind, std::uint64_t>;
    const auto key_of = [](const llm::measured_step& m) {
        return key{m.suite, m.model, m.plan.with_mtp, m.system, m.plan.precision, m.plan.gpus()};
    };
    std::map<key, std::vector<double>> latest;
    for (const auto& m : set.steps) {
        auto& v = latest[key_of(m)];
        v = std::max(v, numbers_of(m.software));
    }
    for (auto& m : set.steps) {
        if (!m.suite.starts_with("megatron-bridge")) continue;
        m.superseded = numbers_of(m.software) < latest[key_of(m)];
        m.fitted = !m.superseded && m.suite == "megatron-bridge";  // fine-tuning is told apart, and not fitted
    }
}

}  // namespace

llm::measured_set read_training_measurements(const fs::path& folder) {
    collector to;
    read_tables<collector>(folder, tables, to, "training", "calibrate_training_megatron_bridge.csv");
    mark_superseded(to.set);
    return std::move(to.set);
}

namespace {

/// `key: { value: 0.5, ... }` of a coefficient that all rows share.
std::string shared_line(std::string_view key, const std::string& value, std::string_view note) {
    return fmt::format("{}: {{ value: {}, source: fit, confidence: derived, note: \"{}\" }}\n", key, value, note);
}

std::string time_text(double seconds) {
    return std::abs(seconds) < 1e-3 ? fmt::format("{:.4g} us", 1e6 * seconds) : fmt::format("{:.4g} ms", 1e3 * seconds);
}

std::string error_note(const std::vector<llm::compared_step>& rows) {
    if (rows.empty()) return "no row: by its generation and by what other GPUs say of a precision";
    return fmt::format("{} row{}, mean error {:.1f} %", rows.size(), rows.size() == 1 ? "" : "s",
                       100 * llm::mean_error(rows));
}

}  // namespace

std::string calibration_file(const std::string& name, const llm::training_efficiency& e, const llm::measured_set& set) {
    const std::vector<llm::compared_step> compared = llm::compare(set, e);
    const auto rows_of = [&](const auto& matches) {
        std::vector<llm::compared_step> out;
        for (const llm::compared_step& r : compared) {
            const llm::measured_step& m = set.steps[r.row];
            if (m.fitted && matches(m)) out.push_back(r);
        }
        return out;
    };
    const auto dense = rows_of([&](const llm::measured_step& m) { return !m.recipe && !llm::has_experts(set, m); });
    const auto experts = rows_of([&](const llm::measured_step& m) { return !m.recipe && llm::has_experts(set, m); });
    std::string out =
        "# Written by `ampacity calibrate training`: fitted to measured steps, see docs/training-models.md.\n";
    out += fmt::format("ampacity-efficiency: 1\nname: {}\n", name);
    out += "doc: \"what training reaches of the peaks of GPUs and networks\"\nsources:\n";
    out +=
        "  fit: \"least squares over measured steps: NVIDIA-NeMo/Megatron-Bridge@067f987 (Apache-2.0), MLPerf Training "
        "v5.0 and v5.1 (MLCommons), Korthikanti et al. arXiv:2205.05198\"\n";
    out +=
        "  nccl: \"least squares over collectives of 2 to 8 GPUs of ai-dynamo/aiconfigurator@095f58a (Apache-2.0)\"\n";
    out += "  usual: \"usual value, no reference checked\"\n";
    const std::string all = fmt::format("dense: {}, experts: {}", error_note(dense), error_note(experts));
    const auto number = [&](std::string_view key, double v) { out += shared_line(key, fmt::format("{:.4g}", v), all); };
    number("attention", e.attention);
    number("small_dim", e.small_dim);
    number("traffic", e.traffic);
    number("expert_traffic", e.expert_traffic);
    number("scan_traffic", e.scan_traffic);
    out += shared_line("layer", time_text(e.layer_s), all);
    out += shared_line("expert_layer", time_text(e.expert_layer_s), all);
    number("tensor_exposed", e.tensor_exposed);
    number("context_exposed", e.context_exposed);
    number("expert_exposed", e.expert_exposed);
    number("pipeline_exposed", e.pipeline_exposed);
    number("data_exposed", e.data_exposed);
    number("gather_exposed", e.gather_exposed);
    out += fmt::format(
        "rail_share: {{ value: {:.4g}, source: usual, confidence: assumption, note: \"not fitted: it cannot be told "
        "from what is exposed\" }}\n",
        e.rail_share);
    out += shared_line("step", time_text(e.step_s), all);
    out += "gpus:\n";
    for (const llm::gpu_efficiency& g : e.gpus) {
        const auto rows = rows_of([&](const llm::measured_step& m) { return set.system_of(m).accelerator == g.name; });
        out += fmt::format(
            "  - {{ name: {}, bf16: {:.4g}, fp8: {:.4g}, mxfp8: {:.4g}, nvfp4: {:.4g}, host_factor: {:.4g}, source: "
            "fit, confidence: derived, note: \"{}\" }}\n",
            g.name, g.bf16, g.fp8, g.mxfp8, g.nvfp4, g.host_factor, error_note(rows));
    }
    out += "collectives:\n";
    const auto curves = llm::compare_curves(set, e);
    for (const llm::collective_efficiency& c : e.collectives) {
        const auto at = std::find_if(curves.begin(), curves.end(), [&](const llm::compared_curve& k) {
            return k.accelerator == c.accelerator && k.kind == c.kind;
        });
        const std::string note = at == curves.end()
                                     ? "no row: the curve of another GPU"
                                     : fmt::format("{} rows, mean error {:.1f} %", at->rows, 100 * at->curve_error);
        out += fmt::format(
            "  - {{ name: {}, accelerator: {}, kind: {}, latency: {}, share: {:.4g}, half: {:.4g} MB, source: nccl, "
            "confidence: derived, note: \"{}\" }}\n",
            c.name, c.accelerator, llm::name_of(c.kind), time_text(c.latency_s), c.share, c.half_b / 1e6, note);
    }
    if (!e.recipes.empty()) out += "recipes:\n";
    for (const llm::recipe_efficiency& r : e.recipes) {
        const auto rows = rows_of([&](const llm::measured_step& m) {
            return m.recipe && m.suite == r.suite && set.system_of(m).accelerator == r.accelerator &&
                   m.plan.precision == r.precision;
        });
        out += fmt::format(
            "  - {{ name: {}, suite: {}, accelerator: {}, precision: {}, time_factor: {:.4g}, step: {}, source: fit, "
            "confidence: derived, note: \"{}\" }}\n",
            r.name, r.suite, r.accelerator, llm::name_of(r.precision), r.time_factor, time_text(r.step_s),
            error_note(rows));
    }
    return out;
}

}  // namespace ampacity::io
