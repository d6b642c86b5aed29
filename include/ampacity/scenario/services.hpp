#pragma once
/// \file
/// The description of an inference service: its replicas and their engine, the requests that it gets and what they
/// should meet.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/scenario/autoscale.hpp>
#include <ampacity/scenario/cache_transfer.hpp>
#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/served_model.hpp>
#include <ampacity/scenario/synthetic_requests.hpp>
#include <ampacity/serving/iteration_time.hpp>
#include <ampacity/serving/kv_blocks.hpp>
#include <ampacity/serving/replica.hpp>
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
enum class request_format : std::uint8_t { requests_csv, azure_llm, mooncake_jsonl, burstgpt };

template <>
struct names<request_format> {
    static constexpr std::array known{named<request_format>{request_format::requests_csv, "requests-csv"},
                                      named<request_format>{request_format::azure_llm, "azure-llm"},
                                      named<request_format>{request_format::mooncake_jsonl, "mooncake-jsonl"},
                                      named<request_format>{request_format::burstgpt, "burstgpt"}};
    static constexpr std::array<std::string_view, 1> not_yet{"servegen"};
};

template <>
struct names<serving::step_order> {
    using order = serving::step_order;
    static constexpr std::array known{named<order>{order::mixed, serving::step_order_names[0]},
                                      named<order>{order::prefill_first, serving::step_order_names[1]},
                                      named<order>{order::decode_first, serving::step_order_names[2]}};
};

/// How long a scheduler step takes: a sum of exact terms.
struct step_terms {
    exact_duration base{};
    exact_duration per_token{};
    exact_duration per_kv_token{};
    exact_duration per_prefill_attention{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&step_terms::base, {.key = "base", .doc = "of every step"});
        visit(&step_terms::per_token, {.key = "per_token", .doc = "for each token that it works on"});
        visit(&step_terms::per_kv_token,
              {.key = "per_kv_token", .doc = "for each token in the caches of the requests that decode"});
        visit(&step_terms::per_prefill_attention,
              {.key = "per_prefill_attention",
               .doc = "for each pair of a prefilled token and one up to it in its request"});
    }
    friend bool operator==(const step_terms&, const step_terms&) = default;
};

/// A corner of the grid of a table of steps.
struct table_entry {
    std::uint64_t decodes = 0;
    std::uint64_t prefill_tokens = 0;
    exact_duration time{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&table_entry::decodes, {.key = "decodes",
                                      .doc = "requests that decode in the step",
                                      .required = true,
                                      .example = "64",
                                      .max = std::uint64_t{1} << 20U});
        visit(&table_entry::prefill_tokens,
              {.key = "prefill_tokens", .doc = "its tokens of prompts", .max = std::uint64_t{1} << 31U});
        visit(&table_entry::time,
              {.key = "time", .doc = "how long it takes", .required = true, .example = "\"12.5 ms\""});
    }
    friend bool operator==(const table_entry&, const table_entry&) = default;
};

/// The engine of each replica.
struct engine_options {
    std::uint64_t max_seqs = 64;
    std::uint64_t max_batched_tokens = 2048;
    std::optional<std::uint64_t> kv_capacity_tokens{};
    std::uint64_t kv_block_tokens = 16;
    single_or_list<step_terms> step{};
    std::vector<table_entry> table{};
    serving::step_order order = serving::step_order::mixed;
    bool priorities = false;
    bool prefix_cache = false;
    std::optional<duration> timeout{};
    std::optional<duration> max_wait{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        constexpr std::uint64_t one = 1;
        visit(&engine_options::max_seqs,
              {.key = "max_seqs", .doc = "requests that run at a time", .min = one, .max = std::uint64_t{1} << 20U});
        visit(&engine_options::max_batched_tokens,
              {.key = "max_batched_tokens", .doc = "tokens of a step", .min = one, .max = std::uint64_t{1} << 31U});
        visit(&engine_options::kv_capacity_tokens, {.key = "kv_capacity_tokens",
                                                    .doc = "tokens that the KV cache holds; whole blocks count; "
                                                           "without it what the model leaves of the memory",
                                                    .example = "60000",
                                                    .min = std::uint64_t{0},
                                                    .max = std::uint64_t{1} << 48U});
        visit(&engine_options::kv_block_tokens,
              {.key = "kv_block_tokens",
               .doc = "tokens of a block of the KV cache",
               .min = one,
               .max = static_cast<std::uint64_t>(serving::kv_blocks::max_block_tokens)});
        visit(&engine_options::step, {.key = "step",
                                      .doc = "how long a scheduler step takes; of a list of up to 16 the longest; "
                                             "without `model`",
                                      .example = "{ base: \"5 ms\", per_token: \"20 us\", per_kv_token: \"30 ns\" }",
                                      .never_empty = true});
        visit(
            &engine_options::table,
            {.key = "table",
             .doc = "a grid of times by decodes and tokens of prompts, linear between, beside `step`; without `model`",
             .example = "[ { decodes: 0, time: \"0 ms\" }, { decodes: 64, time: \"12.5 ms\" }, ... ]",
             .never_empty = true});
        visit(&engine_options::order,
              {.key = "order", .doc = "what shares a step: decodes and chunks of prompts, or either alone first"});
        visit(&engine_options::priorities,
              {.key = "priorities", .doc = "requests wait by priority, larger first; else nobody looks at it"});
        visit(&engine_options::prefix_cache,
              {.key = "prefix_cache", .doc = "full blocks of sessions stay known after their requests"});
        visit(&engine_options::timeout,
              {.key = "timeout",
               .doc = "a request that is not finished so long after its arrival is cancelled when a step ends",
               .example = "\"60 s\"",
               .above = duration::zero(),
               .max = longest_input});
        visit(&engine_options::max_wait, {.key = "max_wait",
                                          .doc = "the same of a request that no step has worked on",
                                          .example = "\"10 s\"",
                                          .above = duration::zero(),
                                          .max = longest_input});
    }
    friend bool operator==(const engine_options&, const engine_options&) = default;
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
    }
    friend bool operator==(const request_file&, const request_file&) = default;
};

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
    engine_options engine{};
    std::optional<request_file> requests{};
    std::optional<synthetic_requests> synthetic{};
    std::optional<service_targets> slo{};
    std::optional<disaggregation> disaggregated{};
    std::optional<autoscale_options> autoscale{};
    std::optional<std::uint64_t> priority{};
    std::optional<placement_wishes> placement{};

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
                      "session"});
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
    }
    friend bool operator==(const inference_service&, const inference_service&) = default;
};

}  // namespace ampacity::scenario
