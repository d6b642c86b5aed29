#include "power_chart.hpp"

#include <ampacity/report/envelope.hpp>
#include <ampacity/report/text.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::report {
namespace {

constexpr double plot_height = 200;
constexpr double title_height = 28;
constexpr double right_margin = 24;
constexpr std::size_t most_stretches = 800;

envelope over_time(const telemetry_columns& samples, const std::vector<double>& watts, duration length, double unit) {
    envelope out{even_edges(length, most_stretches)};
    for (std::size_t i = 0; i != watts.size(); ++i) out.set(samples.time[i], std::llround(watts[i] / unit));
    out.close();
    return out;
}

}  // namespace

bool has_power(const run_files& run) { return run.telemetry && run.telemetry->it_w.size() > 1; }

void draw_power(canvas& to, const box& where, const run_files& run) {
    const telemetry_columns& samples = *run.telemetry;
    const double nameplate = run.summary.nameplate_w.value_or(0);
    const double most = std::max(*std::max_element(samples.utility_w.begin(), samples.utility_w.end()), nameplate);
    const double unit = most < 1e5 ? 1 : most < 1e8 ? 1e3 : 1e6;
    const std::string_view name = most < 1e5 ? "W" : most < 1e8 ? "kW" : "MW";
    const duration length = std::max(run.summary.simulated, samples.time.back() - start_of_time);
    const envelope it = over_time(samples, samples.it_w, length, unit);
    const envelope utility = over_time(samples, samples.utility_w, length, unit);

    const axis y = count_axis(1.12 * std::max(1.0, most / unit), 6);
    const axis x = time_axis(length, 12);
    double widest = 0;
    for (const tick& t : y.ticks) widest = std::max(widest, text_width(t.label));
    const box plot{where.x + widest + 12, where.y + title_height, where.width - widest - 12 - right_margin,
                   plot_height};

    double left = plot.x;
    const auto label = [&](std::string_view css, const std::string& text) {
        const double baseline = plot.y - 12;
        to.rectangle({left, baseline - 10, 11, 11}, std::string{"solid "} += css);
        to.text(left + 18, baseline, anchor::start, "strong", text);
        left += 18 + text_width(text) + 36;
    };
    const std::string in_unit = std::string{" ["} + std::string{name} + "]";
    label("c3", "IT power" + in_unit);
    label("c2", "at the utility" + in_unit);
    to.text(plot.x + plot.width, plot.y - 12, anchor::end, "dim",
            "IT mean " + significant(it.mean(), 4) + ", peak " + grouped(static_cast<std::uint64_t>(it.greatest())));
    draw_axes(to, plot, x, y, true);
    draw_envelope(to, plot, it, x, y, "c3");
    draw_envelope(to, plot, utility, x, y, "c2");
    if (nameplate > 0) {
        const double height = plot.y + plot.height * (1 - y.share(nameplate / unit));
        to.line(plot.x, height, plot.x + plot.width, height, "limit");
        to.text(plot.x + plot.width, height - 6, anchor::end, "halo",
                "nameplate of the racks " + grouped(static_cast<std::uint64_t>(std::llround(nameplate / unit))));
    }
    to.text(plot.x + plot.width / 2, plot.y + plot.height + 38, anchor::middle, "dim",
            "simulated time [" + x.unit + "]");
}

}  // namespace ampacity::report
