#include <ampacity/core/error.hpp>
#include <ampacity/sim/energy.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace ampacity::sim {
namespace {

power::microwatts microwatts_of(double w) { return std::llround(w * 1e6); }

}  // namespace

double unit_model::nameplate_w() const {
    return rack ? rack->power.nameplate_w : node.power.nameplate_w.value_or(node.full_power_w());
}

energy_meter::energy_meter(energy_model model) : model_(std::move(model)) {
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

void energy_meter::change(const job_event& e, bool starts) {
    if (e.at != since_) {
        peak_ = std::max(peak_, it_);
        it_energy_ += power::energy{ticks(e.at - since_)} * it_;
        since_ = e.at;
    }
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
    energy_result r;
    if (end != since_) {
        peak_ = std::max(peak_, it_);
        it_energy_ += power::energy{ticks(end - since_)} * it_;
        since_ = end;
    }
    for (const powered_unit& u : model_.units) r.nameplate_w += model_.models[u.model].nameplate_w();
    const power::energy in = chain_.energy_in(utility_, end);
    r.it_j = power::to_joules(it_energy_);
    r.losses_j = power::to_joules(in - it_energy_);
    r.peak_it_w = static_cast<double>(peak_) * 1e-6;
    const double simulated_s = to_seconds(end);
    if (simulated_s > 0) r.mean_it_w = r.it_j / simulated_s;
    if (model_.cooling)
        r.overhead_j = r.it_j * (model_.cooling->power_share + model_.cooling->other_share.value_or(0));
    else if (model_.region)
        r.overhead_j = std::max(0.0, r.it_j * (model_.region->pue - 1) - r.losses_j);
    const double facility_j = r.facility_j();
    if (r.it_j > 0 && r.overhead_j) {
        r.pue = facility_j / r.it_j;
        r.pue_without_losses = (facility_j - r.losses_j) / r.it_j;
    }
    if (model_.region && r.overhead_j) {
        const hardware::region& at = *model_.region;
        r.carbon_location_kg = facility_j * at.carbon.mean_kg_per_j;
        if (at.carbon.marginal_kg_per_j) r.carbon_marginal_kg = facility_j * *at.carbon.marginal_kg_per_j;
        if (at.carbon.market_kg_per_j) r.carbon_market_kg = facility_j * *at.carbon.market_kg_per_j;
        r.energy_usd = facility_j * at.price_usd_per_j;
        r.water_m3 = r.it_j * (model_.cooling ? model_.cooling->water_m3_per_j : at.water_m3_per_j);
    }
    return r;
}

}  // namespace ampacity::sim
