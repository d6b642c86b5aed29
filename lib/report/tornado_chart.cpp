#include <ampacity/io/metrics.hpp>
#include <ampacity/report/axis.hpp>
#include <ampacity/report/text.hpp>
#include <ampacity/report/tornado_chart.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::report {
namespace {

using experiment::interval;
using experiment::tornado;
using experiment::tornado_end;
using experiment::tornado_row;

constexpr double row_pitch = 38;
constexpr double head = 48;           ///< legend and the name of the baseline [px]
constexpr double foot = 30;           ///< labels of the axis [px]
constexpr double most_whisker = 1.5;  ///< a whisker reaches at most so many times beyond the longest bar
constexpr std::size_t most_ticks = 6;
constexpr std::size_t most_characters = 26;  ///< of a factor

std::string signed_number(double v, int digits) {
    if (!std::isfinite(v)) return v > 0 ? "+\u221E" : "\u2212\u221E";
    return (v > 0 ? "+" : v < 0 ? "\u2212" : "") + significant(std::abs(v), digits);
}

std::string moved(const tornado_end& e) {
    return e.change ? signed_number(100 * *e.change, 3) + "\u00A0%" : signed_number(e.difference, 3);
}

std::string label_of(const tornado_end& e, double baseline) {
    return significant(baseline + e.difference, 4) + " (" + moved(e) + ")";
}

std::string tooltip_of(const tornado_end& e, double baseline) {
    std::string out = e.variant + ": " + label_of(e, baseline) + ", difference " + signed_number(e.difference, 3);
    if (e.within)
        out += ", interval " + signed_number(e.within->low, 3) + " \u2026 " + signed_number(e.within->high, 3);
    return out;
}

/// An end with its colour and its places [px], from the middle of the row: those on the same side stand below each
/// other.
struct placed_end {
    const tornado_end* end;
    std::string css;
    double top, height;  ///< of the bar
    double whisker;      ///< its height in the row
};

std::vector<placed_end> ends_of(const tornado_row& row) {
    std::vector<placed_end> out;
    for (const auto& [end, css] : {std::pair{&row.low, "c1"}, std::pair{&row.high, "c2"}, std::pair{&row.single, "c8"}})
        if (*end) out.push_back({&**end, css, -10, 20, 0});
    if (out.size() != 2) return out;
    const bool same_side = (out[0].end->difference < 0) == (out[1].end->difference < 0);
    out[0] = {out[0].end, out[0].css, same_side ? -15.0 : -10.0, same_side ? 14.0 : 20.0, same_side ? -8.0 : -4.0};
    out[1] = {out[1].end, out[1].css, same_side ? 1.0 : -10.0, same_side ? 14.0 : 20.0, same_side ? 8.0 : 4.0};
    return out;
}

/// What of an interval is drawn: whether it reaches further is told by a missing cap.
interval range_of(const tornado& of) {
    interval bars{0, 0}, all{0, 0};
    const auto stretch = [](interval& i, double v) {
        i.low = std::min(i.low, v);
        i.high = std::max(i.high, v);
    };
    for (const tornado_row& row : of.rows)
        for (const placed_end& p : ends_of(row)) {
            stretch(bars, p.end->difference);
            if (!p.end->within) continue;
            for (const double end : {p.end->within->low, p.end->within->high})
                if (std::isfinite(end)) stretch(all, end);
        }
    const double more = most_whisker * std::max(-bars.low, bars.high);
    return {std::min(bars.low, std::max(all.low, bars.low - more)),
            std::max(bars.high, std::min(all.high, bars.high + more))};
}

class tornado_drawing {
public:
    tornado_drawing(canvas& to, const box& where, const tornado& of) : to_(to), of_(of) {
        double names = 60, labels = 0;
        for (const tornado_row& row : of.rows) {
            names = std::max(names, text_width(shortened(row.factor, most_characters)));
            for (const placed_end& p : ends_of(row))
                labels = std::max(labels, text_width(label_of(*p.end, of.baseline)));
        }
        const interval range = range_of(of);
        x_ = value_axis(of.baseline + range.low, of.baseline + range.high, most_ticks);
        labels += 12;
        plot_ = {where.x + names + labels + 16, where.y + head, where.width - names - 2 * labels - 16,
                 row_pitch * static_cast<double>(of.rows.size())};
        names_ = where.x + names;
    }

    void draw(const std::string& baseline_name) {
        draw_axes(to_, plot_, x_, {}, true);
        legend();
        double middle = plot_.y + row_pitch / 2;
        for (const tornado_row& r : of_.rows) {
            row(r, middle);
            middle += row_pitch;
        }
        const double x = place(0);
        to_.line(x, plot_.y - 6, x, plot_.y + plot_.height, "limit");
        to_.text(x, plot_.y - 12, anchor::middle, "halo",
                 shortened(baseline_name, most_characters) + " " + significant(of_.baseline, 4));
    }

private:
    [[nodiscard]] double place(double difference) const {
        return plot_.x + plot_.width * x_.share(of_.baseline + difference);
    }

    void legend() {
        double left = plot_.x;
        const auto entry = [&](std::string_view css, const std::string& text) {
            to_.rectangle({left, plot_.y - 44, 11, 11}, std::string{"light "} += css);
            to_.text(left + 18, plot_.y - 34, anchor::start, "", text);
            left += 18 + text_width(text) + 24;
        };
        entry("c1", "low");
        entry("c2", "high");
        if (std::any_of(of_.rows.begin(), of_.rows.end(), [](const auto& r) { return r.single.has_value(); }))
            entry("c8", "other");
    }

    void row(const tornado_row& r, double middle) {
        to_.text(names_, middle + 4, anchor::end, "", shortened(r.factor, most_characters));
        const auto ends = ends_of(r);
        double least = place(0), most = least;  // what labels stand beside
        for (const placed_end& p : ends) {
            bar(p, middle);
            const double differences[] = {p.end->difference, p.end->within ? p.end->within->low : 0,
                                          p.end->within ? p.end->within->high : 0};
            for (const double d : differences) {
                least = std::min(least, place(d));
                most = std::max(most, place(d));
            }
        }
        for (const placed_end& p : ends) {
            const bool is_left = p.end->difference < 0;
            to_.text(is_left ? least - 6 : most + 6, middle + p.top + p.height / 2 + 4,
                     is_left ? anchor::end : anchor::start, "halo", label_of(*p.end, of_.baseline));
        }
    }

    void bar(const placed_end& p, double middle) {
        const tornado_end& e = *p.end;
        const double from = place(std::min(0.0, e.difference)), until = place(std::max(0.0, e.difference));
        to_.rectangle({from, middle + p.top, std::max(1.0, until - from), p.height}, "light " + p.css,
                      tooltip_of(e, of_.baseline));
        if (!e.within) return;
        const double y = middle + p.whisker, low = place(e.within->low), high = place(e.within->high);
        to_.rectangle({low, y - 0.75, std::max(1.0, high - low), 1.5}, "solid " + p.css);
        cap(e.within->low, y, p.css);
        cap(e.within->high, y, p.css);
    }

    void cap(double difference, double y, const std::string& css) {
        const double at = of_.baseline + difference;
        if (at >= x_.low && at <= x_.high) to_.rectangle({place(difference) - 0.75, y - 4, 1.5, 8}, "solid " + css);
    }

    canvas& to_;
    const tornado& of_;
    axis x_;
    box plot_;
    double names_ = 0;  ///< where names of factors end
};

}  // namespace

double tornado_height(const tornado& of) noexcept {
    return head + row_pitch * static_cast<double>(of.rows.size()) + foot;
}

void draw_tornado(canvas& to, const box& where, const tornado& of, const std::string& baseline_name) {
    tornado_drawing(to, where, of).draw(baseline_name);
}

std::string tornado_svg(const experiment::comparison& all) {
    constexpr double width = 992, margin = 16, title = 30;
    struct chart {
        std::string title;
        tornado of;
    };
    std::vector<chart> charts;
    double height = margin;
    for (const auto& m : all.metrics) {
        const auto known = io::metrics();
        const auto at = std::find_if(known.begin(), known.end(), [&](const auto& k) { return k.name == m.name; });
        const std::string unit = at == known.end() || at->unit.empty() ? "" : " [" + std::string{at->unit} + "]";
        for (const auto& g : m.groups) {
            chart c{m.name + unit + (g.context.empty() ? "" : ", " + g.context), experiment::tornado_of(g)};
            if (c.of.rows.empty()) continue;
            height += title + tornado_height(c.of) + margin;
            charts.push_back(std::move(c));
        }
    }
    canvas drawing{width, height, "Tornado chart of " + all.by + " against " + all.baseline};
    double y = margin;
    for (const chart& c : charts) {
        drawing.text(margin, y + 16, anchor::start, "strong", c.title);
        const double tall = tornado_height(c.of);
        draw_tornado(drawing, {margin, y + title, width - 2 * margin, tall}, c.of, all.baseline);
        y += title + tall + margin;
    }
    return drawing.standalone();
}

}  // namespace ampacity::report
