#pragma once
/// \file
/// The power of a run over time, from the samples of telemetry.csv.

#include <ampacity/report/run_report.hpp>
#include <ampacity/report/svg_chart.hpp>

namespace ampacity::report {

inline constexpr double power_height = 286;  ///< [px]

/// Are there samples of power to draw?
[[nodiscard]] bool has_power(const run_files& run);

/// Draws IT power and that at the utility, below the nameplate of the racks. \pre has_power
void draw_power(canvas& to, const box& where, const run_files& run);

}  // namespace ampacity::report
