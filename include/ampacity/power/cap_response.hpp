#pragma once
/// \file
/// How fast work goes under a power cap.
///
/// With p = cap / uncapped draw of the phase: 1 for p >= 1; 1 - scale (1 - p)^exponent down to `knee`; below it a
/// straight line to `floor` at the lowest limit, which is held below that. The defaults fit the published points of
/// GB200 (performance 0.95 at 1000 of 1200 W); a phase that is bound by memory has an exponent of its own. Monotone in
/// the cap. Values; pure functions.

#include <ampacity/core/error.hpp>
#include <ampacity/core/math.hpp>

namespace ampacity::power {

struct cap_response {
    double scale = 1.5;
    double exponent = 1.9;
    double knee = 0.35;   ///< over the uncapped draw: where the straight line begins
    double lowest = 0.2;  ///< over the uncapped draw: the lowest limit
    double floor = 0.1;   ///< performance there; above 0

    /// \pre 0 <= lowest < knee < 1, floor in (0, performance at the knee]
    void check() const {
        AMPACITY_ASSERT(scale >= 0 && exponent >= 1 && lowest >= 0 && lowest < knee && knee < 1);
        AMPACITY_ASSERT(floor > 0 && floor <= at(knee));
    }

    /// Performance over that without a cap, at p = cap / uncapped draw: 0 < it <= 1.
    [[nodiscard]] double performance(double p) const noexcept {
        if (p >= 1) return 1;
        if (p >= knee) return at(p);
        if (p <= lowest) return floor;
        return floor + (at(knee) - floor) * (p - lowest) / (knee - lowest);
    }

private:
    [[nodiscard]] double at(double p) const noexcept {
        return 1 - scale * portable_exp(exponent * portable_log(1 - p));
    }
};

}  // namespace ampacity::power
