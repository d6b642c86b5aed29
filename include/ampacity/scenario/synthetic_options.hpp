#pragma once
/// \file
/// From the description of synthetic jobs to the options of their generator. A pure function.

#include <ampacity/scenario/scenario.hpp>
#include <ampacity/workload/synthetic.hpp>

#include <cstdint>

namespace ampacity::scenario {

/// The options for entry number `entry` of the workload of a run with this seed. \pre `check` passed.
inline workload::synthetic_options make_options(const synthetic_jobs& jobs, std::uint64_t seed, std::uint16_t entry) {
    workload::synthetic_options options{.seed = seed,
                                        .entry = entry,
                                        .jobs = jobs.jobs,
                                        .rate_per_s = jobs.rate.value,
                                        .cv = jobs.cv,
                                        .median = jobs.duration.median,
                                        .sigma = jobs.duration.sigma,
                                        .max = jobs.duration.max,
                                        .sizes = {}};
    for (const gpu_share& share : jobs.gpus)
        options.sizes.push_back({static_cast<std::uint32_t>(share.gpus), share.weight});
    if (jobs.estimate_factor)
        options.estimate = workload::synthetic_options::factor{jobs.estimate_factor->min, jobs.estimate_factor->max};
    return options;
}

}  // namespace ampacity::scenario
