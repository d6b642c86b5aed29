#include <ampacity/core/math.hpp>
#include <ampacity/scenario/synthetic_options.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace ampacity::scenario {
namespace {

workload::duration_law law_of(const duration_component& c) {
    if (c.constant) return constant_distribution{to_seconds(*c.constant)};
    if (c.uniform) return uniform_distribution{to_seconds(c.uniform->min), to_seconds(c.uniform->max)};
    if (c.exponential) return exponential_distribution{to_seconds(*c.exponential)};
    if (c.lognormal) return lognormal_distribution{to_seconds(c.lognormal->median), c.lognormal->sigma};
    if (c.weibull) return weibull_distribution{c.weibull->shape, to_seconds(c.weibull->scale)};
    if (c.pareto) {
        const double min = to_seconds(c.pareto->min);
        if (c.pareto->max) return bounded_pareto_distribution{min, to_seconds(*c.pareto->max), c.pareto->alpha};
        return pareto_distribution{min, c.pareto->alpha};
    }
    std::vector<empirical_distribution::point> points;
    for (const quantile_point& p : c.quantiles->points) points.push_back({p.share, to_seconds(p.value)});
    return empirical_distribution{std::move(points), c.quantiles->between};
}

/// \pre the shape says a duration.
workload::duration_mixture mixture_of(const duration_shape& shape) {
    std::vector<workload::weighted_law> laws;
    for (const duration_component& c : shape.mixture) laws.push_back({c.weight, law_of(c)});
    if (laws.empty() && *shape.sigma > 0)
        laws.push_back({1, lognormal_distribution{to_seconds(*shape.median), *shape.sigma}});
    if (laws.empty()) laws.push_back({1, constant_distribution{to_seconds(*shape.median)}});
    return workload::duration_mixture{std::move(laws), shape.max};
}

}  // namespace

std::vector<double> profile_of(const arrival_shape& a) {
    if (!a.hourly.empty()) return a.hourly;
    std::vector<double> profile;
    if (a.daily.empty() && a.weekly.empty()) return profile;
    for (std::size_t day = 0; day < 7; ++day) {
        for (std::size_t hour = 0; hour < 24; ++hour)
            profile.push_back((a.weekly.empty() ? 1 : a.weekly[day]) * (a.daily.empty() ? 1 : a.daily[hour]));
    }
    return profile;
}

workload::rate_trend trend_of(const arrival_shape& a) {
    workload::rate_trend out{.growth = a.growth};
    for (const surge_shape& s : a.surges) out.surges.push_back({s.at, s.length, s.factor});
    return out;
}

workload::placement_constraint placement_of(const placement_wishes& p) {
    return {.segment = static_cast<std::uint16_t>(p.segment.value_or(0)),
            .within = p.within,
            .exclusive = p.exclusive,
            .spread = p.spread};
}

ampacity::duration into_week(date start) {
    constexpr auto thursday = std::chrono::days{3};  // 1970-01-01
    constexpr ampacity::duration week = std::chrono::weeks{1};
    const ampacity::duration rest = (start.time_since_epoch() % week + thursday) % week;
    return rest < ampacity::duration::zero() ? rest + week : rest;
}

namespace {

/// k^-s, the weight of the k-th user.
double zipf_weight(std::uint64_t k, double s) { return portable_exp(-s * portable_log(static_cast<double>(k))); }

std::vector<workload::synthetic_options::user> users_of(const synthetic_jobs& jobs) {
    std::vector<workload::synthetic_options::user> users;
    if (jobs.users) {
        for (std::uint64_t k = 1; k <= jobs.users->count; ++k) {
            const std::uint64_t group = jobs.users->groups ? (k - 1) % *jobs.users->groups + 1 : 0;
            users.push_back({"user-" + std::to_string(k), group == 0 ? "" : "group-" + std::to_string(group),
                             zipf_weight(k, jobs.users->zipf)});
        }
    }
    for (const group_share& g : jobs.groups) {
        double sum = 0;
        for (std::uint64_t k = 1; k <= g.users; ++k) sum += zipf_weight(k, g.zipf);
        for (std::uint64_t k = 1; k <= g.users; ++k)
            users.push_back({g.name + '/' + std::to_string(k), g.name, g.weight * (zipf_weight(k, g.zipf) / sum)});
    }
    return users;
}

}  // namespace

workload::synthetic_options make_options(const synthetic_jobs& jobs, std::uint64_t seed, std::uint16_t entry,
                                         date start) {
    workload::synthetic_options options{
        .seed = seed, .entry = entry, .jobs = jobs.jobs, .rate_per_s = jobs.rate.value, .cv = jobs.cv};
    options.max = jobs.duration.max;
    if (jobs.duration.median) {
        options.median = *jobs.duration.median;
        options.sigma = *jobs.duration.sigma;
    } else if (!jobs.duration.mixture.empty()) {
        options.law = mixture_of(jobs.duration);
    }
    for (const gpu_share& share : jobs.gpus) {
        auto& size = options.sizes.emplace_back();
        size.gpus = static_cast<std::uint32_t>(share.gpus);
        size.weight = share.weight;
        if (share.duration_factor) size.duration_factor = *share.duration_factor;
        if (share.duration) size.law = mixture_of(*share.duration);
        if (share.placement) size.placement = placement_of(*share.placement);
        if (share.elastic) {
            size.gpus_min = static_cast<std::uint32_t>(share.elastic->min);
            size.gpus_max = static_cast<std::uint32_t>(share.elastic->max);
            size.serial_fraction = share.elastic->serial_fraction;
        }
    }
    if (jobs.estimate_factor)
        options.estimate = workload::synthetic_options::factor{jobs.estimate_factor->min, jobs.estimate_factor->max};
    if (jobs.arrivals) set_arrivals(options, *jobs.arrivals, start);
    options.users = users_of(jobs);
    for (const priority_share& p : jobs.priorities)
        options.priorities.push_back({static_cast<std::int32_t>(p.priority), p.weight});
    for (const model_share& m : jobs.models) options.models.push_back({m.model, m.weight});
    return options;
}

}  // namespace ampacity::scenario
