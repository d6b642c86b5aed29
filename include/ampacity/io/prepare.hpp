#pragma once
/// \file
/// From a scenario file to a simulation that is ready to run: opens its traces and builds its parts.

#include <ampacity/io/job_traces.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/sim/simulation.hpp>

#include <vector>

namespace ampacity::io {

/// Parts, and those of their sources that are files; they belong to the parts, then to the simulation.
struct prepared_run {
    sim::parts parts;
    std::vector<trace_source*> traces;
};

/// \throws scenario_error, data_error
[[nodiscard]] prepared_run prepare(const loaded_scenario& loaded);

/// Reads the scenario, opens every trace and reads it to its end, so that a run will find no fault in them.
/// \throws scenario_error, data_error
void check_inputs(const loaded_scenario& loaded);

}  // namespace ampacity::io
