#include "encode.hpp"
#include "page.hpp"
#include "scripts.hpp"

#include <ampacity/core/version.hpp>
#include <ampacity/io/metrics.hpp>
#include <ampacity/report/svg_chart.hpp>
#include <ampacity/report/sweep_report.hpp>
#include <ampacity/report/text.hpp>
#include <ampacity/report/tornado_chart.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::report {
namespace {

using experiment::compared_group;
using experiment::compared_metric;
using experiment::compared_variant;
using experiment::comparison;

constexpr double width = 992;
constexpr std::string_view none = "\u2013";
constexpr std::size_t most_metrics = 150;  ///< that the pictures can be drawn for
constexpr std::size_t most_failures = 50;

/// A variant: what it is called, its parameters that vary, and the means of its metrics.
struct variant_row {
    std::string key;
    std::map<std::string, std::string> parameters;
    std::map<std::string, experiment::sample_mean> means;
};

struct sweep_table {
    std::vector<variant_row> rows;
    std::vector<std::string> axes;     ///< parameters that vary
    std::vector<std::string> metrics;  ///< the usual ones first
    std::vector<experiment::stored_trial> failed;
};

std::string_view unit_of(std::string_view metric) {
    const auto all = io::metrics();
    const auto at = std::find_if(all.begin(), all.end(), [&](const auto& m) { return m.name == metric; });
    return at == all.end() ? std::string_view{} : at->unit;
}

std::string titled(const std::string& metric) {
    const auto unit = unit_of(metric);
    return unit.empty() ? metric : metric + " [" + std::string{unit} + "]";
}

std::vector<std::string> metrics_of(const experiment::result_store& store, const comparison& all) {
    std::vector<std::string> out;
    for (const compared_metric& m : all.metrics) out.push_back(m.name);
    for (const std::string& name : store.metric_names()) {
        if (out.size() < most_metrics && std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
    }
    return out;
}

sweep_table read_table(const experiment::result_store& store, const comparison& all) {
    sweep_table out;
    std::map<std::string, std::size_t> rows;
    std::map<std::string, std::set<std::string>> values;
    for (const experiment::stored_trial& t : store.trials()) {
        if (!t.done) out.failed.push_back(t);
        if (!rows.emplace(t.key, out.rows.size()).second) continue;
        out.rows.push_back({.key = t.key, .parameters = store.parameters(t.id), .means = {}});
        for (const auto& [path, value] : out.rows.back().parameters) values[path].insert(value);
    }
    for (const auto& [path, different] : values) {
        if (different.size() > 1) out.axes.push_back(path);
    }
    out.metrics = metrics_of(store, all);
    for (const std::string& metric : out.metrics) {
        for (const auto& [key, by_replication] : store.values(metric)) {
            std::vector<double> sample;
            for (const auto& [replication, value] : by_replication) sample.push_back(value);
            const auto row = rows.find(key);
            if (row != rows.end() && !sample.empty()) out.rows[row->second].means[metric] = experiment::mean_of(sample);
        }
    }
    return out;
}

std::string name_of(const variant_row& row, const sweep_table& t) {
    std::string out;
    for (const std::string& path : t.axes) {
        const auto at = row.parameters.find(path);
        append(out, {out.empty() ? "" : ", ", at == row.parameters.end() ? none : std::string_view{at->second}});
    }
    return out.empty() ? row.key : out;
}

std::string amount(double v) { return significant(v, 4); }

std::string signed_amount(double v) {
    const std::string size = std::isfinite(v) ? significant(std::abs(v), 3) : "\u221E";
    return (v > 0 ? "+" : v < 0 ? "\u2212" : "") + size;
}

std::string interval_text(const experiment::interval& i) {
    return signed_amount(i.low) + " \u2026 " + signed_amount(i.high);
}

std::string plus_minus(const experiment::sample_mean& m, double confidence) {
    const auto within = experiment::t_interval(m, confidence);
    return amount(m.mean) +
           (within ? "<small>\u00B1 " + significant((within->high - within->low) / 2, 2) + "</small>" : "");
}

enum class verdict : std::uint8_t { baseline, too_few, not_shown, better, worse };

verdict verdict_of(const compared_variant& v, experiment::direction better) {
    if (v.is_baseline) return verdict::baseline;
    if (!v.difference) return verdict::too_few;
    if (!v.difference->significant) return verdict::not_shown;
    return (v.difference->mean < 0) == (better == experiment::direction::lower) ? verdict::better : verdict::worse;
}

std::string_view words(verdict v) {
    switch (v) {
        case verdict::baseline: return "baseline";
        case verdict::too_few: return "too few";
        case verdict::not_shown: return "no difference shown";
        case verdict::better: return "better";
        default: return "worse";
    }
}

void add_top(page& to, const experiment::provenance& about, const comparison& all, const sweep_table& t) {
    std::string below = "sweep of <b>";
    append(below, {escape(about.base), "</b> &middot; seed <b>", std::to_string(about.seed), "</b> &middot; <b>",
                   grouped(t.rows.size()), "</b> variants &middot; up to <b>", grouped(all.replications),
                   "</b> replications"});
    to.heading(about.sweep, below);
    if (all.failed != 0)
        to.band(band_kind::warning, "Failed trials.",
                grouped(all.failed) + " of " + grouped(all.done + all.failed) +
                    " trials failed and are in no number here; they are listed below.");
    if (all.done == 0) to.band(band_kind::warning, "No results.", "No trial is done, so there is nothing to compare.");
    to.begin_cards();
    to.card("Trials done", grouped(all.done), all.failed == 0 ? "none failed" : grouped(all.failed) + " failed");
    to.card("Variants", grouped(t.rows.size()), "");
    to.card("Replications", grouped(all.replications), "on the same random draws");
    to.card("Comparisons", grouped(all.comparisons), "corrected together");
    to.end_cards();
}

/// Differences to the baseline as points with their intervals, in shares of the baseline where there are such.
void add_forest(page& to, const compared_group& g, const compared_metric& m) {
    double reach = 0;
    std::size_t rows = 0;
    for (const compared_variant& v : g.variants) {
        if (!v.difference) continue;
        ++rows;
        for (const double end : {v.difference->mean, v.difference->within.low, v.difference->within.high})
            if (std::isfinite(end)) reach = std::max(reach, std::abs(end));  // few pairs can leave an end open
    }
    if (rows == 0 || !(reach > 0)) return;
    constexpr double left = 200;
    constexpr double plot = width - left - 170;
    canvas drawing{width, 26.0 * static_cast<double>(rows) + 34,
                   "Differences of " + m.name + " to the baseline with their intervals"};
    const auto x = [&](double v) { return left + plot * (0.5 + 0.47 * std::clamp(v / reach, -1.06, 1.06)); };
    const double bottom = 26.0 * static_cast<double>(rows) + 8;
    drawing.line(x(0), 4, x(0), bottom, "limit");
    double y = 18;
    for (const compared_variant& v : g.variants) {
        if (!v.difference) continue;
        const verdict said = verdict_of(v, m.better);
        const std::string css = said == verdict::better ? "c9" : said == verdict::worse ? "c2" : "c8";
        const double from = x(v.difference->within.low);
        const double until = x(v.difference->within.high);
        drawing.text(left - 10, y + 4, anchor::end, "", shortened(v.name, 26));
        drawing.rectangle({from, y - 1, std::max(1.0, until - from), 2}, "solid " + css);
        for (const double end : {from, until}) drawing.rectangle({end - 1, y - 5, 2, 10}, "solid " + css);
        drawing.rectangle(
            {x(v.difference->mean) - 4, y - 4, 8, 8}, "solid " + css,
            v.name + ": " + signed_amount(v.difference->mean) + ", interval " + interval_text(v.difference->within));
        drawing.text(width - 160, y + 4, anchor::start, "hue " + css, words(said));
        y += 26;
    }
    for (const double v : {-reach, 0.0, reach})
        drawing.text(x(v), bottom + 18, anchor::middle, "dim", v == 0 ? "no difference" : signed_amount(v));
    to.figure(drawing.embedded(), "");
}

/// What moves the metric most, where variants are named as ends of factors.
void add_tornado(page& to, const compared_group& g, const compared_metric& m, const comparison& all) {
    const experiment::tornado of = experiment::tornado_of(g);
    if (of.rows.empty()) return;
    canvas drawing{width, tornado_height(of),
                   "Tornado chart: " + m.name + " at the low and the high value of each factor"};
    draw_tornado(drawing, {0, 0, width, tornado_height(of)}, of, all.baseline);
    to.figure(drawing.embedded(),
              "From the mean of the baseline to that at the low and the high value of each factor; whiskers are "
              "intervals of the paired differences, and go on where they have no cap.");
    if (of.without_value != 0)
        to.paragraph(grouped(of.without_value) + " variants have no number of this metric and are not in the chart.");
}

void add_metric(page& to, const compared_metric& m, const comparison& all) {
    to.begin_section(titled(m.name) +
                     (m.better == experiment::direction::lower ? ", lower is better" : ", higher is better"));
    if (m.thin_samples)
        to.paragraph("Few values: a run has as few as " + grouped(*m.thin_samples) +
                     " finished jobs, so that fewer than " + grouped(experiment::enough_above) + " lie above it.");
    for (const compared_group& g : m.groups) {
        if (!g.context.empty()) to.subheading(g.context);
        add_tornado(to, g, m, all);
        add_forest(to, g, m);
        html_table rows{{all.by.empty() ? "variant" : all.by, "runs", "mean", "difference", "interval", "change", "p",
                         "best", "verdict"},
                        1};
        for (const compared_variant& v : g.variants) {
            const auto& d = v.difference;
            const std::string name = "<bdi>" + escape(shortened(v.name, 60)) + "</bdi>";
            rows.row({name, grouped(v.mean.count), v.mean.count == 0 ? none : plus_minus(v.mean, all.confidence),
                      d ? signed_amount(d->mean) : none, d ? interval_text(d->within) : none,
                      d && d->change ? signed_amount(100 * *d->change) + "\u00A0%" : none,
                      !d             ? none
                      : d->p < 0.001 ? "<0.001"
                                     : fixed(d->p, 3),
                      v.best ? percent(*v.best, 1) : none, words(verdict_of(v, m.better))});
        }
        to.table(rows);
    }
    to.end_section();
}

/// All variants with the metrics that are compared.
void add_variants(page& to, const sweep_table& t, const comparison& all) {
    std::vector<std::string> heads = t.axes;
    if (heads.empty()) heads.emplace_back("variant");
    const std::size_t texts = heads.size();
    for (const compared_metric& m : all.metrics) heads.push_back(titled(m.name));
    html_table rows{heads, texts};
    for (const variant_row& r : t.rows) {
        std::vector<std::string> cells;
        for (const std::string& path : t.axes) {
            const auto at = r.parameters.find(path);
            cells.push_back("<bdi>" + escape(at == r.parameters.end() ? none : std::string_view{at->second}) +
                            "</bdi>");
        }
        if (t.axes.empty()) cells.push_back("<bdi>" + escape(shortened(r.key, 60)) + "</bdi>");
        for (const compared_metric& m : all.metrics) {
            const auto at = r.means.find(m.name);
            cells.push_back(at == r.means.end() ? std::string{none} : plus_minus(at->second, all.confidence));
        }
        rows.row(cells);
    }
    to.begin_section("All variants");
    to.table(rows);
    to.paragraph("Means over the replications; \u00B1 is half of Student's " + percent(all.confidence, 1) +
                 " interval of the mean, of one variant alone. Differences between variants are judged below, pair by "
                 "pair on the same random draws.");
    to.end_section();
}

std::string data_of(const sweep_table& t, const comparison& all) {
    std::string out = "<script type=\"application/json\" id=\"sweep-data\">{\"axes\":[";
    const char* separator = "";
    for (const std::string& a : t.axes) append(out, {std::exchange(separator, ","), json_text(a)});
    append(out, {"],\"by\":", json_text(all.by), ",\"metrics\":["});
    separator = "";
    for (const std::string& m : t.metrics) {
        append(out, {std::exchange(separator, ","), "[", json_text(m), ",", json_text(titled(m)), ",",
                     experiment::better_of(m) == experiment::direction::lower ? "-1" : "1", "]"});
    }
    out += "],\"variants\":[";
    separator = "";
    for (const variant_row& r : t.rows) {
        append(out, {std::exchange(separator, ","), "{\"name\":", json_text(name_of(r, t)), ",\"at\":["});
        const char* comma = "";
        for (const std::string& path : t.axes) {
            const auto at = r.parameters.find(path);
            append(out, {std::exchange(comma, ","), at == r.parameters.end() ? "null" : json_text(at->second)});
        }
        out += "],\"values\":[";
        comma = "";
        for (const std::string& m : t.metrics) {
            const auto at = r.means.find(m);
            out += std::exchange(comma, ",");
            if (at == r.means.end()) {
                out += "null";
                continue;
            }
            const auto within = experiment::t_interval(at->second, all.confidence);
            const double mean = at->second.mean;
            append(out, {"[", json_number(mean), ",", json_number(within ? within->low : mean), ",",
                         json_number(within ? within->high : mean), "]"});
        }
        out += "]}";
    }
    return out += "]}</script>\n";
}

void add_pictures(page& to, const sweep_table& t, const comparison& all) {
    if (t.rows.size() < 2 || t.metrics.empty()) return;
    const auto picture = [&](std::string_view id, std::string_view title, std::string_view about) {
        to.begin_section(title);
        std::string html =
            "<noscript><p class=\"note\">This picture needs the page's script; the table of all variants "
            "has its numbers.</p></noscript>\n";
        append(html, {"<div class=\"tools\" id=\"", id, "-tools\"></div>\n<div class=\"scroll\" id=\"", id,
                      "\"></div>\n<output class=\"readout\" id=\"", id, "-readout\"></output>\n"});
        to.raw(html);
        to.paragraph(about);
        to.end_section();
    };
    if (t.metrics.size() > 1)
        picture("pareto", "Two metrics against each other",
                "Filled: variants that no other one beats in both metrics; the line joins them. Bars: intervals of the "
                "means.");
    if (!t.axes.empty())
        picture("lines", "A metric along an axis",
                "Means over the replications with their intervals, one line for each value of the other axes.");
    to.raw(data_of(t, all));
}

void add_failures(page& to, const sweep_table& t) {
    if (t.failed.empty()) return;
    html_table rows{{"Variant", "Replication", "Seed", "Error"}, 4};
    for (std::size_t i = 0; i != std::min(t.failed.size(), most_failures); ++i) {
        const experiment::stored_trial& f = t.failed[i];
        rows.row({"<bdi>" + escape(shortened(f.key, 100)) + "</bdi>", std::to_string(f.replication),
                  std::to_string(f.seed), "<code>" + escape(shortened(f.error, 400)) + "</code>"});
    }
    to.begin_section("Failed trials");
    to.table(rows);
    if (t.failed.size() > most_failures)
        to.paragraph("The first " + grouped(most_failures) + " of " + grouped(t.failed.size()) + ".");
    to.end_section();
}

void add_provenance(page& to, const experiment::provenance& about) {
    html_table facts{{"Fact", "Value"}, 2};
    for (const auto& [name, value] :
         std::initializer_list<std::pair<std::string_view, std::string>>{{"sweep", about.sweep},
                                                                         {"sweep hash", about.sweep_hash},
                                                                         {"base", about.base},
                                                                         {"base hash", about.base_hash},
                                                                         {"seed", std::to_string(about.seed)},
                                                                         {"until", about.until},
                                                                         {"version", about.version},
                                                                         {"compiler", about.compiler},
                                                                         {"host", about.host}}) {
        if (!value.empty()) facts.row({escape(name), "<code>" + escape(value) + "</code>"});
    }
    std::string all = facts.str();
    if (!about.inputs.empty()) {
        html_table inputs{{"Input", "Hash"}, 2};
        for (const auto& i : about.inputs)
            inputs.row({"<code>" + escape(i.path) + "</code>", "<code>" + escape(i.digest) + "</code>"});
        all += inputs.str();
    }
    to.begin_section("Provenance");
    to.details("How the sweep was made", all);
    to.end_section();
}

}  // namespace

std::string html(const experiment::result_store& store, const experiment::compare_options& options) {
    const auto about = store.about();
    const comparison all = experiment::compare(store, options);
    const sweep_table table = read_table(store, all);
    page out{about.sweep + ", sweep", {page_script, sweep_script}};
    add_top(out, about, all, table);
    if (all.done != 0) {
        add_variants(out, table, all);
        add_pictures(out, table, all);
        for (const compared_metric& m : all.metrics) add_metric(out, m, all);
        out.paragraph("Differences are to " + all.baseline +
                      ", on the same random draws; intervals and p values are "
                      "corrected for " +
                      grouped(all.comparisons) +
                      " comparisons (Holm). Best: probability that the "
                      "mean is the best of its group.");
    }
    add_failures(out, table);
    add_provenance(out, about);
    return std::move(out).finish("Made by ampacity report, version " + std::string{version} + ".");
}

}  // namespace ampacity::report
