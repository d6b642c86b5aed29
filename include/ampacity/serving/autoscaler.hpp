#pragma once
/// \file
/// How many replicas a service should have: observations in, a wanted count out.
///
/// A decision follows from the load since the last one, by the policy (docs/serving.md); the count is then held in
/// min .. max. It rises to the lowest count that decisions of the last `up_delay` have asked for, and falls to the
/// highest of the last `down_delay`: what was asked for less long is no reason. The first count stands for the
/// decision of time 0. A schedule is followed at once. O(1) amortised; nothing is drawn; not thread-safe.

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

namespace ampacity::serving {

enum class scaling_policy : std::uint8_t {
    fixed,               ///< the first count, always
    target_utilisation,  ///< seats for the requests in the service on average, of which `target` is taken
    queue,               ///< seats for the requests that run, and a replica more for each `target` that wait
    slo,                 ///< more while fewer than `target` of the requests meet their targets
    schedule,            ///< by time of the period
};

/// Their names in scenarios, by value.
inline constexpr std::array<std::string_view, 5> scaling_policy_names{"fixed", "target-utilisation", "queue", "slo",
                                                                      "schedule"};

/// So many from then on.
struct scheduled_replicas {
    duration at{};  ///< into the period
    std::uint32_t replicas = 0;
};

struct autoscaler_options {
    scaling_policy policy = scaling_policy::fixed;
    std::uint32_t first = 1;  ///< at time 0, min .. max; a schedule says itself
    std::uint32_t min = 1;
    std::uint32_t max = 1;
    duration interval = std::chrono::seconds{30};  ///< between decisions; > 0
    duration up_delay{};
    duration down_delay{};
    double target = 0.7;                         ///< by policy; > 0
    std::int64_t seats = 1;                      ///< requests that run at a time on a replica
    std::vector<scheduled_replicas> schedule{};  ///< rising, in the period, each min .. max
    duration period = std::chrono::hours{24};
    duration offset{};  ///< how far into the period time 0 lies; below it
};

/// What has been seen since the last decision, or since time 0.
struct scaling_observation {
    instant now{};
    duration since{};          ///< how long that is; > 0
    std::int64_t running = 0;  ///< requests, now
    std::int64_t waiting = 0;  ///< the same, at replicas and at the router
    int128 request_ns = 0;     ///< requests in the service x time [ns]
    std::uint64_t left = 0;    ///< requests that left
    std::uint64_t met = 0;     ///< of these, within their targets
};

class autoscaler {
public:
    /// \pre options within their ranges
    explicit autoscaler(const autoscaler_options& options);

    /// min .. max
    [[nodiscard]] std::uint32_t wanted() const noexcept { return wanted_; }
    /// The next decision after `now`; never: there is none.
    [[nodiscard]] instant next(instant now) const noexcept;
    /// \pre later than the decision before
    std::uint32_t decide(const scaling_observation& o);
    /// What a schedule says. \pre it is one
    [[nodiscard]] std::uint32_t scheduled(instant at) const noexcept;

private:
    struct asked {
        instant at{};
        std::uint32_t replicas = 0;
    };
    [[nodiscard]] std::uint32_t asked_for(const scaling_observation& o) const noexcept;
    [[nodiscard]] std::uint32_t clamped(double replicas) const noexcept;
    [[nodiscard]] duration into_period(instant at) const noexcept;

    autoscaler_options options_;
    std::uint32_t wanted_;
    std::deque<asked> low_;   // of the last `up_delay`: rising, the first is the lowest
    std::deque<asked> high_;  // of the last `down_delay`: falling, the first is the highest
};

}  // namespace ampacity::serving
