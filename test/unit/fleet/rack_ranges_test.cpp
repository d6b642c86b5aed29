#include "support/catch.hpp"

#include <ampacity/fleet/fleet_state.hpp>
#include <ampacity/fleet/rack_ranges.hpp>

#include <memory>
#include <utility>
#include <vector>

using namespace ampacity;

TEST_CASE("racks of a mixed fleet count type by type, over types without racks", "[fleet]") {
    const auto racks = [](std::uint32_t count, std::uint32_t nodes) {
        fleet::topology where;
        where.add({.count = count, .nodes = nodes});
        return fleet::fleet_state::racks(std::move(where), 4).free();
    };
    CHECK(fleet::rack_ranges(fleet::fleet_state::pool(8).free()).empty());
    CHECK(fleet::rack_ranges(fleet::fleet_state::flat_nodes(3, 8).free()).empty());
    std::vector<fleet::free_index> parts{racks(2, 3), fleet::fleet_state::flat_nodes(5, 4).free(), racks(1, 2)};
    const auto types = std::make_shared<fleet::gpu_types>(std::vector<std::string>{"x", "y", "z"});
    const auto mixed = fleet::fleet_state::mixed(types, std::move(parts));
    const auto found = fleet::rack_ranges(mixed.free());
    REQUIRE(found.size() == 3);
    CHECK((found[0].first == 0 && found[0].last == 3));
    CHECK((found[1].first == 3 && found[1].last == 6));
    CHECK((found[2].first == 11 && found[2].last == 13));
}
