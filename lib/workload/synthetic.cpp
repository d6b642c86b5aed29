#include <ampacity/core/error.hpp>
#include <ampacity/core/math.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/workload/synthetic.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace ampacity::workload {
namespace {

constexpr unsigned job_bits = 48;

/// Rounds half to even; whatever is beyond `limit` becomes `limit`.
duration to_duration(double ns, duration limit) {
    if (!(ns < static_cast<double>(limit.count()))) return limit;
    return duration{static_cast<std::int64_t>(std::nearbyint(ns))};
}

/// Gamma variate of mean 1 for shape > 0. Marsaglia and Tsang, "A simple method for generating gamma
/// variables", ACM TOMS 26 (2000); shapes below 1 by their boost: gamma(a) = gamma(a + 1) U^(1/a).
double unit_gamma(double shape, random_stream& stream) {
    const double boosted = shape < 1 ? shape + 1 : shape;
    const double d = boosted - 1.0 / 3.0;
    const double c = 1 / std::sqrt(9 * d);
    double v = 0;
    for (;;) {
        const double x = portable_normal_quantile(stream.uniform01_open());
        v = (1 + c * x) * (1 + c * x) * (1 + c * x);
        if (v <= 0) continue;
        if (portable_log(stream.uniform01_open()) < 0.5 * x * x + d * (1 - v + portable_log(v))) break;
    }
    const double boost = shape < 1 ? portable_exp(portable_log(stream.uniform01_open()) / shape) : 1.0;
    return d * v * boost / shape;
}

[[noreturn]] void refuse_arrival(std::uint16_t entry, std::uint64_t job) {
    diagnostic d;
    d.key = "workload." + std::to_string(entry) + ".synthetic.rate";
    d.what = "job " + std::to_string(job) + " would arrive after more than 200 years";
    d.remedy = "give a larger rate or fewer jobs";
    throw scenario_error(std::move(d));
}

}  // namespace

synthetic_source::synthetic_source(synthetic_options options) : options_{std::move(options)} {
    AMPACITY_ASSERT(options_.jobs < std::uint64_t{1} << job_bits);
    AMPACITY_ASSERT(options_.rate_per_s > 0 && options_.cv >= 0 && options_.sigma >= 0);
    AMPACITY_ASSERT(options_.median > duration::zero() && options_.max > duration::zero() && options_.max <= longest_input);
    double sum = 0;
    for (const auto& size : options_.sizes) {
        AMPACITY_ASSERT(size.weight >= 0);
        cumulative_.push_back(sum += size.weight);
    }
    AMPACITY_ASSERT(sum > 0);
    AMPACITY_ASSERT(!options_.estimate || (options_.estimate->min >= 0 && options_.estimate->min <= options_.estimate->max));
}

std::size_t synthetic_source::next(std::span<job_request> out) {
    const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), options_.jobs - at_));
    for (job_request& job : out.first(count)) {
        const duration interval = draw_interval(at_);
        if (interval > longest_input - clock_.time_since_epoch()) {
            refuse_arrival(options_.entry, at_);
        }
        clock_ += interval;
        job = job_request{};
        job.row = at_;
        job.name = static_cast<std::int64_t>(at_);
        job.submit = clock_;
        job.work = draw_work(at_);
        if (options_.estimate) job.estimate = draw_estimate(at_, job.work);
        job.gpus = job.gpus_min = job.gpus_max = draw_gpus(at_);
        job.source = options_.entry;
        ++at_;
    }
    return count;
}

std::optional<double> synthetic_source::progress() const {
    return options_.jobs == 0 ? 1.0 : static_cast<double>(at_) / static_cast<double>(options_.jobs);
}

std::uint64_t synthetic_source::entity(std::uint64_t job) const { return (std::uint64_t{options_.entry} << job_bits) | job; }

duration synthetic_source::draw_interval(std::uint64_t job) const {
    const double mean_ns = 1e9 / options_.rate_per_s;
    if (options_.cv == 0) return to_duration(mean_ns, longest_input);
    random_stream stream{options_.seed, purpose::arrivals, entity(job)};
    if (options_.cv == 1) return to_duration(-mean_ns * portable_log(stream.uniform01_open()), longest_input);
    // A gamma variate has cv = 1 / sqrt(shape).
    return to_duration(mean_ns * unit_gamma(1 / (options_.cv * options_.cv), stream), longest_input);
}

duration synthetic_source::draw_work(std::uint64_t job) const {
    random_stream stream{options_.seed, purpose::durations, entity(job)};
    const double z = portable_normal_quantile(stream.uniform01_open());
    return to_duration(static_cast<double>(options_.median.count()) * portable_exp(options_.sigma * z), options_.max);
}

std::uint32_t synthetic_source::draw_gpus(std::uint64_t job) const {
    random_stream stream{options_.seed, purpose::sizes, entity(job)};
    const double point = stream.uniform01() * cumulative_.back();
    // The product may round up to the sum itself, hence the last size as a stop.
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), point);
    const auto stop = std::lower_bound(cumulative_.begin(), cumulative_.end(), cumulative_.back());
    return options_.sizes[static_cast<std::size_t>(std::min(found, stop) - cumulative_.begin())].gpus;
}

duration synthetic_source::draw_estimate(std::uint64_t job, duration work) const {
    random_stream stream{options_.seed, purpose::estimates, entity(job)};
    const auto [low, high] = *options_.estimate;
    return to_duration(static_cast<double>(work.count()) * (low + (high - low) * stream.uniform01()), longest_input);
}

}  // namespace ampacity::workload
