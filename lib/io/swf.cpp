// The Standard Workload Format of the Parallel Workloads Archive, version 2.2: lines of 18 numbers, comments from `;`.

#include "line_reader.hpp"
#include "link_table.hpp"
#include "ordered_trace.hpp"

#include <ampacity/core/wide.hpp>
#include <ampacity/io/csv_reader.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace ampacity::io {
namespace {

enum column : std::size_t {
    job_number,
    submit_time,
    wait_time,
    run_time,
    procs_allocated,
    cpu_time,
    memory_used,
    procs_requested,
    time_requested,
    memory_requested,
    status,
    user,
    group,
    executable,
    queue,
    partition,
    preceding_job,
    think_time
};

constexpr std::array columns{
    trace_column{"job", "", "number of the job, its name", column_use::required},
    trace_column{"submit", "s", "submission, from UnixStartTime of the header", column_use::required},
    trace_column{"wait", "s", "submission to start in reality", column_use::statistics},
    trace_column{"run", "s", "run time", column_use::required},
    trace_column{"procs_allocated", "", "the job's GPUs, if above 0", column_use::required},
    trace_column{"cpu_time", "s", "processor time used", column_use::ignored},
    trace_column{"memory", "KB", "memory used", column_use::ignored},
    trace_column{"procs_requested", "", "the job's GPUs where procs_allocated is not above 0", column_use::required},
    trace_column{"time_requested", "s", "the user's estimate, if above 0", column_use::required},
    trace_column{"memory_requested", "KB", "memory requested", column_use::ignored},
    trace_column{"status", "", "0 failed, 1 finished, 2 to 4 parts of a job, 5 cancelled", column_use::statistics},
    trace_column{"user", "", "the job's user", column_use::required},
    trace_column{"group", "", "the job's group", column_use::required},
    trace_column{"executable", "", "which program", column_use::ignored},
    trace_column{"queue", "", "which queue", column_use::ignored},
    trace_column{"partition", "", "which part of the machine", column_use::ignored},
    trace_column{"preceding_job", "", "the job that this one waited for: only with `dependencies: true`",
                 column_use::optional},
    trace_column{"think_time", "s", "from the end of that job to this submission: only with `dependencies: true`",
                 column_use::optional},
};
static_assert(columns[think_time].name == "think_time" && columns.size() == think_time + 1);

enum reason : std::size_t { no_gpus, no_run_time };
constexpr std::array skips{
    skip_reason{"no_gpus", "neither procs_allocated nor procs_requested is above 0"},
    skip_reason{"no_run_time", "run is below 0: unknown, or the job never ran"},
};
static_assert(skips[no_run_time].name == "no_run_time");

constexpr job_trace_format format{
    .name = "swf",
    .description = "Standard Workload Format of the Parallel Workloads Archive: 18 numbers a line, -1 is unknown",
    .columns = columns,
    .by_position = true,
    .skips = skips,
    .records = {.estimate = true, .user = true, .group = true, .wait = true, .end = true}};

constexpr std::string_view blanks = " \t";

std::string_view trimmed(std::string_view text) noexcept {
    const std::size_t first = std::min(text.find_first_not_of(blanks), text.size());
    text.remove_prefix(first);
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

class swf final : public ordered_trace {
public:
    explicit swf(const job_trace_options& options)
        : ordered_trace(options, keeps_dates(options) ? time_origin::scenario_start : time_origin::first_submit, skips),
          lines_(input_stream{options.path}),
          dependencies_(options.dependencies) {
        read_header();
        if (keeps_dates(options) && holds_first_) {
            if (!header_.unix_start_s) {
                throw data_error({lines_.where(lines_.line().data()),
                                  "UnixStartTime",
                                  "missing from the header",
                                  {},
                                  "add it as `; UnixStartTime: SECONDS`, or set `align: first`"});
            }
            shift_ = int128{*header_.unix_start_s} * 1'000'000'000 - options.unix_start_ns;
        }
    }

    [[nodiscard]] trace_header header() const override { return header_; }
    [[nodiscard]] bool records_endings() const override { return true; }
    [[nodiscard]] bool records_links() const override { return dependencies_; }

private:
    static bool keeps_dates(const job_trace_options& options) noexcept {
        return options.align == scenario::alignment::absolute;
    }
    [[nodiscard]] const input_stream& stream() const override { return lines_.stream(); }
    [[nodiscard]] input_stream& stream() override { return lines_.stream(); }

    /// Goes on to the next line that holds a record; false at the end of the file.
    bool next_record() {
        while (lines_.next()) {
            const std::string_view text = trimmed(lines_.line());
            if (text.empty()) continue;
            if (text.front() != ';') return true;
            if (!header_ended_) take_comment(trimmed(text.substr(1)));
        }
        return false;
    }

    void read_header() {
        holds_first_ = next_record();
        header_ended_ = true;
        if (!holds_first_ && stream().bytes_consumed() == 0) {
            throw data_error({{stream().path(), 1, 1}, {}, "the file is empty", {}, "give a file with records"});
        }
    }

    /// `KEY: NUMBER ...`, the first of a key counts. Archives put all sorts of texts here: keys that nobody reads may
    /// say anything, the others a number or nothing.
    void take_comment(std::string_view text) {
        const std::size_t colon = text.find(':');
        if (colon == std::string_view::npos) return;
        const std::string_view key = trimmed(text.substr(0, colon));
        if (key != "UnixStartTime" && key != "MaxNodes" && key != "MaxProcs") return;
        std::string_view value = trimmed(text.substr(colon + 1));
        value = value.substr(0, value.find_first_of(blanks));
        if (value.empty()) return;
        const auto [fault, number] = parse_integer(value);
        if (fault != decimal_status::ok)
            throw data_error({lines_.where(value.data()), std::string{key}, std::string{fault_of(fault)},
                              printable(value), "give a whole number, or -1 for unknown, or remove the line"});
        if (key == "UnixStartTime" && !header_.unix_start_s) header_.unix_start_s = number;
        if (number <= 0) return;
        if (key == "MaxNodes" && !header_.max_nodes) header_.max_nodes = static_cast<std::uint64_t>(number);
        if (key == "MaxProcs" && !header_.max_procs) header_.max_procs = static_cast<std::uint64_t>(number);
    }

    bool read_record(workload::job_request& job, record_facts& facts) override {
        // The line stays current until the next call: its submit may yet be found to step back.
        while (std::exchange(holds_first_, false) || next_record()) {
            if (read_line(job, facts)) return true;
        }
        return false;
    }

    bool read_line(workload::job_request& job, record_facts& facts);
    void split();
    void check_unused() const;

    [[noreturn]] void fail(std::size_t column, std::string what, std::string remedy) const {
        throw data_error({lines_.where(fields_[column].data()), std::string{columns[column].name}, std::move(what),
                          printable(fields_[column]), std::move(remedy)});
    }
    [[noreturn]] void fail_submit(std::string what, std::string remedy) const override {
        fail(submit_time, std::move(what), std::move(remedy));
    }
    /// Seconds; negative where they are unknown.
    [[nodiscard]] duration seconds(std::size_t column) const {
        const auto [fault, value] = parse_seconds(fields_[column]);
        if (fault == decimal_status::ok) return value;
        fail(column, fault == decimal_status::overflow ? "beyond 200 years" : std::string{fault_of(fault)},
             "give seconds up to 200 years, or -1 for unknown");
    }
    /// A whole number; negative where it is unknown.
    [[nodiscard]] std::int64_t count(std::size_t column) const {
        auto [fault, value] = parse_integer(fields_[column]);
        if (fault == decimal_status::ok && value > static_cast<std::int64_t>(workload::max_gpus_per_job))
            fault = decimal_status::overflow;
        if (fault == decimal_status::ok) return value;
        fail(column, std::string{fault_of(fault)}, "give a whole number up to 2147483648, or -1 for unknown");
    }
    [[nodiscard]] std::uint32_t name(std::size_t column) {
        return fields_[column].starts_with('-') ? 0 : names().intern(fields_[column]);
    }
    [[nodiscard]] instant read_submit() const;
    void read_links(workload::job_request& job, record_facts& facts);

    line_reader lines_;
    trace_header header_;
    bool holds_first_ = false;  ///< the current line is the first record, not yet read
    bool header_ended_ = false;
    bool dependencies_;
    link_table links_;
    int128 shift_ = 0;  ///< to the file's times [ns]
    std::array<std::string_view, columns.size()> fields_;
};

/// Finds the 18 fields of the current line.
void swf::split() {
    const std::string_view line = lines_.line();
    std::size_t num_fields = 0;
    std::size_t at = line.find_first_not_of(blanks);
    std::size_t surplus = line.size();
    while (at != std::string_view::npos) {
        const std::size_t end = std::min(line.find_first_of(blanks, at), line.size());
        if (num_fields < fields_.size()) {
            fields_[num_fields] = line.substr(at, end - at);
        } else {
            surplus = std::min(surplus, at);
        }
        ++num_fields;
        at = line.find_first_not_of(blanks, end);
    }
    if (num_fields == fields_.size()) return;
    const bool more = num_fields > fields_.size();
    throw data_error({lines_.where(line.data() + surplus),
                      {},
                      more ? "too many fields" : "too few fields",
                      std::to_string(num_fields) + " where a record has 18",
                      more ? "remove what is too much" : "complete the line; an unknown value is -1"});
}

/// A text among the numbers is a sign that the fields are not what they are taken for.
void swf::check_unused() const {
    for (const column c : {wait_time, cpu_time, memory_used, memory_requested, status, user, group, executable, queue,
                           partition, preceding_job, think_time}) {
        if (const auto read = parse_scaled(fields_[c], 0); read.status != decimal_status::ok)
            fail(c, std::string{fault_of(read.status)}, "give a number, or -1 for unknown");
    }
}

instant swf::read_submit() const {
    const duration submit = seconds(submit_time);
    if (submit < duration::zero()) fail(submit_time, "negative", "give the submission, or remove the record");
    const int128 at = shift_ + submit.count();
    if (at < 0) fail(submit_time, "before the scenario's start", "set an earlier `start`, or `align: first`");
    if (at > longest_input.count())
        fail(submit_time, "more than 200 years after the scenario's start", "set a later `start`, or `align: first`");
    return instant{duration{static_cast<std::int64_t>(at)}};
}

/// The preceding job, whatever way it ended. One that is not among the kept records above holds nothing up: logs that
/// were cleaned lack some.
void swf::read_links(workload::job_request& job, record_facts& facts) {
    std::uint64_t row = 0;
    if (!fields_[preceding_job].starts_with('-') && links_.find(fields_[preceding_job], row)) {
        links_.add_dependency({row, workload::dependency_kind::after_any});
        facts.links.after_any = fields_[preceding_job];
        if (const duration think = seconds(think_time); think > duration::zero()) {
            links_.set_think(think);
            facts.links.think_s = fields_[think_time];
        }
    }
    job.links = links_.take();
    links_.name_row(fields_[job_number], job.row);
}

/// Reads the current record; false where it is skipped.
bool swf::read_line(workload::job_request& job, record_facts& facts) {
    split();
    check_unused();
    job.submit = read_submit();
    const std::int64_t allocated = count(procs_allocated);
    const std::int64_t requested = count(procs_requested);
    const std::int64_t gpus = allocated > 0 ? allocated : requested;
    job.work = seconds(run_time);
    const duration estimate = seconds(time_requested);
    if (gpus <= 0) return skip(job.submit, no_gpus), false;
    if (job.work < duration::zero()) return skip(job.submit, no_run_time), false;
    job.gpus = job.gpus_min = job.gpus_max = static_cast<std::uint32_t>(gpus);
    if (estimate > duration::zero()) job.estimate = estimate;
    set_name(job, fields_[job_number], names());
    job.user = name(user);
    job.group = name(group);
    const duration wait = seconds(wait_time);
    if (wait >= duration::zero()) facts.wait = wait;
    const std::int64_t ended = count(status);
    facts.end = ended == 1 || ended == 3   ? ending::finished
                : ended == 0 || ended == 4 ? ending::failed
                : ended == 2               ? ending::partial
                : ended == 5               ? ending::cancelled
                                           : ending::unknown;
    if (dependencies_) read_links(job, facts);
    return true;
}

}  // namespace

const job_trace_format& swf_format() noexcept { return format; }

std::unique_ptr<trace_source> open_swf(const job_trace_options& options) { return std::make_unique<swf>(options); }

}  // namespace ampacity::io
