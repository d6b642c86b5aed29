#pragma once
/// \file
/// The command `trace`: what a trace holds, or the trace as jobs-csv.

#include <cstdint>
#include <optional>
#include <string>

namespace ampacity::cli {

struct trace_options {
    std::string file{};
    std::string format{};  ///< empty: by its name or first line
    std::string to{};      ///< `jobs-csv`: convert; empty: statistics
    std::string output{};  ///< empty: stdout
    std::string reorder{};
    std::optional<std::uint64_t> gpus{};  ///< for the offered load
    bool json = false;
};

/// Returns the exit status. \throws ampacity::error
int trace(const trace_options& options);

}  // namespace ampacity::cli
