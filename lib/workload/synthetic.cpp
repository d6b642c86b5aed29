#include <ampacity/core/distributions.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/workload/synthetic.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace ampacity::workload {
namespace {

constexpr unsigned job_bits = 48;

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
    AMPACITY_ASSERT(options_.median > duration::zero() && options_.max > duration::zero() &&
                    options_.max <= longest_input);
    double sum = 0;
    for (const auto& size : options_.sizes) {
        AMPACITY_ASSERT(size.weight >= 0);
        cumulative_.push_back(sum += size.weight);
    }
    AMPACITY_ASSERT(sum > 0);
    AMPACITY_ASSERT(!options_.estimate ||
                    (options_.estimate->min >= 0 && options_.estimate->min <= options_.estimate->max));
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

std::uint64_t synthetic_source::entity(std::uint64_t job) const {
    return (std::uint64_t{options_.entry} << job_bits) | job;
}

duration synthetic_source::draw_interval(std::uint64_t job) const {
    const double mean_s = 1 / options_.rate_per_s;
    random_stream stream{options_.seed, purpose::arrivals, entity(job)};
    if (options_.cv == 0) return round_to_duration(mean_s);
    if (options_.cv == 1) return draw_duration(exponential_distribution{mean_s}, stream);
    // A gamma variate has cv = 1 / sqrt(shape).
    const double shape = 1 / (options_.cv * options_.cv);
    return draw_duration(gamma_distribution{shape, mean_s / shape}, stream);
}

duration synthetic_source::draw_work(std::uint64_t job) const {
    random_stream stream{options_.seed, purpose::durations, entity(job)};
    const lognormal_distribution seconds{to_seconds(options_.median), options_.sigma};
    return std::min(draw_duration(seconds, stream), options_.max);
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
    const uniform_distribution factor{options_.estimate->min, options_.estimate->max};
    return round_to_duration(to_seconds(work) * factor(stream));
}

}  // namespace ampacity::workload
