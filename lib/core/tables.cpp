#include <ampacity/core/math.hpp>
#include <ampacity/core/tables.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace ampacity {
namespace {

void require(bool holds, const char* rule) {
    if (!holds) throw std::invalid_argument(rule);
}

/// Mean of (x - about)^order, order 1 or 2, over x = a + (b - a) t, t uniform.
double linear_moment(double a, double b, int order, double about) noexcept {
    const double u = a - about;
    const double v = b - about;
    return order == 1 ? 0.5 * u + 0.5 * v : (u * u + u * v + v * v) / 3.0;
}

/// The same over x = a exp(r t), with b = a exp(r).
double logarithmic_moment(double a, double b, double r, int order, double about) noexcept {
    if (r < 1e-4) return linear_moment(a, b, order, about);  // the difference is below r^2 / 12
    const double first = (b - a) / r;
    if (order == 1) return first - about;
    const double second = (b - a) * (b + a) / (2.0 * r);
    return second - 2.0 * about * first + about * about;
}

}  // namespace

empirical_distribution::empirical_distribution(std::vector<point> points, interpolation between)
    : points_(std::move(points)), between_(between) {
    validate();
    if (between_ != interpolation::logarithmic) return;
    for (std::size_t i = 0; i + 1 < points_.size(); ++i) {
        log_ratio_.push_back(portable_log(points_[i + 1].value / points_[i].value));
    }
}

void empirical_distribution::validate() const {
    require(!points_.empty(), "empirical: needs at least one point");
    require(between_ == interpolation::step || points_.size() >= 2, "empirical: needs at least two points");
    require(points_.back().share == 1.0, "empirical: the last share must be 1");
    require(points_.front().share >= 0.0, "empirical: shares must be >= 0");
    require(between_ == interpolation::step || points_.front().share == 0.0, "empirical: the first share must be 0");
    for (std::size_t i = 0; i < points_.size(); ++i) {
        const point& p = points_[i];
        require(std::isfinite(p.value), "empirical: values must be finite");
        require(between_ != interpolation::logarithmic || p.value > 0, "empirical: values must be > 0");
        if (i == 0) continue;
        require(p.share > points_[i - 1].share, "empirical: shares must rise");
        require(p.value >= points_[i - 1].value, "empirical: values must not fall");
    }
}

double empirical_distribution::operator()(random_stream& stream) const { return quantile(stream.uniform01_open()); }

double empirical_distribution::quantile(double p) const noexcept {
    const auto next = std::lower_bound(points_.begin(), points_.end(), p,
                                       [](const point& a, double share) { return a.share < share; });
    if (next == points_.end()) return points_.back().value;
    if (between_ == interpolation::step || next == points_.begin() || next->share == p) return next->value;
    const point& a = *(next - 1);
    const double t = (p - a.share) / (next->share - a.share);
    const double x = between_ == interpolation::linear
                         ? a.value + (next->value - a.value) * t
                         : a.value * portable_exp(log_ratio_[static_cast<std::size_t>(next - points_.begin()) - 1] * t);
    return std::min(x, next->value);
}

double empirical_distribution::moment(int order, double about) const noexcept {
    double sum = 0.0;
    double before = 0.0;
    for (std::size_t i = 0; i < points_.size(); ++i) {
        const double width = points_[i].share - before;
        const double b = points_[i].value;
        before = points_[i].share;
        if (width <= 0) continue;
        if (between_ == interpolation::step) {
            sum += width * linear_moment(b, b, order, about);
        } else if (between_ == interpolation::linear) {
            sum += width * linear_moment(points_[i - 1].value, b, order, about);
        } else {
            sum += width * logarithmic_moment(points_[i - 1].value, b, log_ratio_[i - 1], order, about);
        }
    }
    return sum;
}

double empirical_distribution::mean() const noexcept { return moment(1, 0.0); }
double empirical_distribution::variance() const noexcept { return std::max(0.0, moment(2, mean())); }

double empirical_distribution::cdf(double x) const noexcept {
    // The largest share whose value is not above x.
    const auto next = std::upper_bound(points_.begin(), points_.end(), x,
                                       [](double value, const point& b) { return value < b.value; });
    if (next == points_.begin()) return 0.0;
    const point& a = *(next - 1);
    if (next == points_.end() || between_ == interpolation::step) return a.share;
    const double t = between_ == interpolation::linear
                         ? (x - a.value) / (next->value - a.value)
                         : portable_log(x / a.value) / log_ratio_[static_cast<std::size_t>(next - points_.begin()) - 1];
    return a.share + (next->share - a.share) * t;
}

discrete_distribution::discrete_distribution(std::span<const double> weights) {
    require(weights.size() <= std::numeric_limits<std::uint32_t>::max(), "discrete: too many weights");
    cumulative_.reserve(weights.size());
    double sum = 0.0;
    for (const double w : weights) {
        require(std::isfinite(w) && w >= 0, "discrete: weights must be finite and >= 0");
        if (w > 0 && sum + w > sum) last_ = cumulative_.size();
        cumulative_.push_back(sum += w);
    }
    require(std::isfinite(sum) && sum > 0, "discrete: the sum of the weights must be finite and > 0");
    const std::size_t entries = std::bit_ceil(weights.size());
    guide_.reserve(entries);
    // Products with j / entries, a power of two, are exact, so no entry is beyond the index of any u in its part.
    std::uint32_t i = 0;
    for (std::size_t j = 0; j < entries; ++j) {
        const double point = static_cast<double>(j) / static_cast<double>(entries) * sum;
        while (i < last_ && cumulative_[i] <= point) ++i;
        guide_.push_back(i);
    }
}

void discrete_distribution::validate() const {
    require(!cumulative_.empty() && cumulative_.back() > 0, "discrete: the sum of the weights must be finite and > 0");
}

double discrete_distribution::share(std::size_t i) const noexcept {
    return (cumulative_[i] - (i == 0 ? 0.0 : cumulative_[i - 1])) / cumulative_.back();
}

double discrete_distribution::mean() const noexcept {
    double sum = 0.0;
    for (std::size_t i = 0; i < size(); ++i) sum += static_cast<double>(i) * share(i);
    return sum;
}

double discrete_distribution::variance() const noexcept {
    const double m = mean();
    double sum = 0.0;
    for (std::size_t i = 0; i < size(); ++i) {
        const double off = static_cast<double>(i) - m;
        sum += off * off * share(i);
    }
    return sum;
}

}  // namespace ampacity
