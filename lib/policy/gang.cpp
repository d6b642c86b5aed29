#include "gang.hpp"

#include <ampacity/policy/placer.hpp>

#include <algorithm>
#include <bit>
#include <string>

namespace ampacity::policy {

using fleet::demand;
using fleet::free_index;
using fleet::gpu_share;
using fleet::node_set;

gang::gang(const free_index& free, demand wanted)
    : node_gpus(free.gpus_per_node()), exclusive(wanted.exclusive), within(wanted.within) {
    const std::uint32_t nodes = wanted.gpus / node_gpus;
    rest_gpus = wanted.gpus % node_gpus;
    const std::uint64_t needed = std::uint64_t{nodes} + (rest_gpus != 0 ? 1 : 0);
    // A segment beyond the job is the job.
    if (wanted.segment != 0) unit_nodes = wanted.segment < needed ? wanted.segment : 1;
    one_rack = within == scope::rack ||
               (!wanted.spread && wanted.segment == 0 && needed <= free.where().most_usable()) ||
               (wanted.segment != 0 && wanted.segment >= needed);
    units = nodes / unit_nodes;
    rest_nodes = nodes % unit_nodes;
}

std::int32_t gang::units_beside_rest(const free_index& free, std::uint32_t rack) const noexcept {
    if (!allowed(free, rack)) return -1;
    std::uint32_t needed = rest_nodes;
    if (rest_gpus != 0) {
        bool has_part = false;
        for (std::uint32_t c = rest_gpus; c != node_gpus && !has_part; ++c) has_part = free.count_in(rack, c) != 0;
        if (!has_part) ++needed;
    }
    const std::uint32_t whole = free.whole_nodes(rack);
    return whole < needed ? -1 : static_cast<std::int32_t>((whole - needed) / unit_nodes);
}

gpu_share lowest_gpus(const free_index& free, std::uint32_t row, std::uint32_t n) {
    const std::uint64_t mask = free.free_mask(node_id{row});
    std::uint64_t rest = mask;
    for (std::uint32_t i = 0; i != n; ++i) rest &= rest - 1;
    return {.node = node_id{row}, .gpus = mask & ~rest};
}

void fill(const free_index& free, const gang& g, rack_part part, preference prefer, std::vector<gpu_share>& out) {
    const auto& rack = free.where().rack_at(part.rack);
    std::uint32_t whole = part.units * g.unit_nodes + (part.rest ? g.rest_nodes : 0);
    const bool may_open = free.whole_nodes(part.rack) > whole;
    std::uint32_t best = node_set::npos;
    std::uint32_t best_free = 0;
    const bool has_part = part.rest && g.rest_gpus != 0;
    const std::uint64_t full = free_index::full_mask(g.node_gpus);
    for (std::uint32_t row = rack.first_node; row != rack.first_node + rack.nodes; ++row) {
        const std::uint64_t mask = free.free_mask(node_id{row});
        if (mask == full && whole != 0) {
            out.push_back({.node = node_id{row}, .gpus = full});
            --whole;
            continue;
        }
        if (!has_part) {
            if (whole == 0) return;
            continue;
        }
        const auto has = fleet::count_gpus(mask);
        if (has < g.rest_gpus) continue;
        if (has == g.node_gpus && !may_open) continue;
        const bool better = best == node_set::npos || (prefer == preference::fewest_free && has < best_free) ||
                            (prefer == preference::most_free && has > best_free);
        if (!better) continue;
        best = row;
        best_free = has;
    }
    if (has_part) out.push_back(lowest_gpus(free, best, g.rest_gpus));
}

bool racks_fit(const free_index& free, const gang& g, std::uint32_t first, std::uint32_t last) {
    std::uint64_t units = 0;
    std::int64_t least_loss = -1;  // of units, by the rack that takes the rest; -1: none can
    for (std::uint32_t rack = first; rack != last; ++rack) {
        const std::uint32_t here = g.units_in(free, rack);
        units += here;
        if (!g.has_rest()) {
            if (units >= g.units) return true;
            continue;
        }
        const std::int32_t beside = g.units_beside_rest(free, rack);
        if (beside < 0) continue;
        const std::int64_t loss = std::int64_t{here} - beside;
        if (least_loss < 0 || loss < least_loss) least_loss = loss;
        if (units >= std::uint64_t{g.units} + static_cast<std::uint64_t>(least_loss)) return true;
    }
    return g.has_rest() && least_loss >= 0 && units >= std::uint64_t{g.units} + static_cast<std::uint64_t>(least_loss);
}

std::uint64_t loose_gpus(const free_index& free, const gang& g, std::uint32_t first, std::uint32_t last) {
    std::uint64_t gpus = 0;
    for (std::uint32_t rack = first; rack != last; ++rack) {
        if (g.allowed(free, rack)) gpus += free.free_gpus_of(rack);
    }
    return gpus;
}

namespace {

bool one_rack_fits(const free_index& free, const gang& g) {
    const std::uint64_t least = g.whole_nodes();
    for (std::uint64_t whole = least; whole <= free.where().most_nodes(); ++whole) {
        const node_set& racks = free.racks_with_whole(static_cast<std::uint32_t>(whole));
        for (auto rack = racks.first(); rack != node_set::npos; rack = racks.next(rack)) {
            if (g.fits_in(free, rack)) return true;
        }
    }
    return false;
}

}  // namespace

namespace {

/// Can these shares be cut into the units of the job and its rest, each within one rack?
bool segments_hold(const free_index& free, const gang& g, std::span<const gpu_share> where) {
    struct rack_share {
        std::uint32_t rack = 0;
        std::uint32_t whole = 0;  ///< nodes
        std::uint32_t parts = 0;  ///< of nodes
    };
    std::vector<rack_share> racks;
    std::uint32_t parts = 0;
    for (const gpu_share& s : where) {
        const std::uint32_t rack = free.where().rack_of(s.node);
        const auto at = std::find_if(racks.begin(), racks.end(), [&](const rack_share& r) { return r.rack == rack; });
        rack_share& r = at != racks.end() ? *at : racks.emplace_back(rack_share{.rack = rack});
        const bool whole = s.gpus == free_index::full_mask(g.node_gpus);
        whole ? ++r.whole : ++r.parts;
        if (!whole) ++parts;
    }
    std::uint64_t units = 0;
    for (const rack_share& r : racks) units += r.whole / g.unit_nodes;
    if (!g.has_rest()) return units >= g.units;
    return std::any_of(racks.begin(), racks.end(), [&](const rack_share& r) {
        if (r.parts != parts || r.whole < g.rest_nodes) return false;
        return units - r.whole / g.unit_nodes + (r.whole - g.rest_nodes) / g.unit_nodes >= g.units;
    });
}

}  // namespace

std::string broken_wish(const free_index& free, demand wanted, std::span<const gpu_share> where,
                        std::uint32_t first_node) {
    if (free.is_mixed()) {
        const fleet::gpu_type t = free.type_of(where.front().node);
        const std::uint32_t first = free.first_node(t);
        std::vector<gpu_share> rows(where.begin(), where.end());
        for (gpu_share& s : rows) s.node = node_id{static_cast<std::uint32_t>(s.node) - first};
        return broken_wish(free.of(t), wanted, rows, first);
    }
    if (!free.has_racks()) return {};
    const auto& topology = free.where();
    const auto name = [first_node](const gpu_share& s) { return "node " + std::to_string(index(s.node) + first_node); };
    for (std::size_t i = 0; i != where.size(); ++i) {
        const std::uint32_t rack = topology.rack_of(where[i].node);
        if (wanted.exclusive && !free.is_untouched(rack))
            return "it wants racks of its own, and others use that of " + name(where[i]);
        std::uint32_t in_use = free.nodes_in_use(rack);
        for (std::size_t k = 0; k <= i; ++k) {
            if (topology.rack_of(where[k].node) == rack && free.held_mask(where[k].node) == 0) ++in_use;
        }
        if (in_use > topology.rack_at(rack).usable)
            return "with " + name(where[i]) + " its rack would have more nodes in use than it may";
    }
    const gang g{free, wanted};
    const scope within = g.one_rack && !wanted.spread ? scope::rack : wanted.within;
    const auto part = [&](const gpu_share& s) {
        const std::uint32_t rack = topology.rack_of(s.node);
        if (within == scope::rack) return rack;
        return within == scope::block ? topology.rack_at(rack).block : topology.site_of(rack);
    };
    if (within != scope::fleet) {
        for (const gpu_share& s : where) {
            if (part(s) == part(where.front())) continue;
            return "it must lie within one " + std::string{scope_names[static_cast<std::size_t>(within)]} + ", and " +
                   name(s) + " lies in another than " + name(where.front());
        }
    }
    if (wanted.segment == 0 || wanted.spread || g.one_rack || segments_hold(free, g, where)) return {};
    return "its segments of " + std::to_string(g.unit_nodes) + " nodes must each lie within one rack";
}

bool gang_fits(const free_index& free, demand wanted) {
    if (wanted.gpus > free.free_gpus()) return false;
    const gang g{free, wanted};
    const auto& where = free.where();
    if (wanted.spread) {
        if (g.within == scope::fleet && !g.exclusive) return true;
        return any_range(where, g.within, [&](std::uint32_t first, std::uint32_t last) {
            return loose_gpus(free, g, first, last) >= wanted.gpus;
        });
    }
    if (g.one_rack) return one_rack_fits(free, g);
    return any_range(where, g.within,
                     [&](std::uint32_t first, std::uint32_t last) { return racks_fit(free, g, first, last); });
}

std::string why_never(const free_index& empty, demand wanted) {
    const auto text = [](std::uint64_t n) { return std::to_string(n); };
    if (wanted.gpus == 0) return "asks for no GPU";
    if (empty.is_mixed()) {
        const auto& types = *empty.types();
        std::string why;
        for (const fleet::gpu_type t : types.by_speed(wanted.speeds))
            why += (why.empty() ? "" : "; ") + types.name(t) + ": " + why_never(empty.of(t), wanted);
        return why.empty() ? "no GPU type of the fleet can run it" : why;
    }
    if (wanted.gpus > empty.free_gpus()) {
        return "needs " + text(wanted.gpus) + " GPUs; the fleet has " + text(empty.free_gpus()) +
               (empty.has_racks() ? " that jobs may use" : "");
    }
    if (!empty.has_racks()) return "needs more whole nodes than the fleet has";
    const gang g{empty, wanted};
    const std::uint64_t nodes = g.whole_nodes() + (g.rest_gpus != 0 ? 1 : 0);
    const std::string offered = text(empty.where().most_usable());
    if (g.one_rack) return "needs " + text(nodes) + " nodes of one rack; no rack offers more than " + offered;
    if (g.unit_nodes > empty.where().most_usable())
        return "needs segments of " + text(g.unit_nodes) + " nodes; no rack offers more than " + offered;
    if (g.within != scope::fleet) {
        return "needs " + text(nodes) + " nodes of one " +
               std::string{scope_names[static_cast<std::size_t>(g.within)]} + "; none offers as many";
    }
    return "needs " + text(nodes) + " nodes in segments of " + text(g.unit_nodes) + "; the racks do not offer as many";
}

}  // namespace ampacity::policy
