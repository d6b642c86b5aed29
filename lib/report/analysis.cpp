#include "analysis.hpp"

#include <ampacity/core/statistics.hpp>
#include <ampacity/report/text.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string_view>
#include <utility>

namespace ampacity::report {
namespace {

constexpr std::size_t most_stretches = 800;
constexpr double balance_tolerance = 1e-9;  ///< of sums that were written as doubles

/// A change of a count.
struct change {
    instant at;
    std::int64_t by;
};

/// The steps themselves where they are few, else equal stretches. `times` do not decrease.
template <class Times, class Time>
std::vector<instant> edges_for(const Times& times, Time time, duration length) {
    std::vector<instant> edges{start_of_time};
    const instant end = start_of_time + length;
    for (const auto& t : times) {
        if (time(t) <= edges.back() || time(t) >= end) continue;
        if (edges.size() == most_stretches) return even_edges(length, most_stretches);
        edges.push_back(time(t));
    }
    if (end > edges.back()) edges.push_back(end);
    return edges;
}

envelope sum_of(std::vector<change> changes, duration length) {
    std::sort(changes.begin(), changes.end(), [](const change& a, const change& b) { return a.at < b.at; });
    envelope out{edges_for(changes, [](const change& c) { return c.at; }, length)};
    for (const change& c : changes) out.add(c.at, c.by);
    out.close();
    return out;
}

envelope constant(std::int64_t value, duration length) {
    envelope out{even_edges(length, 1)};
    out.set(start_of_time, value);
    out.close();
    return out;
}

envelope busy_gpus(const job_columns& jobs, duration length) {
    std::vector<change> changes;
    changes.reserve(2 * jobs.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (jobs.start[i] == sim::unset) continue;
        changes.push_back({jobs.start[i], jobs.gpus[i]});
        if (jobs.finish[i] != sim::unset) changes.push_back({jobs.finish[i], -std::int64_t{jobs.gpus[i]}});
    }
    return sum_of(std::move(changes), length);
}

envelope waiting_jobs(const job_columns& jobs, duration length) {
    std::vector<change> changes;
    changes.reserve(2 * jobs.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (jobs.state[i] == sim::outcome::rejected || jobs.submit[i] == sim::unset) continue;
        changes.push_back({jobs.submit[i], 1});
        const instant end = jobs.start[i] != sim::unset ? jobs.start[i] : jobs.finish[i];
        if (end != sim::unset) changes.push_back({end, -1});
    }
    return sum_of(std::move(changes), length);
}

/// GPU-hours held by jobs, by the books; nothing where these do not say.
std::optional<double> booked_hours(const run_summary& s) {
    if (!s.capacity_gpu_hours) return std::nullopt;
    double held = *s.capacity_gpu_hours;
    for (const auto& [account, hours] : s.gpu_hours) {
        if (account == "idle" || account == "draining" || account == "down") held -= hours;
    }
    return held;
}

std::optional<time_series> from_jobs(const run_files& run) {
    const run_summary& s = run.summary;
    time_series out{.busy = busy_gpus(*run.jobs, s.simulated),
                    .waiting = waiting_jobs(*run.jobs, s.simulated),
                    .capacity = std::nullopt,
                    .capacity_label = {},
                    .source = "Computed exactly from the times of all jobs (jobs.csv)."};
    const std::optional<double> booked = booked_hours(s);
    if (booked && std::abs(to_gpu_hours(out.busy.integral()) - *booked) > balance_tolerance * *s.capacity_gpu_hours) {
        return std::nullopt;
    }
    if (const std::optional<double> gpus = mean_capacity(s)) {
        const bool whole = *gpus == std::round(*gpus);
        out.capacity = constant(std::llround(*gpus), s.simulated);
        out.capacity_label = whole ? "capacity " + fixed(*gpus, 0) : "mean capacity " + fixed(*gpus, 1);
    }
    return out;
}

time_series from_telemetry(const telemetry_columns& samples, duration simulated) {
    const duration length = std::max(simulated, samples.time.back() - start_of_time);
    const envelope empty{edges_for(samples.time, [](instant t) { return t; }, length)};
    time_series out{.busy = empty,
                    .waiting = empty,
                    .capacity = empty,
                    .capacity_label = {},
                    .source = "From the samples of telemetry.csv"};
    for (std::size_t i = 0; i < samples.time.size(); ++i) {
        out.busy.set(samples.time[i], samples.busy_gpus[i]);
        out.waiting.set(samples.time[i], samples.queued[i]);
        out.capacity->set(samples.time[i], samples.busy_gpus[i] + samples.free_gpus[i]);
    }
    for (envelope* e : {&out.busy, &out.waiting, &*out.capacity}) e->close();
    const auto most = static_cast<std::uint64_t>(out.capacity->greatest());
    const bool same = out.capacity->least() == out.capacity->greatest();
    out.capacity_label = (same ? "capacity " : "capacity, at most ") + grouped(most);
    if (samples.time.size() > 1) {
        out.source += ", one every " + human_seconds(to_seconds(samples.time[1] - samples.time[0]));
    }
    out.source += "; a value is drawn until the next sample, and what happened between is not seen.";
    return out;
}

/// The ceil(p/1000 n)-th smallest; reorders the values.
double percentile(std::vector<double>& values, per_mille p) {
    const auto rank = static_cast<std::ptrdiff_t>(exact_rank(p, values.size()));
    std::nth_element(values.begin(), values.begin() + (rank - 1), values.end());
    return values[static_cast<std::size_t>(rank - 1)];
}

}  // namespace

bool time_series::is_drawn_exactly() const noexcept {
    const auto flat = [](const stretch& s) { return s.least == s.greatest; };
    const auto exact = [&](const envelope& e) { return std::all_of(e.stretches().begin(), e.stretches().end(), flat); };
    return exact(busy) && exact(waiting);
}

std::optional<double> mean_capacity(const run_summary& s) {
    if (!s.capacity_gpu_hours || s.simulated == duration::zero()) return std::nullopt;
    const double gpus = *s.capacity_gpu_hours / (to_seconds(s.simulated) / 3600);
    constexpr double most = 1e15;  // beyond it the file is wrong
    if (gpus > most) return std::nullopt;
    const double whole = std::round(gpus);
    return std::abs(gpus - whole) <= 1e-9 * gpus ? whole : gpus;
}

time_series_or_reason over_time(const run_files& run) {
    static constexpr std::string_view remedy =
        "Set output.telemetry to an interval, such as \"10 min\", and run again.";
    const bool sampled = run.telemetry && !run.telemetry->queued.empty();
    if (run.summary.simulated == duration::zero()) return {std::nullopt, "No simulated time passed in this run."};
    if (run.jobs && run.jobs->ran_in_one_piece && run.summary.preemptions == 0) {
        if (auto exact = from_jobs(run)) return {std::move(exact), {}};
    }
    if (sampled) return {from_telemetry(*run.telemetry, run.summary.simulated), {}};
    const bool chosen = run.telemetry && !run.telemetry->time.empty();
    std::string reason = chosen ? "GPUs and queue over time need the columns queued_jobs, busy_gpus and free_gpus of "
                                  "telemetry.csv: "
                                : "GPUs and queue over time need telemetry.csv: ";
    if (!run.jobs) {
        reason += "the folder has no jobs.csv either. ";
    } else if (run.summary.preemptions != 0 || !run.jobs->ran_in_one_piece) {
        reason += "jobs were preempted or restarted, and jobs.csv has only their first start and their end. ";
    } else {
        reason += "the jobs of jobs.csv do not account for all GPU-time that was held. ";
    }
    if (chosen) return {std::nullopt, reason += "Leave out output.telemetry_columns, or name them, and run again."};
    return {std::nullopt, reason += remedy};
}

distributions distributions_of(const job_columns& jobs) {
    distributions out;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (jobs.state[i] != sim::outcome::finished) continue;
        out.jct.push_back(ticks(jobs.finish[i] - jobs.submit[i]));
        out.wait.push_back(ticks(jobs.start[i] - jobs.submit[i]));
    }
    std::sort(out.jct.begin(), out.jct.end());
    std::sort(out.wait.begin(), out.wait.end());
    return out;
}

double bounded_slowdown(const job_columns& jobs, std::size_t row) {
    constexpr double bound_s = 10;
    const double ran = jobs.useful_gpu_s[row] / std::max<double>(jobs.gpus[row], 1);
    return std::max(1.0, to_seconds(jobs.finish[row] - jobs.submit[row]) / std::max(ran, bound_s));
}

std::vector<size_class> by_size(const job_columns& jobs) {
    struct values {
        std::vector<double> slowdown, wait_s;
    };
    std::array<values, 32> of_class;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (jobs.state[i] != sim::outcome::finished) continue;
        values& v = of_class[static_cast<std::size_t>(std::bit_width(std::max(jobs.gpus[i], 1U) - 1))];
        v.slowdown.push_back(bounded_slowdown(jobs, i));
        v.wait_s.push_back(to_seconds(jobs.start[i] - jobs.submit[i]));
    }
    std::vector<size_class> out;
    for (std::size_t i = 0; i < of_class.size(); ++i) {
        auto& [slowdown, wait_s] = of_class[i];
        if (slowdown.empty()) continue;
        const auto greatest = static_cast<std::uint32_t>(std::uint64_t{1} << i);
        double sum = 0;
        for (const double w : wait_s) sum += w;
        out.push_back({.least = i == 0 ? 1 : greatest / 2 + 1,
                       .greatest = greatest,
                       .count = slowdown.size(),
                       .slowdown_p50 = percentile(slowdown, p50),
                       .slowdown_p90 = percentile(slowdown, p90),
                       .wait_mean_s = sum / static_cast<double>(wait_s.size()),
                       .wait_p50_s = percentile(wait_s, p50),
                       .wait_p90_s = percentile(wait_s, p90)});
    }
    return out;
}

cut_off cut_off_jobs(const run_files& run) {
    cut_off out;
    if (!run.jobs) return out;
    const job_columns& jobs = *run.jobs;
    const instant end = start_of_time + run.summary.simulated;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (jobs.state[i] != sim::outcome::unfinished) continue;
        if (jobs.start[i] != sim::unset) {
            ++out.running;
            continue;
        }
        ++out.waiting;
        if (jobs.submit[i] == sim::unset) continue;  // for other jobs, not in the queue
        out.longest_wait = std::max(out.longest_wait, end - jobs.submit[i]);
    }
    return out;
}

}  // namespace ampacity::report
