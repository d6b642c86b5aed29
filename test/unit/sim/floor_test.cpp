// What power floors cost a run: their account within the books, by hand; and jobs that wait for the power of theirs.
#include "support/catch.hpp"
#include "support/powered_run.hpp"

#include <ampacity/power/node_power.hpp>
#include <ampacity/sim/energy.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

using namespace ampacity;
using std::chrono::hours;

namespace {

/// 4-bit GEMM at 800 W on average, idle at 178 W for a quarter of the time.
power::swing_pattern swing(double floor_w) {
    return {.hz = 1, .low = power::phase::idle, .floor_w = floor_w, .low_share = 0.25};
}
constexpr double mean_w = 800, lifted_w = 905.5;  // with a floor of 600 W

sim::energy_model hall(std::uint32_t racks, std::vector<std::optional<power::swing_pattern>> swings) {
    sim::energy_model m;
    m.plant = test::plant_of(racks, "4n3", 1);
    m.sites.resize(1);
    m.sites[0].region = io::read_model<hardware::region>("us-east-1").value;
    m.sites[0].cooling = io::read_model<hardware::cooling>("warm-water-w40").value;
    m.phases.assign(2, power::phase::gemm_fp4);
    m.swings = std::move(swings);
    return m;
}

double rack_w(double gpu_w) {
    const hardware::rack& r = test::gb300();
    return power::rack_power_w(r, 18 * power::node_power_w(r.node, {.count = 4, .power_w = 4 * gpu_w}), 1);
}

std::vector<fleet::gpu_share> whole_rack(std::uint32_t number) {
    std::vector<fleet::gpu_share> out;
    for (std::uint32_t i = 0; i != 18; ++i) out.push_back({.node = node_id{18 * number + i}, .gpus = 0xF});
    return out;
}

/// A job of each source on a rack of its own, for an hour of two.
sim::energy_result an_hour(std::vector<std::optional<power::swing_pattern>> swings) {
    sim::energy_meter meter{hall(3, std::move(swings))};
    const std::vector<std::vector<fleet::gpu_share>> where{whole_rack(0), whole_rack(1)};
    for (std::uint16_t s = 0; s != 2; ++s) meter.on_start({.at = start_of_time, .source = s, .where = where[s]});
    for (std::uint16_t s = 0; s != 2; ++s)
        meter.on_stop({.at = start_of_time + hours{1}, .source = s, .where = where[s]}, sim::run_end::finished);
    return meter.results(start_of_time + hours{2});
}

}  // namespace

TEST_CASE("a floor costs its hour on a rack, of IT and of all that follows from it", "[energy][floor]") {
    const sim::energy_result bare = an_hour({swing(0), {}});
    const sim::energy_result r = an_hour({swing(600), {}});
    CHECK(!bare.floors_j);
    REQUIRE(r.floors_j);
    CHECK(*r.floors_j == Approx(3600 * (rack_w(lifted_w) - rack_w(mean_w))).epsilon(1e-8));
    CHECK(r.it_j - bare.it_j == Approx(*r.floors_j).epsilon(1e-8));
    CHECK(r.facility_j() == Approx(r.it_j + r.losses_j + *r.overhead_j).epsilon(1e-12));
    CHECK(r.facility_j() - bare.facility_j() > *r.floors_j);
    CHECK(*r.carbon_location_kg - *bare.carbon_location_kg ==
          Approx((r.facility_j() - bare.facility_j()) / 3.6e6 * 0.39625).epsilon(1e-6));
    CHECK(*r.energy_usd > *bare.energy_usd);
    CHECK(r.peak_it_w - bare.peak_it_w == Approx(rack_w(lifted_w) - rack_w(mean_w)).epsilon(1e-6));
    // Two jobs, two floors; or the same one.
    const sim::energy_result two = an_hour({swing(600), swing(400)});
    CHECK(*two.floors_j ==
          Approx(3600 * (rack_w(lifted_w) + rack_w(mean_w + 0.25 * 222) - 2 * rack_w(mean_w))).epsilon(1e-8));
    CHECK(*an_hour({swing(600), swing(600)}).floors_j == Approx(2 * *r.floors_j).epsilon(1e-12));
}

TEST_CASE("a floor that lifts nothing changes no number", "[energy][floor]") {
    const sim::energy_result bare = an_hour({swing(0), {}});
    const sim::energy_result low = an_hour({swing(178), {}});
    CHECK(low.floors_j == 0.0);
    CHECK(low.it_j == bare.it_j);
    CHECK(low.losses_j == bare.losses_j);
    CHECK(*low.overhead_j == *bare.overhead_j);
    CHECK(*low.energy_usd == *bare.energy_usd);
    CHECK(low.swing->coherent_w == bare.swing->coherent_w);
}

TEST_CASE("a job whose floor has no power waits for it", "[power][sim][floor]") {
    const double idle_w = test::gb300().idle_power_w();
    const auto second_start = [&](double floor_w, double limit_w) {
        power::plant_plan plan = test::plant_of(2, "single", 2);
        plan.events.push_back(test::limit_of("iad/hall-0/row-0", limit_w));
        sim::parts p = test::powered_parts(std::move(plan), {std::vector(2, test::gpu_job(72, hours{1}))},
                                           {power::phase::gemm_fp4}, policy::make_policy("power-aware", {}));
        p.energy->swings = {swing(floor_w)};
        sim::simulation s{std::move(p)};
        s.run();
        s.results();
        return to_seconds(s.records(0)[1].first_start - start_of_time) / 3600;
    };
    const double half_way = 2 * (rack_w(mean_w) + rack_w(lifted_w)) / 2;
    CHECK(second_start(0, half_way) == 0);
    CHECK(second_start(600, half_way) == 1);
    CHECK(second_start(600, 2 * rack_w(lifted_w) + 0.1 * (rack_w(lifted_w) - idle_w)) == 0);
}
