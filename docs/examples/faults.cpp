// Module faults: what fails at random, asked by hand.
#include "example.hpp"

#include <ampacity/faults/duration_law.hpp>
#include <ampacity/faults/failure_plan.hpp>
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

void failures_of_a_log_happen_as_it_says() {
    const fleet::fleet_state fleet = fleet::fleet_state::flat_nodes(100, 8);
    faults::failure_plan plan{
        .processes = {{.cause = "xid79"}},
        .log = {{.at = start_of_time + 5h, .part = faults::part_kind::gpu, .index = 17, .repair = 24h}}};
    faults::part_failures failures{std::move(plan), faults::fleet_layout::of(fleet.empty()), fleet.states()};
    require(failures.next() == start_of_time + 5h, "at its time");
    require(failures.advance(fleet.states())->first_node == 2, "GPU 17 is of node 2");
    require(failures.next() == start_of_time + 29h, "for as long as it says");
}

}  // namespace

void faults_example() {
    nodes_fail_and_are_repaired();
    failures_of_a_log_happen_as_it_says();
}
