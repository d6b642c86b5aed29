#include "csv_trace.hpp"
#include "date_text.hpp"

#include <ampacity/core/wide.hpp>

#include <array>
#include <memory>
#include <optional>

namespace ampacity::io {
namespace {

enum column : std::size_t { timestamp, run_time, num_gpus, total_gpu_time, cluster };

constexpr std::array columns{
    trace_column{"timestamp", "", "submission, YYYY-MM-DD HH:MM:SS, read as UTC", column_use::required},
    trace_column{"duration", "s", "run time", column_use::required},
    trace_column{"num_gpus", "", "number of GPUs, all at once", column_use::required},
    trace_column{"gpu_time", "GPU-s", "duration x num_gpus; checked to be a number, not used", column_use::required},
    trace_column{"cluster", "", "virtual cluster, the job's group", column_use::required},
};
static_assert(columns[cluster].name == "cluster" && columns.size() == cluster + 1);

constexpr job_trace_format format{
    .name = "philly-csv",
    .description = "the Microsoft Philly trace as used by Pollux and Sia: local dates, jobs numbered by row",
    .columns = columns,
    .records = {.group = true}};

class philly_csv final : public csv_trace {
public:
    explicit philly_csv(const job_trace_options& options)
        : csv_trace(options, format, timestamp,
                    keeps_dates(options) ? time_origin::scenario_start : time_origin::first_submit),
          keeps_dates_(keeps_dates(options)),
          start_(keeps_dates_ ? options.unix_start_ns : 0) {}

private:
    static bool keeps_dates(const job_trace_options& options) noexcept {
        return options.align == scenario::alignment::absolute;
    }

    bool read_row(workload::job_request& job, record_facts&) override {
        job.name = static_cast<std::int64_t>(job.row);
        job.submit = read_submit();
        read_gpus(num_gpus, job);
        job.work = seconds(run_time);
        if (const auto checked = parse_scaled(field(total_gpu_time), 0); !checked) {
            fail(total_gpu_time, std::string{fault_of(checked.status)}, "give GPU-seconds");
        }
        job.group = name(cluster);
        return true;
    }

    [[nodiscard]] instant read_submit() const {
        return since_start(field(timestamp), start_, keeps_dates_,
                           [this](const char* what, const char* remedy) { fail(timestamp, what, remedy); });
    }

    bool keeps_dates_;
    std::int64_t start_;  ///< [ns since 1970] what the dates are counted from
};

}  // namespace

const job_trace_format& philly_csv_format() noexcept { return format; }

std::unique_ptr<trace_source> open_philly_csv(const job_trace_options& options) {
    return std::make_unique<philly_csv>(options);
}

}  // namespace ampacity::io
