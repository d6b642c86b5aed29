#include "support/catch.hpp"
#include "sweep_folder.hpp"
#include "thread_ranks.hpp"

#include <ampacity/experiment/ranks.hpp>
#include <ampacity/experiment/run_sweep.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::experiment;
using test::content_of;
using test::sweep_folder;
using test::thread_ranks;

namespace {

const std::string small_sweep = R"(axes:
  scheduler.policy: [fifo, easy]
  workload.0.synthetic.rate: ["20 /h", "40 /h", "60 /h"]
replications: 10
)";

/// The other ranks, each on a thread of its own, which ends when it is sent home.
class followers {
public:
    followers(const sweep& s, std::vector<std::unique_ptr<thread_ranks>>& all, service_options options) {
        for (std::size_t r = 1; r != all.size(); ++r) {
            threads_.emplace_back([&s, &here = *all[r], options] {
                trial_runner runner(s);
                auto mine = options;
                if (mine.fingerprint.empty()) mine.fingerprint = fingerprint_of(provenance_of(s, runner.check(1)));
                serve_trials(here, runner, mine);
            });
        }
    }

private:
    std::vector<std::jthread> threads_;
};

std::string alone(const sweep_folder& here, const sweep& s) {
    trial_runner runner(s);
    auto store = result_store::create(here.path("alone.db"), provenance_of(s, runner.check(1)));
    CHECK_FALSE(run_sweep(s, runner, store, {.threads = 1}).interrupted);
    return content_of(store);
}

/// Rank 0 with others, into a store of this name.
sweep_outcome lead(const sweep_folder& here, const std::string& name, const sweep& s,
                   std::vector<std::unique_ptr<thread_ranks>>& all,
                   std::function<bool(const sweep_state&)> watch = {}) {
    const rank_dismissal dismissal(*all[0]);
    trial_runner runner(s);
    const auto about = provenance_of(s, runner.check(1));
    auto store = result_store::resume(here.path(name), about);
    return run_sweep(
        s, runner, store,
        {.threads = 2, .others = all[0].get(), .fingerprint = fingerprint_of(about), .watch = std::move(watch)});
}

void wait_for_messages(const thread_ranks& here, std::size_t count) {
    while (here.waiting() < count) std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

std::string stored(const sweep_folder& here, const std::string& name) {
    return content_of(result_store::open(here.path(name)));
}

}  // namespace

TEST_CASE("ranks: the store does not depend on how many there are") {
    const sweep_folder here;
    const auto s = here.sweep(small_sweep);
    const std::string expected = alone(here, s);
    for (const int count : {1, 2, 4, 9}) {
        auto all = thread_ranks::make(count);
        const followers others(s, all, {.threads = static_cast<unsigned>(count) / 2 + 1});
        const std::string name = std::to_string(count) + ".db";
        const auto outcome = lead(here, name, s, all);
        CHECK(outcome.state.ended == 60);
        CHECK(outcome.state.ended_here == 60);
        CHECK(outcome.absences.empty());
        CHECK(stored(here, name) == expected);
    }
}

TEST_CASE("ranks: a rule stops at the same number of replications") {
    const sweep_folder here;
    const auto s =
        here.sweep("axes: { scheduler.policy: [fifo, easy] }\nreplications: 60\nuntil: ci(utilisation) < 6 %\n");
    const std::string expected = alone(here, s);
    auto all = thread_ranks::make(3);
    const followers others(s, all, {});
    CHECK(lead(here, "r.db", s, all).replications < 60);
    CHECK(stored(here, "r.db") == expected);
}

TEST_CASE("ranks: interrupted again and again they end with the same store") {
    const sweep_folder here;
    const auto s = here.sweep(small_sweep);
    const std::string expected = alone(here, s);
    int calls = 0;
    for (bool done = false; !done; ++calls) {
        auto all = thread_ranks::make(3);
        const followers others(s, all, {});
        const auto outcome = lead(here, "i.db", s, all, [](const sweep_state& state) { return state.ended_here < 4; });
        done = !outcome.interrupted;
        CHECK(done == (outcome.state.ended == outcome.state.trials));
    }
    CHECK(calls > 1);
    CHECK(stored(here, "i.db") == expected);
}

TEST_CASE("ranks: any of them may end the sweep of all") {
    const sweep_folder here;
    const auto s = here.sweep(small_sweep + "metrics: [utilisation]\n");
    auto all = thread_ranks::make(3);
    const followers others(s, all, {.interrupted = [] { return true; }});
    wait_for_messages(*all[0], 4);
    const auto outcome = lead(here, "i.db", s, all);
    CHECK(outcome.interrupted);
    CHECK(outcome.state.ended < 60);
}

TEST_CASE("ranks: those that have read something else get nothing") {
    const sweep_folder here;
    const auto s = here.sweep(small_sweep);
    const std::string expected = alone(here, s);
    auto all = thread_ranks::make(3);
    std::vector<std::jthread> others;
    others.emplace_back([&] {
        const trial_runner runner(s);
        serve_trials(*all[1], runner, {.fingerprint = "of something else"});
    });
    others.emplace_back([&] { decline_trials(*all[2], "s.yaml:1:1: error: cannot be read; check the path"); });
    wait_for_messages(*all[0], 2);
    const auto outcome = lead(here, "o.db", s, all);
    CHECK_FALSE(outcome.interrupted);
    REQUIRE(outcome.absences.size() == 2);
    CHECK(outcome.absences[0] == "rank 1 takes no part: its sweep, inputs or version differ from those of rank 0");
    CHECK(outcome.absences[1] == "rank 2 takes no part: s.yaml:1:1: error: cannot be read; check the path");
    CHECK(stored(here, "o.db") == expected);
}

TEST_CASE("ranks: they go home when rank 0 fails") {
    const sweep_folder here;
    const auto s = here.sweep(small_sweep);
    auto all = thread_ranks::make(3);
    {
        const followers others(s, all, {});
        CHECK_THROWS_AS(lead(here, "f.db", s, all,
                             [](const sweep_state& state) -> bool {
                                 if (state.ended_here > 3) throw std::runtime_error("no space left");
                                 return true;
                             }),
                        std::runtime_error);
    }  // waits for them
    CHECK(result_store::open(here.path("f.db")).done().size() >= 3);
}

TEST_CASE("ranks: trials that fail on any of them are recorded") {
    const sweep_folder here;
    const auto s = here.of_traces("good.csv, bad.csv", 8);
    const std::string expected = alone(here, s);
    auto all = thread_ranks::make(4);
    const followers others(s, all, {});
    const auto outcome = lead(here, "f.db", s, all);
    CHECK(outcome.state.failed == 8);
    CHECK(outcome.first_error.find("bad.csv:3:7: error: duration_s: ") != std::string::npos);
    CHECK(stored(here, "f.db") == expected);
}
