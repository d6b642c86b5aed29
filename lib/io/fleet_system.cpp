#include "fleet_system.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace ampacity::io {

std::vector<const scenario::rack_group*> racks_of(const scenario::fleet& f) {
    std::vector<const scenario::rack_group*> out;
    for (const auto& g : f.racks) out.push_back(&g);
    for (const auto& site : f.sites) {
        for (const auto& g : site.racks) out.push_back(&g);
    }
    return out;
}

llm::system fleet_system(const loaded_scenario& loaded, std::vector<model_file>& files, shared_inputs* shared,
                         const std::string& key, const std::string& otherwise) {
    const auto refuse = [&](std::string what, std::string value, std::string remedy) {
        throw scenario_error({.where = loaded.locate(key),
                              .key = key,
                              .what = std::move(what),
                              .value = std::move(value),
                              .remedy = std::move(remedy)});
    };
    const scenario::fleet& f = loaded.value.fleet;
    const std::vector<const scenario::rack_group*> racks = racks_of(f);
    std::optional<std::string> name;
    const auto take = [&](const std::optional<std::string>& model) {
        if (!model || (name && *name != *model))
            refuse(model ? "the fleet has several models" : "the fleet does not say what its GPUs are",
                   model.value_or(""), "give all groups of the fleet one `model`, or " + otherwise);
        name = model;
    };
    // Racks that the scenario gives one GPU type are reckoned as those of the first group.
    const bool are_one = std::all_of(racks.begin(), racks.end(), [&racks](const auto* g) {
        return g->model && g->gpu && g->gpu == racks.front()->gpu;
    });
    for (const auto* g : racks) take(are_one ? racks.front()->model : g->model);
    for (const auto& g : f.nodes) take(g.model);
    if (!name)
        refuse("a pool does not say what its GPUs are", {},
               "describe the fleet by racks or nodes with a `model`, or " + otherwise);
    if (racks.empty()) return llm::system_of(model_for<hardware::node>(loaded, files, shared, *name, key));
    llm::system s = llm::system_of(model_for<hardware::rack>(loaded, files, shared, *name, key));
    std::uint64_t usable = 0;
    for (const auto* g : racks)
        usable = std::max(usable, g->usable_per_rack.value_or(g->nodes_per_rack) * g->gpus_per_node);
    s.domain_gpus = static_cast<std::uint32_t>(std::min<std::uint64_t>(s.domain_gpus, usable));
    return s;
}

}  // namespace ampacity::io
