#include "csv_columns.hpp"
#include "date_text.hpp"
#include "file_damage.hpp"
#include "line_reader.hpp"
#include "name_table.hpp"
#include "ordered_trace.hpp"
#include "reorder_window.hpp"
#include "servegen.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/io/request_traces.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <unordered_map>
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

enum burst_column : std::size_t { burst_timestamp, burst_prompt, burst_answer, burst_session, burst_model };

constexpr std::array burst_columns{
    trace_column{"Timestamp", "s", "arrival, in seconds", column_use::required},
    trace_column{"Request tokens", "", "length of the prompt", column_use::required},
    trace_column{"Response tokens", "", "length of the answer; 0 of requests that failed", column_use::required},
    trace_column{"Session ID", "", "the conversation", column_use::optional},
    trace_column{"Model", "", "read as the tenant", column_use::optional},
    trace_column{"Elapsed time", "s", "measured time of the answer", column_use::ignored},
    trace_column{"Total tokens", "", "sum of both lengths", column_use::ignored},
    trace_column{"Log Type", "", "conversation or API", column_use::ignored},
};
constexpr std::array burst_skips{skip_reason{"no_output_tokens", "Response tokens is 0: the request failed"},
                                 skip_reason{"no_prompt_tokens", "Request tokens is 0"}};

constexpr std::array mooncake_keys{
    trace_column{"timestamp", "ms", "arrival, a whole number", column_use::required},
    trace_column{"input_length", "", "length of the prompt", column_use::required},
    trace_column{"output_length", "", "length of the answer", column_use::required},
    trace_column{"hash_ids", "", "names of the blocks of 512 tokens of the prompt, each with all before it",
                 column_use::optional},
};
constexpr std::array mooncake_skips{skip_reason{"no_output_tokens", "output_length is 0"},
                                    skip_reason{"no_prompt_tokens", "input_length is 0"}};

constexpr std::array formats{
    request_trace_format{.name = "requests-csv",
                         .description = "one request per row, times in seconds from the scenario's start",
                         .columns = csv_columns},
    request_trace_format{.name = "azure-llm",
                         .description = "the Azure LLM inference traces of 2023 and 2024: dates, tokens in and out",
                         .columns = azure_columns,
                         .skips = azure_skips},
    request_trace_format{.name = "mooncake-jsonl",
                         .description = "the traces of Mooncake: a JSON object per line, with the blocks that prompts "
                                        "share",
                         .columns = mooncake_keys,
                         .skips = mooncake_skips},
    request_trace_format{.name = "burstgpt",
                         .description = "BurstGPT's traces of ChatGPT and GPT-4: seconds, tokens in and out",
                         .columns = burst_columns,
                         .skips = burst_skips},
    request_trace_format{.name = "servegen",
                         .description = "rates of ServeGen's clients by windows; with `lengths` requests are drawn",
                         .columns = servegen_columns}};

/// What the formats have in common: the order of rows, time 0, records that are skipped.
class ordered_requests : public request_trace {
public:
    std::size_t next(std::span<request> out) final {
        return blame_damage(path(), [&] { return next_requests(out); });
    }
    [[nodiscard]] std::optional<double> progress() const final {
        const input_stream& in = stream();
        if (in.file_bytes() == 0) return std::nullopt;
        return std::min(1.0, static_cast<double>(in.bytes_consumed()) / static_cast<double>(in.file_bytes()));
    }
    [[nodiscard]] std::vector<workload::skipped_records> skipped(instant through) const final;
    [[nodiscard]] std::string_view text(std::uint32_t index) const final { return names_.text(index); }
    [[nodiscard]] const std::string& path() const final { return stream().path(); }
    [[nodiscard]] duration time_zero() const final {
        return from_first_ && any_given_ ? earliest_.time_since_epoch() : duration::zero();
    }
    std::uint64_t finish_digest() final {
        ended_ = true;
        window_ = {};
        return stream().finish_digest();
    }

protected:
    ordered_requests(const request_trace_options& options, const request_trace_format& format, bool from_first)
        : skips_(format.skips), reorder_(options.reorder), from_first_(from_first) {}

    [[nodiscard]] virtual const input_stream& stream() const = 0;
    [[nodiscard]] virtual input_stream& stream() = 0;
    /// Goes on to the next row; false behind the last.
    virtual bool next_row() = 0;
    /// Reads the current row into a fresh request; false where it was skipped.
    virtual bool read_row(request& r) = 0;
    /// The arrival of the current row is wrong.
    [[noreturn]] virtual void fail_arrival(std::string what, std::string remedy) const = 0;

    [[nodiscard]] name_table& names() noexcept { return names_; }
    void skip(instant arrival, std::size_t reason) { skipped_.push_back({arrival, reason}); }

private:
    struct skipped_record {
        instant arrival;
        std::size_t reason;
    };

    std::size_t next_requests(std::span<request> out);
    bool take_record();

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

constexpr std::string_view token_remedy = "give a whole number of tokens from ";

/// The rows of a CSV file; the first column of the format is the arrival.
class csv_requests : public ordered_requests {
protected:
    csv_requests(const request_trace_options& options, const request_trace_format& format, bool from_first)
        : ordered_requests(options, format, from_first),
          rows_(input_stream{options.path}),
          at_(find_columns(rows_, format.columns, format.name)) {}

    [[nodiscard]] const input_stream& stream() const final { return rows_.stream(); }
    [[nodiscard]] input_stream& stream() final { return rows_.stream(); }
    bool next_row() final { return rows_.next(); }
    [[noreturn]] void fail_arrival(std::string what, std::string remedy) const final {
        fail(0, std::move(what), std::move(remedy));
    }

    [[nodiscard]] std::string_view field(std::size_t column) const noexcept {
        return at_[column] == no_column ? std::string_view{} : rows_[at_[column]];
    }
    [[noreturn]] void fail(std::size_t column, std::string what, std::string remedy) const {
        rows_.fail(at_[column], std::move(what), std::move(remedy));
    }
    /// Seconds from the start.
    [[nodiscard]] instant seconds(std::size_t column) const {
        const auto [status, since_start] = parse_seconds(field(column));
        if (status != decimal_status::ok || since_start < duration::zero()) {
            std::string what{fault_of(status == decimal_status::ok ? decimal_status::negative : status)};
            if (status == decimal_status::overflow) what = "beyond 200 years";
            fail(column, std::move(what), "give seconds from 0 to 200 years");
        }
        return start_of_time + since_start;
    }
    /// A whole number of tokens, `least` or more.
    [[nodiscard]] std::uint32_t tokens(std::size_t column, std::int64_t least) const {
        auto [status, value] = parse_count(field(column));
        if (status == decimal_status::ok && value > std::int64_t{workload::max_tokens_per_request})
            status = decimal_status::overflow;
        const std::string remedy = std::string{token_remedy} + std::to_string(least) + " to 2147483648";
        if (status != decimal_status::ok) fail(column, std::string{fault_of(status)}, remedy);
        if (value < least) fail(column, "no tokens", remedy);
        return static_cast<std::uint32_t>(value);
    }
    [[nodiscard]] std::uint32_t name(std::size_t column) {
        if (field(column).size() > name_table::max_bytes) fail(column, "longer than 65535 bytes", "shorten it");
        return names().intern(field(column));
    }

private:
    csv_reader rows_;
    std::vector<std::size_t> at_;  ///< the file's column of each of the format's
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
        if (!next_row()) return false;
        r = {};
    } while (!read_row(r));
    r.row = num_rows_++;
    if (r.arrival < latest_ && latest_ - r.arrival > reorder_) {
        fail_arrival(
            "steps back by " + format_ns_as_seconds(ticks(latest_ - r.arrival)) + " s, more than `reorder` allows",
            "sort the rows, or set `reorder` above " + format_ns_as_seconds(ticks(reorder_)) + " s");
    }
    if (!any_given_) earliest_ = std::min(earliest_, r.arrival);
    if (from_first_ && r.arrival - earliest_ > longest_input)
        fail_arrival("more than 200 years after time 0", "check the dates of this row and of the first");
    latest_ = std::max(latest_, r.arrival);
    settled_ = std::max(settled_, latest_ - reorder_);
    window_.push(r);
    return true;
}

class requests_csv final : public csv_requests {
public:
    explicit requests_csv(const request_trace_options& options) : csv_requests(options, formats[0], false) {}

private:
    bool read_row(request& r) override {
        r.arrival = seconds(arrival_s);
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

class azure_llm final : public csv_requests {
public:
    explicit azure_llm(const request_trace_options& options)
        : csv_requests(options, formats[1], options.align != scenario::alignment::absolute),
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

class burstgpt final : public csv_requests {
public:
    explicit burstgpt(const request_trace_options& options)
        : csv_requests(options, formats[3], options.align != scenario::alignment::absolute) {}

private:
    bool read_row(request& r) override {
        r.arrival = seconds(burst_timestamp);
        r.prompt_tokens = tokens(burst_prompt, 0);
        r.output_tokens = tokens(burst_answer, 0);
        r.session = name(burst_session);
        r.tenant = name(burst_model);
        if (r.prompt_tokens != 0 && r.output_tokens != 0) return true;
        skip(r.arrival, r.prompt_tokens == 0 ? no_prompt : no_output);
        return false;
    }
};

/// Conversations behind names of blocks. A conversation is a chain of blocks that only grows: a request whose full
/// blocks go on from its end, or lie within it, belongs to it; one that branches off begins another.
class block_chains {
public:
    struct place {
        std::uint32_t conversation;  ///< from 1
        std::size_t shared;          ///< leading blocks that the conversation had
    };
    place of(std::span<const std::uint64_t> full) {
        std::size_t known = 0;
        while (known != full.size() && owner_.contains(full[known])) ++known;
        if (known != 0) {
            const std::uint32_t c = owner_.at(full[known - 1]);
            std::vector<std::uint64_t>& chain = chains_[c];
            const auto differ = std::mismatch(full.begin(), full.end(), chain.begin(), chain.end());
            const auto shared = static_cast<std::size_t>(differ.first - full.begin());
            if (shared == full.size()) return {c + 1, shared};
            if (shared == chain.size()) {
                add(full.subspan(shared), c);
                return {c + 1, shared};
            }
        }
        const auto fresh = static_cast<std::uint32_t>(chains_.size());
        chains_.emplace_back();
        add(full, fresh);
        return {fresh + 1, 0};
    }

private:
    void add(std::span<const std::uint64_t> blocks, std::uint32_t conversation) {
        for (const std::uint64_t b : blocks) {
            chains_[conversation].push_back(b);
            owner_.emplace(b, conversation);
        }
    }

    std::unordered_map<std::uint64_t, std::uint32_t> owner_;  ///< who had a block first
    std::vector<std::vector<std::uint64_t>> chains_;
};

class mooncake_jsonl final : public ordered_requests {
public:
    explicit mooncake_jsonl(const request_trace_options& options)
        : ordered_requests(options, formats[2], options.align != scenario::alignment::absolute),
          lines_(input_stream{options.path}) {}

private:
    using json = nlohmann::json;
    static constexpr std::uint64_t block_tokens = 512;
    static constexpr std::uint64_t most_ms = 200ULL * 366 * 86'400'000;

    [[nodiscard]] const input_stream& stream() const override { return lines_.stream(); }
    [[nodiscard]] input_stream& stream() override { return lines_.stream(); }
    bool next_row() override {
        do {
            if (!lines_.next()) return false;
        } while (lines_.line().empty());
        try {
            row_ = json::parse(lines_.line());
        } catch (const json::parse_error& e) {
            const std::size_t at = std::min(e.byte == 0 ? 0 : e.byte - 1, lines_.line().size());
            throw data_error({lines_.where(lines_.line().data() + at), "", "no JSON",
                              std::string{lines_.line().substr(0, 60)}, "give one JSON object per line"});
        } catch (const json::out_of_range&) {
            throw data_error({lines_.where(lines_.line().data()), "", "a number is too large",
                              std::string{lines_.line().substr(0, 60)}, "give numbers below 1e308"});
        }
        if (!row_.is_object()) fail("", "no JSON object", "give one JSON object per line");
        return true;
    }
    [[noreturn]] void fail(const char* key, std::string what, std::string remedy) const {
        // The key if it is there, else the line.
        const std::string_view line = lines_.line();
        const std::size_t at = line.find('"' + std::string{key} + '"');
        std::string value = row_.is_object() && row_.contains(key) ? row_[key].dump() : std::string{line};
        if (value.size() > 60) value.resize(60);
        throw data_error({lines_.where(line.data() + (at == std::string_view::npos ? 0 : at)), key, std::move(what),
                          std::move(value), std::move(remedy)});
    }
    [[noreturn]] void fail_arrival(std::string what, std::string remedy) const override {
        fail("timestamp", std::move(what), std::move(remedy));
    }
    [[nodiscard]] std::uint64_t whole(const char* key, std::uint64_t most, const std::string& remedy) const {
        const auto at = row_.find(key);
        if (at == row_.end()) fail(key, "is missing", remedy);
        if (!at->is_number_unsigned()) fail(key, "no whole number", remedy);
        if (at->get<std::uint64_t>() > most) fail(key, "too large", remedy);
        return at->get<std::uint64_t>();
    }

    bool read_row(request& r) override {
        const std::string remedy = std::string{token_remedy} + "0 to 2147483648";
        r.arrival = start_of_time + std::chrono::milliseconds{whole("timestamp", most_ms, "give milliseconds")};
        r.prompt_tokens = static_cast<std::uint32_t>(whole("input_length", workload::max_tokens_per_request, remedy));
        r.output_tokens = static_cast<std::uint32_t>(whole("output_length", workload::max_tokens_per_request, remedy));
        if (r.prompt_tokens == 0 || r.output_tokens == 0) {
            skip(r.arrival, r.prompt_tokens == 0 ? no_prompt : no_output);
            return false;
        }
        if (const auto ids = row_.find("hash_ids"); ids != row_.end()) share(r, *ids);
        return true;
    }

    void share(request& r, const json& ids) {
        constexpr const char* remedy = "give a list of whole numbers, one for every 512 tokens";
        if (!ids.is_array()) fail("hash_ids", "no list", remedy);
        blocks_.clear();
        for (const json& id : ids) {
            if (!id.is_number_unsigned()) fail("hash_ids", "no whole number in it", remedy);
            blocks_.push_back(id.get<std::uint64_t>());
        }
        const std::uint64_t full = r.prompt_tokens / block_tokens;
        if (blocks_.size() < full) fail("hash_ids", "fewer than the prompt has full blocks", remedy);
        blocks_.resize(full);
        if (full == 0) return;
        const block_chains::place at = chains_.of(blocks_);
        r.session = names().intern(std::to_string(at.conversation));
        // All full blocks are offered under the conversation's name; what it had is what can be found.
        r.prefix_tokens = static_cast<std::uint32_t>(at.shared * block_tokens);
    }

    line_reader lines_;
    json row_;
    std::vector<std::uint64_t> blocks_;  ///< the full ones of the current row
    block_chains chains_;
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
        if (options.format == formats[2].name) return std::make_unique<mooncake_jsonl>(options);
        if (options.format == formats[3].name) return std::make_unique<burstgpt>(options);
        if (options.format == formats[4].name) return open_servegen(options);
        std::vector<std::string_view> names;
        for (const request_trace_format& format : formats) names.push_back(format.name);
        throw scenario_error(
            {{}, "format", "unknown format of request traces", options.format, suggestion(options.format, names)});
    });
}

}  // namespace ampacity::io
