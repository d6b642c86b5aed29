#include "date_text.hpp"

#include <ampacity/core/decimal.hpp>

#include <algorithm>
#include <chrono>

namespace ampacity::io {
namespace {

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

}  // namespace

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

}  // namespace ampacity::io
