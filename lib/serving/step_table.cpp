#include <ampacity/core/error.hpp>
#include <ampacity/serving/step_table.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace ampacity::serving {
namespace {

constexpr std::int64_t units_per_ns = 1'000'000'000;

[[noreturn]] void refuse(std::string what, std::string value, std::string remedy) {
    throw scenario_error({{}, "table", std::move(what), std::move(value), std::move(remedy)});
}

void check_lines(const std::vector<std::int64_t>& lines, const std::string& name, std::int64_t most) {
    const std::string remedy = "give 2 to 256 numbers of `" + name + "` from 0, each with all of the other key";
    if (lines.size() < 2 || lines.size() > step_table::max_lines)
        refuse("wrong number of different `" + name + "`", std::to_string(lines.size()), remedy);
    if (lines.front() != 0) refuse("`" + name + "` do not begin at 0", std::to_string(lines.front()), remedy);
    if (lines.back() > most) refuse("`" + name + "` are too many", std::to_string(lines.back()), remedy);
    const auto at = std::adjacent_find(lines.begin(), lines.end(), [](auto a, auto b) { return a >= b; });
    if (at != lines.end()) refuse("`" + name + "` do not ascend", std::to_string(*(at + 1)), remedy);
}

int128 half_even(int128 n, int128 d) noexcept {
    const int128 floor = n / d;
    const int128 twice = 2 * (n - floor * d);
    return floor + (twice > d || (twice == d && floor % 2 != 0) ? 1 : 0);
}

/// The line below the interval that holds `x`.
std::size_t below(const std::vector<std::int64_t>& lines, std::int64_t x) noexcept {
    const auto above = std::upper_bound(lines.begin() + 1, lines.end() - 1, x);
    return static_cast<std::size_t>(above - lines.begin()) - 1;
}

}  // namespace

step_table::step_table(const step_grid& grid) : rows_(grid.decodes), columns_(grid.prefill_tokens) {
    if (rows_.empty() && columns_.empty() && grid.time.empty()) return;
    check_lines(rows_, "decodes", std::int64_t{1} << 20U);
    check_lines(columns_, "prefill_tokens", std::int64_t{1} << 31U);
    if (grid.time.size() != rows_.size() * columns_.size())
        refuse("is no full grid",
               std::to_string(grid.time.size()) + " times, " + std::to_string(rows_.size()) + " x " +
                   std::to_string(columns_.size()),
               "give one time for each pair of decodes and prefill_tokens");
    for (const exact_time& t : grid.time) {
        if (t.scale < 0 || t.scale > scale)
            refuse("a time has too many decimals", std::to_string(t.scale), "give at most 9 decimals of a nanosecond");
        int128 units = t.mantissa;
        for (int i = t.scale; i != scale; ++i) units *= 10;
        if (units < 0 || units > int128{max_time_s} * units_per_ns * units_per_ns)
            refuse("a time is out of range", std::to_string(t.mantissa), "give 0 to 1000 s");
        time_.push_back(units);
    }
    least_ = *std::min_element(time_.begin() + 1, time_.end());
    largest_ = *std::max_element(time_.begin(), time_.end());
}

int128 step_table::operator()(std::int64_t decodes, std::int64_t prefill_tokens) const noexcept {
    const std::size_t r = below(rows_, decodes);
    const std::size_t c = below(columns_, prefill_tokens);
    const int128* const low = &time_[r * columns_.size() + c];
    const int128* const high = low + columns_.size();
    const int128 x = decodes - rows_[r];
    const int128 y = prefill_tokens - columns_[c];
    if (x == 0 && y == 0) return *low;
    const int128 width = rows_[r + 1] - rows_[r];
    const int128 height = columns_[c + 1] - columns_[c];
    // A corner is at most 10^21, the sides 2^20 and 2^31: 121 bits.
    return half_even((width - x) * ((height - y) * low[0] + y * low[1]) + x * ((height - y) * high[0] + y * high[1]),
                     width * height);
}

}  // namespace ampacity::serving
