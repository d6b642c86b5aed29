#include <ampacity/core/error.hpp>
#include <ampacity/sim/energy.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace ampacity::sim {
namespace {

power::microwatts microwatts_of(double w) { return std::llround(w * 1e6); }

/// What all units have, by their models; none if one model does not say.
template <class F>
std::optional<double> sum_of(const energy_model& m, F of) {
    double sum = 0;
    for (const powered_unit& u : m.units) {
        const std::optional<double> one = of(m.models[u.model]);
        if (!one) return std::nullopt;
        sum += *one;
    }
    return sum;
}

/// Of the heat, that goes into liquid; 1 where models do not say.
double liquid_share(const energy_model& m) {
    double all_w = 0;
    double liquid_w = 0;
    for (const powered_unit& u : m.units) {
        const unit_model& of = m.models[u.model];
        const double w = of.nameplate_w();
        all_w += w;
        liquid_w += w * (of.rack ? of.rack->liquid_share : of.node.liquid_share).value_or(1);
    }
    return all_w > 0 ? liquid_w / all_w : 1;
}

power::site_options site_of(const energy_model& m) {
    const auto price = [&m](const unit_model& u) -> std::optional<double> {
        return m.gpu_usd_s ? std::optional{*m.gpu_usd_s * u.gpus()} : u.rent_usd_s();
    };
    return {.region = m.region,
            .cooling = m.cooling,
            .liquid_share = liquid_share(m),
            .signals = m.signals,
            .start = m.start,
            .demand_usd_w = m.demand_usd_w,
            .embodied_kg = sum_of(m, [](const unit_model& u) { return u.embodied_kg(); }),
            .life = m.life,
            .rent_usd_s = sum_of(m, price)};
}

}  // namespace

double unit_model::nameplate_w() const {
    return rack ? rack->power.nameplate_w : node.power.nameplate_w.value_or(node.full_power_w());
}

std::optional<double> unit_model::embodied_kg() const {
    if (rack && rack->embodied_kg) return rack->embodied_kg;
    if (!node.gpu.embodied_kg) return std::nullopt;
    return *node.gpu.embodied_kg * gpus();
}

energy_meter::energy_meter(energy_model model) : model_(std::move(model)), site_(site_of(model_)) {
    double planned_w = 0;
    for (const powered_unit& u : model_.units) planned_w += model_.models.at(u.model).nameplate_w();
    const power::microwatts rating = microwatts_of(planned_w / model_.usable_share);
    for (const hardware::power_device& stage : model_.chain) {
        power::device d{.rating = rating, .efficiency = &stage.efficiency};
        if (utility_ != power::no_device) d.feeds = {power::device_id{static_cast<std::uint32_t>(chain_.size() - 1)}};
        const auto id = chain_.add(d);
        if (utility_ == power::no_device) utility_ = id;
    }
    if (utility_ == power::no_device) utility_ = chain_.add({});
    const power::device_id last{static_cast<std::uint32_t>(chain_.size() - 1)};

    for (std::uint32_t i = 0; i != model_.units.size(); ++i) {
        const powered_unit& u = model_.units[i];
        AMPACITY_ASSERT(u.first_node == nodes_.size());
        units_.push_back({.device = chain_.add({.feeds = {last}})});
        for (std::uint32_t n = 0; n != u.nodes; ++n) {
            unit_of_.push_back(i);
            nodes_.push_back({});
            nodes_.back().input = input_of(i, nodes_.back());
            units_.back().nodes += nodes_.back().input;
        }
        refresh(start_of_time, i);
    }
}

power::microwatts energy_meter::input_of(std::size_t unit, const node_state& n) const {
    const hardware::node& node = model_.models[model_.units[unit].model].node;
    return microwatts_of(power::node_power_w(node, {n.held, static_cast<double>(n.held_power) * 1e-6}));
}

void energy_meter::refresh(instant now, std::size_t i) {
    unit_state& u = units_[i];
    const unit_model& m = model_.models[model_.units[i].model];
    power::microwatts input = u.nodes;
    if (m.rack) {
        const double gpus = static_cast<double>(model_.units[i].nodes) * m.node.gpus;
        const double share = static_cast<double>(u.held) / gpus;
        input = microwatts_of(power::rack_power_w(*m.rack, static_cast<double>(u.nodes) * 1e-6, share));
    }
    it_ += input - chain_.output(u.device);
    chain_.set_load(now, u.device, input);
}

void energy_meter::advance(instant to) {
    if (to != site_.now()) peak_ = std::max(peak_, it_);
    site_.advance(to, it_, chain_.input(utility_));
}

void energy_meter::change(const job_event& e, bool starts) {
    advance(e.at);
    const power::phase phase = model_.phases.at(e.source);
    constexpr std::size_t none = ~std::size_t{0};
    std::size_t touched = none;
    for (const fleet::gpu_share& s : e.where) {
        const std::size_t unit = unit_of_.at(index(s.node));
        if (touched != unit && touched != none) refresh(e.at, touched);
        touched = unit;
        node_state& n = nodes_[index(s.node)];
        unit_state& u = units_[unit];
        const hardware::node& node = model_.models[model_.units[unit].model].node;
        const auto gpus = static_cast<std::uint32_t>(std::popcount(s.gpus));
        const power::microwatts power = microwatts_of(power::gpu_power_w(node.gpu.power, phase)) * gpus;
        n.held += starts ? gpus : 0U - gpus;
        u.held += starts ? gpus : std::uint64_t{0} - gpus;
        n.held_power += starts ? power : -power;
        const power::microwatts input = input_of(unit, n);
        u.nodes += input - n.input;
        n.input = input;
    }
    if (touched != none) refresh(e.at, touched);
}

energy_result energy_meter::results(instant end) {
    advance(end);
    const power::site_books books = site_.books();
    energy_result r{.peak_it_w = static_cast<double>(peak_) * 1e-6,
                    .it_j = books.it_j,
                    .losses_j = books.losses_j,
                    .overhead_j = books.overhead_j,
                    .carbon_location_kg = books.carbon_location_kg,
                    .carbon_marginal_kg = books.carbon_marginal_kg,
                    .carbon_market_kg = books.carbon_market_kg,
                    .carbon_embodied_kg = books.carbon_embodied_kg,
                    .energy_usd = books.energy_usd,
                    .demand_usd = books.demand_usd,
                    .capacity_usd = books.capacity_usd,
                    .water_m3 = books.water_m3};
    for (const powered_unit& u : model_.units) r.nameplate_w += model_.models[u.model].nameplate_w();
    const double simulated_s = to_seconds(end);
    if (simulated_s > 0) r.mean_it_w = r.it_j / simulated_s;
    if (r.it_j > 0 && r.overhead_j) {
        r.pue = r.facility_j() / r.it_j;
        r.pue_without_losses = (r.facility_j() - r.losses_j) / r.it_j;
    }
    return r;
}

}  // namespace ampacity::sim
