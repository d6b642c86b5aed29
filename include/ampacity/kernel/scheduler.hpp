#pragma once
/// \file
/// The clock and the pending events: what does not depend on the model that runs.
///
/// Parts of a model that schedule and cancel (processes, say) hold a `scheduler&` and need not know the model's type;
/// only `kernel`, which derives from it, can run. Every function is O(1) with the default queue and allocates only at
/// new maxima. One scheduler belongs to one thread.

#include <ampacity/core/error.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/kernel/bucket_queue.hpp>
#include <ampacity/kernel/event.hpp>
#include <ampacity/kernel/event_queue.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace ampacity::kernel {

/// The queue of choice; see docs of `bucket_queue` and `bench/hold.cpp` for the measurement behind it.
using default_queue = bucket_queue;

template <event_queue Queue = default_queue>
class scheduler {
public:
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;

    /// The instant of the round that runs, or ran last, or that `kernel::advance_to` moved to.
    [[nodiscard]] instant now() const noexcept { return now_; }
    /// Events that are scheduled and neither dispatched nor cancelled.
    [[nodiscard]] std::size_t pending() const noexcept { return queue_.size(); }
    [[nodiscard]] bool empty() const noexcept { return queue_.empty(); }

    /// The instant of the next round, `never` without one. Events of a running round do not count.
    [[nodiscard]] instant next_time() { return queue_.due(never) ? queue_.top_time() : never; }

    /// Schedules an event. For the current instant: it opens a further round.
    /// \throws internal_error if `t` is in the past.
    [[gnu::always_inline]] event_handle schedule(instant t, phase p, event what) {
        if (t < now_) [[unlikely]]
            past(t);
        return queue_.push(t, p, what);
    }
    [[gnu::always_inline]] event_handle schedule_in(duration d, phase p, event what) {
        return schedule(now_ + d, p, what);
    }

    /// Withdraws an event; false if it was dispatched or withdrawn already.
    bool cancel(const event_handle& h) { return queue_.cancel(h); }

    /// Moves an event to `t`, behind those scheduled for then already: it takes a new number, hence the
    /// new handle. `no_event` if it was dispatched or withdrawn. \throws internal_error if `t` is past.
    event_handle reschedule(const event_handle& h, instant t) {
        if (t < now_) [[unlikely]]
            past(t);
        return queue_.reschedule(h, t);
    }

    [[nodiscard]] bool is_pending(const event_handle& h) const noexcept { return queue_.is_pending(h); }

protected:
    explicit scheduler(instant start) : now_(start) {}
    ~scheduler() = default;

    [[noreturn]] void past(instant t) const {
        throw internal_error("event scheduled for " + std::to_string(ticks(t)) + " ns, before the clock's " +
                             std::to_string(ticks(now_)) + " ns");
    }

    Queue queue_;
    instant now_;
};

}  // namespace ampacity::kernel
