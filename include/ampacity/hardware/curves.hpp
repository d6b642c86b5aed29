#pragma once
/// \file
/// Curves of power devices as points: efficiency against load, and the time an overload is borne.
///
/// Loads are shares of the rating. Plain data; `efficiency_curve::at` is O(points).

#include <ampacity/core/time.hpp>

#include <cstddef>
#include <vector>

namespace ampacity::hardware {

/// One point of an efficiency curve.
struct efficiency_point {
    double load = 0;        ///< of the rating [1]
    double efficiency = 1;  ///< output / input [1]

    friend bool operator==(const efficiency_point&, const efficiency_point&) = default;
};

/// Output over input against load. No points: no loss.
struct efficiency_curve {
    std::vector<efficiency_point> points{};  ///< by rising load

    /// Linear between the points, constant outside of them.
    [[nodiscard]] double at(double load) const {
        if (points.empty()) return 1;
        std::size_t i = 0;
        while (i < points.size() && points[i].load < load) ++i;
        if (i == 0) return points.front().efficiency;
        if (i == points.size()) return points.back().efficiency;
        const auto& [from, low] = points[i - 1];
        const auto& [to, high] = points[i];
        return low + (high - low) * (load - from) / (to - from);
    }
    friend bool operator==(const efficiency_curve&, const efficiency_curve&) = default;
};

/// One point of a tolerance curve.
struct overload_point {
    double load = 1;  ///< of the rating [1]
    duration time{};  ///< until the device trips [ns]

    friend bool operator==(const overload_point&, const overload_point&) = default;
};

/// How long an overload is borne: see `power::trip_curve` for what lies between the points.
struct overload_curve {
    double holds = 1;                      ///< the load that is borne without end, of the rating [1]
    std::vector<overload_point> points{};  ///< by rising load, falling time; all above `holds`

    friend bool operator==(const overload_curve&, const overload_curve&) = default;
};

}  // namespace ampacity::hardware
