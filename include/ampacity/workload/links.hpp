#pragma once
/// \file
/// What ties a job to other jobs of its source: those that must have ended before it enters the queue, and the array
/// that it is a task of.
///
/// A request points to its links; they belong to the source and stay where they are as long as the source lives. A
/// request without links costs nothing. Plain values.

#include <ampacity/core/time.hpp>

#include <cstdint>
#include <span>

namespace ampacity::workload {

/// How a job must have ended for another to follow it.
enum class dependency_kind : std::uint8_t {
    after_ok,   ///< finished; if it is killed or rejected, the job that waits for it is rejected
    after_any,  ///< finished, killed or rejected
};

/// A job of the same source that must have ended.
struct dependency {
    std::uint64_t row = 0;  ///< as `job_request::row`; not that of the job itself
    dependency_kind kind = dependency_kind::after_ok;

    friend constexpr bool operator==(const dependency&, const dependency&) = default;
};

/// Ties of one job.
struct job_links {
    std::span<const dependency> after{};
    duration think{};               ///< from the last end of those to its arrival in the queue
    std::uint32_t array = 0;        ///< number of its array within the source, 0 = none
    std::uint32_t array_limit = 0;  ///< tasks of that array in the system at a time, the same for all; 0: no limit
};

}  // namespace ampacity::workload
