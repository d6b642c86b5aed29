#pragma once
/// \file
/// The far part of `bucket_queue`: entries by the bits of their time, in 8 levels of 256 lists.
///
/// An entry whose time first differs from the base in byte L lies in level L, in the list of that byte's
/// value; so all of level L comes before all of level L + 1, and a list before the next one. Times are
/// *ordinals*: unsigned numbers in the order of the signed nanoseconds.
///
/// Equal times share one list, and a list is spread in its own order and only before later entries can land
/// below it: within one (time, phase) every list is in order of sequence. `put` is O(1) and touches one
/// cache line besides the list's head; an entry is spread at most 7 times, in practice once or twice.
/// Not shared between threads.

#include <ampacity/kernel/chunk_pool.hpp>
#include <ampacity/kernel/entry_buffer.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace ampacity::kernel {

/// Times as unsigned numbers in the same order.
[[nodiscard]] constexpr std::uint64_t ordinal(std::int64_t time_ns) noexcept {
    return static_cast<std::uint64_t>(time_ns) ^ (std::uint64_t{1} << 63U);
}
/// The same, of an event.
[[nodiscard]] constexpr std::uint64_t ordinal(const queued_event& e) noexcept { return ordinal(e.key.time_ns); }

class radix_lists {
public:
    static constexpr unsigned levels = 8;
    static constexpr unsigned lists_per_level = 256;

    /// Chunks come from `pool`, which must outlive the lists.
    explicit radix_lists(chunk_pool& pool) : pool_(pool) {}
    radix_lists(const radix_lists&) = delete;
    radix_lists& operator=(const radix_lists&) = delete;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /// What levels are counted from: no entry is before it.
    [[nodiscard]] std::uint64_t base() const noexcept { return base_; }

    /// Moves the base up. No entry may be before `base`, nor share with it the first byte that differs from
    /// the old base; `spread` is for that.
    void raise_base(std::uint64_t base) noexcept { base_ = base; }

    [[gnu::always_inline]] void put(const queued_event& e) {
        const std::uint64_t u = ordinal(e);
        const unsigned level = (63U - static_cast<unsigned>(std::countl_zero((u ^ base_) | 1U))) / 8U;
        const unsigned slot = static_cast<unsigned>(u >> (level * 8U)) & 255U;
        chunk_pool::list& l = lists_[level * lists_per_level + slot];
        if (l.empty()) {
            occupied_[level][slot / 64U] |= std::uint64_t{1} << (slot % 64U);
            levels_in_use_ |= 1U << level;
        }
        pool_.append(l, e);
        ++size_;
    }

    /// Where a list is, and the times that belong to it.
    struct position {
        unsigned level;
        unsigned slot;
        std::uint64_t lowest;
        std::uint64_t highest;
    };

    /// The earliest list that holds anything. There must be one.
    [[nodiscard]] position first() const noexcept {
        const auto level = static_cast<unsigned>(std::countr_zero(levels_in_use_));
        unsigned word = 0;
        while (occupied_[level][word] == 0) ++word;
        const unsigned slot = word * 64U + static_cast<unsigned>(std::countr_zero(occupied_[level][word]));
        const unsigned shift = level * 8U;
        const std::uint64_t above = (~std::uint64_t{0} << shift) << 8U;
        const std::uint64_t lowest = (base_ & above) | (std::uint64_t{slot} << shift);
        return {level, slot, lowest, lowest + ((std::uint64_t{1} << shift) - 1)};
    }

    /// What a list holds.
    struct extent {
        std::uint64_t first;  ///< earliest time
        std::uint64_t last;   ///< latest time
        std::size_t count;
    };

    /// O(entries in the list).
    [[nodiscard]] extent measure(const position& p) const {
        extent x{~std::uint64_t{0}, 0, 0};
        chunk_pool::for_runs(list(p), [&x](const queued_event* e, const queued_event* end) {
            x.count += static_cast<std::size_t>(end - e);
            for (; e != end; ++e) {
                x.first = std::min(x.first, ordinal(*e));
                x.last = std::max(x.last, ordinal(*e));
            }
        });
        return x;
    }

    [[nodiscard]] const chunk_pool::list& list(const position& p) const noexcept {
        return lists_[p.level * lists_per_level + p.slot];
    }

    /// Hands the list with its `count` entries to the caller, who has to drain it.
    [[nodiscard]] chunk_pool::list take(const position& p, std::size_t count) noexcept {
        chunk_pool::list& l = lists_[p.level * lists_per_level + p.slot];
        const chunk_pool::list taken = l;
        l = chunk_pool::list{};
        vacate(p.level, p.slot);
        size_ -= count;
        return taken;
    }

    /// Spreads the earliest list over the levels below, counted from its own first time.
    void spread(const position& p, const extent& x) {
        chunk_pool::list l = take(p, x.count);
        base_ = x.first;
        pool_.drain(l, [this](const queued_event& e) { put(e); });
    }

    /// Moves the base down to `target`: what shares the old base's byte M, the highest byte in which the two
    /// differ, belongs in the one list of level M that stands for that byte. O(entries below level M).
    void lower_base(std::uint64_t target) {
        const unsigned m = (63U - static_cast<unsigned>(std::countl_zero(base_ ^ target))) / 8U;
        base_ = target;
        for_occupied(m, [this](unsigned level, unsigned slot) {
            chunk_pool::list& l = lists_[level * lists_per_level + slot];
            vacate(level, slot);
            pool_.drain(l, [this](const queued_event& e) {
                --size_;
                put(e);
            });
        });
    }

    /// Empties all lists into `f(entry)`, in the order of lists.
    template <class F>
    void drain(F f) {
        for_occupied(levels, [&](unsigned level, unsigned slot) {
            vacate(level, slot);
            pool_.drain(lists_[level * lists_per_level + slot], f);
        });
        size_ = 0;
    }

    /// Drops the entries for which `dead` holds; returns how many.
    template <class Predicate>
    std::size_t erase_if(Predicate dead) {
        std::size_t erased = 0;
        for_occupied(levels, [&](unsigned level, unsigned slot) {
            chunk_pool::list& l = lists_[level * lists_per_level + slot];
            erased += pool_.erase_if(l, dead);
            if (l.empty()) vacate(level, slot);
        });
        size_ -= erased;
        return erased;
    }

private:
    /// Calls `f(level, slot)` for each list below `end_level` that holds anything, in order; `f` may vacate it.
    template <class F>
    void for_occupied(unsigned end_level, F f) {
        for (unsigned level = 0; level < end_level; ++level) {
            for (unsigned word = 0; word < lists_per_level / 64U; ++word) {
                for (std::uint64_t bits = occupied_[level][word]; bits != 0; bits &= bits - 1) {
                    f(level, word * 64U + static_cast<unsigned>(std::countr_zero(bits)));
                }
            }
        }
    }

    void vacate(unsigned level, unsigned slot) noexcept {
        auto& words = occupied_[level];
        words[slot / 64U] &= ~(std::uint64_t{1} << (slot % 64U));
        if ((words[0] | words[1] | words[2] | words[3]) == 0) levels_in_use_ &= ~(1U << level);
    }

    chunk_pool& pool_;
    std::uint64_t base_ = 0;
    std::size_t size_ = 0;                                                             ///< entries in all lists
    unsigned levels_in_use_ = 0;                                                       ///< one bit per level
    std::array<std::array<std::uint64_t, lists_per_level / 64U>, levels> occupied_{};  ///< one bit per list
    std::array<chunk_pool::list, std::size_t{levels} * lists_per_level> lists_{};
};

}  // namespace ampacity::kernel
