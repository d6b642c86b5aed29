#pragma once
/// \file
/// The description of who decides: the scheduling policy, the placer, and the options of each policy, which stand
/// under the policy's own name.
///
/// Plain values: copy, compare and move between threads freely.

#include <ampacity/scenario/fields.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::scenario {

/// What `sjf` and `srtf` know of a job.
enum class knowledge : std::uint8_t { duration, estimate };

template <>
struct names<knowledge> {
    static constexpr std::array known{named<knowledge>{knowledge::duration, "duration"},
                                      named<knowledge>{knowledge::estimate, "estimate"}};
};

/// Options of `sjf` and `srtf`.
struct oracle_options {
    knowledge by = knowledge::duration;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&oracle_options::by,
              {.key = "by", .doc = "what jobs are ordered by: the true duration (an oracle) or the estimate"});
    }
    friend bool operator==(const oracle_options&, const oracle_options&) = default;
};

/// The largest GPU-time in a scenario: 2.5 million GPU-h.
inline constexpr gpu_duration max_gpu_duration{gpu_time{9'000'000'000} * 1'000'000'000};

/// Options of `las`.
struct las_options {
    std::vector<gpu_duration> thresholds{{gpu_time{3'600} * 1'000'000'000}, {gpu_time{36'000} * 1'000'000'000}};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&las_options::thresholds,
              {.key = "thresholds",
               .doc =
                   "attained service at which a job falls to the next bucket, rising; a bare number counts GPU-seconds",
               .example = "[3600, 36000]",
               .min = gpu_duration{1},
               .max = max_gpu_duration,
               .bare_unit = "GPU-s"});
    }
    friend bool operator==(const las_options&, const las_options&) = default;
};

/// Options of the placer `topology`.
struct topology_options {
    bool keep_racks_whole = false;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&topology_options::keep_racks_whole,
              {.key = "keep_racks_whole",
               .doc = "a job that fits one rack gets the fullest that has room, instead of the lowest"});
    }
    friend bool operator==(const topology_options&, const topology_options&) = default;
};

/// Options of `round`.
struct round_options {
    std::string policy = "fifo";
    duration every = std::chrono::minutes{6};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&round_options::policy, {.key = "policy", .doc = "the policy that decides; not round or explain"});
        visit(&round_options::every, {.key = "every",
                                      .doc = "time from one round to the next; the first is the start of the scenario",
                                      .min = duration{1},
                                      .max = longest_input});
    }
    friend bool operator==(const round_options&, const round_options&) = default;
};

/// Options of `explain`.
struct explain_options {
    std::string policy = "fifo";
    std::vector<std::string> jobs;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&explain_options::policy,
              {.key = "policy", .doc = "the policy that decides and is explained; not explain"});
        visit(&explain_options::jobs,
              {.key = "jobs", .doc = "the job_ids that explain.csv tells of, at most 1000", .example = "[4711]"});
    }
    friend bool operator==(const explain_options&, const explain_options&) = default;
};

/// The longest that a checkpoint or a restart may take.
inline constexpr duration max_overhead = std::chrono::hours{24 * 366};

/// What preempting a job costs.
struct preemption {
    std::optional<duration> checkpoint_interval{};
    duration checkpoint{};
    duration restart{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&preemption::checkpoint_interval,
              {.key = "checkpoint_interval",
               .doc = "work between two checkpoints, to the last of which a preempted job falls back; none: it keeps "
                      "everything",
               .example = "\"30 min\"",
               .min = duration{1},
               .max = longest_input,
               .none = "none"});
        visit(&preemption::checkpoint, {.key = "checkpoint",
                                        .doc = "how long writing a checkpoint stops the job; without an interval, "
                                               "once for each preemption",
                                        .example = "\"20 s\"",
                                        .min = duration::zero(),
                                        .max = max_overhead});
        visit(&preemption::restart, {.key = "restart",
                                     .doc = "time without work at the beginning of a run after a preemption",
                                     .example = "\"60 s\"",
                                     .min = duration::zero(),
                                     .max = max_overhead});
    }
    friend bool operator==(const preemption&, const preemption&) = default;
};

/// Who decides.
struct scheduler {
    std::string policy;
    std::string placer = "first-fit";
    ampacity::scenario::preemption preemption{};
    las_options las{};
    oracle_options sjf{};
    oracle_options srtf{};
    topology_options topology{};
    round_options round{};
    explain_options explain{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&scheduler::policy, {.key = "policy",
                                   .doc = "which jobs start when; `ampacity list policies` names them",
                                   .required = true,
                                   .example = "easy"});
        visit(&scheduler::placer,
              {.key = "placer", .doc = "which GPUs a job gets on nodes; `ampacity list placers` names them"});
        visit(&scheduler::preemption,
              {.key = "preemption", .doc = "what preempting a job costs it", .example = "{ restart: \"60 s\" }"});
        visit(&scheduler::las, {.key = "las", .doc = "options of the policy las"});
        visit(&scheduler::sjf, {.key = "sjf", .doc = "options of the policy sjf"});
        visit(&scheduler::srtf, {.key = "srtf", .doc = "options of the policy srtf"});
        visit(&scheduler::topology, {.key = "topology", .doc = "options of the placer topology"});
        visit(&scheduler::round, {.key = "round", .doc = "options of the policy round"});
        visit(&scheduler::explain, {.key = "explain", .doc = "options of the policy explain"});
    }
    friend bool operator==(const scheduler&, const scheduler&) = default;
};

}  // namespace ampacity::scenario
