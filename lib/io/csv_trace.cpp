#include "csv_trace.hpp"

#include <ampacity/core/suggest.hpp>

#include <algorithm>
#include <utility>

namespace ampacity::io {

std::string_view fault_of(decimal_status status) noexcept {
    switch (status) {
        case decimal_status::ok: break;
        case decimal_status::empty: return "value missing";
        case decimal_status::malformed: return "not a number";
        case decimal_status::not_finite: return "not a finite number";
        case decimal_status::overflow: return "too large";
        case decimal_status::negative: return "negative";
        case decimal_status::fractional: return "not a whole number";
    }
    return {};
}

csv_trace::csv_trace(const job_trace_options& options, std::span<const trace_column> columns, std::size_t submit_column,
                     time_origin origin)
    : rows_(input_stream{options.path}),
      submit_column_(submit_column),
      reorder_(options.reorder),
      origin_(origin),
      source_(options.source),
      origin_known_(origin == time_origin::scenario_start) {
    if (origin_known_) earliest_ = settled_ = start_of_time;
    bind(options.format, columns);
}

void csv_trace::bind(std::string_view format, std::span<const trace_column> columns) {
    std::vector<std::string_view> known;
    for (const trace_column& column : columns) known.push_back(column.name);
    for (std::size_t i = 0; i < rows_.columns().size(); ++i) {
        const std::string& name = rows_.columns()[i];
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        throw data_error({rows_.where_named(i),
                          printable(name),
                          "unknown column",
                          {},
                          suggestion(name, known) + ", or remove the column"});
    }
    for (const trace_column& column : columns) {
        const auto at = rows_.find(column.name);
        if (!at && column.use == column_use::required) {
            std::string needed;
            for (const trace_column& other : columns) {
                if (other.use == column_use::required) needed += (needed.empty() ? "" : ", ") + std::string{other.name};
            }
            throw data_error({rows_.where_named(rows_.columns().size()),
                              std::string{column.name},
                              "column missing from the header",
                              {},
                              "add it: " + std::string{format} + " needs " + needed});
        }
        at_.push_back(at.value_or(absent));
    }
}

std::size_t csv_trace::next(std::span<workload::job_request> out) {
    std::size_t n = 0;
    while (n < out.size()) {
        while (!ended_ && (window_.empty() || window_.front().submit > settled_)) ended_ = !take_row();
        if (window_.empty()) break;
        out[n] = window_.front();
        window_.pop();
        // Whatever comes first out of the window is the first submit of all.
        origin_known_ = true;
        if (origin_ == time_origin::first_submit) out[n].submit -= earliest_.time_since_epoch();
        ++n;
    }
    return n;
}

bool csv_trace::take_row() {
    if (!rows_.next()) return false;
    workload::job_request job;
    job.row = num_rows_++;
    job.source = source_;
    read_row(job);
    if (job.submit < latest_ && latest_ - job.submit > reorder_) {
        fail(submit_column_,
             "steps back by " + format_ns_as_seconds(ticks(latest_ - job.submit)) + " s, more than `reorder` allows",
             "sort the rows, or set `reorder` above " + format_ns_as_seconds(ticks(reorder_)) + " s");
    }
    if (!origin_known_) earliest_ = std::min(earliest_, job.submit);
    if (job.submit - earliest_ > longest_input) {
        fail(submit_column_, "more than 200 years after time 0", "check the dates of this row and of the first");
    }
    latest_ = std::max(latest_, job.submit);
    settled_ = std::max(settled_, latest_ - reorder_);  // no overflow: no instant here is below 0
    window_.push(job);
    return true;
}

std::optional<double> csv_trace::progress() const {
    const input_stream& in = rows_.stream();
    if (in.file_bytes() == 0) return std::nullopt;
    return std::min(1.0, static_cast<double>(in.bytes_consumed()) / static_cast<double>(in.file_bytes()));
}

std::uint64_t csv_trace::finish_digest() {
    ended_ = true;
    window_ = {};
    return rows_.stream().finish_digest();
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

std::uint32_t csv_trace::name(std::size_t column) {
    check_length(column);
    return names_.intern(field(column));
}

std::int64_t csv_trace::own_text(std::size_t column) {
    check_length(column);
    return names_.add(field(column));
}

}  // namespace ampacity::io
