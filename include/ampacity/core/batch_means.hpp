#pragma once
/// \file
/// A confidence interval for the mean of a stationary, correlated sequence, by the method of batch means.
///
/// The sequence is cut into batches of equal length; the means of long batches are nearly independent and normal, so
/// that Student's t applies to them (Law, "Simulation Modeling and Analysis", 9.5.3). The length is not chosen
/// beforehand: it starts at 1, and whenever 2 x `batches` are full, neighbours are joined. So between `batches` and
/// 2 x `batches` - 1 full batches exist once that many values have come, in fixed memory.
///
/// The interval is honest only if a batch is long against the correlation: `lag_1` of independent batch means is within
/// some 2 / sqrt(batches) of 0. Warm-up is the caller's to leave out. Sums are doubles in a fixed order, so the same
/// values in the same order give the same bits. O(1) amortised per value. One thread per object.

#include <cstdint>
#include <optional>
#include <vector>

namespace ampacity {

class batch_means {
public:
    /// Requires batches >= 2.
    explicit batch_means(std::uint32_t batches = 32);

    /// Requires a finite value.
    void add(double value);

    /// A mean and how far it may be off.
    struct interval {
        double mean;        ///< of the values in full batches
        double half_width;  ///< the interval is mean -+ half_width
        [[nodiscard]] double low() const noexcept { return mean - half_width; }
        [[nodiscard]] double high() const noexcept { return mean + half_width; }
    };

    /// The two-sided interval that holds the mean with this probability, 0 < confidence < 1, from the full batches;
    /// nothing before `batches` of them are full.
    [[nodiscard]] std::optional<interval> confidence_interval(double confidence = 0.95) const;

    /// Correlation of neighbouring batch means; nothing before `batches` are full, or if all means are equal.
    [[nodiscard]] std::optional<double> lag_1() const;

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }        ///< values so far
    [[nodiscard]] std::uint64_t batch_length() const noexcept { return size_; }  ///< values per batch
    [[nodiscard]] std::size_t full_batches() const noexcept { return sums_.size(); }
    [[nodiscard]] std::optional<double> mean() const;  ///< of all values, the unfinished batch included

private:
    [[nodiscard]] double mean_of_batches() const;

    std::uint32_t batches_;
    std::uint64_t count_ = 0;
    std::uint64_t size_ = 1;     // values per batch
    std::uint64_t in_open_ = 0;  // values in the unfinished batch
    double open_ = 0.0;          // their sum
    std::vector<double> sums_;   // of full batches
};

}  // namespace ampacity
