// Fleets of models, and the energy of runs, from file to file.

#include "cli/program.hpp"

#include <string>

using namespace ampacity::test;

namespace {

const std::string racks = with(small_scenario, "{ pool_gpus: 4 }", "{ racks: { model: gb300-nvl72, count: 2 } }");
const std::string with_energy = racks + "energy: { region: us-east-1, topology: 4n3 }\n";

std::string refused(const std::string& scenario) {
    const workspace here{scenario, header};
    const auto r = here.call({"run", "s.yaml"});
    CHECK(r.status == 2);
    return r.err;
}

}  // namespace

TEST_CASE("a group of the fleet takes its sizes from its model") {
    const workspace here{racks, header + "a,0,144,60\nb,0,145,60\n"};
    here.run_well();
    CHECK(here.summary().number("jobs.finished") == 1);
    CHECK(here.summary().number("jobs.rejected") == 1);
    const std::string resolved = here.read("out/resolved.yaml");
    for (const char* const line :
         {"model: gb300-nvl72\n", "nodes_per_rack: 18\n", "gpus_per_node: 4\n", "gpu: gb300\n"})
        CHECK(contains(resolved, line));
    // The models are inputs of the run.
    CHECK(contains(here.read("out/run.json"), "racks/gb300-nvl72.yaml"));
    CHECK(!contains(here.read("out/summary.json"), "energy_kwh"));
    const workspace nodes{with(small_scenario, "{ pool_gpus: 4 }", "{ nodes: { model: dgx-h100, count: 1 } }"),
                          header + "a,0,8,60\nb,0,9,60\n"};
    nodes.run_well();
    CHECK(nodes.summary().number("jobs.finished") == 1);
}

TEST_CASE("energy is reported, adds up, and is the same whoever looks") {
    const workspace here{with_energy, header + "a,0,144,3600\n"};
    const auto r = here.run_well();
    CHECK(contains(r.out, "PUE"));
    const document s = here.summary();
    CHECK(s.number("power_w.nameplate") == Approx(284e3));
    CHECK(s.number("power_w.peak") == Approx(2 * 128e3).epsilon(0.02));
    CHECK(s.number("power_w.mean") == Approx(s.number("power_w.peak")));
    CHECK(s.number("energy_kwh.it") == Approx(s.number("power_w.mean") / 1000));
    CHECK(s.number("energy_kwh.facility") ==
          Approx(s.number("energy_kwh.it") + s.number("energy_kwh.losses") + s.number("energy_kwh.overhead")));
    CHECK(s.number("pue") == Approx(1.15));
    CHECK(s.number("carbon_kg.location") == Approx(s.number("energy_kwh.facility") * 0.39625));
    CHECK(s.number("cost_usd.energy") == Approx(s.number("energy_kwh.facility") * 0.0892));
    const std::string before = here.read("out/summary.json");
    here.run_well({"--set", "output.telemetry=\"7 s\"", "--set", "output.placement=true"});
    CHECK(here.read("out/summary.json") == before);
    // A phase that draws less; an entry of the workload that says its own.
    here.run_well({"--set", "energy.phase=decode-mla"});
    const double decode = here.summary().number("energy_kwh.it");
    CHECK(decode < s.number("energy_kwh.it"));
    here.run_well({"--set", "workload.0.phase=decode-mla"});
    CHECK(here.summary().number("energy_kwh.it") == decode);
}

TEST_CASE("without region and cooling there is energy and no PUE, and cooling takes the place of the region's") {
    const workspace here{racks + "energy: {}\n", header + "a,0,144,3600\n"};
    here.run_well();
    const std::string bare = here.read("out/summary.json");
    CHECK(contains(bare, "energy_kwh"));
    for (const char* const absent : {"\"pue\"", "carbon_kg", "cost_usd", "overhead"}) CHECK(!contains(bare, absent));
    here.run_well({"--set", "energy.cooling=warm-water-w40"});
    const document s = here.summary();
    CHECK(s.number("pue") == Approx(s.number("energy_kwh.facility") / s.number("energy_kwh.it")));
    CHECK(!contains(here.read("out/summary.json"), "carbon_kg"));
}

TEST_CASE("models that cannot be meant are refused where they are named") {
    CHECK(contains(refused(with(racks, "gb300-nvl72", "gb300-nvl27")),
                   "fleet.racks.model: no such rack (gb300-nvl27); did you mean `gb300-nvl72`?"));
    CHECK(contains(refused(with(racks, "count: 2", "count: 2, gpus_per_node: 8")),
                   "fleet.racks.gpus_per_node: not as its model has it (8); remove it, or write 4"));
    CHECK(contains(refused(with(with_energy, "us-east-1", "us-east1")), "energy.region: no such region (us-east1)"));
    CHECK(contains(refused(small_scenario + "energy: {}\n"), "energy: a pool has no nodes that draw power"));
    CHECK(
        contains(refused(with(small_scenario, "{ pool_gpus: 4 }", "{ nodes: { gpus: 4, count: 1 } }") + "energy: {}\n"),
                 "energy: the power of fleet.nodes is not known; give that group a `model`"));
    CHECK(contains(refused(racks + "energy: { phase: gem-bf16 }\n"), "did you mean `gemm-bf16`?"));
}
