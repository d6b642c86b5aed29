#pragma once
/// \file
/// What all job traces have in common: reordering within a window, alignment of time 0, names, records that are
/// skipped. A format derives from `ordered_trace` and reads one record after the other.

#include "name_table.hpp"
#include "reorder_window.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/io/input_stream.hpp>
#include <ampacity/io/job_traces.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::io {

class ordered_trace : public trace_source {
public:
    std::size_t next(std::span<workload::job_request> out) final;
    [[nodiscard]] std::optional<double> progress() const final;
    [[nodiscard]] std::string_view text(std::int64_t index) const final { return names_.text(index); }
    [[nodiscard]] std::vector<workload::skipped_records> skipped(instant through) const final;
    [[nodiscard]] const std::string& path() const final { return stream().path(); }
    [[nodiscard]] duration time_zero() const final {
        return origin_ == time_origin::first_submit && origin_known_ ? earliest_.time_since_epoch() : duration::zero();
    }
    std::uint64_t finish_digest() final;

protected:
    /// How the instants that `read_record` gives become simulated time.
    enum class time_origin : std::uint8_t {
        scenario_start,  ///< they are; none lies before 0
        first_submit,    ///< the earliest becomes 0
    };

    /// `skips` are the format's reasons.
    ordered_trace(const job_trace_options& options, time_origin origin, std::span<const skip_reason> skips);

    /// Reads the next record that is kept into a fresh request (`row` and `source` are set already), and what else it
    /// records; false at the end of the file.
    virtual bool read_record(workload::job_request& job, record_facts& facts) = 0;
    [[noreturn]] virtual void fail_submit(std::string what, std::string remedy) const = 0;
    [[nodiscard]] virtual const input_stream& stream() const = 0;
    [[nodiscard]] virtual input_stream& stream() = 0;

    /// Counts a record that is no job, for the reason of that number in the format's list.
    void skip(instant submit, std::size_t reason) { skipped_.push_back({submit, static_cast<std::uint32_t>(reason)}); }
    [[nodiscard]] name_table& names() noexcept { return names_; }

private:
    struct skipped_record {
        instant submit;
        std::uint32_t reason;
    };

    std::size_t next_jobs(std::span<workload::job_request> out);
    bool take_record();

    name_table names_;
    reorder_window<workload::job_request, &workload::job_request::submit> window_;
    std::span<const skip_reason> skips_;
    std::vector<skipped_record> skipped_;
    record_observer* observer_;
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

/// The whole number whose one usual spelling `text` is.
[[nodiscard]] std::optional<std::int64_t> plain_number(std::string_view text) noexcept;

/// The name of a job: the number itself where `text` is its one usual spelling, else a text of its own.
void set_name(workload::job_request& job, std::string_view text, name_table& names);

/// The formats, each in its own file.
[[nodiscard]] const job_trace_format& jobs_csv_format() noexcept;
[[nodiscard]] const job_trace_format& swf_format() noexcept;
[[nodiscard]] const job_trace_format& philly_csv_format() noexcept;
[[nodiscard]] const job_trace_format& alibaba_openb_format() noexcept;
[[nodiscard]] std::unique_ptr<trace_source> open_jobs_csv(const job_trace_options& options);
[[nodiscard]] std::unique_ptr<trace_source> open_swf(const job_trace_options& options);
[[nodiscard]] std::unique_ptr<trace_source> open_philly_csv(const job_trace_options& options);
[[nodiscard]] std::unique_ptr<trace_source> open_alibaba_openb(const job_trace_options& options);

}  // namespace ampacity::io
