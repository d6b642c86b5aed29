#pragma once
/// \file
/// One run of a simulation: the queue of events, the jobs, the fleet with its reservations, and all that acts on them.
///
/// simulation.cpp has the path that every job takes, from its arrival to its end; the files model_*.cpp what only some
/// runs have: nodes that leave and come, sites that schedule, failures, power, training jobs, services, and the
/// results. Whatever changes something that a policy decides on tells the policy and calls `touch`.

#include "announcer.hpp"
#include "capacity_changes.hpp"
#include "decision_meter.hpp"
#include "events.hpp"
#include "failing_slow.hpp"
#include "feed.hpp"
#include "headroom.hpp"
#include "held_jobs.hpp"
#include "live_jobs.hpp"
#include "owner_texts.hpp"
#include "pacer.hpp"
#include "partition.hpp"
#include "power_pacer.hpp"
#include "services.hpp"
#include "slowdowns.hpp"
#include "snapshot_books.hpp"
#include "training_runs.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/pod_vector.hpp>
#include <ampacity/execution/run.hpp>
#include <ampacity/faults/part_failures.hpp>
#include <ampacity/kernel/kernel.hpp>
#include <ampacity/policy/checked_plan.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::sim {

class simulation::model {
public:
    static constexpr phase pass_phase{5};
    using kernel_type = kernel::kernel<model>;

    explicit model(parts p);
    void dispatch(const kernel::event& e, kernel_type&);
    void pass(kernel_type&);
    void pass_touched();
    [[gnu::noinline]] void pass_several();
    status run_rounds(std::uint64_t events, instant to);
    const summary& results();
    /// Jobs that are replicas of services have none.
    [[nodiscard]] source_records all_records(std::size_t source) const;
    [[nodiscard]] std::uint64_t arrived() const noexcept { return arrived_; }
    [[nodiscard]] std::uint64_t live() const noexcept { return live_; }
    [[nodiscard]] std::uint64_t waiting() const noexcept { return live_ - running_; }
    [[nodiscard]] job_times times(std::size_t source, std::uint64_t row) const { return held_.times(source, row); }
    [[nodiscard]] bool has_links() const noexcept { return held_.any(); }

private:
    friend class simulation;

    feed feed_;
    capacity_changes changes_;
    slowdowns slowdowns_;
    std::unique_ptr<energy_meter> energy_;  // none: nobody asked
    power_pacer limits_;
    std::unique_ptr<faults::part_failures> failures_;  // none: nothing fails at random
    failing_slow failing_slow_;
    std::vector<const pacer*> pacers_;  // none: all nodes run at full speed
    instant until_;
    std::unique_ptr<training_runs> trainings_;   // none: there are no training jobs
    std::vector<preemption_costs> costs_table_;  // by job_view::costs_row
    const preemption_costs* costs_;              // the same; none: preemption is free
    live_jobs jobs_;
    decision_time decision_time_;
    std::optional<duration> sample_every_;
    announcer tell_;
    held_jobs held_;
    std::vector<source_speeds> speeds_;                    // by source
    std::vector<std::vector<std::uint8_t>> row_of_model_;  // by source, by text index; `no_row` until it is asked for
    static constexpr std::uint8_t no_row = 0xFF;
    owner_texts names_;
    std::unique_ptr<headroom> headroom_;                  // none: policies see none
    std::vector<std::unique_ptr<partition>> partitions_;  // the fleet, then sites, or reservations with jobs by start
    // By source, by text index: the partition of jobs of that reservation; `unknown_partition` until one asks.
    std::vector<std::vector<std::uint16_t>> partition_named_;
    static constexpr std::uint16_t unknown_partition = 0xFFFF;
    std::vector<std::string> reserved_for_;  // by source
    policy::known_signals signals_;
    std::vector<known_price> news_;  // by instant
    std::size_t next_news_ = 0;
    std::unique_ptr<services> services_;  // none: there are none
    snapshot_books snapshots_;
    class sites;
    std::unique_ptr<sites> sites_;  // none: one queue for all
    kernel_type kernel_;
    std::uint64_t peak_queue_ = 0;
    bool ended_ = false, closed_ = false, samples_follow_ = false;  // the last: one is pending
    decision_meter meter_;
    /// Empty: preemption is free.
    [[nodiscard]] std::vector<preemption_costs> costs_of(const parts& p) const;
    [[nodiscard]] std::vector<const pacer*> all_pacers(const faults::failure_plan& failures) const;
    static std::vector<observer*> with(observer* one, std::vector<observer*> others);
    /// What a plug-in has done wrong is told with the time at which it did.
    kernel::run_status rounds(std::uint64_t events, instant limit);

    // --- partitions; the first is that of all jobs that name no reservation ------------------------------
    [[nodiscard]] partition& main() noexcept { return *partitions_.front(); }
    [[nodiscard]] const partition& main() const noexcept { return *partitions_.front(); }
    [[nodiscard]] const fleet::fleet_state& fleet() const noexcept { return main().fleet; }
    [[nodiscard]] partition& part_of(std::size_t i) noexcept { return *partitions_[jobs_[i].part]; }
    /// Its next pass has something to decide.
    void touch(partition& p) {
        if (!std::exchange(p.changed, true)) touched_.push_back(p.number);
    }
    /// One more, for the jobs of that reservation. It is closed until the reservation begins.
    void add_partition(std::uint32_t number, std::uint32_t drain_racks_at);
    void count_held(const partition& p);
    /// Jobs of a reservation or a site; null of the fleet.
    [[nodiscard]] reserved_jobs* counts_of(const partition& p) noexcept;
    void pass(partition& p);
    void wake(partition& p);
    /// Does the scheduling pass of this round decide, of a scheduler that takes time? The first change asks it, if
    /// there is a job; its decision comes that much later and sees all that has changed.
    [[gnu::noinline]] bool may_decide(partition& p);
    /// The clock has come to an instant at which something happens. Samples do not count: no run goes on for them.
    void reach(instant now);
    void advance(instant now);
    /// What its policy sees, as of now, in the one view of the run.
    [[nodiscard]] const policy::view& picture(partition& p) noexcept;
    /// All jobs that are submitted at this instant, and those that were held until now.
    void arrive();
    /// A source has a job for this instant.
    void ask(const workload::job_request& r);
    /// The same, of a job that may have to wait for others before it enters the queue.
    [[gnu::noinline]] void ask_linked(workload::job_request r);
    /// Held jobs that enter now and stand before `before` in file order.
    void enter_held(holds::key before);
    /// A job has ended: others may have waited for it.
    void leave(holds::key key, outcome how);
    [[nodiscard]] round_at here() const noexcept { return {kernel_.now(), kernel_.rounds_processed()}; }
    /// The next held job to enter is looked at when it is due.
    void set_alarm();
    [[nodiscard]] fleet::demand demand_of(const workload::job_request& r, std::size_t source);
    /// Without which it can never run.
    [[nodiscard]] fleet::demand needed_by(const partition& p, const workload::job_request& r, std::size_t source);
    [[nodiscard]] bool never_fits(const partition& p, const workload::job_request& r, std::size_t source);
    /// Where the job runs. \throws scenario_error if its reservation does not exist or takes no jobs
    [[nodiscard]] partition& partition_of(const workload::job_request& r, std::size_t source);
    [[gnu::noinline]] std::uint16_t partition_named(std::uint32_t text, std::size_t source);
    [[nodiscard]] std::uint16_t find_partition(std::uint32_t text, std::size_t source);
    /// Why this job of a reservation never enters its queue; empty if it does.
    [[nodiscard]] std::string why_too_late(const partition& p, const workload::job_request& r) const;
    /// By the planning estimate.
    [[nodiscard]] static duration planned_work(const workload::job_request& r) noexcept {
        return r.estimate == workload::no_estimate ? r.work : std::max(r.estimate, r.work);
    }
    /// None: it was rejected.
    job_id submit(const workload::job_request& r, std::size_t source);
    /// The row of the fleet's table of speeds; 0 without types.
    [[nodiscard]] std::uint8_t speeds_of(const workload::job_request& r, std::size_t source);
    std::uint8_t row_of_model(std::size_t source, std::uint32_t of);
    void check(const workload::job_request& r) const;
    void end(job_id job, std::uint32_t attempt);
    void end(job_id job, outcome how);
    /// A job that runs leaves its GPUs and closes its record.
    void finish(partition& p, job_id job, outcome how);
    /// It has left the system.
    void remove(partition& p, job_id job, outcome how);

    // --- training jobs ---------------------------------------------------------------------------------
    /// Its run has begun.
    void start_training(const partition& p, std::size_t i);
    void leave_training(const partition& p, std::size_t i, const stretch& which, instant until) {
        if (jobs_[i].training != 0) leave_training_run(p, i, which, until);
    }
    /// Its run is over, with what it did by `until`.
    void leave_training_run(const partition& p, std::size_t i, const stretch& which, instant until);
    /// Work done by then, kept or not. \pre it runs
    [[nodiscard]] duration done_by(const partition& p, std::size_t i, instant until) const;
    void close_training(std::size_t i, duration done);  ///< it has left, or the run ends
    void schedule_boundary(const partition& p, std::size_t i);
    /// The pause for a checkpoint begins, or its nodes have a copy.
    void pass_boundary(job_id job);
    /// What the store has written by now.
    void end_writes();
    /// Whoever shares the network or the store with jobs that have come, left or begun to write goes on otherwise.
    void settle_training();
    /// Whatever has happened may have moved what is due next.
    void settle();

    // --- services --------------------------------------------------------------------------------------
    void withdraw_services(fleet::fleet_state& all);
    void begin_services();
    void end_serving_steps(std::uint32_t i);
    void submit_requests(std::uint32_t i);
    /// After the pass of each round.
    void start_serving_steps();
    void tell_requests(std::uint32_t i);
    /// Its GPUs are for jobs from now on.
    void leave_service(std::uint32_t i);
    void close_services(instant end);
    /// Is it a replica of a service?
    [[nodiscard]] bool is_replica(std::size_t i) const noexcept {
        return services_ && services_->of_source(jobs_[i].source());
    }
    [[nodiscard]] std::uint32_t service_of(std::size_t i) const noexcept;  ///< \pre it is
    void act_on_service(std::uint32_t i);
    /// Jobs of its replicas end and come.
    void settle_replicas(std::uint32_t i);
    void start_replica(const partition& p, std::size_t i);
    void stop_replica(std::size_t i, run_end how);

    // --- nodes that leave and come back ----------------------------------------------------------------
    /// Then what happens to nodes is of no interest to a run that ends with its last job.
    [[nodiscard]] bool is_drained() const noexcept {
        return until_ == never && live() == 0 && feed_.empty() && held_.size() == 0 &&
               (!services_ || services_->num_over() == services_->size());
    }
    void forget_changes() {
        if (changes_.any() || slowdowns_.any()) forget_changes_now();
    }
    void forget_changes_now();
    void schedule_changes();

    // --- feeds of power --------------------------------------------------------------------------------
    [[nodiscard]] bool feeds_act() const noexcept { return energy_ != nullptr && energy_->acts(); }
    void follow(followed& f, instant due, phase when, std::uint8_t what, std::uint32_t entity = 0);
    void follow_feeds();
    void change_feeds();
    void control_feeds();
    /// Policies whose own jobs have not changed what feeds could carry more: all but that of `by`.
    void tell_headroom(const partition* by) {
        if (headroom_) tell_headroom_to_all(by);
    }
    void tell_headroom_to_all(const partition* by);
    /// These nodes of the fleet fail, with their jobs; how many.
    std::uint64_t lose(std::span<const node_id> nodes);
    void bring_back(std::span<const node_id> nodes);
    /// All that fails at random, or is repaired, at this instant.
    [[gnu::noinline]] void change_parts();
    /// Jobs that hold any of these GPUs stop, the nodes go on; how many.
    std::uint64_t interrupt(std::span<const node_id> nodes, std::uint64_t gpus);
    /// Jobs that hold GPUs of these nodes that have failed, which nobody knows.
    void befall(std::span<const node_id> nodes);
    /// Behind all else of a plan, those that it has started or resized.
    void befall_started(partition& p);
    void befall(partition& p, job_id job);
    /// From now on it computes wrong results, which it keeps.
    void spoil(const partition& p, std::size_t i);
    /// Its run is over; where that is because its results are found to be wrong, it goes back to before they were.
    void forget_spoilt(partition& p, std::size_t i) {
        if (!spoilt_.empty()) forget_spoilt_run(p, i);
    }
    void forget_spoilt_run(partition& p, std::size_t i);
    /// It gets no further until it is stopped, or leaves the part.
    void hang(partition& p, job_id job);
    void schedule_slowdowns();
    /// All slowdowns that begin or end at this instant.
    [[gnu::noinline]] void change_speeds();
    /// What pacers say of these nodes of the fleet may have changed, and with it the speed of the jobs that hold GPUs
    /// of them. \pre rising; there are pacers
    void repace(std::span<const node_id> nodes);
    /// It works on at the speed of now, which is a new stretch of the same run; what its checkpoints are due for goes
    /// on over the change.
    void repace(partition& p, job_id job);
    /// The same at the speed that it has; `change(costs)` says what it costs from now on.
    template <class F>
    void go_on(partition& p, job_id job, F change) {
        const std::size_t i = index(job);
        go_on(p, job, p.jobs[i].speed, changed_run_of(p, i).queued_speed, change);
    }
    /// Another stretch of its run, at this speed, begins.
    template <class F>
    void go_on(partition& p, job_id job, double speed, double queued_speed, F change) {
        stretch_to_come next = leave_stretch(p, job);
        change(next.run.costs);
        next.run.queued_speed = queued_speed;
        enter_stretch(p, job, next, speed);
    }
    struct stretch_to_come {
        policy::changed_run run;
        duration work;  ///< that the one before did
    };
    stretch_to_come leave_stretch(partition& p, job_id job);
    void enter_stretch(partition& p, job_id job, const stretch_to_come& next, double speed);
    /// As if it had changed before, if it has not.
    [[nodiscard]] policy::changed_run changed_run_of(const partition& p, std::size_t i) const;
    /// When a running job began its run, or was resized last.
    [[nodiscard]] instant began(const partition& p, std::size_t i) const noexcept {
        const policy::changed_table& changed = jobs_.changed();
        return i < changed.size() && changed[i].any ? changed[i].began : p.jobs[i].run_start;
    }
    [[nodiscard]] stretch stretch_now(const partition& p, std::size_t i) const noexcept {
        return stretch_of(p.jobs[i], began(p, i));
    }
    [[nodiscard]] std::uint64_t gpus_of(std::span<const node_id> nodes) const noexcept;
    void hold_back(std::span<const node_id> nodes);  ///< they come into service later; before the run
    void commission(std::span<const node_id> nodes);
    void deliver(delivery d);
    /// They leave for good, with their jobs; before, who plans with them learns of it.
    void retire(const retirement& r);
    void announce(const retirement& r);
    void announce_closing(std::uint32_t number);  ///< who plans with the nodes of this reservation learns of it
    void begin_closing(std::uint32_t number);
    void end_closing(std::uint32_t number);
    void drain_replicas(std::uint32_t number);
    void change_capacity();  ///< all changes of this instant
    /// Its nodes have left or come back; `settle_sites` follows, once all partitions have been told.
    void tell_capacity(partition& p);
    void settle_sites();
    /// Calls `f(partition, its own of these nodes)` for each that has some and is not over, and tells its policy.
    template <class F>
    void for_parts(std::span<const node_id> nodes, F f);
    [[nodiscard]] partition* reserved_by(std::uint32_t number) noexcept;
    /// A reservation begins, or ends: of jobs of its own those that run are killed; those that wait, rejected.
    void open(std::uint32_t number);
    void shut(std::uint32_t number);
    static void by_arrival(const partition& p, std::vector<job_id>& jobs);
    /// Stops the jobs that hold GPUs of these nodes, of each any of `gpus`, in the order of their arrival; how many.
    std::uint64_t stop_jobs(partition& p, std::span<const node_id> nodes, run_end how,
                            std::uint64_t gpus = ~std::uint64_t{0});
    /// An elastic training job goes on without these nodes, if its terms say so and enough replicas are left.
    bool shrink(partition& p, job_id job, std::span<const node_id> lost);
    void stop(partition& p, job_id job, run_end how);  ///< not by its policy; it waits again
    /// Its run ends before its work does, and it has no GPUs. The caller tells the policy.
    void end_early(partition& p, job_id job, run_end how);
    /// A plan asks a job to leave at its next checkpoint; when that is, also of a run that has changed.
    void begin_vacating(const partition& p, std::size_t i);
    void schedule_vacating(const partition& p, std::size_t i);
    /// When a preemption of its run loses nothing. \pre it runs, without a rule of its own for checkpoints
    [[nodiscard]] instant saved_at(const partition& p, std::size_t i) const;
    /// That is complete; or one of a training job, which leaves if it was asked to and does not end now.
    void end_vacating(job_id job);
    void leave_if_asked(std::size_t i);
    /// Its run is over. \pre it was asked to
    void forget_vacating(partition& p, std::size_t i) noexcept;
    /// A job gives GPUs back.
    void tell_release(partition& p, job_id job, fleet::allocation held) noexcept {
        if (changes_.counts_idle() && !p.is_reserved()) changes_.release(p.in_fleet(p.allocations.shares(held)));
        p.on_nodes.remove(job, p.allocations.shares(held));
    }
    void tell_hold(partition& p, job_id job) { p.on_nodes.add(job, p.allocations.shares(p.jobs[index(job)].held)); }
    /// `done`: work, kept or not; of a training job that is not rejected.
    void close(const partition& p, std::size_t i, outcome how, instant finish, duration done = {});
    void count_end(const partition& p, outcome how) noexcept;
    /// On a mixed fleet: the run held GPUs of one type until `to`.
    void count_type(const stretch& run, instant to);
    [[nodiscard]] fleet::gpu_type type_of(fleet::allocation held) const;  ///< \pre a mixed fleet

    // --- what plans do ---------------------------------------------------------------------------------
    void start(partition& p, job_id job, instant now);
    void preempt(partition& p, const policy::action& a, instant now);
    void resize(partition& p, const policy::action& a, instant now);
    void schedule_end(const partition& p, std::size_t i);
    void reject(partition& p, job_id job);
    void commit(partition& p);
    /// Behind all else of the plan: what it starts has begun.
    [[gnu::noinline]] void set_caps(const partition& p);
    void sample_now();
    [[gnu::noinline]] void take_snapshots(instant now);
    std::vector<gpu_time> held_by_type_;            // on a mixed fleet: GPU-time of runs that have ended
    std::vector<std::uint32_t> touched_, passing_;  // partitions with something to decide, and those that do
    std::vector<partition*> open_;                  // reservations with jobs that have begun and not ended
    std::uint64_t live_ = 0, running_ = 0;          // jobs in the system; of these with GPUs
    std::uint64_t to_come_ = 0;                     // GPUs that were not in service at the start
    std::vector<capacity_step> came_;               // since then
    std::uint64_t arrived_ = 0, finished_ = 0, resizes_ = 0, num_moves_ = 0;  // the last: of jobs between sites
    kernel::event_handle next_change_ = kernel::no_event, next_slowdown_ = kernel::no_event;
    std::vector<followed> step_ends_, request_arrivals_, service_acts_;  // (services)
    followed feeds_change_, feeds_control_, parts_change_, store_writes_;
    std::vector<std::uint64_t> stopped_by_;  // (causes) jobs
    std::vector<node_id> failed_nodes_;      // while parts fail
    [[nodiscard]] std::vector<spoilt_run>::iterator spoilt_at(std::size_t job);
    std::vector<spoilt_run> spoilt_;
    pod_vector<kernel::event_handle> vacated_;  // by job_id, behind the last that was asked; else `no_event`
    bool falls_back_ = false;                   // while wrong results are found
    std::vector<job_id> on_these_nodes_, hit_;  // while runs are re-paced; while jobs are stopped
    std::vector<std::uint32_t> saved_;          // while checkpoints are written
    std::vector<node_id> repaced_;              // by the caps of a plan
    instant reached_ = start_of_time;
    kernel::event_handle alarm_ = kernel::no_event;
    instant alarm_at_ = never;
    summary summary_;
};

}  // namespace ampacity::sim
