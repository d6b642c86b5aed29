#pragma once
/// \file
/// What the energy of a run is computed from, read from the catalogue.

#include <ampacity/io/models.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/policy/view.hpp>
#include <ampacity/sim/energy.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::io {

/// What a scenario's `energy` comes to.
struct energy_parts {
    std::optional<sim::energy_model> model{};                     ///< none without `energy`
    policy::known_signals signals{};                              ///< that policies may look at
    std::vector<std::pair<std::string, std::uint64_t>> filled{};  ///< steps that files lack, by key path
};

/// The files that are read are added to `files`. \throws scenario_error, data_error
[[nodiscard]] energy_parts read_energy(const loaded_scenario& loaded, std::vector<model_file>& files);

}  // namespace ampacity::io
