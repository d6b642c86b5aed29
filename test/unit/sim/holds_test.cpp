// Jobs that wait for others before they enter the queue, told by hand.
#include "support/catch.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/workload/links.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using sim::outcome;
using workload::dependency;
using workload::dependency_kind;

namespace {

constexpr instant at(std::int64_t s) { return start_of_time + std::chrono::seconds{s}; }

struct ties {
    std::vector<dependency> after{};
    std::int64_t think = 0;
    std::uint32_t array = 0;
    std::uint32_t limit = 0;
};

/// Jobs of seconds on a pool, and the links that they point to.
class scene {
public:
    void job(std::int64_t submit, std::int64_t seconds, std::uint32_t gpus, ties t = {}) {
        workload::job_request r{.name = static_cast<std::int64_t>(jobs_.size()),
                                .submit = at(submit),
                                .work = std::chrono::seconds{seconds},
                                .gpus_min = gpus,
                                .gpus = gpus,
                                .gpus_max = gpus};
        if (!t.after.empty() || t.array != 0) {
            const auto& kept = after_.emplace_back(std::move(t.after));
            r.links = &links_.emplace_back(workload::job_links{
                .after = kept, .think = std::chrono::seconds{t.think}, .array = t.array, .array_limit = t.limit});
        }
        jobs_.push_back(r);
    }

    sim::simulation run(std::uint64_t gpus, std::optional<duration> until = {}, sim::observer* seen = nullptr) {
        sim::parts p{.fleet = fleet::fleet_state::pool(gpus),
                     .policy = policy::make_policy("fifo", {}),
                     .placer = policy::make_placer("first-fit"),
                     .until = until};
        p.sources.push_back(std::make_unique<workload::vector_source>(jobs_));
        if (seen != nullptr) p.observers.push_back(seen);
        sim::simulation s(std::move(p));
        s.run();
        s.results();
        return s;
    }

private:
    std::vector<workload::job_request> jobs_;
    std::deque<std::vector<dependency>> after_;
    std::deque<workload::job_links> links_;
};

dependency ok(std::uint64_t row) { return {row, dependency_kind::after_ok}; }
dependency any(std::uint64_t row) { return {row, dependency_kind::after_any}; }

/// What is told of jobs, in order.
struct listener final : sim::observer {
    void on_hold(const sim::job_event& e) override { add(e, "held: " + std::string{e.reason}); }
    void on_submit(const sim::job_event& e) override { add(e, "submit"); }
    void on_reject(const sim::job_event& e) override { add(e, "reject: " + std::string{e.reason}); }
    void on_start(const sim::job_start& e) override { add(e, "start"); }
    void add(const sim::job_event& e, const std::string& what) {
        lines.push_back(std::to_string(ticks(e.at) / 1'000'000'000) + " " + std::to_string(e.name) + " " + what);
    }
    std::vector<std::string> lines;
};

}  // namespace

TEST_CASE("a job enters the queue at the last end plus think time, and not before its submit", "[holds]") {
    scene here;
    here.job(0, 10, 1);
    here.job(0, 4, 1);
    here.job(1, 1, 1, {.after = {ok(0), ok(1)}, .think = 3});
    here.job(20, 1, 1, {.after = {ok(0)}, .think = 3});
    listener seen;
    const auto s = here.run(2, {}, &seen);
    CHECK(s.has_links());
    CHECK(s.times(0, 2).submit == at(1));
    CHECK(s.times(0, 2).eligible == at(13));
    CHECK(s.records(0)[2].first_start == at(13));
    CHECK(s.times(0, 3).submit == at(20));
    CHECK(s.times(0, 3).eligible == at(20));
    CHECK(s.times(0, 0).eligible == at(0));
    CHECK(seen.lines == std::vector<std::string>{"0 0 submit", "0 1 submit", "0 0 start", "0 1 start",
                                                 "1 2 held: waits for job 0 to finish, and for 1 more",
                                                 "10 2 held: think time until 13 s", "13 2 submit", "13 2 start",
                                                 "20 3 submit", "20 3 start"});
}

TEST_CASE("what an end releases enters in a further round, behind arrivals of that instant", "[holds]") {
    scene here;
    here.job(0, 10, 2);
    here.job(0, 5, 1, {.after = {ok(0)}});
    here.job(10, 5, 2);
    const auto s = here.run(2);
    CHECK(s.records(0)[2].first_start == at(10));
    CHECK(s.records(0)[1].first_start == at(15));
}

TEST_CASE("jobs that become eligible at one instant keep file order", "[holds]") {
    scene here;
    here.job(0, 10, 1);
    here.job(0, 8, 1);
    here.job(0, 1, 2, {.after = {ok(0)}, .think = 2});
    here.job(12, 1, 2);
    here.job(0, 1, 2, {.after = {ok(1)}, .think = 4});
    const auto s = here.run(2);
    CHECK(s.records(0)[2].first_start == at(12));
    CHECK(s.records(0)[3].first_start == at(13));
    CHECK(s.records(0)[4].first_start == at(14));
}

TEST_CASE("jobs after one that does not finish are rejected, or follow it however it ends", "[holds]") {
    scene here;
    here.job(3, 1, 9);  // larger than the pool
    here.job(0, 1, 1, {.after = {ok(0)}});
    here.job(0, 1, 1, {.after = {any(0)}});
    here.job(0, 1, 1, {.after = {ok(1)}});
    here.job(0, 1, 1, {.after = {any(1)}, .think = 2});
    here.job(9, 1, 1, {.after = {ok(3)}});
    listener seen;
    auto s = here.run(2, {}, &seen);
    const auto records = s.records(0);
    for (const std::size_t row : {0U, 1U, 3U, 5U}) {
        CHECK(records[row].state == outcome::rejected);
        CHECK(s.times(0, row).eligible == sim::unset);
    }
    CHECK(records[2].first_start == at(3));
    CHECK(records[4].first_start == at(5));
    CHECK(s.results().rejected == 4);
    CHECK(std::find(seen.lines.begin(), seen.lines.end(),
                    "3 3 reject: waits for job 1 to finish, which was rejected") != seen.lines.end());
    CHECK(seen.lines.back() == "9 5 reject: waits for job 3 to finish, which was rejected");
}

TEST_CASE("no more tasks of an array than its limit are in the system", "[holds]") {
    scene here;
    for (int i = 0; i != 5; ++i) here.job(0, 10 - i, 1, {.array = 1, .limit = 2});
    here.job(0, 1, 1, {.array = 2});
    listener seen;
    const auto s = here.run(8, {}, &seen);
    const std::vector<std::int64_t> expected{0, 0, 9, 10, 17, 0};
    for (std::size_t i = 0; i != expected.size(); ++i) CHECK(s.records(0)[i].first_start == at(expected[i]));
    CHECK(s.times(0, 4).submit == at(0));
    CHECK(s.times(0, 4).eligible == at(17));
    CHECK(seen.lines[2] == "0 2 held: as many tasks of its array are in the system as are allowed (2)");
}

TEST_CASE("jobs that are held at the end are unfinished, and counted", "[holds]") {
    scene here;
    here.job(0, 100, 1);
    here.job(0, 1, 1, {.after = {ok(0)}});
    here.job(0, 1, 1, {.after = {ok(1)}});
    auto s = here.run(2, std::chrono::seconds{50});
    CHECK(s.results().unfinished == 3);
    CHECK(s.results().held == 2);
    CHECK(s.times(0, 1).eligible == sim::unset);
    CHECK(s.records(0)[1].submit == at(0));
    scene untied;
    untied.job(0, 1, 1);
    auto t = untied.run(1);
    CHECK_FALSE(t.results().held.has_value());
    CHECK_FALSE(t.has_links());
}

TEST_CASE("a long chain of rejections does not nest", "[holds]") {
    scene here;
    here.job(1, 1, 9);
    for (std::uint64_t i = 0; i != 200'000; ++i) here.job(0, 1, 1, {.after = {ok(i)}});
    auto s = here.run(2);
    CHECK(s.results().rejected == 200'001);
}
