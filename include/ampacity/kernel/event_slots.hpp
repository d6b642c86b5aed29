#pragma once
/// \file
/// The slot table behind every queue: one row per pending event, holding its payload and the key's
/// lower half that says whether an entry somewhere in the queue is still the live one.
///
/// Queues move 24-byte entries and leave the payload where it is. Cancelling frees the row and leaves
/// the entry behind as a corpse: it no longer matches its row. All operations are O(1) and allocate
/// only when the number of pending events reaches a new maximum. Not shared between threads.

#include <ampacity/core/error.hpp>
#include <ampacity/core/huge_pages.hpp>
#include <ampacity/kernel/entry_buffer.hpp>
#include <ampacity/kernel/event.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace ampacity::kernel {

/// An event in two words. A payload that is stored in narrow fields and then loaded in wide ones
/// waits for the store to retire, which costs more than the queue itself when few events are pending;
/// shifted together in registers it does not.
struct packed_event {
    std::uint64_t low;
    std::uint32_t high;

    [[gnu::always_inline]] static constexpr packed_event of(const event& e) noexcept {
        return {std::uint64_t{e.subsystem} | (std::uint64_t{e.kind} << 8U) | (std::uint64_t{e.entity} << 32U),
                e.attempt};
    }
    [[nodiscard, gnu::always_inline]] constexpr event unpack() const noexcept {
        return {static_cast<std::uint8_t>(low), static_cast<std::uint8_t>(low >> 8U),
                static_cast<std::uint32_t>(low >> 32U), high};
    }
};

/// Rows of pending events.
class event_slots {
public:
    /// Takes a row for a new event and gives it the next sequence number.
    [[nodiscard, gnu::always_inline]] queued_event acquire(std::int64_t time_ns, phase p, packed_event what) {
        AMPACITY_ASSERT(p <= last_phase);
        const std::uint64_t ps = pack(p, next_sequence_++);
        std::uint32_t slot = first_free_;
        if (slot == no_slot) [[unlikely]] {
            slot = static_cast<std::uint32_t>(rows_.size());
            AMPACITY_ASSERT(slot != no_slot);
            if (rows_.size() == rows_.capacity()) reserve(rows_.size() + rows_.size() / 4 + 64);
            rows_.push_back({ps, what.low, what.high});
        } else {
            row& r = rows_[slot];
            first_free_ = static_cast<std::uint32_t>(r.phase_sequence);
            r.phase_sequence = ps;
            r.low = what.low;
            r.high = what.high;
        }
        ++living_;
        return {{time_ns, ps}, slot};
    }

    /// Gives the event of a live row a new sequence number; its old entry becomes a corpse.
    [[nodiscard, gnu::always_inline]] queued_event renumber(const event_handle& h, std::int64_t time_ns) noexcept {
        const std::uint64_t ps = (h.phase_sequence & ~sequence_mask) | next_sequence_++;
        rows_[h.slot].phase_sequence = ps;
        return {{time_ns, ps}, h.slot};
    }

    /// Frees a live row and returns what it held.
    [[gnu::always_inline]] event release(std::uint64_t slot) noexcept {
        row& r = rows_[slot];
        r.phase_sequence = free_mark | first_free_;
        first_free_ = static_cast<std::uint32_t>(slot);
        --living_;
        return packed_event{r.low, r.high}.unpack();
    }

    /// Is this entry still the one its row stands for?
    [[nodiscard]] bool alive(const queued_event& e) const noexcept {
        return rows_[e.slot].phase_sequence == e.key.phase_sequence;
    }
    [[nodiscard]] bool alive(const event_handle& h) const noexcept {
        return h.slot < rows_.size() && rows_[h.slot].phase_sequence == h.phase_sequence;
    }

    void prefetch(std::uint64_t slot) const noexcept { __builtin_prefetch(rows_.data() + slot, 1); }

    [[nodiscard]] std::size_t living() const noexcept { return living_; }

    /// Frees all rows; sequence numbers go on, so that old handles stay dead.
    void clear() noexcept {
        rows_.clear();
        first_free_ = no_slot;
        living_ = 0;
    }

    void reserve(std::size_t events) {
        if (events <= rows_.capacity()) return;
        std::vector<row> wider;
        wider.reserve(events);
        prefer_huge_pages(wider.data(), events * sizeof(row));
        wider.insert(wider.end(), rows_.begin(), rows_.end());
        rows_ = std::move(wider);
    }

    [[nodiscard]] std::size_t memory_bytes() const noexcept { return rows_.capacity() * sizeof(row); }

private:
    static constexpr std::uint32_t no_slot = ~std::uint32_t{0};
    static constexpr std::uint64_t free_mark = ~sequence_mask;  ///< phase 255: no live event has it

    struct row {
        std::uint64_t phase_sequence;  ///< of the live event, or `free_mark` and the next free row
        std::uint64_t low;             ///< the payload, packed
        std::uint32_t high;
    };

    std::vector<row> rows_;
    std::uint64_t next_sequence_ = 0;
    std::size_t living_ = 0;
    std::uint32_t first_free_ = no_slot;
};

}  // namespace ampacity::kernel
