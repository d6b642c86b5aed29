#include <ampacity/llm/inference_planner.hpp>

#include <algorithm>
#include <cmath>

namespace ampacity::llm {
namespace {

constexpr double most_concurrency = 1e7;

/// The largest concurrency that `allows`, which holds up to a bound and not beyond it.
template <class Allows>
load_estimate largest(const model& m, const inference_deployment& d, const serving_goal& goal, const system& s,
                      const inference_efficiency& e, Allows allows) {
    const auto at = [&](double concurrency) { return estimate(m, d, {goal.prompt, goal.output, concurrency}, s, e); };
    double low = d.decode_workers;
    load_estimate best = at(low);
    if (best.requests_s <= 0 || !allows(best)) return {};
    double high = most_concurrency;
    for (int i = 0; i < 40 && high > 1.001 * low; ++i) {
        const double mid = std::sqrt(low * high);
        const load_estimate l = at(mid);
        if (allows(l)) {
            low = mid;
            best = l;
        } else {
            high = mid;
        }
    }
    return best;
}

}  // namespace

load_estimate most_within(const model& m, const inference_deployment& d, const serving_goal& goal, const system& s,
                          const inference_efficiency& e) {
    return largest(m, d, goal, s, e, [&](const load_estimate& l) {
        return !l.queues && (goal.most_ttft_s <= 0 || l.ttft_s <= goal.most_ttft_s) &&
               (goal.most_tpot_s <= 0 || l.tpot_s <= goal.most_tpot_s);
    });
}

load_estimate estimate_at(const model& m, const inference_deployment& d, const serving_goal& goal, double requests_s,
                          const system& s, const inference_efficiency& e) {
    return largest(m, d, goal, s, e, [&](const load_estimate& l) { return !l.queues && l.requests_s <= requests_s; });
}

std::vector<planned_serving> all_replicas(const model& m, std::uint32_t gpus, const inference_deployment& like,
                                          const serving_goal& goal, const system& s, const inference_efficiency& e) {
    std::vector<planned_serving> all;
    const bool experts = m.has_experts();
    for (std::uint32_t tp = 1; tp <= gpus && tp <= s.domain_gpus; tp *= 2) {
        for (std::uint32_t dp = 1; tp * dp <= gpus && (experts || dp == 1); dp *= 2) {
            for (const std::uint32_t ep : {1U, tp * dp}) {
                if (ep > 1 && !experts) continue;
                inference_deployment d = like;
                d.prefill_workers = 0;
                d.decode.tp = tp;
                d.decode.attention_dp = dp;
                d.decode.pp = 1;
                d.decode.ep = ep;
                d.decode_workers = gpus / (tp * dp);
                if (!fault_of(m, d.decode, s).empty()) continue;
                const load_estimate l = most_within(m, d, goal, s, e);
                if (l.requests_s > 0) all.push_back({d, l});
            }
        }
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.most.requests_s > b.most.requests_s; });
    return all;
}

planned_serving best_replicas(const model& m, std::uint32_t gpus, const inference_deployment& like,
                              const serving_goal& goal, const system& s, const inference_efficiency& e) {
    const std::vector<planned_serving> all = all_replicas(m, gpus, like, goal, s, e);
    return all.empty() ? planned_serving{} : all.front();
}

}  // namespace ampacity::llm
