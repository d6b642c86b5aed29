#pragma once
/// \file
/// The commands `run` and `validate`. Not thread-safe: one command per process.

#include <optional>
#include <string>
#include <vector>

namespace ampacity::cli {

struct run_options {
    std::string scenario;
    std::vector<std::string> set;
    std::string seed, policy, until;  ///< empty where not given
    std::string directory;            ///< empty: out/NAME
    std::optional<bool> progress;
};

/// Returns the exit status: 0, or 4 if interrupted. \throws ampacity::error
int run(const run_options& options);
int validate(const run_options& options);

}  // namespace ampacity::cli
