#pragma once
/// \file
/// The fleet of a naive replay, of one GPU type or several: how fast jobs run there, and where they could lie.
///
/// On a mixed fleet nodes are counted on from one type to the next, and a pool has one row. Shares no code with the
/// engine.

#include "support/naive_elastic.hpp"
#include "support/naive_replay.hpp"
#include "support/naive_space.hpp"
#include "support/naive_ties.hpp"

#include <ampacity/core/wide.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace naive {

using ampacity::int128;

class places : protected tied_jobs {
protected:
    places(const std::vector<job>& jobs, const fleet& where) : tied_jobs(jobs), fleet_(where) {}
    ~places() = default;

    bool is_pool() const { return fleet_.pool_gpus > 0; }
    bool has_racks() const { return !fleet_.racks.empty(); }
    bool is_mixed() const { return !fleet_.types.empty(); }

    // ---- types of a mixed fleet; speeds are in 64ths

    static constexpr std::int64_t unit = 64;

    /// Nodes of the types before it.
    std::uint32_t first_node(std::size_t type) const {
        std::uint32_t first = 0;
        for (std::size_t t = 0; t < type; ++t) first += fleet_.types[t].pool_gpus > 0 ? 1 : fleet_.types[t].nodes;
        return first;
    }
    std::uint32_t type_of(const placement& where) const {
        std::uint32_t type = 0;
        while (is_mixed() && type + 1 < fleet_.types.size() && where.at(0).first >= first_node(type + 1)) ++type;
        return type;
    }
    static std::int64_t speed_on(const entry& e, std::size_t type) {
        return e.in.speeds.empty() ? unit : e.in.speeds[type];
    }
    /// Of the current run; of a job that waits 1.
    std::int64_t speed(const entry& e) const {
        return is_mixed() && e.at == phase::running ? speed_on(e, type_of(e.where)) : unit;
    }
    /// The types that can run the job, the fastest first.
    std::vector<std::size_t> by_speed(const entry& e) const {
        std::vector<std::size_t> order;
        for (std::size_t t = 0; t < fleet_.types.size(); ++t)
            if (speed_on(e, t) > 0) order.push_back(t);
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return speed_on(e, a) > speed_on(e, b); });
        return order;
    }
    /// Its speed on the fastest type that could hold it if nobody else were there.
    std::int64_t best_speed(const entry& e) const {
        for (const std::size_t t : by_speed(e))
            if (place_on(whole_fleet(), e, t)) return speed_on(e, t);
        return unit;
    }
    static std::int64_t time_for(std::int64_t work, std::int64_t speed) {
        return static_cast<std::int64_t>((int128{work} * unit + speed - 1) / speed);
    }
    static std::int64_t work_in(std::int64_t time, std::int64_t speed) {
        return static_cast<std::int64_t>(int128{time} * speed / unit);
    }

    // ---- the same at a pace

    std::int64_t work_at(const entry& e, std::int64_t time, double pace) const {
        if (pace == 1) return work_in(time, speed(e));
        return work_done(time, static_cast<double>(speed(e)) / unit * pace);
    }
    std::int64_t time_at(const entry& e, std::int64_t work, double pace) const {
        if (pace == 1) return time_for(work, speed(e));
        return time_needed(work, static_cast<double>(speed(e)) / unit * pace);
    }

    // ---- space

    space whole_fleet() const {
        if (!is_mixed()) return naive::empty_fleet(fleet_);
        space s;
        for (const fleet& f : fleet_.types) s.types.push_back(naive::empty_fleet(f));
        return s;
    }

    void take(space& s, const entry& e, const placement& where) const {
        if (!is_mixed()) return naive::take(fleet_, s, e.in, where);
        const std::uint32_t t = type_of(where);
        naive::take(fleet_.types[t], s.types[t], e.in, moved(where, t, false));
    }
    /// Rows of a type's nodes in its part of the fleet, or back.
    placement moved(placement where, std::size_t type, bool back) const {
        for (auto& [node, mask] : where) node = back ? node + first_node(type) : node - first_node(type);
        return where;
    }

    /// Could the job have these GPUs?
    bool could_have(const space& s, const entry& e, const placement& where) const {
        if (!is_mixed()) return naive::could_have(fleet_, s, e.in, where);
        const std::uint32_t t = type_of(where);
        return naive::could_have(fleet_.types[t], s.types[t], e.in, moved(where, t, false));
    }

    /// A place on GPUs of this type of a mixed fleet.
    std::optional<placement> place_on(const space& s, const entry& e, std::size_t type) const {
        auto where = naive::place(fleet_.types[type], s.types[type], e.in);
        if (where && fleet_.types[type].pool_gpus > 0) where = placement{{0, 0}};
        if (where) where = moved(*where, type, true);
        return where;
    }
    /// `could_have` of a job that has them already: its nodes may drain.
    bool could_keep(space s, const entry& e) const {
        std::fill(s.racks.out.begin(), s.racks.out.end(), false);
        return could_have(s, e, e.where);
    }

    std::optional<placement> place(const space& s, const entry& e) const {
        if (!is_mixed()) return naive::place(fleet_, s, e.in);
        for (const std::size_t t : by_speed(e))
            if (auto where = place_on(s, e, t)) return where;
        return std::nullopt;
    }

    fleet fleet_;
};

}  // namespace naive
