#pragma once
/// \file
/// A distribution on the condition that it lies between two bounds, by inversion.
///
/// The shares below the bounds are found by bisection of the base's quantile function, down to neighbouring doubles,
/// so that no cdf of the C library takes part: draws are the same bits on every machine, take one number from the
/// stream and rise with it as the base's quantile function does. Nothing is drawn and thrown away. Making one costs
/// some 130 quantiles, a draw one.

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/math.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <utility>

namespace ampacity {

/// What can be truncated: a distribution with a quantile function that never falls, on [0, 1].
template <class T>
concept invertible_distribution = distribution<T> && requires(const T& d, double p) {
    { d.quantile(p) } -> std::same_as<double>;
};

/// `base` on the condition that low <= X <= high.
template <invertible_distribution Base>
class truncated_distribution {
public:
    /// Throws `std::invalid_argument` if a bound is not finite, low >= high, the base is not valid, or no share that
    /// doubles can tell from 0 lies between the bounds.
    truncated_distribution(Base base, double low, double high) : base_(std::move(base)), low_(low), high_(high) {
        base_.validate();
        if (!(std::isfinite(low) && std::isfinite(high) && low < high))
            throw std::invalid_argument("truncated: bounds must be finite, low < high");
        from_ = first_share([low](double x) { return x >= low; });
        to_ = first_share([high](double x) { return x > high; });
        validate();
    }

    double operator()(random_stream& stream) const { return quantile(stream.uniform01_open()); }

    [[nodiscard]] double quantile(double p) const noexcept {
        return std::clamp(base_.quantile(from_ + (to_ - from_) * p), low_, high_);
    }

    /// By tanh-sinh quadrature of the quantile function: within 1e-9 x (high - low) where that is smooth, within
    /// 1e-4 x (high - low) for tables.
    [[nodiscard]] double mean() const noexcept {
        return integral([](double x) { return x; });
    }
    /// The same, times (high - low).
    [[nodiscard]] double variance() const noexcept {
        const double m = mean();
        return integral([m](double x) { return (x - m) * (x - m); });
    }
    [[nodiscard]] double cdf(double x) const noexcept {
        if (x < low_) return 0.0;
        return x >= high_ ? 1.0 : std::clamp((base_.cdf(x) - from_) / (to_ - from_), 0.0, 1.0);
    }
    void validate() const {
        if (!(from_ < to_)) throw std::invalid_argument("truncated: nothing of the distribution is between the bounds");
    }
    friend bool operator==(const truncated_distribution&, const truncated_distribution&) = default;

    /// Share of the base between the bounds.
    [[nodiscard]] double kept() const noexcept { return to_ - from_; }

private:
    /// The smallest double in [0, 1] at whose quantile the condition holds, or 1.
    template <class Condition>
    [[nodiscard]] double first_share(Condition holds) const {
        std::uint64_t below = 0;  // doubles from 0 up have the order of their bits
        std::uint64_t at = std::bit_cast<std::uint64_t>(1.0);
        if (holds(base_.quantile(0.0))) return 0.0;
        while (at - below > 1) {
            const std::uint64_t middle = below + (at - below) / 2;
            (holds(base_.quantile(std::bit_cast<double>(middle))) ? at : below) = middle;
        }
        return std::bit_cast<double>(at);
    }

    /// Of f(quantile(p)) over p: the sum over p = 1 / (1 + exp(-pi sinh(k h))) with its weights.
    template <class Function>
    [[nodiscard]] double integral(Function f) const noexcept {
        constexpr double step = 1.0 / 64;
        constexpr double pi = 3.14159265358979323846;
        double sum = 0.0;
        double weights = 0.0;
        for (int k = -240; k <= 240; ++k) {
            const double t = step * k;
            const double grow = portable_exp(t);
            const double shrink = portable_exp(-t);
            const double e = portable_exp(-pi * 0.5 * (grow - shrink));
            const double p = 1.0 / (1.0 + e);
            const double weight = 0.5 * (grow + shrink) * p * (e / (1.0 + e));
            if (!(weight > 0) || !std::isfinite(weight)) continue;
            sum += weight * f(quantile(p));
            weights += weight;
        }
        return sum / weights;
    }

    Base base_;
    double low_;
    double high_;
    double from_ = 0.0;  // share of the base below `low`
    double to_ = 1.0;    // share up to `high`
};

}  // namespace ampacity
