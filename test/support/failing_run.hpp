#pragma once
/// \file
/// Runs of random jobs on five racks of six nodes with four GPUs, for tests in which parts of them fail.

#include "support/powered_run.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::test {

inline constexpr double hour_s = 3600;

inline fleet::fleet_state racks() {
    fleet::topology where;
    where.add({.count = 5, .nodes = 6});
    return fleet::fleet_state::racks(std::move(where), 4);
}

inline std::vector<workload::job_request> random_jobs(std::uint64_t seed, std::size_t count, bool elastic = false) {
    random_stream draw{seed, purpose::test, 0};
    std::vector<workload::job_request> out;
    duration submit{};
    for (std::size_t i = 0; i != count; ++i) {
        submit += std::chrono::minutes{draw.below(40)};
        workload::job_request j = gpu_job(1 + static_cast<std::uint32_t>(draw.below(draw.below(4) == 0 ? 60 : 8)),
                                          std::chrono::minutes{1 + draw.below(900)}, submit);
        j.estimate = j.work + std::chrono::minutes{draw.below(300)};
        j.row = i;
        j.name = static_cast<std::int64_t>(i);
        if (elastic && draw.below(2) != 0) {
            j.kind = workload::job_kind::elastic;
            j.gpus_min = 1;
            j.gpus_max = 2 * j.gpus;
        }
        out.push_back(j);
    }
    return out;
}

inline sim::parts parts_of(std::vector<workload::job_request> jobs, const std::string& policy,
                           fleet::fleet_state fleet = racks()) {
    sim::parts p{.fleet = std::move(fleet),
                 .policy = policy::make_policy(policy, {}),
                 .placer = policy::make_placer("first-fit"),
                 .preemption = {.checkpoint_interval = std::chrono::hours{1},
                                .checkpoint = std::chrono::minutes{1},
                                .restart = std::chrono::minutes{7}}};
    p.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
    return p;
}

}  // namespace ampacity::test
