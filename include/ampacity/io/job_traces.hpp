#pragma once
/// \file
/// Job traces from files, as streams of job requests.
///
/// A trace is read row by row, never as a whole. Rows may step back in time by at most `reorder` below
/// the latest submit so far and are sorted stably by submit; memory is the rows of one such window, the
/// distinct user and group names, and the job names that are not canonical integers (their bytes plus
/// two each). Every fault of a file is a `data_error` at FILE:LINE:COL, after which the source must not
/// be read on. Cost O(log w) per row out of order, O(1) in order. One source belongs to one thread.

#include <ampacity/core/time.hpp>
#include <ampacity/scenario/scenario.hpp>
#include <ampacity/workload/source.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace ampacity::io {

/// What a build does with a column of a format.
enum class column_use : std::uint8_t {
    required,
    optional,     ///< may be left out, and each of its fields may be empty
    ignored,      ///< may be there; its fields are not looked at
    unsupported,  ///< may be there as long as all its fields are empty
};

/// A column of a format.
struct trace_column {
    std::string_view name;
    std::string_view unit;  ///< empty where there is none
    std::string_view doc;
    column_use use = column_use::required;
};

/// A format that `open_job_trace` reads.
struct job_trace_format {
    std::string_view name;
    std::string_view description;
    std::span<const trace_column> columns;
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
    std::int64_t unix_start_ns = 0;                          ///< the scenario's `start` [ns since 1970], for `absolute`
};

/// A job source that is a file.
class trace_source : public workload::job_source {
public:
    /// The file, as it was given.
    [[nodiscard]] virtual const std::string& path() const = 0;

    /// XXH64 of the file as it lies on disk, for `run.json`. Reads to its end where `next` has not; no
    /// more jobs come after that. \throws data_error when the file cannot be read.
    virtual std::uint64_t finish_digest() = 0;
};

/// Opens a trace and reads its header.
/// \throws data_error when the file or its header is bad; scenario_error for an unknown format or a
///         negative `reorder`.
[[nodiscard]] std::unique_ptr<trace_source> open_job_trace(const job_trace_options& options);

}  // namespace ampacity::io
