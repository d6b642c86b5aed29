#pragma once
/// \file
/// `synthetic.preset` in the tree of a scenario: the keys of the model are put beside those of the scenario.

#include "yaml_tree.hpp"

#include <ampacity/io/models.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace ampacity::io {

class preset_reader {
public:
    /// Models that are given by their file are relative to `directory`.
    preset_reader(yaml_tree& tree, std::filesystem::path directory) : tree_{tree}, directory_{std::move(directory)} {}

    /// Each map `workload.N.synthetic` with a `preset` gets those of its keys that it lacks; keys that an earlier
    /// preset brought go. Nothing is done twice, so it is called after every change of the tree. \throws scenario_error
    void take_over();

    /// Takes the keys `preset` away. Returns the files that were read.
    std::vector<model_file> finish();

private:
    struct preset {
        std::uint32_t origin;             // of its file in the tree
        std::vector<yaml_entry> entries;  // of its `synthetic`
    };

    template <class F>
    void for_each_synthetic(F f);
    void take_over(yaml_index map, const std::string& path);
    const preset& read(const yaml_node& name, const std::string& path);
    [[nodiscard]] bool is_of_preset(const yaml_entry& entry) const;

    yaml_tree& tree_;
    std::filesystem::path directory_;
    std::map<std::string, preset> presets_;  // by the text of the key
    std::vector<model_file> files_;
};

}  // namespace ampacity::io
