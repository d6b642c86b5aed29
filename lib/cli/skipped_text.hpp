#pragma once
/// \file
/// Skipped records of a trace as the program prints them.

#include <ampacity/workload/source.hpp>

#include <fmt/core.h>

#include <span>
#include <string>

namespace ampacity::cli {

/// "18 no_gpus, 3 no_run_time"
inline std::string skipped_text(std::span<const workload::skipped_records> skipped) {
    std::string out;
    for (const auto& [reason, count] : skipped) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, reason);
    return out;
}

}  // namespace ampacity::cli
