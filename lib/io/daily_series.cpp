#include "daily_series.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/power/signal.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace ampacity::io {
namespace {

using day_hours = std::array<double, 24>;

template <class Half, class Value>
day_hours hours_of(const Half& half, Value value) {
    AMPACITY_ASSERT(half.points.size() == 24);
    day_hours out{};
    for (std::size_t h = 0; h != out.size(); ++h) out[h] = half.points[h].*value;
    return out;
}

/// Of four years: the values of their hours.
std::vector<double> four_years(std::chrono::year first, const day_hours& winter, const day_hours& summer) {
    using namespace std::chrono;
    std::vector<double> out;
    for (sys_days day = first / January / 1; day != sys_days{(first + years{4}) / January / 1}; day += days{1}) {
        const auto month = static_cast<unsigned>(year_month_day{day}.month());
        const day_hours& half = month >= 4 && month <= 9 ? summer : winter;
        out.insert(out.end(), half.begin(), half.end());
    }
    return out;
}

double mean_of(const std::vector<double>& values) {
    power::careful_sum sum;
    for (const double v : values) sum.add(v);
    return sum.value() / static_cast<double>(values.size());
}

std::chrono::year year_of(scenario::date start) {
    using namespace std::chrono;
    return year_month_day{floor<days>(start)}.year();
}

std::shared_ptr<const step_series<double>> series_from(scenario::date start, std::vector<double> values) {
    using namespace std::chrono;
    const instant first = start_of_time + duration{sys_days{year_of(start) / January / 1} - start};
    std::vector<instant> begins;
    begins.reserve(values.size());
    for (std::size_t i = 0; i != values.size(); ++i) begins.push_back(first + hours{i});
    const instant end = first + hours{values.size()};
    return std::make_shared<const step_series<double>>(std::move(begins), std::move(values), end, outside::repeated);
}

}  // namespace

std::shared_ptr<const step_series<double>> daily_series(scenario::date start, const hardware::daily_shares& winter,
                                                        const hardware::daily_shares& summer, double mean) {
    constexpr auto share = &hardware::hour_share::share;
    std::vector<double> values = four_years(year_of(start), hours_of(winter, share), hours_of(summer, share));
    const double scale = mean / mean_of(values);
    for (double& v : values) v *= scale;
    return series_from(start, std::move(values));
}

std::shared_ptr<const step_series<double>> daily_series(scenario::date start, const hardware::daily_steps& winter,
                                                        const hardware::daily_steps& summer, double mean) {
    constexpr auto kelvin = &hardware::hour_step::kelvin;
    std::vector<double> values = four_years(year_of(start), hours_of(winter, kelvin), hours_of(summer, kelvin));
    const double shift = mean - mean_of(values);
    for (double& v : values) v += shift;
    return series_from(start, std::move(values));
}

}  // namespace ampacity::io
