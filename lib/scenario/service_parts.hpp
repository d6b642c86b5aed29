#pragma once
/// \file
/// From the description of services to their parts of a simulation.

#include <ampacity/scenario/build.hpp>

namespace ampacity::scenario {

/// Makes the services of the workload and finds places for their replicas on the empty fleet, in order. \pre `check`
/// passed; the parts have their fleet and placer
/// \throws scenario_error, and what `open` and `model` throw
void add_services(const scenario& s, sim::parts& parts, const request_opener& open, const model_opener& model,
                  const locator& locate);

}  // namespace ampacity::scenario
