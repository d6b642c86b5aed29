// The options of policies as they stand in a scenario: read, refused, and each of them changes what its policy does.
#include "support/catch.hpp"

#include <ampacity/io/scenario_file.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/resolved.hpp>

#include <string>
#include <vector>

using namespace ampacity;

namespace {

/// Jobs of minutes with loose estimates and users, more than 16 GPUs can take at once.
const std::string text = R"(ampacity: 1
name: options
seed: 3
fleet: { pool_gpus: 16 }
workload:
  - synthetic:
      jobs: 300
      rate: "120 /h"
      duration: { median: "20 min", sigma: 1 }
      gpus: [{ gpus: 1, weight: 3 }, { gpus: 2, weight: 1 }, { gpus: 8, weight: 1 }]
      estimate_factor: { min: 1, max: 5 }
      users: { count: 5 }
scheduler: { policy: fifo }
)";

scenario::scenario read(const std::vector<std::string>& sets) {
    std::vector<io::scenario_override> overrides;
    for (const std::string& set : sets) overrides.push_back(io::parse_override(set));
    return io::read_scenario_text("s.yaml", text, overrides, "dir").value;
}

std::string refusal(const std::string& set) {
    try {
        scenario::validate(read({set}));
    } catch (const scenario_error& e) {
        CHECK(e.exit_status() == 2);
        return e.what();
    }
    return "accepted";
}

/// Where the jobs end.
std::vector<instant> ends(const std::vector<std::string>& sets) {
    sim::simulation s(scenario::build(read(sets), {}));
    s.run();
    s.results();
    std::vector<instant> out;
    for (const auto& r : s.records(0)) out.push_back(r.finish);
    return out;
}

}  // namespace

TEST_CASE("options of srsf, gittins, qssf and ftf are read", "[policy_options]") {
    const auto s = read({"scheduler.srsf={ by: estimate }",
                         "scheduler.gittins={ service: [60, \"2 GPU-h\"], service_quantum: \"1 GPU-min\", stages: 9 }",
                         "scheduler.qssf={ weight: 0.5, prior: \"2 h\", skip: true }",
                         "scheduler.ftf={ lease: \"5 min\", fairness: 0.25 }"});
    CHECK(s.scheduler.srsf.by == scenario::knowledge::estimate);
    REQUIRE(s.scheduler.gittins.service.size() == 2);
    CHECK(s.scheduler.gittins.service[0].value == gpu_time{60} * 1'000'000'000);
    CHECK(s.scheduler.gittins.service_quantum.value == gpu_time{60} * 1'000'000'000);
    CHECK(s.scheduler.gittins.stages == 9);
    CHECK(s.scheduler.qssf.weight == 0.5);
    CHECK(s.scheduler.qssf.prior == std::chrono::hours{2});
    CHECK(s.scheduler.qssf.skip);
    CHECK(s.scheduler.ftf.lease == std::chrono::minutes{5});
    CHECK(s.scheduler.ftf.fairness == 0.25);
}

TEST_CASE("the round of max-min is read, and changes what it does", "[policy_options]") {
    CHECK(read({"scheduler.max-min.round=90 s"}).scheduler.max_min.round == std::chrono::seconds{90});
    CHECK(refusal("scheduler.max-min.round=10 ms").find("scheduler.max-min.round: too small (10 ms)") !=
          std::string::npos);
    CHECK(ends({"scheduler.policy=max-min"}) != ends({"scheduler.policy=max-min", "scheduler.max-min.round=90 s"}));
}

TEST_CASE("weights of topology are read and written, each of them on its own", "[policy_options][weights]") {
    CHECK_FALSE(read({}).scheduler.topology.weights);
    const auto s =
        read({"scheduler.topology.weights={ racks: 1, largest_share: 0.25, blocks: 1000000, whole_racks: "
              "0.000001 }"});
    CHECK(s.scheduler.topology.weights == scenario::placement_weights{1, 0.25, 1e6, 0, 1e-6});
    const std::string written = scenario::write_resolved(s);
    CHECK(written.find("    weights:\n      racks: 1\n      largest_share: 0.25\n      blocks: 1e+06\n      sites: 0\n"
                       "      whole_racks: 1e-06\n") != std::string::npos);
    CHECK(io::read_scenario_text("r.yaml", written, {}, "dir").value == s);
    CHECK(read({"scheduler.topology.weights.sites=3.5"}).scheduler.topology.weights ==
          scenario::placement_weights{0, 0, 0, 3.5, 0});
    CHECK(read({"scheduler.topology.weights={}"}).scheduler.topology.weights == scenario::placement_weights{});
}

TEST_CASE("weights of topology out of range are refused", "[policy_options][weights]") {
    const auto refused = [](const std::string& key, const std::string& value, const std::string& text) {
        const std::string path = "scheduler.topology.weights." + key;
        CHECK(refusal(path + '=' + value) == "--set " + path + '=' + value + ": error: " + path + ": " + text);
    };
    refused("blocks", "-1", "too small (-1); write at least 0");
    refused("racks", "1000001", "too large (1000001); write at most 1e+06");
    refused("sites", "0.1234567", "more than 6 decimals (0.1234567); write 0.123457");
    refused("whole_racks", "1e-7", "more than 6 decimals (1e-07); write 0");
    CHECK(refusal("scheduler.topology.weights.racks=999999.999999") == "accepted");
    CHECK(refusal("scheduler.topology.weights.largest_share=0.1") == "accepted");
    CHECK(refusal("scheduler.topology.weights.rack=1").find("did you mean `racks`") != std::string::npos);
    CHECK(refusal("scheduler.topology.weights.blocks=many").find("scheduler.topology.weights.blocks") !=
          std::string::npos);
    auto large = read({"scheduler.topology.weights.racks=1"});
    large.fleet.pool_gpus.reset();
    large.fleet.racks = scenario::rack_group{.count = 1'000'001};
    CHECK_THROWS_WITH(scenario::validate(large),
                      "error: scheduler.topology.weights: the fleet has too many racks for weights (1000001); remove "
                      "it, or write at most 1000000 racks");
}

TEST_CASE("options of srsf, gittins, qssf and ftf out of range are refused", "[policy_options]") {
    const auto place = [](const std::string& set) { return "--set " + set + ": error: "; };
    CHECK(refusal("scheduler.gittins.service_quantum=999 GPU-ms") ==
          place("scheduler.gittins.service_quantum=999 GPU-ms") +
              "scheduler.gittins.service_quantum: too small (999 GPU-ms); write at least \"1 GPU-s\"");
    CHECK(refusal("scheduler.gittins.stages=257") ==
          place("scheduler.gittins.stages=257") + "scheduler.gittins.stages: too large (257); write at most 256");
    CHECK(refusal("scheduler.gittins.stages=0") ==
          place("scheduler.gittins.stages=0") + "scheduler.gittins.stages: too small (0); write at least 1");
    CHECK(refusal("scheduler.qssf.weight=0") ==
          place("scheduler.qssf.weight=0") + "scheduler.qssf.weight: too small (0); write at least 1e-06");
    CHECK(refusal("scheduler.qssf.weight=1.5") ==
          place("scheduler.qssf.weight=1.5") + "scheduler.qssf.weight: too large (1.5); write at most 1");
    CHECK(refusal("scheduler.qssf.prior=0 s") ==
          place("scheduler.qssf.prior=0 s") + "scheduler.qssf.prior: too small (0 s); write at least \"1 ns\"");
    CHECK(refusal("scheduler.ftf.lease=10 ms") ==
          place("scheduler.ftf.lease=10 ms") + "scheduler.ftf.lease: too small (10 ms); write at least \"1 s\"");
    CHECK(refusal("scheduler.ftf.fairness=1.01") ==
          place("scheduler.ftf.fairness=1.01") + "scheduler.ftf.fairness: too large (1.01); write at most 1");
    CHECK(refusal("scheduler.srsf.by=guess").find("scheduler.srsf.by: unknown") != std::string::npos);
}

TEST_CASE("each option changes what its policy does", "[policy_options]") {
    const std::vector<std::string> options{"scheduler.srsf.by=estimate",
                                           "scheduler.gittins.service=[\"5 GPU-min\", \"2 GPU-h\"]",
                                           "scheduler.gittins.service_quantum=7 GPU-min",
                                           "scheduler.gittins.stages=2",
                                           "scheduler.qssf.weight=0.9",
                                           "scheduler.qssf.prior=1 min",
                                           "scheduler.qssf.skip=true",
                                           "scheduler.ftf.lease=3 min",
                                           "scheduler.ftf.fairness=0.1"};
    for (const std::string& option : options) {
        CAPTURE(option);
        const std::string policy = option.substr(10, option.find('.', 10) - 10);
        const std::string use = "scheduler.policy=" + policy;
        CHECK((ends({use, option}) != ends({use})));
    }
}
