#pragma once
/// \file
/// What cooling takes: its power at an outdoor temperature, and its water.
///
/// All IT power becomes heat that a plant removes. Pumps of coolant units and fans take their share of the heat that
/// goes their way, in any weather; chillers take heat / COP, with COP = rated_cop (1 + slope (T - rated_outdoor)), but
/// none up to `free_below_c`. The heat of pumps and fans themselves is left out. Where no weather is known, or a
/// cooling has no chiller, its share of IT power is the mean of a year. Pure functions.

#include <ampacity/hardware/cooling.hpp>

#include <algorithm>
#include <optional>

namespace ampacity::power {

/// The least COP that a chiller is taken to have; far beyond its range the straight line would fall to 0 and below.
inline constexpr double least_cop = 1.0;

/// Heat / power of chillers at this outdoor temperature [1].
[[nodiscard]] inline double chiller_cop(const hardware::chiller& c, double outdoor_c) {
    return std::max(least_cop, c.rated_cop * (1 + c.slope_per_k * (outdoor_c - c.rated_outdoor_c)));
}

class cooling_plant {
public:
    /// `liquid_share` of the heat goes into liquid, the rest into air; of air cooling nothing goes into liquid.
    explicit cooling_plant(const hardware::cooling& c, double liquid_share = 1)
        : year_share_(c.power_share),
          other_share_(c.other_share.value_or(0)),
          water_m3_per_j_(c.water_m3_per_j),
          chiller_(c.chiller),
          free_below_c_(c.free_below_c) {
        const double liquid = c.kind == hardware::cooling_kind::air ? 0 : liquid_share;
        steady_share_ = c.fan_share.value_or(0) * (1 - liquid) + (c.units ? c.units->pump_share * liquid : 0);
    }

    /// Does its power follow from the weather?
    [[nodiscard]] bool follows_weather() const noexcept { return chiller_.has_value(); }
    /// Cooling power / IT power, mean of a year [1].
    [[nodiscard]] double year_share() const noexcept { return year_share_; }
    /// Of the rest of the building [1].
    [[nodiscard]] double other_share() const noexcept { return other_share_; }
    /// Does no chiller run?
    [[nodiscard]] bool is_free(double outdoor_c) const noexcept { return free_below_c_ && outdoor_c <= *free_below_c_; }
    /// Cooling power / IT power at this outdoor temperature [1]. \pre follows_weather()
    [[nodiscard]] double share(double outdoor_c) const {
        return steady_share_ + (is_free(outdoor_c) ? 0 : 1 / chiller_cop(*chiller_, outdoor_c));
    }
    /// Facility / IT power without electrical losses [1]. \pre follows_weather()
    [[nodiscard]] double pue(double outdoor_c) const { return 1 + share(outdoor_c) + other_share_; }
    /// For this IT energy [m3]: the mean of a year, whatever the weather.
    [[nodiscard]] double water_m3(double it_j) const noexcept { return it_j * water_m3_per_j_; }

private:
    double year_share_, other_share_, water_m3_per_j_;
    double steady_share_ = 0;
    std::optional<hardware::chiller> chiller_;
    std::optional<double> free_below_c_;
};

}  // namespace ampacity::power
