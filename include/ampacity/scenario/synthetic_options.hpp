#pragma once
/// \file
/// From the description of synthetic jobs to the options of their generator. A pure function.

#include <ampacity/scenario/scenario.hpp>
#include <ampacity/workload/synthetic.hpp>

#include <cstdint>
#include <vector>

namespace ampacity::scenario {

/// The options for entry number `entry` of the workload of a run with this seed that starts at `start`, which matters
/// to daily and weekly rates only. \pre `check` passed.
[[nodiscard]] workload::synthetic_options make_options(const synthetic_jobs& jobs, std::uint64_t seed,
                                                       std::uint16_t entry, date start = default_start);

/// Writes all that `a` says into the options of a generator of a run that starts at `start`.
template <class Options>
void set_arrivals(Options& options, const arrival_shape& a, date start);

/// The rates of the hours of a week; empty if nothing is said.
[[nodiscard]] std::vector<double> profile_of(const arrival_shape& a);

/// Growth and surges.
[[nodiscard]] workload::rate_trend trend_of(const arrival_shape& a);

/// How far a date is into its week, from Monday 00:00 UTC.
[[nodiscard]] ampacity::duration into_week(date start);

/// Where the GPUs of a job may be.
[[nodiscard]] workload::placement_constraint placement_of(const placement_wishes& p);

// --- inside -----------------------------------------------------------------------------------------

template <class Options>
void set_arrivals(Options& options, const arrival_shape& a, date start) {
    options.process = a.process;
    options.profile = profile_of(a);
    options.week_offset = into_week(start);
    options.trend = trend_of(a);
    if (a.batches) options.batches = workload::batch_options{a.batches->share, a.batches->mean, a.batches->spacing};
    options.beat = a.beat;
}

}  // namespace ampacity::scenario
