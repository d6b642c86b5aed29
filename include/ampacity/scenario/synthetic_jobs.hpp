#pragma once
/// \file
/// The description of synthetic jobs: when they come, how large they are, how long they run, whose they are.
///
/// Part of `scenario.hpp`; becomes `workload::synthetic_options` by `make_options` (synthetic_options.hpp). What a key
/// means beyond its own range is checked by `check`. Plain values.

#include <ampacity/core/scope.hpp>
#include <ampacity/scenario/arrival_shape.hpp>
#include <ampacity/scenario/duration_shape.hpp>
#include <ampacity/scenario/fields.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::scenario {

inline constexpr std::uint64_t max_users = 1'000'000;  ///< limit of the users of one entry

template <>
struct names<scope> {
    static constexpr std::array known{
        named<scope>{scope::fleet, scope_names[0]}, named<scope>{scope::site, scope_names[1]},
        named<scope>{scope::block, scope_names[2]}, named<scope>{scope::rack, scope_names[3]}};
};

/// The limit of segment.
inline constexpr std::uint64_t max_segment = 0xFFFF;

/// Where on racks the GPUs of a job may be.
struct placement_wishes {
    std::optional<std::uint64_t> segment{};
    scope within = scope::fleet;
    bool exclusive = false;
    bool spread = false;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&placement_wishes::segment,
              {.key = "segment",
               .doc = "nodes of a segment: the job is cut into such, each inside one rack; without it into nodes",
               .example = "12",
               .min = 1,
               .max = max_segment});
        visit(&placement_wishes::within, {.key = "within", .doc = "the part of the fleet that holds all of the job"});
        visit(&placement_wishes::exclusive, {.key = "exclusive", .doc = "no other job in its racks while it runs"});
        visit(&placement_wishes::spread,
              {.key = "spread", .doc = "take GPUs node by node in the placer's order, instead of whole nodes"});
    }
    friend bool operator==(const placement_wishes&, const placement_wishes&) = default;
};

/// On how many GPUs an elastic job can run.
struct elastic_range {
    std::uint64_t min = 1;
    std::uint64_t max = 1;
    double serial_fraction = 0;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&elastic_range::min, {.key = "min",
                                    .doc = "the fewest GPUs that the job can run on",
                                    .required = true,
                                    .example = "1",
                                    .min = 1,
                                    .max = std::uint64_t{1} << 31U});
        visit(&elastic_range::max, {.key = "max",
                                    .doc = "the most GPUs of use to it",
                                    .required = true,
                                    .example = "16",
                                    .min = 1,
                                    .max = std::uint64_t{1} << 31U});
        visit(&elastic_range::serial_fraction,
              {.key = "serial_fraction",
               .doc = "of its work on one GPU: what more GPUs do not make faster (Amdahl's law)",
               .min = 0.0,
               .max = 1.0});
    }
    friend bool operator==(const elastic_range&, const elastic_range&) = default;
};

/// One size of synthetic jobs.
struct gpu_share {
    std::uint64_t gpus = 0;
    double weight = 0;
    std::optional<double> duration_factor{};
    std::optional<duration_shape> duration{};
    std::optional<placement_wishes> placement{};
    std::optional<elastic_range> elastic{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&gpu_share::gpus, {.key = "gpus",
                                 .doc = "GPUs that the job asks for",
                                 .required = true,
                                 .example = "8",
                                 .min = 1,
                                 .max = std::uint64_t{1} << 31U});
        visit(&gpu_share::weight, {.key = "weight",
                                   .doc = "share of the jobs, relative to the sum of all weights",
                                   .required = true,
                                   .example = "0.1",
                                   .min = 0.0,
                                   .max = 1e9});
        visit(&gpu_share::duration_factor, {.key = "duration_factor",
                                            .doc = "on the durations of these jobs, before they are cut to `max`",
                                            .example = "2",
                                            .above = 0.0,
                                            .max = 1e6});
        visit(&gpu_share::duration, {.key = "duration",
                                     .doc = "how long jobs of this size run, instead of the entry's `duration`",
                                     .example = "{ median: \"2 h\", sigma: 1.5 }"});
        visit(&gpu_share::placement, {.key = "placement",
                                      .doc = "where jobs of this size may be: the columns of jobs-csv of these names",
                                      .example = "{ segment: 12, within: block }"});
        visit(&gpu_share::elastic,
              {.key = "elastic",
               .doc = "jobs of this size also run on fewer or more GPUs, where the policy chooses; `gpus` is what they "
                      "prefer",
               .example = "{ min: 1, max: 16, serial_fraction: 0.02 }"});
    }
    friend bool operator==(const gpu_share&, const gpu_share&) = default;
};

/// How users estimate: duration x a factor drawn evenly from [min, max].
struct factor_range {
    double min = 1;
    double max = 1;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&factor_range::min, {.key = "min",
                                   .doc = "smallest estimate / duration",
                                   .required = true,
                                   .example = "1",
                                   .min = 0.0,
                                   .max = 1000.0});
        visit(&factor_range::max, {.key = "max",
                                   .doc = "largest estimate / duration",
                                   .required = true,
                                   .example = "5",
                                   .min = 0.0,
                                   .max = 1000.0});
    }
    friend bool operator==(const factor_range&, const factor_range&) = default;
};

/// Users without names: user k has weight k^-zipf.
struct user_mix {
    std::uint64_t count = 0;
    double zipf = 1;
    std::optional<std::uint64_t> groups{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&user_mix::count, {.key = "count",
                                 .doc = "number of users: user-1, user-2, ...",
                                 .required = true,
                                 .example = "100",
                                 .min = 1,
                                 .max = max_users});
        visit(&user_mix::zipf, {.key = "zipf",
                                .doc = "user k has a share in proportion to k^-zipf; 0 makes all equal",
                                .min = 0.0,
                                .max = 10.0});
        visit(&user_mix::groups, {.key = "groups",
                                  .doc = "number of groups; users are dealt to group-1, group-2, ... in turn",
                                  .example = "10",
                                  .min = 1,
                                  .max = max_users});
    }
    friend bool operator==(const user_mix&, const user_mix&) = default;
};

/// A group with its users.
struct group_share {
    std::string name;
    double weight = 0;
    std::uint64_t users = 1;
    double zipf = 1;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&group_share::name, {.key = "name", .doc = "name of the group", .required = true, .example = "research"});
        visit(&group_share::weight, {.key = "weight",
                                     .doc = "share of the jobs, relative to the sum of all weights",
                                     .required = true,
                                     .example = "0.1",
                                     .min = 0.0,
                                     .max = 1e9});
        visit(&group_share::users,
              {.key = "users", .doc = "number of its users: NAME/1, NAME/2, ...", .min = 1, .max = max_users});
        visit(&group_share::zipf, {.key = "zipf",
                                   .doc = "user k has a share of the group's jobs in proportion to k^-zipf",
                                   .min = 0.0,
                                   .max = 10.0});
    }
    friend bool operator==(const group_share&, const group_share&) = default;
};

/// A priority and its share of the jobs.
struct priority_share {
    std::uint64_t priority = 0;
    double weight = 0;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&priority_share::priority, {.key = "priority",
                                          .doc = "larger is more urgent",
                                          .required = true,
                                          .example = "10",
                                          .min = 0,
                                          .max = 0x7FFF'FFFFU});
        visit(&priority_share::weight, {.key = "weight",
                                        .doc = "share of the jobs, relative to the sum of all weights",
                                        .required = true,
                                        .example = "0.1",
                                        .min = 0.0,
                                        .max = 1e9});
    }
    friend bool operator==(const priority_share&, const priority_share&) = default;
};

/// A model and its share of the jobs.
struct model_share {
    std::string model;
    double weight = 0;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&model_share::model,
              {.key = "model", .doc = "row of workload.N.speeds", .required = true, .example = "resnet50"});
        visit(&model_share::weight, {.key = "weight",
                                     .doc = "share of the jobs, relative to the sum of all weights",
                                     .required = true,
                                     .example = "0.1",
                                     .min = 0.0,
                                     .max = 1e9});
    }
    friend bool operator==(const model_share&, const model_share&) = default;
};

/// Jobs from distributions.
struct synthetic_jobs {
    std::optional<std::string> preset;  ///< taken out when a file is read, which then holds the preset's keys
    std::uint64_t jobs = 0;
    ampacity::scenario::rate rate{};
    double cv = 1;
    duration_shape duration{};
    std::vector<gpu_share> gpus;
    std::optional<factor_range> estimate_factor;
    std::optional<arrival_shape> arrivals;
    std::optional<user_mix> users;
    std::vector<group_share> groups;
    std::vector<priority_share> priorities;
    std::vector<model_share> models{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&synthetic_jobs::preset,
              {.key = "preset",
               .doc = "a workload model that gives all keys which are not given here; `ampacity list workloads` names "
                      "them, and NAME.yaml is a file of your own",
               .example = "philly-like"});
        visit(&synthetic_jobs::jobs, {.key = "jobs",
                                      .doc = "number of jobs",
                                      .required = true,
                                      .example = "20000",
                                      .min = 0,
                                      .max = 0xFFFF'FFFFU});
        visit(&synthetic_jobs::rate, {.key = "rate",
                                      .doc = "mean arrival rate",
                                      .required = true,
                                      .example = "\"36 /h\"",
                                      .above = quantity<dimension::rate>{0.0},
                                      .max = quantity<dimension::rate>{1e9}});
        visit(
            &synthetic_jobs::cv,
            {.key = "cv",
             .doc =
                 "coefficient of variation of the times between arrivals: 1 is Poisson, 0 a fixed beat, above 1 bursts",
             .min = 0.0,
             .max = 20.0});
        visit(&synthetic_jobs::duration, {.key = "duration",
                                          .doc = "how long jobs run; not needed where every size has its own",
                                          .example = "{ median: \"22 min\", sigma: 2.4 }"});
        visit(&synthetic_jobs::gpus, {.key = "gpus",
                                      .doc = "job sizes with their weights",
                                      .required = true,
                                      .example = "[{ gpus: 1, weight: 1 }]"});
        visit(&synthetic_jobs::estimate_factor,
              {.key = "estimate_factor",
               .doc = "estimate / duration, drawn evenly; absent: no estimates, so planning knows the durations",
               .example = "{ min: 1, max: 5 }"});
        visit(&synthetic_jobs::arrivals, {.key = "arrivals",
                                          .doc = "other processes than gamma, daily and weekly rates, batches, a beat",
                                          .example = "{ process: weibull }"});
        visit(&synthetic_jobs::users,
              {.key = "users", .doc = "whose jobs they are", .example = "{ count: 100, zipf: 1.2, groups: 10 }"});
        visit(&synthetic_jobs::groups, {.key = "groups",
                                        .doc = "whose jobs they are, by group, instead of users",
                                        .example = "[{ name: research, weight: 1, users: 20 }]"});
        visit(&synthetic_jobs::priorities, {.key = "priorities",
                                            .doc = "priorities with their weights; without any all are 0",
                                            .example = "[{ priority: 0, weight: 9 }, { priority: 10, weight: 1 }]"});
        visit(&synthetic_jobs::models, {.key = "models",
                                        .doc = "what jobs compute, with weights; rows of workload.N.speeds",
                                        .example = "[{ model: resnet50, weight: 1 }]"});
    }
    friend bool operator==(const synthetic_jobs&, const synthetic_jobs&) = default;
};

}  // namespace ampacity::scenario
