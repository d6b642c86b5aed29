#pragma once
/// \file
/// The description of parts of the fleet that fail: at the rates of the catalogue, by processes of one's own, or as a
/// log has it; lemons, early failures, and who repairs them.
///
/// Part of `capacity_changes.hpp`. Plain values.

#include <ampacity/faults/failure_plan.hpp>
#include <ampacity/scenario/feed_failures.hpp>
#include <ampacity/scenario/fields.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <string>

namespace ampacity::scenario {

template <>
struct names<ampacity::faults::part_kind> {
    using kind = ampacity::faults::part_kind;
    static constexpr std::array known{named<kind>{kind::gpu, "gpu"}, named<kind>{kind::node, "node"},
                                      named<kind>{kind::rack, "rack"}, named<kind>{kind::switch_tray, "switch-tray"},
                                      named<kind>{kind::nic, "nic"}};
};

/// A cause of a model, changed.
struct changed_cause {
    std::string name;
    std::optional<double> scale{};
    std::optional<duration> mtbf{};
    std::optional<time_law> repair{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&changed_cause::name, {.key = "name",
                                     .doc = "the cause, as `ampacity describe` names it",
                                     .required = true,
                                     .example = "faulty_gpu"});
        visit(&changed_cause::scale,
              {.key = "scale", .doc = "times its rate; 0: never", .example = "0.5", .min = 0.0, .max = 1e6});
        visit(&changed_cause::mtbf, {.key = "mtbf",
                                     .doc = "mean time to failure of one GPU in service, in place of the model's rate",
                                     .example = "\"6000 d\"",
                                     .min = std::chrono::seconds{1},
                                     .max = longest_input});
        visit(&changed_cause::repair,
              {.key = "repair", .doc = "in place of that of its class", .example = "{ exponential: \"30 h\" }"});
    }
    friend bool operator==(const changed_cause&, const changed_cause&) = default;
};

/// Repairs by class of the cause, in place of those of the model.
struct class_repairs {
    std::optional<time_law> hard_gpu{};
    std::optional<time_law> resettable_gpu{};
    std::optional<time_law> host{};
    std::optional<time_law> network{};
    std::optional<time_law> silent{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        constexpr const char* example = "{ lognormal: { median: \"24 h\", sigma: 0.9 } }";
        visit(&class_repairs::hard_gpu, {.key = "hard-gpu", .doc = "of the GPU", .example = example});
        visit(&class_repairs::resettable_gpu,
              {.key = "resettable-gpu", .doc = "a reset of the GPU, or of its node", .example = example});
        visit(&class_repairs::host, {.key = "host", .doc = "of the rest of the node", .example = example});
        visit(&class_repairs::network, {.key = "network", .doc = "of a NIC, cable or switch", .example = example});
        visit(&class_repairs::silent,
              {.key = "silent", .doc = "of a GPU that computed wrong results", .example = example});
    }
    friend bool operator==(const class_repairs&, const class_repairs&) = default;
};

/// How long failures are not noticed, by class of the cause.
struct class_detections {
    std::optional<time_law> hard_gpu{};
    std::optional<time_law> resettable_gpu{};
    std::optional<time_law> host{};
    std::optional<time_law> network{};
    std::optional<time_law> soft{};
    std::optional<time_law> silent{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        constexpr const char* example = "{ exponential: \"10 min\" }";
        visit(&class_detections::hard_gpu, {.key = "hard-gpu", .doc = "of a GPU to repair", .example = example});
        visit(&class_detections::resettable_gpu,
              {.key = "resettable-gpu", .doc = "of a GPU to reset", .example = example});
        visit(&class_detections::host, {.key = "host", .doc = "of the rest of a node", .example = example});
        visit(&class_detections::network, {.key = "network", .doc = "of a NIC, cable or switch", .example = example});
        visit(&class_detections::soft, {.key = "soft", .doc = "of software", .example = example});
        visit(&class_detections::silent,
              {.key = "silent",
               .doc = "of a GPU that computes wrong results; its jobs go on, and fall back to before the failure",
               .example = "{ exponential: \"2 h\" }"});
    }
    friend bool operator==(const class_detections&, const class_detections&) = default;
};

/// A cause of failures of one's own.
struct failing_parts {
    std::string name;
    ampacity::faults::part_kind part = ampacity::faults::part_kind::node;
    duration mtbf{};
    double shape = 1;
    std::optional<std::uint64_t> count{};
    std::optional<time_law> repair{};
    std::optional<double> speed{};
    std::optional<time_law> swap_after{};
    std::optional<time_law> detection{};
    bool silent = false;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&failing_parts::name, {.key = "cause",
                                     .doc = "names it in summary.json, and its random numbers",
                                     .required = true,
                                     .example = "switch_tray"});
        visit(
            &failing_parts::part,
            {.key = "part",
             .doc =
                 "what fails: the node of a GPU or NIC, and all of a rack or of that of a tray of NVLink switches, is "
                 "out of service"});
        visit(&failing_parts::mtbf, {.key = "mtbf",
                                     .doc = "mean time to failure of one such part in service",
                                     .required = true,
                                     .example = "\"900 d\"",
                                     .min = std::chrono::seconds{1},
                                     .max = longest_input});
        visit(&failing_parts::shape, {.key = "shape",
                                      .doc = "of the Weibull law of that time, above 1 for wear, below 1 for early "
                                             "failures; 1 is exponential",
                                      .min = 0.1,
                                      .max = 100.0});
        visit(&failing_parts::count, {.key = "count",
                                      .doc = "of a switch-tray or a nic: how many its rack or node has",
                                      .example = "9",
                                      .min = std::uint64_t{1},
                                      .max = std::uint64_t{1024}});
        visit(&failing_parts::repair,
              {.key = "repair",
               .doc = "how long its nodes are out of service; none: the jobs that hold it stop, and nothing else",
               .example = "{ uniform: { min: \"1 h\", max: \"4 h\" } }"});
        visit(
            &failing_parts::speed,
            {.key = "speed",
             .doc =
                 "the jobs on its nodes, or on the GPU, go on so fast, of their full speed, until the repair is over; "
                 "none: they stop",
             .example = "0.85",
             .min = 0.001,
             .max = 0.999});
        visit(&failing_parts::swap_after,
              {.key = "swap_after",
               .doc = "with a speed: for so long, and then its nodes are out of service for the repair",
               .example = "{ exponential: \"12 h\" }"});
        visit(&failing_parts::detection,
              {.key = "detection",
               .doc = "from the failure until it is noticed; the jobs that hold the part hang meanwhile; none: at once",
               .example = "{ exponential: \"10 min\" }"});
        visit(
            &failing_parts::silent,
            {.key = "silent",
             .doc = "with a detection: until then jobs do not hang, but compute wrong results, and fall back to before "
                    "the failure"});
    }
    friend bool operator==(const failing_parts&, const failing_parts&) = default;
};

/// Nodes that fail far more often.
struct lemons {
    std::optional<double> share{};
    double factor = 1;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&lemons::share, {.key = "share",
                               .doc = "of all nodes, each drawn by itself; none: that of the model",
                               .example = "0.01",
                               .min = 0.0,
                               .max = 1.0});
        visit(&lemons::factor, {.key = "factor",
                                .doc = "times the rates of all causes of their GPUs and of them",
                                .required = true,
                                .example = "10",
                                .min = 1.0,
                                .max = 1000.0});
    }
    friend bool operator==(const lemons&, const lemons&) = default;
};

/// New parts fail more often; what is not given is that of the model.
struct infant_failures {
    std::optional<double> multiplier{};
    std::optional<duration> horizon{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&infant_failures::multiplier, {.key = "multiplier",
                                             .doc = "times the rates of all causes; none: that of the model",
                                             .example = "3",
                                             .min = 1.0,
                                             .max = 1000.0});
        visit(&infant_failures::horizon,
              {.key = "horizon",
               .doc = "for so long from the start, or from when the nodes are delivered; none: that of the model",
               .example = "\"90 d\"",
               .min = duration{1},
               .max = longest_input});
    }
    friend bool operator==(const infant_failures&, const infant_failures&) = default;
};

/// Failures that have happened.
struct failure_log {
    std::string path;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(
            &failure_log::path,
            {.key = "path",
             .doc = "a CSV file, plain or compressed, with the columns time_s, part (gpu, node or rack), index (of the "
                    "part among all of its kind, from 0), cause and repair_s (empty: the jobs stop, and nothing else), "
                    "by time",
             .required = true,
             .example = "failures.csv"});
    }
    friend bool operator==(const failure_log&, const failure_log&) = default;
};

}  // namespace ampacity::scenario
