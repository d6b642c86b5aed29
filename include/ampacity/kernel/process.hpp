#pragma once
/// \file
/// Processes: coroutines that live in simulated time, beside or instead of plain events.
///
///     process machine(environment&, resource& repairers) {
///         for (;;) {
///             co_await delay(8h);
///             const lease repairer = co_await repairers.acquire();
///             co_await delay(30min);
///         }
///     }
///
/// A process is a coroutine that takes its `environment` among its parameters, or something that has one: see
/// `finds_environment`. It does nothing before `spawn`. A delay is one event of the kernel. Whoever is woken by another
/// process (a free resource, an item, an end) goes on within the same event, first woken first, once the waking one
/// waits; whoever is woken from outside of any process goes on in a further round of the same instant. So the order is
/// fixed, and no process is resumed from within another.
///
/// An exception that leaves a process is thrown at those who await its end, and if there are none by the run itself;
/// as with the kernel, what threw can only be destroyed then. The environment destroys what is still alive, latest
/// first; so do `cancel` and, for a child that is awaited in place (`co_await child(env)`), the end of its parent.
///
/// Spawning, waking and ending are O(1), and frames come from a pool: nothing is allocated in steady state. A frame
/// costs its variables plus about 150 bytes. One environment belongs to one thread, and its scheduler outlives it.

#include <ampacity/core/error.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/kernel/environment.hpp>
#include <ampacity/kernel/event.hpp>

#include <coroutine>
#include <exception>
#include <utility>

namespace ampacity::kernel {

// --- waiting for time -------------------------------------------------------------------------------

/// What `delay` returns; `co_await` it.
class [[nodiscard]] delay_awaiter {
public:
    explicit delay_awaiter(duration d) : delay_(d) {}

    [[nodiscard]] static bool await_ready() noexcept { return false; }
    [[gnu::always_inline]] void await_suspend(std::coroutine_handle<process::promise_type> h) {
        process_ = &h.promise();
        process_->sleep(delay_, process_->usual_phase());
    }
    void await_resume() const { process_->check(); }

private:
    process::promise_type* process_ = nullptr;
    duration delay_;
};

/// A delay whose end has a phase of its own.
class [[nodiscard]] phased_delay_awaiter {
public:
    phased_delay_awaiter(duration d, phase p) : delay_(d), phase_(p) {}

    [[nodiscard]] static bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<process::promise_type> h) {
        process_ = &h.promise();
        process_->sleep(delay_, phase_);
    }
    void await_resume() const { process_->check(); }

private:
    process::promise_type* process_ = nullptr;
    duration delay_;
    phase phase_;
};

/// `co_await delay(d)`: goes on after `d`, which is 0 (a further round) or more. Beyond the end of time: never.
inline delay_awaiter delay(duration d) { return delay_awaiter{d}; }
/// In another phase than the environment's.
inline phased_delay_awaiter delay(duration d, phase p) { return {d, p}; }

// --- waiting for an end -----------------------------------------------------------------------------

/// Waits for the end of a process; yields nothing, throws what left it.
class join_awaiter : private join_wait {
public:
    explicit join_awaiter(process_ref whom) : whom_(whom) {}

    [[nodiscard]] bool await_ready() const noexcept { return !whom_.alive(); }
    void await_suspend(std::coroutine_handle<process::promise_type> h) {
        AMPACITY_ASSERT(whom_.frame() != h);
        process_ = &h.promise();
        process_->wait = static_cast<join_wait*>(this);
        whom_.frame().promise().join(*process_);
    }
    void await_resume() {
        if (process_ != nullptr) process_->check();
        if (failure) std::rethrow_exception(std::move(failure));
    }

protected:
    join_awaiter() = default;
    process_ref whom_;

private:
    process::promise_type* process_ = nullptr;
};

/// Waits for a child that lives no longer than the wait.
class call_awaiter : public join_awaiter {
public:
    explicit call_awaiter(process&& child) : child_(std::move(child)) {}
    call_awaiter(const call_awaiter&) = delete;
    call_awaiter& operator=(const call_awaiter&) = delete;
    ~call_awaiter() { whom_.cancel(); }

    [[nodiscard]] static bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<process::promise_type> h) {
        whom_ = h.promise().env().spawn(std::move(child_));
        join_awaiter::await_suspend(h);
    }

private:
    process child_;
};

/// Waits for the end of a process that was spawned. \throws what left it
[[nodiscard]] inline join_awaiter operator co_await(const process_ref& p) { return join_awaiter{p}; }
/// Runs a process in place and waits for its end. \throws what left it
[[nodiscard]] inline call_awaiter operator co_await(process&& p) { return call_awaiter{std::move(p)}; }

}  // namespace ampacity::kernel
