#include "calibrate_command.hpp"
#include "text_table.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/inference_measurements.hpp>
#include <ampacity/serving/server_comparison.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace ampacity::cli {
namespace {

using json = nlohmann::ordered_json;
using rows = std::vector<llm::compared_serving>;
using servers = std::vector<serving::compared_server>;

/// What was compared, three ways.
struct comparisons {
    rows with{};                ///< coefficients from all rows
    rows without_deployment{};  ///< fitted without the deployment of the row
    rows without_family{};      ///< without its family of models
};

std::string percent(double share) { return fmt::format("{:.1f}", 100 * share); }
std::string median_of(const rows& of, double llm::compared_serving::* error) {
    return of.empty() ? "" : percent(llm::median_error(of, error));
}
std::string kind_of(const llm::inference_set& set, const llm::measured_serving& r) {
    return set.model_of(r).has_experts() ? "experts" : "dense";
}
std::string pools_of(const llm::measured_serving& r) { return r.as.split() ? "pools" : "replicas"; }

template <class Key>
void print_groups(const llm::inference_set& set, const comparisons& c, const char* title, Key key_of) {
    std::map<std::string, comparisons> groups;
    const auto add = [&](const rows& from, rows comparisons::* to) {
        for (const llm::compared_serving& r : from) (groups[key_of(set.rows[r.row], r)].*to).push_back(r);
    };
    add(c.with, &comparisons::with);
    add(c.without_deployment, &comparisons::without_deployment);
    add(c.without_family, &comparisons::without_family);
    using row = llm::compared_serving;
    text_table table{30, {6, 7, 7, 7, 8, 8, 8, 8, 8, 8}};
    table.row({title, "rows", "TPOT", "tok/s", "TTFT", "-d TPOT", "tok/s", "TTFT", "-f TPOT", "tok/s", "TTFT"});
    for (const auto& [key, g] : groups) {
        std::vector<std::string> cells{key, fmt::to_string(g.with.size())};
        for (const rows* of : {&g.with, &g.without_deployment, &g.without_family}) {
            cells.push_back(median_of(*of, &row::tpot_error));
            cells.push_back(median_of(*of, &row::throughput_error));
            cells.push_back(median_of(*of, &row::ttft_error));
        }
        table.row(std::move(cells));
    }
    fmt::print("\n");
    table.print();
}

void print_rows(const llm::inference_set& set, const comparisons& c) {
    std::map<std::uint32_t, const llm::compared_serving*> without;
    for (const auto& r : c.without_deployment) without[r.row] = &r;
    text_table table{70, {12, 9, 9, 8, 9, 9, 8, 9, 9, 8}};
    table.row({"deployment", "load", "TPOT ms", "modelled", "-d %", "TTFT s", "modelled", "-d %", "tok/s/GPU",
               "modelled", "-d %"});
    for (const llm::compared_serving& r : c.with) {
        const llm::measured_serving& m = set.rows[r.row];
        const auto at = without.find(r.row);
        const auto error = [&](double llm::compared_serving::* of) {
            return at == without.end() ? std::string{} : fmt::format("{:+.1f}", 100 * (at->second->*of));
        };
        table.row({m.deployment, fmt::format("{}/{} x{}", m.load.prompt, m.load.output, m.load.concurrency),
                   fmt::format("{:.2f}", 1e3 * m.tpot_s), fmt::format("{:.2f}", 1e3 * r.modelled.tpot_s),
                   error(&llm::compared_serving::tpot_error), fmt::format("{:.3f}", m.ttft_s),
                   fmt::format("{:.3f}", r.modelled.ttft_s), error(&llm::compared_serving::ttft_error),
                   fmt::format("{:.0f}", m.tokens_s_gpu()), fmt::format("{:.0f}", r.modelled.tokens_s_gpu),
                   error(&llm::compared_serving::throughput_error)});
    }
    fmt::print("\n");
    table.print();
}

/// Benchmark runs beside the best replicas.
struct server_comparisons {
    servers with{};
    servers without_model{};  ///< tuned engines fitted without the model
    servers without_gpu{};    ///< without the kind of GPU
};

using server_error = double (*)(const serving::compared_server&);

std::string median_of(const servers& of, const std::vector<bool>& in, server_error error) {
    std::vector<double> errors;
    for (const serving::compared_server& c : of) {
        if (const double e = std::abs(error(c)); in[c.row] && e > 0) errors.push_back(e);
    }
    if (errors.empty()) return "";
    std::sort(errors.begin(), errors.end());
    return percent(errors[errors.size() / 2]);
}

/// By suite, system and model.
std::map<std::string, std::vector<bool>> server_groups(const llm::inference_set& set) {
    std::map<std::string, std::vector<bool>> groups;
    for (std::size_t i = 0; i < set.servers.size(); ++i) {
        const llm::measured_server& m = set.servers[i];
        for (const std::string& key :
             {m.suite, m.suite + ' ' + set.models[m.model].name, m.suite + ' ' + set.systems[m.system].accelerator}) {
            groups[key].resize(set.servers.size());
            groups[key][i] = true;
        }
    }
    return groups;
}

void print_servers(const llm::inference_set& set, const server_comparisons& c, bool all) {
    if (c.with.empty()) return;
    using one = serving::compared_server;
    static constexpr server_error rate = [](const one& r) { return r.throughput_error; };
    static constexpr server_error tpot = [](const one& r) { return r.measured.tpot_p50; };
    static constexpr server_error tpot_p99 = [](const one& r) { return r.measured.tpot_p99; };
    static constexpr server_error ttft = [](const one& r) { return r.measured.ttft_p50; };
    static constexpr server_error own_tpot = [](const one& r) { return r.largest.tpot_p50; };
    static constexpr server_error own_tpot_p99 = [](const one& r) { return r.largest.tpot_p99; };
    static constexpr server_error own_ttft = [](const one& r) { return r.largest.ttft_p50; };
    text_table table{36, {5, 7, 7, 7, 7, 8, 7, 7, 9, 7, 7, 7, 9, 7, 7, 7}};
    table.row({"benchmarks, best replicas", "rows", "tok/s", "TPOT", "p99", "TTFT", "max TPOT", "p99", "TTFT",
               "-m tok/s", "TPOT", "p99", "TTFT", "-g tok/s", "TPOT", "p99", "TTFT"});
    for (const auto& [key, in] : server_groups(set)) {
        std::vector<std::string> cells{
            key, fmt::to_string(std::count_if(c.with.begin(), c.with.end(), [&](auto& r) { return in[r.row]; }))};
        for (const server_error e : {rate, tpot, tpot_p99, ttft, own_tpot, own_tpot_p99, own_ttft})
            cells.push_back(median_of(c.with, in, e));
        for (const servers* of : {&c.without_model, &c.without_gpu}) {
            for (const server_error e : {rate, tpot, tpot_p99, ttft}) cells.push_back(median_of(*of, in, e));
        }
        table.row(std::move(cells));
    }
    fmt::print("\n");
    table.print();
    if (!all) return;
    for (const one& r : c.with) {
        const llm::measured_server& m = set.servers[r.row];
        const llm::inference_plan& p = r.best.as.decode;
        fmt::print("  {} {} {} x{}, tp{} dp{} ep{} {:.0f} tokens: {:.2f}/s, modelled at most {:.2f}", m.suite,
                   set.models[m.model].name, set.systems[m.system].accelerator, m.gpus, p.tp, p.attention_dp, p.ep,
                   r.best.as.step_tokens, m.requests_s, r.best.most.requests_s);
        if (m.tpot_s > 0)
            fmt::print("; TPOT {:.1f} ms, {:.1f}, p99 {:.1f}, {:.1f}; TTFT {:.3f} s, {:.3f}", 1e3 * m.tpot_s,
                       1e3 * r.modelled.tpot_p50_s, 1e3 * m.tpot_p99_s, 1e3 * r.modelled.tpot_p99_s, m.ttft_s,
                       r.modelled.ttft_p50_s);
        fmt::print("\n");
    }
}

/// Reasons of rows that are left out, with how many of each.
void print_left_out(const llm::inference_set& set, bool all) {
    std::map<std::string, std::size_t> reasons;
    for (const std::string& row : set.left_out) ++reasons[row.substr(row.find(": ") + 2)];
    fmt::print("\nleft out:\n");
    for (const auto& [reason, count] : reasons) fmt::print("  {:>6}  {}\n", count, reason);
    if (!all) return;
    for (const std::string& row : set.left_out) fmt::print("  {}\n", row);
}

void print_text(const llm::inference_set& set, const llm::inference_efficiency& e, const comparisons& c,
                const server_comparisons& s, const calibrate_options& o) {
    fmt::print("{} rows of {}, {} rows left out\n", set.rows.size(), o.data, set.left_out.size());
    if (!set.exchanges.empty())
        fmt::print("{} all-to-alls, mean error {} %\n", set.exchanges.size(), percent(llm::exchange_error(set, e)));
    if (!set.experts.empty())
        fmt::print("{} products of experts, none of them fitted, mean error {} %\n", set.experts.size(),
                   percent(llm::expert_error(set, e)));
    fmt::print(
        "errors are medians of |modelled / measured - 1| in %; -d: fitted without the deployment, -f: without the\n"
        "family of models; load: requests per second / the most that the model lets the deployment serve, low < 0.3,\n"
        "below < 0.9, at, above (requests wait for memory or prefill)\n");
    using measured = llm::measured_serving;
    using compared = llm::compared_serving;
    print_groups(set, c, "deployment", [](const measured& m, const compared&) { return pools_of(m); });
    print_groups(set, c, "load", [](const measured& m, const compared& r) {
        return pools_of(m) + ' ' + std::string{llm::name_of(r.load)};
    });
    print_groups(set, c, "system, precision", [&](const measured& m, const compared&) {
        return fmt::format("{} {} {} {}", pools_of(m), set.system_of(m).accelerator,
                           llm::name_of(m.as.decode.precision), kind_of(set, m));
    });
    print_groups(set, c, "program",
                 [](const measured& m, const compared&) { return pools_of(m) + ' ' + m.as.software; });
    print_groups(set, c, "family", [](const measured& m, const compared&) { return pools_of(m) + ' ' + m.family; });
    if (o.rows) print_rows(set, c);
    print_servers(set, s, o.rows);
    print_left_out(set, o.rows);
}

json server_list(const llm::inference_set& set, const servers& of) {
    json list = json::array();
    for (const serving::compared_server& r : of) {
        const llm::measured_server& m = set.servers[r.row];
        const llm::inference_plan& p = r.best.as.decode;
        list.push_back({{"where", m.where},
                        {"suite", m.suite},
                        {"model", set.models[m.model].name},
                        {"accelerator", set.systems[m.system].accelerator},
                        {"gpus", m.gpus},
                        {"plan", {{"tp", p.tp}, {"attention_dp", p.attention_dp}, {"ep", p.ep}}},
                        {"step_tokens", r.best.as.step_tokens},
                        {"requests_s", {{"measured", m.requests_s}, {"modelled", r.best.most.requests_s}}},
                        {"ttft_p50_s", {{"measured", m.ttft_s}, {"modelled", r.modelled.ttft_p50_s}}},
                        {"tpot_p50_s", {{"measured", m.tpot_s}, {"modelled", r.modelled.tpot_p50_s}}},
                        {"tpot_p99_s", {{"measured", m.tpot_p99_s}, {"modelled", r.modelled.tpot_p99_s}}}});
    }
    return list;
}

void print_json(const llm::inference_set& set, const comparisons& c, const server_comparisons& s) {
    json out{{"schema", 1}, {"rows", set.rows.size()}, {"left_out", set.left_out}};
    const auto of = [&](const rows& from) {
        json list = json::array();
        for (const llm::compared_serving& r : from) {
            const llm::measured_serving& m = set.rows[r.row];
            list.push_back({{"where", m.where},
                            {"deployment", m.deployment},
                            {"family", m.family},
                            {"accelerator", set.system_of(m).accelerator},
                            {"experts", set.model_of(m).has_experts()},
                            {"pools", m.as.split()},
                            {"prompt", m.load.prompt},
                            {"output", m.load.output},
                            {"concurrency", m.load.concurrency},
                            {"load", llm::name_of(r.load)},
                            {"ttft_s", {{"measured", m.ttft_s}, {"modelled", r.modelled.ttft_s}}},
                            {"tpot_s", {{"measured", m.tpot_s}, {"modelled", r.modelled.tpot_s}}},
                            {"tokens_s_gpu", {{"measured", m.tokens_s_gpu()}, {"modelled", r.modelled.tokens_s_gpu}}}});
        }
        return list;
    };
    out["compared"] = of(c.with);
    out["without_deployment"] = of(c.without_deployment);
    out["without_family"] = of(c.without_family);
    out["servers"] = server_list(set, s.with);
    out["servers_without_model"] = server_list(set, s.without_model);
    out["servers_without_gpu"] = server_list(set, s.without_gpu);
    fmt::print("{}\n", out.dump(2));
}

}  // namespace

int calibrate_inference(const calibrate_options& o) {
    const llm::inference_set set = io::read_inference_measurements(o.data);
    const bool fit = o.coefficients.empty();
    llm::inference_efficiency e =
        fit ? llm::fit_inference(set) : io::read_model<llm::inference_efficiency>(o.coefficients).value;
    if (fit) {
        llm::fit_tuned(set, e);
        serving::fit_first_tokens(set, e);
    }
    comparisons c{.with = llm::compare(set, e)};
    server_comparisons s{.with = serving::compare_servers(set, e)};
    if (fit) {
        c.without_deployment = llm::leave_one_deployment_out(set);
        c.without_family = llm::leave_one_family_out(set);
        s.without_model = serving::leave_one_model_out(set, e);
        s.without_gpu = serving::leave_one_gpu_out(set, e);
    }
    o.json ? print_json(set, c, s) : print_text(set, e, c, s, o);
    if (o.output.empty()) return 0;
    std::ofstream out{o.output, std::ios::binary};
    out << io::calibration_file(std::filesystem::path{o.output}.stem().string(), e, set);
    out.close();
    if (!out)
        throw scenario_error({{o.output, 0, 0, {}}, {}, "the file cannot be written", {}, "check folder and space"});
    return 0;
}

}  // namespace ampacity::cli
