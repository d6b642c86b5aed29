// The reference keeps one entry per GPU and adds up nanosecond by GPU.
#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/fleet/fleet_state.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

using namespace ampacity;
using fleet::fleet_state;
using fleet::free_index;
using fleet::gpu_share;
using fleet::node_state;

namespace {

instant at(std::int64_t ns) { return instant{duration{ns}}; }
gpu_share share(std::size_t row, std::uint64_t gpus) {
    return {.node = node_id{static_cast<std::uint32_t>(row)}, .gpus = gpus};
}
node_id node(std::size_t row) { return node_id{static_cast<std::uint32_t>(row)}; }

ledger books_of(const fleet_state& f) {
    ledger books;
    f.book(books);
    return books;
}

constexpr std::array all_states{node_state::uncommissioned, node_state::up, node_state::draining, node_state::down};

/// GPUs one by one.
struct naive_fleet {
    naive_fleet(std::size_t nodes, std::size_t per_node)
        : state(nodes, node_state::up), held(nodes, std::vector<bool>(per_node)) {}

    void advance(std::int64_t elapsed) {
        for (std::size_t row = 0; row < state.size(); ++row) {
            for (const bool is_held : held[row]) {
                if (state[row] == node_state::uncommissioned) {
                    books[account::uncommissioned] += elapsed;
                    continue;
                }
                books.capacity += elapsed;
                const account free = state[row] == node_state::up         ? account::idle
                                     : state[row] == node_state::draining ? account::draining
                                                                          : account::down;
                books[is_held ? account::useful : free] += elapsed;
            }
        }
    }
    [[nodiscard]] std::uint64_t held_mask(std::size_t row) const {
        std::uint64_t mask = 0;
        for (std::size_t i = 0; i < held[row].size(); ++i) mask |= std::uint64_t{held[row][i]} << i;
        return mask;
    }

    std::vector<node_state> state;
    std::vector<std::vector<bool>> held;
    ledger books;
};

void check_same(const fleet_state& f, const naive_fleet& naive) {
    const std::uint64_t all = free_index::full_mask(f.free().gpus_per_node());
    std::uint64_t up = 0;
    std::size_t wrong = 0;
    for (std::size_t row = 0; row < naive.state.size(); ++row) {
        const bool is_up = naive.state[row] == node_state::up;
        if (is_up) up += f.free().gpus_per_node();
        if (f.state(node(row)) != naive.state[row]) ++wrong;
        if (f.free().free_mask(node(row)) != (is_up ? all & ~naive.held_mask(row) : 0)) ++wrong;
        if (f.empty().free_mask(node(row)) != all) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(f.up_gpus() == up);
    CHECK(f.installed_gpus() == naive.state.size() * f.free().gpus_per_node());
}

}  // namespace

TEST_CASE("a new fleet is up, free and has booked nothing", "[fleet_state]") {
    const fleet_state nodes = fleet_state::flat_nodes(3, 8);
    CHECK_FALSE(nodes.is_pool());
    CHECK(nodes.installed_gpus() == 24);
    CHECK(nodes.up_gpus() == 24);
    CHECK(nodes.free().free_gpus() == 24);
    CHECK(nodes.empty().free_gpus() == 24);
    for (std::size_t row = 0; row < 3; ++row) CHECK(nodes.state(node(row)) == node_state::up);
    CHECK(books_of(nodes) == ledger{});

    const fleet_state pool = fleet_state::pool(100);
    CHECK(pool.is_pool());
    CHECK(pool.installed_gpus() == 100);
    CHECK(pool.up_gpus() == 100);
    CHECK(pool.free().free_gpus() == 100);
    CHECK(pool.empty().free_gpus() == 100);

    CHECK_THROWS_AS(fleet_state::pool(0), internal_error);
    CHECK_THROWS_AS(fleet_state::flat_nodes(0, 8), internal_error);
    CHECK_THROWS_AS(fleet_state::flat_nodes(1, 0), internal_error);
    CHECK_THROWS_AS(fleet_state::flat_nodes(1, 65), internal_error);
}

TEST_CASE("unallocated time goes to the account of the node's state", "[fleet_state]") {
    fleet_state f = fleet_state::flat_nodes(4, 8);
    f.advance(at(10));
    f.take({.gpus = 2}, std::vector{share(0, 0b11)});
    f.set_state(node(1), node_state::draining);
    f.set_state(node(2), node_state::down);
    f.set_state(node(3), node_state::uncommissioned);
    CHECK(f.up_gpus() == 8);
    CHECK(f.free().free_gpus() == 6);
    CHECK(f.empty().free_gpus() == 32);
    f.advance(at(15));

    ledger expected;
    expected[account::idle] = 10 * 32 + 5 * 6;
    expected[account::draining] = 5 * 8;
    expected[account::down] = 5 * 8;
    expected[account::uncommissioned] = 5 * 8;
    expected.capacity = 10 * 32 + 5 * 24;
    CHECK(books_of(f) == expected);
    f.advance(at(15));
    CHECK(books_of(f) == expected);

    ledger books = books_of(f);
    CHECK_THROWS_AS(books.check(), internal_error);
    books[account::useful] += 5 * 2;
    CHECK_NOTHROW(books.check());

    // `book` adds to what is there.
    f.book(books);
    CHECK((books[account::idle] == 2 * expected[account::idle]));
    CHECK((books.capacity == 2 * expected.capacity));
}

TEST_CASE("a draining node takes no new jobs and keeps what its jobs give back", "[fleet_state]") {
    fleet_state f = fleet_state::flat_nodes(2, 8);
    const std::vector job{share(0, 0x0F)};
    f.take({.gpus = 4}, job);
    f.set_state(node(0), node_state::draining);
    CHECK(f.free().free_mask(node(0)) == 0);
    CHECK(f.free().free_gpus() == 8);
    CHECK_THROWS_AS(f.take({.gpus = 1}, std::vector{share(0, 0x80)}), internal_error);
    CHECK_THROWS_AS(f.set_state(node(0), node_state::down), internal_error);
    CHECK_THROWS_AS(f.set_state(node(0), node_state::uncommissioned), internal_error);

    f.advance(at(3));
    f.give({.gpus = 4}, job);
    CHECK(f.free().free_gpus() == 8);
    f.advance(at(5));
    CHECK((books_of(f)[account::draining] == 3 * 4 + 2 * 8));
    CHECK((books_of(f)[account::idle] == 5 * 8));

    f.set_state(node(0), node_state::down);
    f.set_state(node(0), node_state::up);
    CHECK(f.free().free_gpus() == 16);

    // Back up with a job on it: the rest is free again.
    f.take({.gpus = 4}, job);
    f.set_state(node(0), node_state::draining);
    f.set_state(node(0), node_state::up);
    CHECK(f.free().free_mask(node(0)) == 0xF0);
    f.give({.gpus = 4}, job);
    CHECK(f.free().free_mask(node(0)) == 0xFF);
}

TEST_CASE("what cannot be is refused", "[fleet_state]") {
    fleet_state f = fleet_state::flat_nodes(2, 8);
    f.advance(at(5));
    CHECK_THROWS_AS(f.advance(at(4)), internal_error);
    f.take({.gpus = 2}, std::vector{share(0, 0b11)});
    CHECK_THROWS_AS(f.take({.gpus = 1}, std::vector{share(0, 0b10)}), internal_error);
    CHECK_THROWS_AS(f.set_state(node(0), node_state::down), internal_error);
    CHECK_THROWS_AS(f.give({.gpus = 1}, std::vector{share(0, 0b100)}), internal_error);
    f.give({.gpus = 2}, std::vector{share(0, 0b11)});
    CHECK_THROWS_AS(f.give({.gpus = 2}, std::vector{share(0, 0b11)}), internal_error);
    CHECK(f.free().free_gpus() == 16);

    fleet_state pool = fleet_state::pool(10);
    CHECK_THROWS_AS(pool.set_state(node(0), node_state::down), internal_error);
    CHECK_THROWS_AS(pool.take({.gpus = 11}, {}), internal_error);
}

TEST_CASE("the accounts of a pool are exact, beyond 64 bits", "[fleet_state]") {
    constexpr std::uint64_t gpus = std::uint64_t{1} << 31U;
    fleet_state f = fleet_state::pool(gpus);
    f.take({.gpus = 1'000'000'000}, {});
    f.advance(start_of_time + longest_input / 2);
    f.give({.gpus = 400'000'000}, {});
    f.advance(start_of_time + longest_input);
    ledger books = books_of(f);
    const gpu_time half = ticks(longest_input) / 2;
    CHECK((books.capacity == 2 * half * gpus));
    CHECK((books[account::idle] == half * (gpus - 1'000'000'000) + half * (gpus - 600'000'000)));
    books[account::useful] = half * 1'600'000'000;
    CHECK_NOTHROW(books.check());
    f.give({.gpus = 600'000'000}, {});
    CHECK(f.free().free_gpus() == gpus);
}

TEST_CASE("random operations agree with GPUs counted one by one, and the books balance", "[fleet_state]") {
    std::mt19937_64 random{1};
    for (const auto& [nodes, per_node] : {std::pair{1U, 1U}, {3U, 4U}, {6U, 8U}, {70U, 2U}, {3U, 64U}}) {
        CAPTURE(nodes, per_node);
        const std::uint64_t all = free_index::full_mask(per_node);
        fleet_state f = fleet_state::flat_nodes(nodes, per_node);
        naive_fleet naive(nodes, per_node);
        struct job {
            std::uint32_t gpus = 0;
            std::vector<gpu_share> shares;
        };
        std::vector<job> jobs;
        std::array<int, 4> entered{};
        std::int64_t now = 0;
        for (int step = 0; step < 3000; ++step) {
            if (random() % 3 != 0) {
                const auto elapsed = static_cast<std::int64_t>(random() % 1000);
                now += elapsed;
                naive.advance(elapsed);
                f.advance(at(now));
            }
            const std::uint64_t what = random() % 10;
            if (what < 4) {
                job j;
                for (std::size_t row = random() % nodes, n = random() % 3 + 1; n > 0 && row < nodes; ++row, --n) {
                    const std::uint64_t some = f.free().free_mask(node(row)) & random();
                    if (some == 0) continue;
                    j.shares.push_back(share(row, some));
                    j.gpus += static_cast<std::uint32_t>(std::popcount(some));
                }
                f.take({.gpus = j.gpus}, j.shares);
                for (const gpu_share& s : j.shares) {
                    for (std::size_t i = 0; i < per_node; ++i) {
                        if ((s.gpus >> i & 1U) != 0) naive.held[index(s.node)][i] = true;
                    }
                }
                jobs.push_back(std::move(j));
            } else if (what < 8 && !jobs.empty()) {
                std::swap(jobs[random() % jobs.size()], jobs.back());
                f.give({.gpus = jobs.back().gpus}, jobs.back().shares);
                for (const gpu_share& s : jobs.back().shares) {
                    for (std::size_t i = 0; i < per_node; ++i) {
                        if ((s.gpus >> i & 1U) != 0) naive.held[index(s.node)][i] = false;
                    }
                }
                jobs.pop_back();
            } else {
                const std::size_t row = random() % nodes;
                const node_state to = all_states[random() % 2 == 0 ? 1 : random() % 4];
                if ((naive.held_mask(row) & all) != 0 && (to == node_state::down || to == node_state::uncommissioned))
                    continue;
                if (naive.state[row] != to) ++entered[static_cast<std::size_t>(to)];
                f.set_state(node(row), to);
                naive.state[row] = to;
            }
            if (step % 100 == 0) check_same(f, naive);
        }
        check_same(f, naive);
        CHECK(*std::min_element(entered.begin(), entered.end()) > 5);

        ledger books = books_of(f);
        books[account::useful] = naive.books[account::useful];
        CHECK(books == naive.books);
        CHECK_NOTHROW(books.check());
        // installed = capacity + uncommissioned
        CHECK((books.capacity + books[account::uncommissioned] == static_cast<gpu_time>(now) * f.installed_gpus()));
    }
}

TEST_CASE("a fleet allocates nothing while it runs", "[fleet_state]") {
    fleet_state f = fleet_state::flat_nodes(500, 8);
    const std::vector job{share(3, 0x0F), share(400, 0xFF)};
    const std::uint64_t before = test::allocations();
    for (std::int64_t t = 1; t < 1000; ++t) {
        f.advance(at(3 * t));
        f.take({.gpus = 12}, job);
        f.set_state(node(3), node_state::draining);
        f.advance(at(3 * t + 1));
        f.give({.gpus = 12}, job);
        f.set_state(node(3), node_state::down);
        f.advance(at(3 * t + 2));
        f.set_state(node(3), node_state::up);
    }
    CHECK(test::allocations() == before);
    CHECK(f.free().free_gpus() == 4000);
}

TEST_CASE("horizons show what is free for how long, and closings and failures come and go", "[fleet_state]") {
    fleet_state f = fleet_state::flat_nodes(4, 2);
    f.plan_closings({{.start = at(10), .end = at(20), .nodes = {node(0), node(1)}},
                     {.start = at(15), .end = at(30), .nodes = {node(1), node(2)}}});
    const auto frees = [&f] {
        std::vector<std::uint64_t> out;
        for (const fleet::horizon& h : f.horizons()) out.push_back(h.free->free_gpus());
        return out;
    };
    const auto untils = [&f] {
        std::vector<instant> out;
        for (const fleet::horizon& h : f.horizons()) out.push_back(h.until);
        return out;
    };
    CHECK(untils() == std::vector{at(10), at(15), never});
    CHECK(frees() == std::vector<std::uint64_t>{8, 4, 2});
    f.take({.gpus = 3}, std::vector{share(0, 0b01), share(3, 0b11)});
    CHECK(frees() == std::vector<std::uint64_t>{5, 2, 0});
    f.give({.gpus = 3}, std::vector{share(0, 0b01), share(3, 0b11)});

    f.advance(at(10));
    f.begin_closing();
    CHECK(f.state(node(1)) == node_state::closed);
    CHECK(frees() == std::vector<std::uint64_t>{4, 2});
    CHECK(f.in_service().free_gpus() == 4);
    CHECK(f.empty().free_gpus() == 8);
    f.fail(std::vector{node(1), node(3)});
    CHECK(f.state(node(1)) == node_state::down);
    CHECK(frees() == std::vector<std::uint64_t>{2, 0});
    f.advance(at(15));
    f.begin_closing();
    CHECK(untils() == std::vector{never});
    f.repair(std::vector{node(1), node(3)});
    CHECK(f.state(node(1)) == node_state::closed);
    CHECK(f.state(node(3)) == node_state::up);
    f.advance(at(20));
    f.end_closing(0);
    CHECK(f.state(node(0)) == node_state::up);
    CHECK(f.state(node(1)) == node_state::closed);
    CHECK(frees() == std::vector<std::uint64_t>{4});
    f.advance(at(30));
    f.end_closing(1);
    CHECK(f.horizons().empty());
    CHECK(f.free().free_gpus() == 8);
    CHECK(f.up_gpus() == 8);

    ledger expected;
    expected[account::idle] = 10 * 8 + 5 * 2 + 5 * 2 + 10 * 4;
    expected[account::down] = 5 * 6 + 5 * 6 + 10 * 4;
    expected.capacity = 30 * 8;
    CHECK(books_of(f) == expected);
}

TEST_CASE("nodes that will leave for good are announced among what closes, and go", "[fleet_state]") {
    fleet_state f = fleet_state::flat_nodes(4, 2);
    f.plan_closings({{.start = at(10), .end = at(30), .nodes = {node(0)}},
                     {.start = at(20), .end = at(40), .nodes = {node(0), node(1)}}});
    const auto frees = [&f] {
        std::vector<std::uint64_t> out;
        for (const fleet::horizon& h : f.horizons()) out.push_back(h.free->free_gpus());
        return out;
    };
    CHECK(frees() == std::vector<std::uint64_t>{8, 6, 4});
    f.announce({.start = at(15), .end = never, .nodes = {node(1), node(2)}});
    CHECK(f.horizons()[2].until == at(20));
    CHECK(frees() == std::vector<std::uint64_t>{8, 6, 2, 2});
    f.advance(at(10));
    f.begin_closing();
    CHECK(frees() == std::vector<std::uint64_t>{6, 2, 2});
    f.announce({.start = at(50), .end = never, .nodes = {node(3)}});
    f.advance(at(15));
    f.retire(std::vector{node(1), node(2)}, true);
    CHECK(f.state(node(1)) == node_state::uncommissioned);
    CHECK(frees() == std::vector<std::uint64_t>{2, 2, 0});
    f.advance(at(20));
    f.begin_closing();
    CHECK(f.state(node(1)) == node_state::uncommissioned);
    f.advance(at(30));
    f.end_closing(0);
    CHECK(f.state(node(0)) == node_state::closed);
    f.advance(at(40));
    f.end_closing(1);
    CHECK(f.state(node(0)) == node_state::up);
    CHECK(f.state(node(1)) == node_state::uncommissioned);
    CHECK(frees() == std::vector<std::uint64_t>{4, 2});
    f.advance(at(50));
    f.retire(std::vector{node(3)}, true);
    CHECK(f.horizons().empty());
    f.retire(std::vector{node(0)}, false);
    CHECK(f.free().free_gpus() == 0);
    CHECK(f.installed_gpus() == 8);

    ledger expected;
    expected[account::idle] = 10 * 8 + 5 * 6 + 5 * 2 + 20 * 2 + 10 * 4;
    expected[account::down] = 30 * 2;
    expected[account::uncommissioned] = 35 * 4;
    expected.capacity = 50 * 8 - 35 * 4;
    CHECK(books_of(f) == expected);
}

TEST_CASE("closings that become known one after the other are as if they had been known before", "[fleet_state]") {
    for (std::uint64_t seed = 0; seed != 200; ++seed) {
        random_stream d(seed, purpose::test, 0);
        const auto upto = [&d](std::uint64_t n) { return static_cast<std::int64_t>(d.below(n)); };
        std::vector<fleet::closing> planned(static_cast<std::size_t>(1 + upto(5)));
        for (fleet::closing& c : planned) {
            c.start = at(1 + upto(6));
            c.end = c.start + duration{1 + upto(6)};
            for (std::uint32_t n = 0; n != 5; ++n) {
                if (n == 0 || upto(2) == 0) c.nodes.push_back(node(n));
            }
        }
        std::stable_sort(planned.begin(), planned.end(),
                         [](const fleet::closing& a, const fleet::closing& b) { return a.start < b.start; });
        fleet_state before = fleet_state::flat_nodes(5, 2), known = fleet_state::flat_nodes(5, 2);
        before.plan_closings(planned);
        known.plan_closings({});
        std::vector<std::size_t> order(planned.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        for (std::size_t i = order.size(); i > 1; --i)
            std::swap(order[i - 1], order[static_cast<std::size_t>(upto(i))]);
        const auto same = [&] {
            REQUIRE(before.horizons().size() == known.horizons().size());
            for (std::size_t i = 0; i != before.horizons().size(); ++i) {
                REQUIRE(before.horizons()[i].until == known.horizons()[i].until);
                for (std::uint32_t n = 0; n != 5; ++n)
                    REQUIRE(before.horizons()[i].free->free_mask(node(n)) ==
                            known.horizons()[i].free->free_mask(node(n)));
            }
            for (std::uint32_t n = 0; n != 5; ++n) REQUIRE(before.state(node(n)) == known.state(node(n)));
            REQUIRE(before.closings().size() == known.closings().size());
        };
        const auto early = static_cast<std::size_t>(upto(order.size() + 1));
        for (std::size_t i = 0; i != early; ++i) known.announce(planned[order[i]], order[i]);
        if (early == order.size()) same();
        std::size_t begun = 0;
        for (std::int64_t t = 1; t != 13; ++t) {
            for (fleet_state* f : {&before, &known}) f->advance(at(t));
            for (std::size_t k = 0; k != planned.size(); ++k) {
                if (planned[k].end != at(t)) continue;
                before.end_closing(k);
                known.end_closing(k);
            }
            if (t == 1) {
                for (std::size_t i = early; i != order.size(); ++i) known.announce(planned[order[i]], order[i]);
            }
            for (; begun != planned.size() && planned[begun].start == at(t); ++begun) {
                before.begin_closing();
                known.begin_closing();
            }
            same();
        }
        REQUIRE(books_of(before) == books_of(known));
    }
}

TEST_CASE("GPUs that are withdrawn are neither free nor idle until they are given back", "[fleet_state]") {
    const auto pool = [] { return fleet_state::pool(8); };
    const auto nodes = [] { return fleet_state::flat_nodes(2, 4); };
    for (fleet_state f : {pool(), nodes()}) {
        const std::vector<gpu_share> where =
            f.is_pool() ? std::vector<gpu_share>{} : std::vector<gpu_share>{{node_id{0}, 0b1111}, {node_id{1}, 0b0001}};
        const fleet::demand wanted{.gpus = 5};
        f.withdraw(wanted, where);
        CHECK(f.free().free_gpus() == 3);
        CHECK(f.in_service().free_gpus() == 3);
        CHECK(f.empty().free_gpus() == 8);
        CHECK(f.held_gpus() == 5);
        f.advance(instant{duration{10}});
        const fleet::demand job{.gpus = 3};
        const std::vector<gpu_share> rest =
            f.is_pool() ? std::vector<gpu_share>{} : std::vector<gpu_share>{{node_id{1}, 0b1110}};
        f.take(job, rest);
        CHECK(f.in_service().free_gpus() == 3);
        f.advance(instant{duration{30}});
        f.give_back(wanted, where);
        CHECK(f.free().free_gpus() == 5);
        CHECK(f.in_service().free_gpus() == 8);
        f.give(job, rest);
        f.advance(instant{duration{100}});
        ledger books;
        f.book(books);
        CHECK(books.capacity == 800);
        CHECK(books[account::idle] == 10 * 3 + 70 * 8);
    }
}
