#pragma once
/// \file
/// Requests to inference services from files, as streams.
///
/// A trace is read row by row, never as a whole. Rows may step back in time by at most `reorder` below the latest
/// arrival so far and are sorted stably by arrival; memory is the rows of one such window, 16 bytes for each record
/// that is skipped, the distinct names of sessions and tenants, and of mooncake-jsonl the distinct names of blocks.
/// servegen is no trace: requests are drawn from its tables, which are read whole. Every fault of a file is a
/// `data_error` at FILE:LINE:COL, after which the source must not be read on. Cost O(log w) per row out of order, O(1)
/// in order. One source belongs to one thread.

#include <ampacity/core/time.hpp>
#include <ampacity/io/job_traces.hpp>
#include <ampacity/io/models.hpp>
#include <ampacity/scenario/scenario.hpp>
#include <ampacity/workload/request_source.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace ampacity::io {

/// A format that `open_request_trace` reads.
struct request_trace_format {
    std::string_view name;
    std::string_view description;
    std::span<const trace_column> columns;
    std::span<const skip_reason> skips{};
};

/// All formats of request traces.
[[nodiscard]] std::span<const request_trace_format> request_trace_formats() noexcept;

/// Which trace, and how to read it.
struct request_trace_options {
    std::filesystem::path path;
    std::string format = "requests-csv";
    duration reorder = std::chrono::hours{1};                ///< how far arrivals may step back
    scenario::alignment align = scenario::alignment::first;  ///< requests-csv counts from `start`
    std::int64_t unix_start_ns = 0;                          ///< the scenario's `start` [ns since 1970], for `absolute`

    // Of servegen alone, which draws its requests:
    std::filesystem::path lengths{};  ///< the other file
    double rate_factor = 1;           ///< all rates are so many times those of the file, >= 0
    std::uint64_t seed = 0;           ///< of the run
    std::uint16_t entry = 0;          ///< position in the workload: different entries draw independently
};

/// A request source that is a file.
class request_trace : public workload::request_source {
public:
    /// The file, as it was given.
    [[nodiscard]] virtual const std::string& path() const = 0;
    /// What `next` subtracts from the file's own times; final once it has given a request.
    [[nodiscard]] virtual duration time_zero() const = 0;
    /// XXH64 of the file as it lies on disk, for `run.json`. Reads to its end where `next` has not; no more requests
    /// come after that. \throws data_error when the file cannot be read.
    virtual std::uint64_t finish_digest() = 0;
    /// Files beside `path`, read when it was opened.
    [[nodiscard]] virtual std::span<const model_file> other_files() const { return {}; }
};

/// Opens a trace and reads its header.
/// \throws data_error when the file or its header is bad; scenario_error for an unknown format or a negative `reorder`.
[[nodiscard]] std::unique_ptr<request_trace> open_request_trace(const request_trace_options& options);

}  // namespace ampacity::io
