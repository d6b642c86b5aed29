#pragma once
/// \file
/// What job traces in CSV have in common: columns by name, reordering, alignment, field errors. A
/// format derives from `csv_trace` and reads one row.

#include "name_table.hpp"
#include "reorder_window.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/io/csv_reader.hpp>
#include <ampacity/io/job_traces.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::io {

class csv_trace : public trace_source {
public:
    std::size_t next(std::span<workload::job_request> out) final;
    [[nodiscard]] std::optional<double> progress() const final;
    [[nodiscard]] std::string_view text(std::int64_t index) const final { return names_.text(index); }
    [[nodiscard]] const std::string& path() const final { return rows_.stream().path(); }
    std::uint64_t finish_digest() final;

protected:
    /// How the instants that `read_row` gives become simulated time.
    enum class time_origin : std::uint8_t {
        scenario_start,  ///< they are; none lies before 0
        first_submit,    ///< the earliest becomes 0
    };

    /// Opens the file and finds the format's columns in its header.
    csv_trace(const job_trace_options& options, std::span<const trace_column> columns, std::size_t submit_column,
              time_origin origin);

    /// Reads the current row into a fresh request; `row` and `source` are set already.
    virtual void read_row(workload::job_request& job) = 0;

    // A column here is a place in the format's list.
    [[nodiscard]] bool has(std::size_t column) const noexcept { return at_[column] != absent; }
    /// The field's text; empty where the file has no such column.
    [[nodiscard]] std::string_view field(std::size_t column) const noexcept {
        return has(column) ? rows_[at_[column]] : std::string_view{};
    }
    [[noreturn]] void fail(std::size_t column, std::string what, std::string remedy) const {
        rows_.fail(at_[column], std::move(what), std::move(remedy));
    }

    /// Seconds from 0 to 200 years.
    [[nodiscard]] duration seconds(std::size_t column) const;
    /// A whole number of GPUs, 0 to 2^31.
    void read_gpus(std::size_t column, workload::job_request& job) const;
    /// An interned name, 0 for an empty field.
    [[nodiscard]] std::uint32_t name(std::size_t column);
    /// Index of a text of its own.
    [[nodiscard]] std::int64_t own_text(std::size_t column);

private:
    static constexpr std::size_t absent = std::numeric_limits<std::size_t>::max();

    void bind(std::string_view format, std::span<const trace_column> columns);
    bool take_row();
    void check_length(std::size_t column) const;

    csv_reader rows_;
    name_table names_;
    reorder_window window_;
    std::vector<std::size_t> at_;  ///< the file's column of each of the format's
    std::size_t submit_column_;
    duration reorder_;
    time_origin origin_;
    std::uint16_t source_;
    bool ended_ = false;
    bool origin_known_;
    std::uint64_t num_rows_ = 0;
    instant earliest_ = instant::max();
    instant latest_ = instant::min();
    instant settled_ = instant::min();  ///< nothing that is still to be read comes before it
};

/// The text of a fault that a number has.
[[nodiscard]] std::string_view fault_of(decimal_status status) noexcept;

/// The formats, each in its own file.
[[nodiscard]] const job_trace_format& jobs_csv_format() noexcept;
[[nodiscard]] const job_trace_format& philly_csv_format() noexcept;
[[nodiscard]] std::unique_ptr<trace_source> open_jobs_csv(const job_trace_options& options);
[[nodiscard]] std::unique_ptr<trace_source> open_philly_csv(const job_trace_options& options);

}  // namespace ampacity::io
