#pragma once
/// \file
/// A node: GPUs under one operating system; a server, a compute tray of a rack or an instance of a cloud.
///
/// Plain data in SI units. An empty optional means that no figure is known.

#include <ampacity/hardware/accelerator.hpp>
#include <ampacity/hardware/network.hpp>
#include <ampacity/hardware/power.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

namespace ampacity::hardware {

/// Superchips: CPU and GPUs with one power limit.
struct node_modules {
    std::uint32_t count = 0;    ///< in the node
    double limit_w = 0;         ///< largest, and default, power limit of one [W]
    double lowest_limit_w = 0;  ///< smallest power limit of one [W]

    friend bool operator==(const node_modules&, const node_modules&) = default;
};

/// What a node takes at its input, and its parts behind `converter`.
struct node_power {
    std::optional<double> nameplate_w{};  ///< by its maker [W]
    double cpus_w = 0;                    ///< CPUs with memory at full load; 0: part of `rest_w` [W]
    double cpus_idle_w = 0;               ///< the same, idle [W]
    double rest_w = 0;                    ///< all but GPUs and CPUs, at full load: NICs, disks, fans [W]
    double rest_idle_w = 0;               ///< the same, idle [W]

    friend bool operator==(const node_power&, const node_power&) = default;
};

/// A node.
struct node {
    std::string name{};
    accelerator gpu{};
    std::uint32_t gpus = 0;
    std::optional<std::uint32_t> cpus{};          ///< sockets
    std::optional<std::uint32_t> virtual_cpus{};  ///< of an instance
    std::optional<double> host_memory_b{};        ///< [B]
    std::optional<double> disk_b{};               ///< local NVMe [B]
    std::optional<node_modules> modules{};
    node_power power{};
    std::optional<power_device> converter{};  ///< between the input and the parts; none: losses are part of `rest_w`
    std::optional<network_tier> nvlink{};     ///< the domain, if it ends at the node
    std::optional<network_tier> network{};    ///< to other nodes
    std::optional<double> liquid_share{};     ///< of the heat, that goes into liquid [1]
    std::optional<double> rent_usd_s{};       ///< on demand [USD/s]

    /// HBM of all GPUs [B].
    [[nodiscard]] double memory_b() const { return gpus * gpu.memory_b; }
    /// Input power with all GPUs at their limits, or at those of the modules [W].
    [[nodiscard]] double full_power_w() const {
        double chips = gpus * gpu.power.limit_w + power.cpus_w;
        if (modules) chips = std::min(chips, modules->count * modules->limit_w);
        return at_input(chips + power.rest_w);
    }
    /// Input power with nothing running [W].
    [[nodiscard]] double idle_power_w() const {
        return at_input(gpus * gpu.power.idle_w + power.cpus_idle_w + power.rest_idle_w);
    }
    /// Input power for this power of all the parts, the converter at its rated load [W].
    [[nodiscard]] double at_input(double parts_w) const {
        return converter ? parts_w / converter->efficiency.at(1) : parts_w;
    }
    friend bool operator==(const node&, const node&) = default;
};

}  // namespace ampacity::hardware
