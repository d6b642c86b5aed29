// Contracts and capital: closed forms by hand, and sums over years against naive ones in small steps.
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/failing_run.hpp"

#include <ampacity/money/account.hpp>
#include <ampacity/money/years.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/validate.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
using scenario::dimension;
using std::chrono::hours;

namespace {

constexpr double hour = 3600;

scenario::date day(int y, unsigned m, unsigned d) {
    return std::chrono::sys_days{std::chrono::year{y} / static_cast<int>(m) / static_cast<int>(d)};
}

scenario::contract_price price(double usd_h, std::optional<std::string> gpu = {},
                               std::optional<scenario::date> from = {}) {
    return {.gpu = std::move(gpu), .from = from, .per_gpu = {usd_h / hour}};
}

/// Two types at two sites.
std::vector<sim::fleet_group> two_groups() {
    return {{.site = 0, .gpu = "gb200", .nodes = 18, .gpus = 72, .gpus_per_unit = 72},
            {.site = 1, .gpu = "gb300", .first_node = 18, .nodes = 18, .gpus = 72, .gpus_per_unit = 72}};
}

instant at(duration d) { return start_of_time + d; }

}  // namespace

TEST_CASE("the reference contract with a linear ramp is what was reckoned by hand", "[money]") {
    // 207,000 GPUs in 2,875 racks of 72, evenly over 59.8 weeks; 38e9 USD over 7 years of 365 days.
    const duration term = hours{7 * 8760};
    const double ramp_s = 59.8 * 7 * 86400;
    constexpr int racks = 2875;
    std::vector<sim::standing_step> steps;
    for (int i = 0; i != racks; ++i)
        steps.push_back({.at = at(duration{std::llround((i + 0.5) / racks * ramp_s * 1e9)}), .gpus = 72});
    const std::vector<sim::fleet_group> groups{{.gpus = racks * 72, .gpus_per_unit = 72}};
    const auto standing = money::holdings_of(steps);
    const double gpu_h = to_gpu_hours(money::gpu_time_of(standing, start_of_time, at(term)));
    // The mean rack comes after half of the ramp.
    CHECK(gpu_h == Approx(207e3 * (7 * 8760 - ramp_s / 2 / hour)).epsilon(1e-9));
    CHECK(gpu_h == Approx(11.6e9).epsilon(0.01));
    scenario::contract c{.term = term, .value = {{38e9}}};
    const money::bill lump{c, day(2025, 11, 3), groups, standing, at(term)};
    CHECK(lump.between(start_of_time, at(term)).usd == Approx(38e9).epsilon(1e-12));
    CHECK(lump.between(start_of_time, at(term)).usd / gpu_h == Approx(3.27).epsilon(0.005));
    // By the hour: 3 USD for each.
    c = {.price = {price(3)}};
    const money::bill rented{c, day(2025, 11, 3), groups, standing, at(term)};
    CHECK(rented.between(start_of_time, at(term)).usd == Approx(3 * gpu_h).epsilon(1e-12));
    CHECK(rented.between(start_of_time, at(term)).missing_usd == 0);
}

TEST_CASE("a lump sum with a commitment pays for the part that is there and for a share of the rest", "[money]") {
    const auto groups = two_groups();
    // 72 of 288 GPUs from the start, 72 more after 6 h.
    const std::vector<sim::standing_step> steps{{.group = 0, .gpus = 72}, {.at = at(6h), .group = 1, .gpus = 72}};
    const auto standing = money::holdings_of(steps);
    const scenario::contract c{
        .term = hours{10}, .value = {{1000.0}}, .commitment = {{.gpus = 288}}, .take_or_pay = 0.5};
    const money::bill b{c, day(2026, 1, 1), groups, standing, at(20h)};
    // 100 USD/h: 6 h at 1/4 + 3/8, 4 h at 1/2 + 1/4.
    CHECK(b.between(start_of_time, at(20h)).usd == Approx(600 * 0.625 + 400 * 0.75).epsilon(1e-12));
    CHECK(b.between(start_of_time, at(20h)).missing_usd == Approx(600 * 0.375 + 400 * 0.25).epsilon(1e-12));
    CHECK(b.between(at(5h), at(7h)).usd == Approx(62.5 + 75).epsilon(1e-12));
    CHECK(b.between(at(10h), at(20h)).usd == 0);
    CHECK(b.of_site(0, start_of_time, at(20h)) == Approx(600 * 0.25 + 400 * 0.25).epsilon(1e-12));
    CHECK(b.of_site(1, start_of_time, at(20h)) == Approx(400 * 0.25).epsilon(1e-12));
    // Without a commitment all of it is paid, and belongs to nobody where nothing stands.
    const scenario::contract whole{.from = day(2026, 1, 1), .term = hours{10}, .value = {{1000.0}}};
    const auto late = money::holdings_of(std::vector<sim::standing_step>{{.at = at(6h), .group = 1, .gpus = 72}});
    const money::bill w{whole, day(2026, 1, 1), groups, late, at(20h)};
    CHECK(w.between(start_of_time, at(20h)).usd == Approx(1000).epsilon(1e-12));
    CHECK(w.between(start_of_time, at(20h)).missing_usd == Approx(600).epsilon(1e-12));
    CHECK(w.of_site(1, start_of_time, at(20h)) == Approx(400).epsilon(1e-12));
}

TEST_CASE("prices go by type and date and what is committed is paid in part or at the end of the term", "[money]") {
    const auto groups = two_groups();
    const auto standing = money::holdings_of(
        std::vector<sim::standing_step>{{.group = 0, .gpus = 72}, {.at = at(12h), .group = 1, .gpus = 72}});
    const scenario::date start = day(2027, 12, 31);
    // gb300 costs 4 USD, and 3 from the second day on; all others 2.
    scenario::contract c{.price = {price(2), price(3, "gb300", day(2028, 1, 1)), price(4, "gb300")}};
    const auto total = [&](instant from, instant to) {
        return money::bill{c, start, groups, standing, at(48h)}.between(from, to).usd;
    };
    CHECK(total(start_of_time, at(48h)) == Approx(72 * (48 * 2 + 12 * 4 + 24 * 3)).epsilon(1e-12));
    CHECK(total(at(23h), at(25h)) == Approx(72 * (2 * 2 + 4 + 3)).epsilon(1e-12));
    // 100 gb300 are committed for 40 h, from 4 h on, at 60 %.
    c.from = start + 4h;
    c.term = 40h;
    c.take_or_pay = 0.6;
    c.commitment = {{.gpu = "gb300", .gpus = 100}};
    const double there = 72 * (40 * 2 + 12 * 4 + 20 * 3);
    const double missing = 0.6 * (100 * 8 * 4 + 28 * (12 * 4 + 20 * 3));
    CHECK(total(start_of_time, at(48h)) == Approx(there + missing).epsilon(1e-12));
    // The same as GPU-hours: due at the end, at the price of then.
    c.commitment = {{.gpu = "gb300", .gpu_hours = 4000.0}};
    CHECK(total(start_of_time, at(48h)) == Approx(there + 0.6 * 3 * (4000 - 72 * 32)).epsilon(1e-12));
    CHECK(total(at(43h), at(44h)) == Approx(72 * 5 + 0.6 * 3 * (4000 - 72 * 32)).epsilon(1e-12));
    CHECK(total(at(44h), at(48h)) == 0);
    c.commitment = {{.gpu = "gb300", .gpu_hours = 100.0}};  // more than that was there
    CHECK(total(start_of_time, at(48h)) == Approx(there).epsilon(1e-12));
    // Beyond the run the term is still open.
    c.commitment = {{.gpu = "gb300", .gpu_hours = 1e6}};
    CHECK(money::bill{c, start, groups, standing, at(20h)}.between(start_of_time, at(20h)).missing_usd == 0);
    // What begins in another century is not paid in this run, nor was what ended in one.
    c.from = day(2200, 1, 1);
    CHECK(total(start_of_time, at(48h)) == 0);
    c.from = day(1700, 1, 1);
    CHECK(total(start_of_time, at(48h)) == 0);
}

TEST_CASE("racks and buildings are written off in equal parts while they stand", "[money]") {
    const std::vector<sim::fleet_group> groups{
        {.nodes = 36,
         .gpus = 144,
         .gpus_per_unit = 72,
         .price_usd = 3e6,
         .price_installed_usd = 5e6,
         .nameplate_w = 1e5},
        {.site = 1, .first_node = 36, .nodes = 18, .gpus = 72, .gpus_per_unit = 72, .price_usd = 1e6}};
    const duration year_of = hours{8760};
    const std::vector<sim::standing_step> steps{{.group = 0, .gpus = 144},
                                                {.at = at(year_of), .group = 0, .gpus = -72},
                                                {.at = at(2 * year_of), .group = 0, .gpus = 72}};
    const auto standing = money::holdings_of(steps);
    scenario::capital of{.facility = {{10.0}},
                         .life = 5 * year_of,
                         .facility_life = 10 * year_of,
                         .interest = 0.08,
                         .residual = 0.1,
                         .maintenance = 0.02};
    const auto costs = [&](int from, int to, std::optional<std::uint32_t> site = {}) {
        return money::capital_costs(of, groups, standing, at(from * year_of), at(to * year_of), site);
    };
    CHECK(money::rack_price_usd(of, groups[0]) == 3e6);
    CHECK(money::facility_price_usd(of, groups[0]) == 1e6);
    CHECK_FALSE(money::facility_price_usd(of, groups[1]).has_value());
    // Two racks for a year, then one, then two: 0.9 x 3e6 / 5 a year each; their building 1e6 / 10.
    CHECK(costs(0, 3).racks_usd == Approx((2 + 1 + 2) * 540e3).epsilon(1e-12));
    CHECK(costs(0, 3).facility_usd == Approx(5 * 100e3).epsilon(1e-12));
    CHECK(costs(0, 3).maintenance_usd == Approx(5 * 0.02 * 4e6).epsilon(1e-12));
    // One has a mean book value of 3e6 - 270e3 + 1e6 - 50e3 in its first year, and 640e3 less in each that follows.
    const double first = 0.08 * (3.68e6);
    CHECK(costs(0, 1).interest_usd == Approx(2 * first).epsilon(1e-12));
    CHECK(costs(2, 3).interest_usd == Approx(first + first - 2 * 0.08 * 640e3).epsilon(1e-12));
    // Behind their lives: one of seven years and one of five; what is left is 300e3, and buildings go on.
    CHECK(costs(7, 8).racks_usd == 0);
    CHECK(costs(6, 7).racks_usd == Approx(540e3).epsilon(1e-9));
    CHECK(costs(7, 8).facility_usd == Approx(2 * 100e3).epsilon(1e-9));
    CHECK(costs(10, 11).interest_usd == Approx(0.08 * (2 * 300e3 + 150e3)).epsilon(1e-9));
    CHECK(costs(0, 3, 1).total_usd() == 0);
    CHECK(costs(0, 3, 0).total_usd() == Approx(costs(0, 3).total_usd()));
    of.facility.reset();
    of.rack = {{2e6}};
    CHECK(money::facility_price_usd(of, groups[0]) == 2e6);
    CHECK(costs(0, 1).racks_usd == Approx(2 * 0.9 * 2e6 / 5).epsilon(1e-12));
}

TEST_CASE("sums over any parts of time are those of small steps", "[money]") {
    for (std::uint64_t seed = 0; seed != test::random_cases(100); ++seed) {
        INFO("seed " << seed);
        random_stream draw{seed, purpose::test, 4};
        const auto upto = [&draw](std::uint64_t n) { return static_cast<std::int64_t>(draw.below(n)); };
        const auto groups = two_groups();
        std::vector<sim::standing_step> steps;
        std::vector<std::int64_t> there(2, 0);
        std::vector<std::vector<std::int64_t>> by_hour(2, std::vector<std::int64_t>(100, 0));
        for (std::int64_t h = 0; h != 100; ++h) {
            const auto g = static_cast<std::uint32_t>(upto(2));
            const std::int64_t n =
                upto(4) == 0 && there[g] > 0 ? -(1 + upto(static_cast<std::uint64_t>(there[g]))) : upto(9);
            if (upto(3) == 0 && n != 0) {
                steps.push_back({.at = at(hours{h}), .group = g, .gpus = n});
                there[g] += n;
            }
            for (std::size_t k = 0; k != 2; ++k) by_hour[k][static_cast<std::size_t>(h)] = there[k];
        }
        const auto standing = money::holdings_of(steps);
        const scenario::date start = day(2026, 5, 5);
        const std::int64_t begins = upto(30), lasts = 1 + upto(90), changes = upto(100);
        scenario::contract c{.from = start + hours{begins}, .term = hours{lasts}, .take_or_pay = 0.25};
        const bool lump = upto(2) == 0;
        if (lump) {
            c.value = {{7000.0}};
            c.commitment = {{.gpus = 40}};
        } else {
            c.price = {price(2), price(5, {}, start + hours{changes}), price(3, "gb300")};
            c.commitment = {{.gpu = "gb200", .gpus = 30}};
        }
        const money::bill b{c, start, groups, standing, at(100h)};
        const std::int64_t from = upto(99), to = from + 1 + upto(static_cast<std::uint64_t>(100 - from));
        double usd = 0, site = 0, missing = 0, gpu_h = 0;
        for (std::int64_t h = from; h != to; ++h) {
            const auto a = static_cast<double>(by_hour[0][static_cast<std::size_t>(h)]);
            const auto z = static_cast<double>(by_hour[1][static_cast<std::size_t>(h)]);
            gpu_h += a + z;
            if (h < begins || h >= begins + lasts) continue;
            if (lump) {
                const double rate = 7000.0 / static_cast<double>(lasts), part = std::min(1.0, (a + z) / 40);
                if (a + z > 0) site += rate * part * z / (a + z);
                usd += rate * part;
                missing += rate * (1 - part) * 0.25;
            } else {
                const double other = h < changes ? 2 : 5;
                usd += a * other + z * 3;
                site += z * 3;
                missing += std::max(0.0, 30 - a) * other * 0.25;
            }
        }
        CHECK(b.between(at(hours{from}), at(hours{to})).usd == Approx(usd + missing).epsilon(1e-9));
        CHECK(b.between(at(hours{from}), at(hours{to})).missing_usd == Approx(missing).epsilon(1e-9));
        CHECK(b.of_site(1, at(hours{from}), at(hours{to})) == Approx(site).epsilon(1e-9));
        CHECK(to_gpu_hours(money::gpu_time_of(standing, at(hours{from}), at(hours{to}))) == Approx(gpu_h));
    }
}
