#pragma once
/// \file
/// The description of replicas that come and go.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>
#include <ampacity/serving/autoscaler.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace ampacity::scenario {

template <>
struct names<serving::scaling_policy> {
    using policy = serving::scaling_policy;
    static constexpr std::array known{named<policy>{policy::fixed, serving::scaling_policy_names[0]},
                                      named<policy>{policy::target_utilisation, serving::scaling_policy_names[1]},
                                      named<policy>{policy::queue, serving::scaling_policy_names[2]},
                                      named<policy>{policy::slo, serving::scaling_policy_names[3]},
                                      named<policy>{policy::schedule, serving::scaling_policy_names[4]}};
};

/// What becomes of the requests of a replica whose nodes fail.
enum class failure_rule : std::uint8_t { requeue, fail };

template <>
struct names<failure_rule> {
    static constexpr std::array known{named<failure_rule>{failure_rule::requeue, "requeue"},
                                      named<failure_rule>{failure_rule::fail, "fail"}};
};

/// After what time a schedule begins anew.
enum class schedule_period : std::uint8_t { day, week };

template <>
struct names<schedule_period> {
    static constexpr std::array known{named<schedule_period>{schedule_period::day, "day"},
                                      named<schedule_period>{schedule_period::week, "week"}};
};

/// So many replicas from then on.
struct schedule_step {
    duration at{};
    std::uint64_t replicas = 0;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&schedule_step::at, {.key = "at",
                                   .doc = "from midnight, or from Monday 00:00, by the date `start`",
                                   .required = true,
                                   .example = "\"7.5 h\"",
                                   .min = duration::zero(),
                                   .max = std::chrono::hours{168}});
        visit(&schedule_step::replicas, {.key = "replicas",
                                         .doc = "wanted from then on",
                                         .required = true,
                                         .example = "20",
                                         .min = std::uint64_t{1},
                                         .max = std::uint64_t{1} << 20U});
    }
    friend bool operator==(const schedule_step&, const schedule_step&) = default;
};

/// How many replicas there are, and how they come and go.
struct autoscale_options {
    serving::scaling_policy policy = serving::scaling_policy::target_utilisation;
    std::uint64_t min = 1;
    std::optional<std::uint64_t> max{};
    duration interval = std::chrono::seconds{30};
    std::optional<double> target{};
    duration up_delay{};
    duration down_delay = std::chrono::minutes{5};
    std::vector<schedule_step> schedule{};
    schedule_period period = schedule_period::day;
    std::optional<duration> start{};
    std::optional<quantity<dimension::data_size>> weights{};
    std::optional<quantity<dimension::data_rate>> bandwidth{};
    std::optional<duration> drain{};
    failure_rule on_failure = failure_rule::requeue;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        constexpr std::uint64_t one = 1, most = std::uint64_t{1} << 20U;
        visit(&autoscale_options::policy,
              {.key = "policy",
               .doc = "how many replicas are wanted: always `replicas`; so many that a share `target` of the seats "
                      "(max_seqs) is taken on average; seats for the requests that run, and one more for each `target` "
                      "that wait; more while fewer than `target` of the requests meet `slo`; or by time"});
        visit(&autoscale_options::min,
              {.key = "min",
               .doc = "fewest that are wanted; 0 only at the sites of a service that is `everywhere`",
               .min = std::uint64_t{0},
               .max = most});
        visit(&autoscale_options::max, {.key = "max",
                                        .doc = "most that are wanted, and that hold GPUs at a time; `replicas` without "
                                               "it, or the most of the schedule",
                                        .example = "16",
                                        .min = one,
                                        .max = most});
        visit(&autoscale_options::interval,
              {.key = "interval", .doc = "time between decisions", .min = duration{1}, .max = longest_input});
        visit(&autoscale_options::target,
              {.key = "target",
               .doc = "of the policy: 0.7 of the seats, 8 requests that wait, 0.95 of the requests without it",
               .example = "0.8",
               .above = 0.0,
               .max = 1e6});
        visit(&autoscale_options::up_delay,
              {.key = "up_delay",
               .doc = "more replicas come when decisions have asked for them for so long; a schedule does not wait",
               .min = duration::zero(),
               .max = longest_input});
        visit(&autoscale_options::down_delay,
              {.key = "down_delay", .doc = "the same of fewer", .min = duration::zero(), .max = longest_input});
        visit(&autoscale_options::schedule,
              {.key = "schedule",
               .doc = "replicas by time of `period`, rising; before the first step those "
                      "of the last",
               .example = "[ { at: \"8 h\", replicas: 20 }, { at: \"22 h\", replicas: 5 } "
                          "]",
               .never_empty = true});
        visit(&autoscale_options::period, {.key = "period", .doc = "after what time the schedule begins anew"});
        visit(&autoscale_options::start,
              {.key = "start",
               .doc = "from its GPUs to its first request; without it the time to load `weights`, or none",
               .example = "\"2 min\"",
               .min = duration::zero(),
               .max = longest_input});
        visit(&autoscale_options::weights, {.key = "weights",
                                            .doc = "that each replica loads before it serves",
                                            .example = "\"700 GB\"",
                                            .above = quantity<dimension::data_size>{0},
                                            .max = quantity<dimension::data_size>{1e18}});
        visit(&autoscale_options::bandwidth, {.key = "bandwidth",
                                              .doc = "at which one replica loads them",
                                              .example = "\"10 GB/s\"",
                                              .above = quantity<dimension::data_rate>{0},
                                              .max = quantity<dimension::data_rate>{1e18}});
        visit(&autoscale_options::drain,
              {.key = "drain",
               .doc = "longest time that a replica which is taken away works on; what is left then waits for another; "
                      "without it as long as it takes",
               .example = "\"10 min\"",
               .min = duration::zero(),
               .max = longest_input});
        visit(&autoscale_options::on_failure,
              {.key = "on_failure", .doc = "whether requests of a replica whose nodes fail wait for another, or fail"});
    }
    friend bool operator==(const autoscale_options&, const autoscale_options&) = default;
};

}  // namespace ampacity::scenario
