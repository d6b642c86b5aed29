#pragma once
/// \file
/// Portable distributions: the same stream gives the same doubles, bit for bit, on every x86-64 machine.
///
/// Plain structs of parameters; `operator()` draws. They know no units: a result has the unit of its
/// location, scale, median or value. Every draw but the gamma distribution's takes exactly one number from
/// the stream and is a monotone function of it, so that two variants that draw from one stream stay in
/// step and their results are positively correlated (common random numbers). All arithmetic is
/// in `portable_*` functions and compiled once; see `math.hpp`.
///
/// `validate()` throws `std::invalid_argument` that names parameter and value; a draw or a moment of a
/// distribution that does not pass it is meaningless, but never undefined behaviour. `mean()` and
/// `variance()` are portable too. `cdf()` uses the C library (`std::erfc` for the normal family): it is for tests and
/// analysis, never for a decision within a run. Immutable: any number of threads, each with its stream.

#include <ampacity/core/stream.hpp>
#include <ampacity/core/time.hpp>

#include <concepts>

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
    [[nodiscard]] double cdf(double x) const noexcept;
    void validate() const;
    friend bool operator==(const weibull_distribution&, const weibull_distribution&) = default;
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
