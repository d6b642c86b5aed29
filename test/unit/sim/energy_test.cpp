// Power and energy of runs: closed forms on one rack, books, and a naive sum over all stretches of time.
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/energy.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using std::chrono::hours;
using std::chrono::seconds;

namespace {

sim::energy_model racks_of(const std::string& name, std::uint32_t count) {
    const auto rack = io::read_model<hardware::rack>(name).value;
    sim::energy_model m;
    m.plant.models = {{.node = rack.node, .rack = rack}};
    for (std::uint32_t i = 0; i != count; ++i)
        m.plant.units.push_back({.first_node = i * rack.nodes, .nodes = rack.nodes});
    m.plant.sites = {{.name = "site", .units = count, .halls = {}}};
    m.sites.resize(1);
    m.phases = {power::phase::gemm_bf16};
    return m;
}

/// One event of a meter.
sim::job_event event(instant at, const std::vector<fleet::gpu_share>& where) { return {.at = at, .where = where}; }

std::vector<fleet::gpu_share> whole_nodes(std::uint32_t first, std::uint32_t count) {
    std::vector<fleet::gpu_share> out;
    for (std::uint32_t i = 0; i != count; ++i) out.push_back({.node = node_id{first + i}, .gpus = 0xF});
    return out;
}

}  // namespace

TEST_CASE("eight racks draw what was published of them, idle and in training", "[energy]") {
    sim::energy_meter meter{racks_of("gb300-nvl72", 8)};
    CHECK(meter.it_w() == Approx(0.25e6).margin(0.01e6));
    const auto all = whole_nodes(0, 8 * 18);
    meter.on_start(event(start_of_time + hours{1}, all));
    CHECK(meter.it_w() >= 0.95e6);
    CHECK(meter.it_w() <= 1.05e6);
    const double training = meter.it_w();
    meter.on_stop(event(start_of_time + hours{3}, all), sim::run_end::finished);
    const double idle = meter.it_w();
    const sim::energy_result r = meter.results(start_of_time + hours{4});
    CHECK(r.nameplate_w == Approx(8 * 142e3));
    CHECK(r.it_j == Approx(2 * 3600 * (training + idle)).epsilon(1e-12));
    CHECK(r.peak_it_w == Approx(training).epsilon(1e-12));
    CHECK(r.mean_it_w == Approx((training + idle) / 2).epsilon(1e-12));
    CHECK(r.losses_j == 0);  // no chain
    CHECK(!r.pue);
}

TEST_CASE("a rack adds up from its parts, module limits and conversion included", "[energy]") {
    const auto rack = io::read_model<hardware::rack>("gb300-nvl72").value;
    const hardware::node& tray = rack.node;
    // Half of the GPUs of one tray in training: chips below the limit of the modules.
    const double gpus = 2 * tray.gpu.power.phases.gemm_bf16_w + 2 * tray.gpu.power.idle_w;
    const double parts =
        gpus + (tray.power.cpus_idle_w + tray.power.cpus_w) / 2 + (tray.power.rest_idle_w + tray.power.rest_w) / 2;
    CHECK(power::node_power_w(tray, {2, 2 * tray.gpu.power.phases.gemm_bf16_w}) ==
          Approx(parts / tray.converter->efficiency.at(1)).epsilon(1e-12));
    // All of them: the modules limit the chips.
    CHECK(4 * tray.gpu.power.phases.gemm_bf16_w + tray.power.cpus_w > 2 * tray.modules->limit_w);
    CHECK(power::node_power_w(tray, {4, 4 * tray.gpu.power.phases.gemm_bf16_w}) ==
          Approx((2 * tray.modules->limit_w + tray.power.rest_w) / tray.converter->efficiency.at(1)).epsilon(1e-12));
    CHECK(power::node_power_w(tray, {}) == Approx(tray.idle_power_w()).epsilon(1e-12));
    CHECK(power::rack_power_w(rack, 18 * tray.idle_power_w(), 0) == Approx(rack.idle_power_w()).epsilon(1e-12));
    CHECK(power::gpu_power_w(io::read_model<hardware::accelerator>("h100").value.power, power::phase::gemm_fp4) ==
          io::read_model<hardware::accelerator>("h100").value.power.phases.gemm_fp8_w);
}

TEST_CASE("the chain loses what its stages lose, and PUE counts it once", "[energy]") {
    const auto topology = io::read_model<hardware::power_topology>("4n3").value;
    const auto region = io::read_model<hardware::region>("us-east-1").value;
    const auto hall = [&](std::optional<hardware::cooling> cooling) {
        sim::energy_model m = racks_of("gb300-nvl72", 8);
        m.plant.sites[0].halls.topology = topology;
        m.sites[0].region = region;
        m.sites[0].cooling = std::move(cooling);
        return m;
    };
    sim::energy_meter meter{hall({})};
    meter.on_start(event(start_of_time, whole_nodes(0, 8 * 18)));
    const sim::energy_result r = meter.results(start_of_time + hours{24});
    // Utility to rack.
    const double efficiency = r.it_j / (r.it_j + r.losses_j);
    CHECK(efficiency == Approx(0.929).margin(0.005));
    double product = 1;
    for (const auto& stage : topology.stages) product *= stage.efficiency.at(0.75);
    CHECK(efficiency == Approx(product).margin(0.004));
    // The region's PUE holds the losses.
    CHECK(*r.pue == Approx(region.pue).epsilon(1e-12));
    CHECK(*r.pue_without_losses == Approx(region.pue - r.losses_j / r.it_j).epsilon(1e-12));
    CHECK(r.facility_j() == Approx(r.it_j * region.pue).epsilon(1e-12));
    CHECK(*r.carbon_location_kg == Approx(r.facility_j() / 3.6e6 * 0.39625).epsilon(1e-9));
    CHECK(*r.energy_usd == Approx(r.facility_j() / 3.6e6 * 0.0892).epsilon(1e-9));
    CHECK(*r.carbon_market_kg == 0);
    CHECK(r.it_j / 3.6e9 > 6);
    CHECK(r.it_j / 3.6e9 < 27);
    // With cooling of its own: losses and cooling on top of IT.
    const auto cooling = io::read_model<hardware::cooling>("warm-water-w40").value;
    sim::energy_meter cooled{hall(cooling)};
    const sim::energy_result c = cooled.results(start_of_time + hours{1});
    const double overhead = cooling.power_share + cooling.other_share.value_or(0);
    CHECK(*c.pue == Approx(1 + c.losses_j / c.it_j + overhead).epsilon(1e-12));
    CHECK(*c.pue_without_losses == Approx(1 + overhead).epsilon(1e-12));
}

TEST_CASE("random jobs give the energy of a naive sum over all stretches, at any order of events", "[energy]") {
    for (std::uint64_t seed = 0; seed != 40; ++seed) {
        naive::test_random random(seed);
        sim::energy_model m = racks_of(seed % 2 == 0 ? "gb300-nvl72" : "dgx-h100-x4", 3);
        const std::uint32_t nodes = 3 * m.plant.units[0].nodes;
        const std::uint32_t gpus = m.plant.models[0].node.gpus;
        m.phases = {power::phase::gemm_bf16, power::phase::decode_mla};
        struct stay {
            std::int64_t from, to;
            std::uint16_t source;
            std::vector<fleet::gpu_share> where;
        };
        // Jobs take free GPUs of some nodes one after another.
        std::vector<stay> stays;
        std::map<std::uint32_t, std::int64_t> free_at;
        for (int i = 0; i != 60; ++i) {
            stay s{random.between(0, 500), 0, static_cast<std::uint16_t>(random.between(0, 1)), {}};
            s.to = s.from + random.between(0, 200);
            for (std::int64_t k = random.between(1, 4); k > 0; --k) {
                const auto n = static_cast<std::uint32_t>(random.between(0, nodes - 1));
                if (free_at[n] > s.from) continue;
                if (std::any_of(s.where.begin(), s.where.end(), [n](const auto& w) { return index(w.node) == n; }))
                    continue;
                free_at[n] = 1'000'000;
                s.where.push_back({.node = node_id{n},
                                   .gpus = (std::uint64_t{1} << static_cast<unsigned>(random.between(1, gpus))) - 1});
            }
            if (!s.where.empty()) stays.push_back(s);
        }
        const std::vector<power::unit_model> models = m.plant.models;
        const std::vector<power::powered_unit> units = m.plant.units;
        const std::vector<power::phase> phases = m.phases;
        sim::energy_meter meter{std::move(m)};
        std::vector<std::pair<std::int64_t, std::size_t>> events;
        for (std::size_t i = 0; i != stays.size(); ++i) {
            events.emplace_back(stays[i].from * 2, i);    // starts
            events.emplace_back(stays[i].to * 2 + 1, i);  // ends, behind starts of the same second
        }
        std::sort(events.begin(), events.end());
        std::set<std::int64_t> instants{0, 1000};
        for (const auto& [when, i] : events) {
            sim::job_event e = event(start_of_time + seconds{when / 2}, stays[i].where);
            e.source = stays[i].source;
            when % 2 == 0 ? meter.on_start(e) : meter.on_stop(e, sim::run_end::finished);
            instants.insert(when / 2);
        }
        double joules = 0;
        double peak = 0;
        for (auto at = instants.begin(); std::next(at) != instants.end(); ++at) {
            const std::int64_t from = *at;
            const std::int64_t to = *std::next(at);
            double total = 0;
            for (const power::powered_unit& u : units) {
                double inputs = 0;
                double held_of_unit = 0;
                for (std::uint32_t n = u.first_node; n != u.first_node + u.nodes; ++n) {
                    power::held_gpus held;
                    for (const stay& s : stays) {
                        if (s.from > from || s.to <= from) continue;
                        for (const auto& w : s.where) {
                            if (index(w.node) != n) continue;
                            const auto count = static_cast<std::uint32_t>(std::popcount(w.gpus));
                            held.count += count;
                            held.power_w += count * power::gpu_power_w(models[0].node.gpu.power, phases[s.source]);
                        }
                    }
                    held_of_unit += held.count;
                    inputs += power::node_power_w(models[0].node, held);
                }
                total += power::rack_power_w(*models[0].rack, inputs, held_of_unit / (u.nodes * gpus));
            }
            joules += total * static_cast<double>(to - from);
            peak = std::max(peak, total);
        }
        const sim::energy_result r = meter.results(start_of_time + seconds{1000});
        INFO("seed " << seed);
        CHECK(r.it_j == Approx(joules).epsilon(1e-9));
        CHECK(r.peak_it_w == Approx(peak).epsilon(1e-9));
    }
}

TEST_CASE("the energy of a simulation follows its jobs, and books of energy do not depend on who else looks",
          "[energy]") {
    const auto run = [](std::optional<duration> samples) {
        sim::parts p{.fleet = fleet::fleet_state::flat_nodes(36, 4),
                     .sources = {},
                     .policy = policy::make_policy("fifo", {}),
                     .placer = policy::make_placer("first-fit"),
                     .until = hours{10},
                     .sample_every = samples,
                     .observers = {}};
        std::vector<workload::job_request> jobs(2);
        for (auto& j : jobs) j.gpus = j.gpus_min = j.gpus_max = 72;
        jobs[0].work = hours{2};
        jobs[1].work = hours{20};  // still runs at the end
        jobs[1].submit = start_of_time + hours{1};
        p.sources.push_back(std::make_unique<workload::vector_source>(jobs));
        p.energy = racks_of("gb300-nvl72", 2);
        sim::simulation s{std::move(p)};
        s.run();
        return *s.results().energy;
    };
    const auto rack = io::read_model<hardware::rack>("gb300-nvl72").value;
    sim::energy_meter one{racks_of("gb300-nvl72", 1)};
    const double idle = one.it_w();
    one.on_start(event(start_of_time, whole_nodes(0, 18)));
    const double busy = one.it_w();
    const sim::energy_result r = run({});
    CHECK(r.it_j == Approx(3600 * ((2 * busy + 8 * idle) + (1 * idle + 9 * busy))).epsilon(1e-9));
    CHECK(r.peak_it_w == Approx(2 * busy).epsilon(1e-9));
    CHECK(run(seconds{60}).it_j == r.it_j);
}
