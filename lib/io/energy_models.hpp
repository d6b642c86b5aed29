#pragma once
/// \file
/// What the energy of a run is computed from, read from the catalogue.

#include <ampacity/io/models.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/sim/energy.hpp>

#include <optional>
#include <vector>

namespace ampacity::io {

/// None if the scenario has no `energy`. The files that are read are added to `files`. \throws scenario_error
[[nodiscard]] std::optional<sim::energy_model> read_energy(const loaded_scenario& loaded,
                                                           std::vector<model_file>& files);

}  // namespace ampacity::io
