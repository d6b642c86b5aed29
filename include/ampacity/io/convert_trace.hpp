#pragma once
/// \file
/// A trace of any format as jobs-csv, such that a replay of the result gives the same schedule.
///
/// Streamed: memory is that of the reader and the rows of one reorder window. Rows stay in file order, times are exact
/// decimals counted from the first submit that is kept (of jobs-csv: as written), skipped records are left out; give
/// the replay the same `reorder`. Columns are those that the format can record; how jobs ended goes to `status`.

#include <ampacity/io/job_traces.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

namespace ampacity::io {

/// What became of a trace.
struct conversion {
    std::uint64_t jobs = 0;
    std::vector<workload::skipped_records> skipped;
};

/// Passes the text to `write` piece by piece. `options.observer` is not used. \throws data_error, scenario_error
conversion convert_to_jobs_csv(job_trace_options options, const std::function<void(std::string_view)>& write);

/// Writes a file that appears whole or not at all. \throws data_error, scenario_error, also where it is the trace
/// itself
conversion convert_to_jobs_csv(const job_trace_options& options, const std::filesystem::path& file);

}  // namespace ampacity::io
