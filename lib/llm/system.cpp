#include <ampacity/llm/system.hpp>

#include <string_view>

namespace ampacity::llm {

std::string_view name_of(precision_kind p) noexcept {
    switch (p) {
        case precision_kind::bf16: return "bf16";
        case precision_kind::fp8: return "fp8";
        case precision_kind::mxfp8: return "mxfp8";
        case precision_kind::nvfp4: break;
    }
    return "nvfp4";
}

system system_of(const hardware::node& n) {
    const hardware::accelerator& gpu = n.gpu;
    system out{.name = n.name,
               .accelerator = gpu.name,
               .memory_b = gpu.memory_reported_b.value_or(gpu.memory_b),
               .memory_b_s = gpu.memory_bandwidth_b_s,
               .bf16_flop_s = gpu.peaks.bf16_flop_s,
               .fp8_flop_s = gpu.peaks.fp8_flop_s,
               .fp4_flop_s = gpu.peaks.fp4_flop_s.value_or(0),
               .domain_gpus = n.gpus,
               .node_gpus = n.gpus,
               .domain_b_s = gpu.nvlink_b_s / 2,
               .rail_b_s = n.network ? n.network->bandwidth_b_s : 0};
    if (n.nvlink) {
        out.domain_gpus = n.nvlink->domain_gpus.value_or(n.gpus);
        out.domain_b_s = n.nvlink->bandwidth_b_s;
    }
    return out;
}

system system_of(const hardware::rack& r) {
    system out = system_of(r.node);
    out.name = r.name;
    if (r.nvlink) {
        out.domain_gpus = r.nvlink->domain_gpus.value_or(r.gpus());
        out.domain_b_s = r.nvlink->bandwidth_b_s;
    }
    return out;
}

}  // namespace ampacity::llm
