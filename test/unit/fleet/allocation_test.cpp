#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <ampacity/fleet/allocation.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <utility>
#include <vector>

using namespace ampacity;
using fleet::allocation;
using fleet::allocation_arena;
using fleet::gpu_share;

namespace {

std::vector<gpu_share> shares_of(std::size_t size, std::uint64_t mark) {
    std::vector<gpu_share> out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = {.node = node_id{static_cast<std::uint32_t>(i)}, .gpus = mark + i};
    return out;
}

bool holds(const allocation_arena& arena, allocation a, const std::vector<gpu_share>& expected) {
    return std::ranges::equal(arena.shares(a), expected);
}

/// Stores and releases lists of random sizes, up to 60 at a time; ends with none.
void busy(allocation_arena& arena, std::span<const gpu_share> material) {
    std::array<allocation, 60> live{};
    std::uint64_t state = 9;
    for (int i = 0; i < 20'000; ++i) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        allocation& a = live[(state >> 40U) % live.size()];
        arena.release(a);
        a = i < 19'000 ? arena.store(material.first((state >> 50U) % material.size())) : allocation{};
    }
    for (allocation& a : live) arena.release(a);
}

}  // namespace

TEST_CASE("the arena keeps what is stored, while others come and go", "[allocation]") {
    struct entry {
        allocation at;
        std::vector<gpu_share> expected;
    };
    allocation_arena arena;
    std::vector<entry> live;
    std::size_t fullest = 0;
    std::mt19937_64 random{1};
    for (std::uint64_t step = 0; step < 4000; ++step) {
        if (live.empty() || random() % 6 < (step / 500 % 2 == 0 ? 4U : 2U)) {
            const std::size_t size = random() % 4 == 0 ? random() % 300 : random() % 9;
            auto expected = shares_of(size, step << 20U);
            const allocation a = arena.store(expected);
            REQUIRE(a.size == size);
            live.push_back({a, std::move(expected)});
        } else {
            const std::size_t i = random() % live.size();
            REQUIRE(holds(arena, live[i].at, live[i].expected));
            arena.release(live[i].at);
            std::swap(live[i], live.back());
            live.pop_back();
        }
        fullest = std::max(fullest, live.size());
        if (step % 100 == 0) {
            for (const entry& e : live) REQUIRE(holds(arena, e.at, e.expected));
        }
    }
    CHECK(fullest > 100);
}

TEST_CASE("released storage serves the next list of its size, rounded up to a power of two", "[allocation]") {
    for (const auto& [released, stored] :
         {std::pair{1U, 1U}, {2U, 2U}, {3U, 4U}, {4U, 3U}, {5U, 8U}, {64U, 33U}, {65U, 128U}}) {
        CAPTURE(released, stored);
        allocation_arena arena;
        const allocation other = arena.store(shares_of(7, 100));
        const allocation a = arena.store(shares_of(released, 1));
        arena.release(a);
        const allocation b = arena.store(shares_of(stored, 2));
        CHECK(b.at == a.at);
        CHECK(b.size == stored);
        CHECK(holds(arena, b, shares_of(stored, 2)));
        CHECK(holds(arena, other, shares_of(7, 100)));
    }
    // A smaller place is not given to a larger list.
    allocation_arena arena;
    const allocation small = arena.store(shares_of(4, 1));
    const allocation after = arena.store(shares_of(1, 50));
    arena.release(small);
    const allocation large = arena.store(shares_of(5, 2));
    CHECK(large.at != small.at);
    CHECK(holds(arena, after, shares_of(1, 50)));
    CHECK(holds(arena, large, shares_of(5, 2)));
}

TEST_CASE("an empty list takes no storage", "[allocation]") {
    allocation_arena arena;
    const allocation none = arena.store({});
    CHECK(none.size == 0);
    CHECK(arena.shares(none).empty());
    arena.release(none);
    arena.release(allocation{});
    const allocation a = arena.store(shares_of(1, 5));
    const allocation b = arena.store(shares_of(1, 6));
    CHECK(a.at != b.at);
    CHECK(holds(arena, a, shares_of(1, 5)));
}

TEST_CASE("storing and releasing allocates nothing in steady state", "[allocation]") {
    allocation_arena arena;
    const auto material = shares_of(200, 3);
    const std::uint64_t start = test::allocations();
    busy(arena, material);
    const std::uint64_t warm = test::allocations();
    CHECK((warm > start || start == 0));  // the counter stays 0 under sanitizers
    busy(arena, material);
    CHECK(test::allocations() == warm);
}

TEST_CASE("an arena that knows how many shares there can be allocates nothing", "[allocation]") {
    constexpr std::size_t most = 1000;
    const auto material = shares_of(most, 3);
    for (const std::size_t size : {1U, 2U, 3U, 5U, 9U, 513U, 1000U}) {
        allocation_arena arena(most);
        std::array<allocation, most> live{};
        const std::uint64_t before = test::allocations();
        for (int repeat = 0; repeat != 2; ++repeat) {
            for (std::size_t i = 0; i != most / size; ++i) live[i] = arena.store(std::span{material}.first(size));
            for (std::size_t i = 0; i != most / size; ++i) arena.release(live[i]);
        }
        CHECK(test::allocations() == before);
    }
}
