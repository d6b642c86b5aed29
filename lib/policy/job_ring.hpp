#pragma once
/// \file
/// A first-in first-out queue of jobs in one ring that is kept: nothing allocates once it has been as long before.
/// Not thread-safe.

#include <ampacity/core/ids.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace ampacity::policy {

class job_ring {
public:
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /// \pre not empty
    [[nodiscard]] job_id front() const noexcept { return ring_[head_]; }

    void push_back(job_id job) {
        if (size_ == ring_.size()) {
            std::rotate(ring_.begin(), ring_.begin() + static_cast<std::ptrdiff_t>(head_), ring_.end());
            head_ = 0;
            ring_.resize(size_ + size_ / 2 + 64);
        }
        const std::size_t at = head_ + size_++;
        ring_[at < ring_.size() ? at : at - ring_.size()] = job;
    }

    /// Puts a job behind all those that come before it: `is_before(a, b)`. O(jobs behind it).
    template <class F>
    void insert(job_id job, F is_before) {
        push_back(job);
        for (std::size_t i = size_ - 1; i != 0 && is_before(job, at(i - 1)); --i) std::swap(at(i), at(i - 1));
    }

    /// \pre not empty
    void pop_front() noexcept {
        if (++head_ == ring_.size()) head_ = 0;
        --size_;
    }

private:
    [[nodiscard]] job_id& at(std::size_t i) noexcept {
        return ring_[head_ + i < ring_.size() ? head_ + i : head_ + i - ring_.size()];
    }

    std::vector<job_id> ring_;
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

}  // namespace ampacity::policy
