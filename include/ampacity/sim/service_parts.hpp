#pragma once
/// \file
/// What an inference service of a run is made of. Plain values.

#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fluid/offered_rate.hpp>
#include <ampacity/fluid/surface.hpp>
#include <ampacity/fluid/window.hpp>
#include <ampacity/serving/autoscaler.hpp>
#include <ampacity/serving/iteration_time.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/serving/service_metrics.hpp>
#include <ampacity/sim/modelled_service.hpp>
#include <ampacity/sim/service_sites.hpp>
#include <ampacity/workload/job.hpp>
#include <ampacity/workload/request_source.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::sim {

/// Replicas that come and go: each is a job without end of the fleet's queue, which ends when the replica is taken away
/// and has drained.
struct scaling_options {
    serving::autoscaler_options autoscale{};
    duration cold_start{};                  ///< from its GPUs to its first request; >= 0
    std::optional<duration> drain_limit{};  ///< what is left of its requests then waits for others; none: it finishes
    bool requeues = true;                   ///< requests of one whose nodes fail wait for others; else they fail
    std::int32_t priority = 0;              ///< of its jobs
    workload::placement_constraint placement{};
};

/// A service without requests: its replicas are as the points of a surface.
struct fluid_parts {
    fluid::surface_options from;
    std::shared_ptr<const fluid::surface> made{};  ///< none: it is made when the run begins
    /// Makes it from `from`; empty: it is built.
    std::function<std::shared_ptr<const fluid::surface>(const fluid::surface_options&)> make{};
    std::optional<fluid::offered_rate> offered{};    ///< none: of one of several sites
    duration tick = std::chrono::minutes{1};         ///< the flow is followed at its multiples; > 0
    std::optional<fluid::window_options> windows{};  ///< in which requests are simulated once the run is over
};

/// A class of requests in results: those of its priority, and above it up to the next class's.
struct class_parts {
    std::string name;
    std::uint8_t priority = 0;
    serving::latency_targets targets{};
};

/// Its replicas hold their GPUs from the start until its last request has left, and nothing takes them away, unless
/// they come and go.
struct service_parts {
    std::string name;
    serving::service_options options;
    serving::iteration_time time;  ///< of the steps of each replica
    std::unique_ptr<workload::request_source> requests;
    serving::latency_targets targets{};
    std::vector<class_parts> classes{};  ///< by rising priority
    bool measures_gaps = false;          ///< between tokens
    std::uint32_t gpus_per_replica = 1;
    /// Of those of `options.decode`, whose places follow those of the others.
    std::uint32_t decode_gpus_per_replica = 0;
    /// Of the workload: a source without jobs, whose texts name those that are its replicas.
    std::uint16_t entry = 0;
    /// By replica: its GPUs, free on the empty fleet, each in one; on a pool without shares. Empty with `scaling`.
    std::vector<std::vector<fleet::gpu_share>> places{};
    std::optional<modelled_service> modelled{};         ///< none: it does not say what it serves
    std::optional<modelled_service> decode_modelled{};  ///< the same of replicas that decode
    /// Then there are at most `options.replicas` == `scaling->autoscale.max` at a time, and `options.scaled`. \pre one
    /// has a place on the empty fleet
    std::optional<scaling_options> scaling{};
    std::optional<fluid_parts> fluid{};  ///< then `requests` has none
    /// Then sites of one service follow one another, by number, with one `entry`. \pre fluid, scaling
    std::optional<service_site> site{};

    /// Of the replica with this place.
    [[nodiscard]] std::uint32_t gpus_of(std::size_t place) const noexcept {
        return place < options.replicas ? gpus_per_replica : decode_gpus_per_replica;
    }
    [[nodiscard]] std::uint64_t num_replicas() const noexcept {
        return std::uint64_t{options.replicas} + (options.decode ? options.decode->replicas : 0U);
    }
    /// Of all replicas.
    [[nodiscard]] std::uint64_t num_gpus() const noexcept {
        return std::uint64_t{gpus_per_replica} * options.replicas +
               (options.decode ? std::uint64_t{decode_gpus_per_replica} * options.decode->replicas : 0U);
    }
};

}  // namespace ampacity::sim
