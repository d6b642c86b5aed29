// What preemption costs, told by hand: a policy that preempts when it is told, on one GPU.
#include "support/catch.hpp"

#include <ampacity/sim/simulation.hpp>

#include <chrono>
#include <memory>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

/// Runs the first job alone, and takes it off its GPU at some instants for as long as `away`.
class interrupted final : public policy::policy {
public:
    interrupted(std::vector<duration> when, duration away) : when_(std::move(when)), away_(away) {}

    void on_submit(const view&, job_id j) override { job_ = j; }
    void on_tick(const view&) override {}
    void decide(const view& v, plan& p) override {
        if (v[job_].state == job_state::running && next_ != when_.size() && v.now == start_of_time + when_[next_]) {
            ends.push_back(v.planned_end(job_));
            done.push_back(v.done(job_));
            p.preempt(job_);
            left.push_back(v.remaining_time(job_));
            ++next_;
            if (away_ != 0s) {
                p.wake_at(v.now + away_);
                return;
            }
        }
        if (v[job_].state == job_state::queued) p.start(job_);
        if (next_ != when_.size()) p.wake_at(start_of_time + when_[next_]);
    }

    std::vector<instant> ends;   ///< planned, before each preemption
    std::vector<duration> done;  ///< likewise
    std::vector<duration> left;  ///< behind it

private:
    std::vector<duration> when_;
    duration away_;
    std::size_t next_ = 0;
    job_id job_{};
};

struct result {
    sim::job_record record;
    ledger books;
    std::vector<instant> ends;
    std::vector<duration> done, left;
};

struct setting {
    preemption_options costs{};
    duration away{};
    duration estimate = workload::no_estimate;
    bool enforce = false;
    std::optional<duration> until{};
    std::uint32_t gpus = 1;
};

result run(std::vector<duration> when, const setting& s) {
    workload::job_request r;
    r.work = 100s;
    r.estimate = s.estimate;
    r.gpus = r.gpus_min = r.gpus_max = s.gpus;
    auto told = std::make_unique<interrupted>(std::move(when), s.away);
    auto& policy = *told;
    sim::parts p{.fleet = fleet::fleet_state::pool(s.gpus), .policy = std::move(told)};
    p.placer = policy::make_pack();
    p.preemption = s.costs;
    p.enforce_estimate = s.enforce;
    p.until = s.until;
    p.sources.push_back(std::make_unique<workload::vector_source>(std::vector{r}));
    sim::simulation simulation{std::move(p)};
    simulation.run();
    const auto& books = simulation.results().books;
    return {simulation.records(0)[0], books, policy.ends, policy.done, policy.left};
}

instant at(duration d) { return start_of_time + d; }
gpu_time gpu_seconds(std::int64_t s) { return gpu_time{s} * 1'000'000'000; }

}  // namespace

TEST_CASE("preemption is free unless a scenario says otherwise", "[preemption]") {
    const result r = run({30s, 50s}, {});
    CHECK(r.record.finish == at(100s));
    CHECK(r.record.useful == 100s);
    CHECK(r.record.lost == 0s);
    CHECK(r.left == std::vector<duration>{70s, 50s});
    CHECK(r.books[account::restart] == 0);
}

TEST_CASE("a run after a preemption restarts", "[preemption]") {
    const result r = run({30s, 50s}, {.costs = {.restart = 10s}, .away = 5s, .gpus = 3});
    // 0-30 work, 35-45 restart, 45-50 work, 55-65 restart, 65-130 work.
    CHECK(r.record.finish == at(130s));
    CHECK(r.record.useful == 100s);
    CHECK(r.record.preemptions == 2);
    CHECK(r.ends == std::vector{at(100s), at(35s + 10s + 70s)});
    CHECK(r.done == std::vector<duration>{30s, 35s});
    CHECK(r.left == std::vector<duration>{80s, 75s});
    CHECK(r.books[account::restart] == gpu_seconds(3 * 20));
    CHECK(r.books[account::useful] == gpu_seconds(3 * 100));
    CHECK(r.books[account::idle] == gpu_seconds(3 * 10));
}

TEST_CASE("a preemption during the restart books what there was of it", "[preemption]") {
    const result r = run({30s, 36s}, {.costs = {.checkpoint = 4s, .restart = 10s}});
    // 30-34 checkpoint, 34-36 restart; 36-40 checkpoint, 40-50 restart, 50-120 work.
    CHECK(r.record.finish == at(120s));
    CHECK(r.books[account::checkpoint] == gpu_seconds(8));
    CHECK(r.books[account::restart] == gpu_seconds(12));
    CHECK(r.done == std::vector<duration>{30s, 30s});
    CHECK(r.record.lost == 0s);
}

TEST_CASE("progress falls back to the last checkpoint", "[preemption]") {
    const result r = run({49s, 95s}, {.costs = {.checkpoint_interval = 20s}});
    // 0-49 work, 40 kept; 49-95 work, 40 kept; 95-115 the rest.
    CHECK(r.record.finish == at(115s));
    CHECK(r.record.useful == 100s);
    CHECK(r.record.lost == 15s);
    CHECK(r.done == std::vector<duration>{49s, 86s});
    CHECK(r.left == std::vector<duration>{60s, 20s});
    CHECK(r.books[account::lost] == gpu_seconds(15));
}

TEST_CASE("checkpoints pause the job, and one that is not complete protects nothing", "[preemption]") {
    const setting s{.costs = {.checkpoint_interval = 20s, .checkpoint = 2s, .restart = 5s}};
    const result whole = run({}, s);
    CHECK(whole.record.finish == at(108s));  // after 20, 40, 60 and 80 s of work, none at its end
    CHECK(whole.books[account::checkpoint] == gpu_seconds(8));

    const result complete = run({44s}, s);
    CHECK(complete.record.lost == 0s);
    CHECK(complete.record.finish == at(44s + 5s + 60s + 4s));
    CHECK(complete.ends == std::vector{at(108s)});
    CHECK(complete.left == std::vector<duration>{69s});

    const result torn = run({43s}, s);
    CHECK(torn.record.lost == 20s);
    CHECK(torn.record.finish == at(43s + 5s + 80s + 6s));
    CHECK(torn.books[account::checkpoint] == gpu_seconds(3 + 6));
    CHECK(torn.books[account::restart] == gpu_seconds(5));
}

TEST_CASE("an interval that is longer than the job protects nothing", "[preemption]") {
    const result r = run({99s}, {.costs = {.checkpoint_interval = 1000s}});
    CHECK(r.record.finish == at(199s));
    CHECK(r.record.lost == 99s);
}

TEST_CASE("a job that is killed loses all its run time", "[preemption]") {
    const result r =
        run({30s}, {.costs = {.checkpoint_interval = 20s, .restart = 5s}, .estimate = 90s, .enforce = true});
    // 30 s of the allowance are gone at the preemption, the restart takes 5 more.
    CHECK(r.record.state == sim::outcome::killed);
    CHECK(r.record.finish == at(90s));
    CHECK(r.record.lost == 90s);
    CHECK(r.record.useful == 0s);
    CHECK(r.books[account::lost] == gpu_seconds(90));
    CHECK(r.books[account::restart] == 0);
    // Long enough for the work alone, but not for the restart.
    CHECK(run({30s}, {.costs = {.restart = 5s}, .estimate = 104s, .enforce = true}).record.state ==
          sim::outcome::killed);
    CHECK(run({30s}, {.costs = {.restart = 5s}, .estimate = 105s, .enforce = true}).record.state ==
          sim::outcome::finished);
}

TEST_CASE("a run that is cut short books what there was", "[preemption]") {
    const result r = run({30s}, {.costs = {.checkpoint_interval = 20s, .checkpoint = 2s, .restart = 5s}, .until = 36s});
    // 0-20 work, 20-22 checkpoint, 22-30 work that is lost, 30-35 restart, 35-36 work.
    CHECK(r.record.state == sim::outcome::unfinished);
    CHECK(r.record.useful == 21s);
    CHECK(r.record.lost == 8s);
    CHECK(r.books[account::checkpoint] == gpu_seconds(2));
    CHECK(r.books[account::restart] == gpu_seconds(5));
    CHECK(r.books[account::idle] == 0);
}
