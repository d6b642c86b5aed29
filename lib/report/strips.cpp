#include "strips.hpp"

#include "encode.hpp"
#include "page.hpp"

#include <ampacity/core/math.hpp>
#include <ampacity/report/text.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

namespace ampacity::report {
namespace {

constexpr double width = 992;
constexpr double right_margin = 24;
constexpr double title_height = 30;

struct range {
    double least = std::numeric_limits<double>::infinity();
    double greatest = 0;
};

range range_of(const strip& s) {
    range out;
    for (const curve& c : s.curves) {
        for (const double v : c.values) {
            if (!std::isfinite(v)) continue;
            if (v > 0) out.least = std::min(out.least, v);
            out.greatest = std::max(out.greatest, v);
        }
    }
    return out;
}

/// From 0 to a little more than `top`, also for values below 1; of nothing to 1.
axis amount_axis(double top) {
    if (!(top > 0)) top = 1;
    if (top >= 4) return count_axis(1.1 * top, 4);
    double step = 1;
    while (step > top / 3 && step > 1e-12) step /= 10;
    if (step * 10 < 2 * top)
        step *= 5;
    else if (step * 5 < 2 * top)
        step *= 2;
    axis out{.low = 0, .high = 1.1 * top, .logarithmic = false, .unit = {}, .ticks = {}};
    for (int k = 0; k * step <= out.high; ++k) out.ticks.push_back({k * step, significant(k * step, 3)});
    return out;
}

axis y_axis(const strip& s) {
    const range r = range_of(s);
    if (!s.seconds) return amount_axis(r.greatest);
    if (!(r.greatest > 0)) return log_time_axis(0.001, 1);
    return log_time_axis(r.least, r.greatest);
}

/// A step line with gaps.
void draw_curve(canvas& to, const box& plot, const curve& c, const std::vector<double>& edges, const axis& x,
                const axis& y) {
    const auto at = [](double px) { return fixed(px, 1); };
    const auto place = [&](double seconds) { return plot.x + plot.width * x.share(seconds * 1e9); };
    std::string data;
    std::string before;
    for (std::size_t i = 0; i != c.values.size(); ++i) {
        if (!std::isfinite(c.values[i])) {
            before.clear();
            continue;
        }
        const std::string height = at(plot.y + plot.height * (1 - y.share(c.values[i])));
        if (before.empty()) append(data, {"M", at(place(edges[i])), " ", height});
        if (!before.empty() && before != height) append(data, {"H", at(place(edges[i])), "V", height});
        before = height;
        const bool ends = i + 1 == c.values.size() || !std::isfinite(c.values[i + 1]);
        if (ends) append(data, {"H", at(place(edges[i + 1]))});
    }
    std::erase(data, ',');
    to.path(data, (c.dashed ? "dashed " : "curve ") + c.css);
}

void draw_marks(canvas& to, const box& plot, const std::vector<marked_time>& marks, const axis& x) {
    double free = plot.x;
    for (const marked_time& m : marks) {
        const auto place = [&](instant t) {
            return plot.x + plot.width * x.share(static_cast<double>(ticks(t - start_of_time)));
        };
        const double left = place(m.start);
        if (left >= plot.x + plot.width) continue;
        const std::string label = m.what;
        to.rectangle({left, plot.y, std::max(1.5, place(m.end) - left), plot.height}, "mark", m.what + ", " + m.feed);
        const double from = std::min(left + 3, plot.x + plot.width - text_width(label));
        if (from < free) continue;
        to.text(from, plot.y + 11, anchor::start, "dim halo", label);
        free = from + text_width(label) + 8;
    }
}

void draw_title(canvas& to, const box& plot, const strip& s) {
    const double baseline = plot.y - 9;
    to.text(plot.x, baseline, anchor::start, "strong", s.title);
    double right = plot.x + plot.width;
    for (auto c = s.curves.rbegin(); c != s.curves.rend(); ++c) {
        to.text(right, baseline, anchor::end, "dim", c->name);
        right -= text_width(c->name) + 4;
        to.rectangle({right - 11, baseline - 9, 11, c->dashed ? 3.0 : 10.0}, "solid " + c->css);
        right -= 26;
    }
}

axis shares() {
    axis y{.low = 0, .high = 1, .logarithmic = false, .unit = {}, .ticks = {}};
    for (const double share : {0.0, 0.25, 0.5, 0.75, 0.9, 1.0}) y.ticks.push_back({share, percent(share, 1)});
    return y;
}

}  // namespace

std::string readout_element(const readout& r) {
    std::string out = "<script type=\"application/json\" class=\"readout\">{\"plot\":";
    const std::vector<double> plot{r.plot.x, r.plot.y, r.plot.width, r.plot.height};
    append(out, {json_numbers(plot), ",\"low\":", json_number(r.low, 9), ",\"high\":", json_number(r.high, 9),
                 ",\"log\":", r.logarithmic ? "true" : "false", ",\"kind\":", json_text(r.kind),
                 ",\"x\":", json_numbers(r.x, 7), ",\"curves\":["});
    const char* separator = "";
    for (const curve& c : r.curves) {
        append(out, {std::exchange(separator, ","), "{\"name\":", json_text(c.name), ",\"css\":", json_text(c.css),
                     ",\"unit\":", json_text(c.unit), ",\"values\":", json_numbers(c.values, 4), "}"});
    }
    return out += "]}</script>\n";
}

std::string draw_strips(const std::string& title, const std::vector<double>& edges, const std::vector<strip>& strips) {
    const axis x = time_axis(duration{std::llround(edges.back() * 1e9)}, 12);
    double left = 0;
    double height = 0;
    std::vector<axis> axes;
    for (const strip& s : strips) {
        axes.push_back(y_axis(s));
        for (const tick& t : axes.back().ticks) left = std::max(left, text_width(t.label) + 12);
        height += s.height + title_height;
    }
    canvas to{width, height + 46, title};
    readout data{.plot = {left, title_height, width - left - right_margin, height - title_height},
                 .low = 0,
                 .high = edges.back(),
                 .logarithmic = false,
                 .kind = "time",
                 .x = {edges.begin(), edges.end() - 1},
                 .curves = {}};
    double top = title_height;
    for (std::size_t i = 0; i != strips.size(); ++i) {
        const box plot{left, top, width - left - right_margin, strips[i].height};
        draw_title(to, plot, strips[i]);
        draw_marks(to, plot, strips[i].marks, x);
        draw_axes(to, plot, x, axes[i], i + 1 == strips.size());
        for (const curve& c : strips[i].curves) {
            to.begin_line(data.curves.size());
            draw_curve(to, plot, c, edges, x, axes[i]);
            to.end_line();
            data.curves.push_back(c);
            if (strips.size() > 1) data.curves.back().name = strips[i].title + ": " + c.name;
        }
        top += strips[i].height + title_height;
    }
    to.text(left + (width - left - right_margin) / 2, height + 38, anchor::middle, "dim",
            "simulated time [" + x.unit + "]");
    return to.embedded() + readout_element(data);
}

std::string draw_distributions(const std::string& title, const std::vector<sample>& samples) {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    std::int64_t greatest = 0;
    for (const sample& s : samples) {
        const auto positive = std::upper_bound(s.sorted.begin(), s.sorted.end(), 0);
        if (positive != s.sorted.end()) least = std::min(least, *positive);
        if (!s.sorted.empty()) greatest = std::max(greatest, s.sorted.back());
    }
    if (greatest == 0) return {};
    const axis x = log_time_axis(static_cast<double>(least) / 1e9, static_cast<double>(greatest) / 1e9);
    const box plot{60, 34, width - 84, 230};
    canvas to{width, 310, title};
    strip keys{.title = "share of requests up to a time", .curves = {}};
    readout data{
        .plot = plot, .low = x.low, .high = x.high, .logarithmic = true, .kind = "seconds", .x = {}, .curves = {}};
    constexpr int steps = 200;
    for (int i = 0; i <= steps; ++i) data.x.push_back(x.low * portable_exp(portable_log(x.high / x.low) * i / steps));
    draw_axes(to, plot, x, shares(), true);
    for (const sample& s : samples) {
        if (s.sorted.empty()) continue;
        to.begin_line(data.curves.size());
        draw_cumulative(to, plot, s.sorted, x, s.css);
        to.end_line();
        data.curves.push_back({.name = s.name, .css = s.css, .unit = "share", .values = {}});
        for (const double at : data.x) data.curves.back().values.push_back(share_up_to(s.sorted, at));
        keys.curves.push_back({.name = s.name, .css = s.css, .unit = {}, .values = {}});
    }
    draw_title(to, plot, keys);
    to.text(plot.x + plot.width / 2, plot.y + plot.height + 38, anchor::middle, "dim", "time, logarithmic");
    return to.embedded() + readout_element(data);
}

}  // namespace ampacity::report
