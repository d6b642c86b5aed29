// Parts that fail, hang or compute wrong results.

#include "model.hpp"

namespace ampacity::sim {

void simulation::model::change_parts() {
    parts_change_ = {};
    bool any = false;
    while (failures_->next() == kernel_.now()) {
        const auto change = failures_->advance(fleet().states());
        if (!change) continue;
        falls_back_ = failures_->processes()[change->process].silent;
        failed_nodes_.clear();
        for (std::uint32_t n = change->first_node; n != change->last_node; ++n) failed_nodes_.push_back(node_id{n});
        switch (change->what) {
            case faults::part_change::kind::slows:
            case faults::part_change::kind::recovers: repace(failed_nodes_); continue;
            case faults::part_change::kind::hangs:
            case faults::part_change::kind::corrupts: befall(failed_nodes_); continue;
            case faults::part_change::kind::fails: stopped_by_[change->process] += lose(failed_nodes_); break;
            case faults::part_change::kind::stops:
                stopped_by_[change->process] += interrupt(failed_nodes_, change->gpus);
                continue;
            case faults::part_change::kind::repaired: bring_back(failed_nodes_); break;
        }
        any = true;
    }
    falls_back_ = false;
    if (!any) return;
    tell_capacity(main());
    settle_sites();
}

std::uint64_t simulation::model::interrupt(std::span<const node_id> nodes, std::uint64_t gpus) {
    std::uint64_t stopped = 0;
    for (const auto& p : partitions_) {
        if (p->is_over) continue;
        const std::uint64_t here = stop_jobs(*p, p->own(nodes), run_end::failed, gpus);
        if (here != 0) touch(*p);
        stopped += here;
    }
    return stopped;
}

void simulation::model::befall(std::span<const node_id> nodes) {
    for (const auto& p : partitions_) {
        if (p->is_over) continue;
        p->on_nodes.find(p->own(nodes), on_these_nodes_);
        by_arrival(*p, on_these_nodes_);
        for (const job_id job : on_these_nodes_) befall(*p, job);
    }
}

void simulation::model::befall_started(partition& p) {
    for (const policy::action& a : p.plan.actions()) {
        if (a.kind == policy::action_kind::start || a.kind == policy::action_kind::resize) befall(p, a.job);
    }
}

void simulation::model::befall(partition& p, job_id job) {
    bool hangs = false, corrupts = false;
    for (const fleet::gpu_share& s : p.allocations.shares(p.jobs[index(job)].held)) {
        const auto node = static_cast<std::uint32_t>(index(p.row_in_fleet(s.node)));
        hangs = hangs || failures_->hangs(node, s.gpus);
        corrupts = corrupts || failures_->corrupts(node, s.gpus);
    }
    if (corrupts) spoil(p, index(job));
    if (hangs) hang(p, job);
}

void simulation::model::spoil(const partition& p, std::size_t i) {
    const policy::job_view& j = p.jobs[i];
    if (spoilt_at(i) != spoilt_.end()) return;
    spoilt_.push_back({.job = i,
                       .progress = j.progress + jobs_.gain_if_stopped(i, kernel_.now(), run_end::failed),
                       .useful = jobs_.useful_if_failed(i, kernel_.now(), j.demand.gpus)});
}

void simulation::model::forget_spoilt_run(partition& p, std::size_t i) {
    const auto at = spoilt_at(i);
    if (at == spoilt_.end()) return;
    if (falls_back_) {
        p.jobs[i].progress = std::min(p.jobs[i].progress, at->progress);
        jobs_.fall_back(i, at->useful);
    }
    spoilt_.erase(at);
}

void simulation::model::hang(partition& p, job_id job) {
    if (changed_run_of(p, index(job)).costs.hangs) return;
    go_on(p, job, [](run_costs& c) { c.hangs = true; });
}

std::vector<spoilt_run>::iterator simulation::model::spoilt_at(std::size_t job) {
    return std::find_if(spoilt_.begin(), spoilt_.end(), [job](const spoilt_run& r) { return r.job == job; });
}

}  // namespace ampacity::sim
