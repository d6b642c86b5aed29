#pragma once
/// \file
/// Charts whose values a reader can ask for: lines over a common x axis, in strips one above the other, with the data
/// for the page's script beside the drawing.
///
/// Without the script they are plain drawings. Pure functions, O(points).

#include <ampacity/report/axis.hpp>
#include <ampacity/report/run_report.hpp>
#include <ampacity/report/svg_chart.hpp>

#include <string>
#include <vector>

namespace ampacity::report {

/// One value for each x; NaN where there is none.
struct curve {
    std::string name;
    std::string css;   ///< a colour class
    std::string unit;  ///< "s": shown as people say times
    std::vector<double> values;
    bool dashed = false;
};

/// What the page's script needs to show values at a pointer.
struct readout {
    box plot{};
    double low = 0, high = 1;  ///< of x
    bool logarithmic = false;
    std::string kind;       ///< of x: "time" [s from the start] or "seconds" (a duration)
    std::vector<double> x;  ///< increasing
    std::vector<curve> curves;
};
/// An element to stand behind a drawing in a figure.
[[nodiscard]] std::string readout_element(const readout& r);

/// A plot of the stack. Values last until the next x.
struct strip {
    std::string title;
    std::vector<curve> curves;
    bool seconds = false;  ///< a logarithmic axis of times; else linear from 0
    double height = 110;
    std::vector<marked_time> marks{};
};

/// Strips over time; `edges` [s] has one more than there are values, from 0. Drawing and data. \pre has strips
[[nodiscard]] std::string draw_strips(const std::string& title, const std::vector<double>& edges,
                                      const std::vector<strip>& strips);

/// A distribution to draw.
struct sample {
    std::string name;
    std::string css;
    std::vector<std::int64_t> sorted;  ///< [ns]
};
/// Shares of the samples up to each time, on one logarithmic axis. Drawing and data; nothing where all are empty.
[[nodiscard]] std::string draw_distributions(const std::string& title, const std::vector<sample>& samples);

}  // namespace ampacity::report
