#pragma once
/// \file
/// The description of what a service serves: a language model under a parallel plan, from which the times of steps, the
/// size of the KV cache and the GPUs of a replica follow.
///
/// Part of `services.hpp`. Plain values.

#include <ampacity/llm/system.hpp>
#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/training_jobs.hpp>
#include <ampacity/workload/request.hpp>

#include <cstdint>
#include <optional>

namespace ampacity::scenario {

/// How a replica is divided.
struct serving_sizes {
    std::optional<std::uint64_t> tp{};
    std::uint64_t attention_dp = 1;
    std::uint64_t pp = 1;
    std::optional<std::uint64_t> ep{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        constexpr std::uint64_t one = 1, most = 65536;
        visit(&serving_sizes::tp,
              {.key = "tp",
               .doc = "tensor parallel; without it what `gpus_per_replica` and the other sizes leave, or 1",
               .example = "8",
               .min = one,
               .max = most});
        visit(&serving_sizes::attention_dp, {.key = "attention_dp",
                                             .doc = "groups of `tp` GPUs, each with its own requests and dense weights",
                                             .min = one,
                                             .max = most});
        visit(
            &serving_sizes::pp,
            {.key = "pp",
             .doc = "pipeline stages, each of which works on other requests at a time: a pipeline counts as that many "
                    "replicas",
             .min = one,
             .max = most});
        visit(&serving_sizes::ep, {.key = "ep",
                                   .doc = "sets that experts are divided into; without it tp x attention_dp of models "
                                          "with experts and several groups, else 1",
                                   .example = "32",
                                   .min = one,
                                   .max = most});
    }
    friend bool operator==(const serving_sizes&, const serving_sizes&) = default;
};

/// What is assumed where the times of steps of a model are made linear, and of its memory.
struct serving_assumptions {
    quantity<dimension::tokens> context{4096};
    quantity<dimension::tokens> prompt{1024};
    double memory_share = 0.9;
    std::optional<llm::precision_kind> kv_cache{};
    std::optional<double> expert_skew{};
    std::uint64_t redundant_experts = 0;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        constexpr quantity<dimension::tokens> one{1}, most{static_cast<double>(workload::max_tokens_per_request)};
        visit(&serving_assumptions::context,
              {.key = "context",
               .doc = "usual tokens before a decode: there a step lasts as the model says, elsewhere linear from it",
               .min = one,
               .max = most});
        visit(&serving_assumptions::prompt,
              {.key = "prompt",
               .doc = "usual length of a prompt: how many share the prefilled tokens of a step",
               .min = one,
               .max = most});
        visit(&serving_assumptions::memory_share,
              {.key = "memory_share",
               .doc = "of the memory of a GPU that weights, workspace and cache may use",
               .above = 0.0,
               .max = 1.0});
        visit(&serving_assumptions::kv_cache,
              {.key = "kv_cache",
               .doc = "format of keys and values: bf16 or fp8; without it fp8 with trtllm and weights of 8 bits or "
                      "less, else bf16",
               .example = "fp8"});
        visit(
            &serving_assumptions::expert_skew,
            {.key = "expert_skew",
             .doc = "load of the experts of a layer by rank, rank^-skew, 0: even; without it the calibrated imbalance",
             .example = "0.5",
             .min = 0.0,
             .max = 4.0});
        visit(&serving_assumptions::redundant_experts,
              {.key = "redundant_experts",
               .doc = "copies of experts in each layer, beside one of each; `ep` divides experts and copies",
               .max = std::uint64_t{65536}});
    }
    friend bool operator==(const serving_assumptions&, const serving_assumptions&) = default;
};

}  // namespace ampacity::scenario
