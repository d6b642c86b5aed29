#pragma once
/// \file
/// How fast work goes under a power cap.
///
/// With p = cap / uncapped draw of the phase: 1 for p >= 1; the fit of the catalogue, 1 - loss (1 - p)^exponent, down
/// to the smallest p that it is good for; below it a straight line to `floor` at the lowest limit, which is held below
/// that. Phases that are bound by memory have a fit of their own. Monotone in the cap. Values; pure functions.

#include <ampacity/core/error.hpp>
#include <ampacity/core/math.hpp>
#include <ampacity/hardware/accelerator.hpp>

namespace ampacity::power {

class cap_response {
public:
    /// `lowest`: the lowest limit, over the uncapped draw; `floor`: performance there.
    /// \pre 0 <= lowest < fit.valid_from < 1, 0 < floor <= performance at valid_from
    cap_response(const hardware::cap_response& fit, double lowest, double floor)
        : fit_(fit), lowest_(lowest), floor_(floor) {
        AMPACITY_ASSERT(fit.loss >= 0 && fit.exponent >= 1 && fit.valid_from < 1);
        AMPACITY_ASSERT(lowest >= 0 && lowest < fit.valid_from && floor > 0 && floor <= fitted(fit.valid_from));
    }

    /// Performance over that without a cap, at p = cap / uncapped draw: 0 < it <= 1.
    [[nodiscard]] double performance(double p) const noexcept {
        if (p >= 1) return 1;
        if (p >= fit_.valid_from) return fitted(p);
        if (p <= lowest_) return floor_;
        return floor_ + (fitted(fit_.valid_from) - floor_) * (p - lowest_) / (fit_.valid_from - lowest_);
    }

private:
    [[nodiscard]] double fitted(double p) const noexcept {
        return 1 - fit_.loss * portable_exp(fit_.exponent * portable_log(1 - p));
    }

    hardware::cap_response fit_;
    double lowest_;
    double floor_;
};

}  // namespace ampacity::power
