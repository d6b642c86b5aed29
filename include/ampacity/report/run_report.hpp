#pragma once
/// \file
/// The report of one run: its output folder read back, and shown as one HTML file or as a picture.
///
///     const run_files run = read_run("out/quickstart");
///     std::string page = html(run);            // no script, no network, light, dark and printed
///     std::string picture = overview_svg(run); // GPUs busy and jobs waiting over time
///
/// The files are those of `ampacity run` (see there for their columns and keys); only `summary.json` must be there, and
/// what a missing one would have shown is said to be missing. Equal files give equal bytes. jobs.csv and telemetry.csv
/// are read in one pass into columns, 40 bytes a job; everything after that is O(n log n). One thread per object.

#include <ampacity/core/time.hpp>
#include <ampacity/sim/result.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::report {

/// A number of summary.json or a fact of run.json, by its name.
struct named_text {
    std::string name;
    std::string text;
};

/// summary.json.
struct run_summary {
    std::string scenario;
    std::string policy;
    std::string seed;
    duration simulated{};
    bool interrupted = false;
    std::uint64_t submitted = 0, finished = 0, rejected = 0, killed = 0, unfinished = 0, preemptions = 0;
    std::vector<std::pair<std::string, std::uint64_t>> skipped;  ///< records that were no jobs, by reason
    std::optional<sim::distribution_summary> jct_s, wait_s, bounded_slowdown;
    std::optional<double> makespan_s;
    std::optional<double> utilisation;
    std::optional<double> capacity_gpu_hours;
    std::optional<double> nameplate_w;                      ///< of racks [W]
    std::vector<std::pair<std::string, double>> gpu_hours;  ///< by account, in file order, without the capacity
    std::vector<named_text> further;                        ///< all other numbers, by dotted name
};

/// jobs.csv as columns, in file order.
struct job_columns {
    /// `sim::unset` where the field is empty. Of a job that waited for others first `submit` is when it entered the
    /// queue, unset if it never did.
    std::vector<instant> submit, start, finish;
    std::vector<std::uint32_t> gpus;
    std::vector<double> useful_gpu_s;
    std::vector<sim::outcome> state;
    bool ran_in_one_piece = true;  ///< no job was preempted or restarted: start and finish tell all

    [[nodiscard]] std::size_t size() const noexcept { return submit.size(); }
};

/// A job of which more than its row is shown.
struct listed_job {
    std::size_t row = 0;  ///< in `job_columns`
    std::string id;
    std::uint64_t preemptions = 0;
    std::uint64_t restarts = 0;
};

/// telemetry.csv as columns, times increasing.
struct telemetry_columns {
    std::vector<instant> time;
    std::vector<std::int64_t> queued, busy_gpus, free_gpus;  ///< empty where the file lacks one of them
    std::vector<double> it_w, utility_w;                     ///< the same, and where power was not modelled [W]
};

/// The output folder of a run.
struct run_files {
    run_summary summary;
    std::optional<job_columns> jobs;
    std::vector<listed_job> slowest;  ///< finished jobs by JCT, the largest first, then in file order; at most 20
    std::optional<telemetry_columns> telemetry;
    std::optional<std::string> resolved;           ///< text of resolved.yaml
    std::optional<std::vector<named_text>> facts;  ///< run.json, without the inputs
    std::vector<named_text> inputs;                ///< files that the run read, and their hashes
};

/// Reads the output folder of a run.
/// \throws scenario_error when `directory` is not a folder; data_error, at file, line and column, when summary.json is
///         missing, a file is malformed, or the files are of different runs.
[[nodiscard]] run_files read_run(const std::filesystem::path& directory);

/// The report as one page.
[[nodiscard]] std::string html(const run_files& run);

/// GPUs busy and jobs waiting over time as an SVG file of its own, with the name of the run; without the files for
/// it, it says which are missing.
[[nodiscard]] std::string overview_svg(const run_files& run);

}  // namespace ampacity::report
