#include "support/naive_racks.hpp"

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <tuple>

namespace naive {

namespace {

using ampacity::scope;

std::uint32_t count(std::uint64_t mask) { return static_cast<std::uint32_t>(std::bitset<64>(mask).count()); }

std::uint64_t full_node(const fleet& where) {
    return where.gpus_per_node >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << where.gpus_per_node) - 1;
}

std::uint64_t lowest(std::uint64_t mask, std::uint64_t n) {
    std::uint64_t taken = 0;
    for (unsigned bit = 0; bit < 64 && count(taken) < n; ++bit) taken |= mask & (std::uint64_t{1} << bit);
    return taken;
}

std::uint32_t nodes_in_use(const fleet& where, const rack_space& s, std::uint32_t r) {
    std::uint32_t n = 0;
    for (std::uint32_t i = 0; i < where.racks[r].nodes; ++i) n += s.held[first_node_of(where, r) + i] != 0 ? 1U : 0U;
    return n;
}

bool untouched(const fleet& where, const rack_space& s, std::uint32_t r) {
    return nodes_in_use(where, s, r) == 0 && !s.locked[r];
}

/// Which node for a part of a node?
enum class liking { lowest, least_free, most_free };

liking liking_of(const std::string& placer) {
    if (placer == "first-fit") return liking::lowest;
    return placer == "spread" ? liking::most_free : liking::least_free;
}

/// What one rack has for one job.
struct rack_offer {
    std::vector<std::uint32_t> whole{};               ///< rows of wholly free nodes
    std::uint32_t may_open = 0;                       ///< how many of them the job may have
    std::map<std::uint32_t, std::uint32_t> partly{};  ///< row -> free GPUs, of nodes in use
    std::uint64_t free = 0;                           ///< GPUs that any job could have: how full the rack is
};

/// One job on one fleet.
class question {
public:
    question(const fleet& where, const rack_space& s, const job& j) : where_(where), space_(s), job_(j) {
        std::uint32_t most_usable = 0;
        for (const rack& r : where.racks) most_usable = std::max(most_usable, r.usable);
        const std::uint64_t per_node = where.gpus_per_node;
        const std::uint64_t all = j.gpus / per_node;
        const std::uint64_t nodes = (j.gpus + per_node - 1) / per_node;
        remainder_ = static_cast<std::uint32_t>(j.gpus % per_node);
        one_rack_ = j.within == scope::rack || (j.segment == 0 ? nodes <= most_usable : j.segment >= nodes);
        if (one_rack_) {
            rest_nodes_ = all;
        } else {
            unit_ = j.segment == 0 ? 1 : j.segment;
            units_ = all / unit_;
            rest_nodes_ = all % unit_;
        }
        for (std::uint32_t r = 0; r < where.racks.size(); ++r) offers_.push_back(offer_of(r));
    }

    std::optional<placement> answer() const {
        if (where_.placer == "topology" && !job_.spread) return fewest_racks();
        if (where_.placer == "block" && !job_.spread) return smallest_group();
        for (const auto& part : parts(job_.within)) {
            const auto found = job_.spread ? node_by_node(part) : one_rack_ ? in_one_rack(part) : over_racks(part);
            if (found) return found;
        }
        return std::nullopt;
    }

private:
    using rows = std::vector<std::uint32_t>;  // racks, rising

    rack_offer offer_of(std::uint32_t r) const {
        rack_offer o;
        const std::uint32_t used = nodes_in_use(where_, space_, r);
        const std::uint32_t usable = where_.racks[r].usable;
        for (std::uint32_t i = 0; i < where_.racks[r].nodes; ++i) {
            const std::uint32_t node = first_node_of(where_, r) + i;
            if (space_.out[node] || space_.locked[r]) continue;
            const std::uint32_t free = count(full_node(where_) & ~space_.held[node]);
            if (space_.held[node] == 0) {
                o.whole.push_back(node);
            } else if (free > 0) {
                o.partly[node] = free;
                o.free += free;
            }
        }
        o.may_open = std::min(usable - std::min(usable, used), static_cast<std::uint32_t>(o.whole.size()));
        o.free += std::uint64_t{o.may_open} * where_.gpus_per_node;
        if (job_.exclusive && !untouched(where_, space_, r)) {
            o.whole.clear();
            o.partly.clear();
            o.may_open = 0;
        }
        return o;
    }

    /// The parts of one kind, in order.
    std::vector<rows> parts(scope kind) const {
        std::map<std::uint32_t, rows> by;
        for (std::uint32_t r = 0; r < where_.racks.size(); ++r) {
            const rack& k = where_.racks[r];
            by[kind == scope::fleet   ? 0
               : kind == scope::site  ? k.site
               : kind == scope::block ? k.block
                                      : r]
                .push_back(r);
        }
        // A job for one rack needs no part of its own for that: it chooses among all racks.
        if (kind != scope::fleet && one_rack_ && !job_.spread) return parts(scope::fleet);
        std::vector<rows> out;
        for (auto& [number, racks] : by) out.push_back(racks);
        return out;
    }

    /// Has the rack so many whole nodes and, beside them, a node for the remainder?
    bool has_room(std::uint32_t r, std::uint64_t nodes, std::uint32_t remainder) const {
        const rack_offer& o = offers_[r];
        if (nodes > o.may_open) return false;
        if (remainder == 0 || nodes + 1 <= o.may_open) return true;
        for (const auto& [row, free] : o.partly)
            if (free >= remainder) return true;
        return false;
    }

    /// The node for the remainder, if the job has `nodes` whole nodes of the rack, and its free GPUs.
    std::pair<std::uint32_t, std::uint32_t> remainder_node(std::uint32_t r, std::uint64_t nodes) const {
        const rack_offer& o = offers_[r];
        std::map<std::uint32_t, std::uint32_t> choice;
        for (const auto& [row, free] : o.partly)
            if (free >= remainder_) choice[row] = free;
        if (nodes + 1 <= o.may_open)
            for (std::size_t i = nodes; i < o.whole.size(); ++i) choice[o.whole[i]] = where_.gpus_per_node;
        auto best = choice.begin();
        for (auto at = choice.begin(); at != choice.end(); ++at) {
            if (liking_of(where_.placer) == liking::least_free && at->second < best->second) best = at;
            if (liking_of(where_.placer) == liking::most_free && at->second > best->second) best = at;
        }
        return *best;
    }

    /// Units that the rack can take, if it holds the rest, too, or not.
    std::uint64_t capacity(std::uint32_t r, bool with_rest) const {
        std::uint64_t n = 0;
        while (has_room(r, (n + 1) * unit_ + (with_rest ? rest_nodes_ : 0), with_rest ? remainder_ : 0)) ++n;
        return n;
    }

    bool has_rest() const { return rest_nodes_ > 0 || remainder_ > 0; }

    /// The nodes of a job of which each rack has so many units, and one rack the rest.
    placement nodes_of(const std::map<std::uint32_t, std::uint64_t>& units, std::optional<std::uint32_t> rest) const {
        std::map<std::uint32_t, std::uint64_t> nodes;
        for (const auto& [r, n] : units) nodes[r] += n * unit_;
        if (rest) nodes[*rest] += rest_nodes_;
        placement p;
        for (const auto& [r, n] : nodes)
            for (std::size_t i = 0; i < n; ++i) p.emplace_back(offers_[r].whole.at(i), full_node(where_));
        if (rest && remainder_ > 0) {
            const std::uint32_t node = remainder_node(*rest, nodes[*rest]).first;
            p.emplace_back(node, lowest(full_node(where_) & ~space_.held[node], remainder_));
        }
        std::sort(p.begin(), p.end());
        return p;
    }

    // ---- first-fit, pack, spread

    std::optional<placement> in_one_rack(const rows& part) const {
        const bool by_node = rest_nodes_ == 0;
        std::optional<std::uint32_t> best;
        for (const std::uint32_t r : part) {
            if (!has_room(r, rest_nodes_, remainder_)) continue;
            if (!best || better_for_one(r, *best, by_node)) best = r;
        }
        if (!best) return std::nullopt;
        return nodes_of({}, best);
    }

    /// Is rack a, the higher one, better for a job for one rack than b?
    bool better_for_one(std::uint32_t a, std::uint32_t b, bool by_node) const {
        if (by_node) return better_for_rest(a, 0, b, 0);
        return where_.placer == "pack" && offers_[a].free < offers_[b].free;
    }

    /// Is rack a, of which the job has so many nodes of units already, better for the rest than b, a lower one?
    bool better_for_rest(std::uint32_t a, std::uint64_t a_nodes, std::uint32_t b, std::uint64_t b_nodes) const {
        if (remainder_ > 0) {
            const std::uint32_t at_a = remainder_node(a, a_nodes + rest_nodes_).second;
            const std::uint32_t at_b = remainder_node(b, b_nodes + rest_nodes_).second;
            if (where_.placer == "pack" && at_a != at_b) return at_a < at_b;
            if (where_.placer == "spread" && at_a != at_b) return at_a > at_b;
        }
        return where_.placer == "pack" && offers_[a].free < offers_[b].free;
    }

    /// Units given out by the placer's rule where racks can take so many of them.
    std::map<std::uint32_t, std::uint64_t> give_units(const std::map<std::uint32_t, std::uint64_t>& capacity) const {
        std::map<std::uint32_t, std::uint64_t> given;
        std::uint64_t left = units_;
        while (left > 0) {
            std::optional<std::uint32_t> best;
            std::uint64_t best_takes = 0;
            for (const auto& [r, can] : capacity) {
                const std::uint64_t takes = std::min(left, can);
                if (takes == 0 || given.count(r) != 0) continue;
                const bool better =
                    where_.placer == "pack" && best &&
                    (takes > best_takes || (takes == best_takes && offers_[r].free < offers_[*best].free));
                if (!best || better) {
                    best = r;
                    best_takes = takes;
                }
            }
            if (!best) throw std::logic_error("naive racks: units do not fit");
            given[*best] = best_takes;
            left -= best_takes;
        }
        return given;
    }

    std::optional<placement> over_racks(const rows& part) const {
        std::map<std::uint32_t, std::uint64_t> can;
        std::uint64_t sum = 0;
        for (const std::uint32_t r : part) sum += can[r] = capacity(r, false);
        if (sum < units_) return std::nullopt;
        auto given = give_units(can);
        if (!has_rest()) return nodes_of(given, std::nullopt);
        std::optional<std::uint32_t> rest;
        for (const std::uint32_t r : part) {
            if (!has_room(r, given[r] * unit_ + rest_nodes_, remainder_)) continue;
            if (!rest || better_for_rest(r, given[r] * unit_, *rest, given[*rest] * unit_)) rest = r;
        }
        if (rest) return nodes_of(given, rest);
        for (const std::uint32_t r : part) {
            if (!has_room(r, rest_nodes_, remainder_) || sum - can[r] + capacity(r, true) < units_) continue;
            if (!rest || better_for_rest(r, 0, *rest, 0)) rest = r;
        }
        if (!rest) return std::nullopt;
        can[*rest] = capacity(*rest, true);
        return nodes_of(give_units(can), rest);
    }

    std::optional<placement> node_by_node(const rows& part) const {
        std::vector<std::pair<std::uint32_t, std::uint32_t>> nodes;  // (row, free)
        for (const std::uint32_t r : part) {
            for (const auto& [row, free] : offers_[r].partly) nodes.emplace_back(row, free);
            if (offers_[r].may_open > 0)
                for (const std::uint32_t row : offers_[r].whole) nodes.emplace_back(row, where_.gpus_per_node);
        }
        std::sort(nodes.begin(), nodes.end());
        const liking how = liking_of(where_.placer);
        std::stable_sort(nodes.begin(), nodes.end(), [&](const auto& a, const auto& b) {
            return how == liking::least_free ? a.second < b.second : how == liking::most_free && a.second > b.second;
        });
        placement p;
        std::uint64_t left = job_.gpus;
        std::map<std::uint32_t, std::uint32_t> opened;
        for (const auto& [row, free] : nodes) {
            const std::uint32_t r = rack_of_node(where_, row);
            if (left == 0) break;
            if (space_.held[row] == 0 && opened[r]++ >= offers_[r].may_open) continue;
            const std::uint64_t here = std::min<std::uint64_t>(left, free);
            p.emplace_back(row, lowest(full_node(where_) & ~space_.held[row], here));
            left -= here;
        }
        if (left > 0) return std::nullopt;
        std::sort(p.begin(), p.end());
        return p;
    }

    // ---- topology

    std::uint64_t unit_gpus() const { return unit_ * where_.gpus_per_node; }
    std::uint64_t rest_gpus() const { return rest_nodes_ * where_.gpus_per_node + remainder_; }

    /// Can these racks take the job with no share above `limit` GPUs if this one has the rest?
    bool can_share(const rows& racks, std::optional<std::uint32_t> rest, std::uint64_t limit) const {
        std::uint64_t sum = 0;
        for (const std::uint32_t r : racks) {
            const std::uint64_t other = rest == r ? rest_gpus() : 0;
            if (rest == r && !has_room(r, rest_nodes_, remainder_)) return false;
            if (other > limit) return false;
            sum += std::min(capacity(r, rest == r), (limit - other) / unit_gpus());
        }
        return sum >= units_;
    }

    /// The first rack that can have the rest with no share above `limit`; if there is no rest: any, or none.
    std::optional<std::optional<std::uint32_t>> rest_rack(const rows& racks, std::uint64_t limit) const {
        if (!has_rest()) {
            if (can_share(racks, std::nullopt, limit)) return std::optional<std::uint32_t>{};
            return std::nullopt;
        }
        for (const std::uint32_t r : racks)
            if (can_share(racks, r, limit)) return std::optional<std::uint32_t>{r};
        return std::nullopt;
    }

    bool in_one_part(const rows& racks) const {
        std::set<std::uint32_t> blocks;
        std::set<std::uint32_t> sites;
        for (const std::uint32_t r : racks) {
            blocks.insert(where_.racks[r].block);
            sites.insert(where_.racks[r].site);
        }
        if (job_.within == scope::block) return blocks.size() == 1;
        if (job_.within == scope::site) return sites.size() == 1;
        return job_.within == scope::fleet || racks.size() == 1;
    }

    std::optional<placement> fewest_racks() const {
        using merit =
            std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::size_t, std::size_t, std::uint64_t, rows>;
        std::optional<merit> best;
        const auto n = static_cast<std::uint32_t>(where_.racks.size());
        const std::size_t most_racks = one_rack_ ? 1 : n;
        for (std::uint32_t set = 1; set < (1U << n); ++set) {
            rows racks;
            for (std::uint32_t r = 0; r < n; ++r)
                if ((set >> r & 1U) != 0) racks.push_back(r);
            if (racks.size() > most_racks || !in_one_part(racks)) continue;
            if (best && !where_.weights && racks.size() > std::get<1>(*best)) continue;
            if (!rest_rack(racks, job_.gpus)) continue;
            std::uint64_t limit = 0;
            while (!rest_rack(racks, limit)) ++limit;
            std::set<std::uint32_t> blocks;
            std::set<std::uint32_t> sites;
            for (const std::uint32_t r : racks) {
                blocks.insert(where_.racks[r].block);
                sites.insert(where_.racks[r].site);
            }
            const bool by_fullness = where_.keep_racks_whole && racks.size() == 1;
            std::uint64_t weight = 0;
            if (where_.weights) {
                const auto whole = std::count_if(racks.begin(), racks.end(),
                                                 [&](std::uint32_t r) { return untouched(where_, space_, r); });
                weight = where_.weights->racks * racks.size() + where_.weights->largest_share * limit +
                         where_.weights->blocks * blocks.size() + where_.weights->sites * sites.size() +
                         where_.weights->whole_racks * static_cast<std::uint64_t>(whole);
            }
            merit m{weight, racks.size(), limit, blocks.size(), sites.size(), by_fullness ? offers_[racks[0]].free : 0,
                    racks};
            if (!best || m < *best) best = m;
        }
        if (!best) return std::nullopt;
        const rows& racks = std::get<6>(*best);
        const auto rest = *rest_rack(racks, std::get<2>(*best));
        std::map<std::uint32_t, std::uint64_t> given;
        for (std::uint64_t i = 0; i < units_; ++i) {
            std::optional<std::uint32_t> smallest;
            const auto share = [&](std::uint32_t r) { return given[r] * unit_gpus() + (rest == r ? rest_gpus() : 0); };
            for (const std::uint32_t r : racks) {
                if (given[r] == capacity(r, rest == r)) continue;
                if (!smallest || share(r) < share(*smallest)) smallest = r;
            }
            ++given[*smallest];
        }
        return nodes_of(given, rest);
    }

    // ---- block

    bool can_take(const rows& group) const {
        if (one_rack_) {
            return std::any_of(group.begin(), group.end(),
                               [&](std::uint32_t r) { return has_room(r, rest_nodes_, remainder_); });
        }
        return rest_rack(group, job_.gpus).has_value();
    }

    std::uint64_t free_of(const rows& group) const {
        std::uint64_t sum = 0;
        for (const std::uint32_t r : group) sum += offers_[r].free;
        return sum;
    }

    /// Aligned groups of `size` of the members of a part, for all the parts; as lists of racks.
    static std::vector<rows> groups(const std::vector<std::vector<rows>>& members_of_parts, std::size_t size) {
        std::vector<rows> out;
        for (const auto& members : members_of_parts) {
            for (std::size_t first = 0; first < members.size(); first += size) {
                rows group;
                for (std::size_t i = first; i < std::min(first + size, members.size()); ++i)
                    group.insert(group.end(), members[i].begin(), members[i].end());
                out.push_back(group);
            }
        }
        return out;
    }

    std::optional<placement> smallest_group() const {
        std::map<std::uint32_t, std::vector<rows>> racks_of_block;
        std::map<std::uint32_t, std::map<std::uint32_t, rows>> blocks_of_site;
        rows all;
        for (std::uint32_t r = 0; r < where_.racks.size(); ++r) {
            racks_of_block[where_.racks[r].block].push_back({r});
            blocks_of_site[where_.racks[r].site][where_.racks[r].block].push_back(r);
            all.push_back(r);
        }
        std::vector<std::vector<rows>> in_blocks;
        for (const auto& [b, racks] : racks_of_block) in_blocks.push_back(racks);
        std::vector<std::vector<rows>> in_sites;
        for (const auto& [site, blocks] : blocks_of_site) {
            in_sites.emplace_back();
            for (const auto& [b, racks] : blocks) in_sites.back().push_back(racks);
        }
        std::vector<std::vector<rows>> levels;
        for (std::size_t size = 1; size < 2 * all.size(); size *= 2) levels.push_back(groups(in_blocks, size));
        if (job_.within != scope::block)
            for (std::size_t size = 1; size < 2 * all.size(); size *= 2) levels.push_back(groups(in_sites, size));
        if (job_.within == scope::fleet || job_.within == scope::rack) levels.push_back({all});
        for (const auto& level : levels) {
            const rows* best = nullptr;
            for (const rows& group : level)
                if (can_take(group) && (best == nullptr || free_of(group) < free_of(*best))) best = &group;
            if (best == nullptr) continue;
            fleet as_pack = where_;
            as_pack.placer = "pack";
            const question inside(as_pack, space_, job_);
            return one_rack_ ? inside.in_one_rack(*best) : inside.over_racks(*best);
        }
        return std::nullopt;
    }

    const fleet& where_;
    const rack_space& space_;
    const job& job_;
    bool one_rack_ = false;
    std::uint64_t unit_ = 1;  // nodes
    std::uint64_t units_ = 0;
    std::uint64_t rest_nodes_ = 0;
    std::uint32_t remainder_ = 0;  // GPUs
    std::vector<rack_offer> offers_{};
};

}  // namespace

rack_space empty_racks(const fleet& where) {
    std::size_t nodes = 0;
    for (const rack& r : where.racks) nodes += r.nodes;
    return {std::vector<std::uint64_t>(nodes, 0), std::vector<bool>(nodes, false),
            std::vector<bool>(where.racks.size(), false)};
}

std::uint32_t first_node_of(const fleet& where, std::uint32_t rack) {
    std::uint32_t row = 0;
    for (std::uint32_t r = 0; r < rack; ++r) row += where.racks[r].nodes;
    return row;
}

std::uint32_t rack_of_node(const fleet& where, std::uint32_t node) {
    std::uint32_t r = 0;
    while (node >= first_node_of(where, r + 1)) ++r;
    return r;
}

std::uint64_t offered(const fleet& where, const rack_space& s, std::uint32_t node) {
    const std::uint32_t r = rack_of_node(where, node);
    if (s.out[node] || s.locked[r]) return 0;
    if (s.held[node] == 0 && nodes_in_use(where, s, r) >= where.racks[r].usable) return 0;
    return full_node(where) & ~s.held[node];
}

void take(const fleet& where, rack_space& s, const job& j, const placement& p) {
    for (const auto& [node, mask] : p) {
        s.held[node] |= mask;
        if (j.exclusive) s.locked[rack_of_node(where, node)] = true;
    }
}

bool could_have(const fleet& where, const rack_space& s, const job& j, const placement& p) {
    for (const auto& [node, mask] : p) {
        if ((mask & ~offered(where, s, node)) != 0) return false;
        if (j.exclusive && !untouched(where, s, rack_of_node(where, node))) return false;
    }
    rack_space after = s;
    take(where, after, j, p);
    for (const auto& [node, mask] : p) {
        const std::uint32_t r = rack_of_node(where, node);
        if (nodes_in_use(where, after, r) > where.racks[r].usable) return false;
    }
    return true;
}

std::optional<placement> place_on_racks(const fleet& where, const rack_space& s, const job& j) {
    return question(where, s, j).answer();
}

std::string broken_wish(const fleet& where, const rack_space& s, const job& j, const placement& p) {
    if (!could_have(where, s, j, p)) return "GPUs that it cannot have";
    std::uint64_t gpus = 0;
    std::set<std::uint32_t> nodes;
    std::set<std::uint32_t> racks;
    std::set<std::uint32_t> blocks;
    std::set<std::uint32_t> sites;
    std::map<std::uint32_t, std::uint64_t> whole;  // rack -> nodes
    std::optional<std::uint32_t> part_in;          // rack of the remainder
    std::size_t parts = 0;
    std::uint32_t most_usable = 0;
    for (const rack& r : where.racks) most_usable = std::max(most_usable, r.usable);
    for (const auto& [node, mask] : p) {
        const std::uint32_t r = rack_of_node(where, node);
        if (mask == 0 || !nodes.insert(node).second) return "an empty share or a node twice";
        if (mask != lowest(offered(where, s, node), count(mask))) return "not the lowest GPUs of a node";
        gpus += count(mask);
        racks.insert(r);
        blocks.insert(where.racks[r].block);
        sites.insert(where.racks[r].site);
        if (mask == full_node(where)) {
            ++whole[r];
        } else {
            part_in = r;
            ++parts;
        }
    }
    if (gpus != j.gpus) return "not as many GPUs as it needs";
    if (j.within == scope::rack && racks.size() > 1) return "more than one rack";
    if (j.within == scope::block && blocks.size() > 1) return "more than one block";
    if (j.within == scope::site && sites.size() > 1) return "more than one site";
    if (j.spread) return {};
    const std::uint64_t all = j.gpus / where.gpus_per_node;
    if (parts != (j.gpus % where.gpus_per_node == 0 ? 0U : 1U)) return "parts of more nodes than one";
    if (j.segment == 0) return all + parts <= most_usable && racks.size() > 1 ? "a small job on two racks" : "";
    std::size_t odd = 0;
    for (const std::uint32_t r : racks) {
        const std::uint64_t left = whole[r] % j.segment;
        if (left != 0 || part_in == r) {
            ++odd;
            if (left != all % j.segment) return "a segment that is torn";
        }
    }
    return odd > 1 ? "more than one rest" : "";
}

}  // namespace naive
