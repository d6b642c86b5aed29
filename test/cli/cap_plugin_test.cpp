// Cap policies of plug-ins: they lower loads as built-in ones do, and whatever they do wrong ends the run with the
// right status and a message that names them.
#include "cli/program.hpp"

#include <string>
#include <vector>

using namespace ampacity::test;

namespace {

std::string library(const std::string& name) { return std::string{AMPACITY_TEST_PLUGINS} + '/' + name + ".so"; }

/// A hall that is too small for its racks.
std::string capped(const std::string& policy) {
    return with(small_scenario, "{ pool_gpus: 4 }", "{ racks: { model: gb300-nvl72, count: 12 } }") +
           "power: { hall: 4n3-hall, racks_per_row: 2, oversubscription: 1.15, trips: false, control: { level: row, "
           "policy: " +
           policy + " } }\n";
}

std::string full_hall() {
    std::string jobs = header;
    for (int i = 0; i != 12; ++i) jobs += "job" + std::to_string(i) + ",0,72,7200\n";
    return jobs;
}

}  // namespace

TEST_CASE("a cap policy of a plug-in lowers loads, with its options") {
    const workspace here{capped("in-steps"), full_hall()};
    here.run_well({"--plugin", library("caps"), "--set", "output.telemetry=\"1 min\"", "--set", "output.feeds=rack"});
    CHECK(here.summary().number("jct_s.mean") > 7200);
    CHECK(here.summary().number("feeds.limits") >= 12);
    const std::string feeds = here.read("out/feeds.csv");
    CHECK((contains(feeds, ",0.900,0.900,") || contains(feeds, ",0.850,0.850,")));
    CHECK(here.about().at("plugins").at(library("caps"))[0] == "cap policy in-steps");
    const double slow = here.summary().number("jct_s.mean");
    here.run_well({"--plugin", library("caps"), "--set", "power.control.options={ step: 400 }"});
    CHECK(here.summary().number("jct_s.mean") > slow);
    // What was resolved runs again.
    const auto again = here.call({"run", "out/resolved.yaml", "--plugin", library("caps"), "-o", "again", "--set",
                                  "workload.0.trace.path=../jobs.csv"});
    CHECK(again.status == 0);
    CHECK(here.read("again/summary.json") == here.read("out/summary.json"));
    // A row that is never overloaded is left alone.
    here.run_well({"--plugin", library("caps"), "--set", "power.oversubscription=0.8"});
    CHECK(here.summary().number("jct_s.mean") == 7200);
}

TEST_CASE("names and options of cap policies are checked") {
    const workspace here{capped("in-stepz"), full_hall()};
    const auto refused = [&](const std::vector<std::string>& more) {
        const auto r = here.run_to(2, more);
        return r.err;
    };
    CHECK(contains(refused({"--plugin", library("caps")}),
                   "power.control.policy: unknown cap policy (in-stepz); did you mean `in-steps`?"));
    CHECK(contains(refused({}),
                   "power.control.policy: unknown cap policy (in-stepz); known: none, uniform, priority, "
                   "two-threshold"));
    const std::string set = "power.control.policy=in-steps";
    CHECK(contains(refused({"--plugin", library("caps"), "--set", set, "--set", "power.control.options={ stride: 2 }"}),
                   "power.control.options.stride: unknown option (2); write one of: step, release"));
    CHECK(contains(refused({"--plugin", library("caps"), "--set", set, "--set", "power.control.options={ step: 0 }"}),
                   "power.control.options.step: too small (0); write at least 1"));
    CHECK(contains(refused({"--set", "power.control.policy=uniform", "--set", "power.control.options={ step: 2 }"}),
                   "power.control.options: only a policy of a plug-in has options (uniform); remove it"));
}

TEST_CASE("a cap policy that breaks the rules ends the run with its name and the time") {
    const auto broken = [](const std::string& policy, const std::string& file) {
        const workspace here{capped(policy), full_hall()};
        const auto r = here.run_to(5, {"--plugin", library(file)});
        CHECK(r.err.starts_with(library(file) + ": error: "));
        CHECK(lines_of(r.err).size() == 1);
        return r.err;
    };
    CHECK(contains(broken("too-low", "caps"),
                   "cap policy too-low: decided on a limit that cannot be at 0 s of simulated time (0 thousandths); "
                   "return 1 to 1000 thousandths"));
    CHECK(contains(broken("throwing", "caps"),
                   "cap policy throwing: threw an exception from decide at 3 s of simulated time (too much)"));
    CHECK(contains(broken("too-low", "caps_of_another_build"),
                   "cap policy too-low: does not match this build: what it sees of feeds differs; build it again"));
    CHECK(contains(broken("uniform", "built_in_cap"), "cap policy uniform: has the name of a built-in one"));
}
