// Module hardware: what GPUs, nodes, racks and the plant around them are. Plain structs; the catalogue fills them from
// files.
#include "example.hpp"

#include <ampacity/hardware/accelerator.hpp>
#include <ampacity/hardware/cooling.hpp>
#include <ampacity/hardware/curves.hpp>
#include <ampacity/hardware/network.hpp>
#include <ampacity/hardware/node.hpp>
#include <ampacity/hardware/power.hpp>
#include <ampacity/hardware/rack.hpp>
#include <ampacity/hardware/region.hpp>
#include <ampacity/hardware/reliability.hpp>
#include <ampacity/hardware/site_preference.hpp>

#include <cmath>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

hardware::rack a_small_rack() {
    hardware::accelerator gpu{.name = "g", .memory_b = 100e9, .power = {.limit_w = 1000, .idle_w = 100}};
    hardware::node node{.name = "n", .gpu = gpu, .gpus = 4, .power = {.rest_w = 500, .rest_idle_w = 200}};
    node.network = hardware::network_tier{.name = "rails", .bandwidth_b_s = 50e9};
    return {.name = "r", .node = node, .nodes = 8, .power = {.nameplate_w = 40e3, .idle_w = 5e3}};
}

void a_rack_is_the_sum_of_its_parts() {
    const auto rack = a_small_rack();
    require(rack.gpus() == 32 && rack.memory_b() == 3.2e12, "GPUs and their memory");
    require(rack.full_power_w() == 8 * 4500.0 && rack.idle_power_w() == 8 * 600.0, "power, busy and idle");
    const hardware::block block{.name = "b", .rack = rack, .racks = 4, .nameplate_w = 170e3};
    require(block.gpus() == 128, "a block of racks");
}

void power_goes_through_devices() {
    const hardware::efficiency_curve curve{{{0.5, 0.98}, {1, 0.96}}};
    require(std::abs(curve.at(0.75) - 0.97) < 1e-12 && curve.at(0.1) == 0.98,
            "linear between points, constant outside");
    const hardware::power_device ups{.name = "ups",
                                     .kind = hardware::power_device_kind::ups,
                                     .efficiency = curve,
                                     .overload = hardware::overload_curve{.holds = 1, .points = {{1.5, 30s}}}};
    const hardware::power_topology four{.name = "4n3", .installed = 4, .needed = 3, .stages = {ups, ups}};
    require(four.usable_share() == 0.75 && four.efficiency(1) == 0.96 * 0.96, "reserve and losses");
    const hardware::cap_control brake{.name = "brake", .latency = 5s};
    require(brake.latency < ups.overload->points[0].time, "a cap that is faster than the trip");
}

void heat_grid_and_failures() {
    const hardware::cooling water{.name = "w45", .kind = hardware::cooling_kind::liquid, .supply_c = 45.0};
    const hardware::region here{
        .name = "here", .carbon = {.mean_kg_per_j = 0.4 / 3.6e6}, .price_usd_per_j = 0.07 / 3.6e6};
    require(std::abs(1e6 * 3600 * here.price_usd_per_j - 70) < 1e-9, "a megawatt-hour for 70 USD");
    const hardware::reliability fleet{.name = "f", .per_gpu_s = 5e-4 / 86400};
    require(water.supply_c == 45 && std::abs(*fleet.per_gpu_s * 86400 * 2000 - 1) < 1e-12, "one in 2000 GPU-days");
}

}  // namespace

void hardware_example() {
    a_rack_is_the_sum_of_its_parts();
    power_goes_through_devices();
    heat_grid_and_failures();
}
