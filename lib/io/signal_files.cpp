#include "file_damage.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/io/csv_reader.hpp>
#include <ampacity/io/signal_files.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::io {
namespace {

using scenario::date;
using scenario::dimension;
using scenario::gap_filling;

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

/// What values of a kind lie between, with room; others have another unit than was said.
struct bounds {
    double least, most;
};
bounds bounds_of(dimension d) {
    if (d == dimension::temperature) return {-100, 100};
    if (d == dimension::carbon_intensity) return {-1e4 / 3.6e9, 1e4 / 3.6e9};
    return {-1e5 / 3.6e9, 1e5 / 3.6e9};
}

bool is_nan(std::string_view text) {
    return text.size() == 3 && (text[0] == 'n' || text[0] == 'N') && (text[1] == 'a' || text[1] == 'A') &&
           (text[2] == 'n' || text[2] == 'N');
}

/// Does the text of a date end in a zone?
bool has_zone(std::string_view text) {
    const std::size_t n = text.size();
    return n > 6 && (text[n - 1] == 'Z' || ((text[n - 6] == '+' || text[n - 6] == '-') && text[n - 3] == ':'));
}

class signal_reader {
public:
    signal_reader(const signal_request& request, const scenario::locator& locate)
        : request_(request), of_(request.of), locate_(locate), rows_(input_stream{request.file}, block, true) {
        find_unit();
        find_columns();
    }

    [[nodiscard]] signal_data read() {
        while (rows_.next()) take_row();
        if (values_.empty()) fail_in_header("has no rows", "give a file with values");
        if (run_ != 0 && of_.gaps == gap_filling::linear)
            fail_at_last("has no value at its end", "remove the rows without, or write gaps: hold");
        if (run_ != 0) fill(values_[values_.size() - run_ - 1]);
        if (!step_) fail_at_last("has one row only", "say how long it holds by `step`");
        const instant end = begins_.back() + *step_;
        check_period(end);
        signal_data out;
        out.series = std::make_shared<step_series<double>>(begins_, values_, end, of_.beyond);
        out.filled = filled_;
        out.ends = {.where = last_,
                    .key = request_.key,
                    .what = "the file ends before the run does",
                    .value = text_of(end),
                    .remedy = remedy_beyond};
        check_cover(*out.series, out.ends);
        out.file = {.path = request_.file.string(), .digest = rows_.stream().finish_digest()};
        return out;
    }

private:
    static constexpr std::size_t block = std::size_t{1} << 18U;
    static constexpr const char* remedy_beyond =
        "move it with `from`, give a longer file, or write beyond: hold or beyond: repeat";

    /// A text that a quantity is made with: USD in place of another currency.
    void find_unit() {
        unit_ = of_.unit;
        if (of_.usd) {
            const std::size_t slash = unit_.find('/');
            if (request_.what != dimension::price || slash != 3 || unit_.starts_with("USD"))
                fail_option("usd", "is for prices in another currency", scenario::format(*of_.usd),
                            "remove it, or write a unit such as EUR/MWh");
            unit_.replace(0, slash, "USD");
        }
        double one = 0;
        if (const auto wrong = scenario::parse_quantity("1 " + unit_, request_.what, one)) {
            const bool foreign = request_.what == dimension::price && !of_.usd && unit_.find('/') == 3;
            fail_option("unit", wrong->what, of_.unit,
                        foreign ? "write USD/MWh, or `usd`, the price of one unit of the currency" : wrong->remedy);
        }
    }
    [[noreturn]] void fail_option(const std::string& key, std::string what, std::string value, std::string remedy) {
        const std::string full = request_.key + '.' + key;
        throw scenario_error({locate_(full), full, std::move(what), std::move(value), std::move(remedy)});
    }

    void find_columns() {
        value_ = column(of_.column);
        const std::string time = of_.time.value_or(rows_.columns().front());
        const bool is_one = rows_.find(time).has_value();
        if (!is_one && std::count(time.begin(), time.end(), ',') == 2) {
            const std::size_t first = time.find(',');
            const std::size_t second = time.find(',', first + 1);
            parts_ = {column(time.substr(0, first)), column(time.substr(first + 1, second - first - 1)),
                      column(time.substr(second + 1))};
            time_ = parts_->front();
            year_ = std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(origin())}.year();
            if (year_.is_leap())
                fail_option("time", "a typical year has no 29 February", std::to_string(static_cast<int>(year_)),
                            "give a date of a year without one by `from`");
            return;
        }
        time_ = column(time);
    }
    [[nodiscard]] std::size_t column(const std::string& name) {
        if (const auto at = rows_.find(name)) return *at;
        std::vector<std::string_view> known(rows_.columns().begin(), rows_.columns().end());
        throw data_error({rows_.where_named(rows_.columns().size()),
                          printable(name),
                          "column missing from the header",
                          {},
                          suggestion(name, known)});
    }

    [[nodiscard]] date origin() const { return of_.from.value_or(request_.start); }

    /// Since the origin. \throws data_error
    [[nodiscard]] instant time() {
        date at{};
        if (parts_) {
            const auto month = number((*parts_)[0], 12);
            const auto day = number((*parts_)[1], 31);
            const auto hour = number((*parts_)[2], 24);
            const std::chrono::year_month_day calendar{year_, std::chrono::month{month}, std::chrono::day{day}};
            if (!calendar.ok()) rows_.fail((*parts_)[1], "no such day", "give days of a year without 29 February");
            at = date{std::chrono::sys_days{calendar}} + std::chrono::hours{hour - 1} - of_.utc_offset;
        } else {
            const std::string_view text = rows_[time_];
            if (scenario::parse(text, at))
                rows_.fail(time_, "expected a date and a time", "write it as 2026-01-31T06:00Z");
            if (of_.utc_offset != duration::zero() && has_zone(text))
                rows_.fail(time_, "says its zone itself", "remove `utc_offset`");
            at -= of_.utc_offset;
        }
        const int128 since = int128{at.time_since_epoch().count()} - int128{origin().time_since_epoch().count()};
        // So that the difference of two has a place.
        constexpr int128 most = ticks(longest_input) / 2;
        if (since > most || since < -most)
            rows_.fail(time_, "more than 100 years from the start", "move it with `from`");
        return instant{duration{static_cast<std::int64_t>(since)}};
    }
    [[nodiscard]] unsigned number(std::size_t column, unsigned most) const {
        std::uint64_t value = 0;
        if (scenario::parse(rows_[column], value) || value < 1 || value > most)
            rows_.fail(column, "expected a number", "write it from 1 to " + std::to_string(most));
        return static_cast<unsigned>(value);
    }

    /// NaN where there is none.
    [[nodiscard]] double value() const {
        const std::string_view text = rows_[value_];
        if (text.empty() || is_nan(text)) return nothing;
        double out = 0;
        if (const auto wrong = scenario::parse_quantity(std::string{text} + ' ' + unit_, request_.what, out))
            rows_.fail(value_, "expected a number", "write a decimal number, or leave the field empty");
        if (of_.usd) out *= *of_.usd;
        const bounds b = bounds_of(request_.what);
        if (out < b.least || out > b.most)
            rows_.fail(value_, "beyond what can be meant in " + of_.unit, "check the unit and the value");
        return out;
    }

    void take_row() {
        const instant t = time();
        const double v = value();
        last_ = rows_.where(time_);
        if (!begins_.empty()) {
            const duration since = t - begins_.back();
            if (since <= duration::zero())
                rows_.fail(time_, "does not come after the row before", "sort the rows, and remove the second of two");
            if (!step_) step_ = since;
            if (since % *step_ != duration::zero())
                rows_.fail(time_,
                           "comes no whole number of steps of " + scenario::format(*step_) + " after the row before",
                           "correct it, or give the right `step`");
            const std::int64_t missing = since / *step_ - 1;
            if (missing != 0) lack(time_, missing, "rows are missing before it");
        } else {
            step_ = of_.step;
        }
        if (std::isnan(v)) {
            if (values_.empty())
                rows_.fail(value_, "the file begins without a value", "remove the rows before the first that has one");
            lack(value_, 1, "value missing");
            return;
        }
        if (run_ != 0) of_.gaps == gap_filling::hold ? fill(values_[values_.size() - run_ - 1]) : join(v);
        begins_.push_back(t);
        values_.push_back(v);
    }

    /// So many steps have no value.
    void lack(std::size_t column, std::int64_t steps, std::string what) {
        if (of_.gaps == gap_filling::error)
            rows_.fail(column, std::move(what), "complete the file, or write gaps: hold or gaps: linear");
        const int128 all = (int128{steps} + static_cast<int128>(run_)) * ticks(*step_);
        if (all > ticks(of_.most_gap))
            rows_.fail(column, std::move(what) + ", for longer than " + scenario::format(of_.most_gap),
                       "complete the file, or write a larger `most_gap`");
        for (std::int64_t i = 0; i != steps; ++i) {
            begins_.push_back(begins_.back() + *step_);
            values_.push_back(nothing);
        }
        run_ += static_cast<std::size_t>(steps);
    }
    void fill(double v) {
        std::fill(values_.end() - static_cast<std::ptrdiff_t>(run_), values_.end(), v);
        filled_ += std::exchange(run_, 0);
    }
    void join(double next) {
        const std::size_t first = values_.size() - run_;
        const double before = values_[first - 1];
        for (std::size_t i = 0; i != run_; ++i)
            values_[first + i] =
                before + (next - before) * (static_cast<double>(i + 1) / static_cast<double>(run_ + 1));
        filled_ += std::exchange(run_, 0);
    }

    [[nodiscard]] std::string text_of(instant t) const { return scenario::format(origin() + t.time_since_epoch()); }
    void check_period(instant end) const {
        const duration covered = end - begins_.front();
        if (of_.beyond != outside::repeated || covered % std::chrono::hours{24} == duration::zero()) return;
        throw data_error({last_, request_.key, "covers no whole number of days, so that it cannot be repeated",
                          scenario::format(covered), "cut it, or write beyond: hold"});
    }
    void check_cover(const step_series<double>& s, const diagnostic& ends) const {
        const instant until = request_.until ? start_of_time + *request_.until : start_of_time;
        if (s.knows(start_of_time, std::max(until, start_of_time + duration{1}))) return;
        if (s.first() <= start_of_time) throw data_error(ends);
        diagnostic d = ends;
        d.where.line = 0;
        d.where.column = 0;
        d.where.byte.reset();
        d.what = "the file begins after the run does";
        d.value = text_of(s.first());
        throw data_error(std::move(d));
    }
    [[noreturn]] void fail_at_last(std::string what, std::string remedy) const {
        throw data_error({last_, request_.key, std::move(what), {}, std::move(remedy)});
    }
    [[noreturn]] void fail_in_header(std::string what, std::string remedy) const {
        throw data_error({rows_.where_named(0), request_.key, std::move(what), {}, std::move(remedy)});
    }

    const signal_request& request_;
    const scenario::signal_file& of_;
    const scenario::locator& locate_;
    csv_reader rows_;
    std::string unit_;
    std::size_t value_ = 0, time_ = 0;
    std::optional<std::array<std::size_t, 3>> parts_;  // month, day, hour
    std::chrono::year year_{};
    std::optional<duration> step_;
    std::vector<instant> begins_;
    std::vector<double> values_;
    std::size_t run_ = 0;  // values that lack, at the end
    std::uint64_t filled_ = 0;
    source_position last_;
};

}  // namespace

signal_data read_signal(const signal_request& request, const scenario::locator& locate) {
    return blame_damage(request.file, [&] { return signal_reader{request, locate}.read(); });
}

}  // namespace ampacity::io
