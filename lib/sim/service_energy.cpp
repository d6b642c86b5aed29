#include "service_energy.hpp"

namespace ampacity::sim {

service_energy::service_energy(const std::vector<bool>& sources, std::size_t sites) : totals_(sources.size()) {
    for (std::size_t s = 0; s != sources.size(); ++s) {
        if (sources[s]) totals_[s].resize(sites);
    }
}

service_energy::held_gpus& service_energy::held_by(const job_event& e) {
    std::vector<held_gpus>& all = e.job == none<job_id> ? of_source_ : of_job_;
    const std::size_t i = e.job == none<job_id> ? e.source : index(e.job);
    if (i >= all.size()) all.resize(i + 1);
    return all[i];
}

void service_energy::start(const job_event& e, energy_meter& meter) {
    held_gpus& held = held_by(e);
    held.source = e.source;
    held.where.assign(e.where.begin(), e.where.end());
    meter.uses_of(e.at, held.where, held.from);
}

void service_energy::stop(const job_event& e, energy_meter& meter) {
    held_gpus& held = held_by(e);
    if (held.source == nobody) return;
    add(totals_[e.source], held, e.at, meter);
    held.source = nobody;
}

std::vector<service_cost> service_energy::totals(std::size_t source, instant now, energy_meter& meter) {
    std::vector<service_cost> out = totals_[source];
    for (const std::vector<held_gpus>* const all : {&of_job_, &of_source_}) {
        for (const held_gpus& held : *all) {
            if (held.source == source) add(out, held, now, meter);
        }
    }
    return out;
}

void service_energy::add(std::vector<service_cost>& to, const held_gpus& held, instant now, energy_meter& meter) {
    meter.uses_of(now, held.where, until_);
    for (std::size_t i = 0; i != until_.size(); ++i) energy_meter::add_use(to[until_[i].site], held.from[i], until_[i]);
}

}  // namespace ampacity::sim
