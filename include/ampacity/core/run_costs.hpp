#pragma once
/// \file
/// What a run of a job takes beside its work: restarting after a preemption or a resize, and pauses to write
/// checkpoints.
///
/// The time of a run, from its start: `reload` (the checkpoint of the preemption before), `restart`, then work. With an
/// `interval` the job pauses for `pause` whenever it has worked so long since the last pause, except at its end;
/// progress is kept when the pause is over. Without one all progress is kept. Where the speed of a run changes another
/// stretch of it begins, which carries over what is going on and what is not kept yet; one that hangs adds nothing to
/// it. Integers; pure functions, O(1).

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/core/work.hpp>

#include <algorithm>
#include <optional>

namespace ampacity {

/// What a part of a run was spent on. All but `kept` add up to the time of the run.
struct run_time {
    duration worked{};
    duration checkpoint{};  ///< in pauses, and writing what the preemption before had left
    duration restart{};
    duration stalled{};
    duration kept{};     ///< of `worked`: what a preemption at its end does not lose
    bool saved = false;  ///< a pause was over in it: what the stretches before have worked is kept, too

    friend constexpr bool operator==(const run_time&, const run_time&) = default;
};

/// The costs of one run, or of a stretch of it. \pre interval > 0; sums of an interval and a pause stay below 292 years
struct run_costs {
    duration reload{};                    ///< first, account `checkpoint`
    duration restart{};                   ///< then, account `restart`
    duration interval = duration::max();  ///< work between two pauses; max: none
    duration pause{};                     ///< account `checkpoint`
    // Of a stretch that is not the first of its run:
    duration pause_left{};   ///< of a pause that is going on
    duration since_pause{};  ///< worked since the last pause was over, or in all stretches before without an interval
    duration at_risk{};      ///< worked before that and not kept yet: a checkpoint of it is being written
    duration unkept{};       ///< the work of both, at speed 1
    bool hangs = false;      ///< nothing goes on

    /// How long a stretch lasts that works so long and then ends the run; `duration::max()` beyond the range.
    /// \pre work >= 0
    [[nodiscard]] constexpr duration length(duration work) const noexcept {
        if (hangs) return duration::max();
        int128 ns = int128{ticks(work)} + ticks(reload) + ticks(restart) + ticks(pause_left);
        if (interval != duration::max() && work > duration::zero()) {
            const duration before = worked_before();
            const std::int64_t pauses =
                before == duration::zero()
                    ? (ticks(work) - 1) / ticks(interval)
                    : static_cast<std::int64_t>((int128{ticks(work)} - 1 + ticks(before)) / ticks(interval));
            ns += int128{pauses} * ticks(pause);
        }
        return ns < ticks(duration::max()) ? duration{static_cast<std::int64_t>(ns)} : duration::max();
    }

    /// What the first `elapsed` of a stretch in which the run has not finished went on. \pre elapsed >= 0
    [[nodiscard]] constexpr run_time spend(duration elapsed) const noexcept {
        run_time out;
        if (hangs) {
            out.stalled = elapsed;
            return out;
        }
        out.checkpoint = std::min(elapsed, reload);
        elapsed -= out.checkpoint;
        out.restart = std::min(elapsed, restart);
        elapsed -= out.restart;
        if (interval == duration::max()) {
            out.worked = out.kept = elapsed;
            return out;
        }
        if (pause_left != duration::zero()) {
            const duration paused = std::min(elapsed, pause_left);
            out.checkpoint += paused;
            elapsed -= paused;
            if (paused != pause_left) return out;
            out.saved = true;
        }
        const duration until_pause = interval - worked_before();
        if (elapsed < until_pause + pause) {
            out.worked = std::min(elapsed, until_pause);
            out.checkpoint += elapsed - out.worked;
            return out;
        }
        out.saved = true;
        elapsed -= until_pause + pause;
        const std::int64_t written = elapsed / (interval + pause);
        const duration since = elapsed - written * (interval + pause);
        out.kept = until_pause + written * interval;
        out.worked = out.kept + std::min(since, interval);
        out.checkpoint += (written + 1) * pause + std::max(since - interval, duration::zero());
        return out;
    }

    /// The least part of a stretch, of at least `elapsed`, whose end a preemption of a run that has not finished by
    /// then loses nothing at; `duration::max()` if there is none. \pre elapsed >= 0
    [[nodiscard]] constexpr duration saved_from(duration elapsed) const noexcept {
        if (lost_after(elapsed) == duration::zero()) return elapsed;
        if (hangs) return duration::max();
        const duration pause_ends = pause_left != duration::zero() ? pause_left : interval - worked_before() + pause;
        const int128 first = int128{ticks(reload)} + ticks(restart) + ticks(pause_ends);
        const int128 period = int128{ticks(interval)} + ticks(pause);
        const int128 behind = std::max<int128>(ticks(elapsed) - first, 0);
        const int128 ns = first + (behind + period - 1) / period * period;
        return ns < ticks(duration::max()) ? duration{static_cast<std::int64_t>(ns)} : duration::max();
    }

    /// Of the next stretch of the run, if this one has lasted `elapsed` at this speed.
    [[nodiscard]] run_costs rest(duration elapsed, double speed) const {
        if (hangs) return *this;
        const run_time spent = spend(elapsed);
        run_costs next = begun(elapsed, spent);
        if (interval == duration::max()) {
            next.since_pause += spent.worked;
            next.unkept += work_in(spent.worked, speed);
            return next;
        }
        duration paused = spent.checkpoint - (reload - next.reload);
        if (paused < pause_left) {
            next.pause_left -= paused;
            return next;
        }
        paused -= pause_left;
        next.pause_left = {};
        if (spent.saved) {
            next.at_risk = {};
            next.since_pause = spent.worked - spent.kept;
            next.unkept = work_in(spent.worked, speed) - work_in(spent.kept, speed);
        } else {
            next.since_pause += spent.worked;
            next.unkept += work_in(spent.worked, speed);
        }
        if (next.since_pause == interval) next.pause_left = pause - paused % pause;
        return next;
    }

    /// The same where whoever drives the run says when a pause is over and what is kept: it ends no pause by itself.
    [[nodiscard]] run_costs driven_rest(duration elapsed, double speed) const {
        if (hangs) return *this;
        const run_time spent = spend(elapsed);
        run_costs next = begun(elapsed, spent);
        next.pause_left -= std::min(pause_left, spent.checkpoint - (reload - next.reload));
        next.since_pause += spent.worked;
        next.unkept += work_in(spent.worked, speed);
        return next;
    }

    /// What a run has worked in vain whose job waits again after `elapsed` of this stretch: the time, of all its
    /// stretches, and what that adds to the progress before the stretch, less than nothing where it loses of that.
    struct stop {
        duration lost{};
        duration gained{};
    };
    /// A failure leaves no time to write a checkpoint.
    [[nodiscard]] stop stopped(duration elapsed, double speed, bool fails) const {
        const run_time spent = spend(elapsed);
        if (interval == duration::max() && !fails) return {.gained = work_in(spent.worked, speed)};
        if (spent.saved) return {.lost = spent.worked - spent.kept, .gained = work_in(spent.kept, speed)};
        return {.lost = at_risk + since_pause + spent.worked, .gained = -unkept};
    }
    /// The time that a preemption loses after `elapsed` of this stretch.
    [[nodiscard]] constexpr duration lost_after(duration elapsed) const noexcept { return lost(spend(elapsed)); }

private:
    /// What is left of its beginning.
    [[nodiscard]] run_costs begun(duration elapsed, const run_time& spent) const {
        run_costs next = *this;
        next.reload -= std::min(elapsed, reload);
        next.restart -= spent.restart;
        return next;
    }
    [[nodiscard]] constexpr duration lost(const run_time& spent) const noexcept {
        if (interval == duration::max()) return {};
        return spent.saved ? spent.worked - spent.kept : at_risk + since_pause + spent.worked;
    }
    /// Of the interval that goes on, or follows the pause that goes on.
    [[nodiscard]] constexpr duration worked_before() const noexcept {
        return pause_left == duration::zero() ? since_pause : duration::zero();
    }
};

/// What preemption costs in a scenario.
struct preemption_options {
    std::optional<duration> checkpoint_interval{};  ///< none: all progress is kept
    duration checkpoint{};                          ///< to write one
    duration restart{};                             ///< of a run that follows a preemption
    duration resize{};                              ///< without work after a change of the number of GPUs

    [[nodiscard]] constexpr bool free() const noexcept {
        return !checkpoint_interval && checkpoint == duration::zero() && restart == duration::zero() &&
               resize == duration::zero();
    }
};

/// The costs of a job's first run and of those that follow a preemption or a failure. Without an interval a checkpoint
/// is written at each preemption, and booked at the beginning of the next run; a failure leaves no time for one.
struct preemption_costs {
    run_costs first{};
    run_costs resumed{};
    run_costs repeated{};  ///< after a failure
    duration resize{};

    constexpr preemption_costs() = default;
    explicit constexpr preemption_costs(const preemption_options& o) : resize(o.resize) {
        if (o.checkpoint_interval)
            first = {.interval = *o.checkpoint_interval, .pause = o.checkpoint};
        else
            resumed.reload = o.checkpoint;
        resumed.restart = o.restart;
        resumed.interval = first.interval;
        resumed.pause = first.pause;
        repeated = resumed;
        repeated.reload = {};
    }

    [[nodiscard]] constexpr const run_costs& of(bool was_preempted, bool has_failed = false) const noexcept {
        return has_failed ? repeated : was_preempted ? resumed : first;
    }

    /// Of a run that goes on with other GPUs: what is left of `reload`, then `restart`, then work.
    [[nodiscard]] constexpr run_costs after_resize(duration reload, duration restart) const noexcept {
        return {.reload = reload, .restart = restart, .interval = first.interval, .pause = first.pause};
    }
    /// The same after `elapsed` of a run with costs `now`. A restart that is still going on is not cut short by a
    /// resize: the longer of what is left of it and of the resize counts.
    [[nodiscard]] constexpr run_costs after_resize(const run_costs& now, duration elapsed) const noexcept {
        const run_time spent = now.spend(elapsed);
        const duration reloaded = now.hangs ? duration::zero() : std::min(elapsed, now.reload);
        return after_resize(now.reload - reloaded, std::max(now.restart - spent.restart, resize));
    }
};

}  // namespace ampacity
