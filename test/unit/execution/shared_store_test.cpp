// A shared store against a walk in steps of 1 ns with whole bytes, and by hand.
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/execution/shared_store.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

using namespace ampacity;
using execution::shared_store;

namespace {

constexpr double per_ns = 1e9;  // bytes per ns, as a rate per second
instant at(std::int64_t ns) { return start_of_time + duration{ns}; }

/// Bytes per ns of each write, by giving out equal parts until all are full.
std::vector<double> rates(double store, const std::vector<double>& most) {
    std::vector<double> out(most.size(), 0);
    std::vector<bool> full(most.size(), false);
    for (double left = store; left > 1e-12;) {
        const auto open = static_cast<double>(std::count(full.begin(), full.end(), false));
        if (open == 0) break;
        double part = left / open;
        for (std::size_t i = 0; i != most.size(); ++i) {
            if (!full[i]) part = std::min(part, most[i] - out[i]);
        }
        for (std::size_t i = 0; i != most.size(); ++i) {
            if (full[i]) continue;
            out[i] += part;
            left -= part;
            if (most[i] - out[i] < 1e-12) full[i] = true;
        }
    }
    return out;
}

}  // namespace

TEST_CASE("writes share a store as a walk by single nanoseconds has it") {
    random_stream draw{8, purpose::test, 0};
    for (int n = 0; n != 200; ++n) {
        struct naive {
            std::uint32_t owner = 0;
            double left = 0, most = 0;
        };
        const double store_b_s = static_cast<double>(6 + draw.below(30));
        shared_store store{store_b_s * per_ns};
        std::vector<naive> walk;
        std::uint32_t next_owner = 0;
        double done = 0;
        for (std::int64_t t = 0; t != 400; ++t) {
            std::vector<std::uint32_t> complete;
            for (const naive& w : walk) {
                if (w.left < 1e-6) complete.push_back(w.owner);
            }
            std::erase_if(walk, [](const naive& w) { return w.left < 1e-6; });
            if (store.next() <= at(t)) {
                const auto got = store.complete(at(t));
                REQUIRE(std::vector<std::uint32_t>(got.begin(), got.end()) == complete);
            } else {
                REQUIRE(complete.empty());
            }
            if (draw.below(12) == 0 && walk.size() < 5) {
                const naive w{.owner = next_owner++,
                              .left = static_cast<double>(1 + draw.below(900)) + 0.37,
                              .most = static_cast<double>(1 + draw.below(20))};
                walk.push_back(w);
                store.begin(at(t), w.owner, w.left, w.most * per_ns);
            }
            if (draw.below(60) == 0 && !walk.empty()) {
                const std::size_t row = draw.below(walk.size());
                store.cancel(at(t), walk[row].owner);
                walk.erase(walk.begin() + static_cast<std::ptrdiff_t>(row));
            }
            std::vector<double> most;
            for (const naive& w : walk) most.push_back(w.most);
            const std::vector<double> rate = rates(store_b_s, most);
            for (std::size_t i = 0; i != walk.size(); ++i) {
                REQUIRE(store.writes()[i].rate / per_ns == Approx(rate[i]));
                const double moved = std::min(walk[i].left, rate[i]);
                walk[i].left -= moved;
                done += moved;
            }
        }
        CHECK(store.taken_b() <= done * (1 + 1e-9) + 1);
    }
}

TEST_CASE("a store by hand: two writes at once take twice as long, and one that is given up leaves its part") {
    shared_store store{100.0};
    store.begin(at(0), 1, 1000, 1e9);
    CHECK(store.end_of(1) == start_of_time + std::chrono::seconds{10});
    store.begin(start_of_time + std::chrono::seconds{4}, 2, 1000, 1e9);
    CHECK(store.end_of(1) == start_of_time + std::chrono::seconds{16});
    CHECK(store.end_of(2) == start_of_time + std::chrono::seconds{24});
    store.cancel(start_of_time + std::chrono::seconds{6}, 1);
    CHECK(store.end_of(1) == never);
    CHECK(store.end_of(2) == start_of_time + std::chrono::seconds{15});
    CHECK(store.next() == start_of_time + std::chrono::seconds{15});
    CHECK(store.complete(store.next()).size() == 1);
    CHECK(store.taken_b() == Approx(500 + 1000));
    CHECK(store.next() == never);
}

TEST_CASE("a store without a rate of its own lets each write as fast as it can") {
    shared_store store{std::numeric_limits<double>::infinity()};
    store.begin(at(0), 1, 1000, 100.0);
    store.begin(at(0), 2, 1000, 50.0);
    CHECK(store.end_of(1) == start_of_time + std::chrono::seconds{10});
    CHECK(store.end_of(2) == start_of_time + std::chrono::seconds{20});
}
