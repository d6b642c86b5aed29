#include "service_energy.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/sim/energy.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace ampacity::sim {
namespace {

/// What all units of a site that stand there have, by their models; none if one model does not say.
template <class F, class G>
std::optional<double> sum_of(const power::power_tree& tree, const power::power_tree::site& s, F of, G is_absent) {
    double sum = 0;
    for (std::uint32_t u = s.units.first; u != s.units.last; ++u) {
        const std::optional<double> one = of(tree.models()[tree.units()[u].model]);
        if (!one) return std::nullopt;
        if (!is_absent(u)) sum += *one;
    }
    return sum;
}

power::site_options site_of(energy_model& m, const power::power_tree& tree, std::size_t number) {
    const power::power_tree::site& s = tree.sites()[number];
    const auto in_liquid = [](const power::unit_model& u) { return std::optional{u.nameplate_w() * u.liquid_share()}; };
    const auto all = [](std::uint32_t) { return false; };
    return {.region = m.sites[number].region,
            .cooling = m.sites[number].cooling,
            .liquid_share = s.planned_w > 0 ? *sum_of(tree, s, in_liquid, all) / s.planned_w : 1,
            .signals = m.sites[number].signals,
            .start = m.start,
            .demand_usd_w = m.demand_usd_w,
            .life = m.life,
            .has_stores = !s.batteries.empty() || s.plan.generators,
            .generators_usd_j = s.plan.generators ? s.plan.generators->usd_per_j : 0,
            .generators_kg_j = s.plan.generators ? s.plan.generators->kg_per_j : 0};
}

/// Adds what is known of a site to what is known of all: a sum with an unknown part is unknown.
void add(std::optional<double>& to, const std::optional<double>& one, bool first) {
    if (first)
        to = one;
    else if (to && one)
        *to += *one;
    else
        to.reset();
}

/// Sites without batteries and generators add nothing.
void add_stores(energy_result& r, const power::site_books& one) {
    const auto plus = [](std::optional<double>& to, const std::optional<double>& by) {
        if (by) to = to.value_or(0) + *by;
    };
    plus(r.generators_j, one.generators_j);
    plus(r.batteries_j, one.batteries_j);
    plus(r.filled_j, one.filled_j);
    plus(r.carbon_generators_kg, one.carbon_generators_kg);
    plus(r.generators_usd, one.generators_usd);
}

/// One more site.
void add(energy_result& r, const power::site_books& one, bool first) {
    r.it_j += one.it_j;
    r.losses_j += one.losses_j;
    add(r.overhead_j, one.overhead_j, first);
    add(r.carbon_location_kg, one.carbon_location_kg, first);
    add(r.carbon_marginal_kg, one.carbon_marginal_kg, first);
    add(r.carbon_market_kg, one.carbon_market_kg, first);
    add(r.carbon_embodied_kg, one.carbon_embodied_kg, first);
    add(r.energy_usd, one.energy_usd, first);
    add(r.demand_usd, one.demand_usd, first);
    add(r.capacity_usd, one.capacity_usd, first);
    add(r.water_m3, one.water_m3, first);
    add_stores(r, one);
}

/// Tells the plant of the floors of all sources; which one each has.
std::vector<std::uint32_t> add_floors(energy_model& m) {
    std::vector<std::uint32_t> of;
    auto& all = m.plant.floors;
    for (std::size_t i = 0; i != m.swings.size(); ++i) {
        const auto& s = m.swings[i];
        if (!s || !(s->floor_w > 0)) continue;
        const power::power_floor f{
            .what = m.phases.at(i), .low = s->low, .floor_w = s->floor_w, .low_share = s->low_share};
        const auto found = std::find(all.begin(), all.end(), f);
        of.resize(m.swings.size(), power::plant::no_floor);
        of[i] = static_cast<std::uint32_t>(found - all.begin());
        if (found == all.end()) all.push_back(f);
    }
    return of;
}

}  // namespace

bool energy_meter::acts_on_jobs(const power::plant_plan& p) {
    return !p.controls.empty() || !p.events.empty() || !p.coolant.empty() || p.caps_by_scheduler ||
           std::any_of(p.sites.begin(), p.sites.end(), [](const power::site_plan& s) { return s.halls.trips; });
}

energy_meter::energy_meter(energy_model m)
    : floors_(add_floors(m)),
      phases_(std::move(m.phases)),
      swings_(std::move(m.swings)),
      acts_(acts_on_jobs(m.plant)),
      shows_headroom_(m.shows_headroom),
      gathers_(!m.shows_headroom && m.plant.coolant.empty()),
      plant_(std::move(m.plant)),
      gpu_usd_s_(m.gpu_usd_s) {
    if (std::any_of(swings_.begin(), swings_.end(), [](const auto& p) { return p.has_value(); }))
        swing_.emplace(plant_.tree());
    if (gathers_) plant_.gather();
    m.sites.resize(plant_.tree().sites().size());
    for (std::size_t i = 0; i != m.sites.size(); ++i) {
        accounts_.emplace_back(site_of(m, plant_.tree(), i));
        accounts_.back().set_standing(standing_at(i));
    }
    sum_up();
}

/// Powers have been constant since the last call.
void energy_meter::advance(instant now) {
    if (now == since_) return;
    settle();
    dark_ += power::energy{ticks(now - since_)} * plant_.dark_units();
    peak_ = std::max(peak_, it_);
    for (std::size_t i = 0; swing_ && i != accounts_.size(); ++i) {
        const power::swing_envelope s = swing_->of_site(i);
        most_swing_ = {.coherent_w = std::max(most_swing_.coherent_w, s.coherent_w),
                       .incoherent_w = std::max(most_swing_.incoherent_w, s.incoherent_w),
                       .ramp_w_per_s = std::max(most_swing_.ramp_w_per_s, s.ramp_w_per_s)};
    }
    running_ += power::energy{ticks(now - since_)} * plant_.running_generators();
    for (std::size_t i = 0; i != accounts_.size(); ++i)
        accounts_[i].advance(now, plant_.it(i), plant_.drawn(i), plant_.stored(i));
    for (std::size_t i = 0; !floors_.empty() && i != accounts_.size(); ++i)
        lifted_ += power::energy{ticks(now - since_)} * plant_.lifted(i);
    since_ = now;
}

void energy_meter::change(const job_event& e, bool starts) {
    advance(e.at);
    if (services_ && services_->counts(e.source)) starts ? services_->start(e, *this) : services_->stop(e, *this);
    const power::plant::load l{
        .what = phases_.at(e.source), .priority = e.priority, .where = e.where, .floor = floor_of(e.source)};
    starts ? plant_.start(e.at, l) : plant_.stop(e.at, l);
    if (swing_ && e.source < swings_.size() && swings_[e.source]) {
        const power::swing_pattern& p = *swings_[e.source];
        starts ? swing_->start(p, l.what, e.where) : swing_->stop(p, l.what, e.where);
    }
    ++load_changes_;
    is_behind_ = true;
    if (!gathers_) catch_up();
}

void energy_meter::catch_up() const {
    is_behind_ = false;
    plant_.settle();
    sum_up();
}

energy_meter::~energy_meter() = default;

void energy_meter::count_services(const std::vector<bool>& sources) {
    services_ = std::make_unique<service_energy>(sources, accounts_.size());
}

std::vector<service_cost> energy_meter::used_by_service(std::size_t source, instant now) {
    advance(now);
    return services_->totals(source, now, *this);
}

const service_cost& energy_meter::used_at(std::size_t site) {
    used_.resize(accounts_.size());
    known_use& known = used_[site];
    if (known.at == since_) return known.used;
    const power::site_books b = accounts_[site].books();
    known = {.at = since_,
             .used = {.it_j = b.it_j,
                      .carbon_location_kg = b.carbon_location_kg,
                      .carbon_market_kg = b.carbon_market_kg,
                      .energy_usd = b.energy_usd}};
    if (b.overhead_j) known.used.facility_j = b.facility_j();
    return known.used;
}

void energy_meter::uses_of(instant now, std::span<const fleet::gpu_share> where, std::vector<site_use>& out) {
    advance(now);
    out.clear();
    for (std::size_t i = 0; i != where.size();) {
        const std::size_t site = site_at(where[i].node), first = i;
        while (i != where.size() && site_at(where[i].node) == site) {
            const power::powered_unit& unit = plant_.tree().units()[plant_.tree().unit_of(index(where[i].node))];
            while (i != where.size() && index(where[i].node) - unit.first_node < unit.nodes) ++i;
        }
        out.push_back({.site = site, .used_j = used_j(now, where.subspan(first, i - first)), .of_site = used_at(site)});
    }
}

void energy_meter::add_use(service_cost& to, const site_use& from, const site_use& until) {
    static constexpr std::array parts{&service_cost::facility_j, &service_cost::carbon_location_kg,
                                      &service_cost::carbon_market_kg, &service_cost::energy_usd};
    const double used = until.used_j - from.used_j, all = until.of_site.it_j - from.of_site.it_j;
    to.it_j += used;
    for (const auto part : parts) {
        const std::optional<double>& then = until.of_site.*part;
        if (then && all > 0)
            to.*part = (to.*part).value_or(0) + used / all * (*then - (from.of_site.*part).value_or(0));
    }
}

double energy_meter::used_j(instant now, std::span<const fleet::gpu_share> where) const {
    if (now != since_) settle();  // within one instant nothing is used
    const power::power_tree& tree = plant_.tree();
    double j = 0;
    for (auto s = where.begin(); s != where.end();) {
        const std::uint32_t unit = tree.unit_of(index(s->node));
        const power::powered_unit& at = tree.units()[unit];
        const double gpus = static_cast<double>(at.nodes) * tree.models()[at.model].node.gpus;
        const std::uint64_t held = s->gpus;
        const double share = static_cast<double>(plant_.used(unit, now)) * 1e-15 * fleet::count_gpus(held) / gpus;
        // Its nodes mostly follow each other, and are alike.
        for (; s != where.end() && s->gpus == held && index(s->node) - at.first_node < at.nodes; ++s) j += share;
    }
    return j;
}

const power::plant::outcome& energy_meter::change_feeds(instant now) {
    advance(now);
    settle();
    const auto& what = plant_.change(now);
    ++load_changes_;
    ++feed_changes_;
    sum_up();
    return what;
}

const power::plant::outcome& energy_meter::control(instant now) {
    advance(now);
    settle();
    const auto& what = plant_.control(now);
    ++load_changes_;
    sum_up();
    return what;
}

const power::plant::outcome& energy_meter::cap(instant now, power::device_id feed, power::class_limits limits) {
    advance(now);
    settle();
    const auto& what = plant_.cap(now, feed, limits);
    ++load_changes_;
    sum_up();
    return what;
}

const power::plant::outcome& energy_meter::cap_units(instant now, std::uint32_t first, std::uint32_t last,
                                                     power::class_limits limits) {
    advance(now);
    settle();
    const auto& what = plant_.cap_units(now, first, last, limits);
    ++load_changes_;
    sum_up();
    return what;
}

power::standing energy_meter::standing_at(std::size_t site) const {
    const power::power_tree& tree = plant_.tree();
    const power::power_tree::site& s = tree.sites()[site];
    const auto price = [this](const power::unit_model& u) -> std::optional<double> {
        return gpu_usd_s_ ? std::optional{*gpu_usd_s_ * u.gpus()} : u.rent_usd_s();
    };
    const auto is_absent = [this](std::uint32_t unit) { return plant_.is_absent(unit); };
    return {.embodied_kg = sum_of(
                tree, s, [](const power::unit_model& u) { return u.embodied_kg(); }, is_absent),
            .rent_usd_s = sum_of(tree, s, price, is_absent)};
}

void energy_meter::set_absent(instant now, std::span<const node_id> nodes, bool absent) {
    advance(now);
    settle();
    plant_.set_absent(now, nodes, absent);
    const power::power_tree& tree = plant_.tree();
    std::size_t done = accounts_.size();  // nodes of a site mostly stand together
    for (const node_id n : nodes) {
        const std::size_t site = tree.site_of(tree.unit_of(index(n)));
        if (site != done) accounts_[site].set_standing(standing_at(site));
        done = site;
    }
    ++load_changes_;
    sum_up();
}

void energy_meter::sum_up() const {
    it_ = 0;
    for (std::size_t i = 0; i != accounts_.size(); ++i) it_ += plant_.it(i);
}

std::span<const power::site_sample> energy_meter::look(instant now) {
    settle();
    samples_.resize(accounts_.size());
    for (std::size_t i = 0; i != accounts_.size(); ++i) {
        if (i == shown_.size())
            shown_.push_back(accounts_[i]);
        else if (accounts_[i].now() >= shown_[i].now())
            shown_[i] = accounts_[i];
        power::site_account& shown = shown_[i];
        shown.advance(now, plant_.it(i), plant_.drawn(i), plant_.stored(i));
        samples_[i] = {.now = shown.read(plant_.it(i), plant_.drawn(i), plant_.stored(i)), .so_far = shown.books()};
    }
    return samples_;
}

std::vector<power::site_books> energy_meter::books_at(instant then) const {
    settle();
    std::vector<power::site_books> out;
    for (std::size_t i = 0; i != accounts_.size(); ++i) {
        power::site_account account = accounts_[i];
        account.advance(then, plant_.it(i), plant_.drawn(i), plant_.stored(i));
        out.push_back(account.books());
    }
    return out;
}

energy_result sum_of(std::span<const power::site_sample> sites) {
    energy_result r;
    for (const power::site_sample& s : sites) add(r, s.so_far, &s == sites.data());
    return r;
}

energy_result energy_meter::results(instant end) {
    advance(end);
    energy_result r;
    for (std::size_t i = 0; i != accounts_.size(); ++i) {
        r.nameplate_w += plant_.tree().sites()[i].planned_w;
        add(r, accounts_[i].books(), i == 0);
    }
    if (r.generators_j) r.generators_s = static_cast<double>(running_) * 1e-9;
    // Sites without stores have all from the grid.
    if (r.generators_j && r.overhead_j) r.grid_j = r.facility_j() - *r.generators_j - *r.batteries_j + *r.filled_j;
    if (acts_) {
        r.trips = plant_.trips().size();
        r.limits = plant_.limit_changes();
        r.lost_rack_s = static_cast<double>(dark_) * 1e-9;
    }
    if (swing_) r.swing = most_swing_;
    if (!floors_.empty()) r.floors_j = static_cast<double>(lifted_) * 1e-15;
    if (const auto heat = plant_.heat_events()) {
        r.throttles = heat->throttles;
        r.shutdowns = heat->shutdowns;
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
