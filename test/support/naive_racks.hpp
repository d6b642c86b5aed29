#pragma once
/// \file
/// The naive placers on racks: written from docs/placement.md alone, that the engine's are compared with.
///
/// They keep no index: every question looks at every node, `topology` tries every set of racks. Cost: exponential in
/// the racks; meant for about ten. Pure functions, any thread.

#include "support/naive_replay.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace naive {

/// What jobs have of the racks of a fleet.
struct rack_space {
    std::vector<std::uint64_t> held{};  ///< (nodes) GPUs that jobs hold
    std::vector<bool> out{};            ///< (nodes) not in service
    std::vector<bool> locked{};         ///< (racks) belongs to an exclusive job
};

/// A fleet with nobody on it.
rack_space empty_racks(const fleet& where);

/// The row of the first node of a rack.
std::uint32_t first_node_of(const fleet& where, std::uint32_t rack);
/// The rack of a node.
std::uint32_t rack_of_node(const fleet& where, std::uint32_t node);

/// GPUs of the node that a job could get, as a mask.
std::uint64_t offered(const fleet& where, const rack_space& s, std::uint32_t node);

/// Takes the GPUs of a placement for a job.
void take(const fleet& where, rack_space& s, const job& j, const placement& p);

/// Could the job have exactly these GPUs: free, within the limits of the racks, exclusive if it wishes that?
bool could_have(const fleet& where, const rack_space& s, const job& j, const placement& p);

/// Where the placer of the fleet puts a job, or nothing if it does not fit.
std::optional<placement> place_on_racks(const fleet& where, const rack_space& s, const job& j);

/// What is wrong with a placement, judged by the job's wishes alone; empty if nothing is.
std::string broken_wish(const fleet& where, const rack_space& s, const job& j, const placement& p);

}  // namespace naive
