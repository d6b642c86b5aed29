#pragma once
/// \file
/// The naive replay of the policies that rank jobs by service, history or fairness: srsf, gittins, qssf and ftf.
///
/// Written from their rules alone, as naive_replay.hpp is for the other policies: every round looks at all jobs, every
/// pass ranks them anew by exact fractions, and nothing is kept between passes but what has happened. Pure functions,
/// any thread.

#include "support/naive_replay.hpp"

#include <ampacity/core/wide.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace naive {

/// What the scenario says about scheduling.
struct ranked_options {
    std::string policy;                                                        ///< srsf | gittins | qssf | ftf
    bool by_estimate = false;                                                  ///< srsf
    ampacity::int128 quantum_gpu_ns = ampacity::int128{3600} * 1'000'000'000;  ///< gittins
    std::int64_t stages = 64;                                                  ///< gittins
    std::vector<ampacity::int128> service_gpu_ns{};                            ///< gittins; empty: learned
    std::int64_t weight_millionths = 200'000;                                  ///< qssf
    std::int64_t prior_ns = std::int64_t{3600} * 1'000'000'000;                ///< qssf
    bool skip = false;                                                         ///< qssf
    std::int64_t lease_ns = std::int64_t{1200} * 1'000'000'000;                ///< ftf
    std::int64_t fairness_millionths = 800'000;                                ///< ftf
    bool enforce_estimate = false;
    std::optional<std::int64_t> until_ns{};
    overheads costs{};
};

/// Replays the jobs; outcomes are in the order of `jobs`.
/// Throws std::invalid_argument for an unknown policy.
std::vector<outcome> replay(const std::vector<job>& jobs, const fleet& where, const ranked_options& how);

/// An exact fraction.
struct fraction {
    ampacity::int128 over = 0;
    ampacity::int128 under = 1;
};

/// The Gittins index of a job in this stage, by trying every m of the definition.
fraction gittins_index(const std::vector<ampacity::int128>& services, ampacity::int128 quantum, std::int64_t stages,
                       std::int64_t stage);

}  // namespace naive
