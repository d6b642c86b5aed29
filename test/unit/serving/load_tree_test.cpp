#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/serving/load_tree.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

using namespace ampacity;

TEST_CASE("load_tree: always the first with the least") {
    for (std::uint64_t number = 0; number != 200; ++number) {
        random_stream d(25, purpose::test, number);
        std::vector<std::int64_t> loads(1 + d.below(40));
        for (std::int64_t& load : loads) load = static_cast<std::int64_t>(d.below(10));
        serving::load_tree tree;
        tree.assign(loads);
        REQUIRE(tree.size() == loads.size());
        for (int change = 0; change != 300; ++change) {
            const auto least = std::min_element(loads.begin(), loads.end());
            REQUIRE(tree.least() == static_cast<std::size_t>(least - loads.begin()));
            const std::size_t i = d.below(loads.size());
            loads[i] = static_cast<std::int64_t>(d.below(10));
            tree.set(i, loads[i]);
            REQUIRE(tree.load(i) == loads[i]);
        }
    }
}
