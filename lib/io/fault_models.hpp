#pragma once
/// \file
/// What fails at random in a run, with the rates and repairs of the catalogue.

#include <ampacity/faults/part_failures.hpp>
#include <ampacity/io/models.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/io/shared_inputs.hpp>

#include <vector>

namespace ampacity::io {

/// Causes of the model first, then `processes`. The files that are read are added to `files`.
/// \pre the scenario is valid \throws scenario_error
[[nodiscard]] faults::failure_plan read_faults(const loaded_scenario& loaded, std::vector<model_file>& files,
                                               shared_inputs* shared = nullptr);

}  // namespace ampacity::io
