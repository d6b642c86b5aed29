#include "csv_columns.hpp"
#include "date_text.hpp"
#include "file_damage.hpp"
#include "name_table.hpp"
#include "ordered_trace.hpp"
#include "reorder_window.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/io/request_traces.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

namespace ampacity::io {
namespace {

using workload::request;

enum csv_column : std::size_t { arrival_s, prompt_tokens, output_tokens, session, prefix_tokens, tenant, priority };

constexpr std::array csv_columns{
    trace_column{"arrival_s", "s", "arrival, counted from the scenario's `start`", column_use::required},
    trace_column{"prompt_tokens", "", "length of the prompt, from 1 up", column_use::required},
    trace_column{"output_tokens", "", "length of the answer, from 1 up", column_use::required},
    trace_column{"session", "", "name of the conversation that it belongs to", column_use::optional},
    trace_column{"prefix_tokens", "", "leading tokens of the prompt that it shares with its session",
                 column_use::optional},
    trace_column{"tenant", "", "who sent it", column_use::optional},
    trace_column{"priority", "", "0 to 7, larger is more urgent", column_use::optional},
};
static_assert(csv_columns[priority].name == "priority" && csv_columns.size() == priority + 1);

enum azure_column : std::size_t { timestamp, context_tokens, generated_tokens };

constexpr std::array azure_columns{
    trace_column{"TIMESTAMP", "", "arrival, YYYY-MM-DD HH:MM:SS with a fraction, read as UTC", column_use::required},
    trace_column{"ContextTokens", "", "length of the prompt", column_use::required},
    trace_column{"GeneratedTokens", "", "length of the answer", column_use::required},
};
enum azure_skip : std::size_t { no_output, no_prompt };
constexpr std::array azure_skips{skip_reason{"no_output_tokens", "GeneratedTokens is 0"},
                                 skip_reason{"no_prompt_tokens", "ContextTokens is 0"}};

constexpr std::array formats{
    request_trace_format{.name = "requests-csv",
                         .description = "one request per row, times in seconds from the scenario's start",
                         .columns = csv_columns},
    request_trace_format{.name = "azure-llm",
                         .description = "the Azure LLM inference traces of 2023 and 2024: dates, tokens in and out",
                         .columns = azure_columns,
                         .skips = azure_skips}};

/// What the formats have in common: columns, the order of rows, time 0, records that are skipped.
class ordered_requests : public request_trace {
public:
    std::size_t next(std::span<request> out) final {
        return blame_damage(path(), [&] { return next_requests(out); });
    }
    [[nodiscard]] std::optional<double> progress() const final {
        const input_stream& in = rows_.stream();
        if (in.file_bytes() == 0) return std::nullopt;
        return std::min(1.0, static_cast<double>(in.bytes_consumed()) / static_cast<double>(in.file_bytes()));
    }
    [[nodiscard]] std::vector<workload::skipped_records> skipped(instant through) const final;
    [[nodiscard]] std::string_view text(std::uint32_t index) const final { return names_.text(index); }
    [[nodiscard]] const std::string& path() const final { return rows_.stream().path(); }
    [[nodiscard]] duration time_zero() const final {
        return from_first_ && any_given_ ? earliest_.time_since_epoch() : duration::zero();
    }
    std::uint64_t finish_digest() final {
        ended_ = true;
        window_ = {};
        return rows_.stream().finish_digest();
    }

protected:
    ordered_requests(const request_trace_options& options, const request_trace_format& format, bool from_first)
        : rows_(input_stream{options.path}),
          at_(find_columns(rows_, format.columns, format.name)),
          skips_(format.skips),
          reorder_(options.reorder),
          from_first_(from_first) {}

    /// Reads the current row into a fresh request; false where it was skipped.
    virtual bool read_row(request& r) = 0;

    [[nodiscard]] std::string_view field(std::size_t column) const noexcept {
        return at_[column] == no_column ? std::string_view{} : rows_[at_[column]];
    }
    [[noreturn]] void fail(std::size_t column, std::string what, std::string remedy) const {
        rows_.fail(at_[column], std::move(what), std::move(remedy));
    }
    /// A whole number of tokens, `least` or more.
    [[nodiscard]] std::uint32_t tokens(std::size_t column, std::int64_t least) const {
        auto [status, value] = parse_count(field(column));
        if (status == decimal_status::ok && value > std::int64_t{workload::max_tokens_per_request})
            status = decimal_status::overflow;
        const std::string remedy = "give a whole number of tokens from " + std::to_string(least) + " to 2147483648";
        if (status != decimal_status::ok) fail(column, std::string{fault_of(status)}, remedy);
        if (value < least) fail(column, "no tokens", remedy);
        return static_cast<std::uint32_t>(value);
    }
    [[nodiscard]] std::uint32_t name(std::size_t column) {
        if (field(column).size() > name_table::max_bytes) fail(column, "longer than 65535 bytes", "shorten it");
        return names_.intern(field(column));
    }
    void skip(instant arrival, std::size_t reason) { skipped_.push_back({arrival, reason}); }

private:
    struct skipped_record {
        instant arrival;
        std::size_t reason;
    };

    std::size_t next_requests(std::span<request> out);
    bool take_record();

    csv_reader rows_;
    std::vector<std::size_t> at_;  ///< the file's column of each of the format's
    name_table names_;
    reorder_window<request, &request::arrival> window_;
    std::span<const skip_reason> skips_;
    std::vector<skipped_record> skipped_;
    duration reorder_;
    bool from_first_;  ///< the earliest arrival becomes 0
    bool any_given_ = false;
    bool ended_ = false;
    std::uint64_t num_rows_ = 0;
    instant earliest_ = instant::max();
    instant latest_ = start_of_time;
    instant settled_ = instant::min();  ///< nothing that is still to be read comes before it
};

std::vector<workload::skipped_records> ordered_requests::skipped(instant through) const {
    const instant last = from_first_ ? add_saturating(through, time_zero()) : through;
    std::vector<workload::skipped_records> out;
    for (std::size_t reason = 0; reason != skips_.size(); ++reason) {
        const auto count = std::count_if(skipped_.begin(), skipped_.end(), [&](const skipped_record& r) {
            return r.reason == reason && r.arrival <= last;
        });
        if (count != 0) out.push_back({skips_[reason].name, static_cast<std::uint64_t>(count)});
    }
    return out;
}

std::size_t ordered_requests::next_requests(std::span<request> out) {
    std::size_t n = 0;
    while (n < out.size()) {
        while (!ended_ && (window_.empty() || window_.front().arrival > settled_)) ended_ = !take_record();
        if (window_.empty()) break;
        out[n] = window_.front();
        window_.pop();
        any_given_ = true;
        if (from_first_) out[n].arrival -= earliest_.time_since_epoch();
        ++n;
    }
    return n;
}

bool ordered_requests::take_record() {
    request r;
    do {
        if (!rows_.next()) return false;
        r = {};
    } while (!read_row(r));
    r.row = num_rows_++;
    // In every format the first column is the arrival.
    if (r.arrival < latest_ && latest_ - r.arrival > reorder_) {
        fail(0, "steps back by " + format_ns_as_seconds(ticks(latest_ - r.arrival)) + " s, more than `reorder` allows",
             "sort the rows, or set `reorder` above " + format_ns_as_seconds(ticks(reorder_)) + " s");
    }
    if (!any_given_) earliest_ = std::min(earliest_, r.arrival);
    if (from_first_ && r.arrival - earliest_ > longest_input)
        fail(0, "more than 200 years after time 0", "check the dates of this row and of the first");
    latest_ = std::max(latest_, r.arrival);
    settled_ = std::max(settled_, latest_ - reorder_);
    window_.push(r);
    return true;
}

class requests_csv final : public ordered_requests {
public:
    explicit requests_csv(const request_trace_options& options) : ordered_requests(options, formats[0], false) {}

private:
    bool read_row(request& r) override {
        const auto [status, since_start] = parse_seconds(field(arrival_s));
        if (status != decimal_status::ok || since_start < duration::zero()) {
            std::string what{fault_of(status == decimal_status::ok ? decimal_status::negative : status)};
            if (status == decimal_status::overflow) what = "beyond 200 years";
            fail(arrival_s, std::move(what), "give seconds from 0 to 200 years");
        }
        r.arrival = start_of_time + since_start;
        r.prompt_tokens = tokens(prompt_tokens, 1);
        r.output_tokens = tokens(output_tokens, 1);
        r.session = name(session);
        r.tenant = name(tenant);
        if (!field(prefix_tokens).empty()) {
            r.prefix_tokens = tokens(prefix_tokens, 0);
            if (r.prefix_tokens > r.prompt_tokens)
                fail(prefix_tokens, "longer than the prompt", "give at most prompt_tokens");
        }
        if (!field(priority).empty()) {
            const auto [state, value] = parse_count(field(priority));
            if (state != decimal_status::ok || value >= workload::num_request_priorities)
                fail(priority, "no priority", "give a whole number from 0 to 7, or nothing");
            r.priority = static_cast<std::uint8_t>(value);
        }
        return true;
    }
};

class azure_llm final : public ordered_requests {
public:
    explicit azure_llm(const request_trace_options& options)
        : ordered_requests(options, formats[1], options.align != scenario::alignment::absolute),
          keeps_dates_(options.align == scenario::alignment::absolute),
          start_(keeps_dates_ ? options.unix_start_ns : 0) {}

private:
    bool read_row(request& r) override {
        r.arrival = read_arrival();
        r.prompt_tokens = tokens(context_tokens, 0);
        r.output_tokens = tokens(generated_tokens, 0);
        if (r.prompt_tokens != 0 && r.output_tokens != 0) return true;
        skip(r.arrival, r.prompt_tokens == 0 ? no_prompt : no_output);
        return false;
    }

    [[nodiscard]] instant read_arrival() const {
        std::string_view text = field(timestamp);
        for (const std::string_view utc : {"+00:00", "Z"}) {
            if (text.ends_with(utc)) text.remove_suffix(utc.size());
        }
        return since_start(text, start_, keeps_dates_,
                           [this](const char* what, const char* remedy) { fail(timestamp, what, remedy); });
    }

    bool keeps_dates_;
    std::int64_t start_;  ///< [ns since 1970] what the dates are counted from
};

}  // namespace

std::span<const request_trace_format> request_trace_formats() noexcept { return formats; }

std::unique_ptr<request_trace> open_request_trace(const request_trace_options& options) {
    if (options.reorder < duration::zero()) {
        throw scenario_error(
            {{}, "reorder", "negative", format_ns_as_seconds(ticks(options.reorder)) + " s", "give 0 or more"});
    }
    return blame_damage(options.path, [&]() -> std::unique_ptr<request_trace> {
        if (options.format == formats[0].name) return std::make_unique<requests_csv>(options);
        if (options.format == formats[1].name) return std::make_unique<azure_llm>(options);
        std::vector<std::string_view> names;
        for (const request_trace_format& format : formats) names.push_back(format.name);
        throw scenario_error(
            {{}, "format", "unknown format of request traces", options.format, suggestion(options.format, names)});
    });
}

}  // namespace ampacity::io
