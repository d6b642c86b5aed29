#pragma once
/// \file
/// Latency and throughput of a deployment under a closed loop of equal requests, in closed form.
///
/// A fixed number of requests is in the system; a new one comes when one ends. Prompts delay the decodes beside them:
/// in a steady state each decode waits for as many prompts as there are others, once per request: TPOT =
/// t(B) + B t_prompt / output. Little's law closes the loop. A deterministic approximation of what an engine of steps
/// would do, without its transients; O(50 iterations of the model). Pure functions.

#include <ampacity/llm/inference_step.hpp>

#include <cstdint>
#include <string>

namespace ampacity::llm {

/// When a program takes in prompts.
enum class admission_kind : std::uint8_t {
    mixed,  ///< as soon as they come, beside decodes
    waves,  ///< before all decodes; equal requests stay together, and come again together
};

/// Replicas, all alike, or pools for prefill and decode.
struct inference_deployment {
    std::string software{};
    admission_kind admission = admission_kind::mixed;
    inference_plan prefill{};           ///< of the prefill pool
    inference_plan decode{};            ///< of the decode pool, or of replicas that do both
    std::uint32_t prefill_workers = 0;  ///< 0: replicas do both
    std::uint32_t decode_workers = 1;
    double step_tokens = 8192;  ///< most tokens of prompts in an iteration [token]
    speculation drafts{};

    [[nodiscard]] bool split() const { return prefill_workers > 0; }
    [[nodiscard]] double gpus() const {
        return double(prefill_workers) * prefill.gpus() + double(decode_workers) * decode.gpus();
    }
    friend bool operator==(const inference_deployment&, const inference_deployment&) = default;
};

/// Equal requests, of all replicas.
struct closed_load {
    double prompt = 0;       ///< [token]
    double output = 0;       ///< [token]
    double concurrency = 0;  ///< requests in the system

    friend bool operator==(const closed_load&, const closed_load&) = default;
};

/// What follows, per request and in all.
struct load_estimate {
    double ttft_s = 0;        ///< mean [s]
    double steady_s = 0;      ///< the same of requests that come one by one, in iterations and waiting for them [s]
    double burst_s = 0;       ///< the same of requests that all come at once [s]
    double tpot_s = 0;        ///< of the tokens after the first [s]
    double requests_s = 0;    ///< [1/s]
    double tokens_s_gpu = 0;  ///< output tokens per second and GPU
    double decodes = 0;       ///< of one replica
    double most_decodes = 0;  ///< for which a replica has memory
    double capacity_s = 0;    ///< requests per second at that batch [1/s]
    bool queues = false;      ///< more requests than fit: they wait for memory or for prefill
};

/// One decode step of a replica with so many decodes, drafts paid for and tokens counted: time per token. [s]
[[nodiscard]] double token_s(const model& m, const inference_deployment& d, double decodes, double context,
                             const system& s, const inference_efficiency& e);
/// What a prompt adds to the time of a replica that works on `decodes` at the same time; 0 of them: alone, of a pool
/// that is busy. [s]
[[nodiscard]] double prompt_s(const model& m, const inference_deployment& d, double decodes, double prompt,
                              const system& s, const inference_efficiency& e);
/// \pre plans have no fault and the weights fit; otherwise all is 0.
[[nodiscard]] load_estimate estimate(const model& m, const inference_deployment& d, const closed_load& load,
                                     const system& s, const inference_efficiency& e);

}  // namespace ampacity::llm
