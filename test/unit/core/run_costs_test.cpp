// The closed forms against a walk through the parts of a run, one nanosecond after the other.
#include "support/catch.hpp"

#include <ampacity/core/run_costs.hpp>

#include <random>
#include <vector>

using namespace ampacity;

namespace {

constexpr duration ns(std::int64_t n) { return duration{n}; }

/// A run of so much work, all of it.
struct walk {
    std::vector<run_time> at{run_time{}};  ///< after so many ns

    walk(const run_costs& c, std::int64_t work) {
        for (std::int64_t i = 0; i != ticks(c.reload); ++i) next().checkpoint += ns(1);
        for (std::int64_t i = 0; i != ticks(c.restart); ++i) next().restart += ns(1);
        for (std::int64_t i = 1; i <= work; ++i) {
            run_time& now = next();
            now.worked += ns(1);
            if (c.interval == duration::max()) {
                now.kept = now.worked;
                continue;
            }
            if (i % ticks(c.interval) != 0) continue;
            if (i != work)
                for (std::int64_t k = 0; k != ticks(c.pause); ++k) next().checkpoint += ns(1);
            if (i != work || c.pause == ns(0)) at.back().kept = at.back().worked;
        }
    }
    run_time& next() { return at.emplace_back(run_time{at.back()}); }
};

}  // namespace

TEST_CASE("a run without costs is work, and all of it is kept", "[run_costs]") {
    constexpr run_costs none;
    static_assert(none.length(ns(17)) == ns(17));
    static_assert(none.spend(ns(17)) == run_time{.worked = ns(17), .kept = ns(17)});
    static_assert(none.length(duration::max()) == duration::max());
    CHECK(preemption_options{}.free());
}

TEST_CASE("the time of a run is what a walk through it gives", "[run_costs]") {
    std::mt19937_64 random{1};
    const auto upto = [&](std::int64_t n) {
        return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n + 1));
    };
    for (int trial = 0; trial != 3000; ++trial) {
        run_costs c{.reload = ns(upto(3)), .restart = ns(upto(5))};
        if (upto(3) != 0) c.interval = ns(1 + upto(8));
        if (c.interval != duration::max()) c.pause = ns(upto(4));
        const std::int64_t work = upto(40);
        const walk expected{c, work};
        REQUIRE(ticks(c.length(ns(work))) == static_cast<std::int64_t>(expected.at.size()) - 1);
        for (std::size_t t = 0; t != expected.at.size(); ++t) {
            CAPTURE(t, ticks(c.reload), ticks(c.restart), ticks(c.interval), ticks(c.pause), work);
            const run_time spent = c.spend(ns(static_cast<std::int64_t>(t)));
            REQUIRE(spent == expected.at[t]);
            REQUIRE(spent.worked + spent.checkpoint + spent.restart == ns(static_cast<std::int64_t>(t)));
        }
    }
}

TEST_CASE("runs beyond the range of time last for ever", "[run_costs]") {
    constexpr run_costs busy{.interval = ns(1), .pause = ns(1)};
    static_assert(busy.length(ns(std::int64_t{1} << 62)) == duration::max());
    static_assert(busy.length(ns(1000)) == ns(1999));
    static_assert(run_costs{.restart = ns(5)}.length(duration::max()) == duration::max());
}

TEST_CASE("only a run after a preemption restarts, and without an interval it pays for the checkpoint", "[run_costs]") {
    constexpr preemption_costs plain{preemption_options{.checkpoint = ns(2), .restart = ns(7)}};
    static_assert(plain.of(false).length(ns(10)) == ns(10));
    static_assert(plain.of(true).length(ns(10)) == ns(19));
    static_assert(plain.of(true).spend(ns(4)) == run_time{.checkpoint = ns(2), .restart = ns(2)});
    constexpr preemption_costs periodic{
        preemption_options{.checkpoint_interval = ns(5), .checkpoint = ns(2), .restart = ns(7)}};
    static_assert(periodic.of(false).length(ns(10)) == ns(12));
    static_assert(periodic.of(true).length(ns(10)) == ns(19));
    static_assert(periodic.of(false).spend(ns(6)) == run_time{.worked = ns(5), .checkpoint = ns(1)});
    static_assert(periodic.of(false).spend(ns(7)).kept == ns(5));
    CHECK_FALSE(preemption_options{.restart = ns(1)}.free());
    CHECK_FALSE(preemption_options{.checkpoint_interval = ns(1)}.free());
}
