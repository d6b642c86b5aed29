#include <ampacity/core/math.hpp>
#include <ampacity/report/svg_chart.hpp>
#include <ampacity/report/text.hpp>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>

// Values of the variables in `chart_style` on a dark page: for the system's choice and for the reader's, hence twice.
#define AMPACITY_DARK_COLOURS                                                                            \
    "--ink:#e6edf3;--ink-dim:#9198a1;--paper:#0f1419;--rule:#262d35;--rule-strong:#6e7681;--c1:#4aa8e8;" \
    "--c2:#f2803c;--c3:#f0b03a;--c4:#f0e442;--c5:#df9ac2;--c6:#434b55;--c7:#a5d8f7;--c8:#aab4be;--c9:#33c79c"

namespace ampacity::report {
namespace {

constexpr double bar_pitch = 26;
constexpr double label_gap = 8;  ///< between a label and what it labels, or the next label [px]

void append(std::string& to, std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) to += part;
}

/// Rounded to 0.1 px.
std::string coordinate(double px) {
    const auto tenths = static_cast<std::int64_t>(std::llround(px * 10));
    std::string out = tenths < 0 ? "-" : "";
    const std::int64_t size = std::abs(tenths);
    out += std::to_string(size / 10);
    if (size % 10 != 0) append(out, {".", std::to_string(size % 10)});
    return out;
}

/// A path of horizontal and vertical lines; pieces without length are left out.
class staircase {
public:
    staircase(double x, double y) : x_(coordinate(x)), y_(coordinate(y)) { append(data_, {"M", x_, " ", y_}); }
    void across(double x) { go('H', x, x_); }
    void up_or_down(double y) { go('V', y, y_); }
    void close() { data_ += 'Z'; }
    [[nodiscard]] const std::string& data() const noexcept { return data_; }

private:
    void go(char command, double to, std::string& now) {
        std::string next = coordinate(to);
        if (next == now) return;
        if (last_ != std::string::npos && data_[last_] == command) data_.resize(last_);  // go on in one piece
        last_ = data_.size();
        append(data_, {{&command, 1}, next});
        now = std::move(next);
    }

    std::string data_;
    std::size_t last_ = std::string::npos;  ///< the last command
    std::string x_;
    std::string y_;
};

double place_x(const box& b, const axis& x, double value) { return b.x + b.width * x.share(value); }
double place_y(const box& b, const axis& y, double value) { return b.y + b.height * (1 - y.share(value)); }

double ns(instant t) { return static_cast<double>(ticks(t)); }

}  // namespace

canvas::canvas(double width, double height, std::string_view title)
    : width_(width), height_(height), title_(escape(title)) {}

void canvas::line(double x1, double y1, double x2, double y2, std::string_view css) {
    append(shapes_, {"<path class=\"", css, "\" d=\"M", coordinate(x1), " ", coordinate(y1), "L", coordinate(x2), " ",
                     coordinate(y2), "\"/>\n"});
}

void canvas::rectangle(const box& where, std::string_view css, std::string_view tooltip) {
    append(shapes_, {"<rect class=\"", css, "\" x=\"", coordinate(where.x), "\" y=\"", coordinate(where.y),
                     "\" width=\"", coordinate(where.width), "\" height=\"", coordinate(where.height), "\""});
    if (tooltip.empty()) {
        shapes_ += "/>\n";
    } else {
        append(shapes_, {"><title>", escape(tooltip), "</title></rect>\n"});
    }
}

void canvas::path(std::string_view data, std::string_view css, std::string_view tooltip) {
    append(shapes_, {"<path class=\"", css, "\" d=\"", data, "\""});
    if (tooltip.empty()) {
        shapes_ += "/>\n";
    } else {
        append(shapes_, {"><title>", escape(tooltip), "</title></path>\n"});
    }
}

void canvas::text(double x, double y, anchor at, std::string_view css, std::string_view text) {
    append(shapes_, {"<text x=\"", coordinate(x), "\" y=\"", coordinate(y), "\""});
    if (at != anchor::start) append(shapes_, {" text-anchor=\"", at == anchor::end ? "end" : "middle", "\""});
    if (!css.empty()) append(shapes_, {" class=\"", css, "\""});
    append(shapes_, {">", escape(text), "</text>\n"});
}

void canvas::begin_line(std::size_t number) { append(shapes_, {"<g data-line=\"", std::to_string(number), "\">\n"}); }

void canvas::end_line() { shapes_ += "</g>\n"; }

std::string canvas::embedded() const {
    std::string out;
    append(out, {"<svg class=\"chart\" viewBox=\"0 0 ", coordinate(width_), " ", coordinate(height_),
                 "\" role=\"img\" aria-label=\"", title_, "\">\n", shapes_, "</svg>\n"});
    return out;
}

std::string canvas::standalone() const {
    std::string out;
    append(out, {"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" width=\"", coordinate(width_),
                 "\" height=\"", coordinate(height_), "\" viewBox=\"0 0 ", coordinate(width_), " ", coordinate(height_),
                 "\" role=\"img\">\n<title>", title_, "</title>\n<style>\n", chart_style(),
                 "</style>\n<rect class=\"background\" width=\"100%\" height=\"100%\"/>\n", shapes_, "</svg>\n"});
    return out;
}

std::string_view chart_style() noexcept {
    return R"(.chart{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.chart text{fill:var(--ink,#1f2328);font-variant-numeric:tabular-nums}
.chart .dim{fill:var(--ink-dim,#59636e)}
.chart .strong{font-weight:600;font-size:14px}
.chart .large{font-weight:600;font-size:19px}
.chart .halo{paint-order:stroke;stroke:var(--paper,#fff);stroke-width:4px;stroke-linejoin:round}
.chart .background{fill:var(--paper,#fff)}
.chart .grid{stroke:var(--rule,#e5e8eb);fill:none}
.chart .base{stroke:var(--rule-strong,#8b949e);fill:none}
.chart .limit{stroke:var(--ink,#1f2328);stroke-dasharray:5 4;fill:none}
.chart .curve{stroke:currentColor;stroke-width:1.6;stroke-linejoin:round;fill:none}
.chart .dashed{stroke:currentColor;stroke-width:1.4;stroke-dasharray:5 4;fill:none}
.chart .band{fill:currentColor;fill-opacity:.3;stroke:none}
.chart .area{fill:currentColor;fill-opacity:.1;stroke:none}
.chart .light{fill:currentColor;fill-opacity:.3}
.chart .solid{fill:currentColor}
.chart .part{fill:currentColor;stroke:var(--paper,#fff)}
.chart .flow{fill:currentColor;fill-opacity:.42;stroke:none}
.chart .mark{fill:var(--ink,#1f2328);fill-opacity:.09}
.chart text.hue{fill:currentColor;font-weight:600}
.c1{color:var(--c1,#0072b2)}.c2{color:var(--c2,#d55e00)}.c3{color:var(--c3,#e69f00)}.c4{color:var(--c4,#e3d320)}
.c5{color:var(--c5,#cc79a7)}.c6{color:var(--c6,#c9d1d9)}.c7{color:var(--c7,#56b4e9)}.c8{color:var(--c8,#57606a)}
.c9{color:var(--c9,#009e73)}
)"
           "@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){" AMPACITY_DARK_COLOURS
           "}}\n"
           ":root[data-theme=dark]{" AMPACITY_DARK_COLOURS "}\n";
}

double text_width(std::string_view text) noexcept {
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
    const auto characters = text.size() - static_cast<std::size_t>(std::count_if(text.begin(), text.end(), continues));
    return 7.2 * static_cast<double>(characters);
}

void draw_axes(canvas& to, const box& where, const axis& x, const axis& y, bool x_labels) {
    const double bottom = where.y + where.height;
    const double right = where.x + where.width;
    for (const tick& t : y.ticks) {
        const double at = place_y(where, y, t.at);
        to.line(where.x, at, right, at, t.at == y.low ? "base" : "grid");
        to.text(where.x - label_gap, at + 4, anchor::end, "dim", t.label);
    }
    double free = -std::numeric_limits<double>::infinity();  // where the last label ends
    for (const tick& t : x.ticks) {
        const double at = place_x(where, x, t.at);
        to.line(at, where.y, at, bottom, "grid");
        const double half = text_width(t.label) / 2;
        if (!x_labels || at - half < free) continue;
        to.text(at, bottom + 18, anchor::middle, "dim", t.label);
        free = at + half + label_gap;
    }
}

void draw_envelope(canvas& to, const box& where, const envelope& values, const axis& x, const axis& y,
                   std::string_view css) {
    const std::vector<stretch>& parts = values.stretches();
    if (parts.empty()) return;
    const auto edge = [&](std::size_t i) { return place_x(where, x, ns(values.edge(i))); };
    const auto height = [&](std::int64_t value) { return place_y(where, y, static_cast<double>(value)); };
    staircase band{edge(0), height(parts.front().greatest)};
    staircase area{edge(0), where.y + where.height};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        band.up_or_down(height(parts[i].greatest));
        band.across(edge(i + 1));
        area.up_or_down(place_y(where, y, values.mean(i)));
        area.across(edge(i + 1));
    }
    for (std::size_t i = parts.size(); i-- > 0;) {
        band.up_or_down(height(parts[i].least));
        band.across(edge(i));
    }
    band.close();
    area.up_or_down(where.y + where.height);
    area.close();
    to.path(area.data(), std::string{"area "} += css);
    to.path(band.data(), std::string{"band "} += css);
    draw_means(to, where, values, x, y, std::string{"curve "} += css);
}

void draw_means(canvas& to, const box& where, const envelope& values, const axis& x, const axis& y,
                std::string_view css) {
    if (values.stretches().empty()) return;
    staircase means{place_x(where, x, 0), place_y(where, y, values.mean(0))};
    for (std::size_t i = 0; i < values.stretches().size(); ++i) {
        means.up_or_down(place_y(where, y, values.mean(i)));
        means.across(place_x(where, x, ns(values.edge(i + 1))));
    }
    to.path(means.data(), css);
}

double share_up_to(std::span<const std::int64_t> sorted, double seconds) {
    const auto most = static_cast<std::int64_t>(std::min(std::floor(seconds * 1e9), 9.2e18));
    const auto behind = std::upper_bound(sorted.begin(), sorted.end(), most);
    return static_cast<double>(behind - sorted.begin()) / static_cast<double>(sorted.size());
}

void draw_cumulative(canvas& to, const box& where, std::span<const std::int64_t> sorted, const axis& x,
                     std::string_view css) {
    if (sorted.empty()) return;
    const auto steps = static_cast<std::size_t>(where.width);
    const double range = portable_log(x.high / x.low);
    staircase curve{where.x, where.y + where.height};
    for (std::size_t i = 0; i <= steps; ++i) {
        const double share = static_cast<double>(i) / static_cast<double>(steps);
        const double seconds = i == steps ? x.high : x.low * portable_exp(range * share);
        curve.across(where.x + where.width * share);
        curve.up_or_down(where.y + where.height * (1 - share_up_to(sorted, seconds)));
    }
    to.path(curve.data(), std::string{"curve "} += css);
}

double bars_height(std::size_t rows) noexcept { return bar_pitch * static_cast<double>(rows); }

void draw_bars(canvas& to, const box& where, std::span<const bar> rows, const axis& x, std::string_view css) {
    double top = where.y;
    for (const bar& row : rows) {
        const double baseline = top + bar_pitch / 2 + 4;
        const auto length = [&](double value) { return std::max(1.0, where.width * x.share(value)); };
        to.text(where.x - 90, baseline, anchor::end, "", row.label);
        to.text(where.x - label_gap, baseline, anchor::end, "dim", row.count);
        to.rectangle({where.x, top + 5, length(row.p90), bar_pitch - 10}, std::string{"light "} += css, row.text);
        to.rectangle({where.x, top + 9, length(row.p50), bar_pitch - 18}, std::string{"solid "} += css, row.text);
        to.text(where.x + length(row.p90) + label_gap, baseline, anchor::start, "", row.text);
        top += bar_pitch;
    }
}

void draw_parts(canvas& to, const box& where, std::span<const part> parts) {
    double whole = 0;
    for (const part& p : parts) whole += p.value;
    double x = where.x;
    for (const part& p : parts) {
        if (!(p.value > 0)) continue;
        const double length = where.width * p.value / whole;
        const std::string share = p.label + " " + percent(p.value, whole);
        to.rectangle({x, where.y, length, where.height}, "part " + p.css, share);
        if (text_width(share) <= length) {
            to.text(x, where.y + where.height + 17, anchor::start, "", share);
        }
        x += length;
    }
}

}  // namespace ampacity::report
