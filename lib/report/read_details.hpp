#pragma once
/// \file
/// Files of a run that only some runs have: where jobs ran, what happened to requests and to feeds, and what
/// resolved.yaml says of the fleet.
///
/// Functions without state. Each throws data_error, at file, line and column, for a file that is malformed.

#include <ampacity/report/run_report.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace ampacity::report {

/// placement.csv, whose jobs are those of jobs.csv. O(starts log jobs).
[[nodiscard]] placement_columns read_placement(const std::filesystem::path& file, const job_columns& jobs);

[[nodiscard]] request_columns read_requests(const std::filesystem::path& file, const std::string& service);

/// The services of services.csv, in the order in which they first appear.
[[nodiscard]] std::vector<service_samples> read_service_samples(const std::filesystem::path& file);

/// The feeds of feeds.csv, in the order in which they first appear.
[[nodiscard]] std::vector<feed_columns> read_feeds(const std::filesystem::path& file);

/// The rows of years.csv, in file order.
[[nodiscard]] std::vector<year_row> read_years(const std::filesystem::path& file);

/// Shape of the fleet and events of power from resolved.yaml; a note where it cannot be understood, as it may name
/// models that are not here. \pre to.resolved
void read_description(const std::filesystem::path& file, run_files& to);

}  // namespace ampacity::report
