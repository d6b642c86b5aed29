// Training jobs: what is due within their runs, and the store and the network that they share.

#include "model.hpp"
#include "sites.hpp"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

namespace ampacity::sim {
namespace {

/// Of what a job holds, so much that it is whole replicas, without these nodes; how many GPUs.
std::uint32_t left_of(std::span<const fleet::gpu_share> held, std::span<const node_id> lost, std::uint32_t replica,
                      std::vector<fleet::gpu_share>& out) {
    out.clear();
    std::uint32_t gpus = 0;
    for (const fleet::gpu_share& s : held) {
        if (std::binary_search(lost.begin(), lost.end(), s.node)) continue;
        out.push_back(s);
        gpus += fleet::count_gpus(s.gpus);
    }
    for (std::uint32_t over = gpus % replica; over != 0; --over) {
        out.back().gpus &= ~std::bit_floor(out.back().gpus);
        if (out.back().gpus == 0) out.pop_back();
    }
    return gpus - gpus % replica;
}

}  // namespace

void simulation::model::start_training(const partition& p, std::size_t i) {
    const std::uint16_t row = jobs_[i].training;
    const auto held = p.in_fleet(p.allocations.shares(p.jobs[i].held));
    const double scaled = jobs_.scaled(i, p.jobs[i].demand.gpus);
    trainings_->begin(i, row, held, scaled);
    if (energy_) trainings_->begin_energy(i, kernel_.now(), held, *energy_);
    if (trainings_->is_driven(row)) jobs_.changed()[i] = changed_run_of(p, i);
    schedule_boundary(p, i);
}

void simulation::model::leave_training_run(const partition& p, std::size_t i, const stretch& which, instant until) {
    if (energy_) {
        const instant now = std::max(kernel_.now(), until);
        const auto held = p.in_fleet(p.allocations.shares(which.held));
        trainings_->end_energy(i, jobs_[i].training, now, held, which.gpus, *energy_);
    }
    const execution::run& run = jobs_.run_of(i);
    const duration work = std::min(run.remaining, work_in(run.spent(until).worked, run.speed));
    trainings_->count_steps(jobs_[i].training, jobs_[i].work - run.remaining, work, run.speed);
    kernel_.cancel(trainings_->leave(i, kernel_.now()));
}

duration simulation::model::done_by(const partition& p, std::size_t i, instant until) const {
    const execution::run& run = jobs_.run_of(i);
    return p.jobs[i].progress + std::min(run.remaining, work_in(run.spent(until).worked, run.speed));
}

void simulation::model::close_training(std::size_t i, duration done) {
    const job_record& r = jobs_.record_of(i);
    const instant end = r.finish == unset ? reached_ : r.finish;
    const duration elapsed = r.first_start == unset ? duration::zero() : end - r.first_start;
    trainings_->close(jobs_[i].training, done, r, jobs_.waste_of(i), elapsed, jobs_.kept_by(i));
}

void simulation::model::schedule_boundary(const partition& p, std::size_t i) {
    const std::uint16_t row = jobs_[i].training;
    if (!trainings_->is_driven(row)) return;
    kernel::event_handle& event = trainings_->boundary_event(i);
    kernel_.cancel(event);
    const instant at = trainings_->boundary(i, jobs_.changed()[i].costs, p.jobs[i].run_start);
    // None begins as the run ends.
    event = at >= jobs_.run_of(i).end()
                ? kernel::no_event
                : kernel_.schedule(at, completions, {.kind = training_pauses, .entity = static_cast<std::uint32_t>(i)});
}

void simulation::model::pass_boundary(job_id job) {
    const std::size_t i = index(job);
    partition& p = part_of(i);
    trainings_->boundary_event(i) = kernel::no_event;
    bool saved = false;
    go_on(p, job, [&](run_costs& c) { saved = trainings_->pass_boundary(i, jobs_[i].training, kernel_.now(), c); });
    if (saved) leave_if_asked(i);
}

void simulation::model::end_writes() {
    store_writes_ = {};
    saved_.clear();
    for (const std::uint32_t i : trainings_->store().complete(kernel_.now())) {
        bool all = false;
        go_on(part_of(i), job_id{i},
              [&](run_costs& c) { all = trainings_->written(i, jobs_[i].training, kernel_.now(), c); });
        if (part_of(i).jobs[i].vacates || (all && sites_ && sites_->is_to_move(i))) saved_.push_back(i);
    }
    std::sort(saved_.begin(), saved_.end(),
              [this](std::uint32_t a, std::uint32_t b) { return part_of(a).jobs[a].order < part_of(b).jobs[b].order; });
    for (const std::uint32_t i : saved_) leave_if_asked(i);
}

void simulation::model::settle_training() {
    for (const std::uint32_t i : trainings_->repaced()) repace(part_of(i), job_id{i});
    if (!trainings_->store().changed()) return;
    // What one writes changes when others are through.
    for (const auto& w : trainings_->store().writes()) {
        const std::uint32_t i = w.owner;
        if (!trainings_->pause_moved(i)) continue;
        go_on(part_of(i), job_id{i}, [&](run_costs& c) { trainings_->move_pause(i, kernel_.now(), c); });
    }
    follow(store_writes_, trainings_->store().next(), completions, store_has_written);
}

bool simulation::model::shrink(partition& p, job_id job, std::span<const node_id> lost) {
    const std::size_t i = index(job);
    const std::uint16_t row = jobs_[i].training;
    if (row == 0 || !trainings_->of(row).elastic || !jobs_.is_elastic(i)) return false;
    const execution::elastic_terms& terms = *trainings_->of(row).elastic;
    const policy::elastic_job range = jobs_.elastic()[i];
    policy::job_view& j = p.jobs[i];
    if (terms.on_loss == execution::node_loss::stops || p.scheduler->moves_runs()) return false;
    std::vector<fleet::gpu_share> left;
    const std::uint32_t gpus = left_of(p.allocations.shares(j.held), lost, range.step, left);
    if (gpus < range.gpus_min) return false;

    const instant now = kernel_.now();
    p.scheduler->on_speed_changing(picture(p), job);
    const bool reloads = terms.on_loss == execution::node_loss::reloads;
    const stretch before = stretch_now(p, i);
    const run_costs costs = changed_run_of(p, i).costs;
    const duration elapsed = now - j.run_start;
    leave_training(p, i, before, now);
    j.progress +=
        reloads ? jobs_.gain_if_stopped(i, now, run_end::failed) : work_in(costs.spend(elapsed).worked, j.speed);
    const preemption_costs& own = costs_[j.costs_row];
    const run_costs next = reloads ? own.after_resize(duration::zero(), own.resize) : own.after_resize(costs, elapsed);
    if (reloads) {
        jobs_.fail_stretch(i, now, before.gpus);
        forget_spoilt(p, i);
    }
    p.fleet.give(j.demand, p.allocations.shares(j.held));
    tell_release(p, job, j.held);
    j.demand.gpus = gpus;
    p.fleet.take(j.demand, left);
    // What it held before is told to observers, and then released.
    const fleet::allocation held = std::exchange(j.held, p.allocations.store(left));
    tell_hold(p, job);
    j.run_start = now;
    const double usual = range.speed_on(gpus);
    const double placed = p.pace.full_speed(job, left, usual);
    j.speed = placed * p.pace.pace(job, left);
    jobs_.changed()[i] = {.costs = next, .began = now, .full_speed = usual, .queued_speed = placed, .any = true};
    if (reloads)
        jobs_.go_on_from(i, j);
    else
        jobs_.change_run(i, j, now, before.gpus);
    jobs_.started_at(i, before.since);
    kernel_.cancel(jobs_.end_event(i));
    start_training(p, i);
    schedule_end(p, i);
    schedule_vacating(p, i);
    ++resizes_;
    trainings_->resized(row, true);
    tell_.resize(p, i, before, now);
    p.allocations.release(held);
    p.scheduler->on_speed_changed(picture(p), job);
    touch(p);
    tell_headroom(&p);
    return true;
}

}  // namespace ampacity::sim
