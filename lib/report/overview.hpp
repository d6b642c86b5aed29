#pragma once
/// \file
/// The picture of a run: GPUs busy and jobs waiting, one above the other on one axis of time.

#include "analysis.hpp"

#include <ampacity/report/svg_chart.hpp>

namespace ampacity::report {

inline constexpr double overview_height = 436;  ///< [px]

/// Draws both charts, their titles and labels in the upper `overview_height` of a box. \pre the series have stretches
void draw_overview(canvas& to, const box& where, const time_series& series);

/// Where both of its plots are, and what is between them.
[[nodiscard]] box overview_plot(const box& where, const time_series& series);

}  // namespace ampacity::report
