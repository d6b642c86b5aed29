#include "support/catch.hpp"

#include <ampacity/scenario/build.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

scenario::workload_entry synthetic(std::uint64_t jobs) {
    scenario::workload_entry entry;
    entry.synthetic.emplace();
    entry.synthetic->jobs = jobs;
    entry.synthetic->rate = {0.01};
    entry.synthetic->duration.median = 5min;
    entry.synthetic->duration.sigma = 1.5;
    entry.synthetic->gpus = {{1, 3.0}, {4, 1.0}};
    entry.synthetic->estimate_factor = {.min = 0.5, .max = 5};
    return entry;
}

scenario::workload_entry trace(std::string path) {
    scenario::workload_entry entry;
    entry.trace.emplace();
    entry.trace->path = std::move(path);
    return entry;
}

scenario::scenario typed(std::string policy = "fifo") {
    scenario::scenario s;
    s.name = "typed";
    s.seed = 7;
    s.fleet.pool_gpus = 8;
    s.workload.push_back(synthetic(300));
    s.scheduler.policy = std::move(policy);
    return s;
}

/// One job of one GPU for so long.
std::unique_ptr<workload::job_source> one_job(duration work) {
    workload::job_request r;
    r.work = work;
    r.gpus = r.gpus_min = r.gpus_max = 1;
    return std::make_unique<workload::vector_source>(std::vector{r});
}

sim::summary run(const scenario::scenario& s) {
    sim::simulation simulation{scenario::build(s)};
    simulation.run();
    return simulation.results();
}

std::string refusal(const scenario::scenario& s, const scenario::trace_opener& open = {},
                    const scenario::locator& locate = {}) {
    try {
        (void)scenario::build(s, open, locate);
    } catch (const scenario_error& e) {
        CHECK(e.exit_status() == 2);
        return e.what();
    }
    return "accepted";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a typed scenario of synthetic jobs becomes a run", "[build]") {
    scenario::scenario s = typed();
    const sim::summary pool = run(s);
    CHECK(pool.submitted == 300);
    CHECK(pool.finished == 300);
    CHECK(pool.books.capacity == gpu_time{8} * ticks(pool.simulated));

    s.fleet.pool_gpus.reset();
    s.fleet.nodes = {.gpus = 4, .count = 2};
    const sim::summary nodes = run(s);
    CHECK(nodes.finished == 300);
    CHECK(nodes.books.capacity == gpu_time{8} * ticks(nodes.simulated));
    CHECK(nodes.books[account::useful] == pool.books[account::useful]);  // the same jobs

    s.fleet.nodes = {.gpus = 2, .count = 3};
    s.workload[0].synthetic->gpus = {{7, 1.0}};
    CHECK(run(s).rejected == 300);
}

TEST_CASE("build takes every setting over", "[build]") {
    scenario::scenario s = typed();
    sim::parts plain = scenario::build(s);
    CHECK(plain.fleet.is_pool());
    CHECK(plain.fleet.installed_gpus() == 8);
    CHECK(plain.sources.size() == 1);
    CHECK(plain.policy != nullptr);
    CHECK(plain.placer != nullptr);
    CHECK_FALSE(plain.until.has_value());
    CHECK_FALSE(plain.enforce_estimate);
    CHECK(plain.preemption.free());
    CHECK_FALSE(plain.sample_every.has_value());
    CHECK(plain.observers.empty());

    s.until = 90min;
    s.enforce_estimate = true;
    s.scheduler.preemption = {.checkpoint_interval = 30min, .checkpoint = 20s, .restart = 60s};
    s.output.telemetry = 60s;
    s.fleet.pool_gpus.reset();
    s.fleet.nodes = {.gpus = 16, .count = 3};
    s.workload.push_back(synthetic(5));
    const sim::parts full = scenario::build(s);
    CHECK_FALSE(full.fleet.is_pool());
    CHECK(full.fleet.installed_gpus() == 48);
    CHECK(full.fleet.free().num_nodes() == 3);
    CHECK(full.sources.size() == 2);
    CHECK(full.until == 90min);
    CHECK(full.enforce_estimate);
    CHECK(full.preemption.checkpoint_interval == 30min);
    CHECK(full.preemption.checkpoint == 20s);
    CHECK(full.preemption.restart == 60s);
    CHECK(full.sample_every == 60s);
}

TEST_CASE("the seed and the entry name the synthetic jobs", "[build]") {
    scenario::scenario s = typed();
    const sim::summary first = run(s);
    CHECK(run(s).books == first.books);
    s.seed = 8;
    CHECK_FALSE(run(s).books == first.books);
    s.seed = 7;
    s.workload.insert(s.workload.begin(), synthetic(0));  // the jobs are now those of entry 1
    CHECK_FALSE(run(s).books == first.books);
}

TEST_CASE("options reach the policy that they are for", "[build]") {
    scenario::scenario s = typed("sjf");
    const auto jct = [&s] { return run(s).jct_s.value().mean; };
    s.workload[0].synthetic->rate = {0.02};
    const double oracle = jct();
    s.scheduler.srtf.by = scenario::knowledge::estimate;
    CHECK(jct() == oracle);
    s.scheduler.sjf.by = scenario::knowledge::estimate;
    CHECK(jct() > oracle);

    s.scheduler.policy = "srtf";
    s.scheduler.srtf.by = scenario::knowledge::duration;
    const double preemptive = jct();
    s.scheduler.srtf.by = scenario::knowledge::estimate;
    CHECK(jct() > preemptive);

    s.scheduler.policy = "las";
    const std::uint64_t usual = run(s).preemptions;
    s.scheduler.las.thresholds = {
        {gpu_time{60} * 1'000'000'000}, {gpu_time{300} * 1'000'000'000}, {gpu_time{900} * 1'000'000'000}};
    CHECK(run(s).preemptions > usual);
}

TEST_CASE("the options of the sharing policies arrive", "[build]") {
    scenario::scenario s = typed("priority");
    s.workload[0].synthetic->rate = {0.05};
    s.workload[0].synthetic->users = scenario::user_mix{.count = 4, .zipf = 1, .groups = 2};
    s.workload[0].synthetic->priorities = {{0, 3.0}, {5, 1.0}};
    const auto usual = run(s);
    CHECK(usual.preemptions > 0);
    s.scheduler.priority.preempt_above = 6;
    CHECK(run(s).preemptions == 0);
    const double strict = run(s).wait_s->mean;
    s.scheduler.priority.backfill = true;
    CHECK(run(s).wait_s->mean < strict);

    s.scheduler.policy = "fair-share";
    CHECK(run(s).preemptions == 0);
    s.scheduler.fair_share.groups = {{.name = "group-1", .quota = 4}, {.name = "group-2", .quota = 4}};
    CHECK(run(s).preemptions > 0);
    s.scheduler.fair_share.reclaim = false;
    CHECK(run(s).preemptions == 0);

    s.scheduler.policy = "drf";
    const double by_user = run(s).wait_s->mean;
    s.scheduler.drf.skip = true;
    CHECK(run(s).wait_s->mean < by_user);
    s.scheduler.drf.skip = false;
    s.scheduler.drf.by = scenario::share_owner::group;
    CHECK(run(s).wait_s->mean != by_user);
    s.scheduler.drf.weights = {{.name = "group-1", .weight = 100}};
    CHECK(run(s).wait_s->mean != by_user);
}

TEST_CASE("traces are opened by the caller", "[build]") {
    scenario::scenario s = typed();
    s.workload = {trace("a.csv"), synthetic(20), trace("b.csv")};
    s.workload[2].trace->format = scenario::trace_format::philly_csv;
    std::vector<std::pair<std::string, std::uint16_t>> opened;
    sim::simulation simulation{scenario::build(s, [&opened](const scenario::job_trace& t, std::uint16_t entry) {
        opened.emplace_back(t.path, entry);
        return one_job(entry == 0 ? 3s : 4s);
    })};
    CHECK(opened ==
          std::vector<std::pair<std::string, std::uint16_t>>{{"a.csv", std::uint16_t{0}}, {"b.csv", std::uint16_t{2}}});
    simulation.run();
    CHECK(simulation.results().finished == 22);
    REQUIRE(simulation.num_sources() == 3);
    CHECK(simulation.records(0)[0].useful == 3s);
    CHECK(simulation.records(1).size() == 20);
    CHECK(simulation.records(2)[0].useful == 4s);
}

TEST_CASE("what the opener throws passes through build", "[build]") {
    scenario::scenario s = typed();
    s.workload.push_back(trace("a.csv"));
    CHECK_THROWS_AS(
        scenario::build(s,
                        [](const scenario::job_trace&, std::uint16_t) -> std::unique_ptr<workload::job_source> {
                            throw std::out_of_range("from the opener");
                        }),
        std::out_of_range);
}

TEST_CASE("a trace without an opener is refused by its key", "[build]") {
    scenario::scenario s = typed();
    s.workload.push_back(trace("jobs.csv"));
    CHECK(has(refusal(s), "workload.1.trace: no way to open traces was given (jobs.csv)"));
    std::vector<std::string> asked;
    const std::string placed = refusal(s, {}, [&asked](std::string_view key) {
        asked.emplace_back(key);
        return source_position{.file = "s.yaml", .line = 12, .column = 3};
    });
    CHECK(has(placed, "s.yaml:12:3: error: workload.1.trace"));
    CHECK(asked == std::vector<std::string>{"workload.1.trace"});
}

TEST_CASE("unknown policies and placers are refused by their names", "[build]") {
    const std::string policy = refusal(typed("fifo-skp"));
    CHECK(has(policy, "scheduler.policy"));
    CHECK(has(policy, "fifo-skp"));
    CHECK(has(policy, "fifo-skip"));
    scenario::scenario s = typed();
    s.scheduler.placer = "best-fit";
    const std::string placer = refusal(s);
    CHECK(has(placer, "scheduler.placer"));
    CHECK(has(placer, "best-fit"));
    CHECK_THROWS_AS(scenario::validate(s), scenario_error);
    s.scheduler.placer = "pack";
    CHECK_NOTHROW(scenario::validate(s));
}

TEST_CASE("a scenario out of range is refused before anything is made", "[build]") {
    scenario::scenario s = typed();
    s.fleet.pool_gpus = 0;
    bool opened = false;
    s.workload.push_back(trace("a.csv"));
    const std::string text = refusal(s, [&opened](const scenario::job_trace&, std::uint16_t) {
        opened = true;
        return one_job(1s);
    });
    CHECK(has(text, "fleet.pool_gpus"));
    CHECK_FALSE(opened);
    s.fleet.pool_gpus.reset();
    CHECK(has(refusal(s), "fleet"));
}
