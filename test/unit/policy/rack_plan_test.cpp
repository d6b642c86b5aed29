// Places that a policy names itself, on racks: one that breaks a wish of the job is refused.
#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/policy/checked_plan.hpp>
#include <ampacity/policy/registry.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

using namespace ampacity;
using fleet::gpu_share;

namespace {

using shares = std::vector<gpu_share>;

gpu_share on(std::uint32_t node, std::uint64_t gpus = 0xF) { return {.node = node_id{node}, .gpus = gpus}; }

/// Racks of 3 nodes of 4 GPUs: 0 to 3 in blocks of 2, of which 2 nodes are used at a time; rack 4 in a site of its own.
/// A job runs on node 0, an exclusive one on node 3.
struct racks {
    fleet::fleet_state fleet;
    policy::job_table jobs;
    fleet::allocation_arena allocations;
    std::unique_ptr<policy::placer> placer = policy::make_first_fit();
    policy::checked_plan p{fleet, jobs, allocations, *placer};

    explicit racks(fleet::demand wanted) : fleet(fleet::fleet_state::racks(where(), 4)) {
        jobs.grow_to(3, {});
        add(0, {.gpus = 1});
        add(1, {.gpus = 4, .exclusive = true});
        add(2, wanted);
        p.begin(instant{});
        p.start(job_id{0}, shares{on(0, 1)});
        p.start(job_id{1}, shares{on(3)});
        p.begin(instant{});
    }
    racks(const racks&) = delete;

    static fleet::topology where() {
        fleet::topology t;
        t.add({.count = 4, .nodes = 3, .usable = 2, .racks_per_block = 2});
        t.next_site();
        t.add({.count = 1, .nodes = 3});
        return t;
    }
    void add(std::uint32_t job, fleet::demand wanted) {
        jobs[job].demand = wanted;
        jobs[job].order = 100 + job;
        jobs[job].state = policy::job_state::queued;
    }
};

std::string said(fleet::demand wanted, const shares& where) {
    racks r{wanted};
    const std::uint64_t free = r.fleet.free().free_gpus();
    try {
        r.p.start(job_id{2}, where);
    } catch (const plan_error& e) {
        CHECK(e.exit_status() == 5);
        CHECK(r.fleet.free().free_gpus() == free);
        CHECK(r.jobs[2].state == policy::job_state::queued);
        CHECK(r.p.actions().empty());
        return e.what();
    }
    CHECK(r.jobs[2].state == policy::job_state::running);
    r.p.roll_back();
    CHECK(r.fleet.free().free_gpus() == free);
    return "accepted";
}

}  // namespace

TEST_CASE("a plan accepts places that meet the wishes of a job", "[plan][racks]") {
    CHECK(said({.gpus = 8}, {on(6), on(8)}) == "accepted");
    CHECK(said({.gpus = 5}, {on(1), on(0, 2)}) == "accepted");
    CHECK(said({.gpus = 16, .segment = 2}, {on(6), on(12), on(7), on(14)}) == "accepted");
    CHECK(said({.gpus = 12, .segment = 2}, {on(6), on(9), on(7)}) == "accepted");
    CHECK(said({.gpus = 8, .segment = 1, .within = scope::block}, {on(6), on(9)}) == "accepted");
    CHECK(said({.gpus = 8, .segment = 1, .within = scope::site}, {on(1), on(9)}) == "accepted");
    CHECK(said({.gpus = 4, .exclusive = true}, {on(7)}) == "accepted");
    CHECK(said({.gpus = 3, .spread = true}, {on(0, 2), on(6, 4), on(12, 8)}) == "accepted");
}

TEST_CASE("a plan refuses places that break a wish of the job", "[plan][racks]") {
    struct wrong {
        fleet::demand wanted;
        shares where;
        std::string why;
        std::string node;  // empty: whichever
    };
    for (const wrong& w : {
             wrong{{.gpus = 8}, {on(6), on(9)}, "one rack", "node 9"},
             wrong{{.gpus = 5}, {on(6), on(0, 2)}, "one rack", "node 0"},
             wrong{{.gpus = 16, .segment = 2}, {on(6), on(7), on(9), on(12)}, "segment", ""},
             wrong{{.gpus = 9, .segment = 2}, {on(6), on(7, 1), on(9)}, "segment", ""},
             wrong{{.gpus = 8, .segment = 2}, {on(6), on(9)}, "one rack", "node 9"},
             wrong{{.gpus = 8, .segment = 1, .within = scope::block}, {on(6), on(12)}, "block", "node 12"},
             wrong{{.gpus = 8, .segment = 1, .within = scope::site}, {on(6), on(12)}, "site", "node 12"},
             wrong{{.gpus = 8, .segment = 1, .within = scope::rack}, {on(6), on(9)}, "rack", "node 9"},
             wrong{{.gpus = 3, .within = scope::rack, .spread = true}, {on(6, 1), on(9, 3)}, "rack", "node 9"},
             wrong{{.gpus = 4, .exclusive = true}, {on(1)}, "rack", "node 1"},
             wrong{{.gpus = 4}, {on(4)}, "not free", "node 4"},
             wrong{{.gpus = 12, .segment = 1}, {on(6), on(7), on(8)}, "", "node 8"},
             wrong{{.gpus = 3, .spread = true}, {on(6, 1), on(7, 1), on(8, 1)}, "", "node 8"},
         }) {
        const std::string message = said(w.wanted, w.where);
        INFO(message << " (" << w.why << ", " << w.node << ")");
        CHECK(message != "accepted");
        CHECK(message.find("job number 102 by arrival (id 2)") != std::string::npos);
        CHECK(message.find(w.why) != std::string::npos);
        CHECK(message.find(w.node) != std::string::npos);
    }
}
