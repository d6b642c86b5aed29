#include "support/catch.hpp"

#include <ampacity/kernel/chunk_pool.hpp>
#include <ampacity/kernel/dary_heap.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace {

using ampacity::kernel::before;
using ampacity::kernel::chunk_pool;
using ampacity::kernel::dary_heap;
using ampacity::kernel::entry_buffer;
using ampacity::kernel::queued_event;

queued_event numbered(std::uint64_t n) { return {{static_cast<std::int64_t>(n), n}, n}; }

std::vector<std::uint64_t> drained(chunk_pool& pool, chunk_pool::list& l) {
    std::vector<std::uint64_t> out;
    pool.drain(l, [&out](const queued_event& e) { out.push_back(e.slot); });
    return out;
}

std::vector<std::uint64_t> numbers(std::uint64_t begin, std::uint64_t end) {
    std::vector<std::uint64_t> out;
    for (; begin != end; ++begin) out.push_back(begin);
    return out;
}

TEST_CASE("lists of a pool keep their order and give their chunks back", "[kernel]") {
    chunk_pool pool;
    const std::size_t per_chunk = chunk_pool::per_chunk;
    CHECK(per_chunk == 21);
    std::size_t memory = 0;
    for (int repeat = 0; repeat < 50; ++repeat) {
        chunk_pool::list a;
        chunk_pool::list b;
        const std::uint64_t n = 5 * per_chunk + static_cast<std::uint64_t>(repeat) % 3;  // full, full and one, ...
        for (std::uint64_t i = 0; i < n; ++i) {
            pool.append(a, numbered(i));
            if (i % 2 == 0) pool.append(b, numbered(i));
        }
        std::size_t seen = 0;
        chunk_pool::for_runs(a, [&](const queued_event* e, const queued_event* end) {
            for (; e != end; ++e) seen += e->slot == seen ? 1U : 0U;
        });
        CHECK(seen == n);
        CHECK_FALSE(chunk_pool::is_short(a));
        std::vector<std::uint64_t> front;
        pool.drain_front(a, [&front](const queued_event& e) { front.push_back(e.slot); });
        CHECK(front == numbers(0, per_chunk));
        CHECK(pool.erase_if(a, [](const queued_event& e) { return e.slot >= 60; }) == n - 60);
        CHECK(drained(pool, a) == numbers(per_chunk, 60));
        CHECK(a.empty());
        CHECK(drained(pool, b).size() == (n + 1) / 2);
        if (repeat == 0) memory = pool.memory_bytes();
    }
    CHECK(pool.memory_bytes() == memory);
}

TEST_CASE("a list of one chunk knows its size", "[kernel]") {
    chunk_pool pool;
    chunk_pool::list l;
    CHECK(l.empty());
    for (std::size_t n = 1; n <= chunk_pool::per_chunk; ++n) {
        pool.append(l, numbered(n));
        CHECK(chunk_pool::is_short(l));
        CHECK(chunk_pool::short_size(l) == n);
    }
    CHECK(chunk_pool::full(l));
    pool.append(l, numbered(0));
    CHECK_FALSE(chunk_pool::is_short(l));
    CHECK(pool.erase_if(l, [](const queued_event&) { return true; }) == chunk_pool::per_chunk + 1);
    CHECK(l.empty());
}

template <class Heap>
void sorts() {
    std::mt19937_64 random(9);
    for (std::size_t n = 0; n < 70; ++n) {
        Heap heap;
        std::vector<queued_event> model;
        for (std::size_t i = 0; i < n; ++i) {
            const queued_event e{{static_cast<std::int64_t>(random() % 20), i}, i};
            heap.push(e);
            model.push_back(e);
        }
        const auto unlucky = [](const queued_event& e) { return e.slot % 3 == 1; };
        CHECK(heap.erase_if(unlucky) == std::erase_if(model, unlucky));
        std::sort(model.begin(), model.end(), [](const auto& a, const auto& b) { return before(a.key, b.key); });
        for (const queued_event& e : model) {
            REQUIRE(heap.top().slot == e.slot);
            heap.pop();
        }
        CHECK(heap.empty());
    }
}

TEST_CASE("a heap of any arity sorts, also after a sweep", "[kernel]") {
    sorts<dary_heap<2>>();
    sorts<dary_heap<3>>();
    sorts<dary_heap<4>>();
    sorts<dary_heap<8>>();
}

TEST_CASE("an entry buffer grows, shrinks at its front and filters in order", "[kernel]") {
    entry_buffer b;
    CHECK(b.empty());
    for (std::uint64_t i = 0; i < 1000; ++i) b.push_back(numbered(i));
    CHECK(b.capacity() < 1400);
    b.erase_front(100);
    CHECK(b.size() == 900);
    CHECK(b[0].slot == 100);
    CHECK(b.erase_if([](const queued_event& e) { return e.slot % 2 == 0; }) == 450);
    for (std::size_t i = 0; i < b.size(); ++i) REQUIRE(b[i].slot == 101 + 2 * i);
    b.resize(2000);
    CHECK(b.size() == 2000);
    CHECK(b[449].slot == 999);
}

}  // namespace
