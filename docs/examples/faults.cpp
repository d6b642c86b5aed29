// Module faults: what fails at random, asked by hand.
#include "example.hpp"

#include <ampacity/faults/duration_law.hpp>
#include <ampacity/faults/part_failures.hpp>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

void nodes_fail_and_are_repaired() {
    const fleet::fleet_state fleet = fleet::fleet_state::flat_nodes(100, 8);
    faults::failure_plan plan{.processes = {{.cause = "fan",
                                             .part = faults::part_kind::node,
                                             .mean_s = 100 * 86400,
                                             .repair = faults::law_of_mean(4 * 3600, 1)}},
                              .crews = 1,
                              .seed = 1};
    faults::part_failures failures{std::move(plan), faults::fleet_layout::of(fleet.empty()), fleet.states()};
    std::uint64_t failed = 0, repaired = 0;
    while (failures.next() < start_of_time + 24h * 100) {
        const auto what = failures.advance(fleet.states());
        if (!what) continue;
        ++(what->what == faults::part_change::kind::fails ? failed : repaired);
    }
    require(failed > 60 && failed < 140, "each node once in a hundred days, on average");
    require(failures.tally(0, start_of_time + 24h * 100).failures == failed && repaired <= failed, "and is repaired");
}

}  // namespace

void faults_example() { nodes_fail_and_are_repaired(); }
