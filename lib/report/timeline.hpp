#pragma once
/// \file
/// Which job held which GPUs when: rectangles of time and of GPUs, and the occupancy of the fleet's parts.
///
/// The GPUs are numbered through the fleet, node by node. Where placement.csv is there, the rectangles are true to
/// nodes; which GPUs of a node a job has is chosen here, as a simulation only counts them. Without it jobs take the
/// lowest free numbers, so that areas are GPU-time and rows mean nothing. Pure functions of the files; O(rectangles
/// log jobs), and for the occupancy O(cells that a rectangle meets).

#include <ampacity/report/run_report.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ampacity::report {

/// GPUs [first, first + gpus) for a stretch of time.
struct held {
    std::size_t job = 0;  ///< row in `job_columns`
    instant start{};
    instant end{};
    std::uint64_t first = 0;
    std::uint64_t gpus = 0;
};

/// Neighbouring GPUs with a name: a rack, a node or a part of a pool.
struct band {
    std::string name;
    std::uint64_t first = 0;
    std::uint64_t gpus = 0;
};

struct timeline {
    std::vector<held> rectangles;  ///< by start
    std::vector<band> bands;       ///< at most `most_bands`, in order, without gaps
    std::string unit;              ///< what a band is: "rack", "racks", "node", "nodes" or "GPUs"
    std::uint64_t gpus = 0;
    duration length{};
    std::string source;  ///< sentences: where it comes from, and what it cannot show
    /// Share of GPU-time that jobs held, 0 to 250; (bands, columns).
    std::vector<std::uint8_t> occupancy;
    std::size_t columns = 0;
};

inline constexpr std::size_t most_bands = 256;

/// Nothing but a reason in `source` where it cannot be drawn.
[[nodiscard]] timeline timeline_of(const run_files& run);

}  // namespace ampacity::report
