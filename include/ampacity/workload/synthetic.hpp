#pragma once
/// \file
/// Rigid jobs from distributions: arrivals, sizes, durations that may depend on the size, estimates, users, priorities.
///
/// Every draw is named by (seed, purpose, entity), the entity being the entry of the workload and the
/// number of the job: job 7 has the same duration whatever the sizes, the rate, the number of jobs or
/// the other entries are. Sizes, durations and estimates take one draw each by inversion (two where durations are
/// a mixture), so they move smoothly with their parameters. Results are the same bits on every x86-64 machine.
///
/// O(1) per job and no memory per job: streams of any length. One thread at a time.

#include <ampacity/core/tables.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/workload/arrivals.hpp>
#include <ampacity/workload/durations.hpp>
#include <ampacity/workload/source.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::workload {

/// What a stream of synthetic jobs looks like.
struct synthetic_options {
    /// One size and its share of the jobs, relative to the sum of all weights.
    struct size {
        std::uint32_t gpus = 1;
        double weight = 1;
        double duration_factor = 1;             ///< on the durations of these jobs, before they are cut; > 0
        std::optional<duration_mixture> law{};  ///< durations of these jobs; none: those of all jobs
        placement_constraint placement{};       ///< where they may be
        std::uint32_t gpus_min = 0;             ///< of elastic jobs, as in `job_request`; 0: they are rigid
        std::uint32_t gpus_max = 0;
        double serial_fraction = 0;
    };
    /// Estimate / duration, drawn evenly from [min, max].
    struct factor {
        double min = 1;
        double max = 1;
    };
    /// A user and the share of the jobs, relative to the sum of all weights.
    struct user {
        std::string name;
        std::string group;  ///< may be empty
        double weight = 1;
    };
    /// A priority and its share of the jobs.
    struct priority {
        std::int32_t value = 0;
        double weight = 1;
    };

    /// A model and its share of the jobs.
    struct model {
        std::string name;
        double weight = 1;
    };

    std::uint64_t seed;       ///< of the run
    std::uint16_t entry = 0;  ///< position in the workload; different entries draw independently
    std::uint64_t jobs = 0;   ///< number of jobs, below 2^48
    double rate_per_s = 1;    ///< mean arrivals per second, > 0
    double cv = 1;            ///< standard deviation / mean of the times between arrivals; 1 is Poisson, 0 a fixed beat
    duration median{};        ///< of lognormal durations, > 0; not looked at where `law` is given
    double sigma = 0;         ///< standard deviation of log(duration)
    duration max = longest_input;      ///< longer durations are cut to this
    std::vector<size> sizes{};         ///< not empty, at least one weight > 0
    std::optional<factor> estimate{};  ///< none: jobs carry no estimate

    arrival_process process = arrival_process::gamma;  ///< these six: see `arrival_options`
    std::vector<double> profile{};
    duration week_offset{0};
    rate_trend trend{};
    std::optional<batch_options> batches{};
    std::optional<duration> beat{};
    std::optional<duration_mixture> law{};  ///< durations other than lognormal
    std::vector<user> users{};              ///< empty: jobs have no user and no group
    std::vector<priority> priorities{};     ///< empty: all have priority 0
    std::vector<model> models{};            ///< empty: jobs have no model
};

/// The stream. The first job comes one interval after the start; `name` and `row` count from 0.
class synthetic_source final : public job_source {
public:
    /// \pre the options are in their ranges (checked).
    explicit synthetic_source(synthetic_options options);

    /// \throws scenario_error when a submit time lies beyond 200 years.
    std::size_t next(std::span<job_request> out) override;
    [[nodiscard]] std::optional<double> progress() const override;
    [[nodiscard]] std::string_view text(std::int64_t index) const override;

private:
    struct user_row {
        std::uint32_t user;   // index into `names_`
        std::uint32_t group;  // the same
    };

    [[nodiscard]] std::uint64_t entity(std::uint64_t job) const;
    [[nodiscard]] duration draw_work(std::uint64_t job, const synthetic_options::size& size) const;
    [[nodiscard]] const synthetic_options::size& draw_size(std::uint64_t job) const;
    [[nodiscard]] duration draw_estimate(std::uint64_t job, duration work) const;
    void name_users();

    synthetic_options options_;
    discrete_distribution pick_size_;
    std::optional<discrete_distribution> pick_user_;
    std::optional<discrete_distribution> pick_priority_;
    std::optional<discrete_distribution> pick_model_;
    std::vector<user_row> users_;
    std::vector<std::string> names_;  // of users, groups and models; 0 is the empty text
    std::uint32_t first_model_ = 0;   // index into `names_`
    arrivals arrivals_;
    std::uint64_t at_ = 0;
};

}  // namespace ampacity::workload
