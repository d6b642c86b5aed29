#pragma once
/// \file
/// What follows from a hardware model and its parts, for `describe` and for comparison with published totals. Overloads
/// of `totals` for the structs of `hardware`; pure functions.

#include <ampacity/io/catalogue.hpp>

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

namespace ampacity::io {

using scenario::dimension;

/// Collects totals of `count` times a part.
class total_list {
public:
    void add(std::string key, double value, std::optional<dimension> of, std::string doc) {
        list_.push_back({std::move(key), value, of, std::move(doc)});
    }
    void peaks(double gpus, const hardware::accelerator& gpu) {
        const std::string how = fmt::format("{} x {}, without sparsity", gpus, gpu.name);
        add("bf16", gpus * gpu.peaks.bf16_flop_s, dimension::compute, how);
        add("fp8", gpus * gpu.peaks.fp8_flop_s, dimension::compute, how);
        if (gpu.peaks.fp4_flop_s) add("fp4", gpus * *gpu.peaks.fp4_flop_s, dimension::compute, how);
    }
    void memory(double gpus, const hardware::accelerator& gpu) {
        add("memory", gpus * gpu.memory_b, dimension::data_size, fmt::format("HBM of {} x {}", gpus, gpu.name));
        add("memory_bandwidth", gpus * gpu.memory_bandwidth_b_s, dimension::data_rate, "of all of it");
    }
    void network(double gpus, const std::optional<hardware::network_tier>& tier) {
        if (!tier) return;
        add("network", gpus * tier->bandwidth_b_s, dimension::data_rate,
            fmt::format("{} x {}, one direction", gpus, tier->name));
    }
    [[nodiscard]] std::vector<model_total> take() { return std::move(list_); }

private:
    std::vector<model_total> list_;
};

/// Most kinds have no parts.
template <class T>
std::vector<model_total> totals(const T&) {
    return {};
}

inline std::vector<model_total> totals(const hardware::node& n) {
    total_list out;
    out.memory(n.gpus, n.gpu);
    out.peaks(n.gpus, n.gpu);
    out.network(n.gpus, n.network);
    out.add("power.full", n.full_power_w(), dimension::power,
            n.modules ? "input, GPUs and CPUs at the limits of the modules" : "input, all GPUs at their limits");
    out.add("power.empty", n.idle_power_w(), dimension::power, "input, nothing running");
    return out.take();
}

inline std::vector<model_total> totals(const hardware::rack& r) {
    total_list out;
    out.add("gpus", r.gpus(), {}, fmt::format("{} x {} of {}", r.nodes, r.node.name, r.node.gpus));
    out.memory(r.gpus(), r.node.gpu);
    out.peaks(r.gpus(), r.node.gpu);
    out.add("nvlink", r.gpus() * r.node.gpu.nvlink_b_s, dimension::data_rate, "of all GPUs, both directions");
    out.network(r.gpus(), r.node.network);
    out.add("power.full", r.full_power_w(), dimension::power, "AC input, summed over the parts at their limits");
    out.add("power.empty", r.idle_power_w(), dimension::power, "AC input, summed over the parts, nothing running");
    if (r.power.storage_j_per_gpu)
        out.add("storage", r.storage_j(), dimension::energy, "that smooths swings, of all GPUs");
    if (r.shelves) {
        out.add("shelves.rating", r.shelves->rating_w(), dimension::power, "of all power shelves");
        out.add("shelves.usable", r.shelves->usable_w(), dimension::power,
                fmt::format("of those that {} needs", r.shelves->redundancy.name));
    }
    return out.take();
}

inline std::vector<model_total> totals(const hardware::block& b) {
    total_list out;
    out.add("gpus", b.gpus(), {}, fmt::format("{} x {} of {}", b.racks, b.rack.name, b.rack.gpus()));
    out.add("nodes", b.racks * b.rack.nodes, {}, fmt::format("{} x {} of {}", b.racks, b.rack.name, b.rack.nodes));
    out.memory(b.gpus(), b.rack.node.gpu);
    out.peaks(b.gpus(), b.rack.node.gpu);
    out.add("racks.nameplate", b.racks * b.rack.power.nameplate_w, dimension::power, "of its racks");
    out.add("racks.idle", b.racks * b.rack.power.idle_w, dimension::power, "of its racks, nothing running");
    return out.take();
}

inline std::vector<model_total> totals(const hardware::power_topology& p) {
    total_list out;
    out.add("usable", p.usable_share(), dimension::share, "of all sources, that load may be planned for");
    if (!p.stages.empty())
        out.add("efficiency", p.efficiency(1), dimension::share, "of all stages at their rated loads");
    return out.take();
}

inline std::vector<model_total> totals(const hardware::hall& h) {
    total_list out;
    out.add("racks", h.racks(), {}, fmt::format("{} rows of {}", h.rows, h.racks_per_row));
    return out.take();
}

inline std::vector<model_total> totals(const hardware::reliability& r) {
    total_list out;
    if (r.causes.empty()) return out.take();
    double sum = 0;
    for (const auto& c : r.causes) sum += c.per_gpu_s;
    out.add("causes", sum, dimension::rate, "sum of all causes, per GPU");
    return out.take();
}

}  // namespace ampacity::io
