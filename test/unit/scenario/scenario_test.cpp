#include "support/catch.hpp"

#include <ampacity/scenario/reference.hpp>
#include <ampacity/scenario/resolved.hpp>
#include <ampacity/scenario/validate.hpp>
#include <ampacity/scenario/values.hpp>

#include <algorithm>
#include <limits>
#include <set>

using namespace ampacity;
using scenario::workload_entry;

namespace {

scenario::scenario smallest() {
    scenario::scenario s;
    s.name = "smallest";
    s.fleet.pool_gpus = 8;
    s.scheduler.policy = "fifo";
    return s;
}

workload_entry synthetic_entry() {
    workload_entry entry;
    entry.synthetic.emplace();
    entry.synthetic->jobs = 10;
    entry.synthetic->rate = {0.01};
    entry.synthetic->duration.median = std::chrono::minutes{22};
    entry.synthetic->duration.sigma = 0;
    entry.synthetic->gpus = {{1, 1.0}};
    return entry;
}

std::string refusal(const scenario::scenario& s) {
    try {
        scenario::check(s);
    } catch (const scenario_error& e) {
        return e.what();
    }
    return "accepted";
}

constexpr std::array<std::string_view, 3> policies{"fifo", "easy", "sjf"};
constexpr std::array<std::string_view, 3> placers{"first-fit", "pack", "spread"};

}  // namespace

TEST_CASE("a described struct is told from other types", "[scenario]") {
    STATIC_REQUIRE(scenario::described<scenario::scenario>);
    STATIC_REQUIRE(scenario::one_of<scenario::fleet>);
    STATIC_REQUIRE_FALSE(scenario::one_of<scenario::output>);
    STATIC_REQUIRE_FALSE(scenario::described<duration>);
    STATIC_REQUIRE_FALSE(scenario::described<std::string>);
}

TEST_CASE("defaults are those of the contract", "[scenario]") {
    const scenario::scenario s;
    CHECK(s.ampacity == 1);
    CHECK(scenario::format(s.start) == "2026-01-01T00:00:00Z");
    CHECK(!s.until);
    CHECK(!s.enforce_estimate);
    CHECK(s.scheduler.placer == "first-fit");
    CHECK(s.scheduler.las.thresholds.size() == 2);
    CHECK(s.scheduler.las.thresholds[1].value == gpu_time{36'000} * 1'000'000'000);
    CHECK(s.output.jobs);
    CHECK(!s.output.requests);
    CHECK(!s.output.telemetry);
    CHECK(scenario::job_trace{}.reorder == std::chrono::hours{1});
    CHECK(scenario::job_trace{}.align == scenario::alignment::first);
}

TEST_CASE("the resolved text spells out every default", "[scenario]") {
    auto s = smallest();
    s.seed = 42;
    s.workload.push_back(synthetic_entry());
    s.workload.emplace_back().trace.emplace().path = "a \"b\".csv";
    CHECK(scenario::write_resolved(s) == R"(ampacity: 1
name: smallest
seed: 42
start: 2026-01-01T00:00:00Z
until: drained
enforce_estimate: false
fleet:
  pool_gpus: 8
workload:
  - synthetic:
      jobs: 10
      rate: "36 /h"
      cv: 1
      duration:
        median: "22 min"
        sigma: 0
        max: "30 d"
      gpus:
        - gpus: 1
          weight: 1
  - trace:
      path: "a \"b\".csv"
      format: jobs-csv
      reorder: "1 h"
      align: first
      dependencies: false
scheduler:
  policy: fifo
  placer: first-fit
  preemption:
    checkpoint_interval: none
    checkpoint: "0 s"
    restart: "0 s"
    resize: "0 s"
    at: now
  las:
    thresholds: ["1 GPU-h", "10 GPU-h"]
  sjf:
    by: duration
  srtf:
    by: duration
  topology:
    keep_racks_whole: false
  round:
    policy: fifo
    every: "6 min"
  explain:
    policy: fifo
    jobs: []
  srsf:
    by: duration
  gittins:
    service: []
    service_quantum: "1 GPU-h"
    stages: 64
  qssf:
    weight: 0.2
    prior: "1 h"
    skip: false
  ftf:
    lease: "20 min"
    fairness: 0.8
  max-min:
    round: "6 min"
  priority:
    backfill: false
    preempt_above: 1
  fair-share:
    reclaim: true
  drf:
    by: user
    skip: false
  elastic:
    steps: any
    mean: harmonic
    interval: "0 s"
    skip: false
  carbon-aware:
    base: easy
    max_delay: "12 h"
    intensity: average
  price-aware:
    base: easy
    max_delay: "12 h"
  power-aware:
    skip: false
    reserve: 0
    cap: 1
  decision_time: "0 s"
  decision_time_per_job: "0 s"
faults:
  drain_rack_at: 0
output:
  jobs: true
  requests: false
  placement: false
  telemetry: false
  events: false
  itl: false
  years: false
)");
}

TEST_CASE("texts that YAML would take for something else are quoted", "[scenario]") {
    for (const char* text :
         {"", "true", "No", "null", "12", "-x", "a b", "a: b", "#x", "~", "ü", "a\\b", "1.5", ".5", "=", "y"}) {
        const std::string written = scenario::yaml_text(std::string{text});
        CHECK(written.front() == '"');
        CHECK(written.back() == '"');
    }
    CHECK(scenario::yaml_text(std::string{"data/jobs-1.csv.gz"}) == "data/jobs-1.csv.gz");
    CHECK(scenario::yaml_text(std::string{"a\tb"}) == "\"a\\x09b\"");
}

TEST_CASE("the key reference is complete and typed", "[scenario]") {
    const auto keys = scenario::key_reference();
    std::set<std::string> paths;
    for (const auto& key : keys) {
        CHECK(paths.insert(key.path).second);
        CHECK(!key.doc.empty());
        CHECK(!(key.required && !key.default_value.empty()));
        CHECK((!key.supported || !key.type.empty()));
    }
    const auto find = [&](const std::string& path) {
        const auto entry = std::find_if(keys.begin(), keys.end(), [&](const auto& k) { return k.path == path; });
        INFO(path);
        REQUIRE(entry != keys.end());
        return *entry;
    };
    CHECK(find("seed").required);
    CHECK(find("until").default_value == "drained");
    CHECK(find("fleet.pool_gpus").range == "1 .. 1099511627776");
    CHECK(find("fleet.nodes.gpus").range == "1 .. 64");
    CHECK(find("fleet.sites").type == "list of maps");
    CHECK(find("fleet.sites.N.racks.N.usable_per_rack").range == "1 .. 1024");
    CHECK(find("fleet.racks.online").supported == false);
    CHECK(find("workload.N.synthetic.gpus.N.placement.within").range == "fleet, site, block, rack");
    CHECK(find("workload").type == "list of maps");
    CHECK(find("workload.N.trace.reorder").default_value == "\"1 h\"");
    CHECK(find("workload.N.trace.reorder").unit == "ns, us, ms, s, min, h, d, w, y");
    CHECK(find("workload.N.trace.format").range == "jobs-csv, swf, philly-csv, alibaba-openb");
    CHECK(find("workload.N.synthetic.rate").type == "rate");
    CHECK(find("workload.N.synthetic.rate").range == "> \"0 /s\", <= \"1e+09 /s\"");
    CHECK(find("workload.N.synthetic.gpus.N.weight").type == "number");
    CHECK(find("workload.N.service.model").supported);
    CHECK(find("scheduler.las.thresholds").default_value == "[\"1 GPU-h\", \"10 GPU-h\"]");
    CHECK(find("scheduler.las.thresholds").type == "list of GPU-time");
    CHECK(find("output.telemetry").default_value == "false");
    CHECK(find("start").default_value == "2026-01-01T00:00:00Z");
    // One more key in a struct must appear here; this number moves with it.
    CHECK(keys.size() == 1196);
}

TEST_CASE("scenarios built in code are checked as files are", "[scenario]") {
    CHECK(refusal(smallest()) == "accepted");
    auto s = smallest();

    SECTION("ranges") {
        s.fleet.pool_gpus = 0;
        CHECK(refusal(s) == "error: fleet.pool_gpus: too small (0); write at least 1");
        s.fleet.pool_gpus = scenario::max_fleet_gpus + 1;
        CHECK(refusal(s) == "error: fleet.pool_gpus: too large (1099511627777); write at most 1099511627776");
        s.fleet.pool_gpus = 1'000'000'000;
        CHECK(refusal(s) == "accepted");
    }
    SECTION("schema version") {
        s.ampacity = 2;
        CHECK(refusal(s) == "error: ampacity: not supported (2); write 1");
    }
    SECTION("exactly one") {
        s.fleet.nodes = {8, 64};
        CHECK(refusal(s) ==
              "error: fleet: expected exactly one key, found 2; give one of: pool_gpus, pools, nodes, racks, sites");
        s.fleet = {};
        CHECK(refusal(s) ==
              "error: fleet: expected exactly one key, found 0; give one of: pool_gpus, pools, nodes, racks, sites");
        s.fleet.pool_gpus = 1;
        s.workload.emplace_back();
        CHECK(refusal(s) ==
              "error: workload.0: expected exactly one key, found 0; give one of: trace, synthetic, plugin, training, "
              "service");
    }
    SECTION("fleet size") {
        s.fleet = {};
        s.fleet.nodes = {64, scenario::max_nodes};
        CHECK(refusal(s) == "accepted");
        s.fleet.nodes->gpus = 65;
        CHECK(refusal(s) == "error: fleet.nodes.gpus: too large (65); write at most 64");
    }
    SECTION("names") {
        s.name = "";
        CHECK(refusal(s) == "error: name: is empty; write a name that can be a folder, such as philly-easy");
        for (const char* bad : {".", "..", ".hidden", "-o", " a", "a "}) {
            s.name = bad;
            CHECK(refusal(s) == "error: name: starts with a dot, a dash or a blank, or ends with a blank (" +
                                    std::string{bad} + "); write a name that can be a folder, such as philly-easy");
        }
        s.name = "a/b";
        CHECK(refusal(s) ==
              "error: name: contains a slash, a backslash or a control character (a/b); write a name that can be a "
              "folder, such as philly-easy");
        s.name = std::string(129, 'x');
        CHECK(refusal(s) == "error: name: longer than 128 bytes (" + std::string(32, 'x') +
                                "...); write a name that can be a folder, such as philly-easy");
        s.name = "Größe 1.5 (a)";
        CHECK(refusal(s) == "accepted");
    }
    SECTION("thresholds") {
        s.scheduler.las.thresholds = {{100}, {100}};
        CHECK(refusal(s) ==
              "error: scheduler.las.thresholds.1: not above the threshold before it (100 GPU-ns); write rising "
              "thresholds");
        s.scheduler.las.thresholds = {{0}};
        CHECK(refusal(s) == "error: scheduler.las.thresholds.0: too small (\"0 GPU-s\"); write at least \"1 GPU-ns\"");
        s.scheduler.las.thresholds.clear();
        CHECK(refusal(s) == "accepted");
        for (int i = 1; i <= 65; ++i) s.scheduler.las.thresholds.push_back({i});
        CHECK(refusal(s) == "error: scheduler.las.thresholds: too many thresholds (65); write at most 64");
    }
    SECTION("groups and weights") {
        auto& groups = s.scheduler.fair_share.groups;
        groups = {{.name = "a"}, {.name = "b", .parent = "a", .quota = 3}};
        s.scheduler.drf.weights = {{.name = "a", .weight = 2}, {.name = "b", .weight = 1}};
        CHECK(refusal(s) == "accepted");
        groups[0].parent = "b";
        CHECK(refusal(s) ==
              "error: scheduler.fair-share.groups.0.parent: no group before it has this name (b); list the parent "
              "first");
        groups[0] = {.name = "b"};
        CHECK(refusal(s) == "error: scheduler.fair-share.groups.1.name: another one has this name (b); name each once");
        groups[1].name.clear();
        CHECK(refusal(s) == "error: scheduler.fair-share.groups.1.name: is empty; write a name");
        groups[1] = {.name = "c", .weight = 0};
        CHECK(refusal(s) == "error: scheduler.fair-share.groups.1.weight: too small (0); write at least 1");
        groups.clear();
        s.scheduler.drf.weights[1].name = "a";
        CHECK(refusal(s) == "error: scheduler.drf.weights.1.name: another one has this name (a); name each once");
        s.scheduler.drf.weights.clear();
        s.scheduler.priority.preempt_above = 0;
        CHECK(refusal(s) == "error: scheduler.priority.preempt_above: too small (0); write at least 1");
        s.scheduler.priority.preempt_above = 1;
        s.scheduler.preemption.checkpoint_interval = duration::zero();
        CHECK(refusal(s) ==
              "error: scheduler.preemption.checkpoint_interval: too small (\"0 s\"); write at least \"1 ns\"");
    }
    SECTION("synthetic jobs") {
        s.workload.push_back(synthetic_entry());
        auto& jobs = *s.workload[0].synthetic;
        CHECK(refusal(s) == "accepted");
        SECTION("no sizes") {
            jobs.gpus.clear();
            CHECK(
                refusal(s) ==
                "error: workload.0.synthetic.gpus: no job sizes; write at least one, such as [{ gpus: 1, weight: 1 }]");
        }
        SECTION("no weight") {
            jobs.gpus[0].weight = 0;
            CHECK(refusal(s) == "error: workload.0.synthetic.gpus: all weights are 0; give one size a weight above 0");
            jobs.gpus[0].weight = std::numeric_limits<double>::quiet_NaN();
            CHECK(refusal(s) ==
                  "error: workload.0.synthetic.gpus.0.weight: not a number (nan); write a decimal number");
        }
        SECTION("rate") {
            jobs.rate = {0};
            CHECK(refusal(s) == "error: workload.0.synthetic.rate: too small (\"0 /s\"); write more than \"0 /s\"");
            jobs.rate = {1e-9};
            CHECK(refusal(s) ==
                  "error: workload.0.synthetic.rate: the jobs would take more than 100 years to arrive (1e-09 /s); "
                  "write a larger rate or fewer jobs");
        }
        SECTION("estimates") {
            jobs.estimate_factor = {2.0, 1.0};
            CHECK(refusal(s) == "error: workload.0.synthetic.estimate_factor: min is above max (2); write at most 1");
        }
    }
    SECTION("trace without a name") {
        s.workload.emplace_back().trace.emplace();
        CHECK(refusal(s) == "error: workload.0.trace.path: is empty; write the name of a file");
    }
    SECTION("requests of no service") {
        s.output.requests = true;
        CHECK(refusal(s) ==
              "error: output.requests: there is no service that gets any (true); write workload.N.service, or false");
    }
}

TEST_CASE("names of policies and placers are checked against those that exist", "[scenario]") {
    const auto refused = [](const scenario::scenario& s) -> std::string {
        try {
            scenario::validate(s, policies, placers,
                               [](std::string_view path) { return source_position{"f.yaml", 3, path.size()}; });
        } catch (const scenario_error& e) {
            return e.what();
        }
        return "accepted";
    };
    auto s = smallest();
    CHECK(refused(s) == "accepted");
    s.scheduler.policy = "eassy";
    CHECK(refused(s) == "f.yaml:3:16: error: scheduler.policy: unknown policy (eassy); did you mean `easy`?");
    s.scheduler.policy = "lottery";
    CHECK(refused(s) == "f.yaml:3:16: error: scheduler.policy: unknown policy (lottery); known: fifo, easy, sjf");
    s.scheduler.policy = "easy";
    s.scheduler.placer = "spred";
    CHECK(refused(s) == "f.yaml:3:16: error: scheduler.placer: unknown placer (spred); did you mean `spread`?");
}
