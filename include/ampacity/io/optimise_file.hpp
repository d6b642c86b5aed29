#pragma once
/// \file
/// Files that ask for the best value of keys of a scenario: strict YAML, with the place of every value kept.
///
///     ampacity-optimise: 1
///     name: fewest-racks
///     base: scenario.yaml                          # relative to this file
///     vary:                                        # one key, whose values are tried in halves:
///       fleet.racks.count: { from: 4, to: 64, whole: true }        # or steps: 41, scale: log; or a list
///     goal: smallest                               # value for which all of `where` holds, or `largest`
///     where: { wait_s.p99: "< 600", utilisation: "> 0.5" }         # means over replications, in units of metrics
///     replications: 20                             # at most, of a value; default 20
///     confidence: 0.95                             # of the answer; default 0.95
///     budget: 1000                                 # trials, at most; default 10000
///     seed: 7
///
/// A best metric is looked for among points spread over the intervals of one key or of several:
///
///     vary: { workload.0.training.checkpoint.interval: { from: "2 min", to: "2 h", scale: log } }
///     samples: 32                                  # default 32; method: sobol (default) or latin-hypercube
///     goal: { maximise: training.job.effective_training_time_ratio }     # or minimise; `where` as above
///
/// The trials are those of a sweep over all values that may be tried. Functions without state, any thread.

#include <ampacity/core/error.hpp>
#include <ampacity/io/sweep_file.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::io {

/// What the mean of a metric must keep to.
struct optimise_constraint {
    std::string metric;
    sweep_condition::relation is = sweep_condition::relation::less;  ///< not `one_of`
    double limit = 0;                                                ///< in the unit of the metric
    std::string text{};                                              ///< as written: `< 600`
    source_position where;
};

struct optimise_file {
    enum class aim : std::uint8_t { smallest, largest, minimise, maximise };

    sweep_file trials;  ///< one axis: rising values, or a sample
    aim goal = aim::smallest;
    std::string metric{};  ///< of minimise and maximise
    source_position at_goal{};
    std::vector<optimise_constraint> where{};
    double confidence = 0.95;
    std::uint64_t budget = 10'000;  ///< trials

    /// Is it one key whose values are tried in halves?
    [[nodiscard]] bool bisects() const noexcept { return goal == aim::smallest || goal == aim::largest; }
};

/// Reads and checks a file and reads its base. \throws scenario_error
[[nodiscard]] optimise_file read_optimise(const std::filesystem::path& file);
/// The same from memory; `name` stands for the file in messages.
[[nodiscard]] optimise_file read_optimise_text(const std::string& name, std::string_view text,
                                               const std::filesystem::path& directory = {});

}  // namespace ampacity::io
