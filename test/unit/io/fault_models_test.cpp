// faults.model and faults.processes: what the catalogue and the scenario make of each other, what is refused, and 54
// days of 16,384 GPUs against what was published of them.
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/gzip.hpp"
#include "support/zstd.hpp"

#include <ampacity/io/prepare.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace ampacity;

namespace {

constexpr double day_s = 86400;

std::string scenario_of(const std::string& faults,
                        const std::string& fleet = "{ nodes: { model: dgx-h100, count: 8 } }") {
    return "ampacity: 1\nname: s\nseed: 7\nuntil: \"30 d\"\nfleet: " + fleet +
           "\nworkload:\n  - synthetic: { jobs: 1, rate: \"1 /s\", gpus: [ { gpus: 8, weight: 1 } ], duration: { "
           "median: "
           "\"1 h\", sigma: 0 } }\nscheduler: { policy: fifo }\nfaults: " +
           faults + "\n";
}

class folder {
public:
    [[nodiscard]] io::prepared_run prepare(const std::string& text) const {
        test::write_file(home_.path() / "s.yaml", text);
        return io::prepare(io::read_scenario(home_.path() / "s.yaml"));
    }
    [[nodiscard]] std::vector<faults::failure_process> causes(const std::string& faults) const {
        return prepare(scenario_of(faults)).parts.failures.processes;
    }
    [[nodiscard]] std::string refusal(const std::string& text) const {
        try {
            static_cast<void>(prepare(text));
        } catch (const scenario_error& e) {
            const std::string all = e.what();
            return all.substr(all.find("error: ") + 7);
        }
        return "accepted";
    }

private:
    test::temporary_directory home_;
};

const faults::failure_process& named(const std::vector<faults::failure_process>& all, std::string_view name) {
    const auto at = std::find_if(all.begin(), all.end(), [name](const auto& p) { return p.cause == name; });
    REQUIRE(at != all.end());
    return *at;
}

}  // namespace

TEST_CASE("causes of a model have its rates, and the repairs of their class", "[faults]") {
    const folder here;
    const auto all = here.causes("{ model: llama3-h100 }");
    REQUIRE(all.size() == 18);
    double per_s = 0;
    for (const auto& p : all) {
        CHECK(p.part == faults::part_kind::gpu);
        CHECK(p.shape == 1);
        per_s += 1 / p.mean_s;
    }
    CHECK(per_s * 16384 * 54 * day_s == Approx(419).epsilon(0.005));
    CHECK(day_s / named(all, "nic").mean_s == Approx(7.9e-6));
    CHECK_FALSE(named(all, "software_bug").repair);
    CHECK_FALSE(named(all, "nccl_watchdog_timeout").repair);
    const auto hard = std::get<lognormal_distribution>(*named(all, "faulty_gpu").repair);
    CHECK(hard.median == day_s);
    CHECK(hard.quantile(0.95) / hard.quantile(0.05) == Approx(72.0 / 4));
    CHECK(std::get<lognormal_distribution>(*named(all, "gpu_system_processor").repair).median == 900);
    CHECK(std::get<lognormal_distribution>(*named(all, "nic").repair).median == 3600);

    // A model without causes is one.
    const auto one = here.causes("{ model: gb200-nvl72-2025, crews: 3 }");
    REQUIRE(one.size() == 1);
    CHECK(one[0].cause == "interruption");
    CHECK(one[0].mean_s == Approx(2000 * day_s));
    CHECK(std::get<lognormal_distribution>(*one[0].repair).median == 7200);
}

TEST_CASE("a scenario changes causes of a model, and adds its own", "[faults]") {
    const folder here;
    const auto all = here.causes(
        "{ model: llama3-h100, scale: 2, causes: [ { name: nic, scale: 3 }, { name: cpu, scale: 0 }, { name: ssd, "
        "mtbf: "
        "\"90 d\", repair: { constant: \"3 h\" } } ], repairs: { network: { uniform: { min: \"1 h\", max: \"2 h\" } } "
        "}, "
        "processes: [ { cause: pump, part: node, mtbf: \"100 d\", shape: 2 } ] }");
    REQUIRE(all.size() == 18);
    CHECK(day_s / named(all, "nic").mean_s == Approx(6 * 7.9e-6));
    CHECK(std::get<uniform_distribution>(*named(all, "nic").repair) == uniform_distribution{3600, 7200});
    CHECK(day_s / named(all, "faulty_gpu").mean_s == Approx(2 * 1.673e-4));
    CHECK(named(all, "ssd").mean_s == Approx(90 * day_s));
    CHECK(std::get<constant_distribution>(*named(all, "ssd").repair).value == 3 * 3600);
    CHECK(std::none_of(all.begin(), all.end(), [](const auto& p) { return p.cause == "cpu"; }));
    CHECK(all.back().cause == "pump");
    CHECK(all.back().part == faults::part_kind::node);
    CHECK(all.back().shape == 2);
    CHECK_FALSE(all.back().repair);
    const auto parts = here.prepare(scenario_of("{ model: llama3-h100, crews: 2 }")).parts;
    CHECK(parts.failures.crews == 2U);
    CHECK(parts.failures.seed == 7);
    CHECK_FALSE(here.prepare(scenario_of("{}")).parts.failures.any());
}

TEST_CASE("failures that make no sense are refused", "[faults]") {
    const folder here;
    const auto refusal = [&here](const std::string& faults) { return here.refusal(scenario_of(faults)); };
    CHECK(refusal("{ scale: 2 }") == "faults.scale: is about a model; write faults.model, or remove it");
    CHECK(refusal("{ crews: 2 }") ==
          "faults.crews: nothing fails at random (2); write faults.model or faults.processes, or remove it");
    CHECK(refusal("{ model: llama3-h100, causes: [ { name: nci, scale: 2 } ] }") ==
          "faults.causes.0.name: the model has no such cause (nci); did you mean `nic`?");
    CHECK(refusal("{ model: llama3-h100, causes: [ { name: nic, scale: 2, mtbf: \"1 d\" } ] }") ==
          "faults.causes.0.mtbf: says twice how often (1 d); remove it, or the scale");
    CHECK(refusal("{ model: delta-h100 }") ==
          "faults.model: does not say how often GPUs fail (delta-h100); name one "
          "with `per_gpu` or `causes`, such as llama3-h100");
    CHECK(refusal("{ model: llama3-h100, processes: [ { cause: nic, mtbf: \"9 d\" } ] }") ==
          "faults.processes.0.cause: the model has a cause of this name (nic); give it another one");
    CHECK(refusal("{ processes: [ { cause: a, mtbf: \"9 d\" }, { cause: a, mtbf: \"8 d\" } ] }") ==
          "faults.processes.1.cause: another one has this name (a); name each once");
    CHECK(refusal("{ processes: [ { cause: a, part: rack, mtbf: \"9 d\" } ] }") ==
          "faults.processes.0.part: the fleet has no racks (rack); write gpu or node, or give the fleet racks");
    CHECK(refusal(
              "{ processes: [ { cause: a, mtbf: \"9 d\", repair: { uniform: { min: \"2 h\", max: \"1 h\" } } } ] }") ==
          "faults.processes.0.repair.uniform.max: not above min (1 h); write more than 2 h");
    CHECK(here.refusal(scenario_of("{ model: llama3-h100 }", "{ pool_gpus: 64 }")) ==
          "faults.model: a pool has no parts that fail; describe the fleet by nodes or racks");
}

TEST_CASE("lemons and early failures are those of the scenario, else of the model", "[faults]") {
    const folder here;
    const auto plan = [&here](const std::string& faults) { return here.prepare(scenario_of(faults)).parts.failures; };
    const auto own =
        plan("{ model: llama3-h100, lemons: { share: 0.25, factor: 4 }, infant: { multiplier: 2, horizon: \"9 d\" } }");
    CHECK(own.lemons->share == 0.25);
    CHECK(own.lemons->factor == 4);
    CHECK(own.infant->multiplier == 2);
    CHECK(own.infant->horizon == std::chrono::hours{24 * 9});
    const auto of_model = plan("{ model: llama3-h100, lemons: { factor: 10 } }");
    CHECK(of_model.lemons->share == Approx(0.012));
    CHECK_FALSE(of_model.infant);
    const auto early = plan("{ model: gb200-nvl72-2025, infant: {} }").infant;
    CHECK(early->multiplier == 3);
    CHECK(early->horizon == std::chrono::hours{24 * 90});
    CHECK(plan("{ model: gb200-nvl72-2025, infant: { multiplier: 5 } }").infant->horizon ==
          std::chrono::hours{24 * 90});

    const auto refusal = [&here](const std::string& faults) { return here.refusal(scenario_of(faults)); };
    CHECK(refusal("{ lemons: { share: 0.1, factor: 2 } }") ==
          "faults.lemons: nothing fails at random; write faults.model or faults.processes, or remove it");
    CHECK(refusal("{ infant: {} }") ==
          "faults.infant: nothing fails at random; write faults.model or faults.processes, or remove it");
    CHECK(refusal("{ processes: [ { cause: a, mtbf: \"9 d\" } ], lemons: { factor: 2 } }") ==
          "faults.lemons.share: is missing, and there is no model that has it; write it, such as share: 0.01");
    CHECK(refusal("{ processes: [ { cause: a, mtbf: \"9 d\" } ], infant: { multiplier: 2 } }") ==
          "faults.infant.horizon: is missing, and there is no model that has it; write it, such as horizon: \"90 d\"");
    CHECK(
        refusal("{ model: gb200-nvl72-2025, lemons: { factor: 2 } }") ==
        "faults.lemons.share: is missing, and the model does not have it (gb200-nvl72-2025); write it, such as share: "
        "0.01");
    CHECK(
        refusal("{ model: llama3-h100, infant: { multiplier: 2 } }") ==
        "faults.infant.horizon: is missing, and the model does not have it (llama3-h100); write infant: { multiplier: "
        "3, horizon: \"90 d\" }");
    CHECK(refusal("{ model: llama3-h100, lemons: { share: 0.1, factor: 0.5 } }") ==
          "faults.lemons.factor: too small (0.5); write at least 1");
    CHECK(refusal("{ model: llama3-h100, lemon: { share: 0.1, factor: 2 } }") ==
          "faults.lemon: unknown key (lemon); did you mean `lemons`?");
}

TEST_CASE("a log of failures is replayed from its file, whatever it is packed in", "[faults]") {
    const std::string log =
        "time_s,part,index,cause,repair_s\n"
        "10.5,gpu,63,xid79,3600\n"
        "10.5,node,7,fan,\n"
        "86400,rack,1,nic,60.25\n";
    const std::string fleet = "{ racks: { nodes_per_rack: 4, gpus_per_node: 8, count: 2 } }";
    test::temporary_directory home;
    const auto plan_of = [&](const std::string& bytes, const std::string& of = "{ log: { path: f.csv } }") {
        test::write_file(home.path() / "f.csv", bytes);
        test::write_file(home.path() / "s.yaml", scenario_of(of, fleet));
        return io::prepare(io::read_scenario(home.path() / "s.yaml"));
    };
    for (const std::string& bytes : {log, test::gzip(log), test::zstd(log)}) {
        const auto run = plan_of(bytes);
        const faults::failure_plan& plan = run.parts.failures;
        REQUIRE(plan.processes.size() == 3);
        CHECK(plan.processes[0].cause == "xid79");
        CHECK(std::isinf(plan.processes[0].mean_s));
        REQUIRE(plan.log.size() == 3);
        CHECK(plan.log[0].at == start_of_time + std::chrono::milliseconds{10'500});
        CHECK(plan.log[0].part == faults::part_kind::gpu);
        CHECK(plan.log[0].index == 63);
        CHECK(plan.log[0].repair == std::chrono::hours{1});
        CHECK_FALSE(plan.log[1].repair);
        CHECK(plan.log[2].part == faults::part_kind::rack);
        CHECK(plan.log[2].process == 2);
        CHECK(plan.log[2].repair == std::chrono::milliseconds{60'250});
        CHECK(run.models.back().path.ends_with("f.csv"));
    }
    // Causes of a model that the log has, too, are one.
    const auto both = plan_of(log, "{ model: llama3-h100, log: { path: f.csv } }").parts.failures;
    CHECK(both.processes.size() == 20);
    CHECK(both.processes[both.log[2].process].cause == "nic");
    CHECK(std::isfinite(both.processes[both.log[2].process].mean_s));

    const auto refusal = [&](const std::string& bytes) {
        try {
            static_cast<void>(plan_of(bytes));
        } catch (const data_error& e) {
            std::string all = e.what();
            all.erase(0, all.find("f.csv:"));
            // The byte repeats the line and the column.
            const std::size_t byte = all.find(", at byte ");
            if (byte != std::string::npos) all.erase(byte, all.find_first_not_of("0123456789", byte + 10) - byte);
            return all;
        }
        return std::string{"accepted"};
    };
    const std::string head = "time_s,part,index,cause,repair_s\n";
    CHECK(refusal("time_s,part,index,cause\n1,gpu,0,a\n") ==
          "f.csv:1:24: error: repair_s: column missing from the header; add it: a log of failures needs time_s, part, "
          "index, cause, repair_s");
    CHECK(refusal("time_s,part,index,cause,repair_s,nods\n") ==
          "f.csv:1:34: error: nods: unknown column; known: time_s, part, index, cause, repair_s");
    CHECK(refusal(head + "1,gpus,0,a,\n") == "f.csv:2:3: error: part: unknown part (gpus); did you mean `gpu`?");
    CHECK(refusal(head + "1,gpu,64,a,\n") ==
          "f.csv:2:7: error: index: the fleet has no such part (64); write a whole number below 64");
    CHECK(refusal(head + "1,rack,2,a,\n") ==
          "f.csv:2:8: error: index: the fleet has no such part (2); write a whole number below 2");
    CHECK(refusal(head + "2,node,0,a,\n1,node,0,a,\n") ==
          "f.csv:3:1: error: time_s: before the row above (1); sort the rows by time");
    CHECK(refusal(head + "-1,node,0,a,\n") ==
          "f.csv:2:1: error: time_s: not a time (-1); give seconds from 0 to 200 years");
    CHECK(refusal(head + "1,node,0,a,0\n") ==
          "f.csv:2:12: error: repair_s: takes no time (0); leave it empty where nothing is repaired");
    CHECK(refusal(head + "1,node,0,,\n") == "f.csv:2:10: error: cause: value missing; name the cause");
    CHECK(folder{}.refusal(scenario_of("{ log: { path: f.csv } }", "{ pool_gpus: 64 }")) ==
          "faults.log: a pool has no parts that fail; describe the fleet by nodes or racks");
}

TEST_CASE("parts of more kinds, at lower speed, swapped or noticed later", "[faults]") {
    const folder here;
    const std::string racks = "{ racks: { model: gb300-nvl72, count: 2 } }";
    const auto all =
        here.prepare(scenario_of("{ model: llama3-h100, detection: { hard-gpu: { constant: \"5 min\" }, soft: "
                                 "{ exponential: \"1 h\" } }, processes: [ { cause: tray, part: "
                                 "switch-tray, count: 9, mtbf: \"900 d\", repair: { constant: \"2 h\" }, "
                                 "speed: 0.85, swap_after: { constant: \"12 h\" } }, { cause: rail, part: nic, "
                                 "count: 4, mtbf: \"700 d\", detection: { constant: \"3 min\" } } ] }",
                                 racks))
            .parts.failures.processes;
    CHECK(std::get<constant_distribution>(*named(all, "faulty_gpu").detection).value == 300);
    CHECK(std::get<exponential_distribution>(*named(all, "software_bug").detection).scale == 3600);
    CHECK_FALSE(named(all, "nic").detection);
    CHECK_FALSE(named(all, "silent_data_corruption").detection);
    const auto& tray = named(all, "tray");
    CHECK(tray.part == faults::part_kind::switch_tray);
    CHECK(tray.each == 9);
    CHECK(tray.speed == 0.85);
    CHECK(std::get<constant_distribution>(*tray.swap_after).value == 12 * 3600);
    CHECK(named(all, "rail").part == faults::part_kind::nic);
    CHECK(named(all, "rail").each == 4);
    CHECK(std::get<constant_distribution>(*named(all, "rail").detection).value == 180);

    const auto refusal = [&](const std::string& process) {
        return here.refusal(scenario_of("{ processes: [ { cause: a, mtbf: \"9 d\", " + process + " } ] }"));
    };
    CHECK(refusal("part: switch-tray, count: 9") ==
          "faults.processes.0.part: the fleet has no racks (switch-tray); write gpu or node, or give the fleet racks");
    CHECK(refusal("part: switch_try, count: 9") ==
          "faults.processes.0.part: unknown name (switch_try); did you mean `switch-tray`?");
    CHECK(refusal("part: nic") ==
          "faults.processes.0.count: does not say how many of them there are (nic); write those of a node, such as "
          "count: 8");
    CHECK(refusal("part: gpu, count: 9") == "faults.processes.0.count: is for switch-tray and nic (9); remove it");
    CHECK(refusal("speed: 0.5") ==
          "faults.processes.0.speed: is for as long as a repair takes (0.5); give a repair, or remove it");
    CHECK(refusal("repair: { constant: \"1 h\" }, swap_after: { constant: \"1 h\" }") ==
          "faults.processes.0.swap_after: is for what goes on at a lower speed; give a speed, or remove it");
    CHECK(refusal("repair: { constant: \"1 h\" }, speed: 0.5, detection: { constant: \"1 h\" }") ==
          "faults.processes.0.detection: is for what stops jobs; remove it, or the speed");
    CHECK(refusal("speed: 1.5, repair: { constant: \"1 h\" }") ==
          "faults.processes.0.speed: too large (1.5); write at most 0.999");
    CHECK(refusal("detection: { uniform: { min: \"2 h\", max: \"1 h\" } }") ==
          "faults.processes.0.detection.uniform.max: not above min (1 h); write more than 2 h");
    CHECK(refusal("silent: true") ==
          "faults.processes.0.silent: is noticed at once (true); give a detection, or remove it");
    const auto silent = here.causes("{ model: llama3-h100, detection: { silent: { constant: \"6 h\" } } }");
    CHECK(named(silent, "silent_data_corruption").silent);
    CHECK(std::get<constant_distribution>(*named(silent, "silent_data_corruption").detection).value == 6 * 3600);
    CHECK_FALSE(named(silent, "faulty_gpu").silent);
    CHECK(here.refusal(scenario_of("{ detection: { host: { constant: \"1 h\" } } }")) ==
          "faults.detection: is about a model; write faults.model, or remove it");
    CHECK(here.refusal(scenario_of("{ model: llama3-h100, detection: { hrd-gpu: { constant: \"1 h\" } } }")) ==
          "faults.detection.hrd-gpu: unknown key (hrd-gpu); did you mean `hard-gpu`?");
}

TEST_CASE("maintenance goes round racks or nodes, so many at a time", "[faults]") {
    const folder here;
    struct window {
        std::string name;
        double from_h = 0, to_h = 0;
        std::vector<std::uint32_t> nodes;
        bool operator==(const window&) const = default;
    };
    const std::string racks = "{ racks: { nodes_per_rack: 2, gpus_per_node: 4, count: 5 } }";
    const auto windows = [&here](const std::string& list, const std::string& fleet) {
        std::vector<window> out;
        const auto run = here.prepare(scenario_of("{ maintenance: [ " + list + " ] }", fleet));
        for (const sim::reservation& r : run.parts.reservations) {
            CHECK(r.kind == sim::reservation_kind::maintenance);
            out.push_back({r.name,
                           to_seconds(r.what.start - start_of_time) / 3600,
                           to_seconds(r.what.end - start_of_time) / 3600,
                           {}});
            for (const node_id n : r.what.nodes) out.back().nodes.push_back(static_cast<std::uint32_t>(index(n)));
        }
        return out;
    };
    // Five racks, two at a time.
    CHECK(
        windows("{ name: fw, start: \"10 h\", duration: \"4 h\", at_a_time: 2 }", racks) ==
        std::vector<window>{{"fw 1", 10, 14, {0, 1, 2, 3}}, {"fw 2", 14, 18, {4, 5, 6, 7}}, {"fw 3", 18, 22, {8, 9}}});
    // Some racks; and nodes.
    CHECK(windows(
              "{ name: a, start: \"0 h\", duration: \"1 h\", racks: \"3,1\" }, { name: b, start: \"2 h\", duration: "
              "\"90 min\", nodes: \"7-9\", at_a_time: 3 }",
              racks) == std::vector<window>{{"a 1", 0, 1, {2, 3}}, {"a 2", 1, 2, {6, 7}}, {"b 1", 2, 3.5, {7, 8, 9}}});
    // All nodes of a fleet without racks; again and again until the end, 30 days, when a round is cut.
    const auto rounds =
        windows("{ name: r, every: \"239 h\", duration: \"1 h\", at_a_time: 3 }", "{ nodes: { gpus: 8, count: 8 } }");
    REQUIRE(rounds.size() == 9);
    CHECK(rounds[0] == window{"r 1", 239, 240, {0, 1, 2}});
    CHECK(rounds[2] == window{"r 3", 241, 242, {6, 7}});
    CHECK(rounds[3] == window{"r 4", 478, 479, {0, 1, 2}});
    CHECK(rounds[8] == window{"r 9", 719, 720, {6, 7}});
    CHECK(windows("{ name: r, every: \"240 h\", start: \"239 h\", duration: \"1 h\" }",
                  "{ nodes: { gpus: 8, count: 2 } }")
              .back() == window{"r 5", 719, 720, {0}});

    const auto refusal = [&](const std::string& list, const std::string& more = "") {
        return here.refusal(scenario_of("{ maintenance: [ " + list + " ] }", racks) + more);
    };
    CHECK(refusal("{ name: a, duration: \"1 h\" }") ==
          "faults.maintenance.0.start: does not say when; give `start` or `every`, such as every: \"30 d\"");
    CHECK(refusal("{ name: a, start: \"0 h\", duration: \"1 h\", racks: \"5\" }") ==
          "faults.maintenance.0.racks: not a list of numbers and ranges below 5 (5); write such as \"0-4\"");
    CHECK(refusal("{ name: a, start: \"0 h\", duration: \"1 h\", racks: \"1\", nodes: \"1\" }") ==
          "faults.maintenance.0: says twice which nodes; give one of its keys for that");
    CHECK(
        refusal("{ name: a, every: \"4 h\", duration: \"1 h\" }") ==
        "faults.maintenance.0.every: a round is not over by then (4 h); write more, or work on more at a time: a round "
        "is 5 times 1 h");
    CHECK(
        refusal("{ name: a, every: \"1 h\", duration: \"1 min\" }") ==
        "faults.maintenance.0: too many reservations, with all others (a); plan at most 1000: work on more at a time, "
        "or less often, or give `notice`");
    CHECK(refusal("{ name: a, every: \"6 h\", duration: \"1 h\", notice: \"1200 h\" }") ==
          "faults.maintenance.0.notice: too many turns would be known at a time (50 d); write less than 1000 times "
          "`duration`");
    // However long before, there are no more than these.
    CHECK(refusal("{ name: a, start: \"0 h\", duration: \"1 h\", notice: \"1000 h\" }") == "accepted");
    CHECK(
        refusal("{ name: a, every: \"5 min\", duration: \"1 s\", notice: \"1 s\" }") ==
        "faults.maintenance.0: too many reservations, with all others (a); plan at most 10000: work on more at a time, "
        "or less often");
    CHECK(refusal("{ name: a, start: \"0 h\", duration: \"1 h\", at_once: 2 }") ==
          "faults.maintenance.0.at_once: unknown key (at_once); known: name, start, every, duration, notice, "
          "nodes, racks, at_a_time");
    CHECK(here.refusal(scenario_of("{ maintenance: [ { name: a, start: \"0 h\", duration: \"1 h\" } ] }",
                                   "{ pool_gpus: 64 }")) ==
          "faults.maintenance.0: a pool has no nodes to name; describe the fleet by nodes or racks");
}

TEST_CASE("policies learn of maintenance when its notice says, beside services a turn before", "[faults]") {
    const folder here;
    const auto known_h = [&here](const std::string& notice, const std::string& workload) {
        std::vector<double> out;
        const auto run = here.prepare(
            "ampacity: 1\nname: s\nseed: 7\nuntil: \"4 d\"\nfleet: { nodes: { gpus: 8, count: 3 } }\n" + workload +
            "scheduler: { policy: easy }\nfaults: { maintenance: [ { name: a, start: "
            "\"20 h\", duration: \"5 h\"" +
            notice + " } ] }\n");
        for (const sim::reservation& r : run.parts.reservations)
            out.push_back(to_seconds(r.known - start_of_time) / 3600);
        return out;
    };
    const std::string jobs =
        "workload:\n  - synthetic: { jobs: 2, gpus: [ { gpus: 8, weight: 1 } ], rate: \"1 /h\", duration: { "
        "median: \"1 h\", sigma: 1 } }\n";
    const std::string service =
        "workload:\n  - service: { name: c, gpus_per_replica: 8, autoscale: { policy: fixed }, engine: { "
        "kv_capacity_tokens: 4000, step: { base: \"1 ms\" } }, synthetic: { requests: 2, rate: \"1 /h\", prompt: { "
        "median: \"20 token\", sigma: 1 }, output: { median: \"20 token\", sigma: 1 } } }\n";
    CHECK(known_h("", jobs) == std::vector<double>{0, 0, 0});
    CHECK(known_h(", notice: \"22 h\"", jobs) == std::vector<double>{0, 3, 8});
    CHECK(known_h(", notice: \"0 h\"", service) == std::vector<double>{20, 25, 30});
    CHECK(known_h("", service) == std::vector<double>{15, 20, 25});
}

TEST_CASE("jobs end before maintenance, and never run in it", "[faults]") {
    const folder here;
    const std::string text =
        "ampacity: 1\nname: s\nseed: 7\nuntil: \"8 d\"\nfleet: { racks: { nodes_per_rack: 4, gpus_per_node: 4, count: "
        "4 } "
        "}\nworkload:\n  - synthetic: { jobs: 400, rate: \"4 /h\", gpus: [ { gpus: 4, weight: 3 }, { gpus: 16, weight: "
        "1 } ], "
        "duration: { median: \"2 h\", sigma: 1 } }\nscheduler: { policy: easy }\nfaults: { maintenance: [ { name: fw, "
        "every: \"2 d\", duration: \"6 h\", at_a_time: 2 } ] }\n";
    sim::simulation s{here.prepare(text).parts};
    s.run();
    const sim::summary& r = s.results();
    REQUIRE(r.reservations.size() == 6);
    // Three rounds of two turns, each of 8 nodes for 6 hours; nodes are empty then.
    CHECK(r.books[account::down] + r.books[account::draining] ==
          gpu_time{6} * 32 * ticks(duration{std::chrono::hours{6}}));
    CHECK(r.restarts == 0);
    CHECK(r.preemptions == 0);
}

TEST_CASE("Llama 3: 54 days of 16,384 GPUs are as they were published", "[faults][llama3]") {
    const auto file = test::source_directory() / "scenarios/training/llama3-405b-16k.yaml";
    io::loaded_scenario loaded = io::read_scenario(file);
    const std::map<std::string, double> published{{"faulty_gpu", 148},
                                                  {"gpu_hbm3", 72},
                                                  {"software_bug", 54},
                                                  {"network_switch_or_cable", 35},
                                                  {"unplanned_host_maintenance", 32},
                                                  {"gpu_sram", 19},
                                                  {"gpu_system_processor", 17},
                                                  {"nic", 7},
                                                  {"nccl_watchdog_timeout", 7},
                                                  {"silent_data_corruption", 6},
                                                  {"gpu_thermal_or_sensor", 6}};
    constexpr std::size_t seeds = 20;
    std::vector<double> totals;
    std::map<std::string, double> by_cause;
    double all = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        loaded.value.seed = seed;
        sim::simulation s{io::prepare(loaded).parts};
        s.run();
        const sim::summary& r = s.results();
        double stopped = 0;
        for (const sim::cause_result& c : r.failures) {
            stopped += static_cast<double>(c.jobs_stopped);
            by_cause[c.name] += static_cast<double>(c.jobs_stopped);
        }
        CHECK(stopped == static_cast<double>(r.restarts));
        totals.push_back(stopped);
        all += stopped;
        const auto held = static_cast<double>(r.books[account::useful] + r.books[account::lost] +
                                              r.books[account::checkpoint] + r.books[account::restart]);
        const double effective = static_cast<double>(r.books[account::useful]) / held;
        INFO("seed " << seed << ": " << stopped << " interruptions, effective " << effective);
        CHECK(effective > 0.90);
        CHECK(effective < 0.95);
        // Spare nodes were there whenever one was needed: the job never waited.
        CHECK(held / (16384 * 54 * day_s * 1e9) > 0.9999);
    }
    // The published total lies in the 95 % interval of the runs, whose spread is that of a Poisson count.
    const double mean = all / seeds;
    double variance = 0;
    for (const double t : totals) variance += (t - mean) * (t - mean) / (seeds - 1);
    INFO("mean " << mean << ", deviation " << std::sqrt(variance));
    CHECK(std::abs(419 - mean) < 1.96 * std::sqrt(variance));
    CHECK(std::abs(419 - mean) < 4.5 * std::sqrt(419.0 / seeds));
    CHECK(std::sqrt(variance) > 0.5 * std::sqrt(mean));
    CHECK(std::sqrt(variance) < 1.6 * std::sqrt(mean));
    // So do the published shares: each in the binomial interval of 419 at the share over all runs.
    for (const auto& [cause, count] : published) {
        INFO(cause);
        const double share = by_cause[cause] / all;
        CHECK(std::abs(count / 419 - share) < 1.96 * std::sqrt(share * (1 - share) / 419));
    }
}
