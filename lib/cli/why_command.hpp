#pragma once
/// \file
/// The command `why`: runs a scenario again and tells why one job waited. Not thread-safe: one command per process.

#include "run_command.hpp"

#include <string>

namespace ampacity::cli {

struct why_options {
    scenario_options of{};
    std::string job{};  ///< its job_id
    bool all = false;   ///< show every stretch of waiting, however many there are
};

/// Returns 0. \throws ampacity::error, also if no job has this name
int why(const why_options& options);

}  // namespace ampacity::cli
