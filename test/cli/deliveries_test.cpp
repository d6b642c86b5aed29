// Nodes that come into service later, from file to file.

#include "cli/program.hpp"

#include <string>

using namespace ampacity::test;

namespace {

std::string delivered(const std::string& list) {
    return with(small_scenario, "{ pool_gpus: 4 }", "{ nodes: { gpus: 1, count: 2 }, deliveries: [ " + list + " ] }");
}

}  // namespace

TEST_CASE("a job that needs all nodes waits for the last to be delivered") {
    const workspace here{delivered(R"({ nodes: "1", at: "100 s" })"), header + "a,0,1,50\nb,0,2,100\n"};
    here.run_well();
    const auto jobs = lines_of(here.read("out/jobs.csv"));
    CHECK(jobs[1] == "a,0,0,50,1,finished,0,0,50,0");
    CHECK(jobs[2] == "b,0,100,200,2,finished,0,0,200,0");
    CHECK(contains(here.read("out/resolved.yaml"), "at: \"100 s\""));
    const document summary{here.read("out/summary.json")};
    CHECK(summary.number("gpu_hours.uncommissioned") == Approx(100.0 / 3600));
    CHECK(summary.number("utilisation") == Approx(250.0 / 300).epsilon(1e-12));
    CHECK(summary.number("gpu_hours.capacity") == Approx(300.0 / 3600));
}

TEST_CASE("deliveries of racks, and those that cannot be") {
    const std::string racks =
        with(small_scenario, "{ pool_gpus: 4 }",
             "{ racks: { nodes_per_rack: 2, gpus_per_node: 1, count: 2 }, deliveries: [ { racks: \"1\", at: 1 h } ] }");
    const workspace here{racks, header + "a,0,2,100\nb,0,2,100\nc,3550,2,100\n"};
    here.run_well();
    const auto jobs = lines_of(here.read("out/jobs.csv"));
    CHECK(jobs[1] == "a,0,0,100,2,finished,0,0,200,0");
    CHECK(jobs[2] == "b,0,100,200,2,finished,0,0,200,0");
    CHECK(jobs[3] == "c,3550,3550,3650,2,finished,0,0,200,0");

    const std::string first = "fleet.deliveries.0";
    const std::string good = R"({ nodes: "1", at: "100 s" })";
    check_key_refused(with(delivered(good), "nodes: { gpus: 1, count: 2 }", "pool_gpus: 2"), first, "",
                      "nodes or racks");
    check_key_refused(with(delivered(good), "nodes: \"1\"", "nodes: \"1-2\""), first + ".nodes", "1-2", "0-1");
    check_key_refused(with(delivered(good), "nodes: \"1\", ", ""), first, "", "one");
    check_key_refused(with(delivered(good), "100 s", "0 s"), first + ".at", "0 s", "");
    check_key_refused(delivered(good + ", " + good), "fleet.deliveries.1", "", "one delivery");
    check_key_refused(with(racks, "racks: \"1\"", "nodes: \"1\""), first + ".nodes", "1", "racks");
}
