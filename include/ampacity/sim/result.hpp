#pragma once
/// \file
/// What a run yields: one record per job in file order, and the summary over them.
///
/// Means and percentiles are over finished jobs only, and the counts of all others stand beside them. A metric over
/// zero jobs is absent. Values only; safe to copy and to keep after the simulation is gone.

#include <ampacity/core/accounts.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/execution/post_training.hpp>
#include <ampacity/power/swing_meter.hpp>
#include <ampacity/sim/service_result.hpp>
#include <ampacity/sim/snapshot.hpp>
#include <ampacity/workload/source.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ampacity::sim {

/// How a job ended, or did not.
enum class outcome : std::uint8_t { unfinished, finished, rejected, killed };

/// No instant: the job never started, or never finished.
inline constexpr instant unset = instant::min();

/// One job of the input, for good. 64 bytes.
struct alignas(64) job_record {
    std::int64_t name = 0;   ///< the file's job_id, or an index into the source's texts
    instant submit = unset;  ///< when it entered the queue, or may still; unset: a row that the run ended before
    instant first_start = unset;
    instant finish = unset;  ///< of a finished or killed job
    duration useful{};       ///< wall time of kept work [ns per GPU]
    duration lost{};         ///< wall time of work thrown away; of a killed job all its run time [ns per GPU]
    std::uint32_t gpus = 0;  ///< of an elastic job those that it prefers
    std::uint32_t preemptions = 0;
    std::uint32_t restarts = 0;  ///< runs after a failure
    outcome state = outcome::unfinished;
    bool name_is_text = false;
    bool elastic = false;  ///< there is an `elastic_record` of it
};
static_assert(sizeof(job_record) == 64);

/// What the record of an elastic job does not tell.
struct elastic_record {
    duration work{};      ///< on the preferred number of GPUs
    gpu_time useful = 0;  ///< [GPU-ns]
    gpu_time lost = 0;    ///< [GPU-ns]
};

/// More GPUs in service from an instant on, or fewer.
struct capacity_step {
    instant at{};
    std::int64_t gpus = 0;
};

/// The records of one source, by row.
struct source_records {
    std::span<const job_record> jobs{};
    std::span<const elastic_record> elastic{};  ///< ends behind the last elastic job

    /// GPU-time of kept work.
    [[nodiscard]] gpu_time useful(std::size_t row) const noexcept {
        return jobs[row].elastic ? elastic[row].useful : gpu_time{ticks(jobs[row].useful)} * jobs[row].gpus;
    }
    /// GPU-time of work thrown away.
    [[nodiscard]] gpu_time lost(std::size_t row) const noexcept {
        return jobs[row].elastic ? elastic[row].lost : gpu_time{ticks(jobs[row].lost)} * jobs[row].gpus;
    }
    /// What a slowdown is measured by: time alone, with the GPUs that it prefers. \pre finished
    [[nodiscard]] duration alone(std::size_t row) const noexcept {
        return jobs[row].elastic ? elastic[row].work : jobs[row].useful;
    }
};

/// One GPU type of a mixed fleet.
struct type_summary {
    std::string name;
    std::uint64_t gpus = 0;  ///< installed
    gpu_time held = 0;       ///< GPU-time that jobs held, whatever it was good for
};

/// What a cause of failures did.
struct cause_result {
    std::string name;
    std::uint64_t failures = 0;
    std::uint64_t jobs_stopped = 0;
    double node_s = 0;               ///< nodes x time for which it kept them out of service [s]
    std::optional<double> slow_s{};  ///< the same for which it slowed them [s]; none: it does not
};

/// What training jobs used; none where the run does not know it. Energy of the units that they held, in proportion to
/// the GPUs, and of what their sites emitted and paid meanwhile the part of that in the IT energy of the site. Demand
/// charges of the run, which `energy_usd` has too, are shared in proportion to IT energy, what stands there to
/// GPU-time.
struct training_cost : service_cost {
    double gpu_s = 0;                            ///< that they held GPUs [GPU-s]
    std::optional<double> capacity_usd{};        ///< of what stands there
    std::optional<double> carbon_embodied_kg{};  ///< the same
};

/// What has become of the training jobs of one kind. Times are sums over its jobs.
struct training_result {
    std::string name;
    std::uint64_t jobs = 0, finished = 0;
    std::uint64_t gpus = 0;   ///< of one job
    std::uint64_t steps = 0;  ///< whole ones that were kept, or may still be
    double tokens = 0;        ///< of these; 0: not told
    double elapsed_s = 0;     ///< from the first start to the end, or that of the run [s]
    double waiting_s = 0;     ///< of it, without GPUs [s]
    double training_s = 0;    ///< of it, in steps that were kept, or may still be [s]
    double evaluating_s = 0;  ///< the same in evaluations [s]
    double lost_s = 0, checkpoint_s = 0, restart_s = 0, stalled_s = 0;  ///< the rest of it, by account [s]
    std::uint64_t failures = 0, preemptions = 0;
    std::optional<std::uint64_t> checkpoints{};    ///< that were completed; none: not by a rule of its own
    std::optional<distribution_summary> step_s{};  ///< over the steps that were done, kept or not [s]
    std::optional<double> mfu{};                   ///< over `training_s` [1]
    std::optional<std::uint64_t> resizes{};        ///< of elastic jobs; of these
    std::optional<std::uint64_t> shrunk{};         ///< because nodes had failed
    std::optional<std::uint64_t> moves{};          ///< to other sites, of `preemptions`; none: `site_migration` is off
    std::optional<training_cost> cost{};           ///< only with `energy`
    /// What the steps of one job consist of, at full speed, without their list; only of reinforcement learning.
    std::optional<execution::post_training_result> post{};
};

/// What the jobs of a reservation, or of a site, made of it.
struct reserved_jobs {
    std::uint64_t submitted = 0, finished = 0, killed = 0, rejected = 0;
    gpu_time held = 0;  ///< GPU-time that they held [GPU-ns]
    gpu_time down = 0;  ///< of nodes that had failed or drained [GPU-ns]
    gpu_time idle = 0;  ///< [GPU-ns]
};

/// What a reservation took and what it kept idle.
struct reservation_result {
    std::string name;
    std::uint64_t gpus = 0;
    duration closed{};          ///< how long its nodes were closed, in this run
    std::uint64_t stopped = 0;  ///< jobs that it stopped when it began
    /// GPU-time for which its GPUs lay idle before it began, since their last job, while others waited [GPU-ns].
    gpu_time idle_before = 0;
    std::optional<reserved_jobs> jobs{};  ///< none: it has no jobs of its own
};

/// What a site with a scheduler of its own did.
struct site_result {
    std::string name;
    std::uint64_t gpus = 0;
    /// Submitted: that came to it first. A job that could run on no site is of none.
    reserved_jobs jobs{};
    std::uint64_t came = 0, left = 0;  ///< jobs from other sites, and to them, whether they waited or ran
    site_count count{};
    std::optional<power::site_books> energy{};  ///< none: nobody asked
};

/// Moves of jobs that ran; see `site_migration`.
struct migration_result {
    std::uint64_t moves = 0;
    std::uint64_t stayed = 0;  ///< times that a job did not go, as the other site could not start it any more
    double bytes = 0;          ///< of checkpoints that were moved, or are being [B]
};

/// Power and energy of a run, see sim/energy.hpp; absent where nothing says what it would follow from.
struct energy_result {
    double nameplate_w = 0;                      ///< that the racks are planned with [W]
    double mean_it_w = 0, peak_it_w = 0;         ///< at the inputs of the racks [W]
    double it_j = 0;                             ///< at the inputs of the racks [J]
    double losses_j = 0;                         ///< from the utility to there [J]
    std::optional<double> overhead_j{};          ///< cooling and the rest of the building [J]
    std::optional<double> pue{};                 ///< facility / IT
    std::optional<double> pue_without_losses{};  ///< the same, without the electrical losses
    std::optional<double> carbon_location_kg{}, carbon_marginal_kg{}, carbon_market_kg{};  ///< CO2e [kg]
    std::optional<double> carbon_embodied_kg{};  ///< of what stands there, over its life [kg]
    std::optional<double> energy_usd{};          ///< [USD]
    std::optional<double> demand_usd{};          ///< of the largest power [USD]
    std::optional<double> capacity_usd{};        ///< of what stands there [USD]
    std::optional<double> water_m3{};            ///< [m3]
    /// The largest swings of a site; only where jobs say how they swing.
    std::optional<power::swing_envelope> swing{};
    /// Of `it_j`, what power floors added, at the inputs of the racks; only where jobs have one [J].
    std::optional<double> floors_j{};
    // Only where power acts on the run.
    std::optional<std::uint64_t> trips{};   ///< devices that opened under too much load
    std::optional<std::uint64_t> limits{};  ///< times that the limits of a rack's GPUs changed
    std::optional<double> lost_rack_s{};    ///< racks x time without power [s]
    // Only where sites have batteries or generators.
    std::optional<double> batteries_j{};   ///< that batteries gave [J]
    std::optional<double> filled_j{};      ///< that batteries kept [J]
    std::optional<double> generators_j{};  ///< that generators made, for overhead, too [J]
    std::optional<double> generators_s{};  ///< generators x time that they ran [s]
    std::optional<double> grid_j{};        ///< from the utility: facility - generators - batteries + filled [J]
    std::optional<double> carbon_generators_kg{}, generators_usd{};  ///< of what they made [kg], [USD]
    // Only where temperatures act on it.
    std::optional<std::uint64_t> throttles{};  ///< times that GPUs of a node came to their throttle temperature
    std::optional<std::uint64_t> shutdowns{};  ///< nodes that switched themselves off

    /// What the facility takes; from the utility, where there are no batteries and generators [J].
    [[nodiscard]] double facility_j() const noexcept { return it_j + losses_j + overhead_j.value_or(0); }
    /// Of those that are known; none: no one is [USD].
    [[nodiscard]] std::optional<double> total_usd() const noexcept {
        if (!energy_usd && !demand_usd && !capacity_usd) return std::nullopt;
        return energy_usd.value_or(0) + generators_usd.value_or(0) + demand_usd.value_or(0) + capacity_usd.value_or(0);
    }
};

/// The numbers of a run; a metric over no job is absent.
struct summary {
    std::uint64_t submitted = 0, finished = 0, rejected = 0, killed = 0, unfinished = 0, preemptions = 0;
    std::uint64_t restarts = 0;                            ///< of jobs whose nodes failed
    std::optional<std::uint64_t> held{};                   ///< of the unfinished: not in the queue; only with links
    std::optional<std::uint64_t> resizes{};                ///< none: there was no elastic job
    duration simulated{};                                  ///< end of the run
    std::optional<distribution_summary> jct_s;             ///< finish - submit [s]
    std::optional<distribution_summary> wait_s;            ///< first start - submit [s]
    std::optional<distribution_summary> bounded_slowdown;  ///< max(1, JCT / max(duration, 10 s))
    std::optional<double> makespan_s;                      ///< last finish - first submit of the finished jobs [s]
    std::optional<double> utilisation;                     ///< useful GPU-time of the finished jobs / (GPUs x makespan)
    std::vector<reservation_result> reservations;          ///< by start
    std::vector<site_result> sites{};                      ///< only of those with schedulers of their own
    std::optional<migration_result> migrations{};          ///< none: jobs that run keep their site
    std::vector<cause_result> failures{};                  ///< at random; empty where nothing fails so
    std::vector<training_result> trainings{};              ///< as `parts::trainings`
    std::vector<service_result> services{};                ///< as `parts::services`
    ledger books;
    std::vector<type_summary> types{};      ///< empty without GPU types
    std::optional<energy_result> energy{};  ///< none: nobody asked
    std::vector<fleet_group> groups{};      ///< as `parts::groups`
    std::vector<standing_step> standing{};  ///< of these, by instant: what came into service
    std::vector<snapshot> snapshots{};      ///< by instant, the end of the run included; empty: nobody asked
};

/// max(1, JCT / max(time alone, 10 s)). \pre finished
[[nodiscard]] double bounded_slowdown(const source_records& of, std::size_t row) noexcept;

/// Summary over the records of each source. `gpus`: in service at the start; `came`: since then.
/// What of the run's demand charges, rent and making falls to the jobs. `capacity`: GPU-time of all GPUs that stood
/// there.
void share_costs(training_cost& of, const energy_result& run, gpu_time capacity);
[[nodiscard]] summary summarise(std::span<const source_records> sources, std::uint64_t gpus,
                                std::span<const capacity_step> came = {});

}  // namespace ampacity::sim
