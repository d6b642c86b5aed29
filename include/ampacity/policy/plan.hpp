#pragma once
/// \file
/// A plan: the actions that a policy proposes in one scheduling pass. The simulation commits them afterwards, in
/// the order in which they were proposed.
///
/// Each proposal is checked when it is made and shows in the view at once: a started job's GPUs are no longer
/// free, a preempted job's are. An impossible proposal throws `plan_error`, naming the job, the node and the
/// reason, after every proposal of the plan has been taken back: the fleet is never corrupted. A policy that catches
/// the error does not save the run. The class is an interface, so that a plug-in needs nothing of this library, its
/// type information included; `checked_plan` is what the simulation hands out. Not thread-safe.

#include <ampacity/core/error.hpp>
#include <ampacity/core/ids.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/fleet/allocation.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ampacity::policy {

/// What a policy may propose.
enum class action_kind : std::uint8_t { start, preempt, resize, migrate, reject, drain, undrain, set_cap, vacate };

/// Limits of the power of GPUs, of jobs of low and of high priority, in thousandths of what their maker allows.
struct gpu_limits {
    static constexpr std::uint16_t none = 1000;
    std::uint16_t low = none;
    std::uint16_t high = none;

    friend bool operator==(const gpu_limits&, const gpu_limits&) = default;
};

/// One proposed action.
struct action {
    action_kind kind{};
    job_id job = none<job_id>;
    fleet::allocation before{};          ///< preempt, resize: what the job held
    duration progress{};                 ///< preempt, resize: its progress at the start of the run that ends
    instant run_start{};                 ///< preempt, resize: when that run began, or changed last
    instant began{};                     ///< preempt, resize: the same, whatever its speed has been
    duration lost{};                     ///< preempt: the end of that run that is thrown away
    bool was_preempted = false;          ///< preempt: before that run
    bool has_failed = false;             ///< the same
    bool changed = false;                ///< preempt, resize: it did not go on as it began
    bool vacates = false;                ///< preempt: it was asked to leave before
    std::uint32_t gpus = 0;              ///< preempt, resize: GPUs that the job held
    double speed = 1.0;                  ///< preempt, resize: its speed on them
    gpu_limits cap{};                    ///< set_cap
    std::uint32_t feed = none_of_feeds;  ///< set_cap: of the view's head-room; or else
    node_id first_node{}, last_node{};   ///< set_cap: nodes [first, last)

    static constexpr std::uint32_t none_of_feeds = ~std::uint32_t{0};
};

class plan {
public:
    plan(const plan&) = delete;
    plan& operator=(const plan&) = delete;
    virtual ~plan() = default;

    /// Starts a queued job now, on GPUs that the scenario's placer chooses. False, and nothing happens, if there
    /// is no place for it.
    /// \throws plan_error if the job is not queued
    virtual bool start(job_id job) = 0;

    /// Starts a queued job on these GPUs. \throws plan_error if they are not free, or not as many as it needs
    virtual void start(job_id job, std::span<const fleet::gpu_share> where) = 0;

    /// Starts a queued elastic job on this number of GPUs, which the placer chooses. False, and nothing happens, if
    /// there is no place for it.
    /// \throws plan_error if the job is not queued, or may not have so many
    virtual bool start_on(job_id job, std::uint32_t gpus) = 0;

    /// Gives a running elastic job another number of GPUs. Its own are given back, and the placer places it anew on all
    /// that is free then: it may keep them, or move. It keeps all of its progress, works on after what
    /// `preemption_options::resize` takes, and its run goes on: that is no preemption. False, and nothing happens, if
    /// there is no place for it.
    /// \throws plan_error if the job is not running, was started or resized by this very plan, may not have so many
    ///         GPUs, or has them
    virtual bool resize(job_id job, std::uint32_t gpus) = 0;

    /// Stops a running job; it goes back to the queue and keeps its progress, as far as a checkpoint interval lets it,
    /// but for that of the last `lost` of its run, which goes to the account of that name. So a policy with a cost of
    /// its own for starting or moving a job charges it: exactly, and after it has seen how long the job ran. Preempting
    /// and then starting a job in the same plan moves it, and counts as a preemption.
    /// \throws plan_error if the job is not running, was started or resized by this very plan, or has not run for
    ///         `lost` since `job_view::run_start`
    virtual void preempt(job_id job, duration lost) = 0;
    /// Keeping all of its progress.
    void preempt(job_id job) { preempt(job, duration::zero()); }

    /// Removes a queued job for good. \throws plan_error if the job is not queued
    virtual void reject(job_id job) = 0;

    /// Asks for an `on_tick` and a pass at `when`, which replaces an earlier wish; `never` withdraws it.
    /// \throws plan_error if `when` is not in the future
    virtual void wake_at(instant when) = 0;

    /// Limits the GPUs behind a feed of `view::headroom`: when the plan is committed, without latency, until it is told
    /// otherwise; `gpu_limits::none` lifts it. Of all limits of a GPU, of other feeds and of controllers, the lowest
    /// holds, but none below the lowest that can be set. Jobs go on at their new speed, those that this plan starts
    /// too. Devices in series, such as a transformer and its UPS, are one feed.
    /// \throws plan_error if there is no such feed, no power acts on jobs, or a limit is not 1 to 1000
    virtual void set_cap(std::uint32_t feed, gpu_limits to) = 0;
    /// The same of nodes [first, last) of the fleet, which are whole racks, or nodes by themselves.
    /// \throws plan_error as before, if they are not, and in a plan of a reservation
    virtual void set_cap(node_id first, node_id last, gpu_limits to) = 0;

    /// Actions that no model supports yet: refused with a message, so that a policy cannot believe that they
    /// happened. \throws plan_error always
    virtual void migrate(job_id job, std::span<const fleet::gpu_share> where) = 0;
    virtual void drain(node_id node) = 0;
    virtual void undrain(node_id node) = 0;

    /// Asks a running job to leave its GPUs where that costs it nothing. If a preemption loses nothing now (it has
    /// worked nothing since its last complete checkpoint, or has no checkpoints and keeps all of its progress), this
    /// is one: true, and its GPUs are free. Else it works on, with `job_view::vacates` set, until its next checkpoint
    /// is complete, and is then stopped by the simulation: a preemption, of which the policy hears by `on_fail` and
    /// `on_requeue`. A job that ends first, ends. Nothing takes the wish back but that the job leaves its GPUs, in
    /// whatever way; asking again changes nothing. What a job does after the pause of an asynchronous checkpoint, until
    /// that is written, is lost.
    /// \throws plan_error if the job is not running, or was started or resized by this very plan
    virtual bool vacate(job_id job) = 0;

    /// What has been proposed so far, in order.
    [[nodiscard]] std::span<const action> actions() const noexcept { return actions_; }
    /// The wish to be woken, if one was made.
    [[nodiscard]] std::optional<instant> wake_up() const noexcept { return wake_up_; }
    /// \throws plan_error if a proposal was impossible, also where the policy has caught the error
    void check() const {
        if (!refusal_.empty()) [[unlikely]]
            throw plan_error(refusal_);
    }

protected:
    plan() = default;

    std::vector<action> actions_;
    std::optional<instant> wake_up_;
    std::string refusal_;  ///< why a proposal was impossible
};

}  // namespace ampacity::policy
