// Temperatures of a plant: step response, throttling, lost cooling, shutdowns; against hand arithmetic and against a
// naive integration in steps of 10 ms.
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/power/plant.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::power;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr double r = 0.03, tau = 12, c = 400;  // of the catalogue's GB300
constexpr double w40 = 43, w45 = 48;           // at the cold plates

const hardware::rack& gb300() {
    static const auto rack = io::read_model<hardware::rack>("gb300-nvl72").value;
    return rack;
}

/// All GPUs may draw 1400 W at once.
hardware::rack unbound_gb300() {
    hardware::rack rack = gb300();
    rack.node.modules.reset();
    rack.node.gpu.power.phases.gemm_bf16_w = 1400;
    return rack;
}

plant_plan racks(std::uint32_t count, const hardware::rack& rack, double coolant_c) {
    plant_plan p;
    p.models = {{.node = rack.node, .rack = rack}};
    for (std::uint32_t i = 0; i != count; ++i) p.units.push_back({.first_node = 18 * i, .nodes = 18});
    p.sites = {{.name = "iad",
                .units = count,
                .halls = {.topology = io::read_model<hardware::power_topology>("single").value, .units_per_row = 1}}};
    p.coolant.push_back(coolant_plan{.supply_c = coolant_c, .rack_loop_j_per_k = 240e3});
    return p;
}

instant at(duration d) { return start_of_time + d; }
instant at_s(double s) { return start_of_time + duration{std::llround(s * 1e9)}; }
feed_event event(feed_event::kind what, duration from, duration length, const std::string& where) {
    return {.start = at(from), .end = at(from + length), .what = what, .device = where};
}

/// The draw of one GPU that holds the throttle temperature, in thousandths: searched from above.
double bearable_w(double coolant_c) {
    for (int k = 1000; k != 0; --k) {
        if (coolant_c + r * std::floor(1.4 * k) <= 87 + 1e-6)
            return k == 1000 ? 1e9 : std::max(200.0, std::floor(1.4 * k));
    }
    return 200;
}

/// Does all that is due, in the order of the simulation.
struct driver {
    plant p;
    std::vector<std::vector<fleet::gpu_share>> of_node;
    std::vector<plant::load> loads;  // (nodes) without GPUs: idle
    std::set<std::uint32_t> lost{}, repaced{};
    std::vector<std::pair<instant, std::uint32_t>> shut{};

    explicit driver(plant_plan plan) : p(std::move(plan)), of_node(p.tree().num_nodes()), loads(p.tree().num_nodes()) {}
    void start(instant now, std::uint32_t node, std::uint64_t gpus = 0xF, phase what = phase::gemm_bf16) {
        of_node[node] = {{.node = node_id{node}, .gpus = gpus}};
        loads[node] = {.what = what, .where = of_node[node]};
        p.start(now, loads[node]);
    }
    void stop(instant now, std::uint32_t node) {
        if (loads[node].where.empty()) return;
        p.stop(now, loads[node]);
        loads[node].where = {};
    }
    void start_all(instant now) {
        for (std::uint32_t n = 0; n != loads.size(); ++n) start(now, n);
    }
    [[nodiscard]] instant next() const { return std::min(p.next_change(), p.next_control()); }
    void run(instant to) {
        while (next() <= to) {
            const instant now = next();
            if (p.next_change() == now) {
                const auto o = p.change(now);
                for (const node_id id : o.lost) {
                    const auto n = static_cast<std::uint32_t>(id);
                    CHECK(lost.insert(n).second);
                    shut.emplace_back(now, n);
                    stop(now, n);
                }
                for (const node_id n : o.back) CHECK(lost.erase(static_cast<std::uint32_t>(n)) == 1);
            }
            if (p.next_control() == now) {
                for (const node_id n : p.control(now).repaced) repaced.insert(static_cast<std::uint32_t>(n));
            }
        }
    }
    [[nodiscard]] double temperature(std::uint32_t node, instant now) const {
        return p.temperature_c(node_id{node}, now).value();
    }
};

}  // namespace

TEST_CASE("temperatures of all nodes are those that are followed, and where the others settle", "[heat]") {
    driver d{racks(2, unbound_gb300(), w45)};
    const double idle = w45 + r * 178;
    d.start(at(hours{1}), 3);
    const instant then = at_s(3612);
    const double warm = 90 + (idle - 90) * std::exp(-1);
    CHECK(d.p.temperatures(then)->max_c == Approx(warm).epsilon(1e-12));
    CHECK(d.p.temperatures(then)->mean_c == Approx((35 * idle + warm) / 36).epsilon(1e-12));
    // Colder water makes no node hot, so that none is followed unless something is to happen to it.
    plant_plan cold = racks(2, gb300(), w40), disturbed = racks(2, gb300(), w40);
    disturbed.events.push_back(event(feed_event::kind::flow_loss, hours{100}, minutes{1}, "iad"));
    driver plain{std::move(cold)}, followed{std::move(disturbed)};
    REQUIRE(!plain.p.temperature_c(node_id{0}, start_of_time));
    REQUIRE(followed.p.temperature_c(node_id{0}, start_of_time));
    CHECK(plain.p.temperatures(start_of_time)->max_c == Approx(w40 + r * 178));
    for (driver* const one : {&plain, &followed}) {
        one->start(at(hours{1}), 0);
        one->start(at(hours{1}), 20, 0x3, phase::decode_mla);
    }
    const auto settled = *plain.p.temperatures(at(hours{2})), steps = *followed.p.temperatures(at(hours{2}));
    CHECK(settled.max_c > settled.mean_c + 5);
    CHECK(settled.max_c == Approx(steps.max_c).epsilon(1e-12));
    CHECK(settled.mean_c == Approx(steps.mean_c).epsilon(1e-12));
    // Racks that are to come have no temperature.
    std::vector<node_id> second;
    for (std::uint32_t n = 18; n != 36; ++n) second.push_back(node_id{n});
    driver later{racks(2, gb300(), w40)};
    later.start(start_of_time, 0);
    later.p.set_absent(start_of_time, second, true);
    const double only = later.p.temperatures(start_of_time)->max_c;
    CHECK(later.p.temperatures(start_of_time)->mean_c == Approx((only + 17 * (w40 + r * 178)) / 18));
    plant_plan none = racks(1, gb300(), w40);
    none.coolant.clear();
    CHECK(!driver{std::move(none)}.p.temperatures(start_of_time));
}

TEST_CASE("a step of power warms a GPU by the exponential until it throttles, and what it holds is slower", "[heat]") {
    driver d{racks(1, unbound_gb300(), w45)};
    const double idle = w45 + r * 178;
    CHECK(d.temperature(0, at(hours{1})) == Approx(idle));
    d.start(at(hours{1}), 3);
    const auto warming = [&](double s) { return 90 + (idle - 90) * std::exp(-s / tau); };
    const double throttles = tau * std::log((90 - idle) / 3);
    CHECK(throttles > 29);
    for (const double s : {0.0, 0.5, 3.0, 12.0, 29.0})
        CHECK(d.temperature(3, at_s(3600 + s)) == Approx(warming(s)).epsilon(1e-12));
    CHECK(d.temperature(2, at_s(3629)) == Approx(idle));
    CHECK(to_seconds(d.next()) == Approx(3600 + throttles).epsilon(1e-12));
    const instant then = d.next();
    d.run(then - duration{1});
    CHECK(d.p.pace(d.loads[3]) == 1);
    const microwatts before = d.p.node_input(node_id{3});
    d.run(then);
    CHECK(d.repaced == std::set<std::uint32_t>{3});
    CHECK(d.p.heat_events()->throttles == 1);
    // 1300 W keep 87 degC, and 929 thousandths are 1300 W.
    const auto& fit = gb300().node.gpu.power.compute_bound;
    CHECK(d.p.pace(d.loads[3]) == Approx(1 - fit.loss * std::pow(1 - 1300.0 / 1400, fit.exponent)));
    CHECK(static_cast<double>(before - d.p.node_input(node_id{3})) * 1e-6 > 4 * 100);
    CHECK(d.temperature(3, then) == Approx(87).epsilon(1e-9));
    CHECK(d.temperature(3, then + hours{1}) == Approx(87).epsilon(1e-9));
    CHECK(d.next() == never);
    // Without load it cools down, and the next one throttles it sooner.
    d.stop(then + hours{1}, 3);
    d.run(then + hours{1});
    // It is throttled until it has cooled by 1 K.
    CHECK(to_seconds(d.next() - then - hours{1}) == Approx(tau * std::log((87 - idle) / (86 - idle))));
    CHECK(d.temperature(3, then + hours{1} + seconds{6}) == Approx(idle + (87 - idle) * std::exp(-0.5)));
    d.run(then + hours{1} + seconds{6});
    d.start(then + hours{1} + seconds{6}, 3);
    CHECK(d.p.pace(d.loads[3]) == 1);
    const double warm = idle + (87 - idle) * std::exp(-0.5);
    CHECK(to_seconds(d.next() - then - hours{1} - seconds{6}) == Approx(tau * std::log((90 - warm) / 3)));
}

TEST_CASE("water of 40 degC never throttles a GB300, and costs nothing", "[heat]") {
    driver d{racks(2, unbound_gb300(), w40)};
    d.start_all(at({}));
    d.run(at(hours{100}));
    CHECK(d.next() == never);
    CHECK_FALSE(d.p.temperature_c(node_id{0}, at({})));
    CHECK(d.p.heat_events()->throttles == 0);
    CHECK(d.p.pace(d.loads[0]) == 1);
    plant_plan off = racks(1, unbound_gb300(), w45);
    off.coolant.clear();
    CHECK_FALSE(plant{std::move(off)}.heat_events());
}

TEST_CASE("where its modules bind, a full tray stays at the throttle temperature of water of 45 degC", "[heat]") {
    // 2 x 2900 W - 2 x 300 W for 4 GPUs are 1300 W each: 48 + 39 = 87 degC. Two of them alone draw 1364 W.
    driver d{racks(1, gb300(), w45)};
    d.start(at({}), 0);
    d.start(at({}), 1, 0b0101);
    const double idle = w45 + r * 178;
    CHECK(to_seconds(d.next()) == Approx(tau * std::log((w45 + r * 1364 - idle) / (w45 + r * 1364 - 87))));
    d.run(at(hours{1}));
    CHECK(d.repaced == std::set<std::uint32_t>{1});
    CHECK(d.temperature(0, at(hours{1})) == Approx(87));
    CHECK(d.temperature(1, at(hours{1})) == Approx(87));
}

TEST_CASE("coolant that is not cooled warms by the heat of its rack", "[heat]") {
    plant_plan plan = racks(2, unbound_gb300(), w40);
    plan.events.push_back(event(feed_event::kind::cooling_loss, minutes{10}, seconds{30}, "iad/hall-0/row-1"));
    // A tray at 1300 W: the 0.48 K/s of a rack that trains.
    plan.models[0].node.gpu.power.phases.gemm_bf16_w = plan.models[0].rack->node.gpu.power.phases.gemm_bf16_w = 1300;
    driver d{std::move(plan)};
    d.start_all(at({}));
    d.run(at(minutes{10} + milliseconds{999}));
    CHECK(d.p.coolant_c(1) == w40);
    CHECK_FALSE(d.p.coolant_c(0));
    const double settled = w40 + r * 1300;
    CHECK(d.temperature(18, at(minutes{10})) == Approx(settled));
    const double heat_w = static_cast<double>(d.p.tree().devices().output(d.p.tree().device_of(1))) * 1e-6 * 0.9;
    const double rate = heat_w / 240e3;
    CHECK(rate == Approx(0.48).epsilon(0.01));
    for (int k = 1; k != 5; ++k) {
        d.run(at(minutes{10} + seconds{k}));
        CHECK(*d.p.coolant_c(1) == Approx(w40 + k * rate).epsilon(1e-12));
    }
    // Tick by tick, each with the coolant of its beginning.
    double t = settled;
    for (int k = 0; k != 5; ++k) t += (w40 + k * rate + r * 1300 - t) * (1 - std::exp(-1 / tau));
    CHECK(d.temperature(18, at(minutes{10} + seconds{5})) == Approx(t).epsilon(1e-12));
    CHECK(d.p.heat_events()->throttles == 0);
    // It throttles, holds 87 degC while its power falls, and all is as before when the cooling is back.
    d.run(at(minutes{10} + seconds{29}));
    CHECK(d.p.heat_events()->throttles == 18);
    CHECK(*d.p.coolant_c(1) > 53);
    CHECK(d.p.pace(d.loads[18]) < 0.99);
    CHECK(d.p.pace(d.loads[0]) == 1);
    CHECK(d.temperature(18, at(minutes{10} + seconds{29})) == Approx(87).epsilon(0.001));
    d.run(at(minutes{10} + seconds{30}));
    CHECK(*d.p.coolant_c(1) == w40);
    CHECK(d.p.pace(d.loads[18]) == 1);
    CHECK(d.p.node_input(node_id{0}) == d.p.node_input(node_id{18}));
    d.run(at(minutes{11}));
    CHECK(d.next() == never);
    CHECK(d.shut.empty());
}

TEST_CASE("without flow a node throttles and switches itself off within seconds, and boots when the flow is back",
          "[heat]") {
    plant_plan plan = racks(2, gb300(), w40);
    plan.boot = minutes{10};
    plan.events.push_back(event(feed_event::kind::flow_loss, hours{1}, minutes{5}, "rack-1"));
    driver d{std::move(plan)};
    for (std::uint32_t n = 0; n != 30; ++n) d.start(at({}), n);
    // 43 + 39 = 82 degC, 1300 W / 400 J/K = 3.25 K/s to 87 degC; then 200 W, 0.5 K/s, to 92 degC.
    const double throttles = 5 / (1300 / c), shuts = throttles + 5 / (200 / c);
    d.run(at(hours{1}));
    CHECK(to_seconds(d.next() - at(hours{1})) == Approx(throttles).epsilon(1e-6));
    d.run(d.next());
    CHECK(d.p.heat_events()->throttles == 12);
    CHECK(d.p.pace(d.loads[20]) < 0.5);
    CHECK(d.p.pace(d.loads[0]) == 1);
    CHECK(to_seconds(d.next() - at(hours{1})) == Approx(shuts).epsilon(1e-6));
    CHECK(d.lost.empty());
    d.run(d.next());
    CHECK(d.lost.size() == 12);
    CHECK(*d.lost.begin() == 18);
    CHECK(d.p.node_input(node_id{18}) == 0);
    CHECK(d.p.heat_events()->shutdowns == 12);
    // Idle ones take longer: 178 W from 48.34 degC.
    CHECK(to_seconds(d.next() - at(hours{1})) == Approx((92 - w40 - r * 178) / (178 / c)).epsilon(1e-6));
    d.run(at(hours{1} + minutes{5} - duration{1}));
    CHECK(d.lost.size() == 18);
    CHECK(d.temperature(18, at(hours{1} + minutes{4})) == Approx(92));
    CHECK(d.p.node_input(node_id{18}) == 0);
    d.run(at(hours{1} + minutes{5}));
    CHECK(d.lost.size() == 18);
    CHECK(d.p.node_input(node_id{18}) > 0);
    d.run(at(hours{1} + minutes{15} - duration{1}));
    CHECK(d.lost.size() == 18);
    d.run(at(hours{1} + minutes{15}));
    CHECK(d.lost.empty());
    CHECK(d.next() == never);
    CHECK(d.p.pace(d.loads[0]) == 1);
    // Devices and sites add up as before all this.
    driver fresh{racks(2, gb300(), w40)};
    for (std::uint32_t n = 0; n != 18; ++n) fresh.start(at({}), n);
    CHECK(d.p.drawn(0) == fresh.p.drawn(0));
    CHECK(d.p.it(0) == fresh.p.it(0));
}

TEST_CASE("nodes boot no sooner than they have cooled down", "[heat]") {
    plant_plan plan = racks(1, gb300(), w40);
    plan.boot = {};
    plan.events.push_back(event(feed_event::kind::flow_loss, hours{1}, minutes{5}, "iad"));
    driver d{std::move(plan)};
    d.run(at(hours{1} + minutes{5}));
    CHECK(d.lost.size() == 18);
    const double settles = w40 + r * 178;
    CHECK(to_seconds(d.next() - at(hours{1} + minutes{5})) == Approx(tau * std::log((92 - settles) / (87 - settles))));
    d.run(d.next());
    CHECK(d.lost.empty());
}

TEST_CASE("parts of the fleet are found by their names", "[heat]") {
    plant_plan p = racks(10, gb300(), w40);
    p.sites[0].units = 6;
    p.sites[0].halls.units_per_row = 2;
    p.sites[0].halls.rows_per_hall = 2;
    p.sites.push_back(p.sites[0]);
    p.sites[1].name = "dub";
    p.sites[1].units = 4;
    const power_tree t{p.models, p.units, p.sites};
    const auto is = [&t](const char* name, std::uint32_t first, std::uint32_t last) {
        CAPTURE(name);
        const auto units = t.units_of(name);
        REQUIRE(units);
        CHECK(units->first == first);
        CHECK(units->last == last);
    };
    is("iad", 0, 6);
    is("iad/hall-0", 0, 4);
    is("iad/hall-1", 4, 6);
    is("dub/hall-0", 6, 10);
    is("dub/hall-0/row-1", 8, 10);
    is("rack-7", 7, 8);
    for (const char* const wrong : {"", "lhr", "iad/", "iad/hall-2", "hall-0", "iad/hall-0/", "iad/hall-0/source-0",
                                    "iad/hall-0/row-2", "rack-10", "iad/hall-0x"})
        CHECK_FALSE(t.units_of(wrong));
    p = racks(4, gb300(), w40);
    const power_tree one{p.models, p.units, p.sites};
    CHECK(one.units_of("hall-0")->last == 4);
    CHECK_FALSE(one.units_of(""));
}

TEST_CASE("nodes that power and heat take are lost once and come back once", "[heat]") {
    for (std::uint64_t seed = 0; seed != 40; ++seed) {
        CAPTURE(seed);
        naive::test_random random(seed);
        plant_plan plan = racks(3, seed % 2 == 0 ? gb300() : unbound_gb300(), seed % 3 == 0 ? w40 : w45);
        plan.boot = seconds{random.between(0, 400)};
        for (int i = 0; i != 12; ++i) {
            const std::string where =
                random.between(0, 3) == 0 ? "iad" : "rack-" + std::to_string(random.between(0, 2));
            const int what = static_cast<int>(random.between(0, 2));
            plan.events.push_back(event(what == 0   ? feed_event::kind::loss
                                        : what == 1 ? feed_event::kind::cooling_loss
                                                    : feed_event::kind::flow_loss,
                                        seconds{random.between(0, 3000)}, seconds{random.between(1, 600)}, where));
        }
        driver d{std::move(plan)};
        for (std::int64_t now = 0; now < 4000; now += random.between(1, 60)) {
            d.run(at(seconds{now}));
            const auto n = static_cast<std::uint32_t>(random.between(0, 53));
            if (d.loads[n].where.empty() && d.lost.count(n) == 0)
                d.start(at(seconds{now}), n, 0xF, static_cast<phase>(random.between(0, 9)));
            else
                d.stop(at(seconds{now}), n);
            microwatts losses = 0, nodes = 0;
            for (std::size_t k = 0; k != d.p.tree().devices().size(); ++k)
                losses += d.p.tree().devices().loss(device_id{static_cast<std::uint32_t>(k)});
            CHECK(d.p.drawn(0) == d.p.it(0) + losses);
            for (std::uint32_t k = 0; k != 54; ++k) nodes += d.p.node_input(node_id{k});
            if (d.p.dark_units() == 0) CHECK(d.p.it(0) > nodes);
        }
        d.run(at(hours{2}));
        CHECK(d.lost.empty());
        for (std::uint32_t n = 0; n != 54; ++n) d.stop(at(hours{2}), n);
        d.run(at(hours{3}));
        CHECK(d.p.it(0) == plant{racks(3, gb300(), w40)}.it(0));
        CHECK(d.next() == never);
    }
}

TEST_CASE("temperatures follow a naive integration in steps of 10 ms", "[heat]") {
    // Coolant that warms is held for a second, so it lags by up to 0.55 K, and GPUs that follow it by less than that.
    // Euler's steps alone are wrong by less than 0.05 K.
    double worst = 0, worst_steady = 0;
    std::uint64_t throttles = 0, shutdowns = 0;
    for (std::uint64_t seed = 0; seed != 12; ++seed) {
        CAPTURE(seed);
        naive::test_random random(seed);
        const bool warm_water = seed % 2 != 0;
        plant_plan plan = racks(2, unbound_gb300(), warm_water ? w45 : w40);
        plan.boot = seconds{60};
        const bool dry = seed % 3 == 0;
        const std::int64_t from = random.between(40, 90), to = from + random.between(5, 240);
        plan.events.push_back(event(dry ? feed_event::kind::flow_loss : feed_event::kind::cooling_loss, seconds{from},
                                    seconds{to - from}, "rack-1"));
        driver d{std::move(plan)};
        constexpr std::size_t nodes = 36;
        const double supply = warm_water ? w45 : w40;
        std::vector<double> t(nodes, supply + r * 178), draw(nodes, 178), off_until(nodes, 0);
        std::vector<bool> throttled(nodes, false), off(nodes, false);
        double coolant = supply;
        for (int step = 0; step != 40'000; ++step) {
            const double now_s = step * 0.01;
            const instant now = at(milliseconds{10} * step);
            d.run(now);
            const bool hurt = now_s >= static_cast<double>(from) && now_s < static_cast<double>(to);
            if (step % 700 == 0) {
                for (std::uint32_t n = 0; n != nodes; ++n) {
                    if (random.between(0, 2) != 0 || d.lost.count(n) != 0) continue;
                    d.stop(now, n);
                    if (random.between(0, 3) != 0)
                        d.start(now, n, 0xF, random.between(0, 1) == 0 ? phase::gemm_bf16 : phase::decode_gemm);
                }
            }
            for (std::size_t n = 0; n != nodes; ++n) {
                const plant::load& l = d.loads[n];
                draw[n] = l.where.empty() ? 178 : l.what == phase::gemm_bf16 ? 1400 : 1132;
            }
            const double cool_w = bearable_w(supply);
            const bool runs = std::find(off.begin() + 18, off.end(), false) != off.end();
            if (hurt && !dry && !runs) {
                // It stays as it is.
            } else if (hurt && !dry) {
                const auto input = d.p.tree().devices().output(d.p.tree().device_of(1));
                coolant += static_cast<double>(input) * 1e-6 * 0.9 / 240e3 * 0.01;
            } else {
                coolant = supply;
            }
            const double warm_w = bearable_w(coolant);
            for (std::size_t n = 0; n != nodes; ++n) {
                const bool here = n >= 18;
                const double bears = !here ? cool_w : hurt && dry ? 200 : warm_w;
                if (!hurt && off[n]) off[n] = false;
                if (throttled[n] && draw[n] <= bears && t[n] <= 86) throttled[n] = false;
                if (t[n] >= 87 && draw[n] > bears) throttled[n] = true;
                if (t[n] >= 92 && here && hurt) off[n] = true;
                const double w = off[n] ? 0 : throttled[n] ? std::min(draw[n], bears) : draw[n];
                t[n] += here && hurt && dry ? w / c * 0.01 : ((here ? coolant : supply) + r * w - t[n]) / tau * 0.01;
                const auto id = node_id{static_cast<std::uint32_t>(n)};
                const auto exact = d.p.temperature_c(id, now + milliseconds{10});
                if (!exact) continue;
                double& most = here && !dry ? worst : worst_steady;
                most = std::max(most, std::abs(*exact - t[n]));
            }
        }
        throttles += d.p.heat_events()->throttles;
        shutdowns += d.p.heat_events()->shutdowns;
    }
    CHECK(worst_steady < 0.05);
    CHECK(worst < 0.5);
    CHECK(throttles > 100);
    CHECK(shutdowns > 30);
    INFO(worst << ' ' << worst_steady);
}
