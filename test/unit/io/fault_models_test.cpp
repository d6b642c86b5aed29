// faults.model and faults.processes: what the catalogue and the scenario make of each other, what is refused, and 54
// days of 16,384 GPUs against what was published of them.
#include "support/catch.hpp"
#include "support/files.hpp"

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
