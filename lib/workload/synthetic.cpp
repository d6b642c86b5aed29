#include <ampacity/core/distributions.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/workload/synthetic.hpp>

#include <algorithm>
#include <string>
#include <unordered_map>
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

template <class Rows>
discrete_distribution pick(const Rows& rows) {
    std::vector<double> weights;
    double sum = 0;
    for (const auto& row : rows) {
        AMPACITY_ASSERT(row.weight >= 0);
        sum += row.weight;
        weights.push_back(row.weight);
    }
    AMPACITY_ASSERT(sum > 0);
    return discrete_distribution{weights};
}

arrival_options arrivals_of(const synthetic_options& o) {
    return {.seed = o.seed,
            .entity = std::uint64_t{o.entry} << job_bits,
            .rate_per_s = o.rate_per_s,
            .cv = o.cv,
            .process = o.process,
            .profile = o.profile,
            .week_offset = o.week_offset,
            .trend = o.trend,
            .batches = o.batches,
            .beat = o.beat};
}

}  // namespace

synthetic_source::synthetic_source(synthetic_options options)
    : options_{std::move(options)}, pick_size_{pick(options_.sizes)}, arrivals_{arrivals_of(options_)} {
    AMPACITY_ASSERT(options_.jobs < std::uint64_t{1} << job_bits);
    AMPACITY_ASSERT(options_.sigma >= 0 && options_.max > duration::zero() && options_.max <= longest_input);
    for (const auto& size : options_.sizes) {
        AMPACITY_ASSERT(size.duration_factor > 0);
        AMPACITY_ASSERT(size.law || options_.law || options_.median > duration::zero());
    }
    AMPACITY_ASSERT(!options_.estimate ||
                    (options_.estimate->min >= 0 && options_.estimate->min <= options_.estimate->max));
    if (!options_.users.empty()) name_users();
    if (!options_.priorities.empty()) pick_priority_ = pick(options_.priorities);
    if (!options_.models.empty()) {
        pick_model_ = pick(options_.models);
        if (names_.empty()) names_.emplace_back();
        first_model_ = static_cast<std::uint32_t>(names_.size());
        for (const auto& m : options_.models) names_.push_back(m.name);
    }
}

void synthetic_source::name_users() {
    pick_user_ = pick(options_.users);
    std::unordered_map<std::string, std::uint32_t> known{{"", 0}};
    names_.emplace_back();
    const auto intern = [&](const std::string& name) {
        const auto [at, is_new] = known.emplace(name, static_cast<std::uint32_t>(names_.size()));
        if (is_new) names_.push_back(name);
        return at->second;
    };
    for (const auto& u : options_.users) users_.push_back({intern(u.name), intern(u.group)});
}

std::size_t synthetic_source::next(std::span<job_request> out) {
    const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), options_.jobs - at_));
    for (job_request& job : out.first(count)) {
        const auto submit = arrivals_.next();
        if (!submit) refuse_arrival(options_.entry, at_);
        const synthetic_options::size& size = draw_size(at_);
        job = job_request{};
        job.row = at_;
        job.name = static_cast<std::int64_t>(at_);
        job.submit = *submit;
        job.work = draw_work(at_, size);
        if (options_.estimate) job.estimate = draw_estimate(at_, job.work);
        job.gpus = job.gpus_min = job.gpus_max = size.gpus;
        if (size.gpus_min != size.gpus_max) {
            job.kind = job_kind::elastic;
            job.gpus_min = size.gpus_min;
            job.gpus_max = size.gpus_max;
            job.serial_fraction = size.serial_fraction;
        }
        job.placement = size.placement;
        job.source = options_.entry;
        if (pick_user_) {
            random_stream stream{options_.seed, purpose::users, entity(at_)};
            const user_row& row = users_[pick_user_->index(stream.uniform01())];
            job.user = row.user;
            job.group = row.group;
        }
        if (pick_priority_) {
            random_stream stream{options_.seed, purpose::priorities, entity(at_)};
            job.priority = options_.priorities[pick_priority_->index(stream.uniform01())].value;
        }
        if (pick_model_) {
            random_stream stream{options_.seed, purpose::models, entity(at_)};
            job.model = first_model_ + static_cast<std::uint32_t>(pick_model_->index(stream.uniform01()));
        }
        ++at_;
    }
    return count;
}

std::optional<double> synthetic_source::progress() const {
    return options_.jobs == 0 ? 1.0 : static_cast<double>(at_) / static_cast<double>(options_.jobs);
}

std::string_view synthetic_source::text(std::int64_t index) const {
    return index > 0 ? std::string_view{names_[static_cast<std::size_t>(index)]} : std::string_view{};
}

std::uint64_t synthetic_source::entity(std::uint64_t job) const {
    return (std::uint64_t{options_.entry} << job_bits) | job;
}

const synthetic_options::size& synthetic_source::draw_size(std::uint64_t job) const {
    random_stream stream{options_.seed, purpose::sizes, entity(job)};
    return options_.sizes[pick_size_.index(stream.uniform01())];
}

duration synthetic_source::draw_work(std::uint64_t job, const synthetic_options::size& size) const {
    random_stream stream{options_.seed, purpose::durations, entity(job)};
    if (size.law) return (*size.law)(stream, size.duration_factor);
    if (options_.law) return (*options_.law)(stream, size.duration_factor);
    const lognormal_distribution seconds{to_seconds(options_.median), options_.sigma};
    return std::min(round_to_duration(seconds(stream) * size.duration_factor), options_.max);
}

duration synthetic_source::draw_estimate(std::uint64_t job, duration work) const {
    random_stream stream{options_.seed, purpose::estimates, entity(job)};
    const uniform_distribution factor{options_.estimate->min, options_.estimate->max};
    return round_to_duration(to_seconds(work) * factor(stream));
}

}  // namespace ampacity::workload
