// The closed forms against a walk through the parts of a run, one nanosecond after the other.
#include "support/catch.hpp"

#include <ampacity/core/run_costs.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
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
            if (i != work || c.pause == ns(0)) {
                at.back().kept = at.back().worked;
                at.back().saved = true;
            }
        }
    }
    run_time& next() { return at.emplace_back(run_time{at.back()}); }
};

/// A run as a machine that does one thing in each nanosecond, over stretches of different speeds.
class machine {
public:
    explicit machine(const run_costs& c) : c_(c) {}

    struct stretch {
        double speed = 1;
        std::int64_t worked = 0, kept = 0;  ///< [ns]
        std::int64_t checkpoint = 0, restart = 0, stalled = 0;
        bool saved = false;
        bool hangs = false;
    };

    void begin_stretch(double speed, bool hangs) { stretches_.push_back({.speed = speed, .hangs = hangs}); }
    /// One nanosecond of a run that does not end in it.
    void step() {
        stretch& now = stretches_.back();
        if (now.hangs) {
            ++now.stalled;
        } else if (reloaded_ != ticks(c_.reload)) {
            ++reloaded_;
            ++now.checkpoint;
        } else if (restarted_ != ticks(c_.restart)) {
            ++restarted_;
            ++now.restart;
        } else if (in_pause()) {
            ++paused_;
            ++now.checkpoint;
            if (paused_ == ticks(c_.pause)) save();
        } else {
            ++now.worked;
            ++since_pause_;
            if (since_pause_ == ticks(c_.interval) && c_.pause == ns(0)) save();
        }
    }
    /// How long it takes until it has worked so long and ends.
    [[nodiscard]] std::int64_t until_worked(std::int64_t work) const {
        machine m = *this;
        std::int64_t time = 0;
        for (std::int64_t worked = 0; worked != work; ++time) {
            const std::int64_t before = m.stretches_.back().worked;
            m.step();
            worked += m.stretches_.back().worked - before;
        }
        return time;
    }
    /// How much longer until all is kept; nothing if it never is.
    [[nodiscard]] std::optional<std::int64_t> until_kept() const {
        machine m = *this;
        std::int64_t time = 0;
        for (; m.not_kept() != 0; ++time) {
            if (m.now().hangs) return std::nullopt;
            m.step();
        }
        return time;
    }
    [[nodiscard]] const stretch& now() const { return stretches_.back(); }
    /// Work of all stretches that is kept, or all of it; and time that is not kept.
    [[nodiscard]] duration work(bool only_kept) const {
        duration sum{};
        for (const stretch& s : stretches_) sum += work_in(ns(only_kept ? s.kept : s.worked), s.speed);
        return sum;
    }
    [[nodiscard]] std::int64_t not_kept() const {
        std::int64_t sum = 0;
        for (const stretch& s : stretches_) sum += s.worked - s.kept;
        return sum;
    }

private:
    [[nodiscard]] bool in_pause() const { return c_.interval != duration::max() && since_pause_ == ticks(c_.interval); }
    void save() {
        for (stretch& s : stretches_) s.kept = s.worked;
        stretches_.back().saved = true;
        since_pause_ = paused_ = 0;
    }

    run_costs c_;
    std::int64_t reloaded_ = 0, restarted_ = 0, since_pause_ = 0, paused_ = 0;
    std::vector<stretch> stretches_{};
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

TEST_CASE("a run goes on over changes of its speed as a machine does that knows no stretches", "[run_costs]") {
    std::mt19937_64 random{2};
    const auto upto = [&](std::int64_t n) {
        return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n + 1));
    };
    constexpr double speeds[] = {1.0, 0.5, 0.3, 0.75, 2.0, 1.0 / 3, 0.05};
    for (int trial = 0; trial != 3000; ++trial) {
        run_costs costs{.reload = ns(upto(3)), .restart = ns(upto(5))};
        if (upto(3) != 0) costs.interval = ns(1 + upto(8));
        if (costs.interval != duration::max()) costs.pause = ns(upto(4));
        machine m{costs};
        duration progress{};  // as a policy sees it
        for (std::int64_t stretches = 1 + upto(5); stretches != 0; --stretches) {
            const double speed = speeds[static_cast<std::size_t>(upto(6))];
            costs.hangs = upto(4) == 0;
            m.begin_stretch(speed, costs.hangs);
            const std::int64_t work = 1 + upto(20);
            CAPTURE(trial, stretches, ticks(costs.reload), ticks(costs.restart), ticks(costs.interval),
                    ticks(costs.pause), ticks(costs.pause_left), ticks(costs.since_pause), work);
            if (costs.hangs)
                REQUIRE(costs.length(ns(work)) == duration::max());
            else
                REQUIRE(ticks(costs.length(ns(work))) == m.until_worked(work));
            const std::int64_t lasts = upto(20);
            for (std::int64_t t = 0;; ++t) {
                const run_time spent = costs.spend(ns(t));
                REQUIRE(spent ==
                        run_time{.worked = ns(m.now().worked),
                                 .checkpoint = ns(m.now().checkpoint),
                                 .restart = ns(m.now().restart),
                                 .stalled = ns(m.now().stalled),
                                 .kept = costs.interval == duration::max() ? ns(m.now().worked) : ns(m.now().kept),
                                 .saved = m.now().saved});
                REQUIRE(progress + work_in(spent.worked, speed) == m.work(false));
                const auto failed = costs.stopped(ns(t), speed, true);
                REQUIRE(ticks(failed.lost) == m.not_kept());
                REQUIRE(progress + failed.gained == m.work(true));
                const auto preempted = costs.stopped(ns(t), speed, false);
                REQUIRE(costs.lost_after(ns(t)) == preempted.lost);
                if (costs.interval != duration::max()) {
                    const auto left = m.until_kept();
                    REQUIRE(costs.saved_from(ns(t)) == (left ? ns(t + *left) : duration::max()));
                    REQUIRE(preempted.lost == failed.lost);
                    REQUIRE(preempted.gained == failed.gained);
                } else {
                    REQUIRE(costs.saved_from(ns(t)) == ns(t));
                    REQUIRE(preempted.lost == ns(0));
                    REQUIRE(progress + preempted.gained == m.work(false));
                }
                if (t == lasts) break;
                m.step();
            }
            progress = m.work(false);
            costs = costs.rest(ns(lasts), speed);
            REQUIRE(progress - costs.unkept == m.work(true));
            REQUIRE(ticks(costs.since_pause) == m.not_kept());
        }
    }
}

TEST_CASE("a change of speed in a pause leaves the rest of it", "[run_costs]") {
    constexpr run_costs costs{.restart = ns(10), .interval = ns(100), .pause = ns(20)};
    const run_costs working = costs.rest(ns(50), 0.5);  // 40 worked, of 100
    CHECK(working.restart == ns(0));
    CHECK(working.since_pause == ns(40));
    CHECK(working.unkept == ns(20));
    CHECK(working.length(ns(60)) == ns(60));  // no pause at its end
    CHECK(working.length(ns(61)) == ns(81));
    const run_costs pausing = working.rest(ns(65), 0.25);  // 60 more, then 5 of the pause
    CHECK(pausing.pause_left == ns(15));
    CHECK(pausing.since_pause == ns(100));
    CHECK(pausing.unkept == ns(20 + 15));
    CHECK(pausing.length(ns(100)) == ns(115));
    CHECK(pausing.length(ns(101)) == ns(136));
    CHECK(pausing.stopped(ns(14), 1.0, false).gained == ns(-35));
    CHECK(pausing.stopped(ns(14), 1.0, false).lost == ns(100));
    CHECK(pausing.stopped(ns(18), 1.0, true).gained == ns(0));
    CHECK(pausing.stopped(ns(18), 1.0, true).lost == ns(3));
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
    static_assert(periodic.of(false).spend(ns(7)).saved);
    CHECK_FALSE(preemption_options{.restart = ns(1)}.free());
    CHECK_FALSE(preemption_options{.checkpoint_interval = ns(1)}.free());
}

TEST_CASE("the next complete checkpoint of a run, by hand", "[run_costs]") {
    // Restart over [0, 5), work to 25, a pause to 27, work to 47, a pause to 49.
    constexpr run_costs c{.restart = ns(5), .interval = ns(20), .pause = ns(2)};
    static_assert(c.saved_from(ns(0)) == ns(0));
    static_assert(c.saved_from(ns(5)) == ns(5));
    static_assert(c.saved_from(ns(6)) == ns(27));
    static_assert(c.saved_from(ns(27)) == ns(27));
    static_assert(c.saved_from(ns(28)) == ns(49));
    static_assert(c.saved_from(ns(48)) == ns(49));
    // Beyond the range there is none.
    constexpr run_costs late{.interval = duration::max() - ns(2), .pause = ns(1)};
    static_assert(late.saved_from(ns(1)) == duration::max() - ns(1));
    static_assert(late.saved_from(duration::max() - ns(0)) == duration::max());
}
