#pragma once
/// \file
/// The parts of a run's page that only some runs have. Each adds nothing where the run has nothing for it.
///
/// Functions of the files of a run; O(n log n).

#include "page.hpp"

#include <ampacity/report/run_report.hpp>

#include <span>
#include <string_view>
#include <utility>

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
/// GPU-time by account, energy, PUE, carbon, cost and interruptions of each calendar year, as bars and as a table.
void add_years(page& to, const run_files& run);
/// The same of each site, over the whole run.
void add_sites(page& to, const run_files& run);
/// The accounts of GPUs in service, in their order, with the class of their colour.
[[nodiscard]] std::span<const std::pair<std::string_view, std::string_view>> account_colours() noexcept;

}  // namespace ampacity::report
