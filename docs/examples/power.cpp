// Module power: who carries what in a hall, when a device trips, what a cap costs, and the control tick over all nodes.
#include "example.hpp"

#include <ampacity/power/cap_policy.hpp>
#include <ampacity/power/cap_response.hpp>
#include <ampacity/power/cooling_plant.hpp>
#include <ampacity/power/delivery.hpp>
#include <ampacity/power/demand_meter.hpp>
#include <ampacity/power/node_columns.hpp>
#include <ampacity/power/node_power.hpp>
#include <ampacity/power/plant.hpp>
#include <ampacity/power/power_tree.hpp>
#include <ampacity/power/price_spikes.hpp>
#include <ampacity/power/signal.hpp>
#include <ampacity/power/site_account.hpp>
#include <ampacity/power/swing.hpp>
#include <ampacity/power/swing_meter.hpp>
#include <ampacity/power/thermal.hpp>
#include <ampacity/power/trip_curve.hpp>

#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

bool near(double a, double b) { return std::abs(a - b) <= 1e-6 * std::abs(b); }

void a_survivor_is_overloaded() {
    // Two UPS lineups of 1 MW in 2N, which somebody has loaded with 1.25 MW.
    const hardware::efficiency_curve losses{{{1.0, 0.965}}};
    const power::trip_curve ups{{.holds = 1.0, .points = {{1.25, 120s}, {1.50, 30s}}}};
    constexpr power::microwatts megawatt = 1'000'000'000'000;
    power::delivery hall;
    const power::device lineup{.rating = megawatt, .efficiency = &losses, .trips = &ups};
    const auto a = hall.add(lineup);
    const auto b = hall.add(lineup);
    const auto row = hall.add({.feeds = {a, b}});
    hall.set_load(start_of_time, row, megawatt + megawatt / 4);
    require(hall.next_trip().at == never, "each carries 62.5 %");
    hall.set_failed(start_of_time + 1h, a, true, [](power::device_id, bool) {});
    require(hall.next_trip().device == b && hall.next_trip().at == start_of_time + 1h + 120s, "the other one trips");
    hall.set_load(start_of_time + 1h + 60s, row, megawatt);
    require(hall.next_trip().at == never, "a cap came in time");
    require(near(power::to_kwh(hall.energy_in(a, start_of_time + 2h)), 625 / 0.965), "its meter stood still since");
}

void a_cap_costs_less_than_it_saves() {
    const power::cap_response gpu{{.loss = 1.5, .exponent = 1.9, .valid_from = 0.35}, 0.2, 0.1};
    require(gpu.performance(1000.0 / 1200.0) > 0.94, "a sixth of the power for a twentieth of the speed");
    require(near(power::residual_swing_w(80e3, 1, 4680), 80e3 - 18.72e3), "what storage leaves of a swing at 1 Hz");
    const power::thermal_mass chip;
    require(near(chip.settled_c(1400, 48), 90), "too warm: on water of 45 degC it throttles");
}

/// A rule of one's own: half of the limit whenever a feed is above 90 %.
class halving final : public power::cap_policy {
public:
    power::class_limits decide(const power::capped_feed& feed) override {
        if (feed.load_w > 0.9 * feed.limit_w) return {500, 500};
        return feed.now;
    }
};

void a_battery_carries() {
    constexpr power::microwatts megawatt = 1'000'000'000'000;
    power::delivery hall;
    const auto utility = hall.add({});
    const auto ups = hall.add({.rating = megawatt,
                               .feeds = {utility},
                               .store = power::storage{.capacity = power::energy{megawatt} * ticks(duration{5min}),
                                                       .recharge = megawatt / 10,
                                                       .efficiency = 0.9}});
    hall.set_load(start_of_time, ups, megawatt / 2);
    hall.set_failed(start_of_time + 1h, utility, true, [](power::device_id, bool) {});
    require(hall.is_on_battery(ups) && hall.next_store().at == start_of_time + 1h + 10min,
            "half of it lasts twice as long");
    hall.set_failed(start_of_time + 1h + 3min, utility, false, [](power::device_id, bool) {});
    require(hall.input(ups) == megawatt / 10 * 6, "it is filled beside the load");
    require(hall.next_store().at == start_of_time + 1h + 3min + 1000s, "90 MJ at nine tenths of 100 kW");
}

void a_hall_gives() {
    // Four nodes that stand by themselves, of one GPU each, on one row that is built for three of them.
    hardware::node node{.gpus = 1};
    node.gpu.power = {.limit_w = 1000, .lowest_limit_w = 200, .idle_w = 100, .context_w = 150};
    node.gpu.power.phases.gemm_bf16_w = 1000;
    node.gpu.power.compute_bound = {.loss = 1.5, .exponent = 1.9, .valid_from = 0.36};
    node.gpu.power.memory_bound = node.gpu.power.compute_bound;
    node.power.nameplate_w = 1000;
    power::plant_plan plan{.models = {{.node = node}},
                           .sites = {{.name = "site", .units = 4, .halls = {.oversubscription = 4.0 / 3}}}};
    for (std::uint32_t i = 0; i != 4; ++i) plan.units.push_back({.first_node = i});
    plan.controls.push_back(
        {.at = power::power_tree::level::row, .policy = std::make_unique<halving>(), .latency = 1s});
    power::plant hall{std::move(plan)};
    std::vector<fleet::gpu_share> where;
    for (std::uint32_t i = 0; i != 4; ++i) where.push_back({.node = node_id{i}, .gpus = 1});
    hall.start(start_of_time + 1s, {.where = where});
    const auto row = *hall.tree().find("hall-0/row-0");
    require(hall.headroom(row) < 0, "it carries 4 kW and is built for 3");
    while (hall.next_control() != never) hall.control(hall.next_control());
    require(hall.headroom(row) > 0, "the GPUs have given");
    require(hall.pace({.where = where}) < 1, "at the price of speed");
}

void a_spike_has_a_price() {
    const std::vector<power::price_spike> spikes{{.start = start_of_time + 1h, .end = start_of_time + 2h, .factor = 5}};
    const auto price = power::with_spikes(power::constant_price(2e-8), spikes);
    require(near(price.find(start_of_time + 90min)->value, 1e-7) && price.find(start_of_time)->value == 2e-8,
            "five times as much for an hour");
}

void all_nodes_tick() {
    const power::node_model tray{.throttled_w = 1500};
    power::node_columns nodes(18, 900, 35);
    for (std::size_t i = 0; i != nodes.size(); ++i) nodes.load_w[i] = 6000;
    power::tick(tray, nodes, 0, nodes.size(), 60);
    const std::vector<std::uint32_t> racks{0, 18};
    std::vector<double> rack_w(1);
    power::sum_segments(nodes.power_w, racks, rack_w);
    require(rack_w[0] == 18 * 6000.0, "a rack draws what its trays draw");
}

void a_node_draws_what_its_gpus_do() {
    hardware::node tray;
    tray.gpus = 4;
    tray.gpu.power.idle_w = 178;
    tray.gpu.power.phases.gemm_bf16_w = 1364;
    tray.power = {.cpus_w = 600, .cpus_idle_w = 270, .rest_w = 440, .rest_idle_w = 308};
    const double gemm = power::gpu_power_w(tray.gpu.power, power::phase::gemm_bf16);
    require(near(power::node_power_w(tray, {}), 4 * 178 + 270 + 308), "idle");
    require(near(power::node_power_w(tray, {4, 4 * gemm}), 4 * 1364 + 600 + 440), "in training");
}

void a_site_keeps_books() {
    // Carbon of 0.4 kg/kWh by day and 0.1 by night, in a region whose PUE is 1.2.
    const auto carbon = std::make_shared<step_series<double>>(std::vector<instant>{start_of_time, start_of_time + 12h},
                                                              std::vector<double>{0.1 / 3.6e6, 0.4 / 3.6e6},
                                                              start_of_time + 24h, outside::repeated);
    hardware::region somewhere;
    somewhere.pue = 1.2;
    power::site_options o{.region = somewhere, .demand_usd_w = 0.01};
    o.signals.carbon = power::signal{carbon, {}};
    power::site_account site{o};
    constexpr power::microwatts megawatt = 1'000'000'000'000;
    site.advance(start_of_time + 24h, megawatt, megawatt);
    const power::site_books books = site.books();
    require(near(*books.carbon_location_kg, 1.2 * (12'000 * 0.1 + 12'000 * 0.4)), "hour by hour");
    require(near(*books.demand_usd, 1.2e6 * 0.01), "a charge on the largest quarter of an hour");
    power::demand_meter meter{o.start};
    meter.draw(start_of_time, start_of_time + 5min, 3 * megawatt);
    require(near(meter.peaks_w().back(), 1e6), "a third of a quarter");
    // A chiller on a warm and on a cold day.
    hardware::cooling water;
    water.kind = hardware::cooling_kind::liquid;
    water.chiller = hardware::chiller{.rated_cop = 6, .slope_per_k = -0.025, .rated_outdoor_c = 30};
    const power::cooling_plant plant{water};
    require(plant.share(35) > plant.share(5), "heat costs power");
}

}  // namespace

void power_example() {
    a_site_keeps_books();
    a_node_draws_what_its_gpus_do();
    a_survivor_is_overloaded();
    a_cap_costs_less_than_it_saves();
    a_battery_carries();
    a_hall_gives();
    all_nodes_tick();
    a_spike_has_a_price();
}
