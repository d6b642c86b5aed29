#pragma once
/// \file
/// What a job trace holds: counts, distributions, demand by size, how its jobs ended, and what its recording cut off.
///
/// One reading gives all but the percentiles of traces of more than 65,536 jobs; those are exact, too, and take one or
/// two readings more, never more than four. Memory does not grow with the number of jobs: for each of five quantities
/// 512 KiB, and at most 3 MiB while its percentiles are searched; about 100 bytes for each distinct size, user and
/// group; 32 bytes for each job that waits or runs at one instant of the recording; and what the reader
/// of the trace takes (job_traces.hpp). The same file gives the same bits.

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/io/job_traces.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::io {

/// Mean and exact order statistics: the p-th percentile of n values is the ceil(p/100 n)-th smallest.
struct value_statistics {
    std::uint64_t count = 0;
    double mean = 0, p50 = 0, p90 = 0, p95 = 0, p99 = 0, max = 0;
};

/// A number of jobs and their GPU-time.
struct job_share {
    std::uint64_t jobs = 0;
    gpu_time time = 0;  ///< [GPU-ns]

    void add(gpu_time t) noexcept {
        ++jobs;
        time += t;
    }
};

/// Jobs of one size.
struct size_share {
    std::uint32_t gpus = 0;
    job_share share;
};

/// Users or groups. Jobs without one count nowhere here.
struct owner_statistics {
    std::uint64_t count = 0;
    std::string largest;  ///< the one with the most GPU-time, the first of several
    job_share largest_share;
};

struct trace_statistics {
    std::string format;
    trace_header header;
    std::vector<workload::skipped_records> skipped;
    job_share all;
    std::optional<duration> span;  ///< from the first submit to the last; none without jobs

    // Absent where no job has one.
    std::optional<value_statistics> duration_s;
    std::optional<value_statistics> interarrival_s;  ///< between neighbours in order of submission
    std::optional<value_statistics> gpus;
    std::optional<value_statistics> estimate_factor;  ///< estimate / duration, of jobs with both and a duration above 0
    std::optional<value_statistics> wait_s;           ///< as recorded

    std::vector<size_share> sizes;  ///< by GPUs
    owner_statistics users;
    owner_statistics groups;

    bool records_endings = false;                        ///< the file does
    std::array<job_share, ending_names.size()> ended{};  ///< by `ending`
    /// Jobs whose recorded end, submit + wait (0 where unknown) + duration, lies after the last submit: what they show
    /// of the time after it is less than what went on then.
    job_share open_at_last_submit;
};

/// Reads a trace. `options.observer` is not used.
/// \throws data_error when it is unreadable, malformed, changes meanwhile, or is a pipe and needs a second reading;
///         scenario_error for an unknown format.
[[nodiscard]] trace_statistics read_statistics(job_trace_options options);

/// GPU-time over what `gpus` GPUs hold in the span; none where the span is 0. \pre gpus > 0
[[nodiscard]] std::optional<double> offered_load(const trace_statistics& s, std::uint64_t gpus);

}  // namespace ampacity::io
