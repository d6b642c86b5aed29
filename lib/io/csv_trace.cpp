#include "csv_trace.hpp"

namespace ampacity::io {

csv_trace::csv_trace(const job_trace_options& options, const job_trace_format& format, std::size_t submit_column,
                     time_origin origin)
    : ordered_trace(options, origin, format.skips),
      rows_(input_stream{options.path}),
      at_(find_columns(rows_, format.columns, format.name)),
      submit_column_(submit_column) {}

bool csv_trace::read_record(workload::job_request& job, record_facts& facts) {
    while (rows_.next()) {
        if (read_row(job, facts)) return true;
    }
    return false;
}

duration csv_trace::seconds(std::size_t column) const {
    const auto [status, value] = parse_seconds(field(column));
    if (status == decimal_status::ok && value >= duration::zero()) return value;
    std::string what{fault_of(status == decimal_status::ok ? decimal_status::negative : status)};
    if (status == decimal_status::overflow) what = "beyond 200 years";
    fail(column, std::move(what), "give seconds from 0 to 200 years");
}

void csv_trace::read_gpus(std::size_t column, workload::job_request& job) const {
    auto [status, value] = parse_count(field(column));
    if (status == decimal_status::ok && static_cast<std::uint64_t>(value) > workload::max_gpus_per_job)
        status = decimal_status::overflow;
    if (status != decimal_status::ok)
        fail(column, std::string{fault_of(status)}, "give a whole number of GPUs from 0 to 2147483648");
    job.gpus = job.gpus_min = job.gpus_max = static_cast<std::uint32_t>(value);
}

void csv_trace::check_length(std::size_t column) const {
    if (field(column).size() > name_table::max_bytes) fail(column, "longer than 65535 bytes", "shorten it");
}

void csv_trace::read_name(std::size_t column, workload::job_request& job) {
    if (field(column).empty()) fail(column, "value missing", "name the job");
    check_length(column);
    set_name(job, field(column), names());
}

std::uint32_t csv_trace::name(std::size_t column) {
    check_length(column);
    return names().intern(field(column));
}

}  // namespace ampacity::io
