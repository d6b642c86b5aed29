#pragma once
/// \file
/// The fleet of a scenario with its GPU types, and the speeds of jobs on them.
///
/// Types stand in the order in which the fleet names them first; nodes and racks are numbered type by type, of one type
/// in the order in which they are written. A fleet that names one type at most, and no speeds, is one without types.

#include "reporter.hpp"

#include <ampacity/fleet/fleet_state.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/scenario.hpp>
#include <ampacity/sim/simulation.hpp>

#include <vector>

namespace ampacity::scenario {

/// Types and speeds: every group has a type or none, types and speeds are known and in their ranges.
void check_gpu_types(const scenario& s, const reporter& report);

/// Does it name several types, or speeds of jobs on one?
[[nodiscard]] bool is_mixed(const scenario& s);

struct made_fleet {
    ampacity::fleet::fleet_state fleet;
    std::vector<sim::source_speeds> speeds;  ///< by entry of the workload; empty without types
};
/// \pre checked
[[nodiscard]] made_fleet make_fleet(const scenario& s);

}  // namespace ampacity::scenario
