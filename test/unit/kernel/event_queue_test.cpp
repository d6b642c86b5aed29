// Every queue against a sorted set, on long random sequences of operations.

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <ampacity/kernel/bucket_queue.hpp>
#include <ampacity/kernel/heap_queue.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using namespace ampacity::kernel;

using heap4 = heap_queue<4>;
using heap8 = heap_queue<8>;
using heap3 = heap_queue<3>;

static_assert(event_queue<heap4> && event_queue<heap8> && event_queue<bucket_queue>);
static_assert(sizeof(queued_event) == 24);

constexpr std::int64_t latest = std::numeric_limits<std::int64_t>::max();

instant at(std::int64_t t) { return instant{duration{t}}; }

struct naive_order {
    bool operator()(const event_key& a, const event_key& b) const {
        if (a.time_ns != b.time_ns) return a.time_ns < b.time_ns;
        if (a.rank() != b.rank()) return a.rank() < b.rank();
        return a.sequence() < b.sequence();
    }
};

/// The queue under test beside a `std::map`; every answer is compared.
template <class Queue>
class checked {
public:
    struct entry {
        event_handle handle;
        event what;
    };

    explicit checked(std::uint64_t seed) : random(seed) {}

    void push(std::int64_t t, std::uint64_t p) {
        const event what{static_cast<std::uint8_t>(p), static_cast<std::uint8_t>(sequence),
                         static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(sequence)};
        const event_handle h = queue.push(at(t), static_cast<phase>(p), what);
        REQUIRE(h.valid());
        model.emplace(event_key{t, pack(static_cast<phase>(p), sequence)}, entry{h, what});
        ++sequence;
    }

    void pop() {
        REQUIRE_FALSE(queue.empty());
        const auto first = model.begin();
        const popped_event got = queue.pop();
        REQUIRE(got.key == first->first);
        REQUIRE(got.what == first->second.what);
        now = got.key.time_ns;
        forget(first);
    }

    auto any() {
        // lower_bound on a random key is uneven but needs no index; over many calls it reaches everything.
        const std::int64_t span = model.rbegin()->first.time_ns / 2 - now / 2;
        auto it = model.lower_bound(
            {now + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(span + 1)) * 2, random()});
        if (it == model.end()) it = random() % 2 == 0 ? model.begin() : std::prev(model.end());
        return it;
    }

    void cancel() {
        const auto it = any();
        REQUIRE(queue.is_pending(it->second.handle));
        REQUIRE(queue.cancel(it->second.handle));
        forget(it);
    }

    void reschedule(std::int64_t t) {
        const auto it = any();
        const event_handle old = it->second.handle;
        const event_handle h = queue.reschedule(old, at(t));
        REQUIRE(h.valid());
        REQUIRE(h != old);
        const entry moved{h, it->second.what};
        const phase p = it->first.rank();
        forget(it);
        model.emplace(event_key{t, pack(p, sequence)}, moved);
        ++sequence;
    }

    /// A handle of an event that has left never hits anything, though its slot is in use again.
    void use_stale() {
        if (stale.empty()) return;
        const event_handle h = stale[random() % stale.size()];
        REQUIRE_FALSE(queue.is_pending(h));
        REQUIRE_FALSE(queue.cancel(h));
        REQUIRE_FALSE(queue.reschedule(h, at(now)).valid());
    }

    void look() {
        REQUIRE(queue.size() == model.size());
        REQUIRE(queue.empty() == model.empty());
        if (model.empty()) {
            REQUIRE_FALSE(queue.due(never));
            return;
        }
        const std::int64_t first = model.begin()->first.time_ns;
        switch (random() % 4) {
            case 0: REQUIRE(queue.top_time() == at(first)); break;
            case 1: REQUIRE(queue.due(at(first))); break;
            case 2: REQUIRE((first == now || !queue.due(at(first - 1)))); break;
            default: REQUIRE(queue.due(never)); break;
        }
    }

    void round() {
        queue.take_round(at(model.begin()->first.time_ns), taken);
        now = model.begin()->first.time_ns;
        for (const queued_event& e : taken) {
            if (random() % 8 == 0 && model.size() > 1) cancel();
            if (random() % 8 == 0 && model.size() > 1) reschedule(now);
            if (random() % 4 == 0) push(now, random() % 8);
            popped_event got{};
            const auto it = model.find(e.key);
            REQUIRE(queue.claim(e, got) == (it != model.end()));
            if (it == model.end()) continue;
            REQUIRE(got.key == e.key);
            REQUIRE(got.what == it->second.what);
            forget(it);
        }
        taken.clear();
    }

    void clear() {
        for (const auto& [k, e] : model) stale.push_back(e.handle);
        model.clear();
        queue.clear();
        now = 0;
    }

    Queue queue;
    std::map<event_key, entry, naive_order> model;
    std::vector<event_handle> stale;
    entry_buffer taken;
    std::mt19937_64 random;
    std::int64_t now = 0;
    std::uint64_t sequence = 0;

private:
    template <class Iterator>
    void forget(Iterator it) {
        if (stale.size() < 200) {
            stale.push_back(it->second.handle);
        } else {
            stale[random() % stale.size()] = it->second.handle;
        }
        model.erase(it);
    }
};

struct regime {
    const char* name;
    std::function<std::int64_t(std::mt19937_64&)> increment;
};

std::int64_t below(std::mt19937_64& r, std::int64_t n) {
    return static_cast<std::int64_t>(r() % static_cast<std::uint64_t>(n));
}

const std::vector<regime>& regimes() {
    static const std::vector<regime> all{
        {"even", [](auto& r) { return below(r, 1'000'000'000); }},
        {"narrow", [](auto& r) { return below(r, 20); }},
        {"one instant", [](auto&) { return std::int64_t{0}; }},
        {"few instants, seconds apart", [](auto& r) { return below(r, 4) * 1'000'000'000; }},
        {"bimodal", [](auto& r) { return r() % 10 == 0 ? 1'000'000'000'000 + below(r, 1000) : below(r, 1000); }},
        {"all scales", [](auto& r) { return static_cast<std::int64_t>(r() >> (10 + r() % 54)); }},
        {"jumps", [](auto& r) { return r() % 100 == 0 ? std::int64_t{1} << (r() % 54) : below(r, 3); }},
        {"clustered", [](auto& r) { return below(r, 5) * 70'000'000 + below(r, 3); }},
    };
    return all;
}

TEMPLATE_TEST_CASE("a queue answers as a sorted set does", "[kernel]", heap3, heap4, heap8, bucket_queue) {
    for (const regime& g : regimes()) {
        for (const std::size_t population : {0U, 3U, 60U, 130U, 3000U}) {
            INFO(g.name << ", around " << population << " pending");
            checked<TestType> q(population + 17);
            auto& r = q.random;
            const auto later = [&] {
                const std::int64_t d = g.increment(r);
                return d > latest - q.now ? latest : q.now + d;
            };
            for (std::size_t i = 0; i < population; ++i) q.push(later(), r() % 8);
            const std::size_t steps = population > 1000 ? 12'000 : 4'000;
            for (std::size_t i = 0; i < steps; ++i) {
                // The population drifts up for a while, then down.
                const bool up = (i / 1000) % 2 == 0 ? r() % 100 < 55 : r() % 100 < 45;
                const std::uint64_t what = r() % 100;
                if (up) q.push(later(), r() % 8);
                if (!q.model.empty()) {
                    if (what < 40)
                        q.pop();
                    else if (what < 55)
                        q.cancel();
                    else if (what < 75)
                        q.reschedule(later());
                    else if (what < 80)
                        q.push(q.now, 0);  // a phase before that of the last pop
                    else if (what < 83)
                        q.round();
                }
                q.use_stale();
                q.look();
            }
            while (!q.model.empty()) q.pop();
            q.look();
        }
    }
}

TEMPLATE_TEST_CASE("times may be negative, extreme and far apart", "[kernel]", heap4, bucket_queue) {
    checked<TestType> q(1);
    for (int i = 0; i < 300; ++i) {
        for (const std::int64_t t : {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{0},
                                     std::int64_t{255}, std::int64_t{256}, std::int64_t{1} << 62, latest - 1, latest}) {
            q.push(t, static_cast<unsigned>(i) % 8);
        }
    }
    while (!q.model.empty()) q.pop();
    q.push(latest, 3);
    q.push(latest, 1);
    q.pop();
    q.pop();
    q.look();
}

TEMPLATE_TEST_CASE("looking far ahead does not spoil what is pushed before it", "[kernel]", heap4, bucket_queue) {
    checked<TestType> q(2);
    auto& r = q.random;
    for (unsigned repeat = 0; repeat < 40; ++repeat) {
        const std::int64_t ahead = std::int64_t{1} << (20 + repeat % 25);
        for (int i = 0; i < 500; ++i) q.push(q.now + ahead + below(r, std::int64_t{1} << (repeat % 40)), r() % 8);
        const std::int64_t far = q.now + ahead;
        while (q.model.begin()->first.time_ns < far) q.pop();
        REQUIRE(q.queue.top_time() == q.model.begin()->first.time());
        for (int i = 0; i < 600; ++i) q.push(q.now + below(r, far - q.now), r() % 8);
        q.look();
        for (int i = 0; i < 300; ++i) {
            q.pop();
            if (i % 3 == 0) q.push(q.now + below(r, 1000), r() % 8);
            if (i % 5 == 0) q.cancel();
            if (i % 5 == 1) q.reschedule(q.now + below(r, ahead));
        }
        while (q.model.size() > 700) q.pop();
    }
    while (!q.model.empty()) q.pop();
}

TEMPLATE_TEST_CASE("a burst into the near future is in order", "[kernel]", heap4, bucket_queue) {
    checked<TestType> q(3);
    auto& r = q.random;
    for (int i = 0; i < 2000; ++i) q.push(below(r, 1'000'000'000'000), r() % 8);
    for (int burst = 0; burst < 10; ++burst) {
        for (int i = 0; i < 100; ++i) q.pop();
        for (int i = 0; i < 3000; ++i) q.push(q.now + below(r, burst % 2 == 0 ? 2'000'000 : 3), r() % 8);
        for (int i = 0; i < 3000; ++i) q.pop();
    }
    while (!q.model.empty()) q.pop();
}

TEMPLATE_TEST_CASE("clear forgets the events but not the numbers", "[kernel]", heap4, bucket_queue) {
    checked<TestType> q(4);
    for (int repeat = 0; repeat < 5; ++repeat) {
        for (int i = 0; i < 400; ++i) q.push(below(q.random, 1'000'000), q.random() % 8);
        for (int i = 0; i < 100; ++i) q.pop();
        for (int i = 0; i < 100; ++i) q.cancel();
        q.clear();
        q.look();
        for (int i = 0; i < 500; ++i) q.push(below(q.random, 1'000'000), q.random() % 8);
        for (int i = 0; i < 50; ++i) q.use_stale();
        while (!q.model.empty()) q.pop();
        q.clear();
    }
}

TEMPLATE_TEST_CASE("going back in time and popping nothing are errors of ours", "[kernel]", heap4, bucket_queue) {
    TestType q;
    CHECK_THROWS_AS(q.pop(), internal_error);
    CHECK_THROWS_AS(q.top_time(), internal_error);
    const event_handle h = q.push(at(10), phase{0}, {});
    q.push(at(12), phase{0}, {});
    q.pop();
    CHECK_THROWS_AS(q.push(at(9), phase{0}, {}), internal_error);
    CHECK_THROWS_AS(q.reschedule(h, at(9)), internal_error);
    CHECK_THROWS_AS(q.push(at(11), phase{8}, {}), internal_error);
    CHECK(q.push(at(10), phase{0}, {}).valid());
    CHECK_FALSE(q.cancel(no_event));
    CHECK_FALSE(q.is_pending(no_event));
}

TEMPLATE_TEST_CASE("endless reschedules and cancellations keep the memory bounded", "[kernel]", heap4, bucket_queue) {
    TestType q;
    std::mt19937_64 r(5);
    std::vector<event_handle> handles;
    constexpr std::size_t n = 5000;
    for (std::size_t i = 0; i < n; ++i) handles.push_back(q.push(at(below(r, 1'000'000'000)), phase{1}, {}));
    const std::size_t before_all = q.memory_bytes();
    for (std::size_t i = 0; i < 100 * n; ++i) {
        event_handle& h = handles[r() % n];
        if (i % 3 == 0) {
            REQUIRE(q.cancel(h));
            h = q.push(at(below(r, 1'000'000'000)), phase{1}, {});
        } else {
            h = q.reschedule(h, at(below(r, 1'000'000'000)));
        }
    }
    CHECK(q.size() == n);
    CHECK(q.memory_bytes() < 3 * before_all);
}

TEMPLATE_TEST_CASE("a whole round that is cancelled costs no more than its size", "[kernel]", heap4, bucket_queue) {
    TestType q;
    std::vector<event_handle> handles;
    for (std::uint32_t i = 0; i < 20'000; ++i) handles.push_back(q.push(at(5), phase{1}, {0, 0, i, 0}));
    entry_buffer round;
    q.take_round(at(5), round);
    REQUIRE(round.size() == handles.size());
    for (const event_handle& h : handles) REQUIRE(q.cancel(h));
    popped_event out{};
    for (const queued_event& e : round) REQUIRE_FALSE(q.claim(e, out));
    CHECK(q.empty());
    const event_handle next = q.push(at(6), phase{1}, {});
    CHECK(q.is_pending(next));
    CHECK(q.top_time() == at(6));
}

TEMPLATE_TEST_CASE("nothing is allocated in steady state", "[kernel]", heap4, bucket_queue) {
    for (const std::size_t n : {2U, 100U, 1000U, 20'000U}) {
        TestType q;
        q.reserve(2 * n + 64);  // with as many corpses as events
        std::mt19937_64 r(n);
        std::vector<event_handle> handles;
        const auto increment = [&r] {
            return static_cast<std::int64_t>(-1e9 * std::log1p(-static_cast<double>(r() >> 11) * 0x1p-53));
        };
        for (std::uint32_t i = 0; i < n; ++i) handles.push_back(q.push(at(increment()), phase{1}, {0, 0, i, 0}));
        const auto turn = [&](std::size_t events) {
            for (std::size_t i = 0; i < events; ++i) {
                const popped_event e = q.pop();
                handles[e.what.entity] = q.push(e.key.time() + duration{increment()}, phase{1}, e.what);
                if (i % 4 == 0) {
                    event_handle& h = handles[r() % n];
                    h = q.reschedule(h, e.key.time() + duration{increment()});
                }
            }
        };
        turn(200'000);
        const std::uint64_t allocations = test::allocations();
        turn(200'000);
        CHECK(test::allocations() == allocations);
    }
}

TEST_CASE("a pending event costs at most 64 bytes in the bucket queue", "[kernel]") {
    for (const std::size_t n : {100'000U, 130'000U, 300'000U}) {
        bucket_queue q;
        std::mt19937_64 r(n);
        for (std::uint32_t i = 0; i < n; ++i) q.push(at(below(r, 2'000'000'000)), phase{1}, {0, 0, i, 0});
        for (std::size_t i = 0; i < 3 * n; ++i) {
            const popped_event e = q.pop();
            q.push(e.key.time() + duration{below(r, 2'000'000'000)}, phase{1}, e.what);
        }
        CHECK(q.memory_bytes() <= 64 * n);
        CHECK(q.memory_bytes() >= 48 * n);
    }
}

}  // namespace
