#pragma once
/// \file
/// What a node and a rack draw, from what their GPUs do.
///
/// A GPU draws what its phase draws without a cap, or its idle power; CPUs and the rest of a node (NICs, disks, fans)
/// go from idle to full with the share of its GPUs that are held; the chips stay below the limits of their modules.
/// What converters and shelves lose comes on top, by the efficiencies of the catalogue. Values; pure functions.

#include <ampacity/hardware/node.hpp>
#include <ampacity/hardware/rack.hpp>

#include <cstddef>
#include <cstdint>

namespace ampacity::power {

/// What a GPU does.
enum class phase : std::uint8_t {
    idle,     ///< nothing resident
    context,  ///< a context or a model resident, no kernel running
    gemm_bf16,
    gemm_fp8,
    gemm_fp4,
    prefill_attention,
    decode_gemm,
    decode_attention,
    decode_mla,
    communication,  ///< waits for a collective
};

inline constexpr std::size_t num_phases = 10;

/// Power of a GPU in a phase, without a cap [W]. Hardware without 4-bit floats runs them as 8-bit ones.
[[nodiscard]] double gpu_power_w(const hardware::gpu_power& gpu, phase p) noexcept;

/// How GPUs that go up and down are kept from falling below a power.
struct power_floor {
    phase what = phase::gemm_bf16;     ///< of which the draw is their mean
    phase low = phase::communication;  ///< what they do in between
    double floor_w = 0;                ///< [W]
    double low_share = 0.5;            ///< of the time that they do the latter
    friend bool operator==(const power_floor&, const power_floor&) = default;
};

/// Power of such a GPU on average, not above its limit, without a cap [W].
[[nodiscard]] double gpu_power_w(const hardware::gpu_power& gpu, const power_floor& f) noexcept;
/// What a GPU draws at most under a limit of so many thousandths of its own [W].
[[nodiscard]] double limited_w(const hardware::gpu_power& gpu, std::uint16_t limit) noexcept;

/// What GPUs of a node that jobs hold add up to.
struct held_gpus {
    std::uint32_t count = 0;
    double power_w = 0;  ///< of them, without a cap [W]
};

/// At the node's input [W]. \pre count at most the node's GPUs
[[nodiscard]] double node_power_w(const hardware::node& node, const held_gpus& held);

/// At a rack's AC input, if its nodes together draw `nodes_w` at their inputs and jobs hold this share of its GPUs [W].
[[nodiscard]] double rack_power_w(const hardware::rack& rack, double nodes_w, double held_share);

}  // namespace ampacity::power
