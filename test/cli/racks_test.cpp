// Racks from file to file: columns of jobs-csv, placement.csv, rejected.csv.

#include "cli/program.hpp"

using namespace ampacity::test;

namespace {

const std::string racks_scenario = with(small_scenario, "fleet: { pool_gpus: 4 }",
                                        "fleet: { racks: { count: 3, usable_per_rack: 16, racks_per_block: 2 } }") +
                                   "output: { placement: true }\n";

const std::string wishes = "job_id,submit_s,gpus,duration_s,segment,within,exclusive,spread\n";

}  // namespace

TEST_CASE("jobs with wishes are placed as worked out by hand") {
    const workspace here{with(racks_scenario, "policy: fifo", "policy: fifo, placer: topology"),
                         wishes +
                             "whole,0,128,10,16,block,,\n"   // 32 nodes: racks 0 and 1, all that may be used of them
                             "own,1,4,10,,,rack,\n"          // rack 2 for itself
                             "small,2,1,5,,,,\n"             // no GPU is left that it may have until 10 s
                             "torn,12,6,1,,rack,0,true\n"};  // node by node beside it
    here.run_well();
    const auto rows = lines_of(here.read("out/placement.csv"));
    REQUIRE(rows.size() == 5);
    std::string all;
    for (int node = 0; node != 16; ++node) all += (node == 0 ? "" : ";") + std::to_string(node) + ":4";
    for (int node = 18; node != 34; ++node) all += ";" + std::to_string(node) + ":4";
    CHECK(contains(rows[1], all));
    CHECK(rows[1].ends_with(":4"));
    CHECK(contains(rows[2], "36:4"));
    CHECK(rows[3].starts_with("small,1,10,"));
    CHECK(rows[3].ends_with("0:1"));
    CHECK(rows[4].ends_with("0:3;1:3"));
    CHECK_FALSE(here.has("out/rejected.csv"));
}

TEST_CASE("weights of a scenario decide where a job goes") {
    // Half of rack 0 and half of rack 1 are taken; the block of these two has room for 16 nodes, rack 2 for 16.
    const std::string jobs = wishes +
                             "x,0,32,100,,,,\n"
                             "y,0,32,100,,,rack,\n"
                             "z,1,32,1,4,,,\n";  // two segments of 4 nodes
    const std::string whole = with(racks_scenario, "policy: fifo", "policy: fifo, placer: topology");
    const auto place_of_last = [&](const std::string& scenario) {
        const workspace here{scenario, jobs};
        here.run_well();
        const auto rows = lines_of(here.read("out/placement.csv"));
        REQUIRE(rows.size() == 4);
        return fields_of(rows[3]).back();
    };
    CHECK(place_of_last(whole) == "8:4;9:4;10:4;11:4;12:4;13:4;14:4;15:4");
    const auto weighing = [&](const std::string& weights) {
        return with(whole, "placer: topology", "placer: topology, topology: { weights: " + weights + " }");
    };
    CHECK(place_of_last(weighing("{ racks: 1, whole_racks: 5 }")) == "8:4;9:4;10:4;11:4;12:4;13:4;14:4;15:4");
    CHECK(place_of_last(weighing("{ racks: 1, largest_share: 1 }")) == "8:4;9:4;10:4;11:4;36:4;37:4;38:4;39:4");
    CHECK(place_of_last(weighing("{ racks: 1, largest_share: 1, sites: 2, blocks: 20 }")) ==
          "8:4;9:4;10:4;11:4;12:4;13:4;14:4;15:4");
    const workspace wrong{weighing("{ racks: 1, blocks: -0.5 }"), jobs};
    const auto m = check_refused(wrong.run(), 2);
    CHECK(m.file == "s.yaml");
    CHECK(m.line == 7);
    CHECK(m.column > 1);
    CHECK(m.key == "scheduler.topology.weights.blocks");
    CHECK(m.value == "-0.5");
}

TEST_CASE("a job that can never be placed is rejected with the reason, and blocks nobody") {
    const workspace here{racks_scenario, wishes +
                                             "a,0,68,10,,rack,,\n"  // 17 nodes where 16 may be used
                                             "\"b,1\",1.5,68,10,17,,,\n"
                                             "c,2,136,1,,block,,\n"  // 34 nodes, a block has 32
                                             "d,2,196,1,,,,\n"       // 49 nodes, there are 48
                                             "e,2,0,1,,,,\n"
                                             "f,3,64,1,,rack,,\n"
                                             "g,3,64,1,17,,,\n"};  // a segment of more nodes than the job has
    here.run_well();
    const auto rows = lines_of(here.read("out/rejected.csv"));
    REQUIRE(rows.size() == 6);
    CHECK(rows[0] == "job_id,time_s,gpus,reason");
    CHECK(rows[1].starts_with("a,0,68,"));
    CHECK(contains(rows[1], "17"));
    CHECK(contains(rows[1], "16"));
    CHECK(rows[2].starts_with("\"b,1\",1.5,68,"));
    CHECK(rows[3].starts_with("c,2,136,"));
    CHECK(contains(rows[3], "block"));
    CHECK(rows[4].starts_with("d,2,196,"));
    CHECK(rows[5].starts_with("e,2,0,"));
    for (std::size_t i = 1; i != rows.size(); ++i) CHECK(fields_of(rows[i]).back().size() > 10);
    CHECK(here.summary().number("jobs.rejected") == 5);
    CHECK(here.summary().number("jobs.finished") == 2);

    here.write("jobs.csv", wishes + "f,3,64,1,,rack,,\n");
    here.run_well();
    CHECK_FALSE(here.has("out/rejected.csv"));
    here.write("jobs.csv", wishes + "a,0,68,10,,rack,,\n");
    here.run_well({"--set", "output.jobs=false"});
    CHECK_FALSE(here.has("out/rejected.csv"));
    CHECK(here.summary().number("jobs.rejected") == 1);
}

TEST_CASE("wishes survive the conversion of a trace") {
    const std::string trace = wishes +
                              "a,0,128,10,16,block,rack,false\n"
                              "b,0,1,10,,,,true\n"
                              "c,0,9,10,2,site,,false\n";
    const workspace here{racks_scenario, trace};
    const auto converted = here.call({"trace", "jobs.csv", "--to", "jobs-csv"});
    CHECK(converted.status == 0);
    here.write("once.csv", converted.out);
    CHECK(here.call({"trace", "once.csv", "--to", "jobs-csv"}).out == converted.out);
    const auto rows = lines_of(converted.out);
    REQUIRE(rows.size() == 4);
    CHECK(contains(rows[0], ",segment,within,exclusive,spread"));
    CHECK(contains(rows[1], ",16,block,rack,false"));
    CHECK(contains(rows[2], ",,,,true"));
    CHECK(contains(rows[3], ",2,site,,false"));
    here.run_well({}, "out/a");
    here.run_well({"--set", "workload.0.trace.path=once.csv"}, "out/b");
    CHECK(here.read("out/a/placement.csv") == here.read("out/b/placement.csv"));
}

TEST_CASE("the scenario of racks runs as it stands") {
    const workspace here;
    here.write("s.yaml", read_file(std::filesystem::path{AMPACITY_SOURCE_DIR} / "scenarios/racks.yaml"));
    for (const std::string placer : {"topology", "block", "pack", "first-fit", "spread"}) {
        CAPTURE(placer);
        here.run_well({"--set", "workload.0.synthetic.jobs=2000", "--set", "scheduler.placer=" + placer},
                      "out/" + placer);
        const auto summary = here.summary("out/" + placer);
        CHECK(summary.number("jobs.submitted") == 2000);
        CHECK(summary.number("jobs.finished") + summary.number("jobs.rejected") == 2000);
        CHECK(contains(here.read("out/" + placer + "/rejected.csv"), ",68,"));
    }
}
