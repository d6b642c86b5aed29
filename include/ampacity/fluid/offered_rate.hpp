#pragma once
/// \file
/// How many requests have come by an instant, as a real number: a rate with a weekly profile and what comes besides for
/// a while, up to a number of them. Exact but for the last bits; O(log 168 + bursts) per call. A plain value.

#include <ampacity/core/time.hpp>
#include <ampacity/workload/rate_profile.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace ampacity::fluid {

/// Requests that come besides.
struct offered_burst {
    duration at{};      ///< since the start
    duration length{};  ///< >= 0
    double rate_per_s = 0;
};

class offered_rate {
public:
    /// `profile` and `week_offset` as of `workload::rate_profile`; an empty profile is flat. \pre rate_per_s > 0
    offered_rate(double rate_per_s, std::uint64_t requests, std::span<const double> profile, duration week_offset,
                 std::vector<offered_burst> bursts = {})
        : rate_per_s_(rate_per_s), requests_(static_cast<double>(requests)), bursts_(std::move(bursts)) {
        if (!profile.empty()) profile_.emplace(profile, week_offset);
    }

    [[nodiscard]] double through(instant at) const {
        const duration since = at - start_of_time;
        const duration operational = profile_ ? profile_->operational_time(since) : since;
        double come = rate_per_s_ * to_seconds(operational);
        for (const offered_burst& b : bursts_)
            come += b.rate_per_s * to_seconds(std::clamp(since - b.at, duration::zero(), b.length));
        return std::min(requests_, come);
    }
    [[nodiscard]] double requests() const noexcept { return requests_; }

private:
    double rate_per_s_;
    double requests_;
    std::vector<offered_burst> bursts_;
    std::optional<workload::rate_profile> profile_{};
};

}  // namespace ampacity::fluid
