#pragma once
/// \file
/// What slows nodes down. A run goes at the pace of its slowest node; the paces that pacers give a node multiply.
///
/// A pacer only answers; who changes its answers has the runs on those nodes re-paced.

#include <ampacity/fleet/allocation.hpp>

#include <cstdint>

namespace ampacity::sim {

class pacer {
public:
    pacer() = default;
    pacer(const pacer&) = delete;
    pacer& operator=(const pacer&) = delete;
    virtual ~pacer() = default;
    /// Whether all nodes go at full speed now, for all it knows.
    [[nodiscard]] virtual bool slows_none() const noexcept { return false; }
    /// How fast a job of this workload entry and priority runs on these GPUs of a node of the fleet now, of its full
    /// speed. In (0, 1].
    [[nodiscard]] virtual double pace(std::uint16_t source, std::int32_t priority,
                                      const fleet::gpu_share& on) const = 0;
};

}  // namespace ampacity::sim
