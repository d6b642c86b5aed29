// Training jobs: what is due within their runs, and the store and the network that they share.

#include "model.hpp"

namespace ampacity::sim {

void simulation::model::start_training(const partition& p, std::size_t i) {
    const std::uint16_t row = jobs_[i].training;
    const auto held = p.allocations.shares(p.jobs[i].held);
    if (p.rows.empty())
        trainings_->begin(i, row, held);
    else
        trainings_->begin(i, row, p.in_fleet(held));
    if (trainings_->is_driven(row)) jobs_.changed()[i] = changed_run_of(p, i);
    schedule_boundary(p, i);
}

void simulation::model::leave_training_run(std::size_t i, instant until) {
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
    trainings_->close(jobs_[i].training, done, r, jobs_.waste_of(i), elapsed);
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
        go_on(part_of(i), job_id{i},
              [&](run_costs& c) { trainings_->written(i, jobs_[i].training, kernel_.now(), c); });
        if (part_of(i).jobs[i].vacates) saved_.push_back(i);
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

}  // namespace ampacity::sim
