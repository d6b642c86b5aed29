#pragma once
/// \file
/// The description of the files that say how carbon, prices and weather vary over time.
///
/// Plain values: copy, compare and move between threads freely.

#include <ampacity/core/step_series.hpp>
#include <ampacity/scenario/fields.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace ampacity::scenario {

/// What becomes of steps that a file lacks.
enum class gap_filling : std::uint8_t {
    error,
    hold,    ///< the value before them
    linear,  ///< between the values before and behind them
};

template <>
struct names<gap_filling> {
    static constexpr std::array known{named<gap_filling>{gap_filling::error, "error"},
                                      named<gap_filling>{gap_filling::hold, "hold"},
                                      named<gap_filling>{gap_filling::linear, "linear"}};
};

template <>
struct names<outside> {
    static constexpr std::array known{named<outside>{outside::unknown, "error"}, named<outside>{outside::held, "hold"},
                                      named<outside>{outside::repeated, "repeat"}};
};

/// A column of a CSV file.
struct signal_file {
    std::string path;
    std::string column;
    std::string unit;
    std::optional<std::string> time{};
    duration utc_offset{};
    std::optional<duration> step{};
    gap_filling gaps = gap_filling::error;
    duration most_gap = std::chrono::hours{3};
    outside beyond = outside::unknown;
    std::optional<date> from{};
    std::optional<double> usd{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&signal_file::path, {.key = "path",
                                   .doc = "a CSV file with a header, plain, .gz or .zst; relative to the scenario file",
                                   .required = true,
                                   .example = "grid.csv.gz"});
        visit(&signal_file::column, {.key = "column",
                                     .doc = "the column of the values, as its header names it",
                                     .required = true,
                                     .example = "\"Price (USD/MWh)\""});
        visit(&signal_file::unit, {.key = "unit",
                                   .doc = "of the values: g/kWh of carbon, USD/MWh of prices, degC of weather or "
                                          "another unit of its kind; a price may be in another currency with `usd`",
                                   .required = true,
                                   .example = "g/kWh"});
        visit(&signal_file::time, {.key = "time",
                                   .doc = "the column of the times, ISO 8601; or \"month,day,hour\", three columns of "
                                          "a typical year with hours from 1 to 24; without it the first column",
                                   .example = "time_utc"});
        visit(&signal_file::utc_offset, {.key = "utc_offset",
                                         .doc = "what local times are ahead of UTC; negative in the west; for times "
                                                "that do not say it themselves",
                                         .example = "\"-5 h\"",
                                         .min = -std::chrono::hours{24},
                                         .max = std::chrono::hours{24}});
        visit(&signal_file::step, {.key = "step",
                                   .doc = "time from row to row; without it that between the first two",
                                   .example = "\"1 h\"",
                                   .min = std::chrono::seconds{1},
                                   .max = longest_input});
        visit(&signal_file::gaps,
              {.key = "gaps", .doc = "what becomes of missing rows, empty values and NaN; filled ones are counted"});
        visit(&signal_file::most_gap, {.key = "most_gap",
                                       .doc = "the longest time that is filled; a longer gap is an error",
                                       .min = duration::zero(),
                                       .max = std::chrono::hours{24 * 30}});
        visit(&signal_file::beyond, {.key = "beyond",
                                     .doc = "before the first and behind the last row: an error if the run gets there, "
                                            "the outer values, or the series again, if it is made of whole days"});
        visit(&signal_file::from, {.key = "from",
                                   .doc = "the date in the file that falls on the scenario's `start`; without it dates "
                                          "are taken as they are",
                                   .example = "2021-01-01"});
        visit(&signal_file::usd, {.key = "usd",
                                  .doc = "price of one unit of the currency in USD",
                                  .example = "1.08",
                                  .above = 0.0,
                                  .max = 1e6});
    }
    friend bool operator==(const signal_file&, const signal_file&) = default;
};

/// What varies over time; what is not given is the region's mean of a year.
struct energy_signals {
    std::optional<signal_file> carbon{};
    std::optional<signal_file> marginal{};
    std::optional<signal_file> price{};
    std::optional<signal_file> weather{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&energy_signals::carbon, {.key = "carbon",
                                        .doc = "carbon intensity of what is consumed, for carbon_kg.location",
                                        .example = "{ path: grid.csv, column: intensity, unit: g/kWh }"});
        visit(&energy_signals::marginal, {.key = "marginal",
                                          .doc = "what one more kilowatt-hour emits, for carbon_kg.marginal",
                                          .example = "{ path: grid.csv, column: marginal, unit: g/kWh }"});
        visit(&energy_signals::price, {.key = "price",
                                       .doc = "price of energy, for cost_usd.energy",
                                       .example = "{ path: grid.csv, column: price, unit: USD/MWh }"});
        visit(&energy_signals::weather, {.key = "weather",
                                         .doc = "outdoor temperature, which chillers follow; needs `energy.cooling` "
                                                "with chillers",
                                         .example = "{ path: weather.csv, column: temperature_2m, unit: degC }"});
    }
    friend bool operator==(const energy_signals&, const energy_signals&) = default;
};

}  // namespace ampacity::scenario
