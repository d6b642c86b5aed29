#include "compare_command.hpp"

#include "text_table.hpp"

#include <ampacity/experiment/compare.hpp>
#include <ampacity/io/metrics.hpp>
#include <ampacity/io/run_files.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace ampacity::cli {
namespace {

/// Digits behind the point that show five digits of the largest number.
int decimals_for(double largest) {
    if (!(largest > 0)) return 1;
    return std::clamp(4 - static_cast<int>(std::floor(std::log10(largest))), 0, 9);
}

std::string verdict_of(const experiment::compared_variant& v, experiment::direction better) {
    if (v.is_baseline) return "baseline";
    if (!v.difference) return "too few";
    if (!v.difference->significant) return "no difference shown";
    const bool is_lower = v.difference->mean < 0;
    return is_lower == (better == experiment::direction::lower) ? "better" : "worse";
}

std::string percent(double share) { return fmt::format("{:+.1f} %", 100 * share); }

void print_group(const experiment::compared_group& g, const experiment::compared_metric& m,
                 const experiment::comparison& all) {
    double largest = 0;
    for (const auto& v : g.variants) largest = std::max(largest, std::abs(v.mean.mean));
    const int decimals = decimals_for(largest);
    const auto number = [decimals](double x) { return fmt::format("{:.{}f}", x, decimals); };
    if (!g.context.empty()) fmt::print("  {}\n", g.context);
    text_table table(20, {0, 0, 0, 0, 0, 0, 0, 0});
    table.row({"  " + (all.by.empty() ? std::string{"variant"} : all.by), "runs", "mean", "difference",
               fmt::format("{:.6g} % interval", 100 * all.confidence), "change", "p", "best", "verdict"});
    for (const auto& v : g.variants) {
        std::vector<std::string> row{"  " + v.name, std::to_string(v.mean.count),
                                     v.mean.count == 0 ? "-" : number(v.mean.mean)};
        if (v.difference) {
            const auto& d = *v.difference;
            row.insert(
                row.end(),
                {fmt::format("{:+.{}f}", d.mean, decimals), number(d.within.low) + " .. " + number(d.within.high),
                 d.change ? percent(*d.change) : "-", d.p < 0.001 ? "<0.001" : fmt::format("{:.3f}", d.p)});
        } else {
            row.insert(row.end(), {"-", "-", "-", "-"});
        }
        row.push_back(v.best ? fmt::format("{:.0f} %", 100 * *v.best) : "-");
        row.push_back(verdict_of(v, m.better));
        table.row(std::move(row));
    }
    table.print();
}

std::string_view unit_of(const std::string& metric) {
    for (const auto& m : io::metrics()) {
        if (m.name == metric) return m.unit;
    }
    return {};
}

void print_metric(const experiment::compared_metric& m, const experiment::comparison& all) {
    const auto unit = unit_of(m.name);
    fmt::print("\n{}{}{}\n", m.name, unit.empty() ? "" : fmt::format(" [{}]", unit),
               m.better == experiment::direction::lower ? ", lower is better" : ", higher is better");
    if (m.thin_samples)
        fmt::print("  few values: a run has as few as {} finished jobs, so that fewer than {} lie above it\n",
                   *m.thin_samples, experiment::enough_above);
    for (const auto& g : m.groups) print_group(g, m, all);
}

/// The variants of each group that no other one beats in all metrics.
void print_fronts(const experiment::comparison& all) {
    std::string names;
    std::vector<experiment::direction> better;
    for (const auto& m : all.metrics) {
        names += (names.empty() ? "" : ", ") + m.name;
        better.push_back(m.better);
    }
    fmt::print("\nPareto front of {}\n", names);
    for (std::size_t g = 0; !all.metrics.empty() && g != all.metrics.front().groups.size(); ++g) {
        const auto& group = all.metrics.front().groups[g];
        std::vector<std::vector<double>> points;
        std::vector<std::string> of;
        for (std::size_t v = 0; v != group.variants.size(); ++v) {
            std::vector<double> point;
            bool whole = true;
            for (const auto& m : all.metrics) {
                whole = whole && m.groups[g].variants[v].mean.count != 0;
                point.push_back(m.groups[g].variants[v].mean.mean);
            }
            if (!whole) continue;
            points.push_back(std::move(point));
            of.push_back(group.variants[v].name);
        }
        const auto front = experiment::pareto_front(points, better);
        std::string members;
        for (std::size_t i = 0; i != of.size(); ++i) {
            if (front[i]) members += (members.empty() ? "" : ", ") + of[i];
        }
        fmt::print("  {}{}{}\n", group.context, group.context.empty() ? "" : ": ", members);
    }
}

experiment::interval_kind kind_of(const std::string& name) {
    using kind = experiment::interval_kind;
    if (name == "t") return kind::student;
    if (name == "bootstrap") return kind::bootstrap;
    return name == "hall" ? kind::hall : kind::careful;
}

}  // namespace

int compare(const compare_options& options) {
    const auto store = experiment::result_store::open(options.store);
    const auto all = experiment::compare(store, {.by = options.by,
                                                 .baseline = options.baseline,
                                                 .metrics = options.metrics,
                                                 .confidence = options.confidence / 100,
                                                 .how = kind_of(options.interval)});
    fmt::print("{}: {} trials done, {} failed, up to {} replications\n", store.about().sweep, all.done, all.failed,
               all.replications);
    if (all.done == 0) return 0;
    fmt::print("differences to {}, on the same random draws; intervals and p values corrected for {} comparisons\n",
               all.baseline, all.comparisons);
    for (const auto& m : all.metrics) print_metric(m, all);
    if (options.pareto) print_fronts(all);
    return 0;
}

int export_csv(const std::string& store, const std::string& output) {
    const auto from = experiment::result_store::open(store);
    if (output.empty()) {
        from.write_csv([](std::string_view text) { fmt::print("{}", text); });
        return 0;
    }
    std::string text;
    from.write_csv([&](std::string_view piece) { text += piece; });
    io::write_file(output, text);
    return 0;
}

}  // namespace ampacity::cli
