// Feeds and caps of power, slow nodes, and runs that go on at another speed or cost.

#include "model.hpp"

namespace ampacity::sim {

void simulation::model::change_feeds() {
    feeds_change_ = {};
    const power::plant::outcome& what = energy_->change_feeds(kernel_.now());
    if (!what.lost.empty()) lose(what.lost);
    if (!what.back.empty()) bring_back(what.back);
    if (!what.lost.empty() || !what.back.empty()) {
        tell_capacity(main());
        settle_sites();
    }
    tell_headroom(nullptr);
}

void simulation::model::control_feeds() {
    feeds_control_ = {};
    const auto& what = energy_->control(kernel_.now());
    if (what.repaced.empty()) return;
    repace(what.repaced);
    tell_headroom(nullptr);
}

void simulation::model::tell_headroom_to_all(const partition* by) {
    for (const auto& p : partitions_) {
        if (p.get() == by || p->is_over) continue;
        p->scheduler->on_headroom_changed(picture(*p));
        touch(*p);
    }
}

void simulation::model::schedule_slowdowns() {
    next_slowdown_ = kernel::no_event;
    if (const auto when = slowdowns_.when(); when && !is_drained())
        next_slowdown_ = kernel_.schedule(*when, changes, {.kind = nodes_slow_down});
}

void simulation::model::change_speeds() {
    repace(slowdowns_.change_all(kernel_.now()));
    schedule_slowdowns();
}

void simulation::model::repace(std::span<const node_id> nodes) {
    for (const auto& p : partitions_) {
        if (p->is_over) continue;
        p->on_nodes.find(p->own(nodes), on_these_nodes_);
        by_arrival(*p, on_these_nodes_);
        for (const job_id job : on_these_nodes_) repace(*p, job);
    }
}

void simulation::model::repace(partition& p, job_id job) {
    const std::size_t i = index(job);
    const policy::job_view& j = p.jobs[i];
    const auto held = p.allocations.shares(j.held);
    const double placed = p.pace.full_speed(job, held, changed_run_of(p, i).full_speed);
    const double speed = placed * p.pace.pace(job, held);
    if (speed != j.speed) go_on(p, job, speed, placed, [](run_costs&) {});
}

simulation::model::stretch_to_come simulation::model::leave_stretch(partition& p, job_id job) {
    const std::size_t i = index(job);
    const policy::job_view& j = p.jobs[i];
    policy::changed_run now = changed_run_of(p, i);
    p.scheduler->on_speed_changing(picture(p), job);
    const duration elapsed = kernel_.now() - j.run_start;
    const duration worked = costs_ == nullptr ? elapsed : now.costs.spend(elapsed).worked;
    const std::uint16_t training = jobs_[i].training;
    if (trainings_ && trainings_->is_driven(training)) {
        now.costs = now.costs.driven_rest(elapsed, j.speed);
    } else if (costs_ != nullptr) {
        now.costs = now.costs.rest(elapsed, j.speed);
    }
    return {.run = now, .work = work_in(worked, j.speed)};
}

void simulation::model::enter_stretch(partition& p, job_id job, const stretch_to_come& next, double speed) {
    const std::size_t i = index(job);
    policy::job_view& j = p.jobs[i];
    const std::uint16_t training = jobs_[i].training;
    if (training != 0) trainings_->count_steps(training, j.progress, next.work, j.speed);
    j.progress += next.work;
    j.run_start = kernel_.now();
    j.speed = speed;
    jobs_.changed()[i] = next.run;
    jobs_.change_run(i, j, kernel_.now(), j.demand.gpus);
    if (is_replica(i)) {
        const std::uint32_t s = services_->of_job(jobs_[i].source(), jobs_[i].key & holds::row_mask);
        services_->set_pace(s, job, speed, kernel_.now());
    } else {
        kernel_.cancel(jobs_.end_event(i));
        schedule_end(p, i);
    }
    if (training != 0) schedule_boundary(p, i);
    schedule_vacating(p, i);
    p.scheduler->on_speed_changed(picture(p), job);
    touch(p);
}

void simulation::model::set_caps(const partition& p) {
    const power::power_tree& tree = energy_->plant().tree();
    repaced_.clear();
    for (const policy::action& a : p.plan.actions()) {
        if (a.kind != policy::action_kind::set_cap) continue;
        const power::class_limits to{a.cap.low, a.cap.high};
        const auto add = [this](const power::plant::outcome& what) {
            repaced_.insert(repaced_.end(), what.repaced.begin(), what.repaced.end());
        };
        if (a.feed != policy::action::none_of_feeds) {
            add(energy_->cap(kernel_.now(), headroom_->device_of(a.feed), to));
            continue;
        }
        // Racks whose nodes follow each other need not do so themselves.
        for (std::size_t n = index(a.first_node); n != index(a.last_node);) {
            const std::uint32_t unit = tree.unit_of(n);
            add(energy_->cap_units(kernel_.now(), unit, unit + 1, to));
            n += tree.units()[unit].nodes;
        }
    }
    if (repaced_.empty()) return;
    std::sort(repaced_.begin(), repaced_.end());
    repaced_.erase(std::unique(repaced_.begin(), repaced_.end()), repaced_.end());
    repace(repaced_);
    tell_headroom(&p);
}

policy::changed_run simulation::model::changed_run_of(const partition& p, std::size_t i) const {
    if (jobs_.changed()[i].any) return jobs_.changed()[i];
    const policy::job_view& j = p.jobs[i];
    return {.costs = costs_ == nullptr ? run_costs{} : j.costs(costs_),
            .began = j.run_start,
            .full_speed = j.speed,
            .queued_speed = j.speed,
            .any = true};
}

}  // namespace ampacity::sim
