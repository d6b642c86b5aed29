// The sites of a service that is everywhere, together.

#include "services.hpp"

#include <ampacity/core/error.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace ampacity::sim {

void services::join_sites(one& s) {
    AMPACITY_ASSERT(s.parts.fluid && s.parts.scaling);
    const service_site& site = *s.parts.site;
    if (site.number == 0) {
        s.together = std::make_shared<sites_together>(site.of);
        s.together->first = static_cast<std::uint32_t>(all_.size()) - 1;
    } else {
        s.together = all_[all_.size() - 2]->together;
        AMPACITY_ASSERT(s.together && all_.size() - 1 - s.together->first == site.number);
    }
    s.together->states.push_back({.most = s.replicas->most()});
}

void services::route(one& s, instant now) {
    sites_together& all = *s.together;
    if (all.router.routed() == now) return;
    for (std::uint32_t k = 0; k != all.states.size(); ++k) {
        one& site = *all_[all.first + k];
        count_requests(site, now);
        demand_router::site_state& state = all.states[k];
        state.serving = site.num_serving();
        state.pace = mean_pace(site);
        state.up = site.replicas->num_up();
        const bool is_full = site.is_short && site.replicas->num_queued() != 0;
        state.most = is_full ? state.up : site.replicas->most();
    }
    all.router.route(now, now + s.parts.fluid->tick, all.states);
}

void services::look_at_replicas(one& s) {
    s.is_short = s.replicas->num_queued() != 0;
    sites_together& all = *s.together;
    std::uint32_t serving = 0;
    for (std::uint32_t k = 0; k != all.states.size(); ++k) serving += all_[all.first + k]->num_serving();
    all.max_serving = std::max(all.max_serving, serving);
}

service_result services::result_everywhere(std::uint32_t first, instant end) const {
    const sites_together& all = *all_[first]->together;
    fluid::flow_totals sum;
    scaling_result scaling;
    std::vector<const fluid::fluid_service*> flows;
    std::vector<service_result> sites;
    std::vector<const fluid::window_recorder*> windows;
    duration held{};
    for (std::uint32_t k = 0; k != all.states.size(); ++k) {
        const one& s = *all_[first + k];
        service_result& site = sites.emplace_back(result(first + k, end, end));
        site.name = all.router.of().sites[k].name;
        held = std::max(held, site.held);
        flows.push_back(&*s.flow);
        if (s.windows) windows.push_back(&*s.windows);
        const fluid::flow_totals& t = s.flow->totals();
        for (const auto part : {&fluid::flow_totals::offered, &fluid::flow_totals::served, &fluid::flow_totals::met,
                                &fluid::flow_totals::busy_s, &fluid::flow_totals::prefilling_s,
                                &fluid::flow_totals::kv_s, &fluid::flow_totals::capacity})
            sum.*part += t.*part;
        const scaling_result& r = *site.scaling;
        scaling.lasted = std::max(scaling.lasted, r.lasted);
        for (const auto part : {&scaling_result::serving, &scaling_result::cold, &scaling_result::draining,
                                &scaling_result::slowed, &scaling_result::paced})
            scaling.*part += r.*part;
        for (const auto part : {&scaling_result::cold_starts, &scaling_result::failures, &scaling_result::preemptions,
                                &scaling_result::requeued})
            scaling.*part += r.*part;
        scaling.lost_tokens += r.lost_tokens;
        scaling.gpus_per_replica = r.gpus_per_replica;
        scaling.is_paced = r.is_paced;
    }
    scaling.max_serving = all.max_serving;
    sum.max_backlog = all.router.max_backlog();
    service_result out = flow_result(all_[first]->parts, sum, flows.front()->mix(),
                                     fluid::fluid_service::result_of(flows), held, scaling);
    out.name = all.router.of().name;
    out.gpus *= all.states.size();
    out.routing = all.router.result(flows);
    if (!windows.empty()) {
        const fluid_parts& f = *all_[first]->parts.fluid;
        fluid::windows_of_sites seen = fluid::compare_windows(*f.made, f.from, windows);
        out.fluid->windows = std::move(seen.together);
        for (std::size_t k = 0; k != sites.size(); ++k) sites[k].fluid->windows = std::move(seen.sites[k]);
    }
    out.sites = std::move(sites);
    return out;
}

}  // namespace ampacity::sim
