// Steps of reinforcement learning against their closed form where they are synchronous, a naive timeline where they are
// not, and by hand.
#include "support/catch.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/execution/post_training.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

using namespace ampacity;
using namespace ampacity::execution;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

post_training_terms some_terms(random_stream& draw) {
    post_training_terms t{.steps = 1 + draw.below(30),
                          .rollouts = 1 + draw.below(40),
                          .slots = 1 + draw.below(50),
                          .median_tokens = 1 + static_cast<double>(draw.below(500)),
                          .sigma = draw.below(4) == 0 ? 0.0 : 1.2,
                          .most_tokens = 1 + draw.below(4000),
                          .per_token = milliseconds{1 + draw.below(30)},
                          .train = seconds{draw.below(60)},
                          .sync = seconds{draw.below(10)}};
    t.split = draw.below(2) == 0;
    if (t.split) t.staleness = draw.below(4);
    return t;
}

/// Times of the rollouts of all steps, as the header says that they are drawn.
std::vector<std::vector<duration>> drawn(const post_training_terms& t, std::uint64_t seed, std::uint64_t entity) {
    random_stream draw{seed, purpose::sizes, entity};
    std::vector<std::vector<duration>> out(t.steps);
    for (auto& step : out) {
        for (std::uint64_t i = 0; i != t.rollouts; ++i) {
            double tokens = t.median_tokens;
            if (t.sigma != 0) tokens = lognormal_distribution{t.median_tokens, t.sigma}(draw);
            tokens = std::min(std::max(1.0, std::round(tokens)), static_cast<double>(t.most_tokens));
            step.push_back(static_cast<std::int64_t>(tokens) * t.per_token);
        }
    }
    return out;
}

/// The next rollout goes to the slot that is free first.
duration makespan(const std::vector<duration>& rollouts, std::uint64_t slots) {
    std::vector<duration> free(slots, duration::zero());
    for (const duration d : rollouts) *std::min_element(free.begin(), free.end()) += d;
    return *std::max_element(free.begin(), free.end());
}

}  // namespace

TEST_CASE("a synchronous step is the longest of its rollouts, then training, then new weights") {
    random_stream draw{1, purpose::test, 0};
    for (int n = 0; n != 200; ++n) {
        post_training_terms t = some_terms(draw);
        t.staleness = 0;
        t.slots = t.rollouts;
        const post_training_result r = run_post_training(t, 7, static_cast<std::uint64_t>(n));
        const auto rollouts = drawn(t, 7, static_cast<std::uint64_t>(n));
        REQUIRE(r.steps.size() == t.steps);
        duration total{};
        for (std::size_t i = 0; i != t.steps; ++i) {
            const duration longest = *std::max_element(rollouts[i].begin(), rollouts[i].end());
            REQUIRE(r.steps[i] == longest + t.train + t.sync);
            total += r.steps[i];
        }
        REQUIRE(r.total == total);
        REQUIRE(r.rollout + r.train + r.sync == total);
    }
}

TEST_CASE("steps that overlap are as an event by event timeline has them") {
    random_stream draw{2, purpose::test, 0};
    for (int n = 0; n != 300; ++n) {
        const post_training_terms t = some_terms(draw);
        const post_training_result r = run_post_training(t, 9, static_cast<std::uint64_t>(n));
        const auto rollouts = drawn(t, 9, static_cast<std::uint64_t>(n));
        // Both sides take their next piece of work as soon as what it needs is there; whoever comes first goes on.
        std::vector<duration> rolled(t.steps, duration::max()), there(t.steps, duration::max());
        duration replicas{}, trainer{};
        for (std::size_t a = 0, b = 0; b != t.steps;) {
            const std::size_t behind = a <= t.staleness ? ~std::size_t{0} : a - 1 - t.staleness;
            if (a != t.steps && (behind == ~std::size_t{0} || behind < b)) {
                if (behind != ~std::size_t{0}) replicas = std::max(replicas, there[behind]);
                replicas += makespan(rollouts[a], t.slots);
                rolled[a++] = replicas;
                continue;
            }
            REQUIRE(b < a);
            trainer = std::max(trainer, rolled[b]) + t.train + t.sync;
            there[b++] = trainer;
        }
        REQUIRE(r.total == there.back());
        duration before{};
        for (std::size_t i = 0; i != t.steps; ++i) {
            REQUIRE(r.steps[i] == there[i] - before);
            before = there[i];
        }
        REQUIRE(r.trainer_waits + r.train + r.sync == r.total);
        REQUIRE(r.longest_bubble >= duration::zero());
    }
}

TEST_CASE("more staleness is never slower, and hides all of the shorter side in the end") {
    post_training_terms t{.steps = 200,
                          .rollouts = 64,
                          .slots = 64,
                          .median_tokens = 1000,
                          .sigma = 1,
                          .most_tokens = 20'000,
                          .per_token = milliseconds{20},
                          .train = seconds{60},
                          .sync = seconds{3},
                          .split = true};
    duration before = duration::max();
    for (t.staleness = 0; t.staleness != 6; ++t.staleness) {
        const duration total = run_post_training(t, 1, 0).total;
        CHECK(total <= before);
        before = total;
    }
    const post_training_result r = run_post_training(t, 1, 0);
    CHECK(before < r.rollout + r.train + r.sync);
    CHECK(to_seconds(before) == Approx(to_seconds(std::max(r.rollout, r.train + r.sync))).epsilon(0.05));
}

TEST_CASE("equal rollouts leave no bubble, and fewer slots take turns") {
    post_training_terms t{.steps = 3,
                          .rollouts = 10,
                          .slots = 5,
                          .median_tokens = 100,
                          .most_tokens = 1000,
                          .per_token = milliseconds{10},
                          .train = seconds{4},
                          .sync = seconds{1}};
    const post_training_result r = run_post_training(t, 1, 0);
    CHECK(r.steps == std::vector<duration>(3, seconds{2 + 4 + 1}));
    CHECK(r.longest_bubble == duration::zero());
    CHECK(r.tokens == 3000);
}
