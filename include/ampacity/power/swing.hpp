#pragma once
/// \file
/// How much the power of synchronous training swings, and what storage and floors leave of that.
///
/// A job alternates between compute and communication: a square wave of height dP at a frequency f. Storage of E joules
/// beside the load takes 4 f E off it (half a period at dP / 2 each way), so max(0, dP - 4 f E) is left on the feed. A
/// power floor lifts the valleys and costs energy. Many jobs on one feed add up to at most the sum of their swings
/// (all in step), and to the root of the sum of their squares if they run independently. Pure functions.

#include <algorithm>
#include <cmath>
#include <span>

namespace ampacity::power {

/// [W] left of a swing of `swing_w` at `hz` by storage of `storage_j`.
[[nodiscard]] constexpr double residual_swing_w(double swing_w, double hz, double storage_j) noexcept {
    return std::max(0.0, swing_w - 4 * hz * storage_j);
}
/// [W] of storage's share at most: what it smooths at `hz`.
[[nodiscard]] constexpr double smoothed_w(double hz, double storage_j) noexcept { return 4 * hz * storage_j; }

/// Peaks and valleys of a load.
struct swing {
    double high_w = 0;
    double low_w = 0;
    double share_low = 0.5;  ///< of the time

    [[nodiscard]] constexpr double height_w() const noexcept { return high_w - low_w; }
    [[nodiscard]] constexpr double mean_w() const noexcept { return high_w - share_low * (high_w - low_w); }
    /// With a floor below which it does not fall.
    [[nodiscard]] constexpr swing with_floor(double floor_w) const noexcept {
        return {.high_w = std::max(high_w, floor_w), .low_w = std::max(low_w, floor_w), .share_low = share_low};
    }
};

/// [W] on average of a load of `mean_w` that falls to `low_w` for this share of the time, with a floor below which it
/// does not fall: its valleys are lifted, and all of it where its peaks, too, are below the floor.
[[nodiscard]] constexpr double mean_with_floor_w(double mean_w, double low_w, double share_low,
                                                 double floor_w) noexcept {
    return floor_w > low_w ? std::max(floor_w, mean_w + share_low * (floor_w - low_w)) : mean_w;
}

/// The most that swings on one feed can add up to [W].
[[nodiscard]] inline double coherent_w(std::span<const double> swings_w) noexcept {
    double sum = 0;
    for (const double w : swings_w) sum += w;
    return sum;
}
/// What independent ones add up to [W].
[[nodiscard]] inline double incoherent_w(std::span<const double> swings_w) noexcept {
    double sum = 0;
    for (const double w : swings_w) sum += w * w;
    return std::sqrt(sum);
}
/// [W/s] of a swing that takes place within `transition_s`.
[[nodiscard]] constexpr double ramp_w_per_s(double residual_w, double transition_s) noexcept {
    return residual_w / transition_s;
}

}  // namespace ampacity::power
