#pragma once
/// \file
/// What deciding costs: wall time of scheduling passes, and passes per simulated hour, as histograms.
///
/// Facts of one execution: they go to run.json and never into a result. The clock is read around each of the first
/// 4,096 passes and then around one in 128, which stands for 128, so that measuring stays below the noise of a run.
/// Plain values; adding costs O(1).

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ampacity::sim {

/// Counts by powers of two: bin 0 holds zeros, bin b the values of b binary digits, 2^(b-1) to 2^b - 1.
class power_histogram {
public:
    static constexpr std::size_t num_bins = 65;

    /// Adds a value that stands for `weight` of its kind.
    void add(std::uint64_t value, std::uint64_t weight = 1) noexcept {
        bins_[static_cast<std::size_t>(std::bit_width(value))] += weight;
        count_ += weight;
        sum_ += static_cast<double>(value) * static_cast<double>(weight);
        if (value > max_) max_ = value;
    }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t max() const noexcept { return max_; }
    /// 0 if nothing was added.
    [[nodiscard]] double mean() const noexcept { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
    [[nodiscard]] std::span<const std::uint64_t> bins() const noexcept { return bins_; }
    /// The largest value of a bin.
    static constexpr std::uint64_t last_of(std::size_t bin) noexcept {
        return bin >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bin) - 1;
    }

private:
    std::array<std::uint64_t, num_bins> bins_{};
    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
    double sum_ = 0;
};

struct decision_costs {
    std::uint64_t passes = 0;    ///< scheduling passes
    std::uint64_t measured = 0;  ///< of these, timed by the clock
    power_histogram wall_ns{};   ///< wall time of a pass: the policy's decision alone [ns]
    power_histogram per_hour{};  ///< passes in each simulated hour, the last one up to the end of the run
};

}  // namespace ampacity::sim
