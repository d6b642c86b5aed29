// Nodes that are slow for a while, from file to file.

#include "cli/program.hpp"

#include <string>

using namespace ampacity::test;

namespace {

const std::string two_nodes = with(small_scenario, "{ pool_gpus: 4 }", "{ nodes: { gpus: 1, count: 2 } }");

std::string slow(const std::string& list) {
    return with(small_scenario, "{ pool_gpus: 4 }", "{ nodes: { gpus: 1, count: 2 }, slowdowns: [ " + list + " ] }");
}

}  // namespace

TEST_CASE("a job runs slower while its node is slow, and its record tells of one run") {
    const workspace here{slow(R"({ nodes: "1", start: "40 s", duration: "40 s", speed: 0.5 })"),
                         header + "a,0,1,100\nb,0,1,100\nc,10,1,10\n"};
    here.run_well();
    const auto jobs = lines_of(here.read("out/jobs.csv"));
    CHECK(jobs[1] == "a,0,0,100,1,finished,0,0,100,0");
    CHECK(jobs[2] == "b,0,0,120,1,finished,0,0,120,0");
    CHECK(jobs[3] == "c,10,100,110,1,finished,0,0,10,0");
    CHECK(contains(here.read("out/resolved.yaml"), "speed: 0.5"));
}

TEST_CASE("slowdowns of racks, and those that cannot be") {
    const std::string racks = with(small_scenario, "{ pool_gpus: 4 }",
                                   "{ racks: { nodes_per_rack: 2, gpus_per_node: 1, count: 2 }, slowdowns: [ { racks: "
                                   "\"0\", start: 0 s, duration: 1 h, speed: 0.25 } ] }");
    const workspace here{racks, header + "a,0,2,100\nb,0,2,100\n"};
    here.run_well();
    const auto jobs = lines_of(here.read("out/jobs.csv"));
    CHECK(jobs[1] == "a,0,0,400,2,finished,0,0,800,0");
    CHECK(jobs[2] == "b,0,0,100,2,finished,0,0,200,0");

    const std::string first = "fleet.slowdowns.0";
    const std::string good = R"({ nodes: "1", start: "40 s", duration: "40 s", speed: 0.5 })";
    check_key_refused(with(slow(good), "nodes: { gpus: 1, count: 2 }", "pool_gpus: 2"), first, "", "nodes or racks");
    check_key_refused(with(slow(good), "nodes: \"1\"", "nodes: \"1-2\""), first + ".nodes", "1-2", "0-1");
    check_key_refused(with(slow(good), "nodes: \"1\"", "racks: \"1\""), first + ".racks", "1", "racks");
    check_key_refused(with(slow(good), "nodes: \"1\", ", ""), first, "", "one");
    check_key_refused(with(slow(good), "speed: 0.5", "speed: 0"), first + ".speed", "0", "0.001");
    check_key_refused(with(slow(good), "speed: 0.5", "speed: 1.5"), first + ".speed", "1.5", "1");
    check_key_refused(with(slow(good), ", speed: 0.5", ""), first + ".speed", "", "speed: 0.5");
    check_key_refused(with(slow(good), "duration: \"40 s\"", "duration: \"0 s\""), first + ".duration", "0 s", "");
}
