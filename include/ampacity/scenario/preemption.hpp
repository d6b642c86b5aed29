#pragma once
/// \file
/// What preempting a job, and resizing an elastic one, costs, and when a job that is preempted leaves.
///
/// Part of `scheduler.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

namespace ampacity::scenario {

/// The longest that a checkpoint or a restart may take.
inline constexpr duration max_overhead = std::chrono::hours{24 * 366};

/// When a job leaves its GPUs whose policy wants them for another one.
enum class preemption_time : std::uint8_t { now, checkpoint };

template <>
struct names<preemption_time> {
    static constexpr std::array known{named<preemption_time>{preemption_time::now, "now"},
                                      named<preemption_time>{preemption_time::checkpoint, "checkpoint"}};
};

/// What preempting a job, and resizing an elastic one, costs.
struct preemption {
    std::optional<duration> checkpoint_interval{};
    duration checkpoint{};
    duration restart{};
    duration resize{};
    preemption_time at = preemption_time::now;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&preemption::checkpoint_interval,
              {.key = "checkpoint_interval",
               .doc = "work between two checkpoints, to the last of which a preempted job falls back; none: it keeps "
                      "everything",
               .example = "\"30 min\"",
               .min = duration{1},
               .max = longest_input,
               .none = "none"});
        visit(&preemption::checkpoint, {.key = "checkpoint",
                                        .doc = "how long writing a checkpoint stops the job; without an interval, "
                                               "once for each preemption",
                                        .example = "\"20 s\"",
                                        .min = duration::zero(),
                                        .max = max_overhead});
        visit(&preemption::restart, {.key = "restart",
                                     .doc = "time without work at the beginning of a run after a preemption",
                                     .example = "\"60 s\"",
                                     .min = duration::zero(),
                                     .max = max_overhead});
        visit(&preemption::resize,
              {.key = "resize",
               .doc = "time without work after an elastic job has got another number of GPUs; it keeps its progress",
               .example = "\"30 s\"",
               .min = duration::zero(),
               .max = max_overhead});
        visit(&preemption::at,
              {.key = "at",
               .doc = "when victims of priority and fair-share leave: at once, or at their next complete checkpoint, "
                      "until which they work on",
               .example = "checkpoint"});
    }
    friend bool operator==(const preemption&, const preemption&) = default;
};

}  // namespace ampacity::scenario
