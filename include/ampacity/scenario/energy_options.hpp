#pragma once
/// \file
/// The description of what the energy of a run is computed from: names of models of the catalogue.
///
/// Plain values: copy, compare and move between threads freely.

#include <ampacity/power/node_power.hpp>
#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/signal_options.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::scenario {

template <>
struct names<power::phase> {
    static constexpr std::array known{
        named<power::phase>{power::phase::idle, "idle"},
        named<power::phase>{power::phase::context, "context"},
        named<power::phase>{power::phase::gemm_bf16, "gemm-bf16"},
        named<power::phase>{power::phase::gemm_fp8, "gemm-fp8"},
        named<power::phase>{power::phase::gemm_fp4, "gemm-fp4"},
        named<power::phase>{power::phase::prefill_attention, "prefill-attention"},
        named<power::phase>{power::phase::decode_gemm, "decode-gemm"},
        named<power::phase>{power::phase::decode_attention, "decode-attention"},
        named<power::phase>{power::phase::decode_mla, "decode-mla"},
        named<power::phase>{power::phase::communication, "communication"},
    };
};

/// How the power of synchronous jobs swings.
struct job_swing {
    quantity<dimension::frequency> hz{};
    power::phase low = power::phase::communication;
    std::optional<quantity<dimension::power>> floor{};
    double low_share = 0.5;
    duration transition = std::chrono::milliseconds{20};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&job_swing::hz, {.key = "frequency",
                               .doc = "how often a job goes from compute to communication and back",
                               .required = true,
                               .example = "\"0.5 Hz\"",
                               .above = quantity<dimension::frequency>{0},
                               .max = quantity<dimension::frequency>{1e6}});
        visit(&job_swing::low, {.key = "low", .doc = "what its GPUs do between stretches of `phase`"});
        visit(&job_swing::floor,
              {.key = "floor",
               .doc = "power below which a GPU is kept from falling; its energy counts, and is `energy_kwh.floor`",
               .example = "\"900 W\""});
        visit(
            &job_swing::low_share,
            {.key = "low_share",
             .doc = "share of the time that its GPUs do `low`, for the energy of `floor`: half of it is an assumption",
             .min = 0.0,
             .max = 1.0});
        visit(&job_swing::transition,
              {.key = "transition", .doc = "time from high to low", .min = duration{1}, .max = longest_input});
    }
    friend bool operator==(const job_swing&, const job_swing&) = default;
};

/// What may follow the mean days of the region.
enum class daily_signal : std::uint8_t { carbon, price, weather };

template <>
struct names<daily_signal> {
    static constexpr std::array known{named<daily_signal>{daily_signal::carbon, "carbon"},
                                      named<daily_signal>{daily_signal::price, "price"},
                                      named<daily_signal>{daily_signal::weather, "weather"}};
};

/// Where the site stands and how it is fed and cooled.
struct energy {
    std::optional<std::string> region{};
    std::string topology = "single";
    std::optional<std::string> cooling{};
    power::phase phase = power::phase::gemm_bf16;
    std::optional<energy_signals> signals{};
    std::vector<daily_signal> daily{};
    std::optional<quantity<dimension::money_per_power>> demand_charge{};
    duration life = std::chrono::hours{24 * 1826};
    std::optional<quantity<dimension::money_rate>> gpu_price{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&energy::region,
              {.key = "region",
               .doc = "a region of the catalogue, or a file: its PUE, carbon, price and water; none without it",
               .example = "us-east-1"});
        visit(&energy::topology, {.key = "topology",
                                  .doc = "a power topology of the catalogue, or a file: the stages from the utility to "
                                         "the racks, and the share of their ratings that load is planned for"});
        visit(&energy::cooling, {.key = "cooling",
                                 .doc = "a way to cool of the catalogue, or a file: its power and water take the place "
                                        "of the region's PUE and water",
                                 .example = "warm-water-w40"});
        visit(&energy::phase, {.key = "phase", .doc = "what the GPUs of jobs do, unless `workload.N.phase` says it"});
        visit(&energy::signals, {.key = "signals",
                                 .doc = "carbon, price and weather over time, from files",
                                 .example = "{ carbon: { path: grid.csv, column: intensity, unit: g/kWh } }"});
        visit(&energy::daily,
              {.key = "daily",
               .doc =
                   "what follows the mean days of the region's model, by the hour and the half of the year, around its "
                   "mean",
               .example = "[ carbon, price ]",
               .never_empty = true});
        visit(&energy::demand_charge,
              {.key = "demand_charge",
               .doc = "per month, for the highest quarter of an hour of each calendar month (UTC) that the run touches",
               .example = "\"12 USD/kW\"",
               .min = {{0.0}},
               .max = {{1e3}}});
        visit(&energy::life, {.key = "life",
                              .doc = "service life that embodied carbon is spread over",
                              .min = std::chrono::hours{24},
                              .max = longest_input});
        visit(&energy::gpu_price, {.key = "gpu_price",
                                   .doc = "what each installed GPU costs over time, in place of the models' rents",
                                   .example = "\"3 USD/h\"",
                                   .min = {{0.0}},
                                   .max = {{1e3}}});
    }
    friend bool operator==(const energy&, const energy&) = default;
};

}  // namespace ampacity::scenario
