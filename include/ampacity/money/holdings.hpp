#pragma once
/// \file
/// What stands in a fleet, for how long: steps as stretches.
///
/// GPUs of a group that leave are those that have stood longest. Pure functions, O(steps + stretches).

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/sim/snapshot.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace ampacity::money {

/// GPUs of a group that came and left together.
struct holding {
    std::uint32_t group = 0;
    std::uint64_t gpus = 0;
    instant from{}, to{};  ///< `to`: never, if they have not left
};

/// By group, in the order in which they came. \pre steps rise in time, and no group has fewer than no GPUs
[[nodiscard]] std::vector<holding> holdings_of(std::span<const sim::standing_step> steps);

/// How long they stood between two instants.
[[nodiscard]] duration time_of(const holding& h, instant from, instant to) noexcept;

/// GPU-time of those of one site, or of all.
[[nodiscard]] gpu_time gpu_time_of(std::span<const holding> all, std::span<const sim::fleet_group> groups, instant from,
                                   instant to, std::uint32_t site);
[[nodiscard]] gpu_time gpu_time_of(std::span<const holding> all, instant from, instant to) noexcept;

}  // namespace ampacity::money
