#pragma once
/// \file
/// What job traces in CSV have in common: columns by name, field errors. A format derives from `csv_trace` and reads
/// one row.

#include "csv_columns.hpp"
#include "ordered_trace.hpp"

#include <ampacity/io/csv_reader.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::io {

class csv_trace : public ordered_trace {
protected:
    /// Opens the file and finds the format's columns in its header.
    csv_trace(const job_trace_options& options, const job_trace_format& format, std::size_t submit_column,
              time_origin origin);

    /// Reads the current row into a fresh request; `row` and `source` are set already. False where it was skipped.
    virtual bool read_row(workload::job_request& job, record_facts& facts) = 0;

    // A column here is a place in the format's list.
    [[nodiscard]] bool has(std::size_t column) const noexcept { return at_[column] != no_column; }
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
    /// The name of the job, which must be there.
    void read_name(std::size_t column, workload::job_request& job);
    /// An interned name, 0 for an empty field.
    [[nodiscard]] std::uint32_t name(std::size_t column);

private:
    bool read_record(workload::job_request& job, record_facts& facts) final;
    [[noreturn]] void fail_submit(std::string what, std::string remedy) const final {
        fail(submit_column_, std::move(what), std::move(remedy));
    }
    [[nodiscard]] const input_stream& stream() const final { return rows_.stream(); }
    [[nodiscard]] input_stream& stream() final { return rows_.stream(); }
    void check_length(std::size_t column) const;

    csv_reader rows_;
    std::vector<std::size_t> at_;  ///< the file's column of each of the format's
    std::size_t submit_column_;
};

}  // namespace ampacity::io
