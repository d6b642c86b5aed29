#pragma once
/// \file
/// What was measured of how far GPUs, links and servers reach their peaks in inference: the coefficients of
/// `llm::iteration_of`.
///
/// Plain data; `models/calibration/inference.yaml` of the catalogue holds those that were fitted. Few and physical:
/// none belongs to a model, a deployment or a row.

#include <ampacity/llm/system.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::llm {

/// GPUs of one kind.
struct inference_gpu {
    std::string name{};  ///< of the accelerator
    double bf16 = 0;     ///< share of the dense peak that large products reach [1]
    double fp8 = 0;      ///< [1]
    double nvfp4 = 0;    ///< 0: it has no such peak, and computes those in fp8 [1]
    double memory = 0;   ///< share of the HBM bandwidth that products of few rows reach [1]

    [[nodiscard]] double products(precision_kind p) const {
        if (p == precision_kind::bf16) return bf16;
        return p == precision_kind::nvfp4 && nvfp4 > 0 ? nvfp4 : fp8;
    }
    friend bool operator==(const inference_gpu&, const inference_gpu&) = default;
};

/// A server program.
struct inference_software {
    std::string name{};     ///< "trtllm", "vllm", "sglang"
    double step_s = 0;      ///< of every iteration: scheduling, sampling, the host [s]
    double request_s = 0;   ///< of every request outside of iterations: HTTP, words to tokens [s]
    double handover_s = 0;  ///< further, of a request that goes from one pool to another [s]
    double burst = 0;       ///< of the requests of a measured run, those that all came at its start [1]
    // Of engines that are tuned for what they serve; none: 1.
    std::optional<double> products{};  ///< times the shares of peaks in bf16 and fp8 [1]
    std::optional<double> nvfp4{};     ///< the same in nvfp4 [1]
    std::optional<double> traffic{};   ///< times the traffic of norms, casts and activation functions [1]
    std::optional<double> layer{};     ///< times the time of every layer [1]
    std::optional<double> reduce{};    ///< times the time of all-reduces: what products do not hide [1]

    [[nodiscard]] bool tuned() const { return products || nvfp4 || traffic || layer || reduce; }

    friend bool operator==(const inference_software&, const inference_software&) = default;
};

/// Coefficients of an iteration.
struct inference_efficiency {
    std::string name{};
    double attention = 0.5;       ///< share of the bf16 peak that scores and sums reach [1]
    double cache = 0.6;           ///< share of the HBM bandwidth at which keys and values are read [1]
    double experts = 0.7;         ///< products of experts reach so much of what others do, in FLOP and in bytes [1]
    double imbalance = 1.2;       ///< tokens of the busiest expert rank / mean [1]
    double traffic = 2;           ///< times the least HBM traffic of norms, casts and activation functions [1]
    double layer_s = 20e-6;       ///< of every layer: kernels too small for a roofline [s]
    double expert_layer_s = 0;    ///< further, of a layer of experts [s]
    double reduce_s = 6e-6;       ///< all-reduce of two ranks inside a domain [s]
    double reduce_share = 0.6;    ///< of the bandwidth of the domain [1]
    double exchange_s = 12e-6;    ///< dispatch, or combination, of few tokens inside a domain [s]
    double exchange_share = 0.5;  ///< of the bandwidth of the domain [1]
    double rail_s = 15e-6;        ///< one step of a collective between domains [s]
    double rail_share = 0.8;      ///< of the bandwidth of rails [1]
    std::vector<inference_gpu> gpus{};
    std::vector<inference_software> software{};

    /// The row of an accelerator; nullptr: it was not measured.
    [[nodiscard]] const inference_gpu* find(std::string_view accelerator) const;
    /// The row of a program; the mean of all that are not tuned where it was not measured.
    [[nodiscard]] inference_software find_software(std::string_view program) const;
    friend bool operator==(const inference_efficiency&, const inference_efficiency&) = default;
};

}  // namespace ampacity::llm
