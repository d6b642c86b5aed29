#pragma once
/// \file
/// The best value of keys of a scenario: the smallest or largest for which metrics keep to limits, or the one with the
/// least or most of a metric.
///
/// Smallest and largest go by halves and take for granted that what holds for one value holds for all on its far side;
/// one more value on each side of the answer, in the middle of what was not looked at, may show that it does not. A
/// value is run with 10 replications, then with twice as many, until it is sure that its means keep to the limits, or
/// do not, or `replications` are spent; then the means alone decide. The two values that matter, the answer and its
/// neighbour that fails, are each judged at half the error, which is shared by the looks and, with several limits, by
/// these: of 1,000 normal values whose mean is the limit 0.8 % were surely below and 2.2 % surely above it after up to
/// four looks, where 2.5 % are allowed.
///
/// Minimise and maximise go by successive halving (Jamieson and Talwalkar, "Non-stochastic best arm identification and
/// hyperparameter optimization", AISTATS 2016): all points with few replications, then the better half with twice as
/// many, down to at most four with all. Those of them that are not significantly worse than the best say how sure the
/// answer is.
///
/// Every value has the same random draws. Decisions look at complete lists of trials alone, so that the answer depends
/// on neither threads nor ranks nor interruptions; trials that a store has are not run again.

#include <ampacity/experiment/comparison.hpp>
#include <ampacity/experiment/run_sweep.hpp>
#include <ampacity/io/optimise_file.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::experiment {

enum class verdict : std::uint8_t { holds, fails, unsure_holds, unsure_fails };  ///< unsure: by the mean alone
[[nodiscard]] constexpr bool is_good(verdict v) noexcept { return v == verdict::holds || v == verdict::unsure_holds; }
[[nodiscard]] constexpr bool is_sure(verdict v) noexcept { return v == verdict::holds || v == verdict::fails; }

/// A metric of one value.
struct judged_metric {
    std::string metric;
    std::string limit{};               ///< as written; empty for the goal
    sample_mean mean{};                ///< count 0: no replication has it
    std::optional<interval> within{};  ///< two-sided, at the error that the verdict has; none below two replications
    verdict is = verdict::holds;       ///< for the goal: of no meaning
};

/// A value that was run.
struct judged_value {
    std::size_t variant = 0;  ///< row of `sweep::variants`
    std::uint64_t replications = 0;
    verdict is = verdict::holds;           ///< all limits
    std::vector<judged_metric> metrics{};  ///< the goal first, if it is one
    std::optional<double> best{};          ///< probability that its goal is the best of those that came to the end
    bool may_be_best = false;  ///< came to the end, keeps to the limits, not significantly worse than the best
};

struct optimisation {
    std::vector<judged_value> values{};      ///< that were run, by `variant`
    std::optional<std::size_t> answer{};     ///< row of `values`
    std::optional<std::size_t> neighbour{};  ///< of the answer, that fails; none at the end of the range
    /// The values nearest to the answer that surely hold and surely fail: it lies between them.
    std::optional<std::size_t> surely_holds{}, surely_fails{};
    bool certain = false;  ///< all that the answer rests on is sure at the confidence asked for
    bool monotone = true;  ///< no sure verdict speaks against a sure one
    bool out_of_budget = false;
    bool interrupted = false;
    std::uint64_t trials = 0;   ///< that the answer took, those that were in the store too
    std::string first_error{};  ///< of a trial that failed; then there is no answer
    sweep_state state{};
    std::vector<std::string> absences{};  ///< ranks that took no part, and why
};

/// The sweep over all values that may be tried.
[[nodiscard]] sweep candidates_of(const io::optimise_file& asked);
/// The rows of it that are read before the first trial runs: all points of a sample, the ends of a range.
[[nodiscard]] std::vector<std::size_t> checked_rows(const io::optimise_file& asked, const sweep& candidates);

/// \pre `candidates` are those of `asked`, the runner and the store are of them
/// \throws scenario_error for a metric that no trial has, data_error if the store cannot be written
[[nodiscard]] optimisation optimise(const io::optimise_file& asked, const sweep& candidates, const trial_runner& runner,
                                    result_store& store, const sweep_options& options);

}  // namespace ampacity::experiment
