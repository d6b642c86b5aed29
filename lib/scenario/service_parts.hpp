#pragma once
/// \file
/// From the description of services to their parts of a simulation.

#include <ampacity/scenario/build.hpp>

#include <memory>
#include <string>

namespace ampacity::scenario {

/// Makes the services of the workload and finds places for their replicas on the empty fleet, in order. \pre `check`
/// passed; the parts have their fleet and placer
/// \throws scenario_error, and what `open` and `model` throw
void add_services(const scenario& s, sim::parts& parts, const request_opener& open, const model_opener& model,
                  const locator& locate);

/// No jobs, but the names of those that are replicas of a service: `chat/0`, or `chat@iad/0` at one of its sites.
[[nodiscard]] std::unique_ptr<workload::job_source> replica_names(const inference_service& service, const fleet& f);

}  // namespace ampacity::scenario
