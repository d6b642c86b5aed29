#pragma once
/// \file
/// The naive replay of `max-min`: rounds, priorities and places, written from its card.
///
/// The shares are those of `policy::max_min_shares`, which has tests of its own; all else shares no code with the
/// engine.

#include "support/naive_replay.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace naive {

struct max_min_options {
    std::int64_t round_ns = 0;
    bool enforce_estimate = false;
    std::optional<std::int64_t> until_ns{};
    overheads costs{};
};

/// Replays the jobs; outcomes are in the order of `jobs`.
std::vector<outcome> replay(const std::vector<job>& jobs, const fleet& where, const max_min_options& how);

}  // namespace naive
