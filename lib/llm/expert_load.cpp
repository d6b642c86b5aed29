#include <ampacity/core/error.hpp>
#include <ampacity/llm/expert_load.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <queue>

namespace ampacity::llm {
namespace {

bool has_experts(const layer& l) { return l.feed_forward == feed_forward_kind::experts; }

/// A copy of an expert that waits for its set.
struct expert_slot {
    double load;
    std::uint32_t expert;
    std::size_t copy;  ///< number in the order of experts
};

std::vector<expert_slot> slots_of(std::span<const double> loads, std::span<const std::uint32_t> copies) {
    std::vector<expert_slot> slots;
    for (std::uint32_t i = 0; i < loads.size(); ++i) {
        for (std::uint32_t c = 0; c < copies[i]; ++c) slots.push_back({loads[i] / copies[i], i, slots.size()});
    }
    std::stable_sort(slots.begin(), slots.end(), [](const auto& a, const auto& b) { return a.load > b.load; });
    return slots;
}

}  // namespace

std::vector<double> zipf_loads(std::uint32_t experts, double skew) {
    AMPACITY_ASSERT(skew >= 0);
    std::vector<double> loads(experts);
    for (std::uint32_t i = 0; i < experts; ++i) loads[i] = std::pow(i + 1.0, -skew);
    return loads;
}

std::vector<std::uint32_t> expert_copies(std::span<const double> loads, std::uint32_t sets, std::uint32_t redundant) {
    AMPACITY_ASSERT(sets >= 1 && redundant <= loads.size() * (sets - std::uint64_t{1}));
    struct candidate {
        double load;
        std::size_t expert;
    };
    const auto behind = [](const candidate& a, const candidate& b) {
        return a.load != b.load ? a.load < b.load : a.expert > b.expert;
    };
    std::priority_queue<candidate, std::vector<candidate>, decltype(behind)> busiest{behind};
    std::vector<std::uint32_t> copies(loads.size(), 1);
    if (redundant == 0) return copies;
    for (std::size_t i = 0; i < loads.size(); ++i) busiest.push({loads[i], i});
    for (std::uint32_t r = 0; r < redundant; ++r) {
        const std::size_t i = busiest.top().expert;
        busiest.pop();
        if (++copies[i] < sets) busiest.push({loads[i] / copies[i], i});
    }
    return copies;
}

std::vector<std::uint32_t> place_experts(std::span<const double> loads, std::span<const std::uint32_t> copies,
                                         std::uint32_t sets) {
    AMPACITY_ASSERT(sets >= 1 && loads.size() == copies.size());
    const std::vector<expert_slot> slots = slots_of(loads, copies);
    AMPACITY_ASSERT(slots.size() % sets == 0);
    std::vector<double> load(sets, 0);
    std::vector<std::vector<std::uint32_t>> held(sets);
    std::vector<std::uint32_t> placed(slots.size());
    for (const expert_slot& slot : slots) {
        std::uint32_t best = sets;
        bool best_has_it = false;
        for (std::uint32_t g = 0; g < sets; ++g) {
            if (held[g].size() == slots.size() / sets) continue;
            const bool has_it = std::find(held[g].begin(), held[g].end(), slot.expert) != held[g].end();
            const bool better = best == sets || (has_it != best_has_it ? best_has_it : load[g] < load[best]);
            if (better) {
                best = g;
                best_has_it = has_it;
            }
        }
        held[best].push_back(slot.expert);
        load[best] += slot.load;
        placed[slot.copy] = best;
    }
    return placed;
}

double expert_imbalance(std::span<const double> loads, std::uint32_t sets, std::uint32_t redundant) {
    const double total = std::accumulate(loads.begin(), loads.end(), 0.0);
    if (total <= 0) return 1;
    const std::vector<std::uint32_t> copies = expert_copies(loads, sets, redundant);
    const std::vector<std::uint32_t> placed = place_experts(loads, copies, sets);
    std::vector<double> load(sets, 0);
    std::size_t copy = 0;
    for (std::size_t i = 0; i < loads.size(); ++i) {
        for (std::uint32_t c = 0; c < copies[i]; ++c) load[placed[copy++]] += loads[i] / copies[i];
    }
    return std::clamp(*std::max_element(load.begin(), load.end()) * sets / total, 1.0, static_cast<double>(sets));
}

double expert_imbalance(const model& m, const inference_plan& p, double skew) {
    double sum = 0, flop = 0;
    for (const layer& l : m.layers) {
        if (!has_experts(l)) continue;
        const double own = l.count * m.parameters_of(l).active;
        sum += own * expert_imbalance(zipf_loads(l.experts.value_or(0), skew), p.ep, p.redundant_experts);
        flop += own;
    }
    return flop > 0 ? sum / flop : 1;
}

std::optional<std::uint32_t> redundant_from(const model& m, std::uint32_t ep, std::uint32_t from) {
    AMPACITY_ASSERT(ep >= 1);
    // Divisibility repeats after `ep` numbers.
    for (std::uint64_t r = from; r < std::uint64_t{from} + ep; ++r) {
        const bool fits = std::all_of(m.layers.begin(), m.layers.end(), [&](const layer& l) {
            const std::uint64_t experts = l.experts.value_or(0);
            return !has_experts(l) || ((experts + r) % ep == 0 && r <= experts * (ep - 1));
        });
        if (fits) return static_cast<std::uint32_t>(r);
    }
    return std::nullopt;
}

}  // namespace ampacity::llm
