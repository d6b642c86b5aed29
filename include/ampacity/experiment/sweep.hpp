#pragma once
/// \file
/// From a sweep file to its trials: every combination of its axes that the filters leave is a variant, every variant
/// runs once per replication.
///
/// A trial is a pure function of (base scenario, its variant, seed); the seed is a hash of the sweep's seed and the
/// number of the replication, the same for all variants, so that variants are compared on the same random draws. Values
/// without state, read by any number of threads.

#include <ampacity/experiment/steady_state.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/io/sweep_file.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::experiment {

/// One combination.
struct variant {
    /// `scheduler.policy=easy, workload.0.synthetic.rate=10 /h`: names it in results, whatever else the sweep holds.
    /// `base` without axes.
    std::string key;
    std::vector<std::pair<std::string, std::string>> parameters;  ///< keys, and names of axes, with their values
    std::vector<io::scenario_override> overrides;

    /// Of a key or the name of an axis; null if it does not vary.
    [[nodiscard]] const std::string* parameter(std::string_view path) const;
};

/// A sweep, ready to run.
struct sweep {
    io::sweep_file described;
    std::vector<variant> variants{};  ///< the first axis changes slowest
    std::optional<stopping_rule> until{};

    [[nodiscard]] std::size_t num_trials() const noexcept { return variants.size() * described.replications; }
    /// The scenario of a variant. \throws scenario_error, at the place in the sweep file where a value of it stands
    [[nodiscard]] io::loaded_scenario load(std::size_t variant, std::uint64_t seed) const;
};

/// \throws scenario_error if nothing is left, or a rule or filter cannot be read
[[nodiscard]] sweep expand(io::sweep_file described);

/// The seed of a replication, counted from 0, below 2^53 so that it is the same number in JSON and in SQL: the first 53
/// bits of XXH64 of master and replication, 8 bytes each, the lowest byte first.
[[nodiscard]] std::uint64_t seed_of(std::uint64_t master, std::uint64_t replication) noexcept;

}  // namespace ampacity::experiment
