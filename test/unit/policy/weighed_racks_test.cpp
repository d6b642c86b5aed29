// Racks chosen by weights. Besides test/unit/policy/rack_placers_test.cpp: every way to share a job out over a few
// racks is tried, and cases that a reader can follow.
#include "lib/policy/weighed_racks.hpp"

#include "lib/policy/fewest_racks.hpp"
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/random_racks.hpp"

#include <ampacity/policy/registry.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

using namespace ampacity;
using fleet::free_index;
using fleet::rack_group;
using naive::test_random;
using policy::gang;
using policy::rack_offer;
using policy::rack_part;
using policy::rack_weights;

namespace {

constexpr std::uint64_t one = rack_weights::whole;

/// A gang of nobody's: only its sizes count.
gang random_gang(test_random& random) {
    fleet::topology t;
    t.add({.count = 1, .nodes = 1});
    gang g{free_index::racks(std::make_shared<const fleet::topology>(t), 4), {.gpus = 1}};
    g.unit_nodes = static_cast<std::uint32_t>(random.between(1, 3));
    g.units = static_cast<std::uint32_t>(random.between(1, 9));
    g.rest_nodes = random.chance(50) ? static_cast<std::uint32_t>(random.between(0, g.unit_nodes - 1)) : 0;
    g.rest_gpus = random.chance(50) ? static_cast<std::uint32_t>(random.between(0, 3)) : 0;
    return g;
}

std::vector<rack_offer> random_offers(test_random& random, const gang& g) {
    std::vector<rack_offer> offers;
    std::uint32_t block = 0;
    std::uint32_t site = 0;
    const std::int64_t most = random.between(1, 5);
    for (std::int64_t n = random.between(1, 6); n > 0; --n) {
        const bool next_site = random.chance(20);
        if (next_site) ++site;
        if (next_site || random.chance(40)) ++block;
        rack_offer o{.rack = static_cast<std::uint32_t>(offers.size()) + 3,
                     .units = static_cast<std::uint32_t>(random.between(0, most)),
                     .block = block,
                     .site = site,
                     .untouched = random.chance(50)};
        // The rest takes a part of a node, or nodes of one unit at most.
        if (g.has_rest()) o.beside_rest = static_cast<std::int32_t>(o.units) - (random.chance(40) ? 1 : 0);
        if (o.units != 0 || o.beside_rest >= 0) offers.push_back(o);
    }
    return offers;
}

using merit = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                         std::vector<std::uint32_t>>;  // weight, racks, largest, blocks, sites, list

merit merit_of(const std::vector<rack_offer>& offers, const gang& g, const rack_weights& w,
               const std::vector<rack_part>& parts) {
    std::set<std::uint32_t> blocks;
    std::set<std::uint32_t> sites;
    std::vector<std::uint32_t> list;
    std::uint64_t largest = 0;
    std::uint64_t whole = 0;
    for (const rack_part& p : parts) {
        const auto o = std::find_if(offers.begin(), offers.end(), [&](const auto& x) { return x.rack == p.rack; });
        blocks.insert(o->block);
        sites.insert(o->site);
        list.push_back(p.rack);
        largest = std::max(largest, p.units * g.unit_size() + (p.rest ? g.rest_size() : 0));
        whole += o->untouched ? 1U : 0U;
    }
    const std::uint64_t weight = w.racks * list.size() + w.largest_share * largest + w.blocks * blocks.size() +
                                 w.sites * sites.size() + w.whole_racks * whole;
    return {weight, list.size(), largest, blocks.size(), sites.size(), list};
}

/// Calls `f` for each way to share the job out.
template <class F>
void for_each_way(const std::vector<rack_offer>& offers, const gang& g, F f) {
    std::vector<rack_part> parts;
    const auto go_on = [&](const auto& self, std::size_t i, std::uint32_t left, bool rest) -> void {
        if (i == offers.size()) {
            if (left == 0 && !rest) f(parts);
            return;
        }
        for (const bool host : {false, true}) {
            if (host && (!rest || offers[i].beside_rest < 0)) continue;
            const std::uint32_t most = host ? static_cast<std::uint32_t>(offers[i].beside_rest) : offers[i].units;
            for (std::uint32_t n = 0; n <= std::min(most, left); ++n) {
                const bool any = host || n != 0;
                if (any) parts.push_back({.rack = offers[i].rack, .units = n, .rest = host});
                self(self, i + 1, left - n, rest && !host);
                if (any) parts.pop_back();
            }
        }
    };
    go_on(go_on, 0, g.units, g.has_rest());
}

}  // namespace

TEST_CASE("weighed racks are the best of all ways to share a job out", "[placers][racks][weights]") {
    std::size_t several = 0;
    std::size_t none = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(6000); ++seed) {
        test_random random(seed);
        const gang g = random_gang(random);
        const auto offers = random_offers(random, g);
        const naive::rack_weights some = naive::random_weights(random);
        const rack_weights w{.racks = some.racks,
                             .largest_share = some.largest_share,
                             .blocks = some.blocks,
                             .sites = some.sites,
                             .whole_racks = some.whole_racks};
        std::optional<merit> best;
        for_each_way(offers, g, [&](const std::vector<rack_part>& parts) {
            const merit m = merit_of(offers, g, w, parts);
            if (!best || m < *best) best = m;
        });
        const auto parts = policy::weighed_racks(offers, g, w);
        CAPTURE(seed);
        REQUIRE(parts.empty() == !best);
        none += parts.empty() ? 1U : 0U;
        if (parts.empty()) continue;
        several += parts.size() > 1 ? 1U : 0U;
        REQUIRE(merit_of(offers, g, w, parts) == *best);
        bool is_a_way = false;
        for_each_way(offers, g, [&](const std::vector<rack_part>& way) { is_a_way = is_a_way || way == parts; });
        REQUIRE(is_a_way);
    }
    CHECK(several > test::random_cases(6000) / 4);
    CHECK(none > test::random_cases(6000) / 20);
}

TEST_CASE("without weights the order of wishes is left", "[placers][racks][weights]") {
    std::size_t several = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(3000); ++seed) {
        test_random random(seed);
        fleet::topology t;
        const auto n = static_cast<std::uint32_t>(random.between(1, 60));
        t.add({.count = n, .nodes = 18, .racks_per_block = static_cast<std::uint32_t>(random.between(0, 9))});
        if (random.chance(50)) {
            t.next_site();
            t.add({.count = n, .nodes = 9, .racks_per_block = static_cast<std::uint32_t>(random.between(0, 9))});
        }
        free_index f = free_index::racks(std::make_shared<const fleet::topology>(t), 4);
        const std::int64_t load = random.between(0, 3) * 30;  // [%]
        for (std::uint32_t node = 0; node != t.num_nodes(); ++node) {
            if (random.chance(load)) f.take({.node = node_id{node}, .gpus = random.chance(80) ? 0xFU : 1U});
        }
        const fleet::demand wanted{.gpus = static_cast<std::uint32_t>(random.between(1, t.num_nodes() * 3)),
                                   .segment = static_cast<std::uint16_t>(random.chance(50) ? random.between(1, 5) : 0)};
        const gang g{f, wanted};
        if (g.one_rack) continue;
        std::vector<rack_offer> offers;
        for (std::uint32_t r = 0; r != t.num_racks(); ++r) {
            offers.push_back({.rack = r,
                              .units = g.units_in(f, r),
                              .beside_rest = g.has_rest() ? g.units_beside_rest(f, r) : -1,
                              .block = t.rack_at(r).block,
                              .site = t.site_of(r),
                              .untouched = f.is_untouched(r)});
        }
        const auto parts = policy::fewest_racks(offers, g);
        CAPTURE(seed);
        REQUIRE(policy::weighed_racks(offers, g, {}) == parts);
        several += parts.size() > 3 ? 1U : 0U;
    }
    CHECK(several > test::random_cases(3000) / 10);
}

namespace {

/// Racks with so many wholly free nodes each; what is taken lies on the highest rows.
free_index racks_with_free(const std::vector<std::uint32_t>& free_nodes,
                           const std::vector<std::vector<rack_group>>& sites) {
    const auto t = std::make_shared<const fleet::topology>(naive::topology_of(sites));
    free_index f = free_index::racks(t, 4);
    for (std::uint32_t r = 0; r != free_nodes.size(); ++r) {
        const auto& k = t->rack_at(r);
        for (std::uint32_t i = free_nodes[r]; i != k.nodes; ++i)
            f.take({.node = node_id{k.first_node + i}, .gpus = 0xF});
    }
    return f;
}

using shares = std::map<std::uint32_t, std::uint32_t>;  // rack -> nodes

shares nodes_by_rack(const free_index& f, const std::optional<rack_weights>& w, fleet::demand wanted,
                     bool keep_whole = false) {
    std::vector<fleet::gpu_share> out;
    shares nodes;
    if (!policy::make_topology(keep_whole, w)->place(f, wanted, out)) return nodes;
    for (const auto& s : out) ++nodes[f.where().rack_of(s.node)];
    return nodes;
}

constexpr rack_group pairs{.count = 6, .nodes = 18, .racks_per_block = 3};

}  // namespace

TEST_CASE("a job takes more racks of one block where blocks weigh more", "[placers][racks][weights]") {
    const free_index f = racks_with_free({18, 9, 9, 18, 5, 5}, {{pairs}});
    const fleet::demand wanted{.gpus = 36 * 4};
    CHECK(nodes_by_rack(f, std::nullopt, wanted) == shares{{0, 18}, {3, 18}});
    CHECK(nodes_by_rack(f, rack_weights{.racks = one, .blocks = 10 * one}, wanted) == shares{{0, 18}, {1, 9}, {2, 9}});
    CHECK(nodes_by_rack(f, rack_weights{.racks = one, .blocks = one / 2}, wanted) == shares{{0, 18}, {3, 18}});
    // As much: fewer racks.
    CHECK(nodes_by_rack(f, rack_weights{.racks = one, .blocks = one}, wanted) == shares{{0, 18}, {3, 18}});
    CHECK(nodes_by_rack(f, rack_weights{.racks = one, .blocks = one + 1}, wanted) == shares{{0, 18}, {1, 9}, {2, 9}});
}

TEST_CASE("a job takes broken racks where whole ones weigh more", "[placers][racks][weights]") {
    const free_index f = racks_with_free({18, 9, 9, 18, 9, 9}, {{pairs}});
    const fleet::demand wanted{.gpus = 36 * 4};
    const shares broken{{1, 9}, {2, 9}, {4, 9}, {5, 9}};
    const shares whole{{0, 18}, {3, 18}};
    CHECK(nodes_by_rack(f, rack_weights{.whole_racks = 1}, wanted) == broken);
    CHECK(nodes_by_rack(f, rack_weights{.racks = 2, .whole_racks = 3}, wanted) == broken);
    CHECK(nodes_by_rack(f, rack_weights{.racks = 2, .whole_racks = 2}, wanted) == whole);
    CHECK(nodes_by_rack(f, rack_weights{.racks = 2, .blocks = 2, .whole_racks = 1}, wanted) ==
          shares{{0, 18}, {1, 9}, {2, 9}});
    // Segments of 6 nodes that one rack could take together.
    CHECK(nodes_by_rack(f, std::nullopt, {.gpus = 12 * 4, .segment = 6}) == shares{{0, 12}});
    CHECK(nodes_by_rack(f, rack_weights{.whole_racks = 1}, {.gpus = 12 * 4, .segment = 6}) == shares{{1, 6}, {2, 6}});
    CHECK(nodes_by_rack(f, rack_weights{.racks = 1, .whole_racks = 1}, {.gpus = 12 * 4, .segment = 6}) ==
          shares{{0, 12}});
}

TEST_CASE("a small job stays in one rack, a broken one if whole ones have a weight", "[placers][racks][weights]") {
    const free_index f = racks_with_free({18, 12, 9, 18, 10, 7}, {{pairs}});
    const rack_weights w{.largest_share = 1000 * one, .whole_racks = 1};
    CHECK(nodes_by_rack(f, std::nullopt, {.gpus = 32}) == shares{{0, 8}});
    CHECK(nodes_by_rack(f, w, {.gpus = 32}) == shares{{1, 8}});
    CHECK(nodes_by_rack(f, w, {.gpus = 32}, true) == shares{{2, 8}});
    CHECK(nodes_by_rack(f, w, {.gpus = 13 * 4}) == shares{{0, 13}});
    CHECK(nodes_by_rack(f, rack_weights{.racks = one}, {.gpus = 32}) == shares{{0, 8}});
}

TEST_CASE("a job takes one site where sites have a weight", "[placers][racks][weights]") {
    const std::vector<std::vector<rack_group>> sites{{{.count = 2, .nodes = 18}}, {{.count = 3, .nodes = 18}}};
    const free_index f = racks_with_free({18, 6, 18, 9, 9}, sites);
    const fleet::demand wanted{.gpus = 36 * 4};
    CHECK(nodes_by_rack(f, std::nullopt, wanted) == shares{{0, 18}, {2, 18}});
    CHECK(nodes_by_rack(f, rack_weights{.racks = one, .sites = 2 * one}, wanted) == shares{{2, 18}, {3, 9}, {4, 9}});
    CHECK(nodes_by_rack(f, rack_weights{.racks = one, .sites = one}, wanted) == shares{{0, 18}, {2, 18}});
    // Wishes come first: no weight makes a job leave its block.
    CHECK(nodes_by_rack(f, rack_weights{.racks = one}, {.gpus = 36 * 4, .within = scope::block}) ==
          shares{{2, 18}, {3, 9}, {4, 9}});
}

TEST_CASE("shares become smaller at the weight of GPUs", "[placers][racks][weights]") {
    const free_index f = racks_with_free({18, 18, 18, 18}, {{{.count = 4, .nodes = 18}}});
    const fleet::demand wanted{.gpus = 24 * 4};
    // 2 racks of 48 GPUs, 3 of 32, 4 of 24.
    CHECK(nodes_by_rack(f, rack_weights{.racks = 17 * one, .largest_share = one}, wanted) == shares{{0, 12}, {1, 12}});
    CHECK(nodes_by_rack(f, rack_weights{.racks = 16 * one, .largest_share = one}, wanted) == shares{{0, 12}, {1, 12}});
    CHECK(nodes_by_rack(f, rack_weights{.racks = 16 * one - 1, .largest_share = one}, wanted) ==
          shares{{0, 8}, {1, 8}, {2, 8}});
    CHECK(nodes_by_rack(f, rack_weights{.racks = 8 * one, .largest_share = one}, wanted) ==
          shares{{0, 8}, {1, 8}, {2, 8}});
    CHECK(nodes_by_rack(f, rack_weights{.racks = 7 * one, .largest_share = one}, wanted) ==
          shares{{0, 6}, {1, 6}, {2, 6}, {3, 6}});
}

TEST_CASE("the largest weights do not overflow", "[placers][racks][weights]") {
    const free_index f = racks_with_free({18, 9, 9, 18, 5, 5}, {{pairs}});
    constexpr std::uint64_t most = rack_weights::most;
    const fleet::demand wanted{.gpus = 36 * 4};
    CHECK(nodes_by_rack(f, rack_weights{most, 0, most, most, 0}, wanted) == shares{{0, 18}, {3, 18}});
    CHECK(nodes_by_rack(f, rack_weights{most - 1, 0, most, most, 0}, wanted) == shares{{0, 18}, {1, 9}, {2, 9}});
    CHECK(nodes_by_rack(f, rack_weights{0, most, most, most, most}, wanted) ==
          shares{{0, 7}, {1, 7}, {2, 6}, {3, 6}, {4, 5}, {5, 5}});
}
