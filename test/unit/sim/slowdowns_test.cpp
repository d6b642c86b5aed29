// Nodes that are slow for a while; what becomes of runs there is reckoned by hand.
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using policy::plan;
using policy::view;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr instant at(std::int64_t s) { return instant{seconds{s}}; }

workload::job_request job(std::int64_t submit_s, std::int64_t work_s, std::uint32_t gpus = 1) {
    workload::job_request r;
    r.submit = at(submit_s);
    r.work = seconds{work_s};
    r.gpus = r.gpus_min = r.gpus_max = gpus;
    return r;
}

sim::slowdown slow(std::int64_t from_s, std::int64_t to_s, double speed, std::vector<std::uint32_t> nodes = {0}) {
    sim::slowdown out{.start = at(from_s), .end = at(to_s), .nodes = {}, .speed = speed};
    for (const std::uint32_t n : nodes) out.nodes.push_back(node_id{n});
    return out;
}

/// A fleet of nodes of one GPU with these jobs.
sim::parts parts_of(std::uint32_t nodes, const std::vector<workload::job_request>& jobs, const std::string& policy) {
    sim::parts p{.fleet = fleet::fleet_state::flat_nodes(nodes, 1),
                 .policy = policy::make_policy(policy, {}),
                 .placer = policy::make_first_fit()};
    p.sources.push_back(std::make_unique<workload::vector_source>(jobs));
    return p;
}

/// When a job has finished [ms].
std::int64_t finish(const sim::job_record& r) { return (r.finish - start_of_time) / milliseconds{1}; }
std::vector<std::int64_t> finishes(sim::parts p) {
    sim::simulation s(std::move(p));
    s.run();
    s.results();
    std::vector<std::int64_t> out;
    for (const auto& r : s.records(0)) out.push_back(finish(r));
    return out;
}

/// What it was told of speeds and runs.
class listening final : public policy::policy {
public:
    std::vector<std::string> heard;

    void on_submit(const view&, job_id job) override { waiting_.push_back(job); }
    void decide(const view& v, plan& p) override {
        heard.push_back("decide");
        std::erase_if(waiting_, [&](job_id job) { return p.start(job); });
        static_cast<void>(v);
    }
    void on_speed_changing(const view& v, job_id job) override { hear("changing", v, job); }
    void on_speed_changed(const view& v, job_id job) override { hear("changed", v, job); }
    void on_finish(const view& v, job_id job) override { hear("finish", v, job); }

private:
    void hear(const std::string& what, const view& v, job_id job) {
        const auto s = [](auto t) { return std::to_string(t / seconds{1}); };
        const auto since = [&s](instant t) { return s(t - start_of_time); };
        heard.push_back(what + " " + std::to_string(index(job)) + " now " + since(v.now) + " since " +
                        since(v[job].run_start) + " began " + since(v.began(job)) + " progress " + s(v[job].progress) +
                        " ends " + since(v.planned_end(job)) + (v.is_slowed(job) ? " slow" : ""));
    }
    std::vector<job_id> waiting_;
};

struct stop_recorder final : sim::observer {
    void on_start(const sim::job_start& e) override { texts.push_back("start " + text(e.at)); }
    void on_stop(const sim::job_event& e, sim::run_end) override {
        texts.push_back("stop " + text(e.since) + " " + text(e.at));
    }
    static std::string text(instant t) { return std::to_string((t - start_of_time) / seconds{1}); }
    std::vector<std::string> texts;
};

}  // namespace

TEST_CASE("a job runs slower while one of its nodes is slow", "[slowdowns]") {
    auto one = parts_of(1, {job(0, 100)}, "fifo");
    one.slowdowns = {slow(40, 80, 0.5)};
    CHECK(finishes(std::move(one)) == std::vector<std::int64_t>{120'000});

    // Node 0 at 0.4 over [50, 60), where both last; node 1 at 0.25 over [60, 70).
    auto two = parts_of(2, {job(0, 100, 2)}, "fifo");
    two.slowdowns = {slow(40, 60, 0.5), slow(50, 70, 0.8), slow(60, 70, 0.25, {1})};
    // 40 + 5 + 4 + 2.5 by 70
    CHECK(finishes(std::move(two)) == std::vector<std::int64_t>{70'000 + 48'500});

    // One that is over before its job begins, and one that begins before it and lasts.
    auto before = parts_of(2, {job(10, 100), job(10, 100)}, "fifo");
    before.slowdowns = {slow(0, 10, 0.1), slow(5, 1000, 0.25, {1})};
    CHECK(finishes(std::move(before)) == std::vector<std::int64_t>{110'000, 410'000});

    // Full speed is no change; what comes behind the last job does not keep the run alive.
    auto none = parts_of(1, {job(0, 100)}, "fifo");
    none.slowdowns = {slow(10, 20, 1.0), slow(500, 600, 0.5)};
    sim::simulation s(std::move(none));
    s.run();
    CHECK(s.results().simulated == seconds{100});
}

TEST_CASE("checkpoints go on over a change of speed, and a failure goes back to the last one", "[slowdowns]") {
    auto p = parts_of(1, {job(0, 100)}, "fifo");
    p.preemption = {.checkpoint_interval = seconds{30}, .checkpoint = seconds{5}, .restart = seconds{3}};
    p.slowdowns = {slow(40, 80, 0.5)};
    // Pauses at 30, 65, 100; work 30 + 5 + 12.5 + 5 + 20 by then, and 27.5 from 105 on.
    CHECK(finishes(std::move(p)) == std::vector<std::int64_t>{132'500});

    auto fails = parts_of(1, {job(0, 100)}, "fifo");
    fails.preemption = {.checkpoint_interval = seconds{30}, .checkpoint = seconds{5}, .restart = seconds{3}};
    fails.slowdowns = {slow(40, 80, 0.5)};
    fails.outages = {{.start = at(110), .end = at(120), .nodes = {node_id{0}}}};
    sim::simulation s(std::move(fails));
    s.run();
    const auto& books = s.results().books;
    const sim::job_record& r = s.records(0)[0];
    CHECK(finish(r) == 150'500);
    CHECK(r.restarts == 1);
    CHECK(r.preemptions == 0);
    CHECK(r.first_start == at(0));
    CHECK(r.lost == seconds{5});
    CHECK(r.useful == milliseconds{117'500});
    CHECK(books[account::checkpoint] == ticks(seconds{15}));
    CHECK(books[account::restart] == ticks(seconds{3}));
}

TEST_CASE("without checkpoints a failure loses the run with all of its stretches, a preemption nothing",
          "[slowdowns]") {
    auto fails = parts_of(1, {job(0, 100)}, "fifo");
    fails.slowdowns = {slow(40, 80, 0.5)};
    fails.outages = {{.start = at(90), .end = at(100), .nodes = {node_id{0}}}};
    sim::simulation s(std::move(fails));
    s.run();
    s.results();
    CHECK(finish(s.records(0)[0]) == 200'000);
    CHECK(s.records(0)[0].lost == seconds{90});
    CHECK(s.records(0)[0].useful == seconds{100});

    auto preempted = parts_of(1, {job(0, 100)}, "srtf");
    preempted.slowdowns = {slow(40, 80, 0.5)};
    preempted.reservations.push_back(
        {.name = "swap", .what = {.start = at(90), .end = at(100), .nodes = {node_id{0}}}});
    sim::simulation kept(std::move(preempted));
    kept.run();
    kept.results();
    CHECK(finish(kept.records(0)[0]) == 130'000);
    CHECK(kept.records(0)[0].preemptions == 1);
    CHECK(kept.records(0)[0].lost == seconds{0});
    CHECK(kept.records(0)[0].useful == seconds{120});
}

TEST_CASE("a run is killed by the time that it ran, however slow it was", "[slowdowns]") {
    auto p = parts_of(1, {job(0, 100)}, "fifo");
    workload::job_request r = job(0, 100);
    r.estimate = seconds{110};
    p.sources[0] = std::make_unique<workload::vector_source>(std::vector{r});
    p.enforce_estimate = true;
    p.slowdowns = {slow(40, 80, 0.5)};
    sim::simulation s(std::move(p));
    s.run();
    s.results();
    CHECK(finish(s.records(0)[0]) == 110'000);
    CHECK(s.records(0)[0].state == sim::outcome::killed);
    CHECK(s.records(0)[0].lost == seconds{110});
}

TEST_CASE("policies are told of a change before and after it, and asked, and observers see one run", "[slowdowns]") {
    auto p = parts_of(2, {job(5, 100), job(30, 10)}, "fifo");
    auto made = std::make_unique<listening>();
    const listening& told = *made;
    stop_recorder seen;
    p.policy = std::move(made);
    p.observers = {&seen};
    p.slowdowns = {slow(45, 85, 0.5)};
    sim::simulation s(std::move(p));
    s.run();
    s.results();
    CHECK(told.heard == std::vector<std::string>{
                            "decide",
                            "decide",
                            "finish 1 now 40 since 30 began 30 progress 0 ends 40",
                            "decide",
                            "changing 0 now 45 since 5 began 5 progress 0 ends 105",
                            "changed 0 now 45 since 45 began 5 progress 40 ends 165 slow",
                            "decide",
                            "changing 0 now 85 since 45 began 5 progress 40 ends 165 slow",
                            "changed 0 now 85 since 85 began 5 progress 60 ends 125",
                            "decide",
                            "finish 0 now 125 since 85 began 5 progress 60 ends 125",
                            "decide",
                        });
    CHECK(seen.texts == std::vector<std::string>{"start 5", "start 30", "stop 30 40", "stop 5 125"});
}

TEST_CASE("nodes of a reservation are slow for its jobs, too", "[slowdowns]") {
    auto p = parts_of(2, {job(0, 100)}, "fifo");
    p.sources.push_back(std::make_unique<workload::vector_source>(std::vector{job(0, 100)}));
    p.reserved_for = {"", "block"};
    p.reservations.push_back({.name = "block",
                              .what = {.start = at(0), .end = at(1000), .nodes = {node_id{1}}},
                              .kind = sim::reservation_kind::capacity_block,
                              .policy = policy::make_policy("easy", {}),
                              .placer = policy::make_first_fit()});
    p.slowdowns = {slow(50, 70, 0.5, {1})};
    sim::simulation s(std::move(p));
    s.run();
    s.results();
    CHECK(finish(s.records(0)[0]) == 100'000);
    CHECK(finish(s.records(1)[0]) == 110'000);
}

TEST_CASE("easy plans anew with the speed of now", "[slowdowns]") {
    // a runs on node 0 until 100; b, which needs both, waits for it. c would be over by then, so it starts on node 1,
    // but that is slow: it ends at 198, and so d fits before b on node 0, from 100 on.
    auto p = parts_of(2, {job(0, 100), job(1, 10, 2), job(2, 98), job(3, 5)}, "easy");
    p.slowdowns = {slow(0, 1000, 0.5, {1})};
    CHECK(finishes(std::move(p)) == std::vector<std::int64_t>{100'000, 218'000, 198'000, 105'000});
}

TEST_CASE("a slower node never lets a job end sooner", "[slowdowns]") {
    naive::test_random random(11);
    for (int trial = 0; trial != 300; ++trial) {
        std::vector<workload::job_request> jobs;
        for (int i = 0; i != 6; ++i) {
            jobs.push_back(job(0, 0));
            jobs.back().work = duration{random.between(1, 100'000'000'000)};
        }
        preemption_options costs;
        if (random.chance(50)) costs.checkpoint_interval = duration{random.between(1, 30'000'000'000)};
        if (random.chance(50)) costs.checkpoint = duration{random.between(0, 5'000'000'000)};
        std::vector<sim::slowdown> list;
        std::vector<instant> last;
        for (int n = 0; n != 8; ++n) {
            auto p = parts_of(6, jobs, "fifo");
            p.preemption = costs;
            p.slowdowns = list;
            sim::simulation s(std::move(p));
            s.run();
            s.results();
            std::vector<instant> now;
            for (const auto& r : s.records(0)) now.push_back(r.finish);
            for (std::size_t i = 0; i != last.size(); ++i) REQUIRE(now[i] >= last[i]);
            last = now;
            const std::int64_t from = random.between(0, 90);
            const double speed = static_cast<double>(random.between(1, 10)) / 10;
            list.push_back(slow(
                from, from + random.between(1, 60), speed,
                {static_cast<std::uint32_t>(random.between(0, 2)), static_cast<std::uint32_t>(random.between(3, 5))}));
        }
    }
}
