#pragma once
/// \file
/// The description of how long synthetic jobs run: lognormal, or a mixture of other laws.
///
/// Part of `synthetic_jobs.hpp`. Plain values.

#include <ampacity/core/tables.hpp>
#include <ampacity/scenario/fields.hpp>

#include <chrono>
#include <optional>
#include <vector>

namespace ampacity::scenario {

template <>
struct names<interpolation> {
    static constexpr std::array known{named<interpolation>{interpolation::step, "step"},
                                      named<interpolation>{interpolation::linear, "linear"},
                                      named<interpolation>{interpolation::logarithmic, "log"}};
};

/// Durations spread evenly.
struct uniform_durations {
    duration min{};
    duration max{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&uniform_durations::min, {.key = "min",
                                        .doc = "shortest duration",
                                        .required = true,
                                        .example = "\"1 min\"",
                                        .min = duration::zero(),
                                        .max = longest_input});
        visit(&uniform_durations::max, {.key = "max",
                                        .doc = "longest duration, above min",
                                        .required = true,
                                        .example = "\"10 min\"",
                                        .min = duration{1},
                                        .max = longest_input});
    }
    friend bool operator==(const uniform_durations&, const uniform_durations&) = default;
};

/// Lognormal durations.
struct lognormal_law {
    duration median{};
    double sigma = 0;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&lognormal_law::median, {.key = "median",
                                       .doc = "half of all are shorter",
                                       .required = true,
                                       .example = "\"22 min\"",
                                       .min = duration{1},
                                       .max = longest_input});
        visit(&lognormal_law::sigma, {.key = "sigma",
                                      .doc = "standard deviation of the logarithm of the duration",
                                      .required = true,
                                      .example = "2.4",
                                      .above = 0.0,
                                      .max = 10.0});
    }
    friend bool operator==(const lognormal_law&, const lognormal_law&) = default;
};

/// Weibull durations.
struct weibull_law {
    duration scale{};
    double shape = 1;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&weibull_law::scale, {.key = "scale",
                                    .doc = "63.2 % of all are shorter",
                                    .required = true,
                                    .example = "\"1 h\"",
                                    .min = duration{1},
                                    .max = longest_input});
        visit(&weibull_law::shape, {.key = "shape",
                                    .doc = "below 1: many short and some very long ones; 1 is exponential",
                                    .required = true,
                                    .example = "0.5",
                                    .min = 0.05,
                                    .max = 100.0});
    }
    friend bool operator==(const weibull_law&, const weibull_law&) = default;
};

/// Pareto durations.
struct pareto_law {
    duration min{};
    double alpha = 1;
    std::optional<duration> max{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&pareto_law::min, {.key = "min",
                                 .doc = "shortest duration",
                                 .required = true,
                                 .example = "\"10 min\"",
                                 .min = duration{1},
                                 .max = longest_input});
        visit(&pareto_law::alpha,
              {.key = "alpha",
               .doc = "exponent of the tail: of the jobs that run longer than t, 2^-alpha run longer "
                      "than 2 t",
               .required = true,
               .example = "1.1",
               .min = 0.01,
               .max = 100.0});
        visit(&pareto_law::max,
              {.key = "max",
               .doc = "longest duration, above min: the tail is spread over what is below it, not cut to it",
               .example = "\"30 d\"",
               .min = duration{1},
               .max = longest_input});
    }
    friend bool operator==(const pareto_law&, const pareto_law&) = default;
};

/// One point of a quantile table.
struct quantile_point {
    double share = 0;
    duration value{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&quantile_point::share, {.key = "share",
                                       .doc = "of the jobs that run at most `value`",
                                       .required = true,
                                       .example = "0.5",
                                       .min = 0.0,
                                       .max = 1.0});
        visit(&quantile_point::value, {.key = "value",
                                       .doc = "a duration, never below that of the point before",
                                       .required = true,
                                       .example = "\"22 min\"",
                                       .min = duration::zero(),
                                       .max = longest_input});
    }
    friend bool operator==(const quantile_point&, const quantile_point&) = default;
};

/// Durations from a table.
struct quantile_durations {
    interpolation between = interpolation::logarithmic;
    std::vector<quantile_point> points{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&quantile_durations::between,
              {.key = "between",
               .doc = "what lies between two points: the later value only, an even spread, or an even spread of the "
                      "logarithm"});
        visit(&quantile_durations::points, {.key = "points",
                                            .doc = "shares rise to 1; the first is 0 unless `between` is step",
                                            .required = true,
                                            .example = "[{ share: 0, value: \"1 s\" }, { share: 1, value: \"1 d\" }]"});
    }
    friend bool operator==(const quantile_durations&, const quantile_durations&) = default;
};

/// One component of a mixture: its weight and exactly one law.
struct duration_component {
    double weight = 1;
    std::optional<duration> constant{};
    std::optional<uniform_durations> uniform{};
    std::optional<duration> exponential{};
    std::optional<lognormal_law> lognormal{};
    std::optional<weibull_law> weibull{};
    std::optional<pareto_law> pareto{};
    std::optional<quantile_durations> quantiles{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(
            &duration_component::weight,
            {.key = "weight", .doc = "share of the jobs, relative to the sum of all weights", .min = 0.0, .max = 1e9});
        visit(&duration_component::constant, {.key = "constant",
                                              .doc = "all jobs run so long",
                                              .example = "\"5 min\"",
                                              .min = duration::zero(),
                                              .max = longest_input});
        visit(&duration_component::uniform,
              {.key = "uniform", .doc = "durations spread evenly", .example = "{ min: \"1 min\", max: \"10 min\" }"});
        visit(&duration_component::exponential, {.key = "exponential",
                                                 .doc = "exponential durations with this mean",
                                                 .example = "\"1 h\"",
                                                 .min = duration{1},
                                                 .max = longest_input});
        visit(&duration_component::lognormal,
              {.key = "lognormal", .doc = "lognormal durations", .example = "{ median: \"22 min\", sigma: 2.4 }"});
        visit(&duration_component::weibull,
              {.key = "weibull", .doc = "Weibull durations", .example = "{ scale: \"1 h\", shape: 0.5 }"});
        visit(&duration_component::pareto,
              {.key = "pareto", .doc = "Pareto durations", .example = "{ min: \"10 min\", alpha: 1.1 }"});
        visit(&duration_component::quantiles, {.key = "quantiles",
                                               .doc = "durations from a table",
                                               .example = "{ points: [{ share: 0, value: \"1 s\" }, { share: 1, value: "
                                                          "\"1 d\" }] }"});
    }
    friend bool operator==(const duration_component&, const duration_component&) = default;
};

/// How long synthetic jobs run: lognormal or a mixture, limited.
struct duration_shape {
    std::optional<duration> median;
    std::optional<double> sigma;
    duration max = std::chrono::hours{24 * 30};
    std::vector<duration_component> mixture{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&duration_shape::median, {.key = "median",
                                        .doc = "lognormal durations: half of the jobs run shorter",
                                        .example = "\"22 min\"",
                                        .min = duration{1},
                                        .max = longest_input});
        visit(&duration_shape::sigma, {.key = "sigma",
                                       .doc = "lognormal durations: standard deviation of the logarithm; 0 makes all "
                                              "durations equal",
                                       .example = "2.4",
                                       .min = 0.0,
                                       .max = 10.0});
        visit(&duration_shape::max, {.key = "max",
                                     .doc = "longer draws are cut to this, as by a wall-time limit",
                                     .min = duration{1},
                                     .max = longest_input});
        visit(&duration_shape::mixture, {.key = "mixture",
                                         .doc = "other durations, instead of median and sigma: weighted laws",
                                         .example = "[{ weibull: { scale: \"1 h\", shape: 0.5 } }]",
                                         .never_empty = true});
    }
    friend bool operator==(const duration_shape&, const duration_shape&) = default;
};

}  // namespace ampacity::scenario
