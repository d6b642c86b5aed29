#pragma once
/// \file
/// The files that a run writes and the columns of those that are tables, with units and meaning. Constant tables.

#include <span>
#include <string_view>

namespace ampacity::io {

/// A column of a table.
struct output_column {
    std::string_view name;
    std::string_view unit;  ///< empty for counts, names and ratios
    std::string_view text;
};

/// A file in the output folder of a run.
struct output_description {
    std::string_view name;  ///< `jobs.csv`
    std::string_view when;  ///< "always", or the key that asks for it
    std::string_view text;
    std::span<const output_column> columns;  ///< in file order; empty where the file is no table
};

/// All of them.
[[nodiscard]] std::span<const output_description> output_files() noexcept;

}  // namespace ampacity::io
