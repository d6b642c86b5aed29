#pragma once
/// \file
/// A naive re-implementation of the policy `elastic` and of jobs that are resized.
///
/// Written from docs/policies/elastic.md and the semantics alone: every pass lists all steps of all jobs and sorts them
/// anew, and a job's time is stepped through from its last resize. Pure functions, any thread.

#include "support/naive_replay.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace naive {

/// A job with a range of GPUs around those of `what`, which it prefers.
struct elastic_job {
    job what{};
    std::uint64_t min = 0;
    std::uint64_t max = 0;  ///< equal to min: rigid
    double serial = 0;
    std::uint64_t step = 1;  ///< only multiples of it
};

struct elastic_options {
    std::string steps = "any";  ///< any | powers-of-two | whole-nodes
    bool arithmetic = false;
    std::int64_t interval_ns = 0;
    bool skip = false;
    overheads costs{};
    std::int64_t resize_ns = 0;
    bool enforce_estimate = false;
    std::optional<std::int64_t> until_ns{};
};

/// A stretch of a run without resizes.
struct elastic_stretch {
    std::int64_t start_ns = 0;
    std::uint64_t gpus = 0;
    placement nodes{};
};

struct elastic_outcome {
    outcome what{};  ///< without attempts
    std::vector<elastic_stretch> stretches{};
};

/// floor(time x speed), exactly.
std::int64_t work_done(std::int64_t time, double speed);
/// ceil(work / speed), exactly.
std::int64_t time_needed(std::int64_t work, double speed);

/// One line that differs where two outcomes differ.
std::string describe(const elastic_outcome& o);

/// Replays the jobs; outcomes are in their order.
std::vector<elastic_outcome> replay_elastic(const std::vector<elastic_job>& jobs, const fleet& where,
                                            const elastic_options& how);

}  // namespace naive
