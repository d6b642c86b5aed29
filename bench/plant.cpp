// What does a fleet of a million GPUs cost to build, with its power tree, and what does an event on it cost?
//
// The answer that a fast wrong plant fails: the site draws what all racks draw by themselves, before any job, with all
// GPUs busy, and after.

#include "table.hpp"

#include <ampacity/fleet/fleet_state.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/power/plant.hpp>

#include <sys/resource.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using namespace bench;
using power::plant;

double peak_bytes() {
    rusage use{};
    getrusage(RUSAGE_SELF, &use);
    return static_cast<double>(use.ru_maxrss) * 1024;
}

power::plant_plan plan_of(const hardware::rack& rack, std::uint32_t racks, bool controlled) {
    power::plant_plan p;
    p.models = {{.node = rack.node, .rack = rack}};
    for (std::uint32_t i = 0; i != racks; ++i) p.units.push_back({.first_node = rack.nodes * i, .nodes = rack.nodes});
    p.sites = {{.name = "site",
                .units = racks,
                .halls = {.topology = io::read_model<hardware::power_topology>("4n3").value, .trips = true}}};
    if (controlled)
        p.controls.push_back({.at = power::power_tree::level::row, .policy = power::make_cap_policy("uniform", {})});
    return p;
}

std::vector<fleet::gpu_share> whole_racks(const hardware::rack& rack, std::uint32_t first, std::uint32_t last) {
    std::vector<fleet::gpu_share> out;
    for (std::uint32_t n = rack.nodes * first; n != rack.nodes * last; ++n)
        out.push_back({.node = node_id{n}, .gpus = (std::uint64_t{1} << rack.node.gpus) - 1});
    return out;
}

void measure(table& t, const hardware::rack& rack, std::uint32_t racks, std::optional<double> build_s) {
    const std::string name = std::to_string(racks * rack.gpus()) + " GPUs, ";
    const double before = peak_bytes();
    const stopwatch build;
    const auto state = fleet::fleet_state::flat_nodes(racks * rack.nodes, rack.node.gpus);
    plant p{plan_of(rack, racks, true)};
    const double took_s = build.ns() * 1e-9;
    const double bytes = (peak_bytes() - before) / (racks * rack.gpus());
    t.row(name + "fleet and power tree built", {}, {took_s, "s"}, build_s ? at_most(*build_s) : multiple());
    t.row(name + "memory per GPU", {}, {bytes, "B"}, build_s ? at_most(200) : multiple());

    const double idle_w = racks * rack.idle_power_w();
    t.expect(std::abs(static_cast<double>(p.it(0)) * 1e-6 / idle_w - 1) < 1e-6, "power of idle racks");
    // One rack after another begins and ends a job of all its GPUs.
    std::int64_t ns = 0;
    const auto at = [&ns] { return start_of_time + duration{ns += 1'000'000}; };
    const std::uint32_t many = std::min(racks, 2000U);
    std::vector<std::vector<fleet::gpu_share>> where;
    for (std::uint32_t r = 0; r != many; ++r) where.push_back(whole_racks(rack, r, r + 1));
    const power::microwatts empty = p.it(0);
    const stopwatch events;
    for (const auto& w : where) p.start(at(), {.where = w});
    for (const auto& w : where) p.stop(at(), {.where = w});
    t.row(name + "start or stop of a job of one rack", {}, {events.ns() / (2 * many), "ns"}, multiple());
    t.expect(p.it(0) == empty, "power after all jobs have ended");
    // One that holds everything.
    const auto all = whole_racks(rack, 0, racks);
    const stopwatch large;
    p.start(at(), {.where = all});
    t.row(name + "start of a job of all racks, per node", {}, {large.ns() / (racks * rack.nodes), "ns"}, multiple());
    const stopwatch tick;
    p.control(p.next_control());
    t.row(name + "look of a controller of rows, per row", {},
          {tick.ns() / static_cast<double>(p.tree().rows().size()), "ns"}, multiple());
}

}  // namespace

int main() {
    const auto rack = io::read_model<hardware::rack>("gb300-nvl72").value;
    table t;
    measure(t, rack, 1389, {});
    measure(t, rack, 13889, 2.0);
    return t.exit_status();
}
