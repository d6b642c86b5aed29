#include <ampacity/core/error.hpp>
#include <ampacity/power/node_power.hpp>
#include <ampacity/power/swing.hpp>

#include <algorithm>
#include <cmath>

namespace ampacity::power {

double gpu_power_w(const hardware::gpu_power& gpu, phase p) noexcept {
    switch (p) {
        case phase::idle: return gpu.idle_w;
        case phase::context: return gpu.context_w;
        case phase::gemm_bf16: return gpu.phases.gemm_bf16_w;
        case phase::gemm_fp8: return gpu.phases.gemm_fp8_w;
        case phase::gemm_fp4: return gpu.phases.gemm_fp4_w.value_or(gpu.phases.gemm_fp8_w);
        case phase::prefill_attention: return gpu.phases.prefill_attention_w;
        case phase::decode_gemm: return gpu.phases.decode_gemm_w;
        case phase::decode_attention: return gpu.phases.decode_attention_w;
        case phase::decode_mla: return gpu.phases.decode_mla_w;
        case phase::communication: return gpu.phases.communication_w;
    }
    return gpu.idle_w;
}

double gpu_power_w(const hardware::gpu_power& gpu, const power_floor& f) noexcept {
    const double mean = gpu_power_w(gpu, f.what);
    const double lifted = mean_with_floor_w(mean, gpu_power_w(gpu, f.low), f.low_share, f.floor_w);
    return std::max(mean, std::min(lifted, gpu.limit_w));
}

double limited_w(const hardware::gpu_power& gpu, std::uint16_t limit) noexcept {
    return std::max(gpu.lowest_limit_w.value_or(gpu.context_w), std::floor(gpu.limit_w * limit / 1000));
}

double node_power_w(const hardware::node& node, const held_gpus& held) {
    AMPACITY_ASSERT(held.count <= node.gpus);
    const hardware::node_power& p = node.power;
    const double share = node.gpus == 0 ? 0 : static_cast<double>(held.count) / static_cast<double>(node.gpus);
    const double cpus = p.cpus_idle_w + (p.cpus_w - p.cpus_idle_w) * share;
    double chips = held.power_w + (node.gpus - held.count) * node.gpu.power.idle_w + cpus;
    if (node.modules) chips = std::min(chips, node.modules->count * node.modules->limit_w);
    return node.at_input(chips + p.rest_idle_w + (p.rest_w - p.rest_idle_w) * share);
}

double rack_power_w(const hardware::rack& rack, double nodes_w, double held_share) {
    double parts = nodes_w;
    if (rack.switches)
        parts += rack.switches->power_w * (rack.switches->idle_share + (1 - rack.switches->idle_share) * held_share);
    return rack.at_input(parts);
}

}  // namespace ampacity::power
