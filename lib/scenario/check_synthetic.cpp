#include "check_synthetic.hpp"

#include <ampacity/scenario/values.hpp>
#include <ampacity/workload/scaling.hpp>

#include <algorithm>
#include <array>
#include <set>

namespace ampacity::scenario {
namespace {

template <class Rows>
void check_weights(const Rows& rows, const std::string& path, const char* one, const reporter& report) {
    double sum = 0;
    for (const auto& row : rows) sum += row.weight;
    if (!(sum > 0)) report.fail(path, "all weights are 0", {}, std::string{"give one "} + one + " a weight above 0");
}

void check_quantiles(const quantile_durations& q, const std::string& path, const reporter& report) {
    const auto& points = q.points;
    const bool steps = q.between == interpolation::step;
    if (points.size() < (steps ? 1U : 2U))
        report.fail(path + ".points", "too few points", std::to_string(points.size()),
                    steps ? "write at least one" : "write at least two");
    if (!steps && points.front().share != 0)
        report.fail(path + ".points.0.share", "the first share is not 0", yaml_text(points.front().share),
                    "write 0 with the shortest duration, or `between: step`");
    if (points.back().share != 1)
        report.fail(path + ".points." + std::to_string(points.size() - 1) + ".share", "the last share is not 1",
                    yaml_text(points.back().share), "write 1 with the longest duration");
    for (std::size_t i = 0; i < points.size(); ++i) {
        const std::string at = path + ".points." + std::to_string(i);
        if (q.between == interpolation::logarithmic && points[i].value == duration::zero())
            report.fail(at + ".value", "a duration of 0 has no logarithm", format(points[i].value),
                        "write a duration above 0, or `between: linear`");
        if (i == 0) continue;
        if (!(points[i].share > points[i - 1].share))
            report.fail(at + ".share", "not above the share before it", yaml_text(points[i].share),
                        "write rising shares");
        if (points[i].value < points[i - 1].value)
            report.fail(at + ".value", "below the duration before it", format(points[i].value),
                        "write durations that never fall");
    }
}

void check_component(const duration_component& c, const std::string& path, const reporter& report) {
    const std::array given{c.constant.has_value(),  c.uniform.has_value(), c.exponential.has_value(),
                           c.lognormal.has_value(), c.weibull.has_value(), c.pareto.has_value(),
                           c.quantiles.has_value()};
    if (const auto n = std::count(given.begin(), given.end(), true); n != 1)
        report.fail(path, "expected exactly one law, found " + std::to_string(n), {},
                    "give one of: constant, uniform, exponential, lognormal, weibull, pareto, quantiles");
    if (c.uniform && !(c.uniform->max > c.uniform->min))
        report.fail(path + ".uniform.max", "not above min", format(c.uniform->max),
                    "write more than " + yaml_text(c.uniform->min));
    if (c.pareto && c.pareto->max && !(*c.pareto->max > c.pareto->min))
        report.fail(path + ".pareto.max", "not above min", format(*c.pareto->max),
                    "write more than " + yaml_text(c.pareto->min));
    if (c.quantiles) check_quantiles(*c.quantiles, path + ".quantiles", report);
}

/// Whether it says how long jobs run.
bool check_shape(const duration_shape& shape, const std::string& path, const reporter& report) {
    if (!shape.mixture.empty()) {
        if (shape.median || shape.sigma)
            report.fail_between({{path + ".mixture"}, {path + (shape.median ? ".median" : ".sigma")}},
                                "a mixture beside median or sigma", "give one of both");
        for (std::size_t i = 0; i < shape.mixture.size(); ++i)
            check_component(shape.mixture[i], path + ".mixture." + std::to_string(i), report);
        check_weights(shape.mixture, path + ".mixture", "component", report);
        return true;
    }
    if (shape.median && !shape.sigma)
        report.fail(path + ".sigma", "required key is missing", {}, "add it, such as `sigma: 2.4`");
    if (shape.sigma && !shape.median)
        report.fail(path + ".median", "required key is missing", {}, "add it, such as `median: \"22 min\"`");
    return shape.median.has_value();
}

void check_durations(const synthetic_jobs& jobs, const std::string& path, const reporter& report) {
    const std::string remedy = "add it, such as `duration: { median: \"22 min\", sigma: 2.4 }`";
    const bool common = check_shape(jobs.duration, path + ".duration", report);
    bool all_have = true;
    for (std::size_t i = 0; i < jobs.gpus.size(); ++i) {
        const auto& own = jobs.gpus[i].duration;
        const std::string at = path + ".gpus." + std::to_string(i) + ".duration";
        all_have = all_have && own.has_value();
        if (own && !check_shape(*own, at, report))
            report.fail(at, "says no duration", {}, "give it median and sigma, or a mixture");
    }
    if (!common && !all_have) report.fail(path + ".duration", "required key is missing", {}, remedy);
}

void check_ranges(const synthetic_jobs& jobs, const std::string& path, const reporter& report) {
    for (std::size_t i = 0; i < jobs.gpus.size(); ++i) {
        if (!jobs.gpus[i].elastic) continue;
        const std::uint64_t gpus = jobs.gpus[i].gpus;
        const elastic_range& e = *jobs.gpus[i].elastic;
        const std::string at = path + ".gpus." + std::to_string(i) + ".elastic";
        if (e.min > gpus)
            report.fail(at + ".min", "above gpus", std::to_string(e.min), "write at most " + std::to_string(gpus));
        if (e.max < gpus)
            report.fail(at + ".max", "below gpus", std::to_string(e.max), "write at least " + std::to_string(gpus));
        if (e.max > gpus * workload::max_scale_out)
            report.fail(at + ".max", "more than 1048576 times gpus", std::to_string(e.max),
                        "write at most " + std::to_string(gpus * workload::max_scale_out));
    }
}

void check_profile(const std::vector<double>& weights, std::size_t wanted, const std::string& path,
                   const reporter& report) {
    if (weights.empty()) return;
    if (weights.size() != wanted)
        report.fail(path, "wrong number of rates", std::to_string(weights.size()),
                    "write " + std::to_string(wanted) + " numbers");
    if (std::all_of(weights.begin(), weights.end(), [](double w) { return w == 0; }))
        report.fail(path, "all rates are 0", {}, "write one above 0");
}

}  // namespace

void check_arrivals(const arrival_shape& a, double cv_of, rate mean, const std::string& path, const reporter& report) {
    const std::string at = path + ".arrivals";
    const reporter::given cv{path + ".cv", yaml_text(cv_of)};
    const reporter::given process{at + ".process", yaml_text(a.process)};
    if (a.process == workload::arrival_process::poisson && cv_of != 1)
        report.fail_between({cv, process}, "Poisson arrivals have cv 1",
                            "write a cv of 1, or another arrivals.process");
    if (a.process == workload::arrival_process::weibull && cv_of > 0 && cv_of < 0.02)
        report.fail_between({cv, process}, "a cv too small for Weibull arrivals",
                            "write a cv of 0, or of at least 0.02, or another arrivals.process");
    check_profile(a.daily, 24, at + ".daily", report);
    check_profile(a.weekly, 7, at + ".weekly", report);
    check_profile(a.hourly, 168, at + ".hourly", report);
    if (!a.hourly.empty() && !(a.daily.empty() && a.weekly.empty()))
        report.fail(at + ".hourly", "beside daily or weekly", {}, "give hourly alone, or the others");
    if (a.beat && !(mean.value > 1 / to_seconds(*a.beat)))
        report.fail_between({{at + ".beat", format(*a.beat)}, {path + ".rate", format(mean)}},
                            "the beat brings as many jobs as the whole rate, or more",
                            "write a longer arrivals.beat or a larger rate");
}

namespace {

void check_users(const synthetic_jobs& jobs, const std::string& path, const reporter& report) {
    if (jobs.users && !jobs.groups.empty())
        report.fail_between({{path + ".groups"}, {path + ".users"}}, "users beside groups",
                            "give one of both; `groups: []` leaves out those of a preset");
    if (jobs.users && jobs.users->groups && *jobs.users->groups > jobs.users->count)
        report.fail(path + ".users.groups", "more groups than users", std::to_string(*jobs.users->groups),
                    "write at most " + std::to_string(jobs.users->count));
    std::uint64_t users = 0;
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < jobs.groups.size(); ++i) {
        const std::string at = path + ".groups." + std::to_string(i);
        if (jobs.groups[i].name.empty()) report.fail(at + ".name", "is empty", {}, "write a name");
        if (!seen.insert(jobs.groups[i].name).second)
            report.fail(at + ".name", "another group has this name", jobs.groups[i].name, "name each group once");
        users += jobs.groups[i].users;
    }
    if (users > max_users)
        report.fail(path + ".groups", "too many users", std::to_string(users),
                    "write at most " + std::to_string(max_users) + " in all groups");
    if (!jobs.groups.empty()) check_weights(jobs.groups, path + ".groups", "group", report);
}

}  // namespace

void check_synthetic(const synthetic_jobs& jobs, const std::string& path, const reporter& reports) {
    const reporter report = reports.of_map(path);
    if (jobs.preset)
        report.fail(path + ".preset", "presets are taken over when a file is read", *jobs.preset,
                    "read the scenario with io::read_scenario, or give all keys");
    if (jobs.gpus.empty())
        report.fail(path + ".gpus", "no job sizes", {}, "write at least one, such as [{ gpus: 1, weight: 1 }]");
    check_weights(jobs.gpus, path + ".gpus", "size", report);
    check_durations(jobs, path, report);
    check_ranges(jobs, path, report);
    if (jobs.estimate_factor && jobs.estimate_factor->min > jobs.estimate_factor->max) {
        report.fail(path + ".estimate_factor", "min is above max", yaml_text(jobs.estimate_factor->min),
                    "write at most " + yaml_text(jobs.estimate_factor->max));
    }
    if (jobs.arrivals) check_arrivals(*jobs.arrivals, jobs.cv, jobs.rate, path, report);
    check_users(jobs, path, report);
    if (!jobs.priorities.empty()) check_weights(jobs.priorities, path + ".priorities", "priority", report);
    if (!jobs.models.empty()) check_weights(jobs.models, path + ".models", "model", report);
    for (std::size_t i = 0; i < jobs.models.size(); ++i) {
        const std::string at = path + ".models." + std::to_string(i) + ".model";
        if (jobs.models[i].model.empty()) report.fail(at, "is empty", {}, "write a name");
        const auto same = [&](const model_share& m) { return m.model == jobs.models[i].model; };
        if (std::find_if(jobs.models.begin(), jobs.models.end(), same) !=
            jobs.models.begin() + static_cast<std::ptrdiff_t>(i))
            report.fail(at, "another one has this name", jobs.models[i].model, "name each once");
    }
    // Half of the limit of input times leaves room for a stream that runs longer than its mean.
    const double span_s = static_cast<double>(jobs.jobs) / jobs.rate.value;
    if (span_s > to_seconds(longest_input) / 2)
        report.fail_between({{path + ".rate", format(jobs.rate)}, {path + ".jobs", std::to_string(jobs.jobs)}},
                            "the jobs would take more than 100 years to arrive", "write a larger rate or fewer jobs");
}

}  // namespace ampacity::scenario
