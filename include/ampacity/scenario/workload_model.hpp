#pragma once
/// \file
/// The description of a workload model: synthetic jobs with the sources of their numbers, and what they must reproduce.
///
/// One YAML file below `models/workloads/`; read by `io::read_workload_model`. Plain values.

#include <ampacity/scenario/synthetic_jobs.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace ampacity::scenario {

/// Where the number or numbers of a key come from.
struct parameter_source {
    std::string key;
    std::string source;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&parameter_source::key,
              {.key = "key", .doc = "a key of `synthetic`", .required = true, .example = "rate"});
        visit(&parameter_source::source, {.key = "source",
                                          .doc = "who published it, or how it was fitted, or that it is assumed",
                                          .required = true,
                                          .example = "\"62,194 jobs in 69.56 days\""});
    }
    friend bool operator==(const parameter_source&, const parameter_source&) = default;
};

/// A published statistic that the generated jobs are compared with.
struct published_figure {
    std::string figure;
    double value = 0;
    std::string unit;
    double tolerance = 0;
    std::string source;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&published_figure::figure, {.key = "figure",
                                          .doc = "what it is: duration.mean, duration.p50, gpus.mean, gpus.p50, "
                                                 "gpus.max, gpu_time.mean, rate, interval.p50, jobs.N, gpu_time.N (the "
                                                 "share of jobs of N GPUs), hour.N (of jobs in hour N of the day)",
                                          .required = true,
                                          .example = "duration.mean"});
        visit(&published_figure::value, {.key = "value",
                                         .doc = "the published value, in `unit`",
                                         .required = true,
                                         .example = "13557.94",
                                         .above = 0.0,
                                         .max = 1e15});
        visit(&published_figure::unit,
              {.key = "unit", .doc = "such as s, GPUs, 1/h", .required = true, .example = "s"});
        visit(&published_figure::tolerance, {.key = "tolerance",
                                             .doc = "largest relative deviation of the generated value",
                                             .required = true,
                                             .example = "0.05",
                                             .min = 0.0,
                                             .max = 1.0});
        visit(&published_figure::source,
              {.key = "source", .doc = "where it is published", .required = true, .example = "\"table 2\""});
    }
    friend bool operator==(const published_figure&, const published_figure&) = default;
};

/// A whole model.
struct workload_model {
    std::uint64_t ampacity_workload = 1;
    std::string name;
    std::string doc;
    std::string source;
    synthetic_jobs synthetic{};
    std::vector<parameter_source> parameters;
    std::vector<published_figure> published;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&workload_model::ampacity_workload, {.key = "ampacity-workload",
                                                   .doc = "version of this schema",
                                                   .required = true,
                                                   .example = "1",
                                                   .min = 1,
                                                   .max = 1});
        visit(&workload_model::name,
              {.key = "name", .doc = "as the file's, without .yaml", .required = true, .example = "philly-like"});
        visit(&workload_model::doc, {.key = "doc",
                                     .doc = "what it is like, in a sentence",
                                     .required = true,
                                     .example = "\"many short one-GPU jobs\""});
        visit(&workload_model::source, {.key = "source",
                                        .doc = "the data behind it, with its licence",
                                        .required = true,
                                        .example = "\"a public trace, CC-BY 4.0\""});
        visit(&workload_model::synthetic,
              {.key = "synthetic", .doc = "the jobs, as in a scenario", .required = true, .example = "{ ... }"});
        visit(&workload_model::parameters, {.key = "parameters",
                                            .doc = "the source of each key of `synthetic`",
                                            .required = true,
                                            .example = "[{ key: rate, source: \"...\" }]"});
        visit(&workload_model::published, {.key = "published", .doc = "what generated jobs are compared with"});
    }
    friend bool operator==(const workload_model&, const workload_model&) = default;
};

}  // namespace ampacity::scenario
