#include "support/catch.hpp"

#include <ampacity/fleet/topology.hpp>

#include <cstdint>
#include <numeric>
#include <vector>

using namespace ampacity;
using fleet::topology;

TEST_CASE("racks of one group are rows of nodes in blocks", "[topology]") {
    topology t;
    CHECK(t.num_sites() == 0);
    t.add({.count = 33, .nodes = 18, .usable = 16, .racks_per_block = 8});
    CHECK(t.num_racks() == 33);
    CHECK(t.num_nodes() == 33 * 18);
    CHECK(t.num_blocks() == 5);
    CHECK(t.num_sites() == 1);
    CHECK(t.rack_of(node_id{0}) == 0);
    CHECK(t.rack_of(node_id{17}) == 0);
    CHECK(t.rack_of(node_id{20}) == 1);  // its third node
    CHECK(t.rack_at(1).first_node == 18);
    CHECK(t.rack_at(32).usable == 16);
    CHECK(t.block_at(4).first_rack == 32);
    CHECK(t.block_at(4).racks == 1);  // the last block is smaller
    CHECK(t.most_nodes() == 18);
    CHECK(t.most_usable() == 16);
}

TEST_CASE("sites of uneven racks agree with what is counted by hand", "[topology]") {
    topology t;
    t.next_site();  // opens the first
    t.add({.count = 3, .nodes = 2, .usable = 0, .racks_per_block = 2});
    t.add({.count = 1, .nodes = 5, .usable = 4, .racks_per_block = 0});
    t.next_site();
    t.add({.count = 2, .nodes = 1, .usable = 0, .racks_per_block = 9});
    const std::vector<std::uint32_t> nodes{2, 2, 2, 5, 1, 1};
    const std::vector<std::uint32_t> usable{2, 2, 2, 4, 1, 1};
    const std::vector<std::uint32_t> block{0, 0, 1, 2, 3, 3};
    const std::vector<std::uint32_t> site{0, 0, 0, 0, 1, 1};
    REQUIRE(t.num_racks() == nodes.size());
    CHECK(t.num_nodes() == std::accumulate(nodes.begin(), nodes.end(), 0U));
    CHECK(t.num_blocks() == 4);
    CHECK(t.num_sites() == 2);
    CHECK(t.most_nodes() == 5);
    CHECK(t.most_usable() == 4);
    std::uint32_t row = 0;
    for (std::uint32_t r = 0; r != nodes.size(); ++r) {
        CAPTURE(r);
        CHECK(t.rack_at(r).first_node == row);
        CHECK(t.rack_at(r).nodes == nodes[r]);
        CHECK(t.rack_at(r).usable == usable[r]);
        CHECK(t.rack_at(r).block == block[r]);
        CHECK(t.site_of(r) == site[r]);
        CHECK(t.block_at(block[r]).site == site[r]);
        for (std::uint32_t i = 0; i != nodes[r]; ++i) CHECK(t.rack_of(node_id{row++}) == r);
    }
    std::uint32_t racks = 0;
    for (std::uint32_t b = 0; b != t.num_blocks(); ++b) {
        CHECK(t.block_at(b).first_rack == racks);
        racks += t.block_at(b).racks;
    }
    CHECK(racks == t.num_racks());
}
