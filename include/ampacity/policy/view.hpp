#pragma once
/// \file
/// The read-only picture of the system that a policy decides on. A handful of references: cheap to pass, valid
/// only during the call. It shows the proposals of the running plan as if they were done, so that "does it
/// fit?" is always asked of what is left.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/step_series.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/closing.hpp>
#include <ampacity/fleet/free_index.hpp>
#include <ampacity/fleet/node_state.hpp>
#include <ampacity/policy/job_view.hpp>
#include <ampacity/policy/placer.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::policy {

/// GPUs: how many there are, how many are free and where.
struct capacity_view {
    const fleet::free_index& free;               ///< what is free, after the plan's own proposals
    const fleet::free_index& empty;              ///< the fleet with no job on it
    const fleet::free_index& in_service;         ///< the same without the nodes that take no jobs now
    std::uint64_t up_gpus = 0;                   ///< GPUs of nodes in service
    std::span<const fleet::horizon> horizons{};  ///< by `until`, the last is `never`; empty: nothing is to close
    std::span<const fleet::closing> closings{};  ///< that may not be over, by start

    /// GPUs that jobs can hold at a time: those of nodes in service, without the spares of racks.
    [[nodiscard]] std::uint64_t usable_gpus() const noexcept { return in_service.free_gpus(); }
    /// Null unless the fleet is mixed.
    [[nodiscard]] const fleet::gpu_types* types() const noexcept { return free.types(); }
    /// What a job that is planned to end at `end` could get now: it is not placed where that would run into a closing.
    /// A mixed fleet has no closings.
    [[nodiscard]] const fleet::free_index& room(instant end) const noexcept { return fleet::room(horizons, free, end); }
};

/// What is seldom asked about feeds.
class feed_facts {
public:
    feed_facts() = default;
    feed_facts(const feed_facts&) = delete;
    feed_facts& operator=(const feed_facts&) = delete;
    virtual ~feed_facts() = default;
    /// What the GPUs of a job in the system do: a row of `headroom_view::added_uw`.
    [[nodiscard]] virtual std::uint32_t kind(job_id job) const = 0;
    /// Of a feed: `iad/hall-0/source-1`.
    [[nodiscard]] virtual std::string name(std::uint32_t feed) const = 0;
    /// When the events are over that limit this feed now; `never` without one, or without end.
    [[nodiscard]] virtual instant limited_until(std::uint32_t feed) const = 0;
};

/// What it does to feeds if a plan limits GPUs, by `plan::set_cap`, both classes alike. A feed stands for all that have
/// one limit: devices in series. Limits are thousandths of the GPUs' own.
class cap_facts {
public:
    cap_facts() = default;
    cap_facts(const cap_facts&) = delete;
    cap_facts& operator=(const cap_facts&) = delete;
    virtual ~cap_facts() = default;
    /// That stands for this one.
    [[nodiscard]] virtual std::uint32_t stands_for(std::uint32_t feed) const = 0;
    /// Those that stand for limits of the GPUs of a group; they stay the same over the run.
    [[nodiscard]] virtual std::span<const std::uint32_t> above(std::uint32_t group) const = 0;
    /// By plans, of a feed that stands for others, now: the higher of the two classes.
    [[nodiscard]] virtual std::uint16_t limit(std::uint32_t feed) const = 0;
    /// Bounds of what the jobs that run there change at the inputs of the racks of a group if the lowest limit of those
    /// above it goes to `to`, while those of controllers, of nodes and by heat stay. [uW]
    struct change {
        std::int64_t more = 0;  ///< at most
        std::int64_t less = 0;  ///< at least
    };
    [[nodiscard]] virtual change if_limited(std::uint32_t group, std::uint16_t to) const = 0;
    /// `headroom_view::added` under a limit.
    [[nodiscard]] virtual std::int64_t added(std::uint32_t kind, std::uint32_t group, std::uint32_t count,
                                             std::uint16_t limit) const = 0;
};

/// Power that feeds could still give: of those that have a rating, or that an event limits at some time. All of it is
/// as of now, without the plan that is being made: see `power_budget` (power_budget.hpp). Empty where no power acts.
struct headroom_view {
    /// A feed that carries a group of nodes.
    struct feed_share {
        std::uint32_t feed = 0;
        /// Of what is added at the inputs of racks (or nodes by themselves) behind it, losses in between included: an
        /// upper bound. [1e-9]
        std::int64_t billionths = 0;
        std::int64_t least_billionths = 0;  ///< the same as a lower bound
    };
    static constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();

    std::span<const std::int64_t> limit_uw{};  ///< (feeds) rating, or what an event leaves of it; or `no_limit`
    std::span<const std::int64_t> room_uw{};   ///< (feeds) that they could carry more; below 0 in an overload
    std::span<const std::uint32_t> group{};    ///< (nodes) of nodes behind the same feeds; rising
    std::span<const std::uint32_t> model{};    ///< (groups) kind of their racks or nodes
    std::span<const std::uint32_t> first{};    ///< (groups + 1) where their rows of `shares` begin
    std::span<const feed_share> shares{};      ///< what carries a group now; after a loss others do
    /// (kinds x models x (GPUs + 1)) what a job adds to the input of a rack by so many GPUs of one node: an upper
    /// bound, without the limits that controllers set, with its part of the node, the switches and the shelves.
    std::span<const std::int64_t> added_uw{};
    std::uint32_t models = 0;
    std::uint32_t gpus = 0;             ///< most of a node
    const feed_facts* facts = nullptr;  ///< null: no power acts
    const cap_facts* caps = nullptr;    ///< null: plans cannot limit GPUs

    [[nodiscard]] bool any() const noexcept { return facts != nullptr; }
    [[nodiscard]] std::span<const feed_share> above(std::uint32_t of_group) const noexcept {
        return shares.subspan(first[of_group], first[of_group + 1] - first[of_group]);
    }
    /// By this number of GPUs of a node of this group.
    [[nodiscard]] std::int64_t added(std::uint32_t kind, std::uint32_t of_group, std::uint32_t count) const noexcept {
        const std::size_t row = std::size_t{kind} * models + model[of_group];
        return added_uw[row * (std::size_t{gpus} + 1) + count];
    }
};

/// How the nodes are. Empty on a pool.
struct health_view {
    std::span<const fleet::node_state> nodes{};  ///< (nodes)
};

/// The truth that only oracles ask for; a policy that calls it says so in its description.
class oracle_view {
public:
    /// The work of job 0 lies at `first`, that of each further one `stride` bytes behind the one before.
    oracle_view(const duration* first, std::size_t stride) noexcept
        : first_(reinterpret_cast<const char*>(first)), stride_(stride) {}
    /// True duration of the whole work at speed 1.
    [[nodiscard]] duration work(job_id job) const noexcept {
        return *reinterpret_cast<const duration*>(first_ + index(job) * stride_);
    }

private:
    const char* first_;
    std::size_t stride_;
};

/// Names of users and groups; equal names are the same owner, whatever workload entry a job comes from.
class owner_names {
public:
    owner_names() = default;
    owner_names(const owner_names&) = delete;
    owner_names& operator=(const owner_names&) = delete;
    virtual ~owner_names() = default;
    /// Empty where none was given. Valid until the next call.
    [[nodiscard]] virtual std::string_view user(job_id job) const = 0;
    [[nodiscard]] virtual std::string_view group(job_id job) const = 0;
};

/// What is known of the world outside, the future included: whole numbers, so that decisions are the same everywhere.
struct known_signals {
    std::shared_ptr<const exact_series> carbon{};    ///< of what is consumed [ug/kWh]; null: not given
    std::shared_ptr<const exact_series> marginal{};  ///< of one more kilowatt-hour [ug/kWh]
    std::shared_ptr<const exact_series> price{};     ///< [uUSD/MWh]
};

struct view {
    instant now{};
    capacity_view capacity;
    headroom_view headroom{};
    health_view health{};
    std::span<const job_view> jobs;              ///< by `job_id`
    const fleet::allocation_arena& allocations;  ///< what `job_view::held` points into
    const placer& place;                         ///< the scenario's placer
    oracle_view oracle;

    [[nodiscard]] const job_view& operator[](job_id job) const noexcept { return jobs[index(job)]; }
    /// A hint that this job is likely to be started soon. Changes nothing but how fast that is, for long queues.
    void expect(job_id job) const noexcept {
        const char* const row = reinterpret_cast<const char*>(jobs.data() + index(job));
        __builtin_prefetch(row);
        __builtin_prefetch(row + job_view::busy_bytes - 1);
        __builtin_prefetch(more_rows + index(job) * more_stride, 1);
    }
    const char* more_rows = nullptr;  ///< what the simulation keeps of each job, for `expect`
    std::size_t more_stride = 0;      ///< [B]
    /// By `job_view::costs_row`: 0 is that of the scenario, others are of training jobs; empty: preemption is free.
    std::span<const preemption_costs> costs{};
    const owner_names* owners = nullptr;          ///< none: nobody knows them
    std::span<const elastic_job> elastic_jobs{};  ///< by `job_id`; those behind its end are rigid
    const known_signals* signals = nullptr;       ///< none: nothing is known
    std::span<const changed_run> changed_runs{};  ///< by `job_id`; those behind its end are as they began

    /// Null for a rigid job.
    [[nodiscard]] const elastic_job* elastic(job_id job) const noexcept {
        if (index(job) >= elastic_jobs.size()) return nullptr;
        const elastic_job& e = elastic_jobs[index(job)];
        return e.gpus_max == 0 ? nullptr : &e;
    }

    /// Null for a job that is queued, or whose run goes on as it began, at full speed.
    [[nodiscard]] const changed_run* changed(job_id job) const noexcept {
        if (index(job) >= changed_runs.size()) [[likely]]
            return nullptr;
        const changed_run& c = changed_runs[index(job)];
        return c.any ? &c : nullptr;
    }
    /// When the current run of a job began, or was resized last. \pre running
    [[nodiscard]] instant began(job_id job) const noexcept {
        const changed_run* const c = changed(job);
        return c == nullptr ? jobs[index(job)].run_start : c->began;
    }
    /// Of a job that waits: its speed; of one that runs: the same on its GPUs if none of its nodes were slow.
    [[nodiscard]] double full_speed(job_id job) const noexcept {
        const changed_run* const c = changed(job);
        return c == nullptr ? jobs[index(job)].speed : c->full_speed;
    }
    /// Is it slower than others would plan, because of its nodes?
    [[nodiscard]] bool is_slowed(job_id job) const noexcept { return jobs[index(job)].speed != full_speed(job); }

    /// What the current run of a job costs beside its work, since `run_start`, or the next one if it is queued.
    /// \pre preemption is not free
    [[nodiscard]] const run_costs& costs_of(job_id job) const noexcept {
        const changed_run* const c = changed(job);
        return c == nullptr ? jobs[index(job)].costs(costs.data()) : c->costs;
    }
    /// How long the current run of a job lasts in all since `run_start`, or the next one if it is queued, given the
    /// time that it works.
    [[nodiscard]] duration run_length(job_id job, duration work) const noexcept {
        return costs.empty() ? work : costs_of(job).length(work);
    }
    /// The same by the planning estimate.
    [[nodiscard]] duration remaining_time(job_id job) const {
        const job_view& j = jobs[index(job)];
        return run_length(job, time_for(j.remaining_estimate(), j.speed));
    }
    /// Of a job that waits, or did until now: the same at the speed that it has in the queue, which is 1 on a mixed
    /// fleet, and does not know of slow nodes.
    [[nodiscard]] duration queued_time(job_id job) const {
        const job_view& j = jobs[index(job)];
        return run_length(job, time_for(j.remaining_estimate(), capacity.free.is_mixed() ? 1.0 : full_speed(job)));
    }
    /// The same if it ran at this speed.
    [[nodiscard]] duration time_at(job_id job, double speed) const {
        return run_length(job, time_for(jobs[index(job)].remaining_estimate(), speed));
    }
    /// On a mixed fleet: a bound of the `queued_time` of jobs that, at `speed`, are over within `time`. With costs some
    /// that are not stay below it, too.
    [[nodiscard]] duration longest_within(duration time, double speed) const {
        if (costs.empty()) return work_in(time, speed);
        duration longest{};
        for (const preemption_costs& row : costs) {
            for (const run_costs* c : {&row.first, &row.resumed, &row.repeated})
                longest = std::max(longest, c->length(work_in(c->spend(time).worked, speed)));
        }
        return longest;
    }
    /// End of the current run if the planning estimate is right and its speed stays; `never` beyond the range.
    /// \pre running
    [[nodiscard]] instant planned_end(job_id job) const {
        return add_saturating(jobs[index(job)].run_start, remaining_time(job));
    }
    /// When a running job leaves its GPUs by a `plan::vacate` now, or before, if it is planned right: at its next
    /// checkpoint, or its end. An asynchronous checkpoint counts as complete when its pause is over.
    [[nodiscard]] instant vacated_at(job_id job) const {
        if (costs.empty()) return now;
        const instant began_at = jobs[index(job)].run_start;
        return std::min(planned_end(job), add_saturating(began_at, costs_of(job).saved_from(now - began_at)));
    }
    /// What a preemption of a running job would lose now.
    [[nodiscard]] duration lost_if_preempted(job_id job) const noexcept {
        if (costs.empty()) return {};
        return costs_of(job).lost_after(now - jobs[index(job)].run_start);
    }
    /// Does `plan::vacate` always stop it at once, because it has no checkpoints and keeps all of its progress?
    [[nodiscard]] bool leaves_at_once(job_id job) const noexcept {
        return costs.empty() || costs[jobs[index(job)].costs_row].first.interval == duration::max();
    }
    /// The same of a job that waits, if it started now; what it could get then.
    [[nodiscard]] instant end_if_started(job_id job) const { return add_saturating(now, remaining_time(job)); }
    [[nodiscard]] const fleet::free_index& room(job_id job) const {
        return capacity.horizons.empty() ? capacity.free : capacity.room(end_if_started(job));
    }
    /// Calls `f(horizon)` for each, shortest first; one without end where nothing is to close.
    template <class F>
    void for_horizons(F f) const {
        if (capacity.horizons.empty()) return f(fleet::horizon{.until = never, .free = &capacity.free});
        for (const fleet::horizon& h : capacity.horizons) f(h);
    }
    /// For how long a job of this demand can be planned to run if it started now; none if it has no place at all.
    [[nodiscard]] std::optional<duration> longest_run(fleet::demand wanted) const {
        std::optional<duration> longest;
        for_horizons([&](const fleet::horizon& h) {
            if (fits(place, *h.free, wanted)) longest = h.until == never ? duration::max() : h.until - now;
        });
        return longest;
    }
    /// The same without a limit: a start of at most 292 years and at most 292 more fit unsigned numbers. [ns]
    [[nodiscard]] std::uint64_t planned_end_ns(job_id job) const {
        return static_cast<std::uint64_t>(ticks(jobs[index(job)].run_start)) +
               static_cast<std::uint64_t>(ticks(remaining_time(job)));
    }
    /// On a mixed fleet: the speed of such a job on the fastest type that could hold it were the fleet empty.
    [[nodiscard]] double best_speed(fleet::demand wanted) const {
        const fleet::gpu_type* const type = choose_type(place, capacity.empty, wanted);
        return type == nullptr ? 1.0 : capacity.types()->speed(wanted.speeds, *type);
    }
    /// On a mixed fleet: the speed that such a job would run at if it started now. \pre it fits
    [[nodiscard]] double speed_now(fleet::demand wanted) const {
        return capacity.types()->speed(wanted.speeds, *choose_type(place, capacity.free, wanted));
    }
    /// Work done by now, kept or not.
    [[nodiscard]] duration done(job_id job) const {
        const job_view& j = jobs[index(job)];
        if (j.state != job_state::running) return j.progress;
        const duration elapsed = now - j.run_start;
        const duration worked = costs.empty() ? elapsed : costs_of(job).spend(elapsed).worked;
        return j.progress + work_in(worked, j.speed);
    }

    /// The GPUs that a running job holds; empty on a pool.
    [[nodiscard]] std::span<const fleet::gpu_share> held(job_id job) const noexcept {
        return allocations.shares(jobs[index(job)].held);
    }
};

}  // namespace ampacity::policy
