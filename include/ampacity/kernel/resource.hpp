#pragma once
/// \file
/// A resource of some units, which processes acquire and give back.
///
///     resource gpus(environment, 8);
///     const lease mine = co_await gpus.acquire(2);  // waits; gives back when `mine` goes out of scope
///
/// Strictly in order: the first one waiting gets its units as soon as that many are free, and nobody behind it before,
/// also if fewer would do. A more urgent request (lower `priority`) waits ahead of less urgent ones, in order of
/// request among its equals; it takes nothing from those who hold. Leases may outlive the resource, and a process that
/// waits for one that is gone waits for ever. Acquiring and giving back are O(1) for equal priorities and allocate
/// nothing. Lives no longer than its environment, on the environment's thread.

#include <ampacity/core/error.hpp>
#include <ampacity/kernel/environment.hpp>
#include <ampacity/kernel/frame_pool.hpp>
#include <ampacity/kernel/wait_list.hpp>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace ampacity::kernel {

class acquire_awaiter;

/// What a resource and its leases share; it goes with the last of them.
class resource_state {
public:
    static resource_state* make(environment& env, std::uint64_t capacity) {
        return ::new (env.frames().allocate(sizeof(resource_state))) resource_state(env, capacity);
    }

    void hold() noexcept { ++users_; }
    void drop() noexcept {
        if (--users_ != 0) return;
        this->~resource_state();
        frame_pool::deallocate(this, sizeof(resource_state));
    }
    void give_back(std::uint64_t n) {
        free += n;
        serve();
    }
    /// Gives to the first ones waiting what they wait for.
    void serve();

    environment& env;
    const std::uint64_t capacity;
    std::uint64_t free;
    wait_list waiting;

private:
    resource_state(environment& e, std::uint64_t c) : env(e), capacity(c), free(c) {}

    std::uint64_t users_ = 1;  ///< the resource, those who wait for it, and leases
};

/// Units of a resource that are held; gives them back at its end. Empty after a move.
class [[nodiscard]] lease {
public:
    lease() = default;
    lease(lease&& other) noexcept : state_(std::exchange(other.state_, nullptr)), units_(other.units_) {}
    lease& operator=(lease&& other) noexcept {
        std::swap(state_, other.state_);
        std::swap(units_, other.units_);
        return *this;
    }
    ~lease() { release(); }

    explicit operator bool() const noexcept { return state_ != nullptr; }
    [[nodiscard]] std::uint64_t units() const noexcept { return state_ != nullptr ? units_ : 0; }

    /// Gives back now.
    void release() {
        if (resource_state* const s = std::exchange(state_, nullptr)) {
            s->give_back(units_);
            s->drop();
        }
    }

private:
    friend class acquire_awaiter;
    friend class resource;
    friend class resource_state;
    /// Takes over a use of `s` and units that were taken from it.
    lease(resource_state* s, std::uint64_t units) : state_(s), units_(units) {}

    resource_state* state_ = nullptr;
    std::uint64_t units_ = 0;
};

/// What `acquire` returns; `co_await` it.
class [[nodiscard]] acquire_awaiter {
public:
    acquire_awaiter(resource_state& s, std::uint64_t units, std::int32_t priority)
        : state_(s), units_(units), priority_(priority) {}
    acquire_awaiter(const acquire_awaiter&) = delete;
    acquire_awaiter& operator=(const acquire_awaiter&) = delete;
    ~acquire_awaiter() {
        if (!waits_) return;
        state_.serve();  // it may have been in the way of others
        state_.drop();
    }

    [[nodiscard]] bool await_ready() {
        if (state_.free < units_) return false;
        if (!state_.waiting.empty() && state_.waiting.front().priority <= priority_) return false;
        state_.free -= units_;
        state_.hold();
        granted_ = lease{&state_, units_};
        return true;
    }
    void await_suspend(std::coroutine_handle<process::promise_type> h) {
        process_ = &h.promise();
        process_->wait = this;
        state_.hold();
        waits_ = true;
        state_.waiting.push(*process_, priority_);
    }
    lease await_resume() {
        if (process_ != nullptr) process_->check();
        return std::move(granted_);
    }

private:
    friend class resource_state;

    resource_state& state_;
    std::uint64_t units_;
    std::int32_t priority_;
    bool waits_ = false;
    process::promise_type* process_ = nullptr;
    lease granted_;
};

inline void resource_state::serve() {
    while (!waiting.empty() && !env.closing()) {
        auto& first = *static_cast<acquire_awaiter*>(waiting.front().wait);
        if (first.units_ > free) return;
        free -= first.units_;
        first.waits_ = false;
        first.granted_ = lease{this, first.units_};
        env.wake(waiting.pop_front());
    }
}

class resource {
public:
    resource(environment& env, std::uint64_t capacity) : state_(*resource_state::make(env, capacity)) {}
    resource(const resource&) = delete;
    resource& operator=(const resource&) = delete;
    ~resource() {
        while (!state_.waiting.empty()) state_.waiting.pop_front();
        state_.drop();
    }

    [[nodiscard]] std::uint64_t capacity() const noexcept { return state_.capacity; }
    [[nodiscard]] std::uint64_t available() const noexcept { return state_.free; }
    [[nodiscard]] std::uint64_t in_use() const noexcept { return state_.capacity - state_.free; }
    [[nodiscard]] std::size_t waiting() const noexcept { return state_.waiting.size(); }

    /// `co_await` it for a `lease` of so many units, 1 to the capacity.
    acquire_awaiter acquire(std::uint64_t units = 1, std::int32_t priority = 0) {
        AMPACITY_ASSERT(units >= 1 && units <= state_.capacity);
        return {state_, units, priority};
    }
    /// Units if they are free and nobody waits, else an empty lease. Also for plain events.
    lease try_acquire(std::uint64_t units = 1) {
        AMPACITY_ASSERT(units >= 1);
        if (state_.free < units || !state_.waiting.empty()) return {};
        state_.free -= units;
        state_.hold();
        return {&state_, units};
    }

private:
    resource_state& state_;
};

}  // namespace ampacity::kernel
