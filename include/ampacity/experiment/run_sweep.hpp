#pragma once
/// \file
/// Runs the trials of a sweep on many threads, and on other ranks, into a store.
///
/// Replications go round all variants before the next one, so that what is there after an interruption compares fairly.
/// One thread, the caller's, writes; what is in the store in the end depends on neither threads nor ranks nor order nor
/// on how often the sweep was interrupted. Cost beside the runs themselves: a copy of the variant's description and one
/// transaction per trial, well under 1 ms.

#include <ampacity/experiment/ranks.hpp>
#include <ampacity/experiment/result_store.hpp>
#include <ampacity/experiment/trial.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::experiment {

/// A part of the trials of a sweep: every `of`-th, from number `number` - 1.
struct shard {
    std::uint64_t number = 1;  ///< from 1
    std::uint64_t of = 1;
};

/// The trials of a shard with fewer than so many replications, in the order in which they run.
[[nodiscard]] std::vector<trial> trials_of(const sweep& s, std::uint64_t replications, const shard& part = {});

/// How far a sweep is.
struct sweep_state {
    std::size_t trials = 0;          ///< that there are to be in the store
    std::size_t ended = 0;           ///< that are there, failed ones too
    std::size_t failed = 0;          ///< of these, in this call
    std::size_t ended_here = 0;      ///< of these, in this call
    double wall_s = 0;               ///< since the beginning of this call [s]
    std::optional<double> left_s{};  ///< what the rest may take [s]
};

struct sweep_options {
    unsigned threads = 1;
    shard part{};
    ranks* others = nullptr;    ///< ranks that take part, of which this is rank 0; they outlive the call
    std::string fingerprint{};  ///< of what this rank has read, with `others`
    /// Called by the caller's thread at least ten times a second; false interrupts the sweep.
    std::function<bool(const sweep_state&)> watch{};
};

struct sweep_outcome {
    sweep_state state{};
    bool interrupted = false;
    std::uint64_t replications = 0;       ///< of each variant; fewer than asked for where the rule was met
    std::string first_error{};            ///< of the failed trial that comes first in the order of trials
    std::vector<std::string> absences{};  ///< ranks that took no part, and why
};

/// Runs the trials that are not done in the store; those that have failed run again.
/// \throws scenario_error for a part of a sweep that stops by a rule, data_error if the store cannot be written
[[nodiscard]] sweep_outcome run_sweep(const sweep& s, const trial_runner& runner, result_store& store,
                                      const sweep_options& options);

}  // namespace ampacity::experiment
