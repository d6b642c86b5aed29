#include <ampacity/llm/length_law.hpp>

#include <cmath>

namespace ampacity::llm {
namespace {

double normal_cdf(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

/// Mean of the k-th power of a lognormal number that is cut.
double cut_moment(double k, double median, double sigma, double most) {
    const double mu = std::log(median);
    const double up = (std::log(most) - mu) / sigma;
    return std::exp(k * mu + k * k * sigma * sigma / 2) * normal_cdf(up - k * sigma) +
           std::pow(most, k) * normal_cdf(-up);
}

}  // namespace

double length_law::median() const {
    if (sigma <= 0) return mean;
    const double uncut = mean * std::exp(-sigma * sigma / 2);
    if (most <= 0) return uncut;
    double low = uncut;
    double high = most * std::exp(8 * sigma);
    for (int i = 0; i < 80; ++i) {
        const double mid = std::sqrt(low * high);
        (cut_moment(1, mid, sigma, most) < mean ? low : high) = mid;
    }
    return low;
}

double length_law::met() const {
    if (sigma <= 0) return mean;
    return most > 0 ? cut_moment(2, median(), sigma, most) / mean : mean * std::exp(sigma * sigma);
}

}  // namespace ampacity::llm
