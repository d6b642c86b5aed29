#pragma once
/// \file
/// Distributions from tables: values at given shares, and indices by weights. Portable as those of `distributions.hpp`.
///
/// A draw takes one number from the stream and never falls when that number rises. The tables are made once; copies
/// cost their size. Any number of threads may draw from one table, each with its stream.

#include <ampacity/core/distributions.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ampacity {

/// What lies between two points of a quantile table.
enum class interpolation : std::uint8_t {
    step,         ///< the value of the next point: only the given values come
    linear,       ///< evenly spread between the two values
    logarithmic,  ///< the logarithm is evenly spread; values must be > 0
};

/// An empirical distribution: the quantile function through points (share, value).
class empirical_distribution {
public:
    /// A share of the values and the value that they are at most.
    struct point {
        double share;  ///< of the values that are at most `value`
        double value;
        friend bool operator==(const point&, const point&) = default;
    };

    /// Shares rise strictly and end at 1, values never fall. Between points the first share is 0; for `step` it may be
    /// anything from 0 on. Throws `std::invalid_argument` otherwise, and for values that are not finite.
    empirical_distribution(std::vector<point> points, interpolation between);

    double operator()(random_stream& stream) const;  ///< O(log points)
    [[nodiscard]] double mean() const noexcept;
    [[nodiscard]] double variance() const noexcept;
    [[nodiscard]] double quantile(double p) const noexcept;
    [[nodiscard]] double cdf(double x) const noexcept;
    void validate() const;
    [[nodiscard]] std::span<const point> points() const noexcept { return points_; }
    friend bool operator==(const empirical_distribution&, const empirical_distribution&) = default;

private:
    [[nodiscard]] double moment(int order, double about) const noexcept;

    std::vector<point> points_;
    std::vector<double> log_ratio_;  // of the values of point i + 1 and i; for `logarithmic` only
    interpolation between_;
};

/// Indices 0 .. n - 1 in proportion to their weights: the cumulative table is searched from a guide (Chen and Asau,
/// "On generating random variates from an empirical distribution", AIIE Transactions 6, 1974). Expected O(1).
/// Unlike an alias table it is monotone.
class discrete_distribution {
public:
    /// Throws `std::invalid_argument` unless weights are finite and >= 0 and their sum is finite and > 0.
    explicit discrete_distribution(std::span<const double> weights);

    double operator()(random_stream& stream) const { return static_cast<double>(index(stream.uniform01())); }
    [[nodiscard]] double mean() const noexcept;
    [[nodiscard]] double variance() const noexcept;
    void validate() const;
    friend bool operator==(const discrete_distribution&, const discrete_distribution&) = default;

    /// The index at u in [0, 1): the first whose cumulative share is above u. An index of weight 0 never comes.
    [[nodiscard]] std::size_t index(double u) const noexcept {
        const double point = u * cumulative_.back();
        std::size_t i = guide_[static_cast<std::size_t>(u * static_cast<double>(guide_.size()))];
        // The product may round up to the sum itself, hence the last index as a stop.
        while (i < last_ && cumulative_[i] <= point) ++i;
        return i;
    }

    [[nodiscard]] std::size_t size() const noexcept { return cumulative_.size(); }
    [[nodiscard]] double share(std::size_t i) const noexcept;  ///< of all draws

private:
    std::vector<double> cumulative_;    // of the weights
    std::vector<std::uint32_t> guide_;  // entry j: the index at u = j / size, a power of two
    std::size_t last_ = 0;              // with a weight above 0
};

}  // namespace ampacity
