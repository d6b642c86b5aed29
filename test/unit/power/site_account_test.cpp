// The books of a site: closed forms, exact balances, months of demand, and a naive sum minute by minute.
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/power/site_account.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

using namespace ampacity;
using power::microwatts;
using power::site_account;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

constexpr microwatts kilowatt = 1'000'000'000;

power::signal steps(std::vector<double> values, duration each, outside beyond = outside::repeated,
                    instant first = start_of_time) {
    std::vector<instant> begins;
    for (std::size_t i = 0; i != values.size(); ++i) begins.push_back(first + static_cast<std::int64_t>(i) * each);
    const instant end = begins.back() + each;
    return {std::make_shared<const step_series<double>>(std::move(begins), std::move(values), end, beyond),
            {.where = {}, .key = "signal", .what = "ends", .value = {}, .remedy = {}}};
}

hardware::region somewhere() {
    hardware::region r;
    r.pue = 1.25;
    r.carbon = {.mean_kg_per_j = 1e-7, .marginal_kg_per_j = 2e-7, .market_kg_per_j = 0.0};
    r.price_usd_per_j = 3e-8;
    r.water_m3_per_j = 1e-9;
    return r;
}

hardware::cooling chilled() {
    hardware::cooling c;
    c.kind = hardware::cooling_kind::liquid;
    c.power_share = 0.13;
    c.other_share = 0.02;
    c.units = hardware::coolant_units{.pump_share = 0.01};
    c.chiller = hardware::chiller{.rated_cop = 5, .slope_per_k = -0.02, .rated_outdoor_c = 30};
    c.free_below_c = 10;
    return c;
}

}  // namespace

TEST_CASE("the grid has what batteries and generators do not give, overhead included", "[site-account]") {
    const auto stepped = steps({1e-9, 2e-9, 4e-9, 4e-9}, hours{1});
    for (const bool signals : {false, true}) {
        CAPTURE(signals);
        power::site_options o{
            .region = somewhere(), .has_stores = true, .generators_usd_j = 7e-8, .generators_kg_j = 2e-7};
        if (signals) {
            o.signals.carbon = steps({1e-7}, hours{1});
            o.signals.price = stepped;
        }
        site_account a{o};
        const microwatts it = 100 * kilowatt;
        a.advance(start_of_time + hours{1}, it, 110 * kilowatt);
        a.advance(start_of_time + minutes{90}, it, 0, {.given = 110 * kilowatt});
        a.advance(start_of_time + minutes{150}, it, 0, {.made = 120 * kilowatt, .kept = 9 * kilowatt});
        a.advance(start_of_time + minutes{210}, it, 120 * kilowatt, {.kept = 9 * kilowatt});
        const power::site_books b = a.books();
        // 350 kWh for racks; 10 + 5 + 11 + 11 lost; the PUE leaves 50.5 for the rest: 15, 7.5, 14 and 14.
        CHECK(b.it_j == Approx(350 * 3.6e6));
        CHECK(b.losses_j == Approx(37 * 3.6e6));
        CHECK(*b.overhead_j == Approx(50.5 * 3.6e6));
        CHECK(*b.batteries_j == Approx(55 * 3.6e6));
        CHECK(*b.filled_j == Approx(18 * 3.6e6));
        CHECK(*b.generators_j == Approx((120 + 14) * 3.6e6));
        CHECK(*b.grid_j == Approx((125 + 7.5 + 134) * 3.6e6));
        CHECK(*b.carbon_location_kg == Approx(*b.grid_j * 1e-7));
        CHECK(*b.carbon_generators_kg == Approx(134 * 3.6e6 * 2e-7));
        CHECK(*b.generators_usd == Approx(134 * 3.6e6 * 7e-8));
        if (signals)
            CHECK(*b.energy_usd == Approx((125 * 1e-9 + 7.5 * 2e-9 + 134 * 4e-9) * 3.6e6));
        else
            CHECK(*b.energy_usd == Approx(*b.grid_j * 3e-8));
    }
}

TEST_CASE("a signal that stands still is its mean, with stores and any cooling", "[site-account]") {
    naive::test_random random(4);
    for (int kind = 0; kind != 3; ++kind) {
        CAPTURE(kind);
        power::site_options o{.region = somewhere(), .demand_usd_w = 1e-3, .has_stores = true, .generators_kg_j = 1e-7};
        if (kind != 0) o.cooling = chilled();
        if (kind == 2) o.signals.outdoor_c = steps({5, 25, 32}, hours{1});
        power::site_options p = o;
        p.signals.carbon = steps({1e-7}, hours{1});
        site_account means{o}, follows{p};
        instant now = start_of_time;
        for (int i = 0; i != 200; ++i) {
            now += minutes{random.between(1, 90)};
            const microwatts it = random.between(50, 100) * kilowatt;
            const microwatts lost = it / 20;
            power::stored_flow f;
            microwatts in = it + lost;
            if (random.chance(25))
                f.given = std::exchange(in, 0);
            else if (random.chance(25))
                f.made = std::exchange(in, 0);
            else if (random.chance(25))
                f.kept = 5 * kilowatt, in += 6 * kilowatt;
            else if (random.chance(25))
                f.made = in / 3, in -= f.made;
            means.advance(now, it, in, f);
            follows.advance(now, it, in, f);
        }
        const power::site_books a = means.books(), b = follows.books();
        CHECK(*b.carbon_location_kg == Approx(*a.carbon_location_kg).epsilon(1e-9));
        CHECK(*a.carbon_location_kg == Approx(*a.grid_j * 1e-7).epsilon(1e-12));
        CHECK(*a.grid_j + *a.generators_j + *a.batteries_j - *a.filled_j == Approx(a.facility_j()).epsilon(1e-12));
        CHECK(*a.grid_j > 0);
        CHECK(*a.generators_j > 0);
        CHECK(*a.demand_usd > 0);
    }
}

TEST_CASE("without signals the means of the region are what the energy is multiplied by", "[site-account]") {
    site_account a{{.region = somewhere()}};
    a.advance(start_of_time + hours{2}, 100 * kilowatt, 110 * kilowatt);
    const auto b = a.books();
    CHECK(b.it_j == 720e6);
    CHECK(b.losses_j == 72e6);
    CHECK(*b.overhead_j == Approx(720e6 * 0.15).epsilon(1e-15));
    CHECK(b.facility_j() == Approx(720e6 * 1.25).epsilon(1e-15));
    CHECK(*b.carbon_location_kg == b.facility_j() * 1e-7);
    CHECK(*b.carbon_marginal_kg == b.facility_j() * 2e-7);
    CHECK(*b.carbon_market_kg == 0);
    CHECK(*b.energy_usd == b.facility_j() * 3e-8);
    CHECK(*b.water_m3 == b.it_j * 1e-9);
    CHECK(!b.demand_usd);
    CHECK(!b.carbon_embodied_kg);
    CHECK(!b.capacity_usd);
    // A constant signal is the mean; more losses than the PUE holds leave no overhead.
    for (const microwatts in : {110 * kilowatt, 130 * kilowatt}) {
        site_account constant{
            {.region = somewhere(),
             .signals = {.carbon = power::signal{1e-7}, .marginal = std::nullopt, .price = power::signal{3e-8}}}};
        constant.advance(start_of_time + hours{2}, 100 * kilowatt, in);
        const auto c = constant.books();
        CHECK(*c.carbon_location_kg == Approx(c.facility_j() * 1e-7).epsilon(1e-14));
        CHECK(*c.energy_usd == Approx(c.facility_j() * 3e-8).epsilon(1e-14));
        CHECK(c.facility_j() == Approx(720e6 * std::max(1.25, static_cast<double>(in) / 100e9)).epsilon(1e-14));
    }
    site_account bare{{}};
    bare.advance(start_of_time + hours{2}, 100 * kilowatt, 110 * kilowatt);
    CHECK(!bare.books().overhead_j);
    CHECK(!bare.books().carbon_location_kg);
    CHECK(!bare.books().energy_usd);
}

TEST_CASE("power that is drawn in the cheap half of a square wave costs the cheap half", "[site-account]") {
    site_account a{{.region = somewhere(),
                    .signals = {.carbon = steps({1e-7, 4e-7}, hours{6}),
                                .marginal = steps({0, 1e-6}, hours{6}),
                                .price = steps({-1e-8, 5e-8}, hours{6})}}};
    // 10 kW at night, 30 kW from 3 h to 9 h.
    a.advance(start_of_time + hours{3}, 10 * kilowatt, 10 * kilowatt);
    a.advance(start_of_time + hours{9}, 30 * kilowatt, 30 * kilowatt);
    a.advance(start_of_time + hours{24}, 10 * kilowatt, 10 * kilowatt);
    const double low = 3.6e6 * (3 * 10 + 3 * 30 + 6 * 10) * 1.25;
    const double high = 3.6e6 * (3 * 30 + 3 * 10 + 6 * 10) * 1.25;
    const auto b = a.books();
    CHECK(b.facility_j() == Approx(low + high).epsilon(1e-14));
    CHECK(*b.carbon_location_kg == Approx(low * 1e-7 + high * 4e-7).epsilon(1e-14));
    CHECK(*b.carbon_marginal_kg == Approx(high * 1e-6).epsilon(1e-14));
    CHECK(*b.energy_usd == Approx(low * -1e-8 + high * 5e-8).epsilon(1e-14));
    CHECK(*b.carbon_market_kg == 0);  // contracts have no hours
}

TEST_CASE("chillers follow the weather, and the balance is exact", "[site-account]") {
    site_account a{{.region = somewhere(),
                    .cooling = chilled(),
                    .signals = {.carbon = std::nullopt,
                                .marginal = std::nullopt,
                                .price = std::nullopt,
                                .outdoor_c = steps({5, 30, 40}, hours{1})}}};
    a.advance(start_of_time + hours{3}, 100 * kilowatt, 107 * kilowatt);
    const double shares[] = {0.03, 0.03 + 1.0 / 5, 0.03 + 1.0 / 4};
    const double overhead = 360e6 * (shares[0] + shares[1] + shares[2]);
    const auto b = a.books();
    CHECK(*b.overhead_j == Approx(overhead).epsilon(1e-12));
    CHECK(b.facility_j() == b.it_j + b.losses_j + *b.overhead_j);
    CHECK(*b.carbon_location_kg == b.facility_j() * 1e-7);
    // Without weather: the mean of a year.
    site_account mean{{.cooling = chilled()}};
    mean.advance(start_of_time + hours{3}, 100 * kilowatt, 107 * kilowatt);
    CHECK(*mean.books().overhead_j == Approx(3 * 360e6 * 0.15).epsilon(1e-14));
    CHECK(!mean.books().carbon_location_kg);
}

TEST_CASE("demand is charged on the highest quarter of an hour of each month", "[site-account]") {
    using namespace std::chrono;
    const auto date = sys_days{2026y / January / 31} + 22h + 50min;
    const auto peaks = [&](std::vector<std::pair<minutes, microwatts>> drawn) {
        power::demand_meter m{date};
        instant now = start_of_time;
        for (const auto& [time, power] : drawn) {
            m.draw(now, now + time, power);
            now += time;
        }
        return m.peaks_w();
    };
    // 22:50 to 23:00 is part of a quarter that began at 22:45.
    CHECK(peaks({{10min, 30 * kilowatt}}) == std::vector<double>{20e3});
    // A short peak is averaged; on the edge of two quarters each has its part.
    CHECK(peaks({{10min, 0}, {5min, 30 * kilowatt}, {10min, 0}}) == std::vector<double>{10e3});
    CHECK(peaks({{20min, 0}, {10min, 30 * kilowatt}, {10min, 0}}) == std::vector<double>{10e3});
    // February begins 70 minutes after the start, March 28 days later.
    CHECK(peaks({{70min, 5 * kilowatt}, {24h * 28, 7 * kilowatt}, {1h, 6 * kilowatt}}) ==
          std::vector<double>{5e3, 7e3, 6e3});
    CHECK(peaks({{70min + 24h * 28 + 30min, 5 * kilowatt}}) == std::vector<double>{5e3, 5e3, 5e3});
    CHECK(peaks({{70min, 5 * kilowatt}}) == std::vector<double>{5e3});
    site_account a{{.region = somewhere(), .start = date, .demand_usd_w = 0.02}};
    a.advance(start_of_time + 70min, 100 * kilowatt, 110 * kilowatt);
    a.advance(start_of_time + 100min, 200 * kilowatt, 220 * kilowatt);
    CHECK(*a.books().demand_usd == Approx((125e3 + 250e3) * 0.02).epsilon(1e-9));
}

TEST_CASE("what stands there is spread over its life, and rented by time", "[site-account]") {
    site_account a{{.life = hours{24 * 1826}}};
    CHECK(!a.books().carbon_embodied_kg);
    CHECK(!a.books().capacity_usd);
    a.set_standing({.embodied_kg = 1826.0, .rent_usd_s = 0.5});
    a.advance(start_of_time + hours{48}, 0, 0);
    CHECK(*a.books().carbon_embodied_kg == Approx(2).epsilon(1e-14));
    CHECK(*a.books().capacity_usd == 0.5 * 48 * 3600);

    SECTION("more stands there from an instant on") {
        a.set_standing({.embodied_kg = 2 * 1826.0, .rent_usd_s = 2.0});
        a.advance(start_of_time + hours{60}, 0, 0);
        CHECK(*a.books().carbon_embodied_kg == Approx(3).epsilon(1e-14));
        CHECK(*a.books().capacity_usd == Approx(0.5 * 48 * 3600 + 2.0 * 12 * 3600).epsilon(1e-14));
    }
}

TEST_CASE("random days agree with a naive sum minute by minute", "[site-account]") {
    for (std::uint64_t seed = 0; seed != 100; ++seed) {
        naive::test_random random(seed);
        const auto values = [&random](double scale, std::int64_t low) {
            std::vector<double> v;
            for (std::int64_t n = random.between(1, 20); n > 0; --n)
                v.push_back(scale * static_cast<double>(random.between(low, 100)));
            return v;
        };
        const auto carbon = values(1e-9, 0);
        const auto price = values(1e-9, -50);
        const auto weather = values(0.5, -40);
        const minutes carbon_step{random.between(1, 90)};
        const minutes weather_step{random.between(1, 90)};
        const bool with_weather = random.chance(50);
        const bool with_cooling = with_weather || random.chance(50);
        const auto date =
            std::chrono::sys_days{std::chrono::days{random.between(10000, 20000)}} + minutes{random.between(0, 1439)};
        power::site_options o{.region = somewhere(),
                              .signals = {.carbon = steps(carbon, carbon_step, outside::held),
                                          .marginal = std::nullopt,
                                          .price = steps(price, carbon_step, outside::repeated)},
                              .start = date,
                              .demand_usd_w = 1.0};
        if (with_cooling) o.cooling = chilled();
        if (with_weather) o.signals.outdoor_c = steps(weather, weather_step, outside::repeated);
        site_account a{o};
        double it_j = 0, lost_j = 0, over_j = 0, kg = 0, usd = 0;
        std::map<std::pair<int, unsigned>, std::map<std::int64_t, double>> quarters;
        std::int64_t now = 0;
        const power::cooling_plant plant{chilled()};
        while (now < 4000) {
            const std::int64_t to = now + random.between(0, 200);
            const microwatts it = random.between(0, 50) * kilowatt;
            const microwatts in = it + it / 10;
            a.advance(start_of_time + minutes{to}, it, in);
            for (std::int64_t m = now; m != to; ++m) {
                const auto held = std::min(static_cast<std::size_t>(m / carbon_step.count()), carbon.size() - 1);
                const auto turn = static_cast<std::size_t>(m / carbon_step.count()) % price.size();
                const auto c = static_cast<std::size_t>(m / weather_step.count()) % weather.size();
                const double it_w = static_cast<double>(it) * 1e-6;
                // By the weather, by the cooling's year, or what 1.25 leaves beside losses of 0.1; whole microwatts.
                const double share = with_weather ? plant.share(weather[c]) + 0.02 : 0.15;
                const double over_w = std::round(static_cast<double>(it) * share) * 1e-6;
                const double all_w = it_w * 1.1 + over_w;
                it_j += 60 * it_w;
                lost_j += 6 * it_w;
                over_j += 60 * over_w;
                kg += 60 * all_w * carbon[held];
                usd += 60 * all_w * price[turn];
                const auto when = date + minutes{m};
                const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(when)};
                quarters[{static_cast<int>(day.year()), static_cast<unsigned>(day.month())}]
                        [when.time_since_epoch() / minutes{15}] += all_w / 15;
            }
            now = to;
        }
        double peaks = 0;
        for (const auto& [month, means] : quarters) {
            double most = 0;
            for (const auto& [quarter, mean] : means) most = std::max(most, mean);
            peaks += most;
        }
        const auto b = a.books();
        INFO("seed " << seed);
        CHECK(b.it_j == Approx(it_j).epsilon(1e-12));
        CHECK(b.losses_j == Approx(lost_j).epsilon(1e-12));
        CHECK(*b.overhead_j == Approx(over_j).epsilon(1e-12));
        CHECK(*b.carbon_location_kg == Approx(kg).epsilon(1e-12));
        CHECK(*b.energy_usd == Approx(usd).epsilon(1e-11).margin(1e-9));
        CHECK(*b.demand_usd == Approx(peaks).epsilon(1e-12));
    }
}
