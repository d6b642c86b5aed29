#include "compare_command.hpp"

#include "text_table.hpp"

#include <ampacity/experiment/compare.hpp>
#include <ampacity/experiment/tornado.hpp>
#include <ampacity/io/metrics.hpp>
#include <ampacity/io/run_files.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

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

/// Ends of a factor as a bar of text around the baseline: the longer one below, `=` for low, `#` for high.
std::string bar_of(const experiment::tornado_row& row, double left, double right) {
    constexpr double width = 30;
    const double range = left + right;
    const auto cells = [&](double v) { return static_cast<std::size_t>(std::lround(width * v / range)); };
    const std::size_t zero = range > 0 ? cells(left) : 0;
    std::string out(static_cast<std::size_t>(width), ' ');
    std::vector<std::pair<double, char>> ends;
    for (const auto& [end, mark] : {std::pair{&row.low, '='}, std::pair{&row.high, '#'}, std::pair{&row.single, '*'}})
        if (*end) ends.emplace_back((*end)->difference, mark);
    std::stable_sort(ends.begin(), ends.end(),
                     [](const auto& a, const auto& b) { return std::abs(a.first) > std::abs(b.first); });
    for (const auto& [v, mark] : ends) {
        if (!(range > 0)) continue;
        const std::size_t at = cells(left + v);
        std::fill(out.begin() + static_cast<std::ptrdiff_t>(std::min(at, zero)),
                  out.begin() + static_cast<std::ptrdiff_t>(std::max(at, zero)), mark);
    }
    return "[" + out.insert(zero, 1, '|') + "]";
}

void print_tornado(const experiment::compared_group& g, const experiment::comparison& all) {
    const experiment::tornado of = experiment::tornado_of(g);
    if (!g.context.empty()) fmt::print("  {}\n", g.context);
    if (of.rows.empty()) {
        fmt::print("  no factors: {} has no number here, or no variant is named X-low or X-high\n", all.baseline);
        return;
    }
    double largest = std::abs(of.baseline), left = 0, right = 0;
    for (const auto& row : of.rows) {
        for (const auto* const end : {&row.low, &row.high, &row.single}) {
            if (!*end) continue;
            largest = std::max(largest, std::abs(of.baseline + (*end)->difference));
            left = std::max(left, -(*end)->difference);
            right = std::max(right, (*end)->difference);
        }
    }
    const int decimals = decimals_for(largest);
    const auto value = [&](const experiment::tornado_end& e) {
        return fmt::format("{:.{}f} ({}{})", of.baseline + e.difference, decimals, e.significant ? "" : "~",
                           e.change ? percent(*e.change) : fmt::format("{:+.{}f}", e.difference, decimals));
    };
    const auto cell = [&](const std::optional<experiment::tornado_end>& e) { return e ? value(*e) : "-"; };
    fmt::print("  {}: {:.{}f}\n", all.baseline, of.baseline, decimals);
    text_table table(20, {0, 0, 0, 0});
    table.row({"  factor", "low =", "high #", "swing",
               fmt::format("[{:+.{}f} .. {:+.{}f}]", 0 - left, decimals, right, decimals)});
    for (const auto& row : of.rows) {
        table.row({"  " + row.factor, cell(row.low), row.single ? value(*row.single) + " *" : cell(row.high),
                   fmt::format("{:.{}f}", row.swing(), decimals), bar_of(row, left, right)});
    }
    table.print();
    if (of.without_value != 0) fmt::print("  {} variants have no number of this metric\n", of.without_value);
}

std::string_view unit_of(const std::string& metric) {
    for (const auto& m : io::metrics()) {
        if (m.name == metric) return m.unit;
    }
    return {};
}

void print_metric(const experiment::compared_metric& m, const experiment::comparison& all, bool tornado) {
    const auto unit = unit_of(m.name);
    fmt::print("\n{}{}{}\n", m.name, unit.empty() ? "" : fmt::format(" [{}]", unit),
               m.better == experiment::direction::lower ? ", lower is better" : ", higher is better");
    if (m.thin_samples)
        fmt::print("  few values: a run has as few as {} finished jobs, so that fewer than {} lie above it\n",
                   *m.thin_samples, experiment::enough_above);
    for (const auto& g : m.groups) {
        if (tornado)
            print_tornado(g, all);
        else
            print_group(g, m, all);
    }
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
    if (options.tornado && all.done != 0) experiment::require_tornado(all, options.store, "--tornado");
    fmt::print("{}: {} trials done, {} failed, up to {} replications\n", store.about().sweep, all.done, all.failed,
               all.replications);
    if (all.done == 0) return 0;
    fmt::print("differences to {}, on the same random draws; intervals and p values corrected for {} comparisons\n",
               all.baseline, all.comparisons);
    if (options.tornado) fmt::print("~: no difference shown; * one end alone\n");
    for (const auto& m : all.metrics) print_metric(m, all, options.tornado);
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
