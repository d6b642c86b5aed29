#pragma once
/// \file
/// The requests that decode, by the number of the step that gives their last token: a binary heap that knows where each
/// entry lies, so that one can be taken out of the middle. Ties in order of admission. O(log n) per change; allocates
/// only to hold more entries than ever before. One thread.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ampacity::serving {

class finish_queue {
public:
    struct entry {
        std::int64_t step;        ///< that gives the last token
        std::uint64_t admission;  ///< order of admission
        std::uint32_t slot;       ///< whose it is
    };

    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
    /// The earliest. \pre not empty.
    [[nodiscard]] const entry& front() const noexcept { return heap_.front(); }

    /// Room for so many entries, of slots below `slots`: until it is exceeded, nothing is allocated.
    void reserve(std::size_t entries, std::size_t slots) {
        heap_.reserve(entries);
        if (place_.size() < slots) place_.resize(slots);
    }

    void push(const entry& e) {
        if (place_.size() <= e.slot) place_.resize(std::size_t{e.slot} + 1);
        heap_.push_back(e);
        rise(heap_.size() - 1, e);
    }
    void pop() { erase(heap_.front().slot); }

    /// \pre the slot has an entry.
    void erase(std::uint32_t slot) {
        const std::size_t at = place_[slot];
        const entry last = heap_.back();
        heap_.pop_back();
        if (last.slot == slot) return;
        if (at != 0 && before(last, heap_[(at - 1) / 2]))
            rise(at, last);
        else
            sink(at, last);
    }

private:
    static bool before(const entry& a, const entry& b) noexcept {
        return a.step != b.step ? a.step < b.step : a.admission < b.admission;
    }
    void put(std::size_t at, const entry& e) noexcept {
        heap_[at] = e;
        place_[e.slot] = static_cast<std::uint32_t>(at);
    }
    void rise(std::size_t at, const entry e) noexcept {
        for (; at != 0 && before(e, heap_[(at - 1) / 2]); at = (at - 1) / 2) put(at, heap_[(at - 1) / 2]);
        put(at, e);
    }
    void sink(std::size_t at, const entry e) noexcept {
        for (;;) {
            std::size_t child = 2 * at + 1;
            if (child >= heap_.size()) break;
            if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) ++child;
            if (!before(heap_[child], e)) break;
            put(at, heap_[child]);
            at = child;
        }
        put(at, e);
    }

    std::vector<entry> heap_;
    std::vector<std::uint32_t> place_;  ///< of each slot that has an entry
};

}  // namespace ampacity::serving
