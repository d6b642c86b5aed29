// power.failures and power.reliability from file to file: runs are the same whatever is looked at, and what was
// resolved runs again.
#include "cli/program.hpp"

#include <string>

using namespace ampacity::test;

namespace {

const std::string random_feeds =
    with(small_scenario, "{ pool_gpus: 4 }", "{ racks: { model: gb300-nvl72, count: 12 } }") +
    "until: \"20 d\"\nenergy: { region: us-east-1 }\n"
    "power:\n"
    "  hall: 4n3-hall\n"
    "  racks_per_row: 2\n"
    "  control: { level: source, policy: uniform }\n"
    "  reliability: facility\n"
    "  failures:\n"
    "    - { level: source, mtbf: \"4 d\", shape: 1.5, repair: { lognormal: { median: \"5 h\", sigma: 0.7 } } }\n"
    "    - { level: rack, mtbf: \"9 d\", repair: { uniform: { min: \"1 h\", max: \"9 h\" } } }\n"
    "    - { kind: price-spike, level: site, price: \"900 USD/MWh\", mtbf: \"2 d\", repair: { exponential: \"1 h\" } "
    "}\n";

const std::string jobs = equal_jobs(30, 3600, 72, 100000);

}  // namespace

TEST_CASE("feeds fail at the same times whatever is looked at, and with another seed at others") {
    const workspace here{random_feeds, jobs};
    here.run_well({}, "plain");
    CHECK(here.summary("plain").number("jobs.restarts") > 0);
    CHECK(here.summary("plain").number("feeds.lost_rack_hours") > 10);
    for (const std::string interval : {"7 min", "1 h", "33 h"}) {
        INFO(interval);
        here.run_well({"--set", "output.telemetry=\"" + interval + '"', "--set", "output.feeds=rack"});
        CHECK(here.read("out/summary.json") == here.read("plain/summary.json"));
        CHECK(here.read("out/jobs.csv") == here.read("plain/jobs.csv"));
    }
    // Dearer by the spikes alone.
    here.run_well({"--set", "power.failures.2.price=0 USD/MWh"});
    CHECK(here.summary().number("cost_usd.energy") < here.summary("plain").number("cost_usd.energy"));
    CHECK(here.summary().number("energy_kwh.it") == here.summary("plain").number("energy_kwh.it"));
    CHECK(here.read("out/jobs.csv") == here.read("plain/jobs.csv"));

    const auto again =
        here.call({"run", "plain/resolved.yaml", "-o", "again", "--set", "workload.0.trace.path=../jobs.csv"});
    CHECK(again.status == 0);
    CHECK(here.read("again/summary.json") == here.read("plain/summary.json"));
    here.run_well({"--seed", "99"});
    CHECK(here.read("out/jobs.csv") != here.read("plain/jobs.csv"));
}
