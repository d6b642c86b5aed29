#pragma once
/// \file
/// Charts of what samples of telemetry.csv tell beside jobs and power: carbon and cost, and temperatures.

#include "page.hpp"

#include <ampacity/report/run_report.hpp>

namespace ampacity::report {

/// Carbon and price of the grid, and what has come together; nothing without such columns.
void add_carbon_and_cost(page& to, const run_files& run);
/// Of GPUs; the same.
void add_temperatures(page& to, const run_files& run);

}  // namespace ampacity::report
