#pragma once
/// \file
/// A rack: nodes behind common power shelves, one NVLink domain or several; and blocks of racks.
///
/// Plain data in SI units. An empty optional means that no figure is known.

#include <ampacity/hardware/network.hpp>
#include <ampacity/hardware/node.hpp>
#include <ampacity/hardware/power.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace ampacity::hardware {

/// The NVLink switches of a rack.
struct switch_trays {
    std::uint32_t count = 0;
    std::uint32_t switches_per_tray = 0;
    double power_w = 0;     ///< of all trays at full load [W]
    double idle_share = 1;  ///< of it, without traffic [1]

    friend bool operator==(const switch_trays&, const switch_trays&) = default;
};

/// The power shelves of a rack.
struct rack_shelves {
    power_device shelf{};
    std::uint32_t count = 0;
    power_topology redundancy{};  ///< what it has installed are the sides, each with the same number of shelves

    /// Rated power of all shelves [W].
    [[nodiscard]] double rating_w() const { return count * shelf.rating_w.value_or(0); }
    /// Rated power of those that redundancy needs [W].
    [[nodiscard]] double usable_w() const { return rating_w() * redundancy.usable_share(); }

    friend bool operator==(const rack_shelves&, const rack_shelves&) = default;
};

/// Power of a rack at its AC input.
struct rack_power {
    double nameplate_w = 0;                     ///< what it is planned with [W]
    double idle_w = 0;                          ///< nothing running [W]
    std::optional<double> training_w{};         ///< all GPUs training, at the limits of their modules [W]
    std::optional<double> peak_to_steady{};     ///< transients of less than a second [1]
    std::optional<double> storage_j_per_gpu{};  ///< energy in the shelves that smooths swings [J]
    std::optional<double> grid_peak_cut{};      ///< by that storage, as measured by its maker [1]

    friend bool operator==(const rack_power&, const rack_power&) = default;
};

/// A rack, or the racks of one NVLink domain.
struct rack {
    std::string name{};
    hardware::node node{};
    std::uint32_t nodes = 0;
    std::uint32_t cabinets = 1;            ///< that it stands in
    std::optional<network_tier> nvlink{};  ///< the domain of all its GPUs; none: see that of the node
    std::optional<switch_trays> switches{};
    rack_power power{};
    std::optional<rack_shelves> shelves{};        ///< none: each node has its power supplies
    std::optional<double> liquid_share{};         ///< of the heat, that goes into liquid [1]
    std::optional<double> mass_kg{};              ///< [kg]
    std::optional<double> width_m{};              ///< of a cabinet [m]
    std::optional<double> depth_m{};              ///< of a cabinet [m]
    std::optional<double> price_usd{};            ///< [USD]
    std::optional<double> price_installed_usd{};  ///< with its share of the building and its power [USD]
    std::optional<double> rent_usd_s{};           ///< [USD/s]
    std::optional<double> embodied_kg{};          ///< of CO2e [kg]

    [[nodiscard]] std::uint32_t gpus() const { return nodes * node.gpus; }
    /// HBM of all GPUs [B].
    [[nodiscard]] double memory_b() const { return nodes * node.memory_b(); }
    /// AC input for this power at the nodes' inputs and the switches, the shelves sharing it [W].
    [[nodiscard]] double at_input(double parts_w) const {
        return shelves ? parts_w / shelves->shelf.efficiency.at(parts_w / shelves->rating_w()) : parts_w;
    }
    /// AC input, summed over the parts, with all GPUs at their limits, or at those of the modules [W].
    [[nodiscard]] double full_power_w() const {
        return at_input(nodes * node.full_power_w() + (switches ? switches->power_w : 0));
    }
    /// AC input, summed over the parts, with nothing running [W].
    [[nodiscard]] double idle_power_w() const {
        return at_input(nodes * node.idle_power_w() + (switches ? switches->power_w * switches->idle_share : 0));
    }
    /// Energy that smooths swings [J].
    [[nodiscard]] double storage_j() const { return gpus() * power.storage_j_per_gpu.value_or(0); }

    friend bool operator==(const rack&, const rack&) = default;
};

/// A scalable unit: racks that are bought, wired and fed together.
struct block {
    std::string name{};
    hardware::rack rack{};
    std::uint32_t racks = 0;
    double nameplate_w = 0;                     ///< with its network [W]
    std::optional<std::uint32_t> most_racks{};  ///< of a cluster of such blocks
    std::optional<double> storage_read_b_s{};   ///< of the file system [B/s]
    std::optional<double> storage_write_b_s{};  ///< of the file system [B/s]

    [[nodiscard]] std::uint32_t gpus() const { return racks * rack.gpus(); }

    friend bool operator==(const block&, const block&) = default;
};

}  // namespace ampacity::hardware
