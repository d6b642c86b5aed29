#pragma once
/// \file
/// The rest of model_schema.hpp: nodes, racks and blocks, cooling, regions, reliability.

#include "model_schema.hpp"

namespace ampacity::io {

// --- nodes, racks, blocks ---------------------------------------------------------------------------

template <>
struct schema<hardware::node_modules> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::node_modules;
        v.number(&T::count, {.key = "count", .doc = "superchips, each with one power limit", .min = 1});
        v.number(&T::limit_w,
                 {.key = "limit", .doc = "largest and default power limit of one", .of = dimension::power});
        v.number(&T::lowest_limit_w,
                 {.key = "lowest_limit", .doc = "smallest power limit of one", .of = dimension::power});
    }
};

template <>
struct schema<hardware::node_power> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::node_power;
        v.number(&T::nameplate_w, {.key = "nameplate", .doc = "of the whole, by its maker", .of = dimension::power});
        v.number(&T::cpus_w,
                 {.key = "cpus", .doc = "CPUs with memory at full load; 0: part of rest", .of = dimension::power});
        v.number(&T::cpus_idle_w, {.key = "cpus_idle", .doc = "the same, idle", .of = dimension::power});
        v.number(
            &T::rest_w,
            {.key = "rest", .doc = "all but GPUs and CPUs at full load: NICs, disks, fans", .of = dimension::power});
        v.number(&T::rest_idle_w, {.key = "rest_idle", .doc = "the same, idle", .of = dimension::power});
    }
};

template <>
struct schema<hardware::node> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::node;
        v.part(&T::gpu, &T::gpus, {.key = "gpu", .doc = "GPUs of the node"});
        v.number(&T::cpus, {.key = "cpus", .doc = "sockets", .min = 1});
        v.number(&T::virtual_cpus, {.key = "virtual_cpus", .doc = "of an instance", .min = 1});
        v.number(&T::host_memory_b, {.key = "host_memory", .doc = "of the CPUs", .of = dimension::data_size});
        v.number(&T::disk_b, {.key = "disk", .doc = "local NVMe", .of = dimension::data_size});
        v.record(&T::modules, {.key = "modules", .doc = "superchips: CPU and GPUs with one power limit"});
        v.group(&T::power, {.key = "power", .doc = "power of the node"});
        v.part(&T::converter, nullptr, {.key = "converter", .doc = "between the node's input and its parts"});
        v.part(&T::nvlink, nullptr, {.key = "nvlink", .doc = "the NVLink domain, if it ends at the node"});
        v.part(&T::network, nullptr, {.key = "network", .doc = "to other nodes"});
        v.number(
            &T::liquid_share,
            {.key = "liquid_share", .doc = "of the heat, that goes into liquid", .of = dimension::share, .max = 1});
        v.number(&T::rent_usd_s, {.key = "rent", .doc = "on demand", .of = dimension::money_rate});
    }
};

template <>
struct schema<hardware::switch_trays> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::switch_trays;
        v.number(&T::count, {.key = "count", .doc = "NVLink switch trays", .min = 1});
        v.number(&T::switches_per_tray, {.key = "switches_per_tray", .doc = "NVSwitch chips in one", .min = 1});
        v.number(&T::power_w, {.key = "power", .doc = "of all trays at full load", .of = dimension::power});
        v.number(&T::idle_share,
                 {.key = "idle_share", .doc = "of it, without traffic", .of = dimension::share, .max = 1});
    }
};

template <>
struct schema<hardware::rack_shelves> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::rack_shelves;
        v.part(&T::shelf, &T::count, {.key = "shelf", .doc = "power shelves of the rack"});
        v.part(&T::redundancy, nullptr, {.key = "redundancy", .doc = "of the sides that the shelves are fed from"});
    }
};

template <>
struct schema<hardware::rack_power> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::rack_power;
        v.number(&T::nameplate_w, {.key = "nameplate", .doc = "what it is planned with", .of = dimension::power});
        v.number(&T::idle_w, {.key = "idle", .doc = "nothing running", .of = dimension::power});
        v.number(
            &T::training_w,
            {.key = "training", .doc = "all GPUs training, at the limits of their modules", .of = dimension::power});
        v.number(&T::peak_to_steady,
                 {.key = "peak_to_steady", .doc = "transients of less than a second", .min = 1, .max = 10});
        v.number(
            &T::storage_j_per_gpu,
            {.key = "storage_per_gpu", .doc = "energy in the shelves that smooths swings", .of = dimension::energy});
        v.number(&T::grid_peak_cut, {.key = "grid_peak_cut",
                                     .doc = "of the peak on the grid, by that storage",
                                     .of = dimension::share,
                                     .max = 1});
    }
};

template <>
struct schema<hardware::rack> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::rack;
        v.part(&T::node, &T::nodes, {.key = "node", .doc = "nodes or compute trays"});
        v.number(&T::cabinets, {.key = "cabinets", .doc = "that it stands in", .min = 1, .max = 1000});
        v.part(&T::nvlink, nullptr, {.key = "nvlink", .doc = "the NVLink domain of all its GPUs"});
        v.group(&T::switches, {.key = "nvlink_switches", .doc = "its NVLink switch trays"});
        v.group(&T::power, {.key = "power", .doc = "power at its AC input"});
        v.group(&T::shelves, {.key = "shelves", .doc = "its power shelves"});
        v.number(
            &T::liquid_share,
            {.key = "liquid_share", .doc = "of the heat, that goes into liquid", .of = dimension::share, .max = 1});
        v.number(&T::mass_kg, {.key = "mass", .doc = "of the whole", .of = dimension::mass});
        v.number(&T::width_m, {.key = "width", .doc = "of a cabinet", .of = dimension::length});
        v.number(&T::depth_m, {.key = "depth", .doc = "of a cabinet", .of = dimension::length});
        v.number(&T::price_usd, {.key = "price", .doc = "of the rack", .of = dimension::money});
        v.number(
            &T::price_installed_usd,
            {.key = "price_installed", .doc = "with its share of the building and its power", .of = dimension::money});
        v.number(&T::rent_usd_s, {.key = "rent", .doc = "of the whole", .of = dimension::money_rate});
        v.number(&T::embodied_kg, {.key = "embodied", .doc = "CO2e of its making", .of = dimension::mass});
    }
};

template <>
struct schema<hardware::block> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::block;
        v.part(&T::rack, &T::racks, {.key = "rack", .doc = "racks of one block"});
        v.number(&T::nameplate_w, {.key = "nameplate", .doc = "with its network", .of = dimension::power});
        v.number(&T::most_racks, {.key = "most_racks", .doc = "of a cluster of such blocks", .min = 1});
        v.number(&T::storage_read_b_s,
                 {.key = "storage_read", .doc = "of the file system", .of = dimension::data_rate});
        v.number(&T::storage_write_b_s,
                 {.key = "storage_write", .doc = "of the file system", .of = dimension::data_rate});
    }
};

// --- cooling ----------------------------------------------------------------------------------------

template <>
struct schema<hardware::coolant_units> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::coolant_units;
        v.number(&T::rating_w, {.key = "rating", .doc = "heat that one takes", .of = dimension::power});
        v.number(
            &T::approach_k,
            {.key = "approach", .doc = "coolant above facility water", .of = dimension::temperature_step, .max = 100});
        v.number(&T::pump_share,
                 {.key = "pump_share", .doc = "power of the pumps, of the heat", .of = dimension::share, .max = 1});
        v.number(&T::installed, {.key = "installed", .doc = "units in a group", .min = 1});
        v.number(&T::needed, {.key = "needed", .doc = "of them", .min = 1});
    }
};

template <>
struct schema<hardware::chiller> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::chiller;
        v.number(&T::rated_cop, {.key = "rated_cop", .doc = "heat / power", .min = 0.1, .max = 100});
        v.number(&T::slope_per_k, {.key = "slope",
                                   .doc = "change of the COP with the outdoor temperature",
                                   .of = dimension::share_per_kelvin,
                                   .min = -1,
                                   .max = 1});
        v.number(&T::rated_outdoor_c, {.key = "rated_outdoor",
                                       .doc = "outdoor temperature of the rated COP",
                                       .of = dimension::temperature,
                                       .min = -50,
                                       .max = 70});
    }
};

template <>
struct schema<hardware::cooling> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::cooling;
        v.word(&T::kind, {.key = "kind", .doc = "where the heat goes first"});
        v.number(&T::power_share, {.key = "power_share",
                                   .doc = "cooling power of IT power, mean of a year",
                                   .of = dimension::share,
                                   .max = 10});
        v.number(&T::other_share,
                 {.key = "other_share", .doc = "lights and the like, of IT power", .of = dimension::share, .max = 10});
        v.number(&T::water_m3_per_j,
                 {.key = "water", .doc = "per IT energy", .of = dimension::volume_per_energy, .max = 1e-6});
        v.number(
            &T::supply_c,
            {.key = "supply", .doc = "facility water, or air at the inlet", .of = dimension::temperature, .max = 100});
        v.record(&T::units, {.key = "distribution_units", .doc = "coolant distribution units"});
        v.number(&T::flow_m3_s_per_w, {.key = "flow", .doc = "of the racks' coolant", .of = dimension::specific_flow});
        v.number(
            &T::loop_rise_k,
            {.key = "loop_rise", .doc = "of the coolant in a rack", .of = dimension::temperature_step, .max = 100});
        v.number(&T::rack_loop_j_per_k,
                 {.key = "rack_loop", .doc = "coolant of one rack", .of = dimension::heat_capacity});
        v.number(&T::site_loop_j_per_k_per_w,
                 {.key = "site_loop", .doc = "facility water per heat", .of = dimension::loop_capacity});
        v.number(&T::fan_share, {.key = "fan_share",
                                 .doc = "power of fans, of the heat that goes into air",
                                 .of = dimension::share,
                                 .max = 1});
        v.record(&T::chiller, {.key = "chiller", .doc = "COP against outdoor temperature"});
        v.number(&T::free_below_c, {.key = "free_below",
                                    .doc = "outdoor temperature up to which no chiller runs",
                                    .of = dimension::temperature,
                                    .min = -50,
                                    .max = 70});
    }
};

// --- regions ----------------------------------------------------------------------------------------

template <>
struct schema<hardware::grid_carbon> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::grid_carbon;
        v.number(&T::mean_kg_per_j,
                 {.key = "mean", .doc = "of what is consumed, over its life cycle", .of = dimension::carbon_intensity});
        v.number(&T::direct_kg_per_j, {.key = "direct",
                                       .doc = "of what is consumed, at the power plants only",
                                       .of = dimension::carbon_intensity});
        v.number(&T::marginal_kg_per_j,
                 {.key = "marginal", .doc = "of one more kilowatt-hour", .of = dimension::carbon_intensity});
        v.number(&T::market_kg_per_j, {.key = "market",
                                       .doc = "after the operator's contracts and certificates",
                                       .of = dimension::carbon_intensity});
    }
};

template <>
struct schema<hardware::daily_shares> {
    template <class V>
    static constexpr void walk(V& v) {
        using P = hardware::hour_share;
        v.points(
            &hardware::daily_shares::points, &P::hour, &P::share,
            {.key = "points", .doc = "hour (UTC) and share of the mean", .x = dimension::time, .y = dimension::share});
    }
};

template <>
struct schema<hardware::daily_steps> {
    template <class V>
    static constexpr void walk(V& v) {
        using P = hardware::hour_step;
        v.points(&hardware::daily_steps::points, &P::hour, &P::kelvin,
                 {.key = "points",
                  .doc = "hour (UTC) and how much warmer than the mean",
                  .x = dimension::time,
                  .y = dimension::temperature_step,
                  .least_y = -100});
    }
};

template <>
struct schema<hardware::daily_profile> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::daily_profile;
        v.record(&T::carbon_winter, {.key = "carbon_winter", .doc = "October to March"});
        v.record(&T::carbon_summer, {.key = "carbon_summer", .doc = "April to September"});
        v.record(&T::price_winter, {.key = "price_winter", .doc = "October to March"});
        v.record(&T::price_summer, {.key = "price_summer", .doc = "April to September"});
        v.record(&T::weather_winter, {.key = "weather_winter", .doc = "October to March"});
        v.record(&T::weather_summer, {.key = "weather_summer", .doc = "April to September"});
    }
};

template <>
struct schema<hardware::region> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::region;
        v.number(&T::latitude_deg,
                 {.key = "latitude", .doc = "north is positive", .of = dimension::angle, .min = -90, .max = 90});
        v.number(&T::longitude_deg,
                 {.key = "longitude", .doc = "east is positive", .of = dimension::angle, .min = -180, .max = 180});
        v.word(&T::grid_zone, {.key = "grid_zone", .doc = "as in published series of carbon and prices"});
        v.word(&T::weather_zone, {.key = "weather_zone", .doc = "as in published series of weather"});
        v.group(&T::carbon, {.key = "carbon", .doc = "CO2e of the grid's energy"});
        v.number(&T::pue,
                 {.key = "pue", .doc = "facility / IT energy of a year, with electrical losses", .min = 1, .max = 10});
        v.number(&T::water_m3_per_j,
                 {.key = "water", .doc = "per IT energy", .of = dimension::volume_per_energy, .max = 1e-6});
        v.number(&T::price_usd_per_j, {.key = "price", .doc = "of energy for industry", .of = dimension::price});
        v.number(&T::mean_c, {.key = "mean_temperature",
                              .doc = "outdoors, of a year",
                              .of = dimension::temperature,
                              .min = -60,
                              .max = 60});
        v.number(&T::design_c, {.key = "design_temperature",
                                .doc = "outdoors, of a hot summer day",
                                .of = dimension::temperature,
                                .min = -60,
                                .max = 60});
        v.group(&T::daily, {.key = "daily", .doc = "mean days, around the mean of a year"});
    }
};

// --- reliability ------------------------------------------------------------------------------------

template <>
struct schema<hardware::failure_cause> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::failure_cause;
        v.word(&T::name, {.key = "name", .doc = "the cause"});
        v.word(&T::kind, {.key = "class", .doc = "what it needs"});
        v.number(&T::per_gpu_s, {.key = "per_gpu", .doc = "rate per GPU", .of = dimension::rate, .max = 1});
    }
};

template <>
struct schema<hardware::repair_action> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::repair_action;
        v.word(&T::name, {.key = "name", .doc = "what is done"});
        v.word(&T::drains, {.key = "drains", .doc = "what is out of service meanwhile"});
        v.number(&T::least, {.key = "least", .doc = "shortest time"});
        v.number(&T::usual, {.key = "usual", .doc = "usual time"});
        v.number(&T::most, {.key = "most", .doc = "longest time"});
    }
};

template <>
struct schema<hardware::plant_failure> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::plant_failure;
        v.word(&T::name, {.key = "name", .doc = "the device"});
        v.number(&T::between, {.key = "between", .doc = "mean time between failures"});
        v.number(&T::repair, {.key = "repair", .doc = "mean time to repair"});
    }
};

template <>
struct schema<hardware::spare_rule> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::spare_rule;
        v.word(&T::name, {.key = "name", .doc = "who does so"});
        v.number(&T::share, {.key = "share", .doc = "of all GPUs, held ready", .of = dimension::share, .max = 1});
    }
};

template <>
struct schema<hardware::infant_mortality> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::infant_mortality;
        v.number(&T::shape, {.key = "shape", .doc = "of a Weibull law", .min = 0.01, .max = 10});
        v.number(&T::multiplier, {.key = "multiplier", .doc = "of the later hazard", .min = 1, .max = 1000});
        v.number(&T::horizon, {.key = "horizon", .doc = "how long it lasts"});
    }
};

template <>
struct schema<hardware::reliability> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::reliability;
        v.number(&T::per_gpu_s,
                 {.key = "per_gpu", .doc = "unplanned interruptions, rate per GPU", .of = dimension::rate, .max = 1});
        v.number(&T::memory_errors, {.key = "memory_errors", .doc = "GPU-time between uncorrectable memory errors"});
        v.record(&T::causes, {.key = "causes", .doc = "of the interruptions"});
        v.record(&T::repairs, {.key = "repairs", .doc = "what is done, and how long it takes"});
        v.record(&T::plant, {.key = "plant", .doc = "failures of the building's devices"});
        v.record(&T::spares, {.key = "spares", .doc = "nodes that are held ready"});
        v.record(&T::infant, {.key = "infant", .doc = "early failures"});
        v.number(&T::lemon_share,
                 {.key = "lemon_share", .doc = "of nodes that fail far more often", .of = dimension::share, .max = 1});
        v.number(&T::start_failure, {.key = "start_failure",
                                     .doc = "probability that a generator does not start",
                                     .of = dimension::share,
                                     .max = 1});
        v.number(&T::burn_in, {.key = "burn_in", .doc = "before a node takes jobs"});
        v.number(&T::acceptance_failure, {.key = "acceptance_failure",
                                          .doc = "of delivered nodes, that fail in burn-in",
                                          .of = dimension::share,
                                          .max = 1});
    }
};

}  // namespace ampacity::io
