// What services use: closed forms of fleets on which nobody else works, and of carbon at a site whose intensity
// changes.
#include "support/catch.hpp"
#include "support/files.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/prepare.hpp>

#include <chrono>
#include <string>
#include <utility>

using namespace ampacity;

namespace {

class runs {
public:
    runs() {
        test::write_file(home_.path() / "grid.csv",
                         "time,c\n2026-01-01T00:00:00,100\n2026-01-01T01:00:00,700\n2026-01-01T02:00:00,200\n");
    }
    /// Six hours of a service on four nodes of eight GPUs.
    [[nodiscard]] sim::summary of(const std::string& service, const std::string& energy = "{ region: us-east-1 }",
                                  const std::string& more = {}) const {
        const std::string text =
            "ampacity: 1\nname: s\nseed: 7\nstart: 2026-01-01\nuntil: 6 h\nfleet: { nodes: { model: dgx-h100, count: 4 "
            "} }\nscheduler: { policy: fifo }\nworkload:\n" +
            service + "energy: " + energy + "\n" + more;
        test::write_file(home_.path() / "s.yaml", text);
        sim::simulation s{io::prepare(io::read_scenario(home_.path() / "s.yaml")).parts};
        s.run();
        return s.results();
    }

private:
    test::temporary_directory home_;
};

std::string service(const std::string& replicas, const std::string& requests, int gpus = 8) {
    return "  - service:\n      name: chat\n      gpus_per_replica: " + std::to_string(gpus) +
           "\n      router: least-requests\n" + replicas +
           "      engine: { max_seqs: 16, kv_capacity_tokens: 50000, step: { base: 30 ms, per_token: 20 us } }\n"
           "      synthetic: { " +
           requests + ", prompt: { median: 200 token, sigma: 0.5 }, output: { median: 60 token, sigma: 0.5 } }\n";
}

const std::string nobody =
    "  - synthetic: { jobs: 1, rate: 1 /d, duration: { median: 1 s, sigma: 1 }, gpus: [ { gpus: 64, "
    "weight: 1 } ] }\n";  // rejected: there are 32
const std::string fixed = "      replicas: 1\n";
const std::string scaled =
    "      replicas: 1\n      autoscale: { policy: target-utilisation, min: 1, max: 4, target: 0.4, interval: 1 min, "
    "down_delay: 5 min, start: 2 min }\n";

}  // namespace

TEST_CASE("what a service uses is what its nodes draw more than idle ones, and idle they draw what they draw",
          "[energy]") {
    const runs run;
    const double idle_w = run.of(nobody).energy->it_j / (4 * 6 * 3600);
    // It leaves after its last request.
    const sim::summary alone = run.of(service(fixed, "requests: 3000, rate: 1 /s"));
    const sim::service_result& s = alone.services.at(0);
    const double held_s = to_seconds(s.held);
    REQUIRE(held_s < 3 * 3600);
    REQUIRE(s.cost);
    CHECK(s.cost->it_j == Approx(alone.energy->it_j - idle_w * (4 * 6 * 3600 - held_s)).epsilon(1e-9));
    CHECK(s.cost->it_j > 1.5 * idle_w * held_s);
    CHECK(*s.cost->facility_j == Approx(s.cost->it_j * *alone.energy->pue).epsilon(1e-9));
    CHECK(*s.cost->carbon_location_kg == Approx(*alone.energy->carbon_location_kg * s.cost->it_j / alone.energy->it_j));
    CHECK(*s.cost->energy_usd == Approx(*alone.energy->energy_usd * s.cost->it_j / alone.energy->it_j));

    // Half a node: half of what the node draws.
    const sim::summary half = run.of(service(fixed, "requests: 3000, rate: 1 /s", 4));
    const double half_s = to_seconds(half.services[0].held);
    CHECK(2 * half.services[0].cost->it_j ==
          Approx(half.energy->it_j - idle_w * (4 * 6 * 3600 - half_s)).epsilon(1e-9));

    // Replicas that come and go, one of them from a node that fails.
    const sim::summary many =
        run.of(service(scaled,
                       "requests: 40000, rate: 2 /s, arrivals: { daily: [ 1, 6, 2, 8, 1, 3, 1, 1, 1, 1, 1, 1, 1, "
                       "1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 ] }"),
               "{ region: us-east-1 }", "faults: { outages: [ { nodes: 0, start: 100 min, duration: 30 min } ] }\n");
    const sim::service_result& m = many.services.at(0);
    REQUIRE(m.scaling->cold_starts > 3);
    REQUIRE(m.scaling->failures == 1);
    const double replica_s = m.replica_s();
    CHECK(m.cost->it_j == Approx(many.energy->it_j - idle_w * (4 * 6 * 3600 - replica_s)).epsilon(1e-9));
}

TEST_CASE("a service has the carbon of the time for which it was there", "[energy]") {
    const runs run;
    const std::string signal =
        "{ region: us-east-1, signals: { carbon: { path: grid.csv, column: c, unit: g/kWh, beyond: hold } } }";
    const sim::summary r = run.of(service(fixed, "requests: 3000, rate: 1 /s"), signal);
    const sim::service_result& s = r.services.at(0);
    const double held_h = to_seconds(s.held) / 3600;
    REQUIRE(held_h < 1);
    // All of it before 1:00.
    CHECK(*s.cost->carbon_location_kg == Approx(*s.cost->facility_j / 3.6e6 * 0.1).epsilon(1e-9));
    const sim::summary later = run.of(service(fixed, "requests: 6000, rate: 1 /s"), signal);
    const sim::service_result& l = later.services.at(0);
    const double hours = to_seconds(l.held) / 3600;
    REQUIRE(hours > 1.2);
    REQUIRE(hours < 2);
    const double mean = (0.1 * 1 + 0.7 * (hours - 1)) / hours;
    CHECK(*l.cost->carbon_location_kg == Approx(*l.cost->facility_j / 3.6e6 * mean).epsilon(1e-9));
    // A run without power has no such thing.
    CHECK(run.of(service(fixed, "requests: 30, rate: 1 /s"), "{}").services[0].cost->carbon_location_kg.has_value() ==
          false);
}
