// faults.model and faults.processes from file to file: runs are the same whatever is looked at, and what was resolved
// runs again.
#include "cli/program.hpp"

#include <string>

using namespace ampacity::test;

namespace {

const std::string failing =
    with(small_scenario, "{ pool_gpus: 4 }", "{ racks: { model: gb300-nvl72, count: 12 } }") +
    "until: \"20 d\"\n"
    "faults:\n"
    "  model: llama3-h100\n"
    "  scale: 20\n"
    "  crews: 3\n"
    "  drain_rack_at: 0.5\n"
    "  causes: [ { name: nic, scale: 3, repair: { constant: \"2 h\" } } ]\n"
    "  processes:\n"
    "    - { cause: switch_tray, part: rack, mtbf: \"30 d\", repair: { uniform: { min: \"1 h\", max: \"4 h\" } } }\n"
    "    - { cause: fan, part: node, shape: 0.7, mtbf: \"200 d\", repair: { exponential: \"3 h\" } }\n";

/// What else failures may do, in place of `crews`.
const std::string more =
    "  crews: 4\n"
    "  lemons: { factor: 10 }\n"
    "  infant: { multiplier: 3, horizon: \"5 d\" }\n"
    "  detection: { hard-gpu: { exponential: \"30 min\" }, silent: { exponential: \"9 h\" } }\n"
    "  maintenance: [ { name: firmware, start: \"9 d\", duration: \"3 h\", at_a_time: 4 } ]\n"
    "  log: { path: failures.csv }\n";
const std::string slow_parts =
    "    - { cause: rail, part: nic, count: 4, mtbf: \"90 d\", speed: 0.75, repair: { exponential: \"2 h\" } }\n"
    "    - { cause: tray, part: switch-tray, count: 9, mtbf: \"900 d\", speed: 0.9, swap_after: { exponential: \"12 "
    "h\" }, "
    "repair: { constant: \"2 h\" } }\n";

const std::string jobs = equal_jobs(60, 7200, 72, 200000);

}  // namespace

TEST_CASE("parts fail at the same times whatever is looked at, and with another seed at others") {
    const workspace here{failing, jobs};
    here.run_well({}, "plain");
    const auto plain = here.summary("plain");
    CHECK(plain.number("failures.total") > 20);
    CHECK(plain.number("failures.by_cause.switch_tray.count") >= 1);
    CHECK(plain.number("failures.by_cause.switch_tray.down_node_hours") > 18);
    CHECK(plain.number("failures.by_cause.software_bug.down_node_hours") == 0);
    CHECK(plain.number("failures.jobs_stopped") == plain.number("jobs.restarts"));
    CHECK(plain.number("gpu_hours.down") > 100);
    for (const std::string interval : {"7 min", "33 h"}) {
        INFO(interval);
        here.run_well({"--set", "output.telemetry=\"" + interval + '"', "--set", "output.events=true"});
        CHECK(here.read("out/summary.json") == here.read("plain/summary.json"));
        CHECK(here.read("out/jobs.csv") == here.read("plain/jobs.csv"));
    }
    const auto again =
        here.call({"run", "plain/resolved.yaml", "-o", "again", "--set", "workload.0.trace.path=../jobs.csv"});
    CHECK(again.status == 0);
    CHECK(here.read("again/summary.json") == here.read("plain/summary.json"));
    here.run_well({"--seed", "99"});
    CHECK(here.read("out/jobs.csv") != here.read("plain/jobs.csv"));
}

TEST_CASE("parts fail on fleets whose feeds fail, too, and on mixed ones") {
    const workspace here{failing +
                             "power:\n"
                             "  hall: 4n3-hall\n"
                             "  racks_per_row: 2\n"
                             "  reliability: facility\n"
                             "  failures: [ { level: rack, mtbf: \"9 d\", repair: { constant: \"5 h\" } } ]\n"
                             "energy: { region: us-east-1 }\n",
                         jobs};
    here.run_well({}, "plain");
    CHECK(here.summary("plain").number("feeds.lost_rack_hours") > 10);
    CHECK(here.summary("plain").number("jobs.restarts") > here.summary("plain").number("failures.jobs_stopped"));
    here.run_well({"--set", "output.telemetry=\"7 min\"", "--set", "output.feeds=rack"});
    CHECK(here.read("out/summary.json") == here.read("plain/summary.json"));
    CHECK(here.read("out/jobs.csv") == here.read("plain/jobs.csv"));

    const workspace mixed{
        with(small_scenario, "{ pool_gpus: 4 }",
             "{ nodes: [ { model: dgx-h100, count: 9 }, { gpu: a100, gpus: 4, count: 9 } ], deliveries: [ { at: \"2 "
             "d\", nodes: \"0-3\" } ] }") +
            "until: \"20 d\"\n"
            "faults: { model: llama3-h100, scale: 50, processes: [ { cause: fan, part: node, shape: 0.7, mtbf: "
            "\"50 d\", repair: { constant: \"2 h\" } } ] }\n",
        header + "a,0,8,1000000\nb,7,16,2000000\n"};
    mixed.run_well({});
    CHECK(mixed.summary().number("failures.by_cause.fan.count") > 2);
    CHECK(mixed.summary().number("failures.total") > 10);
    CHECK(mixed.summary().number("jobs.restarts") > 0);
}

TEST_CASE("lemons, slow parts, jobs that hang, maintenance and a log go from file to file") {
    const workspace here{with(failing, "  crews: 3\n", more) + slow_parts, jobs};
    here.write("failures.csv", "time_s,part,index,cause,repair_s\n86400,rack,3,busbar,7200\n90000,gpu,5,xid79,\n");
    here.run_well({}, "plain");
    const auto plain = here.summary("plain");
    CHECK(plain.number("failures.by_cause.busbar.count") == 1);
    CHECK(plain.number("failures.by_cause.busbar.down_node_hours") == 36);
    CHECK(plain.number("failures.by_cause.xid79.count") == 1);
    CHECK(plain.number("failures.by_cause.rail.slow_node_hours") > 10);
    CHECK(plain.number("failures.by_cause.rail.down_node_hours") == 0);
    CHECK(plain.number("failures.by_cause.rail.jobs_stopped") == 0);
    CHECK(plain.number("gpu_hours.stalled") > 1);
    CHECK(plain.number("reservations.firmware 3.closed_gpu_hours") == 4 * 72 * 3);
    CHECK(plain.number("failures.jobs_stopped") == plain.number("jobs.restarts"));
    const auto again = here.call({"run", "plain/resolved.yaml", "-o", "again", "--set",
                                  "workload.0.trace.path=../jobs.csv", "--set", "faults.log.path=../failures.csv"});
    CHECK(again.status == 0);
    CHECK(here.read("again/summary.json") == here.read("plain/summary.json"));
    CHECK(here.read("again/jobs.csv") == here.read("plain/jobs.csv"));
}
