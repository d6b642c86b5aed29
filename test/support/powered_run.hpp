#pragma once
/// \file
/// Runs of jobs on racks whose feeds limit them.

#include <ampacity/io/catalogue.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/power/plant.hpp>
#include <ampacity/sim/simulation.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::test {

inline const hardware::rack& gb300() {
    static const auto rack = io::read_model<hardware::rack>("gb300-nvl72").value;
    return rack;
}

/// Racks of 18 nodes with 4 GPUs at one site called iad.
inline power::plant_plan plant_of(std::uint32_t racks, const std::string& topology, std::uint32_t per_row,
                                  const hardware::rack& rack = gb300()) {
    power::plant_plan p;
    p.models = {{.node = rack.node, .rack = rack}};
    for (std::uint32_t i = 0; i != racks; ++i) p.units.push_back({.first_node = 18 * i, .nodes = 18});
    p.sites = {
        {.name = "iad",
         .units = racks,
         .halls = {.topology = io::read_model<hardware::power_topology>(topology).value, .units_per_row = per_row}}};
    return p;
}

inline power::feed_event limit_of(const std::string& feed, double w, duration from = {},
                                  duration to = duration::max()) {
    return {.start = start_of_time + from,
            .end = add_saturating(start_of_time, to),
            .what = power::feed_event::kind::limit,
            .device = feed,
            .limit_w = w};
}

inline workload::job_request gpu_job(std::uint32_t gpus, duration work, duration submit = {},
                                     std::int32_t priority = 0) {
    workload::job_request j;
    j.gpus = j.gpus_min = j.gpus_max = gpus;
    j.work = j.estimate = work;
    j.submit = start_of_time + submit;
    j.priority = priority;
    return j;
}

/// Parts of a run on flat nodes, whose policies see the head-room of the plant; jobs of entry i do what `phases[i]`
/// says.
inline sim::parts powered_parts(power::plant_plan plan, std::vector<std::vector<workload::job_request>> entries,
                                std::vector<power::phase> phases, std::unique_ptr<policy::policy> by,
                                const std::string& placer = "first-fit") {
    const auto racks = static_cast<std::uint32_t>(plan.units.size());
    sim::parts p{.fleet = fleet::fleet_state::flat_nodes(18 * racks, 4),
                 .policy = std::move(by),
                 .placer = policy::make_placer(placer)};
    for (auto& jobs : entries) {
        for (std::size_t i = 0; i != jobs.size(); ++i) {
            jobs[i].row = i;
            jobs[i].name = static_cast<std::int64_t>(i);
        }
        p.sources.push_back(std::make_unique<workload::vector_source>(jobs));
    }
    sim::energy_model m;
    m.plant = std::move(plan);
    m.sites.resize(1);
    m.phases = std::move(phases);
    m.shows_headroom = true;
    p.energy = std::move(m);
    return p;
}

/// What a run left behind.
struct powered_outcome {
    std::vector<sim::job_record> jobs;
    sim::summary all;
};

/// The jobs, which train, on all nodes of the plant.
inline powered_outcome run_powered(power::plant_plan plan, std::vector<workload::job_request> jobs,
                                   const std::string& policy = "fifo", preemption_options costs = {},
                                   std::optional<duration> until = {}, std::optional<duration> samples = {}) {
    sim::parts p =
        powered_parts(std::move(plan), {std::move(jobs)}, {power::phase::gemm_bf16}, policy::make_policy(policy, {}));
    p.energy->shows_headroom = false;
    p.preemption = costs;
    p.until = until;
    p.sample_every = samples;
    sim::simulation s{std::move(p)};
    s.run();
    powered_outcome out{.jobs = {}, .all = s.results()};
    out.jobs.assign(s.records(0).begin(), s.records(0).end());
    return out;
}

}  // namespace ampacity::test
