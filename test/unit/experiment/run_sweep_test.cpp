#include "support/catch.hpp"
#include "sweep_folder.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/experiment/run_sweep.hpp>
#include <ampacity/io/prepare.hpp>
#include <ampacity/io/run_files.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::experiment;
using test::content_of;
using test::sweep_folder;

namespace {

const std::string small_sweep = R"(axes:
  scheduler.policy: [fifo, easy]
  workload.0.synthetic.rate: ["20 /h", "40 /h", "60 /h"]
replications: 6
)";

/// Runs the sweep into a new store of this name.
std::pair<sweep_outcome, std::string> run_into(const sweep_folder& here, const std::string& name, const sweep& s,
                                               const sweep_options& options) {
    trial_runner runner(s);
    auto store = result_store::create(here.path(name), provenance_of(s, runner.check(2)));
    auto outcome = run_sweep(s, runner, store, options);
    return {std::move(outcome), content_of(store)};
}

}  // namespace

TEST_CASE("run_sweep: a trial has the numbers of a run of its scenario") {
    const sweep_folder here;
    const auto s = here.sweep(small_sweep);
    trial_runner runner(s);
    CHECK(runner.check(1).empty());
    const std::atomic<bool> stop{false};
    const auto got = runner.run({4, 3}, stop);
    CHECK(got.status == trial_status::done);
    CHECK(got.seed == seed_of(7, 3));
    const auto loaded = s.load(4, seed_of(7, 3));
    sim::simulation run(io::prepare(loaded).parts);
    run.run();
    CHECK(got.metrics == io::summary_numbers(loaded.value, run.results(), {}));
    CHECK(loaded.value.scheduler.policy == "easy");
    // Each histogram holds every finished job, and its bins lie around the summary's values.
    REQUIRE(got.histograms.size() == 3);
    for (const auto& h : got.histograms) {
        std::uint64_t count = 0;
        for (const auto& bin : h.bins) count += bin.count;
        CHECK(count == 60);
    }
    CHECK(got.histograms[0].name == "jct_s");
    const double largest = run.results().jct_s->max;
    CHECK(got.histograms[0].bins.back().up_to > largest);
    CHECK(got.histograms[0].bins.back().up_to <= 1.25 * largest);
    CHECK(runner.time_of({0, 0}, 10).value() > 0);
}

TEST_CASE("run_sweep: results depend on neither threads nor parts nor interruptions") {
    const sweep_folder here;
    const auto s = here.sweep(small_sweep);
    const auto [outcome, expected] = run_into(here, "one.db", s, {.threads = 1});
    CHECK(outcome.state.trials == 36);
    CHECK(outcome.state.ended == 36);
    CHECK(outcome.replications == 6);
    CHECK_FALSE(outcome.interrupted);
    CHECK(run_into(here, "four.db", s, {.threads = 4}).second == expected);

    trial_runner runner(s);
    const auto about = provenance_of(s, runner.check(1));
    {
        {
            auto store = result_store::resume(here.path("parts.db"), about);
            CHECK(run_sweep(s, runner, store, {.threads = 2, .part = {2, 3}}).state.ended == 12);
        }
        for (bool done = false; !done;) {
            auto store = result_store::resume(here.path("parts.db"), about);
            const auto few = [](const sweep_state& state) { return state.ended_here < 5; };
            const auto part = run_sweep(s, runner, store, {.threads = 2, .watch = few});
            CHECK(part.state.ended_here + 12 <= 36);
            CHECK(part.interrupted == (part.state.ended != part.state.trials));
            done = !part.interrupted;
        }
        CHECK(content_of(result_store::open(here.path("parts.db"))) == expected);
    }
    {
        auto merged = result_store::create(here.path("merged.db"), about);
        for (std::uint64_t k = 1; k <= 5; ++k) {
            const std::string name = "shard" + std::to_string(k) + ".db";
            run_into(here, name, s, {.threads = 2, .part = {k, 5}});
            merged.merge(result_store::open(here.path(name)));
        }
        merged.merge(result_store::open(here.path("one.db")));  // the same again is no fault
        CHECK(content_of(merged) == expected);
    }
}

TEST_CASE("run_sweep: more replications are added to a store") {
    const sweep_folder here;
    const std::string axes = "axes: { scheduler.policy: [fifo, easy] }\n";
    run_into(here, "a.db", here.sweep(axes + "replications: 3\n"), {.threads = 1});
    const auto more = here.sweep(axes + "replications: 5\n");
    trial_runner runner(more);
    auto store = result_store::resume(here.path("a.db"), provenance_of(more, runner.check(1)));
    CHECK(run_sweep(more, runner, store, {.threads = 1}).state.ended_here == 4);
    CHECK(content_of(store) == run_into(here, "b.db", more, {.threads = 1}).second);
}

TEST_CASE("run_sweep: every trial is in one part") {
    const sweep_folder here;
    const auto s = here.sweep(small_sweep);
    const auto all = trials_of(s, 6);
    CHECK(all.size() == 36);
    CHECK(all[0] == trial{0, 0});
    CHECK(all[6] == trial{0, 1});
    std::multiset<trial> parts;
    for (std::uint64_t k = 1; k <= 7; ++k) {
        for (const auto& t : trials_of(s, 6, {k, 7})) parts.insert(t);
    }
    CHECK(std::equal(parts.begin(), parts.end(), std::multiset<trial>(all.begin(), all.end()).begin()));
}

TEST_CASE("run_sweep: failed trials are recorded and the sweep goes on and they run again on demand") {
    const sweep_folder here;
    const auto s = here.of_traces("good.csv, bad.csv, none.csv", 2);
    const auto [outcome, content] = run_into(here, "f.db", s, {.threads = 2});
    CHECK(outcome.state.ended == 6);
    CHECK(outcome.state.failed == 4);
    INFO(outcome.first_error);
    CHECK(outcome.first_error.find("bad.csv:3:7: error: duration_s: not a number, at byte 46 (x)") !=
          std::string::npos);
    {
        const auto store = result_store::open(here.path("f.db"));
        CHECK(store.done().size() == 2);
        const auto trials = store.trials();
        CHECK(trials[4].error.find("none.csv:1:1: error: ") != std::string::npos);
        CHECK(store.metrics(trials[2].id).empty());
        CHECK(store.parameters(trials[2].id).at("workload.0.trace.path") == "bad.csv");
        const auto inputs = store.about().inputs;
        REQUIRE(inputs.size() == 3);
        CHECK(inputs[2].digest == "unreadable");
    }
    trial_runner runner(s);
    auto again = result_store::resume(here.path("f.db"), provenance_of(s, runner.check(1)));
    CHECK(run_sweep(s, runner, again, {.threads = 1}).state.ended_here == 4);
    CHECK(content_of(again) == content);
}

TEST_CASE("run_sweep: metrics that are asked for and no others") {
    const sweep_folder here;
    const auto s = here.sweep("metrics: [utilisation, wait_s.mean]\n");
    run_into(here, "m.db", s, {.threads = 1});
    const auto store = result_store::open(here.path("m.db"));
    CHECK(store.metric_names() == std::vector<std::string>{"utilisation", "wait_s.mean"});
    CHECK(store.fewest_samples("wait_s") == 60U);
    CHECK_FALSE(store.fewest_samples("jct_s"));
}

TEST_CASE("run_sweep: a rule stops all variants at one number of replications") {
    const sweep_folder here;
    const std::string axes = "axes: { scheduler.policy: [fifo, easy] }\nreplications: 60\n";
    const auto s = here.sweep(axes + "until: ci(utilisation) < 6 %\n");
    const auto [outcome, content] = run_into(here, "u.db", s, {.threads = 3});
    CHECK(outcome.replications >= 10);
    CHECK(outcome.replications < 60);
    CHECK(outcome.state.ended == 2 * outcome.replications);
    // The rule holds there for both, and not at the look before for one at least.
    const auto all = result_store::open(here.path("u.db")).values("utilisation");
    CHECK(all.size() == 2);
    std::uint32_t before = 0;
    for (std::uint32_t n = 0; n < outcome.replications; n = stopping_rule::next_look(n)) before = n;
    int met_before = 0;
    for (const auto& [key, of] : all) {
        std::vector<double> values;
        for (const auto& [replication, x] : of) values.push_back(x);
        CHECK(values.size() == outcome.replications);
        CHECK(s.until->met_by(values));
        values.resize(before);
        met_before += s.until->met_by(values) ? 1 : 0;
    }
    CHECK(met_before < 2);
    CHECK(run_into(here, "v.db", s, {.threads = 1}).second == content);
    CHECK(run_into(here, "w.db", here.sweep(axes + "until: ci(utilisation) < 0.01 %\n"), {}).first.replications == 60);
    trial_runner runner(s);
    auto store = result_store::create(here.path("x.db"), provenance_of(s, {}));
    CHECK_THROWS_AS(run_sweep(s, runner, store, {.threads = 1, .part = {1, 2}}), scenario_error);
}

TEST_CASE("for_each_index: each once and the exception of the smallest") {
    std::vector<std::atomic<int>> calls(1000);
    for_each_index(4, calls.size(), [&](std::size_t i) { ++calls[i]; });
    CHECK(std::all_of(calls.begin(), calls.end(), [](const auto& n) { return n == 1; }));
    for (int k = 0; k != 20; ++k) {
        try {
            for_each_index(4, 100, [](std::size_t i) {
                if (i % 10 == 3) throw std::runtime_error(std::to_string(i));
            });
            FAIL("no exception");
        } catch (const std::runtime_error& e) {
            CHECK(std::string{e.what()} == "3");
        }
    }
}

TEST_CASE("run_sweep: metrics without the warm-up of each run") {
    const sweep_folder here;
    const auto s = here.sweep(R"(warm_up: "30 min"
metrics: [wait_s.mean, steady.wait_s.mean, steady.jct_s.mean]
axes: { scheduler.policy: [fifo, easy] }
replications: 3
)");
    run_into(here, "w.db", s, {.threads = 1});
    const auto store = result_store::open(here.path("w.db"));
    CHECK(store.metric_names() == std::vector<std::string>{"steady.jct_s.mean", "steady.wait_s.mean", "wait_s.mean"});
    for (const auto& t : store.trials()) {
        const auto loaded = s.load(t.key == s.variants[0].key ? 0 : 1, t.seed);
        sim::simulation run(io::prepare(loaded).parts);
        run.run();
        double sum = 0;
        int count = 0;
        for (const auto& r : run.all_records(0).jobs) {
            if (r.submit - start_of_time < std::chrono::minutes{30}) continue;
            sum += to_seconds(r.first_start - r.submit);
            ++count;
        }
        CHECK(count > 20);
        CHECK(count < 60);
        CHECK(store.metrics(t.id).at("steady.wait_s.mean") == Approx(sum / count).epsilon(1e-12));
    }
    CHECK(provenance_of(s, {}).sweep_hash != provenance_of(here.sweep(R"(warm_up: mser-5
metrics: [wait_s.mean, steady.wait_s.mean, steady.jct_s.mean]
axes: { scheduler.policy: [fifo, easy] }
replications: 3
)"),
                                                           {})
                                                 .sweep_hash);
    const auto refused = [&](const std::string& text) {
        try {
            static_cast<void>(here.sweep(text));
        } catch (const scenario_error& e) {
            return std::string{e.what()};
        }
        return std::string{};
    };
    CHECK(refused("metrics: [steady.wait_s.mean]\n").find("unknown metric") != std::string::npos);
    CHECK(refused("warm_up: 5\n").find("sweep.yaml:5:10: error: warm_up: ") == 0);
    CHECK(refused("warm_up: mser\n").find("write mser-5, or a duration") != std::string::npos);
}
