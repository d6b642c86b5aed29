// Closed forms of the power chain: trip curves, caps, swings, temperatures.
#include "support/catch.hpp"

#include <ampacity/power/cap_response.hpp>
#include <ampacity/power/swing.hpp>
#include <ampacity/power/thermal.hpp>
#include <ampacity/power/trip_curve.hpp>

#include <cmath>
#include <limits>
#include <vector>

using namespace ampacity;
using namespace ampacity::power;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

instant at(double s) { return start_of_time + duration{static_cast<std::int64_t>(std::llround(s * 1e9))}; }

/// Limits of UL 489: at the latest.
trip_curve ul489() { return trip_curve{{.holds = 1.0, .points = {{1.35, seconds{3600}}, {2.0, seconds{120}}}}}; }
/// Published limits of double-conversion UPS.
trip_curve ups() {
    return trip_curve{
        {.holds = 1.0,
         .points = {{1.03, seconds{600}}, {1.25, seconds{120}}, {1.50, seconds{30}}, {2.00, milliseconds{250}}}}};
}

/// The fit of the catalogue, and a floor.
cap_response gb200() { return {{.loss = 1.5, .exponent = 1.9, .valid_from = 0.35}, 0.2, 0.1}; }

}  // namespace

TEST_CASE("a trip curve gives its points, and what lies between", "[power]") {
    const trip_curve c = ul489();
    CHECK(c.time_s(0.5) == infinite);
    CHECK(c.time_s(1.0) == infinite);
    CHECK(c.time_s(1.35) == 3600);
    CHECK(c.time_s(2.0) == 120);
    CHECK(c.time_s(5.0) == 120);
    // Between what it holds and the first point: t1 (x1 - x0) / (x - x0).
    CHECK(c.time_s(1.175) == Approx(7200).epsilon(1e-14));
    // Between points log(time) is linear in log(load): half-way in the logarithms.
    CHECK(c.time_s(std::sqrt(1.35 * 2.0)) == Approx(std::sqrt(3600.0 * 120.0)).epsilon(1e-12));
    double before = infinite;
    for (double x = 0.9; x < 2.5; x += 0.001) {
        REQUIRE(c.time_s(x) <= before);
        before = c.time_s(x);
    }
    CHECK(trip_curve{}.time_s(100) == infinite);
}

TEST_CASE("a breaker trips at 135 and at 200 % when its curve says", "[power]") {
    const trip_curve c = ul489();
    for (const auto& [load, time] : {std::pair{1.35, 3600.0}, {2.0, 120.0}}) {
        overload o{c};
        o.set(at(10), load);
        CHECK(o.trips_at() == at(10 + time));
        CHECK(o.damage_at(at(10 + time / 4)) == Approx(0.25));
    }
    overload o{c};
    o.set(at(0), 1.0);
    CHECK(o.trips_at() == never);
}

TEST_CASE("a UPS at 150 % for 15 s and then at 125 % trips 60 s later", "[power]") {
    const trip_curve c = ups();
    overload o{c};
    o.set(at(0), 1.5);
    CHECK(o.trips_at() == at(30));
    o.set(at(15), 1.25);
    CHECK(o.damage_at(at(15)) == Approx(0.5));
    CHECK(o.trips_at() == at(75));
}

TEST_CASE("damage recovers below the load that is held, and the device is cold after a reset", "[power]") {
    const trip_curve c = ups();
    overload o{c};
    o.set(at(0), 1.5);
    o.set(at(15), 0.9);
    CHECK(o.trips_at() == never);
    // Ten minutes from 1 to 0, so half of it is gone after five.
    CHECK(o.damage_at(at(15 + 150)) == Approx(0.25));
    CHECK(o.damage_at(at(15 + 300)) == Approx(0).margin(1e-12));
    CHECK(o.damage_at(at(15 + 3000)) == 0);
    o.set(at(15 + 150), 1.5);
    CHECK(o.trips_at() == at(15 + 150 + 22.5));
    o.reset(at(170));
    o.set(at(170), 1.5);
    CHECK(o.trips_at() == at(200));
}

TEST_CASE("a cap that comes before the trip time prevents the trip, a later one does not", "[power]") {
    const trip_curve c = ups();
    for (const auto& [delay, trips] : {std::pair{29.0, false}, {31.0, true}}) {
        overload o{c};
        o.set(at(0), 1.5);
        const bool tripped = o.trips_at() <= at(delay);
        CHECK(tripped == trips);
    }
}

TEST_CASE("performance under a cap follows the published points and never rises as the cap falls", "[power]") {
    const cap_response r = gb200();
    CHECK(r.performance(1.2) == 1);
    CHECK(r.performance(1.0) == 1);
    // 1200 to 1000 W: -5 % +- 1.
    CHECK(r.performance(1000.0 / 1200.0) == Approx(0.95).margin(0.01));
    CHECK(r.performance(0.833) == Approx(1 - 1.5 * std::pow(0.167, 1.9)).epsilon(1e-12));
    CHECK(r.performance(0) == 0.1);
    double before = 1;
    for (double p = 1.1; p > 0; p -= 0.0005) {
        const double x = r.performance(p);
        REQUIRE(x <= before);
        REQUIRE(x > 0);
        REQUIRE(before - x < 0.005);  // it has no steps
        before = x;
    }
}

TEST_CASE("a site of fixed power is best filled at a cap of 850 to 1000 W", "[power]") {
    // 493 W fixed per GPU and 1.37 W at the meter for each of its own: second-hand figures of a published site.
    const cap_response r = gb200();
    const auto throughput = [&r](double cap_w) { return r.performance(cap_w / 1200) / (493 + 1.37 * cap_w); };
    double best = 0;
    double best_cap = 0;
    for (double cap = 600; cap <= 1200; cap += 1) {
        if (throughput(cap) <= best) continue;
        best = throughput(cap);
        best_cap = cap;
    }
    CHECK(best_cap >= 850);
    CHECK(best_cap <= 1000);
    CHECK(throughput(1000) / throughput(1200) - 1 == Approx(0.09).margin(0.01));
}

TEST_CASE("what storage leaves of a swing", "[power]") {
    // A GB300 rack holds 72 x 65 J.
    constexpr double storage = 72 * 65;
    CHECK(smoothed_w(1, storage) == Approx(18'720));
    CHECK(smoothed_w(3, storage) == Approx(56'160));
    CHECK(residual_swing_w(80'000, 1, storage) == Approx(80'000 - 18'720));
    CHECK(residual_swing_w(10'000, 1, storage) == 0);
    CHECK(residual_swing_w(80'000, 1, 0) == 80'000);
    const swing s{.high_w = 120e3, .low_w = 40e3, .share_low = 0.25};
    CHECK(s.mean_w() == Approx(100e3));
    const swing lifted = s.with_floor(70e3);
    CHECK(lifted.height_w() == Approx(50e3));
    CHECK(lifted.mean_w() - s.mean_w() == Approx(0.25 * 30e3));
    // The same from the mean alone, with a floor between valleys and peaks, below and above them.
    for (const double floor_w : {10e3, 40e3, 70e3, 119e3, 120e3, 150e3})
        CHECK(mean_with_floor_w(s.mean_w(), s.low_w, s.share_low, floor_w) == Approx(s.with_floor(floor_w).mean_w()));
    const std::vector<double> swings{3e3, 4e3};
    CHECK(coherent_w(swings) == Approx(7e3));
    CHECK(incoherent_w(swings) == Approx(5e3));
    CHECK(ramp_w_per_s(56e3, 0.02) == Approx(2.8e6));
}

TEST_CASE("the step response of a thermal mass, at any step", "[power]") {
    const thermal_mass gpu;
    CHECK(gpu.j_per_k() == Approx(400));
    CHECK(gpu.settled_c(1400, 45 + 3) == Approx(90));
    const double one = gpu.after_c(30, 1400, 48, 60);
    double t = 30;
    for (int i = 0; i != 600; ++i) t = gpu.after_c(t, 1400, 48, 0.1);
    CHECK(one == Approx(90 - 60 * std::exp(-5.0)).epsilon(1e-13));
    CHECK(t == Approx(one).epsilon(1e-12));
    // After one time constant: 1 - 1/e of the way.
    CHECK(gpu.after_c(0, 1000, 0, 12) == Approx(30 * (1 - std::exp(-1.0))).epsilon(1e-14));
    // At 1400 W on water of 45 C and 3 K at the plate it reaches 87 C and throttles; on 38 C it never does.
    const double crossing = gpu.time_to_s(87, 30, 1400, 48);
    CHECK(crossing == Approx(12 * std::log(20.0)).epsilon(1e-13));
    CHECK(gpu.after_c(30, 1400, 48, crossing) == Approx(87).epsilon(1e-13));
    CHECK(gpu.time_to_s(87, 30, 1400, 41) == infinite);
    CHECK(gpu.time_to_s(87, 87, 1400, 41) == 0);
    CHECK(gpu.time_to_s(60, 80, 100, 30) == Approx(12 * std::log(47.0 / 27.0)).epsilon(1e-13));
    CHECK(gpu.adiabatic_k_per_s(1400) == Approx(3.5));
}
