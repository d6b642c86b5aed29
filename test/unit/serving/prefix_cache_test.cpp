#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/serving/prefix_cache.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <utility>
#include <vector>

using namespace ampacity;
using serving::prefix_cache;

namespace {

/// Against a map and a list of what nobody holds, and a list of what each tier has, done plainly.
void compare(const std::vector<std::int64_t>& room) {
    random_stream d(37, purpose::test, 0);
    using key = std::pair<std::uint32_t, std::uint32_t>;
    struct plain {
        std::int64_t holders;
        std::uint64_t inserter;
    };
    prefix_cache cache{room};
    std::vector<std::list<key>> below(room.size());
    std::map<key, plain> all;
    std::list<key> unheld;
    for (std::uint64_t i = 0; i != 60'000; ++i) {
        const key k{static_cast<std::uint32_t>(1 + d.below(9)),
                    static_cast<std::uint32_t>(d.below(i < 30'000 ? 8 : 60))};
        const auto at = all.find(k);
        switch (d.below(4)) {
            case 0:
                REQUIRE(cache.insert(k.first, k.second, i) == (at == all.end()));
                if (!all.emplace(k, plain{1, i}).second) break;
                for (std::list<key>& tier : below) tier.remove(k);
                break;
            case 1:
                if (at == all.end()) break;
                cache.hold(k.first, k.second);
                if (at->second.holders++ == 0) unheld.remove(k);
                break;
            case 2:
                if (at == all.end() || at->second.holders == 0) break;
                REQUIRE(cache.let_go(k.first, k.second) == (at->second.holders == 1));
                if (--at->second.holders == 0) unheld.push_back(k);
                break;
            case 3:
                if (d.below(10) != 0) break;
                const std::uint64_t count = d.below(unheld.size() + 1);
                cache.evict(static_cast<std::int64_t>(count));
                for (std::uint64_t n = 0; n != count; ++n) {
                    key down = unheld.front();
                    all.erase(down);
                    unheld.pop_front();
                    for (std::size_t t = 0; t != below.size(); ++t) {
                        below[t].push_back(down);
                        if (static_cast<std::int64_t>(below[t].size()) <= room[t]) break;
                        down = below[t].front();
                        below[t].pop_front();
                    }
                }
                break;
        }
        std::size_t known = all.size();
        std::size_t tier = prefix_cache::max_tiers;
        for (std::size_t t = 0; t != below.size(); ++t) {
            REQUIRE(cache.in_tier(t) == static_cast<std::int64_t>(below[t].size()));
            known += below[t].size();
            if (std::find(below[t].begin(), below[t].end(), k) != below[t].end()) tier = t;
        }
        REQUIRE(cache.tier_of(k.first, k.second) == tier);
        REQUIRE(cache.size() == known);
        REQUIRE(cache.evictable() == static_cast<std::int64_t>(unheld.size()));
        const auto now = all.find(k);
        REQUIRE(cache.inserted_by(k.first, k.second, 7) == (now != all.end() && now->second.inserter == 7));
        std::uint32_t matching = 0;
        std::uint32_t free = 0;
        while (matching != 40) {
            const auto next = all.find({k.first, matching});
            if (next == all.end()) break;
            if (next->second.holders == 0) ++free;
            ++matching;
        }
        REQUIRE(cache.matching(k.first, 40) == matching);
        REQUIRE(cache.unheld(k.first, matching) == free);
    }
}

}  // namespace

TEST_CASE("prefix_cache: a map and a list of what nobody holds, done plainly") { compare({}); }

TEST_CASE("prefix_cache: what is evicted goes down from tier to tier") {
    compare({40});
    compare({5, 1, 30});
    compare({17, 9, 4, 2});
}

TEST_CASE("prefix_cache: what several have no room for is where all of them find it") {
    using key = std::pair<std::uint32_t, std::uint32_t>;
    random_stream d(37, purpose::test, 1);
    constexpr std::array<std::int64_t, 1> own{3}, room{7};
    prefix_cache shared{room};
    std::vector<prefix_cache> caches{prefix_cache{{}, &shared}, prefix_cache{own, &shared}, prefix_cache{{}, &shared}};
    std::list<key> store;
    const auto put = [&](const key& k) {
        store.remove(k);
        store.push_back(k);
        if (static_cast<std::int64_t>(store.size()) > room[0]) store.pop_front();
    };
    std::array<std::list<key>, 3> known;  // all of them unheld
    std::list<key> below;                 // the second one's own tier
    std::uint64_t here_and_there = 0;
    for (std::uint64_t i = 0; i != 40'000; ++i) {
        const std::size_t c = d.below(caches.size());
        const key k{static_cast<std::uint32_t>(1 + d.below(4)), static_cast<std::uint32_t>(d.below(8))};
        const bool is_known = std::find(known[c].begin(), known[c].end(), k) != known[c].end();
        switch (d.below(3)) {
            case 0:
                REQUIRE(caches[c].insert(k.first, k.second, i) == !is_known);
                if (is_known) break;
                caches[c].let_go(k.first, k.second);
                known[c].push_back(k);
                if (c == 1) below.remove(k);
                break;
            case 1:
                if (known[c].empty()) break;
                caches[c].evict(1);
                if (c == 1) {
                    below.push_back(known[c].front());
                    if (static_cast<std::int64_t>(below.size()) > own[0]) {
                        put(below.front());
                        below.pop_front();
                    }
                } else {
                    put(known[c].front());
                }
                known[c].pop_front();
                break;
            case 2:
                if (std::find(store.begin(), store.end(), k) == store.end()) break;
                shared.put_down(k.first, k.second);
                put(k);
                break;
        }
        const bool is_shared = std::find(store.begin(), store.end(), k) != store.end();
        const bool is_below = std::find(below.begin(), below.end(), k) != below.end();
        if (is_shared && is_known) ++here_and_there;
        REQUIRE(shared.in_tier(0) == static_cast<std::int64_t>(store.size()));
        REQUIRE(caches[0].tier_of(k.first, k.second) == (is_shared ? 0 : prefix_cache::max_tiers));
        REQUIRE(caches[1].tier_of(k.first, k.second) == (is_below ? 0 : is_shared ? 1 : prefix_cache::max_tiers));
        REQUIRE(caches[1].size() == known[1].size() + below.size());
    }
    CHECK(here_and_there > 1000);
}

TEST_CASE("prefix_cache: an empty one matches nothing") {
    const prefix_cache cache;
    CHECK(cache.matching(1, 5) == 0);
    CHECK_FALSE(cache.inserted_by(1, 0, 0));
    CHECK(cache.evictable() == 0);
    CHECK(cache.tier_of(1, 0) == prefix_cache::max_tiers);
}
