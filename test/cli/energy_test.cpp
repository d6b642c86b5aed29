// Fleets of models, and the energy of runs, from file to file.

#include "cli/program.hpp"

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

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

TEST_CASE("on a fleet of several GPU types each draws what its model says, wherever it stands") {
    const auto it_kwh = [](const std::string& fleet, const std::string& more, const std::string& jobs) {
        const workspace here{with(small_scenario, "{ pool_gpus: 4 }", fleet) + "until: 1 h\nenergy: {}\n" + more,
                             header + jobs};
        here.run_well();
        const document s = here.summary();
        CHECK(s.number("energy_kwh.it") == Approx(s.number("power_w.mean") / 1000));
        return s.number("energy_kwh.it");
    };
    // Nodes are numbered type by type; the racks of site a are the first of both types.
    const std::string mixed =
        "{ sites: [ { name: a, racks: [ { model: gb200-nvl72, count: 1 }, { model: gb300-nvl72, count: 1 } ] }, "
        "{ name: b, racks: [ { model: gb200-nvl72, count: 2 } ] } ] }";
    const auto of = [](const char* model, int count) {
        return "{ racks: { model: " + std::string{model} + ", count: " + std::to_string(count) + " } }";
    };
    const std::string job = "a,0,72,7200\n", jobs = job + "b,0,72,7200\n";
    const double idle_200 = it_kwh(of("gb200-nvl72", 1), "", ""), idle_300 = it_kwh(of("gb300-nvl72", 1), "", "");
    const double busy_200 = it_kwh(of("gb200-nvl72", 1), "", job), busy_300 = it_kwh(of("gb300-nvl72", 1), "", job);
    CHECK(idle_200 != Approx(idle_300));
    CHECK(it_kwh(mixed, "", "") == Approx(3 * idle_200 + idle_300));
    const auto only = [](const char* type) {
        return "workload:\n  - trace: { path: jobs.csv }\n    speeds: { default: { " + std::string{type} + ": 1 } }\n";
    };
    const auto run_on = [&](const char* type, const std::string& these) {
        const std::string base = with(small_scenario, "{ pool_gpus: 4 }", mixed) + "until: 1 h\nenergy: {}\n";
        const std::size_t begin = base.find("workload:"), end = base.find("scheduler:");
        REQUIRE(begin != std::string::npos);
        REQUIRE(end > begin);
        const workspace here{base.substr(0, begin) + only(type) + base.substr(end), header + these};
        here.run_well();
        return here.summary().number("energy_kwh.it");
    };
    CHECK(run_on("gb300", jobs) == Approx(3 * idle_200 + busy_300));
    CHECK(run_on("gb200", jobs) == Approx(idle_200 + 2 * busy_200 + idle_300));
}

TEST_CASE("without region and cooling there is energy and no PUE, and cooling takes the place of the region's") {
    const workspace here{racks + "energy: {}\n", header + "a,0,144,3600\n"};
    here.run_well();
    const std::string bare = here.read("out/summary.json");
    CHECK(contains(bare, "energy_kwh"));
    for (const char* const absent : {"\"pue\"", "location", "cost_usd", "overhead"}) CHECK(!contains(bare, absent));
    here.run_well({"--set", "energy.cooling=warm-water-w40"});
    const document s = here.summary();
    CHECK(s.number("pue") == Approx(s.number("energy_kwh.facility") / s.number("energy_kwh.it")));
    CHECK(!contains(here.read("out/summary.json"), "location"));
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

namespace {

/// Hours from midnight on: 100 and 900 g/kWh, 20 and 80 USD/MWh, 5 and 35 degC in turn, `on` hours each.
std::string hours_of(int hours, int on) {
    std::string out = "time,ci,marginal,price,outdoor\n";
    for (int h = 0; h != hours; ++h) {
        const bool high = h / on % 2 == 1;
        const std::string hour = h % 24 < 10 ? "0" + std::to_string(h % 24) : std::to_string(h % 24);
        out += "2021-06-0" + std::to_string(1 + h / 24) + ' ' + hour +
               (high ? ":00,900,700,80,35\n" : ":00,100,600,20,5\n");
    }
    return out;
}

std::string signal(const std::string& name, const std::string& column, const std::string& unit) {
    return name + ": { path: grid.csv, column: " + column + ", unit: " + unit +
           ", from: 2021-06-01, step: 1 h, beyond: repeat }";
}

const std::string with_signals = racks + "energy: { region: us-east-1, topology: 4n3, signals: { " +
                                 signal("carbon", "ci", "g/kWh") + ", " + signal("marginal", "marginal", "g/kWh") +
                                 ", " + signal("price", "price", "USD/MWh") + " } }\n";

}  // namespace

TEST_CASE("carbon and cost follow the signals, hour by hour") {
    const workspace here{with_signals, header + "a,0,144,7200\n"};
    here.write("grid.csv", hours_of(24, 1));
    here.run_well();
    const document s = here.summary();
    const double each = s.number("energy_kwh.facility") / 2;
    CHECK(s.number("carbon_kg.location") == Approx(each * (0.1 + 0.9)));
    CHECK(s.number("carbon_kg.marginal") == Approx(each * (0.6 + 0.7)));
    CHECK(s.number("carbon_kg.market") == 0);
    CHECK(s.number("cost_usd.energy") == Approx(each * (0.02 + 0.08)));
    CHECK(s.number("cost_usd.total") == s.number("cost_usd.energy"));
    CHECK(!s.has("cost_usd.demand"));
    CHECK(!s.has("cost_usd.capacity"));
    CHECK(s.number("pue") == Approx(1.15));
    // Two racks of 40 t over 1826 days.
    CHECK(s.number("carbon_kg.embodied") == Approx(80'000 * 2 / (24.0 * 1826)));
    CHECK(contains(here.read("out/run.json"), "grid.csv"));
    CHECK(!contains(here.read("out/run.json"), "filled_steps"));
    CHECK(contains(here.read("out/resolved.yaml"), "from: 2021-06-01T00:00:00Z"));
    const std::string before = here.read("out/summary.json");
    here.run_well({"--set", "output.telemetry=\"7 s\""});
    CHECK(here.read("out/summary.json") == before);
    // Demand by the month, capacity by the GPU.
    here.run_well(
        {"--set", "energy.demand_charge=10 USD/kW", "--set", "energy.gpu_price=3 USD/h", "--set", "energy.life=1 d"});
    const document t = here.summary();
    CHECK(t.number("cost_usd.demand") == Approx(s.number("energy_kwh.facility") / 2 * 10));
    CHECK(t.number("cost_usd.capacity") == Approx(144 * 3 * 2));
    CHECK(t.number("cost_usd.total") ==
          Approx(t.number("cost_usd.energy") + t.number("cost_usd.demand") + t.number("cost_usd.capacity")));
    CHECK(t.number("carbon_kg.embodied") == Approx(80'000 * 2 / 24.0));
}

TEST_CASE("chillers follow the weather") {
    const std::string weather = signal("weather", "outdoor", "degC");
    const workspace here{
        racks + "energy: { region: us-east-1, cooling: chilled-liquid, signals: { " + weather + " } }\n",
        header + "a,0,144,7200\n"};
    here.write("grid.csv", hours_of(24, 1));
    here.run_well();
    const document s = here.summary();
    // COP 6 (1 - 2.5 % (T - 30)): 9.75 at 5 degC, 5.25 at 35; pumps 1 %, fans 5 % of what goes into air, 1.7 % else.
    const double share = s.number("energy_kwh.overhead") / s.number("energy_kwh.it");
    const double chillers = (1 / 9.75 + 1 / 5.25) / 2;
    CHECK(share > chillers + 0.01 + 0.017);
    CHECK(share < chillers + 0.05 + 0.017);
    CHECK(s.number("energy_kwh.facility") ==
          Approx(s.number("energy_kwh.it") + s.number("energy_kwh.losses") + s.number("energy_kwh.overhead")));
    const workspace without{racks + "energy: { region: us-east-1, signals: { " + weather + " } }\n", header};
    without.write("grid.csv", hours_of(24, 1));
    CHECK(contains(without.call({"run", "s.yaml"}).err, "energy.signals.weather: nothing follows it"));
}

TEST_CASE("gaps are filled only if the scenario says so, and counted") {
    const workspace here{with_signals, header + "a,0,144,7200\n"};
    here.write("grid.csv", with(hours_of(24, 1), "2021-06-01 01:00,900,700,80,35\n", ""));
    const auto r = here.call({"run", "s.yaml"});
    CHECK(r.status == 3);
    CHECK(contains(r.err, "grid.csv:3:1: error: time: rows are missing before it, at byte"));
    here.run_well({"--set", "energy.signals.carbon.gaps=hold", "--set", "energy.signals.marginal.gaps=linear", "--set",
                   "energy.signals.price.gaps=hold"});
    CHECK(document{here.read("out/run.json")}.at("filled_steps").at("energy.signals.carbon") == 1);
    const document s = here.summary();
    CHECK(s.number("carbon_kg.location") == Approx(s.number("energy_kwh.facility") * 0.1));
    CHECK(s.number("carbon_kg.marginal") == Approx(s.number("energy_kwh.facility") * 0.6));
}

TEST_CASE("a run that goes on beyond its signals ends with an error of the data") {
    const workspace here{with_signals, header + "a,0,144,7200\nb,80000,144,20000\n"};
    here.write("grid.csv", hours_of(24, 1));
    here.run_well();
    const auto r = here.call({"run", "s.yaml", "--set", "energy.signals.carbon.beyond=error"});
    CHECK(r.status == 3);
    CHECK(contains(r.err, "grid.csv:25:1: error: energy.signals.carbon: the file ends before the run does"));
    const auto early = here.call({"run", "s.yaml", "--set", "energy.signals.carbon.beyond=error", "--until", "2 d"});
    CHECK(early.status == 3);
    here.run_well({"--set", "energy.signals.carbon.beyond=error", "--until", "1 d"});
}

TEST_CASE("carbon-aware shifts jobs into hours of low carbon, and why says so") {
    const workspace here{with_signals, header + "a,0,72,3600\nb,3600,72,3600\nc,7200,72,3600\n"};
    here.write("grid.csv", hours_of(24, 1));
    here.run_well({"--policy", "easy"});
    const double at_once = here.summary().number("carbon_kg.location") / here.summary().number("simulated_s");
    here.run_well({"--policy", "carbon-aware"});
    const std::string jobs = here.read("out/jobs.csv");
    CHECK(contains(jobs, "a,0,0,3600,"));
    CHECK(contains(jobs, "b,3600,7200,10800,"));
    CHECK(contains(jobs, "c,7200,7200,10800,"));
    CHECK(here.summary().number("carbon_kg.location") / here.summary().number("simulated_s") < at_once);
    here.run_well({"--policy", "carbon-aware", "--set", "scheduler.carbon-aware.max_delay=10 min"});
    CHECK(contains(here.read("out/jobs.csv"), "b,3600,4200,7800,"));
    const auto why = here.call({"why", "s.yaml", "--policy", "carbon-aware", "--job", "b"});
    CHECK(why.status == 0);
    CHECK(contains(why.out, "held back for a lower signal"));
    here.run_well({"--policy", "price-aware", "--set", "scheduler.price-aware.base=fifo"});
    CHECK(contains(here.read("out/jobs.csv"), "b,3600,7200,10800,"));
    for (const std::string base : {"round", "explain", "carbon-aware", "price-aware", "eazy"})
        CHECK(here.call({"run", "s.yaml", "--policy", "carbon-aware", "--set", "scheduler.carbon-aware.base=" + base})
                  .status == 2);
}

TEST_CASE("signals and policies that have nothing to go on are refused") {
    CHECK(contains(refused(with(racks, "policy: fifo", "policy: carbon-aware")),
                   "scheduler.policy: needs a signal that is not given (carbon-aware); write energy.signals.carbon"));
    CHECK(contains(refused(with(with_energy, "policy: fifo", "policy: price-aware")),
                   "scheduler.policy: needs a signal that is not given (price-aware); write energy.signals.price"));
    CHECK(contains(refused(with(with(with_energy, "policy: fifo", "policy: round, round: { policy: carbon-aware }"),
                                "4n3 }", "4n3 } ")),
                   "write energy.signals.carbon"));
    CHECK(contains(refused(racks + "energy: { demand_charge: 10 USD/kW }\n"),
                   "energy.demand_charge: the facility's power is not known; write energy.region or energy.cooling"));
    CHECK(contains(refused(with_energy + "x: 1\n"), "unknown key"));
    const workspace missing{with_signals, header};
    const auto r = missing.call({"run", "s.yaml"});
    CHECK(r.status == 3);
    CHECK(contains(r.err, "grid.csv"));
}

TEST_CASE("sites may have signals of their own") {
    const std::string sites =
        with(racks, "{ racks: { model: gb300-nvl72, count: 2 } }",
             "{ sites: [ { name: a, racks: [ { model: gb300-nvl72, count: 1 } ] }, { name: b, racks: [ { model: "
             "gb300-nvl72, count: 1 } ], signals: { carbon: { path: own.csv, column: ci, unit: g/kWh, from: "
             "2021-06-01, beyond: hold } } } ] }") +
        "energy: { region: us-east-1, topology: 4n3, signals: { " + signal("carbon", "ci", "g/kWh") + " } }\n";
    const workspace here{sites, header + "a,0,144,7200\n"};
    here.write("grid.csv", hours_of(24, 1));
    here.write("own.csv", "time,ci\n2021-06-01 00:00,0\n2021-06-01 01:00,0\n");
    here.run_well();
    const document s = here.summary();
    CHECK(s.number("carbon_kg.location") == Approx(s.number("energy_kwh.facility") / 2 * (0.1 + 0.9) / 2));
    CHECK(contains(here.read("out/run.json"), "own.csv"));
}

TEST_CASE("swings of synchronous jobs are told, and change no energy") {
    const workspace here{with_energy, header + "a,0,72,3600\nb,600,72,3600\n"};
    here.run_well();
    const document before = here.summary();
    const auto r = here.run_well({"--set", "workload.0.swing={ frequency: 1 Hz, transition: 50 ms }"});
    const document s = here.summary();
    CHECK(contains(r.out, "if independent"));
    CHECK(s.number("swing.coherent_w") > 10'000);
    CHECK(s.number("swing.incoherent_w") == Approx(s.number("swing.coherent_w") / std::sqrt(2.0)));
    CHECK(s.number("swing.ramp_w_per_s") == Approx(s.number("swing.coherent_w") * 20));
    CHECK(s.number("energy_kwh.it") == before.number("energy_kwh.it"));
    // Faster steps are smoothed by the racks' storage; a floor leaves nothing.
    here.run_well({"--set", "workload.0.swing={ frequency: 3 Hz }"});
    CHECK(here.summary().number("swing.coherent_w") < s.number("swing.coherent_w"));
    here.run_well({"--set", "workload.0.swing={ frequency: 1 Hz, floor: 2 kW }"});
    CHECK(here.summary().number("swing.coherent_w") == 0);
}

TEST_CASE("what floors cost is part of the energy, and told") {
    const workspace here{with_energy, header + "a,0,72,3600\n"};
    const std::string common = "workload.0.swing={ frequency: 1 Hz, low: idle, low_share: 0.25";
    const auto run = [&](const std::string& floor) {
        const auto r = here.run_well({"--set", "energy.phase=gemm-fp4", "--set", common + floor + " }"});
        CHECK(contains(r.out, "power floors added") == !floor.empty());
        return here.summary();
    };
    const document bare = run("");
    CHECK(!contains(here.read("out/summary.json"), "\"floor\""));
    const document s = run(", floor: 600 W");
    // 72 GPUs draw 105.5 W more; a tenth is lost on the way at most.
    const double added = s.number("energy_kwh.floor");
    CHECK(added > 72 * 0.1055);
    CHECK(added < 72 * 0.1055 / 0.9);
    CHECK(s.number("energy_kwh.it") == Approx(bare.number("energy_kwh.it") + added));
    CHECK(s.number("energy_kwh.losses") > bare.number("energy_kwh.losses"));
    CHECK(s.number("energy_kwh.facility") ==
          Approx(s.number("energy_kwh.it") + s.number("energy_kwh.losses") + s.number("energy_kwh.overhead")));
    CHECK(s.number("swing.coherent_w") < bare.number("swing.coherent_w"));
    CHECK(contains(here.read("out/resolved.yaml"), "low_share: 0.25"));
    // One below what they draw in between: the account is empty.
    const document low = run(", floor: 170 W");
    CHECK(low.number("energy_kwh.floor") == 0);
    for (const char* const key : {"energy_kwh.it", "energy_kwh.facility", "power_w.peak", "swing.coherent_w"})
        CHECK(low.number(key) == bare.number(key));
}

namespace {

/// A table without quotes, by the names of its columns.
std::map<std::string, std::vector<std::string>> columns_of(const std::string& table) {
    std::map<std::string, std::vector<std::string>> out;
    const auto rows = lines_of(table);
    const auto names = fields_of(rows.at(0));
    for (std::size_t i = 1; i != rows.size(); ++i) {
        const auto cells = fields_of(rows[i]);
        REQUIRE(cells.size() == names.size());
        for (std::size_t c = 0; c != cells.size(); ++c) out[names[c]].push_back(cells[c]);
    }
    return out;
}

std::vector<double> numbers_of(const std::vector<std::string>& cells) {
    std::vector<double> out;
    for (const std::string& c : cells) out.push_back(std::stod(c));
    return out;
}

/// The last sample, and summary.json.
void check_totals(const std::map<std::string, std::vector<std::string>>& telemetry, const document& s) {
    for (const auto& [column, key] :
         {std::pair{"it_kwh", "energy_kwh.it"}, std::pair{"facility_kwh", "energy_kwh.facility"},
          std::pair{"carbon_kg", "carbon_kg.location"}, std::pair{"energy_usd", "cost_usd.energy"},
          std::pair{"cost_usd", "cost_usd.total"}}) {
        INFO(column);
        CHECK(std::stod(telemetry.at(column).back()) == Approx(s.number(key)).epsilon(1e-12));
    }
}

}  // namespace

TEST_CASE("samples tell what has come together, and end at the totals") {
    const workspace here{with(with_signals, "{ region: us-east-1,",
                              "{ region: us-east-1, demand_charge: 10 USD/kW, gpu_price: 3 USD/h, cooling: "
                              "warm-water-w40,"),
                         header + "a,0,144,7200\nb,1800,72,20000\nc,10000,144,4321\n"};
    here.write("grid.csv", hours_of(24, 1));
    here.run_well({"--until", "9 h"});
    const std::string before = here.read("out/summary.json");
    here.run_well({"--until", "9 h", "--set", "output.telemetry=\"20 min\""});
    CHECK(here.read("out/summary.json") == before);
    const auto t = columns_of(here.read("out/telemetry.csv"));
    REQUIRE(t.at("time_s").back() == "32400");
    check_totals(t, here.summary());
    // Within a step of the signals, which begin at whole hours, carbon and money follow energy.
    const auto facility = numbers_of(t.at("facility_kwh")), carbon = numbers_of(t.at("carbon_kg"));
    const auto usd = numbers_of(t.at("energy_usd"));
    for (std::size_t i = 1; i != facility.size(); ++i) {
        const bool high = (i - 1) / 3 % 2 == 1;
        CHECK(t.at("carbon_g_per_kwh")[i - 1] == (high ? "900" : "100"));
        CHECK(t.at("price_usd_per_mwh")[i - 1] == (high ? "80" : "20"));
        const double kwh = facility[i] - facility[i - 1];
        CHECK(carbon[i] - carbon[i - 1] == Approx(kwh * (high ? 0.9 : 0.1)));
        CHECK(usd[i] - usd[i - 1] == Approx(kwh * (high ? 0.08 : 0.02)));
    }
    // No load changes in the first twenty minutes.
    CHECK(std::stod(t.at("facility_w")[0]) == Approx(facility[1] * 3000));
    CHECK(std::stod(t.at("cost_usd")[1]) == Approx(usd[1] + 144 * 3 / 3.0 + facility[1] * 3 * 10));
    // Of a run that ends before its last sample.
    here.run_well({"--set", "output.telemetry=\"7000 s\""});
    const auto drained = columns_of(here.read("out/telemetry.csv"));
    CHECK(std::stod(drained.at("time_s").back()) > here.summary().number("simulated_s"));
    check_totals(drained, here.summary());
    // Where the signal ends with the run nothing is known at its end, and the sums are.
    here.write("grid.csv", hours_of(9, 1));
    here.run_well({"--until", "9 h", "--set", "output.telemetry=\"20 min\"", "--set",
                   "energy.signals.carbon.beyond=error", "--set", "energy.signals.marginal.beyond=hold", "--set",
                   "energy.signals.price.beyond=hold"});
    const auto ends = columns_of(here.read("out/telemetry.csv"));
    CHECK(ends.at("carbon_g_per_kwh").back().empty());
    CHECK(ends.at("carbon_g_per_kwh").end()[-2] == "100");
    check_totals(ends, here.summary());
    CHECK(here.call({"report", "out"}).status == 0);
    CHECK(contains(here.read("out/report.html"), "Carbon and cost over time"));
}

TEST_CASE("sites have samples of their own, which add up") {
    const std::string two =
        with(with_signals, "{ racks: { model: gb300-nvl72, count: 2 } }",
             "{ sites: [ { name: \"a\", racks: [ { model: gb300-nvl72, count: 1 } ] }, { name: b, region: us-west-2, "
             "racks: [ "
             "{ model: gb300-nvl72, count: 2 } ], signals: { carbon: { path: own.csv, column: ci, unit: g/kWh, from: "
             "2021-06-01, beyond: hold } } } ] }");
    const workspace here{two, header + "a,0,144,7200\nb,600,72,9000\n"};
    here.write("grid.csv", hours_of(24, 1));
    here.write("own.csv", "time,ci\n2021-06-01 00:00,50\n2021-06-01 01:00,60\n");
    here.run_well({"--until", "4 h", "--set", "output.telemetry=\"30 min\""});
    const auto all = columns_of(here.read("out/telemetry.csv")), each = columns_of(here.read("out/sites.csv"));
    check_totals(all, here.summary());
    REQUIRE(each.at("site").size() == 2 * all.at("time_s").size());
    for (const char* const column :
         {"it_w", "utility_w", "facility_w", "it_kwh", "facility_kwh", "carbon_kg", "energy_usd", "cost_usd"}) {
        for (std::size_t i = 0; i != all.at("time_s").size(); ++i)
            CHECK(std::stod(all.at(column)[i]) ==
                  Approx(std::stod(each.at(column)[2 * i]) + std::stod(each.at(column)[2 * i + 1])));
    }
    for (std::size_t i = 0; i != all.at("time_s").size(); ++i) {
        CHECK(each.at("site")[2 * i] == "a");
        CHECK(each.at("time_s")[2 * i + 1] == all.at("time_s")[i]);
        const double a = std::stod(each.at("facility_w")[2 * i]), b = std::stod(each.at("facility_w")[2 * i + 1]);
        CHECK(std::stod(all.at("carbon_g_per_kwh")[i]) ==
              Approx((a * std::stod(each.at("carbon_g_per_kwh")[2 * i]) +
                      b * std::stod(each.at("carbon_g_per_kwh")[2 * i + 1])) /
                     (a + b)));
    }
    // A later run without them leaves none behind.
    here.run_well({"--until", "1 h"});
    CHECK(!std::filesystem::exists(here.path("out/sites.csv")));
}
