#pragma once
/// \file
/// Charts as SVG without script: a canvas, and the few kinds of charts that reports use.
///
/// A drawing carries classes only; `chart_style()` gives them colours for light and dark, from a palette that the
/// colour-blind can tell apart (Okabe and Ito, 2008). Embedded in a page it takes the page's style, standing alone it
/// brings its own. Coordinates are rounded to 0.1 px, so equal input gives equal bytes. Memory and time are those of
/// the text. One thread per canvas.

#include <ampacity/report/axis.hpp>
#include <ampacity/report/envelope.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::report {

/// A rectangle in a drawing [px], from its upper left corner.
struct box {
    double x = 0;
    double y = 0;
    double width = 0;
    double height = 0;
};

/// Which end of a text stands at its place.
enum class anchor : std::uint8_t { start, middle, end };

/// A drawing that grows shape by shape.
class canvas {
public:
    /// `title` is what a screen reader says. [px]
    canvas(double width, double height, std::string_view title);

    void line(double x1, double y1, double x2, double y2, std::string_view css);
    void rectangle(const box& where, std::string_view css, std::string_view tooltip = {});
    void path(std::string_view data, std::string_view css, std::string_view tooltip = {});
    /// `y` is the baseline.
    void text(double x, double y, anchor at, std::string_view css, std::string_view text);

    /// What is drawn up to `end_line` belongs to one line of a chart, which a page can hide. They do not nest.
    void begin_line(std::size_t number);
    void end_line();

    /// The drawing as an element of a page that has `chart_style()`.
    [[nodiscard]] std::string embedded() const;
    /// The drawing as a file of its own.
    [[nodiscard]] std::string standalone() const;

private:
    double width_;
    double height_;
    std::string title_;
    std::string shapes_;
};

/// CSS for the classes of the drawings. The colours `c1` to `c9` set `color`; `background` is the page's.
[[nodiscard]] std::string_view chart_style() noexcept;

/// Width of a text of charts, a little more than it is [px].
[[nodiscard]] double text_width(std::string_view text) noexcept;

/// Grid, ticks and labels: y at the left, x below, where labels that would collide are left out.
/// `x_labels` says whether the x axis is labelled at all, for charts stacked on one time axis.
void draw_axes(canvas& to, const box& where, const axis& x, const axis& y, bool x_labels);

/// A function of time: the mean of each stretch as a line, and a band from its least to its greatest value.
/// `x` is in ns.
void draw_envelope(canvas& to, const box& where, const envelope& values, const axis& x, const axis& y,
                   std::string_view css);
/// The means only, for a line to compare with.
void draw_means(canvas& to, const box& where, const envelope& values, const axis& x, const axis& y,
                std::string_view css);

/// The cumulative distribution of values [ns], sorted, on an axis in seconds: exact at each pixel.
void draw_cumulative(canvas& to, const box& where, std::span<const std::int64_t> sorted, const axis& x,
                     std::string_view css);

/// Share of sorted values [ns] that are at most `seconds`. \pre not empty
[[nodiscard]] double share_up_to(std::span<const std::int64_t> sorted, double seconds);

/// A row of a bar chart: the p90 as a light bar with the p50 as a dark one in it.
struct bar {
    std::string label;
    std::string count;  ///< how many values stand behind it
    double p50 = 1;
    double p90 = 1;
    std::string text;  ///< the numbers, beside the bar
};

/// Height of a chart of that many bars, without its x labels [px].
[[nodiscard]] double bars_height(std::size_t rows) noexcept;
/// One row per bar from the top on.
void draw_bars(canvas& to, const box& where, std::span<const bar> rows, const axis& x, std::string_view css);

/// A part of a whole.
struct part {
    std::string label;
    std::string css;
    double value = 0;
};

/// One bar whose parts are as long as their values; those as long as their labels are labelled below it.
void draw_parts(canvas& to, const box& where, std::span<const part> parts);

}  // namespace ampacity::report
