// A service at several sites from file to file: sums of its files, what routers differ in, what is refused.
#include "cli/program.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <string>
#include <vector>

namespace {

using namespace ampacity;
using namespace ampacity::test;

/// Requests of two places, five times apart in time; the east is cheap.
const std::string sites = R"(ampacity: 1
name: e
seed: 3
fleet:
  sites:
    - { name: west, region: us-west-2, racks: [ { model: dgx-h100-x4, count: 2 } ] }
    - { name: east, region: us-east-1, racks: [ { model: dgx-h100-x4, count: 2 } ] }
    - { name: north, region: eu-north-1, racks: [ { model: dgx-h100-x4, count: 2 } ] }
workload:
  - service:
      name: chat
      fidelity: fluid
      fluid: { tick: "1 min", requests: 2000 }
      everywhere:
        router: nearest
        origins:
          - { name: portland, latitude: 45.5, longitude: -122.7, share: 0.25 }
          - { name: berlin, latitude: 52.5, longitude: 13.4, share: 0.75, utc_offset: "1 h" }
      replicas: 2
      gpus_per_replica: 8
      router: least-requests
      autoscale: { policy: target-utilisation, min: 0, max: 6, target: 0.5, interval: "1 min", start: "2 min" }
      engine: { max_seqs: 32, kv_capacity_tokens: 100000, step: { base: "5 ms", per_token: "20 us" } }
      synthetic:
        requests: 1000000
        rate: "120 /s"
        prompt: { median: "200 token", sigma: 0.5 }
        output: { median: "50 token", sigma: 0.5 }
      slo: { ttft: "1 s", tpot: "30 ms" }
scheduler: { policy: fifo, sites: {} }
until: "2 h"
output: { telemetry: "10 min" }
)";

const std::string at = "services.chat.";

}  // namespace

TEST_CASE("the files of a service at several sites agree") {
    const workspace here{sites};
    here.run_well();
    const auto a = here.summary();
    check_books(a);
    double requests = 0, tokens = 0, of_origins = 0, held = 0, carbon_t = 0;
    for (const char* const site : {"west", "east", "north"}) {
        const std::string own = at + "sites." + site + '.';
        requests += a.number(own + "requests");
        tokens += a.number(own + "output_tokens");
        held += a.number(own + "held_gpu_hours");
        const std::string books = std::string{"sites."} + site + '.';
        CHECK(a.number(books + "services.requests") == Approx(a.number(own + "requests")).margin(1));
        CHECK(a.number(books + "services.output_tokens") == Approx(a.number(own + "output_tokens")).epsilon(1e-3));
        // Replicas have the constant intensity of their site, and less than its energy.
        const double used = a.number(own + "used.facility_mwh"), all = a.number(books + "energy_kwh.facility") / 1e3;
        CHECK(used < all);
        CHECK(a.number(own + "used.carbon_location_t") / used ==
              Approx(a.number(books + "carbon_kg.location") / 1e3 / all).epsilon(1e-9));
        CHECK(a.number(own + "used.it_mwh") / used ==
              Approx(a.number(books + "energy_kwh.it") / a.number(books + "energy_kwh.facility")).epsilon(1e-9));
        carbon_t += a.number(own + "used.carbon_location_t");
        CHECK(a.number(books + "gpu_hours.useful") == Approx(a.number(own + "held_gpu_hours")).epsilon(1e-12));
    }
    for (const char* const origin : {"portland", "berlin"})
        of_origins += a.number(at + "origins." + origin + ".requests");
    CHECK(carbon_t == Approx(a.number(at + "used.carbon_location_t")).epsilon(1e-12));
    CHECK(a.number(at + "carbon_kg_per_million_output_tokens.location") ==
          Approx(carbon_t * 1e9 / a.number(at + "output_tokens")).epsilon(1e-12));
    CHECK(requests == Approx(a.number(at + "requests")).margin(2));
    CHECK(of_origins == Approx(a.number(at + "requests")).margin(2));
    CHECK(a.number(at + "requests") == Approx(120 * 7200).margin(1));
    CHECK(tokens == Approx(a.number(at + "output_tokens")).epsilon(1e-3));
    CHECK(held == Approx(a.number(at + "held_gpu_hours")).epsilon(1e-9));
    CHECK(a.number(at + "origins.berlin.requests") == Approx(90 * 7200).margin(1));
    // All that the near ones can take, they get.
    CHECK(a.number(at + "origins.portland.served_at.west") == Approx(30 * 7200).epsilon(0.02));
    CHECK(a.number(at + "origins.berlin.served_at.north") > 0.8 * 90 * 7200);
    CHECK(a.number(at + "sites.north.replicas.mean") > 2);
    CHECK(a.number(at + "far_share") == 0);
    const auto flows = lines_of(here.read("out/flows.csv"));
    CHECK(flows.size() == 1 + 3 * 13);
    CHECK(contains(flows[1], ",chat@west,"));
    CHECK(contains(flows[3], ",chat@north,"));
    CHECK(lines_of(here.read("out/replicas.csv")).size() == flows.size());
    here.run_well({}, "again");
    check_same(here.results("again"), here.results());

    here.run_well({"--set", "workload.0.service.everywhere.router=balanced"}, "balanced");
    const auto b = here.summary("balanced");
    CHECK(b.number(at + "round_trip_s") > a.number(at + "round_trip_s"));
    CHECK(b.number(at + "sites.east.requests") == Approx(b.number(at + "sites.west.requests")).epsilon(0.15));
    // Berlin has nothing near, and all is served.
    here.run_well({"--set", "workload.0.service.everywhere.max_round_trip=1 ms"}, "far");
    const auto c = here.summary("far");
    CHECK(c.number(at + "far_share") == Approx(0.75));
    CHECK(c.number(at + "finished") + c.number(at + "rejected") + c.number(at + "unfinished") ==
          c.number(at + "requests"));
}

TEST_CASE("windows of requests stand beside the rates of each site, and change nothing") {
    const workspace here{sites};
    const std::vector<std::string> windows{
        "--set", "workload.0.service.fluid.windows={ every: 20 min, length: 5 min, warm_up: 1 min }"};
    here.run_well();
    const auto shown = here.run_well(windows, "with");
    here.run_well(windows, "again");
    CHECK(here.read("again/summary.json") == here.read("with/summary.json"));
    auto with_windows = nlohmann::json::parse(here.read("with/summary.json"));
    const auto w = with_windows["services"]["chat"]["fluid"]["windows"];
    with_windows["services"]["chat"]["fluid"].erase("windows");
    CHECK(with_windows == nlohmann::json::parse(here.read("out/summary.json")));
    for (const char* const file : {"flows.csv", "replicas.csv", "jobs.csv"})
        CHECK(here.read(std::string{"with/"} + file) == here.read(std::string{"out/"} + file));
    REQUIRE(w["sites"].size() == 3);
    const auto near = [](const nlohmann::json& of, double share) {
        INFO(of.dump());
        CHECK(std::abs(of["error"].get<double>()) < share);
        CHECK(of["flow"].get<double>() / of["engine"].get<double>() - 1 == Approx(of["error"].get<double>()));
    };
    const auto agrees = [&near](const nlohmann::json& of) {
        near(of["served_per_s"], 0.03);
        near(of["busy_share"], 0.03);
        for (const char* const kind : {"ttft_s", "tpot_s"}) {
            near(of[kind]["p50"], 0.1);
            near(of[kind]["p99"], 0.2);
        }
    };
    agrees(w);
    CHECK(w["compared"].get<int>() + w["not_compared"].get<int>() == 5);
    int compared = 0;
    for (const char* const site : {"west", "north"}) {
        const auto& own = w["sites"][site];
        agrees(own);
        CHECK(own["compared"].get<int>() + own["not_compared"].get<int>() == 5);
        CHECK(own["each"].size() == own["compared"].get<std::size_t>());
        compared += own["compared"].get<int>();
    }
    CHECK(compared >= 6);
    // Nothing goes to the east, which needs no replicas for it.
    CHECK(w["sites"]["east"]["compared"].get<int>() + w["sites"]["east"]["not_compared"].get<int>() == 5);
    CHECK(contains(shown.out, "windows with requests"));
    CHECK(contains(shown.out, "\nnorth "));
    // Times at the service: half of the requests from Portland have 4 ms of way and more.
    CHECK(w["sites"]["west"]["ttft_s"]["p50"]["flow"].get<double>() > 0.005);
}

TEST_CASE("sites and places that there are not are refused") {
    const auto refused = [](const std::vector<std::string>& sets, const std::string& key) {
        std::vector<std::string> more;
        for (const std::string& s : sets) {
            more.push_back("--set");
            more.push_back(s);
        }
        const workspace here{sites};
        const auto m = check_refused(here.run(more), 2);
        CHECK(m.key == key);
        return m;
    };
    const std::string service = "workload.0.service.", all = service + "everywhere";
    CHECK(refused({all + ".sites=[ wets ]"}, all + ".sites.0").remedy == "did you mean `west`?");
    refused({all + ".sites=[ west, west ]"}, all + ".sites.1");
    refused({all + ".origins.0.share=0.5"}, all + ".origins");
    refused({all + ".origins.0.name=berlin"}, all + ".origins.1.name");
    refused({all + ".max_load=0"}, all + ".max_load");
    refused({service + "fidelity=request", service + "fluid=null"}, all);
    refused({service + "autoscale=null"}, all);
    refused({"fleet={ nodes: { gpus: 8, count: 64 } }"}, all);
    refused({"fleet.sites.1.region=null"}, "fleet.sites.1.region");
    refused({service + "everywhere=null"}, service + "autoscale.min");
    // Eight nodes of 8 GPUs at a site.
    CHECK(contains(refused({service + "autoscale.max=10", service + "replicas=9"}, service + "autoscale").what,
                   "only 8 of 9 replicas of 8 GPUs have a place on site west"));
}

TEST_CASE("a site has no more replicas than have a place there, whatever may be elsewhere") {
    // Three times what 8 replicas serve at 0.5: all sites are full, the larger one with twice as many.
    const workspace here{sites};
    here.run_well({"--set", "workload.0.service.autoscale.max=20", "--set", "fleet.sites.1.racks.0.count=4", "--set",
                   "workload.0.service.synthetic.rate=9000 /s", "--set", "until=20 min"});
    const auto s = here.summary();
    for (const auto& [site, most] : {std::pair{"west", 8.0}, {"east", 16.0}, {"north", 8.0}})
        CHECK(s.number(at + "sites." + site + ".replicas.max") == most);
    // As where the smaller ones are not allowed more.
    here.run_well({"--set", "workload.0.service.autoscale.max=8", "--set", "fleet.sites.1.racks.0.count=4", "--set",
                   "workload.0.service.synthetic.rate=9000 /s", "--set", "until=20 min"},
                  "eight");
    CHECK(here.summary("eight").number(at + "sites.east.replicas.max") == 8.0);
}
