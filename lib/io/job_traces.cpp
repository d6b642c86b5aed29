#include "csv_trace.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/io/job_traces.hpp>

#include <array>
#include <vector>

namespace ampacity::io {

std::span<const job_trace_format> job_trace_formats() noexcept {
    static const std::array formats{jobs_csv_format(), philly_csv_format()};
    return formats;
}

std::unique_ptr<trace_source> open_job_trace(const job_trace_options& options) {
    if (options.reorder < duration::zero()) {
        throw scenario_error(
            {{}, "reorder", "negative", format_ns_as_seconds(ticks(options.reorder)) + " s", "give 0 or more"});
    }
    if (options.format == jobs_csv_format().name) return open_jobs_csv(options);
    if (options.format == philly_csv_format().name) return open_philly_csv(options);
    std::vector<std::string_view> names;
    for (const job_trace_format& format : job_trace_formats()) names.push_back(format.name);
    throw scenario_error(
        {{}, "format", "unknown format of job traces", options.format, suggestion(options.format, names)});
}

}  // namespace ampacity::io
