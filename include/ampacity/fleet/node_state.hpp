#pragma once
/// \file
/// What a node can be used for. A plain value.

#include <cstdint>

namespace ampacity::fleet {

/// Whether a node takes jobs.
enum class node_state : std::uint8_t {
    uncommissioned,  ///< installed, not yet in service
    up,              ///< takes jobs
    draining,        ///< keeps its jobs, takes no new ones
    down,            ///< failed
    closed,          ///< out of service as planned
};

}  // namespace ampacity::fleet
