#pragma once
/// \file
/// What an inference service of a run is made of. Plain values.

#include <ampacity/fleet/allocation.hpp>
#include <ampacity/serving/iteration_time.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/serving/service_metrics.hpp>
#include <ampacity/sim/modelled_service.hpp>
#include <ampacity/workload/request_source.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::sim {

/// Its replicas hold their GPUs from the start until its last request has left; nothing takes them away.
struct service_parts {
    std::string name;
    serving::service_options options;
    serving::iteration_time time;  ///< of the steps of each replica
    std::unique_ptr<workload::request_source> requests;
    serving::latency_targets targets{};
    std::uint32_t gpus_per_replica = 1;
    std::uint16_t entry = 0;  ///< of the workload: a source without jobs
    /// By replica: its GPUs, free on the empty fleet, each in one; on a pool without shares.
    std::vector<std::vector<fleet::gpu_share>> places{};
    std::optional<modelled_service> modelled{};  ///< none: it does not say what it serves
};

}  // namespace ampacity::sim
