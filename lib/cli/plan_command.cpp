#include "plan_command.hpp"

#include "named_system.hpp"
#include "text_table.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/planner.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::cli {
namespace {

using json = nlohmann::ordered_json;

[[noreturn]] void refuse(const std::string& option, std::string what, std::string value, std::string remedy) {
    throw scenario_error({{.file = option}, {}, std::move(what), std::move(value), std::move(remedy)});
}

/// 16 Mi tokens, and at least a sequence for every fourth GPU: a multiple of what the number of GPUs is made of, so
/// that data-parallel ranks can use all of them.
std::uint32_t usual_batch(const plan_options& o) {
    const std::uint64_t wanted = std::max<std::uint64_t>({64, (std::uint64_t{1} << 24U) / o.sequence, o.gpus / 4});
    std::uint64_t unit = o.gpus / std::gcd(o.gpus, std::uint64_t{64});
    for (int i = 0; i < 6 && 2 * unit <= wanted; ++i) unit *= 2;
    return static_cast<std::uint32_t>((wanted + unit - 1) / unit * unit);
}

std::string group_text(const char* name, const llm::group_span& g) {
    if (g.size() == 1) return {};
    return g.outside == 1 ? fmt::format("{} {} inside a domain", name, g.size())
                          : fmt::format("{} {} over {} domains, {} in each", name, g.size(), g.outside, g.inside);
}

std::vector<std::string> places_of(const llm::ranked_plan& r) {
    std::vector<std::string> out;
    for (std::string text : {group_text("tensor", r.map.tensor), group_text("context", r.map.context),
                             group_text("expert", r.map.expert), group_text("data", r.map.data)}) {
        if (!text.empty()) out.push_back(std::move(text));
    }
    if (r.plan.pp > 1)
        out.push_back(r.map.pipeline_crosses ? "pipeline stages over rails" : "pipeline stages inside a domain");
    return out;
}

void print_ranking(const llm::plan_ranking& ranking) {
    text_table table{4, {5, 8, 4, 5, 7, 4, 6, 17, 8, 9, 14, 7, 9, 9, 9, 9}};
    table.row({"rank", "tp", "pp", "cp", "ep", "dp", "mb", "ZeRO", "recompute", "GPUs", "step s", "tokens/s/GPU",
               "MFU %", "busy %", "bubble %", "exposed %", "GB"});
    std::size_t rank = 0;
    for (const llm::ranked_plan& r : ranking.plans) {
        const llm::parallel_plan& p = r.plan;
        const llm::training_step& t = r.step;
        const auto share = [&](double s) { return fmt::format("{:.1f}", 100 * s / t.time_s); };
        std::string again{llm::name_of(p.recompute)};
        if (p.recompute == llm::recompute_kind::full && p.recompute_share < 1)
            again += fmt::format(" {:.0f} %", 100 * p.recompute_share);
        table.row({fmt::to_string(++rank), fmt::to_string(p.tp),
                   p.vp > 1 ? fmt::format("{} x {}", p.pp, p.vp) : fmt::to_string(p.pp), fmt::to_string(p.cp),
                   fmt::to_string(p.ep), fmt::to_string(p.dp), fmt::to_string(p.micro_batch), fmt::to_string(p.zero),
                   std::move(again), fmt::to_string(p.gpus()), fmt::format("{:.3f}", t.time_s),
                   fmt::format("{:.0f}", t.tokens_per_s_per_gpu), fmt::format("{:.1f}", 100 * t.mfu),
                   share(t.parts.compute_s()), share(t.bubble_s), share(t.parts.exposed_s() + t.data_s),
                   fmt::format("{:.1f}", r.memory.total_b() / 1e9)});
    }
    table.print();
}

void print_best(const llm::ranked_plan& r) {
    const llm::training_step& t = r.step;
    const auto share = [&](double s) { return fmt::format("{:.1f} %", 100 * s / t.time_s); };
    text_table table{26, {10, 10, 14}};
    table.row({"of the best step", "s", "share", "all traffic s"});
    const auto row = [&](const char* name, double s, double traffic) {
        if (s == 0 && traffic == 0) return;
        std::vector<std::string> cells{name, fmt::format("{:.3f}", s), share(s)};
        if (traffic != 0) cells.push_back(fmt::format("{:.3f}", traffic));
        table.row(std::move(cells));
    };
    row("matrix products", t.parts.products_s, 0);
    row("attention and scans", t.parts.attention_s, 0);
    row("HBM traffic", t.parts.traffic_s, 0);
    row("launches", t.parts.launch_s, 0);
    row("bubble", t.bubble_s, 0);
    row("tensor, exposed", t.parts.tensor_s, t.traffic.tensor_s);
    row("context, exposed", t.parts.context_s, t.traffic.context_s);
    row("expert, exposed", t.parts.expert_s, t.traffic.expert_s);
    row("pipeline, exposed", t.parts.pipeline_s, t.traffic.pipeline_s);
    row("gathers, exposed", t.parts.gather_s, t.traffic.gather_s);
    row("data, exposed", t.data_s, t.traffic.data_s);
    row("optimizer", t.optimizer_s, 0);
    row("host", t.rest_s - t.data_s - t.optimizer_s, 0);
    row("step", t.time_s, 0);
    fmt::print("\n");
    table.print();
    const llm::memory_use& m = r.memory;
    fmt::print(
        "memory per GPU [GB]: {:.1f} weights, {:.1f} gradients, {:.1f} optimizer, {:.1f} activations, {:.1f} "
        "buffers\n",
        m.weights_b / 1e9, m.gradients_b / 1e9, m.optimizer_b / 1e9, m.activations_b / 1e9, m.buffers_b / 1e9);
    std::string places;
    for (const std::string& p : places_of(r)) places += (places.empty() ? "" : "; ") + p;
    if (!places.empty()) fmt::print("groups: {}\n", places);
}

json to_json(const llm::ranked_plan& r, const llm::system& s) {
    const llm::parallel_plan& p = r.plan;
    const llm::training_step& t = r.step;
    const auto span = [](const llm::group_span& g) { return json{{"inside", g.inside}, {"domains", g.outside}}; };
    return {{"plan",
             {{"tp", p.tp},
              {"pp", p.pp},
              {"vp", p.vp},
              {"cp", p.cp},
              {"ep", p.ep},
              {"dp", p.dp},
              {"micro_batch", p.micro_batch},
              {"zero", p.zero},
              {"recompute", llm::name_of(p.recompute)},
              {"recompute_share", p.recompute == llm::recompute_kind::full ? p.recompute_share : 0},
              {"gpus", p.gpus()}}},
            {"step_s", t.time_s},
            {"micro_batches", t.micro_batches},
            {"micro_batch_s", t.micro_batch_s},
            {"tokens_per_s_per_gpu", t.tokens_per_s_per_gpu},
            {"flop", t.flop},
            {"mfu", t.mfu},
            {"seconds",
             {{"products", t.parts.products_s},
              {"attention", t.parts.attention_s},
              {"traffic", t.parts.traffic_s},
              {"launch", t.parts.launch_s},
              {"bubble", t.bubble_s},
              {"optimizer", t.optimizer_s},
              {"rest", t.rest_s}}},
            {"exposed_s",
             {{"tensor", t.parts.tensor_s},
              {"context", t.parts.context_s},
              {"expert", t.parts.expert_s},
              {"pipeline", t.parts.pipeline_s},
              {"gather", t.parts.gather_s},
              {"data", t.data_s}}},
            {"traffic_s",
             {{"tensor", t.traffic.tensor_s},
              {"context", t.traffic.context_s},
              {"expert", t.traffic.expert_s},
              {"pipeline", t.traffic.pipeline_s},
              {"gather", t.traffic.gather_s},
              {"data", t.traffic.data_s}}},
            {"memory_b",
             {{"weights", r.memory.weights_b},
              {"gradients", r.memory.gradients_b},
              {"optimizer", r.memory.optimizer_b},
              {"activations", r.memory.activations_b},
              {"buffers", r.memory.buffers_b},
              {"total", r.memory.total_b()},
              {"of", s.memory_b}}},
            {"groups",
             {{"tensor", span(r.map.tensor)},
              {"context", span(r.map.context)},
              {"expert", span(r.map.expert)},
              {"data", span(r.map.data)},
              {"pipeline_crosses", r.map.pipeline_crosses}}}};
}

}  // namespace

int plan(const plan_options& o) {
    const llm::model m = io::read_model<llm::model>(o.model, {}, {.file = "MODEL"}).value;
    const llm::system s = system_called(o.system);
    const auto e = io::read_model<llm::training_efficiency>(o.coefficients, {}, {.file = "--coefficients"}).value;
    if (e.find(s.accelerator) == nullptr)
        refuse(
            "--system", "no training was measured on its GPU", s.accelerator, "name a system of " + [&] {
                std::string out;
                for (const auto& g : e.gpus) out += (out.empty() ? "" : ", ") + g.name;
                return out;
            }());
    if (o.mtp && m.mtp_layers.empty())
        refuse("--mtp", "the model has no multi-token prediction", m.name, "leave it out");
    llm::plan_request r{.gpus = o.gpus,
                        .batch = {o.batch.value_or(usual_batch(o)), o.sequence},
                        .precision = precision_called(o.precision, s),
                        .count = o.attention == "full" ? llm::attention_count::full : llm::attention_count::causal,
                        .with_mtp = o.mtp,
                        .fixed = o.fixed,
                        .top = o.top};
    if (!o.recipe.empty()) {
        r.recipe = e.find_recipe(o.recipe, s.accelerator, r.precision);
        if (!r.recipe) {
            std::vector<std::string_view> known;
            for (const auto& k : e.recipes) known.push_back(k.suite);
            refuse("--recipe", "no such suite", o.recipe, suggestion(o.recipe, known));
        }
    }
    const llm::plan_ranking ranking = llm::find_plans(m, s, e, r);
    if (!ranking.fault.empty())
        refuse("plan", "no plan for " + m.name + " on " + s.name, ranking.fault,
               "give more GPUs, another batch, or fewer fixed sizes");
    if (o.json) {
        json out{{"schema", 1},
                 {"model", m.name},
                 {"system", s.name},
                 {"gpus", o.gpus},
                 {"sequence", o.sequence},
                 {"batch", r.batch.sequences},
                 {"precision", llm::name_of(r.precision)},
                 {"attention", llm::name_of(r.count)},
                 {"valid", ranking.valid},
                 {"fitting", ranking.fitting},
                 {"plans", json::array()}};
        for (const auto& p : ranking.plans) out["plans"].push_back(to_json(p, s));
        fmt::print("{}\n", out.dump(2));
        return 0;
    }
    fmt::print("{} on {} GPUs of {} in {}: {} sequences of {} tokens per step\n", m.name, o.gpus, s.name,
               llm::name_of(r.precision), r.batch.sequences, o.sequence);
    fmt::print("{} plans can be, {} of them fit in {:.0f} GB; MFU with {} attention FLOP against the dense {} peak\n\n",
               ranking.valid, ranking.fitting, r.memory_share * s.memory_b / 1e9, llm::name_of(r.count),
               llm::name_of(r.precision));
    print_ranking(ranking);
    print_best(ranking.plans.front());
    return 0;
}

}  // namespace ampacity::cli
