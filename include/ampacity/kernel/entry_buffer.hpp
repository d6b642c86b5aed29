#pragma once
/// \file
/// A growing array of queue entries: what `std::vector` is, minus the parts that cost.
///
/// Appending is inlined and writes field by field from registers: an entry that went through memory in
/// 8-byte stores and is then copied by 16-byte loads waits for those stores to retire. Growing is by a
/// quarter, since doubling would waste more memory than a queue may use, and `resize` leaves new entries
/// unset. Append amortised O(1). Not shared between threads.

#include <ampacity/kernel/event.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace ampacity::kernel {

/// What a queue sorts: the key, and the row of the payload.
struct queued_event {
    event_key key;
    std::uint64_t slot;  ///< 32 bits of use; as wide as the others, so that what is stored whole is loaded whole
};

static_assert(sizeof(queued_event) == 24 && std::is_trivially_default_constructible_v<queued_event> &&
              std::is_trivially_copyable_v<queued_event>);

/// Writes an entry field by field.
[[gnu::always_inline]] inline void write_entry(queued_event* to, const queued_event& e) noexcept {
    to->key.time_ns = e.key.time_ns;
    to->key.phase_sequence = e.key.phase_sequence;
    to->slot = e.slot;
}

class entry_buffer {
public:
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::size_t memory_bytes() const noexcept { return capacity_ * sizeof(queued_event); }

    [[nodiscard]] queued_event* begin() noexcept { return data_.get(); }
    [[nodiscard]] queued_event* end() noexcept { return data_.get() + size_; }
    [[nodiscard]] const queued_event* begin() const noexcept { return data_.get(); }
    [[nodiscard]] const queued_event* end() const noexcept { return data_.get() + size_; }
    [[nodiscard]] queued_event& operator[](std::size_t i) noexcept { return data_[i]; }
    [[nodiscard]] const queued_event& operator[](std::size_t i) const noexcept { return data_[i]; }

    [[gnu::always_inline]] void push_back(const queued_event& e) {
        if (size_ == capacity_) [[unlikely]]
            reserve(capacity_ + capacity_ / 4 + 64);
        write_entry(data_.get() + size_++, e);
    }
    void pop_back() noexcept { --size_; }
    void clear() noexcept { size_ = 0; }

    /// Makes this the size; entries beyond the old one hold anything.
    void resize(std::size_t n) {
        if (n > capacity_) [[unlikely]]
            reserve(n + n / 4);
        size_ = n;
    }

    [[gnu::noinline]] void reserve(std::size_t n) {
        if (n <= capacity_) return;
        std::unique_ptr<queued_event[]> wider(new queued_event[n]);
        std::copy(begin(), end(), wider.get());
        data_ = std::move(wider);
        capacity_ = n;
    }

    /// Drops the first `n` entries. O(size).
    [[gnu::noinline]] void erase_front(std::size_t n) noexcept {
        std::copy(begin() + n, end(), begin());
        size_ -= n;
    }

    /// Drops the entries for which `dead` holds, keeping the order of the others; returns how many.
    template <class Predicate>
    std::size_t erase_if(Predicate dead) {
        queued_event* const kept = std::remove_if(begin(), end(), dead);
        const auto erased = static_cast<std::size_t>(end() - kept);
        size_ -= erased;
        return erased;
    }

private:
    std::unique_ptr<queued_event[]> data_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace ampacity::kernel
