#pragma once
/// \file
/// From the description of a run to what a simulation is made of.
///
/// Everything in the description is used or refused; nothing of it is looked at again afterwards. Files are not
/// opened here: whoever calls says how a trace becomes a source of jobs. Functions without state.

#include <ampacity/scenario/scenario.hpp>
#include <ampacity/scenario/validate.hpp>
#include <ampacity/sim/simulation.hpp>

#include <cstdint>
#include <functional>
#include <memory>

namespace ampacity::scenario {

/// Makes the source of entry number `entry` of the workload.
using trace_opener = std::function<std::unique_ptr<workload::job_source>(const job_trace&, std::uint16_t entry)>;

/// `validate` with the policies and placers that this library has. \throws scenario_error
void validate(const scenario& s, const locator& locate = {});

/// Checks the description and makes the parts of its simulation. Observers are left to the caller.
/// \throws scenario_error, and whatever `open_trace` throws
[[nodiscard]] sim::parts build(const scenario& s, const trace_opener& open_trace = {}, const locator& locate = {});

}  // namespace ampacity::scenario
