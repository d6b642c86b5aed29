#include "csv_trace.hpp"

#include <array>
#include <limits>
#include <memory>

namespace ampacity::io {
namespace {

enum column : std::size_t {
    job_name,
    submit_s,
    gpus,
    duration_s,
    estimate_s,
    user,
    group,
    priority,
    status,
    model,
    segment,
    within,
    exclusive,
    spread
};

constexpr std::array columns{
    trace_column{"job_id", "", "name of the job, a number or any text", column_use::required},
    trace_column{"submit_s", "s", "submission, counted from the scenario's `start`", column_use::required},
    trace_column{"gpus", "", "number of GPUs, all at once", column_use::required},
    trace_column{"duration_s", "s", "true run time", column_use::required},
    trace_column{"estimate_s", "s", "the user's estimate of the run time", column_use::optional},
    trace_column{"user", "", "who submitted it", column_use::optional},
    trace_column{"group", "", "project, team or virtual cluster", column_use::optional},
    trace_column{"priority", "", "whole number, larger is more urgent", column_use::optional},
    trace_column{"status", "",
                 "how the job ended in reality: finished, failed, cancelled, partial, running, or any text",
                 column_use::statistics},
    trace_column{"model", "", "what it computed", column_use::ignored},
    trace_column{"segment", "", "nodes of the job that stay together", column_use::unsupported},
    trace_column{"within", "", "the part of the fleet that holds the job", column_use::unsupported},
    trace_column{"exclusive", "", "whole nodes for the job alone", column_use::unsupported},
    trace_column{"spread", "", "take GPUs node by node in the placer's order: 1 or true, 0 or false",
                 column_use::optional},
};
static_assert(columns[spread].name == "spread" && columns.size() == spread + 1);

constexpr job_trace_format format{
    .name = "jobs-csv",
    .description = "one job per row, times in seconds from the scenario's start",
    .columns = columns,
    .records = {.estimate = true, .user = true, .group = true, .priority = true, .spread = true, .end = true}};

class jobs_csv final : public csv_trace {
public:
    explicit jobs_csv(const job_trace_options& options)
        : csv_trace(options, format, submit_s, time_origin::scenario_start) {}

    [[nodiscard]] bool records_endings() const override { return has(status); }

private:
    bool read_row(workload::job_request& job, record_facts& facts) override {
        read_name(job_name, job);
        job.submit = start_of_time + seconds(submit_s);
        read_gpus(gpus, job);
        job.work = seconds(duration_s);
        if (!field(estimate_s).empty()) job.estimate = seconds(estimate_s);
        if (has(user)) job.user = name(user);
        if (has(group)) job.group = name(group);
        if (!field(priority).empty()) job.priority = read_priority();
        if (!field(spread).empty()) job.placement.spread = read_spread();
        for (const column wish : {segment, within, exclusive}) {
            if (!field(wish).empty()) fail(wish, "not supported yet", "leave the field empty");
        }
        facts.end = ending_named(field(status));
        return true;
    }

    [[nodiscard]] std::int32_t read_priority() const {
        using limits = std::numeric_limits<std::int32_t>;
        auto [state, value] = parse_integer(field(priority));
        if (state == decimal_status::ok && (value < limits::min() || value > limits::max()))
            state = decimal_status::overflow;
        if (state != decimal_status::ok)
            fail(priority, std::string{fault_of(state)}, "give a whole number from -2147483648 to 2147483647");
        return static_cast<std::int32_t>(value);
    }

    [[nodiscard]] bool read_spread() const {
        const std::string_view text = field(spread);
        if (text == "1" || text == "true") return true;
        if (text != "0" && text != "false")
            fail(spread, "neither true nor false", "give 1 or true, 0 or false, or nothing");
        return false;
    }
};

}  // namespace

const job_trace_format& jobs_csv_format() noexcept { return format; }

std::unique_ptr<trace_source> open_jobs_csv(const job_trace_options& options) {
    return std::make_unique<jobs_csv>(options);
}

}  // namespace ampacity::io
