#include "csv_trace.hpp"
#include "link_table.hpp"

#include <ampacity/core/suggest.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
    spread,
    after,
    after_any,
    think_s,
    array,
    array_limit,
    gpus_min,
    gpus_max,
    serial_fraction,
    reservation
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
    trace_column{"model", "", "what it computes: the row of `workload.N.speeds`", column_use::optional},
    trace_column{"segment", "", "the job is cut into segments of so many nodes, each inside one rack",
                 column_use::optional},
    trace_column{"within", "", "the part of the fleet that holds the job: rack, block, site or fleet",
                 column_use::optional},
    trace_column{"exclusive", "", "rack, 1 or true: no other job in its racks while it runs; 0 or false",
                 column_use::optional},
    trace_column{"spread", "", "take GPUs node by node in the placer's order: 1 or true, 0 or false",
                 column_use::optional},
    trace_column{"after", "",
                 "job_ids or arrays of rows above, separated by `;`: it enters the queue when all of them have "
                 "finished, and is rejected if one is killed or rejected",
                 column_use::optional},
    trace_column{"after_any", "", "the same, however they end", column_use::optional},
    trace_column{"think_s", "s", "from the last end of those to its arrival in the queue", column_use::optional},
    trace_column{"array", "", "name of the array that it is a task of", column_use::optional},
    trace_column{"array_limit", "",
                 "so many tasks of that array are in the queue or run at a time; as on its first row, or nothing",
                 column_use::optional},
    trace_column{"gpus_min", "", "the fewest GPUs that the job can run on, 1 to `gpus`, where a policy may choose",
                 column_use::optional},
    trace_column{"gpus_max", "", "the most GPUs of use to it, at least `gpus`", column_use::optional},
    trace_column{"serial_fraction", "", "of its work on one GPU, 0 to 1: what more GPUs do not make faster",
                 column_use::optional},
    trace_column{"reservation", "", "the one of `scheduler.reservations`, not for maintenance, that it runs in",
                 column_use::optional},
};
static_assert(columns[reservation].name == "reservation" && columns.size() == reservation + 1);

constexpr job_trace_format format{.name = "jobs-csv",
                                  .description = "one job per row, times in seconds from the scenario's start",
                                  .columns = columns,
                                  .records = {.estimate = true,
                                              .user = true,
                                              .group = true,
                                              .priority = true,
                                              .placement = true,
                                              .end = true,
                                              .links = true,
                                              .elastic = true}};

class jobs_csv final : public csv_trace {
public:
    explicit jobs_csv(const job_trace_options& options)
        : csv_trace(options, format, submit_s, time_origin::scenario_start),
          models_(options.models),
          reservations_(options.reservations),
          has_links_(has(after) || has(after_any) || has(think_s) || has(array) || has(array_limit)) {}

    [[nodiscard]] bool records_endings() const override { return has(status); }
    [[nodiscard]] bool records_links() const override { return has_links_; }

private:
    bool read_row(workload::job_request& job, record_facts& facts) override {
        read_name(job_name, job);
        job.submit = start_of_time + seconds(submit_s);
        read_gpus(gpus, job);
        job.work = seconds(duration_s);
        if (!field(estimate_s).empty()) job.estimate = seconds(estimate_s);
        if (has(user)) job.user = name(user);
        if (has(group)) job.group = name(group);
        if (models_ && has(model)) job.model = name(model);
        if (has(reservation)) job.reservation = read_reservation();
        if (!field(priority).empty()) job.priority = read_priority();
        if (!field(segment).empty()) job.placement.segment = read_segment();
        if (!field(within).empty()) job.placement.within = read_within();
        if (!field(exclusive).empty()) job.placement.exclusive = field(exclusive) == "rack" || read_bool(exclusive);
        if (!field(spread).empty()) job.placement.spread = read_bool(spread);
        if (has(gpus_min) || has(gpus_max) || has(serial_fraction)) read_range(job);
        facts.end = ending_named(field(status));
        if (has_links_) {
            read_links(job);
            facts.links = {field(after), field(after_any), field(think_s), field(array), field(array_limit)};
        }
        return true;
    }

    void read_links(workload::job_request& job) {
        using workload::dependency_kind;
        for (const auto& [c, kind] :
             {std::pair{after, dependency_kind::after_ok}, {after_any, dependency_kind::after_any}}) {
            if (field(c).empty()) continue;
            if (std::string fault = links_.add_dependencies(field(c), kind); !fault.empty())
                fail(c, std::move(fault), "name jobs of rows above this one, or move the row down");
        }
        if (!field(think_s).empty()) {
            const duration think = seconds(think_s);
            if (think != duration{} && !links_.has_dependencies())
                fail(think_s, "the job waits for no other", "name one in `after` or `after_any`, or give 0");
            links_.set_think(think);
        }
        const std::uint32_t limit = field(array_limit).empty() ? 0 : read_limit();
        if (limit != 0 && field(array).empty())
            fail(array_limit, "the job is of no array", "name it in `array`, or leave this empty");
        if (!field(array).empty()) {
            if (const auto fault = links_.set_array(field(array), limit, job.row); !fault.empty())
                fail(array_limit, std::string{fault}, "give all rows of an array one limit");
        }
        job.links = links_.take();
        links_.name_row(field(job_name), job.row);
    }

    [[nodiscard]] std::uint32_t read_limit() const {
        const auto [state, value] = parse_integer(field(array_limit));
        if (state != decimal_status::ok || value < 1 || value > std::numeric_limits<std::uint32_t>::max())
            fail(array_limit, "no number of tasks", "give a whole number from 1 up, or nothing");
        return static_cast<std::uint32_t>(value);
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

    void read_range(workload::job_request& job) const {
        if (!field(gpus_min).empty()) job.gpus_min = read_count(gpus_min, 1, job.gpus, job);
        if (!field(gpus_max).empty()) {
            const std::uint64_t most = std::min(workload::max_gpus_per_job, job.gpus * workload::max_scale_out);
            job.gpus_max = read_count(gpus_max, job.gpus, most, job);
        }
        const double serial = field(serial_fraction).empty() ? 0.0 : read_share(serial_fraction);
        if (job.gpus_min == job.gpus_max) return;
        job.kind = workload::job_kind::elastic;
        job.serial_fraction = serial;
    }

    /// 0 to 1, to 15 decimals.
    [[nodiscard]] double read_share(column c) const {
        constexpr std::int64_t whole = 1'000'000'000'000'000;
        const auto [state, value] = parse_scaled(field(c), 15);
        if (state != decimal_status::ok || value < 0 || value > whole) {
            const bool is_number = state == decimal_status::ok || state == decimal_status::overflow;
            fail(c, is_number ? "no share" : std::string{fault_of(state)}, "give a number from 0 to 1, or nothing");
        }
        return static_cast<double>(value) / static_cast<double>(whole);
    }

    /// A number of GPUs in a range that depends on `gpus`.
    [[nodiscard]] std::uint32_t read_count(column c, std::uint64_t least, std::uint64_t most,
                                           const workload::job_request& job) const {
        if (job.gpus == 0) fail(c, "for a job without GPUs", "leave it empty where gpus is 0");
        auto [state, value] = parse_count(field(c));
        const auto n = static_cast<std::uint64_t>(value);
        const std::string remedy = "give a whole number of GPUs from " + std::to_string(least) + " to " +
                                   std::to_string(most) + ", as gpus is " + std::to_string(job.gpus);
        if (state != decimal_status::ok) fail(c, std::string{fault_of(state)}, remedy);
        if (n < least) fail(c, "too small", remedy);
        if (n > most) fail(c, "too large", remedy);
        return static_cast<std::uint32_t>(n);
    }

    [[nodiscard]] std::uint32_t read_reservation() {
        const std::string_view text = field(reservation);
        if (reservations_ && !text.empty() &&
            std::find(reservations_->begin(), reservations_->end(), text) == reservations_->end()) {
            const std::vector<std::string_view> known(reservations_->begin(), reservations_->end());
            fail(reservation, "no reservation of this name takes jobs",
                 known.empty()
                     ? "give scheduler.reservations one of kind advance or capacity-block, or leave this empty"
                     : suggestion(text, known));
        }
        return name(reservation);
    }

    [[nodiscard]] std::uint16_t read_segment() const {
        const auto [state, value] = parse_integer(field(segment));
        if (state != decimal_status::ok || value < 0 || value > std::numeric_limits<std::uint16_t>::max())
            fail(segment, "no number of nodes", "give a whole number from 1 to 65535, or nothing");
        return static_cast<std::uint16_t>(value);
    }

    [[nodiscard]] scope read_within() const {
        const auto* const at = std::find(scope_names.begin(), scope_names.end(), field(within));
        if (at == scope_names.end()) fail(within, "no part of a fleet", "give rack, block, site or fleet, or nothing");
        return static_cast<scope>(at - scope_names.begin());
    }

    [[nodiscard]] bool read_bool(column c) const {
        const std::string_view text = field(c);
        if (text == "1" || text == "true") return true;
        if (text != "0" && text != "false") {
            fail(c, "neither true nor false",
                 c == exclusive ? "give rack, 1 or true, 0 or false, or nothing"
                                : "give 1 or true, 0 or false, or nothing");
        }
        return false;
    }

    bool models_;
    std::optional<std::vector<std::string>> reservations_;
    bool has_links_;
    link_table links_;
};

}  // namespace

const job_trace_format& jobs_csv_format() noexcept { return format; }

std::unique_ptr<trace_source> open_jobs_csv(const job_trace_options& options) {
    return std::make_unique<jobs_csv>(options);
}

}  // namespace ampacity::io
