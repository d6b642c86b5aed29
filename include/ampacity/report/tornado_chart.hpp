#pragma once
/// \file
/// Tornado charts: how far each factor moves a metric from its baseline, the factor that moves it most on top.
///
/// A bar goes from the baseline to the mean at a factor's low value, another to that at its high one, each with its
/// value, its change, and a whisker for the interval of the paired difference. Bars on the same side stand below each
/// other. Functions without state; equal input gives equal bytes.

#include <ampacity/experiment/tornado.hpp>
#include <ampacity/report/svg_chart.hpp>

#include <string>

namespace ampacity::report {

/// Height of a chart with its legend and axis [px].
[[nodiscard]] double tornado_height(const experiment::tornado& of) noexcept;
/// \pre has rows
void draw_tornado(canvas& to, const box& where, const experiment::tornado& of, const std::string& baseline_name);

/// The charts of all metrics and groups that have one, below each other, as a file of its own.
/// \pre experiment::has_tornado(all)
[[nodiscard]] std::string tornado_svg(const experiment::comparison& all);

}  // namespace ampacity::report
