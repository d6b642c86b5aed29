#pragma once
/// \file
/// A region: its grid's carbon, its price of energy, its climate and what its sites report of power and water.
///
/// Plain data in SI units, temperatures in degrees Celsius. An empty optional means that no figure is known. `pue` as
/// it is reported holds the losses of the electrical chain: do not count them twice.

#include <ampacity/core/time.hpp>

#include <optional>
#include <string>
#include <vector>

namespace ampacity::hardware {

/// Carbon dioxide equivalent per energy.
struct grid_carbon {
    double mean_kg_per_j = 0;                   ///< of what is consumed, over its life cycle [kg/J]
    std::optional<double> direct_kg_per_j{};    ///< of what is consumed, at the power plants only [kg/J]
    std::optional<double> marginal_kg_per_j{};  ///< of one more kilowatt-hour [kg/J]
    std::optional<double> market_kg_per_j{};    ///< after the operator's contracts and certificates [kg/J]

    friend bool operator==(const grid_carbon&, const grid_carbon&) = default;
};

/// What an hour of the day (UTC) has of the mean of a year.
struct hour_share {
    duration hour{};
    double share = 1;  ///< [1]

    friend bool operator==(const hour_share&, const hour_share&) = default;
};
/// What an hour of the day (UTC) is above the mean of a year.
struct hour_step {
    duration hour{};
    double kelvin = 0;  ///< [K]

    friend bool operator==(const hour_step&, const hour_step&) = default;
};
/// The 24 hours of a day.
struct daily_shares {
    std::vector<hour_share> points{};
    friend bool operator==(const daily_shares&, const daily_shares&) = default;
};
struct daily_steps {
    std::vector<hour_step> points{};
    friend bool operator==(const daily_steps&, const daily_steps&) = default;
};

/// Mean days of the winter half of a year, October to March, and of the summer half.
struct daily_profile {
    std::optional<daily_shares> carbon_winter{}, carbon_summer{};
    std::optional<daily_shares> price_winter{}, price_summer{};
    std::optional<daily_steps> weather_winter{}, weather_summer{};

    friend bool operator==(const daily_profile&, const daily_profile&) = default;
};

/// A place where sites stand.
struct region {
    std::string name{};
    double latitude_deg = 0;                    ///< north is positive [deg]
    double longitude_deg = 0;                   ///< east is positive [deg]
    std::string grid_zone{};                    ///< as in published series of carbon and prices
    std::optional<std::string> weather_zone{};  ///< as in published series of weather
    grid_carbon carbon{};
    double pue = 1;              ///< facility / IT energy, of a year [1]
    double water_m3_per_j = 0;   ///< of IT energy [m3/J]
    double price_usd_per_j = 0;  ///< of energy for industry [USD/J]
    double mean_c = 0;           ///< outdoor temperature, of a year [degC]
    double design_c = 0;         ///< of a hot summer day [degC]
    std::optional<daily_profile> daily{};

    friend bool operator==(const region&, const region&) = default;
};

}  // namespace ampacity::hardware
