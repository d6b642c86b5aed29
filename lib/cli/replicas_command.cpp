#include "replicas_command.hpp"

#include "named_system.hpp"
#include "text_table.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/serving/percentile_planner.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::cli {
namespace {

using json = nlohmann::ordered_json;

[[noreturn]] void refuse(const std::string& option, std::string what, std::string value, std::string remedy) {
    throw scenario_error({{.file = option}, {}, std::move(what), std::move(value), std::move(remedy)});
}

llm::length_law law_of(const char* option, double mean, double sigma, double most) {
    if (most > 0 && most <= mean)
        refuse(option, "lengths are cut below their mean", fmt::format("{}", most), "write more than the mean");
    return {.mean = mean, .sigma = sigma, .most = most};
}

json to_json(const serving::latency_percentiles& l) {
    return {{"requests_s", l.requests_s},
            {"ttft_p50_s", l.ttft_p50_s},
            {"ttft_p99_s", l.ttft_p99_s},
            {"tpot_p50_s", l.tpot_p50_s},
            {"tpot_p99_s", l.tpot_p99_s}};
}

void print_json(const replicas_options& o, const llm::inference_deployment& d, const serving::latency_percentiles& most,
                const serving::latency_percentiles* under) {
    json out{{"schema", 1},
             {"model", o.model},
             {"gpus", o.gpus},
             {"software", o.software},
             {"precision", llm::name_of(d.decode.precision)},
             {"plan", {{"tp", d.decode.tp}, {"attention_dp", d.decode.attention_dp}, {"ep", d.decode.ep}}},
             {"replicas", d.decode_workers},
             {"step_tokens", d.step_tokens},
             {"most", to_json(most)}};
    if (o.rate) out["under_rate"] = under == nullptr ? json{} : to_json(*under);
    fmt::print("{}\n", out.dump(2));
}

void print_text(const replicas_options& o, const llm::system& s, const llm::inference_deployment& d,
                const serving::latency_percentiles& most, const serving::latency_percentiles* under) {
    const llm::inference_plan& p = d.decode;
    fmt::print(
        "{} on {} GPUs of {} in {}, by {}: {} replicas of tp {}, attention_dp {}, ep {}, {:.0f} tokens a step\n\n",
        o.model, o.gpus, s.name, llm::name_of(p.precision), o.software, d.decode_workers, p.tp, p.attention_dp, p.ep,
        d.step_tokens);
    text_table table{18, {12, 12, 14, 14, 14, 14}};
    table.row({"", "requests/s", "tok/s/GPU", "TTFT p50 s", "TTFT p99 s", "TPOT p50 ms", "TPOT p99 ms"});
    const auto row = [&](const char* name, const serving::latency_percentiles& l) {
        table.row({name, fmt::format("{:.3g}", l.requests_s), fmt::format("{:.1f}", l.requests_s * o.output / o.gpus),
                   fmt::format("{:.3f}", l.ttft_p50_s), fmt::format("{:.3f}", l.ttft_p99_s),
                   fmt::format("{:.2f}", 1e3 * l.tpot_p50_s), fmt::format("{:.2f}", 1e3 * l.tpot_p99_s)});
    };
    row("within the limits", most);
    if (under != nullptr) row("at the rate given", *under);
    table.print();
}

}  // namespace

int replicas(const replicas_options& o) {
    const llm::model m = io::read_model<llm::model>(o.model, {}, {.file = "MODEL"}).value;
    const llm::system s = system_called(o.system);
    const auto e = io::read_model<llm::inference_efficiency>(o.coefficients, {}, {.file = "--coefficients"}).value;
    if (e.find(s.accelerator) == nullptr)
        refuse("--system", "no inference was measured on its GPU", s.accelerator, "name a system of other GPUs");
    std::vector<std::string_view> known;
    for (const llm::inference_software& one : e.software) known.push_back(one.name);
    if (std::find(known.begin(), known.end(), o.software) == known.end())
        refuse("--software", "no such program was measured", o.software, suggestion(o.software, known));
    llm::inference_deployment like{.software = o.software};
    like.decode.precision = like.decode.mixers = precision_called(o.precision, s);
    const bool narrow = o.software.starts_with("trtllm") && like.decode.precision != llm::precision_kind::bf16;
    like.decode.cache_bytes = narrow ? 1 : 2;
    const serving::percentile_goal goal{.prompt = law_of("--most-prompt", o.prompt, o.prompt_sigma, o.most_prompt),
                                        .output = law_of("--most-output", o.output, o.output_sigma, o.most_output),
                                        .most_ttft_s = o.ttft_ms * 1e-3,
                                        .most_tpot_s = o.tpot_ms * 1e-3};
    const serving::percentile_plan best = serving::best_within(m, o.gpus, like, goal, s, e);
    if (best.most.requests_s <= 0)
        refuse("replicas", "no replicas of " + m.name + " fit and keep the limits",
               fmt::format("{} GPUs of {}", o.gpus, s.name), "give more GPUs, or longer limits");
    std::optional<serving::latency_percentiles> under;
    const bool beyond = o.rate && *o.rate > best.most.requests_s;
    if (o.rate && !beyond) under = serving::latencies_at(m, best.as, goal, *o.rate, s, e);
    const serving::latency_percentiles* const at = under ? &*under : nullptr;
    o.json ? print_json(o, best.as, best.most, at) : print_text(o, s, best.as, best.most, at);
    if (beyond && !o.json) fmt::print("{} requests/s are more than they serve within the limits\n", *o.rate);
    return 0;
}

}  // namespace ampacity::cli
