// Places on mixed fleets: which type a job gets, what a plan refuses, and what it takes back.
#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/policy/checked_plan.hpp>
#include <ampacity/policy/registry.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

using namespace ampacity;
using fleet::free_index;
using fleet::gpu_share;

namespace {

using shares = std::vector<gpu_share>;

gpu_share on(std::uint32_t node, std::uint64_t gpus) { return {.node = node_id{node}, .gpus = gpus}; }

std::shared_ptr<fleet::gpu_types> three_types() {
    return std::make_shared<fleet::gpu_types>(std::vector<std::string>{"slow", "fast", "other"});
}

/// Types slow: 2 nodes of 4 GPUs, fast: a rack of 2 nodes of 8 of which one is used at a time, other: a node of 2. The
/// job runs at speeds 1 and 3, not on the third.
struct mixed {
    std::shared_ptr<fleet::gpu_types> types = three_types();
    std::uint8_t row = types->add_row({1, 3, 0}).value();
    fleet::fleet_state fleet;
    policy::job_table jobs;
    fleet::allocation_arena allocations;
    std::unique_ptr<policy::placer> placer = policy::make_first_fit();
    policy::checked_plan p{fleet, jobs, allocations, *placer};

    explicit mixed(std::uint32_t gpus) : fleet(fleet::fleet_state::mixed(types, parts())) {
        jobs.grow_to(1, {});
        jobs[0].demand = fleet::demand{.gpus = gpus}.with_speeds(row);
        jobs[0].state = policy::job_state::queued;
        p.begin(instant{});
    }
    mixed(const mixed&) = delete;

    static std::vector<free_index> parts() {
        fleet::topology rack;
        rack.add({.count = 1, .nodes = 2, .usable = 1});
        return {free_index::nodes(2, 4), free_index::racks(std::make_shared<const fleet::topology>(rack), 8),
                free_index::nodes(1, 2)};
    }
};

std::string said(std::uint32_t gpus, const shares& where) {
    mixed m{gpus};
    try {
        m.p.start(job_id{0}, where);
    } catch (const plan_error& e) {
        CHECK(m.fleet.free().free_gpus() == 18);
        return e.what();
    }
    m.p.roll_back();
    CHECK(m.fleet.free().free_gpus() == 18);
    CHECK(m.jobs[0].speed == 1.0);
    return "accepted";
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("speeds order the types", "[gpu-types]") {
    const auto types = three_types();
    CHECK(types->add_row({1, 1, 1}) == 0);
    const auto row = types->add_row({2, 0, 2}).value();
    CHECK(types->add_row({2, 0, 2}) == row);
    CHECK(types->by_speed(row).size() == 2);
    CHECK(types->by_speed(row)[0] == 0);
    CHECK(types->by_speed(row)[1] == 2);
    CHECK(types->by_speed(0).size() == 3);
    CHECK(types->find("fast") == 1);
    CHECK_FALSE(types->find("faster"));
    while (types->num_rows() != fleet::gpu_types::most_rows)
        REQUIRE(types->add_row({static_cast<double>(types->num_rows()), 0, 1}));
    CHECK_FALSE(types->add_row({0.5, 0.5, 0.5}));
    // The demand names each row, and demands of different rows differ.
    CHECK(fleet::demand{.gpus = 1}.with_speeds(63).speeds == 63);
    CHECK(fleet::demand{.gpus = 1}.with_speeds(63) != fleet::demand{.gpus = 1}.with_speeds(62));
    CHECK(fleet::demand{.gpus = 1, .within = scope::rack} != fleet::demand{.gpus = 1}.with_speeds(1));
}

TEST_CASE("a plan starts a job on the fastest type with a place, at its speed", "[plan][gpu-types]") {
    mixed m{6};
    CHECK(m.fleet.free().free_gpus() == 18);  // one of the nodes of the rack is a spare
    CHECK(m.fleet.installed_gpus() == 26);
    REQUIRE(m.p.start(job_id{0}));
    CHECK(m.jobs[0].type == 1);
    CHECK(m.jobs[0].speed == 3.0);
    CHECK(m.allocations.shares(m.jobs[0].held)[0] == on(2, 0x3F));
    m.p.begin(start_of_time + std::chrono::seconds{10});
    m.p.preempt(job_id{0});
    CHECK(m.jobs[0].progress == std::chrono::seconds{30});
    CHECK(m.jobs[0].speed == 1.0);
    m.p.start(job_id{0}, shares{on(0, 0xF), on(1, 0x3)});
    CHECK(m.jobs[0].type == 0);
    m.p.roll_back();
    CHECK(m.jobs[0].type == 1);
    CHECK(m.jobs[0].speed == 3.0);
    CHECK(m.fleet.free().free_gpus() == 12);
}

TEST_CASE("a plan refuses places on types that do not do", "[plan][gpu-types]") {
    CHECK(said(6, {on(2, 0x3F)}) == "accepted");
    CHECK(said(6, {on(0, 0xF), on(1, 0x3)}) == "accepted");
    CHECK(says(said(2, {on(4, 0x3)}), "it cannot run on other, the type of node 4"));
    CHECK(says(said(6, {on(0, 0xF), on(2, 0x3)}), "its GPUs must be of one type"));
    CHECK(says(said(6, {on(5, 0x3F)}), "node 5 does not exist"));
    CHECK(says(said(6, {on(2, 0x1F), on(3, 0x1)}), "with node 3 its rack would have more nodes in use than it may"));
    CHECK(says(said(6, {}), "it was given no GPUs"));
}

TEST_CASE("why a mixed fleet can never hold a job is told by type", "[gpu-types]") {
    mixed m{9};
    const std::string why = policy::why_never(m.fleet.empty(), m.jobs[0].demand);
    CHECK(says(why, "fast: needs 9 GPUs; the fleet has 8 that jobs may use; slow: needs 9 GPUs; the fleet has 8"));
    CHECK(policy::why_never(m.fleet.empty(), m.jobs[0].demand.with_speeds(m.types->add_row({0, 0, 0}).value())) ==
          "no GPU type of the fleet can run it");
}
