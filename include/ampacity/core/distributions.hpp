#pragma once
/// \file
/// Portable distributions: the same stream gives the same doubles, bit for bit, on every x86-64 machine.
///
/// Plain structs of parameters; `operator()` draws. They know no units: a result has the unit of its
/// location, scale, median or value. Every draw but those of the gamma and the hyper-exponential distribution
/// takes exactly one number from the stream and is a monotone function of it, so that two variants that draw from
/// one stream stay in step and their results are positively correlated (common random numbers). All arithmetic is
/// in `portable_*` functions and compiled once; see `math.hpp`. Tables are in `tables.hpp`, truncation is in
/// `truncated.hpp`.
///
/// `validate()` throws `std::invalid_argument` that names parameter and value; a draw or a moment of a
/// distribution that does not pass it is meaningless, but never undefined behaviour. `mean()`,
/// `variance()` and `quantile(p)`, 0 <= p <= 1, are portable too. `cdf()` uses the C library (`std::erfc` for the
/// normal family): it is for tests and analysis, never for a decision within a run. Immutable: any number of threads,
/// each with its stream.

#include <ampacity/core/stream.hpp>
#include <ampacity/core/time.hpp>

#include <concepts>
#include <vector>

namespace ampacity {

/// What can be drawn: a distribution of doubles.
template <class T>
concept distribution = std::copyable<T> && requires(const T& d, random_stream& s) {
    { d(s) } -> std::same_as<double>;
    { d.mean() } -> std::same_as<double>;
    { d.variance() } -> std::same_as<double>;
    d.validate();
};

/// Always the same value; takes no number from the stream.
struct constant_distribution {
    double value = 0.0;  ///< finite

    double operator()(random_stream& stream) const noexcept;
    [[nodiscard]] double mean() const noexcept;
    [[nodiscard]] double variance() const noexcept;
    [[nodiscard]] double cdf(double x) const noexcept;
    void validate() const;
    friend bool operator==(const constant_distribution&, const constant_distribution&) = default;
};

/// Uniform between `low` and `high`; rounding may return either end.
struct uniform_distribution {
    double low = 0.0;   ///< finite
    double high = 1.0;  ///< finite, > low

    double operator()(random_stream& stream) const;
    [[nodiscard]] double mean() const noexcept;
    [[nodiscard]] double variance() const noexcept;
    [[nodiscard]] double quantile(double p) const noexcept;
    [[nodiscard]] double cdf(double x) const noexcept;
    void validate() const;
    friend bool operator==(const uniform_distribution&, const uniform_distribution&) = default;
};

/// Exponential, by inversion; > 0.
struct exponential_distribution {
    double scale = 1.0;  ///< mean = 1 / rate; finite, > 0

    double operator()(random_stream& stream) const;
    [[nodiscard]] double mean() const noexcept;
    [[nodiscard]] double variance() const noexcept;
    [[nodiscard]] double quantile(double p) const noexcept;
    [[nodiscard]] double cdf(double x) const noexcept;
    void validate() const;
    friend bool operator==(const exponential_distribution&, const exponential_distribution&) = default;
};

/// Normal, by inversion (`portable_normal_quantile`); within 8.3 scales of the location.
struct normal_distribution {
    double location = 0.0;  ///< mean; finite
    double scale = 1.0;     ///< standard deviation; finite, > 0

    double operator()(random_stream& stream) const;
    [[nodiscard]] double mean() const noexcept;
    [[nodiscard]] double variance() const noexcept;
    [[nodiscard]] double quantile(double p) const noexcept;
    [[nodiscard]] double cdf(double x) const noexcept;
    void validate() const;
    friend bool operator==(const normal_distribution&, const normal_distribution&) = default;
};

/// Lognormal: median x exp(sigma x standard normal).
struct lognormal_distribution {
    double median = 1.0;  ///< exp(mu) in the usual parameters; finite, > 0
    double sigma = 1.0;   ///< standard deviation of the logarithm; finite, > 0

    double operator()(random_stream& stream) const;
    [[nodiscard]] double mean() const noexcept;
    [[nodiscard]] double variance() const noexcept;
    [[nodiscard]] double quantile(double p) const noexcept;
    [[nodiscard]] double cdf(double x) const noexcept;
    void validate() const;
    friend bool operator==(const lognormal_distribution&, const lognormal_distribution&) = default;
};

/// Gamma. Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000): takes
/// a random number of draws (2.1 on average; for shape < 1 one more), so it is not monotone in the stream.
struct gamma_distribution {
    double shape = 1.0;  ///< finite, > 0
    double scale = 1.0;  ///< finite, > 0; mean = shape x scale

    double operator()(random_stream& stream) const;
    [[nodiscard]] double mean() const noexcept;
    [[nodiscard]] double variance() const noexcept;
    void validate() const;
    friend bool operator==(const gamma_distribution&, const gamma_distribution&) = default;
};

/// Weibull, by inversion: P(X > x) = exp(-(x / scale)^shape). Shape < 1: infant mortality, > 1: wear-out.
struct weibull_distribution {
    double shape = 1.0;  ///< finite, > 0
    double scale = 1.0;  ///< characteristic life, the 63.2 % quantile; finite, > 0

    double operator()(random_stream& stream) const;
    [[nodiscard]] double mean() const noexcept;      ///< within 1e-13 relative for shape >= 0.1
    [[nodiscard]] double variance() const noexcept;  ///< within 1e-12 relative for 0.1 <= shape <= 10
    [[nodiscard]] double quantile(double p) const noexcept;
    [[nodiscard]] double cdf(double x) const noexcept;
    void validate() const;
    friend bool operator==(const weibull_distribution&, const weibull_distribution&) = default;
};

/// Pareto, by inversion: P(X > x) = (min / x)^alpha for x >= min. Below alpha 1 it has no mean, below 2 no variance.
struct pareto_distribution {
    double min = 1.0;    ///< smallest value; finite, > 0
    double alpha = 1.0;  ///< exponent of the tail; finite, > 0

    double operator()(random_stream& stream) const;
    [[nodiscard]] double mean() const noexcept;      ///< infinite for alpha <= 1
    [[nodiscard]] double variance() const noexcept;  ///< infinite for alpha <= 2
    [[nodiscard]] double quantile(double p) const noexcept;
    [[nodiscard]] double cdf(double x) const noexcept;
    void validate() const;
    friend bool operator==(const pareto_distribution&, const pareto_distribution&) = default;
};

/// Pareto between `min` and `max`, by inversion: the Pareto distribution on the condition that X <= max.
struct bounded_pareto_distribution {
    double min = 1.0;    ///< finite, > 0
    double max = 2.0;    ///< finite, > min
    double alpha = 1.0;  ///< finite, > 0

    double operator()(random_stream& stream) const;
    [[nodiscard]] double mean() const noexcept;
    [[nodiscard]] double variance() const noexcept;  ///< within 1e-12 x mean^2
    [[nodiscard]] double quantile(double p) const noexcept;
    [[nodiscard]] double cdf(double x) const noexcept;
    void validate() const;
    friend bool operator==(const bounded_pareto_distribution&, const bounded_pareto_distribution&) = default;
};

/// A mixture of exponentials: more variable than one of them. A draw takes two numbers, first the branch, then the
/// value; for a fixed second number it is not monotone in the first.
struct hyper_exponential_distribution {
    /// One exponential of the mixture.
    struct branch {
        double weight = 1.0;  ///< relative to the sum of all weights; finite, >= 0
        double scale = 1.0;   ///< mean of the branch; finite, > 0
        friend bool operator==(const branch&, const branch&) = default;
    };
    std::vector<branch> branches{branch{}};  ///< not empty; the sum of the weights is finite and > 0

    /// Two branches with this mean and coefficient of variation, of which each contributes half of the mean
    /// ("balanced means"). Throws `std::invalid_argument` unless mean > 0 and cv >= 1.
    [[nodiscard]] static hyper_exponential_distribution of(double mean, double cv);

    double operator()(random_stream& stream) const;
    [[nodiscard]] double mean() const noexcept;
    [[nodiscard]] double variance() const noexcept;
    [[nodiscard]] double cdf(double x) const noexcept;
    void validate() const;
    friend bool operator==(const hyper_exponential_distribution&, const hyper_exponential_distribution&) = default;
};

/// The duration nearest to `seconds`, exact ties to the even nanosecond, limited to [0, `longest_input`].
/// Exact: the product with 1e9 is not rounded first. Throws `std::invalid_argument` for NaN.
[[nodiscard]] duration round_to_duration(double seconds);

/// Draws seconds from `d` and rounds them to a duration, see `round_to_duration`.
template <distribution Distribution>
[[nodiscard]] duration draw_duration(const Distribution& d, random_stream& stream) {
    return round_to_duration(d(stream));
}

}  // namespace ampacity
