#pragma once
/// \file
/// Small random fleets of racks, what jobs hold of them, and jobs with wishes; and the same fleets for the engine.

#include "support/naive_racks.hpp"
#include "support/random_workload.hpp"

#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/free_index.hpp>
#include <ampacity/fleet/topology.hpp>
#include <ampacity/policy/registry.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace naive {

inline constexpr std::array all_rack_placers{"first-fit", "pack", "spread", "topology", "block"};

/// A fleet from the description that the engine reads, one group at a time.
inline fleet rack_fleet_of(const std::vector<std::vector<ampacity::fleet::rack_group>>& sites,
                           std::uint32_t gpus_per_node, const std::string& placer = "first-fit") {
    fleet where{.gpus_per_node = gpus_per_node, .placer = placer};
    std::uint32_t block = 0;
    for (std::uint32_t site = 0; site < sites.size(); ++site) {
        for (const auto& g : sites[site]) {
            for (std::uint32_t i = 0; i < g.count; ++i) {
                if (i > 0 && g.racks_per_block != 0 && i % g.racks_per_block == 0) ++block;
                where.racks.push_back(
                    {.nodes = g.nodes, .usable = g.usable == 0 ? g.nodes : g.usable, .block = block, .site = site});
                where.nodes += g.nodes;
            }
            ++block;
        }
    }
    return where;
}

/// The same for the engine.
inline ampacity::fleet::topology topology_of(const std::vector<std::vector<ampacity::fleet::rack_group>>& sites) {
    ampacity::fleet::topology where;
    for (const auto& site : sites) {
        where.next_site();
        for (const auto& g : site) where.add(g);
    }
    return where;
}

/// 1 to 3 sites of 1 or 2 groups, at most `most_racks` racks in all, of 1 to `most_nodes` nodes.
inline std::vector<std::vector<ampacity::fleet::rack_group>> random_sites(test_random& random, std::int64_t most_racks,
                                                                          std::int64_t most_nodes) {
    std::vector<std::vector<ampacity::fleet::rack_group>> sites;
    const std::int64_t num_sites = random.chance(50) ? 1 : random.between(1, 3);
    const bool even = random.chance(50);
    const auto usual = static_cast<std::uint32_t>(random.between(1, most_nodes));
    for (std::int64_t left = most_racks; left > 0 && static_cast<std::int64_t>(sites.size()) != num_sites;) {
        sites.emplace_back();
        for (std::int64_t g = random.between(1, 3); g > 0 && left > 0; --g) {
            const auto nodes = even ? usual : static_cast<std::uint32_t>(random.between(1, most_nodes));
            const auto count =
                static_cast<std::uint32_t>(random.between(1, std::min<std::int64_t>(left, even ? 8 : 3)));
            left -= count;
            sites.back().push_back(
                {.count = count,
                 .nodes = nodes,
                 .usable = random.chance(60) ? 0U : static_cast<std::uint32_t>(random.between(1, nodes)),
                 .racks_per_block = random.chance(40) ? 0U : static_cast<std::uint32_t>(random.between(1, 4))});
        }
    }
    return sites;
}

/// What jobs hold, within the limits of the racks: from hardly anything to nearly all of it.
inline rack_space random_space(test_random& random, const fleet& where) {
    rack_space s = empty_racks(where);
    const std::uint64_t all =
        where.gpus_per_node >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << where.gpus_per_node) - 1;
    const std::int64_t load = random.between(0, 3) * 30;  // [%]
    for (std::uint32_t r = 0; r < where.racks.size(); ++r) {
        std::uint32_t in_use = 0;
        for (std::uint32_t i = 0; i < where.racks[r].nodes; ++i) {
            const std::uint32_t node = first_node_of(where, r) + i;
            if (load > 0 && random.chance(5)) s.out[node] = true;
            if (in_use == where.racks[r].usable || !random.chance(load)) continue;
            s.held[node] = random.chance(50) ? all : all & random.next();
            in_use += s.held[node] != 0 ? 1U : 0U;
        }
        s.locked[r] = in_use > 0 && random.chance(10);
    }
    return s;
}

/// A job that wishes this and that.
inline job random_wishes(test_random& random, const fleet& where) {
    job j;
    const std::int64_t all = std::int64_t{where.nodes} * where.gpus_per_node;
    const std::int64_t kind = random.between(0, 9);
    j.gpus =
        static_cast<std::uint64_t>(kind < 2   ? random.between(1, where.gpus_per_node)
                                   : kind < 5 ? random.between(1, std::min<std::int64_t>(all, 4 * where.gpus_per_node))
                                   : kind < 7 ? where.gpus_per_node * random.between(1, where.nodes)
                                              : random.between(1, all));
    if (random.chance(45)) j.segment = static_cast<std::uint32_t>(random.between(1, 6));
    if (random.chance(30)) j.within = static_cast<ampacity::scope>(random.between(1, 3));
    j.exclusive = random.chance(20);
    j.spread = random.chance(12);
    return j;
}

/// Wishes for jobs whose sizes are given.
inline void add_wishes(std::uint64_t seed, std::vector<job>& jobs) {
    test_random random(seed ^ 0x776973686573U);
    const bool plain = random.chance(20);
    for (job& j : jobs) {
        if (plain || random.chance(40)) continue;
        if (random.chance(40)) j.segment = static_cast<std::uint32_t>(random.between(1, 4));
        if (random.chance(30)) j.within = static_cast<ampacity::scope>(random.between(1, 3));
        j.exclusive = random.chance(25);
    }
}

/// The same wishes for the engine.
inline ampacity::fleet::demand demand_of(const job& j) {
    return {.gpus = static_cast<std::uint32_t>(j.gpus),
            .segment = static_cast<std::uint16_t>(j.segment),
            .within = j.within,
            .exclusive = j.exclusive,
            .spread = j.spread};
}

/// The same space for the engine.
inline ampacity::fleet::free_index index_of(std::shared_ptr<const ampacity::fleet::topology> racks, const fleet& where,
                                            const rack_space& s) {
    auto f = ampacity::fleet::free_index::racks(std::move(racks), where.gpus_per_node);
    for (std::uint32_t node = 0; node < where.nodes; ++node) {
        const ampacity::fleet::gpu_share share{.node = ampacity::node_id{node}, .gpus = s.held[node]};
        if (s.held[node] != 0) f.take(share);
        if (s.out[node]) f.set_in_service(share.node, false);
    }
    for (std::uint32_t r = 0; r < where.racks.size(); ++r) {
        const ampacity::fleet::gpu_share any{.node = ampacity::node_id{first_node_of(where, r)}, .gpus = 1};
        if (s.locked[r]) f.lock({&any, 1}, true);
    }
    return f;
}

inline placement sorted(const std::vector<ampacity::fleet::gpu_share>& shares) {
    placement out;
    for (const auto& s : shares) out.emplace_back(static_cast<std::uint32_t>(s.node), s.gpus);
    std::sort(out.begin(), out.end());
    return out;
}

inline std::string text(const placement& where) {
    std::string out;
    for (const auto& [node, gpus] : where) out += std::to_string(node) + "/" + std::to_string(gpus) + " ";
    return out;
}

inline std::string text(const job& j) {
    return std::to_string(j.gpus) + " GPUs" + (j.segment != 0 ? ", segment " + std::to_string(j.segment) : "") +
           (j.within != ampacity::scope::fleet
                ? ", within " + std::string{ampacity::scope_names[static_cast<std::size_t>(j.within)]}
                : "") +
           (j.exclusive ? ", exclusive" : "") + (j.spread ? ", spread" : "");
}

/// Weights of `topology`: small whole numbers that tie, ones with decimals, and some that outweigh all others.
inline rack_weights random_weights(test_random& random) {
    const bool fine = random.chance(25);
    const auto some = [&]() -> std::uint64_t {
        if (random.chance(30)) return 0;
        if (fine) return static_cast<std::uint64_t>(random.between(1, 5'000'000));
        return static_cast<std::uint64_t>(random.chance(15) ? random.between(10, 100) : random.between(1, 5)) *
               1'000'000;
    };
    return {.racks = some(), .largest_share = some(), .blocks = some(), .sites = some(), .whole_racks = some()};
}

inline std::string weights_text(const fleet& where) {
    if (!where.weights) return "";
    const rack_weights& w = *where.weights;
    std::string out = " weighing";
    for (const std::uint64_t n : {w.racks, w.largest_share, w.blocks, w.sites, w.whole_racks})
        out += ' ' + std::to_string(n);
    return out;
}

/// The options of the fleet's placer for the engine.
inline void set_placer_options(const fleet& where, ampacity::policy::policy_options& options) {
    options.topology_keeps_racks_whole = where.keep_racks_whole;
    if (!where.weights) return;
    options.topology_weights = {.racks = where.weights->racks,
                                .largest_share = where.weights->largest_share,
                                .blocks = where.weights->blocks,
                                .sites = where.weights->sites,
                                .whole_racks = where.weights->whole_racks};
}

/// A fleet and what is held of it: `[nodes u usable b block s site: held, ...]`.
inline std::string text(const fleet& where, const rack_space& s) {
    std::string out = where.placer + (where.keep_racks_whole ? " (keeps racks whole)" : "") + weights_text(where) +
                      ", " + std::to_string(where.gpus_per_node) + " GPUs per node";
    for (std::uint32_t r = 0; r < where.racks.size(); ++r) {
        const rack& k = where.racks[r];
        out += "\n  rack " + std::to_string(r) + " usable " + std::to_string(k.usable) + " block " +
               std::to_string(k.block) + " site " + std::to_string(k.site) + (s.locked[r] ? " locked" : "") + ":";
        for (std::uint32_t i = 0; i < k.nodes; ++i) {
            const std::uint32_t node = first_node_of(where, r) + i;
            out += " " + std::to_string(node) + "/" + std::to_string(s.held[node]) + (s.out[node] ? "out" : "");
        }
    }
    return out;
}

/// A small fleet of racks, uneven or not, with spares or not.
inline fleet random_racks(std::uint64_t seed, const std::string& placer) {
    test_random random(seed ^ 0x7261636b73U);
    const auto sites = random_sites(random, 5, 4);
    fleet where = rack_fleet_of(sites, static_cast<std::uint32_t>(random.between(1, 4)), placer);
    where.keep_racks_whole = placer == "topology" && random.chance(50);
    if (placer == "topology" && random.chance(40)) where.weights = random_weights(random);
    return where;
}

/// Racks, or in every second seed whose placer can do without them flat nodes, of which some leave and come back.
inline fleet random_nodes_or_racks_that_leave(std::uint64_t seed, flavour kind) {
    const std::string placer = all_rack_placers.at(seed % all_rack_placers.size());
    const bool on_nodes = placer != "topology" && placer != "block" && seed % 2 == 0;
    fleet where = on_nodes ? random_nodes(seed, placer) : random_racks(seed, placer);
    add_leaves(seed, kind, where);
    return where;
}

/// Racks or flat nodes of which some are slow for a while, and in two of three seeds some leave and come back.
inline fleet random_nodes_or_racks_that_are_slow(std::uint64_t seed, flavour kind) {
    fleet where = random_nodes_or_racks_that_leave(seed, kind);
    if (seed % 3 == 0) where.leaves.clear();
    add_slowdowns(seed, kind, where);
    return where;
}

}  // namespace naive
