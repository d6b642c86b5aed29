#pragma once
/// \file
/// Nodes that are planned to be out of service for a while, such as for maintenance: known to policies beforehand.
/// Plain values.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/time.hpp>

#include <span>
#include <vector>

namespace ampacity::fleet {

class free_index;

/// Nodes that take no jobs over [start, end).
struct closing {
    instant start{};
    instant end{};
    std::vector<node_id> nodes;  ///< rising
    bool lent = false;           ///< they serve jobs of their own meanwhile, whose books are kept elsewhere

    /// Does it keep a job that runs over [from, to) off its nodes? One of no length is there at `from`.
    [[nodiscard]] bool meets(instant from, instant to) const noexcept {
        return from < end && (start < to || start <= from);
    }
};

/// What is free for jobs that end in time for the closings that begin behind `until`.
struct horizon {
    instant until{};
    const free_index* free = nullptr;
};

/// What a job that is planned to end at `end` could get now: it is not placed where that would run into a closing.
/// `horizons`: by `until`, the last of which is `never`; none: all that is `free`.
[[nodiscard]] inline const free_index& room(std::span<const horizon> horizons, const free_index& free,
                                            instant end) noexcept {
    for (const horizon& h : horizons) {
        if (end <= h.until) return *h.free;
    }
    return free;
}

}  // namespace ampacity::fleet
