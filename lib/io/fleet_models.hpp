#pragma once
/// \file
/// `model` of the groups of a fleet in the tree of a scenario: the sizes of the model are put beside it.

#include "yaml_tree.hpp"

#include <ampacity/io/models.hpp>

#include <filesystem>
#include <vector>

namespace ampacity::io {

/// Each group of `fleet.nodes`, `fleet.racks` and `fleet.sites.N.racks` that has a `model` gets its number of GPUs, and
/// of nodes in a rack, and its GPU type, where it lacks them. Models that are given by their file are relative to
/// `directory`; the files that were read are added to `files`. \throws scenario_error where a size that is given is not
/// that of the model
void take_fleet_models(yaml_tree& tree, const std::filesystem::path& directory, std::vector<model_file>& files);

}  // namespace ampacity::io
