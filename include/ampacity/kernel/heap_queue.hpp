#pragma once
/// \file
/// The plain event queue: one implicit d-ary heap with lazy cancellation.
///
/// Push, pop, reschedule O(log n), cancel O(1); corpses are swept out when they outnumber the living,
/// which costs O(1) per cancellation on average and bounds the memory. Short enough to be believed, it
/// is the reference that `bucket_queue` is tested against. Not shared between threads.

#include <ampacity/core/error.hpp>
#include <ampacity/kernel/dary_heap.hpp>
#include <ampacity/kernel/entry_buffer.hpp>
#include <ampacity/kernel/event_queue.hpp>
#include <ampacity/kernel/event_slots.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace ampacity::kernel {

template <std::size_t Arity = 4>
class heap_queue {
public:
    heap_queue() = default;
    heap_queue(const heap_queue&) = delete;
    heap_queue& operator=(const heap_queue&) = delete;

    [[gnu::always_inline]] event_handle push(instant t, phase p, event what) {
        const packed_event packed = packed_event::of(what);
        return push_packed(ticks(t), p, packed.low, packed.high);
    }

    bool cancel(const event_handle& h) {
        if (!slots_.alive(h)) return false;
        slots_.release(h.slot);
        bury();
        return true;
    }

    event_handle reschedule(const event_handle& h, instant t) {
        AMPACITY_ASSERT(ticks(t) >= floor_);
        if (!slots_.alive(h)) return no_event;
        const queued_event e = slots_.renumber(h, ticks(t));
        heap_.push(e);
        bury();
        return {e.key.phase_sequence, static_cast<std::uint32_t>(e.slot)};
    }

    [[nodiscard]] bool is_pending(const event_handle& h) const noexcept { return slots_.alive(h); }
    [[nodiscard]] bool empty() const noexcept { return slots_.living() == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return slots_.living(); }

    [[nodiscard]] bool due(instant t) {
        while (!heap_.empty() && heap_.top().key.time_ns <= ticks(t)) {
            if (slots_.alive(heap_.top())) return true;
            heap_.pop();
            --corpses_;
        }
        return false;
    }

    [[nodiscard]] instant top_time() {
        const bool any = due(never);
        AMPACITY_ASSERT(any);
        return heap_.top().key.time();
    }

    bool take_due(instant t, queued_event& out) {
        if (!due(t)) return false;
        out = heap_.top();
        heap_.pop();
        floor_ = out.key.time_ns;
        return true;
    }

    popped_event pop() {
        queued_event e;
        const bool any = take_due(never, e);
        AMPACITY_ASSERT(any);
        return {e.key, slots_.release(e.slot)};
    }

    void take_round(instant t, entry_buffer& out) {
        for (queued_event e; take_due(t, e);) out.push_back(e);
    }

    bool claim(const queued_event& e, popped_event& out) {
        if (!slots_.alive(e)) {
            --corpses_;
            return false;
        }
        out = {e.key, slots_.release(e.slot)};
        return true;
    }

    /// Makes room for this many pending events, so that reaching it allocates nothing.
    void reserve(std::size_t events) {
        slots_.reserve(events);
        heap_.reserve(events);
    }

    void clear() noexcept {
        heap_.clear();
        slots_.clear();
        corpses_ = 0;
        spared_ = 0;
        floor_ = std::numeric_limits<std::int64_t>::min();
    }

    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return sizeof(*this) + heap_.memory_bytes() + slots_.memory_bytes();
    }

private:
    event_handle push_packed(std::int64_t t, phase p, std::uint64_t low, std::uint32_t high) {
        AMPACITY_ASSERT(t >= floor_);
        const queued_event e = slots_.acquire(t, p, {low, high});
        heap_.push(e);
        return {e.key.phase_sequence, static_cast<std::uint32_t>(e.slot)};
    }

    void bury() {
        if (++corpses_ <= slots_.living() + spared_ + 64) return;
        corpses_ -= heap_.erase_if([this](const queued_event& e) { return !slots_.alive(e); });
        spared_ = 2 * corpses_;
    }

    dary_heap<Arity> heap_;
    event_slots slots_;
    std::size_t corpses_ = 0;  ///< dead entries in the heap and in rounds that were taken
    std::size_t spared_ = 0;   ///< twice the corpses that the last sweep could not reach, being in a round
    std::int64_t floor_ = std::numeric_limits<std::int64_t>::min();  ///< time of the last pop [ns]
};

static_assert(event_queue<heap_queue<4>>);

}  // namespace ampacity::kernel
