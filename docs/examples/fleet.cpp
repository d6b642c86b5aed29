// Modules fleet and execution: nodes, free GPUs and allocations; the work of one running job, its checkpoints and its
// network.
#include "example.hpp"

#include <ampacity/core/scope.hpp>
#include <ampacity/execution/post_training.hpp>
#include <ampacity/execution/run.hpp>
#include <ampacity/execution/shared_fabric.hpp>
#include <ampacity/execution/shared_store.hpp>
#include <ampacity/execution/training.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/build_out.hpp>
#include <ampacity/fleet/closing.hpp>
#include <ampacity/fleet/fleet_state.hpp>
#include <ampacity/fleet/free_index.hpp>
#include <ampacity/fleet/free_nodes.hpp>
#include <ampacity/fleet/gpu_types.hpp>
#include <ampacity/fleet/node_set.hpp>
#include <ampacity/fleet/node_state.hpp>
#include <ampacity/fleet/rack_counts.hpp>
#include <ampacity/fleet/rack_ranges.hpp>
#include <ampacity/fleet/topology.hpp>
#include <ampacity/fleet/typed_parts.hpp>
#include <ampacity/policy/registry.hpp>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

void a_fleet_keeps_books() {
    auto fleet = fleet::fleet_state::flat_nodes(2, 8);
    const std::array<fleet::gpu_share, 1> half{{{.node = node_id{1}, .gpus = 0x0F}}};
    fleet.take({.gpus = 4}, half);
    fleet.advance(start_of_time + 1h);
    fleet.give({.gpus = 4}, half);
    fleet.set_state(node_id{0}, fleet::node_state::draining);
    require(fleet.up_gpus() == 8 && fleet.installed_gpus() == 16, "a draining node is installed, not up");
    ledger books;
    fleet.book(books);
    require(books[account::idle] == gpu_time{12} * ticks(1h), "twelve GPUs were idle for an hour");
}

void nodes_leave_as_planned() {
    auto fleet = fleet::fleet_state::flat_nodes(2, 8);
    const fleet::closing upgrade{.start = start_of_time + 1h, .end = start_of_time + 2h, .nodes = {node_id{0}}};
    require(upgrade.meets(start_of_time, start_of_time + 2h) && !upgrade.meets(start_of_time, start_of_time + 1h),
            "a job that ends when it begins is not in its way");
    fleet.plan_closings({upgrade});
    require(fleet.horizons()[0].free->free_gpus() == 16 && fleet.horizons()[1].free->free_gpus() == 8,
            "jobs of more than an hour get the other node");
}

void racks_come_into_service() {
    const fleet::build_out_terms terms{.seed = 1, .crews = 1, .install = [](random_stream&) { return 48h; }};
    const std::vector<fleet::planned_rack> racks{{.arrives = start_of_time}, {.arrives = start_of_time + 24h}};
    const auto dates = fleet::build_out(terms, racks);
    require(dates[1].in_service == start_of_time + 96h, "the second waits a day for the crew");
}

void racks_are_ranges_of_nodes() {
    fleet::topology where;
    where.add({.count = 2, .nodes = 18});
    const auto racks = fleet::rack_ranges(fleet::fleet_state::racks(std::move(where), 4).empty());
    require(racks.size() == 2 && racks[1].first == 18 && racks[1].last == 36, "the second of two racks of 18 nodes");
}

void free_gpus_are_found() {
    auto free = fleet::free_index::nodes(3, 8);
    free.take({.node = node_id{0}, .gpus = 0xFF});
    free.take({.node = node_id{2}, .gpus = 0x01});
    require(free.free_gpus() == 15 && free.nodes_with(7).first() == 2, "the node with exactly seven free GPUs");
    require(free.any_free().next(1) == 2 && free.any_free().next(2) == fleet::node_set::npos, "rows in order");

    fleet::node_set odd(100);
    odd.insert(63);
    odd.insert(65);
    odd.erase(63);
    require(odd.first() == 65 && !odd.contains(63), "a set of rows");

    fleet::allocation_arena arena;
    const std::array<fleet::gpu_share, 2> shares{{{node_id{0}, 0xFF}, {node_id{4}, 0x03}}};
    const auto held = arena.store(shares);
    require(arena.shares(held)[1] == shares[1], "what a job holds is kept in an arena");
    arena.release(held);
}

void racks_hold_segments() {
    fleet::topology racks;
    racks.add({.count = 3, .nodes = 18, .usable = 16, .racks_per_block = 2});
    require(racks.rack_of(node_id{20}) == 1 && racks.num_blocks() == 2, "rows of nodes count through all racks");
    auto free = fleet::free_index::racks(std::make_shared<const fleet::topology>(racks), 4);
    require(free.whole_nodes(0) == 16 && free.free_gpus_of(0) == 64, "two of eighteen nodes are spares");

    const auto placer = policy::make_placer("topology");
    const fleet::demand wanted{.gpus = 96, .segment = 8, .within = scope::block};  // 24 nodes
    std::vector<fleet::gpu_share> where;
    require(policy::place(*placer, free, wanted, where) && where.size() == 24, "three segments in one block");
    free.take(wanted, where);
    require(free.nodes_in_use(0) + free.nodes_in_use(1) == 24, "the first block");
    const fleet::rack_counts& counts = free;
    require(counts.is_untouched(2) && counts.whole_nodes(2) == 16, "the other block is as it was");
}

void a_fleet_has_types() {
    auto types = std::make_shared<fleet::gpu_types>(std::vector<std::string>{"h100", "a100"});
    const auto bert = types->add_row({3, 1});
    auto free = fleet::free_index::mixed(types, {fleet::free_index::nodes(1, 8), fleet::free_index::nodes(4, 4)});
    const fleet::typed_parts<fleet::free_index>& parts = free;
    require(free.free_gpus() == 24 && parts.first_node(1) == 1, "rows of nodes count through all types");

    const auto placer = policy::make_placer("pack");
    const auto wanted = fleet::demand{.gpus = 6}.with_speeds(*bert);
    std::vector<fleet::gpu_share> where;
    require(policy::place(*placer, free, wanted, where) && parts.type_of(where[0].node) == 0, "the faster type");
    free.take(wanted, where);
    where.clear();
    require(policy::place(*placer, free, wanted, where) && parts.type_of(where[0].node) == 1, "the one with room");
}

void work_is_done_at_a_speed() {
    execution::run r{.remaining = 100s};
    r.start(start_of_time);
    r.set_speed(start_of_time + 40s, 2.0);
    require(r.remaining == 60s && r.end() == start_of_time + 70s, "sixty seconds of work at twice the speed");
    require(r.ran == 40s && !r.ends_killed(), "run time so far");
}

void training_jobs_share() {
    const execution::training_terms t{.steps = 1000, .step = 2s, .evaluation_every = 100, .evaluation = 60s};
    require(execution::work_of(t) == 2600s && execution::progress_of(t, 230s).steps == 100, "steps and evaluations");
    require(execution::young_interval_s(50, 3600) == 600, "an interval of checkpoints");

    const execution::post_training_terms rl{.steps = 10,
                                            .rollouts = 8,
                                            .slots = 8,
                                            .median_tokens = 1000,
                                            .most_tokens = 1000,
                                            .per_token = 20ms,
                                            .train = 10s,
                                            .sync = 2s};
    require(execution::run_post_training(rl, 1, 0).total == 10 * (20s + 10s + 2s), "rollouts, training, new weights");

    execution::shared_store store{100e9};  // 100 GB/s
    store.begin(start_of_time, 1, 1e12, 80e9);
    store.begin(start_of_time, 2, 1e12, 80e9);
    require(store.next() == start_of_time + 20s, "two writers get half each");

    execution::shared_fabric network{{8.0, 8.0}, false};
    const std::vector<execution::shared_fabric::use> both{{0, 8}, {1, 8}};
    network.add(1, 1.4, 0.4, both);
    network.add(2, 1.4, 0.4, both);
    require(std::abs(network.step_s(1) - 1.8) < 1e-12, "traffic takes twice as long");
}

}  // namespace

void fleet_example() {
    a_fleet_keeps_books();
    nodes_leave_as_planned();
    racks_come_into_service();
    racks_are_ranges_of_nodes();
    free_gpus_are_found();
    racks_hold_segments();
    a_fleet_has_types();
    work_is_done_at_a_speed();
    training_jobs_share();
}
