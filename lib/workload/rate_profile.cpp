#include <ampacity/core/error.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/workload/rate_profile.hpp>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace ampacity::workload {
namespace {

constexpr std::int64_t hour_ns = ticks(duration{std::chrono::hours{1}});
constexpr std::int64_t week_ns = ticks(rate_profile::week);

}  // namespace

rate_profile::rate_profile(std::span<const double> weights, duration offset) : offset_(ticks(offset)) {
    AMPACITY_ASSERT(weights.size() == hours && offset >= duration::zero() && offset <= week);
    double total = 0;
    double largest = 0;
    for (const double w : weights) {
        if (!(w >= 0)) throw std::invalid_argument("rate profile: weights must be >= 0");
        total += w;
        largest = std::max(largest, w);
    }
    if (!(std::isfinite(total) && total > 0))
        throw std::invalid_argument("rate profile: the sum of the weights must be finite and > 0");
    // In units of the largest weight, so that equal weights are whole numbers and their hours exact.
    total = 0;
    for (const double w : weights) total += w / largest;
    double sum = 0;
    for (std::size_t i = 0; i < hours; ++i) {
        sum += weights[i] / largest;
        // An hour without weight must not get a nanosecond by rounding, hence the last value is kept there.
        reached_[i + 1] =
            weights[i] == 0
                ? reached_[i]
                : std::clamp(static_cast<std::int64_t>(std::nearbyint(sum / total * static_cast<double>(week_ns))),
                             reached_[i], week_ns);
    }
    // The last hour with a weight ends at a whole week.
    for (std::size_t i = hours; i > 0; --i) {
        reached_[i] = week_ns;
        if (weights[i - 1] > 0) break;
    }
    passed_ = integral(offset_);
}

std::int64_t rate_profile::integral(std::int64_t from_monday) const {
    const std::int64_t weeks = from_monday / week_ns;
    const std::int64_t rest = from_monday % week_ns;
    const auto i = static_cast<std::size_t>(rest / hour_ns);
    const std::int64_t width = reached_[i + 1] - reached_[i];
    const auto part = static_cast<std::int64_t>(static_cast<int128>(rest % hour_ns) * width / hour_ns);
    return weeks * week_ns + reached_[i] + part;
}

duration rate_profile::operational_time(duration t) const {
    AMPACITY_ASSERT(t >= duration::zero() && t <= longest_input);
    return duration{integral(offset_ + ticks(t)) - passed_};
}

duration rate_profile::calendar_time(duration s) const {
    AMPACITY_ASSERT(s >= duration::zero());
    if (s >= longest_input) return s;
    // The first nanosecond at which the integral has reached the wanted one.
    const std::int64_t wanted = passed_ + ticks(s);
    std::int64_t weeks = wanted / week_ns;
    std::int64_t rest = wanted % week_ns;
    if (rest == 0 && weeks > 0) {
        --weeks;
        rest = week_ns;
    }
    const auto next = std::lower_bound(reached_.begin() + 1, reached_.end(), rest);
    const auto i = static_cast<std::size_t>(next - reached_.begin()) - 1;
    const std::int64_t width = reached_[i + 1] - reached_[i];
    // Rounded up; where rest is 0 at the very beginning the hour may have no width.
    const int128 part = width == 0 ? 0 : (static_cast<int128>(rest - reached_[i]) * hour_ns + width - 1) / width;
    const std::int64_t at = weeks * week_ns + static_cast<std::int64_t>(i) * hour_ns + static_cast<std::int64_t>(part);
    return duration{std::max<std::int64_t>(at - offset_, 0)};
}

}  // namespace ampacity::workload
