#pragma once
/// \file
/// The description of when synthetic jobs and requests come: process, daily and weekly rates, growth, surges, batches.
///
/// Part of `synthetic_jobs.hpp` and `synthetic_requests.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>
#include <ampacity/workload/arrivals.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

namespace ampacity::scenario {

template <>
struct names<workload::arrival_process> {
    static constexpr std::array known{named<workload::arrival_process>{workload::arrival_process::poisson, "poisson"},
                                      named<workload::arrival_process>{workload::arrival_process::gamma, "gamma"},
                                      named<workload::arrival_process>{workload::arrival_process::weibull, "weibull"}};
};

/// Several jobs at one arrival.
struct batch_shape {
    double share = 0;
    double mean = 2;
    duration spacing{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&batch_shape::share, {.key = "share",
                                    .doc = "of the arrivals that bring several jobs",
                                    .required = true,
                                    .example = "0.1",
                                    .min = 0.0,
                                    .max = 1.0});
        visit(&batch_shape::mean, {.key = "mean",
                                   .doc = "mean number of jobs of such an arrival: 2 and a geometric number more",
                                   .required = true,
                                   .example = "8",
                                   .min = 2.0,
                                   .max = 10'000.0});
        visit(&batch_shape::spacing, {.key = "spacing",
                                      .doc = "time between two jobs of a batch",
                                      .min = duration::zero(),
                                      .max = longest_input});
    }
    friend bool operator==(const batch_shape&, const batch_shape&) = default;
};

/// For a while more, or fewer, come.
struct surge_shape {
    duration at{};
    duration length{};
    double factor = 1;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&surge_shape::at, {.key = "at",
                                 .doc = "when it begins",
                                 .required = true,
                                 .example = "\"12 h\"",
                                 .min = duration::zero(),
                                 .max = longest_input});
        visit(&surge_shape::length, {.key = "length",
                                     .doc = "how long it lasts",
                                     .required = true,
                                     .example = "\"5 min\"",
                                     .above = duration::zero(),
                                     .max = longest_input});
        visit(&surge_shape::factor, {.key = "factor",
                                     .doc = "the rate is so many times what it would be; surges that overlap multiply",
                                     .required = true,
                                     .example = "2",
                                     .min = 0.0,
                                     .max = 1e6});
    }
    friend bool operator==(const surge_shape&, const surge_shape&) = default;
};

/// When synthetic jobs come, beyond rate and cv.
struct arrival_shape {
    workload::arrival_process process = workload::arrival_process::gamma;
    std::vector<double> daily;
    std::vector<double> weekly;
    std::vector<double> hourly;
    double growth = 1;
    std::vector<surge_shape> surges;
    std::optional<batch_shape> batches;
    std::optional<duration> beat;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&arrival_shape::process,
              {.key = "process", .doc = "distribution of the times between arrivals; cv is its second parameter"});
        visit(&arrival_shape::daily, {.key = "daily",
                                      .doc = "24 relative rates, of the hours of a day from midnight UTC",
                                      .min = 0.0,
                                      .max = 1e9});
        visit(&arrival_shape::weekly,
              {.key = "weekly", .doc = "7 relative rates, of the days from Monday", .min = 0.0, .max = 1e9});
        visit(&arrival_shape::hourly,
              {.key = "hourly",
               .doc = "168 relative rates, of the hours of a week from Monday, instead of daily and weekly",
               .min = 0.0,
               .max = 1e9});
        visit(&arrival_shape::growth,
              {.key = "growth",
               .doc = "rate a year of 365 days later, relative to now, compounded daily from time 0; `rate` is that of "
                      "time 0",
               .min = 0.001,
               .max = 1000.0});
        visit(&arrival_shape::surges, {.key = "surges",
                                       .doc = "times of other rates, on top of profile and growth",
                                       .example = "[ { at: \"12 h\", length: \"5 min\", factor: 2 } ]"});
        visit(&arrival_shape::batches, {.key = "batches",
                                        .doc = "some arrivals bring several jobs; `rate` counts them all",
                                        .example = "{ share: 0.1, mean: 8 }"});
        visit(&arrival_shape::beat,
              {.key = "beat",
               .doc = "a job at every multiple of this period, besides the other arrivals; `rate` "
                      "counts it",
               .example = "\"10 min\"",
               .min = duration{1},
               .max = longest_input});
    }
    friend bool operator==(const arrival_shape&, const arrival_shape&) = default;
};

}  // namespace ampacity::scenario
