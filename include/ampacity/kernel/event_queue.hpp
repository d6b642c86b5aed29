#pragma once
/// \file
/// What the run loop asks of an event queue, so that implementations can be swapped.
///
/// A queue is monotone: nothing is pushed before the time of the event popped last (an internal
/// error). At that very time any phase may be pushed, also one lower than what was popped last; the
/// queue then yields it next. Rounds are the kernel's business, see kernel.hpp. `due`, `top_time` and
/// `pop` may rearrange the inside, hence are not const. One queue belongs to one thread.

#include <ampacity/kernel/entry_buffer.hpp>
#include <ampacity/kernel/event.hpp>

#include <concepts>
#include <cstddef>

namespace ampacity::kernel {

/// A queue of events in the order of `before`, with handles.
///  - `push(t, phase, event)`: schedules, with the next sequence number; the handle names the event until it leaves.
///  - `cancel(h)`: false if the event has left the queue already.
///  - `reschedule(h, t)`: same phase and payload, NEW sequence number, hence a new handle; `no_event` if it has left.
///  - `due(t)`: is an event at or before `t` pending (and not in a round that was taken)?
///  - `top_time()`, `pop()`: the earliest; the queue must not be empty.
///  - `take_due(t, out)`: takes out the earliest if it is due at `t`. It stays pending (its handle works) until
///    `claim(e, out)`, called exactly once, which is false if it was cancelled or rescheduled meanwhile.
///  - `take_round(t, out)`: appends all events that are due at `t`, in order, each to be claimed.
///  - `clear()`: forgets all events, keeps the memory; old handles stay dead. Not while something is taken.
template <class Q>
concept event_queue =
    std::default_initializable<Q> && requires(Q q, const Q& c, instant t, phase p, event e, event_handle h,
                                              popped_event& popped, entry_buffer& round, queued_event& one) {
        { q.push(t, p, e) } -> std::same_as<event_handle>;
        { q.cancel(h) } -> std::same_as<bool>;
        { q.reschedule(h, t) } -> std::same_as<event_handle>;
        { c.is_pending(h) } -> std::same_as<bool>;
        { c.empty() } -> std::same_as<bool>;
        { c.size() } -> std::same_as<std::size_t>;
        { q.due(t) } -> std::same_as<bool>;
        { q.top_time() } -> std::same_as<instant>;
        { q.pop() } -> std::same_as<popped_event>;
        { q.take_due(t, one) } -> std::same_as<bool>;
        { q.take_round(t, round) } -> std::same_as<void>;
        { q.claim(one, popped) } -> std::same_as<bool>;
        { q.reserve(std::size_t{}) } -> std::same_as<void>;
        { q.clear() } -> std::same_as<void>;
        { c.memory_bytes() } -> std::same_as<std::size_t>;
    };

}  // namespace ampacity::kernel
