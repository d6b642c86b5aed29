// Contracts and years, from file to file.
#include "cli/program.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity::test;

namespace {

/// Five days over the new year of 2028 on two sites, one of which gets half of its racks on the first of January.
const std::string over_new_year =
    with(
        small_scenario, "{ pool_gpus: 4 }",
        "{ sites: [ { name: iad, racks: [ { model: gb300-nvl72, count: 1 } ] }, { name: dub, region: eu-west-1, racks: "
        "[ { model: gb200-nvl72, count: 2 } ] } ], deliveries: [ { racks: \"1\", at: \"36 h\" } ] }") +
    "start: 2027-12-30T12:00:00Z\nuntil: \"5 d\"\n"
    "energy: { region: us-east-1, topology: 4n3, demand_charge: \"12 USD/kW\", gpu_price: \"2 USD/h\" }\n"
    "faults: { outages: [ { nodes: \"40\", start: \"1 h\", duration: \"50 h\" } ] }\n"
    "contract: { price: [ { per_gpu: \"3 USD/h\" }, { gpu: gb300, per_gpu: \"4 USD/h\" } ], commitment: { gpus: 200 }, "
    "take_or_pay: 0.5, capex: { facility: \"15 USD/W\", maintenance: 0.03, interest: 0.08 } }\n";
const std::string jobs = header + "a,0,72,90000\nb,100,30,200000\nc,3600,72,86400\nd,50000,8,5000\n";

/// By column, by year and site.
using table = std::map<std::string, std::map<std::pair<std::string, std::string>, std::string>>;

table years_of(const workspace& here, const std::string& out = "out") {
    const auto lines = lines_of(here.read(out + "/years.csv"));
    const auto names = fields_of(lines.at(0));
    table t;
    for (std::size_t i = 1; i != lines.size(); ++i) {
        const auto cells = fields_of(lines[i]);
        REQUIRE(cells.size() == names.size());
        for (std::size_t k = 0; k != names.size(); ++k) t[names[k]][{cells[0], cells[1]}] = cells[k];
    }
    return t;
}

double sum_of(const table& t, const std::string& column, const std::string& site) {
    double sum = 0;
    for (const auto& [key, cell] : t.at(column)) {
        if (key.second == site) sum += std::stod(cell);
    }
    return sum;
}

}  // namespace

TEST_CASE("all years add up to the summary and sites to all") {
    const workspace here{over_new_year, jobs};
    const auto r = here.run_well();
    const document s = here.summary();
    const table t = years_of(here);
    CHECK(t.at("hours").at({"2027", "all"}) == "36");
    CHECK(t.at("hours").at({"2028", "iad"}) == "84");
    for (const auto& [column, metric] :
         std::map<std::string, std::string>{{"hours", ""},
                                            {"gpu_hours_in_service", "gpu_hours.capacity"},
                                            {"gpu_hours_useful", "gpu_hours.useful"},
                                            {"gpu_hours_lost", "gpu_hours.lost"},
                                            {"gpu_hours_idle", "gpu_hours.idle"},
                                            {"gpu_hours_down", "gpu_hours.down"},
                                            {"gpu_hours_uncommissioned", "gpu_hours.uncommissioned"},
                                            {"interruptions", "jobs.restarts"},
                                            {"it_kwh", "energy_kwh.it"},
                                            {"facility_kwh", "energy_kwh.facility"},
                                            {"carbon_location_kg", "carbon_kg.location"},
                                            {"carbon_market_kg", "carbon_kg.market"},
                                            {"carbon_embodied_kg", "carbon_kg.embodied"},
                                            {"energy_usd", "cost_usd.energy"},
                                            {"demand_usd", "cost_usd.demand"},
                                            {"rent_usd", "cost_usd.capacity"},
                                            {"contract_usd", "contract.paid_usd"}}) {
        INFO(column);
        const double all = sum_of(t, column, "all");
        CHECK(all == Approx(metric.empty() ? 120 : s.number(metric)).epsilon(1e-9));
        if (t.at(column).at({"2028", "iad"}).empty() || metric.empty() || column == "contract_usd") continue;
        CHECK(sum_of(t, column, "iad") + sum_of(t, column, "dub") == Approx(all).epsilon(1e-9));
    }
    CHECK(s.number("jobs.restarts") == 1);
    CHECK(s.number("gpu_hours.lost") > 0);
    // 144 GPUs for 36 h and 216 for 84 h; 56 are missing of what was promised in the old year, at 3 USD, half paid.
    const double paid = 72 * 120 * 4 + 72 * 120 * 3 + 72 * 84 * 3, missing = 56 * 36 * 3 * 0.5;
    CHECK(s.number("contract.paid_usd") == Approx(paid + missing).epsilon(1e-9));
    CHECK(s.number("contract.missing_usd") == Approx(missing).epsilon(1e-9));
    CHECK(s.number("contract.sites.iad.paid_usd") == Approx(72 * 120 * 4).epsilon(1e-9));
    CHECK(s.number("contract.usd_per_useful_gpu_hour") ==
          Approx((paid + missing) / s.number("gpu_hours.useful")).epsilon(1e-9));
    double cost = 0;
    for (const char* const part : {"racks", "facility", "interest", "maintenance", "energy", "demand"})
        cost += s.number(std::string{"contract.capital."} + part + "_usd");
    CHECK(s.number("contract.capital.total_usd") == Approx(cost).epsilon(1e-12));
    CHECK(s.number("contract.capital.margin_usd") == Approx(paid + missing - cost).epsilon(1e-9));
    CHECK(s.number("contract.capital.energy_usd") == s.number("cost_usd.energy"));
    CHECK(s.number("carbon_kg_per_useful_gpu_hour.embodied") ==
          Approx(s.number("carbon_kg.embodied") / s.number("gpu_hours.useful")));
    for (const char* const line : {"paid [USD]", "margin [USD]", "\n2027", "\n2028"}) CHECK(contains(r.out, line));
}

TEST_CASE("sites with schedulers of their own have books of their own, year by year") {
    const workspace here{with(with(over_new_year, "gb200-nvl72", "gb300-nvl72"), "{ policy: fifo }",
                              "{ policy: fifo, sites: { transfer: \"1 h\" } }"),
                         jobs};
    here.run_well();
    const document s = here.summary();
    const table t = years_of(here);
    const std::map<std::string, std::string> columns{{"gpu_hours_in_service", "gpu_hours.capacity"},
                                                     {"gpu_hours_useful", "gpu_hours.useful"},
                                                     {"gpu_hours_lost", "gpu_hours.lost"},
                                                     {"gpu_hours_idle", "gpu_hours.idle"},
                                                     {"gpu_hours_down", "gpu_hours.down"},
                                                     {"gpu_hours_uncommissioned", "gpu_hours.uncommissioned"},
                                                     {"interruptions", "interruptions"},
                                                     {"facility_kwh", "energy_kwh.facility"},
                                                     {"carbon_location_kg", "carbon_kg.location"},
                                                     {"demand_usd", "cost_usd.demand"},
                                                     {"energy_usd", "cost_usd.energy"}};
    for (const auto& [column, key] : columns) {
        INFO(column);
        double sites = 0;
        for (const std::string site : {"iad", "dub"}) {
            INFO(site);
            const double of_site = s.number("sites." + site + '.' + key);
            CHECK(sum_of(t, column, site) == Approx(of_site).epsilon(1e-12));
            sites += of_site;
        }
        CHECK(sites == Approx(key == "interruptions" ? s.number("jobs.restarts") : s.number(key)).epsilon(1e-12));
        for (const std::string year : {"2027", "2028"}) {
            INFO(year);
            const auto cell = [&, of = &t.at(column)](const char* site) { return std::stod(of->at({year, site})); };
            CHECK(cell("iad") + cell("dub") == Approx(cell("all")).epsilon(1e-12));
        }
    }
    CHECK(s.number("sites.iad.pue") > 1);
    CHECK(s.number("sites.dub.gpu_hours.uncommissioned") == Approx(72 * 36));
    CHECK(s.number("sites.dub.cost_usd.total") > s.number("sites.dub.cost_usd.capacity"));
}

TEST_CASE("looking at years changes no result and a contract needs no energy") {
    const workspace here{over_new_year, jobs};
    here.run_well({"--set", "output.telemetry=\"1 h\""});
    const std::string without = over_new_year.substr(0, over_new_year.find("contract: "));
    here.write("s.yaml", without);
    here.run_well({"--set", "output.telemetry=\"1 h\""}, "plain");
    CHECK_FALSE(here.has("plain/years.csv"));
    for (const char* const name : {"jobs.csv", "telemetry.csv", "sites.csv"})
        CHECK(here.read(std::string{"out/"} + name) == here.read(std::string{"plain/"} + name));
    const workspace pool{small_scenario + "contract: { value: \"70 USD\", term: \"7 y\" }\nuntil: \"365 d\"\n"};
    pool.run_well();
    CHECK(pool.summary().number("contract.paid_usd") == Approx(10).epsilon(1e-12));
    CHECK(pool.summary().number("contract.usd_per_gpu_hour") == Approx(10.0 / (4 * 8760)).epsilon(1e-12));
    const table t = years_of(pool);
    CHECK(t.at("site").size() == 1);
    CHECK(t.at("it_kwh").at({"2026", "all"}).empty());
}

TEST_CASE("services count in the year in which they serve, with requests and without") {
    const std::string served = R"(ampacity: 1
name: f
seed: 3
start: 2027-12-31T23:58:00Z
until: "5 min"
fleet: { nodes: { gpus: 4, count: 8 } }
workload:
  - service:
      name: chat
      fidelity: fluid
      fluid: { tick: "50 s", requests: 4000 }
      replicas: 4
      gpus_per_replica: 4
      engine: { max_seqs: 32, kv_capacity_tokens: 100000, step: { base: "5 ms", per_token: "20 us" } }
      synthetic:
        requests: 100000
        rate: "80 /s"
        prompt: { median: "200 token", sigma: 0.5 }
        output: { median: "50 token", sigma: 0.5 }
scheduler: { policy: fifo }
contract: { price: [ { per_gpu: "3 USD/h" } ] }
)";
    const workspace here{served};
    for (const bool fluid : {true, false}) {
        const std::vector<std::string> as =
            fluid ? std::vector<std::string>{}
                  : std::vector<std::string>{"--set", "workload.0.service.fidelity=request", "--set",
                                             "workload.0.service.fluid=null"};
        here.run_well(as);
        const document s = here.summary();
        const table t = years_of(here);
        for (const std::string column : {"requests", "finished", "prompt_tokens", "output_tokens"}) {
            INFO(column << " fluid " << fluid);
            CHECK(sum_of(t, column, "all") == s.number("services.chat." + column));
            CHECK(std::stod(t.at(column).at({"2028", "all"})) > 0);
        }
        // A fixed share of the time is in the old year, at a constant rate.
        const double share = std::stod(t.at("requests").at({"2027", "all"})) / s.number("services.chat.requests");
        CHECK(share == Approx(0.4).epsilon(fluid ? 1e-4 : 0.03));
        CHECK(s.number("services.chat.contract_usd") == Approx(3 * 16 / 12.0).epsilon(1e-9));
        CHECK(s.number("services.chat.contract_usd_per_million_output_tokens") ==
              Approx(4e6 / s.number("services.chat.output_tokens")).epsilon(1e-9));
    }
}

TEST_CASE("what a contract cannot say is refused with its place") {
    const auto refused = [](const std::string& contract, const std::string& key, const std::string& value,
                            const std::string& remedy) {
        check_key_refused(small_scenario + "contract: { " + contract + " }\n", key, value, remedy);
    };
    refused("value: \"38e9 EUR\", term: \"7 y\"", "contract.value", "38e9 EUR", "USD");
    refused("value: \"38e9 USD\"", "contract.value", "3.8e+10 USD", "contract.term");
    refused("value: \"1 USD\", term: \"7 y\", price: [ { per_gpu: \"3 USD/h\" } ]", "contract.price", "1 USD",
            "contract.value");
    refused("term: \"7 y\"", "contract", "", "value");
    refused("price: [ { gpu: h100, per_gpu: \"3 USD/h\" } ]", "contract.price.0.gpu", "h100", "name them");
    refused("price: [ { per_gpu: \"-3 USD/h\" } ]", "contract.price.0.per_gpu", "-3 USD/h", "write");
    refused("price: [ { per_gpu: \"3 USD/h\" } ], take_or_pay: 0.5", "contract.take_or_pay", "0.5", "commitment");
    refused("price: [ { per_gpu: \"3 USD/h\" } ], commitment: { gpus: 3, gpu_hours: 4 }", "contract.commitment", "",
            "gpu_hours");
    refused("price: [ { per_gpu: \"3 USD/h\" } ], commitment: { gpu_hours: 4 }", "contract.commitment.gpu_hours", "4",
            "contract.term");
    refused("capex: { rack: \"1 USD\" }", "contract.capex", "", "nodes or racks");
    refused("price: [ { per_gpu: \"3 USD/h\" } ], comitment: { gpus: 3 }", "contract.comitment", "comitment",
            "commitment");
}
