#pragma once
/// \file
/// What processes live in and what their frames hold; process.hpp says how they behave and is the header to include.
///
/// `environment` is the part of a model that runs processes on a scheduler; `process` is the type that a coroutine
/// returns, `process_ref` names one that was spawned. Whoever builds awaitables uses `promise_type`: put the process
/// into a `wait_list`, later `environment::wake` it, and `check` when it goes on.

#include <ampacity/core/error.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/kernel/event.hpp>
#include <ampacity/kernel/frame_pool.hpp>
#include <ampacity/kernel/scheduler.hpp>
#include <ampacity/kernel/wait_list.hpp>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

namespace ampacity::kernel {

class environment;
class process_ref;

/// What `interrupt` throws at the point where a process waits.
struct interrupted : std::exception {
    explicit interrupted(std::uint64_t r) : reason(r) {}
    [[nodiscard]] const char* what() const noexcept override { return "a process was interrupted"; }
    std::uint64_t reason;
};

/// What a wait for an end finds.
struct join_wait {
    std::exception_ptr failure;  ///< what left the process, if anything
};

/// A process that has not been spawned yet; destroyed unspawned, it never runs.
class [[nodiscard]] process {
public:
    class promise_type;

    process(process&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    process& operator=(process&&) = delete;
    ~process() {
        if (frame_) frame_.destroy();
    }

private:
    friend class environment;
    explicit process(std::coroutine_handle<promise_type> frame) : frame_(frame) {}

    std::coroutine_handle<promise_type> frame_;
};

/// Names a process that was spawned, also after its end. `co_await` it to wait for the end.
class process_ref {
public:
    process_ref() = default;

    /// Counts from 1 in the order of spawning; 0: none.
    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    [[nodiscard]] bool alive() const noexcept { return header_ != nullptr && header_->id == id_; }

    /// Throws `interrupted` at it where it waits, now; what it waited for stays with the others. False if it has ended
    /// or is the one that runs.
    bool interrupt(std::uint64_t reason = 0) const;
    /// Ends it where it waits: its variables are destroyed, so it gives back what it holds. False if it has ended.
    /// \throws internal_error if it is the one that runs
    bool cancel() const;

    friend bool operator==(const process_ref&, const process_ref&) = default;

private:
    friend class environment;
    friend class join_awaiter;
    explicit process_ref(frame_pool::header& h) : header_(&h), id_(h.id) {}
    [[nodiscard]] std::coroutine_handle<process::promise_type> frame() const noexcept {
        return std::coroutine_handle<process::promise_type>::from_address(header_->block());
    }

    frame_pool::header* header_ = nullptr;
    std::uint64_t id_ = 0;
};

/// What processes live in: a part of a model. Its events carry `subsystem`; the model hands them to `dispatch`.
class environment {
public:
    /// `p`: the phase of its events, unless a delay names another.
    explicit environment(scheduler<>& s, std::uint8_t subsystem = 255, phase p = phase{0})
        : scheduler_(s), subsystem_(subsystem), phase_(p) {}
    environment(const environment&) = delete;
    environment& operator=(const environment&) = delete;
    ~environment();

    [[nodiscard]] instant now() const noexcept { return scheduler_.now(); }
    [[nodiscard]] std::uint8_t subsystem() const noexcept { return subsystem_; }
    /// Processes that were spawned and have not ended.
    [[nodiscard]] std::size_t alive() const noexcept { return alive_; }
    /// The process that runs; none outside of any.
    [[nodiscard]] process_ref current() const noexcept;
    [[nodiscard]] frame_pool& frames() noexcept { return frames_; }
    [[nodiscard]] std::size_t memory_bytes() const noexcept { return frames_.memory_bytes(); }
    /// Being destroyed: nobody is woken any more.
    [[nodiscard]] bool closing() const noexcept { return closing_; }

    /// Starts a process: once the one that spawns it waits, or in a further round if none runs.
    process_ref spawn(process p);

    /// Runs what an event of this environment's subsystem stands for.
    void dispatch(const event& e);

    /// Lets a process go on that is in no list: for whoever builds awaitables.
    void wake(waiter& w) {
        if (closing_) return;
        ready_.push_back(w);
        if (current_ == nullptr && !scheduler_.is_pending(flush_)) {
            flush_ = scheduler_.schedule(now(), phase_, {.subsystem = subsystem_, .kind = flush});
        }
    }

private:
    friend class process::promise_type;
    friend class process_ref;
    enum kind : std::uint8_t { resume, flush };

    void go_on(process::promise_type& p);
    void run_ready();

    scheduler<>& scheduler_;
    std::uint8_t subsystem_;
    phase phase_;
    bool closing_ = false;
    process::promise_type* current_ = nullptr;  ///< runs now, or ran last within this `dispatch`
    wait_list ready_;
    event_handle flush_ = no_event;  ///< the event that runs `ready_`, if that was filled from outside
    process::promise_type* latest_ = nullptr;
    std::size_t alive_ = 0;
    std::uint64_t last_id_ = 0;
    frame_pool frames_;
};

/// A parameter from which a process knows its environment: one itself, or one that yields it by `processes()`.
template <class T>
concept finds_environment = std::derived_from<std::remove_cvref_t<T>, environment> || requires(T& t) {
    { t.processes() } -> std::convertible_to<environment&>;
};

/// The environment of the first parameter that has one; a member function's first parameter is its object.
template <class... T>
[[nodiscard]] environment& environment_among(T&... parameters) {
    static_assert((finds_environment<T> || ...), "a process takes its environment among its parameters");
    environment* found = nullptr;
    const auto look = [&found](auto& parameter) {
        using type = std::remove_reference_t<decltype(parameter)>;
        if (found != nullptr) return;
        if constexpr (std::derived_from<std::remove_cv_t<type>, environment>) {
            found = &parameter;
        } else if constexpr (finds_environment<type>) {
            found = &static_cast<environment&>(parameter.processes());
        }
    };
    (look(parameters), ...);
    return *found;
}

/// The part of a frame that is ours.
class process::promise_type : public waiter {
public:
    template <class... T>
    explicit promise_type(T&... parameters) : env_(environment_among(parameters...)), scheduler_(env_.scheduler_) {}
    ~promise_type() { end(); }

    template <class... T>
    static void* operator new(std::size_t bytes, T&... parameters) {
        return environment_among(parameters...).frames().allocate(bytes);
    }
    static void operator delete(void* frame, std::size_t bytes) noexcept { frame_pool::deallocate(frame, bytes); }

    process get_return_object() noexcept { return process{frame()}; }
    void return_void() noexcept {}
    void unhandled_exception();
    // The frame destroys itself at its end, ...
    [[nodiscard]] static std::suspend_never final_suspend() noexcept { return {}; }
    /// ... and is interrupted at its beginning as at any other wait.
    struct first_wait {
        promise_type& p;
        [[nodiscard]] static bool await_ready() noexcept { return false; }
        static void await_suspend(std::coroutine_handle<>) noexcept {}
        void await_resume() const { p.check(); }
    };
    [[nodiscard]] first_wait initial_suspend() noexcept { return {*this}; }

    // --- for awaiters -----------------------------------------------------------------------------

    [[nodiscard]] environment& env() noexcept { return env_; }
    [[nodiscard]] phase usual_phase() const noexcept { return env_.phase_; }

    /// Goes on after `d`; never, if that is beyond the end of time.
    [[gnu::always_inline]] void sleep(duration d, phase p) {
        const instant t = add_saturating(scheduler_.now(), d);  // the scheduler refuses a negative `d`
        if (t == never) [[unlikely]]
            return;
        const auto frame = reinterpret_cast<std::uintptr_t>(this->frame().address());
        const event_handle h = scheduler_.schedule(t, p,
                                                   {.subsystem = env_.subsystem_,
                                                    .kind = environment::resume,
                                                    .entity = static_cast<std::uint32_t>(frame),
                                                    .attempt = static_cast<std::uint32_t>(frame >> 32U)});
        // One by one: as a whole it would go through the stack.
        timer_.phase_sequence = h.phase_sequence;
        timer_.slot = h.slot;
    }
    /// To be called when a wait is over. \throws interrupted
    void check() {
        if (interrupted_) [[unlikely]] {
            interrupted_ = false;
            throw interrupted(reason_);
        }
    }
    void join(waiter& w) noexcept { joiners_.push_back(w); }

private:
    friend class environment;
    friend class process_ref;

    [[nodiscard]] std::coroutine_handle<promise_type> frame() noexcept {
        return std::coroutine_handle<promise_type>::from_promise(*this);
    }
    [[nodiscard]] frame_pool::header& header() noexcept { return frame_pool::header_of(frame().address()); }

    /// Forgets what it waits for.
    void detach() {
        if (list != nullptr) {
            list->remove(*this);
        } else {
            env_.scheduler_.cancel(timer_);
        }
    }

    /// Leaves the living and wakes who waits for that. Does nothing a second time.
    void end() {
        if (header().id == 0) return;
        header().id = 0;
        (later_ != nullptr ? later_->earlier_ : env_.latest_) = earlier_;
        if (earlier_ != nullptr) earlier_->later_ = later_;
        --env_.alive_;
        while (!joiners_.empty()) env_.wake(joiners_.pop_front());
    }

    /// Ends it while it waits.
    void destroy() {
        detach();
        end();
        frame().destroy();
    }

    environment& env_;
    scheduler<>& scheduler_;           ///< of `env_`: each delay goes through it
    event_handle timer_ = no_event;    ///< of the last delay
    promise_type* earlier_ = nullptr;  ///< neighbours among the living
    promise_type* later_ = nullptr;
    wait_list joiners_;
    std::uint64_t reason_ = 0;
    bool interrupted_ = false;
};

// --- inside -----------------------------------------------------------------------------------------

inline void process::promise_type::unhandled_exception() {
    if (joiners_.empty()) throw;
    while (!joiners_.empty()) {
        waiter& w = joiners_.pop_front();
        static_cast<join_wait*>(w.wait)->failure = std::current_exception();
        env_.wake(w);
    }
}

inline bool process_ref::interrupt(std::uint64_t reason) const {
    if (!alive()) return false;
    process::promise_type& p = frame().promise();
    environment& env = p.env_;
    if (&p == env.current_) return false;
    p.interrupted_ = true;
    p.reason_ = reason;
    if (p.list == &env.ready_) return true;
    p.detach();
    env.wake(p);
    return true;
}

inline bool process_ref::cancel() const {
    if (!alive()) return false;
    process::promise_type& p = frame().promise();
    AMPACITY_ASSERT(&p != p.env_.current_);
    p.destroy();
    return true;
}

inline environment::~environment() {
    closing_ = true;
    while (latest_ != nullptr) latest_->destroy();
    scheduler_.cancel(flush_);
}

inline process_ref environment::current() const noexcept {
    return current_ == nullptr ? process_ref{} : process_ref{current_->header()};
}

inline process_ref environment::spawn(process p) {
    process::promise_type& promise = p.frame_.promise();
    AMPACITY_ASSERT(&promise.env_ == this);
    p.frame_ = nullptr;
    promise.header().id = ++last_id_;
    promise.earlier_ = latest_;
    if (latest_ != nullptr) latest_->later_ = &promise;
    latest_ = &promise;
    ++alive_;
    wake(promise);
    return process_ref{promise.header()};
}

inline void environment::go_on(process::promise_type& p) {
    current_ = &p;
    p.frame().resume();
}

inline void environment::run_ready() {
    while (!ready_.empty()) go_on(static_cast<process::promise_type&>(ready_.pop_front()));
}

inline void environment::dispatch(const event& e) {
    struct guard {
        environment& env;
        ~guard() { env.current_ = nullptr; }
    };
    AMPACITY_ASSERT(current_ == nullptr);
    const guard at_end{*this};
    if (e.kind == resume) {
        const auto frame = std::uintptr_t{e.entity} | (std::uintptr_t{e.attempt} << 32U);
        go_on(std::coroutine_handle<process::promise_type>::from_address(reinterpret_cast<void*>(frame)).promise());
    }
    run_ready();
}

}  // namespace ampacity::kernel
