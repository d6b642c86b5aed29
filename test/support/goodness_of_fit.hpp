#pragma once
/// \file
/// Significance of what random draws show: chi-square, Kolmogorov-Smirnov and normal tests, as p-values.
///
/// A p-value is the chance of a result at least as bad if the hypothesis is true. A test states its alpha and fails
/// where p < alpha; with a fixed seed it then always does the same. Pure functions; nothing of the library is used.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace ampacity::test {

/// Regularised incomplete gamma functions: P(a, x) is the CDF of the gamma distribution of shape a, Q = 1 - P.
struct incomplete_gamma {
    double p;
    double q;
};

/// By the power series for x < a + 1, else by the continued fraction (modified Lentz). \pre 0 < a < 1700, x >= 0
inline incomplete_gamma incomplete_gamma_of(double shape, double at) {
    if (!(at > 0)) return {0.0, 1.0};
    const long double a = shape;
    const long double x = at;
    constexpr long double epsilon = std::numeric_limits<long double>::epsilon();
    const long double front = std::exp(a * std::log(x) - x) / std::tgamma(a);
    if (x < a + 1) {
        long double term = 1 / a;
        long double sum = term;
        for (long double n = 1; term > sum * epsilon; ++n) {
            term *= x / (a + n);
            sum += term;
        }
        const long double p = front * sum;
        return {static_cast<double>(p), static_cast<double>(1 - p)};
    }
    constexpr long double tiny = 1e-4000L;
    long double b = x + 1 - a;
    long double c = 1 / tiny;
    long double d = 1 / b;
    long double h = d;
    for (long double n = 1; n < 100'000; ++n) {
        const long double factor = -n * (n - a);
        b += 2;
        d = factor * d + b;
        c = b + factor / c;
        if (d == 0) d = tiny;
        if (c == 0) c = tiny;
        d = 1 / d;
        h *= d * c;
        if (std::fabs(d * c - 1) <= 2 * epsilon) break;
    }
    const long double q = front * h;
    return {static_cast<double>(1 - q), static_cast<double>(q)};
}

/// p-value of a chi-square statistic.
inline double chi_square_p(double statistic, double degrees_of_freedom) {
    return incomplete_gamma_of(degrees_of_freedom / 2, statistic / 2).q;
}

/// p-value of counts that should all be equal on average, by chi-square.
inline double equal_counts_p(std::span<const std::uint64_t> counts) {
    double total = 0;
    for (const std::uint64_t n : counts) total += static_cast<double>(n);
    const double expected = total / static_cast<double>(counts.size());
    double statistic = 0;
    for (const std::uint64_t n : counts) {
        const double off = static_cast<double>(n) - expected;
        statistic += off * off / expected;
    }
    return chi_square_p(statistic, static_cast<double>(counts.size() - 1));
}

/// Two-sided p-value of a deviation of `z` standard deviations.
inline double normal_p(double z) { return std::erfc(std::fabs(z) / std::sqrt(2.0)); }

/// p-value of the hypothesis that the values come from the continuous distribution `cdf`, by Kolmogorov and Smirnov;
/// asymptotic, with the correction of Stephens (JRSS B 32, 1970) for finite n.
template <class Cdf>
double kolmogorov_smirnov_p(std::vector<double> values, Cdf&& cdf) {
    std::sort(values.begin(), values.end());
    const auto n = static_cast<double>(values.size());
    double distance = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double f = cdf(values[i]);
        distance = std::max({distance, f - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - f});
    }
    const double root = std::sqrt(n);
    const double x = (root + 0.12 + 0.11 / root) * distance;
    double p = 0;
    for (double k = 1; k < 200; ++k) {
        p += (std::fmod(k, 2) == 1 ? 2 : -2) * std::exp(-2 * k * k * x * x);
    }
    return std::clamp(x < 0.2 ? 1.0 : p, 0.0, 1.0);
}

}  // namespace ampacity::test
