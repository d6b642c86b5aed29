#include "csv_trace.hpp"

#include <ampacity/core/wide.hpp>

#include <algorithm>
#include <array>
#include <chrono>
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

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// `text` against a pattern in which `0` stands for any digit.
bool matches(std::string_view text, std::string_view pattern) noexcept {
    return std::equal(text.begin(), text.end(), pattern.begin(), pattern.end(),
                      [](char c, char p) { return p == '0' ? is_digit(c) : c == p; });
}

/// The number that the digits from `first` on are.
int digits(std::string_view text, std::size_t first, std::size_t count) noexcept {
    int value = 0;
    for (const char c : text.substr(first, count)) value = value * 10 + (c - '0');
    return value;
}

/// `YYYY-MM-DD HH:MM:SS[.fraction]` as ns since 1970, for years that fit (1970 to 2261).
std::optional<std::int64_t> unix_ns(std::string_view text) noexcept {
    using namespace std::chrono;
    constexpr std::string_view pattern = "0000-00-00 00:00:00";
    if (!matches(text.substr(0, pattern.size()), pattern)) return std::nullopt;
    const year_month_day date{year{digits(text, 0, 4)}, month{static_cast<unsigned>(digits(text, 5, 2))},
                              day{static_cast<unsigned>(digits(text, 8, 2))}};
    const int hour = digits(text, 11, 2);
    const int minute = digits(text, 14, 2);
    const int second = digits(text, 17, 2);
    if (!date.ok() || date.year() < year{1970} || date.year() > year{2261} || hour > 23 || minute > 59 || second > 59)
        return std::nullopt;
    const std::int64_t whole =
        (sys_days{date}.time_since_epoch() + hours{hour} + minutes{minute} + seconds{second}) / seconds{1};
    const std::string_view fraction = text.substr(pattern.size());
    std::int64_t nanos = 0;
    if (!fraction.empty()) {
        if (fraction.front() != '.' || !std::all_of(fraction.begin() + 1, fraction.end(), is_digit))
            return std::nullopt;
        const auto parsed = parse_scaled(fraction, 9);
        if (!parsed) return std::nullopt;
        nanos = parsed.value;
    }
    return whole * 1'000'000'000 + nanos;
}

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
        const std::string_view text = field(timestamp);
        const auto date = unix_ns(text);
        if (!date) {
            fail(timestamp, text.empty() ? "value missing" : "not a date from 1970 to 2261",
                 "give YYYY-MM-DD HH:MM:SS, read as UTC");
        }
        if (*date < start_) fail(timestamp, "before the scenario's start", "set an earlier `start`, or `align: first`");
        const int128 since_start = static_cast<int128>(*date) - start_;
        if (keeps_dates_ && since_start > longest_input.count()) {
            fail(timestamp, "more than 200 years after the scenario's start", "set a later `start`, or `align: first`");
        }
        return instant{duration{static_cast<std::int64_t>(since_start)}};
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
