#pragma once
/// \file
/// Cooling of a hall: how much power and water it takes, the temperature of its water, its loops and its chillers.
///
/// Plain data in SI units, temperatures in degrees Celsius. An empty optional means that no figure is known.

#include <cstdint>
#include <optional>
#include <string>

namespace ampacity::hardware {

/// Where the heat goes first.
enum class cooling_kind : std::uint8_t { air, liquid };

/// Coolant distribution units between the loops of the racks and that of the building.
struct coolant_units {
    double rating_w = 0;          ///< heat that one takes [W]
    double approach_k = 0;        ///< coolant above facility water [K]
    double pump_share = 0;        ///< power of the pumps, of the heat [1]
    std::uint32_t installed = 1;  ///< in a group
    std::uint32_t needed = 1;     ///< of them

    friend bool operator==(const coolant_units&, const coolant_units&) = default;
};

/// Chillers: COP = rated_cop (1 + slope (T_outdoor - rated_outdoor)).
struct chiller {
    double rated_cop = 1;        ///< heat / power [1]
    double slope_per_k = 0;      ///< [1/K]
    double rated_outdoor_c = 0;  ///< [degC]

    friend bool operator==(const chiller&, const chiller&) = default;
};

/// A way to cool a hall.
struct cooling {
    std::string name{};
    cooling_kind kind = cooling_kind::air;
    double power_share = 0;               ///< of IT power, mean of a year [1]
    std::optional<double> other_share{};  ///< lights and the like, of IT power [1]
    double water_m3_per_j = 0;            ///< of IT energy [m3/J]
    std::optional<double> supply_c{};     ///< facility water, or air at the inlet [degC]
    std::optional<coolant_units> units{};
    std::optional<double> flow_m3_s_per_w{};          ///< of the racks' coolant [m3/s/W]
    std::optional<double> loop_rise_k{};              ///< of the coolant in a rack [K]
    std::optional<double> rack_loop_j_per_k{};        ///< coolant of one rack [J/K]
    std::optional<double> site_loop_j_per_k_per_w{};  ///< facility water, per W of heat [J/K/W]
    std::optional<double> fan_share{};                ///< power of fans, of the heat that goes into air [1]
    std::optional<hardware::chiller> chiller{};
    std::optional<double> free_below_c{};  ///< outdoor temperature up to which no chiller runs [degC]

    friend bool operator==(const cooling&, const cooling&) = default;
};

}  // namespace ampacity::hardware
