#include "fewest_racks.hpp"

#include <ampacity/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <optional>

namespace ampacity::policy {
namespace {

/// Sums of the best racks of a set.
class rack_set {
public:
    explicit rack_set(std::vector<worth> racks) : racks_(std::move(racks)), order_(racks_.size()) {
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        std::stable_sort(order_.begin(), order_.end(),
                         [this](std::size_t a, std::size_t b) { return racks_[a].plain > racks_[b].plain; });
    }

    [[nodiscard]] std::size_t size() const noexcept { return racks_.size(); }
    [[nodiscard]] const worth& operator[](std::size_t i) const noexcept { return racks_[i]; }

    /// The most units of exactly `k` racks from the one at `from` on, one of them with the rest if `host`.
    [[nodiscard]] count best(std::size_t from, std::size_t k, bool host) const {
        if (racks_.size() - from < k || (host && k == 0)) return impossible;
        count sum = 0;       // of the first k
        count but_last = 0;  // of the first k - 1
        count gain = impossible;
        std::size_t taken = 0;
        for (const std::size_t i : order_) {
            if (i < from) continue;
            if (taken < k) {
                but_last = sum;
                sum += racks_[i].plain;
                ++taken;
                if (host && racks_[i].host > impossible) gain = std::max(gain, racks_[i].host - racks_[i].plain);
            } else if (!host) {
                break;
            } else if (racks_[i].host > impossible) {
                gain = std::max(gain, racks_[i].host - (sum - but_last));
            }
        }
        if (!host) return sum;
        return gain > impossible ? sum + gain : impossible;
    }

private:
    std::vector<worth> racks_;
    std::vector<std::size_t> order_;  // by falling worth
};

/// Choices of exactly `k` racks that are worth `units` in as few blocks as possible.
class block_choice {
public:
    block_choice(std::span<const rack_offer> offers, std::vector<worth> racks, std::size_t k, count units, bool host)
        : k_(k), units_(units), host_(host) {
        for (std::size_t i = 0; i != offers.size();) {
            std::vector<worth> of_block;
            const std::size_t first = i;
            for (; i != offers.size() && offers[i].block == offers[first].block; ++i) of_block.push_back(racks[i]);
            first_.push_back(first);
            widest_ = std::max(widest_, of_block.size());
            blocks_.emplace_back(std::move(of_block));
        }
        for (const rack_set& b : blocks_) {
            auto& best = sums_.emplace_back();
            for (std::size_t t = 0; t <= std::min(b.size(), k_); ++t) {
                best.push_back({b.best(0, t, false), host_ ? b.best(0, t, true) : impossible});
            }
        }
    }

    /// The fewest blocks; none if all together are not enough.
    [[nodiscard]] std::optional<std::size_t> fewest_blocks() {
        std::size_t bad = (k_ + widest_ - 1) / widest_ - 1;
        std::size_t good = bad + 1;
        for (std::size_t step = 1; !possible(good); step *= 2) {
            if (good == blocks_.size()) return std::nullopt;
            bad = good;
            good = std::min(good + step, blocks_.size());
        }
        while (good - bad > 1) {
            const std::size_t middle = bad + (good - bad) / 2;
            (possible(middle) ? good : bad) = middle;
        }
        return good;
    }

    /// Can `most` blocks be enough?
    [[nodiscard]] bool possible(std::size_t most) {
        if (most > blocks_.size()) return false;
        tabulate(most);
        return from(most, 0, k_, host_) >= units_;
    }

    /// Of the choices in so many blocks the list of racks that comes first; places in the offers.
    /// \pre possible(most)
    [[nodiscard]] std::vector<std::size_t> first_list(std::size_t most) {
        tabulate(most);
        std::vector<std::size_t> list;
        count without = 0;        // units of the list
        count with = impossible;  // units of the list, one of them with the rest
        std::size_t blocks_left = most;
        for (std::size_t b = 0; b != blocks_.size() && list.size() != k_; ++b) {
            if (blocks_left == 0) break;
            bool used = false;
            for (std::size_t r = 0; r != blocks_[b].size() && list.size() != k_; ++r) {
                const worth& w = blocks_[b][r];
                const count then_without = without + w.plain;
                count then_with = with > impossible ? with + w.plain : impossible;
                if (host_ && w.host > impossible) then_with = std::max(then_with, without + w.host);
                if (!can_end(b, r + 1, list.size() + 1, blocks_left - 1, then_without, then_with)) continue;
                list.push_back(first_[b] + r);
                without = then_without;
                with = then_with;
                used = true;
            }
            if (used) --blocks_left;
        }
        AMPACITY_ASSERT(list.size() == k_);
        return list;
    }

private:
    struct sums {
        count plain;
        count host;
    };

    /// Can a list be completed by racks of block `b` from `r` on and of `blocks_left` later blocks?
    [[nodiscard]] bool can_end(std::size_t b, std::size_t r, std::size_t listed, std::size_t blocks_left, count without,
                               count with) const {
        const std::size_t left = k_ - listed;
        for (std::size_t t = 0; t <= std::min(left, blocks_[b].size() - r); ++t) {
            const count plain = blocks_[b].best(r, t, false);
            if (!host_) {
                if (sum(without, plain, from(blocks_left, b + 1, left - t, false)) >= units_) return true;
                continue;
            }
            const count later = from(blocks_left, b + 1, left - t, false);
            if (sum(with, plain, later) >= units_) return true;
            if (sum(without, blocks_[b].best(r, t, true), later) >= units_) return true;
            if (sum(without, plain, from(blocks_left, b + 1, left - t, true)) >= units_) return true;
        }
        return false;
    }
    static count sum(count a, count b, count c) noexcept {
        return a <= impossible || b <= impossible || c <= impossible ? impossible : a + b + c;
    }

    /// Fills the table for at most `most` blocks.
    void tabulate(std::size_t most) {
        if (most == most_) return;
        most_ = most;
        const std::size_t n = blocks_.size();
        low_.assign(most + 1, 0);
        at_.assign(most + 1, 0);
        width_.assign(most + 1, 0);
        std::size_t size = 0;
        for (std::size_t b = 0; b <= most; ++b) {
            const std::size_t others = widest_ * (most - b);
            low_[b] = k_ > others ? k_ - others : 0;
            const std::size_t high = std::min(k_, widest_ * b);
            width_[b] = high >= low_[b] ? high - low_[b] + 1 : 0;
            at_[b] = size;
            size += (n + 1) * width_[b] * 2;
        }
        table_.assign(size, impossible);
        for (std::size_t b = 0; b <= most; ++b) {
            if (width_[b] != 0 && low_[b] == 0) {
                for (std::size_t i = 0; i <= n; ++i) cell(b, i, 0, false) = 0;
            }
            for (std::size_t i = n; b != 0 && i-- != 0;) fill_row(b, i);
        }
    }

    void fill_row(std::size_t b, std::size_t i) {
        for (std::size_t j = low_[b]; j != low_[b] + width_[b]; ++j) {
            for (const bool host : {false, true}) {
                if (host && !host_) continue;
                count best = from(b, i + 1, j, host);
                for (std::size_t t = 1; t < sums_[i].size() && t <= j; ++t) {
                    const count later = from(b - 1, i + 1, j - t, host);
                    best = std::max(best, sum(0, sums_[i][t].plain, later));
                    if (host) best = std::max(best, sum(0, sums_[i][t].host, from(b - 1, i + 1, j - t, false)));
                }
                cell(b, i, j, host) = best;
            }
        }
    }

    /// The most units of `j` racks in at most `b` of the blocks from `i` on.
    [[nodiscard]] count from(std::size_t b, std::size_t i, std::size_t j, bool host) const {
        if (j < low_[b] || j >= low_[b] + width_[b]) return impossible;
        return table_[at_[b] + (i * width_[b] + j - low_[b]) * 2 + (host ? 1 : 0)];
    }
    [[nodiscard]] count& cell(std::size_t b, std::size_t i, std::size_t j, bool host) {
        return table_[at_[b] + (i * width_[b] + j - low_[b]) * 2 + (host ? 1 : 0)];
    }

    std::size_t k_;
    count units_;
    bool host_;
    std::vector<rack_set> blocks_;
    std::vector<std::size_t> first_;       // (blocks) place of its first rack in the offers
    std::vector<std::vector<sums>> sums_;  // (blocks) of its best t racks
    std::size_t widest_ = 1;
    // The table: by blocks left, first block, racks (a window of what can still lead to k), rest.
    std::size_t most_ = 0;
    std::vector<std::size_t> low_, at_, width_;
    std::vector<count> table_;
};

/// The offers of some sites.
std::vector<std::size_t> places_in(std::span<const rack_offer> offers, const std::vector<std::uint32_t>& sites) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i != offers.size(); ++i) {
        if (std::find(sites.begin(), sites.end(), offers[i].site) != sites.end()) places.push_back(i);
    }
    return places;
}

/// The next set of as many sites, in lexicographic order of their places among `n`; false behind the last.
bool next_combination(std::vector<std::size_t>& of, std::size_t n) {
    for (std::size_t i = of.size(); i-- != 0;) {
        if (of[i] == n - of.size() + i) continue;
        ++of[i];
        for (std::size_t j = i + 1; j != of.size(); ++j) of[j] = of[j - 1] + 1;
        return true;
    }
    return false;
}

/// Places in the offers of the `k` racks.
std::vector<std::size_t> choose(std::span<const rack_offer> offers, const std::vector<worth>& racks, std::size_t k,
                                count units, bool host) {
    block_choice all{offers, racks, k, units, host};
    const auto blocks = all.fewest_blocks();
    AMPACITY_ASSERT(blocks);
    std::vector<std::uint32_t> sites;
    for (const rack_offer& o : offers) {
        if (sites.empty() || sites.back() != o.site) sites.push_back(o.site);
    }
    for (std::size_t q = 1; q < sites.size(); ++q) {
        std::vector<std::size_t> best;
        std::vector<std::size_t> some(q);
        std::iota(some.begin(), some.end(), std::size_t{0});
        do {
            std::vector<std::uint32_t> names;
            for (const std::size_t i : some) names.push_back(sites[i]);
            const auto places = places_in(offers, names);
            if (places.size() < k) continue;
            std::vector<rack_offer> theirs;
            std::vector<worth> worth_of;
            for (const std::size_t i : places) {
                theirs.push_back(offers[i]);
                worth_of.push_back(racks[i]);
            }
            block_choice part{theirs, std::move(worth_of), k, units, host};
            if (!part.possible(std::min<std::size_t>(*blocks, theirs.size()))) continue;
            std::vector<std::size_t> list;
            for (const std::size_t i : part.first_list(*blocks)) list.push_back(places[i]);
            if (best.empty() || list < best) best = std::move(list);
        } while (next_combination(some, sites.size()));
        if (!best.empty()) return best;
    }
    return all.first_list(*blocks);
}

}  // namespace

std::vector<rack_part> fewest_racks(std::span<const rack_offer> offers, const gang& g) {
    const auto units = static_cast<count>(g.units);
    const bool host = g.has_rest();
    const auto n = static_cast<count>(offers.size());
    count widest = 0;
    for (const rack_offer& o : offers) widest = std::max<count>(widest, o.units);
    const count unit = static_cast<count>(g.unit_size());
    const count rest = static_cast<count>(g.rest_size());

    const rack_set all{worths(offers, g, widest * unit + rest)};
    const auto enough = [&](const rack_set& racks, count k) {
        return racks.best(0, static_cast<std::size_t>(k), host) >= units;
    };
    const count k = first_good(1, n, [&](count racks) { return enough(all, racks); });
    if (k > n) return {};

    // The largest share is a number of units, with the rest or without.
    const auto fits_below = [&](count most) { return enough(rack_set{worths(offers, g, most)}, k); };
    count most = unit * first_good(0, widest + rest / unit + 1, [&](count m) { return fits_below(m * unit); });
    if (host)
        most =
            std::min(most, rest + unit * first_good(0, widest, [&](count m) { return fits_below(rest + m * unit); }));

    const std::vector<worth> racks = worths(offers, g, most);
    std::vector<std::size_t> places;
    if (k == 1) {
        const auto good = [&](const worth& w) { return (host ? w.host : w.plain) >= units; };
        places.push_back(static_cast<std::size_t>(std::find_if(racks.begin(), racks.end(), good) - racks.begin()));
    } else {
        places = choose(offers, racks, static_cast<std::size_t>(k), units, host);
    }
    return even_shares(offers, places, racks, g);
}

}  // namespace ampacity::policy
