#pragma once
/// \file
/// Jobs in the system, the runs of those that have GPUs, and the books of both.
///
/// A row belongs to a job from its submit until it leaves, and is then used again; the record of the job stays. What
/// policies see of a job is kept elsewhere and passed in. Everything costs O(1). Not thread-safe.

#include "holds.hpp"
#include "job_books.hpp"
#include "part_books.hpp"

#include <ampacity/core/accounts.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/ids.hpp>
#include <ampacity/core/pod_vector.hpp>
#include <ampacity/core/run_costs.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/execution/run.hpp>
#include <ampacity/kernel/event.hpp>
#include <ampacity/policy/job_view.hpp>
#include <ampacity/sim/observer.hpp>
#include <ampacity/sim/result.hpp>
#include <ampacity/workload/job.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace ampacity::sim {

/// What only the simulation knows of a live job. Half a cache line: most live jobs may be waiting.
struct alignas(32) live_job {
    duration work{};             ///< the truth: the whole work at speed 1; stands first, for `oracle_view`
    duration ran{};              ///< run time of the runs that have ended
    holds::key key = 0;          ///< its source and row
    std::uint32_t run = 0;       ///< while it runs: the row of its run; of a free row: the next one
    std::uint16_t part = 0;      ///< its partition
    std::uint16_t training = 0;  ///< as in its request

    [[nodiscard]] std::uint16_t source() const noexcept { return static_cast<std::uint16_t>(key >> holds::row_bits); }
};
static_assert(sizeof(live_job) == 32);

class live_jobs {
public:
    using job_view = policy::job_view;

    /// Without `costs` preemption is free. They outlive this. `paced`: nodes may become slow.
    live_jobs(std::size_t sources, const preemption_costs* costs, bool enforce_estimate, bool paced)
        : costs_(costs),
          enforce_estimate_(enforce_estimate),
          paced_(paced),
          records_(sources),
          elastic_records_(sources) {
        AMPACITY_ASSERT(sources <= 1U << 16U);
    }

    // --- jobs ------------------------------------------------------------------------------------------

    [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }
    [[nodiscard]] const live_job* data() const noexcept { return rows_.data(); }
    [[nodiscard]] const live_job& operator[](std::size_t i) const noexcept { return rows_[i]; }
    /// What `policy::view` shows of elastic jobs.
    [[nodiscard]] policy::elastic_table& elastic() noexcept { return elastic_; }
    [[nodiscard]] const policy::elastic_table& elastic() const noexcept { return elastic_; }
    /// What it shows of runs that have changed.
    [[nodiscard]] policy::changed_table& changed() noexcept { return changed_; }
    [[nodiscard]] const policy::changed_table& changed() const noexcept { return changed_; }
    [[nodiscard]] bool is_elastic(std::size_t i) const noexcept {
        return i < elastic_.size() && elastic_[i].gpus_max != 0;
    }
    /// Speed of an elastic job on so many GPUs, relative to that on those that it prefers; 1 of others.
    [[nodiscard]] double scaled(std::size_t i, std::uint32_t gpus) const noexcept {
        return is_elastic(i) ? elastic_[i].speed_on(gpus) / elastic_[i].speed : 1.0;
    }

    /// The job has a record from now on.
    job_record& record(const workload::job_request& r, std::size_t source) {
        auto& records = records_[source];
        records.grow_to(r.row + 1, {});
        job_record& kept = records[r.row];
        __builtin_prefetch(&kept + 16, 1);
        kept.name = r.name;
        kept.submit = r.submit;
        kept.gpus = r.gpus;
        kept.name_is_text = r.name_is_text;
        if (r.gpus_min != r.gpus_max) {
            kept.elastic = true;
            elastic_records_[source].grow_to(r.row + 1, {});
            elastic_records_[source][r.row].work = r.work;
        }
        return kept;
    }
    /// It enters the system. \pre it has a record
    job_id enter(const workload::job_request& r, holds::key key, std::uint16_t part) {
        job_id job = free_row_;
        if (job != none<job_id>) {
            free_row_ = job_id{rows_[index(job)].run};
        } else {
            job = job_id{static_cast<std::uint32_t>(rows_.size())};
            rows_.push_back({});
        }
        const std::size_t i = index(job);
        rows_[i] = {.work = r.work, .key = key, .part = part, .training = r.training};
        if (costs_ != nullptr) {
            waste_.grow_to(i + 1, {});
            waste_[i] = {};
        }
        if (r.gpus_min != r.gpus_max) {
            elastic_.grow_to(i + 1, {});
            elastic_books_.grow_to(i + 1, {});
            elastic_books_[i] = {};
        }
        if (i < elastic_.size()) elastic_[i] = terms_of(r);
        if (paced_ || r.gpus_min != r.gpus_max) changed_.grow_to(i + 1, {});
        if (i < changed_.size()) changed_[i].any = false;
        if (enforce_estimate_) {
            allowance_.grow_to(i + 1, {});
            allowance_[i] = r.estimate != workload::no_estimate ? r.estimate : duration::max();
        }
        return job;
    }
    /// It goes to another partition. \pre it waits
    void move(job_id job, std::uint16_t part) {
        live_job& l = rows_[index(job)];
        if (parts_.any()) parts_.leave(index(job), l.part, used_by(index(job), false, {}, 0));
        l.part = part;
    }
    /// It has left; its row may be used by another one.
    void leave(job_id job) noexcept {
        rows_[index(job)].run = static_cast<std::uint32_t>(free_row_);
        free_row_ = job;
    }

    [[nodiscard]] job_record& record_at(holds::key key) noexcept {
        return records_[key >> holds::row_bits][key & holds::row_mask];
    }
    [[nodiscard]] job_record& record_of(std::size_t i) noexcept { return record_at(rows_[i].key); }
    [[nodiscard]] source_records all_records(std::size_t source) const {
        return {.jobs = records_.at(source).span(), .elastic = elastic_records_.at(source).span()};
    }
    [[nodiscard]] std::size_t num_sources() const noexcept { return records_.size(); }

    // --- runs ------------------------------------------------------------------------------------------

    /// The event that ends its run. \pre it runs
    [[nodiscard]] kernel::event_handle& end_event(std::size_t i) noexcept { return runs_[rows_[i].run].ends; }
    [[nodiscard]] const execution::run& run_of(std::size_t i) const noexcept { return runs_[rows_[i].run].run; }

    /// A run begins: from here on its row knows the remaining work and the run time.
    void begin_run(std::size_t i, const job_view& j, instant now) {
        live_job& l = rows_[i];
        if (free_runs_.empty()) {
            l.run = static_cast<std::uint32_t>(runs_.size());
            runs_.push_back({});
            if (free_runs_.capacity() < runs_.size()) free_runs_.reserve(2 * runs_.size());
        } else {
            l.run = free_runs_.back();
            free_runs_.pop_back();
        }
        execution::run& run = runs_[l.run].run;
        run = {.remaining = l.work - j.progress, .ran = l.ran, .speed = j.speed};
        if (costs_ != nullptr) run.costs = &j.costs(costs_);
        // Until the job leaves, its record counts as lost what a policy threw away.
        if (enforce_estimate_ && allowance_[i] != duration::max())
            run.allowance = allowance_[i] - l.ran - record_of(i).lost;
        run.start(now);
    }

    /// The run is over; its row may be used again. What is left follows from the job's progress. What it did after
    /// `until` is not booked here.
    void end_run(std::size_t i, instant until, std::uint32_t gpus, run_end how) {
        end_stretch(i, until, gpus, how);
        free_runs_.push_back(rows_[i].run);
    }
    /// What its progress gains if the run is stopped now.
    [[nodiscard]] duration gain_if_stopped(std::size_t i, instant now, run_end how) const {
        const execution::run& run = run_of(i);
        if (run.costs == nullptr) return work_in(now - run.since, run.speed);
        return run.costs->stopped(now - run.since, run.speed, how == run_end::failed).gained;
    }

    /// What of the run time of a job is useful, and of the GPU-time of an elastic one.
    struct useful_time {
        duration time{};
        gpu_time gpus = 0;
    };
    /// The same if its run fails now. \pre preemption has costs
    [[nodiscard]] useful_time useful_if_failed(std::size_t i, instant now, std::uint32_t gpus) const {
        const execution::run& run = run_of(i);
        const run_time t = run.spent(now);
        const duration lost = run.costs->stopped(now - run.since, run.speed, true).lost;
        useful_time out = useful(i, run.ran);
        out.time += t.worked - lost;
        if (is_elastic(i)) out.gpus += gpu_time{ticks(t.worked - lost)} * gpus;
        return out;
    }
    /// What has been useful beyond that is lost. \pre it does not run; preemption has costs
    void fall_back(std::size_t i, const useful_time& to) {
        const useful_time now = useful(i, rows_[i].ran);
        waste_[i].lost += std::max(now.time - to.time, duration::zero());
        if (is_elastic(i)) elastic_books_[i].lost += std::max<gpu_time>(now.gpus - to.gpus, 0);
    }

    /// The run goes on with other GPUs or at another speed, as the policy sees it.
    void change_run(std::size_t i, const job_view& j, instant now, std::uint32_t gpus_before) {
        end_stretch(i, now, gpus_before, run_end::unfinished);
        runs_[rows_[i].run].run.go_on(j.speed, costs_ == nullptr ? nullptr : costs_of_change(i));
    }

    /// A failure ends the stretch of a run that goes on, from the progress that is left.
    void fail_stretch(std::size_t i, instant now, std::uint32_t gpus_before) {
        end_stretch(i, now, gpus_before, run_end::failed);
    }
    void go_on_from(std::size_t i, const job_view& j) {
        execution::run& run = runs_[rows_[i].run].run;
        run.remaining = rows_[i].work - j.progress;
        run.go_on(j.speed, costs_of_change(i));
    }

    /// The record learns of the first start when that run ends, so that starting touches fewer rows.
    void started_at(std::size_t i, instant run_start) noexcept {
        job_record& r = record_of(i);
        if (r.first_start == unset) r.first_start = run_start;
    }

    /// Time that a policy threw away.
    void lose(std::size_t i, duration time, std::uint32_t gpus) noexcept {
        const gpu_time lost = gpu_time{ticks(time)} * gpus;
        record_of(i).lost += time;
        books_[account::lost] += lost;
        parts_.lose(rows_[i].part, lost);
        if (is_elastic(i)) elastic_record_of(i).lost += lost;
    }

    /// Run time of a live job that was not useful, where preemption has costs.
    using waste = job_waste;
    /// \pre it does
    [[nodiscard]] const waste& waste_of(std::size_t i) const noexcept { return waste_[i]; }

    /// Completes the job's record and books its time. A killed job has no result, nor has a rejected one that ran
    /// before: its time is lost.
    void close(std::size_t i, outcome how, instant finish) {
        const duration ran = rows_[i].ran;
        job_record& r = record_of(i);
        r.state = how;
        r.finish = finish;
        job_books used = is_elastic(i) ? elastic_books_[i] : job_books{.held = gpu_time{ticks(ran)} * r.gpus};
        if (how == outcome::killed || how == outcome::rejected) {
            r.lost += ran;
            used = {.held = used.held, .lost = used.held};
        } else if (costs_ == nullptr) {
            r.useful += ran;
        } else {
            const waste& w = waste_[i];
            r.lost += w.lost;
            r.useful = ran - w.lost - w.checkpoint - w.restart - w.stalled;
            if (!is_elastic(i)) used = job_books::of(ran, w, r.gpus);
        }
        used.book(books_);
        parts_.close(i, rows_[i].part, used);
        if (is_elastic(i)) {
            elastic_record& e = elastic_record_of(i);
            e.useful = used.useful();
            e.lost += used.lost;
        }
    }

    /// What `close` would book of a job that is left unfinished at `until`; of one that runs, on so many GPUs.
    [[nodiscard]] job_books used_by(std::size_t i, bool runs, instant until, std::uint32_t gpus) const {
        duration ran = rows_[i].ran;
        waste w = costs_ == nullptr ? waste{} : waste_[i];
        job_books used = is_elastic(i) ? elastic_books_[i] : job_books{};
        if (runs) {
            const execution::run& run = run_of(i);
            const run_time t = run.spent(until);
            if (costs_ != nullptr) w.add(t, duration::zero());
            if (is_elastic(i)) used.add(t, until - run.since, duration::zero(), gpus);
            ran = run.ran + (until - run.since);
        }
        if (!is_elastic(i))
            used = job_books::of(ran, w, records_[rows_[i].source()][rows_[i].key & holds::row_mask].gpus);
        return used;
    }

    /// GPU-time of kept work. \pre the job was closed
    [[nodiscard]] gpu_time kept_by(std::size_t i) const {
        return all_records(rows_[i].source()).useful(rows_[i].key & holds::row_mask);
    }

    /// Of jobs that have been closed.
    [[nodiscard]] const ledger& books() const noexcept { return books_; }
    /// The same by partition, which only sites ask for.
    [[nodiscard]] part_books& parts() noexcept { return parts_; }
    [[nodiscard]] const part_books& parts() const noexcept { return parts_; }

private:
    /// A job that runs. There are never more of these than GPUs, so they stay in the cache however many jobs wait.
    struct alignas(64) running_job {
        execution::run run{};
        kernel::event_handle ends = kernel::no_event;
    };
    static_assert(sizeof(running_job) == 64);

    static policy::elastic_job terms_of(const workload::job_request& r) noexcept {
        if (r.gpus_min == r.gpus_max) return {};
        return {.gpus_min = r.gpus_min,
                .gpus = r.gpus,
                .gpus_max = r.gpus_max,
                .step = r.gpus_step,
                .serial_fraction = r.serial_fraction,
                .speed = r.accelerator.speed};
    }

    /// Of the stretches that are over.
    [[nodiscard]] useful_time useful(std::size_t i, duration ran) const {
        const waste& w = waste_[i];
        useful_time out{.time = ran - w.lost - w.checkpoint - w.restart - w.stalled};
        if (!is_elastic(i)) return out;
        const job_books& b = elastic_books_[i];
        out.gpus = b.useful();
        return out;
    }

    [[nodiscard]] elastic_record& elastic_record_of(std::size_t i) noexcept {
        return elastic_records_[rows_[i].key >> holds::row_bits][rows_[i].key & holds::row_mask];
    }

    /// Books the time since the run began or changed last.
    void end_stretch(std::size_t i, instant until, std::uint32_t gpus, run_end how) {
        live_job& l = rows_[i];
        execution::run& run = runs_[l.run].run;
        if (costs_ != nullptr || is_elastic(i)) {
            const run_time t = run.spent(until);
            const bool loses = waits_again(how) && run.costs != nullptr;
            const duration lost = loses ? run.costs->stopped(until - run.since, run.speed, how == run_end::failed).lost
                                        : duration::zero();
            if (costs_ != nullptr) waste_[i].add(t, lost);
            if (is_elastic(i)) elastic_books_[i].add(t, until - run.since, lost, gpus);
        }
        run.advance(until);
        l.ran = run.ran;
    }

    /// They stay where they are for as long as the run lasts.
    const run_costs* costs_of_change(std::size_t i) {
        const std::uint32_t row = rows_[i].run;
        if (changed_costs_.size() <= row) changed_costs_.resize(row + 1);
        changed_costs_[row] = changed_[i].costs;
        return &changed_costs_[row];
    }

    const preemption_costs* costs_;
    bool enforce_estimate_;
    bool paced_;
    pod_vector<live_job, pages::huge> rows_;  // by job_id
    job_id free_row_ = none<job_id>;          // the first of a chain
    pod_vector<duration> allowance_;          // by job_id: run time before it is killed; only where that is enforced
    pod_vector<waste> waste_;                 // by job_id: only where preemption has costs
    policy::elastic_table elastic_;           // by job_id
    policy::changed_table changed_;           // by job_id: what policies see, ahead of the runs while they plan
    pod_vector<job_books> elastic_books_;     // by job_id: ends behind the last elastic job
    pod_vector<running_job> runs_;
    std::vector<std::uint32_t> free_runs_;                      // rows of runs_
    std::deque<run_costs> changed_costs_;                       // by row of runs_: of runs that have changed
    std::vector<pod_vector<job_record, pages::huge>> records_;  // by source, by row
    std::vector<pod_vector<elastic_record>> elastic_records_;   // the same
    ledger books_;
    part_books parts_;
};

/// A run that computes wrong results, and what it would be without.
struct spoilt_run {
    std::size_t job = 0;
    duration progress{};
    live_jobs::useful_time useful{};
};

}  // namespace ampacity::sim
