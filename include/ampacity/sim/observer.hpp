#pragma once
/// \file
/// Observers see what was committed; they cannot change a run. Called synchronously, in event order.

#include <ampacity/core/time.hpp>
#include <ampacity/fleet/allocation.hpp>

#include <cstdint>
#include <span>

namespace ampacity::sim {

/// The state of a run at one instant.
struct sample {
    instant at{};
    std::uint64_t queued = 0;     ///< jobs waiting
    std::uint64_t running = 0;    ///< jobs holding GPUs
    std::uint64_t busy_gpus = 0;  ///< GPUs held by jobs
    std::uint64_t free_gpus = 0;  ///< GPUs that could be given to a job
    std::uint64_t finished = 0;   ///< jobs finished so far
};

/// A run of a job that begins.
struct job_start {
    instant at{};
    std::uint16_t source = 0;  ///< entry of the workload
    std::int64_t name = 0;     ///< job_id of the file, or text index
    bool name_is_text = false;
    std::uint32_t attempt = 0;                ///< from 1
    std::span<const fleet::gpu_share> where;  ///< empty on a pool
};

class observer {
public:
    observer() = default;
    observer(const observer&) = delete;
    observer& operator=(const observer&) = delete;
    virtual ~observer() = default;
    virtual void on_start(const job_start&) {}
    virtual void on_sample(const sample&) {}
};

}  // namespace ampacity::sim
