#include "gpu_fleet.hpp"

#include <ampacity/core/suggest.hpp>
#include <ampacity/fleet/gpu_types.hpp>
#include <ampacity/fleet/topology.hpp>
#include <ampacity/scenario/values.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace ampacity::scenario {
namespace {

constexpr std::string_view other_models = "default";

/// Calls `f(path, gpu, gpus_per_node)` for each group of a fleet of nodes, 0 GPUs per node for one of a pool.
template <class F>
void for_groups(const fleet& f, F call) {
    const auto at = [](const std::string& list, std::size_t i) { return list + '.' + std::to_string(i); };
    for (std::size_t i = 0; i != f.pools.size(); ++i)
        call(at("fleet.pools", i), std::optional{f.pools[i].gpu}, std::uint64_t{0});
    for (std::size_t i = 0; i != f.nodes.size(); ++i)
        call(f.nodes.size() == 1 ? "fleet.nodes" : at("fleet.nodes", i), f.nodes[i].gpu, f.nodes[i].gpus);
    for (std::size_t i = 0; i != f.racks.size(); ++i)
        call(f.racks.size() == 1 ? "fleet.racks" : at("fleet.racks", i), f.racks[i].gpu, f.racks[i].gpus_per_node);
    for (std::size_t i = 0; i != f.sites.size(); ++i) {
        for (std::size_t k = 0; k != f.sites[i].racks.size(); ++k) {
            const rack_group& g = f.sites[i].racks[k];
            call(at(at("fleet.sites", i) + ".racks", k), g.gpu, g.gpus_per_node);
        }
    }
}

void check_groups(const fleet& f, const reporter& report) {
    const std::vector<std::string> types = gpu_types_of(f);
    if (types.size() > ampacity::fleet::gpu_types::most_types)
        report.fail("fleet", "too many GPU types", std::to_string(types.size()),
                    "name at most " + std::to_string(ampacity::fleet::gpu_types::most_types));
    std::map<std::string, std::uint64_t> size_of;  // of nodes, by type
    for_groups(f, [&](const std::string& path, const std::optional<std::string>& gpu, std::uint64_t gpus_per_node) {
        if (gpu && gpu->empty()) report.fail(path + ".gpu", "is empty", {}, "write a name, such as h100");
        if (!gpu && !types.empty())
            report.fail(path, "no GPU type, and other groups have one", {}, "add it, such as `gpu: " + types[0] + '`');
        const auto [known, fresh] = size_of.try_emplace(gpu.value_or(""), gpus_per_node);
        if (known->second == gpus_per_node) return;
        const std::string key = path + (f.nodes.empty() ? ".gpus_per_node" : ".gpus");
        report.fail(key,
                    gpu ? "nodes of one GPU type are of one size"
                        : "nodes of different sizes need GPU types, such as `gpu: h100`",
                    std::to_string(gpus_per_node), "write " + std::to_string(known->second));
    });
}

void check_speeds(const speed_table& table, const std::string& path, const std::vector<std::string>& types,
                  const reporter& report) {
    if (types.empty())
        report.fail(path, "the fleet names no GPU types", {},
                    "name them in the fleet, such as `gpu: h100`, or remove it");
    const std::vector<std::string_view> known(types.begin(), types.end());
    std::set<std::string_view> models;
    for (const speed_table::row& row : table.rows) {
        const std::string at = path + '.' + row.model;
        if (row.model.empty()) report.fail(path, "a model without a name", {}, "write its name, or default");
        if (!models.insert(row.model).second) report.fail(at, "another row has this model", row.model, "write it once");
        if (row.speeds.empty()) report.fail(at, "names no GPU type", {}, "write one, such as { " + types[0] + ": 1 }");
        std::set<std::string_view> seen;
        for (const auto& [gpu, speed] : row.speeds) {
            if (std::find(types.begin(), types.end(), gpu) == types.end())
                report.fail(at + '.' + gpu, "no GPU type of the fleet", gpu, suggestion(gpu, known));
            if (!seen.insert(gpu).second) report.fail(at + '.' + gpu, "named twice", gpu, "write it once");
            if (!(speed >= 0) || speed > most_speed || (speed > 0 && speed < 1 / most_speed))
                report.fail(at + '.' + gpu, "speed out of range", format(speed), "write 0, or 1e-6 to 1e6");
        }
    }
}

/// One speed for each type.
std::vector<double> speeds_of(const speed_table::row& row, const std::vector<std::string>& types) {
    std::vector<double> out(types.size(), 0);
    for (const auto& [gpu, speed] : row.speeds)
        out[static_cast<std::size_t>(std::find(types.begin(), types.end(), gpu) - types.begin())] = speed;
    return out;
}

bool has_speeds(const scenario& s) {
    return std::any_of(s.workload.begin(), s.workload.end(),
                       [](const workload_entry& w) { return w.speeds.has_value(); });
}

using ampacity::fleet::free_index;
using ampacity::fleet::topology;

void add(topology& where, const rack_group& g) {
    where.add({.count = static_cast<std::uint32_t>(g.count),
               .nodes = static_cast<std::uint32_t>(g.nodes_per_rack),
               .usable = static_cast<std::uint32_t>(g.usable_per_rack.value_or(0)),
               .racks_per_block = static_cast<std::uint32_t>(g.racks_per_block.value_or(0))});
}

/// The groups of this type, or all of them.
ampacity::fleet::fleet_state part(const fleet& f, const std::string* gpu) {
    using ampacity::fleet::fleet_state;
    const auto is_part = [gpu](const std::optional<std::string>& of) { return gpu == nullptr || of == *gpu; };
    if (f.pool_gpus) return fleet_state::pool(*f.pool_gpus);
    std::uint64_t pool = 0;
    for (const pool_group& g : f.pools) pool += is_part(g.gpu) ? g.count : 0;
    if (pool != 0) return fleet_state::pool(pool);
    std::uint64_t nodes = 0;
    std::uint64_t size = 0;
    for (const node_group& g : f.nodes) {
        if (!is_part(g.gpu)) continue;
        nodes += g.count;
        size = g.gpus;
    }
    if (nodes != 0) return fleet_state::flat_nodes(static_cast<std::uint32_t>(nodes), static_cast<std::uint32_t>(size));
    topology where;
    const auto add_groups = [&](const std::vector<rack_group>& groups) {
        bool first = true;
        for (const rack_group& g : groups) {
            if (!is_part(g.gpu)) continue;
            if (first) where.next_site();
            first = false;
            add(where, g);
            size = g.gpus_per_node;
        }
    };
    add_groups(f.racks);
    for (const site& s : f.sites) add_groups(s.racks);
    return fleet_state::racks(std::move(where), static_cast<std::uint32_t>(size));
}

}  // namespace

std::vector<std::string> gpu_types_of(const fleet& f) {
    std::vector<std::string> types;
    for_groups(f, [&types](const std::string&, const std::optional<std::string>& gpu, std::uint64_t) {
        if (gpu && std::find(types.begin(), types.end(), *gpu) == types.end()) types.push_back(*gpu);
    });
    return types;
}

void check_gpu_types(const scenario& s, const reporter& report) {
    check_groups(s.fleet, report);
    const std::vector<std::string> types = gpu_types_of(s.fleet);
    std::set<std::vector<double>> rows{std::vector<double>(types.size(), 1.0)};
    for (std::size_t i = 0; i != s.workload.size(); ++i) {
        if (!s.workload[i].speeds) continue;
        const std::string path = "workload." + std::to_string(i) + ".speeds";
        check_speeds(*s.workload[i].speeds, path, types, report);
        for (const speed_table::row& row : s.workload[i].speeds->rows) {
            rows.insert(speeds_of(row, types));
            if (rows.size() > ampacity::fleet::gpu_types::most_rows)
                report.fail(path + '.' + row.model, "too many different rows of speeds in all", {},
                            "write at most " + std::to_string(ampacity::fleet::gpu_types::most_rows - 1));
        }
    }
}

bool is_mixed(const scenario& s) {
    const std::size_t types = gpu_types_of(s.fleet).size();
    return types > 1 || (types == 1 && has_speeds(s));
}

made_fleet make_fleet(const scenario& s) {
    const std::vector<std::string> names = gpu_types_of(s.fleet);
    if (!is_mixed(s)) return {part(s.fleet, nullptr), {}};
    auto types = std::make_shared<ampacity::fleet::gpu_types>(names);
    made_fleet out;
    for (const workload_entry& entry : s.workload) {
        sim::source_speeds& speeds = out.speeds.emplace_back();
        if (!entry.speeds) continue;
        for (const speed_table::row& row : entry.speeds->rows) {
            const std::uint8_t number = types->add_row(speeds_of(row, names)).value();
            if (row.model == other_models)
                speeds.row = number;
            else
                speeds.of_model.emplace(row.model, number);
        }
    }
    std::vector<free_index> parts;
    for (const std::string& name : names) parts.push_back(part(s.fleet, &name).free());
    out.fleet = ampacity::fleet::fleet_state::mixed(std::move(types), std::move(parts));
    return out;
}

}  // namespace ampacity::scenario
