#pragma once
/// \file
/// A network tier: the NVLink domain of a node or rack, rails of NICs, a cloud's fabric.
///
/// Plain data in SI units. An empty optional means that no figure is known.

#include <ampacity/core/time.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace ampacity::hardware {

/// What a tier connects.
enum class network_kind : std::uint8_t {
    nvlink,  ///< GPUs of one domain
    rail,    ///< NICs of nodes, one rail per GPU of a node
    efa,     ///< NICs of a cloud's instances
};

/// A network tier as one GPU sees it.
struct network_tier {
    std::string name{};
    network_kind kind = network_kind::rail;
    double bandwidth_b_s = 0;                    ///< per GPU and direction [B/s]
    std::optional<std::uint32_t> domain_gpus{};  ///< GPUs that reach each other over it; none: all of a site
    std::optional<duration> latency{};           ///< of one step of a collective, alpha
    std::optional<double> bus_bandwidth_b_s{};   ///< of a large all-reduce, as NCCL counts it [B/s]
    std::optional<double> bisection_b_s{};       ///< of the whole fabric [B/s]

    friend bool operator==(const network_tier&, const network_tier&) = default;
};

}  // namespace ampacity::hardware
