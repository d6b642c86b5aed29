#include <ampacity/core/distributions.hpp>
#include <ampacity/core/math.hpp>
#include <ampacity/core/wide.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

namespace ampacity {
namespace {

constexpr double sqrt_half = 0.70710678118654752440;
constexpr double infinity = std::numeric_limits<double>::infinity();

[[noreturn]] void refuse(const char* distribution_name, const char* parameter, const char* rule, double value) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    throw std::invalid_argument(std::string{distribution_name} + ": " + parameter + " must be " + rule + " (" +
                                std::string(digits.data(), end) + ")");
}

void require_finite(const char* distribution_name, const char* parameter, double value) {
    if (!std::isfinite(value)) refuse(distribution_name, parameter, "finite", value);
}

void require_positive(const char* distribution_name, const char* parameter, double value) {
    if (!(std::isfinite(value) && value > 0)) refuse(distribution_name, parameter, "finite and > 0", value);
}

double normal_cdf(double z) noexcept { return 0.5 * std::erfc(-z * sqrt_half); }

double gamma_of(double x) noexcept { return portable_exp(portable_log_gamma(x)); }

}  // namespace

double constant_distribution::operator()(random_stream&) const noexcept { return value; }
double constant_distribution::mean() const noexcept { return value; }
double constant_distribution::variance() const noexcept { return 0.0; }
double constant_distribution::cdf(double x) const noexcept { return x >= value ? 1.0 : 0.0; }
void constant_distribution::validate() const { require_finite("constant", "value", value); }

// Both forms are monotone in u and stay within the ends. The difference of ends of different signs may overflow.
double uniform_distribution::operator()(random_stream& stream) const {
    const double u = stream.uniform01_open();
    if (low < 0 && high > 0) return low * (1.0 - u) + high * u;
    return low + (high - low) * u;
}
double uniform_distribution::mean() const noexcept { return 0.5 * low + 0.5 * high; }
double uniform_distribution::variance() const noexcept { return (high - low) * (high - low) / 12.0; }
double uniform_distribution::quantile(double p) const noexcept {
    return low < 0 && high > 0 ? low * (1.0 - p) + high * p : low + (high - low) * p;
}
double uniform_distribution::cdf(double x) const noexcept {
    if (x <= low) return 0.0;
    return x >= high ? 1.0 : (x - low) / (high - low);
}
void uniform_distribution::validate() const {
    require_finite("uniform", "low", low);
    require_finite("uniform", "high", high);
    if (!(high > low)) refuse("uniform", "high", "> low", high);
}

double exponential_distribution::operator()(random_stream& stream) const {
    return scale * -portable_log(stream.uniform01_open());
}
double exponential_distribution::mean() const noexcept { return scale; }
double exponential_distribution::variance() const noexcept { return scale * scale; }
double exponential_distribution::quantile(double p) const noexcept { return scale * -portable_log1p(-p); }
double exponential_distribution::cdf(double x) const noexcept { return x > 0 ? -portable_expm1(-x / scale) : 0.0; }
void exponential_distribution::validate() const { require_positive("exponential", "scale", scale); }

double normal_distribution::operator()(random_stream& stream) const {
    return location + scale * portable_normal_quantile(stream.uniform01_open());
}
double normal_distribution::mean() const noexcept { return location; }
double normal_distribution::variance() const noexcept { return scale * scale; }
double normal_distribution::quantile(double p) const noexcept { return location + scale * portable_normal_quantile(p); }
double normal_distribution::cdf(double x) const noexcept { return normal_cdf((x - location) / scale); }
void normal_distribution::validate() const {
    require_finite("normal", "location", location);
    require_positive("normal", "scale", scale);
}

double lognormal_distribution::operator()(random_stream& stream) const {
    return median * portable_exp(sigma * portable_normal_quantile(stream.uniform01_open()));
}
double lognormal_distribution::mean() const noexcept { return median * portable_exp(0.5 * sigma * sigma); }
double lognormal_distribution::variance() const noexcept {
    const double m = mean();
    return portable_expm1(sigma * sigma) * m * m;
}
double lognormal_distribution::quantile(double p) const noexcept {
    return median * portable_exp(sigma * portable_normal_quantile(p));
}
double lognormal_distribution::cdf(double x) const noexcept {
    return x > 0 ? normal_cdf(portable_log(x / median) / sigma) : 0.0;
}
void lognormal_distribution::validate() const {
    require_positive("lognormal", "median", median);
    require_positive("lognormal", "sigma", sigma);
}

double gamma_distribution::operator()(random_stream& stream) const {
    if (!(shape > 0)) return std::numeric_limits<double>::quiet_NaN();  // the loop would hardly ever end
    // For shape < 1: gamma(shape) = gamma(shape + 1) x U^(1 / shape).
    const double boost = shape < 1.0 ? portable_exp(portable_log(stream.uniform01_open()) / shape) : 1.0;
    const double d = (shape < 1.0 ? shape + 1.0 : shape) - 1.0 / 3.0;
    const double c = 1.0 / (3.0 * std::sqrt(d));
    for (;;) {
        const double x = portable_normal_quantile(stream.uniform01_open());
        const double t = 1.0 + c * x;
        if (!(t > 0)) continue;
        const double v = t * t * t;
        const double u = stream.uniform01_open();
        const double x2 = x * x;
        // The first test is a cheap lower bound of the second.
        if (u < 1.0 - 0.0331 * x2 * x2 || portable_log(u) < 0.5 * x2 + d * (1.0 - v + portable_log(v))) {
            return scale * (d * v * boost);
        }
    }
}
double gamma_distribution::mean() const noexcept { return shape * scale; }
double gamma_distribution::variance() const noexcept { return shape * scale * scale; }
void gamma_distribution::validate() const {
    require_positive("gamma", "shape", shape);
    require_positive("gamma", "scale", scale);
}

double weibull_distribution::operator()(random_stream& stream) const {
    return scale * portable_exp(portable_log(-portable_log(stream.uniform01_open())) / shape);
}
double weibull_distribution::mean() const noexcept { return scale * gamma_of(1.0 + 1.0 / shape); }
double weibull_distribution::variance() const noexcept {
    const double first = gamma_of(1.0 + 1.0 / shape);
    return scale * scale * (gamma_of(1.0 + 2.0 / shape) - first * first);
}
double weibull_distribution::quantile(double p) const noexcept {
    return scale * portable_exp(portable_log(-portable_log1p(-p)) / shape);
}
double weibull_distribution::cdf(double x) const noexcept {
    return x > 0 ? -portable_expm1(-portable_exp(shape * portable_log(x / scale))) : 0.0;
}
void weibull_distribution::validate() const {
    require_positive("weibull", "shape", shape);
    require_positive("weibull", "scale", scale);
}

double pareto_distribution::operator()(random_stream& stream) const {
    return min * portable_exp(-portable_log(stream.uniform01_open()) / alpha);
}
double pareto_distribution::mean() const noexcept { return alpha > 1 ? alpha * min / (alpha - 1) : infinity; }
double pareto_distribution::variance() const noexcept {
    if (!(alpha > 2)) return infinity;
    return min / (alpha - 1) * (min / (alpha - 1)) * (alpha / (alpha - 2));
}
double pareto_distribution::quantile(double p) const noexcept {
    return min * portable_exp(-portable_log1p(-p) / alpha);
}
double pareto_distribution::cdf(double x) const noexcept {
    return x > min ? -portable_expm1(-alpha * portable_log(x / min)) : 0.0;
}
void pareto_distribution::validate() const {
    require_positive("pareto", "min", min);
    require_positive("pareto", "alpha", alpha);
}

double bounded_pareto_distribution::operator()(random_stream& stream) const {
    return quantile(stream.uniform01_open());
}
double bounded_pareto_distribution::quantile(double p) const noexcept {
    const double whole = -portable_expm1(alpha * portable_log(min / max));  // of the unbounded tail, up to max
    return std::clamp(min * portable_exp(-portable_log1p(-p * whole) / alpha), min, max);
}
namespace {

/// The k-th moment of a bounded Pareto distribution with min 1: the integral of alpha x^(k - alpha - 1), over its mass.
double bounded_pareto_moment(double alpha, double log_ratio, double k) noexcept {
    const double c = k - alpha;
    const double integral = c == 0 ? log_ratio : portable_expm1(c * log_ratio) / c;
    return alpha * integral / -portable_expm1(-alpha * log_ratio);
}

}  // namespace
double bounded_pareto_distribution::mean() const noexcept {
    return min * bounded_pareto_moment(alpha, portable_log(max / min), 1);
}
double bounded_pareto_distribution::variance() const noexcept {
    const double ratio = portable_log(max / min);
    const double first = bounded_pareto_moment(alpha, ratio, 1);
    return min * min * std::max(0.0, bounded_pareto_moment(alpha, ratio, 2) - first * first);
}
double bounded_pareto_distribution::cdf(double x) const noexcept {
    if (!(x > min)) return 0.0;
    if (x >= max) return 1.0;
    return portable_expm1(-alpha * portable_log(x / min)) / portable_expm1(-alpha * portable_log(max / min));
}
void bounded_pareto_distribution::validate() const {
    require_positive("bounded pareto", "min", min);
    require_positive("bounded pareto", "alpha", alpha);
    if (!(std::isfinite(max) && max > min)) refuse("bounded pareto", "max", "finite and > min", max);
}

hyper_exponential_distribution hyper_exponential_distribution::of(double mean, double cv) {
    require_positive("hyper-exponential", "mean", mean);
    if (!(std::isfinite(cv) && cv >= 1)) refuse("hyper-exponential", "cv", "finite and >= 1", cv);
    const double v = cv * cv;
    const double p = 0.5 * (1.0 + std::sqrt((v - 1.0) / (v + 1.0)));
    const double rest = 1.0 / ((v + 1.0) * 2.0 * p);  // 1 - p without cancellation
    return {{{p, mean / (2.0 * p)}, {rest, mean / (2.0 * rest)}}};
}
double hyper_exponential_distribution::operator()(random_stream& stream) const {
    double point = 0.0;
    for (const branch& b : branches) point += b.weight;
    point *= stream.uniform01();
    const double value = -portable_log(stream.uniform01_open());
    double scale = 0.0;
    for (const branch& b : branches) {
        if (!(b.weight > 0)) continue;
        scale = b.scale;
        if (point < b.weight) break;
        point -= b.weight;
    }
    return scale * value;
}
double hyper_exponential_distribution::mean() const noexcept {
    double sum = 0.0;
    double total = 0.0;
    for (const branch& b : branches) {
        sum += b.weight * b.scale;
        total += b.weight;
    }
    return sum / total;
}
double hyper_exponential_distribution::variance() const noexcept {
    // Within the branches scale^2 each, and between them.
    const double m = mean();
    double sum = 0.0;
    double total = 0.0;
    for (const branch& b : branches) {
        sum += b.weight * (b.scale * b.scale + (b.scale - m) * (b.scale - m));
        total += b.weight;
    }
    return sum / total;
}
double hyper_exponential_distribution::cdf(double x) const noexcept {
    double sum = 0.0;
    double total = 0.0;
    for (const branch& b : branches) {
        sum += b.weight * exponential_distribution{b.scale}.cdf(x);
        total += b.weight;
    }
    return sum / total;
}
void hyper_exponential_distribution::validate() const {
    double total = 0.0;
    for (const branch& b : branches) {
        if (!(b.weight >= 0)) refuse("hyper-exponential", "weight", ">= 0", b.weight);
        require_positive("hyper-exponential", "scale", b.scale);
        total += b.weight;
    }
    require_positive("hyper-exponential", "sum of weights", total);
}

duration round_to_duration(double seconds) {
    if (seconds != seconds) throw std::invalid_argument("round_to_duration: seconds must be a number (nan)");
    if (!(seconds > 0)) return duration::zero();
    if (seconds >= static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(longest_input).count())) {
        return longest_input;
    }
    // seconds = mantissa x 2^exponent with 53 bits, below 2^33: so the product has at most 83 bits and is a shift
    // to the right away from the answer, unless the double is a whole number already.
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(seconds);
    const std::uint64_t biased = bits >> 52U;
    if (biased < 1023 - 40) return duration::zero();  // < 1e-12 s
    const uint128 mantissa = (bits & 0x000F'FFFF'FFFF'FFFFU) | 0x0010'0000'0000'0000U;
    const uint128 product = mantissa * 1'000'000'000U;
    const auto shift = static_cast<unsigned>(1075 - biased);  // 20 .. 92
    const auto whole = static_cast<std::int64_t>(product >> shift);
    const uint128 rest = product & ((uint128{1} << shift) - 1);
    const uint128 half = uint128{1} << (shift - 1);
    const bool up = rest > half || (rest == half && (whole & 1) != 0);
    return duration{whole + (up ? 1 : 0)};
}

}  // namespace ampacity
