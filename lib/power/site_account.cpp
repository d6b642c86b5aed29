#include <ampacity/power/site_account.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ampacity::power {

site_account::site_account(site_options options) : options_(std::move(options)) {
    if (options_.cooling) plant_.emplace(*options_.cooling, options_.liquid_share);
    follows_weather_ = plant_ && plant_->follows_weather() && options_.signals.outdoor_c;
    knows_overhead_ = plant_ || options_.region;
    carbon_.of = options_.signals.carbon;
    marginal_.of = options_.signals.marginal;
    price_.of = options_.signals.price;
    if (options_.demand_usd_w) demand_.emplace(options_.start);
}

/// Returns the integral of the signal, which is asked for once.
double site_account::account::add(instant a, instant b, microwatts it_power, microwatts lost, microwatts over) {
    if (!of) return 0;
    const double signal_ns = of->integral(a, b);
    it.add(signal_ns * static_cast<double>(it_power));
    losses.add(signal_ns * static_cast<double>(lost));
    overhead.add(signal_ns * static_cast<double>(over));
    return signal_ns;
}

void site_account::account::add_off(double signal_ns, double chain, double it_power, double lost, double over) {
    off_chain.add(signal_ns * chain);
    off_it.add(signal_ns * it_power);
    off_losses.add(signal_ns * lost);
    off_overhead.add(signal_ns * over);
}

/// Whatever it comes to over the whole run, what a meter reads is at least IT and losses.
microwatts site_account::overhead_at(instant t, microwatts it, microwatts lost) {
    const auto of_it = [it](double share) { return std::llround(static_cast<double>(it) * share); };
    if (follows_weather_) return of_it(plant_->share(options_.signals.outdoor_c->at(t)) + plant_->other_share());
    if (plant_) return of_it(plant_->year_share() + plant_->other_share());
    return std::max<microwatts>(0, of_it(options_.region->pue - 1) - lost);
}

void site_account::advance(instant to, microwatts it, microwatts utility_in, const stored_flow& stored) {
    if (to == now_) return;
    const microwatts lost = utility_in + stored.made + stored.given - stored.kept - it;
    it_energy_ += energy{ticks(to - now_)} * it;
    losses_ += energy{ticks(to - now_)} * lost;
    const bool stores = stored.made != 0 || stored.given != 0 || stored.kept != 0;
    double by_generators = 0;  // of the overhead
    if (stores) {
        made_ += energy{ticks(to - now_)} * stored.made;
        given_ += energy{ticks(to - now_)} * stored.given;
        kept_ += energy{ticks(to - now_)} * stored.kept;
        if (stored.made != 0)
            by_generators = static_cast<double>(stored.made) / static_cast<double>(stored.made + utility_in);
    }
    while (now_ != to) {
        const instant end = follows_weather_ ? std::min(to, options_.signals.outdoor_c->next_change(now_)) : to;
        const microwatts over = follows_weather_ || demand_ ? overhead_at(now_, it, lost) : 0;
        const double made_over = static_cast<double>(over) * by_generators;
        if (follows_weather_) overhead_ += energy{ticks(end - now_)} * over;
        const double made_it = static_cast<double>(it) * by_generators;
        const double made_lost = static_cast<double>(lost) * by_generators;
        for (account* const a : {&carbon_, &marginal_, &price_}) {
            const double signal_ns = a->add(now_, end, it, lost, over);
            if (stores)
                a->add_off(signal_ns, static_cast<double>(it + lost - utility_in), made_it, made_lost, made_over);
        }
        if (stores) {
            const auto ns = static_cast<double>(ticks(end - now_));
            made_for_it_.add(ns * made_it);
            made_for_losses_.add(ns * made_lost);
            made_for_overhead_.add(ns * made_over);
        }
        if (demand_) demand_->draw(now_, end, utility_in + over - std::llround(made_over));
        now_ = end;
    }
}

site_reading site_account::read(microwatts it, microwatts utility_in, const stored_flow& stored) {
    if (!knows_overhead_) return {};
    site_reading out;
    const microwatts lost = utility_in + stored.made + stored.given - stored.kept - it;
    if (!follows_weather_ || options_.signals.outdoor_c->known_at(now_))
        out.facility = it + lost + overhead_at(now_, it, lost);
    const auto& at = options_.region;
    if (carbon_.of)
        out.carbon_kg_per_j = carbon_.of->known_at(now_);
    else if (at)
        out.carbon_kg_per_j = at->carbon.mean_kg_per_j;
    if (price_.of)
        out.price_usd_per_j = price_.of->known_at(now_);
    else if (at)
        out.price_usd_per_j = at->price_usd_per_j;
    return out;
}

double site_account::overhead_j() const {
    if (follows_weather_) return to_joules(overhead_);
    const double it_j = to_joules(it_energy_);
    if (plant_) return it_j * (plant_->year_share() + plant_->other_share());
    return std::max(0.0, it_j * (options_.region->pue - 1) - to_joules(losses_));
}

double site_account::overhead_of(double it, double losses, double with_weather) const {
    if (follows_weather_) return with_weather;
    if (plant_) return it * (plant_->year_share() + plant_->other_share());
    const double it_j = to_joules(it_energy_);
    return it_j * (options_.region->pue - 1) > to_joules(losses_) ? it * (options_.region->pue - 1) - losses : 0;
}

/// Of what the facility takes from the grid [signal x J]: overhead as it is in the books.
double site_account::weighed(const account& a) const {
    if (made_ != 0 || given_ != 0 || kept_ != 0) {
        const auto sum = [](const careful_sum& s) { return s.value() * 1e-15; };
        return sum(a.it) + sum(a.losses) - sum(a.off_chain) +
               overhead_of(sum(a.it) - sum(a.off_it), sum(a.losses) - sum(a.off_losses),
                           sum(a.overhead) - sum(a.off_overhead));
    }
    const double it = a.it.value() * 1e-15;
    const double both = it + a.losses.value() * 1e-15;
    if (follows_weather_) return both + a.overhead.value() * 1e-15;
    if (plant_) return both + it * (plant_->year_share() + plant_->other_share());
    const double it_j = to_joules(it_energy_);
    return it_j * (options_.region->pue - 1) > to_joules(losses_) ? it * options_.region->pue : both;
}

std::optional<double> site_account::embodied_kg() const {
    if (!stands_.embodied_kg) return std::nullopt;
    const double share = to_seconds(now_ - stands_since_) / to_seconds(options_.life);
    return embodied_before_kg_ + *stands_.embodied_kg * share;
}
std::optional<double> site_account::capacity_usd() const {
    if (!stands_.rent_usd_s) return std::nullopt;
    return capacity_before_usd_ + *stands_.rent_usd_s * to_seconds(now_ - stands_since_);
}

void site_account::set_standing(standing s) {
    embodied_before_kg_ = embodied_kg().value_or(0);
    capacity_before_usd_ = capacity_usd().value_or(0);
    stands_ = s;
    stands_since_ = now_;
}

site_books site_account::books() const {
    site_books b{.it_j = to_joules(it_energy_), .losses_j = to_joules(losses_)};
    b.carbon_embodied_kg = embodied_kg();
    b.capacity_usd = capacity_usd();
    if (options_.has_stores) {
        b.generators_j = to_joules(made_);
        b.batteries_j = to_joules(given_);
        b.filled_j = to_joules(kept_);
    }
    if (!knows_overhead_) return b;
    b.overhead_j = overhead_j();
    double grid_j = b.facility_j();
    if (options_.has_stores) {
        b.generators_j = *b.generators_j + overhead_of(made_for_it_.value() * 1e-15, made_for_losses_.value() * 1e-15,
                                                       made_for_overhead_.value() * 1e-15);
        b.grid_j = grid_j = grid_j - *b.generators_j - *b.batteries_j + *b.filled_j;
        b.carbon_generators_kg = *b.generators_j * options_.generators_kg_j;
        b.generators_usd = *b.generators_j * options_.generators_usd_j;
    }
    const auto of_facility = [&](const account& a, std::optional<double> mean) -> std::optional<double> {
        if (a.of) return weighed(a);
        if (mean) return grid_j * *mean;
        return std::nullopt;
    };
    const auto& at = options_.region;
    b.carbon_location_kg = of_facility(carbon_, at ? std::optional{at->carbon.mean_kg_per_j} : std::nullopt);
    b.carbon_marginal_kg = of_facility(marginal_, at ? at->carbon.marginal_kg_per_j : std::nullopt);
    if (at && at->carbon.market_kg_per_j) b.carbon_market_kg = grid_j * *at->carbon.market_kg_per_j;
    b.energy_usd = of_facility(price_, at ? std::optional{at->price_usd_per_j} : std::nullopt);
    if (demand_) {
        b.demand_usd = 0;
        for (const double peak_w : demand_->peaks_w()) *b.demand_usd += peak_w * *options_.demand_usd_w;
    }
    if (at) b.water_m3 = plant_ ? plant_->water_m3(b.it_j) : b.it_j * at->water_m3_per_j;
    return b;
}

}  // namespace ampacity::power
