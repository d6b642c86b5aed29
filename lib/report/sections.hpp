#pragma once
/// \file
/// The parts of a run's page that only some runs have. Each adds nothing where the run has nothing for it.
///
/// Functions of the files of a run; O(n log n).

#include "page.hpp"

#include <ampacity/report/run_report.hpp>

namespace ampacity::report {

/// Which job held which GPUs, and how full each part of the fleet was; or why it cannot be shown.
void add_timeline(page& to, const run_files& run);
/// Loads of feeds against their limits.
void add_feeds(page& to, const run_files& run);
/// Latencies of the services: key figures, distributions, over time and against load.
void add_services(page& to, const run_files& run);
/// Training jobs: key figures, and where their time went.
void add_trainings(page& to, const run_summary& s);
/// GPU-hours and energy as flows; carbon and cost by their parts.
void add_flows(page& to, const run_summary& s);

}  // namespace ampacity::report
