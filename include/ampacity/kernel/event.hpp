#pragma once
/// \file
/// What the kernel moves around: a small payload, the key that orders it and the handle that names it.
///
/// Events are ordered by (time, phase, sequence) and by nothing else; `before` is the only place that
/// says so. Sequence is the order of scheduling, so equal events are first in, first out. All types
/// are plain values: no thread rule.

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>

#include <cstdint>
#include <type_traits>

namespace ampacity::kernel {

/// The payload of an event. Only the model gives the numbers a meaning.
struct event {
    std::uint8_t subsystem = 0;  ///< which part of the model it is for
    std::uint8_t kind = 0;       ///< what happens there
    std::uint32_t entity = 0;    ///< to which row
    std::uint32_t attempt = 0;   ///< for which attempt of the row, so that a stale event never hits a later one

    friend constexpr bool operator==(const event&, const event&) = default;
};

static_assert(sizeof(event) == 12 && std::is_trivially_copyable_v<event>);

/// Rank of an event among those of one round: lower runs first. The kernel knows only the numbers;
/// the model gives them names, e.g. `constexpr phase arrivals{2};`.
enum class phase : std::uint8_t {};

inline constexpr phase last_phase{7};          ///< the highest phase there is
inline constexpr unsigned sequence_bits = 56;  ///< low bits of `event_key::phase_sequence`
inline constexpr std::uint64_t sequence_mask = (std::uint64_t{1} << sequence_bits) - 1;  ///< those bits

/// What events are ordered by.
struct event_key {
    std::int64_t time_ns;          ///< [ns since the scenario's start]
    std::uint64_t phase_sequence;  ///< phase in the top 8 bits, sequence below

    [[nodiscard]] constexpr instant time() const noexcept { return instant{duration{time_ns}}; }
    [[nodiscard]] constexpr phase rank() const noexcept { return static_cast<phase>(phase_sequence >> sequence_bits); }
    [[nodiscard]] constexpr std::uint64_t sequence() const noexcept { return phase_sequence & sequence_mask; }

    friend constexpr bool operator==(const event_key&, const event_key&) = default;
};

/// The one order of events: (time, phase, sequence). A single 128-bit comparison, so that it
/// compiles to compare and borrow without a branch.
[[nodiscard]] constexpr bool before(const event_key& a, const event_key& b) noexcept {
    const auto wide = [](const event_key& k) {
        return static_cast<int128>((static_cast<uint128>(static_cast<std::uint64_t>(k.time_ns)) << 64U) |
                                   k.phase_sequence);
    };
    return wide(a) < wide(b);
}

/// Packs a phase and a sequence number into the lower half of a key.
[[nodiscard]] constexpr std::uint64_t pack(phase p, std::uint64_t sequence) noexcept {
    return (static_cast<std::uint64_t>(p) << sequence_bits) | sequence;
}

/// Names one pending event. Sequence numbers are never used twice by a queue, so a handle to an event
/// that was popped, cancelled or rescheduled can never hit another one, even when its slot is reused.
struct event_handle {
    std::uint64_t phase_sequence = ~std::uint64_t{0};  ///< of the event it names
    std::uint32_t slot = ~std::uint32_t{0};            ///< row in the queue's slot table

    /// False for a handle that never named an event, or came from a failed reschedule.
    [[nodiscard]] constexpr bool valid() const noexcept { return slot != ~std::uint32_t{0}; }

    friend constexpr bool operator==(const event_handle&, const event_handle&) = default;
};

/// The handle of no event.
inline constexpr event_handle no_event{};

/// An event as it leaves a queue.
struct popped_event {
    event_key key;
    event what;
};

}  // namespace ampacity::kernel
