#include "support/catch.hpp"

#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/validate.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using hardware::site_preference;

namespace {

scenario::workload_entry jobs() {
    scenario::workload_entry entry;
    entry.synthetic.emplace();
    entry.synthetic->jobs = 10;
    entry.synthetic->rate = {0.01};
    entry.synthetic->duration.median = std::chrono::minutes{22};
    entry.synthetic->duration.sigma = 0;
    entry.synthetic->gpus = {{1, 1.0}};
    return entry;
}

/// Two sites, of two racks of 3 nodes, and of one of 2.
scenario::scenario two_sites() {
    scenario::scenario s;
    s.name = "two";
    s.fleet.sites = {{.name = "iad", .racks = {{.nodes_per_rack = 3, .gpus_per_node = 4, .count = 2}}},
                     {.name = "fra", .racks = {{.nodes_per_rack = 2, .gpus_per_node = 4, .count = 1}}}};
    s.workload = {jobs(), jobs()};
    s.scheduler.policy = "easy";
    s.scheduler.sites.emplace();
    return s;
}

std::string refusal(const scenario::scenario& s) {
    try {
        scenario::check(s);
    } catch (const scenario_error& e) {
        return std::string{e.what()}.substr(std::string{"error: "}.size());
    }
    return "accepted";
}

}  // namespace

TEST_CASE("sites that schedule their own jobs share out the nodes in their order", "[scenario]") {
    scenario::scenario s = two_sites();
    s.start = scenario::default_start + std::chrono::hours{30};
    s.workload[1].site = "fra";
    s.scheduler.sites->transfer = std::chrono::minutes{10};
    const sim::parts p = scenario::build(s, {});
    const sim::site_scheduling& made = p.sites;
    REQUIRE(made.sites.size() == 2);
    CHECK(made.sites[0].name == "iad");
    CHECK(made.sites[0].nodes == std::vector{node_id{0}, node_id{1}, node_id{2}, node_id{3}, node_id{4}, node_id{5}});
    CHECK(made.sites[1].nodes == std::vector{node_id{6}, node_id{7}});
    CHECK(made.place == site_preference::balanced);
    CHECK(made.pinned == std::vector<std::uint16_t>{0, 2});
    CHECK(made.transfer == std::chrono::minutes{10});
    CHECK(made.utc_s == 6 * 3600.0);
    CHECK(made.make_policy() != nullptr);
    CHECK(made.make_placer() != nullptr);
    s.scheduler.sites.reset();
    s.workload[1].site.reset();
    CHECK(scenario::build(s, {}).sites.sites.empty());
}

TEST_CASE("what says when jobs move, and where their home is, comes to the simulation", "[scenario]") {
    scenario::scenario s = two_sites();
    CHECK_FALSE(scenario::build(s, {}).sites.migrate);
    s.workload[1].home = "fra";
    s.scheduler.sites->migrate.emplace();
    sim::site_scheduling made = scenario::build(s, {}).sites;
    CHECK(made.homes == std::vector<std::uint16_t>{0, 2});
    CHECK(made.pinned == std::vector<std::uint16_t>{0, 0});
    REQUIRE(made.migrate);
    CHECK(made.migrate->interval == std::chrono::hours{24});
    CHECK(made.migrate->gain == 0.1);
    CHECK(made.migrate->min_stay == std::chrono::hours{168});
    CHECK(std::isinf(made.migrate->bandwidth_b_s));
    *s.scheduler.sites->migrate = {
        .interval = std::chrono::hours{1}, .gain = 0.5, .min_stay = std::chrono::hours{2}, .bandwidth = {{1e9}}};
    made = scenario::build(s, {}).sites;
    CHECK(made.migrate->interval == std::chrono::hours{1});
    CHECK(made.migrate->gain == 0.5);
    CHECK(made.migrate->min_stay == std::chrono::hours{2});
    CHECK(made.migrate->bandwidth_b_s == 1e9);

    s.workload[1].site = "iad";
    CHECK(refusal(s) == "workload.1.home: these jobs have their site already (fra); remove one of them");
    s.workload[1].site.reset();
    s.workload[1].home = "frA";
    CHECK(refusal(s) == "workload.1.home: no site of the fleet has this name (frA); did you mean `fra`?");
    s.workload[1].home = "fra";
    s.scheduler.sites.reset();
    CHECK(refusal(s) ==
          "workload.1.home: sites have no schedulers of their own (fra); write scheduler.sites, or remove it");
}

TEST_CASE("origins are those of entries, else that of all", "[scenario]") {
    scenario::scenario s = two_sites();
    for (scenario::site& at : s.fleet.sites) at.region = "us-east-1";
    s.scheduler.sites->place = site_preference::nearest;
    CHECK(refusal(s) ==
          "scheduler.sites: does not say where the jobs of workload.0 come from; give origin, such as "
          "origin: iad");
    s.workload[0].origin = "fra";
    s.workload[1].site = "iad";
    CHECK(refusal(s) == "accepted");
    CHECK(scenario::build(s, {}).sites.origins == std::vector<std::uint16_t>{1, 0});
    s.scheduler.sites->origin = "fra";
    CHECK(scenario::build(s, {}).sites.origins == std::vector<std::uint16_t>{1, 1});
}

TEST_CASE("what sites that schedule do not go together with is refused", "[scenario]") {
    scenario::scenario s = two_sites();
    CHECK(refusal(s) == "accepted");
    s.workload[1].site = "frA";
    CHECK(refusal(s) == "workload.1.site: no site of the fleet has this name (frA); did you mean `fra`?");
    s.workload[1].site = "fra";
    s.scheduler.sites.reset();
    CHECK(refusal(s) ==
          "workload.1.site: sites have no schedulers of their own (fra); write scheduler.sites, or remove "
          "it");

    s = two_sites();
    s.scheduler.sites->place = site_preference::cheapest;
    CHECK(refusal(s) ==
          "fleet.sites.0: its region is not known, which scheduler.sites.place needs (iad); give it a "
          "region, such as region: us-east-1");
    s.fleet.sites[0].region = "us-east-1";
    s.fleet.sites[1].signals.emplace();
    s.fleet.sites[1].signals->price.emplace();
    CHECK(refusal(s).find("fleet.sites") == std::string::npos);

    s = two_sites();
    s.scheduler.sites->origin = "iad";
    CHECK(refusal(s) == "scheduler.sites.origin: nothing follows it (iad); write place: nearest, or remove it");
    s.scheduler.sites->origin.reset();
    s.workload[0].origin = "iad";
    CHECK(refusal(s) == "workload.0.origin: nothing follows it (iad); write scheduler.sites.place: nearest");

    s = two_sites();
    s.fleet.sites.clear();
    s.fleet.pool_gpus = 8;
    CHECK(refusal(s) == "scheduler.sites: the fleet has no sites; describe it by fleet.sites, or remove this");

    s = two_sites();
    s.scheduler.reservations.push_back(
        {.name = "r", .start = duration{1}, .length = duration{1}, .nodes = std::string{"0"}});
    CHECK(refusal(s) == "scheduler.reservations: not supported together with scheduler.sites yet; remove one of them");
    s = two_sites();
    s.faults.planned.push_back({.name = "m", .start = duration{1}, .length = duration{1}});
    CHECK(refusal(s) == "accepted");
}
