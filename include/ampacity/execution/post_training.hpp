#pragma once
/// \file
/// Steps of reinforcement learning: rollouts of long-tailed length, then training on them, then new weights to those
/// who roll out.
///
/// In each step the rollouts wait in one queue for the slots of all replicas, first come first served. Colocated, the
/// same GPUs do all three one after the other. Split, they overlap as far as staleness lets them: rollouts of step i
/// begin once the weights of step i - 1 - staleness are there. Staleness 0 is synchronous: a step lasts as long as its
/// rollouts, training and new weights together. A pure function, O(rollouts log slots) for each step.

#include <ampacity/core/time.hpp>

#include <cstdint>
#include <vector>

namespace ampacity::execution {

/// What a step consists of.
struct post_training_terms {
    std::uint64_t steps = 0;
    std::uint64_t rollouts = 0;     ///< of a step; >= 1
    std::uint64_t slots = 0;        ///< rollouts that go on at a time, of all replicas; >= 1
    double median_tokens = 0;       ///< of a rollout, lognormal; > 0
    double sigma = 0;               ///< of the logarithm; 0: all are equal
    std::uint64_t most_tokens = 0;  ///< longer ones are cut there; >= 1
    duration per_token{};           ///< of a rollout [ns]
    duration train{};
    duration sync{};              ///< new weights to the replicas
    bool split = false;           ///< GPUs of rollouts and of training are different ones
    std::uint64_t staleness = 0;  ///< steps that rollouts may be ahead; 0 unless split
};

/// What became of the steps. Times are sums over steps, but for `steps`.
struct post_training_result {
    std::vector<duration> steps{};  ///< from the weights of the step before to those of this one
    duration total{};
    duration rollout{};  ///< of the rollouts of each step, from the first to the last
    duration train{};
    duration sync{};
    duration longest_bubble{};  ///< slots that wait for the longest rollouts of their step, mean over slots
    duration rollouts_wait{};   ///< replicas wait for weights
    duration trainer_waits{};   ///< training waits for rollouts
    std::uint64_t tokens = 0;   ///< of all rollouts

    friend bool operator==(const post_training_result&, const post_training_result&) = default;
};

/// Draws come from the stream (seed, sizes, entity), rollout by rollout.
[[nodiscard]] post_training_result run_post_training(const post_training_terms& t, std::uint64_t seed,
                                                     std::uint64_t entity);

}  // namespace ampacity::execution
