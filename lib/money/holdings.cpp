#include <ampacity/core/error.hpp>
#include <ampacity/money/holdings.hpp>

#include <algorithm>

namespace ampacity::money {
namespace {

/// Some of a group leave, the oldest first.
void take(std::vector<holding>& all, const sim::standing_step& step) {
    auto left = static_cast<std::uint64_t>(-step.gpus);
    for (std::size_t i = 0; i != all.size() && left != 0; ++i) {
        if (all[i].group != step.group || all[i].to != never) continue;
        const std::uint64_t gone = std::min(left, all[i].gpus);
        left -= gone;
        if (gone != all[i].gpus) {
            holding rest = all[i];
            rest.gpus -= gone;
            all[i].gpus = gone;
            all.insert(all.begin() + static_cast<std::ptrdiff_t>(i) + 1, rest);
        }
        all[i].to = step.at;
    }
    AMPACITY_ASSERT(left == 0);
}

}  // namespace

std::vector<holding> holdings_of(std::span<const sim::standing_step> steps) {
    std::vector<holding> all;
    for (const sim::standing_step& s : steps) {
        if (s.gpus > 0)
            all.push_back({.group = s.group, .gpus = static_cast<std::uint64_t>(s.gpus), .from = s.at, .to = never});
        else if (s.gpus < 0)
            take(all, s);
    }
    return all;
}

duration time_of(const holding& h, instant from, instant to) noexcept {
    return std::max(duration::zero(), std::min(to, h.to) - std::max(from, h.from));
}

gpu_time gpu_time_of(std::span<const holding> all, std::span<const sim::fleet_group> groups, instant from, instant to,
                     std::uint32_t site) {
    gpu_time sum = 0;
    for (const holding& h : all) {
        if (groups[h.group].site == site) sum += gpu_time{ticks(time_of(h, from, to))} * static_cast<gpu_time>(h.gpus);
    }
    return sum;
}

gpu_time gpu_time_of(std::span<const holding> all, instant from, instant to) noexcept {
    gpu_time sum = 0;
    for (const holding& h : all) sum += gpu_time{ticks(time_of(h, from, to))} * static_cast<gpu_time>(h.gpus);
    return sum;
}

}  // namespace ampacity::money
