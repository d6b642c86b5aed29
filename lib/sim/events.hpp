#pragma once
/// \file
/// What is scheduled in a simulation: the phases of a round, as in the semantics, and the kinds of events.

#include <ampacity/kernel/kernel.hpp>

#include <cstdint>

namespace ampacity::sim {

using kernel::phase;

// The phases of a round, as in the semantics. The scheduling pass stands between control and sampling.
inline constexpr phase completions{0};
inline constexpr phase changes{1};
inline constexpr phase arrivals{2};
inline constexpr phase control{3};
inline constexpr phase samples{6};

enum kind : std::uint8_t {
    job_ends,
    jobs_arrive,
    policy_wakes,
    take_sample,
    decision_comes,
    capacity_comes_or_goes,
    feeds_change,
    feeds_are_controlled,
    nodes_slow_down,
    held_enter,
    parts_fail,
    training_pauses,
    store_has_written,
    serving_steps_end,
    requests_arrive,
    service_leaves,
    job_vacates,
    service_acts,
    job_comes_to_site,
    job_leaves_site,
    sites_are_looked_at
};

/// What is scheduled of something that says itself when it is due.
struct followed {
    instant at = never;
    kernel::event_handle event = kernel::no_event;
};

}  // namespace ampacity::sim
