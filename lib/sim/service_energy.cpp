#include "service_energy.hpp"

namespace ampacity::sim {

service_energy::service_energy(const std::vector<bool>& sources, std::size_t sites) : totals_(sources.size()) {
    for (std::size_t s = 0; s != sources.size(); ++s) {
        if (sources[s]) totals_[s].resize(sites);
    }
}

void service_energy::start(const job_event& e, energy_meter& meter) {
    held_gpus& held = held_[key_of(e)];
    held = {.source = e.source, .where = {e.where.begin(), e.where.end()}, .from = {}};
    meter.uses_of(e.at, held.where, held.from);
}

void service_energy::stop(const job_event& e, energy_meter& meter) {
    const auto held = held_.find(key_of(e));
    if (held == held_.end()) return;
    add(totals_[e.source], held->second, e.at, meter);
    held_.erase(held);
}

std::vector<service_cost> service_energy::totals(std::size_t source, instant now, energy_meter& meter) {
    std::vector<service_cost> out = totals_[source];
    for (const auto& [key, held] : held_) {
        if (held.source == source) add(out, held, now, meter);
    }
    return out;
}

void service_energy::add(std::vector<service_cost>& to, const held_gpus& held, instant now, energy_meter& meter) {
    meter.uses_of(now, held.where, until_);
    for (std::size_t i = 0; i != until_.size(); ++i) energy_meter::add_use(to[until_[i].site], held.from[i], until_[i]);
}

}  // namespace ampacity::sim
