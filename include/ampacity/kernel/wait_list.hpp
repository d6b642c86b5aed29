#pragma once
/// \file
/// Lists of waiting processes: first in, first out within one priority, threaded through the waiting themselves.
///
/// A waiter is in one list at most, knows which, and leaves it in O(1) from any place. Joining behind waiters of the
/// same or a more urgent priority is O(1), else O(those overtaken). Nothing is allocated. Not shared between threads.

#include <cstddef>
#include <cstdint>

namespace ampacity::kernel {

class wait_list;

/// The base of what can wait.
struct waiter {
    waiter() = default;
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    wait_list* list = nullptr;  ///< null: waits in no list
    waiter* previous;           ///< meaningful in a list only, as `next`
    waiter* next;
    void* wait;                 ///< what it waits with: the awaiter, of the type that the list's owner knows
    std::int32_t priority = 0;  ///< lower is served first
};

class wait_list {
public:
    wait_list() = default;
    wait_list(const wait_list&) = delete;
    wait_list& operator=(const wait_list&) = delete;
    ~wait_list() {
        while (first_ != nullptr) pop_front();
    }

    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// \pre not empty
    [[nodiscard]] waiter& front() noexcept { return *first_; }

    void push_back(waiter& w) noexcept { insert_after(last_, w); }

    /// Behind the last one that is not less urgent.
    void push(waiter& w, std::int32_t priority) noexcept {
        w.priority = priority;
        waiter* before = last_;
        while (before != nullptr && before->priority > priority) before = before->previous;
        insert_after(before, w);
    }

    /// \pre not empty
    waiter& pop_front() noexcept {
        waiter& w = *first_;
        remove(w);
        return w;
    }

    /// \pre w.list == this
    void remove(waiter& w) noexcept {
        (w.previous != nullptr ? w.previous->next : first_) = w.next;
        (w.next != nullptr ? w.next->previous : last_) = w.previous;
        w.list = nullptr;
        --size_;
    }

private:
    void insert_after(waiter* before, waiter& w) noexcept {
        waiter*& forward = before != nullptr ? before->next : first_;
        w.previous = before;
        w.next = forward;
        w.list = this;
        (w.next != nullptr ? w.next->previous : last_) = &w;
        forward = &w;
        ++size_;
    }

    waiter* first_ = nullptr;
    waiter* last_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace ampacity::kernel
