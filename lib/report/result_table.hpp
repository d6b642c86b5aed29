#pragma once
/// \file
/// A table that a run wrote: some of its columns, by name, and their values, checked.
///
/// One pass over the rows, no allocation per row. One thread per object.

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/io/csv_reader.hpp>
#include <ampacity/sim/result.hpp>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace ampacity::report {

inline constexpr double longest_s = 9.2e9;  ///< what 64 bits of ns hold, with room for sums
inline constexpr std::int64_t most_counted = 1'000'000'000'000'000;

/// A CSV file of which some columns are read, by name.
class result_table {
public:
    result_table(const std::filesystem::path& file, std::initializer_list<std::string_view> columns)
        : rows_(io::input_stream{file}) {
        for (const std::string_view name : columns) {
            const auto at = rows_.find(name);
            if (!at) {
                throw data_error({rows_.where_named(rows_.columns().size()),
                                  std::string{name},
                                  "column missing from the header",
                                  {},
                                  "give the file as `ampacity run` wrote it"});
            }
            at_.push_back(*at);
        }
    }

    /// A column that may be missing: its number, to be read like the others.
    [[nodiscard]] std::optional<std::size_t> optional(std::string_view name) {
        const auto at = rows_.find(name);
        if (!at) return std::nullopt;
        at_.push_back(*at);
        return at_.size() - 1;
    }

    bool next() { return rows_.next(); }
    [[nodiscard]] std::string_view operator[](std::size_t column) const { return rows_[at_[column]]; }
    [[noreturn]] void fail(std::size_t column, std::string what, std::string remedy) const {
        rows_.fail(at_[column], std::move(what), std::move(remedy));
    }

    [[nodiscard]] instant time(std::size_t column) const {
        const auto [status, ns] = parse_scaled((*this)[column], 9);
        if (status != decimal_status::ok || ns < 0 || static_cast<double>(ns) > longest_s * 1e9) {
            fail(column, "not a time", "give seconds from 0 to 290 years");
        }
        return start_of_time + duration{ns};
    }
    [[nodiscard]] instant time_or_unset(std::size_t column) const {
        return (*this)[column].empty() ? sim::unset : time(column);
    }
    [[nodiscard]] std::int64_t count(std::size_t column) const {
        const auto [status, value] = parse_count((*this)[column]);
        if (status != decimal_status::ok || value > most_counted) {
            fail(column, "not a count", "give a whole number from 0 to 1e15");
        }
        return value;
    }
    [[nodiscard]] double amount(std::size_t column) const {
        const std::string_view text = (*this)[column];
        double value = 0;
        const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (fault != std::errc{} || end != text.data() + text.size() || !std::isfinite(value) || value < 0) {
            fail(column, "not a number", "give a decimal number from 0 up");
        }
        return value;
    }

    /// Of either sign; NaN of an empty field.
    [[nodiscard]] double value_or_nan(std::size_t column, double most = 1e15) const {
        const std::string_view text = (*this)[column];
        if (text.empty()) return std::numeric_limits<double>::quiet_NaN();
        double value = 0;
        const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (fault != std::errc{} || end != text.data() + text.size() || !(std::abs(value) <= most))
            fail(column, "not a number",
                 most == 1e15 ? "give a decimal number between -1e15 and 1e15, or nothing"
                              : "give a decimal number, or nothing");
        return value;
    }

private:
    io::csv_reader rows_;
    std::vector<std::size_t> at_;
};

}  // namespace ampacity::report
