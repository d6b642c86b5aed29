#pragma once
/// \file
/// The turns of conversations from distributions: each turn's prompt holds all that was said before.
///
/// Turn j of conversation k takes its lengths from the stream (seed, sizes, entity + k), the prompt from numbers 4 j
/// and 4 j + 1, the answer from the next two; whether it goes on, and after how long, from (seed, sessions, entity +
/// k), numbers 2 j and 2 j + 1. So nothing depends on the rate or on another conversation. The prompt of turn j + 1 is
/// the prompt of turn j, its answer and what is added; the first two are its prefix. Pure functions of plain values.

#include <ampacity/core/time.hpp>
#include <ampacity/workload/request.hpp>
#include <ampacity/workload/synthetic_requests.hpp>

#include <cstdint>
#include <optional>

namespace ampacity::workload {

/// What conversations look like.
struct session_options {
    double turns = 4;                                ///< mean, geometric from 1; >= 1
    double think_s = 30;                             ///< mean pause between two turns, exponential; > 0 [s]
    std::uint64_t context = max_tokens_per_request;  ///< prompt and answer never exceed it; >= 2
};

/// Which turn of which conversation.
struct turn_name {
    std::uint64_t conversation = 0;  ///< from 0
    std::uint32_t number = 0;        ///< from 0
    std::uint64_t before = 0;        ///< tokens that were said before
};

/// A turn and what follows it.
struct turn {
    request asked;                         ///< without row and arrival
    std::optional<turn_name> following{};  ///< none: it is the last one
    duration pause{};                      ///< until that
};

/// A turn that comes at an instant; of one instant that of the conversation that began first.
struct turn_due {
    instant at;
    turn_name turn;
    friend bool operator>(const turn_due& a, const turn_due& b) {
        return a.at != b.at ? a.at > b.at : a.turn.conversation > b.turn.conversation;
    }
};

/// \pre the options are in their ranges
[[nodiscard]] turn turn_of(const turn_name& name, const synthetic_request_options& options,
                           const session_options& sessions);

}  // namespace ampacity::workload
