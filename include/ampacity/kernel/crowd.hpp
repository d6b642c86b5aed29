#pragma once
/// \file
/// The crowd of `bucket_queue`: more events of one instant than are worth sorting, in one list per phase.
///
/// They come in order of sequence, so each list is in order as it is, and nothing is compared. They leave
/// through `near`, a chunk at a time; later events of the instant join unless they belong before
/// those that have left. O(1) per event. Not shared between threads.

#include <ampacity/kernel/chunk_pool.hpp>
#include <ampacity/kernel/entry_buffer.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace ampacity::kernel {

class crowd {
public:
    /// Chunks come from `pool`, which must outlive the crowd.
    explicit crowd(chunk_pool& pool) : pool_(pool) {}
    crowd(const crowd&) = delete;
    crowd& operator=(const crowd&) = delete;

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    /// Gathers a list of one instant, in order of sequence within each phase. Only while empty.
    void start(chunk_pool::list l) {
        phase_ = 0;
        pool_.drain(l, [this](const queued_event& e) {
            time_ns_ = e.key.time_ns;
            put(e);
        });
    }

    /// Takes a new event, if it is of the same instant and belongs behind all that have left.
    [[nodiscard]] bool join(const queued_event& e) {
        if (e.key.time_ns != time_ns_ || static_cast<std::size_t>(e.key.rank()) < phase_) return false;
        put(e);
        return true;
    }

    /// Moves the first events, at most a chunk of them, to the end of `near`. Only while not empty.
    template <class Prefetch>
    void leave(entry_buffer& near, Prefetch prefetch) {
        while (lists_[phase_].empty()) ++phase_;
        pool_.drain_front(lists_[phase_], [&](const queued_event& e) {
            prefetch(e);
            near.push_back(e);
            --size_;
        });
    }

    template <class Predicate>
    std::size_t erase_if(Predicate dead) {
        std::size_t erased = 0;
        for (chunk_pool::list& l : lists_) erased += pool_.erase_if(l, dead);
        size_ -= erased;
        return erased;
    }

private:
    void put(const queued_event& e) {
        pool_.append(lists_[static_cast<std::size_t>(e.key.rank())], e);
        ++size_;
    }

    chunk_pool& pool_;
    std::array<chunk_pool::list, static_cast<std::size_t>(last_phase) + 1> lists_{};
    std::size_t size_ = 0;
    std::size_t phase_ = 0;     ///< nothing of a later phase has left
    std::int64_t time_ns_ = 0;  ///< of all of them [ns]
};

}  // namespace ampacity::kernel
