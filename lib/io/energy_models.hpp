#pragma once
/// \file
/// What the energy of a run is computed from, read from the catalogue.

#include <ampacity/io/models.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/io/shared_inputs.hpp>
#include <ampacity/policy/view.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/sim/energy.hpp>
#include <ampacity/sim/simulation.hpp>

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
    std::vector<sim::known_price> price_news{};                   ///< see `sim::parts`
    std::vector<std::pair<std::string, std::uint64_t>> filled{};  ///< steps that files lack, by key path
    std::vector<std::string> notes{};                             ///< what whoever reads the results should know
};

/// The files that are read are added to `files`; `more` has cap policies of plug-ins.
/// \throws scenario_error, data_error, plugin_error
[[nodiscard]] energy_parts read_energy(const loaded_scenario& loaded, std::vector<model_file>& files,
                                       const scenario::more_parts* more = nullptr, shared_inputs* shared = nullptr);

}  // namespace ampacity::io
