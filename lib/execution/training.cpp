#include <ampacity/core/error.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/execution/training.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ampacity::execution {

duration work_of(const training_terms& t) {
    if (!t.ends.empty()) return t.ends.back();
    int128 ns = int128{ticks(t.step)} * static_cast<int128>(t.steps);
    if (t.evaluation_every != 0) ns += int128{ticks(t.evaluation)} * static_cast<int128>(t.steps / t.evaluation_every);
    return ns < ticks(duration::max()) ? duration{static_cast<std::int64_t>(ns)} : duration::max();
}

void take_steps(training_terms& t, post_training_result r) {
    AMPACITY_ASSERT(!r.steps.empty() && r.total > duration::zero());
    duration end{};
    for (const duration d : r.steps) t.ends.push_back(end += d);
    t.steps = r.steps.size();
    t.step = std::max(duration{1}, r.total / static_cast<std::int64_t>(t.steps));
    t.post = std::move(r);
}

training_progress progress_of(const training_terms& t, duration work) {
    AMPACITY_ASSERT(t.step > duration::zero() && work >= duration::zero());
    const std::int64_t step = ticks(t.step);
    if (!t.ends.empty())
        return {
            .steps = static_cast<std::uint64_t>(std::upper_bound(t.ends.begin(), t.ends.end(), work) - t.ends.begin()),
            .training = work,
            .evaluating = {}};
    if (t.evaluation_every == 0)
        return {.steps = static_cast<std::uint64_t>(ticks(work) / step), .training = work, .evaluating = {}};
    const int128 training = int128{step} * static_cast<int128>(t.evaluation_every);
    const int128 cycle = training + ticks(t.evaluation);
    const int128 cycles = ticks(work) / cycle;
    const int128 rest = std::min(ticks(work) - cycles * cycle, training);
    const duration in_steps{static_cast<std::int64_t>(cycles * training + rest)};
    return {.steps = static_cast<std::uint64_t>(cycles) * t.evaluation_every + static_cast<std::uint64_t>(rest / step),
            .training = in_steps,
            .evaluating = work - in_steps};
}

std::uint32_t share_of(const std::vector<std::uint32_t>& gpus_of_domains, std::uint32_t whole) {
    if (gpus_of_domains.size() < 2) return whole;
    std::uint32_t least = gpus_of_domains[0], second = gpus_of_domains[1];
    if (second < least) std::swap(least, second);
    for (std::size_t i = 2; i != gpus_of_domains.size(); ++i) {
        const std::uint32_t g = gpus_of_domains[i];
        if (g < least) {
            second = least;
            least = g;
        } else {
            second = std::min(second, g);
        }
    }
    return second;
}

double young_interval_s(double pause_s, double mtbf_s) { return std::sqrt(2 * pause_s * mtbf_s); }

double daly_interval_s(double pause_s, double mtbf_s) {
    if (pause_s >= 2 * mtbf_s) return mtbf_s;
    const double ratio = pause_s / mtbf_s;
    return young_interval_s(pause_s, mtbf_s) * (1 + std::sqrt(ratio / 2) / 3 + ratio / 18) - pause_s;
}

}  // namespace ampacity::execution
