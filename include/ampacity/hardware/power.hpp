#pragma once
/// \file
/// Power delivery: devices between the utility and the chip, how sources stand in for each other, how loads are capped.
///
/// Plain data in SI units. An empty optional means that no figure is known.

#include <ampacity/core/time.hpp>
#include <ampacity/hardware/curves.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::hardware {

/// What a device does.
enum class power_device_kind : std::uint8_t {
    feed,  ///< of a utility
    transformer,
    cable,
    switchgear,
    generator,
    ups,
    pdu,  ///< with or without a transfer switch
    busway,
    shelf,      ///< of rectifiers in a rack
    busbar,     ///< of a rack
    converter,  ///< between DC voltages
    breaker,
};

/// A device, or a kind of devices.
struct power_device {
    std::string name{};
    power_device_kind kind = power_device_kind::feed;
    std::optional<double> rating_w{};            ///< largest continuous output [W]
    std::optional<double> rating_va{};           ///< the same as apparent power [VA]
    std::optional<double> output_v{};            ///< [V]
    std::optional<std::uint32_t> modules{};      ///< power supplies in a shelf
    efficiency_curve efficiency{};               ///< output / input against load
    std::optional<double> eco_efficiency{};      ///< of a UPS in its bypass mode [1]
    std::optional<overload_curve> overload{};    ///< none: overloads are not modelled
    std::optional<double> hot_factor{};          ///< times the tolerated time in a hot room [1]
    std::optional<double> continuous_load{};     ///< largest load that may be planned, of the rating [1]
    std::optional<duration> battery{};           ///< ride-through at full load
    std::optional<double> recharge{};            ///< drawn to fill the battery, of the rating [1]
    std::optional<double> battery_efficiency{};  ///< kept of that [1]
    std::optional<duration> start{};             ///< of a generator, until it carries load
    std::optional<double> fuel_m3_per_j{};       ///< of a generator [m3/J]
    std::optional<duration> tank{};              ///< of a generator: its fuel, at its rating
    std::optional<double> fuel_usd_per_j{};      ///< of a generator, of what it makes [USD/J]
    std::optional<double> fuel_kg_per_j{};       ///< of a generator, CO2e of what it makes [kg/J]
    std::optional<duration> lead_time{};         ///< from order to delivery

    friend bool operator==(const power_device&, const power_device&) = default;
};

/// How sources stand in for each other: `needed` of `installed` carry the whole load.
struct power_topology {
    std::string name{};
    std::uint32_t installed = 1;                      ///< sources in one group: UPS line-ups, sides of shelves, feeds
    std::uint32_t needed = 1;                         ///< of them, to carry all of the load
    std::uint32_t feeds_per_load = 1;                 ///< sources that one rack or row is connected to
    bool idle_reserve = false;                        ///< the spare source carries nothing in normal operation
    std::optional<std::uint32_t> load_spread_over{};  ///< sources that share the load of a failed one
    std::optional<duration> transfer{};               ///< of a transfer switch; none: the load moves at once
    std::optional<duration> shed_within{};            ///< excess load must be gone by then
    std::optional<double> stranded_share{};           ///< largest share of the power that no load can use [1]
    std::vector<power_device> stages{};               ///< from the utility to the rack

    /// The share of all sources that load may be planned for [1].
    [[nodiscard]] double usable_share() const { return static_cast<double>(needed) / static_cast<double>(installed); }
    /// Output / input of all stages, each at this share of its rating [1].
    [[nodiscard]] double efficiency(double load) const {
        double product = 1;
        for (const power_device& d : stages) product *= d.efficiency.at(load);
        return product;
    }
    friend bool operator==(const power_topology&, const power_topology&) = default;
};

/// A hall: rows of racks behind the sources of one group.
struct hall {
    std::string name{};
    power_topology topology{};
    std::uint32_t racks_per_row = 1;
    std::uint32_t rows = 1;
    std::optional<power_device> generator{};  ///< of each source, or of the site; none: the utility alone
    std::optional<double> generator_share{};  ///< its rating, of that of what it feeds [1]
    std::optional<bool> generator_of_site{};  ///< one set for the site, in place of one per source

    [[nodiscard]] std::uint32_t racks() const { return racks_per_row * rows; }

    friend bool operator==(const hall&, const hall&) = default;
};

/// A way to lower the power of loads.
struct cap_control {
    std::string name{};
    duration latency{};                ///< from the decision until the power has moved
    std::optional<duration> settle{};  ///< until it stays there
    std::optional<duration> period{};  ///< between two decisions of a controller
    std::optional<double> clamp_hz{};  ///< the clock that it forces [Hz]

    friend bool operator==(const cap_control&, const cap_control&) = default;
};

}  // namespace ampacity::hardware
