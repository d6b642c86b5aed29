#pragma once
/// \file
/// Job traces from files, as streams of job requests.
///
/// A trace is read row by row, never as a whole. Rows may step back in time by at most `reorder` below
/// the latest submit so far and are sorted stably by submit; memory is the rows of one such window, 16
/// bytes for each record that is skipped, the ties between jobs where there are any (about 50 bytes for each row and
/// more for each tie), the distinct user and group names, and the job names that are not canonical integers (their
/// bytes plus two each). Every fault of a file is a `data_error` at FILE:LINE:COL, after which the source must not be
/// read on. Cost O(log w) per row out of order, O(1) in order. One source belongs to one thread.

#include <ampacity/core/time.hpp>
#include <ampacity/scenario/scenario.hpp>
#include <ampacity/workload/source.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::io {

/// What a build does with a column of a format.
enum class column_use : std::uint8_t {
    required,
    optional,    ///< may be left out, and each of its fields may be empty
    ignored,     ///< may be there; its fields are not looked at
    statistics,  ///< may be there; no job depends on it, the statistics of a trace do
};

/// A column of a format.
struct trace_column {
    std::string_view name;
    std::string_view unit;  ///< empty where there is none
    std::string_view doc;
    column_use use = column_use::required;
};

/// Why records of a format are no jobs.
struct skip_reason {
    std::string_view name;  ///< as in summary.json: `no_gpus`
    std::string_view doc;
};

/// What a format can record of a job besides its name, submit, GPUs and duration.
struct recorded_columns {
    bool estimate = false;
    bool user = false;
    bool group = false;
    bool priority = false;
    bool placement = false;
    bool wait = false;     ///< time between submit and start
    bool end = false;      ///< how it ended
    bool links = false;    ///< jobs that it waited for
    bool elastic = false;  ///< a range of GPUs
};

/// A format that `open_job_trace` reads.
struct job_trace_format {
    std::string_view name;
    std::string_view description;
    std::span<const trace_column> columns;
    bool by_position = false;  ///< columns are found by their order, not by names in a header
    std::span<const skip_reason> skips{};
    recorded_columns records{};
};

/// How a job ended where it was recorded.
enum class ending : std::uint8_t {
    unknown,
    finished,
    failed,
    cancelled,
    partial,  ///< a part of a job that another record continues
    running,  ///< not ended when the recording did
};
/// Their names, as `trace` prints them.
inline constexpr std::array<std::string_view, 6> ending_names{"unknown",   "finished", "failed",
                                                              "cancelled", "partial",  "running"};
/// The ending of that name; unknown for any other text.
[[nodiscard]] ending ending_named(std::string_view text) noexcept;

/// The ties of a job as they are written; the texts are valid while the record is shown.
struct link_texts {
    std::string_view after{}, after_any{}, think_s{}, array{}, array_limit{};
};

/// What a record says of a job besides the request: facts of its own time, which no simulation looks at.
struct record_facts {
    std::optional<duration> wait{};  ///< start - submit
    ending end = ending::unknown;
    link_texts links{};
};

/// Facts from the header of a trace.
struct trace_header {
    std::optional<std::uint64_t> max_nodes{};
    std::optional<std::uint64_t> max_procs{};
    std::optional<std::int64_t> unix_start_s{};  ///< date of the trace's second 0 [s since 1970]
};

/// Sees every record that is kept as it is read, in file order.
class record_observer {
public:
    virtual ~record_observer() = default;
    /// `job` counts time as the file does: `trace_source::time_zero()` is not yet subtracted.
    virtual void on_record(const workload::job_request& job, const record_facts& facts) = 0;
};

/// All formats of job traces.
[[nodiscard]] std::span<const job_trace_format> job_trace_formats() noexcept;

/// Which trace, and how to read it.
struct job_trace_options {
    std::filesystem::path path;
    std::string format = "jobs-csv";
    duration reorder = std::chrono::hours{1};                ///< how far submit times may step back
    scenario::alignment align = scenario::alignment::first;  ///< published formats only; jobs-csv counts from `start`
    std::uint16_t source = 0;                                ///< becomes `job_request::source`
    bool dependencies = false;                               ///< swf only: honour preceding jobs and think times
    std::int64_t unix_start_ns = 0;                          ///< the scenario's `start` [ns since 1970], for `absolute`
    record_observer* observer = nullptr;                     ///< must outlive the source
    bool models = false;                                     ///< jobs carry their model, where the format has one
    std::optional<std::vector<std::string>> reservations{};  ///< jobs may name these alone; none: any
};

/// A job source that is a file.
class trace_source : public workload::job_source {
public:
    /// The file, as it was given.
    [[nodiscard]] virtual const std::string& path() const = 0;

    /// What its header says; complete once the source is open.
    [[nodiscard]] virtual trace_header header() const { return {}; }

    /// Whether the file says how jobs ended: its format may, and the column is there.
    [[nodiscard]] virtual bool records_endings() const { return false; }

    /// Whether it ties jobs to each other, as it is read.
    [[nodiscard]] virtual bool records_links() const { return false; }

    /// What `next` subtracts from the file's own times; final once it has given a job.
    [[nodiscard]] virtual duration time_zero() const = 0;

    /// XXH64 of the file as it lies on disk, for `run.json`. Reads to its end where `next` has not; no
    /// more jobs come after that. \throws data_error when the file cannot be read.
    virtual std::uint64_t finish_digest() = 0;
};

/// Opens a trace and reads its header.
/// \throws data_error when the file or its header is bad; scenario_error for an unknown format or a
///         negative `reorder`.
[[nodiscard]] std::unique_ptr<trace_source> open_job_trace(const job_trace_options& options);

/// The name of the format that a file is in, by its name or its first line. A file that cannot be read twice, such as a
/// pipe, is told by its name only.
/// \throws data_error when the file cannot be read or is in none of them.
[[nodiscard]] std::string_view guess_job_trace_format(const std::filesystem::path& path);

}  // namespace ampacity::io
