#include "gang.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/policy/placer.hpp>

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

namespace ampacity::policy {
namespace {

using fleet::demand;
using fleet::free_index;
using fleet::gpu_share;
using fleet::node_set;

/// Can whole nodes and a remainder be had? Counts only.
bool whole_nodes_fit(const free_index& free, std::uint32_t gpus) {
    const std::uint32_t size = free.gpus_per_node();
    const std::uint32_t whole = gpus / size;
    const std::uint32_t remainder = gpus % size;
    const std::uint32_t empty_nodes = free.count_with(size);
    if (empty_nodes < whole) return false;
    if (remainder == 0 || empty_nodes > whole) return true;
    for (std::uint32_t c = remainder; c != size; ++c) {
        if (free.count_with(c) != 0) return true;
    }
    return false;
}

/// The node for the remainder, given the next wholly free node that is not taken (or npos).
std::uint32_t node_for_remainder(const free_index& free, std::uint32_t remainder, std::uint32_t next_whole,
                                 preference prefer) {
    const std::uint32_t size = free.gpus_per_node();
    const auto lowest_with = [&](std::uint32_t c) { return c == size ? next_whole : free.nodes_with(c).first(); };
    switch (prefer) {
        case preference::lowest_row: {
            std::uint32_t best = node_set::npos;
            for (std::uint32_t c = remainder; c <= size; ++c) best = std::min(best, lowest_with(c));
            return best;
        }
        case preference::fewest_free:
            for (std::uint32_t c = remainder; c <= size; ++c) {
                if (const auto row = lowest_with(c); row != node_set::npos) return row;
            }
            return node_set::npos;
        case preference::most_free:
            for (std::uint32_t c = size; c >= remainder; --c) {
                if (const auto row = lowest_with(c); row != node_set::npos) return row;
            }
            return node_set::npos;
    }
    return node_set::npos;
}

/// Calls `f(row)` for each node with a free GPU in the order of preference, until it returns true.
template <class F>
void visit_nodes(const free_index& free, preference prefer, F f) {
    const auto visit = [&f](const node_set& nodes) {
        for (auto row = nodes.first(); row != node_set::npos; row = nodes.next(row)) {
            if (f(row)) return true;
        }
        return false;
    };
    const std::uint32_t size = free.gpus_per_node();
    switch (prefer) {
        case preference::lowest_row: visit(free.any_free()); return;
        case preference::fewest_free:
            for (std::uint32_t c = 1; c <= size; ++c) {
                if (visit(free.nodes_with(c))) return;
            }
            return;
        case preference::most_free:
            for (std::uint32_t c = size; c >= 1; --c) {
                if (visit(free.nodes_with(c))) return;
            }
            return;
    }
}

/// Node by node in the order of preference, all free GPUs of each until there are enough.
void place_node_by_node(const free_index& free, std::uint32_t gpus, preference prefer, std::vector<gpu_share>& out) {
    visit_nodes(free, prefer, [&](std::uint32_t row) {
        const auto has = fleet::count_gpus(free.free_mask(node_id{row}));
        const std::uint32_t n = std::min(gpus, has);
        out.push_back(lowest_gpus(free, row, n));
        gpus -= n;
        return gpus == 0;
    });
}

// --- racks ------------------------------------------------------------------------------------------

/// Node by node within the first part of the wished scope that has room, no more nodes of a rack than it may use.
void place_loosely(const free_index& free, demand wanted, preference prefer, std::vector<gpu_share>& out) {
    const gang g{free, wanted};
    any_range(free.where(), g.within, [&](std::uint32_t first, std::uint32_t last) {
        if (loose_gpus(free, g, first, last) < wanted.gpus) return false;
        std::uint32_t gpus = wanted.gpus;
        const std::size_t begin = out.size();
        visit_nodes(free, prefer, [&](std::uint32_t row) {
            const std::uint32_t rack = free.where().rack_of(node_id{row});
            if (rack < first || rack >= last || !g.allowed(free, rack)) return false;
            const std::uint64_t mask = free.free_mask(node_id{row});
            const auto has = fleet::count_gpus(mask);
            if (has == g.node_gpus) {
                const auto opened = static_cast<std::uint32_t>(
                    std::count_if(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), [&](const gpu_share& s) {
                        return free.where().rack_of(s.node) == rack && free.held_mask(s.node) == 0;
                    }));
                if (opened == free.whole_nodes(rack)) return false;
            }
            const std::uint32_t n = std::min(gpus, has);
            out.push_back(lowest_gpus(free, row, n));
            gpus -= n;
            return gpus == 0;
        });
        return true;
    });
}

/// The rack for a job that must lie in one, npos without one.
///
/// lowest_row: the lowest rack that can take it. fewest_free: the fullest one, then the lowest; a job of less than a
/// node goes by the fullest node first. most_free: less than a node goes to the node with most free GPUs, more to the
/// lowest rack.
std::uint32_t choose_rack(const free_index& free, const gang& g, preference prefer) {
    std::uint32_t best = node_set::npos;
    if (g.whole_nodes() == 0 && prefer != preference::lowest_row) {
        const auto has_node = [&](std::uint32_t rack, std::uint32_t c) {
            return g.allowed(free, rack) && (c == g.node_gpus ? free.whole_nodes(rack) : free.count_in(rack, c)) != 0;
        };
        for (std::uint32_t i = 0; i <= g.node_gpus - g.rest_gpus; ++i) {
            const bool fewest = prefer == preference::fewest_free;
            const std::uint32_t c = fewest ? g.rest_gpus + i : g.node_gpus - i;
            if (free.count_with(c) == 0) continue;
            if (!fewest) {
                const node_set& nodes = free.nodes_with(c);
                for (auto row = nodes.first(); row != node_set::npos; row = nodes.next(row)) {
                    const std::uint32_t rack = free.where().rack_of(node_id{row});
                    if (has_node(rack, c)) return rack;
                }
                continue;
            }
            for (std::uint32_t f = c; f != free.num_free_counts(); ++f) {
                const node_set& racks = free.racks_with_free(f);
                for (auto rack = racks.first(); rack != node_set::npos; rack = racks.next(rack)) {
                    if (has_node(rack, c)) return rack;
                }
            }
        }
        return node_set::npos;
    }
    if (prefer == preference::fewest_free) {
        const std::uint64_t least = std::uint64_t{g.units} * g.unit_size() + g.rest_size();
        for (std::uint64_t f = least; f < free.num_free_counts(); ++f) {
            const node_set& racks = free.racks_with_free(static_cast<std::uint32_t>(f));
            for (auto rack = racks.first(); rack != node_set::npos; rack = racks.next(rack)) {
                if (g.fits_in(free, rack)) return rack;
            }
        }
        return node_set::npos;
    }
    for (std::uint64_t whole = g.whole_nodes(); whole <= free.where().most_nodes(); ++whole) {
        const node_set& racks = free.racks_with_whole(static_cast<std::uint32_t>(whole));
        for (auto rack = racks.first(); rack != node_set::npos && rack < best; rack = racks.next(rack)) {
            if (g.fits_in(free, rack)) best = std::min(best, rack);
        }
    }
    return best;
}

/// Racks by a rising small number; equal ones keep their order. O(racks + the largest number).
template <class Key>
std::vector<std::uint32_t> by_key(const std::vector<std::uint32_t>& racks, Key key) {
    std::vector<std::uint32_t> begin{0};
    for (const std::uint32_t rack : racks) {
        const std::size_t k = key(rack);
        if (k + 2 > begin.size()) begin.resize(k + 2, 0);
        ++begin[k + 1];
    }
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    std::vector<std::uint32_t> out(racks.size());
    for (const std::uint32_t rack : racks) out[begin[key(rack)]++] = rack;
    return out;
}

/// Divides a job over the racks [first, last), which can take it.
///
/// Units first: in the order of the racks; packed, as long as no rack can take all that are left, from the one that can
/// take most, in the end from the fullest that can take them all. Then the rest, by the preferred node, the fullest
/// rack (packed) and the lowest. Where the units leave no place for the rest it is the other way round.
class division {
public:
    division(const free_index& free, const gang& g, preference prefer, std::uint32_t first, std::uint32_t last)
        : free_(free), gang_(g), prefer_(prefer), room_(last - first), units_(last - first, 0) {
        std::uint64_t total = 0;
        racks_.reserve(room_.size());
        for (std::uint32_t rack = first; rack != last; ++rack) {
            total += room_[rack - first] = g.units_in(free, rack);
            if (room_[rack - first] != 0 || g.has_rest()) racks_.push_back(rack);
        }
        if (prefer == preference::fewest_free && g.has_rest())
            racks_ = by_key(racks_, [&free](std::uint32_t rack) { return free.free_gpus_of(rack); });
        std::uint32_t host = node_set::npos;
        assign(host, first);
        if (g.has_rest()) {
            host = best_host(first,
                             [&](std::uint32_t rack, std::uint32_t beside) { return beside >= units_[rack - first]; });
            if (host == node_set::npos) {
                std::fill(units_.begin(), units_.end(), 0);
                host = best_host(first, [&](std::uint32_t rack, std::uint32_t beside) {
                    return total - room_[rack - first] + beside >= g.units;
                });
                assign(host, first);
            }
        }
        for (std::uint32_t rack = first; rack != last; ++rack) {
            const std::uint32_t n = units_[rack - first];
            if (n != 0 || rack == host) parts_.push_back({.rack = rack, .units = n, .rest = rack == host});
        }
    }

    [[nodiscard]] const std::vector<rack_part>& parts() const noexcept { return parts_; }

private:
    /// Gives out the units; the host takes no more than it can beside the rest.
    void assign(std::uint32_t host, std::uint32_t first) {
        std::fill(units_.begin(), units_.end(), 0);
        std::uint32_t left = gang_.units;
        const auto room = [&](std::uint32_t rack) {
            if (units_[rack - first] != 0) return 0U;
            return rack == host ? static_cast<std::uint32_t>(gang_.units_beside_rest(free_, rack))
                                : room_[rack - first];
        };
        if (prefer_ != preference::fewest_free) {
            for (const std::uint32_t rack : racks_) {
                const std::uint32_t n = std::min(left, room(rack));
                units_[rack - first] = n;
                left -= n;
            }
            return;
        }
        if (left != 0) assign_fullest(left, first, room);
    }

    /// Again and again the first rack that can take all that is left, else the one that can take most of it: the racks
    /// by falling room, up to one that ends it. Equal ones, and those that could end it, by their free GPUs.
    template <class Room>
    void assign_fullest(std::uint32_t left, std::uint32_t first, const Room& room) {
        std::vector<std::uint32_t> with(free_.where().most_nodes() + 1, 0);  // racks by room
        for (const std::uint32_t rack : racks_) ++with[room(rack)];
        // Racks with more room than `cut` are taken, and of those with just that the first `some`.
        auto cut = static_cast<std::uint32_t>(with.size() - 1);
        for (; cut != 0 && with[cut] <= (left - 1) / cut; --cut) left -= with[cut] * cut;
        AMPACITY_ASSERT(cut != 0);
        const std::uint32_t some = (left - 1) / cut;
        left -= some * cut;
        std::vector<std::uint32_t> equal;
        for (const std::uint32_t rack : racks_) {
            const std::uint32_t n = room(rack);
            if (n > cut) units_[rack - first] = n;
            if (n == cut && some != 0) equal.push_back(rack);
        }
        if (some != 0) equal = by_key(equal, [this](std::uint32_t rack) { return free_.free_gpus_of(rack); });
        for (std::uint32_t i = 0; i != some; ++i) units_[equal[i] - first] = cut;

        std::uint32_t last = node_set::npos;
        for (const std::uint32_t rack : racks_) {
            if (room(rack) < left) continue;
            if (last == node_set::npos || free_.free_gpus_of(rack) < free_.free_gpus_of(last)) last = rack;
        }
        units_[last - first] = left;
    }

    /// The best rack for the rest among those for which `may(rack, units beside the rest)`.
    template <class F>
    [[nodiscard]] std::uint32_t best_host(std::uint32_t first, F may) const {
        std::uint32_t best = node_set::npos;
        std::uint32_t best_node = 0;
        for (const std::uint32_t rack : racks_) {
            const std::int32_t beside = gang_.units_beside_rest(free_, rack);
            if (beside < 0 || !may(rack, static_cast<std::uint32_t>(beside))) continue;
            const std::uint32_t node = node_for_rest(rack, units_[rack - first] * gang_.unit_nodes + gang_.rest_nodes);
            const bool better = best == node_set::npos || (prefer_ == preference::fewest_free && node < best_node) ||
                                (prefer_ == preference::most_free && node > best_node);
            if (!better) continue;
            best = rack;
            best_node = node;
        }
        return best;
    }

    /// Free GPUs of the node that the rest's part of a node would go to, beside so many whole nodes, before it does.
    [[nodiscard]] std::uint32_t node_for_rest(std::uint32_t rack, std::uint32_t taken) const {
        const std::uint32_t size = gang_.node_gpus;
        if (gang_.rest_gpus == 0) return size;
        const bool whole_left = free_.whole_nodes(rack) > taken;
        if (prefer_ == preference::most_free) {
            for (std::uint32_t c = size; c >= gang_.rest_gpus; --c) {
                if (c == size ? whole_left : free_.count_in(rack, c) != 0) return c;
            }
        }
        for (std::uint32_t c = gang_.rest_gpus; c != size; ++c) {
            if (free_.count_in(rack, c) != 0) return c;
        }
        return size;
    }

    const free_index& free_;
    const gang& gang_;
    preference prefer_;
    std::vector<std::uint32_t> racks_;  // in the order of preference; without a rest: those with room, by row
    std::vector<std::uint32_t> room_;   // (racks) for units beside nothing else, by row
    std::vector<std::uint32_t> units_;  // (racks), by row
    std::vector<rack_part> parts_;
};

/// On racks: first-fit, pack and spread. \pre it fits
void place_gang(const free_index& free, demand wanted, preference prefer, std::vector<gpu_share>& out) {
    const gang g{free, wanted};
    std::vector<rack_part> parts;
    if (g.one_rack) {
        parts.push_back({.rack = choose_rack(free, g, prefer), .units = g.units, .rest = g.has_rest()});
    } else {
        any_range(free.where(), g.within, [&](std::uint32_t first, std::uint32_t last) {
            if (g.within != scope::fleet && !racks_fit(free, g, first, last)) return false;
            parts = division{free, g, prefer, first, last}.parts();
            return true;
        });
    }
    for (const rack_part& part : parts) fill(free, g, part, prefer, out);
}

/// The placers that differ only in their preference.
class simple_placer final : public placer {
public:
    explicit simple_placer(preference prefer) : prefer_(prefer) {}

    bool place(const free_index& free, demand wanted, std::vector<gpu_share>& out) const override {
        if (!fits(free, wanted)) return false;
        if (free.has_racks()) {
            wanted.spread ? place_loosely(free, wanted, prefer_, out) : place_gang(free, wanted, prefer_, out);
            return true;
        }
        if (wanted.spread) {
            place_node_by_node(free, wanted.gpus, prefer_, out);
            return true;
        }
        const std::uint32_t size = free.gpus_per_node();
        const auto& whole_nodes = free.nodes_with(size);
        std::uint32_t row = whole_nodes.first();
        for (std::uint32_t i = 0; i != wanted.gpus / size; ++i) {
            out.push_back({.node = node_id{row}, .gpus = free_index::full_mask(size)});
            row = whole_nodes.next(row);
        }
        if (const std::uint32_t remainder = wanted.gpus % size; remainder != 0) {
            out.push_back(lowest_gpus(free, node_for_remainder(free, remainder, row, prefer_), remainder));
        }
        return true;
    }

    [[nodiscard]] bool fits(const free_index& free, demand wanted) const override {
        if (free.has_racks()) return gang_fits(free, wanted);
        return wanted.spread ? wanted.gpus <= free.free_gpus() : whole_nodes_fit(free, wanted.gpus);
    }

private:
    preference prefer_;
};

}  // namespace

std::vector<rack_part> pack_over(const free_index& free, const gang& g, std::uint32_t first, std::uint32_t last) {
    return division{free, g, preference::fewest_free, first, last}.parts();
}

std::unique_ptr<placer> make_first_fit() { return std::make_unique<simple_placer>(preference::lowest_row); }
std::unique_ptr<placer> make_pack() { return std::make_unique<simple_placer>(preference::fewest_free); }
std::unique_ptr<placer> make_spread() { return std::make_unique<simple_placer>(preference::most_free); }

}  // namespace ampacity::policy
