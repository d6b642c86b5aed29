#pragma once
/// \file
/// Nodes that leave and come back, as the naive replays see them: every question looks at every leave. Pure functions.

#include "support/naive_racks.hpp"
#include "support/naive_replay.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace naive {

inline bool names(const leave& l, std::uint32_t node) {
    return std::find(l.nodes.begin(), l.nodes.end(), node) != l.nodes.end();
}

inline bool has_failed(const fleet& where, std::uint32_t node, std::int64_t now) {
    return std::any_of(where.leaves.begin(), where.leaves.end(), [&](const leave& l) {
        return !l.planned && names(l, node) && l.start_ns <= now && now < l.end_ns;
    });
}

/// Have so many nodes of its rack failed that it takes no new jobs?
inline bool drains(const fleet& where, std::uint32_t node, std::int64_t now) {
    if (where.drain_at_millionths == 0 || where.racks.empty()) return false;
    const std::uint32_t r = rack_of_node(where, node);
    std::uint64_t failed = 0;
    for (std::uint32_t i = 0; i < where.racks[r].nodes; ++i)
        failed += has_failed(where, first_node_of(where, r) + i, now) ? 1U : 0U;
    return failed * 1'000'000 >= std::uint64_t{where.drain_at_millionths} * where.racks[r].nodes;
}

/// Can a job that runs over [from, to), at least for an instant, not get this node? As far as one can know now.
inline bool is_out(const fleet& where, std::uint32_t node, std::int64_t now, std::int64_t from, std::int64_t to) {
    if (where.leaves.empty()) return false;
    if (has_failed(where, node, now) || drains(where, node, now)) return true;
    return std::any_of(where.leaves.begin(), where.leaves.end(), [&](const leave& l) {
        return l.planned && l.known_ns <= now && names(l, node) && from < l.end_ns &&
               (l.start_ns < to || l.start_ns <= from);
    });
}

/// GPUs of a fleet without types that jobs can hold at a time, without the nodes for which `is_out(row)`.
template <class F>
std::uint64_t gpus_of_part(const fleet& f, F is_out) {
    if (f.pool_gpus > 0) return f.pool_gpus;
    std::uint64_t nodes = 0;
    if (f.racks.empty()) {
        for (std::uint32_t n = 0; n < f.nodes; ++n) nodes += is_out(n) ? 0U : 1U;
    }
    for (std::uint32_t r = 0; r < f.racks.size(); ++r) {
        std::uint32_t here = 0;
        for (std::uint32_t i = 0; i < f.racks[r].nodes; ++i) here += is_out(first_node_of(f, r) + i) ? 0U : 1U;
        nodes += std::min(here, f.racks[r].usable);
    }
    return nodes * f.gpus_per_node;
}

/// Instants at which that changes.
inline std::vector<std::int64_t> changes(const fleet& where) {
    std::vector<std::int64_t> out;
    for (const leave& l : where.leaves) {
        if (l.planned) out.push_back(l.known_ns);
        out.push_back(l.start_ns);
        out.push_back(l.end_ns);
    }
    return out;
}

/// The speed of a job on these nodes at `t`, of its full one: that of its slowest node.
inline double pace_at(const fleet& f, const placement& where, std::int64_t t) {
    double slowest = 1;
    for (const auto& part : where) {
        double pace = 1;
        for (const slowdown& d : f.slowdowns) {
            const bool named = std::find(d.nodes.begin(), d.nodes.end(), part.first) != d.nodes.end();
            if (named && d.start_ns <= t && t < d.end_ns) pace *= d.speed;
        }
        slowest = std::min(slowest, pace);
    }
    return slowest;
}

}  // namespace naive
