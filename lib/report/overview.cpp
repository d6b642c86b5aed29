#include "overview.hpp"

#include "page.hpp"
#include "power_chart.hpp"

#include <ampacity/report/run_report.hpp>
#include <ampacity/report/text.hpp>

#include <algorithm>
#include <initializer_list>

namespace ampacity::report {
namespace {

constexpr double busy_height = 200;
constexpr double waiting_height = 120;
constexpr double title_height = 28;
constexpr double right_margin = 24;
constexpr double line_height = 18;
constexpr std::string_view separator = "  \u00B7  ";

double widest_label(const axis& y) {
    double width = 0;
    for (const tick& t : y.ticks) width = std::max(width, text_width(t.label));
    return width;
}

std::string mean_and_peak(const envelope& e) {
    return "mean " + significant(e.mean(), 4) + ", peak " + grouped(static_cast<std::uint64_t>(e.greatest()));
}

void draw_title(canvas& to, const box& plot, std::string_view title, std::string_view css, const envelope& values) {
    const double baseline = plot.y - 12;
    to.rectangle({plot.x, baseline - 10, 11, 11}, std::string{"solid "} += css);
    to.text(plot.x + 18, baseline, anchor::start, "strong", title);
    to.text(plot.x + plot.width, baseline, anchor::end, "dim", mean_and_peak(values));
}

/// Where a run is cut or its key figures are of a part of the jobs: a few words; else nothing.
std::string caution(const run_summary& s) {
    std::string out;
    if (s.interrupted) out = "interrupted; ";
    if (s.finished != s.submitted) {
        append(out, {"figures are of the ", grouped(s.finished), " finished of ", grouped(s.submitted), " jobs"});
    } else if (s.interrupted) {
        out += "figures are of the part that ran";
    }
    return out;
}

std::string key_figures(const run_summary& s) {
    std::string out;
    const auto add = [&out](std::initializer_list<std::string_view> parts) {
        if (!out.empty()) out += separator;
        append(out, parts);
    };
    if (s.jct_s) add({"JCT mean ", human_seconds(s.jct_s->mean), ", p99 ", human_seconds(s.jct_s->p99)});
    if (s.wait_s) add({"wait mean ", human_seconds(s.wait_s->mean), ", p99 ", human_seconds(s.wait_s->p99)});
    if (s.utilisation) add({"utilisation ", percent(*s.utilisation, 1)});
    if (s.preemptions != 0) add({grouped(s.preemptions), " preemptions"});
    return out;
}

/// A text in as many lines as it needs.
void draw_paragraph(canvas& to, const box& where, std::string_view text) {
    double y = where.y;
    std::string line;
    while (!text.empty()) {
        const std::size_t blank = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, blank);
        text.remove_prefix(std::min(blank + 1, text.size()));
        if (!line.empty() && text_width(line) + text_width(word) > where.width) {
            to.text(where.x, y, anchor::start, "dim", line);
            y += line_height;
            line.clear();
        }
        append(line, {line.empty() ? "" : " ", word});
    }
    to.text(where.x, y, anchor::start, "dim", line);
}

struct two_axes {
    axis busy, waiting;
};
two_axes overview_axes(const time_series& series) {
    const auto capacity = static_cast<double>(series.capacity ? series.capacity->greatest() : 0);
    return {count_axis(1.12 * std::max({1.0, capacity, static_cast<double>(series.busy.greatest())}), 6),
            count_axis(1.05 * std::max(1.0, static_cast<double>(series.waiting.greatest())), 4)};
}

}  // namespace

box overview_plot(const box& where, const time_series& series) {
    const auto [busy, waiting] = overview_axes(series);
    const double left = std::max(widest_label(busy), widest_label(waiting)) + 12;
    return {where.x + left, where.y + title_height, where.width - left - right_margin,
            busy_height + title_height + 16 + waiting_height};
}

void draw_overview(canvas& to, const box& where, const time_series& series) {
    const auto [busy, waiting] = overview_axes(series);
    const axis time = time_axis(series.busy.length(), 12);
    const box both = overview_plot(where, series);
    const box upper{both.x, both.y, both.width, busy_height};
    const box lower{both.x, both.y + both.height - waiting_height, both.width, waiting_height};
    const auto capacity = static_cast<double>(series.capacity ? series.capacity->greatest() : 0);

    draw_title(to, upper, "GPUs busy", "c1", series.busy);
    draw_axes(to, upper, time, busy, false);
    to.begin_line(0);
    draw_envelope(to, upper, series.busy, time, busy, "c1");
    to.end_line();
    if (series.capacity) {
        draw_means(to, upper, *series.capacity, time, busy, "limit");
        const double y = upper.y + upper.height * (1 - busy.share(capacity));
        to.text(upper.x + upper.width, y - 6, anchor::end, "halo", series.capacity_label);
    }
    draw_title(to, lower, "Jobs waiting", "c2", series.waiting);
    draw_axes(to, lower, time, waiting, true);
    to.begin_line(1);
    draw_envelope(to, lower, series.waiting, time, waiting, "c2");
    to.end_line();
    to.text(lower.x + lower.width / 2, lower.y + lower.height + 38, anchor::middle, "dim",
            "simulated time [" + time.unit + "]");
}

std::string overview_svg(const run_files& run) {
    constexpr double width = 960;
    constexpr double margin = 20;
    const run_summary& s = run.summary;
    const time_series_or_reason over = over_time(run);
    const std::string warning = caution(s);
    const double header = warning.empty() ? 92 : 112;
    const double charts = over.series ? overview_height : 3 * line_height;
    canvas to{width, header + charts + (has_power(run) ? power_height : 0), s.scenario + ", policy " + s.policy};
    to.text(margin, 34, anchor::start, "large", shortened(s.scenario, 70));
    std::string line = "policy " + s.policy;
    append(line, {separator, grouped(s.submitted), " jobs"});
    if (const auto gpus = mean_capacity(s)) append(line, {separator, significant(*gpus, 4), " GPUs"});
    append(line, {separator, human_seconds(to_seconds(s.simulated)), " simulated", separator, "seed ", s.seed});
    to.text(margin, 56, anchor::start, "dim", line);
    to.text(margin, 76, anchor::start, "", key_figures(s));
    if (!warning.empty()) to.text(margin, 96, anchor::start, "hue c2", warning);
    if (over.series) {
        draw_overview(to, {margin, header, width - margin, overview_height}, *over.series);
    } else {
        draw_paragraph(to, {margin, header + line_height, width - 2 * margin, 2 * line_height}, over.reason);
    }
    if (has_power(run)) draw_power(to, {margin, header + charts + 14, width - margin, power_height}, run);
    return to.standalone();
}

}  // namespace ampacity::report
