#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/serving/kv_blocks.hpp>

#include <cstdint>
#include <vector>

using namespace ampacity;
using serving::kv_blocks;

TEST_CASE("kv_blocks: what a series takes equals block by block") {
    random_stream d(32, purpose::test, 0);
    for (int trial = 0; trial != 2000; ++trial) {
        const auto block = static_cast<std::int64_t>(1 + d.below(trial % 5 == 0 ? 400 : 40));
        const auto total = static_cast<std::int64_t>(d.below(300));
        kv_blocks blocks(total, block);
        std::vector<std::int64_t> computed(1 + d.below(20));
        const auto step = static_cast<std::int64_t>(d.below(1000));
        for (std::int64_t& c : computed) {
            c = static_cast<std::int64_t>(1 + d.below(500));
            blocks.join(step, c);
        }
        // Some leave, and one that joined in a step before takes its blocks where it would have.
        for (std::size_t leaves = d.below(computed.size()); leaves != 0; --leaves) {
            blocks.leave(step, computed.back());
            computed.pop_back();
        }
        const auto late = static_cast<std::int64_t>(500 + d.below(50));
        blocks.join(step + 7, late + 7);
        computed.push_back(late);

        std::vector<std::int64_t> taken{0};
        for (std::int64_t i = 0; i != 500; ++i) {
            std::int64_t now = 0;
            for (std::int64_t& c : computed) {
                now += blocks.holding(c + 1) - blocks.holding(c);
                ++c;
            }
            REQUIRE(blocks.needed(step + i) == now);
            taken.push_back(taken.back() + now);
        }
        for (int probe = 0; probe != 20; ++probe) {
            const auto steps = static_cast<std::int64_t>(1 + d.below(500));
            REQUIRE(blocks.needed(step, steps) == taken[static_cast<std::size_t>(steps)]);
            std::int64_t expected = 0;
            while (expected != steps && taken[static_cast<std::size_t>(expected) + 1] <= total) ++expected;
            REQUIRE(blocks.steps_with_blocks(step, steps) == expected);
        }
    }
}

TEST_CASE("kv_blocks: blocks are taken and given back by count") {
    kv_blocks blocks(10, 16);
    CHECK(blocks.holding(0) == 0);
    CHECK(blocks.holding(1) == 1);
    CHECK(blocks.holding(16) == 1);
    CHECK(blocks.holding(17) == 2);
    blocks.take(7);
    CHECK(blocks.free() == 3);
    blocks.give_back(4);
    CHECK(blocks.free() == 7);
    CHECK(blocks.num_blocks() == 10);
    CHECK(blocks.steps_with_blocks(5, 1000) == 1000);  // nobody decodes
}
