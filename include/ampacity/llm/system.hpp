#pragma once
/// \file
/// What a training job or an engine sees of the hardware: GPUs in NVLink domains, domains on rails.
///
/// Plain data in SI units, made from a rack or a node of the catalogue.

#include <ampacity/hardware/node.hpp>
#include <ampacity/hardware/rack.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace ampacity::llm {

/// Number formats of the matrix products; the rest of a step stays in bf16 and fp32.
enum class precision_kind : std::uint8_t {
    bf16,
    fp8,    ///< one scale per tensor
    mxfp8,  ///< one scale per block of 32
    nvfp4,  ///< one scale per block of 16
};
inline constexpr std::uint32_t num_precisions = 4;
/// "bf16", "fp8", "mxfp8", "nvfp4".
[[nodiscard]] std::string_view name_of(precision_kind p) noexcept;

/// Equal GPUs, equally connected.
struct system {
    std::string name{};
    std::string accelerator{};
    double memory_b = 0;            ///< of a GPU, as its driver reports it where that is known [B]
    double memory_b_s = 0;          ///< [B/s]
    double bf16_flop_s = 0;         ///< dense peak [FLOP/s]
    double fp8_flop_s = 0;          ///< dense peak; 0: none [FLOP/s]
    double fp4_flop_s = 0;          ///< dense peak; 0: none [FLOP/s]
    std::uint32_t domain_gpus = 1;  ///< of an NVLink domain
    std::uint32_t node_gpus = 1;    ///< of a node or tray
    double domain_b_s = 0;          ///< per GPU and direction inside a domain [B/s]
    double rail_b_s = 0;            ///< per GPU and direction between domains [B/s]

    /// Dense peak of matrix products in this format; 0: the hardware has none. [FLOP/s]
    [[nodiscard]] double peak_flop_s(precision_kind p) const {
        if (p == precision_kind::bf16) return bf16_flop_s;
        return p == precision_kind::nvfp4 ? fp4_flop_s : fp8_flop_s;
    }
};

/// GPUs of such racks. A rack whose NVLink ends at the node has domains of a node.
[[nodiscard]] system system_of(const hardware::rack& r);
/// GPUs of such nodes.
[[nodiscard]] system system_of(const hardware::node& n);

}  // namespace ampacity::llm
