// Fleets of several GPU types from file to file: speeds by model, placement.csv, rejected.csv, summary.json,
// resolved.yaml.

#include "cli/program.hpp"

using namespace ampacity::test;

namespace {

const std::string jobs = "job_id,submit_s,gpus,duration_s,model\n";

/// Two nodes of a fast type, three of a slow one.
std::string scenario_of(const std::string& policy, const std::string& fleet) {
    return "ampacity: 1\nname: mixed\nseed: 1\nfleet: " + fleet +
           "\nworkload:\n"
           "  - trace: { path: jobs.csv }\n"
           "    speeds: { default: { fast: 2, slow: 1 }, only-slow: { slow: 0.5 }, nowhere: { fast: 0 } }\n"
           "scheduler: { policy: " +
           policy + " }\noutput: { placement: true }\n";
}

const std::string nodes = "{ nodes: [ { gpu: fast, gpus: 8, count: 2 }, { gpu: slow, gpus: 4, count: 3 } ] }";
const std::string pools = "{ pools: [ { gpu: fast, count: 16 }, { gpu: slow, count: 12 } ] }";

}  // namespace

TEST_CASE("jobs get the fastest type that has a place, and run at its speed") {
    const workspace here{scenario_of("fifo", nodes), jobs +
                                                         "a,0,16,100,\n"
                                                         "b,1,4,10,bert\n"        // no model of the table: a slow node
                                                         "c,2,4,10,only-slow\n"   // half as fast
                                                         "d,60,1,10.5,\n"         // fast again
                                                         "e,60,16,1,only-slow\n"  // there are 12
                                                         "f,60,1,1,nowhere\n"};
    here.run_well();
    const auto rows = lines_of(here.read("out/placement.csv"));
    REQUIRE(rows.size() == 5);
    CHECK(rows[0] == "job_id,attempt,start_s,nodes,gpu");
    CHECK(rows[1] == "a,1,0,0:8;1:8,fast");
    CHECK(rows[2] == "b,1,1,2:4,slow");
    CHECK(rows[3] == "c,1,2,3:4,slow");
    CHECK(rows[4] == "d,1,60,0:1,fast");
    const auto ends = lines_of(here.read("out/jobs.csv"));
    CHECK(ends[1].starts_with("a,0,0,50,16,finished,0,0,800,0"));
    CHECK(ends[2].starts_with("b,1,1,11,4,finished"));
    CHECK(ends[3].starts_with("c,2,2,22,4,finished"));
    CHECK(ends[4].starts_with("d,60,60,65.25,1,finished"));
    const auto rejected = lines_of(here.read("out/rejected.csv"));
    REQUIRE(rejected.size() == 3);
    CHECK(rejected[1].starts_with("e,60,16,"));
    CHECK(contains(rejected[1], "slow: needs 16 GPUs; the fleet has 12"));
    CHECK(contains(rejected[2], "no GPU type of the fleet can run it"));
    const auto summary = here.summary();
    CHECK(summary.number("gpu_types.fast.gpus") == 16);
    CHECK(summary.number("gpu_types.slow.gpus") == 12);
    CHECK(summary.number("gpu_types.slow.held_gpu_hours") == Approx(4 * 30 / 3600.0));
    CHECK(summary.number("gpu_types.fast.occupancy") == Approx((16 * 50 + 5.25) / (16 * 65.25)));
}

TEST_CASE("pools by type count, and name no nodes") {
    const workspace here{scenario_of("fifo", pools), jobs + "a,0,15,100,\nb,1,2,10,\nc,1,1,10,\n"};
    here.run_well();
    const auto rows = lines_of(here.read("out/placement.csv"));
    REQUIRE(rows.size() == 4);
    CHECK(rows[1] == "a,1,0,,fast");
    CHECK(rows[2] == "b,1,1,,slow");
    CHECK(rows[3] == "c,1,1,,fast");
}

TEST_CASE("what was resolved gives the same run again") {
    for (const std::string& fleet : {nodes, pools}) {
        const workspace here{scenario_of("max-min", fleet),
                             jobs + "a,0,8,100,\nb,1,4,500,only-slow\nc,2,4,10,bert\nd,3,8,700,\n"};
        here.run_well();
        const std::string resolved = here.read("out/resolved.yaml");
        CHECK(contains(resolved,
                       "speeds: { default: { fast: 2, slow: 1 }, only-slow: { slow: 0.5 }, nowhere: { fast: 0 } }"));
        here.write("again.yaml", resolved);
        CHECK(here.call({"validate", "again.yaml"}).out == resolved);
        CHECK(here.call({"run", "again.yaml", "-o", "out2"}).status == 0);
        for (const char* file : {"/jobs.csv", "/placement.csv", "/summary.json"})
            CHECK(here.read("out" + std::string{file}) == here.read("out2" + std::string{file}));
    }
}

TEST_CASE("one type is a fleet as any other") {
    const workspace here{
        with(
            with(scenario_of("easy", "{ nodes: { gpu: h100, gpus: 8, count: 2 } }"),
                 "    speeds: { default: { fast: 2, slow: 1 }, only-slow: { slow: 0.5 }, nowhere: { fast: 0 } }\n", ""),
            "name: mixed", "name: one"),
        jobs + "a,0,8,100,x\n"};
    here.run_well();
    CHECK(lines_of(here.read("out/placement.csv"))[0] == "job_id,attempt,start_s,nodes");
    CHECK_FALSE(contains(here.read("out/summary.json"), "gpu_types"));
    CHECK(contains(here.read("out/resolved.yaml"), "gpu: h100"));
}

TEST_CASE("every policy runs the scenario of mixed fleets") {
    const workspace here;
    here.write("s.yaml", read_file(std::filesystem::path{AMPACITY_SOURCE_DIR} / "scenarios/mixed.yaml"));
    for (const std::string policy :
         {"fifo", "fifo-skip", "sjf", "srtf", "las", "easy", "conservative", "srsf", "gittins", "qssf", "ftf",
          "max-min", "priority", "fair-share", "drf", "elastic", "round"}) {
        CAPTURE(policy);
        here.run_well({"--set", "workload.0.synthetic.jobs=300", "--policy", policy}, "out/" + policy);
        const auto summary = here.summary("out/" + policy);
        CHECK(summary.number("jobs.finished") == 300);
        CHECK(summary.number("gpu_types.h100.held_gpu_hours") > 0);
    }
    const auto explained = here.call({"why", "s.yaml", "--job", "200", "--set", "workload.0.synthetic.jobs=300"});
    CHECK(explained.status == 0);
}

TEST_CASE("feeds act on fleets of several GPU types, whose racks count type by type") {
    const auto finish_of = [](const std::string& events) {
        const workspace here{
            "ampacity: 1\nname: mixed\nseed: 1\n"
            "fleet: { sites: [ { name: a, racks: [ { model: gb200-nvl72, count: 1 }, { model: gb300-nvl72, count: 1 } "
            "] "
            "}, { name: b, racks: [ { model: gb200-nvl72, count: 1 } ] } ] }\n"
            "workload:\n  - trace: { path: jobs.csv }\n    speeds: { default: { gb200: 1 } }\n"
            "scheduler: { policy: fifo }\n"
            "power: { boot: 10 min, control: { level: rack, policy: uniform }, events: [ " +
                events + " ] }\n",
            header + "a,0,72,7200\n"};
        here.run_well();
        const auto fields = lines_of(here.read("out/jobs.csv"))[1];
        CHECK(contains(fields, "finished"));
        return fields;
    };
    // The job is on rack 0; rack 1 is that of site b, rack 2 the other type.
    const std::string never = "{ kind: loss, feed: rack-2, start: 90 d, duration: 1 min }";
    CHECK(finish_of(never) == "a,0,0,7200,72,finished,0,0,518400,0");
    CHECK(finish_of("{ kind: loss, feed: rack-1, start: 1 h, duration: 1 min }, "
                    "{ kind: loss, feed: rack-2, start: 1 h, duration: 1 min }") == finish_of(never));
    // Without its rack it goes on at site b, from its last checkpoint, which is none.
    CHECK(finish_of("{ kind: loss, feed: rack-0, start: 1 h, duration: 1 min }") ==
          "a,0,0,10800,72,finished,0,1,518400,259200");
    CHECK(finish_of("{ kind: limit, feed: rack-1, power: 60 kW, start: 1 h, duration: 1 h }") == finish_of(never));
    CHECK(finish_of("{ kind: limit, feed: rack-0, power: 60 kW, start: 1 h, duration: 1 h }")
              .starts_with("a,0,0,9720.8"));  // 30 % of its speed for an hour, and then again all of it
}

TEST_CASE("nodes of a fleet of several GPU types fail, are slow and come later") {
    const std::string base =
        "ampacity: 1\nname: mixed\nseed: 1\n"
        "fleet: { nodes: [ { gpu: x, gpus: 2, count: 1 }, { gpu: y, gpus: 4, count: 2 } ]SLOW }\n"
        "workload:\n  - trace: { path: jobs.csv }\n    speeds: { default: { x: 1, y: 1 } }\n"
        "scheduler: { policy: fifo }\nFAULTS";
    const auto row = [&](const std::string& slow, const std::string& faults, int number) {
        const workspace here{with(with(base, "SLOW", slow), "FAULTS", faults), header + "a,0,4,100\nb,0,4,100\n"};
        here.run_well();
        return lines_of(here.read("out/jobs.csv"))[static_cast<std::size_t>(number)];
    };
    CHECK(row("", "", 2) == "b,0,0,100,4,finished,0,0,400,0");
    CHECK(row("", "faults: { outages: [ { nodes: \"2\", start: 50 s, duration: 10 s } ] }\n", 2) ==
          "b,0,0,160,4,finished,0,1,400,200");
    CHECK(row(", slowdowns: [ { nodes: \"2\", start: 50 s, duration: 10 s, speed: 0.5 } ]", "", 2) ==
          "b,0,0,105,4,finished,0,0,420,0");
    CHECK(row(", deliveries: [ { nodes: \"2\", at: 30 s } ]", "", 2) == "b,0,30,130,4,finished,0,0,400,0");
}
