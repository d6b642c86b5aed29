#include <ampacity/power/swing.hpp>
#include <ampacity/power/swing_meter.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace ampacity::power {

swing_meter::swing_meter(const power_tree& tree)
    : tree_(tree), sites_(tree.sites().size()), rows_(tree.rows().size()) {}

/// Of so many GPUs of a unit, at its input, behind the storage's share [mW].
std::int64_t swing_meter::left_of(const swing_pattern& p, phase high, std::uint32_t unit, std::uint32_t gpus) const {
    const unit_model& m = tree_.models()[tree_.units()[unit].model];
    const hardware::gpu_power& gpu = m.node.gpu.power;
    const swing s = swing{.high_w = gpu_power_w(gpu, high), .low_w = gpu_power_w(gpu, p.low)}.with_floor(p.floor_w);
    double height_w = std::max(0.0, s.height_w()) * gpus;
    if (m.node.converter) height_w /= m.node.converter->efficiency.at(1);
    double storage_j = 0;
    if (m.rack) {
        if (m.rack->shelves) height_w /= m.rack->shelves->shelf.efficiency.at(1);
        storage_j = m.rack->power.storage_j_per_gpu.value_or(0) * gpus;
    }
    return std::llround(residual_swing_w(height_w, p.hz, storage_j) * 1e3);
}

void swing_meter::add(sums& to, std::int64_t swing, double transition_s, int sign) const {
    to.coherent += sign * swing;
    to.squares += sign * (int128{swing} * swing);
    to.ramp += sign * std::llround(static_cast<double>(swing) / transition_s);
}

void swing_meter::change(const swing_pattern& p, phase high, std::span<const fleet::gpu_share> where, int sign) {
    gpus_.clear();
    for (const fleet::gpu_share& s : where) {
        const auto gpus = static_cast<std::uint32_t>(std::popcount(s.gpus));
        const std::uint32_t unit = tree_.unit_of(index(s.node));
        if (!gpus_.empty() && gpus_.back().first == unit)
            gpus_.back().second += gpus;
        else
            gpus_.emplace_back(unit, gpus);
    }
    // Nodes of an allocation may come in any order.
    std::sort(gpus_.begin(), gpus_.end());
    constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
    std::uint32_t row = none;
    std::uint32_t site = none;
    std::int64_t in_row = 0;
    std::int64_t in_site = 0;
    for (std::size_t i = 0; i != gpus_.size();) {
        const std::uint32_t unit = gpus_[i].first;
        std::uint32_t gpus = 0;
        for (; i != gpus_.size() && gpus_[i].first == unit; ++i) gpus += gpus_[i].second;
        if (row != none && tree_.row_of(unit) != row) add(rows_[row], std::exchange(in_row, 0), p.transition_s, sign);
        if (site != none && tree_.site_of(unit) != site)
            add(sites_[site], std::exchange(in_site, 0), p.transition_s, sign);
        row = tree_.row_of(unit);
        site = tree_.site_of(unit);
        const std::int64_t left = left_of(p, high, unit, gpus);
        in_row += left;
        in_site += left;
    }
    if (row == none) return;
    add(rows_[row], in_row, p.transition_s, sign);
    add(sites_[site], in_site, p.transition_s, sign);
}

swing_envelope swing_meter::envelope(const sums& s) noexcept {
    return {.coherent_w = static_cast<double>(s.coherent) * 1e-3,
            .incoherent_w = std::sqrt(static_cast<double>(s.squares)) * 1e-3,
            .ramp_w_per_s = static_cast<double>(s.ramp) * 1e-3};
}

}  // namespace ampacity::power
