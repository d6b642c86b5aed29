#include <ampacity/core/error.hpp>
#include <ampacity/power/price_spikes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace ampacity::power {

step_series<double> with_spikes(const step_series<double>& below, std::span<const price_spike> spikes) {
    struct edge {
        instant at;
        bool begins;
        std::size_t spike;
    };
    std::vector<edge> edges;
    for (std::size_t i = 0; i != spikes.size(); ++i) {
        AMPACITY_ASSERT(spikes[i].start < spikes[i].end);
        edges.push_back({spikes[i].start, true, i});
        edges.push_back({spikes[i].end, false, i});
    }
    std::sort(edges.begin(), edges.end(), [](const edge& a, const edge& b) { return a.at < b.at; });

    std::vector<step_series<double>::step> over;
    std::vector<std::size_t> active;
    const auto cover = [&](instant from, instant to) {
        while (from != to) {
            const auto base = below.find(from);
            if (!base) return;
            double most = 0;
            for (std::size_t k = 0; k != active.size(); ++k) {
                const price_spike& s = spikes[active[k]];
                const double one = s.price ? *s.price : s.factor * base->value;
                most = k == 0 ? one : std::max(most, one);
            }
            const instant end = std::min(to, base->end);
            over.push_back({most, from, end});
            from = end;
        }
    };
    for (std::size_t i = 0; i != edges.size();) {
        const instant at = edges[i].at;
        for (; i != edges.size() && edges[i].at == at; ++i) {
            if (edges[i].begins)
                active.push_back(edges[i].spike);
            else
                std::erase(active, edges[i].spike);
        }
        if (!active.empty()) cover(at, edges[i].at);
    }
    return step_series<double>{below, std::move(over)};
}

step_series<double> constant_price(double usd_per_j) { return {{start_of_time}, {usd_per_j}, never, outside::held}; }

}  // namespace ampacity::power
