// The seven years of scenarios/contract: what must hold of any run of them, and a part of one, whole.
#include "cli/program.hpp"

#include <filesystem>
#include <string>
#include <vector>

using namespace ampacity::test;

namespace {

void copy_contract(const workspace& here) {
    std::filesystem::copy_file(std::filesystem::path{AMPACITY_SOURCE_DIR} / "scenarios/contract/aws-openai-38b.yaml",
                               here.path("s.yaml"), std::filesystem::copy_options::overwrite_existing);
}

}  // namespace

TEST_CASE("contract: seven years of 206640 GPUs give the hours that were paid for") {
    const workspace here;
    copy_contract(here);
    // Nobody works: racks come and fail.
    here.run_well({"--set", "workload=[{ training: { name: a, gpus: 8, steps: 1, step: { compute: 1 s } } }]"});
    const document s = here.summary();
    CHECK(s.number("simulated_s") == 2557 * 86400.0);
    CHECK(s.number("build_out.gpus") == 206640);
    // Two leap days, and half of a ramp of 59.8 weeks less, behind which lie a good week of installing and burning in.
    CHECK(s.number("contract.gpu_hours") == Approx(11.6e9).epsilon(0.01));
    CHECK(s.number("contract.gpu_hours") < 206640 * (2557 * 24 - 59.8 * 84));
    CHECK(s.number("contract.paid_usd") == Approx(38e9));
    CHECK(s.number("contract.usd_per_gpu_hour") == Approx(3.27).epsilon(0.01));
    // At the rates of Llama 3, with those of the first 90 days: 98 a day on average of the whole fleet.
    const double per_day = s.number("failures.total") / 2557;
    CHECK(per_day > 85);
    CHECK(per_day < 115);
    check_books(s);

    // A line for each year and, of each, for each of five sites; leap years have their day.
    const std::vector<std::string> years = lines_of(here.read("out/years.csv"));
    REQUIRE(years.size() == 1 + 8 * 6);
    double hours = 0, gpu_hours = 0, paid = 0;
    for (std::size_t i = 1; i != years.size(); ++i) {
        const std::vector<std::string> f = fields_of(years[i]);
        if (f[1] != "all") continue;
        hours += std::stod(f[2]);
        gpu_hours += std::stod(f[3]);
        paid += std::stod(f[24]);
        if (f[0] == "2028") CHECK(std::stod(f[2]) == 8784);
        if (f[0] == "2029") CHECK(std::stod(f[2]) == 8760);
    }
    CHECK(fields_of(years[0])[24] == "contract_usd");
    CHECK(hours == 2557 * 24);
    CHECK(gpu_hours == Approx(s.number("contract.gpu_hours")).epsilon(1e-9));
    CHECK(paid == Approx(38e9).epsilon(1e-9));
}

TEST_CASE("contract: its first weeks with all that works there, twice the same") {
    const workspace here;
    copy_contract(here);
    const std::vector<std::string> until{"--set", "until=50 d",
                                         "--set", "workload.0.service.fluid.requests=1000",
                                         "--set", "workload.0.service.engine.max_seqs=200"};
    here.run_well(until);
    const std::string first = here.read("out/summary.json"), years = here.read("out/years.csv");
    here.run_well(until);
    CHECK(here.read("out/summary.json") == first);
    CHECK(here.read("out/years.csv") == years);
    const document s = here.summary();
    check_books(s);
    CHECK(s.number("jobs.finished") > 5000);
    CHECK(s.number("services.assistant.finished") > 1e9);
    // What comes is shared out among the sites, and nothing else.
    double requests = 0;
    for (const char* site : {"ohio", "dallas", "oregon", "stockholm", "aragon"})
        requests += s.number(std::string{"services.assistant.sites."} + site + ".requests");
    CHECK(requests == Approx(s.number("services.assistant.requests")).epsilon(1e-9));
    // Every second of a replica is one in which it works, or does not.
    CHECK(s.number("services.assistant.busy_share") > 0);
    CHECK(s.number("services.assistant.busy_share") <= 1);
}

// At the scale of years nothing is done otherwise than at that of a hall: caps, feeds that are lost, nodes that fail
// and checkpoints of a hall are those of the same hall alone, to the last bit.
TEST_CASE("contract: a hall of a large fleet draws and does for a week what it does alone") {
    const std::string hall = "    - { name: hall, region: us-east-2, racks: [ { model: gb300-nvl72, count: 40 } ] }\n";
    const std::string rest = "    - { name: rest, region: us-west-2, racks: [ { model: gb300-nvl72, count: 120 } ] }\n";
    const auto jobs_of = [](const std::string& site, const std::string& rate) {
        return "  - site: " + site + "\n    synthetic: { jobs: 100000, rate: \"" + rate +
               " /h\", duration: { median: \"3 h\", sigma: 1.4, max: \"14 d\" }, gpus: [ { gpus: 64, weight: 1 } ] }\n";
    };
    const std::string campaign =
        "  - site: hall\n    training:\n      - { name: pretrain, gpus: 1440, steps: 2600000, step: { compute: 10 s, "
        "exchange: 2 s }, checkpoint: { interval: 30 min, blocking: 14 s }, restart: 10 min }\n";
    const auto whole = [](const std::string& sites, const std::string& jobs) {
        return "ampacity: 1\nname: hall\nseed: 11\nstart: 2027-01-01\nuntil: 7 d\nfleet:\n  sites:\n" + sites +
               "workload:\n" + jobs + R"(scheduler:
  policy: priority
  priority: { preempt_above: 1 }
  placer: pack
  sites: {}
  preemption: { checkpoint_interval: "30 min", restart: "5 min" }
faults: { processes: [ { cause: tray, part: node, mtbf: "60 d", shape: 0.9, repair: { constant: "5 h" } } ] }
energy: { topology: 4n3 }
power:
  hall: 4n3-hall
  racks_per_row: 5
  oversubscription: 1.5
  control: { level: source, policy: uniform }
  events:
    - { kind: loss, feed: hall/hall-0/row-2, start: "20 h", duration: "6 h" }
    - { kind: loss, feed: hall/hall-0/source-0, start: "60 h", duration: "4 h" }
    - { kind: loss, feed: hall/hall-0/source-1, start: "61 h", duration: "1 h" }
output: { years: true }
)";
    };
    const workspace both{whole(hall + rest, campaign + jobs_of("hall", "6") + jobs_of("rest", "20"))};
    both.run_well();
    const workspace alone{whole(hall, campaign + jobs_of("hall", "6"))};
    alone.run_well();

    const document in_fleet = both.summary(), by_itself = alone.summary();
    CHECK(by_itself.number("feeds.limits") > 0);
    CHECK(by_itself.number("feeds.lost_rack_hours") > 0);
    CHECK(by_itself.number("gpu_hours.lost") > 0);
    CHECK(in_fleet.at("sites.hall") == by_itself.at("sites.hall"));
    CHECK(in_fleet.at("sites.hall.gpu_hours") == by_itself.at("gpu_hours"));
    CHECK(in_fleet.at("training.pretrain.hours") == by_itself.at("training.pretrain.hours"));
    // What it emits is what its site does, however dirty others are.
    for (const char* of : {"it_mwh", "facility_mwh", "carbon_location_t", "energy_usd"})
        CHECK(in_fleet.at(std::string{"training.pretrain.used."} + of) ==
              by_itself.at(std::string{"training.pretrain.used."} + of));
}
