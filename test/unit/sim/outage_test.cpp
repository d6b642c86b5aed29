// Runs that lose their utility: jobs that do not notice, jobs that fail, and what it costs.
#include "support/catch.hpp"
#include "support/powered_run.hpp"
#include "support/random_workload.hpp"

#include <ampacity/power/cap_policy.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::test;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

power::plant_plan backed_up(std::uint32_t racks, const std::string& topology,
                            std::optional<power::generator_plan> generators = {}) {
    power::plant_plan p = plant_of(racks, topology, 1);
    p.sites[0].halls.batteries = power::battery_plan{.ride_through = minutes{5}};
    p.sites[0].halls.generators = std::move(generators);
    return p;
}

power::feed_event lost(duration from, duration to) {
    return {.start = start_of_time + from, .end = start_of_time + to, .device = "iad"};
}

std::vector<workload::job_request> some_jobs(std::uint64_t seed) {
    naive::test_random random(seed);
    std::vector<workload::job_request> jobs;
    for (int i = 0; i != 300; ++i)
        jobs.push_back(gpu_job(static_cast<std::uint32_t>(random.between(1, 72)), seconds{random.between(60, 4000)},
                               seconds{30 * i}, static_cast<std::int32_t>(random.between(0, 2))));
    return jobs;
}

}  // namespace

TEST_CASE("a loss that is ridden through changes no schedule", "[power][storage][sim]") {
    for (const char* const policy : {"fifo", "easy", "srtf", "conservative", "las", "power-aware"}) {
        for (const bool generators : {false, true}) {
            CAPTURE(policy, generators);
            const auto jobs = some_jobs(generators ? 3 : 8);
            const auto plan = [&](bool loses) {
                power::plant_plan p =
                    backed_up(2, "4n3", generators ? std::optional{power::generator_plan{}} : std::nullopt);
                p.sites[0].halls.trips = true;
                // Without generators for some minutes, with them for hours.
                if (loses) {
                    p.events.push_back(lost(minutes{30}, minutes{30} + (generators ? minutes{100} : minutes{4})));
                    p.events.push_back(lost(hours{3}, hours{3} + seconds{9}));
                }
                return p;
            };
            sim::parts parts =
                powered_parts(plan(false), {jobs}, {power::phase::gemm_bf16}, policy::make_policy(policy, {}));
            sim::parts same =
                powered_parts(plan(true), {jobs}, {power::phase::gemm_bf16}, policy::make_policy(policy, {}));
            sim::simulation a{std::move(parts)}, b{std::move(same)};
            a.run();
            b.run();
            const auto before = a.records(0), after = b.records(0);
            REQUIRE(before.size() == after.size());
            for (std::size_t i = 0; i != before.size(); ++i) {
                CHECK(before[i].finish == after[i].finish);
                CHECK(before[i].preemptions == after[i].preemptions);
            }
            const auto x = *a.results().energy, y = *b.results().energy;
            CHECK(x.it_j == y.it_j);
            CHECK(*x.batteries_j == 0);
            CHECK(*x.generators_s == 0);
            CHECK(*y.batteries_j > 0);
            CHECK(*y.filled_j == Approx(*y.batteries_j).epsilon(1e-9));
            CHECK((*y.generators_j > 0) == generators);
            // What filling them lost is a loss; with generators the utility's devices lose nothing.
            if (!generators) CHECK(y.losses_j - x.losses_j >= *y.filled_j * (1 / 0.9 - 1) * 0.999);
            CHECK(*y.lost_rack_s == 0);
        }
    }
}

TEST_CASE("jobs fail when batteries are empty, and run again when the utility is back", "[power][storage][sim]") {
    power::plant_plan p = backed_up(1, "single");
    p.events.push_back(lost(hours{1}, hours{3}));
    // How long a busy rack has, from a plant that is asked directly.
    power::plant_plan q = backed_up(1, "single");
    q.events.push_back(lost(hours{1}, hours{3}));
    power::plant alone{std::move(q)};
    std::vector<fleet::gpu_share> where;
    for (std::uint32_t n = 0; n != 18; ++n) where.push_back({.node = node_id{n}, .gpus = 0xF});
    alone.start(start_of_time, {.where = where});
    (void)alone.change(start_of_time + hours{1});
    const instant empty = alone.next_change();
    CHECK(empty > start_of_time + hours{1} + minutes{5});
    CHECK(empty < start_of_time + hours{1} + minutes{10});
    const auto o = run_powered(std::move(p), {gpu_job(72, hours{2})});
    CHECK(o.all.restarts == 1);
    CHECK(o.jobs[0].lost == empty - start_of_time);
    CHECK(o.jobs[0].finish == start_of_time + hours{3} + minutes{10} + hours{2});
    CHECK(*o.all.energy->lost_rack_s == Approx(to_seconds(start_of_time + hours{3} - empty)));
    // Telemetry in between changes nothing.
    power::plant_plan r = backed_up(1, "single");
    r.events.push_back(lost(hours{1}, hours{3}));
    const auto watched = run_powered(std::move(r), {gpu_job(72, hours{2})}, "fifo", {}, {}, seconds{7});
    CHECK(watched.jobs[0].finish == o.jobs[0].finish);
    CHECK(*watched.all.energy->batteries_j == *o.all.energy->batteries_j);
    CHECK(watched.all.energy->losses_j == o.all.energy->losses_j);
}

TEST_CASE("what generators make has a price and carbon of its own", "[power][storage][sim]") {
    power::plant_plan p =
        backed_up(1, "single", power::generator_plan{.start = seconds{20}, .usd_per_j = 1e-7, .kg_per_j = 2e-7});
    p.events.push_back(lost(hours{1}, hours{2}));
    sim::parts parts = powered_parts(std::move(p), {{gpu_job(72, hours{4})}}, {power::phase::gemm_bf16},
                                     policy::make_policy("fifo", {}));
    hardware::region region;
    region.pue = 1.3;
    region.carbon.mean_kg_per_j = 1e-7;
    region.price_usd_per_j = 3e-8;
    parts.energy->sites[0].region = region;
    sim::simulation s{std::move(parts)};
    s.run();
    const auto e = *s.results().energy;
    CHECK(e.it_j > 0);
    CHECK(*e.generators_s == 3600 - 20);
    CHECK(e.facility_j() == Approx(e.it_j * 1.3).epsilon(1e-12));
    // The rack draws the same all the time; overhead and losses come from generators while they run, and what fills
    // the batteries.
    const double share = 3580.0 / (4 * 3600);
    CHECK(*e.generators_j == Approx(e.it_j * 1.3 * share + *e.filled_j).epsilon(1e-3));
    CHECK(*e.grid_j == Approx(e.facility_j() - *e.generators_j).epsilon(1e-9));
    CHECK(*e.carbon_generators_kg == Approx(*e.generators_j * 2e-7));
    CHECK(*e.generators_usd == Approx(*e.generators_j * 1e-7));
    CHECK(*e.carbon_location_kg == Approx(*e.grid_j * 1e-7));
    CHECK(*e.energy_usd == Approx(*e.grid_j * 3e-8));
    CHECK(*e.total_usd() == Approx(*e.energy_usd + *e.generators_usd + e.capacity_usd.value_or(0)));
}
