#pragma once
/// \file
/// The temperature of a chip, tray or loop as one lumped resistance and capacity.
///
/// T' = (coolant + R P - T) / tau: for constant power and coolant the exact exponential, at any step; when it crosses a
/// limit follows in closed form. Without flow the part is adiabatic: T' = P / C. Values; pure functions.

#include <ampacity/core/math.hpp>

#include <limits>

namespace ampacity::power {

struct thermal_mass {
    double k_per_w = 0.03;  ///< to the coolant [K/W]
    double tau_s = 12;      ///< [s]

    /// Heat capacity tau / R [J/K].
    [[nodiscard]] constexpr double j_per_k() const noexcept { return tau_s / k_per_w; }
    /// Where it settles [degC].
    [[nodiscard]] constexpr double settled_c(double power_w, double coolant_c) const noexcept {
        return coolant_c + k_per_w * power_w;
    }
    /// After `dt_s` at constant power and coolant, from `temperature_c` [degC].
    [[nodiscard]] double after_c(double temperature_c, double power_w, double coolant_c, double dt_s) const noexcept {
        const double end = settled_c(power_w, coolant_c);
        return temperature_c + (end - temperature_c) * -portable_expm1(-dt_s / tau_s);
    }
    /// Time until it reaches `limit_c`, from either side; infinite if it never does, 0 if it is there. [s]
    [[nodiscard]] double time_to_s(double limit_c, double temperature_c, double power_w,
                                   double coolant_c) const noexcept {
        if (temperature_c == limit_c) return 0;
        const double end = settled_c(power_w, coolant_c);
        const double ratio = (end - limit_c) / (end - temperature_c);
        if (!(ratio > 0 && ratio < 1)) return std::numeric_limits<double>::infinity();
        return -tau_s * portable_log(ratio);
    }
    /// [K/s] without flow.
    [[nodiscard]] constexpr double adiabatic_k_per_s(double power_w) const noexcept { return power_w / j_per_k(); }
};

}  // namespace ampacity::power
