#pragma once
/// \file
/// What was measured of how far GPUs and networks reach their peaks in training: the coefficients of
/// `llm::training_step`.
///
/// Plain data; `models/calibration/training.yaml` holds those that were fitted. Few and physical: none belongs to a
/// model, a row or a version of the software.

#include <ampacity/llm/collectives.hpp>
#include <ampacity/llm/system.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::llm {

/// GPUs of one kind.
struct gpu_efficiency {
    std::string accelerator{};
    /// Share of the dense peak that large matrix products reach, by `precision_kind`. [1]
    std::array<double, num_precisions> gemm{};
    /// Collectives inside a domain, by `collective_kind`.
    std::array<collective_curve, num_collectives> collectives{};
    double host_factor = 1;  ///< times the launch times of a host with Grace [1]

    friend bool operator==(const gpu_efficiency&, const gpu_efficiency&) = default;
};

/// Runs of one suite, tuned in their own way, on one kind of GPU and in one precision.
struct recipe_efficiency {
    std::string name{};  ///< such as "mlperf-v5.0"
    std::string accelerator{};
    precision_kind precision = precision_kind::bf16;
    double time_factor = 1;  ///< times the time of a micro-batch [1]
    double step_s = 0;       ///< added to every step [s]

    friend bool operator==(const recipe_efficiency&, const recipe_efficiency&) = default;
};

/// Coefficients of the training step. Those called `exposed` are the shares of a traffic that compute does not hide.
struct training_efficiency {
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
    std::vector<recipe_efficiency> recipes{};

    /// The row of an accelerator; nullptr: it was not measured.
    [[nodiscard]] const gpu_efficiency* find(std::string_view accelerator) const {
        for (const gpu_efficiency& g : gpus) {
            if (g.accelerator == accelerator) return &g;
        }
        return nullptr;
    }
    /// The row of a recipe; nullptr: there is none.
    [[nodiscard]] const recipe_efficiency* find_recipe(std::string_view name, std::string_view accelerator,
                                                       precision_kind p) const {
        for (const recipe_efficiency& r : recipes) {
            if (r.name == name && r.accelerator == accelerator && r.precision == p) return &r;
        }
        return nullptr;
    }
    friend bool operator==(const training_efficiency&, const training_efficiency&) = default;
};

}  // namespace ampacity::llm
