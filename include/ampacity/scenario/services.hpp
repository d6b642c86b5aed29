#pragma once
/// \file
/// The description of an inference service: its replicas and their engine, the requests that it gets and what they
/// should meet.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/scenario/admission.hpp>
#include <ampacity/scenario/autoscale.hpp>
#include <ampacity/scenario/cache_transfer.hpp>
#include <ampacity/scenario/engine.hpp>
#include <ampacity/scenario/everywhere.hpp>
#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/served_model.hpp>
#include <ampacity/scenario/synthetic_requests.hpp>
#include <ampacity/workload/request.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace ampacity::scenario {

/// What time 0 of a published trace is.
enum class alignment : std::uint8_t {
    first,     ///< the first submit or arrival that is kept
    absolute,  ///< the scenario's `start`: dates are kept
};

template <>
struct names<alignment> {
    static constexpr std::array known{named<alignment>{alignment::first, "first"},
                                      named<alignment>{alignment::absolute, "absolute"}};
};

/// Formats of traces of requests.
enum class request_format : std::uint8_t { requests_csv, azure_llm, mooncake_jsonl, burstgpt, servegen };

template <>
struct names<request_format> {
    static constexpr std::array known{named<request_format>{request_format::requests_csv, "requests-csv"},
                                      named<request_format>{request_format::azure_llm, "azure-llm"},
                                      named<request_format>{request_format::mooncake_jsonl, "mooncake-jsonl"},
                                      named<request_format>{request_format::burstgpt, "burstgpt"},
                                      named<request_format>{request_format::servegen, "servegen"}};
};

/// Replicas of one kind, where prompts and answers are computed apart. What is not said is as for the service.
struct service_pool {
    std::uint64_t replicas = 1;
    std::optional<std::uint64_t> gpus_per_replica{};
    std::optional<serving_sizes> parallel{};
    std::optional<std::string> router{};
    std::optional<engine_options> engine{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&service_pool::replicas, {.key = "replicas",
                                        .doc = "of this kind, all there from the start",
                                        .min = std::uint64_t{1},
                                        .max = std::uint64_t{1} << 20U});
        visit(&service_pool::gpus_per_replica, {.key = "gpus_per_replica",
                                                .doc = "in place of that of the service",
                                                .example = "8",
                                                .min = std::uint64_t{1},
                                                .max = std::uint64_t{1} << 31U});
        visit(&service_pool::parallel,
              {.key = "parallel", .doc = "in place of that of the service", .example = "{ tp: 8 }"});
        visit(&service_pool::router,
              {.key = "router", .doc = "in place of that of the service", .example = "least-requests"});
        visit(&service_pool::engine,
              {.key = "engine", .doc = "in place of the whole of that of the service", .example = "{ max_seqs: 256 }"});
    }
    friend bool operator==(const service_pool&, const service_pool&) = default;
};

/// Prompts and answers on different replicas.
struct disaggregation {
    service_pool prefill{};
    service_pool decode{};
    cache_transfer transfer{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&disaggregation::prefill, {.key = "prefill", .doc = "replicas that compute prompts and first tokens"});
        visit(&disaggregation::decode, {.key = "decode", .doc = "replicas that give all other tokens"});
        visit(&disaggregation::transfer,
              {.key = "transfer", .doc = "how the KV cache of a prompt comes to the others"});
    }
    friend bool operator==(const disaggregation&, const disaggregation&) = default;
};

/// Requests from a file.
struct request_file {
    std::string path;
    request_format format = request_format::requests_csv;
    duration reorder = std::chrono::hours{1};
    alignment align = alignment::first;
    std::optional<std::string> lengths{};
    std::optional<double> rate_factor{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&request_file::path, {.key = "path",
                                    .doc = "the file, plain, .gz or .zst, relative to the scenario file",
                                    .required = true,
                                    .example = "requests.csv.gz"});
        visit(&request_file::format, {.key = "format", .doc = "how the file is written"});
        visit(&request_file::reorder,
              {.key = "reorder",
               .doc = "how far arrivals may step back; such rows are sorted stably, more is an error",
               .min = duration::zero(),
               .max = longest_input});
        visit(&request_file::align,
              {.key = "align",
               .doc = "time 0 of published formats: their first kept arrival, or `start`: by the dates of azure-llm, "
                      "else as written; requests-csv always counts from `start`"});
        visit(&request_file::lengths,
              {.key = "lengths",
               .doc = "the other file of servegen: quantiles of the lengths of each client, in JSON lines",
               .example = "lengths.jsonl.gz"});
        visit(&request_file::rate_factor, {.key = "rate_factor",
                                           .doc = "all rates of servegen are so many times what the file says",
                                           .example = "2",
                                           .min = 0.0,
                                           .max = 1e6});
    }
    friend bool operator==(const request_file&, const request_file&) = default;
};

/// Whether requests of a service are simulated one by one.
enum class service_fidelity : std::uint8_t { request, fluid };

template <>
struct names<service_fidelity> {
    static constexpr std::array known{named<service_fidelity>{service_fidelity::request, "request"},
                                      named<service_fidelity>{service_fidelity::fluid, "fluid"}};
};

/// When requests of a service without them are simulated all the same.
struct fluid_window_shape {
    duration every{};
    duration length = std::chrono::minutes{10};
    duration warm_up = std::chrono::minutes{5};
    std::uint64_t replicas = 4;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&fluid_window_shape::every, {.key = "every",
                                           .doc = "windows begin at its multiples, from the first on",
                                           .required = true,
                                           .example = "\"30 d\"",
                                           .above = duration::zero(),
                                           .max = longest_input});
        visit(&fluid_window_shape::length, {.key = "length",
                                            .doc = "of each; requests that arrive in it are followed to their ends",
                                            .above = duration::zero(),
                                            .max = longest_input});
        visit(&fluid_window_shape::warm_up,
              {.key = "warm_up",
               .doc = "how long requests come before it, to replicas that are idle then; with `length` at most `every`",
               .min = duration::zero(),
               .max = longest_input});
        visit(&fluid_window_shape::replicas,
              {.key = "replicas",
               .doc = "of those that serve, how many are simulated at most, each at the rate that each has",
               .min = std::uint64_t{1},
               .max = std::uint64_t{1} << 20U});
    }
    friend bool operator==(const fluid_window_shape&, const fluid_window_shape&) = default;
};

/// How a service without requests is followed.
struct fluid_shape {
    duration tick = std::chrono::minutes{1};
    std::optional<std::string> surface{};
    std::uint64_t requests = 40'000;
    std::optional<fluid_window_shape> windows{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&fluid_shape::tick, {.key = "tick",
                                   .doc = "the flow is followed at its multiples, and whenever replicas come or go",
                                   .above = duration::zero(),
                                   .max = longest_input});
        visit(&fluid_shape::surface,
              {.key = "surface",
               .doc = "the file that `ampacity surface` wrote; without it the surface of these lengths is built when "
                      "the run begins",
               .example = "chat.surface.json"});
        visit(&fluid_shape::requests, {.key = "requests",
                                       .doc = "of each replica at each point of a surface that is built; at least 4 x "
                                              "`engine.max_seqs`",
                                       .min = std::uint64_t{1000},
                                       .max = std::uint64_t{1} << 30U});
        visit(&fluid_shape::windows,
              {.key = "windows",
               .doc = "short stretches of time in which requests are simulated too, once the run is over; the summary "
                      "has both sides, and the run does not change",
               .example = "{ every: \"30 d\", length: \"10 min\" }"});
    }
    friend bool operator==(const fluid_shape&, const fluid_shape&) = default;
};

/// Replicas that are alike, behind one router.
struct inference_service {
    std::string name;
    std::uint64_t replicas = 1;
    std::optional<std::uint64_t> gpus_per_replica{};
    std::optional<std::string> model{};
    std::optional<std::string> system{};
    std::optional<llm::precision_kind> precision{};
    std::string software = "vllm";
    std::optional<serving_sizes> parallel{};
    std::optional<serving_assumptions> assumptions{};
    std::string router = "round-robin";
    std::optional<double> kv_weight{};
    engine_options engine{};
    std::optional<request_file> requests{};
    std::optional<synthetic_requests> synthetic{};
    std::optional<service_targets> slo{};
    std::optional<admission_control> admission{};
    std::optional<disaggregation> disaggregated{};
    std::optional<autoscale_options> autoscale{};
    std::optional<std::uint64_t> priority{};
    std::optional<placement_wishes> placement{};
    service_fidelity fidelity = service_fidelity::request;
    std::optional<fluid_shape> fluid{};
    std::optional<everywhere_options> everywhere{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&inference_service::name,
              {.key = "name", .doc = "names it in the results", .required = true, .example = "chat"});
        visit(&inference_service::replicas,
              {.key = "replicas",
               .doc = "replicas, all there from the start; with `autoscale` those wanted at first",
               .min = std::uint64_t{1},
               .max = std::uint64_t{1} << 20U});
        visit(&inference_service::gpus_per_replica, {.key = "gpus_per_replica",
                                                     .doc = "GPUs that each holds, placed by scheduler.placer; "
                                                            "without it those of the plan of its model",
                                                     .example = "8",
                                                     .min = std::uint64_t{1},
                                                     .max = std::uint64_t{1} << 31U});
        visit(&inference_service::model,
              {.key = "model",
               .doc = "language model that it serves, of the catalogue or a file: steps, the KV cache and GPUs follow",
               .example = "llama-3.1-70b"});
        visit(&inference_service::system,
              {.key = "system",
               .doc = "rack or node whose GPUs serve the model; without it that of the fleet",
               .example = "dgx-h100"});
        visit(&inference_service::precision,
              {.key = "precision",
               .doc = "of the matrix products of the model; without it fp8 where the GPUs have it, else bf16",
               .example = "fp8"});
        visit(&inference_service::software,
              {.key = "software",
               .doc =
                   "program that serves the model: vllm, trtllm, sglang, or another with the mean of their overheads"});
        visit(&inference_service::parallel,
              {.key = "parallel", .doc = "how the model is divided", .example = "{ tp: 8 }"});
        visit(&inference_service::assumptions,
              {.key = "assumptions",
               .doc = "about the requests of the model, for the times of steps, and about its memory",
               .example = "{ context: \"2000 token\" }"});
        visit(&inference_service::router,
              {.key = "router",
               .doc = "which replica a request goes to: round-robin, random, least-requests, least-kv, power-of-two, "
                      "session, prefix-aware, kv-aware"});
        visit(&inference_service::kv_weight,
              {.key = "kv_weight",
               .doc = "what a token in the cache of a replica weighs against one that it has to compute, 1 without it, "
                      "in whole thousandths; only with `router: kv-aware`",
               .example = "0.5",
               .min = 0.0,
               .max = 1000.0});
        visit(&inference_service::engine,
              {.key = "engine",
               .doc = "how a replica serves",
               .example = "{ kv_capacity_tokens: 60000, step: { base: \"5 ms\", per_token: \"20 us\" } }"});
        visit(&inference_service::requests,
              {.key = "requests", .doc = "requests from a file", .example = "{ path: requests.csv }"});
        visit(&inference_service::synthetic,
              {.key = "synthetic",
               .doc = "requests from distributions, in place of a file",
               .example = "{ requests: 1000, rate: \"3 /s\", prompt: { median: \"1020 token\" }, output: { median: "
                          "\"129 token\" } }"});
        visit(&inference_service::slo,
              {.key = "slo", .doc = "what a request should meet", .example = "{ ttft: \"2 s\", tpot: \"80 ms\" }"});
        visit(&inference_service::admission,
              {.key = "admission",
               .doc = "which requests are shed as they arrive, and classes of priorities",
               .example = "{ max_waiting: 64, classes: [ { name: interactive, priority: 4 }, ... ] }"});
        visit(&inference_service::disaggregated,
              {.key = "disaggregated",
               .doc = "replicas that compute prompts, and others that give the answers",
               .example = "{ prefill: { replicas: 2 }, decode: { replicas: 4 }, transfer: { bandwidth: \"50 GB/s\", "
                          "bytes_per_token: \"0.16 MB\" } }"});
        visit(&inference_service::autoscale,
              {.key = "autoscale",
               .doc = "replicas come and go: each is a job without end, which the scheduler's policy places",
               .example = "{ max: 8, start: \"2 min\" }"});
        visit(&inference_service::priority,
              {.key = "priority",
               .doc = "of the jobs that are its replicas, 0 without it; larger is more urgent; only "
                      "with `autoscale`",
               .example = "10",
               .min = std::uint64_t{0},
               .max = (std::uint64_t{1} << 31U) - 1});
        visit(&inference_service::placement, {.key = "placement",
                                              .doc = "where the GPUs of a replica may be, on racks; only with "
                                                     "`autoscale`",
                                              .example = "{ within: rack }"});
        visit(&inference_service::fidelity,
              {.key = "fidelity",
               .doc = "request: every request and every step; fluid: rates, and what replicas do at a load, measured "
                      "beforehand"});
        visit(&inference_service::fluid, {.key = "fluid",
                                          .doc = "how a fluid service is followed",
                                          .example = "{ tick: \"1 min\", surface: chat.surface.json }"});
        visit(
            &inference_service::everywhere,
            {.key = "everywhere",
             .doc = "requests from several places, and replicas at each of several sites, as `replicas` and "
                    "`autoscale` say of one; for a fluid service",
             .example = "{ router: cheapest, origins: [ { name: us-east, latitude: 40.7, longitude: -74, share: 1 } ] "
                        "}"});
    }
    friend bool operator==(const inference_service&, const inference_service&) = default;
};

}  // namespace ampacity::scenario
