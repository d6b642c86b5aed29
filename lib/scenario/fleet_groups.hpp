#pragma once
/// \file
/// The groups of a fleet's description as a simulation knows them.

#include <ampacity/scenario/scenario.hpp>
#include <ampacity/sim/snapshot.hpp>

#include <vector>

namespace ampacity::scenario {

/// In the order of the description, which is that of their models; without what only models say. \pre checked
[[nodiscard]] std::vector<sim::fleet_group> groups_of(const fleet& f);

}  // namespace ampacity::scenario
