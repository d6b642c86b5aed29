#pragma once
/// \file
/// What was measured of how far GPUs and networks reach their peaks in training: the coefficients of
/// `llm::step_of`.
///
/// Plain data; `models/calibration/training.yaml` of the catalogue holds those that were fitted. Few and physical: none
/// belongs to a model, a row or a version of the software.

#include <ampacity/llm/collectives.hpp>
#include <ampacity/llm/system.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::llm {

/// GPUs of one kind: the shares of their dense peaks that large matrix products reach.
struct gpu_efficiency {
    std::string name{};      ///< of the accelerator
    double bf16 = 0;         ///< [1]
    double fp8 = 0;          ///< [1]
    double mxfp8 = 0;        ///< [1]
    double nvfp4 = 0;        ///< [1]
    double host_factor = 1;  ///< times the launch times of a host with Grace [1]

    [[nodiscard]] double products(precision_kind p) const {
        switch (p) {
            case precision_kind::bf16: return bf16;
            case precision_kind::fp8: return fp8;
            case precision_kind::mxfp8: return mxfp8;
            case precision_kind::nvfp4: break;
        }
        return nvfp4;
    }
    friend bool operator==(const gpu_efficiency&, const gpu_efficiency&) = default;
};

/// A kind of collective inside the domain of one kind of GPU.
struct collective_efficiency {
    std::string name{};  ///< such as "gb200 all-gather"
    std::string accelerator{};
    collective_kind kind = collective_kind::all_reduce;
    double latency_s = 10e-6;  ///< of two ranks [s]
    double share = 0.6;        ///< of the bandwidth of the link that large messages reach [1]
    double half_b = 5e6;       ///< size at which half of that is reached [B]

    [[nodiscard]] collective_curve curve() const { return {latency_s, share, half_b}; }
    friend bool operator==(const collective_efficiency&, const collective_efficiency&) = default;
};

/// Runs of one suite, tuned in their own way, on one kind of GPU and in one precision.
struct recipe_efficiency {
    std::string name{};   ///< such as "mlperf-v5.0 gb200 fp8"
    std::string suite{};  ///< such as "mlperf-v5.0"
    std::string accelerator{};
    precision_kind precision = precision_kind::bf16;
    double time_factor = 1;  ///< times the time of a micro-batch [1]
    double step_s = 0;       ///< added to every step [s]

    friend bool operator==(const recipe_efficiency&, const recipe_efficiency&) = default;
};

/// Coefficients of the training step. Those called `exposed` are the shares of a traffic that compute does not hide.
struct training_efficiency {
    std::string name{};
    double attention = 0.5;        ///< share of the bf16 peak that scores and sums reach [1]
    double small_dim = 300;        ///< a product is slower by this x (1/m + 1/n + 1/k) [1]
    double traffic = 1;            ///< times the least HBM traffic of all but products and attention [1]
    double expert_traffic = 1;     ///< the same of the permutation of tokens to experts [1]
    double scan_traffic = 2;       ///< the same of convolution, scan and gate of Mamba [1]
    double layer_s = 1e-3;         ///< launching one dense layer, forward and backward, on Grace [s]
    double expert_layer_s = 4e-3;  ///< the same of a layer of experts [s]
    double tensor_exposed = 0.3;   ///< [1]
    double context_exposed = 0.3;
    double expert_exposed = 0.7;
    double pipeline_exposed = 0.3;
    double data_exposed = 0.5;
    double gather_exposed = 0.1;  ///< of the gathers of ZeRO-3
    double rail_share = 0.8;      ///< of the bandwidth of rails that collectives reach [1]
    double step_s = 0.1;          ///< of every step: host, clipping, logging [s]
    std::vector<gpu_efficiency> gpus{};
    std::vector<collective_efficiency> collectives{};
    std::vector<recipe_efficiency> recipes{};

    /// The row of an accelerator; nullptr: it was not measured.
    [[nodiscard]] const gpu_efficiency* find(std::string_view accelerator) const;
    /// The curve of a collective; one of usual coefficients where it was not measured.
    [[nodiscard]] collective_curve curve_of(std::string_view accelerator, collective_kind kind) const;
    /// The recipe of a suite; where it has no run on such GPUs in this precision, the mean factor of its runs.
    /// Nothing: there is no such suite.
    [[nodiscard]] std::optional<recipe_efficiency> find_recipe(std::string_view suite, std::string_view accelerator,
                                                               precision_kind p) const;
    friend bool operator==(const training_efficiency&, const training_efficiency&) = default;
};

}  // namespace ampacity::llm
