#include <ampacity/core/error.hpp>
#include <ampacity/core/math.hpp>
#include <ampacity/report/axis.hpp>
#include <ampacity/report/text.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

namespace ampacity::report {
namespace {

struct unit {
    std::int64_t ns;
    std::string_view name;
    std::span<const int> steps;  ///< in this unit; the next unit begins behind the last
};

constexpr std::array decimal_steps{1, 2, 5, 10, 20, 50, 100, 200, 500};
constexpr std::array sixtieths{1, 2, 5, 10, 20, 30};
constexpr std::array hours{1, 2, 3, 6, 12};
constexpr std::array days{1,   2,    5,    10,   20,    50,    100,   200,
                          500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};  // 274 years
constexpr std::array units{unit{1, "ns", decimal_steps},           unit{1'000, "\u00B5s", decimal_steps},
                           unit{1'000'000, "ms", decimal_steps},   unit{1'000'000'000, "s", sixtieths},
                           unit{60'000'000'000, "min", sixtieths}, unit{3'600'000'000'000, "h", hours},
                           unit{86'400'000'000'000, "d", days}};

/// 1, 2 or 5 times a power of ten, not below `least`.
double round_step(double least) {
    double power = 1;
    while (power * 10 <= least) power *= 10;
    while (power > least) power /= 10;
    for (const double n : {1.0, 2.0, 5.0}) {
        if (n * power >= least) return n * power;
    }
    return 10 * power;
}

/// Ticks that may stand on a logarithmic axis of time: one or two a decade, or, if `fine`, all round numbers.
std::vector<tick> known_times(bool fine) {
    static constexpr std::array coarse{1, 6, 10, 100, 1000, 10000, 100000};
    std::vector<tick> out;
    for (const unit& u : units) {
        for (const int n : u.steps) {
            if (!fine && std::find(coarse.begin(), coarse.end(), n) == coarse.end()) continue;
            out.push_back({static_cast<double>(u.ns) / 1e9 * n,
                           grouped(static_cast<std::uint64_t>(n)) + "\u00A0" + std::string{u.name}});
        }
    }
    return out;
}

/// The part of `known` from the last at or below the least to the first at or above the greatest; with a neighbour
/// on both sides where that is one tick only.
std::span<const tick> around(std::span<const tick> known, double least, double greatest) {
    const auto at_or_above = [&](double value) {
        const auto at =
            std::lower_bound(known.begin(), known.end() - 1, value, [](const tick& t, double v) { return t.at < v; });
        return static_cast<std::size_t>(at - known.begin());
    };
    std::size_t first = at_or_above(least);
    std::size_t last = at_or_above(greatest);
    if (known[first].at > least && first != 0) --first;
    if (first == last) {
        if (first != 0) --first;
        last = std::min(last + 1, known.size() - 1);
    }
    return known.subspan(first, last - first + 1);
}

}  // namespace

double axis::share(double value) const noexcept {
    const double within = std::clamp(value, low, high);
    if (!logarithmic) return (within - low) / (high - low);
    return portable_log(within / low) / portable_log(high / low);
}

axis count_axis(double top, std::size_t most) {
    AMPACITY_ASSERT(top > 0 && most >= 1);
    axis out{.low = 0, .high = top, .logarithmic = false, .unit = {}, .ticks = {}};
    const double step = std::max(1.0, round_step(top / static_cast<double>(most)));
    const auto steps = static_cast<int>(top / step);
    for (int k = 0; k <= steps; ++k) out.ticks.push_back({k * step, fixed(k * step, 0)});
    return out;
}

axis value_axis(double low, double high, std::size_t most) {
    AMPACITY_ASSERT(low <= high && most >= 1);
    if (!(high - low > 1e-9 * std::max(std::abs(low), std::abs(high)))) {
        const double room = low == 0 ? 1 : 0.1 * std::abs(low);
        low -= low == 0 ? 0 : room;
        high += room;
    }
    const double step = round_step((high - low) / static_cast<double>(most));
    const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
    int decimals = 0;
    for (double unit = step; unit < 0.999 && decimals < 12; unit *= 10) ++decimals;
    axis out{.low = first * step, .high = last * step, .logarithmic = false, .unit = {}, .ticks = {}};
    for (double k = first; k <= last; ++k) out.ticks.push_back({k * step, fixed(k * step, decimals)});
    return out;
}

axis time_axis(duration length, std::size_t most) {
    AMPACITY_ASSERT(length > duration::zero() && most >= 1);
    axis out{.low = 0, .high = static_cast<double>(ticks(length)), .logarithmic = false, .unit = {}, .ticks = {}};
    for (const unit& u : units) {
        for (const int n : u.steps) {
            const std::int64_t step = n * u.ns;
            const std::int64_t count = ticks(length) / step;
            if (count > static_cast<std::int64_t>(most)) continue;
            out.unit = u.name;
            for (std::int64_t k = 0; k <= count; ++k) {
                out.ticks.push_back({static_cast<double>(k * step), grouped(static_cast<std::uint64_t>(k * n))});
            }
            return out;
        }
    }
    return out;
}

axis log_time_axis(double least, double greatest) {
    AMPACITY_ASSERT(least > 0 && least <= greatest);
    least = std::max(least, greatest / 1e9);
    std::vector<tick> known = known_times(false);
    std::span<const tick> used = around(known, least, greatest);
    if (used.size() < 4) {
        known = known_times(true);
        used = around(known, least, greatest);
    }
    axis out{.low = used.front().at, .high = used.back().at, .logarithmic = true, .unit = {}, .ticks = {}};
    if (used.size() >= 4) out.high = std::min(out.high, 1.2 * greatest);
    for (const tick& t : used) {
        if (t.at <= out.high) out.ticks.push_back(t);
    }
    return out;
}

axis factor_axis(double greatest) {
    AMPACITY_ASSERT(greatest >= 1);
    axis out{.low = 1, .high = std::max(greatest, 2.0), .logarithmic = greatest > 10, .unit = {}, .ticks = {}};
    const auto add = [&out](double at) { out.ticks.push_back({at, significant(at, 3) + "\u00D7"}); };
    if (!out.logarithmic) {
        const double step = round_step((out.high - 1) / 5);
        const auto steps = static_cast<int>((out.high - 1) / step + 1e-9);
        for (int k = 0; k <= steps; ++k) add(1 + k * step);
        return out;
    }
    const bool few = out.high <= 200;
    double decade = 1;
    while (decade <= out.high) {
        for (const double n : {1.0, 2.0, 5.0}) {
            if ((few || n == 1) && n * decade <= out.high) add(n * decade);
        }
        decade *= 10;
    }
    return out;
}

}  // namespace ampacity::report
