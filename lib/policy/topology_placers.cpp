#include "builtin.hpp"
#include "fewest_racks.hpp"
#include "gang.hpp"
#include "weighed_racks.hpp"

#include <ampacity/policy/placer.hpp>

#include <algorithm>
#include <utility>

namespace ampacity::policy {
namespace {

using fleet::demand;
using fleet::free_index;
using fleet::gpu_share;
using fleet::node_set;

/// What both have in common: on fleets without racks, and for jobs that go node by node, they are `pack`.
class rack_placer : public placer {
public:
    bool place(const free_index& free, demand wanted, std::vector<gpu_share>& out) const override {
        if (!free.has_racks() || wanted.spread) return pack_->place(free, wanted, out);
        if (!gang_fits(free, wanted)) return false;
        const gang g{free, wanted};
        for (const rack_part& part : divide(free, g)) fill(free, g, part, preference::fewest_free, out);
        return true;
    }
    [[nodiscard]] bool fits(const free_index& free, demand wanted) const override { return pack_->fits(free, wanted); }

protected:
    /// \pre there is a place
    [[nodiscard]] virtual std::vector<rack_part> divide(const free_index& free, const gang& g) const = 0;

private:
    std::unique_ptr<placer> pack_ = make_pack();
};

/// The fullest rack that takes all of it, then the lowest, of those that it may have.
template <class F>
std::uint32_t fullest_rack(const free_index& free, const gang& g, F may) {
    const std::uint64_t least = std::uint64_t{g.units} * g.unit_size() + g.rest_size();
    for (std::uint64_t f = least; f < free.num_free_counts(); ++f) {
        const node_set& racks = free.racks_with_free(static_cast<std::uint32_t>(f));
        for (auto rack = racks.first(); rack != node_set::npos; rack = racks.next(rack)) {
            if (may(rack) && g.fits_in(free, rack)) return rack;
        }
    }
    return node_set::npos;
}

class topology_placer final : public rack_placer {
public:
    topology_placer(bool keep_racks_whole, const std::optional<rack_weights>& weights)
        : keep_racks_whole_(keep_racks_whole), weights_(weights) {}

private:
    std::vector<rack_part> divide(const free_index& free, const gang& g) const override {
        std::vector<rack_part> best;
        goodness best_of{};
        if (const auto rack = one_rack(free, g); rack != node_set::npos) {
            best.push_back({.rack = rack, .units = g.units, .rest = g.has_rest()});
            if (!several_may_be_better(free, g, rack)) return best;
            best_of = judge(free, g, best);
        }
        any_range(free.where(), g.within, [&](std::uint32_t first, std::uint32_t last) {
            if (!racks_fit(free, g, first, last)) return false;
            const auto offers = offers_of(free, g, first, last);
            auto parts = weights_ ? weighed_racks(offers, g, *weights_) : fewest_racks(offers, g);
            const goodness of = judge(free, g, parts);
            if (best.empty() || of < best_of) {
                best = std::move(parts);
                best_of = of;
            }
            return false;
        });
        return best;
    }

    static std::vector<rack_offer> offers_of(const free_index& free, const gang& g, std::uint32_t first,
                                             std::uint32_t last) {
        std::vector<rack_offer> offers;
        for (std::uint32_t rack = first; rack != last; ++rack) {
            const auto& block = free.where().block_at(free.where().rack_at(rack).block);
            const rack_offer o{.rack = rack,
                               .units = g.units_in(free, rack),
                               .beside_rest = g.has_rest() ? g.units_beside_rest(free, rack) : -1,
                               .block = free.where().rack_at(rack).block,
                               .site = block.site,
                               .untouched = free.is_untouched(rack)};
            if (o.units != 0 || o.beside_rest >= 0) offers.push_back(o);
        }
        return offers;
    }

    /// Where one rack can take all of it, several can only have smaller shares, or spare a whole rack.
    [[nodiscard]] bool several_may_be_better(const free_index& free, const gang& g, std::uint32_t rack) const {
        if (!weights_ || g.one_rack) return false;
        return weights_->largest_share != 0 || (weights_->whole_racks != 0 && free.is_untouched(rack));
    }

    /// The weights, then the order of wishes, up to ties.
    struct goodness {
        uint128 weight = 0;  // [millionths]
        std::uint64_t racks = 0, largest = 0, blocks = 0, sites = 0;
        friend auto operator<=>(const goodness&, const goodness&) = default;
    };
    [[nodiscard]] goodness judge(const free_index& free, const gang& g, const std::vector<rack_part>& parts) const {
        goodness of{.racks = parts.size()};
        std::uint64_t whole = 0;
        for (std::size_t i = 0; i != parts.size(); ++i) {
            const rack_part& p = parts[i];
            of.largest = std::max(of.largest, p.units * g.unit_size() + (p.rest ? g.rest_size() : 0));
            const auto block = [&](std::size_t k) { return free.where().rack_at(parts[k].rack).block; };
            of.blocks += i == 0 || block(i) != block(i - 1) ? 1U : 0U;
            of.sites += i == 0 || free.where().site_of(p.rack) != free.where().site_of(parts[i - 1].rack) ? 1U : 0U;
            whole += free.is_untouched(p.rack) ? 1U : 0U;
        }
        if (weights_) {
            of.weight = uint128{weights_->racks} * of.racks + uint128{weights_->largest_share} * of.largest +
                        uint128{weights_->blocks} * of.blocks + uint128{weights_->sites} * of.sites +
                        uint128{weights_->whole_racks} * whole;
        }
        return of;
    }

    /// The rack that takes all of it: the lowest, or the fullest; where whole racks have a weight first one in use.
    [[nodiscard]] std::uint32_t one_rack(const free_index& free, const gang& g) const {
        if (weights_ && weights_->whole_racks != 0) {
            const auto used = one_rack(free, g, [&](std::uint32_t rack) { return !free.is_untouched(rack); });
            if (used != node_set::npos) return used;
        }
        return one_rack(free, g, [](std::uint32_t) { return true; });
    }
    template <class F>
    std::uint32_t one_rack(const free_index& free, const gang& g, F may) const {
        if (keep_racks_whole_) return fullest_rack(free, g, may);
        std::uint32_t best = node_set::npos;
        for (std::uint64_t whole = g.whole_nodes(); whole <= free.where().most_nodes(); ++whole) {
            const node_set& racks = free.racks_with_whole(static_cast<std::uint32_t>(whole));
            for (auto rack = racks.first(); rack != node_set::npos && rack < best; rack = racks.next(rack)) {
                if (may(rack) && g.fits_in(free, rack)) best = rack;
            }
        }
        return best;
    }

    bool keep_racks_whole_;
    std::optional<rack_weights> weights_;
};

/// As Slurm's topology/block does: aligned groups of 1, 2, 4, ... racks of a block, then of blocks of a site, then of
/// sites; of the smallest groups that have room the one with the fewest free GPUs, then the lowest.
class block_placer final : public rack_placer {
    std::vector<rack_part> divide(const free_index& free, const gang& g) const override {
        const auto& where = free.where();
        struct range {
            std::uint32_t first, last;
        };
        std::vector<range> groups;
        const auto best = [&]() -> const range* {
            const range* found = nullptr;
            std::uint64_t fewest = 0;
            for (const range& r : groups) {
                if (!racks_fit(free, g, r.first, r.last)) continue;
                std::uint64_t gpus = 0;
                for (std::uint32_t rack = r.first; rack != r.last; ++rack) gpus += free.free_gpus_of(rack);
                if (found != nullptr && gpus >= fewest) continue;
                found = &r;
                fewest = gpus;
            }
            return found;
        };
        const auto divided = [&](const range& r) { return pack_over(free, g, r.first, r.last); };
        // Single racks, which are at hand by their free GPUs, groups of racks within blocks, ...
        const auto rack = fullest_rack(free, g, [](std::uint32_t) { return true; });
        if (rack != node_set::npos) return divided({rack, rack + 1});
        std::uint32_t widest = 1;
        for (std::uint32_t b = 0; b != where.num_blocks(); ++b) widest = std::max(widest, where.block_at(b).racks);
        for (std::uint32_t size = 2; size < 2 * widest; size *= 2) {
            groups.clear();
            for (std::uint32_t b = 0; b != where.num_blocks(); ++b) {
                const auto& block = where.block_at(b);
                for (std::uint32_t i = 0; i < block.racks; i += size) {
                    groups.push_back({block.first_rack + i, block.first_rack + std::min(block.racks, i + size)});
                }
            }
            if (const range* r = best()) return divided(*r);
        }
        // ... of blocks within sites, ...
        std::vector<range> sites;  // of blocks
        for (std::uint32_t b = 0; b != where.num_blocks(); ++b) {
            if (b == 0 || where.block_at(b).site != where.block_at(b - 1).site) sites.push_back({b, b});
            ++sites.back().last;
        }
        const auto rack_at = [&](std::uint32_t b) {
            return b == where.num_blocks() ? where.num_racks() : where.block_at(b).first_rack;
        };
        std::uint32_t most = 1;
        for (const range& s : sites) most = std::max(most, s.last - s.first);
        for (std::uint32_t size = 2; size < 2 * most; size *= 2) {
            groups.clear();
            for (const range& s : sites) {
                for (std::uint32_t b = s.first; b < s.last; b += size) {
                    groups.push_back({rack_at(b), rack_at(std::min(s.last, b + size))});
                }
            }
            if (const range* r = best()) return divided(*r);
        }
        // ... and all.
        return divided({0, where.num_racks()});
    }
};

}  // namespace

std::unique_ptr<placer> make_topology(bool keep_racks_whole, const std::optional<rack_weights>& weights) {
    return std::make_unique<topology_placer>(keep_racks_whole, weights);
}
std::unique_ptr<placer> make_block() { return std::make_unique<block_placer>(); }

}  // namespace ampacity::policy
