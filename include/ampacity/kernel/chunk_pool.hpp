#pragma once
/// \file
/// First-in first-out lists of queue entries, stored in 512-byte chunks from a shared free list.
///
/// Appending is O(1) and touches one cache line; thousands of lists cost a partly filled chunk each and
/// never a reallocation. A list keeps no count: a chunk is full when its end is chunk-aligned. Memory
/// grows by an eighth at a time and is returned on destruction. Not shared between threads.

#include <ampacity/core/huge_pages.hpp>
#include <ampacity/kernel/event_slots.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace ampacity::kernel {

class chunk_pool {
public:
    static constexpr std::size_t chunk_bytes = 512;
    static constexpr std::size_t per_chunk = (chunk_bytes - sizeof(void*)) / sizeof(queued_event);

    /// A piece of storage; the link comes first so that full entries end at the chunk's end.
    struct alignas(chunk_bytes) chunk {
        chunk* next;  ///< valid except in the last chunk of a list
        queued_event entries[per_chunk];
    };
    static_assert(sizeof(chunk) == chunk_bytes && sizeof(chunk*) + sizeof(chunk::entries) == chunk_bytes);

    /// A list; owned by the pool's user, who gives its chunks back by `drain`.
    struct list {
        queued_event* end = nullptr;  ///< where the next entry goes; chunk-aligned: a new chunk is needed first
        chunk* head = nullptr;

        [[nodiscard]] bool empty() const noexcept { return head == nullptr; }
    };

    chunk_pool() = default;
    chunk_pool(const chunk_pool&) = delete;
    chunk_pool& operator=(const chunk_pool&) = delete;

    /// Must `append` take a new chunk (true also for an empty list)?
    [[nodiscard]] static bool full(const list& l) noexcept {
        return reinterpret_cast<std::uintptr_t>(l.end) % chunk_bytes == 0;
    }

    [[gnu::always_inline]] void append(list& l, const queued_event& e) {
        if (full(l)) [[unlikely]]
            extend(l);
        *l.end++ = e;
    }

    /// Does the list, which is not empty, fit one chunk?
    [[nodiscard]] static bool is_short(const list& l) noexcept { return last_chunk(l) == l.head; }

    /// How many entries a short list holds.
    [[nodiscard]] static std::size_t short_size(const list& l) noexcept {
        return static_cast<std::size_t>(l.end - l.head->entries);
    }

    /// Calls `f(first, end)` for each run of entries, in order.
    template <class F>
    static void for_runs(const list& l, F f) {
        if (l.empty()) return;
        const chunk* const tail = last_chunk(l);
        for (const chunk* c = l.head; c != tail; c = c->next) {
            prefetch(c->next);
            f(c->entries, c->entries + per_chunk);
        }
        f(tail->entries, l.end);
    }

    /// Empties the list: calls `f(entry)` in order and gives each chunk back once it is read.
    template <class F>
    void drain(list& l, F f) {
        const list taken = l;
        l = list{};
        if (taken.empty()) return;
        chunk* const tail = last_chunk(taken);
        for (chunk* c = taken.head; c != tail;) {
            chunk* const next = c->next;
            prefetch(next);
            for (const queued_event& e : c->entries) f(e);
            release(c);
            c = next;
        }
        for (const queued_event* e = tail->entries; e != taken.end; ++e) f(*e);
        release(tail);
    }

    /// As `drain`, for the first chunk of a list that is not empty.
    template <class F>
    void drain_front(list& l, F f) {
        chunk* const first = l.head;
        if (first == last_chunk(l)) {
            drain(l, f);
            return;
        }
        l.head = first->next;
        prefetch(l.head);
        for (const queued_event& e : first->entries) f(e);
        release(first);
    }

    /// Drops the entries for which `dead` holds, keeping the order of the others; returns how many.
    template <class Predicate>
    std::size_t erase_if(list& l, Predicate dead) {
        list kept;
        std::size_t erased = 0;
        drain(l, [&](const queued_event& e) {
            if (dead(e)) {
                ++erased;
            } else {
                append(kept, e);
            }
        });
        l = kept;
        return erased;
    }

    /// Makes room for this many chunks in all.
    void reserve(std::size_t chunks) {
        if (chunks > total_) grow(chunks - total_);
    }

    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return total_ * sizeof(chunk) + slabs_.capacity() * sizeof(slabs_[0]);
    }

private:
    static void prefetch(const chunk* c) noexcept {
        const char* const bytes = reinterpret_cast<const char*>(c);
        for (std::size_t i = 0; i < chunk_bytes; i += 64) __builtin_prefetch(bytes + i);
    }

    [[nodiscard]] static chunk* last_chunk(const list& l) noexcept {
        return reinterpret_cast<chunk*>((reinterpret_cast<std::uintptr_t>(l.end) - 1) / chunk_bytes * chunk_bytes);
    }

    void release(chunk* c) noexcept {
        c->next = free_;
        free_ = c;
    }

    [[gnu::noinline]] void extend(list& l) {
        if (free_ == nullptr) [[unlikely]]
            grow(std::max<std::size_t>(64, total_ / 8));
        chunk* const c = free_;
        free_ = c->next;
        if (l.head == nullptr) {
            l.head = c;
        } else {
            last_chunk(l)->next = c;
        }
        l.end = c->entries;
    }

    void grow(std::size_t chunks) {
        slabs_.emplace_back(new chunk[chunks]);
        prefer_huge_pages(slabs_.back().get(), chunks * sizeof(chunk));
        chunk* const slab = slabs_.back().get();
        for (std::size_t i = chunks; i-- > 0;) release(slab + i);
        total_ += chunks;
    }

    std::vector<std::unique_ptr<chunk[]>> slabs_;
    chunk* free_ = nullptr;
    std::size_t total_ = 0;  ///< chunks in all slabs
};

}  // namespace ampacity::kernel
