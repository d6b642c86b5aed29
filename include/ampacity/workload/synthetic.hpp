#pragma once
/// \file
/// Rigid jobs from distributions: gamma renewal arrivals, lognormal durations, sizes from a table.
///
/// Every draw is named by (seed, purpose, entity), the entity being the entry of the workload and the
/// number of the job: job 7 has the same duration whatever the sizes, the rate, the number of jobs or
/// the other entries are. Sizes, durations and estimates take one draw each by inversion, so they move
/// smoothly with their parameters. Results are the same bits on every x86-64 machine.
///
/// O(1) per job and no memory per job: streams of any length. One thread at a time.

#include <ampacity/core/time.hpp>
#include <ampacity/workload/source.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace ampacity::workload {

/// What a stream of synthetic jobs looks like.
struct synthetic_options {
    /// One size and its share of the jobs, relative to the sum of all weights.
    struct size {
        std::uint32_t gpus = 1;
        double weight = 1;
    };
    /// Estimate / duration, drawn evenly from [min, max].
    struct factor {
        double min = 1;
        double max = 1;
    };

    std::uint64_t seed;       ///< of the run
    std::uint16_t entry = 0;  ///< position in the workload; different entries draw independently
    std::uint64_t jobs = 0;   ///< number of jobs, below 2^48
    double rate_per_s = 1;    ///< mean arrivals per second, > 0
    double cv = 1;            ///< standard deviation / mean of the times between arrivals; 1 is Poisson, 0 a fixed beat
    duration median{};        ///< of the durations, > 0
    double sigma = 0;         ///< standard deviation of log(duration)
    duration max = longest_input;      ///< longer durations are cut to this
    std::vector<size> sizes{};         ///< not empty, at least one weight > 0
    std::optional<factor> estimate{};  ///< none: jobs carry no estimate
};

/// The stream. The first job comes one interval after the start; `name` and `row` count from 0.
class synthetic_source final : public job_source {
public:
    /// \pre the options are in their ranges (checked).
    explicit synthetic_source(synthetic_options options);

    /// \throws scenario_error when a submit time lies beyond 200 years.
    std::size_t next(std::span<job_request> out) override;
    [[nodiscard]] std::optional<double> progress() const override;
    [[nodiscard]] std::string_view text(std::int64_t) const override { return {}; }

private:
    [[nodiscard]] std::uint64_t entity(std::uint64_t job) const;
    [[nodiscard]] duration draw_interval(std::uint64_t job) const;
    [[nodiscard]] duration draw_work(std::uint64_t job) const;
    [[nodiscard]] std::uint32_t draw_gpus(std::uint64_t job) const;
    [[nodiscard]] duration draw_estimate(std::uint64_t job, duration work) const;

    synthetic_options options_;
    std::vector<double> cumulative_;  // of the weights
    std::uint64_t at_ = 0;
    instant clock_ = start_of_time;
};

}  // namespace ampacity::workload
