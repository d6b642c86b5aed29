#pragma once
/// \file
/// What a report computes from the rows of a run: values over time, distributions, classes by size.
///
/// Pure functions of the files; O(n log n) for n jobs.

#include <ampacity/report/envelope.hpp>
#include <ampacity/report/run_report.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::report {

/// The values that are drawn over time.
struct time_series {
    envelope busy;     ///< GPUs held by jobs
    envelope waiting;  ///< jobs submitted and not started
    std::optional<envelope> capacity;
    std::string capacity_label;
    std::string source;  ///< a sentence: where the values come from

    /// Whether each stretch has one value: the drawing is the function itself, not a band around it.
    [[nodiscard]] bool is_drawn_exactly() const noexcept;
};

/// The series, or a sentence that says why there is none and what to do.
struct time_series_or_reason {
    std::optional<time_series> series;
    std::string reason;
};

/// From jobs.csv where each job ran in one piece and the jobs account for all GPU-time that was held, which is exact;
/// else from the samples of telemetry.csv.
[[nodiscard]] time_series_or_reason over_time(const run_files& run);

/// GPUs in service: a whole number where it is constant, else the mean. Nothing for no simulated time.
[[nodiscard]] std::optional<double> mean_capacity(const run_summary& s);

/// JCT and wait of the finished jobs, each sorted [ns].
struct distributions {
    std::vector<std::int64_t> jct;
    std::vector<std::int64_t> wait;
};
[[nodiscard]] distributions distributions_of(const job_columns& jobs);

/// JCT / max(run time, 10 s), at least 1. \pre the job is finished
[[nodiscard]] double bounded_slowdown(const job_columns& jobs, std::size_t row);

/// Finished jobs of about one size.
struct size_class {
    std::uint32_t least = 0, greatest = 0;  ///< GPUs
    std::uint64_t count = 0;
    double slowdown_p50 = 1, slowdown_p90 = 1;
    double wait_mean_s = 0, wait_p50_s = 0, wait_p90_s = 0;
};
/// The classes that have jobs: 1, 2, 3 to 4, 5 to 8 GPUs and so on.
[[nodiscard]] std::vector<size_class> by_size(const job_columns& jobs);

/// The jobs that the end of the run cut off.
struct cut_off {
    std::uint64_t running = 0;
    std::uint64_t waiting = 0;
    duration longest_wait{};  ///< of those still waiting, so far
};
[[nodiscard]] cut_off cut_off_jobs(const run_files& run);

}  // namespace ampacity::report
