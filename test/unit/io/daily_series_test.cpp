// Mean days of regions: their means are those of the regions, hours and halves of the year as they were computed from
// the published series, and runs that follow them against hand arithmetic.
#include "lib/io/daily_series.hpp"

#include "support/catch.hpp"
#include "support/data.hpp"
#include "support/files.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/csv_reader.hpp>
#include <ampacity/io/input_stream.hpp>
#include <ampacity/io/prepare.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
namespace chrono = std::chrono;

namespace {

const std::vector<std::string> with_days{"us-east-1", "us-east-2",    "us-east-1-dfw-2a", "us-west-1",
                                         "eu-west-2", "eu-central-1", "eu-south-2"};

hardware::region region(const std::string& name) { return io::read_model<hardware::region>(name).value; }

scenario::date day(int year, unsigned month, unsigned d) {
    return chrono::sys_days{chrono::year{year} / chrono::month{month} / chrono::day{d}};
}

}  // namespace

TEST_CASE("the mean of the mean days is the mean of the region", "[daily]") {
    for (const std::string& name : with_days) {
        INFO(name);
        const hardware::region r = region(name);
        REQUIRE(r.daily);
        const auto check = [](const step_series<double>& s, double mean) {
            double sum = 0;
            for (std::size_t i = 0; i != s.size(); ++i) {
                CHECK(s.end_of(i) - s.begin_of(i) == 1h);
                sum += s.value(i);
            }
            CHECK(s.size() == 24 * 1461);
            CHECK(sum / (24 * 1461) == Approx(mean).epsilon(1e-12));
            CHECK(s.beyond() == outside::repeated);
        };
        const auto& d = *r.daily;
        check(*io::daily_series(day(2026, 3, 1), *d.carbon_winter, *d.carbon_summer, r.carbon.mean_kg_per_j),
              r.carbon.mean_kg_per_j);
        if (d.price_winter)
            check(*io::daily_series(day(2024, 12, 31), *d.price_winter, *d.price_summer, r.price_usd_per_j),
                  r.price_usd_per_j);
        if (d.weather_winter)
            check(*io::daily_series(day(2025, 1, 1), *d.weather_winter, *d.weather_summer, r.mean_c), r.mean_c);
    }
    CHECK(!region("eu-north-1").daily);
}

TEST_CASE("hours and halves of the year fall where the calendar has them", "[daily]") {
    hardware::daily_shares winter, summer;
    for (int h = 0; h != 24; ++h) {
        winter.points.push_back({.hour = chrono::hours{h}, .share = 1 + h / 100.0});
        summer.points.push_back({.hour = chrono::hours{h}, .share = 2 + h / 100.0});
    }
    // At 06:30 of the last day of winter.
    const scenario::date start = day(2026, 3, 31) + 6h + 30min;
    const auto s = io::daily_series(start, winter, summer, 1);
    const double unit = s->find(start_of_time)->value / 1.06;
    const auto at = [&](duration t) { return s->find(start_of_time + t)->value / unit; };
    CHECK(s->find(start_of_time)->end == start_of_time + 30min);
    CHECK(at(30min) == Approx(1.07).epsilon(1e-12));
    CHECK(at(17h + 29min) == Approx(1.23).epsilon(1e-12));
    CHECK(at(17h + 30min) == Approx(2.00).epsilon(1e-12));
    const auto days = [&](scenario::date d) { return duration{d - start}; };
    CHECK(at(days(day(2026, 9, 30)) + 23h) == Approx(2.23).epsilon(1e-12));
    CHECK(at(days(day(2026, 10, 1))) == Approx(1.00).epsilon(1e-12));
    CHECK(at(days(day(2028, 2, 29)) + 5h) == Approx(1.05).epsilon(1e-12));
    CHECK(at(days(day(2048, 4, 1)) + 5h) == Approx(2.05).epsilon(1e-12));
    CHECK(at(days(day(2020, 4, 1)) + 5h) == Approx(2.05).epsilon(1e-12));
}

TEST_CASE("mean days are those of the published series", "[daily]") {
    // Hour by hour, from the files that the catalogue names.
    const std::vector<std::pair<std::string, std::string>> zones{
        {"us-east-1", "US-MIDA-PJM"}, {"us-east-1-dfw-2a", "US-TEX-ERCO"},
        {"us-west-1", "US-CAL-CISO"}, {"eu-central-1", "DE-LU"},
        {"eu-west-2", "GB"},          {"eu-south-2", "ES"}};
    for (const auto& [name, zone] : zones) {
        INFO(name);
        const auto file = test::real_data("grid/" + zone + "_2021-2023.csv.gz");
        if (!file) return;
        io::csv_reader rows{io::input_stream{*file}};
        const std::size_t time = *rows.find("Datetime (UTC)");
        const std::size_t carbon = *rows.find("Carbon Intensity gCO₂eq/kWh (LCA)");
        const std::size_t price = *rows.find("Price (USD/MWh)");
        struct mean {
            double sum = 0;
            int n = 0;
            [[nodiscard]] double value() const { return sum / n; }
        };
        std::array<std::array<mean, 24>, 2> c{}, p{};
        while (rows.next()) {
            const std::string at{rows[time]};
            const int month = std::stoi(at.substr(5, 2));
            const auto half = static_cast<std::size_t>(month >= 4 && month <= 9);
            const auto hour = static_cast<std::size_t>(std::stoi(at.substr(11, 2)));
            const auto add = [](mean& to, std::string_view text) {
                if (text.empty()) return;
                to.sum += std::stod(std::string{text});
                ++to.n;
            };
            add(c[half][hour], rows[carbon]);
            add(p[half][hour], rows[price]);
        }
        const auto d = *region(name).daily;
        const auto check = [](const std::array<std::array<mean, 24>, 2>& of, const hardware::daily_shares& winter,
                              const hardware::daily_shares& summer) {
            double year = 0;
            for (std::size_t h = 0; h != 24; ++h)
                year += (182.25 * of[0][h].value() + 183 * of[1][h].value()) / (24 * 365.25);
            for (std::size_t h = 0; h != 24; ++h) {
                CHECK(winter.points[h].share == Approx(of[0][h].value() / year).margin(6e-5));
                CHECK(summer.points[h].share == Approx(of[1][h].value() / year).margin(6e-5));
            }
        };
        check(c, *d.carbon_winter, *d.carbon_summer);
        if (d.price_winter) check(p, *d.price_winter, *d.price_summer);
    }
}

TEST_CASE("runs follow the mean days, and price-aware sees them", "[daily]") {
    const test::temporary_directory home;
    test::write_file(home.path() / "jobs.csv", "job_id,submit_s,gpus,duration_s\na,0,144,86400\n");
    const auto run = [&](const std::string& energy, const std::string& policy = "fifo") {
        test::write_file(
            home.path() / "s.yaml",
            "ampacity: 1\nname: s\nseed: 7\nstart: 2026-07-01\nfleet: { racks: { model: gb300-nvl72, count: "
            "2 } }\nworkload:\n  - trace: { path: jobs.csv }\nscheduler: { policy: " +
                policy + " }\nenergy: { region: eu-central-1" + energy + " }\n");
        sim::simulation s{io::prepare(io::read_scenario(home.path() / "s.yaml")).parts};
        s.run();
        return s;
    };
    // A summer's day at constant power: the mean of its 24 hours.
    const auto r = region("eu-central-1");
    double carbon = 0, price = 0;
    const auto c =
        io::daily_series(day(2026, 7, 1), *r.daily->carbon_winter, *r.daily->carbon_summer, r.carbon.mean_kg_per_j);
    const auto p = io::daily_series(day(2026, 7, 1), *r.daily->price_winter, *r.daily->price_summer, r.price_usd_per_j);
    std::size_t cheapest = 0;
    std::array<double, 24> at{};
    for (std::size_t h = 0; h != 24; ++h) {
        carbon += c->find(start_of_time + h * 1h)->value / 24;
        price += (at[h] = p->find(start_of_time + h * 1h)->value) / 24;
        if (at[h] < at[cheapest]) cheapest = h;
    }
    auto s = run(", daily: [ carbon, price ]");
    const auto e = *s.results().energy;
    CHECK(*e.carbon_location_kg == Approx(e.facility_j() * carbon).epsilon(1e-12));
    CHECK(*e.energy_usd == Approx(e.facility_j() * price).epsilon(1e-12));
    CHECK(carbon < r.carbon.mean_kg_per_j);  // the sun shines
    auto plain = run("");
    CHECK(*plain.results().energy->carbon_location_kg ==
          Approx(e.facility_j() * r.carbon.mean_kg_per_j).epsilon(1e-12));

    // The job of an hour goes to the cheapest one.
    test::write_file(home.path() / "jobs.csv", "job_id,submit_s,gpus,duration_s\na,0,144,3600\n");
    auto waits = run(", daily: [ price ]", "price-aware, price-aware: { max_delay: 23 h }");
    CHECK(waits.records(0)[0].first_start == start_of_time + cheapest * 1h);
    // By the weather of noon and midnight a chiller draws more or less.
    auto warm = run(", cooling: chilled-liquid, daily: [ weather ]");
    auto mean = run(", cooling: chilled-liquid");
    CHECK(warm.results().energy->pue != mean.results().energy->pue);

    const auto refused = [&](const std::string& energy, const std::string& policy = "fifo") -> std::string {
        try {
            run(energy, policy);
        } catch (const scenario_error& x) {
            const std::string all = x.what();
            return all.substr(all.find("error: ") + 7);
        }
        return {};
    };
    CHECK(refused(", daily: [ carbon, carbon ]") == "energy.daily.1: named twice (carbon); name it once");
    CHECK(refused(", daily: [ weather ]").starts_with("energy.daily.0: nothing follows it (weather)"));
    CHECK(refused(", daily: [ price ], signals: { price: { path: x.csv, column: p, unit: USD/MWh } }")
              .starts_with("energy.daily.0: is given by energy.signals.price, too (price)"));
    CHECK(refused(", daily: [ price ]", "carbon-aware")
              .starts_with("scheduler.policy: needs a signal that is not given (carbon-aware)"));
}

TEST_CASE("sites whose region has no mean days keep its means, and the run says so", "[daily]") {
    const test::temporary_directory home;
    test::write_file(home.path() / "jobs.csv", "job_id,submit_s,gpus,duration_s\na,0,144,86400\n");
    const auto prepared = [&](const std::string& first, const std::string& second, const std::string& energy,
                              const std::string& policy = "fifo") {
        test::write_file(home.path() / "s.yaml",
                         "ampacity: 1\nname: s\nseed: 7\nstart: 2026-07-01\nuntil: 1 d\nfleet:\n  sites:\n"
                         "    - { name: a, " +
                             first +
                             "racks: [ { model: gb300-nvl72, count: 1 } ] }\n"
                             "    - { name: b, " +
                             second +
                             "racks: [ { model: gb300-nvl72, count: 1 } ] }\n"
                             "workload:\n  - trace: { path: jobs.csv }\nscheduler: { policy: " +
                             policy + " }\noutput: { years: true }\nenergy: { " + energy + " }\n");
        return io::prepare(io::read_scenario(home.path() / "s.yaml"));
    };
    const std::string with = "region: eu-south-2, ", without = "region: us-west-2, ";
    auto run = prepared(with, without, "daily: [ carbon, price ]");
    CHECK(run.notes ==
          std::vector<std::string>{
              "energy.daily: no mean days of carbon for the region of b (us-west-2), which keeps its mean",
              "energy.daily: no mean days of price for the region of b (us-west-2), which keeps its mean"});
    sim::simulation s{std::move(run.parts)};
    s.run();
    const sim::snapshot end = s.results().snapshots.back();
    const auto spain = region("eu-south-2"), oregon = region("us-west-2");
    CHECK(*end.sites[1].carbon_location_kg ==
          Approx(end.sites[1].facility_j() * oregon.carbon.mean_kg_per_j).epsilon(1e-12));
    CHECK(*end.sites[1].energy_usd == Approx(end.sites[1].facility_j() * oregon.price_usd_per_j).epsilon(1e-12));
    const auto c = io::daily_series(day(2026, 7, 1), *spain.daily->carbon_winter, *spain.daily->carbon_summer,
                                    spain.carbon.mean_kg_per_j);
    double carbon = 0;
    for (std::size_t h = 0; h != 24; ++h) carbon += c->find(start_of_time + h * 1h)->value / 24;
    CHECK(*end.sites[0].carbon_location_kg == Approx(end.sites[0].facility_j() * carbon).epsilon(1e-12));

    // What nothing follows is not missed: the weather of sites without chillers.
    CHECK(prepared("region: us-east-1, cooling: chilled-liquid, ", without, "daily: [ weather ]").notes.empty());
    CHECK(prepared(with, with, "daily: [ carbon ]").notes.empty());
    const auto refused = [&](const std::string& a, const std::string& b, const std::string& energy,
                             const std::string& policy = "fifo") -> std::string {
        try {
            (void)prepared(a, b, energy, policy);
        } catch (const scenario_error& x) {
            const std::string all = x.what();
            return all.substr(all.find("error: ") + 7);
        }
        return {};
    };
    CHECK(refused(without, "region: eu-north-1, ", "daily: [ carbon ]") ==
          "energy.daily.0: no region of a site has mean days of it (us-west-2); remove it, or give "
          "energy.signals.carbon");
    CHECK(refused(with, "", "region: us-west-2, daily: [ price, carbon ]", "carbon-aware") ==
          "energy.daily.1: the policy sees that of energy.region, whose model has no mean days of it (us-west-2); "
          "remove it, or give energy.signals.carbon");
    CHECK(refused("", without, "region: eu-south-2, daily: [ price, carbon ]", "carbon-aware").empty());
}
