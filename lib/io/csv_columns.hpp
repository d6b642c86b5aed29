#pragma once
/// \file
/// The columns of a format in the header of a file. A pure function.

#include <ampacity/io/csv_reader.hpp>
#include <ampacity/io/job_traces.hpp>

#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace ampacity::io {

/// The file does not have that column.
inline constexpr std::size_t no_column = std::numeric_limits<std::size_t>::max();

/// The file's column of each of the format's.
/// \throws data_error for one that the format does not know, and where a required one is missing.
[[nodiscard]] std::vector<std::size_t> find_columns(const csv_reader& rows, std::span<const trace_column> columns,
                                                    std::string_view format);

}  // namespace ampacity::io
