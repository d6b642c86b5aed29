#pragma once
/// \file
/// The description of requests from distributions: when they come, how long they are, who sends them and what they
/// share.
///
/// Part of `services.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/synthetic_jobs.hpp>
#include <ampacity/workload/request.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::scenario {

/// Lengths of prompts or answers: lognormal, or by a table of quantiles.
struct token_length {
    std::optional<quantity<dimension::tokens>> median{};
    double sigma = 0;
    std::vector<double> quantiles{};
    quantity<dimension::tokens> max{static_cast<double>(workload::max_tokens_per_request)};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        constexpr quantity<dimension::tokens> one{1}, most{static_cast<double>(workload::max_tokens_per_request)};
        visit(&token_length::median, {.key = "median",
                                      .doc = "half are shorter, lognormal",
                                      .example = "\"1020 token\"",
                                      .min = one,
                                      .max = most});
        visit(&token_length::sigma, {.key = "sigma",
                                     .doc = "standard deviation of the logarithm; 0: all are of the median",
                                     .min = 0.0,
                                     .max = 10.0});
        visit(&token_length::quantiles,
              {.key = "quantiles",
               .doc = "tokens of the shortest, ..., the longest at equal steps of their share, linear between, in "
                      "place of median and sigma",
               .example = "[1, 120, 1020, 4083, 14050]",
               .min = 1.0,
               .max = static_cast<double>(workload::max_tokens_per_request)});
        visit(&token_length::max, {.key = "max", .doc = "longer draws are cut to it", .min = one, .max = most});
    }
    friend bool operator==(const token_length&, const token_length&) = default;
};

/// Who sends some of the requests: a stream of its own.
struct request_client {
    double weight = 1;
    std::optional<double> cv{};
    std::optional<token_length> prompt{};
    std::optional<token_length> output{};
    std::uint64_t priority = 0;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&request_client::weight, {.key = "weight",
                                        .doc = "share of the rate, relative to the sum of all",
                                        .required = true,
                                        .example = "3",
                                        .above = 0.0,
                                        .max = 1e9});
        visit(&request_client::cv,
              {.key = "cv", .doc = "as of the service, for this client", .example = "4", .min = 0.0, .max = 20.0});
        visit(&request_client::prompt,
              {.key = "prompt", .doc = "as of the service, for this client", .example = "{ median: \"200 token\" }"});
        visit(&request_client::output,
              {.key = "output", .doc = "as of the service, for this client", .example = "{ median: \"20 token\" }"});
        visit(&request_client::priority, {.key = "priority",
                                          .doc = "larger is more urgent, with engine.priorities",
                                          .max = std::uint64_t{workload::num_request_priorities - 1}});
    }
    friend bool operator==(const request_client&, const request_client&) = default;
};

/// What a pause between two turns begins with.
enum class pause_after : std::uint8_t { arrival, answer };

template <>
struct names<pause_after> {
    static constexpr std::array known{named<pause_after>{pause_after::arrival, "arrival"},
                                      named<pause_after>{pause_after::answer, "answer"}};
};

/// So many users, each of whom waits for an answer before the next request.
struct request_users {
    std::uint64_t count = 1;
    duration think{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&request_users::count, {.key = "count",
                                      .doc = "number of users, all there from the start",
                                      .required = true,
                                      .example = "64",
                                      .min = std::uint64_t{1},
                                      .max = std::uint64_t{1} << 24U});
        visit(&request_users::think,
              {.key = "think",
               .doc = "mean time from an answer, with `sessions` from the last one of a conversation, to the next "
                      "request, exponential",
               .min = duration::zero(),
               .max = longest_input});
    }
    friend bool operator==(const request_users&, const request_users&) = default;
};

/// Conversations: each prompt begins with all that was said before.
struct conversation_shape {
    double turns = 4;
    duration think{std::chrono::seconds{30}};
    pause_after after = pause_after::arrival;
    quantity<dimension::tokens> context{131072};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&conversation_shape::turns, {.key = "turns",
                                           .doc = "mean requests of a conversation, geometric; 1: none goes on",
                                           .min = 1.0,
                                           .max = 10'000.0});
        visit(&conversation_shape::think, {.key = "think",
                                           .doc = "mean time between two turns, exponential",
                                           .above = duration::zero(),
                                           .max = longest_input});
        visit(
            &conversation_shape::after,
            {.key = "after",
             .doc = "what that begins with: the arrival of the turn before, whatever its answer takes, or the answer, "
                    "as always with `users`; a conversation without an answer has ended then"});
        visit(&conversation_shape::context,
              {.key = "context",
               .doc = "a conversation ends before a prompt and its answer would be longer",
               .min = quantity<dimension::tokens>{2},
               .max = quantity<dimension::tokens>{static_cast<double>(workload::max_tokens_per_request)}});
    }
    friend bool operator==(const conversation_shape&, const conversation_shape&) = default;
};

/// Requests from distributions.
struct synthetic_requests {
    std::uint64_t requests = 0;
    std::optional<ampacity::scenario::rate> rate{};
    std::optional<request_users> users{};
    std::optional<std::string> preset{};
    std::optional<double> cv{};
    std::optional<arrival_shape> arrivals{};
    std::optional<token_length> prompt{};
    std::optional<token_length> output{};
    std::vector<request_client> clients{};
    std::optional<conversation_shape> sessions{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&synthetic_requests::requests, {.key = "requests",
                                              .doc = "number of requests; more than 2^40 of a fluid service alone",
                                              .required = true,
                                              .example = "100000",
                                              .min = 0,
                                              .max = std::uint64_t{1} << 50U});
        visit(&synthetic_requests::rate, {.key = "rate",
                                          .doc = "mean arrival rate, of conversations with `sessions`",
                                          .example = "\"3 /s\"",
                                          .above = quantity<dimension::rate>{0.0},
                                          .max = quantity<dimension::rate>{1e9}});
        visit(
            &synthetic_requests::users,
            {.key = "users",
             .doc = "in place of a rate so many users, each of whom sends the next request when the last one has been "
                    "answered",
             .example = "{ count: 64, think: \"5 s\" }"});
        visit(&synthetic_requests::preset,
              {.key = "preset",
               .doc = "lengths and cv of a published trace, where they are not given: azure-conv-2023, "
                      "mooncake-conversation, arxiv-summarization",
               .example = "azure-conv-2023"});
        visit(&synthetic_requests::cv,
              {.key = "cv",
               .doc = "coefficient of variation of the times between arrivals: 1, which it is without it, is Poisson, "
                      "0 a fixed beat, above 1 bursts",
               .example = "2",
               .min = 0.0,
               .max = 20.0});
        visit(&synthetic_requests::arrivals,
              {.key = "arrivals",
               .doc = "other processes than gamma, daily and weekly rates, batches, a beat",
               .example = "{ process: weibull }"});
        visit(&synthetic_requests::prompt, {.key = "prompt",
                                            .doc = "lengths of prompts; with `sessions` of what each turn adds",
                                            .example = "{ median: \"1020 token\", sigma: 0.8 }"});
        visit(&synthetic_requests::output,
              {.key = "output", .doc = "lengths of answers", .example = "{ median: \"129 token\", sigma: 1 }"});
        visit(&synthetic_requests::clients,
              {.key = "clients",
               .doc = "streams of their own that share the rate",
               .example = "[ { weight: 3, cv: 1 }, { weight: 1, cv: 8, output: { median: \"20 token\" } } ]"});
        visit(&synthetic_requests::sessions,
              {.key = "sessions",
               .doc = "arrivals begin conversations of several turns, each of whose prompts begins with all before",
               .example = "{ turns: 5, think: \"20 s\" }"});
    }
    friend bool operator==(const synthetic_requests&, const synthetic_requests&) = default;
};

}  // namespace ampacity::scenario
