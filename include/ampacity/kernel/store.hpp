#pragma once
/// \file
/// A store of items that processes put in and get out, bounded or not; first in, first out, for items and for those
/// who wait.
///
///     store<order> orders(environment, 10);
///     co_await orders.put({...});                  // waits while 10 are inside
///     const order next = co_await orders.get();    // waits while none is
///
/// An item that was handed to a process which ends, or is interrupted, before it goes on returns to the front; one that
/// was taken in stays. A process that waits for a store that is gone waits for ever. O(1) per item; allocates only at a
/// new maximum of items inside. Lives no longer than its environment, on the environment's thread.

#include <ampacity/kernel/environment.hpp>
#include <ampacity/kernel/frame_pool.hpp>
#include <ampacity/kernel/wait_list.hpp>

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace ampacity::kernel {

/// Items in a ring that doubles when it is full.
template <class T>
class item_ring {
    /// Plain values need no note of whether they live.
    static constexpr bool plain = std::is_trivially_copyable_v<T> && std::is_copy_assignable_v<T> &&
                                  std::is_default_constructible_v<T> && !std::is_same_v<T, bool>;
    using slot = std::conditional_t<plain, T, std::optional<T>>;

public:
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    void push_back(T&& item) {
        if (size_ == capacity_) grow();
        place(items_[(first_ + size_++) & (capacity_ - 1)], std::move(item));
    }
    void push_front(T&& item) {
        if (size_ == capacity_) grow();
        first_ = (first_ - 1) & (capacity_ - 1);
        ++size_;
        place(items_[first_], std::move(item));
    }
    /// \pre not empty
    T pop_front() {
        slot& at = items_[first_];
        first_ = (first_ + 1) & (capacity_ - 1);
        --size_;
        return take(at);
    }

private:
    static void place(slot& at, T&& item) {
        if constexpr (plain)
            at = item;
        else
            at.emplace(std::move(item));
    }
    static T take(slot& at) {
        if constexpr (plain) {
            return at;
        } else {
            T item = std::move(*at);
            at.reset();
            return item;
        }
    }
    void grow() {
        std::vector<slot> wider(std::max<std::size_t>(8, capacity_ * 2));
        for (std::size_t i = 0; i != size_; ++i) place(wider[i], take(items_[(first_ + i) & (capacity_ - 1)]));
        items_ = std::move(wider);
        capacity_ = items_.size();
        first_ = 0;
    }

    std::vector<slot> items_;
    std::size_t capacity_ = 0;  ///< of items_, a power of two; a vector knows it as a difference of pointers
    std::size_t first_ = 0;
    std::size_t size_ = 0;
};

template <class T>
class store {
    struct state;

public:
    static constexpr std::size_t unbounded = ~std::size_t{0};

    /// With capacity 0 an item goes straight from the one who puts to the one who gets.
    explicit store(environment& env, std::size_t capacity = unbounded)
        : state_(*::new(env.frames().allocate(sizeof(state))) state(env, capacity)) {}
    store(const store&) = delete;
    store& operator=(const store&) = delete;
    ~store() {
        while (!state_.getters.empty()) state_.getters.pop_front();
        while (!state_.putters.empty()) state_.putters.pop_front();
        state_.drop();
    }

    class [[nodiscard]] get_awaiter;
    class [[nodiscard]] put_awaiter;

    /// `co_await` it for the first item.
    get_awaiter get() { return get_awaiter{state_}; }
    /// `co_await` it until the item is inside, or with the one who gets it.
    put_awaiter put(T item) { return {state_, std::move(item)}; }

    /// False if it is full. Also for plain events.
    bool try_put(T item) { return state_.put(item); }
    /// Nothing if it is empty. Also for plain events.
    std::optional<T> try_get() {
        std::optional<T> got;
        state_.get(got);
        return got;
    }

    [[nodiscard]] std::size_t size() const noexcept { return state_.items.size(); }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::size_t capacity() const noexcept { return state_.capacity; }
    [[nodiscard]] std::size_t getters_waiting() const noexcept { return state_.getters.size(); }
    [[nodiscard]] std::size_t putters_waiting() const noexcept { return state_.putters.size(); }

private:
    /// What the store shares with those who wait; it goes with the last of them.
    struct state {
        state(environment& e, std::size_t c) : env(e), capacity(c) {}

        void drop() noexcept {
            if (--users != 0) return;
            this->~state();
            frame_pool::deallocate(this, sizeof(state));
        }
        /// Hands an item to the first one waiting for one.
        bool hand_over(T& item) {
            if (getters.empty()) return false;
            waiter& w = getters.pop_front();
            static_cast<get_awaiter*>(w.wait)->item_.emplace(std::move(item));
            env.wake(w);
            return true;
        }
        /// Takes the item if there is somebody or somewhere to give it to.
        bool put(T& item) {
            if (hand_over(item)) return true;
            if (items.size() >= capacity) return false;
            items.push_back(std::move(item));
            return true;
        }
        void put_back(T& item) {
            if (!env.closing() && !hand_over(item)) items.push_front(std::move(item));
        }
        /// Takes an item into `got`, which is empty and stays so if there is none. (Written in place: an optional that
        /// is stored in parts and copied as a whole would wait for its parts.)
        [[gnu::always_inline]] void get(std::optional<T>& got) {
            if (items.size() != 0) got.emplace(items.pop_front());
            if (!putters.empty()) [[unlikely]]
                admit(got);
        }
        /// Takes in from those who wait to put, the first one's item straight into `got` if that is still empty.
        [[gnu::noinline]] void admit(std::optional<T>& got) {
            while (!putters.empty() && (!got || items.size() < capacity)) {
                waiter& w = putters.pop_front();
                T& item = static_cast<put_awaiter*>(w.wait)->item_;
                if (got) {
                    items.push_back(std::move(item));
                } else {
                    got.emplace(std::move(item));
                }
                env.wake(w);
            }
        }

        environment& env;
        const std::size_t capacity;
        item_ring<T> items;
        wait_list getters;
        wait_list putters;
        std::size_t users = 1;  ///< the store, and those who wait to get
    };

    state& state_;
};

/// What `get` returns; `co_await` it for the item.
template <class T>
class [[nodiscard]] store<T>::get_awaiter {
public:
    explicit get_awaiter(state& s) : state_(s) {}
    get_awaiter(const get_awaiter&) = delete;
    get_awaiter& operator=(const get_awaiter&) = delete;
    [[gnu::always_inline]] ~get_awaiter() {
        if (process_ == nullptr) return;
        if (item_) state_.put_back(*item_);
        state_.drop();
    }

    [[nodiscard]] bool await_ready() {
        state_.get(item_);
        return item_.has_value();
    }
    void await_suspend(std::coroutine_handle<process::promise_type> h) {
        process_ = &h.promise();
        process_->wait = this;
        ++state_.users;
        state_.getters.push_back(*process_);
    }
    T await_resume() {
        if (process_ != nullptr) process_->check();
        T item = std::move(*item_);
        item_.reset();
        return item;
    }

private:
    friend class store<T>;
    state& state_;
    process::promise_type* process_ = nullptr;
    std::optional<T> item_;
};

/// What `put` returns; `co_await` it.
template <class T>
class [[nodiscard]] store<T>::put_awaiter {
public:
    put_awaiter(state& s, T item) : state_(s), item_(std::move(item)) {}
    put_awaiter(const put_awaiter&) = delete;
    put_awaiter& operator=(const put_awaiter&) = delete;

    [[nodiscard]] bool await_ready() { return state_.putters.empty() && state_.put(item_); }
    void await_suspend(std::coroutine_handle<process::promise_type> h) {
        process_ = &h.promise();
        process_->wait = this;
        state_.putters.push_back(*process_);
    }
    void await_resume() const {
        if (process_ != nullptr) process_->check();
    }

private:
    friend class store<T>;
    state& state_;  // not looked at again once it waits
    process::promise_type* process_ = nullptr;
    T item_;
};

}  // namespace ampacity::kernel
