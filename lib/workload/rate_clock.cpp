#include <ampacity/core/error.hpp>
#include <ampacity/core/math.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/workload/rate_clock.hpp>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace ampacity::workload {
namespace {

constexpr duration day = std::chrono::hours{24};

}  // namespace

rate_clock::rate_clock(std::optional<rate_profile> profile, const rate_trend& trend)
    : profile_(std::move(profile)), log_growth_(portable_log(trend.growth) / 365), surges_(trend.surges) {
    AMPACITY_ASSERT(trend.growth > 0);
    for (std::uint32_t i = 0; i != surges_.size(); ++i) {
        const rate_surge& s = surges_[i];
        AMPACITY_ASSERT(s.at >= duration::zero() && s.at <= longest_input && s.length > duration::zero());
        AMPACITY_ASSERT(s.factor >= 0 && std::isfinite(s.factor));
        changes_.push_back({s.at, i, true});
        if (s.length <= longest_input - s.at) changes_.push_back({s.at + s.length, i, false});
    }
    std::sort(changes_.begin(), changes_.end(), [](const change& a, const change& b) {
        return std::tuple(a.at, a.begins, a.surge) < std::tuple(b.at, b.begins, b.surge);
    });
    next_piece();
}

/// Goes on from `end_` to the next change of the rate.
void rate_clock::next_piece() {
    begin_ = end_;
    reached_ += length_;
    for (; change_ != changes_.size() && changes_[change_].at == begin_; ++change_) {
        const auto [at, surge, begins] = changes_[change_];
        const auto place = std::lower_bound(on_.begin(), on_.end(), surge);
        if (begins)
            on_.insert(place, surge);
        else
            on_.erase(place);
    }
    end_ = begin_ / day * day + day;
    if (profile_) end_ = std::min(end_, begin_ + profile_->until_next_hour(begin_));
    if (change_ != changes_.size()) end_ = std::min(end_, changes_[change_].at);
    double factor = portable_exp(log_growth_ * static_cast<double>(begin_ / day));
    for (const std::uint32_t i : on_) factor *= surges_[i].factor;
    const duration flat =
        profile_ ? profile_->operational_time(end_) - profile_->operational_time(begin_) : end_ - begin_;
    const double length = std::nearbyint(static_cast<double>(ticks(flat)) * factor);
    const duration most = longest_input - std::min(reached_, longest_input);
    length_ = length < static_cast<double>(ticks(most)) ? duration{static_cast<std::int64_t>(length)} : most;
}

duration rate_clock::calendar_time(duration s) {
    AMPACITY_ASSERT(s >= duration::zero());
    while (s > reached_ + length_) {
        if (end_ > longest_input - day) return duration::max();
        next_piece();
    }
    if (length_ == duration::zero()) return begin_;
    // Rounded up: the first nanosecond at which the integral has reached it.
    const int128 wanted = std::max(s - reached_, duration::zero()).count();
    const int128 part = (wanted * ticks(end_ - begin_) + ticks(length_) - 1) / ticks(length_);
    return begin_ + duration{static_cast<std::int64_t>(part)};
}

duration rate_clock::operational_time(duration t) {
    AMPACITY_ASSERT(t >= begin_ && t <= longest_input);
    while (t >= end_ && end_ <= longest_input - day) next_piece();
    const int128 part = static_cast<int128>(ticks(t - begin_)) * ticks(length_) / ticks(end_ - begin_);
    return reached_ + duration{static_cast<std::int64_t>(part)};
}

}  // namespace ampacity::workload
