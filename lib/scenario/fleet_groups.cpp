#include "fleet_groups.hpp"

#include <ampacity/scenario/build.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace ampacity::scenario {
namespace {

/// Nodes are numbered type by type, in the order in which the fleet names them first.
void number_nodes(std::vector<sim::fleet_group>& groups, const std::vector<std::string>& types) {
    std::uint32_t next = 0;
    for (std::size_t t = 0; t <= types.size(); ++t) {
        for (sim::fleet_group& g : groups) {
            if (g.gpu != (t < types.size() ? types[t] : std::string{})) continue;
            g.first_node = next;
            next += g.nodes;
        }
    }
}

}  // namespace

std::vector<sim::fleet_group> groups_of(const fleet& f) {
    std::vector<sim::fleet_group> out;
    if (f.pool_gpus) out.push_back({.gpus = *f.pool_gpus, .gpus_per_unit = 1});
    for (const pool_group& g : f.pools) out.push_back({.gpu = g.gpu, .gpus = g.count, .gpus_per_unit = 1});
    for (const node_group& g : f.nodes)
        out.push_back({.gpu = g.gpu.value_or(""),
                       .nodes = static_cast<std::uint32_t>(g.count),
                       .gpus = g.count * g.gpus,
                       .gpus_per_unit = g.gpus});
    const auto add_racks = [&out](const std::vector<rack_group>& racks, std::size_t site) {
        for (const rack_group& g : racks)
            out.push_back({.site = static_cast<std::uint32_t>(site),
                           .gpu = g.gpu.value_or(""),
                           .nodes = static_cast<std::uint32_t>(g.count * g.nodes_per_rack),
                           .gpus = g.count * g.nodes_per_rack * g.gpus_per_node,
                           .gpus_per_unit = g.nodes_per_rack * g.gpus_per_node});
    };
    add_racks(f.racks, 0);
    for (std::size_t i = 0; i != f.sites.size(); ++i) add_racks(f.sites[i].racks, i);
    number_nodes(out, gpu_types_of(f));
    return out;
}

std::vector<instant> year_starts(date start) {
    using namespace std::chrono;
    const auto first = floor<days>(start);
    const auto longest = floor<days>(never - start_of_time);
    std::vector<instant> out;
    for (year y = year_month_day{first}.year() + years{1};; ++y) {
        const days since = sys_days{y / 1 / 1} - first;
        if (since > longest) return out;
        const duration at = duration{since} - (start - first);
        out.push_back(start_of_time + at);
    }
}

}  // namespace ampacity::scenario
