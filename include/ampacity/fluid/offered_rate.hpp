#pragma once
/// \file
/// How many requests have come by an instant, as a real number: a rate with a weekly profile, growth and surges, up to
/// a number of them. Exact but for the last bits; O(log 168) per call, with growth or surges O(1) per hour that is
/// passed. One thread at a time.

#include <ampacity/core/time.hpp>
#include <ampacity/workload/rate_clock.hpp>
#include <ampacity/workload/rate_profile.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace ampacity::fluid {

class offered_rate {
public:
    /// `profile` and `week_offset` as of `workload::rate_profile`; an empty profile is flat. \pre rate_per_s > 0
    offered_rate(double rate_per_s, std::uint64_t requests, std::span<const double> profile, duration week_offset,
                 const workload::rate_trend& trend = {})
        : rate_per_s_(rate_per_s), requests_(static_cast<double>(requests)) {
        if (!profile.empty()) profile_.emplace(profile, week_offset);
        if (!trend.is_flat()) trend_.emplace(profile_, trend);
    }

    /// \pre where the rate has a trend: not before the instant of the call before
    [[nodiscard]] double through(instant at) {
        const duration since = at - start_of_time;
        const duration operational = trend_     ? trend_->operational_time(since)
                                     : profile_ ? profile_->operational_time(since)
                                                : since;
        return std::min(requests_, rate_per_s_ * to_seconds(operational));
    }
    [[nodiscard]] double requests() const noexcept { return requests_; }

private:
    double rate_per_s_;
    double requests_;
    std::optional<workload::rate_profile> profile_{};
    std::optional<workload::rate_clock> trend_{};  // instead of it, where there is one
};

}  // namespace ampacity::fluid
