#include "calibrate_command.hpp"

#include "text_table.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/training_measurements.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::cli {
namespace {

using json = nlohmann::ordered_json;
using steps = std::vector<llm::compared_step>;

std::string percent(double share) { return fmt::format("{:.1f}", 100 * share); }
std::string percent_of(const steps& rows) { return rows.empty() ? "" : percent(llm::mean_error(rows)); }

std::string name_of_step(const llm::measured_set& set, const llm::measured_step& m) {
    const llm::parallel_plan& p = m.plan;
    std::string out = fmt::format("{}{} {} {} x{} tp{} pp{}", set.model_of(m).name, p.with_mtp ? "+mtp" : "",
                                  set.system_of(m).accelerator, llm::name_of(p.precision), p.gpus(), p.tp, p.pp);
    if (p.vp > 1) out += fmt::format("x{}", p.vp);
    return out + fmt::format(" cp{} ep{} mb{}", p.cp, p.ep, p.micro_batch);
}

/// What was compared, three ways.
struct comparisons {
    steps with{};            ///< coefficients from all rows
    steps without_family{};  ///< fitted without the family of the row
    steps without_row{};     ///< without its configuration; of recipes: without its scale
};

comparisons compare_all(const llm::measured_set& set, const llm::training_efficiency& e, bool fitted) {
    comparisons out{.with = llm::compare(set, e)};
    if (!fitted) return out;
    out.without_family = llm::leave_one_family_out(set);
    out.without_row = llm::leave_one_configuration_out(set);
    for (const llm::compared_step& s : llm::leave_one_scale_out(set, e)) out.without_row.push_back(s);
    return out;
}

/// Rows of one group, of each way.
struct group {
    steps with;
    steps without_family;
    steps without_row;
};

template <class Key>
std::map<decltype(std::declval<Key>()(std::declval<const llm::measured_step&>())), group> grouped(
    const llm::measured_set& set, const comparisons& c, Key key_of) {
    std::map<decltype(key_of(set.steps.front())), group> out;
    const auto add = [&](const steps& from, steps group::* to) {
        for (const llm::compared_step& s : from) {
            const llm::measured_step& m = set.steps[s.row];
            if (!m.superseded) (out[key_of(m)].*to).push_back(s);
        }
    };
    add(c.with, &group::with);
    add(c.without_family, &group::without_family);
    add(c.without_row, &group::without_row);
    return out;
}

std::string kind_of_model(const llm::measured_set& set, const llm::measured_step& m) {
    return llm::has_experts(set, m) ? "experts" : "dense";
}

template <class Key>
void print_groups(const llm::measured_set& set, const comparisons& c, const char* title, Key key_of) {
    text_table table{30, {6, 10, 10, 16, 16}};
    table.row({title, "rows", "error %", "median %", "no family %", "no row %"});
    for (const auto& [key, g] : grouped(set, c, key_of))
        table.row({key, fmt::to_string(g.with.size()), percent_of(g.with), percent(llm::median_error(g.with)),
                   percent_of(g.without_family), percent_of(g.without_row)});
    fmt::print("\n");
    table.print();
}

void print_rows(const llm::measured_set& set, const comparisons& c) {
    std::map<std::uint32_t, const llm::compared_step*> family;
    std::map<std::uint32_t, const llm::compared_step*> row;
    for (const auto& s : c.without_family) family[s.row] = &s;
    for (const auto& s : c.without_row) row[s.row] = &s;
    text_table table{66, {10, 10, 9, 13, 10}};
    table.row({"step", "measured s", "modelled s", "error %", "no family %", "no row %"});
    const auto signed_percent = [](const llm::compared_step* s) {
        return s == nullptr ? std::string{} : fmt::format("{:+.1f}", 100 * s->error());
    };
    for (const llm::compared_step& s : c.with) {
        const llm::measured_step& m = set.steps[s.row];
        if (m.superseded) continue;
        table.row({name_of_step(set, m) + " (" + m.suite + ")", fmt::format("{:.3f}", s.measured_s),
                   fmt::format("{:.3f}", s.modelled_s), signed_percent(&s),
                   signed_percent(family.contains(s.row) ? family[s.row] : nullptr),
                   signed_percent(row.contains(s.row) ? row[s.row] : nullptr)});
    }
    fmt::print("\n");
    table.print();
}

void print_memory(const llm::measured_set& set) {
    std::size_t fitting = 0;
    std::vector<std::string> faults;
    for (const llm::measured_step& m : set.steps) {
        const auto use = llm::memory_of(set.model_of(m), m.plan, m.batch);
        const std::string fault = llm::memory_fault_of(use, set.system_of(m));
        if (fault.empty())
            ++fitting;
        else
            faults.push_back(m.where + ": " + fault);
    }
    fmt::print("memory: {} of {} plans that ran fit\n", fitting, set.steps.size());
    for (const std::string& f : faults) fmt::print("  {}\n", f);
}

void print_drift(const llm::measured_set& set) {
    const std::vector<double> drift = llm::software_drift(set);
    if (drift.empty()) return;
    fmt::print("versions of the software differ on the same plan by {} % (median), {} % (p90), {} plans\n",
               percent(drift[drift.size() / 2]), percent(drift[drift.size() * 9 / 10]), drift.size());
}

void print_curves(const llm::measured_set& set, const llm::training_efficiency& e) {
    const auto curves = llm::compare_curves(set, e);
    if (curves.empty()) return;
    text_table table{30, {6, 12, 8, 12, 10, 16}};
    table.row({"collectives", "rows", "latency us", "share", "half MB", "error %", "alpha + V/B %"});
    for (const auto& c : curves)
        table.row({c.accelerator + ' ' + std::string{llm::name_of(c.kind)}, fmt::to_string(c.rows),
                   fmt::format("{:.1f}", 1e6 * c.curve.latency_s), fmt::format("{:.2f}", c.curve.share),
                   fmt::format("{:.1f}", c.curve.half_b / 1e6), percent(c.curve_error), percent(c.linear_error)});
    fmt::print("\n");
    table.print();
}

void print_text(const llm::measured_set& set, const llm::training_efficiency& e, const comparisons& c,
                const calibrate_options& o) {
    fmt::print("{} steps of {}, {} rows left out, {} collectives\n", set.steps.size(), o.data, set.left_out.size(),
               set.collectives.size());
    print_memory(set);
    print_drift(set);
    fmt::print(
        "errors are means of |modelled / measured - 1| over the latest software of each configuration; without the\n"
        "family: fitted to all others; without the row: to all other configurations, of recipes all other scales\n");
    print_groups(set, c, "suite", [&](const llm::measured_step& m) { return m.suite + ' ' + kind_of_model(set, m); });
    print_groups(set, c, "system, precision", [&](const llm::measured_step& m) {
        return fmt::format("{} {} {}{}", set.system_of(m).accelerator, llm::name_of(m.plan.precision),
                           kind_of_model(set, m), m.suite != "megatron-bridge" ? " " + m.suite : "");
    });
    print_groups(set, c, "family", [&](const llm::measured_step& m) { return m.family; });
    print_curves(set, e);
    if (!o.rows) return;
    print_rows(set, c);
    fmt::print("\nleft out:\n");
    for (const std::string& row : set.left_out) fmt::print("  {}\n", row);
}

void print_json(const llm::measured_set& set, const comparisons& c) {
    json out{{"schema", 1}, {"steps", set.steps.size()}, {"left_out", set.left_out}};
    const auto of = [&](const steps& rows) {
        json list = json::array();
        for (const llm::compared_step& s : rows) {
            const llm::measured_step& m = set.steps[s.row];
            list.push_back({{"where", m.where},
                            {"suite", m.suite},
                            {"family", m.family},
                            {"model", set.model_of(m).name},
                            {"accelerator", set.system_of(m).accelerator},
                            {"precision", llm::name_of(m.plan.precision)},
                            {"experts", llm::has_experts(set, m)},
                            {"gpus", m.plan.gpus()},
                            {"latest", !m.superseded},
                            {"measured_s", s.measured_s},
                            {"modelled_s", s.modelled_s}});
        }
        return list;
    };
    out["compared"] = of(c.with);
    out["without_family"] = of(c.without_family);
    out["without_row"] = of(c.without_row);
    fmt::print("{}\n", out.dump(2));
}

/// The name of a model for the file: that of the file itself.
void write_file(const std::string& path, const llm::training_efficiency& e, const llm::measured_set& set) {
    std::ofstream out{path, std::ios::binary};
    out << io::calibration_file(std::filesystem::path{path}.stem().string(), e, set);
    out.close();
    if (!out) throw scenario_error({{path, 0, 0, {}}, {}, "the file cannot be written", {}, "check folder and space"});
}

}  // namespace

int calibrate_training(const calibrate_options& o) {
    const llm::measured_set set = io::read_training_measurements(o.data);
    const bool fit = o.coefficients.empty();
    const llm::training_efficiency e =
        fit ? llm::fit_training(set) : io::read_model<llm::training_efficiency>(o.coefficients).value;
    const comparisons c = compare_all(set, e, fit);
    o.json ? print_json(set, c) : print_text(set, e, c, o);
    if (!o.output.empty()) write_file(o.output, e, set);
    return 0;
}

}  // namespace ampacity::cli
