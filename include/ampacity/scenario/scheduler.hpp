#pragma once
/// \file
/// The description of who decides: the scheduling policy, the placer, and the options of each policy, which stand
/// under the policy's own name.
///
/// Plain values: copy, compare and move between threads freely.

#include <ampacity/scenario/capacity_changes.hpp>
#include <ampacity/scenario/elastic_options.hpp>
#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/power_aware_options.hpp>
#include <ampacity/scenario/preemption.hpp>
#include <ampacity/scenario/signal_aware_options.hpp>
#include <ampacity/scenario/site_scheduler.hpp>
#include <ampacity/scenario/topology_options.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::scenario {

/// What `sjf`, `srtf` and `srsf` know of a job.
enum class knowledge : std::uint8_t { duration, estimate };

template <>
struct names<knowledge> {
    static constexpr std::array known{named<knowledge>{knowledge::duration, "duration"},
                                      named<knowledge>{knowledge::estimate, "estimate"}};
};

/// Options of `sjf`, `srtf` and `srsf`.
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

/// Options of `gittins`.
struct gittins_options {
    std::vector<gpu_duration> service;
    gpu_duration service_quantum{gpu_time{3'600} * 1'000'000'000};
    std::uint64_t stages = 64;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&gittins_options::service,
              {.key = "service",
               .doc = "services that jobs took in all, from which the index is computed; empty: those of the jobs that "
                      "have ended in this run; a bare number counts GPU-seconds",
               .example = "[\"1 GPU-h\", \"1 GPU-h\", \"40 GPU-h\"]",
               .min = gpu_duration{0},
               .max = max_gpu_duration,
               .bare_unit = "GPU-s"});
        visit(&gittins_options::service_quantum, {.key = "service_quantum",
                                                  .doc = "attained service after which a job's index is taken anew",
                                                  .min = gpu_duration{gpu_time{1'000'000'000}},
                                                  .max = max_gpu_duration,
                                                  .bare_unit = "GPU-s"});
        visit(&gittins_options::stages, {.key = "stages",
                                         .doc = "number of quanta that are told apart; in the last one a job stays",
                                         .min = 1,
                                         .max = 256});
    }
    friend bool operator==(const gittins_options&, const gittins_options&) = default;
};

/// Options of `qssf`.
struct qssf_options {
    double weight = 0.2;
    duration prior = std::chrono::hours{1};
    bool skip = false;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&qssf_options::weight, {.key = "weight",
                                      .doc = "weight of the latest job in a rolling mean, in millionths",
                                      .min = 1e-6,
                                      .max = 1.0});
        visit(&qssf_options::prior, {.key = "prior",
                                     .doc = "duration that is predicted before any job has ended",
                                     .min = duration{1},
                                     .max = longest_input});
        visit(&qssf_options::skip,
              {.key = "skip", .doc = "jobs behind one that does not fit may start, instead of waiting for it"});
    }
    friend bool operator==(const qssf_options&, const qssf_options&) = default;
};

/// Options of `ftf`.
struct ftf_options {
    duration lease = std::chrono::minutes{20};
    double fairness = 0.8;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&ftf_options::lease, {.key = "lease",
                                    .doc = "all GPUs are offered at the multiples of this time",
                                    .min = std::chrono::seconds{1},
                                    .max = longest_input});
        visit(
            &ftf_options::fairness,
            {.key = "fairness",
             .doc = "share f of the jobs that GPUs are offered to last, by arrival; before them the others, worst off "
                    "first; in millionths",
             .min = 0.0,
             .max = 1.0});
    }
    friend bool operator==(const ftf_options&, const ftf_options&) = default;
};

/// Options of `max-min`.
struct max_min_options {
    duration round = std::chrono::minutes{6};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&max_min_options::round, {.key = "round",
                                        .doc = "all GPUs are given anew at the multiples of this time",
                                        .min = std::chrono::seconds{1},
                                        .max = longest_input});
    }
    friend bool operator==(const max_min_options&, const max_min_options&) = default;
};

/// Options of `priority`.
struct priority_options {
    bool backfill = false;
    std::uint64_t preempt_above = 1;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&priority_options::backfill,
              {.key = "backfill", .doc = "start jobs behind the blocked head that do not delay it"});
        visit(&priority_options::preempt_above, {.key = "preempt_above",
                                                 .doc = "how much higher a priority must be to preempt another",
                                                 .example = "10",
                                                 .min = 1,
                                                 .max = 0xFFFF'FFFFU});
    }
    friend bool operator==(const priority_options&, const priority_options&) = default;
};

inline constexpr std::uint64_t max_weight = 1'000'000;  ///< limit of the weights of groups and users

/// A group of `fair-share`.
struct quota_group {
    std::string name;
    std::string parent{};
    std::uint64_t quota = 0;
    std::uint64_t weight = 1;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&quota_group::name,
              {.key = "name", .doc = "the group as the jobs name it", .required = true, .example = "research"});
        visit(&quota_group::parent,
              {.key = "parent", .doc = "the group above it, listed before; empty: none", .example = "research"});
        visit(&quota_group::quota, {.key = "quota",
                                    .doc = "GPUs that it is guaranteed",
                                    .example = "64",
                                    .min = 0,
                                    .max = std::uint64_t{1} << 40U});
        visit(&quota_group::weight, {.key = "weight",
                                     .doc = "its share beside the groups of the same parent",
                                     .example = "2",
                                     .min = 1,
                                     .max = max_weight});
    }
    friend bool operator==(const quota_group&, const quota_group&) = default;
};

/// Options of `fair-share`.
struct fair_share_options {
    std::vector<quota_group> groups;
    bool reclaim = true;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&fair_share_options::groups, {.key = "groups",
                                            .doc = "guarantees and weights; a group that is not listed has quota 0 "
                                                   "and weight 1",
                                            .example = "[{ name: research, quota: 64, weight: 2 }]"});
        visit(&fair_share_options::reclaim,
              {.key = "reclaim", .doc = "preempt jobs of groups beyond their quota for those within theirs"});
    }
    friend bool operator==(const fair_share_options&, const fair_share_options&) = default;
};

/// Whose share `drf` looks at.
enum class share_owner : std::uint8_t { user, group };

template <>
struct names<share_owner> {
    static constexpr std::array known{named<share_owner>{share_owner::user, "user"},
                                      named<share_owner>{share_owner::group, "group"}};
};

/// A user or group of `drf`.
struct owner_weight {
    std::string name;
    std::uint64_t weight = 1;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&owner_weight::name,
              {.key = "name", .doc = "the user or group as the jobs name it", .required = true, .example = "ann"});
        visit(&owner_weight::weight, {.key = "weight",
                                      .doc = "its share beside the others",
                                      .required = true,
                                      .example = "2",
                                      .min = 1,
                                      .max = max_weight});
    }
    friend bool operator==(const owner_weight&, const owner_weight&) = default;
};

/// Options of `drf`.
struct drf_options {
    share_owner by = share_owner::user;
    std::vector<owner_weight> weights;
    bool skip = false;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&drf_options::by, {.key = "by", .doc = "whose shares are kept equal: those of users or of groups"});
        visit(&drf_options::weights, {.key = "weights",
                                      .doc = "of users or groups; one that is not listed has weight 1",
                                      .example = "[{ name: ann, weight: 2 }]"});
        visit(&drf_options::skip,
              {.key = "skip", .doc = "pass over those whose next job does not fit, instead of waiting for it"});
    }
    friend bool operator==(const drf_options&, const drf_options&) = default;
};

/// Who decides.
struct scheduler {
    std::string policy;
    std::string placer = "first-fit";
    ampacity::scenario::preemption preemption{};
    std::vector<reservation> reservations{};
    std::optional<site_scheduler> sites{};
    las_options las{};
    oracle_options sjf{};
    oracle_options srtf{};
    topology_options topology{};
    round_options round{};
    explain_options explain{};
    oracle_options srsf{};
    gittins_options gittins{};
    qssf_options qssf{};
    ftf_options ftf{};
    max_min_options max_min{};
    priority_options priority{};
    fair_share_options fair_share{};
    drf_options drf{};
    elastic_options elastic{};
    carbon_aware_options carbon_aware{};
    price_aware_options price_aware{};
    power_aware_options power_aware{};
    duration decision_time{};
    duration decision_time_per_job{};
    std::optional<free_options> policy_options{};
    std::optional<free_options> placer_options{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&scheduler::policy, {.key = "policy",
                                   .doc = "which jobs start when; `ampacity list policies` names them",
                                   .required = true,
                                   .example = "easy"});
        visit(&scheduler::placer,
              {.key = "placer", .doc = "which GPUs a job gets on nodes; `ampacity list placers` names them"});
        visit(&scheduler::preemption, {.key = "preemption",
                                       .doc = "what preempting or resizing a job costs it",
                                       .example = "{ restart: \"60 s\" }"});
        visit(&scheduler::reservations, {.key = "reservations",
                                         .doc = "nodes that are planned to close; policies see it and plan round it",
                                         .example = "[ { name: upgrade, start: \"24 h\", duration: \"8 h\", racks: "
                                                    "\"0-7\" } ]"});
        visit(
            &scheduler::sites,
            {.key = "sites",
             .doc = "each of fleet.sites has a queue, a policy and a placer of its own, as given here, and no job has "
                    "GPUs of two; without it one queue serves all",
             .example = "{ place: cheapest }"});
        visit(&scheduler::las, {.key = "las", .doc = "options of the policy las"});
        visit(&scheduler::sjf, {.key = "sjf", .doc = "options of the policy sjf"});
        visit(&scheduler::srtf, {.key = "srtf", .doc = "options of the policy srtf"});
        visit(&scheduler::topology, {.key = "topology", .doc = "options of the placer topology"});
        visit(&scheduler::round, {.key = "round", .doc = "options of the policy round"});
        visit(&scheduler::explain, {.key = "explain", .doc = "options of the policy explain"});
        visit(&scheduler::srsf, {.key = "srsf", .doc = "options of the policy srsf"});
        visit(&scheduler::gittins, {.key = "gittins", .doc = "options of the policy gittins"});
        visit(&scheduler::qssf, {.key = "qssf", .doc = "options of the policy qssf"});
        visit(&scheduler::ftf, {.key = "ftf", .doc = "options of the policy ftf"});
        visit(&scheduler::max_min, {.key = "max-min", .doc = "options of the policy max-min"});
        visit(&scheduler::priority, {.key = "priority", .doc = "options of the policy priority"});
        visit(&scheduler::fair_share, {.key = "fair-share", .doc = "options of the policy fair-share"});
        visit(&scheduler::drf, {.key = "drf", .doc = "options of the policy drf"});
        visit(&scheduler::elastic, {.key = "elastic", .doc = "options of the policy elastic"});
        visit(&scheduler::carbon_aware, {.key = "carbon-aware", .doc = "options of the policy carbon-aware"});
        visit(&scheduler::price_aware, {.key = "price-aware", .doc = "options of the policy price-aware"});
        visit(&scheduler::power_aware, {.key = "power-aware", .doc = "options of the policy power-aware"});
        visit(&scheduler::decision_time,
              {.key = "decision_time",
               .doc = "simulated time from the first change to the decision that it asks for, which sees all changes "
                      "until then",
               .min = duration::zero(),
               .max = longest_input});
        visit(&scheduler::decision_time_per_job,
              {.key = "decision_time_per_job",
               .doc = "added to decision_time for each job that waits at that change",
               .min = duration::zero(),
               .max = longest_input});
        visit(&scheduler::policy_options, {.key = "policy_options",
                                           .doc = "options of a plug-in's policy, which names its keys",
                                           .example = "{ quantum_s: 60 }"});
        visit(&scheduler::placer_options, {.key = "placer_options",
                                           .doc = "options of a plug-in's placer, which names its keys",
                                           .example = "{ from: last }"});
    }
    friend bool operator==(const scheduler&, const scheduler&) = default;
};

}  // namespace ampacity::scenario
