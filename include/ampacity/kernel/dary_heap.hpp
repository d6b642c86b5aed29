#pragma once
/// \file
/// An implicit d-ary heap of queue entries, earliest first: the whole of `heap_queue` and the small
/// side heap of `bucket_queue`.
///
/// Push O(log_d n), pop O(d log_d n) comparisons: the hole left by the top walks down to a leaf along
/// the earliest children and the last entry walks up from there, since the last entry nearly
/// always belongs near the bottom. Allocates only at a new maximum size. Not shared between threads.

#include <ampacity/kernel/entry_buffer.hpp>

#include <algorithm>
#include <cstddef>

namespace ampacity::kernel {

template <std::size_t Arity = 4>
class dary_heap {
    static_assert(Arity >= 2);

public:
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] const queued_event& top() const noexcept { return entries_[0]; }
    [[nodiscard]] const entry_buffer& entries() const noexcept { return entries_; }
    [[nodiscard]] std::size_t memory_bytes() const noexcept { return entries_.memory_bytes(); }

    void reserve(std::size_t n) { entries_.reserve(n); }
    void clear() noexcept { entries_.clear(); }

    void push(const queued_event& e) {
        entries_.push_back(e);
        sift_up(entries_.size() - 1, e);
    }

    void pop() noexcept {
        const queued_event moved = entries_[entries_.size() - 1];
        entries_.pop_back();
        const std::size_t n = entries_.size();
        if (n == 0) return;
        queued_event* const h = entries_.begin();
        std::size_t hole = 0;
        std::size_t child = 1;
        while (child + Arity <= n) {
            std::size_t first = child;
            for (std::size_t i = 1; i < Arity; ++i) first = before(h[child + i].key, h[first].key) ? child + i : first;
            h[hole] = h[first];
            hole = first;
            child = hole * Arity + 1;
        }
        if (child < n) {
            std::size_t first = child;
            for (std::size_t i = child + 1; i < n; ++i) first = before(h[i].key, h[first].key) ? i : first;
            h[hole] = h[first];
            hole = first;
        }
        sift_up(hole, moved);
    }

    /// Drops every entry for which `dead` holds and restores the order. O(n).
    template <class Predicate>
    std::size_t erase_if(Predicate dead) {
        const std::size_t erased = entries_.erase_if(dead);
        if (erased != 0 && entries_.size() > 1) {
            for (std::size_t i = (entries_.size() - 2) / Arity + 1; i-- > 0;) sift_down(i);
        }
        return erased;
    }

private:
    [[gnu::always_inline]] void sift_up(std::size_t hole, const queued_event& e) noexcept {
        queued_event* const h = entries_.begin();
        while (hole != 0) {
            const std::size_t parent = (hole - 1) / Arity;
            if (!before(e.key, h[parent].key)) break;
            h[hole] = h[parent];
            hole = parent;
        }
        write_entry(h + hole, e);
    }

    void sift_down(std::size_t hole) noexcept {
        queued_event* const h = entries_.begin();
        const queued_event moved = h[hole];
        for (std::size_t child = hole * Arity + 1; child < entries_.size(); child = hole * Arity + 1) {
            const std::size_t end = std::min(child + Arity, entries_.size());
            std::size_t first = child;
            for (std::size_t i = child + 1; i < end; ++i) first = before(h[i].key, h[first].key) ? i : first;
            if (!before(h[first].key, moved.key)) break;
            h[hole] = h[first];
            hole = first;
        }
        h[hole] = moved;
    }

    entry_buffer entries_;
};

}  // namespace ampacity::kernel
