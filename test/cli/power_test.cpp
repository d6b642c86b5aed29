// The key `power`: halls, controllers and events of feeds, from file to file.
#include "cli/program.hpp"

#include <filesystem>
#include <string>

using namespace ampacity::test;

namespace {

const std::string racks = with(small_scenario, "{ pool_gpus: 4 }", "{ racks: { model: gb300-nvl72, count: 12 } }");

std::string powered(const std::string& power) { return racks + "power: { " + power + " }\n"; }

std::string refused(const std::string& scenario) {
    const workspace here{scenario, header};
    const auto r = here.call({"run", "s.yaml"});
    CHECK(r.status == 2);
    return r.err;
}

std::string full_hall() {
    std::string jobs = header;
    for (int i = 0; i != 12; ++i) jobs += "job" + std::to_string(i) + ",0,72,7200\n";
    return jobs;
}

const std::string hall = "hall: 4n3-hall, racks_per_row: 2, oversubscription: 1.25, ";
const std::string loss = "events: [ { kind: loss, feed: hall-0/source-0, start: \"1 h\", duration: \"30 min\" } ]";

}  // namespace

TEST_CASE("a source that is lost at peak trips the hall, unless loads are lowered") {
    const workspace bare{powered(hall + loss), full_hall()};
    const auto r = bare.run_well();
    CHECK(contains(r.out, "trips"));
    CHECK(bare.summary().number("feeds.trips") >= 3);
    CHECK(bare.summary().number("jobs.restarts") >= 12);
    CHECK(bare.summary().number("gpu_hours.down") > 0);
    CHECK(bare.summary().number("feeds.lost_rack_hours") > 0);

    const workspace capped{powered(hall + "control: { level: source, policy: uniform }, " + loss), full_hall()};
    capped.run_well();
    CHECK(capped.summary().number("feeds.trips") == 0);
    CHECK(capped.summary().number("feeds.limits") > 0);
    CHECK(capped.summary().number("jobs.restarts") == 0);
    CHECK(capped.summary().number("jct_s.mean") > 7200);
    CHECK(capped.summary().number("jct_s.mean") < 8000);
    // Over the management controllers limits hold 40 s later, and still in time.
    capped.run_well({"--set", "power.control.actuator=out-of-band"});
    CHECK(capped.summary().number("feeds.trips") == 0);
    // An hour later is too late.
    capped.run_well({"--set", "power.control.latency=\"1 h\""});
    CHECK(capped.summary().number("feeds.trips") >= 3);
    capped.run_well({"--set", "power.trips=false", "--set", "power.control.policy=none"});
    CHECK(!contains(capped.read("out/resolved.yaml"), "policy: uniform"));
    CHECK(capped.summary().number("jct_s.mean") == 7200);
}

TEST_CASE("a utility that is lost is ridden through, replaced, or missed") {
    const workspace here{small_scenario, header};
    here.write("s.yaml", read_file(std::filesystem::path{AMPACITY_SOURCE_DIR} / "scenarios/power/utility-loss.yaml"));
    const auto r = here.run_well();
    CHECK(contains(r.out, "from generators in 2.0 hours: "));
    const auto number = [&here](const char* const key) { return here.summary().number(key); };
    // Only the last loss takes jobs down: 12 of them, from some minutes on until it is over.
    CHECK(number("jobs.restarts") == 12);
    CHECK(number("feeds.trips") == 0);
    CHECK(number("feeds.lost_rack_hours") > 12 * 0.3);
    CHECK(number("feeds.lost_rack_hours") < 12 * 0.45);
    CHECK(number("feeds.generator_hours") == Approx(2 - 30.0 / 3600).epsilon(1e-12));
    const double facility = number("energy_kwh.facility");
    CHECK(number("energy_kwh.grid") ==
          Approx(facility - number("feeds.generator_kwh") - number("feeds.battery_kwh") + number("feeds.recharge_kwh"))
              .epsilon(1e-12));
    // All that was given has been filled again, 20 + 30 s and all that there was.
    CHECK(number("feeds.recharge_kwh") == Approx(number("feeds.battery_kwh")).epsilon(1e-9));
    CHECK(number("feeds.battery_kwh") > 200);
    CHECK(number("feeds.battery_kwh") < 300);
    CHECK(number("carbon_kg.generators") == Approx(number("feeds.generator_kwh") * 0.697).epsilon(1e-12));
    CHECK(number("cost_usd.generators") == Approx(number("feeds.generator_kwh") * 0.26).epsilon(1e-12));
    CHECK(number("carbon_kg.location") == Approx(number("energy_kwh.grid") * 0.39625).epsilon(1e-9));
    CHECK(number("cost_usd.total") == Approx(number("cost_usd.energy") + number("cost_usd.generators")));

    // Charges and fuel, minute by minute.
    const std::string feeds = here.read("out/feeds.csv");
    CHECK(contains(feeds, "\n7200,site/hall-0/source-0,"));
    CHECK(contains(feeds, ",1.0000\n7200,site/hall-0/source-1,"));
    const auto charge_at = [&feeds](const std::string& row) {
        const std::size_t at = feeds.find('\n' + row + ',');
        REQUIRE(at != std::string::npos);
        return std::stod(fields_of(feeds.substr(at + 1, feeds.find('\n', at + 1) - at - 1)).back());
    };
    CHECK(charge_at("57600,site/hall-0/source-0") > 0.99);
    CHECK(charge_at("57900,site/hall-0/source-0") < 0.5);
    CHECK(charge_at("58980,site/hall-0/source-0") == 0);
    CHECK(charge_at("21600,site/generator") == 1);
    CHECK(charge_at("28800,site/generator") < 0.97);

    here.run_well({"--set", "power.generators.fuel=\"0 s\""});
    CHECK(number("jobs.restarts") == 24);
    CHECK(number("feeds.generator_kwh") == 0);
    here.run_well({"--set", "power.batteries.ride_through=\"0 s\""});
    CHECK(number("jobs.restarts") == 36);
    CHECK(number("feeds.battery_kwh") == 0);
    // Fuel for half an hour at the rating is gone before the long loss is over, and the batteries after it.
    here.run_well({"--set", "power.generators.fuel=\"30 min\""});
    CHECK(number("jobs.restarts") == 24);
    CHECK(number("feeds.generator_hours") < 1.9);
    CHECK(number("feeds.generator_hours") > 0.5);
    // Batteries for an hour carry all of it.
    here.run_well({"--set", "power.batteries.ride_through=\"1 h\""});
    CHECK(number("jobs.restarts") == 0);
    CHECK(number("feeds.lost_rack_hours") == 0);
}

TEST_CASE("batteries and generators that cannot be are refused") {
    const std::string at_site =
        "events: [ { kind: limit, power: 1 MW, feed: generator, start: \"1 h\", duration: "
        "\"1 h\" } ], control: { level: site, policy: uniform }";
    CHECK(contains(refused(powered("generators: { level: site }, " + at_site)),
                   "power.events.0.feed: nothing lowers the load of a generator (generator); "));
    CHECK(contains(refused(powered(at_site)), "power.events.0.feed: there is no such feed (generator); "));
    CHECK(contains(refused(powered("generators: { model: ups-generic }")),
                   "power.generators.model: not a generator (ups-generic); name a device of that kind, such as "
                   "generator"));
    CHECK(contains(refused(powered("generators: { level: row }")), "power.generators.level: unknown name (row)"));
    CHECK(contains(refused(powered("batteries: { ride_through: 5 }")), "power.batteries.ride_through: "));
    CHECK(contains(refused(powered("batteries: { recharge: 1.5 }")), "power.batteries.recharge: "));
    CHECK(contains(refused(powered("batteries: { charge: 1 }")), "power.batteries.charge: unknown key (charge)"));
    CHECK(contains(
        refused(powered("batteries: { ride_through: 5 min }") + "energy: { topology: ab-shelves }\n"),
        "power.batteries: there is no UPS that has one (ab-shelves); remove it, or name a topology with a UPS"));
    // None is as good as none.
    const workspace here{powered("batteries: { ride_through: 0 s }, generators: { share: 0 }"), full_hall()};
    here.run_well();
    CHECK(!contains(here.read("out/summary.json"), "generator"));
    CHECK(!contains(here.read("out/summary.json"), "grid"));
    // A topology alone has batteries, and no generators.
    const workspace plain{powered("trips: true"), full_hall()};
    plain.run_well();
    CHECK(plain.summary().number("feeds.battery_kwh") == 0);
    CHECK(plain.summary().number("energy_kwh.losses") > 0);
}

TEST_CASE("power-aware overloads no feed of an oversubscribed hall, and why says what jobs wait for") {
    const std::string tight = powered("hall: 4n3-hall, racks_per_row: 2, oversubscription: 1.6");
    const workspace here{tight, full_hall()};
    here.run_well();
    CHECK(here.summary().number("feeds.trips") >= 1);
    here.run_well({"--policy", "power-aware"});
    CHECK(here.summary().number("feeds.trips") == 0);
    CHECK(here.summary().number("jobs.restarts") == 0);
    CHECK(here.summary().number("jct_s.mean") > 7200);
    CHECK(here.summary().number("jobs.finished") == 12);
    const auto why = here.call(
        {"why", "s.yaml", "--policy", "power-aware", "--set", "scheduler.power-aware.skip=true", "--job", "job11"});
    CHECK(why.status == 0);
    CHECK(contains(why.out, "could not carry it"));
    CHECK(contains(why.out, "hall-0/"));
    const workspace listed{
        with(tight, "policy: fifo",
             "policy: explain, explain: { policy: power-aware, jobs: [ job11 ] }, power-aware: { skip: true }"),
        full_hall()};
    listed.run_well();
    CHECK(contains(listed.read("out/explain.csv"), ",power,"));
    CHECK(contains(listed.read("out/explain.csv"), "hall-0/"));
}

TEST_CASE("power-aware needs feeds") {
    const std::string needs = "scheduler.policy: needs feeds that limit power (power-aware); write `power`";
    CHECK(contains(refused(with(racks, "policy: fifo", "policy: power-aware")), needs));
    CHECK(contains(refused(with(racks, "policy: fifo", "policy: explain, explain: { policy: power-aware }")), needs));
    CHECK(contains(refused(with(racks, "policy: fifo", "policy: round, round: { policy: power-aware }")), needs));
    CHECK(contains(
        refused(with(powered("trips: true"), "policy: fifo", "policy: power-aware, power-aware: { reserve: 1 }")),
        "scheduler.power-aware.reserve"));
}

TEST_CASE("telemetry shows feeds at any level, and changes nothing") {
    const workspace here{powered(hall + "control: { level: source, policy: uniform }, " + loss), full_hall()};
    here.run_well();
    const std::string before = here.read("out/summary.json");
    const std::string jobs = here.read("out/jobs.csv");
    std::size_t last = 0;
    for (const char* const level : {"site", "source", "row", "rack"}) {
        here.run_well({"--set", "output.telemetry=\"7 s\"", "--set", std::string{"output.feeds="} + level});
        CHECK(here.read("out/summary.json") == before);
        CHECK(here.read("out/jobs.csv") == jobs);
        const std::string feeds = here.read("out/feeds.csv");
        CHECK(feeds.size() > last);
        last = feeds.size();
        CHECK(contains(feeds, "time_s,feed,load_w,limit_w,gpu_limit_low,gpu_limit_high,charge\n0,site,"));
        CHECK(contains(feeds, "hall-0/source-3") == (std::string{level} != "site"));
        CHECK(contains(feeds, "rack-11") == (std::string{level} == "rack"));
        CHECK(contains(here.read("out/telemetry.csv"), ",it_w,utility_w,it_kwh\n"));
    }
}

TEST_CASE("what is wrong with power is told with its place and a remedy") {
    CHECK(contains(refused(powered("hall: 4n3-hall, events: [ { kind: loss, feed: hall-0/source-9, start: \"1 h\", "
                                   "duration: \"1 h\" } ]")),
                   "power.events.0.feed: there is no such feed (hall-0/source-9); "));
    CHECK(contains(refused(powered("hall: 4n4-hall")), "did you mean `4n3-hall`?"));
    CHECK(contains(refused(powered("control: { level: row, policy: unifrom }")), "did you mean `uniform`?"));
    CHECK(contains(refused(powered("control: { policy: uniform, target: 0.9, release: 0.95 }")),
                   "power.control.release: above the share that loads are lowered to (0.95); write at most the "
                   "target, 0.9"));
    CHECK(contains(refused(powered("control: [ { policy: uniform }, { policy: priority } ]")),
                   "power.control.1.level: this level has a controller already (row); give each level one"));
    CHECK(contains(
        refused(powered("events: [ { kind: demand-response, feed: site, start: \"1 h\", duration: \"1 h\", "
                        "cut: 0.2 } ]")),
        "power.events.0.feed: no controller lowers the load of such a feed (site); give `power.control` one, such "
        "as { level: site, policy: uniform }"));
    CHECK(contains(
        refused(
            powered("control: { level: site, policy: uniform }, events: [ { kind: limit, feed: site, start: \"1 h\", "
                    "duration: \"1 h\" } ]")),
        "power.events.0: does not say how much load is left; give `power`"));
    CHECK(contains(refused(powered("events: [ { kind: loss, feed: site, start: \"1 h\", duration: \"-1 h\" } ]")),
                   "power.events.0.duration"));
    CHECK(contains(refused(with(small_scenario, "{ pool_gpus: 4 }", "{ pool_gpus: 4 }") + "power: {}\n"),
                   "power: a pool has no nodes that draw power"));
    CHECK(contains(refused(racks + "output: { feeds: row }\n"), "output.feeds: power is not modelled (row)"));
    CHECK(contains(refused(powered("trips: true") + "output: { feeds: row }\n"), "output.feeds: no interval is given"));
}

TEST_CASE("water that is too warm, and cooling that is lost, act on jobs") {
    const std::string events =
        "thermal: true, events: [ { kind: flow-loss, feed: rack-1, start: \"1 h\", duration: \"5 min\" }, { kind: "
        "cooling-loss, feed: hall-0/row-1, start: \"1 h\", duration: \"45 s\" } ]";
    const workspace here{powered(hall + events) + "energy: { cooling: warm-water-w40 }\n", full_hall()};
    const auto r = here.run_well();
    CHECK(contains(r.out, "18 shut down"));
    CHECK(here.summary().number("heat.shutdowns") == 18);
    CHECK(here.summary().number("heat.throttles") == 3 * 18);
    CHECK(here.summary().number("jobs.restarts") == 1);
    CHECK(contains(here.read("out/resolved.yaml"), "thermal: true"));
    here.run_well({"--set", "output.telemetry=\"1 min\"", "--set",
                   "output.telemetry_columns=[ gpu_temperature_mean_c, gpu_temperature_max_c ]"});
    const auto temperatures = lines_of(here.read("out/telemetry.csv"));
    // What has lost its flow is the hottest an hour later.
    double most = 0;
    for (std::size_t i = 1; i != temperatures.size(); ++i) {
        const auto cells = fields_of(temperatures[i]);
        CHECK(std::stod(cells[0]) <= std::stod(cells[1]));
        if (i <= 60) CHECK(std::stod(cells[1]) < 87);
        most = std::max(most, std::stod(cells[1]));
    }
    CHECK(most >= 87);
    // A hall, a site.
    here.run_well({"--set", "power.events.0.feed=hall-0"});
    CHECK(here.summary().number("heat.shutdowns") == 12 * 18);
    here.run_well({"--set", "power.events.0.feed=site"});
    CHECK(here.summary().number("heat.shutdowns") == 12 * 18);
    // Without `thermal` nothing is said of it.
    const workspace cold{powered(hall + loss) + "energy: { cooling: warm-water-w40 }\n", full_hall()};
    cold.run_well();
    CHECK(!contains(cold.read("out/summary.json"), "throttles"));

    const std::string lost =
        "events: [ { kind: cooling-loss, feed: hall-0/row-1, start: \"1 h\", duration: \"1 h\" } ]";
    CHECK(contains(refused(powered(lost)),
                   "power.events.0.kind: temperatures act on nothing (cooling-loss); write power.thermal: true"));
    CHECK(contains(refused(powered("thermal: true")),
                   "power.thermal: how the racks are cooled is not known; write a "
                   "liquid one that says its supply"));
    CHECK(contains(refused(powered("thermal: true") + "energy: { cooling: air }\n"),
                   "energy.cooling: power.thermal needs racks that are cooled by liquid (air); "));
    CHECK(contains(refused(powered("thermal: true, events: [ { kind: flow-loss, feed: hall-0/source-0, start: \"1 h\", "
                                   "duration: \"1 h\" } ]") +
                           "energy: { cooling: warm-water-w40 }\n"),
                   "power.events.0.feed: there is no such part of the fleet (hall-0/source-0); "));
}

TEST_CASE("sites have regions, cooling and halls of their own") {
    const std::string two =
        with(small_scenario, "{ pool_gpus: 4 }",
             "{ sites: [ { name: iad, region: us-east-1, power: { model: 4n3-hall }, racks: [ { model: gb300-nvl72, "
             "count: 1 } ] }, { name: arn, region: eu-north-1, racks: [ { model: gb300-nvl72, count: 1 } ] } ] }");
    const workspace here{two, header + "a,0,144,3600\n"};
    here.run_well();
    const double both = here.summary().number("carbon_kg.location");
    here.run_well({"--set", "fleet.sites.1.region=us-east-1"});
    CHECK(here.summary().number("carbon_kg.location") > both);
    here.run_well({"--set", "fleet.sites.0.region=eu-north-1"});
    CHECK(here.summary().number("carbon_kg.location") < both);
}
