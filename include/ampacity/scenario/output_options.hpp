#pragma once
/// \file
/// The description of the files that a run writes.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/power/power_tree.hpp>
#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/power_options.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace ampacity::scenario {

/// Columns of telemetry.csv.
enum class telemetry_column : std::uint8_t {
    time,
    queued,
    running,
    busy,
    free,
    finished,
    it,
    utility,
    facility,
    carbon_intensity,
    price,
    it_energy,
    facility_energy,
    carbon,
    energy_cost,
    cost,
    gpu_mean,
    gpu_max
};

template <>
struct names<telemetry_column> {
    using column = telemetry_column;
    static constexpr std::array known{named<column>{column::time, "time_s"},
                                      named<column>{column::queued, "queued_jobs"},
                                      named<column>{column::running, "running_jobs"},
                                      named<column>{column::busy, "busy_gpus"},
                                      named<column>{column::free, "free_gpus"},
                                      named<column>{column::finished, "finished_jobs"},
                                      named<column>{column::it, "it_w"},
                                      named<column>{column::utility, "utility_w"},
                                      named<column>{column::facility, "facility_w"},
                                      named<column>{column::carbon_intensity, "carbon_g_per_kwh"},
                                      named<column>{column::price, "price_usd_per_mwh"},
                                      named<column>{column::it_energy, "it_kwh"},
                                      named<column>{column::facility_energy, "facility_kwh"},
                                      named<column>{column::carbon, "carbon_kg"},
                                      named<column>{column::energy_cost, "energy_usd"},
                                      named<column>{column::cost, "cost_usd"},
                                      named<column>{column::gpu_mean, "gpu_temperature_mean_c"},
                                      named<column>{column::gpu_max, "gpu_temperature_max_c"}};
};

/// Columns of feeds.csv.
enum class feeds_column : std::uint8_t { time, feed, load, limit, gpu_low, gpu_high, charge };

template <>
struct names<feeds_column> {
    using column = feeds_column;
    static constexpr std::array known{
        named<column>{column::time, "time_s"},           named<column>{column::feed, "feed"},
        named<column>{column::load, "load_w"},           named<column>{column::limit, "limit_w"},
        named<column>{column::gpu_low, "gpu_limit_low"}, named<column>{column::gpu_high, "gpu_limit_high"},
        named<column>{column::charge, "charge"}};
};

/// Which files a run writes besides summary.json, run.json and resolved.yaml.
struct output {
    bool jobs = true;
    bool requests = false;
    bool placement = false;
    std::optional<duration> telemetry{};
    bool events = false;
    bool itl = false;
    std::optional<power::power_tree::level> feeds{};
    std::vector<telemetry_column> telemetry_columns{};
    std::vector<feeds_column> feeds_columns{};
    bool years = false;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&output::jobs, {.key = "jobs", .doc = "write jobs.csv"});
        visit(&output::requests,
              {.key = "requests", .doc = "write requests.csv, or requests-NAME.csv for each of several services"});
        visit(&output::placement, {.key = "placement", .doc = "write placement.csv"});
        visit(&output::telemetry, {.key = "telemetry",
                                   .doc = "write telemetry.csv with one row per interval",
                                   .example = "\"60 s\"",
                                   .min = std::chrono::milliseconds{1},
                                   .max = longest_input,
                                   .none = "false"});
        visit(&output::events,
              {.key = "events", .doc = "write events.json, a timeline of all runs for Perfetto or chrome://tracing"});
        visit(&output::itl,
              {.key = "itl", .doc = "measure the times between tokens of the answers of services, which takes time"});
        visit(&output::feeds, {.key = "feeds",
                               .doc = "write feeds.csv: loads and limits of all feeds down to this level, at the "
                                      "interval of `telemetry`; only with `energy` or `power`",
                               .example = "row"});
        visit(&output::telemetry_columns,
              {.key = "telemetry_columns",
               .doc = "columns of telemetry.csv, in this order; without it all that have values",
               .example = "[ time_s, queued_jobs, utility_w ]",
               .never_empty = true});
        visit(&output::feeds_columns, {.key = "feeds_columns",
                                       .doc = "columns of feeds.csv, in this order; all without it",
                                       .example = "[ time_s, feed, load_w ]",
                                       .never_empty = true});
        visit(&output::years,
              {.key = "years", .doc = "write years.csv, by calendar year (UTC) and site; `contract` does so, too"});
    }
    friend bool operator==(const output&, const output&) = default;
};

}  // namespace ampacity::scenario
