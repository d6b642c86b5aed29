// Jobs that are asked to leave at their next checkpoint, told by hand.
#include "support/catch.hpp"
#include "support/powered_run.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/policy/wrappers.hpp>
#include <ampacity/sim/simulation.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
using test::gpu_job;

namespace {

instant at(duration d) { return start_of_time + d; }
constexpr gpu_time gpu_minutes(std::int64_t m) { return gpu_time{m} * 60'000'000'000; }

/// Work of 10 min between pauses of 1 min, and a restart of 2 min.
constexpr preemption_options usual{.checkpoint_interval = 10min, .checkpoint = 1min, .restart = 2min};

sim::parts parts_of(fleet::fleet_state fleet, std::unique_ptr<policy::policy> by,
                    std::vector<workload::job_request> jobs) {
    sim::parts p{.fleet = std::move(fleet),
                 .policy = std::move(by),
                 .placer = policy::make_placer("first-fit"),
                 .preemption = usual};
    for (std::size_t i = 0; i != jobs.size(); ++i) jobs[i].row = i;
    p.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
    return p;
}

std::unique_ptr<policy::policy> by_priority(bool backfill = false) {
    policy::policy_options o;
    o.priority = {.backfill = backfill, .at_checkpoints = true};
    return policy::make_policy("priority", o);
}

struct outcome {
    std::vector<sim::job_record> jobs;
    ledger books;
};

outcome run(sim::parts p) {
    sim::simulation s{std::move(p)};
    s.run();
    const ledger books = s.results().books;  // or an exception is thrown
    const auto jobs = s.records(0);
    return {{jobs.begin(), jobs.end()}, books};
}

/// A long job on all GPUs, and an urgent one.
outcome meet(duration work, duration urgent_at) {
    return run(
        parts_of(fleet::fleet_state::pool(4), by_priority(), {gpu_job(4, work), gpu_job(4, 5min, urgent_at, 1)}));
}

/// Asks the first job to leave at some instants, and changes its number of GPUs at another one.
class asking final : public policy::policy {
public:
    struct seen {
        std::vector<instant> left, planned;
        std::vector<bool> gone, marked;
    };
    asking(std::vector<duration> when, duration resize_at, seen& to)
        : when_(std::move(when)), resize_at_(resize_at), to_(to) {}

    void on_submit(const view&, job_id j) override { job_ = j; }
    void on_fail(const view& v, job_id) override { to_.left.push_back(v.now); }
    void on_requeue(const view& v, job_id j) override { to_.marked.push_back(v[j].vacates); }
    void decide(const view& v, plan& p) override {
        while (next_ != when_.size() && at(when_[next_]) == v.now) {
            to_.gone.push_back(p.vacate(job_));
            ++next_;
        }
        if (v[job_].state == job_state::queued) p.start(job_);
        if (at(resize_at_) == v.now && v.began(job_) != v.now) p.resize(job_, 2);
        to_.planned.push_back(v.vacated_at(job_));
        instant next = next_ == when_.size() ? never : at(when_[next_]);
        if (at(resize_at_) > v.now) next = std::min(next, at(resize_at_));
        if (next != never) p.wake_at(next);
    }

private:
    std::vector<duration> when_;
    duration resize_at_;
    seen& to_;
    std::size_t next_ = 0;
    job_id job_{};
};

}  // namespace

TEST_CASE("an urgent job starts when the pause of its victim is over", "[vacate]") {
    // Pauses over [10, 11), [21, 22), [32, 33) min; 25 min of work end at 27.
    struct expected {
        duration urgent_at, starts;
    };
    for (const expected& e : {expected{1ns, 11min},
                              {9min, 11min},
                              {10min, 11min},
                              {10min + 30s, 11min},
                              {11min, 11min},
                              {11min + 1ns, 22min},
                              {21min + 59s, 22min},
                              {22min, 22min}}) {
        CAPTURE(ticks(e.urgent_at));
        const outcome o = meet(25min, e.urgent_at);
        const sim::job_record &low = o.jobs[0], &urgent = o.jobs[1];
        CHECK(urgent.first_start == at(e.starts));
        CHECK(urgent.finish == at(e.starts + 5min));
        CHECK(low.preemptions == 1);
        CHECK(low.restarts == 0);
        CHECK(low.lost == 0s);
        CHECK(low.useful == 25min);
        // It waits for 5 min and restarts for 2; the second pause of its work comes in any case.
        CHECK(low.finish == at(25min + 2min + 5min + 2min));
        CHECK(o.books[account::lost] == 0);
        CHECK(o.books[account::useful] == gpu_minutes(4 * 30));
        CHECK(o.books[account::restart] == gpu_minutes(4 * 2));
        CHECK(o.books[account::idle] == 0);
    }
}

TEST_CASE("a job that ends before its next checkpoint is not preempted", "[vacate]") {
    // The third interval is the last, without a pause at its end, which comes at 27 min.
    for (const duration urgent_at : {23min, 26min}) {
        const outcome o = meet(25min, urgent_at);
        CHECK(o.jobs[0].finish == at(27min));
        CHECK(o.jobs[0].preemptions == 0);
        CHECK(o.jobs[1].first_start == at(27min));
    }
    // It ends with its interval.
    const outcome o = meet(20min, 15min);
    CHECK(o.jobs[0].finish == at(21min));
    CHECK(o.jobs[0].preemptions == 0);
    // Without pauses it ends at the very instant at which it could leave.
    sim::parts p =
        parts_of(fleet::fleet_state::pool(4), by_priority(), {gpu_job(4, 20min), gpu_job(4, 5min, 15min, 1)});
    p.preemption.checkpoint = 0s;
    CHECK(run(std::move(p)).jobs[0].preemptions == 0);
}

TEST_CASE("a job without anything to lose leaves at once", "[vacate]") {
    // It restarts over [16, 18): what comes then starts at once.
    const outcome o = run(parts_of(fleet::fleet_state::pool(4), by_priority(),
                                   {gpu_job(4, 25min), gpu_job(4, 5min, 11min, 1), gpu_job(4, 5min, 17min, 1)}));
    CHECK(o.jobs[1].first_start == at(11min));
    CHECK(o.jobs[2].first_start == at(17min));
    CHECK(o.jobs[0].preemptions == 2);
    CHECK(o.jobs[0].lost == 0s);
    // Without checkpoints it keeps everything.
    sim::parts p = parts_of(fleet::fleet_state::pool(4), by_priority(), {gpu_job(4, 25min), gpu_job(4, 5min, 3min, 1)});
    p.preemption = {.restart = 2min};
    const outcome free = run(std::move(p));
    CHECK(free.jobs[1].first_start == at(3min));
    CHECK(free.jobs[0].finish == at(25min + 5min + 2min));
    CHECK(free.jobs[0].lost == 0s);
}

TEST_CASE("no more victims are asked than are needed", "[vacate]") {
    // Of two the younger goes; the second urgent job asks for the other.
    const outcome o = run(parts_of(fleet::fleet_state::pool(8), by_priority(),
                                   {gpu_job(4, 30min), gpu_job(4, 30min, 2min), gpu_job(4, 60min, 5min, 1),
                                    gpu_job(4, 60min, 6min, 1), gpu_job(1, 1min, 7min)}));
    CHECK(o.jobs[2].first_start == at(11min));  // at the first checkpoint of any
    CHECK(o.jobs[3].first_start == at(13min));
    CHECK(o.jobs[0].preemptions == 1);
    CHECK(o.jobs[1].preemptions == 1);
    CHECK(o.jobs[4].first_start > at(60min));
    // A job that would fit meanwhile does not take the place.
    const outcome one = run(parts_of(fleet::fleet_state::pool(8), by_priority(),
                                     {gpu_job(4, 30min), gpu_job(4, 30min, 2min), gpu_job(4, 60min, 5min, 1)}));
    CHECK(one.jobs[0].preemptions == 0);
    CHECK(one.jobs[2].first_start == at(13min));
}

TEST_CASE("behind a head that waits for its victims starts what does not delay it", "[vacate]") {
    // Two GPUs are free; the victim leaves at 11 min and gives 4 of the 6 that the head needs.
    const auto start_of = [](duration work, std::int32_t priority) {
        const outcome o =
            run(parts_of(fleet::fleet_state::pool(6), by_priority(true),
                         {gpu_job(4, 30min), gpu_job(6, 5min, 1min, 2), gpu_job(2, work, 2min, priority)}));
        CHECK(o.jobs[1].first_start == at(11min));
        return o.jobs[2].first_start;
    };
    CHECK(start_of(9min, 0) == at(2min));
    CHECK(start_of(9min, 2) == at(2min));
    CHECK(start_of(9min + 1ns, 2) == at(16min));
    // The head could preempt it, but not at once.
    CHECK(start_of(9min + 1ns, 0) == at(16min));
}

TEST_CASE("a failure stops a job that is asked to leave as ever", "[vacate]") {
    sim::parts p =
        parts_of(fleet::fleet_state::flat_nodes(1, 4), by_priority(), {gpu_job(4, 25min), gpu_job(4, 5min, 3min, 1)});
    p.outages.push_back({.start = at(5min), .end = at(7min), .nodes = {node_id{0}}});
    const outcome o = run(std::move(p));
    CHECK(o.jobs[1].first_start == at(7min));
    CHECK(o.jobs[0].restarts == 1);
    CHECK(o.jobs[0].preemptions == 0);
    CHECK(o.jobs[0].lost == 5min);
    // Restart at 12, then two pauses: nobody asks it any more.
    CHECK(o.jobs[0].finish == at(12min + 2min + 25min + 2min));
}

TEST_CASE("the wish to leave shows in the view until the job does", "[vacate]") {
    asking::seen by;
    auto told = std::make_unique<asking>(std::vector<duration>{5min, 7min, 14min, 24min + 30s}, -1min, by);
    const outcome o = run(parts_of(fleet::fleet_state::pool(2), std::move(told), {gpu_job(2, 60min)}));
    // It leaves at 11, restarts until 13 and works; asked at 14 it leaves at 24; at 24.5 it restarts, and goes at once.
    CHECK(by.gone == std::vector<bool>{false, false, false, true});
    CHECK(by.left == std::vector<instant>{at(11min), at(24min)});
    CHECK(by.marked == std::vector<bool>{false, false});
    CHECK(by.planned.at(1) == at(11min));
    CHECK(o.jobs[0].preemptions == 3);
    CHECK(o.jobs[0].lost == 0s);
}

TEST_CASE("a job that gets other GPUs keeps all, and leaves then if it was asked to", "[vacate]") {
    asking::seen by;
    auto told = std::make_unique<asking>(std::vector<duration>{5min}, 6min, by);
    workload::job_request elastic = gpu_job(1, 60min);
    elastic.gpus_max = 2;
    elastic.kind = workload::job_kind::elastic;
    const outcome o = run(parts_of(fleet::fleet_state::pool(2), std::move(told), {elastic}));
    CHECK(by.left == std::vector<instant>{at(6min)});
    CHECK(o.jobs[0].lost == 0s);
    CHECK(o.jobs[0].preemptions == 1);
}

TEST_CASE("a head that waits for jobs to leave says so", "[vacate]") {
    struct listener final : policy::pass_listener {
        std::vector<policy::reason> seen;
        void on_pass(const policy::view& v, const policy::plan& p, const policy::policy& by) override {
            for (std::uint32_t i = 0; i != v.jobs.size(); ++i) {
                if (v.jobs[i].state == policy::job_state::queued) seen.push_back(by.explain(v, p, job_id{i}));
            }
        }
    };
    const std::string name = GENERATE("priority", "priority with backfill", "fair-share");
    policy::policy_options o;
    o.priority = {.backfill = name != "priority", .at_checkpoints = true};
    o.fair_share.at_checkpoints = true;
    o.fair_share.groups = {{.name = "mine", .quota = 4}};
    listener to;
    std::vector<workload::job_request> jobs{gpu_job(4, 25min), gpu_job(4, 5min, 3min, 1)};
    jobs[1].group = 1;
    sim::parts p = parts_of(fleet::fleet_state::pool(4), nullptr, {});
    p.policy = policy::make_explain(policy::make_policy(name == "fair-share" ? name : "priority", o), to);
    p.sources.clear();
    jobs[1].row = 1;
    p.sources.push_back(std::make_unique<workload::vector_source>(jobs, std::vector<std::string>{"", "mine"}));
    CHECK(run(std::move(p)).jobs[1].first_start == at(11min));
    REQUIRE(!to.seen.empty());
    CHECK(to.seen[0].what == policy::obstacle::checkpoint);
    CHECK(to.seen[0].until == at(11min));
    CHECK(to.seen[0].free_gpus == 0);
}

TEST_CASE("what a group has vacated is not lent before its head starts", "[vacate]") {
    // The guaranteed job needs both victims, which leave at 11 and 15 min; the small jobs of others wait for it.
    policy::policy_options o;
    o.fair_share.at_checkpoints = true;
    o.fair_share.groups = {{.name = "mine", .quota = 8}};
    std::vector<workload::job_request> jobs{gpu_job(4, 30min), gpu_job(4, 30min, 4min), gpu_job(8, 5min, 5min),
                                            gpu_job(1, 1min, 6min)};
    jobs[2].group = 1;
    jobs[3].group = 2;
    for (std::size_t i = 0; i != jobs.size(); ++i) jobs[i].row = i;
    sim::parts p = parts_of(fleet::fleet_state::pool(8), policy::make_policy("fair-share", o), {});
    p.sources.clear();
    p.sources.push_back(std::make_unique<workload::vector_source>(jobs, std::vector<std::string>{"", "mine", "other"}));
    const outcome r = run(std::move(p));
    CHECK(r.jobs[2].first_start == at(15min));
    CHECK(r.jobs[3].first_start == at(20min));
    CHECK(r.jobs[0].lost == 0s);
    CHECK(r.jobs[1].lost == 0s);
}
