#pragma once
/// \file
/// The clock and the run loop, with static dispatch to the model.
///
/// Time advances in *rounds*. One round at instant T, in pseudo-code:
///
///     round   := all events pending at T, in the order (phase, sequence)
///     for each e in round, with phase(e) <  Model::pass_phase:  model.dispatch(e, kernel)
///     model.pass(kernel)                                        // once, also if nothing follows
///     for each e in round, with phase(e) >= Model::pass_phase:  model.dispatch(e, kernel)
///
/// What dispatch or pass schedules for T itself does not join the running round but opens a further
/// one at T, so a pass never sees what it caused. An event of the running round that was cancelled or
/// rescheduled before its turn is not dispatched. A model without `pass` gets the same rounds without it.
///
/// The kernel knows nothing of what it runs. A scheduled event costs O(1) with the default queue, and
/// nothing is allocated in steady state. If the model throws, the exception passes through and the
/// kernel can only be destroyed. One kernel belongs to one thread; any number live side by side.

#include <ampacity/core/error.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/kernel/entry_buffer.hpp>
#include <ampacity/kernel/event.hpp>
#include <ampacity/kernel/event_queue.hpp>
#include <ampacity/kernel/scheduler.hpp>

#include <cstddef>
#include <cstdint>

namespace ampacity::kernel {

/// Why a run returned.
enum class run_status : std::uint8_t {
    drained,  ///< no event is pending
    reached,  ///< the next event is later than `until`
    paused,   ///< the number of events asked for has been processed
};

/// Runs `Model`, which has `dispatch(const event&, kernel&)`, and may have `pass(kernel&)` together with
/// a constant `pass_phase`, the first phase that runs after the pass.
template <class Model, event_queue Queue = default_queue>
class kernel final : public scheduler<Queue> {
    using base = scheduler<Queue>;
    using base::now_;
    using base::queue_;

public:
    /// The clock starts at `start`; nothing can be scheduled before it. The model must outlive the kernel.
    explicit kernel(Model& model, instant start = start_of_time) : base(start), model_(model) {}
    using base::empty;
    using base::next_time;

    [[nodiscard]] std::uint64_t events_processed() const noexcept { return events_; }
    [[nodiscard]] std::uint64_t rounds_processed() const noexcept { return rounds_; }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return sizeof(*this) - sizeof(queue_) + queue_.memory_bytes() + round_.memory_bytes();
    }

    /// Makes room for this many pending events.
    void reserve(std::size_t events) {
        queue_.reserve(events);
        round_.reserve(events);
    }

    /// One round; false if nothing is pending.
    bool step() {
        const running_guard guard{*this};
        return round(never);
    }

    /// Processes all events up to and including `until`, with their passes and further rounds. The clock
    /// stays at the last round's instant: see `advance_to`.
    run_status run_until(instant until) {
        const running_guard guard{*this};
        while (round(until)) {
        }
        return empty() ? run_status::drained : run_status::reached;
    }

    /// As `run_until`, but pauses after the round in which `max_events` have been processed by this call.
    run_status run_rounds(std::uint64_t max_events, instant until = never) {
        const running_guard guard{*this};
        const std::uint64_t begin = events_;
        while (events_ - begin < max_events) {
            if (!round(until)) return empty() ? run_status::drained : run_status::reached;
        }
        return run_status::paused;
    }

    /// Moves the clock forward to `t` without running anything.
    /// \throws internal_error if `t` is in the past, an event is pending before `t`, or a round runs.
    void advance_to(instant t) {
        const running_guard guard{*this};
        if (t < now_) base::past(t);
        AMPACITY_ASSERT(next_time() >= t);
        now_ = t;
    }

private:
    /// Refuses a run that is started from within a run.
    class running_guard {
    public:
        explicit running_guard(kernel& k) : running_(k.running_) {
            AMPACITY_ASSERT(!running_);
            running_ = true;
        }
        running_guard(const running_guard&) = delete;
        running_guard& operator=(const running_guard&) = delete;
        ~running_guard() { running_ = false; }

    private:
        bool& running_;
    };

    static constexpr bool has_pass = requires(Model& m, kernel& k) { m.pass(k); };

    [[nodiscard]] static constexpr bool follows_pass([[maybe_unused]] const event_key& key) noexcept {
        if constexpr (has_pass) {
            return key.rank() >= Model::pass_phase;
        } else {
            return false;
        }
    }

    void pass() {
        if constexpr (has_pass) model_.pass(*this);
    }

    bool round(instant until) {
        queued_event first;
        if (!queue_.take_due(until, first)) return false;
        now_ = first.key.time();
        ++rounds_;
        if (queue_.due(now_)) [[unlikely]] {
            crowded_round(first);
        } else if (follows_pass(first.key)) {
            pass();
            dispatch(first);
        } else {
            dispatch(first);
            pass();
        }
        return true;
    }

    /// A round of several events: takes them all out first, so that what they schedule stays apart.
    [[gnu::noinline]] void crowded_round(queued_event first) {
        round_.clear();
        round_.push_back(first);
        queue_.take_round(now_, round_);
        bool passed = false;
        for (const queued_event& e : round_) {
            if (!passed && follows_pass(e.key)) {
                passed = true;
                pass();
            }
            dispatch(e);
        }
        if (!passed) pass();
    }

    /// Unless the event has been cancelled or rescheduled since the round began.
    void dispatch(const queued_event& e) {
        popped_event mine;
        if (!queue_.claim(e, mine)) return;
        ++events_;
        model_.dispatch(mine.what, *this);
    }

    Model& model_;
    entry_buffer round_;  ///< the running round, if it has several events
    std::uint64_t events_ = 0;
    std::uint64_t rounds_ = 0;
    bool running_ = false;
};

}  // namespace ampacity::kernel
