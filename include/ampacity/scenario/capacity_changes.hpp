#pragma once
/// \file
/// The description of nodes that leave and come, or are slow for a while: outages, failures, slowdowns and deliveries,
/// of which nobody knows beforehand, and reservations, which are planned.
///
/// Plain values: copy, compare and move between threads freely.

#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/part_failures.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::scenario {

/// Nodes or racks that fail and are repaired.
struct outage {
    duration start{};
    duration length{};
    std::optional<std::string> nodes{};
    std::optional<std::string> racks{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&outage::start, {.key = "start",
                               .doc = "when they fail, from the start of the scenario",
                               .required = true,
                               .example = "\"36 h\"",
                               .min = duration::zero(),
                               .max = longest_input});
        visit(&outage::length, {.key = "duration",
                                .doc = "time until they are repaired",
                                .required = true,
                                .example = "\"4 h\"",
                                .min = duration{1},
                                .max = longest_input});
        visit(&outage::nodes,
              {.key = "nodes", .doc = "which nodes, by number from 0; or `racks`", .example = "\"0-3,7\""});
        visit(&outage::racks, {.key = "racks", .doc = "which racks, by number from 0", .example = "\"2\""});
    }
    friend bool operator==(const outage&, const outage&) = default;
};

/// Nodes or racks on which jobs run slower for a while.
struct slowdown {
    duration start{};
    duration length{};
    std::optional<std::string> nodes{};
    std::optional<std::string> racks{};
    double speed = 1.0;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&slowdown::start, {.key = "start",
                                 .doc = "when they become slow, from the start of the scenario",
                                 .required = true,
                                 .example = "\"1 h\"",
                                 .min = duration::zero(),
                                 .max = longest_input});
        visit(&slowdown::length, {.key = "duration",
                                  .doc = "time until they run at full speed again",
                                  .required = true,
                                  .example = "\"2 h\"",
                                  .min = duration{1},
                                  .max = longest_input});
        visit(&slowdown::nodes,
              {.key = "nodes", .doc = "which nodes, by number from 0; or `racks`", .example = "\"3,7-9\""});
        visit(&slowdown::racks, {.key = "racks", .doc = "which racks, by number from 0", .example = "\"2\""});
        visit(&slowdown::speed,
              {.key = "speed",
               .doc = "work per time there, of the full speed; a job runs at the speed of its slowest "
                      "node, and slowdowns of a node that overlap multiply",
               .required = true,
               .example = "0.5",
               .min = 0.001,
               .max = 1.0});
    }
    friend bool operator==(const slowdown&, const slowdown&) = default;
};

/// Nodes or racks of the fleet that come into service later.
struct delivery {
    duration at{};
    std::optional<std::string> nodes{};
    std::optional<std::string> racks{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&delivery::at, {.key = "at",
                              .doc = "when they take jobs, from the start of the scenario; until then they draw and "
                                     "cost nothing, and their time counts as uncommissioned",
                              .required = true,
                              .example = "\"72 h\"",
                              .min = duration{1},
                              .max = longest_input});
        visit(
            &delivery::nodes,
            {.key = "nodes", .doc = "which nodes, by number from 0, of a fleet without racks", .example = "\"8-15\""});
        visit(&delivery::racks, {.key = "racks", .doc = "which racks, by number from 0", .example = "\"8-15\""});
    }
    friend bool operator==(const delivery&, const delivery&) = default;
};

/// Work on all of some racks or nodes, a few at a time.
struct maintenance {
    std::string name;
    std::optional<duration> start{};
    std::optional<duration> every{};
    duration length{};
    std::optional<duration> notice{};
    std::optional<std::string> nodes{};
    std::optional<std::string> racks{};
    std::uint64_t at_a_time = 1;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&maintenance::name, {.key = "name",
                                   .doc = "names its reservations in summary.json, with their number from 1",
                                   .required = true,
                                   .example = "firmware"});
        visit(&maintenance::start,
              {.key = "start",
               .doc = "when the first ones leave, from the start of the scenario; none: after `every`",
               .example = "\"10 d\"",
               .min = duration::zero(),
               .max = longest_input});
        visit(&maintenance::every,
              {.key = "every",
               .doc = "from a round over all of them to the next, until the end of the run; none: once",
               .example = "\"30 d\"",
               .min = duration{1},
               .max = longest_input});
        visit(&maintenance::length, {.key = "duration",
                                     .doc = "how long it takes on each",
                                     .required = true,
                                     .example = "\"4 h\"",
                                     .min = duration{1},
                                     .max = longest_input});
        visit(&maintenance::notice,
              {.key = "notice",
               .doc = "policies learn of each turn so long before it; none: from the start of the run, or beside "
                      "services `duration` before",
               .example = "\"7 d\"",
               .min = duration::zero(),
               .max = longest_input});
        visit(&maintenance::nodes,
              {.key = "nodes",
               .doc = "which nodes, by number from 0; or `racks`; neither: all racks, or all nodes of "
                      "a fleet without",
               .example = "\"0-3,7\""});
        visit(&maintenance::racks, {.key = "racks", .doc = "which racks, by number from 0", .example = "\"0-7\""});
        visit(&maintenance::at_a_time, {.key = "at_a_time",
                                        .doc = "so many racks, or nodes, at a time, the next when these are back",
                                        .example = "2",
                                        .min = std::uint64_t{1},
                                        .max = std::uint64_t{1} << 32U});
    }
    friend bool operator==(const maintenance&, const maintenance&) = default;
};

/// What fails.
struct faults {
    std::vector<outage> outages;
    std::optional<std::string> model{};
    std::optional<double> scale{};
    std::vector<changed_cause> causes{};
    std::optional<class_repairs> repairs{};
    std::optional<class_detections> detection{};
    std::vector<failing_parts> processes{};
    std::vector<maintenance> planned{};
    std::optional<failure_log> log{};
    std::optional<lemons> lemon_nodes{};
    std::optional<infant_failures> infant{};
    std::optional<std::uint64_t> crews{};
    double drain_rack_at = 0;

    /// Does anything fail at random?
    [[nodiscard]] bool at_random() const noexcept { return model.has_value() || !processes.empty(); }
    /// Does anything, or has it?
    [[nodiscard]] bool parts_fail() const noexcept { return at_random() || log.has_value(); }
    /// May jobs hang on what has failed?
    [[nodiscard]] bool may_hang() const noexcept {
        return detection.has_value() ||
               std::any_of(processes.begin(), processes.end(), [](const failing_parts& p) { return p.detection; });
    }

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&faults::outages, {.key = "outages",
                                 .doc = "nodes that fail at given times; nobody knows of them beforehand",
                                 .example = "[ { racks: \"2\", start: \"36 h\", duration: \"4 h\" } ]"});
        visit(&faults::model, {.key = "model",
                               .doc = "a reliability of the catalogue, or a file: GPUs fail at its rates, by cause",
                               .example = "llama3-h100"});
        visit(&faults::scale,
              {.key = "scale", .doc = "times all rates of the model", .example = "2", .min = 0.0, .max = 1e6});
        visit(&faults::causes, {.key = "causes",
                                .doc = "causes of the model that are not as it has them",
                                .example = "[ { name: nic, scale: 2 } ]"});
        visit(&faults::repairs, {.key = "repairs",
                                 .doc = "how long repairs take, by class of the cause",
                                 .example = "{ host: { exponential: \"4 h\" } }"});
        visit(&faults::detection,
              {.key = "detection",
               .doc =
                   "how long failures of the model are not noticed, by class of the cause; the jobs that hold the part "
                   "hang meanwhile; none: not at all",
               .example = "{ hard-gpu: { exponential: \"10 min\" } }"});
        visit(&faults::processes,
              {.key = "processes",
               .doc = "further causes, or all",
               .example = "[ { cause: switch_tray, part: rack, mtbf: \"900 d\", repair: { constant: \"2 h\" } } ]"});
        visit(&faults::planned,
              {.key = "maintenance",
               .doc = "work that takes racks or nodes out of service by turns, known beforehand: reservations of kind "
                      "maintenance",
               .example = "[ { name: firmware, start: \"10 d\", duration: \"4 h\", at_a_time: 2 } ]"});
        visit(
            &faults::log,
            {.key = "log", .doc = "failures that have happened, at their times", .example = "{ path: failures.csv }"});
        visit(&faults::lemon_nodes, {.key = "lemons",
                                     .doc = "nodes that fail far more often than the others",
                                     .example = "{ share: 0.01, factor: 10 }"});
        visit(&faults::infant, {.key = "infant",
                                .doc = "parts fail more often at first; {}: as the model says",
                                .example = "{ multiplier: 3, horizon: \"90 d\" }"});
        visit(&faults::crews, {.key = "crews",
                               .doc = "repairs at random failures that go on at a time, first come first served; none: "
                                      "as many as there are",
                               .example = "2",
                               .min = std::uint64_t{1},
                               .max = std::uint64_t{1'000'000}});
        visit(&faults::drain_rack_at,
              {.key = "drain_rack_at",
               .doc = "share of a rack's nodes that must have failed at a time for the others to take no new jobs; 0: "
                      "never; in millionths",
               .example = "0.5",
               .min = 0.0,
               .max = 1.0});
    }
    friend bool operator==(const faults&, const faults&) = default;
};

/// What reserved nodes do.
enum class reservation_kind : std::uint8_t { maintenance, advance, capacity_block };

template <>
struct names<reservation_kind> {
    static constexpr std::array known{named<reservation_kind>{reservation_kind::maintenance, "maintenance"},
                                      named<reservation_kind>{reservation_kind::advance, "advance"},
                                      named<reservation_kind>{reservation_kind::capacity_block, "capacity-block"}};
};

/// Nodes that are planned to take no jobs, or only those that name the reservation.
struct reservation {
    std::string name;
    reservation_kind kind = reservation_kind::maintenance;
    duration start{};
    duration length{};
    std::optional<std::string> nodes{};
    std::optional<std::string> racks{};
    std::optional<std::uint64_t> gpus{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&reservation::name, {.key = "name",
                                   .doc = "names it in summary.json, and for its jobs",
                                   .required = true,
                                   .example = "maintenance"});
        visit(
            &reservation::kind,
            {.key = "kind",
             .doc = "maintenance: its nodes take no jobs; advance: they take jobs that name it and are planned to end "
                    "by its end; capacity-block: they take jobs that name it, and stop them at its end"});
        visit(&reservation::start, {.key = "start",
                                    .doc = "when it begins, from the start of the scenario",
                                    .required = true,
                                    .example = "\"24 h\"",
                                    .min = duration::zero(),
                                    .max = longest_input});
        visit(&reservation::length, {.key = "duration",
                                     .doc = "how long it lasts",
                                     .required = true,
                                     .example = "\"8 h\"",
                                     .min = duration{1},
                                     .max = longest_input});
        visit(&reservation::nodes,
              {.key = "nodes", .doc = "which nodes, by number from 0; or `racks`, or `gpus`", .example = "\"0-3,7\""});
        visit(&reservation::racks, {.key = "racks", .doc = "which racks, by number from 0", .example = "\"0-7\""});
        visit(&reservation::gpus, {.key = "gpus",
                                   .doc = "at least so many GPUs: of the nodes with the highest numbers, whole nodes",
                                   .example = "576",
                                   .min = 1,
                                   .max = std::uint64_t{1} << 40U});
    }
    friend bool operator==(const reservation&, const reservation&) = default;
};

}  // namespace ampacity::scenario
