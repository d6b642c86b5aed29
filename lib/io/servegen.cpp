#include "servegen.hpp"

#include "csv_columns.hpp"
#include "line_reader.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/workload/client_requests.hpp>
#include <ampacity/workload/windowed_requests.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::io {
namespace {

using workload::length_window;
using workload::rate_window;

constexpr duration window_length = std::chrono::seconds{600};
constexpr std::size_t max_clients = 255;

enum column : std::size_t { client, window_start, rate, pattern, shape };
static_assert(servegen_columns[shape].name == "param1");

struct client_windows {
    std::vector<rate_window> rates;
    std::vector<length_window> lengths;
    source_position first;  ///< where its first rate stands
};
using all_clients = std::map<std::int64_t, client_windows>;

/// The table of rates.
class rate_reader {
public:
    explicit rate_reader(const std::filesystem::path& path)
        : rows_(input_stream{path}), at_(find_columns(rows_, servegen_columns, "servegen")) {}

    all_clients read(double factor) {
        all_clients out;
        while (rows_.next()) take_row(out, factor);
        return out;
    }
    [[nodiscard]] csv_reader& rows() noexcept { return rows_; }

private:
    [[nodiscard]] std::string_view field(column c) const { return rows_[at_[c]]; }
    [[noreturn]] void fail(column c, std::string what, std::string remedy) const {
        rows_.fail(at_[c], std::move(what), std::move(remedy));
    }
    [[nodiscard]] double number(column c, double least, double most, const char* remedy) const {
        const std::string_view text = field(c);
        double value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc{} || end != text.data() + text.size()) fail(c, "no number", remedy);
        if (!(value >= least && value <= most)) fail(c, "out of range", remedy);
        return value;
    }
    void take_row(all_clients& to, double factor) const {
        const auto [status, number_of] = parse_count(field(client));
        if (status != decimal_status::ok) fail(client, "no whole number", "give the number of a client");
        const auto [state, begin] = parse_seconds(field(window_start));
        if (state != decimal_status::ok || begin < duration::zero() || begin > longest_input - window_length)
            fail(window_start, "no time", "give seconds from 0 to 200 years");
        rate_window w{.begin = start_of_time + begin,
                      .length = window_length,
                      .rate_per_s = number(rate, 0, 1e9, "give requests per second, from 0 to 1e9") * factor};
        const std::string_view law = field(pattern);
        if (law == "Gamma")
            w.process = workload::arrival_process::gamma;
        else if (law == "Weibull")
            w.process = workload::arrival_process::weibull;
        else if (law != "Exponential")
            fail(pattern, "unknown law", "give Gamma, Weibull or Exponential");
        if (w.process != workload::arrival_process::poisson)
            w.shape = number(shape, 1e-3, 1e6, "give the shape of the law, from 0.001 to 1e6");
        client_windows& c = to[number_of];
        if (to.size() > max_clients) fail(client, "more than 255 clients", "leave the smallest out");
        if (c.rates.empty()) c.first = rows_.where(at_[client]);
        if (!c.rates.empty() && w.begin < c.rates.back().begin + window_length)
            fail(window_start, "begins before the client's window before it ends",
                 "sort the rows of each client by time, 600 s apart or more");
        c.rates.push_back(w);
    }

    csv_reader rows_;
    std::vector<std::size_t> at_;
};

/// The tables of lengths.
class length_reader {
public:
    using json = nlohmann::json;

    explicit length_reader(const std::filesystem::path& path) : lines_(input_stream{path}) {}

    void read(all_clients& to) {
        while (lines_.next()) {
            if (!lines_.line().empty()) take_line(to);
        }
    }
    [[nodiscard]] input_stream& stream() noexcept { return lines_.stream(); }

private:
    [[noreturn]] void fail(const std::string& key, std::string what, std::string remedy) const {
        const std::string_view line = lines_.line();
        const std::size_t at = line.find('"' + key + '"');
        throw data_error({lines_.where(line.data() + (at == std::string_view::npos ? 0 : at)), key, std::move(what),
                          std::string{line.substr(0, 60)}, std::move(remedy)});
    }
    void take_line(all_clients& to) {
        row_ = json::parse(lines_.line(), nullptr, false);
        if (!row_.is_object()) fail("", "no JSON object", "give one JSON object per line");
        const auto found = to.find(whole("client", std::numeric_limits<std::int64_t>::max()));
        const std::uint64_t begin_s = static_cast<std::uint64_t>(whole("window_start_s", 6'000'000'000));
        auto prompt = parts_of_prompt();
        auto output = table("output_tokens");
        if (!output) fail("output_tokens_q", "is missing", "give a list of quantiles");
        if (found == to.end()) return;  // it sends nothing
        auto& windows = found->second.lengths;
        const instant begin = start_of_time + std::chrono::seconds{begin_s};
        if (!windows.empty() && windows.back().begin >= begin)
            fail("window_start_s", "not after the client's window before it", "sort the lines of each client by time");
        windows.push_back({begin, std::move(prompt), std::move(*output)});
    }
    [[nodiscard]] std::int64_t whole(const char* key, std::int64_t most) const {
        const auto at = row_.find(key);
        if (at == row_.end()) fail(key, "is missing", "give a whole number");
        if (!at->is_number_unsigned() || at->get<std::uint64_t>() > static_cast<std::uint64_t>(most))
            fail(key, "no whole number from 0 to " + std::to_string(most), "give one");
        return at->get<std::int64_t>();
    }
    /// The whole prompt, or what it is made of.
    [[nodiscard]] std::vector<empirical_distribution> parts_of_prompt() const {
        std::vector<empirical_distribution> out;
        if (auto whole_prompt = table("input_tokens")) {
            out.push_back(std::move(*whole_prompt));
            return out;
        }
        for (const char* part : {"text_tokens", "image_tokens", "audio_tokens", "video_tokens"}) {
            if (auto t = table(part)) out.push_back(std::move(*t));
        }
        if (out.empty()) fail("input_tokens_q", "is missing", "give it, or text_tokens_q, image_tokens_q, ...");
        return out;
    }
    [[nodiscard]] std::optional<empirical_distribution> table(const std::string& field) const {
        const std::string key = field + "_q";
        const auto at = row_.find(key);
        if (at == row_.end() || at->is_null()) return std::nullopt;
        constexpr const char* remedy = "give at least two numbers of tokens that never fall";
        if (!at->is_array() || at->size() < 2) fail(key, "no list of quantiles", remedy);
        std::vector<empirical_distribution::point> points;
        const auto steps = static_cast<double>(at->size() - 1);
        for (const json& q : *at) {
            const double tokens = q.is_number() ? q.get<double>() : -1;
            if (!(tokens >= 0 && tokens <= workload::max_tokens_per_request)) fail(key, "no number of tokens", remedy);
            if (!points.empty() && tokens < points.back().value) fail(key, "quantiles fall", remedy);
            points.push_back({static_cast<double>(points.size()) / steps, tokens});
        }
        if (const auto mean = row_.find(field + "_mean"); mean != row_.end() && mean->is_number())
            bend_tail(points, mean->get<double>());
        return empirical_distribution{std::move(points), interpolation::linear};
    }

    /// The longest lengths are far apart, and few are near the longest. With a break at share 1 - k of the last step
    /// and at k of its values that step has its mean there: k is such that all lengths have `mean`, as far as that can
    /// be.
    static void bend_tail(std::vector<empirical_distribution::point>& points, double mean) {
        const auto steps = static_cast<double>(points.size() - 1);
        const empirical_distribution::point before = points[points.size() - 2], last = points.back();
        if (last.value == before.value) return;
        double others = 0;  // their means, summed
        for (std::size_t i = 0; i + 2 != points.size(); ++i) others += (points[i].value + points[i + 1].value) / 2;
        const double k = std::clamp((mean * steps - others - before.value) / (last.value - before.value), 0.01, 0.99);
        points.back() = {before.share + (1 - k) * (1 - before.share), before.value + k * (last.value - before.value)};
        points.push_back(last);
    }

    line_reader lines_;
    json row_;
};

class servegen_requests final : public request_trace {
public:
    explicit servegen_requests(const request_trace_options& options)
        : path_(options.path.string()), rates_(options.path) {
        all_clients clients = rates_.read(options.rate_factor);
        digest_ = rates_.rows().stream().finish_digest();
        length_reader lengths(options.lengths);
        lengths.read(clients);
        lengths_file_ = {.path = options.lengths.string(), .digest = lengths.stream().finish_digest()};
        std::vector<std::unique_ptr<workload::request_source>> streams;
        for (auto& [number, c] : clients) {
            if (c.lengths.empty())
                throw data_error({c.first, "client", "has no lengths", std::to_string(number),
                                  "add it to " + options.lengths.string() + ", or remove it here"});
            names_.push_back(std::to_string(number));
            const std::uint64_t entity = workload::first_request(options.entry, streams.size());
            streams.push_back(std::make_unique<workload::windowed_requests>(
                workload::windowed_request_options{options.seed, entity, std::move(c.rates), std::move(c.lengths)}));
        }
        if (!streams.empty()) merged_.emplace(std::move(streams), std::numeric_limits<std::uint64_t>::max());
    }

    std::size_t next(std::span<workload::request> out) override { return merged_ ? merged_->next(out) : 0; }
    [[nodiscard]] std::string_view text(std::uint32_t index) const override {
        return index == 0 || index > names_.size() ? std::string_view{} : std::string_view{names_[index - 1]};
    }
    [[nodiscard]] const std::string& path() const override { return path_; }
    [[nodiscard]] duration time_zero() const override { return duration::zero(); }
    std::uint64_t finish_digest() override {
        merged_.reset();
        return digest_;
    }
    [[nodiscard]] std::span<const model_file> other_files() const override { return {&lengths_file_, 1}; }

private:
    std::string path_;
    rate_reader rates_;
    std::uint64_t digest_ = 0;
    model_file lengths_file_;
    std::vector<std::string> names_;
    std::optional<workload::client_requests> merged_;
};

}  // namespace

std::unique_ptr<request_trace> open_servegen(const request_trace_options& options) {
    if (options.lengths.empty())
        throw scenario_error(
            {{}, "lengths", "servegen has its lengths in another file", {}, "give that file by `lengths`"});
    return std::make_unique<servegen_requests>(options);
}

}  // namespace ampacity::io
