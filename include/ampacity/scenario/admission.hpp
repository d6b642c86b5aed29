#pragma once
/// \file
/// The description of what requests should meet, by class, and of which are shed as they arrive.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>
#include <ampacity/serving/admission.hpp>
#include <ampacity/workload/request.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::scenario {

/// What a request should meet.
struct service_targets {
    std::optional<duration> ttft{};
    std::optional<duration> tpot{};
    std::optional<duration> e2e{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&service_targets::ttft, {.key = "ttft",
                                       .doc = "time to the first token, at most",
                                       .example = "\"2 s\"",
                                       .min = duration::zero(),
                                       .max = longest_input});
        visit(&service_targets::tpot, {.key = "tpot",
                                       .doc = "time per token after the first, at most; met by answers of one token",
                                       .example = "\"80 ms\"",
                                       .min = duration::zero(),
                                       .max = longest_input});
        visit(&service_targets::e2e, {.key = "e2e",
                                      .doc = "time from the arrival to the last token, at most",
                                      .example = "\"30 s\"",
                                      .min = duration::zero(),
                                      .max = longest_input});
    }
    friend bool operator==(const service_targets&, const service_targets&) = default;
};

/// The keys of the bounds, which requests of a class and those of all have alike.
template <class Visitor, class Of>
constexpr void admission_fields(Visitor& visit) {
    constexpr std::uint64_t one = 1;
    constexpr auto most = static_cast<std::uint64_t>(serving::admission::most);
    visit(&Of::max_waiting, {.key = "max_waiting",
                             .doc = "a request is shed if so many wait, of any class, per replica that gets requests",
                             .example = "64",
                             .min = one,
                             .max = most});
    visit(&Of::max_waiting_tokens, {.key = "max_waiting_tokens",
                                    .doc = "the same if these know so many tokens, of prompts and answers",
                                    .example = "100000",
                                    .min = one,
                                    .max = most});
    visit(&Of::max_requests, {.key = "max_requests",
                              .doc = "the same if so many are in the service, waiting or running; of a class its own",
                              .example = "200",
                              .min = one,
                              .max = most});
}

/// Requests of some priorities.
struct admission_class {
    std::string name;
    std::uint64_t priority = 0;
    std::optional<std::uint64_t> max_waiting{};
    std::optional<std::uint64_t> max_waiting_tokens{};
    std::optional<std::uint64_t> max_requests{};
    std::optional<service_targets> slo{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&admission_class::name,
              {.key = "name", .doc = "names it in the results", .required = true, .example = "interactive"});
        visit(&admission_class::priority,
              {.key = "priority",
               .doc = "the least of its requests; above it those up to the next class's are its own",
               .required = true,
               .example = "4",
               .max = std::uint64_t{workload::num_request_priorities - 1}});
        admission_fields<Visitor, admission_class>(visit);
        visit(&admission_class::slo, {.key = "slo",
                                      .doc = "what its requests should meet, in place of that of the service",
                                      .example = "{ ttft: \"1 s\" }"});
    }
    friend bool operator==(const admission_class&, const admission_class&) = default;
};

/// Which requests a service takes.
struct admission_control {
    std::optional<std::uint64_t> max_waiting{};
    std::optional<std::uint64_t> max_waiting_tokens{};
    std::optional<std::uint64_t> max_requests{};
    std::vector<admission_class> classes{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        admission_fields<Visitor, admission_control>(visit);
        visit(&admission_control::classes, {.key = "classes",
                                            .doc = "names, bounds and targets of requests by priority, in any order",
                                            .example = "[ { name: batch, priority: 0, max_waiting: 8 }, ... ]"});
    }
    friend bool operator==(const admission_control&, const admission_control&) = default;
};

}  // namespace ampacity::scenario
