#pragma once
/// \file
/// The models that a scenario names, and its fleet as language models see it. Functions without state.

#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/models.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/io/shared_inputs.hpp>
#include <ampacity/llm/system.hpp>
#include <ampacity/scenario/scenario.hpp>

#include <string>
#include <vector>

namespace ampacity::io {

/// A model of the catalogue or a file that `key` of the scenario names; its files are added to `files`.
/// \throws scenario_error
template <class T>
[[nodiscard]] T model_for(const loaded_scenario& loaded, std::vector<model_file>& files, shared_inputs* shared,
                          const std::string& name, const std::string& key) {
    const auto m = shared_or_new<model<T>>(shared, (loaded.directory / "").string() + '\n' + name, [&] {
        return read_model<T>(name, loaded.directory, loaded.locate(key), key);
    });
    add_files(files, m->text.files);
    return m->value;
}

/// All groups of racks of a fleet, those of sites behind the others.
[[nodiscard]] std::vector<const scenario::rack_group*> racks_of(const scenario::fleet& f);

/// The GPUs of the fleet, which have one model. `key` needs them; who cannot say could `otherwise`.
/// \throws scenario_error
[[nodiscard]] llm::system fleet_system(const loaded_scenario& loaded, std::vector<model_file>& files,
                                       shared_inputs* shared, const std::string& key, const std::string& otherwise);

}  // namespace ampacity::io
