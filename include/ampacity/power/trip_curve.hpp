#pragma once
/// \file
/// How long a breaker, a UPS or a transformer carries more than its rating, and when it trips under a load that varies.
///
/// The curve is time over load: between finite points log(time) is linear in log(load). At or below `hold` it never
/// trips; between `hold` and the first point (x1, t1) the time is t1 (x1 - hold) / (x - hold); beyond the last point it
/// is that of the last point. Under a varying load damage grows by dt / time(load) and the device trips at 1; at or
/// below `hold` it shrinks by dt / cooldown. Published curves name their limits (UL 489: at the latest), so a trip is
/// the earliest or the latest that is possible; which one is a property of the data. Values; pure functions.

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/hardware/curves.hpp>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <vector>

namespace ampacity::power {

class trip_curve {
public:
    /// No curve: the device never trips.
    trip_curve() = default;
    /// \pre points with rising loads above `holds`, falling times above 0
    explicit trip_curve(const hardware::overload_curve& c);

    /// Time to trip at a constant load, from the cold; infinite at or below `hold`. [s]
    [[nodiscard]] double time_s(double load) const noexcept;
    /// The largest load that it carries for good, over the rating.
    [[nodiscard]] double hold() const noexcept { return hold_; }

private:
    double hold_ = std::numeric_limits<double>::infinity();
    struct point {
        double load = 1;
        double time_s = 0;
    };
    std::vector<point> points_;
};

/// The damage of one device. `set` and `advance` never go back in time.
class overload {
public:
    /// `curve` outlives it.
    explicit overload(const trip_curve& curve, duration cooldown = std::chrono::minutes{10})
        : curve_(&curve), cooldown_s_(to_seconds(cooldown)) {}

    /// The load over the rating from `now` on.
    void set(instant now, double load) noexcept {
        advance(now);
        load_ = load;
        time_s_ = curve_->time_s(load);
    }
    /// \pre not beyond `trips_at()`
    void advance(instant now) noexcept {
        damage_ = damage_at(now);
        since_ = now;
    }
    /// 0 to 1.
    [[nodiscard]] double damage_at(instant now) const noexcept {
        const double dt = to_seconds(now - since_);
        if (time_s_ != std::numeric_limits<double>::infinity()) return std::min(1.0, damage_ + dt / time_s_);
        return std::max(0.0, damage_ - dt / cooldown_s_);
    }
    /// When it trips if the load stays as it is, to the nanosecond; `never` if it does not.
    [[nodiscard]] instant trips_at() const noexcept {
        if (time_s_ == std::numeric_limits<double>::infinity()) return never;
        return add_saturating(since_, round_to_duration((1 - damage_) * time_s_));
    }
    /// Closed again after a trip, cold.
    void reset(instant now) noexcept {
        damage_ = 0;
        since_ = now;
        load_ = 0;
        time_s_ = std::numeric_limits<double>::infinity();
    }
    [[nodiscard]] double load() const noexcept { return load_; }

private:
    const trip_curve* curve_;
    double cooldown_s_;
    double load_ = 0;
    double time_s_ = std::numeric_limits<double>::infinity();  // to trip at this load
    double damage_ = 0;                                        // at since_
    instant since_ = start_of_time;
};

}  // namespace ampacity::power
