// GPU types and speeds in a scenario: what is refused, with its place, and what is built.
#include "support/catch.hpp"

#include <ampacity/io/scenario_file.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/resolved.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/workload/job.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;

namespace {

std::string text_of(const std::string& fleet, const std::string& speeds = {}) {
    return "ampacity: 1\nname: types\nseed: 3\nfleet: " + fleet +
           "\nworkload:\n"
           "  - synthetic: { jobs: 9, rate: \"1 /h\", duration: { median: \"1 h\", sigma: 0 }, gpus: [{ gpus: 1, "
           "weight: 1 }] }\n" +
           (speeds.empty() ? "" : "    speeds: " + speeds + '\n') + "scheduler: { policy: fifo }\n";
}

scenario::scenario read(const std::string& text) { return io::read_scenario_text("s.yaml", text, {}, "dir").value; }

std::string refusal_of(const std::string& text) {
    try {
        read(text);
    } catch (const scenario_error& e) {
        CHECK(e.exit_status() == 2);
        return e.what();
    }
    return "accepted";
}
std::string refusal(const std::string& fleet, const std::string& speeds = {}) {
    return refusal_of(text_of(fleet, speeds));
}

const std::string two = "{ nodes: [ { gpu: h100, gpus: 8, count: 2 }, { gpu: a100, gpus: 4, count: 3 } ] }";

}  // namespace

TEST_CASE("GPU types that do not go together are refused", "[gpu-types]") {
    CHECK(refusal("{ nodes: [ { gpu: h100, gpus: 8, count: 2 }, { gpus: 8, count: 3 } ] }") ==
          "s.yaml:4:53: error: fleet.nodes.1: no GPU type, and other groups have one; add it, such as `gpu: h100`");
    CHECK(refusal("{ nodes: [ { gpus: 8, count: 2 }, { gpus: 4, count: 3 } ] }") ==
          "s.yaml:4:50: error: fleet.nodes.1.gpus: nodes of different sizes need GPU types, such as `gpu: h100` (4); "
          "write 8");
    CHECK(refusal("{ nodes: [ { gpu: h100, gpus: 8, count: 2 }, { gpu: h100, gpus: 4, count: 3 } ] }") ==
          "s.yaml:4:72: error: fleet.nodes.1.gpus: nodes of one GPU type are of one size (4); write 8");
    CHECK(refusal("{ nodes: { gpu: \"\", gpus: 8, count: 2 } }") ==
          "s.yaml:4:24: error: fleet.nodes.gpu: is empty; write a name, such as h100");
    CHECK(refusal("{ nodes: [] }") != "accepted");
    CHECK(refusal("{ pools: [ { gpu: h100, count: 0 } ] }") ==
          "s.yaml:4:39: error: fleet.pools.0.count: too small (0); write at least 1");
    CHECK(refusal("{ pool_gpus: 4, pools: [ { gpu: h100, count: 1 } ] }") != "accepted");
    CHECK(
        refusal("{ sites: [ { name: a, racks: [ { count: 1, gpu: x } ] }, { name: b, racks: [ { count: 1 } ] } ] }") !=
        "accepted");
}

TEST_CASE("speeds that mean nothing are refused", "[gpu-types]") {
    CHECK(refusal("{ pool_gpus: 4 }", "{ default: { h100: 1 } }") ==
          "s.yaml:7:13: error: workload.0.speeds: the fleet names no GPU types; name them in the fleet, such as `gpu: "
          "h100`, or remove it");
    CHECK(refusal(two, "{ default: { h10: 1 } }") ==
          "s.yaml:7:31: error: workload.0.speeds.default.h10: no GPU type of the fleet (h10); did you mean `h100`?");
    CHECK(refusal(two, "{ bert: { h100: -1 } }") ==
          "s.yaml:7:29: error: workload.0.speeds.bert.h100: too small (-1); write at least 0");
    CHECK(refusal(two, "{ bert: { h100: 1e-9 } }") ==
          "s.yaml:7:29: error: workload.0.speeds.bert.h100: speed out of range (1e-09); write 0, or 1e-6 to 1e6");
    CHECK(refusal(two, "{ bert: { h100: fast } }") != "accepted");
    CHECK(refusal(two, "{ bert: { } }") ==
          "s.yaml:7:21: error: workload.0.speeds.bert: names no GPU type; write one, such as { h100: 1 }");
    CHECK(refusal(two, "{ bert: 2 }") != "accepted");
    CHECK(refusal(two, "{ bert: { h100: 2 }, bert: { h100: 3 } }") != "accepted");
    std::string many = "{ ";
    for (int i = 1; i <= 64; ++i)
        many += (i == 1 ? "m" : ", m") + std::to_string(i) + ": { h100: " + std::to_string(i + 1) + " }";
    CHECK(refusal(two, many + " }").find("workload.0.speeds.m64: too many different rows of speeds in all") !=
          std::string::npos);
    CHECK(refusal(two, "{ default: { h100: 2, a100: 0 } }") == "accepted");
}

TEST_CASE("nodes are numbered type by type", "[gpu-types]") {
    const auto parts =
        scenario::build(read(text_of("{ sites: [ { name: x, racks: [ { nodes_per_rack: 2, gpus_per_node: 4, count: 2, "
                                     "gpu: b }, { nodes_per_rack: 3, "
                                     "gpus_per_node: 8, count: 1, gpu: a } ] }, { name: y, racks: [ { nodes_per_rack: "
                                     "5, gpus_per_node: 4, count: 1, "
                                     "gpu: b } ] } ] }")));
    const auto& free = parts.fleet.free();
    REQUIRE(free.is_mixed());
    CHECK(free.types()->name(0) == "b");
    CHECK(free.num_nodes() == 12);
    CHECK(free.first_node(1) == 9);
    CHECK(free.of(0).where().num_racks() == 3);
    CHECK(free.of(0).where().num_sites() == 2);
    CHECK(free.of(1).where().num_sites() == 1);
    CHECK(parts.fleet.installed_gpus() == 9 * 4 + 3 * 8);
    CHECK(parts.fleet.installed_gpus_of(1) == 24);
}

TEST_CASE("one type without speeds is a fleet without types", "[gpu-types]") {
    CHECK_FALSE(scenario::build(read(text_of("{ nodes: { gpu: h100, gpus: 8, count: 2 } }"))).fleet.free().is_mixed());
    CHECK(scenario::build(read(text_of("{ nodes: { gpu: h100, gpus: 8, count: 2 } }", "{ default: { h100: 2 } }")))
              .fleet.free()
              .is_mixed());
    const auto rows = read(text_of("{ nodes: [ { gpus: 8, count: 2 }, { gpus: 8, count: 3 } ] }"));
    CHECK(scenario::build(rows).fleet.free().num_nodes() == 5);
    CHECK(read(scenario::write_resolved(rows)) == rows);
}

TEST_CASE("nodes of mixed fleets may fail, but not drain or be reserved, and their jobs are rigid", "[gpu-types]") {
    const std::string one = "{ nodes: { gpu: h100, gpus: 8, count: 2 } }";
    const std::string outage = "faults: { outages: [ { nodes: \"0\", start: \"1 h\", duration: \"1 h\" } ] }\n";
    const std::string remedy =
        " on a fleet of several GPU types, or with speeds, yet; remove it, or give all groups of the fleet one `gpu` "
        "and no workload `speeds`";
    CHECK(refusal_of(text_of(two) + outage) == "accepted");
    CHECK(refusal_of(text_of(one, "{ default: { h100: 2 } }") + outage) == "accepted");
    CHECK(refusal_of(text_of(two) + "faults: { drain_rack_at: 0.5 }\n") ==
          "s.yaml:8:26: error: faults.drain_rack_at: racks cannot drain" + remedy);

    const std::string fifo = "scheduler: { policy: fifo }";
    const auto with = [](std::string text, const std::string& what, const std::string& other) {
        return text.replace(text.find(what), what.size(), other);
    };
    const std::string reserved =
        "scheduler: { policy: fifo, reservations: [ { name: a, start: \"1 h\", duration: \"1 h\", nodes: \"0\" } ] }";
    CHECK(refusal_of(with(text_of(two), fifo, reserved)) ==
          "s.yaml:7:44: error: scheduler.reservations.0: nodes cannot be reserved" + remedy);
    CHECK(refusal_of(with(text_of(one), fifo, reserved)) == "accepted");

    const std::string size = "{ gpus: 1, weight: 1 }";
    const std::string elastic = "{ gpus: 1, weight: 1, elastic: { min: 1, max: 4, serial_fraction: 0 } }";
    CHECK(refusal_of(with(text_of(two), size, elastic))
              .find("error: workload.0.synthetic.gpus.0.elastic: elastic jobs cannot run" + remedy) !=
          std::string::npos);
    CHECK(refusal_of(with(text_of(one), size, elastic)) == "accepted");
}

TEST_CASE("a mixed fleet refuses the elastic jobs of any source", "[gpu-types]") {
    sim::parts parts = scenario::build(read(text_of(two)));
    parts.sources.clear();
    workload::job_request job{.work = std::chrono::hours{1}, .gpus_min = 1, .gpus = 2, .gpus_max = 4};
    job.kind = workload::job_kind::elastic;
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::vector{job}));
    sim::simulation s(std::move(parts));
    CHECK_THROWS_WITH(s.run(),
                      "error: workload: elastic jobs cannot run on a fleet of several GPU types, or with "
                      "speeds, yet; give each job one number of GPUs, or the fleet one type and no speeds");
}
