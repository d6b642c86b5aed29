#pragma once
/// \file
/// Free GPUs of a fleet without types, as the naive engines see them: a number on a pool, a mask per node on flat
/// nodes; on racks what is taken. Pure functions; they share no code with the engine.

#include "support/naive_racks.hpp"
#include "support/naive_replay.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace naive {

/// Free GPUs: a number on a pool, a mask per node on flat nodes; on racks what is taken.
struct space {
    std::uint64_t pool_free = 0;
    std::vector<std::uint64_t> free{};
    rack_space racks{};
    std::vector<space> types{};  ///< of a mixed fleet, which has nothing else
};

inline std::uint64_t all_gpus(const fleet& f) {
    if (!f.racks.empty()) {
        std::uint64_t usable = 0;
        for (const rack& r : f.racks) usable += r.usable;
        return usable * f.gpus_per_node;
    }
    return f.pool_gpus > 0 ? f.pool_gpus : std::uint64_t{f.nodes} * f.gpus_per_node;
}

inline space empty_fleet(const fleet& f) {
    if (f.pool_gpus > 0) return {f.pool_gpus, {}, {}, {}};
    if (!f.racks.empty()) return {0, {}, empty_racks(f), {}};
    const std::uint32_t n = f.gpus_per_node;
    const std::uint64_t all = n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
    return {0, std::vector<std::uint64_t>(f.nodes, all), {}, {}};
}

inline void take(const fleet& f, space& s, const job& j, const placement& where) {
    if (!f.racks.empty()) return naive::take(f, s.racks, j, where);
    if (f.pool_gpus > 0) {
        // A walk of a mixed fleet takes what running jobs hold off what others have claimed.
        s.pool_free -= std::min(s.pool_free, j.gpus);
        return;
    }
    for (const auto& [node, mask] : where) s.free[node] &= ~mask;
}

/// Could the job have these GPUs?
inline bool could_have(const fleet& f, const space& s, const job& j, const placement& where) {
    if (!f.racks.empty()) return naive::could_have(f, s.racks, j, where);
    if (f.pool_gpus > 0) return j.gpus <= s.pool_free;
    return std::all_of(where.begin(), where.end(),
                       [&](const auto& part) { return (s.free[part.first] & part.second) == part.second; });
}

inline std::optional<placement> place(const fleet& f, const space& s, const job& j) {
    if (!f.racks.empty()) return place_on_racks(f, s.racks, j);
    if (f.pool_gpus == 0) return place_on_nodes(s.free, f.gpus_per_node, f.placer, j.gpus, j.spread);
    if (j.gpus > s.pool_free) return std::nullopt;
    return placement{};
}

}  // namespace naive
