#pragma once
/// \file
/// What fails in a run, with the rates and repairs of the catalogue, and with failures of a log.

#include <ampacity/faults/failure_plan.hpp>
#include <ampacity/fleet/free_index.hpp>
#include <ampacity/io/models.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/io/shared_inputs.hpp>

#include <vector>

namespace ampacity::io {

/// Causes of the model first, then `processes`, then those that only the log has. The files that are read are added to
/// `files`. \pre the scenario is valid \throws scenario_error, data_error
[[nodiscard]] faults::failure_plan read_faults(const loaded_scenario& loaded, const fleet::free_index& nodes,
                                               std::vector<model_file>& files, shared_inputs* shared = nullptr);

}  // namespace ampacity::io
