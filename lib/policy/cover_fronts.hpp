#pragma once
/// \file
/// Sums of costs that cover a number of units: of the sums over sets of racks only those are kept that no other one
/// beats, by rising cost and rising units.
///
/// Costs are 128-bit integers, so that an order of costs, racks, blocks and sites is one number; every rack costs
/// something. Not thread-safe: the buffers are reused.

#include "rack_worth.hpp"

#include <ampacity/core/wide.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace ampacity::policy {

struct cover_point {
    uint128 cost = 0;
    count units = 0;

    friend bool operator==(const cover_point&, const cover_point&) = default;
};

/// Rising in both.
using front = std::vector<cover_point>;

/// Sums without the rest of the job, and with it in one of the racks.
struct fronts {
    front plain;
    front host;
};

/// Which sums are of use.
struct cover_limit {
    /// Low bits of a cost that the bound below leaves out, so that products stay below 2^128.
    static constexpr unsigned dropped_bits = 42;

    count target = 0;            ///< units in all; more count as so many
    uint128 most = ~uint128{0};  ///< cost in all
    uint128 rate_cost = 0;       ///< the least that units cost anywhere, a fraction: upper bits of a cost ...
    uint128 rate_units = 1;      ///< ... by units

    /// May the sum lead to one of all units at no more than `most`?
    [[nodiscard]] bool allows(uint128 cost, count units) const noexcept {
        if (cost > most) return false;
        if (units >= target) return true;
        const uint128 left = (most >> dropped_bits) - (cost >> dropped_bits);
        return left * rate_units >= rate_cost * static_cast<uint128>(target - units);
    }
};

class cover_sums {
public:
    /// Makes `out` the sums of a point of each, without changing the other two. Both have the empty set.
    /// Is `out` more than `a`?
    bool combine(const fronts& a, const fronts& b, const cover_limit& limit, fronts& out) {
        out.plain = a.plain;
        out.host = a.host;
        bool more = add(a.plain, b.plain, limit, out.plain);
        more |= add(a.host, b.plain, limit, out.host);
        more |= add(a.plain, b.host, limit, out.host);
        return more;
    }

    /// Adds to `into` what `from` has, at `cost` more.
    void absorb(const fronts& from, uint128 cost, const cover_limit& limit, fronts& into) {
        const front once{{.cost = cost, .units = 0}};
        add(from.plain, once, limit, into.plain);
        add(from.host, once, limit, into.host);
    }

private:
    /// Adds the sums of a point of each to `into`, which is neither of them; was any of them of use?
    bool add(const front& a, const front& b, const cover_limit& limit, front& into) {
        if (a.size() < b.size()) return add(b, a, limit, into);
        bool more = false;
        for (const cover_point& y : b) {
            sums_.clear();
            std::size_t at = 0;
            for (const cover_point& x : a) {
                const cover_point sum{.cost = x.cost + y.cost, .units = std::min(x.units + y.units, limit.target)};
                if (sum.cost > limit.most) break;
                while (at != into.size() && into[at].cost <= sum.cost) ++at;
                if (at != 0 && into[at - 1].units >= sum.units) continue;
                if (limit.allows(sum.cost, sum.units)) sums_.push_back(sum);
                if (sum.units == limit.target) break;
            }
            if (sums_.empty()) continue;
            more = true;
            merge(into);
        }
        return more;
    }

    /// Puts the sums into a front.
    void merge(front& into) {
        merged_.clear();
        auto x = into.begin();
        auto y = sums_.begin();
        while (x != into.end() || y != sums_.end()) {
            const bool first = y == sums_.end() ||
                               (x != into.end() && (x->cost < y->cost || (x->cost == y->cost && x->units >= y->units)));
            const cover_point& next = first ? *x++ : *y++;
            if (merged_.empty() || next.units > merged_.back().units) merged_.push_back(next);
        }
        std::swap(into, merged_);
    }

    front sums_;
    front merged_;
};

}  // namespace ampacity::policy
