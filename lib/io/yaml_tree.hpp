#pragma once
/// \file
/// A YAML document as a tree of nodes that know their places, strict: UTF-8 without control
/// characters, one document, no duplicate keys, no tags, no merge keys, at most 100 levels.
///
/// Aliases share the node of their anchor, so the tree is never larger than its text; whoever walks it
/// bounds the walk. The only code that sees yaml-cpp is yaml_tree.cpp. Plain data, one thread at a time.

#include <ampacity/core/error.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::io {

using yaml_index = std::uint32_t;  ///< row of a node in its tree

/// A place: an index into `yaml_tree::origins`, line and column from 1 (0: the origin has no lines).
struct yaml_place {
    std::uint32_t origin = 0;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

enum class yaml_kind : std::uint8_t { null, scalar, list, map };

/// One key of a map.
struct yaml_entry {
    std::string key;
    yaml_place at;  ///< of the key
    yaml_index value = 0;
};

/// One node.
struct yaml_node {
    yaml_kind kind = yaml_kind::null;
    bool quoted = false;  ///< a scalar in quotes or a block scalar: text, whatever it looks like
    yaml_place at;
    std::string text;                 ///< of a scalar
    std::vector<yaml_index> items;    ///< of a list
    std::vector<yaml_entry> entries;  ///< of a map, in file order
};

/// A document.
struct yaml_tree {
    std::vector<std::string> origins;  ///< names of files, or the text of a command-line option
    std::vector<yaml_node> nodes;
    yaml_index root = 0;

    [[nodiscard]] const yaml_node& at(yaml_index i) const { return nodes[i]; }
    [[nodiscard]] source_position position(const yaml_place& place) const {
        return {origins[place.origin], place.line, place.column};
    }
};

/// Whether the places inside a text mean anything to the user.
enum class yaml_places : std::uint8_t { lines, origin_only };

/// Parses `text` into new nodes of `tree` and returns the top one; a text without content is a null
/// node. \throws scenario_error with the place of the fault.
yaml_index parse_yaml(yaml_tree& tree, const std::string& origin, std::string_view text, yaml_places places);

}  // namespace ampacity::io
