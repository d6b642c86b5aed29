#include <ampacity/core/error.hpp>
#include <ampacity/sim/energy.hpp>

#include <algorithm>
#include <utility>

namespace ampacity::sim {
namespace {

/// Adds what is known of a site to what is known of all: a sum with an unknown part is unknown.
void add(std::optional<double>& to, const std::optional<double>& one, bool first) {
    if (first)
        to = one;
    else if (to && one)
        *to += *one;
    else
        to.reset();
}

}  // namespace

bool energy_meter::acts_on_jobs(const power::plant_plan& p) {
    return !p.controls.empty() || !p.events.empty() ||
           std::any_of(p.sites.begin(), p.sites.end(), [](const power::site_plan& s) { return s.halls.trips; });
}

energy_meter::energy_meter(energy_model m)
    : sites_(std::move(m.sites)),
      phases_(std::move(m.phases)),
      acts_(acts_on_jobs(m.plant)),
      plant_(std::move(m.plant)),
      accounts_(plant_.tree().sites().size()) {
    sites_.resize(accounts_.size());
    for (std::size_t i = 0; i != accounts_.size(); ++i) it_ += plant_.it(i);
}

/// Powers have been constant since the last call.
void energy_meter::advance(instant now) {
    if (now == since_) return;
    peak_ = std::max(peak_, it_);
    const power::energy held{ticks(now - since_)};
    for (std::size_t i = 0; i != accounts_.size(); ++i) {
        accounts_[i].it += held * plant_.it(i);
        accounts_[i].drawn += held * plant_.drawn(i);
    }
    since_ = now;
}

void energy_meter::change(const job_event& e, bool starts) {
    advance(e.at);
    const power::plant::load l{.what = phases_.at(e.source), .priority = e.priority, .where = e.where};
    starts ? plant_.start(e.at, l) : plant_.stop(e.at, l);
    sum_up();
}

const power::plant::outcome& energy_meter::change_feeds(instant now) {
    advance(now);
    const auto& what = plant_.change(now);
    sum_up();
    return what;
}

const power::plant::outcome& energy_meter::control(instant now) {
    advance(now);
    const auto& what = plant_.control(now);
    sum_up();
    return what;
}

void energy_meter::sum_up() {
    it_ = 0;
    for (std::size_t i = 0; i != accounts_.size(); ++i) it_ += plant_.it(i);
}

energy_result energy_meter::results_of(std::size_t site) const {
    const site_environment& at = sites_[site];
    energy_result r;
    r.nameplate_w = plant_.tree().sites()[site].planned_w;
    r.it_j = power::to_joules(accounts_[site].it);
    r.losses_j = power::to_joules(accounts_[site].drawn - accounts_[site].it);
    if (at.cooling)
        r.overhead_j = r.it_j * (at.cooling->power_share + at.cooling->other_share.value_or(0));
    else if (at.region)
        r.overhead_j = std::max(0.0, r.it_j * (at.region->pue - 1) - r.losses_j);
    if (at.region && r.overhead_j) {
        const double facility_j = r.facility_j();
        r.carbon_location_kg = facility_j * at.region->carbon.mean_kg_per_j;
        if (at.region->carbon.marginal_kg_per_j)
            r.carbon_marginal_kg = facility_j * *at.region->carbon.marginal_kg_per_j;
        if (at.region->carbon.market_kg_per_j) r.carbon_market_kg = facility_j * *at.region->carbon.market_kg_per_j;
        r.energy_usd = facility_j * at.region->price_usd_per_j;
        r.water_m3 = r.it_j * (at.cooling ? at.cooling->water_m3_per_j : at.region->water_m3_per_j);
    }
    return r;
}

energy_result energy_meter::results(instant end) {
    advance(end);
    energy_result r;
    for (std::size_t i = 0; i != accounts_.size(); ++i) {
        const energy_result one = results_of(i);
        r.nameplate_w += one.nameplate_w;
        r.it_j += one.it_j;
        r.losses_j += one.losses_j;
        add(r.overhead_j, one.overhead_j, i == 0);
        add(r.carbon_location_kg, one.carbon_location_kg, i == 0);
        add(r.carbon_marginal_kg, one.carbon_marginal_kg, i == 0);
        add(r.carbon_market_kg, one.carbon_market_kg, i == 0);
        add(r.energy_usd, one.energy_usd, i == 0);
        add(r.water_m3, one.water_m3, i == 0);
    }
    r.peak_it_w = static_cast<double>(peak_) * 1e-6;
    const double simulated_s = to_seconds(end);
    if (simulated_s > 0) r.mean_it_w = r.it_j / simulated_s;
    if (r.it_j > 0 && r.overhead_j) {
        r.pue = r.facility_j() / r.it_j;
        r.pue_without_losses = (r.facility_j() - r.losses_j) / r.it_j;
    }
    return r;
}

}  // namespace ampacity::sim
