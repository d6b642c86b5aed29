#pragma once
/// \file
/// The description of how power is delivered and limited while a run goes on: halls, controllers, what happens to
/// feeds and when.
///
/// Plain values: copy, compare and move between threads freely.

#include <ampacity/power/power_tree.hpp>
#include <ampacity/scenario/feed_failures.hpp>
#include <ampacity/scenario/fields.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::scenario {

/// The halls of one site.
struct site_power {
    std::string model;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&site_power::model, {.key = "model",
                                   .doc = "a hall of the catalogue (`ampacity list halls`), or a file",
                                   .required = true,
                                   .example = "4n3-hall"});
    }
    friend bool operator==(const site_power&, const site_power&) = default;
};

template <>
struct names<power::power_tree::level> {
    using level = power::power_tree::level;
    static constexpr std::array known{named<level>{level::site, "site"}, named<level>{level::source, "source"},
                                      named<level>{level::row, "row"}, named<level>{level::unit, "rack"}};
};

/// A controller of all feeds of one level.
struct feed_control {
    power::power_tree::level level = power::power_tree::level::row;
    std::string policy = "none";
    std::optional<free_options> options{};
    std::optional<duration> period{};
    std::optional<duration> latency{};
    std::string actuator = "power-limit";
    double trigger = 1.0;
    double target = 0.95;
    double release = 0.90;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&feed_control::level, {.key = "level", .doc = "whose load it watches: that of each such feed"});
        visit(&feed_control::policy,
              {.key = "policy",
               .doc = "who gives: none at all; all GPUs the same; those of jobs of low priority first; or, from 80 and "
                      "89 % of the rating on, fixed limits for both classes (POLCA); or a cap policy of a plug-in",
               .required = true,
               .example = "uniform"});
        visit(&feed_control::options, {.key = "options",
                                       .doc = "for a policy of a plug-in, which says what there is",
                                       .example = "{ step: 50 }"});
        visit(&feed_control::period, {.key = "period",
                                      .doc = "it looks at the multiples of this time; that of the `actuator`, or 3 s, "
                                             "without",
                                      .example = "\"3 s\"",
                                      .min = std::chrono::milliseconds{1},
                                      .max = longest_input});
        visit(&feed_control::actuator, {.key = "actuator",
                                        .doc = "a cap control of the catalogue (`ampacity list cap-controls`): how "
                                               "limits reach the GPUs, which gives `latency`"});
        visit(&feed_control::latency, {.key = "latency",
                                       .doc = "from its decision until the limits hold; that of the `actuator` without",
                                       .example = "\"40 s\"",
                                       .min = duration::zero(),
                                       .max = longest_input});
        visit(&feed_control::trigger,
              {.key = "trigger",
               .doc = "share of a feed's rating, or of what an event leaves of it, above which loads are lowered",
               .min = 0.01,
               .max = 2.0});
        visit(&feed_control::target,
              {.key = "target", .doc = "share that they are lowered to, at most `trigger`", .min = 0.01, .max = 2.0});
        visit(&feed_control::release, {.key = "release",
                                       .doc = "share below which limits are raised again, at most `target`",
                                       .min = 0.01,
                                       .max = 2.0});
    }
    friend bool operator==(const feed_control&, const feed_control&) = default;
};

/// One event of a feed.
struct power_event {
    power_event_kind kind = power_event_kind::loss;
    std::string feed{};
    duration start{};
    duration length{};
    std::optional<quantity<dimension::power>> power{};
    std::optional<double> cut{};
    std::optional<quantity<dimension::price>> price{};
    std::optional<double> factor{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&power_event::kind,
              {.key = "kind",
               .doc = "a feed fails, or is taken out of service; its load is limited; or a site's "
                      "load is to be lower than it is at the start; or, with `thermal`, the "
                      "coolant of racks is not cooled, or stands still; or energy has another price",
               .required = true,
               .example = "loss"});
        visit(&power_event::feed,
              {.key = "feed",
               .doc = "`SITE`, `SITE/hall-0/source-1`, `SITE/hall-0/row-3` or `rack-17`; numbers count from 0, and the "
                      "site may be left out where there is one; of a cooling-loss or a flow-loss `SITE`, "
                      "`SITE/hall-0`, `SITE/hall-0/row-3` or `rack-17`; of a price-spike `SITE`",
               .required = true,
               .example = "hall-0/source-1"});
        visit(&power_event::start, {.key = "start",
                                    .doc = "from the start of the scenario",
                                    .required = true,
                                    .example = "\"14 h\"",
                                    .min = duration::zero(),
                                    .max = longest_input});
        visit(&power_event::length, {.key = "duration",
                                     .doc = "until all is as before",
                                     .required = true,
                                     .example = "\"2 h\"",
                                     .min = duration{1},
                                     .max = longest_input});
        visit_effect<power_event>(visit);
    }
    friend bool operator==(const power_event&, const power_event&) = default;
};

/// The batteries of UPS, where they are not as the catalogue has them.
struct battery_options {
    std::optional<duration> ride_through{};
    std::optional<double> recharge{};
    std::optional<double> efficiency{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&battery_options::ride_through,
              {.key = "ride_through",
               .doc = "how long a full battery carries its UPS at the rating, longer at less; 0 s: there are no "
                      "batteries; `battery` of the UPS without",
               .example = "\"5 min\"",
               .min = duration::zero(),
               .max = longest_input});
        visit(&battery_options::recharge, {.key = "recharge",
                                           .doc = "power that fills a battery, beside the load, as a share of the "
                                                  "UPS's rating; `recharge` of the UPS without",
                                           .example = "0.1",
                                           .min = 0.0,
                                           .max = 1.0});
        visit(&battery_options::efficiency, {.key = "efficiency",
                                             .doc = "what a battery keeps of that; `battery_efficiency` of the UPS "
                                                    "without",
                                             .example = "0.9",
                                             .min = 0.01,
                                             .max = 1.0});
    }
    friend bool operator==(const battery_options&, const battery_options&) = default;
};

/// What a generator stands beside.
enum class generator_level : std::uint8_t { source, site };

template <>
struct names<generator_level> {
    static constexpr std::array known{named<generator_level>{generator_level::source, "source"},
                                      named<generator_level>{generator_level::site, "site"}};
};

/// The generators of all sites, where they are not as the halls of the catalogue have them.
struct generator_options {
    std::optional<std::string> model{};
    std::optional<generator_level> level{};
    std::optional<double> share{};
    std::optional<duration> start{};
    std::optional<duration> fuel{};
    std::optional<quantity<dimension::price>> price{};
    std::optional<quantity<dimension::carbon_intensity>> carbon{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&generator_options::model, {.key = "model",
                                          .doc = "a device of the catalogue (`ampacity list power-devices`), or a "
                                                 "file; that of the hall without, or `generator`",
                                          .example = "generator"});
        visit(&generator_options::level, {.key = "level",
                                          .doc = "what they stand by for: one for each source of a hall, or one set "
                                                 "for each site; as the hall has it without, or source",
                                          .example = "site"});
        visit(&generator_options::share, {.key = "share",
                                          .doc = "rating of a generator as a share of that of what it feeds; 0: there "
                                                 "are none; `generator_share` of the hall without, or 1",
                                          .example = "1.2",
                                          .min = 0.0,
                                          .max = 10.0});
        visit(&generator_options::start, {.key = "start",
                                          .doc = "from the loss until it carries load; `start` of the model without",
                                          .example = "\"10 s\"",
                                          .min = duration::zero(),
                                          .max = longest_input});
        visit(&generator_options::fuel, {.key = "fuel",
                                         .doc = "how long its fuel lasts at its rating, for the whole run; `tank` of "
                                                "the model without, or without end",
                                         .example = "\"48 h\"",
                                         .min = duration::zero(),
                                         .max = longest_input});
        visit(&generator_options::price, {.key = "price",
                                          .doc = "of what it makes; `fuel_cost` of the model without",
                                          .example = "\"0.30 USD/kWh\""});
        visit(&generator_options::carbon, {.key = "carbon",
                                           .doc = "CO2e of what it makes; `fuel_carbon` of the model without",
                                           .example = "\"700 g/kWh\""});
    }
    friend bool operator==(const generator_options&, const generator_options&) = default;
};

/// How power is delivered and limited.
struct power_delivery {
    std::optional<std::string> hall{};
    std::optional<std::uint64_t> racks_per_row{};
    std::optional<std::uint64_t> rows_per_hall{};
    double oversubscription = 1;
    bool trips = true;
    std::optional<duration> reclose{};
    duration boot = std::chrono::minutes{10};
    std::optional<battery_options> batteries{};
    std::optional<generator_options> generators{};
    bool thermal = false;
    std::uint64_t high_priority_from = 1;
    single_or_list<feed_control> control{};
    std::vector<power_event> events{};
    std::vector<feed_failures> failures{};
    std::optional<std::string> reliability{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(
            &power_delivery::hall,
            {.key = "hall",
             .doc = "a hall of the catalogue (`ampacity list halls`), or a file: the redundancy of its sources, racks "
                    "per row and rows; for sites without `power`. Without it halls of 12 rows of 8 racks, fed as "
                    "`energy.topology` says",
             .example = "4n3-hall"});
        visit(&power_delivery::racks_per_row, {.key = "racks_per_row",
                                               .doc = "racks on one busway; as the hall has it without",
                                               .example = "2",
                                               .min = 1,
                                               .max = 1000});
        visit(&power_delivery::rows_per_hall, {.key = "rows_per_hall",
                                               .doc = "rows behind the sources of one hall; as the hall has it without",
                                               .example = "6",
                                               .min = 1,
                                               .max = 10'000});
        visit(&power_delivery::oversubscription, {.key = "oversubscription",
                                                  .doc = "nameplate of the racks over what the chain is built for",
                                                  .min = 0.1,
                                                  .max = 10.0});
        visit(&power_delivery::trips, {.key = "trips",
                                       .doc = "devices whose tolerance of overloads is known open when it is used up, "
                                              "and all below them loses its power"});
        visit(&power_delivery::reclose, {.key = "reclose",
                                         .doc = "time after a trip until the device is closed again; never without it",
                                         .example = "\"1 h\"",
                                         .min = duration{1},
                                         .max = longest_input});
        visit(&power_delivery::boot, {.key = "boot",
                                      .doc = "time from the return of their power, or of their cooling, until nodes "
                                             "take jobs",
                                      .min = duration::zero(),
                                      .max = longest_input});
        visit(&power_delivery::batteries, {.key = "batteries",
                                           .doc = "of the UPS, which carry the load when what feeds them is lost; as "
                                                  "the UPS of the catalogue have them without"});
        visit(&power_delivery::generators, {.key = "generators",
                                            .doc = "which take over when they have started; as the hall has them "
                                                   "without, and none without a hall"});
        visit(&power_delivery::thermal, {.key = "thermal",
                                         .doc = "temperatures act: GPUs that are too hot slow down, or switch "
                                                "themselves off; needs a `cooling` by liquid that says its `supply`"});
        visit(&power_delivery::high_priority_from,
              {.key = "high_priority_from",
               .doc = "priority from which on a job belongs to the class that gives last",
               .max = 1'000'000'000});
        visit(&power_delivery::control, {.key = "control",
                                         .doc = "who lowers loads: one controller, or a list of them, one per level",
                                         .example = "{ level: row, policy: uniform }",
                                         .never_empty = true});
        visit(&power_delivery::events, {.key = "events",
                                        .doc = "what happens to feeds",
                                        .example = "[ { kind: loss, feed: hall-0/source-1, start: \"14 h\", duration: "
                                                   "\"2 h\" } ]",
                                        .never_empty = true});
        visit(&power_delivery::failures,
              {.key = "failures",
               .doc = "what happens to feeds at random, until `until`",
               .example = "[ { level: source, mtbf: \"400 d\", repair: { exponential: \"8 h\" } } ]",
               .never_empty = true});
        visit(&power_delivery::reliability,
              {.key = "reliability",
               .doc = "a reliability of the catalogue, or a file: the utility of each site and the UPS of each source "
                      "fail as it says",
               .example = "facility"});
    }
    friend bool operator==(const power_delivery&, const power_delivery&) = default;
};

}  // namespace ampacity::scenario
