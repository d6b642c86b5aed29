#pragma once
/// \file
/// The description of the files that a run writes.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/power/power_tree.hpp>
#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/power_options.hpp>

#include <chrono>
#include <optional>

namespace ampacity::scenario {

/// Which files a run writes besides summary.json, run.json and resolved.yaml.
struct output {
    bool jobs = true;
    bool requests = false;
    bool placement = false;
    std::optional<duration> telemetry{};
    bool events = false;
    std::optional<power::power_tree::level> feeds{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&output::jobs, {.key = "jobs", .doc = "write jobs.csv"});
        visit(&output::requests, {.key = "requests", .doc = "write requests.csv; not supported yet"});
        visit(&output::placement, {.key = "placement", .doc = "write placement.csv"});
        visit(&output::telemetry, {.key = "telemetry",
                                   .doc = "write telemetry.csv with one row per interval",
                                   .example = "\"60 s\"",
                                   .min = std::chrono::milliseconds{1},
                                   .max = longest_input,
                                   .none = "false"});
        visit(&output::events,
              {.key = "events", .doc = "write events.json, a timeline of all runs for Perfetto or chrome://tracing"});
        visit(&output::feeds, {.key = "feeds",
                               .doc = "write feeds.csv: loads and limits of all feeds down to this level, at the "
                                      "interval of `telemetry`; only with `energy` or `power`",
                               .example = "row"});
    }
    friend bool operator==(const output&, const output&) = default;
};

}  // namespace ampacity::scenario
