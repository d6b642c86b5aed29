#pragma once
/// \file
/// Failures that have happened, from a CSV file: `time_s,part,index,cause,repair_s`, by time.
///
/// Strict: all columns and no others, parts that the fleet has, and times that do not go back. One pass.

#include <ampacity/faults/failure_plan.hpp>
#include <ampacity/fleet/free_index.hpp>
#include <ampacity/io/models.hpp>

#include <filesystem>

namespace ampacity::io {

/// Adds the rows to the plan; a cause that it does not have yet becomes a process without a rate.
/// \throws data_error
model_file read_failure_log(const std::filesystem::path& file, const fleet::free_index& nodes,
                            faults::failure_plan& plan);

}  // namespace ampacity::io
