// Work and progress of training jobs against a walk over their steps; shares of domains; intervals of checkpoints
// against a search.
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/execution/training.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

using namespace ampacity;
using namespace ampacity::execution;

namespace {

/// Useful share of the time of a job that works `interval` and pauses `pause` in turn, loses what it has not kept at
/// each failure of an exponential process, and restarts at once.
double useful_share(double interval, double pause, double mtbf) {
    return interval / (mtbf * std::expm1((interval + pause) / mtbf));
}

}  // namespace

TEST_CASE("work of a training job is a walk over its steps and evaluations") {
    random_stream draw{3, purpose::test, 0};
    for (int n = 0; n != 300; ++n) {
        training_terms t{.steps = draw.below(40), .step = duration{1 + static_cast<std::int64_t>(draw.below(7))}};
        if (draw.below(2) == 0) {
            t.evaluation_every = 1 + draw.below(6);
            t.evaluation = duration{static_cast<std::int64_t>(draw.below(9))};
        }
        std::vector<training_progress> at{{}};  // after so much work
        for (std::uint64_t s = 1; s <= t.steps; ++s) {
            for (std::int64_t k = 0; k != ticks(t.step); ++k) {
                at.push_back(at.back());
                at.back().training += duration{1};
            }
            ++at.back().steps;
            if (t.evaluation_every == 0 || s % t.evaluation_every != 0) continue;
            for (std::int64_t k = 0; k != ticks(t.evaluation); ++k) {
                at.push_back(at.back());
                at.back().evaluating += duration{1};
            }
        }
        REQUIRE(work_of(t) == duration{static_cast<std::int64_t>(at.size()) - 1});
        for (std::size_t w = 0; w != at.size(); ++w) {
            const training_progress p = progress_of(t, duration{static_cast<std::int64_t>(w)});
            REQUIRE(p.steps == at[w].steps);
            REQUIRE(p.training == at[w].training);
            REQUIRE(p.evaluating == at[w].evaluating);
        }
    }
}

TEST_CASE("the share of a domain leaves one remainder out") {
    CHECK(share_of({}, 72) == 72);
    CHECK(share_of({5}, 72) == 72);
    CHECK(share_of({5, 3}, 8) == 5);
    CHECK(share_of({72, 28}, 72) == 72);
    random_stream draw{4, purpose::test, 0};
    for (int n = 0; n != 500; ++n) {
        std::vector<std::uint32_t> shares;
        for (std::uint64_t i = 2 + draw.below(6); i != 0; --i)
            shares.push_back(1 + static_cast<std::uint32_t>(draw.below(72)));
        std::vector<std::uint32_t> sorted = shares;
        std::sort(sorted.begin(), sorted.end());
        REQUIRE(share_of(shares, 72) == sorted[1]);
    }
}

TEST_CASE("Daly's interval is the best one within a thousandth, Young's within a hundredth") {
    for (const double mtbf : {900.0, 3600.0, 11124.0}) {
        for (const double pause : {1.0, 10.0, 60.0}) {
            double best = 0;
            for (double tau = 1; tau < 3 * mtbf; tau *= 1.001) best = std::max(best, useful_share(tau, pause, mtbf));
            CAPTURE(mtbf, pause);
            CHECK(useful_share(daly_interval_s(pause, mtbf), pause, mtbf) > 0.999 * best);
            CHECK(useful_share(young_interval_s(pause, mtbf), pause, mtbf) > 0.99 * best);
        }
    }
    CHECK(young_interval_s(50, 3600) == Approx(600));
    CHECK(daly_interval_s(50, 3600) == Approx(600 * (1 + 1.0 / 36 + 50.0 / 64800) - 50));
    CHECK(daly_interval_s(300, 100) == 100);
}
