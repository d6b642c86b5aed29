#include "lib/io/yaml_tree.hpp"
#include "support/catch.hpp"
#include "support/random_synthetic.hpp"

#include <ampacity/io/scenario_file.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/reference.hpp>
#include <ampacity/scenario/resolved.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

using namespace ampacity;

namespace {

const std::string good = R"(ampacity: 1
name: philly-easy
seed: 42
until: "30 d"
fleet:
  nodes: { gpus: 8, count: 64 }
workload:
  - trace: { path: jobs.csv.gz, format: philly-csv, reorder: "2 h", align: absolute }
  - synthetic:
      jobs: 20000
      rate: "36 /h"
      duration: { median: "22 min", sigma: 2.4, max: "7 d" }
      gpus: [{ gpus: 1, weight: 3 }, { gpus: 8, weight: 0.5 }]
      estimate_factor: { min: 1, max: 5 }
scheduler: { policy: easy, placer: pack, las: { thresholds: [10, "1 GPU-h"] }, sjf: { by: estimate } }
output: { jobs: true, placement: true, telemetry: "60 s" }
)";

/// The good text with `from` replaced by `to`.
std::string with(const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

io::loaded_scenario read(const std::string& text, const std::vector<std::string>& sets = {}) {
    std::vector<io::scenario_override> overrides;
    for (const std::string& set : sets) overrides.push_back(io::parse_override(set));
    return io::read_scenario_text("s.yaml", text, overrides, "dir");
}

std::string refusal(const std::string& text, const std::vector<std::string>& sets = {}) {
    try {
        read(text, sets);
    } catch (const scenario_error& e) {
        CHECK(e.exit_status() == 2);
        return e.what();
    }
    return "accepted";
}

constexpr const char* times = "ns, us, ms, s, min, h, d, w, y";
const std::string all_keys =
    "known: ampacity, name, seed, start, until, enforce_estimate, fleet, workload, scheduler, faults, energy, "
    "power, contract, output";

}  // namespace

TEST_CASE("a scenario is read into its structs", "[scenario_file]") {
    const auto loaded = read(good);
    const auto& s = loaded.value;
    CHECK(s.name == "philly-easy");
    CHECK(s.seed == 42);
    CHECK(s.until == duration{std::chrono::hours{720}});
    CHECK(!s.fleet.pool_gpus);
    REQUIRE(s.fleet.nodes);
    CHECK(s.fleet.nodes->gpus == 8);
    CHECK(s.fleet.nodes->count == 64);
    REQUIRE(s.workload.size() == 2);
    REQUIRE(s.workload[0].trace);
    CHECK(s.workload[0].trace->path == "jobs.csv.gz");
    CHECK(s.workload[0].trace->format == scenario::trace_format::philly_csv);
    CHECK(s.workload[0].trace->reorder == std::chrono::hours{2});
    CHECK(s.workload[0].trace->align == scenario::alignment::absolute);
    REQUIRE(s.workload[1].synthetic);
    const auto& jobs = *s.workload[1].synthetic;
    CHECK(jobs.jobs == 20000);
    CHECK(jobs.rate.value == 0.01);
    CHECK(jobs.cv == 1.0);
    CHECK(jobs.duration.median == std::chrono::minutes{22});
    CHECK(jobs.duration.sigma == 2.4);
    CHECK(jobs.duration.max == std::chrono::hours{168});
    REQUIRE(jobs.gpus.size() == 2);
    CHECK(jobs.gpus[1] == scenario::gpu_share{8, 0.5});
    CHECK(jobs.estimate_factor == scenario::factor_range{1, 5});
    CHECK(s.scheduler.policy == "easy");
    CHECK(s.scheduler.placer == "pack");
    REQUIRE(s.scheduler.las.thresholds.size() == 2);
    CHECK(s.scheduler.las.thresholds[0].value == gpu_time{10'000'000'000});
    CHECK(s.scheduler.las.thresholds[1].value == gpu_time{3'600'000'000'000});
    CHECK(s.scheduler.sjf.by == scenario::knowledge::estimate);
    CHECK(s.scheduler.srtf.by == scenario::knowledge::duration);
    CHECK(s.output.placement);
    CHECK(s.output.telemetry == duration{std::chrono::minutes{1}});
    CHECK(loaded.resolve(s.workload[0].trace->path) == std::filesystem::path{"dir/jobs.csv.gz"});
}

TEST_CASE("values keep their places", "[scenario_file]") {
    const auto loaded = read(good);
    const auto at = [&](std::string_view path) {
        const auto position = loaded.locate(path);
        return position.file + ':' + std::to_string(position.line) + ':' + std::to_string(position.column);
    };
    CHECK(at("seed") == "s.yaml:3:7");
    CHECK(at("fleet.nodes.count") == "s.yaml:6:28");
    CHECK(at("workload.0.trace.path") == "s.yaml:8:20");
    CHECK(at("workload.1.synthetic.gpus.1.weight") == "s.yaml:13:57");
    CHECK(at("scheduler.las.thresholds.1") == "s.yaml:15:66");
    // Defaults are located at what holds them.
    CHECK(at("scheduler.srtf.by") == "s.yaml:15:12");
    CHECK(at("start") == "s.yaml:1:1");
}

TEST_CASE("the smallest scenarios", "[scenario_file]") {
    const std::string head = "ampacity: 1\nname: x\nseed: 18446744073709551615\nscheduler: { policy: fifo }\n";
    const auto s = read(head + "fleet: { pool_gpus: 1000000000 }\nworkload: []\n").value;
    CHECK(s.seed == 18446744073709551615ULL);
    CHECK(s.fleet.pool_gpus == 1'000'000'000U);
    CHECK(s.workload.empty());
    CHECK(
        read(head +
             "fleet: { pool_gpus: 1e9 }\nworkload: []\nuntil: drained\noutput: { telemetry: false }\nstart: 2017-08-07")
            .value.until == std::nullopt);
    CHECK(read("\xEF\xBB\xBF" + head + "fleet: { pool_gpus: 1 }\r\nworkload: []\r\n").value.fleet.pool_gpus == 1U);
}

TEST_CASE("anchors and aliases share values", "[scenario_file]") {
    const auto s =
        read(with("[{ gpus: 1, weight: 3 }, { gpus: 8, weight: 0.5 }]", "[&a { gpus: 1, weight: 3 }, *a]")).value;
    CHECK(s.workload[1].synthetic->gpus[0] == s.workload[1].synthetic->gpus[1]);
    // An override changes its own path only.
    const auto t = read(with("[{ gpus: 1, weight: 3 }, { gpus: 8, weight: 0.5 }]", "[&a { gpus: 1, weight: 3 }, *a]"),
                        {"workload.1.synthetic.gpus.1.weight=7"})
                       .value;
    CHECK(t.workload[1].synthetic->gpus[0].weight == 3.0);
    CHECK(t.workload[1].synthetic->gpus[1].weight == 7.0);
    CHECK(refusal("name: &x [*x]\n") ==
          "s.yaml:1:11: error: name.0: an alias inside its own anchor; write the value out");
    CHECK(refusal("name: *x\n") ==
          "s.yaml:1:7: error: not valid YAML: the referenced anchor is not defined; check indentation, quotes and "
          "brackets");
}

TEST_CASE("aliases cannot blow a small file up", "[scenario_file]") {
    std::string text =
        "ampacity: 1\nname: x\nseed: 1\nfleet: { pool_gpus: 1 }\nscheduler: { policy: fifo }\nworkload:\n  - &w { "
        "synthetic: { jobs: 1, rate: 1 /s, duration: { median: 1 s, sigma: 0 }, gpus: [&g { gpus: 1, weight: 1 }";
    for (int i = 0; i < 1500; ++i) text += ", *g";
    text += "] } }\n";
    for (int i = 0; i < 1500; ++i) text += "  - *w\n";
    CHECK(refusal(text) ==
          "s.yaml:7:110: error: workload.221.synthetic.gpus.1092.weight: more than 1000000 values; use fewer aliases "
          "or entries");
}

TEST_CASE("unknown, duplicate, missing and unsupported keys", "[scenario_file]") {
    CHECK(refusal(with("policy: easy", "polcy: easy")) ==
          "s.yaml:15:14: error: scheduler.polcy: unknown key (polcy); did you mean `policy`?");
    CHECK(refusal("zzzzzz: 1\n" + good) == "s.yaml:1:1: error: zzzzzz: unknown key (zzzzzz); " + all_keys);
    CHECK(refusal(with("weight: 0.5", "wieght: 0.5")) ==
          "s.yaml:13:49: error: workload.1.synthetic.gpus.1.wieght: unknown key (wieght); did you mean `weight`?");
    CHECK(refusal(with("seed: 42", "seed: 42\nseed: 43")) ==
          "s.yaml:4:1: error: seed: duplicate key (seed); keep one; it stands in line 3, column 1 too");
    CHECK(refusal(with("count: 64", "count: 64, \"gpus\": 4")) ==
          "s.yaml:6:32: error: fleet.nodes.gpus: duplicate key (gpus); keep one; it stands in line 6, column 12 too");
    CHECK(refusal(with("- trace: { path", "- { a: { b: 1, b: 2 } }\n  - trace: { path")) ==
          "s.yaml:8:18: error: workload.0.a.b: duplicate key (b); keep one; it stands in line 8, column 12 too");

    CHECK(refusal(with("seed: 42\n", "")) ==
          "s.yaml:1:1: error: seed: required key is missing; add it, such as `seed: 42`");
    CHECK(refusal("# a comment\n\n" + with("ampacity: 1\n", "")) ==
          "s.yaml:3:1: error: ampacity: required key is missing; add it, such as `ampacity: 1`");
    CHECK(refusal(with("policy: easy, ", "")) ==
          "s.yaml:15:1: error: scheduler.policy: required key is missing; add it, such as `policy: easy`");
    CHECK(refusal(with("path: jobs.csv.gz, ", "")) ==
          "s.yaml:8:5: error: workload.0.trace.path: required key is missing; add it, such as `path: jobs.csv.gz`");
    CHECK(refusal(with("gpus: 8, weight: 0.5", "gpus: 8")) ==
          "s.yaml:13:38: error: workload.1.synthetic.gpus.1.weight: required key is missing; add it, such as `weight: "
          "0.1`");

    CHECK(refusal(with("nodes: { gpus: 8, count: 64 }", "racks: { count: 1, online: 3 }")) ==
          "s.yaml:6:22: error: fleet.racks.online: not supported yet (online); known: model, nodes_per_rack, "
          "gpus_per_node, count, racks_per_block, usable_per_rack, gpu, retire, replaces");
    CHECK(refusal(with("gpus: 8, count", "model: dgx-h100, count")) == "accepted");
    CHECK(refusal(with("- trace: { path: jobs.csv.gz, format: philly-csv, reorder: \"2 h\", align: absolute }",
                       "- service: { name: a, model: b }")) ==
          "s.yaml:8:14: error: workload.0.service: does not say which requests it gets (a); give one of: requests, "
          "synthetic");
    CHECK(refusal(with("jobs: true", "requests: true")) ==
          "s.yaml:16:21: error: output.requests: there is no service that gets any (true); write workload.N.service, "
          "or false");
}

TEST_CASE("fleets of racks are read", "[scenario_file]") {
    const std::string nodes = "nodes: { gpus: 8, count: 64 }";
    const auto racks = read(with(nodes, "racks: { count: 33, racks_per_block: 8, usable_per_rack: 16 }")).value.fleet;
    REQUIRE(racks.racks);
    CHECK(racks.racks->nodes_per_rack == 18);
    CHECK(racks.racks->gpus_per_node == 4);
    CHECK(racks.racks->count == 33);
    CHECK(racks.racks->racks_per_block == 8);
    CHECK(racks.racks->usable_per_rack == 16);
    CHECK(racks.sites.empty());
    const std::string two =
        "sites:\n    - { name: iad, racks: [ { count: 64 }, { nodes_per_rack: 9, count: 2 } ] }\n    - { name: "
        "pdx, racks: [ { count: 8 } ] }";
    const auto sites = read(with(nodes, two)).value.fleet;
    CHECK_FALSE(sites.racks);
    REQUIRE(sites.sites.size() == 2);
    REQUIRE(sites.sites[0].racks.size() == 2);
    CHECK(sites.sites[0].racks[1].nodes_per_rack == 9);
    CHECK(sites.sites[1].name == "pdx");
    CHECK_FALSE(sites.sites[1].racks[0].racks_per_block);
    CHECK(read(with(nodes, two), {"fleet.sites.1.racks.0.count=9"}).value.fleet.sites[1].racks[0].count == 9);

    CHECK(refusal(with(nodes, "racks: { count: 1, usable_per_rack: 19 }")) ==
          "s.yaml:6:39: error: fleet.racks.usable_per_rack: more than the nodes of a rack (19); write at most 18");
    CHECK(refusal(with(nodes, "racks: { nodes_per_rack: 18 }")) ==
          "s.yaml:6:3: error: fleet.racks.count: required key is missing; add it, such as `count: 33`");
    CHECK(refusal(with(nodes, "racks: { count: 0 }")) ==
          "s.yaml:6:19: error: fleet.racks.count: too small (0); write at least 1");
    CHECK(refusal(with(nodes, "racks: { nodes_per_rack: 1025, count: 1 }")) ==
          "s.yaml:6:28: error: fleet.racks.nodes_per_rack: too large (1025); write at most 1024");
    CHECK(refusal(with(nodes, "racks: { gpus_per_node: 65, count: 1 }")) ==
          "s.yaml:6:27: error: fleet.racks.gpus_per_node: too large (65); write at most 64");
    CHECK(refusal(with(nodes, "racks: { nodes_per_rack: 1024, count: 4294967294 }")) ==
          "s.yaml:6:41: error: fleet.racks.count: too many nodes (4294967294); write fewer racks: at most 4294967294 "
          "nodes in all");
    CHECK(refusal(with(nodes, "sites: [ { name: a, racks: [ { count: 1 }, { count: 1, gpus_per_node: 8 } ] } ]")) ==
          "s.yaml:6:73: error: fleet.sites.0.racks.1.gpus_per_node: nodes of different sizes need GPU types, such "
          "as `gpu: h100` (8); write 4");
    CHECK(
        refusal(with(nodes, "sites: [ { name: a, racks: [ { count: 1 } ] }, { name: a, racks: [ { count: 1 } ] } ]")) ==
        "s.yaml:6:58: error: fleet.sites.1.name: names another site too (a); write another name");
    CHECK(refusal(with(nodes, "sites: [ { name: \"\", racks: [ { count: 1 } ] } ]")) ==
          "s.yaml:6:20: error: fleet.sites.0.name: is empty; write a name");
    CHECK(refusal(with(nodes, "sites: []")) ==
          "s.yaml:6:10: error: fleet.sites: an empty list; write at least one entry, such as [ { name: iad, racks: [ { "
          "count: 64 } ] } ]");
    CHECK(refusal(with(nodes, "sites: [ { name: a, racks: [] } ]")) ==
          "s.yaml:6:30: error: fleet.sites.0.racks: an empty list; write at least one entry, such as [ { "
          "nodes_per_rack: 18, gpus_per_node: 4, count: 64 } ]");
    CHECK(refusal(with(nodes, "sites: [ { name: a } ]")) ==
          "s.yaml:6:12: error: fleet.sites.0.racks: required key is missing; add it, such as `racks: [ { "
          "nodes_per_rack: 18, gpus_per_node: 4, count: 64 } ]`");
    CHECK(refusal(with(nodes, "racks: { count: 1 }\n  sites: [ { name: a, racks: [ { count: 1 } ] } ]")) ==
          "s.yaml:6:3: error: fleet: expected exactly one key, found 2; give one of: pool_gpus, pools, nodes, racks, "
          "sites");
    CHECK(refusal(with(nodes, "racks: [ { count: 1 } ]")) == "accepted");
    CHECK(refusal(with(nodes, "racks: []")) ==
          "s.yaml:6:10: error: fleet.racks: an empty list; write at least one entry, such as { nodes_per_rack: 18, "
          "gpus_per_node: 4, count: 33 }");
}

TEST_CASE("synthetic jobs say where they may be", "[scenario_file]") {
    const std::string size = "{ gpus: 8, weight: 0.5 }";
    const auto wishes = [&](const std::string& text) {
        return *read(with(size, "{ gpus: 8, weight: 0.5, placement: " + text + " }"))
                    .value.workload[1]
                    .synthetic->gpus[1]
                    .placement;
    };
    CHECK(wishes("{ segment: 12, within: block, exclusive: true }") ==
          scenario::placement_wishes{.segment = 12, .within = scope::block, .exclusive = true});
    CHECK(wishes("{ spread: true }") == scenario::placement_wishes{.spread = true});
    CHECK(refusal(with(size, "{ gpus: 8, weight: 0.5, placement: { segment: 0 } }")) ==
          "s.yaml:13:84: error: workload.1.synthetic.gpus.1.placement.segment: too small (0); write at least 1");
    CHECK(refusal(with(size, "{ gpus: 8, weight: 0.5, placement: { within: blok } }")) ==
          "s.yaml:13:83: error: workload.1.synthetic.gpus.1.placement.within: unknown name (blok); did you mean "
          "`block`?");
}

TEST_CASE("synthetic jobs say on how many GPUs they run", "[scenario_file]") {
    const std::string size = "{ gpus: 8, weight: 0.5 }";
    const auto of = [&](const std::string& text) {
        return with(size, "{ gpus: 8, weight: 0.5, elastic: " + text + " }");
    };
    const auto range =
        *read(of("{ min: 2, max: 64, serial_fraction: 0.02 }")).value.workload[1].synthetic->gpus[1].elastic;
    CHECK(range == scenario::elastic_range{.min = 2, .max = 64, .serial_fraction = 0.02});
    const std::string at = "error: workload.1.synthetic.gpus.1.elastic";
    CHECK(refusal(of("{ min: 0, max: 8 }")) == "s.yaml:13:78: " + at + ".min: too small (0); write at least 1");
    CHECK(refusal(of("{ min: 9, max: 16 }")) == "s.yaml:13:78: " + at + ".min: above gpus (9); write at most 8");
    CHECK(refusal(of("{ min: 1, max: 7 }")) == "s.yaml:13:86: " + at + ".max: below gpus (7); write at least 8");
    CHECK(refusal(of("{ min: 1, max: 8388609 }")) ==
          "s.yaml:13:86: " + at + ".max: more than 1048576 times gpus (8388609); write at most 8388608");
    CHECK(refusal(of("{ min: 1, max: 9, serial_fraction: 1.5 }")) ==
          "s.yaml:13:106: " + at + ".serial_fraction: too large (1.5); write at most 1");
    CHECK(refusal(of("{ min: 1 }")).starts_with("s.yaml:13:62: " + at + ".max: required key is missing"));
    CHECK(refusal(of("{ mni: 1, max: 8 }")).find("did you mean `min`?") != std::string::npos);
}

TEST_CASE("exactly one of several keys", "[scenario_file]") {
    CHECK(refusal(with("nodes:", "pool_gpus: 5\n  nodes:")) ==
          "s.yaml:6:3: error: fleet: expected exactly one key, found 2; give one of: pool_gpus, pools, nodes, racks, "
          "sites");
    CHECK(refusal(with("\n  nodes: { gpus: 8, count: 64 }", " {}")) ==
          "s.yaml:5:8: error: fleet: expected exactly one key, found 0; give one of: pool_gpus, pools, nodes, racks, "
          "sites");
    CHECK(refusal(with("- synthetic", "  synthetic")) ==
          "s.yaml:8:5: error: workload.0: expected exactly one key, found 2; give one of: trace, synthetic, plugin, "
          "training, service");
}

TEST_CASE("wrong types", "[scenario_file]") {
    CHECK(refusal("[1, 2]\n") == "s.yaml:1:1: error: expected a map, found a list; write `key: value` lines");
    CHECK(refusal("text\n") ==
          "s.yaml:1:1: error: expected a map, found a single value (text); write `key: value` lines");
    CHECK(refusal(with("seed: 42", "seed: [42]")) ==
          "s.yaml:3:7: error: seed: expected a single value, found a list; write it as in 42");
    CHECK(refusal(with("seed: 42", "seed: \"42\"")) ==
          "s.yaml:3:7: error: seed: expected a whole number, found text (42); remove the quotes");
    CHECK(refusal(with("seed: 42", "seed: -1")) ==
          "s.yaml:3:7: error: seed: must not be negative (-1); write a whole number from 0 up");
    CHECK(refusal(with("seed: 42", "seed: 1.5")) ==
          "s.yaml:3:7: error: seed: expected a whole number (1.5); write digits only, such as 512");
    CHECK(refusal(with("seed: 42", "seed: 18446744073709551616")) ==
          "s.yaml:3:7: error: seed: too large (18446744073709551616); write at most 18446744073709551615");
    CHECK(refusal(with("seed: 42", "seed:")) == "s.yaml:3:1: error: seed: has no value; write a value");
    CHECK(refusal(with("until: \"30 d\"", "until: ~")) ==
          "s.yaml:4:1: error: until: has no value; write a value, or remove the key");
    CHECK(refusal(with("[{ gpus: 1, weight: 3 }, ", "[~, ")) ==
          "s.yaml:13:13: error: workload.1.synthetic.gpus.0: has no value; write a value, or remove the entry");
    CHECK(refusal(with("{ gpus: 8, count: 64 }", "64")) ==
          "s.yaml:6:10: error: fleet.nodes: expected a map, found a single value (64); write `key: value` lines");
    CHECK(refusal(with("[{ gpus: 1, weight: 3 }, { gpus: 8, weight: 0.5 }]", "{ gpus: 1, weight: 3 }")) ==
          "s.yaml:13:13: error: workload.1.synthetic.gpus: expected a list, found a map; write it as in [{ gpus: 1, "
          "weight: 1 }]");
    CHECK(refusal(with("jobs: true", "jobs: yes")) ==
          "s.yaml:16:17: error: output.jobs: expected true or false (yes); write true or false");
    CHECK(refusal(with("jobs: true", "jobs: \"true\"")) ==
          "s.yaml:16:17: error: output.jobs: expected true or false, found text (true); remove the quotes");
    CHECK(refusal(with("sigma: 2.4", "sigma: wide")) ==
          "s.yaml:12:44: error: workload.1.synthetic.duration.sigma: expected a number (wide); write a decimal number, "
          "such as 1.5");
    CHECK(refusal(with("sigma: 2.4", "sigma: .nan")) ==
          "s.yaml:12:44: error: workload.1.synthetic.duration.sigma: expected a number (.nan); write a decimal number, "
          "such as 1.5");
    CHECK(refusal(with("align: absolute", "align: frist")) ==
          "s.yaml:8:76: error: workload.0.trace.align: unknown name (frist); did you mean `first`?");
    CHECK(refusal(with("seed: 42", "seed: 42\nstart: tomorrow")) ==
          "s.yaml:4:8: error: start: expected a date (tomorrow); write an ISO 8601 date of the years 1678 to 2261, "
          "such as 2026-01-01T00:00:00Z");
    CHECK(refusal(with("name: philly-easy", "name: \"a\\0b\"")) ==
          "s.yaml:2:7: error: name: control characters in a text (a b); write it without them");
    CHECK(refusal(with("name: philly-easy", "name: ../x")) ==
          "s.yaml:2:7: error: name: starts with a dot, a dash or a blank, or ends with a blank (../x); write a name "
          "that can be a folder, such as philly-easy");
}

TEST_CASE("units and ranges", "[scenario_file]") {
    CHECK(refusal(with("\"60 s\"", "60")) ==
          "s.yaml:16:51: error: output.telemetry: expected a duration, found a bare number (60); write the unit, such "
          "as \"60 s\" (units: " +
              std::string{times} + "), or false");
    CHECK(refusal(with("\"60 s\"", "true")) ==
          "s.yaml:16:51: error: output.telemetry: expected a duration (true); write a number and a unit, such as \"60 "
          "s\", or false");
    CHECK(refusal(with("\"60 s\"", "0 s")) ==
          "s.yaml:16:51: error: output.telemetry: too small (0 s); write at least \"1 ms\"");
    CHECK(refusal(with("\"60 s\"", "1 ns")) ==
          "s.yaml:16:51: error: output.telemetry: too small (1 ns); write at least \"1 ms\"");
    CHECK(refusal(with("\"60 s\"", "999999 ns")) ==
          "s.yaml:16:51: error: output.telemetry: too small (999999 ns); write at least \"1 ms\"");
    CHECK(refusal(with("\"60 s\"", "1 ms")) == "accepted");
    CHECK(refusal(with("\"30 d\"", "120 kW")) ==
          "s.yaml:4:8: error: until: expected a duration, found a power (120 kW); write one of the units of a "
          "duration: " +
              std::string{times} + ", or drained");
    CHECK(refusal(with("\"30 d\"", "drain")) ==
          "s.yaml:4:8: error: until: expected a duration (drain); write a number and a unit, such as \"60 s\", or "
          "drained");
    CHECK(refusal(with("\"30 d\"", "-1 s")) == "s.yaml:4:8: error: until: too small (-1 s); write at least \"0 s\"");
    CHECK(refusal(with("\"30 d\"", "201 a")) ==
          "s.yaml:4:8: error: until: unknown unit (201 a); write one of the units of a duration: " +
              std::string{times} + ", or drained");
    CHECK(refusal(with("\"30 d\"", "1e30 d")) ==
          "s.yaml:4:8: error: until: too large (1e30 d); write at most 200 years, or drained");
    CHECK(refusal(with("\"36 /h\"", "36")) ==
          "s.yaml:11:13: error: workload.1.synthetic.rate: expected a rate, found a bare number (36); write the unit, "
          "such as \"36 /h\" (units: /d, /h, /min, /s)");
    CHECK(refusal(with("\"36 /h\"", "\"0 /h\"")) ==
          "s.yaml:11:13: error: workload.1.synthetic.rate: too small (0 /h); write more than \"0 /s\"");
    CHECK(refusal(with("[10, \"1 GPU-h\"]", "[10, \"1 h\"]")) ==
          "s.yaml:15:66: error: scheduler.las.thresholds.1: expected a GPU-time, found a duration (1 h); write one of "
          "the units of a GPU-time: GPU-ns, GPU-us, GPU-ms, GPU-s, GPU-min, GPU-h, GPU-d");
    CHECK(refusal(with("[10, \"1 GPU-h\"]", "[10, 10]")) ==
          "s.yaml:15:66: error: scheduler.las.thresholds.1: not above the threshold before it (10 GPU-s); write rising "
          "thresholds");
    CHECK(refusal(with("gpus: 8, count", "gpus: 65, count")) ==
          "s.yaml:6:18: error: fleet.nodes.gpus: too large (65); write at most 64");
    CHECK(refusal(with("nodes: { gpus: 8, count: 64 }", "pool_gpus: 0")) ==
          "s.yaml:6:14: error: fleet.pool_gpus: too small (0); write at least 1");
    CHECK(refusal(with("ampacity: 1", "ampacity: 2")) == "s.yaml:1:11: error: ampacity: not supported (2); write 1");
}

TEST_CASE("what is not YAML, or more of it than a scenario may use", "[scenario_file]") {
    const std::string hint = "; check indentation, quotes and brackets";
    CHECK(refusal("") == "s.yaml:1:1: error: the file is empty; write a scenario that starts with `ampacity: 1`");
    CHECK(refusal("# nothing\n\n") ==
          "s.yaml:1:1: error: the file is empty; write a scenario that starts with `ampacity: 1`");
    CHECK(refusal("---\n...\n") ==
          "s.yaml:1:1: error: the file is empty; write a scenario that starts with `ampacity: 1`");
    CHECK(refusal("a: 1\n---\nb: 2\n") ==
          "s.yaml:2:1: error: a second YAML document; write one document only, without `---` after it");
    CHECK(refusal("fleet:\n\tpool_gpus: 3\n") == "s.yaml:2:1: error: a tab in the indentation; indent with blanks");
    CHECK(refusal("a: b: c\n") == "s.yaml:1:5: error: not valid YAML: illegal map value" + hint);
    CHECK(refusal("a: [1, 2\nb: 3\n").find("error: not valid YAML: end of sequence flow not found" + hint) !=
          std::string::npos);
    CHECK(refusal("a: \"x\nb: 1\n").find("error: not valid YAML: illegal EOF in scalar" + hint) != std::string::npos);
    CHECK(refusal("a: 'x\n").find("error: not valid YAML: illegal EOF in scalar" + hint) != std::string::npos);
    CHECK(refusal("a: !!int 3\n") ==
          "s.yaml:1:4: error: a: YAML tags are not supported (tag:yaml.org,2002:int); remove the tag");
    CHECK(refusal("a: 1\n<<: { b: 2 }\n") ==
          "s.yaml:2:1: error: <<: merge keys are not supported (<<); write the keys out, or alias the whole value");
    CHECK(refusal("? [a]\n: b\n") ==
          "s.yaml:1:3: error: a list where a key should be; write a word before the colon, close every bracket, and "
          "put texts that start with one in quotes");
    CHECK(refusal("{a: 1}: b\n") ==
          "s.yaml:1:1: error: a map where a key should be; write a word before the colon, close every bracket, and put "
          "texts that start with one in quotes");
    CHECK(refusal("~: 1\n") == "s.yaml:1:1: error: a key without a name; write a word before the colon");
    CHECK(refusal("a: &k 1\n*k : 1\n") == "s.yaml:2:1: error: an alias as a key; write the key out");
    CHECK(refusal("a: 1\nb: \x01\n") == "s.yaml:2:4: error: a control character (0x01); save the file as UTF-8 text");
    CHECK(refusal(std::string{"a\0b: 1\n", 7}) ==
          "s.yaml:1:2: error: a control character (0x00); save the file as UTF-8 text");
    CHECK(refusal("a: \xFF\n") == "s.yaml:1:4: error: not UTF-8 (0xFF); save the file as UTF-8 text");
    for (const char* bytes : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                              "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82"}) {
        CHECK(refusal(std::string{"a: "} + bytes).starts_with("s.yaml:1:4: error: not UTF-8"));
    }
    CHECK(refusal(with("philly-easy", "zürich-日本-\xF0\x9F\x98\x80")) == "accepted");
    CHECK(refusal("a: " + std::string(std::size_t{17} << 20U, 'x')) ==
          "s.yaml:1:1: error: too large (17825795 bytes); write at most 16 MiB");
}

TEST_CASE("deep nesting is refused before it hurts", "[scenario_file]") {
    const auto repeated = [](const std::string& part, int times_repeated) {
        std::string out;
        for (int i = 0; i < times_repeated; ++i) out += part;
        return out;
    };
    const std::string remedy = "write at most 100 levels";
    CHECK(refusal("a: " + repeated("[", 5'000) + repeated("]", 5'000)) ==
          "s.yaml:1:103: error: nested too deeply (101 levels); " + remedy);
    CHECK(refusal("a: " + repeated("[", 50'000)).starts_with("s.yaml:1:5: error: a.0: a list where a key should be"));
    CHECK(refusal(repeated("- ", 50'000)) == "s.yaml:1:201: error: nested too deeply (101 levels); " + remedy);
    CHECK(refusal("a: " + repeated("{a: ", 50'000)).find("nested too deeply (101 levels)") != std::string::npos);
    CHECK(refusal(repeated("? ", 1'000)) != "accepted");
    CHECK(refusal("a: " + repeated("[", 90) + repeated("]", 90)).find("unknown key (a)") != std::string::npos);
}

TEST_CASE("long and odd values are shown on one line", "[scenario_file]") {
    CHECK(refusal(with("seed: 42", "seed: " + std::string(100, '7') + 'x')) ==
          "s.yaml:3:7: error: seed: expected a whole number (" + std::string(60, '7') +
              "...); write it without a unit");
    CHECK(refusal(with("seed: 42", "seed: \"a\\n" + std::string(57, 'b') + "ü\"")) ==
          "s.yaml:3:7: error: seed: expected a whole number, found text (a " + std::string(57, 'b') +
              "...); remove the quotes");
    CHECK(refusal(std::string(100, 'k') + ": 1\n")
              .starts_with("s.yaml:1:1: error: " + std::string(60, 'k') + "...: unknown key (" + std::string(60, 'k') +
                           "...)"));
}

TEST_CASE("overrides", "[scenario_file]") {
    SECTION("take the place of values") {
        const auto loaded = read(good, {"scheduler.policy=fifo", "until=1.5 h", "workload.0.trace.path=/data/x.csv",
                                        "fleet={ pool_gpus: 448 }", "workload.1.synthetic.rate=10 /h", "seed=7"});
        CHECK(loaded.value.scheduler.policy == "fifo");
        CHECK(loaded.value.until == duration{std::chrono::minutes{90}});
        CHECK(loaded.value.workload[0].trace->path == "/data/x.csv");
        CHECK(loaded.resolve("/data/x.csv") == std::filesystem::path{"/data/x.csv"});
        CHECK(loaded.value.fleet.pool_gpus == 448U);
        CHECK(!loaded.value.fleet.nodes);
        CHECK(loaded.value.workload[1].synthetic->rate.value == 10.0 / 3600.0);
        CHECK(loaded.value.seed == 7);
        CHECK(loaded.locate("seed").file == "--set seed=7");
        CHECK(loaded.locate("seed").line == 0);
        CHECK(loaded.locate("name").line == 2);
    }
    SECTION("make keys and entries, or take them away") {
        CHECK(read(good, {"enforce_estimate=true"}).value.enforce_estimate);
        CHECK(read(good, {"scheduler.srtf.by=estimate"}).value.scheduler.srtf.by == scenario::knowledge::estimate);
        CHECK(read(good, {"workload.2.trace.path=more.csv"}).value.workload.size() == 3);
        CHECK(read(good, {"workload.0=null"}).value.workload.size() == 1);
        CHECK(read(good, {"until=null"}).value.until == std::nullopt);
        CHECK(read(good, {"fleet.nodes=null", "fleet.pool_gpus=3"}).value.fleet.pool_gpus == 3U);
        CHECK(read(with("seed: 42\n", ""), {"seed=9"}).value.seed == 9);
        CHECK(read(good, {"scheduler.las.thresholds.2=2 GPU-h"}).value.scheduler.las.thresholds.size() == 3);
        CHECK(read(good, {"until=1 h", "until=2 h"}).value.until == duration{std::chrono::hours{2}});
    }
    SECTION("name themselves in messages") {
        CHECK(refusal(good, {"scheduler.polcy=fifo"}) ==
              "--set scheduler.polcy=fifo: error: scheduler.polcy: unknown key (polcy); did you mean `policy`?");
        CHECK(refusal(good, {"scheudler.policy=fifo"}) ==
              "--set scheudler.policy=fifo: error: scheudler: unknown key (scheudler); did you mean `scheduler`?");
        CHECK(refusal(good, {"workload.0.trace.paht=x"}) ==
              "--set workload.0.trace.paht=x: error: workload.0.trace.paht: unknown key (paht); did you mean `path`?");
        CHECK(refusal(good, {"until=5"}) ==
              "--set until=5: error: until: expected a duration, found a bare number (5); write the unit, such as \"60 "
              "s\" (units: " +
                  std::string{times} + "), or drained");
        CHECK(refusal(good, {"workload.3.trace.path=x"}) ==
              "--set workload.3.trace.path=x: error: workload.3.trace.path: `workload` is a list of 2 entries; write "
              "an index from 0 to 2 after it");
        CHECK(refusal(good, {"workload.first=x"}) ==
              "--set workload.first=x: error: workload.first: `workload` is a list of 2 entries; write an index from 0 "
              "to 2 after it");
        CHECK(refusal(good, {"workload.9=null"}) ==
              "--set workload.9=null: error: workload.9: no such list entry; name an entry that is there");
        CHECK(refusal(good, {"name.x=1"}) ==
              "--set name.x=1: error: name.x: `name` is a single value; end the key path there");
        CHECK(refusal(good, {"a..b=1"}) ==
              "--set a..b=1: error: a..b: empty part in the key path; write keys separated by single dots");
        CHECK(refusal(good, {"workload.*.trace.path.x=1"}) ==
              "--set workload.*.trace.path.x=1: error: workload.*.trace.path.x: `workload.0.trace.path` is a single "
              "value; end the key path there");
        CHECK(refusal(good, {"workload.*.service.name=x"}) ==
              "--set workload.*.service.name=x: error: workload.*.service.name: no entry of a list has what is behind "
              "`*`; name an entry that has it by its index");
        CHECK(refusal(good, {"seed.*.x=1"}) ==
              "--set seed.*.x=1: error: seed.*.x: no entry of a list has what is behind `*`; name an entry that has it "
              "by its index");
        CHECK(refusal(good, {"seed="}) ==
              "--set seed=: error: seed: has no value; write a value, or null to take the key away");
        CHECK(refusal(good, {"name={a: 1, a: 2}"}) == "--set name={a: 1, a: 2}: error: a: duplicate key (a); keep one");
        CHECK(refusal(good, {"seed=null"}) ==
              "s.yaml:1:1: error: seed: required key is missing; add it, such as `seed: 42`");
        CHECK(refusal(good, {"x"}) ==
              "--set x: error: expected key.path=value (x); write it as in --set scheduler.policy=easy");
        CHECK(refusal(good, {"=x"}) ==
              "--set =x: error: expected key.path=value (=x); write it as in --set scheduler.policy=easy");
    }
    SECTION("of all entries of a list") {
        const std::string sites = R"(ampacity: 1
name: sites
seed: 1
until: "5 d"
fleet:
  sites:
    - { name: a, racks: [ &r { nodes_per_rack: 18, gpus_per_node: 4, count: 8 }, *r ], build_out: { racks_per_week: 4, crews: 3 } }
    - { name: b, racks: [ *r ] }
    - { name: c, racks: [ *r ], build_out: { racks_per_week: 4, crews: 3 } }
workload:
  - synthetic: { jobs: 5, rate: "1 /h", duration: { median: "1 h", sigma: 1 }, gpus: [ { gpus: 8, weight: 1 } ] }
scheduler: { policy: fifo }
)";
        const auto set = [&](std::vector<std::string> options) {
            std::vector<io::scenario_override> overrides;
            for (const std::string& o : options) overrides.push_back(io::parse_override(o));
            return io::read_scenario_text("s.yaml", sites, overrides).value.fleet.sites;
        };
        // Those that have what the path goes through, and each by itself where they share it.
        const auto built = set({"fleet.sites.*.build_out.crews=7"});
        CHECK(built[0].plan->crews == 7);
        CHECK_FALSE(built[1].plan.has_value());
        CHECK(built[2].plan->crews == 7);
        const auto counted = set({"fleet.sites.*.racks.*.count=2", "fleet.sites.0.racks.1.count=5"});
        CHECK(counted[0].racks[0].count == 2);
        CHECK(counted[0].racks[1].count == 5);
        CHECK(counted[1].racks[0].count == 2);
        CHECK(counted[2].racks[0].count == 2);
        // An entry that stands without a list counts as one.
        const auto lone =
            read(good, {"fleet={ racks: { nodes_per_rack: 18, gpus_per_node: 4, count: 8 } }", "fleet.racks.*.count=3"})
                .value.fleet.racks;
        REQUIRE(lone.size() == 1);
        CHECK(lone[0].count == 3);
        // A last key may be new; null takes it away, or the entries.
        const auto placed = set({"fleet.sites.*.region=us-east-2"});
        CHECK(placed[1].region == "us-east-2");
        CHECK_FALSE(set({"fleet.sites.*.build_out=null"})[2].plan.has_value());
        CHECK(set({"fleet.sites.0.racks.*=null", "fleet.sites.0=null"}).size() == 2);
    }
    SECTION("may have an origin of their own") {
        const io::scenario_override seed{"seed", "x", "--seed x"};
        CHECK_THROWS_WITH(io::read_scenario_text("s.yaml", good, {&seed, 1}),
                          "--seed x: error: seed: expected a whole number (x); write digits only, such as 512");
    }
}

TEST_CASE("files", "[scenario_file]") {
    const auto folder = std::filesystem::temp_directory_path() / "ampacity_scenario_file_test";
    std::filesystem::create_directories(folder);
    const auto file = folder / "s.yaml";
    std::ofstream{file} << good;
    const auto loaded = io::read_scenario(file);
    CHECK(loaded.value == read(good).value);
    CHECK(loaded.directory == folder);
    CHECK(loaded.resolve("jobs.csv.gz") == folder / "jobs.csv.gz");
    CHECK(loaded.locate("seed").file == file.string());
    CHECK_THROWS_WITH(
        io::read_scenario("no/such.yaml"),
        "no/such.yaml:1:1: error: the scenario file cannot be read (No such file or directory); check the path");
    CHECK_THROWS_WITH(
        io::read_scenario(folder),
        folder.string() + ":1:1: error: the scenario file cannot be read (it is a folder); check the path");
    std::filesystem::remove_all(folder);
}

TEST_CASE("the scenarios of the repository are valid", "[scenario_file]") {
    const std::filesystem::path root = std::filesystem::path{AMPACITY_SOURCE_DIR} / "scenarios";
    std::size_t read_well = 0;
    for (const char* name : {"quickstart.yaml", "synthetic/busy-cluster.yaml", "power/hall.yaml",
                             "power/oversubscribed.yaml", "power/source-loss.yaml", "power/demand-response.yaml",
                             "power/heat-wave.yaml", "power/utility-loss.yaml", "replay/philly-pool-512.yaml",
                             "replay/philly-pool-448.yaml", "replay/philly-nodes-64x8.yaml", "serving/chat.yaml"}) {
        INFO(name);
        REQUIRE_NOTHROW(io::read_scenario(root / name));
        ++read_well;
    }
    CHECK(read_well == 12);
    const auto demo = io::read_scenario(root / "quickstart.yaml").value;
    REQUIRE(demo.fleet.racks.size() == 1);
    CHECK(demo.fleet.racks->count == 8);
    CHECK(demo.fleet.racks->nodes_per_rack == 18);
    CHECK(demo.scheduler.policy == "easy");
    CHECK(demo.scheduler.placer == "topology");
    CHECK(demo.power->events.size() == 2);
}

namespace {

/// Services with every key, in place of what cannot be beside them.
void serve_some_model(scenario::inference_service& c, std::mt19937_64& random) {
    const auto upto = [&](std::uint64_t n) { return random() % n; };
    c.model = "llama-3.1-8b";
    c.software = upto(2) != 0 ? "trtllm" : "a program";
    if (upto(2) != 0) c.gpus_per_replica.reset();
    if (upto(2) != 0) c.engine.kv_capacity_tokens.reset();
    if (upto(2) != 0) c.system = "dgx-h100";
    if (upto(2) != 0) c.precision = static_cast<llm::precision_kind>(upto(4));
    if (upto(2) != 0)
        c.parallel = {.tp = 1 + upto(9), .attention_dp = 1 + upto(9), .pp = 1 + upto(9), .ep = 1 + upto(9)};
    if (upto(2) != 0) {
        c.assumptions = {.context = {1 + static_cast<double>(upto(9999)) / 7},
                         .prompt = {1 + static_cast<double>(upto(9999)) / 7},
                         .memory_share = static_cast<double>(1 + upto(9)) / 10};
        if (upto(2) != 0) c.assumptions->kv_cache = static_cast<llm::precision_kind>(upto(2));
        // No draws, so that others stay as they are.
        const auto number = static_cast<std::uint64_t>(7 * c.assumptions->prompt.value);
        if (number % 2 != 0) c.assumptions->expert_skew = static_cast<double>(number % 9) / 7;
        c.assumptions->redundant_experts = number % 3;
    }
}
/// Draws of its own, so that others stay as they are.
void add_autoscale(scenario::inference_service& c) {
    std::mt19937_64 random{c.replicas * 1000 + c.gpus_per_replica.value_or(0)};
    using policy = serving::scaling_policy;
    const auto upto = [&](std::uint64_t n) { return random() % n; };
    const auto some_span = [&] { return duration{static_cast<std::int64_t>(1 + (random() >> (3 + upto(50))))}; };
    scenario::autoscale_options& a = c.autoscale.emplace();
    a.policy = static_cast<policy>(upto(5));
    if (a.policy == policy::slo && !c.slo) a.policy = policy::queue;
    a.min = 1 + upto(c.replicas);
    a.max = c.replicas + upto(10);
    a.interval = some_span();
    if (a.policy != policy::fixed && a.policy != policy::schedule && upto(2) != 0)
        a.target = static_cast<double>(1 + upto(100)) / 100;
    a.up_delay = some_span();
    a.down_delay = some_span();
    if (a.policy == policy::schedule) {
        a.schedule = {{duration{static_cast<std::int64_t>(upto(1000))}, a.min}, {std::chrono::hours{3}, *a.max}};
        a.period = static_cast<scenario::schedule_period>(upto(2));
    }
    if (upto(2) != 0) {
        a.start = some_span();
    } else if (upto(2) != 0) {
        a.weights = {1.0 + static_cast<double>(upto(1'000'000))};
        a.bandwidth = {1.0 + static_cast<double>(upto(1'000'000))};
    }
    if (upto(2) != 0) a.drain = some_span();
    a.on_failure = static_cast<scenario::failure_rule>(upto(2));
    if (upto(2) != 0) c.priority = upto(1000);
    if (upto(2) != 0) {
        scenario::placement_wishes& p = c.placement.emplace();
        if (upto(2) != 0) p.segment = 1 + upto(100);
        p.exclusive = upto(2) != 0;
        p.spread = upto(2) != 0;
    }
}

/// The same.
void add_admission(scenario::inference_service& c) {
    std::mt19937_64 random{c.engine.max_seqs * 1000 + c.engine.max_batched_tokens};
    const auto upto = [&](std::uint64_t n) { return random() % n; };
    const auto some_number = [&]() -> std::optional<std::uint64_t> {
        if (upto(2) == 0) return std::nullopt;
        return 1 + upto(1'000'000);
    };
    scenario::admission_control& a = c.admission.emplace();
    a.max_waiting = some_number();
    a.max_waiting_tokens = some_number();
    a.max_requests = some_number();
    for (std::uint64_t k = upto(4); k > 0; --k) {
        scenario::admission_class& of = a.classes.emplace_back();
        of = {.name = "class " + std::to_string(k),
              .priority = 2 * k,
              .max_waiting = some_number(),
              .max_waiting_tokens = some_number(),
              .max_requests = some_number()};
        if (upto(2) == 0) continue;
        of.slo = scenario::service_targets{.ttft = duration{upto(1000)}};
        if (upto(2) != 0) of.slo->tpot = duration{upto(1000)};
        if (upto(2) != 0) of.slo->e2e = duration{upto(1000)};
    }
}

/// The same: rates in place of requests, without what they know nothing of.
void make_fluid(scenario::inference_service& c) {
    std::mt19937_64 random{c.replicas * 1000 + 1};
    const auto upto = [&](std::uint64_t n) { return random() % n; };
    c.fidelity = scenario::service_fidelity::fluid;
    if (upto(2) != 0) {
        c.fluid = {.tick = duration{static_cast<std::int64_t>(1 + (random() >> (3 + upto(50))))},
                   .requests = 4000 + upto(100'000)};
        if (upto(2) != 0) c.fluid->surface = "a surface.json";
        if (upto(2) != 0)
            c.fluid->windows = {.every = duration{static_cast<std::int64_t>(3'000'000 + upto(1'000'000'000'000))},
                                .length = duration{static_cast<std::int64_t>(1 + upto(1'000'000))},
                                .warm_up = duration{static_cast<std::int64_t>(upto(1'000'000))},
                                .replicas = 1 + upto(1U << 20U)};
    }
    if (c.router != "least-kv") c.router = "random";
    c.engine.speculation.reset();
    c.kv_weight.reset();
    c.admission.reset();
    c.engine.priorities = c.engine.prefix_cache = false;
    c.engine.tiers.clear();
    c.engine.kv_bytes_per_token.reset();
    c.engine.recompute_per_token.reset();
    c.engine.adapters.reset();
    c.engine.timeout.reset();
    c.engine.max_wait.reset();
    c.synthetic->sessions.reset();
    c.synthetic->clients.clear();
    if (c.synthetic->arrivals) {
        c.synthetic->arrivals->batches.reset();
        c.synthetic->arrivals->beat.reset();
    }
}

/// The same: at several sites, which then have regions.
void spread(scenario::scenario& s, scenario::inference_service& c) {
    std::mt19937_64 random{c.replicas * 1000 + 2};
    const auto upto = [&](std::uint64_t n) { return random() % n; };
    scenario::everywhere_options& e = c.everywhere.emplace();
    e.router = static_cast<hardware::site_preference>(upto(5));
    e.max_load = static_cast<double>(1 + upto(100)) / 100;
    if (upto(8) != 0) e.max_round_trip = duration{static_cast<std::int64_t>(upto(1'000'000'000))};
    e.detour = 1 + static_cast<double>(upto(100)) / 50;
    for (int i = 0; i != 4; ++i) {
        e.origins.push_back({.name = std::to_string(i),
                             .latitude = static_cast<double>(upto(181)) - 90,
                             .longitude = static_cast<double>(upto(361)) - 180,
                             .share = 0.25});
        if (upto(2) != 0) e.origins.back().utc_offset = std::chrono::minutes{static_cast<int>(upto(1680)) - 840};
    }
    if (upto(8) != 0) e.sites = {s.fleet.sites.back().name};
    for (scenario::site& site : s.fleet.sites) {
        if (!site.region) site.region = "a region";
    }
    if (upto(2) != 0) c.autoscale->min = 0;
}

/// The same.
void add_pools(scenario::inference_service& c) {
    std::mt19937_64 random{c.engine.max_seqs * 1000 + c.replicas};
    const auto upto = [&](std::uint64_t n) { return random() % n; };
    scenario::disaggregation& d = c.disaggregated.emplace();
    c.replicas = 1;
    c.engine.speculation.reset();
    c.engine.tiers.clear();
    c.engine.kv_bytes_per_token.reset();
    c.engine.recompute_per_token.reset();
    c.engine.adapters.reset();
    for (scenario::service_pool* pool : {&d.prefill, &d.decode}) {
        pool->replicas = 1 + upto(100);
        if (upto(2) != 0) pool->gpus_per_replica = 1 + upto(100);
        if (c.model && upto(2) != 0) pool->parallel = {.tp = 1 + upto(9), .pp = 1 + upto(3), .ep = 1 + upto(9)};
        if (upto(2) != 0) pool->router = "power-of-two";
        if (upto(2) == 0) continue;
        pool->engine = c.engine;
        pool->engine->max_seqs = 1 + upto(1000);
    }
    if (upto(2) != 0) d.transfer.latency = duration{static_cast<std::int64_t>(upto(1000))};
    if (!c.model || upto(2) != 0) d.transfer.bandwidth = {1 + static_cast<double>(upto(1'000'000)) / 7};
    if (upto(2) != 0) d.transfer.efficiency = static_cast<double>(1 + upto(99)) / 100;
    if (!c.model || upto(2) != 0) d.transfer.bytes_per_token = {1 + static_cast<double>(upto(1'000'000)) / 7};
    if (upto(2) != 0) d.transfer.layers = 1 + upto(100);
}

void add_tiers(scenario::engine_options& engine) {
    std::mt19937_64 random{engine.max_seqs * 1000 + engine.kv_block_tokens};
    const auto upto = [&](std::uint64_t n) { return random() % n; };
    for (std::uint64_t i = 1 + upto(3); i > 0; --i)
        engine.tiers.push_back({.name = "tier " + std::to_string(i),
                                .capacity = {1 + static_cast<double>(upto(1'000'000)) / 7},
                                .bandwidth = {1 + static_cast<double>(upto(1'000'000)) / 7},
                                .latency = duration{static_cast<std::int64_t>(upto(1000))}});
    engine.tiers.back().shared = upto(2) != 0;
    if (upto(2) != 0)
        engine.adapters = {.slots = 1 + upto(100),
                           .size = {1 + static_cast<double>(upto(1'000'000)) / 7},
                           .bandwidth = {1 + static_cast<double>(upto(1'000'000)) / 7},
                           .latency = duration{static_cast<std::int64_t>(upto(1000))}};
    engine.kv_bytes_per_token = {1 + static_cast<double>(upto(1'000'000)) / 7};
    if (upto(2) != 0) engine.recompute_per_token = duration{static_cast<std::int64_t>(upto(1000))};
}

void add_services(scenario::scenario& s, std::mt19937_64& random) {
    const auto upto = [&](std::uint64_t n) { return random() % n; };
    const auto some_time = [&] {
        const auto scale = static_cast<int>(upto(3) == 0 ? 0 : upto(19));
        auto mantissa = static_cast<std::int64_t>(random() >> (1 + upto(60)));
        if (scale != 0 && mantissa % 10 == 0) ++mantissa;
        return scenario::exact_duration{{mantissa, scale}};
    };
    const auto some_span = [&]() -> std::optional<duration> {
        if (upto(2) == 0) return std::nullopt;
        return duration{static_cast<std::int64_t>(1 + (random() >> (3 + upto(50))))};
    };
    const auto some_length = [&] {
        const double median = 1 + static_cast<double>(upto(100'000)) / 7;
        if (upto(3) == 0)
            return scenario::token_length{.quantiles = {1, 1 + median, 2 * median + 1.5}, .max = {median + 1}};
        return scenario::token_length{.median = scenario::quantity<scenario::dimension::tokens>{median},
                                      .sigma = static_cast<double>(upto(100)) / 13,
                                      .max = {median + 1}};
    };
    s.faults = {};
    s.fleet.slowdowns.clear();
    s.fleet.deliveries.clear();
    s.fleet.plan.reset();
    const auto keep = [](std::vector<scenario::rack_group>& groups) {
        for (scenario::rack_group& g : groups) {
            g.retire.reset();
            g.replaces.reset();
        }
    };
    keep(s.fleet.racks);
    for (scenario::site& site : s.fleet.sites) {
        site.plan.reset();
        keep(site.racks);
    }
    s.output.requests = upto(2) != 0;
    for (std::uint64_t i = 1 + upto(2); i > 0; --i) {
        scenario::inference_service& c = s.workload.emplace_back().service.emplace();
        c.name = "service " + std::to_string(i);
        c.replicas = 1 + upto(1000);
        c.gpus_per_replica = 1 + upto(1000);
        c.router = upto(2) != 0 ? "least-kv" : "kv-aware";
        if (c.router == "kv-aware") c.kv_weight = static_cast<double>(upto(5000)) / 1000;
        c.engine = {.max_seqs = 1 + upto(1000),
                    .max_batched_tokens = 1000 + upto(1000),
                    .kv_capacity_tokens = upto(1'000'000),
                    .kv_block_tokens = 1 + upto(100),
                    .order = static_cast<serving::step_order>(upto(3)),
                    .priorities = upto(2) != 0,
                    .prefix_cache = upto(2) != 0,
                    .timeout = some_span(),
                    .max_wait = some_span()};
        if (upto(2) != 0) {
            c.engine.speculation = {.tokens = 1 + upto(3),
                                    .draft = {{static_cast<std::int64_t>(1 + 10 * upto(99999)), 1}}};
            if (upto(2) != 0)
                c.engine.speculation->acceptance = static_cast<double>(upto(100)) / 100;
            else
                c.engine.speculation->accepted.assign(1 + c.engine.speculation->tokens,
                                                      1.0 / static_cast<double>(1 + c.engine.speculation->tokens));
        }
        if (c.engine.prefix_cache && c.engine.max_seqs % 2 == 0) add_tiers(c.engine);
        if (upto(3) == 0) {
            serve_some_model(c, random);
        } else {
            for (std::uint64_t k = 1 + upto(3); k > 0; --k)
                c.engine.step.push_back({some_time(), some_time(), some_time(), some_time()});
            for (std::uint64_t k = upto(3); k > 0; --k) c.engine.table.push_back({upto(99), upto(99), some_time()});
        }
        if (upto(2) != 0) c.slo = scenario::service_targets{some_span(), some_span(), some_span()};
        if (c.engine.max_seqs % 2 != 0) add_admission(c);
        if (!c.model && *c.gpus_per_replica % 2 != 0) add_autoscale(c);
        if (!c.autoscale && c.engine.max_seqs % 3 == 0) add_pools(c);
        if (upto(2) != 0) {
            c.requests = {"some requests.csv", static_cast<scenario::request_format>(upto(5)), duration{upto(1000)},
                          static_cast<scenario::alignment>(upto(2))};
            if (c.requests->format == scenario::request_format::servegen) {
                c.requests->lengths = "some lengths.jsonl";
                if (upto(2) != 0) c.requests->rate_factor = static_cast<double>(upto(100)) / 7;
            }
            continue;
        }
        auto& r = c.synthetic.emplace();
        r = {.requests = upto(1'000'000),
             .rate = scenario::rate{0.01 + static_cast<double>(upto(1000)) / 7},
             .cv = static_cast<double>(upto(100)) / 7,
             .prompt = some_length(),
             .output = some_length()};
        scenario::synthetic_jobs like;
        like.rate = *r.rate;
        like.cv = *r.cv;
        test::random_synthetic{random}.enrich(like);
        r.rate = like.rate;
        r.cv = like.cv;
        r.arrivals = like.arrivals;
        if (upto(2) != 0) r.preset = "arxiv-summarization";
        if (r.preset && upto(2) != 0) r.prompt.reset();
        const bool beats = r.arrivals && r.arrivals->beat;
        if (!beats && upto(2) != 0)
            r.sessions = scenario::conversation_shape{1 + static_cast<double>(upto(99)) / 7,
                                                      duration{1 + upto(999)},
                                                      scenario::pause_after::arrival,
                                                      {2 + static_cast<double>(upto(999))}};
        if (upto(3) == 0) {
            if (r.sessions) r.sessions->after = scenario::pause_after::answer;
            if (!r.sessions || upto(2) != 0) {
                r.users = scenario::request_users{1 + upto(999), duration{upto(999)}};
                r.rate.reset();
                r.cv.reset();
                r.arrivals.reset();
            }
            continue;
        }
        for (std::uint64_t k = upto(3); k > 0; --k) {
            auto& client = r.clients.emplace_back();
            client = {.weight = 0.1 + static_cast<double>(upto(100)), .priority = upto(8)};
            if (upto(2) != 0) client.cv = r.cv;
            if (upto(2) != 0) client.prompt = some_length();
            if (upto(2) != 0) client.output = some_length();
        }
        const bool spreads = !s.fleet.sites.empty() && !c.model && !c.disaggregated;
        if (c.replicas % 3 == 0 || spreads) make_fluid(c);
        if (!spreads) continue;
        if (!c.autoscale) add_autoscale(c);
        spread(s, c);
    }
    s.output.itl = s.workload.back().service->replicas % 2 != 0;
    // Replicas of one site need a scheduler there, which knows none that stay for good.
    const bool all_scale = std::all_of(s.workload.begin(), s.workload.end(), [](const scenario::workload_entry& w) {
        return !w.service || w.service->autoscale;
    });
    for (scenario::workload_entry& w : s.workload) {
        if (!w.service || !w.service->everywhere) continue;
        if (all_scale) {
            s.scheduler.sites.emplace();
            continue;
        }
        w.service->everywhere.reset();
        w.service->autoscale->min = std::max<std::uint64_t>(w.service->autoscale->min, 1);
    }
}

/// Of sites that schedule: from draws of its own.
void add_moves(scenario::scenario& s) {
    std::mt19937_64 random{static_cast<std::uint64_t>(s.scheduler.sites->transfer.count())};
    const auto upto = [&](std::uint64_t n) { return random() % n; };
    const auto some_duration = [&] { return duration{static_cast<std::int64_t>(1 + upto(1'000'000'000'000))}; };
    if (!s.workload.empty() && s.workload.front().site && upto(2) != 0)
        s.workload.front().home = std::exchange(s.workload.front().site, std::nullopt);
    if (upto(2) == 0) return;
    scenario::site_migration& m = s.scheduler.sites->migrate.emplace();
    m = {.interval = some_duration(), .gain = static_cast<double>(upto(100)) / 100, .min_stay = some_duration()};
    if (upto(2) != 0) m.bandwidth = {1 + static_cast<double>(upto(1'000'000)) / 7};
}

/// Scenarios with every kind of value, all valid.
scenario::scenario random_scenario(std::mt19937_64& random) {
    const auto upto = [&](std::uint64_t n) { return random() % n; };
    const auto some_duration = [&] {
        return duration{static_cast<std::int64_t>(1 + (random() % 6'000'000'000'000'000'000ULL >> upto(60)))};
    };
    const auto some_text = [&] {
        static const std::vector<std::string> parts{"a", "Z",    "0",    "9", "\"", "\\", "'", ": ", " #", "-",
                                                    "~", "true", "null", "ü", "日", "{",  "]", "&",  "*",  "!",
                                                    "%", "@",    "`",    "|", ">",  "=",  ",", ".",  "x y"};
        std::string text = "t";
        for (std::uint64_t i = upto(8); i > 0; --i) text += parts[upto(parts.size())];
        return text + "e";
    };
    const auto some_options = [&] {
        std::optional<scenario::free_options> options;
        if (upto(2) == 0) return options;
        options.emplace();
        for (std::uint64_t i = upto(4); i > 0; --i)
            options->entries.emplace_back(std::to_string(i) + some_text(), upto(4) == 0 ? "12" : some_text());
        return options;
    };
    const auto fraction = [&] { return static_cast<double>(random() >> 11U) * 0x1p-53; };
    scenario::scenario s;
    s.name = some_text();
    std::replace(s.name.begin(), s.name.end(), '\\', '_');
    s.seed = random();
    s.start = scenario::date{std::chrono::nanoseconds{static_cast<std::int64_t>(random()) / 4}};
    if (upto(2) != 0) s.until = some_duration();
    s.enforce_estimate = upto(2) != 0;
    if (upto(2) != 0) s.scheduler.decision_time = some_duration();
    if (upto(2) != 0) s.scheduler.decision_time_per_job = some_duration();
    s.scheduler.policy_options = some_options();
    s.scheduler.placer_options = some_options();
    const bool has_models = upto(8) == 0;
    const std::uint64_t gpus_per_node = has_models ? 4 : 1 + upto(64);
    const std::uint64_t types = has_models ? 1 + upto(3) : upto(4);
    const auto some_type = [&] { return "gpu " + std::to_string(upto(std::max<std::uint64_t>(types, 1))); };
    const auto some_signals = [&] {
        const auto some_signal = [&]() -> std::optional<scenario::signal_file> {
            if (upto(3) == 0) return std::nullopt;
            scenario::signal_file f{.path = some_text(), .column = some_text(), .unit = some_text()};
            if (upto(2) != 0) f.time = some_text();
            if (upto(2) != 0) f.step = std::chrono::seconds{1 + upto(10'000)};
            if (upto(2) != 0) f.usd = 0.5 + static_cast<double>(upto(1000)) / 7;
            if (upto(2) != 0) f.from = scenario::default_start + std::chrono::hours{upto(100'000)};
            f.utc_offset = std::chrono::minutes{static_cast<int>(upto(2880)) - 1440};
            f.gaps = static_cast<scenario::gap_filling>(upto(3));
            f.beyond = static_cast<outside>(upto(3));
            f.most_gap = std::chrono::minutes{upto(40'000)};
            return f;
        };
        return scenario::energy_signals{some_signal(), some_signal(), some_signal(), some_signal()};
    };
    const auto some_racks = [&] {
        scenario::rack_group racks{.nodes_per_rack = 1 + upto(scenario::max_nodes_per_rack),
                                   .gpus_per_node = gpus_per_node,
                                   .count = 1 + upto(100'000)};
        if (upto(2) != 0) racks.racks_per_block = 1 + upto(scenario::max_nodes);
        if (upto(2) != 0) racks.usable_per_rack = 1 + upto(racks.nodes_per_rack);
        if (types != 0) racks.gpu = some_type();
        if (has_models) {
            racks.model = "gb300-nvl72";
            racks.nodes_per_rack = 18;
            if (racks.usable_per_rack) racks.usable_per_rack = 16;
        }
        return racks;
    };
    switch (upto(6)) {
        case 0: s.fleet.pool_gpus = 1 + upto(scenario::max_fleet_gpus); break;
        case 1: s.fleet.nodes = scenario::node_group{gpus_per_node, 1 + upto(scenario::max_nodes)}; break;
        case 2:
            for (std::uint64_t i = 1 + upto(2); i > 0; --i) s.fleet.racks.push_back(some_racks());
            break;
        case 3:
            for (std::uint64_t i = 1 + upto(3); i > 0; --i) s.fleet.pools.push_back({some_type(), 1 + upto(1000)});
            break;
        case 4:
            for (std::uint64_t i = 1 + upto(3); i > 0; --i) {
                s.fleet.nodes.push_back({gpus_per_node, 1 + upto(1000)});
                if (types != 0) s.fleet.nodes.back().gpu = some_type();
                if (has_models) s.fleet.nodes.back().model = "gb300-compute-tray";
            }
            break;
        default:
            for (std::uint64_t i = 1 + upto(3); i > 0; --i) {
                auto& site = s.fleet.sites.emplace_back();
                site.name = std::to_string(i) + some_text();
                for (std::uint64_t k = 1 + upto(3); k > 0; --k) site.racks.push_back(some_racks());
                if (upto(3) == 0) site.signals = some_signals();
                if (upto(2) != 0) site.region = some_text();
                if (upto(2) != 0) site.cooling = some_text();
                if (upto(2) != 0) site.power = {some_text()};
            }
    }
    const std::vector<std::string> named = scenario::gpu_types_of(s.fleet);
    const auto some_speeds = [&] {
        scenario::speed_table table;
        for (std::uint64_t i = 1 + upto(3); i > 0; --i) {
            table.rows.push_back({.model = i == 3 ? "default" : "model " + std::to_string(i)});
            for (const std::string& gpu : named)
                if (upto(3) != 0) table.rows.back().speeds.emplace_back(gpu, upto(4) == 0 ? 0 : 1e-3 + fraction() * 9);
            if (table.rows.back().speeds.empty()) table.rows.back().speeds.emplace_back(named[0], 1);
        }
        return table;
    };
    s.scheduler.topology.keep_racks_whole = upto(2) != 0;
    s.scheduler.carbon_aware = {
        .base = some_text(), .max_delay = some_duration(), .intensity = static_cast<scenario::intensity>(upto(2))};
    if (upto(2) != 0) s.scheduler.carbon_aware.below_priority = upto(1'000'000);
    s.scheduler.price_aware = {.base = some_text(), .max_delay = some_duration()};
    if (upto(2) != 0) s.scheduler.price_aware.below_priority = upto(1'000'000);
    s.scheduler.power_aware = {.skip = upto(2) != 0,
                               .reserve = static_cast<double>(upto(990)) / 1000,
                               .cap = upto(2) != 0 ? 1 : static_cast<double>(10 + upto(990)) / 1000};
    if (upto(4) == 0) {
        s.energy = {.topology = some_text(), .phase = static_cast<power::phase>(upto(10))};
        if (upto(2) != 0) s.energy->region = some_text();
        if (upto(2) != 0) s.energy->cooling = some_text();
        if (upto(2) != 0) s.energy->demand_charge = {{static_cast<double>(upto(1000)) / 7}};
        if (upto(2) != 0) s.energy->gpu_price = {{static_cast<double>(upto(1000)) / 7}};
        s.energy->life = std::chrono::hours{24 + upto(100'000)};
        if (upto(2) != 0)
            s.energy->signals = some_signals();
        else if (upto(2) != 0)
            s.energy->daily = {static_cast<scenario::daily_signal>(upto(3))};
    }
    if (upto(4) == 0) {
        scenario::contract& c = s.contract.emplace();
        c.term = std::chrono::hours{1 + upto(100'000)};
        if (upto(2) != 0) c.from = scenario::date{std::chrono::hours{upto(900'000)}};
        if (upto(2) != 0)
            c.value = {{1e9 * fraction()}};
        else
            c.price = {{.per_gpu = {fraction() / 7}}};
        for (std::size_t k = 0; k != named.size() && !c.value; ++k)
            c.price.push_back({.gpu = named[k],
                               .from = scenario::date{std::chrono::hours{upto(900'000)}},
                               .per_gpu = {fraction() / 7}});
        if (upto(2) != 0) {
            c.commitment = {{.gpus = 1 + upto(1'000'000)}};
            if (!c.value && upto(2) != 0) c.commitment = {{.gpu_hours = 1e9 * fraction()}};
            if (!c.value && !named.empty()) c.commitment->gpu = named[0];
            if (upto(2) != 0) c.take_or_pay = fraction();
        }
        if (upto(2) != 0 && !s.fleet.pool_gpus && s.fleet.pools.empty())
            c.capex = scenario::capital{
                .rack = {{1e6 * fraction()}}, .facility = {{10 * fraction()}}, .interest = fraction() / 2};
    }
    s.output.years = upto(4) == 0;
    if (upto(2) != 0) {
        const auto some_weight = [&] { return upto(3) == 0 ? 0 : static_cast<double>(upto(1'000'000'000'000)) / 1e6; };
        s.scheduler.topology.weights = {some_weight(), some_weight(), some_weight(), some_weight(), some_weight()};
    }
    const auto some_checkpoint = [&](bool has_store) {
        scenario::checkpoint_options c{.rule = static_cast<scenario::interval_rule>(upto(3))};
        (c.rule == scenario::interval_rule::given ? c.interval : c.mtbf) = some_duration();
        c.blocking = some_duration();
        c.asynchronous = upto(2) != 0;
        if (has_store && upto(2) != 0) c.size = scenario::quantity<scenario::dimension::data_size>{1e12 * fraction()};
        return c;
    };
    for (std::uint64_t i = upto(4); i > 0; --i) {
        auto& entry = s.workload.emplace_back();
        if (!named.empty() && upto(2) != 0) entry.speeds = some_speeds();
        if (upto(4) == 0) entry.phase = static_cast<power::phase>(upto(10));
        if (upto(4) == 0) {
            entry.swing = {.hz = {1 + static_cast<double>(upto(100)) / 7},
                           .low = static_cast<power::phase>(upto(10)),
                           .transition = some_duration()};
            if (upto(2) != 0 && s.scheduler.power_aware.cap == 1)
                entry.swing->floor = {{static_cast<double>(upto(1000)) / 7}};
            entry.swing->low_share = static_cast<double>(upto(8)) / 7;
        }
        if (upto(4) == 0) {
            entry.plugin = {.name = some_text(), .options = some_options()};
            continue;
        }
        if (upto(2) != 0) {
            entry.trace = scenario::job_trace{
                some_text(), upto(2) != 0 ? scenario::trace_format::jobs_csv : scenario::trace_format::philly_csv,
                some_duration(), upto(2) != 0 ? scenario::alignment::first : scenario::alignment::absolute};
            continue;
        }
        auto& jobs = entry.synthetic.emplace();
        jobs.jobs = upto(1'000'000);
        jobs.rate = {0.001 + fraction() * 1000};
        jobs.cv = fraction() * 19.9;
        jobs.duration = {some_duration(), fraction() * 10, some_duration()};
        for (std::uint64_t k = 1 + upto(3); k > 0; --k)
            jobs.gpus.push_back({1 + upto(1U << 31U), 1e-6 + std::ldexp(fraction(), static_cast<int>(upto(29)))});
        if (upto(2) != 0) jobs.estimate_factor = scenario::factor_range{fraction(), 1 + fraction() * 99};
        test::random_synthetic{random}.enrich(jobs);
        const bool is_elastic =
            std::any_of(jobs.gpus.begin(), jobs.gpus.end(), [](const auto& size) { return size.elastic.has_value(); });
        if (named.empty() && !is_elastic && upto(3) == 0) {
            for (std::uint64_t k = 1 + upto(2); k > 0; --k) {
                scenario::trained_jobs t{
                    .name = "trains " + std::to_string(s.workload.size()) + ' ' + std::to_string(k),
                    .gpus = 10 * (3 - k)};
                if (upto(2) != 0) {
                    t.step = scenario::given_step{.compute = some_duration(), .exchange = some_duration()};
                    if (upto(2) != 0) t.batch = 1 + upto(1000);
                } else {
                    t.model = some_text();
                    t.batch = 1 + upto(1000);
                    t.sequence = 1 + upto(10'000);
                    if (upto(2) != 0) t.precision = static_cast<llm::precision_kind>(upto(4));
                    if (upto(2) != 0)
                        t.parallel = scenario::parallel_sizes{1 + upto(8), 1 + upto(8), 1 + upto(8), 1 + upto(8),
                                                              1 + upto(8), 1 + upto(8), upto(4)};
                }
                if (upto(2) != 0) {
                    t.checkpoint = some_checkpoint(true);
                    s.fleet.storage = scenario::storage_options{
                        .bandwidth = scenario::quantity<scenario::dimension::data_rate>{1 + 1e12 * fraction()}};
                    t.restart = some_duration();
                }
                entry.trains.push_back(std::move(t));
            }
        }
    }
    const bool is_mixed = named.size() > 1 || (named.size() == 1 &&
                                               std::any_of(s.workload.begin(), s.workload.end(),
                                                           [](const auto& entry) { return entry.speeds.has_value(); }));
    if (!is_mixed && upto(3) == 0) {
        auto& list = s.workload.emplace_back().training;
        if (upto(2) != 0)
            s.fleet.storage = scenario::storage_options{
                .bandwidth = scenario::quantity<scenario::dimension::data_rate>{1 + 1e12 * fraction()},
                .node = scenario::quantity<scenario::dimension::data_rate>{1 + 1e9 * fraction()}};
        if ((s.fleet.racks || !s.fleet.sites.empty()) && upto(2) != 0)
            s.fleet.network = scenario::network_options{.part = static_cast<scenario::network_part>(upto(3)),
                                                        .oversubscription = 1 + 10 * fraction(),
                                                        .interleave = upto(2) != 0};
        for (std::uint64_t k = 1 + upto(3); k > 0; --k) {
            scenario::training_job job{.name = "training " + std::to_string(k), .gpus = 1 + upto(1U << 20U)};
            job.count = 1 + upto(1000);
            job.submit = some_duration();
            if (!list.empty()) job.after = {list.front().name};
            if (upto(2) != 0)
                job.tokens = scenario::quantity<scenario::dimension::tokens>{1 + 1e12 * fraction()};
            else
                job.steps = 1 + upto(1'000'000);
            job.sequence = 1 + upto(100'000);
            job.batch = 1 + upto(100'000);
            if (upto(2) != 0) {
                job.model = some_text();
                if (upto(2) != 0) job.precision = static_cast<llm::precision_kind>(upto(4));
                if (upto(2) != 0)
                    job.parallel = scenario::parallel_sizes{1 + upto(8), 1 + upto(8), 1 + upto(8), 1 + upto(8),
                                                            1 + upto(8), 1 + upto(8), upto(4)};
            } else {
                job.step = scenario::given_step{some_duration(), some_duration()};
            }
            if (upto(2) != 0) job.evaluation = scenario::evaluation_options{1 + upto(1000), some_duration()};
            if (job.steps && !job.evaluation && upto(2) != 0) {
                auto& rl = job.rl.emplace();
                rl = {.rollouts = 1 + upto(1000),
                      .slots = 1 + upto(1000),
                      .median = {1 + static_cast<double>(upto(1000))},
                      .sigma = 10 * fraction(),
                      .most = {1 + static_cast<double>(upto(1000))},
                      .per_token = duration{1 + static_cast<std::int64_t>(upto(1'000'000'000))},
                      .sync = duration{static_cast<std::int64_t>(upto(1'000'000'000))}};
                if (job.gpus > 1 && upto(2) != 0) {
                    rl.gpus = 1 + upto(job.gpus - 1);
                    rl.staleness = upto(10);
                }
            }
            if (upto(2) != 0) {
                job.checkpoint = some_checkpoint(s.fleet.storage.has_value());
                job.restart = some_duration();
            }
            if (!job.rl && upto(2) != 0) {
                job.elastic = scenario::elastic_training{.min = 1 + upto(job.gpus),
                                                         .max = job.gpus + upto(1000),
                                                         .reconfigure = some_duration(),
                                                         .on_failure = static_cast<scenario::node_loss_rule>(upto(3))};
                if (job.step) job.elastic->replica = 1 + upto(100);
            }
            job.priority = upto(1000);
            job.user = some_text();
            job.group = some_text();
            list.push_back(std::move(job));
        }
    }
    if (is_mixed) {
        for (auto& entry : s.workload) {
            if (!entry.synthetic) continue;
            for (auto& size : entry.synthetic->gpus) size.elastic.reset();
        }
    }
    const bool nodes_may_leave = !is_mixed && !s.fleet.pool_gpus && s.fleet.pools.empty();
    const auto some_law = [&] {
        scenario::time_law law;
        switch (upto(5)) {
            case 0: law.constant = some_duration(); break;
            case 1: law.exponential = some_duration(); break;
            case 2: law.lognormal = {some_duration(), fraction()}; break;
            case 3: law.weibull = {some_duration(), 0.5 + fraction()}; break;
            default: {
                const duration least = some_duration();
                law.uniform = {least, least + std::chrono::seconds{1}};
            }
        }
        return law;
    };
    s.scheduler.policy = some_text();
    s.scheduler.placer = some_text();
    s.scheduler.las.thresholds.clear();
    gpu_time threshold = 0;
    for (std::uint64_t i = upto(4); i > 0; --i)
        s.scheduler.las.thresholds.push_back(
            {threshold += static_cast<gpu_time>(1 + upto(1'000'000'000'000'000'000ULL))});
    s.scheduler.sjf.by = upto(2) != 0 ? scenario::knowledge::estimate : scenario::knowledge::duration;
    if (upto(2) != 0) s.scheduler.preemption.checkpoint_interval = some_duration();
    for (std::uint64_t i = upto(3); i > 0; --i) {
        auto& groups = s.scheduler.fair_share.groups;
        const std::string parent = groups.empty() || upto(2) == 0 ? "" : groups.back().name;
        groups.push_back({"group " + std::to_string(i), parent, upto(1000), 1 + upto(1000)});
        s.scheduler.drf.weights.push_back({"user " + std::to_string(i), 1 + upto(1000)});
    }
    for (std::uint64_t i = nodes_may_leave ? upto(3) : 0; i > 0; --i) {
        auto& r = s.scheduler.reservations.emplace_back();
        r = {.name = "r" + std::to_string(i),
             .kind = static_cast<scenario::reservation_kind>(upto(3)),
             .start = some_duration(),
             .length = some_duration()};
        if (r.kind != scenario::reservation_kind::maintenance && !s.workload.empty() && upto(2) != 0)
            s.workload.front().reservation = r.name;
        switch (upto(s.fleet.nodes ? 2 : 3)) {
            case 0: r.nodes = "0"; break;
            case 1: r.gpus = 1; break;
            default: r.racks = "0"; break;
        }
        auto& slow = s.fleet.slowdowns.emplace_back();
        slow = {.start = some_duration(), .length = some_duration()};
        (s.fleet.nodes || upto(2) != 0 ? slow.nodes : slow.racks) = "0";
        slow.speed = 0.01 + 0.9 * fraction();
        auto& late = s.fleet.deliveries.emplace_back();
        late.at = some_duration();
        (s.fleet.nodes ? late.nodes : late.racks) = "0";
        auto& o = s.faults.outages.emplace_back();
        o = {.start = some_duration(), .length = some_duration()};
        (s.fleet.nodes ? o.nodes : upto(2) != 0 ? o.nodes : o.racks) = "0";
    }
    if (nodes_may_leave && !s.fleet.nodes) s.faults.drain_rack_at = fraction();
    const auto some_plan = [&](std::vector<scenario::rack_group>& groups) {
        std::uint64_t places = 0;
        for (std::size_t i = 0; i != groups.size(); ++i) {
            scenario::rack_group& g = groups[i];
            if (upto(2) != 0) {
                scenario::retirement& r = g.retire.emplace();
                (upto(2) != 0 ? r.at : r.after) = some_duration();
                if (r.at && upto(2) != 0) r.racks_per_week = 0.01 + 100 * fraction();
                if (upto(2) != 0) r.notice = some_duration();
            }
            if (i != 0 && groups[i - 1].retire && groups[i - 1].count >= g.count)
                g.replaces = i - 1;
            else
                places += g.count;
        }
        scenario::build_out b{.start = some_duration(), .present = upto(places + 1)};
        if (upto(2) != 0 || b.present == places)
            b.racks_per_week = 0.01 + 100 * fraction();
        else
            b.arrivals.push_back({.at = some_duration(), .racks = places - b.present});
        for (std::uint64_t i = upto(3); i > 0; --i) {
            auto& block = b.blocks.emplace_back();
            block = {.racks = places, .ready = some_duration()};
            if (upto(2) != 0) block.delay = some_law();
        }
        if (upto(2) != 0) b.install = some_law();
        if (upto(2) != 0) b.crews = 1 + upto(100);
        if (upto(2) != 0) b.burn_in = some_law();
        if (upto(4) != 0) b.acceptance_failure = 0.01 + fraction() / 2;
        if (b.acceptance_failure != 0 && upto(8) != 0) b.rework = some_law();
        return b;
    };
    if (s.fleet.deliveries.empty() && upto(8) != 0) {
        if (s.fleet.racks) s.fleet.plan = some_plan(s.fleet.racks);
        for (scenario::site& site : s.fleet.sites) {
            if (upto(4) != 0) site.plan = some_plan(site.racks);
        }
    }
    if (nodes_may_leave && upto(2) != 0) {
        scenario::faults& f = s.faults;
        if (upto(2) != 0) {
            f.model = some_text();
            if (upto(2) != 0) f.scale = 10 * fraction();
            if (upto(2) != 0)
                f.repairs = scenario::class_repairs{.hard_gpu = some_law(),
                                                    .resettable_gpu = some_law(),
                                                    .host = some_law(),
                                                    .network = some_law(),
                                                    .silent = some_law()};
            if (upto(2) != 0)
                f.detection = scenario::class_detections{.hard_gpu = some_law(),
                                                         .resettable_gpu = some_law(),
                                                         .host = some_law(),
                                                         .network = some_law(),
                                                         .soft = some_law(),
                                                         .silent = some_law()};
            for (std::uint64_t i = upto(3); i != 0; --i) {
                auto& c = f.causes.emplace_back();
                c.name = "cause " + std::to_string(i);
                if (upto(2) != 0)
                    c.scale = fraction();
                else
                    c.mtbf = std::chrono::hours{1 + upto(1000)};
                if (upto(2) != 0) c.repair = some_law();
            }
        }
        for (std::uint64_t i = upto(3); i != 0; --i) {
            auto& p = f.processes.emplace_back();
            p.name = "process " + std::to_string(i);
            p.part = static_cast<faults::part_kind>(upto(s.fleet.nodes ? 2 : 5));
            if (p.part >= faults::part_kind::switch_tray) p.count = 1 + upto(100);
            p.mtbf = std::chrono::hours{1 + upto(1000)};
            p.shape = 0.1 + 5 * fraction();
            if (upto(2) != 0) p.repair = some_law();
            if (p.repair && upto(2) != 0) {
                p.speed = 0.001 + 0.9 * fraction();
                if (upto(2) != 0) p.swap_after = some_law();
            } else if (upto(2) != 0) {
                p.detection = some_law();
                p.silent = upto(2) != 0;
            }
        }
        for (std::uint64_t i = upto(3); i != 0; --i) {
            auto& m = f.planned.emplace_back();
            m.name = "work " + std::to_string(i);
            m.length = some_duration();
            m.at_a_time = 1 + upto(100);
            if (m.at_a_time % 2 == 0) m.notice = std::chrono::seconds{m.at_a_time};
            if (!s.until || upto(2) != 0) m.start = some_duration();
            if (!m.start || (s.until && upto(2) != 0)) m.every = some_duration();
            if (upto(2) != 0) (s.fleet.nodes || upto(2) != 0 ? m.nodes : m.racks) = "0";
        }
        if (upto(2) != 0) f.log = scenario::failure_log{.path = some_text()};
        if (f.at_random() && upto(2) != 0) {
            f.crews = 1 + upto(100);
            f.lemon_nodes = scenario::lemons{.factor = 1 + 10 * fraction()};
            if (!f.model || upto(2) != 0) f.lemon_nodes->share = fraction();
            f.infant.emplace();
            if (!f.model || upto(2) != 0) f.infant->multiplier = 1 + 10 * fraction();
            if (!f.model || upto(2) != 0) f.infant->horizon = some_duration();
        }
    }
    if (nodes_may_leave && upto(2) != 0) {
        scenario::power_delivery& p = s.power.emplace();
        if (upto(2) != 0) p.hall = some_text();
        if (upto(2) != 0) p.racks_per_row = 1 + upto(1000);
        if (upto(2) != 0) p.rows_per_hall = 1 + upto(10'000);
        p.oversubscription = 0.1 + 9 * fraction();
        p.trips = upto(2) != 0;
        p.thermal = upto(2) != 0;
        if (upto(2) != 0) p.reclose = some_duration();
        if (upto(2) != 0) {
            scenario::battery_options& b = p.batteries.emplace();
            b.ride_through = some_duration();
            if (upto(2) != 0) b.recharge = fraction();
            if (upto(2) != 0) b.efficiency = 0.01 + fraction() / 2;
        }
        if (upto(2) != 0) {
            scenario::generator_options& g = p.generators.emplace();
            g.level = static_cast<scenario::generator_level>(upto(2));
            if (upto(2) != 0) g.model = some_text();
            if (upto(2) != 0) g.share = 10 * fraction();
            if (upto(2) != 0) g.start = some_duration();
            if (upto(2) != 0) g.fuel = some_duration();
            if (upto(2) != 0) g.price = {{static_cast<double>(upto(1000)) / 7}};
            if (upto(2) != 0) g.carbon = {{static_cast<double>(upto(1000)) / 7}};
        }
        p.boot = some_duration();
        p.high_priority_from = upto(100);
        for (std::uint64_t i = 0, n = upto(5); i != n; ++i) {
            scenario::feed_control& c = p.control.emplace_back();
            c.level = static_cast<power::power_tree::level>(i);
            c.policy = std::array{"none", "uniform", "priority", "two-threshold"}.at(upto(4));
            if (upto(2) != 0) c.period = std::max<duration>(some_duration(), std::chrono::milliseconds{1});
            if (upto(2) != 0) c.latency = some_duration();
            if (upto(2) != 0) {
                c.policy = "of-a-plugin";
                c.options = some_options();
            }
            c.actuator = some_text();
            c.trigger = 1 + fraction();
            c.target = 0.5 + fraction() / 2;
            c.release = 0.01 + fraction() / 3;
        }
        for (std::uint64_t i = upto(3); i != 0; --i) {
            scenario::power_event& e = p.events.emplace_back();
            e.kind = static_cast<scenario::power_event_kind>(upto(p.thermal ? 6 : 4));
            e.feed = some_text();
            e.start = some_duration();
            e.length = some_duration();
            if (e.kind == scenario::power_event_kind::limit) e.power = {{static_cast<double>(upto(1000)) / 7}};
            if (e.kind == scenario::power_event_kind::demand_response) e.cut = 0.001 + fraction() / 2;
        }
        if (upto(2) != 0) {
            scenario::power_event& spike = p.events.emplace_back();
            spike.kind = scenario::power_event_kind::price_spike;
            spike.feed = some_text();
            spike.start = some_duration();
            spike.length = some_duration();
            if (upto(2) != 0)
                spike.price = {{static_cast<double>(upto(1000)) / 7}};
            else
                spike.factor = 0.5 + fraction();
        }
        for (std::uint64_t i = s.until ? upto(3) : 0; i != 0; --i) {
            scenario::feed_failures& f = p.failures.emplace_back();
            if (upto(2) != 0)
                f.level = static_cast<scenario::failing_level>(2 + upto(3));
            else
                f.feed = some_text();
            f.mtbf = std::max<duration>(some_duration(), std::chrono::seconds{1});
            f.shape = 0.5 + fraction();
            f.repair = some_law();
            f.kind = static_cast<scenario::power_event_kind>(upto(4));
            if (f.kind == scenario::power_event_kind::limit) f.power = {{static_cast<double>(upto(1000)) / 7}};
            if (f.kind == scenario::power_event_kind::demand_response) f.cut = 0.001 + fraction() / 2;
        }
        if (s.until && upto(2) != 0) {
            scenario::feed_failures& f = p.failures.emplace_back();
            f.kind = scenario::power_event_kind::price_spike;
            f.level = scenario::failing_level::site;
            f.mtbf = std::max<duration>(some_duration(), std::chrono::seconds{1});
            f.repair.exponential = some_duration();
            if (upto(2) != 0)
                f.price = {{static_cast<double>(upto(1000)) / 7}};
            else
                f.factor = 0.5 + fraction();
        }
        if (s.until && upto(2) != 0) p.reliability = some_text();
    }
    s.scheduler.drf.by = upto(2) != 0 ? scenario::share_owner::user : scenario::share_owner::group;
    s.scheduler.drf.skip = upto(2) != 0;
    s.scheduler.fair_share.reclaim = upto(2) != 0;
    s.scheduler.priority = {upto(2) != 0, 1 + upto(1000)};
    s.scheduler.elastic = {.steps = static_cast<scenario::gpu_steps>(upto(3)),
                           .mean = static_cast<scenario::speed_mean>(upto(2)),
                           .interval = some_duration(),
                           .skip = upto(2) != 0};
    s.scheduler.preemption.resize = duration{static_cast<std::int64_t>(upto(1'000'000'000'000))};
    s.scheduler.preemption.restart = duration{static_cast<std::int64_t>(upto(1'000'000'000'000))};
    s.output.jobs = upto(2) != 0;
    s.output.placement = upto(2) != 0;
    if (upto(2) != 0) s.output.telemetry = std::max<duration>(some_duration(), std::chrono::milliseconds{1});
    if (s.is_powered() && s.output.telemetry && upto(2) != 0)
        s.output.feeds = static_cast<power::power_tree::level>(upto(4));
    if (s.output.telemetry && upto(2) != 0)
        s.output.telemetry_columns = {scenario::telemetry_column::queued, scenario::telemetry_column::time};
    if (s.output.feeds && upto(2) != 0)
        s.output.feeds_columns = {scenario::feeds_column::charge, scenario::feeds_column::feed};
    if (!is_mixed && !s.fleet.sites.empty() && upto(2) != 0) {
        s.scheduler.reservations.clear();
        if (!s.workload.empty()) s.workload.front().reservation.reset();
        s.scheduler.sites = scenario::site_scheduler{.transfer = some_duration()};
        const std::string name = s.fleet.sites.back().name;
        if (!s.workload.empty() && upto(2) != 0) s.workload.front().site = name;
        add_moves(s);
        if (upto(2) != 0) {
            for (scenario::site& site : s.fleet.sites) site.region = some_text();
            s.scheduler.sites->place = hardware::site_preference::nearest;
            s.scheduler.sites->origin = name;
            if (!s.workload.empty() && !s.workload.front().site) s.workload.front().origin = name;
        }
    }
    if (!is_mixed && !s.power && s.scheduler.reservations.empty() && !s.scheduler.sites && upto(2) != 0)
        add_services(s, random);
    return s;
}

void collect_paths(const io::yaml_tree& tree, io::yaml_index row, const std::string& path, std::set<std::string>& out) {
    const io::yaml_node& node = tree.at(row);
    if (!path.empty() && !path.ends_with(".N")) out.insert(path);
    if (path.ends_with("options") || path.ends_with("speeds")) return;  // keys of plug-ins, of the workload
    for (const auto& entry : node.entries)
        collect_paths(tree, entry.value, path.empty() ? entry.key : path + '.' + entry.key, out);
    // Lists that may be one map are documented as such.
    const bool may_be_single = path == "fleet.nodes" || path == "fleet.racks" || path == "power.control" ||
                               path == "workload.N.training" || path.ends_with(".engine.step");
    for (const io::yaml_index item : node.items) collect_paths(tree, item, may_be_single ? path : path + ".N", out);
}

}  // namespace

TEST_CASE("what is resolved reads back to the same scenario", "[scenario_file]") {
    std::mt19937_64 random{1};
    for (int i = 0; i < 2'000; ++i) {
        const auto s = random_scenario(random);
        const std::string text = scenario::write_resolved(s);
        INFO(text);
        scenario::scenario again;
        REQUIRE_NOTHROW(again = read(text).value);
        REQUIRE(again == s);
        REQUIRE(scenario::write_resolved(again) == text);
    }
}

namespace {

/// Of engines that compute prompts or answers alone.
bool is_refused_in_pools(const std::string& path) {
    if (path.find(".disaggregated.") == std::string::npos) return false;
    const std::array parts{".speculation", ".tiers", ".adapters", ".kv_bytes_per_token", ".recompute_per_token"};
    return std::any_of(parts.begin(), parts.end(),
                       [&](const char* part) { return path.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("the key reference and the resolved text name the same keys", "[scenario_file]") {
    std::set<std::string> written;
    std::mt19937_64 random{2};
    for (int i = 0; i < 1000; ++i) {
        io::yaml_tree tree;
        const auto root =
            io::parse_yaml(tree, "r", scenario::write_resolved(random_scenario(random)), io::yaml_places::lines);
        collect_paths(tree, root, {}, written);
    }
    std::set<std::string> documented;
    for (const auto& key : scenario::key_reference()) {
        if (key.supported) documented.insert(key.path);
    }
    documented.erase("workload.N.synthetic.preset");  // its keys stand in the place of it
    std::erase_if(documented, is_refused_in_pools);
    CHECK(written == documented);
}

TEST_CASE("each documented key can be set by its path", "[scenario_file]") {
    for (const auto& key : scenario::key_reference()) {
        if (!key.supported || key.type == "map" || key.default_value.empty() ||
            key.path.find("synthetic") != std::string::npos)
            continue;
        std::string path = key.path;
        for (std::size_t at = 0; (at = path.find(".N.")) != std::string::npos;) path.replace(at, 3, ".0.");
        INFO(path << '=' << key.default_value);
        const std::string nodes = "nodes: { gpus: 8, count: 64 }";
        const std::string text = path.starts_with("fleet.racks") ? with(nodes, "racks: { count: 1 }")
                                 : path.starts_with("fleet.sites") || path.starts_with("scheduler.sites")
                                     ? with(nodes, "sites: [ { name: a, racks: [ { count: 1 } ] } ]")
                                     : good;
        std::vector<std::string> sets{path + '=' + key.default_value};
        if (path.find("fair-share.groups.0.") != std::string::npos)
            sets.insert(sets.begin(), "scheduler.fair-share.groups=[{ name: a }]");
        if (const std::size_t at = path.find("signals.");
            at != std::string::npos && path.find('.', at + 8) < path.size())
            sets.insert(sets.begin(), path.substr(0, path.find('.', at + 8)) + "={ path: a, column: b, unit: g/kWh }");
        if (path.find("swing.") != std::string::npos) sets.insert(sets.begin(), "workload.0.swing={ frequency: 1 Hz }");
        if (path.starts_with("power.control."))
            sets.insert(sets.begin(), "power.control={ level: site, policy: uniform }");
        if (path.starts_with("power.failures."))
            sets.insert(sets.begin(),
                        {"until=1 d", "power.failures=[{ level: row, mtbf: 1 d, repair: { constant: 1 h } }]"});
        if (path.find("training.") != std::string::npos) {
            sets.insert(sets.begin(),
                        "workload=[{ training: { name: a, gpus: 1, steps: 1, step: { compute: 1 s } } }]");
            if (path.find("checkpoint.") != std::string::npos)
                sets.insert(sets.begin() + 1, "workload.0.training.checkpoint={ interval: 1 h }");
            if (path.find(".elastic.") != std::string::npos)
                sets.insert(sets.begin() + 1,
                            {"workload.0.training.gpus=8192", "workload.0.training.elastic={ reconfigure: 1 s }"});
            if (path.find(".rl.") != std::string::npos)
                sets.insert(sets.begin() + 1,
                            "workload.0.training.rl={ rollouts: 1, slots: 1, median: 1 token, most: 9 token, "
                            "per_token: 1 ms }");
            if (path.ends_with("restart")) sets.push_back("workload.0.training.checkpoint={ interval: 1 h }");
        }
        if (path.find(".trains.") != std::string::npos) {
            sets.insert(
                sets.begin(),
                "workload=[{ synthetic: { jobs: 1, rate: 1 /s, duration: { median: 1 s, sigma: 0 }, gpus: [{ gpus: 8, "
                "weight: 1 }] }, trains: [{ name: a, gpus: 8, step: { compute: 1 s } }] }]");
            if (path.find("checkpoint.") != std::string::npos)
                sets.insert(sets.begin() + 1, "workload.0.trains.0.checkpoint={ interval: 1 h }");
            if (path.ends_with("restart")) sets.push_back("workload.0.trains.0.checkpoint={ interval: 1 h }");
        }
        if (path.find(".service.") != std::string::npos)
            sets.insert(
                sets.begin(),
                "workload=[{ service: { name: a, gpus_per_replica: 1, engine: { kv_capacity_tokens: 1000, step: "
                "{ base: 1 ms } }, requests: { path: a.csv } } }]");
        if (path.find(".service.fluid.") != std::string::npos || path.find(".service.everywhere") != std::string::npos)
            sets.front() =
                "workload=[{ service: { name: a, gpus_per_replica: 1, fidelity: fluid, engine: { kv_capacity_tokens: "
                "1000, step: { base: 1 ms } }, synthetic: { requests: 1, rate: 1 /s, prompt: { median: 9 token }, "
                "output: { median: 9 token } } } }]";
        if (path.find(".service.fluid.windows.") != std::string::npos)
            sets.insert(sets.begin() + 1, "workload.0.service.fluid.windows={ every: 30 d }");
        // Sites have a region, without which nobody knows where they are.
        if (path.find(".service.everywhere") != std::string::npos) {
            sets.insert(sets.begin() + 1, {"workload.0.service.autoscale={ policy: fixed }",
                                           "workload.0.service.everywhere={ origins: [{ name: a, latitude: 0, "
                                           "longitude: 0, share: 1 }] }"});
            sets.insert(sets.begin(),
                        "fleet={ sites: [{ name: iad, region: us-east-1, racks: [{ count: 1 }] }, { name: "
                        "arn, region: eu-north-1, racks: [{ count: 1 }] }] }");
            sets.insert(sets.begin() + 1, "scheduler.sites={}");
        }
        if (path.find(".parallel.") != std::string::npos || path.find(".assumptions.") != std::string::npos)
            sets.insert(sets.begin() + 1, {"workload.0.service.engine={}", "workload.0.service.model=llama-3.1-8b"});
        if (path.find(".speculation.") != std::string::npos)
            sets.insert(sets.begin() + 1, "workload.0.service.engine.speculation={ acceptance: 0.5 }");
        const std::size_t pool = path.find(".disaggregated.");
        if (path.find(".table.") != std::string::npos && pool == std::string::npos)
            sets.insert(sets.begin() + 1, "workload.0.service.engine.table=[{ decodes: 0, time: 1 ms }]");
        const std::string engine = path.substr(0, path.find(".engine.")) + ".engine";
        if (path.find(".tiers.") != std::string::npos)
            sets.insert(sets.begin() + 1, {engine + ".prefix_cache=true", engine + ".kv_bytes_per_token=1 MB",
                                           engine + ".tiers=[{ name: a, capacity: 1 GB, bandwidth: 1 GB/s }]"});
        if (path.find(".adapters.") != std::string::npos)
            sets.insert(sets.begin() + 1, engine + ".adapters={ slots: 1, size: 1 GB, bandwidth: 1 GB/s }");
        if (pool != std::string::npos && path.find(".engine.") != std::string::npos)
            sets.insert(sets.begin() + 1, engine +
                                              "={ kv_capacity_tokens: 1000, step: { base: 1 ms }, table: [{ "
                                              "decodes: 0, time: 1 ms }] }");
        if (pool != std::string::npos)
            sets.insert(sets.begin() + 1,
                        "workload.0.service.disaggregated={ transfer: { bandwidth: 1 GB/s, bytes_per_token: 1 MB } }");
        if (path.find(".service.placement.") != std::string::npos)
            sets.insert(sets.begin() + 1, "workload.0.service.autoscale={ policy: fixed }");
        if (path.starts_with("fleet.build_out."))
            sets.insert(sets.begin(), "fleet={ racks: { count: 1 }, build_out: { racks_per_week: 1 } }");
        if (path.starts_with("fleet.sites.0.build_out."))
            sets.insert(sets.begin(), "fleet.sites.0.build_out={ racks_per_week: 1 }");
        if (path.starts_with("fleet.network."))
            sets = {"fleet={ racks: { count: 1 }, network: { oversubscription: 2 } }",
                    "workload=[{ training: { name: a, gpus: 1, steps: 1, step: { compute: 1 s } } }]", sets.back()};
        if (path.starts_with("faults.processes.0."))
            sets.insert(sets.begin(), "faults.processes=[{ cause: a, mtbf: 1 d }]");
        if (path.starts_with("faults.maintenance.0."))
            sets.insert(sets.begin(), "faults.maintenance=[{ name: a, start: 1 h, duration: 1 h }]");
        if (path.find("reservations.0.") != std::string::npos)
            sets.insert(sets.begin(), "scheduler.reservations=[{ name: a, start: 1 h, duration: 1 h, nodes: 0 }]");
        const bool of_decodes = path.find(".decode.engine.") != std::string::npos;
        if (of_decodes && path.find(".speculation.") != std::string::npos)
            sets.insert(sets.end() - 1, path.substr(0, path.rfind('.')) + "={ acceptance: 0.5 }");
        const char* const refused = of_decodes ? ".tiers" : ".speculation";
        if (is_refused_in_pools(path) &&
            (path.find(refused) != std::string::npos || path.find(".adapters") != std::string::npos))
            CHECK(refusal(text, sets).find(" alone") != std::string::npos);
        else
            CHECK(refusal(text, sets) == "accepted");
    }
}

TEST_CASE("mutated scenarios are read or refused, never anything else", "[scenario_file]") {
    std::mt19937_64 random{3};
    const std::vector<std::string> pieces{"\n",    " ",
                                          "  ",    "\t",
                                          ":",     ": ",
                                          "- ",    "-",
                                          "{",     "}",
                                          "[",     "]",
                                          ",",     "\"",
                                          "'",     "#",
                                          "&a ",   "*a",
                                          "!",     "!!str ",
                                          "|",     ">",
                                          "%",     "---\n",
                                          "...\n", "? ",
                                          "<<: ",  "~",
                                          "null",  "1e999",
                                          "-1",    "\xC3",
                                          "\xFF",  std::string(1, '\0'),
                                          "\r",    "\\",
                                          "ü",     "\xEF\xBB\xBF",
                                          "@",     "`"};
    std::size_t read_well = 0;
    std::size_t refused = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string text = good;
        for (std::uint64_t edits = 1 + random() % 4; edits > 0; --edits) {
            const std::size_t at = random() % (text.size() + 1);
            switch (random() % 5) {
                case 0: text.insert(at, pieces[random() % pieces.size()]); break;
                case 1: text.erase(at, 1 + random() % 10); break;
                case 2: text.resize(at); break;
                case 3:
                    if (at < text.size()) text[at] = static_cast<char>(random() % 256);
                    break;
                default: text.insert(at, text.substr(random() % (text.size() + 1), random() % 40)); break;
            }
        }
        try {
            const auto loaded = io::read_scenario_text("m", text);
            ++read_well;
            REQUIRE(io::read_scenario_text("m", scenario::write_resolved(loaded.value)).value == loaded.value);
        } catch (const scenario_error& e) {
            ++refused;
            // Every message names a place and a remedy.
            REQUIRE(e.details().where.file == "m");
            REQUIRE(e.details().where.line >= 1);
            REQUIRE(e.details().where.column >= 1);
            REQUIRE(!e.details().remedy.empty());
        }
    }
    CHECK(read_well > 200);
    CHECK(refused > 10'000);
}

TEST_CASE("mutated overrides are taken or refused, never anything else", "[scenario_file]") {
    std::mt19937_64 random{4};
    const std::vector<std::string> starts{"scheduler.policy=easy", "workload.0.trace.path=x.csv",
                                          "workload.1.synthetic.gpus.0.weight=3", "fleet={ pool_gpus: 3 }",
                                          "until=1 h"};
    const std::string bytes = "abz019.=:{}[],-\"'#&*!|> \n~";
    for (int i = 0; i < 10'000; ++i) {
        std::string text = starts[random() % starts.size()];
        for (std::uint64_t edits = 1 + random() % 3; edits > 0; --edits) {
            const std::size_t at = random() % (text.size() + 1);
            if (random() % 2 == 0)
                text.insert(at, 1, bytes[random() % bytes.size()]);
            else
                text.erase(at, 1);
        }
        try {
            read(good, {text});
        } catch (const scenario_error& e) {
            REQUIRE(!e.details().remedy.empty());
        }
    }
}
