// The reference is one mask per node and nothing else.
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/naive_racks.hpp"
#include "support/random_racks.hpp"

#include <ampacity/fleet/free_index.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

using namespace ampacity;
using fleet::free_index;
using fleet::gpu_share;
using fleet::node_set;

namespace {

static_assert(free_index::full_mask(0) == 0 && free_index::full_mask(1) == 1 && free_index::full_mask(8) == 0xFF);
static_assert(free_index::full_mask(63) == ~std::uint64_t{0} >> 1U && free_index::full_mask(64) == ~std::uint64_t{0});

using masks = std::vector<std::uint64_t>;

gpu_share share(std::size_t row, std::uint64_t gpus) {
    return {.node = node_id{static_cast<std::uint32_t>(row)}, .gpus = gpus};
}

/// Every answer of the index, from the masks alone.
void check_against(const free_index& f, const masks& naive) {
    const std::uint32_t per_node = f.gpus_per_node();
    std::uint64_t total = 0;
    std::vector<std::uint32_t> counts(per_node + 1, 0);
    std::size_t wrong = 0;
    for (std::size_t row = 0; row < naive.size(); ++row) {
        const auto c = static_cast<std::uint32_t>(std::popcount(naive[row]));
        const auto r = static_cast<std::uint32_t>(row);
        total += c;
        ++counts[c];
        if (f.free_mask(node_id{r}) != naive[row]) ++wrong;
        if (f.any_free().contains(r) != (c > 0)) ++wrong;
        for (std::uint32_t k = 0; k <= per_node; ++k) {
            if (f.nodes_with(k).contains(r) != (k == c)) ++wrong;
        }
    }
    for (std::uint32_t k = 0; k <= per_node; ++k) {
        if (f.count_with(k) != counts[k]) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(f.free_gpus() == total);
    CHECK(f.num_nodes() == naive.size());
}

/// Some of the set bits of `from`, at least one.
std::uint64_t some_of(std::uint64_t from, std::mt19937_64& random) {
    const std::uint64_t half = from & random();
    const std::uint64_t some = random() % 2 == 0 ? half : half & random();
    return some == 0 ? from & (~from + 1) : some;
}

}  // namespace

TEST_CASE("a free index begins with everything free", "[free_index]") {
    for (const std::uint32_t per_node : {1U, 8U, 63U, 64U}) {
        for (const std::uint32_t count : {1U, 64U, 65U, 300U}) {
            CAPTURE(per_node, count);
            const free_index f = free_index::nodes(count, per_node);
            check_against(f, masks(count, free_index::full_mask(per_node)));
            CHECK_FALSE(f.is_pool());
            CHECK(f.gpus_per_node() == per_node);
            CHECK(f.nodes_with(per_node).first() == 0);
            CHECK(f.nodes_with(0).empty());
        }
    }
}

TEST_CASE("a free index agrees with naive masks on random operations", "[free_index]") {
    std::mt19937_64 random{1};
    for (const std::uint32_t per_node : {1U, 2U, 8U, 63U, 64U}) {
        for (const std::uint32_t count : {1U, 65U, 200U}) {
            CAPTURE(per_node, count);
            const std::uint64_t all = free_index::full_mask(per_node);
            free_index f = free_index::nodes(count, per_node);
            masks naive(count, all);
            std::uint64_t emptiest = ~std::uint64_t{0};
            for (int step = 0; step < 3000; ++step) {
                const std::size_t row = random() % count;
                const bool taking = random() % 4 < (step / 500 % 2 == 0 ? 3U : 1U);
                const std::uint64_t candidates = taking ? naive[row] : all & ~naive[row];
                if (candidates == 0) continue;
                const std::uint64_t gpus = random() % 3 == 0 ? candidates : some_of(candidates, random);
                REQUIRE(f.is_free(share(row, gpus)) == taking);
                if (taking) {
                    f.take(share(row, gpus));
                    naive[row] &= ~gpus;
                } else {
                    f.give(share(row, gpus));
                    naive[row] |= gpus;
                }
                emptiest = std::min(emptiest, f.free_gpus());
                if (step % 250 == 0) check_against(f, naive);
            }
            check_against(f, naive);
            CHECK(emptiest <= std::uint64_t{count} * per_node * 2 / 3);
        }
    }
}

TEST_CASE("whole allocations are taken and given share by share", "[free_index]") {
    free_index f = free_index::nodes(4, 8);
    const std::vector<gpu_share> shares{share(1, 0xFF), share(3, 0xFF), share(2, 0b0101'0000)};
    f.take({.gpus = 18}, shares);
    check_against(f, {0xFF, 0, 0xFF & ~0b0101'0000U, 0});
    CHECK(f.nodes_with(6).first() == 2);
    CHECK(f.any_free().next(0) == 2);
    f.give({.gpus = 18}, shares);
    check_against(f, masks(4, 0xFF));
}

TEST_CASE("GPUs that are not free cannot be taken, free ones not given", "[free_index]") {
    free_index f = free_index::nodes(2, 8);
    f.take(share(1, 0b11));
    CHECK_THROWS_AS(f.take(share(1, 0b10)), internal_error);
    CHECK_THROWS_AS(f.take(share(1, 0b110)), internal_error);
    CHECK_THROWS_AS(f.take(share(0, 0x100)), internal_error);  // a node has 8
    CHECK_THROWS_AS(f.give(share(1, 0b100)), internal_error);
    CHECK_THROWS_AS(f.give(share(0, 0b1)), internal_error);
    check_against(f, {0xFF, 0xFC});
    f.take(share(0, 0));  // nothing
    f.give(share(0, 0));
    check_against(f, {0xFF, 0xFC});
}

TEST_CASE("a pool is a count", "[free_index]") {
    constexpr std::uint64_t large = std::uint64_t{1} << 40U;
    free_index f = free_index::pool(large);
    CHECK(f.is_pool());
    CHECK(f.num_nodes() == 0);
    CHECK(f.gpus_per_node() == 0);
    f.take({.gpus = 0xFFFF'FFFFU}, {});
    CHECK(f.free_gpus() == large - 0xFFFF'FFFFU);
    f.give({.gpus = 0xFFFF'FFFFU}, {});
    CHECK(f.free_gpus() == large);

    free_index small = free_index::pool(10);
    small.take({.gpus = 4}, {});
    CHECK_THROWS_AS(small.take({.gpus = 7}, {}), internal_error);
    CHECK(small.free_gpus() == 6);
    small.take({.gpus = 6}, {});
    CHECK(small.free_gpus() == 0);
}

TEST_CASE("a copy of a free index is for trying things out", "[free_index]") {
    free_index f = free_index::nodes(70, 8);
    f.take(share(69, 0x0F));
    free_index trial = f;
    trial.take(share(0, 0xFF));
    trial.give(share(69, 0x03));
    masks naive(70, 0xFF);
    naive[69] = 0xF0;
    check_against(f, naive);
    naive[0] = 0;
    naive[69] = 0xF3;
    check_against(trial, naive);
}

TEST_CASE("taking and giving allocates nothing", "[free_index]") {
    free_index f = free_index::nodes(5000, 8);
    const std::uint64_t before = test::allocations();
    for (std::size_t round = 0; round < 3; ++round) {
        for (std::size_t row = 0; row < 5000; ++row) f.take(share(row, row % 255 + 1));
        for (std::size_t row = 0; row < 5000; ++row) f.give(share(row, row % 255 + 1));
    }
    CHECK(test::allocations() == before);
    CHECK(f.free_gpus() == 40'000);
}

namespace {

/// Every answer about racks, from what jobs hold alone; the number of wrong ones.
std::size_t wrong_answers(const free_index& f, const naive::fleet& where, const naive::rack_space& s) {
    std::size_t wrong = 0;
    std::uint64_t total = 0;
    const std::uint32_t per_node = where.gpus_per_node;
    for (std::uint32_t r = 0; r < where.racks.size(); ++r) {
        std::vector<std::uint32_t> with(per_node + 1, 0);
        std::uint32_t in_use = 0;
        for (std::uint32_t i = 0; i < where.racks[r].nodes; ++i) {
            const std::uint32_t node = naive::first_node_of(where, r) + i;
            const std::uint64_t mask = naive::offered(where, s, node);
            const auto c = static_cast<std::uint32_t>(std::popcount(mask));
            ++with[c];
            in_use += s.held[node] != 0 ? 1U : 0U;
            if (f.free_mask(node_id{node}) != mask || f.held_mask(node_id{node}) != s.held[node]) ++wrong;
            if (!f.nodes_with(c).contains(node) || f.any_free().contains(node) != (c != 0)) ++wrong;
        }
        const std::uint32_t may_open = where.racks[r].usable - std::min(in_use, where.racks[r].usable);
        const std::uint32_t whole = std::min(with[per_node], may_open);
        std::uint32_t free = whole * per_node;
        for (std::uint32_t c = 0; c <= per_node; ++c) {
            if (f.count_in(r, c) != with[c]) ++wrong;
            if (c != per_node) free += c * with[c];
        }
        total += free;
        if (f.nodes_in_use(r) != in_use || f.whole_nodes(r) != whole || f.free_gpus_of(r) != free) ++wrong;
        if (f.is_locked(r) != s.locked[r] || f.is_untouched(r) != (in_use == 0 && !s.locked[r])) ++wrong;
        for (std::uint32_t n = 0; n <= f.where().most_nodes(); ++n)
            if (f.racks_with_whole(n).contains(r) != (n == whole)) ++wrong;
        for (std::uint32_t n = 0; n != f.num_free_counts(); ++n)
            if (f.racks_with_free(n).contains(r) != (n == free)) ++wrong;
    }
    return wrong + (f.free_gpus() == total ? 0U : 1U);
}

}  // namespace

TEST_CASE("a free index of racks agrees with naive columns on random operations", "[free_index][racks]") {
    std::size_t closed = 0;  // states in which some rack had reached its limit
    for (std::uint64_t seed = 0; seed != 60; ++seed) {
        CAPTURE(seed);
        naive::test_random random(seed);
        const auto sites = naive::random_sites(random, 6, 6);
        const naive::fleet where = naive::rack_fleet_of(sites, static_cast<std::uint32_t>(random.between(1, 8)));
        free_index f =
            free_index::racks(std::make_shared<const fleet::topology>(naive::topology_of(sites)), where.gpus_per_node);
        naive::rack_space s = naive::empty_racks(where);
        std::size_t wrong = wrong_answers(f, where, s);
        for (int step = 0; step != 400; ++step) {
            const auto node = static_cast<std::uint32_t>(random.between(0, where.nodes - 1));
            const std::uint32_t rack = naive::rack_of_node(where, node);
            const std::int64_t what = random.between(0, 99);
            if (what < 50) {
                const std::uint64_t offered = naive::offered(where, s, node);
                const std::uint64_t some = random.chance(40) ? offered : offered & random.next();
                if (some == 0) continue;
                REQUIRE(f.is_free(share(node, some)));
                f.take(share(node, some));
                s.held[node] |= some;
            } else if (what < 85) {
                const std::uint64_t some = random.chance(60) ? s.held[node] : s.held[node] & random.next();
                if (some == 0) continue;
                CHECK_FALSE(f.is_free(share(node, some)));
                f.give(share(node, some));
                s.held[node] &= ~some;
            } else if (what < 92) {
                const gpu_share any = share(node, 1);
                s.locked[rack] = !s.locked[rack];
                f.lock({&any, 1}, s.locked[rack]);
            } else {
                s.out[node] = !s.out[node];
                f.set_in_service(node_id{node}, !s.out[node]);
            }
            wrong += wrong_answers(f, where, s);
            closed +=
                f.nodes_in_use(rack) == where.racks[rack].usable && where.racks[rack].usable < where.racks[rack].nodes;
        }
        CHECK(wrong == 0);
    }
    CHECK(closed > 100);
}

TEST_CASE("whole allocations on racks agree with naive columns", "[free_index][racks]") {
    struct held_shares {
        fleet::demand wanted{};
        std::vector<gpu_share> shares;
    };
    std::size_t several = 0, unordered = 0;  // racks; allocations
    for (std::uint64_t seed = 0; seed != 60; ++seed) {
        CAPTURE(seed);
        naive::test_random random(seed);
        auto sites = naive::random_sites(random, 6, 6);
        if (seed % 6 == 0) sites[0][0] = {.count = 2, .nodes = 80, .usable = 70};
        const naive::fleet where = naive::rack_fleet_of(sites, static_cast<std::uint32_t>(random.between(1, 8)));
        free_index f =
            free_index::racks(std::make_shared<const fleet::topology>(naive::topology_of(sites)), where.gpus_per_node);
        naive::rack_space s = naive::empty_racks(where);
        const auto rack_of = [&where](const gpu_share& g) {
            return naive::rack_of_node(where, static_cast<std::uint32_t>(index(g.node)));
        };
        std::vector<held_shares> running;
        std::size_t wrong = 0;
        for (int step = 0; step != 150; ++step) {
            const std::int64_t what = random.between(0, 99);
            if (what < 10) {
                const auto node = static_cast<std::uint32_t>(random.between(0, where.nodes - 1));
                s.out[node] = !s.out[node];
                f.set_in_service(node_id{node}, !s.out[node]);
            } else if (what < 55 && !running.empty()) {
                const std::size_t which =
                    static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(running.size()) - 1));
                const held_shares& h = running[which];
                f.give(h.wanted, h.shares);
                for (const gpu_share& g : h.shares) {
                    s.held[index(g.node)] &= ~g.gpus;
                    if (h.wanted.exclusive) s.locked[rack_of(g)] = false;
                }
                running.erase(running.begin() + static_cast<std::ptrdiff_t>(which));
            } else {
                held_shares h;
                const bool whole = random.chance(60);
                const auto first = static_cast<std::uint32_t>(random.between(0, where.nodes - 1));
                const auto last = std::min<std::uint32_t>(
                    where.nodes, first + static_cast<std::uint32_t>(random.between(1, random.chance(20) ? 90 : 12)));
                for (std::uint32_t node = first; node != last; ++node) {
                    const std::uint64_t offered = naive::offered(where, s, node);
                    const std::uint64_t some = whole ? offered : offered & random.next();
                    if (some != 0 && random.chance(90)) h.shares.push_back(share(node, some));
                }
                if (random.chance(20) && h.shares.size() > 1) {
                    std::swap(h.shares.front(), h.shares.back());
                    ++unordered;
                }
                h.wanted.exclusive = random.chance(20);
                for (const gpu_share& g : h.shares) h.wanted.gpus += fleet::count_gpus(g.gpus);
                if (h.shares.empty() || !f.is_free(h.wanted, h.shares)) continue;
                several += rack_of(h.shares.front()) != rack_of(h.shares.back());
                random.chance(50) ? f.take(h.wanted, h.shares) : f.occupy(h.wanted, h.shares);
                for (const gpu_share& g : h.shares) {
                    s.held[index(g.node)] |= g.gpus;
                    if (h.wanted.exclusive) s.locked[rack_of(g)] = true;
                }
                running.push_back(std::move(h));
            }
            wrong += wrong_answers(f, where, s);
        }
        CHECK(wrong == 0);
    }
    CHECK(several > 300);
    CHECK(unordered > 100);
}

TEST_CASE("an index of racks allows what the limits and exclusive jobs leave", "[free_index][racks]") {
    fleet::topology t;
    t.add({.count = 2, .nodes = 3, .usable = 2});
    free_index f = free_index::racks(std::make_shared<const fleet::topology>(t), 4);
    CHECK(f.free_gpus() == 16);
    const std::vector<gpu_share> three{share(0, 1), share(1, 1), share(2, 1)};
    CHECK_FALSE(f.is_free({.gpus = 3}, three));  // one node too many
    const std::vector<gpu_share> two{share(0, 1), share(2, 1)};
    CHECK(f.is_free({.gpus = 2, .exclusive = true}, two));
    f.take({.gpus = 2, .exclusive = true}, two);
    CHECK(f.free_gpus() == 8);
    CHECK(f.free_mask(node_id{0}) == 0);
    CHECK_FALSE(f.is_untouched(0));
    CHECK(f.is_untouched(1));
    f.take({.gpus = 1}, std::vector{share(4, 1)});
    CHECK_FALSE(f.is_free({.gpus = 1, .exclusive = true}, std::vector{share(3, 1)}));
    CHECK(f.is_free({.gpus = 1}, std::vector{share(3, 1)}));
    f.give({.gpus = 2, .exclusive = true}, two);
    CHECK(f.free_gpus() == 15);
    CHECK(f.free_mask(node_id{0}) == 0xF);
    CHECK(f.is_untouched(0));
}

TEST_CASE("taking and giving on racks allocates nothing", "[free_index][racks]") {
    fleet::topology t;
    t.add({.count = 40, .nodes = 18, .usable = 16, .racks_per_block = 8});
    free_index f = free_index::racks(std::make_shared<const fleet::topology>(t), 4);
    const std::vector<gpu_share> some{share(0, 0xF), share(17, 0xF), share(20, 1)};
    const auto before = test::allocations();
    for (int i = 0; i != 1000; ++i) {
        f.take({.gpus = 9, .exclusive = true}, some);
        f.give({.gpus = 9, .exclusive = true}, some);
    }
    CHECK(test::allocations() == before);
}
