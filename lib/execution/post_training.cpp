#include <ampacity/core/distributions.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/execution/post_training.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>

namespace ampacity::execution {
namespace {

/// The rollouts of one step.
struct rollout_phase {
    duration makespan{};
    duration busy{};  // of all slots together
};

/// Slots are a heap by when they are free.
rollout_phase roll_out(const post_training_terms& t, random_stream& draw, std::vector<std::int64_t>& free,
                       std::uint64_t& tokens) {
    free.clear();
    rollout_phase out;
    for (std::uint64_t i = 0; i != t.rollouts; ++i) {
        const double drawn = t.sigma == 0 ? t.median_tokens : lognormal_distribution{t.median_tokens, t.sigma}(draw);
        const double capped = std::clamp(std::round(drawn), 1.0, static_cast<double>(t.most_tokens));
        const auto length = static_cast<std::uint64_t>(capped);
        tokens += length;
        const std::int64_t takes = static_cast<std::int64_t>(length) * ticks(t.per_token);
        std::int64_t end = takes;
        if (free.size() == t.slots) {
            std::pop_heap(free.begin(), free.end(), std::greater<>{});
            end += free.back();
            free.back() = end;
        } else {
            free.push_back(end);
        }
        std::push_heap(free.begin(), free.end(), std::greater<>{});
        out.makespan = std::max(out.makespan, duration{end});
        out.busy += duration{takes};
    }
    return out;
}

}  // namespace

post_training_result run_post_training(const post_training_terms& t, std::uint64_t seed, std::uint64_t entity) {
    AMPACITY_ASSERT(t.rollouts >= 1 && t.slots >= 1 && t.most_tokens >= 1 && t.median_tokens > 0 && t.sigma >= 0);
    AMPACITY_ASSERT(t.split || t.staleness == 0);
    random_stream draw{seed, purpose::sizes, entity};
    post_training_result out;
    std::vector<std::int64_t> free;
    std::vector<duration> weights;  // when those of each step are there
    const auto used = static_cast<std::int64_t>(std::min(t.slots, t.rollouts));
    duration rolled{}, ready{};  // end of the rollouts, and of weights, of the step before
    for (std::uint64_t i = 0; i != t.steps; ++i) {
        const rollout_phase phase = roll_out(t, draw, free, out.tokens);
        const duration needs = i > t.staleness ? weights[i - 1 - t.staleness] : duration::zero();
        const duration begins = std::max(rolled, needs);
        out.rollouts_wait += begins - rolled;
        rolled = begins + phase.makespan;
        const duration trains = std::max(rolled, ready);
        out.trainer_waits += trains - ready;
        const duration there = trains + t.train + t.sync;
        out.steps.push_back(there - ready);
        weights.push_back(there);
        ready = there;
        out.rollout += phase.makespan;
        out.longest_bubble += phase.makespan - phase.busy / used;
        out.train += t.train;
        out.sync += t.sync;
    }
    out.total = ready;
    return out;
}

}  // namespace ampacity::execution
