#include "service_energy.hpp"

#include <array>
#include <utility>

namespace ampacity::sim {

service_energy::service_energy(const std::vector<bool>& sources, std::size_t sites) : totals_(sources.size()) {
    for (std::size_t s = 0; s != sources.size(); ++s) {
        if (sources[s]) totals_[s].resize(sites);
    }
}

void service_energy::start(const job_event& e, const energy_meter& meter) {
    held_gpus& held = held_[key_of(e)];
    held = {.source = e.source, .pieces = {}};
    for (const fleet::gpu_share& share : e.where) {
        const std::size_t site = meter.site_at(share.node);
        if (held.pieces.empty() || held.pieces.back().site != site)
            held.pieces.push_back({.where = {}, .site = site, .of_site = meter.used_at(site)});
        held.pieces.back().where.push_back(share);
    }
    for (piece& p : held.pieces) p.used_j = meter.used_j(e.at, p.where);
}

void service_energy::stop(const job_event& e, const energy_meter& meter) {
    const auto held = held_.find(key_of(e));
    if (held == held_.end()) return;
    add(totals_[e.source], held->second, e.at, meter);
    held_.erase(held);
}

std::vector<service_cost> service_energy::totals(std::size_t source, instant now, const energy_meter& meter) const {
    std::vector<service_cost> out = totals_[source];
    for (const auto& [key, held] : held_) {
        if (held.source == source) add(out, held, now, meter);
    }
    return out;
}

void service_energy::add(std::vector<service_cost>& to, const held_gpus& held, instant now, const energy_meter& meter) {
    static constexpr std::array parts{&service_cost::facility_j, &service_cost::carbon_location_kg,
                                      &service_cost::carbon_market_kg, &service_cost::energy_usd};
    for (const piece& p : held.pieces) {
        const service_cost site = meter.used_at(p.site);
        const double used = meter.used_j(now, p.where) - p.used_j, all = site.it_j - p.of_site.it_j;
        service_cost& sum = to[p.site];
        sum.it_j += used;
        for (const auto part : parts) {
            if (site.*part && all > 0)
                sum.*part = (sum.*part).value_or(0) + used / all * (*(site.*part) - (p.of_site.*part).value_or(0));
        }
    }
}

}  // namespace ampacity::sim
