#pragma once
/// \file
/// The report of one run: its output folder read back, and shown as one HTML file or as a picture.
///
///     const run_files run = read_run("out/quickstart");
///     std::string page = html(run);            // no network, light, dark and printed
///     std::string picture = overview_svg(run); // GPUs busy and jobs waiting over time
///
/// The files are those of `ampacity run` (see there for their columns and keys); only `summary.json` must be there, and
/// what a missing one would have shown is said to be missing. Equal files give equal bytes. All tables are read in one
/// pass into columns, 40 bytes a job and its name, 32 bytes a request; everything after that is O(n log n). The page
/// works without its scripts, which add what a pointer and keys can do; a content security policy allows them by their
/// hashes and nothing else. One thread per object.

#include <ampacity/core/time.hpp>
#include <ampacity/sim/result.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::report {

/// A number of summary.json or a fact of run.json, by its name.
struct named_text {
    std::string name;
    std::string text;
};

/// Numbers by their dotted names, in file order.
struct figures {
    std::string name;  ///< of the service or the training job that they are of
    std::vector<std::pair<std::string, double>> values;

    [[nodiscard]] std::optional<double> find(std::string_view key) const;
    /// 0 where it is missing.
    [[nodiscard]] double or_zero(std::string_view key) const { return find(key).value_or(0); }
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
    std::vector<figures> services;                          ///< in file order
    std::vector<figures> trainings;                         ///< in file order
    std::vector<figures> sites;                             ///< with schedulers of their own, in file order
    figures numbers;                                        ///< all numbers but those of services and trainings
};

/// jobs.csv as columns, in file order.
struct job_columns {
    /// `sim::unset` where the field is empty. Of a job that waited for others first `submit` is when it entered the
    /// queue, unset if it never did.
    std::vector<instant> submit, start, finish;
    std::vector<std::uint32_t> gpus;
    std::vector<double> useful_gpu_s;
    std::vector<sim::outcome> state;
    std::vector<std::uint32_t> runs;  ///< 1 + preemptions + restarts
    std::string names;                ///< of all jobs, one behind the other
    std::vector<std::size_t> ends;    ///< of each name in `names`
    bool ran_in_one_piece = true;     ///< no job was preempted or restarted: start and finish tell all

    [[nodiscard]] std::size_t size() const noexcept { return submit.size(); }
    /// As the trace calls the job. \pre row < size()
    [[nodiscard]] std::string_view name(std::size_t row) const noexcept {
        const std::size_t begin = row == 0 ? 0 : ends[row - 1];
        return std::string_view{names}.substr(begin, ends[row] - begin);
    }
};

/// placement.csv: the starts of jobs, times not decreasing. Start i holds the parts [ends[i - 1], ends[i]).
struct placement_columns {
    /// GPUs of one node.
    struct part {
        std::uint32_t node = 0;
        std::uint32_t gpus = 0;
    };
    std::vector<std::size_t> job;  ///< row in `job_columns`
    std::vector<instant> start;
    std::vector<std::size_t> ends;
    std::vector<part> parts;
};

/// The requests of one service, in file order.
struct request_columns {
    std::string service;
    std::vector<instant> arrival;
    std::vector<instant> finish;     ///< `sim::unset` where it got no last token
    std::vector<std::int64_t> ttft;  ///< [ns]; -1 where there was no first token
    std::vector<std::uint32_t> output_tokens;
    std::vector<bool> finished;

    [[nodiscard]] std::size_t size() const noexcept { return arrival.size(); }
};

/// The rows of services.csv of one service, times increasing; NaN where a cell is empty.
struct service_samples {
    std::string service;
    std::vector<instant> time;
    std::vector<double> arrived, shed;     ///< since the row before
    std::vector<double> waiting, running;  ///< requests
    std::vector<double> kv_occupancy;      ///< [1]
    std::vector<double> prefill_tokens_per_s, output_tokens_per_s;
    std::vector<double> ttft_p50_s, ttft_p99_s;
    std::vector<double> attainment;  ///< [1]
};

/// A row of years.csv.
struct year_row {
    int year = 0;
    std::string site;                                         ///< empty: all
    std::vector<std::pair<std::string_view, double>> values;  ///< by column; NaN where the cell is empty

    /// NaN, too, where the file has no such column.
    [[nodiscard]] double find(std::string_view column) const noexcept;
};

/// The samples of one feed, times not decreasing.
struct feed_columns {
    std::string name;
    std::vector<instant> time;
    std::vector<double> load_w;
    std::vector<double> limit_w;  ///< -1 where there is none
    std::vector<double> charge;   ///< 0 to 1; -1 where there is none
};

/// Where GPUs are, by resolved.yaml: nodes and racks in the order of their rows. A pool has none of them.
struct fleet_shape {
    std::vector<std::uint32_t> node_gpus;
    std::vector<std::uint32_t> rack_begin;  ///< first node of each rack; empty where there are no racks
    std::vector<std::string> rack_site;     ///< name of its site; empty where there is only one
};

/// A stretch of time in which something happens to a feed.
struct marked_time {
    instant start{};
    instant end{};
    std::string feed;
    std::string what;
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
    // Each empty where the file lacks it; NaN where a cell is empty.
    std::vector<double> carbon_g_kwh, price_usd_mwh;  ///< of the grid [g/kWh], [USD/MWh]
    std::vector<double> carbon_kg, cost_usd;          ///< since the start [kg], [USD]
    std::vector<double> gpu_mean_c, gpu_max_c;        ///< of GPUs [degC]
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
    std::optional<placement_columns> placement;
    std::vector<request_columns> requests;
    std::vector<service_samples> service_rows;
    std::vector<feed_columns> feeds;
    std::vector<year_row> years;
    fleet_shape fleet;                 ///< empty where resolved.yaml is missing or cannot be understood
    std::vector<marked_time> events;   ///< of power, as planned in resolved.yaml
    std::vector<std::string> notes;    ///< sentences on files that could not be used
    std::vector<std::string> remarks;  ///< what the run itself says that readers should know
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
