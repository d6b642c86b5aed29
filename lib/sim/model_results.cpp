// What a run yields, once it has ended.

#include "model.hpp"
#include "sites.hpp"

namespace ampacity::sim {

source_records simulation::model::all_records(std::size_t source) const {
    if (services_ && services_->of_source(source)) return {};
    return jobs_.all_records(source);
}

const summary& simulation::model::results() {
    if (closed_) return summary_;
    closed_ = true;
    const instant end = ended_ && until_ != never ? until_ : reached_;
    meter_.finish(end);
    take_snapshots(end);
    advance(end);
    reached_ = end;
    if (sites_) sites_->close();
    for (std::size_t i = 0; i != jobs_.size(); ++i) {
        partition& p = part_of(i);
        if (i >= p.jobs.size() || p.jobs[i].state == policy::job_state::absent) continue;
        duration done = p.jobs[i].progress;
        if (p.jobs[i].state == policy::job_state::running) {
            leave_training(p, i, stretch_now(p, i), end);
            if (jobs_[i].training != 0) done = done_by(p, i, end);
            jobs_.end_run(i, end, p.jobs[i].demand.gpus, run_end::unfinished);
            count_type(stretch_now(p, i), end);
            tell_.stop(p, i, stretch_now(p, i), end, run_end::unfinished);
        }
        close(p, i, outcome::unfinished, unset, done);
    }
    std::vector<source_records> records;
    for (std::size_t i = 0; i != jobs_.num_sources(); ++i) records.push_back(all_records(i));
    summary_ = summarise(records, fleet().installed_gpus() - to_come_, came_);
    if (!jobs_.elastic().empty()) summary_.resizes = resizes_;
    summary_.simulated = end - start_of_time;
    if (energy_) summary_.energy = energy_->results(end);
    for (const auto& p : partitions_) {
        if (counts_of(*p) != nullptr) count_held(*p);
    }
    summary_.reservations = changes_.results(end);
    for (std::size_t i = 0; i != stopped_by_.size(); ++i) {
        const faults::cause_tally what = failures_->tally(i, end);
        summary_.failures.push_back({.name = failures_->processes()[i].cause,
                                     .failures = what.failures,
                                     .jobs_stopped = stopped_by_[i],
                                     .node_s = static_cast<double>(what.node_ns) / 1e9});
        if (failures_->processes()[i].speed) summary_.failures.back().slow_s = static_cast<double>(what.slow_ns) / 1e9;
    }
    if (held_.any()) summary_.held = held_.size();
    if (trainings_) summary_.trainings = trainings_->results();
    summary_.books = jobs_.books();
    if (services_) close_services(end);
    for (std::size_t t = 0; t != held_by_type_.size(); ++t) {
        const auto type = static_cast<fleet::gpu_type>(t);
        summary_.types.push_back({.name = fleet().free().types()->name(type),
                                  .gpus = fleet().installed_gpus_of(type),
                                  .held = held_by_type_[t]});
    }
    for (const auto& p : partitions_) {
        if (!sites_ || p->number != 0) p->fleet.book(summary_.books);
    }
    summary_.books.check();
    if (sites_) {
        sites_->finish(end, summary_.books, energy_.get());
        summary_.sites = sites_->results();
        summary_.migrations = sites_->moves();
    }
    for (training_result& t : summary_.trainings) {
        if (t.cost) share_costs(*t.cost, *summary_.energy, summary_.books.capacity);
    }
    snapshots_.finish(summary_, energy_.get(), end);
    return summary_;
}

}  // namespace ampacity::sim
