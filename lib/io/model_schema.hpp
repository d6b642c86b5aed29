#pragma once
/// \file
/// What the files of the hardware catalogue hold: for each struct of `hardware` its keys with members, dimensions,
/// ranges and meanings. Reader, `describe` and the list of keys walk this one description.
///
/// `schema<S>::walk(v)` calls for each key
///  - `v.number(member, number_field)`: a number. In a model or a group it is a map of its own, `{ value: 178 W,
///  source:
///    smi, confidence: measured }`; in a record it is the value of the key.
///  - `v.word(member, word_field)`: a text or a name, which needs no source of its own.
///  - `v.group(member, word_field)`: a map of such keys.
///  - `v.record(member, word_field)`: numbers with one source and confidence; a list of maps where the member is a
///  vector.
///  - `v.part(member, count, word_field)`: another model and how many of it; `v.parts` a list of models.
///  - `v.points(member, x, y, points_field)`: a curve; in records only.
/// Members that are no std::optional must be given, but for lists and efficiency curves: a device without one has no
/// loss.

#include <ampacity/hardware/accelerator.hpp>
#include <ampacity/hardware/cooling.hpp>
#include <ampacity/hardware/network.hpp>
#include <ampacity/hardware/node.hpp>
#include <ampacity/hardware/power.hpp>
#include <ampacity/hardware/rack.hpp>
#include <ampacity/hardware/region.hpp>
#include <ampacity/hardware/reliability.hpp>
#include <ampacity/scenario/fields.hpp>

#include <limits>
#include <optional>
#include <string_view>

namespace ampacity::io {

/// What is said about a number. Durations and counts have no dimension here: their types say it.
struct number_field {
    std::string_view key;
    std::string_view doc;
    std::optional<scenario::dimension> of{};  ///< none: a number without unit
    double min = 0;                           ///< smallest value, in the base; durations: [s]
    double max = std::numeric_limits<double>::max();
};

/// What is said about another key.
struct word_field {
    std::string_view key;
    std::string_view doc;
};

/// What is said about a curve: pairs of this dimension each.
struct points_field {
    std::string_view key;
    std::string_view doc;
    std::optional<scenario::dimension> x{};
    std::optional<scenario::dimension> y{};
    double least_y = 0;
};

template <class S>
struct schema;

}  // namespace ampacity::io

namespace ampacity::scenario {

template <>
struct names<hardware::network_kind> {
    using E = hardware::network_kind;
    static constexpr std::array known{named<E>{E::nvlink, "nvlink"}, named<E>{E::rail, "rail"},
                                      named<E>{E::efa, "efa"}};
};
template <>
struct names<hardware::power_device_kind> {
    using E = hardware::power_device_kind;
    static constexpr std::array known{named<E>{E::feed, "feed"},
                                      named<E>{E::transformer, "transformer"},
                                      named<E>{E::cable, "cable"},
                                      named<E>{E::switchgear, "switchgear"},
                                      named<E>{E::generator, "generator"},
                                      named<E>{E::ups, "ups"},
                                      named<E>{E::pdu, "pdu"},
                                      named<E>{E::busway, "busway"},
                                      named<E>{E::shelf, "shelf"},
                                      named<E>{E::busbar, "busbar"},
                                      named<E>{E::converter, "converter"},
                                      named<E>{E::breaker, "breaker"}};
};
template <>
struct names<hardware::cooling_kind> {
    using E = hardware::cooling_kind;
    static constexpr std::array known{named<E>{E::air, "air"}, named<E>{E::liquid, "liquid"}};
};
template <>
struct names<hardware::failure_class> {
    using E = hardware::failure_class;
    static constexpr std::array known{named<E>{E::hard_gpu, "hard-gpu"}, named<E>{E::resettable_gpu, "resettable-gpu"},
                                      named<E>{E::host, "host"},         named<E>{E::network, "network"},
                                      named<E>{E::soft, "soft"},         named<E>{E::silent, "silent"}};
};
template <>
struct names<hardware::drain_scope> {
    using E = hardware::drain_scope;
    static constexpr std::array known{named<E>{E::nothing, "nothing"}, named<E>{E::nic, "nic"},
                                      named<E>{E::node, "node"}, named<E>{E::rack, "rack"}};
};

}  // namespace ampacity::scenario

namespace ampacity::io {

using scenario::dimension;

// --- accelerators -----------------------------------------------------------------------------------

template <>
struct schema<hardware::dense_peaks> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::dense_peaks;
        v.number(&T::bf16_flop_s,
                 {.key = "bf16", .doc = "peak rate of bf16, without sparsity", .of = dimension::compute});
        v.number(&T::fp8_flop_s, {.key = "fp8", .doc = "peak rate of fp8, without sparsity", .of = dimension::compute});
        v.number(&T::fp4_flop_s, {.key = "fp4", .doc = "peak rate of fp4, without sparsity", .of = dimension::compute});
    }
};

template <>
struct schema<hardware::phase_powers> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::phase_powers;
        const auto phase = [&v](auto member, std::string_view key, std::string_view doc) {
            v.number(member, {.key = key, .doc = doc, .of = dimension::power, .max = 1e4});
        };
        phase(&T::gemm_bf16_w, "gemm_bf16", "matrix products in bf16, without a cap");
        phase(&T::gemm_fp8_w, "gemm_fp8", "matrix products in fp8, without a cap");
        phase(&T::gemm_fp4_w, "gemm_fp4", "matrix products in fp4, without a cap");
        phase(&T::prefill_attention_w, "prefill_attention", "attention over a prompt");
        phase(&T::decode_gemm_w, "decode_gemm", "matrix products that stream the weights");
        phase(&T::decode_attention_w, "decode_attention", "attention of one new token per sequence");
        phase(&T::decode_mla_w, "decode_mla", "the same with multi-head latent attention");
        phase(&T::communication_w, "communication", "waiting for a collective of synchronous training");
    }
};

template <>
struct schema<hardware::cap_response> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::cap_response;
        v.number(&T::loss,
                 {.key = "loss", .doc = "a in speed = 1 - a (1 - p)^b, p = cap / uncapped power", .max = 100});
        v.number(&T::exponent, {.key = "exponent", .doc = "b in it", .max = 10});
        v.number(&T::valid_from, {.key = "valid_from", .doc = "smallest p that the fit is good for", .max = 1});
    }
};

template <>
struct schema<hardware::gpu_power> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::gpu_power;
        v.number(
            &T::limit_w,
            {.key = "limit", .doc = "largest and default power limit", .of = dimension::power, .min = 1, .max = 1e4});
        v.number(
            &T::lowest_limit_w,
            {.key = "lowest_limit", .doc = "smallest power limit that can be set", .of = dimension::power, .max = 1e4});
        v.number(&T::idle_w, {.key = "idle", .doc = "nothing resident", .of = dimension::power, .max = 1e4});
        v.number(&T::context_w, {.key = "context",
                                 .doc = "a context or a model resident, no kernel running",
                                 .of = dimension::power,
                                 .max = 1e4});
        v.group(&T::phases, {.key = "phases", .doc = "power while it does one thing"});
        v.record(&T::compute_bound, {.key = "compute_bound", .doc = "speed under a cap: GEMM, training, prefill"});
        v.record(&T::memory_bound, {.key = "memory_bound", .doc = "speed under a cap: decode"});
        v.number(&T::max_sm_clock_hz,
                 {.key = "max_sm_clock", .doc = "largest clock of the SMs", .of = dimension::frequency});
    }
};

template <>
struct schema<hardware::gpu_thermal> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::gpu_thermal;
        v.number(&T::throttle_c,
                 {.key = "throttle", .doc = "it slows itself from here", .of = dimension::temperature, .max = 150});
        v.number(&T::slowdown_c,
                 {.key = "slowdown", .doc = "hardware slowdown", .of = dimension::temperature, .max = 150});
        v.number(&T::shutdown_c,
                 {.key = "shutdown", .doc = "it switches itself off", .of = dimension::temperature, .max = 150});
        v.number(&T::resistance_k_per_w, {.key = "resistance",
                                          .doc = "die to coolant, or to air at the inlet",
                                          .of = dimension::thermal_resistance,
                                          .max = 10});
        v.number(&T::heat_capacity_j_per_k, {.key = "heat_capacity",
                                             .doc = "with its share of the cold plate or heat sink",
                                             .of = dimension::heat_capacity,
                                             .max = 1e6});
    }
};

template <>
struct schema<hardware::accelerator> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::accelerator;
        v.number(&T::memory_b,
                 {.key = "memory", .doc = "HBM by specification", .of = dimension::data_size, .max = 1e14});
        v.number(
            &T::memory_reported_b,
            {.key = "memory_reported", .doc = "HBM as the driver reports it", .of = dimension::data_size, .max = 1e14});
        v.number(&T::memory_bandwidth_b_s,
                 {.key = "memory_bandwidth", .doc = "of the HBM", .of = dimension::data_rate});
        v.group(&T::peaks, {.key = "dense_peak", .doc = "peak rates without sparsity"});
        v.number(&T::nvlink_b_s, {.key = "nvlink", .doc = "both directions together", .of = dimension::data_rate});
        v.group(&T::power, {.key = "power", .doc = "power of the GPU"});
        v.group(&T::thermal, {.key = "temperature", .doc = "heat of the GPU"});
        v.number(&T::embodied_kg,
                 {.key = "embodied", .doc = "CO2e of its making, cradle to gate", .of = dimension::mass, .max = 1e5});
    }
};

// --- networks ---------------------------------------------------------------------------------------

template <>
struct schema<hardware::network_tier> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::network_tier;
        v.word(&T::kind, {.key = "kind", .doc = "what it connects"});
        v.number(&T::bandwidth_b_s, {.key = "bandwidth", .doc = "per GPU and direction", .of = dimension::data_rate});
        v.number(&T::domain_gpus, {.key = "domain_gpus", .doc = "GPUs that reach each other over it", .min = 1});
        v.number(&T::latency, {.key = "latency", .doc = "of one step of a collective"});
        v.number(
            &T::bus_bandwidth_b_s,
            {.key = "bus_bandwidth", .doc = "of a large all-reduce, as NCCL counts it", .of = dimension::data_rate});
        v.number(&T::bisection_b_s, {.key = "bisection", .doc = "of the whole fabric", .of = dimension::data_rate});
    }
};

// --- power ------------------------------------------------------------------------------------------

template <>
struct schema<hardware::efficiency_curve> {
    template <class V>
    static constexpr void walk(V& v) {
        using P = hardware::efficiency_point;
        v.points(&hardware::efficiency_curve::points, &P::load, &P::efficiency,
                 {.key = "points",
                  .doc = "load and efficiency, by rising load",
                  .x = dimension::share,
                  .y = dimension::share});
    }
};

template <>
struct schema<hardware::overload_curve> {
    template <class V>
    static constexpr void walk(V& v) {
        using P = hardware::overload_point;
        v.number(&hardware::overload_curve::holds,
                 {.key = "holds", .doc = "load that is borne without end", .of = dimension::share, .max = 10});
        v.points(&hardware::overload_curve::points, &P::load, &P::time,
                 {.key = "points",
                  .doc = "load and time until it trips, by rising load",
                  .x = dimension::share,
                  .y = dimension::time});
    }
};

template <>
struct schema<hardware::power_device> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::power_device;
        v.word(&T::kind, {.key = "kind", .doc = "what it does"});
        v.number(&T::rating_w, {.key = "rating", .doc = "largest continuous output", .of = dimension::power});
        v.number(
            &T::rating_va,
            {.key = "apparent_rating", .doc = "largest continuous apparent power", .of = dimension::apparent_power});
        v.number(&T::output_v, {.key = "output_voltage", .doc = "at its output", .of = dimension::voltage});
        v.number(&T::modules, {.key = "modules", .doc = "power supplies or modules in it", .min = 1});
        v.record(&T::efficiency, {.key = "efficiency", .doc = "output / input against load"});
        v.number(&T::eco_efficiency,
                 {.key = "eco_efficiency", .doc = "of a UPS in its bypass mode", .of = dimension::share, .max = 1});
        v.record(&T::overload, {.key = "overload", .doc = "how long it bears an overload"});
        v.number(&T::hot_factor, {.key = "hot_factor", .doc = "times the tolerated time at 35 to 40 degC", .max = 1});
        v.number(
            &T::continuous_load,
            {.key = "continuous_load", .doc = "largest load that may be planned", .of = dimension::share, .max = 1});
        v.number(&T::battery, {.key = "battery", .doc = "ride-through at full load"});
        v.number(
            &T::recharge,
            {.key = "recharge", .doc = "drawn to fill the battery, of the rating", .of = dimension::share, .max = 1});
        v.number(
            &T::battery_efficiency,
            {.key = "battery_efficiency", .doc = "kept of what fills the battery", .of = dimension::share, .max = 1});
        v.number(&T::start, {.key = "start", .doc = "until it carries load"});
        v.number(&T::fuel_m3_per_j, {.key = "fuel", .doc = "per energy", .of = dimension::volume_per_energy});
        v.number(&T::tank, {.key = "tank", .doc = "fuel at full load"});
        v.number(&T::fuel_usd_per_j,
                 {.key = "fuel_cost", .doc = "of the fuel, per energy made", .of = dimension::price});
        v.number(&T::fuel_kg_per_j,
                 {.key = "fuel_carbon", .doc = "CO2e of the fuel, per energy made", .of = dimension::carbon_intensity});
        v.number(&T::lead_time, {.key = "lead_time", .doc = "from order to delivery"});
    }
};

template <>
struct schema<hardware::power_topology> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::power_topology;
        v.number(&T::installed, {.key = "installed", .doc = "sources in one group", .min = 1, .max = 1000});
        v.number(&T::needed, {.key = "needed", .doc = "of them, to carry all of the load", .min = 1, .max = 1000});
        v.number(
            &T::feeds_per_load,
            {.key = "feeds_per_load", .doc = "sources that one rack or row is connected to", .min = 1, .max = 1000});
        v.word(&T::idle_reserve,
               {.key = "idle_reserve", .doc = "whether the spare source carries nothing in normal operation"});
        v.number(
            &T::load_spread_over,
            {.key = "load_spread_over", .doc = "sources that share the load of a failed one", .min = 1, .max = 1000});
        v.number(&T::transfer, {.key = "transfer", .doc = "of the switch that moves the load"});
        v.number(&T::shed_within, {.key = "shed_within", .doc = "load beyond what is left must be gone by then"});
        v.number(&T::stranded_share, {.key = "stranded",
                                      .doc = "largest share of the power that no load can use",
                                      .of = dimension::share,
                                      .max = 1});
        v.parts(&T::stages, {.key = "stages", .doc = "devices from the utility to the rack"});
    }
};

template <>
struct schema<hardware::hall> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::hall;
        v.part(&T::topology, nullptr, {.key = "topology", .doc = "of its sources"});
        v.number(&T::racks_per_row, {.key = "racks_per_row", .doc = "racks on one busway", .min = 1, .max = 1000});
        v.number(&T::rows, {.key = "rows", .doc = "of racks", .min = 1, .max = 10000});
        v.part(&T::generator, nullptr, {.key = "generator", .doc = "that stands by for each source, or for the site"});
        v.number(&T::generator_share, {.key = "generator_share",
                                       .doc = "its rating, of that of what it feeds",
                                       .of = dimension::share,
                                       .max = 10});
        v.word(&T::generator_of_site,
               {.key = "generator_of_site", .doc = "whether one set stands by for the whole site"});
    }
};

template <>
struct schema<hardware::cap_control> {
    template <class V>
    static constexpr void walk(V& v) {
        using T = hardware::cap_control;
        v.number(&T::latency, {.key = "latency", .doc = "from the decision until the power has moved"});
        v.number(&T::settle, {.key = "settle", .doc = "until it stays there"});
        v.number(&T::period, {.key = "period", .doc = "between two decisions"});
        v.number(&T::clamp_hz, {.key = "clamp", .doc = "the clock that it forces", .of = dimension::frequency});
    }
};

}  // namespace ampacity::io
