#include "over_time.hpp"

#include <ampacity/report/axis.hpp>
#include <ampacity/report/envelope.hpp>
#include <ampacity/report/svg_chart.hpp>
#include <ampacity/report/text.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::report {
namespace {

constexpr double width = 992;
constexpr double plot_height = 150;
constexpr double panel_height = plot_height + 76;  ///< with its title and its axis
constexpr double right_margin = 24;
constexpr std::size_t most_stretches = 800;
constexpr double levels = 1e6;  ///< that the height of a chart is told apart in

/// A line of a panel.
struct curve {
    std::string name;
    std::string css;
    const std::vector<double>* values;  ///< at the samples; NaN where they are not known
};

/// Values over time.
struct panel {
    std::string unit;
    double scale = 1;  ///< of the values in this unit
    bool from_zero = true;
    std::vector<curve> curves{};
};

struct range {
    double low = std::numeric_limits<double>::infinity(), high = -low;
};

range range_of(const panel& p) {
    range out;
    for (const curve& c : p.curves) {
        for (const double v : *c.values) {
            if (std::isnan(v)) continue;
            out.low = std::min(out.low, v / p.scale);
            out.high = std::max(out.high, v / p.scale);
        }
    }
    if (!(out.low <= out.high)) return {0, 1};
    if (p.from_zero) out = {std::min(0.0, out.low), std::max(0.0, out.high)};
    return out;
}

/// In levels of an axis.
envelope over_time(const telemetry_columns& samples, const curve& c, double scale, const axis& y, duration length) {
    envelope out{even_edges(length, most_stretches)};
    for (std::size_t i = 0; i != c.values->size(); ++i) {
        const double v = (*c.values)[i] / scale;
        if (!std::isnan(v)) out.set(samples.time[i], std::llround((v - y.low) / (y.high - y.low) * levels));
    }
    out.close();
    return out;
}

void draw_panel(canvas& to, const box& where, const run_files& run, const panel& p) {
    const telemetry_columns& samples = *run.telemetry;
    const duration length = std::max(run.summary.simulated, samples.time.back() - start_of_time);
    const range values = range_of(p);
    axis y = value_axis(values.low, values.high, 5);
    const axis in_levels{.low = 0, .high = levels, .logarithmic = false, .unit = {}, .ticks = [&] {
                             std::vector<tick> out = y.ticks;
                             for (tick& t : out) t.at = (t.at - y.low) / (y.high - y.low) * levels;
                             return out;
                         }()};
    double widest = 0;
    for (const tick& t : y.ticks) widest = std::max(widest, text_width(t.label));
    const box plot{where.x + widest + 12, where.y + 28, where.width - widest - 12 - right_margin, plot_height};
    const axis x = time_axis(length, plot.width < 600 ? 6 : 12);
    double left = plot.x;
    for (const curve& c : p.curves) {
        const std::string name = c.name + " [" + p.unit + "]";
        to.rectangle({left, plot.y - 22, 11, 11}, "solid " + c.css);
        to.text(left + 18, plot.y - 12, anchor::start, "strong", name);
        left += 18 + text_width(name) + 36;
    }
    draw_axes(to, plot, x, in_levels, true);
    for (const curve& c : p.curves)
        draw_envelope(to, plot, over_time(samples, c, p.scale, y, length), x, in_levels, c.css);
    to.text(plot.x + plot.width / 2, plot.y + plot.height + 38, anchor::middle, "dim",
            "simulated time [" + x.unit + "]");
}

/// Two beside each other, where there are as many.
void draw_panels(page& to, const run_files& run, const std::vector<panel>& panels, std::string_view title,
                 std::string_view caption) {
    const std::size_t columns = panels.size() == 1 ? 1 : 2;
    const std::size_t rows = (panels.size() + columns - 1) / columns;
    canvas drawing{width, panel_height * static_cast<double>(rows), title};
    const double each = width / static_cast<double>(columns);
    for (std::size_t i = 0; i != panels.size(); ++i)
        draw_panel(drawing,
                   {each * static_cast<double>(i % columns), panel_height * static_cast<double>(i / columns), each,
                    panel_height},
                   run, panels[i]);
    to.begin_section(title);
    to.figure(drawing.embedded(), caption);
    to.end_section();
}

bool has(const std::vector<double>& values) { return values.size() > 1; }

}  // namespace

void add_carbon_and_cost(page& to, const run_files& run) {
    if (!run.telemetry) return;
    const telemetry_columns& t = *run.telemetry;
    std::vector<panel> panels;
    const auto add = [&](const std::vector<double>& values, std::string name, std::string unit, double scale,
                         std::string css) {
        if (has(values))
            panels.push_back({.unit = std::move(unit),
                              .scale = scale,
                              .curves = {{.name = std::move(name), .css = std::move(css), .values = &values}}});
    };
    add(t.carbon_g_kwh, "carbon of the grid", "g/kWh", 1, "c1");
    add(t.price_usd_mwh, "price of energy", "USD/MWh", 1, "c2");
    const bool tonnes = has(t.carbon_kg) && t.carbon_kg.back() >= 1e4;
    add(t.carbon_kg, "carbon so far", tonnes ? "t" : "kg", tonnes ? 1e3 : 1, "c1");
    add(t.cost_usd, "cost so far", "USD", 1, "c2");
    if (panels.empty()) return;
    draw_panels(to, run, panels, "Carbon and cost over time",
                "From the samples of telemetry.csv. What has come together so far is exact at each of them; carbon is "
                "that of the electricity, location-based.");
}

void add_temperatures(page& to, const run_files& run) {
    if (!run.telemetry) return;
    const telemetry_columns& t = *run.telemetry;
    panel p{.unit = "\u00B0C", .from_zero = false};
    if (has(t.gpu_mean_c)) p.curves.push_back({.name = "mean", .css = "c1", .values = &t.gpu_mean_c});
    if (has(t.gpu_max_c)) p.curves.push_back({.name = "hottest", .css = "c2", .values = &t.gpu_max_c});
    if (p.curves.empty()) return;
    draw_panels(to, run, {p}, "Temperatures of GPUs over time",
                "Of the hottest GPU of each node, from the samples of telemetry.csv; what happened between two is not "
                "seen.");
}

}  // namespace ampacity::report
