#pragma once
/// \file
/// A GPU: memory, peak rates, power by phase, how it slows under a cap, temperatures.
///
/// Plain data in SI units, temperatures in degrees Celsius. An empty optional means that no figure is known.

#include <optional>
#include <string>

namespace ampacity::hardware {

/// Peak rates without sparsity.
struct dense_peaks {
    double bf16_flop_s = 0;              ///< [FLOP/s]
    double fp8_flop_s = 0;               ///< [FLOP/s]
    std::optional<double> fp4_flop_s{};  ///< [FLOP/s]; none: the hardware has no 4-bit floats

    friend bool operator==(const dense_peaks&, const dense_peaks&) = default;
};

/// Power of a GPU without a cap while it does one thing.
struct phase_powers {
    double gemm_bf16_w = 0;              ///< matrix products of training and prefill [W]
    double gemm_fp8_w = 0;               ///< [W]
    std::optional<double> gemm_fp4_w{};  ///< [W]
    double prefill_attention_w = 0;      ///< [W]
    double decode_gemm_w = 0;            ///< matrix products that stream the weights [W]
    double decode_attention_w = 0;       ///< [W]
    double decode_mla_w = 0;             ///< multi-head latent attention [W]
    double communication_w = 0;          ///< waiting for a collective of synchronous training [W]

    friend bool operator==(const phase_powers&, const phase_powers&) = default;
};

/// Speed under a cap: with p = cap / uncapped power it is 1 - loss (1 - p)^exponent for `valid_from` <= p < 1.
struct cap_response {
    double loss = 0;        ///< [1]
    double exponent = 1;    ///< [1]
    double valid_from = 0;  ///< smallest p that the fit is good for [1]

    friend bool operator==(const cap_response&, const cap_response&) = default;
};

/// Power of a GPU.
struct gpu_power {
    double limit_w = 0;                       ///< largest, and default, power limit [W]
    std::optional<double> lowest_limit_w{};   ///< smallest power limit that can be set [W]
    double idle_w = 0;                        ///< nothing resident [W]
    double context_w = 0;                     ///< a context or a model resident, no kernel running: the floor [W]
    phase_powers phases{};                    ///< without a cap
    cap_response compute_bound{};             ///< of GEMM, training and prefill
    cap_response memory_bound{};              ///< of decode
    std::optional<double> max_sm_clock_hz{};  ///< [Hz]
    friend bool operator==(const gpu_power&, const gpu_power&) = default;
};

/// Heat of a GPU: C dT/dt = P - (T - T_coolant) / R.
struct gpu_thermal {
    double throttle_c = 0;             ///< it slows itself from here [degC]
    double slowdown_c = 0;             ///< hardware slowdown [degC]
    double shutdown_c = 0;             ///< it switches itself off [degC]
    double resistance_k_per_w = 0;     ///< R, die to coolant [K/W]
    double heat_capacity_j_per_k = 0;  ///< C, with its share of the cold plate [J/K]

    friend bool operator==(const gpu_thermal&, const gpu_thermal&) = default;
};

/// A GPU.
struct accelerator {
    std::string name{};
    double memory_b = 0;                        ///< HBM by specification [B]
    std::optional<double> memory_reported_b{};  ///< HBM as the driver reports it [B]
    double memory_bandwidth_b_s = 0;            ///< [B/s]
    dense_peaks peaks{};
    double nvlink_b_s = 0;  ///< both directions together [B/s]
    gpu_power power{};
    gpu_thermal thermal{};
    std::optional<double> embodied_kg{};  ///< of CO2e, cradle to gate [kg]

    friend bool operator==(const accelerator&, const accelerator&) = default;
};

}  // namespace ampacity::hardware
