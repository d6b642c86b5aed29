#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/serving/finish_queue.hpp>

#include <cstdint>
#include <set>
#include <tuple>

using namespace ampacity;
using serving::finish_queue;

TEST_CASE("finish_queue: the order of a sorted set, with entries taken out of the middle") {
    random_stream d(33, purpose::test, 0);
    finish_queue queue;
    using key = std::tuple<std::int64_t, std::uint64_t, std::uint32_t>;
    std::set<key> sorted;
    std::vector<key> of_slot(64);
    std::vector<bool> used(64, false);
    for (std::uint64_t i = 0; i != 20'000; ++i) {
        const auto slot = static_cast<std::uint32_t>(d.below(64));
        if (used[slot]) {
            queue.erase(slot);
            sorted.erase(of_slot[slot]);
            used[slot] = false;
        } else {
            of_slot[slot] = {static_cast<std::int64_t>(d.below(30)), i, slot};
            sorted.insert(of_slot[slot]);
            queue.push({std::get<0>(of_slot[slot]), i, slot});
            used[slot] = true;
        }
        if (d.below(5) == 0 && !sorted.empty()) {
            used[queue.front().slot] = false;
            queue.pop();
            sorted.erase(sorted.begin());
        }
        REQUIRE(queue.size() == sorted.size());
        REQUIRE(queue.empty() == sorted.empty());
        if (!sorted.empty()) REQUIRE(queue.front().slot == std::get<2>(*sorted.begin()));
    }
}
