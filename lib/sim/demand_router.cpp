#include "demand_router.hpp"

#include <ampacity/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ampacity::sim {
namespace {

template <class List>
std::vector<hardware::position> places_of(const List& list) {
    std::vector<hardware::position> out;
    for (const auto& one : list) out.push_back(one.where);
    return out;
}

}  // namespace

demand_router::demand_router(std::shared_ptr<const spread_service> of)
    : of_(std::move(of)),
      sites_(of_->sites),
      come_(of_->origins.size(), 0.0),
      router_(of_->router, places_of(of_->origins), places_of(of_->sites)),
      lacks_per_s_(sites_.size(), 0.0),
      offered_(of_->origins.size()),
      now_(sites_.size()),
      then_(sites_.size()),
      given_(of_->origins.size() * sites_.size()),
      planned_(given_.size()),
      of_site_(of_->origins.size()) {
    for (const request_origin& o : of_->origins) rates_.push_back(o.offered);
}

std::vector<double> demand_router::ways_to(std::size_t site) const {
    std::vector<double> out;
    for (std::size_t o = 0; o != router_.num_origins(); ++o) out.push_back(router_.round_trip_s(o, site));
    return out;
}

void demand_router::see_signals(instant now) {
    for (std::size_t s = 0; s != sites_.size(); ++s) {
        serving_site& site = sites_[s];
        const auto price = site.price ? site.price->known_at(now) : std::nullopt;
        const auto carbon = site.carbon ? site.carbon->known_at(now) : std::nullopt;
        now_[s].price_usd_per_j = then_[s].price_usd_per_j = price.value_or(site.mean_usd_per_j);
        now_[s].carbon_kg_per_j = then_[s].carbon_kg_per_j = carbon.value_or(site.mean_kg_per_j);
    }
}

void demand_router::hand_over(std::span<const site_state> sites) {
    const auto is_lost = [](const site_state& s) { return s.up == 0 && s.flow->backlog() > 0; };
    if (std::none_of(sites.begin(), sites.end(), is_lost)) return;
    std::vector<fluid::fluid_service*> others;
    std::vector<double> shares;
    double all = 0;
    for (const site_state& s : sites) {
        if (s.serving == 0) continue;
        others.push_back(s.flow);
        shares.push_back(s.pace * s.serving);
        all += shares.back();
    }
    if (others.empty()) return;
    for (double& share : shares) share /= all;
    for (const site_state& s : sites) {
        if (is_lost(s)) s.flow->hand_over(others, shares);
    }
}

void demand_router::route(instant now, instant to, std::span<const site_state> sites) {
    AMPACITY_ASSERT(sites.size() == sites_.size());
    routed_ = now;
    const double seconds = to_seconds(to - now);
    bool last = true;
    for (std::size_t o = 0; o != rates_.size(); ++o) {
        const double by_then = rates_[o].through(to);
        offered_[o] = std::max(0.0, by_then - std::exchange(come_[o], by_then));
        last &= by_then == rates_[o].requests();
    }
    see_signals(now);
    hand_over(sites);
    double serves = 0, waits = 0;
    for (std::size_t s = 0; s != sites.size(); ++s) {
        const double each = sites[s].flow->mix().capacity * sites[s].pace * seconds;
        now_[s].capacity = each * sites[s].serving;
        now_[s].waiting = sites[s].flow->backlog();
        then_[s].capacity = each * sites[s].most;
        serves += now_[s].capacity;
        waits += now_[s].waiting;
    }
    max_backlog_ = std::max(max_backlog_, waits);
    const double utc_s = of_->utc_s + to_seconds(now - start_of_time);
    router_.split(offered_, then_, utc_s, planned_);
    if (serves > 0) router_.split(offered_, now_, utc_s, given_);
    const std::vector<double>& given = serves > 0 ? given_ : planned_;
    for (std::size_t s = 0; s != sites.size(); ++s) {
        double gets = 0, planned = 0;
        for (std::size_t o = 0; o != rates_.size(); ++o) {
            gets += of_site_[o] = given[o * sites.size() + s];
            planned += planned_[o * sites.size() + s];
        }
        sites[s].flow->expect(to, of_site_, last);
        const double lacks = planned - gets;
        lacks_per_s_[s] = lacks > 1e-9 * planned ? lacks / seconds : 0;
    }
}

routing_result demand_router::result(std::span<const fluid::fluid_service* const> flows) const {
    const fluid::mix_values& mix = flows.front()->mix();
    routing_result out{.prompt_tokens = (1 - mix.rejected) * mix.prompt_tokens,
                       .output_tokens = (1 - mix.rejected) * mix.output_tokens};
    double way_s = 0, served = 0, far = 0;
    for (const serving_site& s : sites_) out.sites.push_back({.name = s.name});
    for (std::size_t o = 0; o != of_->origins.size(); ++o) {
        routed_requests one{.name = of_->origins[o].name};
        double of_way_s = 0, of_far = 0;
        for (std::size_t s = 0; s != flows.size(); ++s) {
            const double n = flows[s]->served_of_parts()[o], w = n * router_.round_trip_s(o, s);
            one.requests += flows[s]->offered_of_parts()[o];
            one.served += n;
            one.served_at.push_back(n);
            of_way_s += w;
            if (!router_.is_near(o, s)) of_far += n;
            out.sites[s].requests += flows[s]->offered_of_parts()[o];
            out.sites[s].served += n;
            out.sites[s].round_trip_s += w;  // divided below
            if (!router_.is_near(o, s)) out.sites[s].far_share += n;
        }
        way_s += of_way_s;
        far += of_far;
        served += one.served;
        if (one.served > 0) one.round_trip_s = of_way_s / one.served;
        if (one.served > 0) one.far_share = of_far / one.served;
        out.origins.push_back(std::move(one));
    }
    for (routed_requests& s : out.sites) {
        if (s.served <= 0) continue;
        s.round_trip_s /= s.served;
        s.far_share /= s.served;
    }
    if (served > 0) out.round_trip_s = way_s / served;
    if (served > 0) out.far_share = far / served;
    return out;
}

}  // namespace ampacity::sim
