#pragma once
/// \file
/// Rows that wait for earlier ones: takes rows of a trace in file order, gives them by (time, row).
///
/// Rows that do not step back below the latest so far stay in a ring, which is sorted by construction;
/// the others go to a heap. The earlier of the two fronts is next: O(1) for rows in order, O(log n) else.

#include <ampacity/core/time.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace ampacity::io {

/// `Row` has a number `row` and the time `Time`.
template <class Row, instant Row::* Time>
class reorder_window {
public:
    void push(const Row& job) {
        if (num_ != 0 && before(job, ring_[slot(num_ - 1)])) {
            late_.push_back(job);
            std::push_heap(late_.begin(), late_.end(), after);
            return;
        }
        if (num_ == ring_.size()) grow();
        ring_[slot(num_)] = job;
        ++num_;
    }

    [[nodiscard]] bool empty() const noexcept { return num_ == 0 && late_.empty(); }

    /// The next row. \pre not empty.
    [[nodiscard]] const Row& front() const noexcept { return late_is_next() ? late_.front() : ring_[head_]; }

    void pop() {
        if (late_is_next()) {
            std::pop_heap(late_.begin(), late_.end(), after);
            late_.pop_back();
        } else {
            head_ = slot(1);
            --num_;
        }
    }

private:
    static bool before(const Row& a, const Row& b) noexcept {
        return a.*Time != b.*Time ? a.*Time < b.*Time : a.row < b.row;
    }
    static bool after(const Row& a, const Row& b) noexcept { return before(b, a); }

    [[nodiscard]] std::size_t slot(std::size_t i) const noexcept { return (head_ + i) & (ring_.size() - 1); }
    [[nodiscard]] bool late_is_next() const noexcept {
        return !late_.empty() && (num_ == 0 || before(late_.front(), ring_[head_]));
    }

    void grow() {
        std::vector<Row> larger(2 * ring_.size());
        for (std::size_t i = 0; i < num_; ++i) larger[i] = ring_[slot(i)];
        ring_ = std::move(larger);
        head_ = 0;
    }

    std::vector<Row> ring_ = std::vector<Row>(64);  ///< size is a power of two
    std::size_t head_ = 0;
    std::size_t num_ = 0;
    std::vector<Row> late_;  ///< heap, earliest first
};

}  // namespace ampacity::io
