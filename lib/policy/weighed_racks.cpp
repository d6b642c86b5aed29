#include "weighed_racks.hpp"

#include "cover_fronts.hpp"

#include <ampacity/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <tuple>

namespace ampacity::policy {
namespace {

// A cost is a sum of weights [millionths], then the number of racks, then of blocks, then of sites.
constexpr unsigned weight_bit = 64;
constexpr unsigned rack_bit = cover_limit::dropped_bits;
constexpr unsigned block_bit = 21;
static_assert(rack_weights::most_racks < std::uint64_t{1} << block_bit);
static_assert(4 * uint128{rack_weights::most} * rack_weights::most_racks < uint128{1} << 64U);

constexpr std::uint64_t racks_of(uint128 cost) {
    return static_cast<std::uint64_t>(cost >> rack_bit) & ((std::uint64_t{1} << (weight_bit - rack_bit)) - 1);
}

constexpr uint128 cost_of(std::uint64_t weight, unsigned bit) {
    return (uint128{weight} << weight_bit) | uint128{1} << bit;
}

/// Racks of one block.
struct block_racks {
    std::size_t first = 0;      // place in the offers
    std::size_t last = 0;       // behind its last
    std::size_t untouched = 0;  // where those begin in the order by size, if whole racks have a weight
    std::uint32_t site = 0;
};

class weighed_choice {
public:
    weighed_choice(std::span<const rack_offer> offers, const gang& g, const rack_weights& w)
        : offers_(offers),
          g_(g),
          units_(static_cast<count>(g.units)),
          share_weight_(w.largest_share),
          touched_cost_(cost_of(w.racks, rack_bit)),
          untouched_cost_(cost_of(w.racks + w.whole_racks, rack_bit)),
          block_cost_(cost_of(w.blocks, block_bit)),
          site_cost_(cost_of(w.sites, 0)),
          order_(offers.size()) {
        AMPACITY_ASSERT(offers.size() <= rack_weights::most_racks);
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        for (std::size_t i = 0; i != offers.size();) {
            block_racks b{.first = i, .site = offers[i].site};
            for (; i != offers.size() && offers[i].block == offers[b.first].block; ++i) {
            }
            b.last = i;
            const auto at = [this](std::size_t k) { return order_.begin() + static_cast<std::ptrdiff_t>(k); };
            const auto middle = std::stable_partition(
                at(b.first), at(b.last), [&](std::size_t k) { return w.whole_racks == 0 || !offers[k].untouched; });
            b.untouched = static_cast<std::size_t>(middle - order_.begin());
            const auto larger = [&](std::size_t x, std::size_t y) { return offers[x].units > offers[y].units; };
            std::stable_sort(at(b.first), middle, larger);
            std::stable_sort(middle, at(b.last), larger);
            blocks_.push_back(b);
        }
        of_block_.resize(blocks_.size());
        by_rate_.resize(blocks_.size());
        after_.resize(blocks_.size());
    }

    [[nodiscard]] std::vector<rack_part> solve() {
        find_limits();
        if (limits_.empty() || !look_at(limits_.size() - 1, ~uint128{0})) return {};
        search(0, limits_.size() - 1, best_.cost);
        const std::vector<std::size_t> places = first_list();
        return even_shares(offers_, places, racks_, g_);
    }

private:
    /// A choice is judged by its weights, then racks, then its largest share, then blocks and sites.
    struct merit {
        uint128 cost = 0;
        count limit = 0;
        std::uint64_t share_weight = 0;

        [[nodiscard]] auto key() const {
            return std::tuple{(cost >> weight_bit) + share_cost(), racks_of(cost), limit,
                              cost & ((uint128{1} << rack_bit) - 1)};
        }
        [[nodiscard]] uint128 share_cost() const { return uint128{share_weight} * static_cast<uint128>(limit); }
    };

    // --- the largest share

    /// The sizes that a share can have.
    void find_limits() {
        const auto unit = static_cast<count>(g_.unit_size());
        const auto rest = static_cast<count>(g_.rest_size());
        count widest = 0;
        count widest_beside = -1;
        for (const rack_offer& o : offers_) {
            widest = std::max(widest, std::min<count>(o.units, units_));
            widest_beside = std::max(widest_beside, std::min<count>(o.beside_rest, units_));
        }
        for (count m = 1; m <= widest; ++m) limits_.push_back(m * unit);
        for (count m = 0; g_.has_rest() && m <= widest_beside; ++m) limits_.push_back(m * unit + rest);
        std::sort(limits_.begin(), limits_.end());
        limits_.erase(std::unique(limits_.begin(), limits_.end()), limits_.end());
        // All racks together must be enough.
        const auto racks = static_cast<count>(offers_.size());
        const auto enough = [&](count limit) { return limit * racks < size(); };
        limits_.erase(limits_.begin(), std::find_if_not(limits_.begin(), limits_.end(), enough));
    }
    [[nodiscard]] count size() const {
        return units_ * static_cast<count>(g_.unit_size()) + static_cast<count>(g_.rest_size());
    }
    [[nodiscard]] merit merit_of(uint128 cost, std::size_t i) const {
        return {.cost = cost, .limit = limits_[i], .share_weight = share_weight_};
    }

    /// What do the racks cost with this limit, if no more than `most`? Keeps the best.
    std::optional<uint128> look_at(std::size_t i, uint128 most) {
        const auto cost = least_cost(limits_[i], most);
        if (!cost) return cost;
        const merit m = merit_of(*cost, i);
        if (!found_ || m.key() < best_.key()) best_ = m;
        found_ = true;
        return cost;
    }

    /// Looks at the limits [low, high), of which none makes racks cost less than `least`, as the one at `high` does.
    void search(std::size_t low, std::size_t high, uint128 least) {
        while (low != high) {
            if (share_weight_ == 0) {
                // Only ties in weights and racks count.
                const auto racks = static_cast<count>(racks_of(least));
                while (low != high && limits_[low] * racks < size()) ++low;
                if (low == high) return;
            }
            if (merit_of(least >> rack_bit << rack_bit, low).key() > best_.key()) return;
            // What could still be better costs no more than this.
            const merit lowest = merit_of(0, low);
            const uint128 all = (best_.cost >> weight_bit) + best_.share_cost();
            const uint128 most =
                ((all - lowest.share_cost()) << weight_bit) + (uint128{racks_of(best_.cost) + 1} << rack_bit) - 1;
            const std::size_t middle = share_weight_ == 0 && !tried_lowest_ ? low : low + (high - low) / 2;
            tried_lowest_ = true;
            if (const auto cost = look_at(middle, most)) search(low, middle, *cost);
            low = middle + 1;
        }
    }

    // --- the racks

    /// Prepares what blocks can do if no share is above `limit`.
    void prepare(count limit, uint128 most) {
        racks_ = worths(offers_, g_, limit);
        rack_limit_ = {.target = units_, .most = most};
        for (const block_racks& b : blocks_) {
            for (const bool untouched : {false, true}) {
                const std::size_t i = untouched ? b.untouched : b.first;
                if (i != (untouched ? b.last : b.untouched))
                    use_rate(rack_cost(untouched), racks_[order_[i]].plain, rack_limit_);
            }
        }
        cover_limit rates{.target = units_, .most = most};
        for (std::size_t i = 0; i != blocks_.size(); ++i) {
            const block_racks& b = blocks_[i];
            fronts& of = of_block_[i];
            start_.plain.assign(1, {});
            start_.host.clear();
            combine_racks(b, b.first, rack_limit_, of);
            for (std::size_t k = 1; k < of.plain.size(); ++k) of.plain[k].cost += block_cost_;
            for (cover_point& p : of.host) p.cost += block_cost_;
            by_rate_[i] = {.block = i};
            for (const cover_point& p : of.plain) use_rate(p.cost, p.units, by_rate_[i].rate);
            if (by_rate_[i].rate.rate_cost != 0)
                use_rate(by_rate_[i].rate.rate_cost << rack_bit, static_cast<count>(by_rate_[i].rate.rate_units),
                         rates);
        }
        limit_ = rates;
    }

    /// Keeps the lower one of two costs per unit.
    static void use_rate(uint128 cost, count units, cover_limit& limit) {
        if (units <= 0) return;
        cost >>= rack_bit;
        const auto n = static_cast<uint128>(units);
        if (limit.rate_cost != 0 && limit.rate_cost * n <= cost * limit.rate_units) return;
        limit.rate_cost = cost;
        limit.rate_units = n;
    }
    [[nodiscard]] uint128 rack_cost(bool untouched) const { return untouched ? untouched_cost_ : touched_cost_; }

    /// All sums of racks of a block from the offer `from` on beside what `start_` has.
    void combine_racks(const block_racks& b, std::size_t from, const cover_limit& limit, fronts& out) {
        const std::span<const std::size_t> all{order_};
        make_series(all.subspan(b.first, b.untouched - b.first), from, touched_cost_, series_);
        sums_.combine(start_, series_, limit, half_);
        make_series(all.subspan(b.untouched, b.last - b.untouched), from, untouched_cost_, series_);
        sums_.combine(half_, series_, limit, out);
    }

    /// The best sums of 0, 1, 2, ... of the racks, which stand by falling size, that cost the same each.
    void make_series(std::span<const std::size_t> racks, std::size_t from, uint128 cost, fronts& out) {
        out.plain.assign(1, {});
        out.host.clear();
        listed_.clear();
        for (const std::size_t i : racks) {
            if (i >= from) listed_.push_back(racks_[i]);
        }
        if (!g_.has_rest()) {
            for (const worth& w : listed_) {
                if (w.plain == 0 || out.plain.back().units >= units_) return;
                out.plain.push_back({.cost = out.plain.back().cost + cost, .units = out.plain.back().units + w.plain});
            }
            return;
        }
        // One with the rest is one of the first, or takes the place of the last of them.
        best_host_.assign(listed_.size() + 1, impossible);  // from here on
        for (std::size_t i = listed_.size(); i-- != 0;) best_host_[i] = std::max(best_host_[i + 1], listed_[i].host);
        count gain = impossible;
        count before = 0;
        uint128 all = 0;
        for (std::size_t i = 0; i != listed_.size(); ++i) {
            const worth& w = listed_[i];
            all += cost;
            const count sum = before + w.plain;
            if (w.host > impossible) gain = std::max(gain, w.host - w.plain);
            count host = gain > impossible ? sum + gain : impossible;
            if (best_host_[i] > impossible) host = std::max(host, before + best_host_[i]);
            if (sum > before && before < units_) out.plain.push_back({.cost = all, .units = sum});
            if (host > impossible && (out.host.empty() || host > out.host.back().units))
                out.host.push_back({.cost = all, .units = host});
            if (w.plain == 0 || host >= units_) return;
            before = sum;
        }
    }

    [[nodiscard]] const front& ends(const fronts& f) const { return g_.has_rest() ? f.host : f.plain; }
    /// Costs no more than what the sums already reach.
    void tighten(const fronts& f, uint128 beside, uint128& most) const {
        const front& e = ends(f);
        if (!e.empty() && e.back().units >= units_) most = std::min(most, e.back().cost + beside);
    }
    [[nodiscard]] std::size_t end_of_site(std::size_t block) const {
        const std::uint32_t site = blocks_[block].site;
        while (block != blocks_.size() && blocks_[block].site == site) ++block;
        return block;
    }

    /// The least cost of racks that take all of it, if it is no more than `most`.
    std::optional<uint128> least_cost(count limit, uint128 most) {
        prepare(limit, most);
        fronts all{.plain = front(1), .host = {}};
        fronts open;
        fronts next;
        for (std::size_t i = 0; i != blocks_.size();) {
            const std::size_t last = end_of_site(i);
            std::sort(by_rate_.begin() + static_cast<std::ptrdiff_t>(i),
                      by_rate_.begin() + static_cast<std::ptrdiff_t>(last));
            if (most < site_cost_) return std::nullopt;
            open = all;
            cover_limit within = limit_;
            within.most = most - site_cost_;
            for (; i != last; ++i) {
                if (!sums_.combine(open, of_block_[by_rate_[i].block], within, next)) continue;
                std::swap(open, next);
                tighten(open, 0, within.most);
            }
            limit_.most = most;
            sums_.absorb(open, site_cost_, limit_, all);
            tighten(all, 0, most);
        }
        const front& e = ends(all);
        if (e.empty() || e.back().units < units_) return std::nullopt;
        return e.back().cost;
    }

    // --- the list of racks that comes first

    /// Sums of the blocks behind each one, whose site is paid for.
    void sum_up_later_blocks() {
        sums_of_later_.assign(1, fronts{.plain = front(1), .host = {}});
        cover_limit within = limit_;
        within.most = limit_.most - site_cost_;
        fronts next;
        std::size_t later = 0;
        for (std::size_t i = blocks_.size(); i != 0;) {
            const std::uint32_t site = blocks_[i - 1].site;
            const std::size_t before = later;
            for (; i != 0 && blocks_[i - 1].site == site; --i) {
                after_[i - 1] = later;
                if (!sums_.combine(sums_of_later_[later], of_block_[i - 1], within, next)) continue;
                sums_of_later_.push_back(next);
                later = sums_of_later_.size() - 1;
            }
            if (later == before) continue;
            next = sums_of_later_[before];
            sums_.absorb(sums_of_later_[later], site_cost_, limit_, next);
            sums_of_later_.push_back(next);
            later = sums_of_later_.size() - 1;
        }
    }

    /// Is there a sum of a point of each that costs no more than `most` and, beside `have`, is enough?
    [[nodiscard]] bool reaches(std::span<const cover_point> a, const front& b, count have, uint128 most) const {
        if (have <= impossible) return false;
        for (const cover_point& x : a) {
            if (x.cost > most) return false;
            const auto y = std::lower_bound(b.begin(), b.end(), units_ - have - x.units,
                                            [](const cover_point& p, count n) { return p.units < n; });
            if (y != b.end() && x.cost + y->cost <= most) return true;
        }
        return false;
    }

    /// Places in the offers of the best choice's racks.
    std::vector<std::size_t> first_list() {
        prepare(best_.limit, best_.cost);
        sum_up_later_blocks();
        std::vector<std::size_t> list;
        uint128 left = best_.cost;
        count without = 0;        // units of the list
        count with = impossible;  // units of the list, one of them with the rest
        bool site_open = false;
        for (std::size_t i = 0; i != blocks_.size() && left != 0; ++i) {
            const block_racks& b = blocks_[i];
            if (i == 0 || b.site != blocks_[i - 1].site) site_open = false;
            const fronts& later = sums_of_later_[after_[i]];
            uint128 opening = site_open ? 0 : site_cost_;
            if (left < opening || !is_used(of_block_[i], later, without, with, left - opening)) continue;
            opening += block_cost_;
            refused_.clear();
            for (std::size_t r = b.first; r != b.last && left != 0; ++r) {
                const worth& w = racks_[r];
                const uint128 cost = opening + rack_cost(offers_[r].untouched);
                const auto alike = [&](std::size_t k) {
                    return racks_[k].plain == w.plain && racks_[k].host == w.host &&
                           offers_[k].untouched == offers_[r].untouched;
                };
                if (cost > left || std::any_of(refused_.begin(), refused_.end(), alike)) continue;
                const count then_without = without + w.plain;
                count then_with = with > impossible ? with + w.plain : impossible;
                if (w.host > impossible) then_with = std::max(then_with, without + w.host);
                if (!can_end(b, r + 1, later, then_without, then_with, left - cost)) {
                    refused_.push_back(r);
                    continue;
                }
                list.push_back(r);
                left -= cost;
                without = then_without;
                with = then_with;
                opening = 0;
                site_open = true;
            }
        }
        AMPACITY_ASSERT(left == 0);
        return list;
    }

    /// Does any way to the end have racks of this block?
    [[nodiscard]] bool is_used(const fronts& block, const fronts& later, count without, count with,
                               uint128 most) const {
        const auto some = std::span<const cover_point>{block.plain}.subspan(1);
        if (!g_.has_rest()) return reaches(some, later.plain, without, most);
        return reaches(some, later.plain, with, most) || reaches(block.host, later.plain, without, most) ||
               reaches(some, later.host, without, most);
    }

    /// Can racks of block `b` from the offer `from` on and later blocks complete a list?
    [[nodiscard]] bool can_end(const block_racks& b, std::size_t from, const fronts& later, count without, count with,
                               uint128 most) {
        start_.plain.assign(1, {.cost = 0, .units = std::min(without, units_)});
        start_.host.clear();
        if (with > impossible) start_.host.push_back({.cost = 0, .units = std::min(with, units_)});
        cover_limit limit = rack_limit_;
        limit.most = most;
        combine_racks(b, from, limit, here_);
        if (!g_.has_rest()) return reaches(here_.plain, later.plain, 0, most);
        return reaches(here_.host, later.plain, 0, most) || reaches(here_.plain, later.host, 0, most);
    }

    /// A block by the least that its units cost.
    struct rated {
        std::size_t block = 0;
        cover_limit rate{};  // of which only the rate counts

        bool operator<(const rated& other) const noexcept {
            const uint128 mine = rate.rate_cost * other.rate.rate_units;
            const uint128 its = other.rate.rate_cost * rate.rate_units;
            return mine != its ? mine < its : block < other.block;
        }
    };

    std::span<const rack_offer> offers_;
    const gang& g_;
    count units_;
    std::uint64_t share_weight_;
    uint128 touched_cost_, untouched_cost_, block_cost_, site_cost_;
    std::vector<block_racks> blocks_;
    std::vector<std::size_t> order_;  // offers: by block, untouched ones last, falling units

    std::vector<count> limits_;  // of a share [GPUs], rising
    merit best_{};
    bool found_ = false;
    bool tried_lowest_ = false;

    // For one limit.
    std::vector<worth> racks_;      // (offers)
    std::vector<fronts> of_block_;  // (blocks)
    std::vector<rated> by_rate_;    // (blocks) those of a site together
    cover_limit rack_limit_{};      // with the rate of racks alone
    cover_limit limit_{};           // with that of racks and their block
    std::vector<fronts> sums_of_later_;
    std::vector<std::size_t> after_;  // (blocks) of these

    cover_sums sums_;
    fronts start_, series_, half_, here_;
    std::vector<worth> listed_;
    std::vector<count> best_host_;
    std::vector<std::size_t> refused_;
};

}  // namespace

std::vector<rack_part> weighed_racks(std::span<const rack_offer> offers, const gang& g, const rack_weights& weights) {
    return weighed_choice{offers, g, weights}.solve();
}

}  // namespace ampacity::policy
