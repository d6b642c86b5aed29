// A site that loses its utility: batteries, generators, fuel, what comes back when; against hand arithmetic, and under
// random plants whose books must balance to the last microwatt x nanosecond.
#include "support/catch.hpp"
#include "support/powered_run.hpp"
#include "support/random_workload.hpp"

#include <ampacity/power/plant.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::power;
using namespace ampacity::test;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

instant at(duration d) { return start_of_time + d; }

/// One or several racks behind the sources of a topology, with batteries for five minutes.
plant_plan hall_of(std::uint32_t racks, const std::string& topology, std::optional<generator_plan> generators = {},
                   std::uint32_t per_row = 1) {
    plant_plan p = plant_of(racks, topology, per_row);
    p.sites[0].halls.batteries = battery_plan{.ride_through = minutes{5}, .recharge = 0.1, .efficiency = 0.9};
    p.sites[0].halls.generators = std::move(generators);
    return p;
}

feed_event loss_of(const std::string& feed, duration from, duration to) {
    return {.start = at(from), .end = to == duration::max() ? never : at(to), .device = feed};
}

/// Does all that is due, and says what goes and comes when.
struct driver {
    plant p;
    std::set<std::uint32_t> dark{};
    std::vector<std::pair<instant, bool>> all_dark{};  // when all nodes had gone, and were back

    explicit driver(plant_plan plan) : p(std::move(plan)) {}
    void run(instant to) {
        while (true) {
            const instant next = std::min(p.next_change(), p.next_control());
            if (next > to) return;
            if (p.next_change() == next) {
                const auto& o = p.change(next);
                for (const node_id n : o.lost) CHECK(dark.insert(static_cast<std::uint32_t>(n)).second);
                for (const node_id n : o.back) CHECK(dark.erase(static_cast<std::uint32_t>(n)) == 1);
                if (!o.lost.empty() && dark.size() == p.tree().num_nodes()) all_dark.emplace_back(next, true);
                if (!o.back.empty() && dark.empty()) all_dark.emplace_back(next, false);
            }
            if (p.next_control() == next) (void)p.control(next);
        }
    }
    [[nodiscard]] device_id find(const std::string& name) const { return *p.tree().find(name); }
    [[nodiscard]] const delivery& devices() const { return p.tree().devices(); }
    [[nodiscard]] device_id battery(std::size_t i = 0) const { return p.tree().sites()[0].batteries.at(i); }
    /// How long its battery lasts now.
    [[nodiscard]] duration lasts(std::size_t i, instant now) const {
        const energy ns = devices().charge(battery(i), now) / p.stored(0).given;
        return duration{static_cast<std::int64_t>(ns)};
    }
};

}  // namespace

TEST_CASE("a utility that is back before batteries are empty is not missed", "[power][storage]") {
    plant_plan p = hall_of(4, "4n3");
    p.events.push_back(loss_of("iad", hours{1}, hours{1} + minutes{5}));
    driver d{std::move(p)};
    d.run(at(minutes{59}));
    const microwatts before = d.p.drawn(0), it = d.p.it(0);
    d.run(at(hours{1} + minutes{4}));
    CHECK(d.p.drawn(0) == 0);
    CHECK(d.p.it(0) == it);
    CHECK(d.p.stored(0).given > it);
    d.run(at(hours{1} + minutes{5}));
    CHECK(d.dark.empty());
    CHECK(d.p.dark_units() == 0);
    CHECK(d.p.drawn(0) > before);
    // Recharged once, and as before.
    d.run(at(hours{5}));
    CHECK(d.p.drawn(0) == before);
    CHECK(d.p.next_change() == never);
    CHECK(d.all_dark.empty());
    for (std::size_t i = 0; i != 4; ++i) {
        const device_id ups = d.battery(i);
        const energy missing = d.devices().capacity(ups) - d.devices().charge(ups, at(hours{5}));
        CHECK(missing >= 0);
        CHECK(missing < energy{d.devices().rating(ups)});
        CHECK(d.devices().energy_given(ups, at(hours{5})) - d.devices().energy_kept(ups, at(hours{5})) == missing);
        CHECK(d.devices().energy_given(ups, at(hours{5})) > 0);
    }
}

TEST_CASE("without generators all is dark when batteries are empty, and boots when the utility is back",
          "[power][storage]") {
    plant_plan p = hall_of(1, "single");
    p.events.push_back(loss_of("iad", hours{1}, hours{4}));
    driver d{std::move(p)};
    d.run(at(hours{1}));
    const duration lasts = d.lasts(0, at(hours{1}));
    CHECK(lasts > minutes{15});  // an idle rack takes about a fifth
    CHECK(lasts < minutes{40});
    CHECK(d.p.next_change() == at(hours{1}) + lasts);
    d.run(at(hours{1}) + lasts - nanoseconds{1});
    CHECK(d.dark.empty());
    d.run(at(hours{1}) + lasts);
    CHECK(d.dark.size() == 18);
    CHECK(d.p.it(0) == 0);
    CHECK(d.p.stored(0).given == 0);
    d.run(at(hours{4}));
    CHECK(d.p.it(0) > 0);
    CHECK(d.p.stored(0).kept > 0);
    d.run(at(hours{4} + minutes{10}));
    CHECK(d.all_dark ==
          std::vector{std::pair{at(hours{1}) + lasts, true}, std::pair{at(hours{4} + minutes{10}), false}});
}

TEST_CASE("a job that starts on batteries makes them last less long", "[power][storage]") {
    plant_plan p = hall_of(1, "single");
    p.events.push_back(loss_of("iad", hours{1}, duration::max()));
    driver d{std::move(p)};
    d.run(at(hours{1}));
    const duration idle = d.lasts(0, at(hours{1}));
    const microwatts idle_uw = d.p.stored(0).given;
    std::vector<fleet::gpu_share> where;
    for (std::uint32_t n = 0; n != 18; ++n) where.push_back({.node = node_id{n}, .gpus = 0xF});
    d.p.start(at(hours{1} + minutes{2}), {.where = where});
    const microwatts busy_uw = d.p.stored(0).given;
    CHECK(busy_uw > 3 * idle_uw);
    const auto charge = static_cast<double>(d.devices().capacity(d.battery()));
    const double left_s = (charge - static_cast<double>(idle_uw) * 120e9) / static_cast<double>(busy_uw) * 1e-9;
    CHECK(to_seconds(d.p.next_change() - at(hours{1} + minutes{2})) == Approx(left_s).epsilon(1e-9));
    d.p.stop(at(hours{1} + minutes{3}), {.where = where});
    const double rest_s = (charge - static_cast<double>(idle_uw) * 120e9 - static_cast<double>(busy_uw) * 60e9) /
                          static_cast<double>(idle_uw) * 1e-9;
    CHECK(to_seconds(d.p.next_change() - at(hours{1} + minutes{3})) == Approx(rest_s).epsilon(1e-9));
    CHECK(idle > minutes{3});
}

TEST_CASE("generators take over when they have started, fill batteries, and stop when the utility is back",
          "[power][storage]") {
    for (const bool of_site : {false, true}) {
        CAPTURE(of_site);
        plant_plan p = hall_of(4, "4n3", generator_plan{.of_site = of_site, .start = seconds{10}, .fuel = hours{24}});
        p.events.push_back(loss_of("iad", hours{1}, hours{3}));
        p.events.push_back(loss_of("iad", hours{5}, hours{5} + seconds{9}));
        driver d{std::move(p)};
        d.run(at(hours{1} + seconds{9}));
        const microwatts needs = d.p.stored(0).given;
        const microwatts it = d.p.it(0);
        CHECK(d.p.stored(0).made == 0);
        CHECK(d.p.running_generators() == 0);
        CHECK(d.p.next_change() == at(hours{1} + seconds{10}));
        d.run(at(hours{1} + seconds{10}));
        CHECK(d.p.running_generators() == (of_site ? 1 : 4));
        CHECK(d.p.stored(0).given == 0);
        CHECK(d.p.drawn(0) == 0);
        CHECK(d.p.it(0) == it);
        CHECK(d.p.stored(0).kept > 0);
        CHECK(d.p.stored(0).made > needs + d.p.stored(0).kept);
        // 10 s of each battery, at nine tenths of a tenth of its UPS's rating.
        const device_id ups = d.battery(0);
        const auto took = static_cast<double>(d.devices().energy_given(ups, at(hours{2})));
        const double fills_s = took / (static_cast<double>(d.devices().rating(ups)) * 0.09) * 1e-9;
        CHECK(to_seconds(d.p.next_change() - at(hours{1} + seconds{10})) == Approx(fills_s).epsilon(1e-6));
        d.run(at(hours{2}));
        CHECK(d.p.stored(0).kept == 0);
        d.run(at(hours{3}));
        CHECK(d.p.running_generators() == 0);
        CHECK(d.p.stored(0).made == 0);
        CHECK(d.p.drawn(0) > it);
        energy made = 0;
        for (const auto& g : d.p.tree().generators()) {
            made += d.devices().energy_in(g.device, at(hours{9}));
            CHECK(d.devices().capacity(g.device) - d.devices().charge(g.device, at(hours{9})) ==
                  d.devices().energy_in(g.device, at(hours{9})));
        }
        CHECK(to_kwh(made) > static_cast<double>(it) * 1e-9 * 2 * 0.99);
        // They have not started when it is back.
        d.run(at(hours{9}));
        energy later = 0;
        for (const auto& g : d.p.tree().generators()) later += d.devices().energy_in(g.device, at(hours{9}));
        CHECK(later == made);
        CHECK(d.dark.empty());
        CHECK(d.p.trips().empty());
    }
}

TEST_CASE("a generator without fuel leaves batteries, then the dark, until the utility is back", "[power][storage]") {
    // Fuel for a quarter of an hour at the rating: an idle rack has it for longer.
    plant_plan p = hall_of(1, "single", generator_plan{.start = seconds{30}, .share = 1, .fuel = minutes{15}});
    p.events.push_back(loss_of("iad", hours{1}, hours{12}));
    driver d{std::move(p)};
    d.run(at(hours{1} + minutes{30}));  // batteries are full again
    const device_id generator = d.find("hall-0/generator-0");
    const microwatts needs = d.p.stored(0).made;
    CHECK(d.p.stored(0).kept == 0);
    const energy left = d.devices().charge(generator, at(hours{1} + minutes{30}));
    const instant dry = at(hours{1} + minutes{30}) + duration{static_cast<std::int64_t>(left / needs)};
    CHECK(d.p.next_change() == dry);
    d.run(dry);
    CHECK(d.p.running_generators() == 0);
    CHECK(d.dark.empty());
    CHECK(d.devices().is_on_battery(d.battery()));
    const instant end = dry + d.lasts(0, dry);
    d.run(end - nanoseconds{1});
    CHECK(d.dark.empty());
    d.run(at(hours{12}));
    CHECK(d.all_dark.front().first == end);
    d.run(at(hours{13}));
    CHECK(d.all_dark.size() == 2);
    CHECK(d.all_dark.back() == std::pair{at(hours{12} + minutes{10}), false});
    // What it made it had.
    CHECK(d.devices().capacity(generator) - d.devices().charge(generator, at(hours{13})) ==
          d.devices().energy_in(generator, at(hours{13})));
    CHECK(d.devices().charge(generator, at(hours{13})) < energy{needs});
}

TEST_CASE("a generator that comes after the dark brings all back", "[power][storage]") {
    plant_plan p = hall_of(1, "single", generator_plan{.start = hours{2}});
    p.events.push_back(loss_of("iad", hours{1}, hours{9}));
    p.boot = minutes{7};
    driver d{std::move(p)};
    d.run(at(hours{8}));
    REQUIRE(d.all_dark.size() == 2);
    CHECK(d.all_dark[0].first < at(hours{2}));
    CHECK(d.all_dark[1].first == at(hours{3} + minutes{7}));
    CHECK(d.p.stored(0).made > 0);
    // At the last nanosecond it is in time.
    const duration lasts = d.all_dark[0].first - at(hours{1});
    for (const auto& [start, goes] : {std::pair{lasts, false}, {lasts + nanoseconds{1}, true}}) {
        plant_plan q = hall_of(1, "single", generator_plan{.start = start});
        q.events.push_back(loss_of("iad", hours{1}, hours{9}));
        driver e{std::move(q)};
        e.run(at(hours{8}));
        CHECK(e.all_dark.empty() == !goes);
    }
}

TEST_CASE("a generator may be lost itself, and a source that is lost has no battery", "[power][storage]") {
    plant_plan p = hall_of(2, "single", generator_plan{.start = seconds{10}}, 2);
    p.events.push_back(loss_of("iad", hours{1}, hours{6}));
    p.events.push_back(loss_of("iad/hall-0/generator-0", minutes{30}, hours{2}));
    driver d{std::move(p)};
    d.run(at(hours{5}));
    REQUIRE(d.all_dark.size() == 2);
    CHECK(d.all_dark[0].first < at(hours{2}));
    CHECK(d.all_dark[1].first == at(hours{2} + minutes{10}));
    CHECK(d.p.running_generators() == 1);

    plant_plan q = hall_of(2, "single", generator_plan{.start = seconds{10}}, 2);
    q.events.push_back(loss_of("iad/hall-0/source-0", hours{1}, hours{2}));
    driver e{std::move(q)};
    e.run(at(hours{1}));
    CHECK(e.dark.size() == 36);
    CHECK(e.p.stored(0).given == 0);
    CHECK(e.p.next_change() == at(hours{2}));
    CHECK_FALSE(e.p.tree().find("iad/hall-0/generator-1"));
    CHECK_FALSE(e.p.tree().find("iad/generator"));
    CHECK(e.p.tree().name_of(*e.p.tree().find("hall-0/generator-0")) == "iad/hall-0/generator-0");
}

TEST_CASE("a limit of the utility does not use batteries", "[power][storage]") {
    plant_plan p = hall_of(2, "single", generator_plan{}, 2);
    p.controls.push_back({.at = power_tree::level::site, .policy = make_cap_policy("uniform", {})});
    p.events.push_back(limit_of("iad", 50e3, hours{1}, hours{2}));
    driver d{std::move(p)};
    std::vector<fleet::gpu_share> where;
    for (std::uint32_t n = 0; n != 36; ++n) where.push_back({.node = node_id{n}, .gpus = 0xF});
    d.p.start(at({}), {.where = where});
    d.run(at(hours{1} + minutes{5}));
    CHECK(d.p.stored(0).given == 0);
    CHECK(d.p.stored(0).made == 0);
    CHECK(d.p.limit_changes() > 0);
}

TEST_CASE("an overloaded generator trips after the time of its curve", "[power][storage]") {
    hardware::overload_curve curve{.holds = 1, .points = {{.load = 1.1, .time = hours{1}}}};
    plant_plan p = hall_of(1, "single", generator_plan{.start = seconds{10}, .share = 0.15, .overload = curve});
    p.sites[0].halls.trips = true;
    p.events.push_back(loss_of("iad", hours{1}, hours{9}));
    driver d{std::move(p)};
    d.run(at(hours{8}));
    REQUIRE(d.p.trips().size() == 1);
    CHECK(d.p.tree().name_of(d.p.trips()[0].device) == "iad/hall-0/generator-0");
    CHECK(d.p.trips()[0].load > 1);
    CHECK(d.p.trips()[0].units == 0);  // batteries have been filled
    CHECK(d.all_dark.size() == 1);
}

TEST_CASE("books of random plants with batteries and generators balance exactly", "[power][storage][property]") {
    std::size_t dark = 0, ridden = 0, made = 0;
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        CAPTURE(seed);
        naive::test_random random(seed);
        const std::vector<std::string> topologies{"single", "2n", "3n2", "4n3", "n-plus-1", "block-redundant"};
        const auto racks = static_cast<std::uint32_t>(random.between(1, 8));
        std::optional<generator_plan> generators;
        if (random.chance(60))
            generators = generator_plan{
                .of_site = random.chance(50),
                .start = seconds{random.between(0, 1200)},
                .share = static_cast<double>(random.between(2, 15)) / 10,
                .fuel = minutes{random.between(0, 90)},
                .overload = hardware::overload_curve{.holds = 1, .points = {{.load = 1.2, .time = minutes{5}}}}};
        plant_plan p = hall_of(racks, topologies[static_cast<std::size_t>(random.between(0, 5))], generators);
        auto& halls = p.sites[0].halls;
        halls.batteries = battery_plan{.ride_through = seconds{random.between(0, 600)},
                                       .recharge = static_cast<double>(random.between(0, 20)) / 100,
                                       .efficiency = static_cast<double>(random.between(5, 10)) / 10};
        halls.trips = random.chance(70);
        halls.oversubscription = static_cast<double>(random.between(8, 14)) / 10;
        if (random.chance(50)) p.reclose = minutes{random.between(1, 60)};
        const power_tree names{p.models, p.units, p.sites};
        const std::vector<std::string> all = names.names();
        for (std::int64_t k = random.between(1, 8); k > 0; --k) {
            const duration from = seconds{random.between(0, 20'000)};
            const std::string& feed =
                random.chance(60) ? all[0] : all[static_cast<std::size_t>(random.between(0, std::ssize(all) - 1))];
            p.events.push_back(loss_of(feed, from, from + seconds{random.between(1, 6000)}));
        }
        driver d{std::move(p)};
        const delivery& devices = d.devices();
        energy leaves = 0;
        std::vector<char> busy(racks, 0);
        const auto site = d.p.tree().sites()[0];
        const auto step_to = [&](instant from, instant to) {
            for (std::uint32_t u = 0; u != racks; ++u)
                leaves += energy{ticks(to - from)} * devices.output(d.p.tree().device_of(u));
        };
        instant now = start_of_time;
        instant next_job = start_of_time;
        while (now < at(hours{9})) {
            const instant due = std::min(d.p.next_change(), d.p.next_control());
            const instant then = std::min({due, next_job, at(hours{9})});
            step_to(now, then);
            now = then;
            const std::size_t before = d.dark.size();
            d.run(now);
            dark += d.dark.size() > before ? 1U : 0U;
            if (now == next_job) {
                next_job = now + seconds{random.between(1, 900)};
                const auto u = static_cast<std::uint32_t>(random.between(0, racks - 1));
                std::vector<fleet::gpu_share> where;
                for (std::uint32_t n = 18 * u; n != 18 * (u + 1); ++n)
                    where.push_back({.node = node_id{n}, .gpus = 0xF});
                busy[u] != 0 ? d.p.stop(now, {.where = where}) : d.p.start(now, {.where = where});
                busy[u] ^= 1;
            }
            const stored_flow f = d.p.stored(0);
            ridden += f.given != 0 ? 1U : 0U;
            made += f.made != 0 ? 1U : 0U;
            energy in = devices.energy_in(site.meter, now), out = 0, kept = 0, losses = 0;
            for (const auto& g : d.p.tree().generators()) in += devices.energy_in(g.device, now);
            for (const device_id b : site.batteries) {
                out += devices.energy_given(b, now);
                kept += devices.energy_kept(b, now);
                REQUIRE(devices.charge(b, now) ==
                        devices.capacity(b) - devices.energy_given(b, now) + devices.energy_kept(b, now));
                REQUIRE(devices.charge(b, now) >= 0);
                REQUIRE(devices.charge(b, now) <= devices.capacity(b));
            }
            for (std::uint32_t k = 0; k != devices.size(); ++k) losses += devices.energy_lost(device_id{k}, now);
            REQUIRE(in + out == leaves + losses + kept);
            microwatts lost = 0;
            for (std::uint32_t k = 0; k != devices.size(); ++k) lost += devices.loss(device_id{k});
            REQUIRE(d.p.drawn(0) + f.made + f.given == d.p.it(0) + lost + f.kept);
        }
    }
    CHECK(dark > 20);
    CHECK(ridden > 100);
    CHECK(made > 100);
}
