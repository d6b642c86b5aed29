#include "energy_json.hpp"

#include <optional>
#include <utility>

namespace ampacity::io {

using json = nlohmann::ordered_json;

void add_energy(json& out, const sim::energy_result& e) {
    const auto kwh = [](double j) { return j / 3.6e6; };
    out["power_w"] = {{"nameplate", e.nameplate_w}, {"mean", e.mean_it_w}, {"peak", e.peak_it_w}};
    json& energy = out["energy_kwh"];
    energy = {{"it", kwh(e.it_j)}, {"losses", kwh(e.losses_j)}};
    if (e.floors_j) energy["floor"] = kwh(*e.floors_j);
    if (e.overhead_j) {
        energy["overhead"] = kwh(*e.overhead_j);
        energy["facility"] = kwh(e.facility_j());
    }
    if (e.grid_j) energy["grid"] = kwh(*e.grid_j);
    const auto put = [](json& to, const char* key, const std::optional<double>& value) {
        if (value) to[key] = *value;
    };
    put(out, "pue", e.pue);
    put(out, "pue_without_losses", e.pue_without_losses);
    json carbon = json::object();
    put(carbon, "location", e.carbon_location_kg);
    put(carbon, "marginal", e.carbon_marginal_kg);
    put(carbon, "market", e.carbon_market_kg);
    put(carbon, "generators", e.carbon_generators_kg);
    put(carbon, "embodied", e.carbon_embodied_kg);
    if (!carbon.empty()) out["carbon_kg"] = std::move(carbon);
    if (e.total_usd()) {
        json& cost = out["cost_usd"];
        put(cost, "energy", e.energy_usd);
        put(cost, "generators", e.generators_usd);
        put(cost, "demand", e.demand_usd);
        put(cost, "capacity", e.capacity_usd);
        put(cost, "total", e.total_usd());
    }
    put(out, "water_m3", e.water_m3);
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
