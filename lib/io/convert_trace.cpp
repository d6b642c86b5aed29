#include "csv_text.hpp"
#include "output_file.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/io/convert_trace.hpp>

#include <charconv>
#include <deque>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>

namespace ampacity::io {
namespace {

/// Keeps records, in file order, until it is known what their times count from.
class waiting_records final : public record_observer {
public:
    struct record {
        workload::job_request job;
        ending end;
        std::string links;  ///< the columns of its ties, where the trace has any
    };
    void on_record(const workload::job_request& job, const record_facts& facts) override {
        std::string links;
        if (has_links) {
            const link_texts& l = facts.links;
            for (const std::string_view field : {l.after, l.after_any, l.think_s, l.array, l.array_limit}) {
                links += ',';
                append_csv_text(links, field);
            }
        }
        records.push_back({job, facts.end, std::move(links)});
    }
    bool has_links = false;
    std::deque<record> records;
};

class row_writer {
public:
    row_writer(const trace_source& source, recorded_columns columns) : source_(source), columns_(columns) {
        columns_.links = source.records_links();
    }

    [[nodiscard]] std::string header() const {
        std::string out = "job_id,submit_s,gpus,duration_s";
        if (columns_.estimate) out += ",estimate_s";
        if (columns_.user) out += ",user";
        if (columns_.group) out += ",group";
        if (columns_.priority) out += ",priority";
        if (columns_.placement) out += ",segment,within,exclusive,spread";
        if (columns_.elastic) out += ",gpus_min,gpus_max,serial_fraction";
        if (columns_.end) out += ",status";
        if (columns_.links) out += ",after,after_any,think_s,array,array_limit";
        return out += '\n';
    }

    void append(std::string& out, const waiting_records::record& r) const {
        const workload::job_request& job = r.job;
        if (job.name_is_text) {
            append_csv_text(out, source_.text(job.name));
        } else {
            out += std::to_string(job.name);
        }
        out += ',';
        append_ns_as_seconds(out, ticks(job.submit - source_.time_zero()));
        out += ',' + std::to_string(job.gpus) + ',';
        append_ns_as_seconds(out, job.work.count());
        if (columns_.estimate) {
            out += ',';
            if (job.estimate != workload::no_estimate) append_ns_as_seconds(out, job.estimate.count());
        }
        for (const auto& [wanted, index] : {std::pair{columns_.user, job.user}, {columns_.group, job.group}}) {
            if (!wanted) continue;
            out += ',';
            append_csv_text(out, source_.text(index));
        }
        if (columns_.priority) out += ',' + std::to_string(job.priority);
        if (columns_.placement) append_placement(out, job.placement);
        if (columns_.elastic) append_range(out, job);
        if (columns_.end) {
            out += ',';
            if (r.end != ending::unknown) out += ending_names[static_cast<std::size_t>(r.end)];
        }
        out += r.links;
        out += '\n';
    }

private:
    static void append_placement(std::string& out, const workload::placement_constraint& p) {
        out += ',';
        if (p.segment != 0) out += std::to_string(p.segment);
        out += ',';
        if (p.within != scope::fleet) out += scope_names[static_cast<std::size_t>(p.within)];
        out += p.exclusive ? ",rack," : ",,";
        out += p.spread ? "true" : "false";
    }

    static void append_range(std::string& out, const workload::job_request& job) {
        if (job.gpus_min == job.gpus_max) {
            out += ",,,";
            return;
        }
        out += ',' + std::to_string(job.gpus_min) + ',' + std::to_string(job.gpus_max) + ',';
        char digits[32];
        const auto end =
            std::to_chars(std::begin(digits), std::end(digits), job.serial_fraction, std::chars_format::fixed);
        out.append(std::begin(digits), end.ptr);
    }

    const trace_source& source_;
    recorded_columns columns_;
};

recorded_columns columns_of(std::string_view format) {
    for (const job_trace_format& f : job_trace_formats()) {
        if (f.name == format) return f.records;
    }
    return {};
}

}  // namespace

conversion convert_to_jobs_csv(job_trace_options options, const std::function<void(std::string_view)>& write) {
    waiting_records waiting;
    options.observer = &waiting;
    const auto source = open_job_trace(options);
    waiting.has_links = source->records_links();
    const row_writer rows(*source, columns_of(options.format));
    std::string text = rows.header();
    conversion out;
    std::vector<workload::job_request> batch(1024);
    // Once there is a job it is known what all times count from.
    while (source->next(batch) != 0) {
        for (; !waiting.records.empty(); waiting.records.pop_front()) {
            rows.append(text, waiting.records.front());
            ++out.jobs;
        }
        write(text);
        text.clear();
    }
    write(text);
    out.skipped = source->skipped();
    return out;
}

conversion convert_to_jobs_csv(const job_trace_options& options, const std::filesystem::path& file) {
    std::error_code absent;
    if (std::filesystem::equivalent(options.path, file, absent) && !absent) {
        throw scenario_error(
            {{file.string(), 1, 1}, "-o", "is the trace itself, which would be written over", {}, "name another file"});
    }
    output_file out(file);
    auto result = convert_to_jobs_csv(options, [&](std::string_view text) {
        out.text() += text;
        out.row_done();
    });
    out.commit();
    return result;
}

}  // namespace ampacity::io
