#pragma once
/// \file
/// The times between consecutive tokens of answers, each with the same weight: how long those who read along wait.
///
/// Counts and sum are exact. Percentiles are within a relative error of 2^-11 of what is within a nanosecond of them:
/// steps of a series are taken as they are, and not between the rounded instants of their ends. The smallest and the
/// largest are within a nanosecond. A series costs O(log steps) for each bin of the sketch that its steps are in, which
/// grow slowly; other gaps O(1). No allocation once all powers of two have been seen. One thread.

#include <ampacity/core/quantile_sketch.hpp>
#include <ampacity/core/statistics.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/serving/iteration_time.hpp>

#include <cstdint>
#include <optional>

namespace ampacity::serving {

class token_gaps {
public:
    /// So many gaps of this length. \pre gap >= 0
    void add(duration gap, std::uint64_t times = 1) {
        if (times == 0) return;
        sum_ns_ += static_cast<int128>(ticks(gap)) * static_cast<int128>(times);
        sketch_.add(static_cast<double>(ticks(gap)), times);
    }
    /// Of so many requests, which get a token in each step of a series: those of its steps from the second to the last.
    /// `took`: from the rounded end of the first to that of the last. \pre steps >= 1
    void add(const decode_run& series, std::int64_t steps, std::int64_t units_per_ns, duration took,
             std::uint64_t requests);

    /// Those of others too: it is then as if all had been added here.
    void merge(const token_gaps& others) {
        sum_ns_ += others.sum_ns_;
        sketch_.merge(others.sketch_);
    }

    [[nodiscard]] std::uint64_t count() const noexcept { return sketch_.count(); }
    /// Of all [ns].
    [[nodiscard]] int128 sum_ns() const noexcept { return sum_ns_; }
    /// [s]; nothing without gaps.
    [[nodiscard]] std::optional<double> mean_s() const;
    /// [s]; nothing without gaps.
    [[nodiscard]] std::optional<double> percentile_s(per_mille p) const;

private:
    int128 sum_ns_ = 0;
    quantile_sketch sketch_{10};
};

}  // namespace ampacity::serving
