#include <ampacity/core/error.hpp>
#include <ampacity/core/math.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/experiment/comparison.hpp>

#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace ampacity::experiment {
namespace {

double quantile_of_t(double p, std::size_t count) {
    return portable_student_t_quantile(p, static_cast<double>(count - 1));
}

/// The number of the p-quantile among `times` sorted resamples, p x (times + 1) as Efron has it.
std::size_t rank_of(double p, std::size_t times) {
    const double rank = std::floor(p * static_cast<double>(times + 1));
    return static_cast<std::size_t>(std::clamp(rank, 1.0, static_cast<double>(times))) - 1;
}

/// Sums of powers of a resample, about a centre.
struct power_sums {
    double x = 0, x2 = 0, x3 = 0;
};

power_sums resample(std::span<const double> values, double centre, random_stream& draws) {
    power_sums sums;
    for (std::size_t i = 0; i != values.size(); ++i) {
        const double x = values[draws.below(values.size())] - centre;
        sums.x += x;
        sums.x2 += x * x;
        sums.x3 += x * x * x;
    }
    return sums;
}

/// Mean / deviation, of any length; infinite where all values are one.
double standardised(double mean, double deviation) {
    if (deviation > 0) return mean / deviation;
    return mean == 0 ? 0 : std::copysign(std::numeric_limits<double>::infinity(), mean);
}

/// (mean of the resample - centre) / its standard error.
double studentised(const power_sums& sums, double n) {
    const double mean = sums.x / n;
    return standardised(mean, std::sqrt(std::max(0.0, sums.x2 - sums.x * mean) / (n - 1) / n));
}

/// Third central moment / third power of the deviation with divisor n; 0 where all values are one.
double skewness(const power_sums& sums, double n) {
    const double mean = sums.x / n, variance = sums.x2 / n - mean * mean;
    if (!(variance > 0)) return 0;
    return (sums.x3 / n - 3 * mean * sums.x2 / n + 2 * mean * mean * mean) / (variance * std::sqrt(variance));
}

power_sums sums_of(std::span<const double> values, double centre) {
    power_sums sums;
    for (const double value : values) {
        const double x = value - centre;
        sums.x += x;
        sums.x2 += x * x;
        sums.x3 += x * x * x;
    }
    return sums;
}

double without_skew(double w, double skew, double n) {
    if (std::isinf(w)) return w;
    return w + skew * w * w / 3 + skew * skew * w * w * w / 27 + skew / (6 * n);
}

double with_skew(double x, double skew, double n) {
    if (std::abs(skew) < 1e-9 || std::isinf(x)) return x;
    return 3 / skew * (std::cbrt(1 + skew * (x - skew / (6 * n))) - 1);
}

/// Of a statistic whose resampled values are these, rising: how rarely it is so far out, on both sides.
double two_sided(std::span<const double> rising, double seen) {
    const auto below = std::upper_bound(rising.begin(), rising.end(), seen) - rising.begin();
    const auto above = rising.end() - std::lower_bound(rising.begin(), rising.end(), seen);
    return std::min(1.0,
                    2.0 * static_cast<double>(1 + std::min(below, above)) / static_cast<double>(rising.size() + 1));
}

bool ends_with_percentile(std::string_view metric, std::string_view percentile) {
    return metric == percentile ||
           (metric.ends_with(percentile) && metric[metric.size() - percentile.size() - 1] == '.');
}

}  // namespace

sample_mean mean_of(std::span<const double> values) {
    if (values.empty()) return {};
    const double n = static_cast<double>(values.size());
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
    double squares = 0;
    for (const double x : values) squares += (x - mean) * (x - mean);
    return {values.size(), mean, values.size() < 2 ? 0 : std::sqrt(squares / (n - 1) / n)};
}

std::optional<interval> t_interval(const sample_mean& m, double confidence) {
    AMPACITY_ASSERT(confidence > 0 && confidence < 1);
    if (m.count < 2) return std::nullopt;
    const double half = quantile_of_t(0.5 + confidence / 2, m.count) * m.standard_error;
    return interval{m.mean - half, m.mean + half};
}

bootstrap_t::bootstrap_t(std::span<const double> values, const resampling& how) : of_(mean_of(values)) {
    AMPACITY_ASSERT(values.size() >= 2 && how.times >= 1);
    if (of_.standard_error == 0) return;
    random_stream draws{how.seed, purpose::resampling, 0};
    t_.resize(how.times);
    const auto n = static_cast<double>(values.size());
    for (double& x : t_) x = studentised(resample(values, of_.mean, draws), n);
    std::sort(t_.begin(), t_.end());
}

interval bootstrap_t::within(double confidence) const {
    AMPACITY_ASSERT(confidence > 0 && confidence < 1);
    if (t_.empty()) return {of_.mean, of_.mean};
    const std::size_t k = rank_of((1 - confidence) / 2, t_.size());
    return {of_.mean - t_[t_.size() - 1 - k] * of_.standard_error, of_.mean - t_[k] * of_.standard_error};
}

double bootstrap_t::p_value() const {
    if (t_.empty()) return of_.mean == 0 ? 1.0 : 0.0;
    return two_sided(t_, of_.mean / of_.standard_error);
}

hall_t::hall_t(std::span<const double> values, const resampling& how) : of_(mean_of(values)) {
    AMPACITY_ASSERT(values.size() >= 2 && how.times >= 1);
    if (of_.standard_error == 0) return;
    const auto n = static_cast<double>(values.size());
    deviation_ = of_.standard_error * std::sqrt(n);
    skewness_ = skewness(sums_of(values, of_.mean), n);
    random_stream draws{how.seed, purpose::resampling, 2};
    w_.resize(how.times);
    for (double& w : w_) {
        const power_sums sums = resample(values, of_.mean, draws);
        w = without_skew(studentised(sums, n) / std::sqrt(n), skewness(sums, n), n);
    }
    std::sort(w_.begin(), w_.end());
}

interval hall_t::within(double confidence) const {
    AMPACITY_ASSERT(confidence > 0 && confidence < 1);
    if (w_.empty()) return {of_.mean, of_.mean};
    const std::size_t k = rank_of((1 - confidence) / 2, w_.size());
    const auto n = static_cast<double>(of_.count);
    return {of_.mean - deviation_ * with_skew(w_[w_.size() - 1 - k], skewness_, n),
            of_.mean - deviation_ * with_skew(w_[k], skewness_, n)};
}

double hall_t::p_value() const {
    if (w_.empty()) return of_.mean == 0 ? 1.0 : 0.0;
    return two_sided(w_, without_skew(of_.mean / deviation_, skewness_, static_cast<double>(of_.count)));
}

careful_mean::careful_mean(std::span<const double> values, const resampling& how)
    : of_(mean_of(values)), resampled_(values, how), unskewed_(values, how) {
    const double skew = skewness(sums_of(values, of_.mean), static_cast<double>(values.size()));
    if (std::abs(skew) > skewed) penalty_ = 3;
}

interval careful_mean::within(double confidence) const {
    const double asked = 1 - (1 - confidence) / penalty_;
    interval out = *t_interval(of_, asked);
    for (const interval& other : {resampled_.within(asked), unskewed_.within(asked)})
        out = {std::min(out.low, other.low), std::max(out.high, other.high)};
    return out;
}

double careful_mean::p_value() const {
    const double largest = std::max({*experiment::p_value(of_), resampled_.p_value(), unskewed_.p_value()});
    return std::min(1.0, penalty_ * largest);
}

std::optional<double> p_value(const sample_mean& m) {
    if (m.count < 2) return std::nullopt;
    if (m.standard_error == 0) return m.mean == 0 ? 1.0 : 0.0;
    const boost::math::students_t t(static_cast<double>(m.count - 1));
    return 2 * boost::math::cdf(boost::math::complement(t, std::abs(m.mean / m.standard_error)));
}

std::vector<double> differences(std::span<const double> values, std::span<const double> baseline) {
    AMPACITY_ASSERT(values.size() == baseline.size());
    std::vector<double> out(values.size());
    for (std::size_t i = 0; i != out.size(); ++i) out[i] = values[i] - baseline[i];
    return out;
}

std::optional<relative_change> change_of(std::span<const double> values, std::span<const double> baseline) {
    AMPACITY_ASSERT(values.size() == baseline.size());
    const double base = mean_of(baseline).mean;
    if (values.size() < 2 || base == 0) return std::nullopt;
    const double ratio = mean_of(values).mean / base;
    std::vector<double> rest(values.size());
    for (std::size_t i = 0; i != rest.size(); ++i) rest[i] = values[i] - ratio * baseline[i];
    return relative_change{ratio - 1, mean_of(rest).standard_error / std::abs(base)};
}

std::vector<corrected> holm(std::span<const double> p_values, double confidence) {
    AMPACITY_ASSERT(confidence > 0 && confidence < 1);
    const std::size_t n = p_values.size();
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
    std::vector<corrected> out(n);
    double largest = 0;
    double alpha = 1 - confidence;
    bool rejects = true;
    for (std::size_t k = 0; k != n; ++k) {
        const double left = static_cast<double>(n - k);
        corrected& c = out[order[k]];
        largest = std::max(largest, std::min(1.0, left * p_values[order[k]]));
        // Past the first that is not significant none is, and its level holds for all.
        if (rejects) alpha = (1 - confidence) / left;
        rejects = rejects && p_values[order[k]] <= alpha;
        c = {.p = largest, .significant = rejects, .confidence = 1 - alpha};
    }
    return out;
}

direction better_of(std::string_view metric) noexcept {
    static constexpr std::array<std::string_view, 14> higher{"utilisation",
                                                             "jobs.finished",
                                                             "jobs.submitted",
                                                             "gpu_hours.useful",
                                                             "occupancy",
                                                             "slo_attainment",
                                                             "mfu",
                                                             "finished",
                                                             "tokens",
                                                             "tokens_per_s",
                                                             "tokens_per_s_per_gpu",
                                                             "prompt_tokens",
                                                             "output_tokens",
                                                             "effective_training_time_ratio"};
    const auto names = [metric](std::string_view name) {
        return metric == name || (metric.ends_with(name) && metric[metric.size() - name.size() - 1] == '.');
    };
    return std::any_of(higher.begin(), higher.end(), names) ? direction::higher : direction::lower;
}

std::vector<double> probability_of_best(std::span<const std::vector<double>> variants, direction better,
                                        const resampling& how) {
    if (variants.empty()) return {};
    const std::size_t n = variants.front().size();
    AMPACITY_ASSERT(n > 0);
    for (const auto& v : variants) AMPACITY_ASSERT(v.size() == n);
    random_stream draws{how.seed, purpose::resampling, 1};
    std::vector<double> wins(variants.size(), 0.0), sums(variants.size());
    std::vector<std::size_t> rows(n);
    for (std::uint32_t b = 0; b != how.times; ++b) {
        for (std::size_t& row : rows) row = draws.below(n);
        for (std::size_t v = 0; v != variants.size(); ++v) {
            sums[v] = 0;
            for (const std::size_t row : rows) sums[v] += variants[v][row];
        }
        const double best = better == direction::lower ? *std::min_element(sums.begin(), sums.end())
                                                       : *std::max_element(sums.begin(), sums.end());
        const auto ties = static_cast<double>(std::count(sums.begin(), sums.end(), best));
        for (std::size_t v = 0; v != variants.size(); ++v) wins[v] += sums[v] == best ? 1 / ties : 0;
    }
    for (double& w : wins) w /= how.times;
    return wins;
}

std::vector<bool> pareto_front(std::span<const std::vector<double>> points, std::span<const direction> better) {
    const auto beats = [&](const std::vector<double>& a, const std::vector<double>& b) {
        bool is_better = false;
        for (std::size_t k = 0; k != better.size(); ++k) {
            const double gain = better[k] == direction::lower ? b[k] - a[k] : a[k] - b[k];
            if (gain < 0) return false;
            is_better = is_better || gain > 0;
        }
        return is_better;
    };
    std::vector<bool> out(points.size());
    for (std::size_t i = 0; i != points.size(); ++i) {
        AMPACITY_ASSERT(points[i].size() == better.size());
        out[i] = std::none_of(points.begin(), points.end(), [&](const auto& other) { return beats(other, points[i]); });
    }
    return out;
}

bool is_thin_tail(std::string_view metric, std::uint64_t samples) noexcept {
    if (ends_with_percentile(metric, "p99")) return samples / 100 < enough_above;
    if (ends_with_percentile(metric, "p90")) return samples / 10 < enough_above;
    if (ends_with_percentile(metric, "p50")) return samples / 2 < enough_above;
    return false;
}

}  // namespace ampacity::experiment
