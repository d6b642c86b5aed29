#pragma once
/// \file
/// What happens to feeds at random, drawn ahead: a renewal process of each feed.
///
/// The k-th time between two and the k-th length are the k-th draws of two streams, `failures` and `repairs`, whose
/// entity is made from the name of the process and that of the feed: no other feed or process moves them. Pure
/// functions.

#include <ampacity/core/time.hpp>
#include <ampacity/faults/duration_law.hpp>
#include <ampacity/scenario/feed_failures.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace ampacity::io {

/// When it happens: from `start` to `end`.
struct feed_outage {
    instant start{};
    instant end{};
};

using scenario::law_of;

/// The entity of the streams of a process of a feed.
[[nodiscard]] std::uint64_t feed_entity(std::string_view process, std::string_view feed) noexcept;

/// Those that start before `until`, in their order; more than `most` are cut. \pre the laws are valid
[[nodiscard]] std::vector<feed_outage> draw_outages(duration mtbf, double shape, const scenario::time_law& repair,
                                                    std::uint64_t seed, std::uint64_t entity, instant until,
                                                    std::size_t most);

}  // namespace ampacity::io
