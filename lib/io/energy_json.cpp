#include "energy_json.hpp"

#include <optional>
#include <utility>

namespace ampacity::io {

using json = nlohmann::ordered_json;

namespace {

double kwh(double j) { return j / 3.6e6; }

void put(json& to, const char* key, const std::optional<double>& value) {
    if (value) to[key] = *value;
}

/// What a run and a site have in common; `floors_j` is a part of the first alone.
template <class Energy>
json energy_of(const Energy& e, const std::optional<double>& floors_j) {
    json out{{"it", kwh(e.it_j)}, {"losses", kwh(e.losses_j)}};
    if (floors_j) out["floor"] = kwh(*floors_j);
    if (e.overhead_j) {
        out["overhead"] = kwh(*e.overhead_j);
        out["facility"] = kwh(e.facility_j());
    }
    if (e.grid_j) out["grid"] = kwh(*e.grid_j);
    return out;
}

template <class Energy>
void add_carbon_and_cost(json& out, const Energy& e, const std::optional<double>& total_usd) {
    json carbon = json::object();
    put(carbon, "location", e.carbon_location_kg);
    put(carbon, "marginal", e.carbon_marginal_kg);
    put(carbon, "market", e.carbon_market_kg);
    put(carbon, "generators", e.carbon_generators_kg);
    put(carbon, "embodied", e.carbon_embodied_kg);
    if (!carbon.empty()) out["carbon_kg"] = std::move(carbon);
    if (total_usd) {
        json& cost = out["cost_usd"];
        put(cost, "energy", e.energy_usd);
        put(cost, "generators", e.generators_usd);
        put(cost, "demand", e.demand_usd);
        put(cost, "capacity", e.capacity_usd);
        put(cost, "total", total_usd);
    }
    put(out, "water_m3", e.water_m3);
}

}  // namespace

void add_energy(json& out, const power::site_books& e) {
    out["energy_kwh"] = energy_of(e, {});
    if (e.overhead_j && e.it_j > 0) out["pue"] = e.facility_j() / e.it_j;
    std::optional<double> total;
    for (const auto& part : {e.energy_usd, e.demand_usd, e.capacity_usd}) {
        if (part) total = total.value_or(e.generators_usd.value_or(0)) + *part;
    }
    add_carbon_and_cost(out, e, total);
}

void add_energy(json& out, const sim::energy_result& e) {
    out["power_w"] = {{"nameplate", e.nameplate_w}, {"mean", e.mean_it_w}, {"peak", e.peak_it_w}};
    out["energy_kwh"] = energy_of(e, e.floors_j);
    put(out, "pue", e.pue);
    put(out, "pue_without_losses", e.pue_without_losses);
    add_carbon_and_cost(out, e, e.total_usd());
    if (e.swing)
        out["swing"] = {{"coherent_w", e.swing->coherent_w},
                        {"incoherent_w", e.swing->incoherent_w},
                        {"ramp_w_per_s", e.swing->ramp_w_per_s}};
    if (e.trips)
        out["feeds"] = {{"trips", *e.trips}, {"limits", *e.limits}, {"lost_rack_hours", *e.lost_rack_s / 3600}};
    if (e.trips && e.generators_j) {
        json& feeds = out["feeds"];
        feeds["battery_kwh"] = kwh(*e.batteries_j);
        feeds["recharge_kwh"] = kwh(*e.filled_j);
        feeds["generator_kwh"] = kwh(*e.generators_j);
        feeds["generator_hours"] = *e.generators_s / 3600;
    }
    if (e.throttles) out["heat"] = {{"throttles", *e.throttles}, {"shutdowns", *e.shutdowns}};
}

}  // namespace ampacity::io
