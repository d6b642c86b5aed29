#pragma once
/// \file
/// The nodes of each rack of a fleet, in the order of their nodes: on a mixed fleet racks count type by type, as nodes
/// do. A pure function, O(racks).

#include <ampacity/fleet/free_index.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ampacity::fleet {

/// Nodes [first, last).
struct node_range {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
};

/// Empty without racks.
[[nodiscard]] inline std::vector<node_range> rack_ranges(const free_index& nodes) {
    std::vector<node_range> out;
    const auto add = [&out](const free_index& part, std::uint32_t first) {
        if (!part.has_racks()) return;
        for (std::uint32_t r = 0; r != part.where().num_racks(); ++r) {
            const auto& rack = part.where().rack_at(r);
            out.push_back({first + rack.first_node, first + rack.first_node + rack.nodes});
        }
    };
    if (!nodes.is_mixed()) {
        add(nodes, 0);
        return out;
    }
    for (std::size_t t = 0; t != nodes.types()->size(); ++t) {
        const auto type = static_cast<gpu_type>(t);
        add(nodes.of(type), nodes.first_node(type));
    }
    return out;
}

}  // namespace ampacity::fleet
