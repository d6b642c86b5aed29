#pragma once
/// \file
/// Means of long runs: where warm-up ends, an interval from one run, and how many replications are enough.
///
/// Pure functions, any thread, O(n) but where it says otherwise.

#include <ampacity/core/time.hpp>
#include <ampacity/experiment/comparison.hpp>
#include <ampacity/io/sweep_file.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::experiment {

/// Values at the front of a sequence that still show how it began, by MSER-5 (White, Cobb and Spratt, "A comparison of
/// five steady-state truncation heuristics for simulation", WSC 2000): of means of five, the cut that minimises the
/// squared standard error of the mean of the rest. A multiple of 5; nothing if the minimum lies in the second half of
/// the sequence, which is then too short to tell, or below 10 values. \pre finite values
[[nodiscard]] std::optional<std::size_t> warm_up(std::span<const double> values);

/// The interval for the mean of a correlated sequence by batch means (core/batch_means.hpp), with what tells whether to
/// believe it.
struct steady_mean {
    double mean = 0;  ///< of all values that are left
    interval within{};
    std::size_t left_out = 0;       ///< values of the warm-up
    std::optional<double> lag_1{};  ///< correlation of neighbouring batches; far from 0: the sequence is too short
    std::uint64_t batch_length = 0;
};
/// Nothing where warm-up cannot be told or too few values are left for `batches`. \pre batches >= 2
[[nodiscard]] std::optional<steady_mean> steady_state_mean(std::span<const double> values, double confidence = 0.95,
                                                           std::uint32_t batches = 32);

/// A job of a run, by its submission.
struct steady_job {
    instant submit{};
    double jct_s = 0, wait_s = 0, bounded_slowdown = 0;
};
/// Means over jobs without those of the warm-up, as `steady.jct_s.mean`, `steady.wait_s.mean` and
/// `steady.bounded_slowdown.mean`; without those that cannot be told. Over replications they are what
/// replication-deletion averages. \pre by submission
[[nodiscard]] std::vector<std::pair<std::string, double>> steady_means(std::span<const steady_job> jobs,
                                                                       const io::sweep_warm_up& warm_up);

/// Replications go on until the interval of a mean is narrow: `ci(jct_s.mean) < 1 %`.
struct stopping_rule {
    /// The fewest replications; below them the variance is known too badly to stop on it.
    static constexpr std::uint32_t least = 10;

    std::string metric{};
    double share = 0.01;  ///< of the mean that half the interval's width must stay below
    double confidence = 0.95;

    /// Have these replications brought a mean that is good enough? Where all values are 0 too.
    [[nodiscard]] bool met_by(std::span<const double> values) const;
    /// The number of replications at which the rule is looked at next: 10, 12, 14, 16, 19, ... Rare looks keep the
    /// coverage.
    [[nodiscard]] static std::uint32_t next_look(std::uint32_t replications) noexcept;
};
/// Reads `ci(METRIC) < SHARE %`; nothing for another text.
[[nodiscard]] std::optional<stopping_rule> parse_stopping_rule(std::string_view text);

}  // namespace ampacity::experiment
