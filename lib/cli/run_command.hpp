#pragma once
/// \file
/// The commands `run`, `validate` and `report`. Not thread-safe: one command per process.

#include <optional>
#include <string>
#include <vector>

namespace ampacity::cli {

struct scenario_options {
    std::string scenario;
    std::vector<std::string> set;
    std::string seed, policy, until;   ///< empty where not given
    std::vector<std::string> plugins;  ///< files
};

struct run_options {
    scenario_options of{};
    std::string directory{};  ///< empty: out/NAME
    std::optional<bool> progress{};
    std::optional<bool> sparklines{};
    std::string command{};  ///< the whole command line, for run.json
};

struct report_options {
    std::string results{};  ///< folder of a run, or file of a sweep
    std::string output{};   ///< empty: beside them
    // Only of a sweep; empty: as `experiment::compare_options`.
    std::string by{}, baseline{};
    std::vector<std::string> metrics{};
};

// Each returns the exit status: 0, or 4 if interrupted. \throws ampacity::error
int run(const run_options& options);
int validate(const scenario_options& options);
int report(const report_options& options);

}  // namespace ampacity::cli
