// Policies written here are as short as those of a user; what a run should yield is told by hand or by a second run.
#include "support/catch.hpp"

#include <ampacity/core/wide.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/workload/synthetic.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

using namespace ampacity;
using fleet::fleet_state;
using policy::job_state;
using policy::plan;
using policy::view;
using sim::outcome;
using workload::job_request;

namespace {

constexpr instant at(std::int64_t ns) { return instant{duration{ns}}; }
constexpr duration years(int n) { return std::chrono::hours{24 * 365 * std::int64_t{n}}; }

/// The policy of the comment in policy.hpp.
class shortest_estimate_first final : public policy::policy {
    using entry = std::pair<duration, std::pair<std::uint64_t, job_id>>;
    std::set<entry> queue_;
    void on_submit(const view& v, job_id j) override { queue_.insert({v[j].estimate, {v[j].order, j}}); }
    void decide(const view&, plan& p) override {
        while (!queue_.empty() && p.start(queue_.begin()->second.second)) queue_.erase(queue_.begin());
    }
};

/// The newest job runs, whatever it costs those before it.
class newest_first final : public policy::policy {
    std::vector<job_id> stack_;
    void on_submit(const view&, job_id j) override { stack_.push_back(j); }
    void on_finish(const view&, job_id j) override { stack_.erase(std::find(stack_.begin(), stack_.end(), j)); }
    void decide(const view& v, plan& p) override {
        for (const job_id j : stack_) {
            if (v[j].state == job_state::running) p.preempt(j);
        }
        for (std::size_t i = stack_.size(); i-- > 0;) p.start(stack_[i]);
    }
};

/// Does what it is told; counts what it is told of.
struct scripted final : public policy::policy {
    std::function<void(const view&, plan&)> on_decide = [](const view&, plan&) {};
    std::function<void(const std::string&, const view&, job_id)> on_any = [](const std::string&, const view&, job_id) {
    };

    void decide(const view& v, plan& p) override {
        on_any("decide", v, none<job_id>);
        on_decide(v, p);
    }
    void on_submit(const view& v, job_id j) override { on_any("submit", v, j); }
    void on_start(const view& v, job_id j) override { on_any("start", v, j); }
    void on_finish(const view& v, job_id j) override { on_any("finish", v, j); }
    void on_preempt(const view& v, job_id j) override { on_any("preempt", v, j); }
    void on_tick(const view& v) override { on_any("tick", v, none<job_id>); }
};

/// Starts what is queued, in submit order, as far as it fits.
void start_all(const view& v, plan& p) {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> queued;
    for (std::uint32_t i = 0; i != v.jobs.size(); ++i) {
        if (v.jobs[i].state == job_state::queued) queued.emplace_back(v.jobs[i].order, i);
    }
    std::sort(queued.begin(), queued.end());
    for (const auto& [order, i] : queued) p.start(job_id{i});
}

/// Everything that observers are told.
struct recorder final : sim::observer {
    struct start {
        sim::job_start what{};
        std::vector<fleet::gpu_share> where;
    };
    void on_start(const sim::job_start& s) override {
        starts.push_back({.what = s, .where = {s.where.begin(), s.where.end()}});
    }
    void on_sample(const sim::sample& s) override { samples.push_back(s); }
    std::vector<start> starts;
    std::vector<sim::sample> samples;
};

job_request job(std::int64_t submit, std::int64_t work, std::uint32_t gpus = 1, double speed = 1.0) {
    job_request r;
    r.submit = at(submit);
    r.work = duration{work};
    r.gpus = r.gpus_min = r.gpus_max = gpus;
    r.accelerator.speed = speed;
    return r;
}

using jobs_list = std::vector<job_request>;

jobs_list named(jobs_list jobs) {
    for (std::size_t i = 0; i != jobs.size(); ++i) jobs[i].name = static_cast<std::int64_t>(i);
    return jobs;
}

sim::parts make(fleet_state fleet, std::unique_ptr<policy::policy> policy, jobs_list jobs) {
    sim::parts p;
    p.fleet = std::move(fleet);
    p.policy = std::move(policy);
    p.placer = policy::make_pack();
    p.sources.push_back(std::make_unique<workload::vector_source>(named(std::move(jobs))));
    return p;
}

sim::parts make(fleet_state fleet, const std::string& policy, jobs_list jobs) {
    return make(std::move(fleet), policy::make_policy(policy, {}), std::move(jobs));
}

/// Jobs that meet: many ties, some without length, some that never fit on 4 nodes of 4.
jobs_list random_jobs(std::uint64_t seed, std::size_t n, bool zero_lengths = true) {
    std::mt19937_64 random{seed};
    jobs_list jobs;
    std::int64_t submit = 0;
    for (std::size_t i = 0; i != n; ++i) {
        submit += static_cast<std::int64_t>(random() % 3) * 10;
        const std::int64_t work = static_cast<std::int64_t>(random() % 12) * 10;
        job_request r = job(submit, zero_lengths || work != 0 ? work : 5, static_cast<std::uint32_t>(random() % 6));
        if (random() % 10 == 0) r.gpus = r.gpus_min = r.gpus_max = static_cast<std::uint32_t>(random() % 19);
        if (random() % 3 != 0) r.estimate = duration{work * static_cast<std::int64_t>(random() % 4) / 2};
        r.placement.spread = random() % 4 == 0;
        jobs.push_back(r);
    }
    return jobs;
}

std::string text(const sim::summary& s) {
    std::ostringstream out;
    out.precision(17);
    out << s.submitted << ' ' << s.finished << ' ' << s.rejected << ' ' << s.killed << ' ' << s.unfinished << ' '
        << s.preemptions << ' ' << ticks(s.simulated);
    for (const auto& d : {s.jct_s, s.wait_s, s.bounded_slowdown}) {
        if (d)
            out << " (" << d->mean << ' ' << d->p50 << ' ' << d->p90 << ' ' << d->p99 << ' ' << d->max << ')';
        else
            out << " none";
    }
    out << ' ' << s.makespan_s.value_or(-1) << ' ' << s.utilisation.value_or(-1) << ' ' << to_string(s.books.capacity);
    for (const gpu_time t : s.books.of) out << ' ' << to_string(t);
    return out.str();
}

std::string text(std::span<const sim::job_record> records) {
    std::ostringstream out;
    for (const auto& r : records) {
        out << r.name << ' ' << ticks(r.submit) << ' ' << ticks(r.first_start) << ' ' << ticks(r.finish) << ' '
            << ticks(r.useful) << ' ' << ticks(r.lost) << ' ' << r.gpus << ' ' << r.preemptions << ' ' << r.restarts
            << ' ' << static_cast<int>(r.state) << '\n';
    }
    return out.str();
}

/// Closes the books: summary and records of all sources.
std::string results(sim::simulation& s) {
    std::string out = text(s.results());
    for (std::size_t i = 0; i != s.num_sources(); ++i) out += "\n" + text(s.records(i));
    return out;
}

std::string run(sim::parts p) {
    sim::simulation s{std::move(p)};
    s.run();
    return results(s);
}

struct policy_fault : std::runtime_error {
    policy_fault() : std::runtime_error("from the policy") {}
};

}  // namespace

// ---- policies of one's own

TEST_CASE("a policy of a few lines orders jobs as it says", "[simulation]") {
    jobs_list jobs{job(0, 100), job(10, 50), job(20, 30), job(30, 40), job(40, 30), job(500, 7)};
    jobs[3].estimate = duration{45};
    sim::simulation s{make(fleet_state::pool(1), std::make_unique<shortest_estimate_first>(), jobs)};
    s.run();
    s.results();
    const std::array starts{0, 200, 100, 160, 130, 500};
    for (std::size_t i = 0; i != 6; ++i) {
        CAPTURE(i);
        CHECK(s.records(0)[i].first_start == at(starts[i]));
        CHECK(s.records(0)[i].finish == at(starts[i]) + jobs[i].work);
    }
}

TEST_CASE("a policy of a few lines gives the schedule of the built-in one", "[simulation]") {
    for (std::uint64_t seed = 0; seed != 20; ++seed) {
        CAPTURE(seed);
        for (const bool pool : {true, false}) {
            const auto where = [pool] { return pool ? fleet_state::pool(16) : fleet_state::flat_nodes(4, 4); };
            CHECK(run(make(where(), std::make_unique<shortest_estimate_first>(), random_jobs(seed, 300))) ==
                  run(make(where(), policy::make_policy("sjf", {.sjf_by_estimate = true}), random_jobs(seed, 300))));
        }
    }
}

TEST_CASE("a policy may preempt", "[simulation]") {
    // Alone on one GPU: each arrival takes it over; those before go on when the newer ones have left.
    sim::simulation s{make(fleet_state::pool(1), std::make_unique<newest_first>(),
                           {job(0, 100), job(10, 50), job(20, 5), job(200, 1)})};
    s.run();
    const sim::summary& sum = s.results();
    const auto r = s.records(0);
    CHECK(r[0].finish == at(155));
    CHECK(r[1].finish == at(65));
    CHECK(r[2].finish == at(25));
    CHECK(r[0].first_start == at(0));
    CHECK(r[1].first_start == at(10));
    CHECK(r[0].preemptions == 1);
    CHECK(r[1].preemptions == 1);
    CHECK(r[2].preemptions == 0);
    CHECK(r[0].useful == duration{100});
    CHECK(sum.preemptions == 2);
    CHECK(sum.books[account::useful] == 156);
    CHECK(sum.books[account::idle] == 45);
    for (std::uint64_t seed = 0; seed != 10; ++seed) {
        CAPTURE(seed);
        sim::simulation random{
            make(fleet_state::flat_nodes(4, 4), std::make_unique<newest_first>(), random_jobs(seed, 300))};
        random.run();
        CHECK(random.results().preemptions > 0);  // the books balance
        CHECK(random.results().finished + random.results().rejected == 300);
    }
}

TEST_CASE("a preemption that costs work books it as lost", "[simulation]") {
    // Stopped at 40 and 100 and going on at once, it loses 15 of 40 and all of 60, and needs the other 75.
    auto p = std::make_unique<scripted>();
    p->on_decide = [](const view& v, plan& decided) {
        if (v.now == at(40)) decided.preempt(job_id{0}, duration{15});
        if (v.now == at(100)) decided.preempt(job_id{0}, duration{60});
        start_all(v, decided);
        if (v.now < at(40)) decided.wake_at(at(40));
        if (v.now == at(40)) decided.wake_at(at(100));
    };
    sim::parts parts = make(fleet_state::pool(4), std::move(p), {job(0, 100, 3)});
    sim::simulation s{std::move(parts)};
    s.run();
    const sim::summary& sum = s.results();
    const auto& r = s.records(0)[0];
    CHECK(r.finish == at(175));
    CHECK(r.useful == duration{100});
    CHECK(r.lost == duration{75});
    CHECK(r.preemptions == 2);
    CHECK(sum.bounded_slowdown->mean == 1.0);
    CHECK(sum.books[account::useful] == 300);
    CHECK(sum.books[account::lost] == 225);
    CHECK(sum.books[account::idle] == 175);
}

TEST_CASE("an enforced estimate counts lost time too", "[simulation]") {
    auto p = std::make_unique<scripted>();
    p->on_decide = [](const view& v, plan& decided) {
        if (v.now == at(40)) decided.preempt(job_id{0}, duration{15});
        start_all(v, decided);
        if (v.now < at(40)) decided.wake_at(at(40));
    };
    jobs_list jobs{job(0, 100, 3)};
    jobs[0].estimate = duration{110};
    sim::parts parts = make(fleet_state::pool(4), std::move(p), std::move(jobs));
    parts.enforce_estimate = true;
    sim::simulation s{std::move(parts)};
    s.run();
    const sim::summary& sum = s.results();
    CHECK(s.records(0)[0].state == outcome::killed);
    CHECK(s.records(0)[0].finish == at(110));
    CHECK(s.records(0)[0].lost == duration{110});
    CHECK(sum.books[account::lost] == 330);
    CHECK(sum.books[account::useful] == 0);
}

TEST_CASE("a policy may reject jobs that wait", "[simulation]") {
    auto picky = std::make_unique<scripted>();
    picky->on_decide = [](const view& v, plan& p) {
        for (std::uint32_t i = 0; i != v.jobs.size(); ++i) {
            const auto& j = v.jobs[i];
            if (j.state == job_state::running && v.now == at(50) && j.demand.gpus == 1) p.preempt(job_id{i});
            if (j.state == job_state::queued && (j.demand.gpus == 2 || v.now == at(50))) p.reject(job_id{i});
        }
        start_all(v, p);
        if (v.now < at(50)) p.wake_at(at(50));
    };
    sim::simulation s{make(fleet_state::pool(8), std::move(picky),
                           {job(0, 100, 1), job(0, 20, 2), job(10, 100, 3), job(60, 5, 4), job(61, 5, 2)})};
    s.run();
    const sim::summary& sum = s.results();
    const auto r = s.records(0);
    CHECK(sum.submitted == 5);
    CHECK(sum.rejected == 3);
    CHECK(sum.finished == 2);
    CHECK(sum.unfinished == 0);
    CHECK(s.departed() == 5);
    CHECK(s.waiting() == 0);
    CHECK(r[0].state == outcome::rejected);  // it had run before: its time is lost, and its start is known
    CHECK(r[0].first_start == at(0));
    CHECK(r[0].finish == sim::unset);
    CHECK(r[0].useful == duration::zero());
    CHECK(r[0].lost == duration{50});
    CHECK(r[1].state == outcome::rejected);
    CHECK(r[1].first_start == sim::unset);
    CHECK(r[1].useful == duration::zero());
    CHECK(r[2].finish == at(110));
    CHECK(r[3].finish == at(65));
    CHECK(r[4].state == outcome::rejected);
    CHECK(sum.books[account::useful] == 3 * 100 + 4 * 5);
    CHECK(sum.books[account::lost] == 50);
}

TEST_CASE("a policy is told what happens, in order", "[simulation]") {
    std::vector<std::string> told;
    auto listener = std::make_unique<scripted>();
    listener->on_decide = [](const view& v, plan& p) {
        if (v.now == at(10)) p.preempt(job_id{0});
        start_all(v, p);
        if (v.now == at(0)) p.wake_at(at(30));
    };
    listener->on_any = [&told](const std::string& what, const view& v, job_id j) {
        told.push_back(std::to_string(ticks(v.now)) + " " + what +
                       (j == none<job_id> ? "" : " " + std::to_string(v[j].order)));
    };
    // The third job is too large for the fleet: no policy sees it.
    sim::simulation s{
        make(fleet_state::pool(2), std::move(listener), {job(0, 20, 1), job(10, 20, 1), job(10, 9, 3), job(30, 0, 2)})};
    s.run();
    CHECK(told == std::vector<std::string>{"0 submit 0", "0 decide", "0 start 0", "10 submit 1", "10 decide",
                                           "10 preempt 0", "10 start 0", "10 start 1", "20 finish 0", "20 decide",
                                           "30 finish 1", "30 submit 3", "30 tick", "30 decide", "30 start 3",
                                           "30 finish 3", "30 decide"});
    CHECK(s.results().rejected == 1);
    CHECK(s.records(0)[2].state == outcome::rejected);
}

// ---- driving a run

TEST_CASE("a run can be cut anywhere", "[simulation]") {
    for (const std::string policy : {"fifo", "srtf", "las", "easy", "conservative"}) {
        for (const bool pool : {true, false}) {
            CAPTURE(policy, pool);
            const auto parts = [&] {
                return make(pool ? fleet_state::pool(16) : fleet_state::flat_nodes(4, 4), policy, random_jobs(3, 200));
            };
            sim::simulation whole{parts()};
            CHECK(whole.run_until(never) == sim::status::done);
            const std::string expected = results(whole);

            sim::simulation stepped{parts()};
            std::uint64_t rounds = 0;
            instant last = start_of_time;
            std::uint64_t peak = 0;
            while (stepped.step() == sim::status::paused) {
                ++rounds;
                if (stepped.now() < last) FAIL("the clock goes back");
                last = stepped.now();
                peak = std::max(peak, stepped.waiting());
            }
            CHECK(rounds > 100);
            CHECK(stepped.events_processed() == whole.events_processed());
            CHECK(stepped.peak_queue() == peak);
            CHECK(whole.peak_queue() == peak);
            CHECK(results(stepped) == expected);

            for (const std::uint64_t events : {2U, 3U, 17U, 100U}) {
                sim::simulation cut{parts()};
                std::uint64_t before = 0;
                while (cut.run_rounds(events) == sim::status::paused) {
                    if (cut.events_processed() < before + events) FAIL("a pause too early");
                    before = cut.events_processed();
                }
                CHECK(results(cut) == expected);
            }

            sim::simulation resumed{parts()};
            for (std::int64_t t = 0; resumed.run_until(at(t)) == sim::status::paused; t += 7) {
                if (resumed.now() > at(t)) FAIL("the clock is at " << ticks(resumed.now()) << " after " << t);
                if (resumed.run_until(at(t)) == sim::status::paused &&
                    resumed.run_until(at(t - 1)) == sim::status::done)
                    FAIL("done in the past");
            }
            CHECK(results(resumed) == expected);
        }
    }
}

TEST_CASE("a run that is stopped early is a run until then", "[simulation]") {
    for (const std::int64_t cut : {0, 1, 10, 345, 990}) {
        CAPTURE(cut);
        sim::simulation stopped{make(fleet_state::flat_nodes(4, 4), "easy", random_jobs(5, 200))};
        CHECK(stopped.run_until(at(cut)) == sim::status::paused);
        const instant reached = stopped.now();
        sim::parts p = make(fleet_state::flat_nodes(4, 4), "easy", random_jobs(5, 200));
        p.until = reached - start_of_time;
        sim::simulation until{std::move(p)};
        until.run();
        CHECK(results(stopped) == results(until));
        CHECK(stopped.results().simulated == reached - start_of_time);
        CHECK(stopped.results().submitted == stopped.arrived());
    }
}

TEST_CASE("until includes the events of its instant, with their pass", "[simulation]") {
    const jobs_list jobs{job(0, 100, 2), job(50, 10, 2), job(100, 30, 1), job(101, 1, 1)};
    const auto until = [&jobs](std::int64_t t) {
        sim::parts p = make(fleet_state::pool(2), "fifo", jobs);
        p.until = duration{t};
        auto s = std::make_unique<sim::simulation>(std::move(p));
        s->run();
        return s;
    };
    const auto before = until(99);
    CHECK(before->results().unfinished == 2);
    CHECK(before->results().submitted == 2);
    CHECK(before->records(0)[0].useful == duration{99});
    CHECK(before->records(0)[0].finish == sim::unset);
    CHECK(before->results().books[account::useful] == 198);

    const auto exactly = until(100);
    CHECK(exactly->results().finished == 1);
    CHECK(exactly->results().submitted == 3);
    CHECK(exactly->records(0)[0].finish == at(100));
    CHECK(exactly->records(0)[1].first_start == at(100));  // the pass
    CHECK(exactly->records(0)[1].state == outcome::unfinished);
    CHECK(exactly->records(0)[2].state == outcome::unfinished);
    CHECK(exactly->results().books.capacity == 200);
    CHECK(exactly->run_until(never) == sim::status::done);

    const auto later = until(1000);
    CHECK(later->results().finished == 4);
    CHECK(later->results().simulated == duration{1000});
    CHECK(later->results().books.capacity == 2000);
    CHECK(later->results().books[account::idle] == 2000 - 200 - 20 - 30 - 1);
    CHECK(later->now() == at(140));
}

TEST_CASE("a job without length at until runs in the next round of it", "[simulation]") {
    sim::parts p = make(fleet_state::pool(1), "fifo", {job(10, 0), job(10, 0), job(10, 1)});
    p.until = duration{10};
    sim::simulation s{std::move(p)};
    s.run();
    CHECK(s.results().finished == 2);
    CHECK(s.results().unfinished == 1);
    CHECK(s.records(0)[2].first_start == at(10));
}

TEST_CASE("a run without jobs ends at once", "[simulation]") {
    for (const bool with_source : {true, false}) {
        CAPTURE(with_source);
        const auto parts = [with_source] {
            sim::parts p = make(fleet_state::pool(3), "easy", {});
            if (!with_source) p.sources.clear();
            return p;
        };
        sim::simulation s{parts()};
        CHECK(s.step() == sim::status::done);
        CHECK(s.run_rounds(10) == sim::status::done);
        const sim::summary& sum = s.results();
        CHECK(sum.submitted == 0);
        CHECK(sum.simulated == duration::zero());
        CHECK_FALSE(sum.jct_s.has_value());
        CHECK_FALSE(sum.wait_s.has_value());
        CHECK_FALSE(sum.bounded_slowdown.has_value());
        CHECK_FALSE(sum.makespan_s.has_value());
        CHECK_FALSE(sum.utilisation.has_value());
        CHECK(sum.books.capacity == 0);
        CHECK(s.num_sources() == (with_source ? 1U : 0U));
        if (with_source) CHECK(s.records(0).empty());

        sim::parts p = parts();
        p.until = duration{50};
        sim::simulation idle{std::move(p)};
        idle.run();
        CHECK(idle.results().simulated == duration{50});
        CHECK(idle.results().books[account::idle] == 150);
    }
}

TEST_CASE("results can be asked for again", "[simulation]") {
    sim::simulation s{make(fleet_state::pool(16), "easy", random_jobs(8, 200))};
    s.run_until(at(500));
    const std::string first = results(s);
    const sim::summary* const where = &s.results();
    CHECK(results(s) == first);
    CHECK(&s.results() == where);
    const sim::summary copy = s.results();
    CHECK(text(copy) == text(s.results()));
}

TEST_CASE("records stand in file order, whatever the order of the submits", "[simulation]") {
    const jobs_list jobs{job(30, 5), job(10, 7), job(20, 1), job(10, 2), job(0, 3)};
    sim::simulation s{make(fleet_state::pool(1), "fifo", jobs)};
    s.run();
    s.results();
    const auto r = s.records(0);
    REQUIRE(r.size() == 5);
    for (std::size_t i = 0; i != 5; ++i) {
        CAPTURE(i);
        CHECK(r[i].name == static_cast<std::int64_t>(i));
        CHECK(r[i].submit == jobs[i].submit);
        CHECK(r[i].useful == jobs[i].work);
    }
    CHECK(r[1].first_start == at(10));
    CHECK(r[3].first_start == at(17));
    CHECK(r[0].first_start == at(30));
}

TEST_CASE("rows that a run did not reach stay unset", "[simulation]") {
    sim::parts p = make(fleet_state::pool(1), "fifo", {job(90, 1), job(10, 7), job(95, 1), job(20, 1)});
    p.until = duration{50};
    sim::simulation s{std::move(p)};
    s.run();
    CHECK(s.results().submitted == 2);
    const auto r = s.records(0);
    REQUIRE(r.size() == 4);
    CHECK(r[0].submit == sim::unset);
    CHECK(r[2].submit == sim::unset);
    CHECK(r[3].finish == at(21));
}

// ---- order

TEST_CASE("jobs of one instant keep the order of their file", "[simulation]") {
    recorder seen;
    sim::parts p = make(fleet_state::pool(1), "fifo", jobs_list(3000, job(5, 1)));  // more than one batch of the source
    p.observers = {&seen};
    sim::simulation s{std::move(p)};
    s.run();
    REQUIRE(seen.starts.size() == 3000);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i != 3000; ++i) {
        if (seen.starts[i].what.name != static_cast<std::int64_t>(i) ||
            seen.starts[i].what.at != at(5 + static_cast<std::int64_t>(i)))
            ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(s.peak_queue() == 2999);
}

TEST_CASE("several sources are merged by submit, then by entry, then by row", "[simulation]") {
    std::mt19937_64 random{4};
    recorder seen;
    sim::parts p = make(fleet_state::pool(1), "fifo", {});
    p.sources.clear();
    p.observers = {&seen};
    std::vector<std::tuple<std::int64_t, std::uint16_t, std::int64_t>> expected;
    for (std::uint16_t entry = 0; entry != 5; ++entry) {
        jobs_list jobs;
        for (std::int64_t i = 0; i != (entry == 2 ? 0 : entry == 3 ? 2500 : 400); ++i) {
            jobs.push_back(job(static_cast<std::int64_t>(random() % 100), 3));
            expected.emplace_back(ticks(jobs.back().submit), entry, i);
        }
        p.sources.push_back(std::make_unique<workload::vector_source>(named(jobs)));
    }
    std::sort(expected.begin(), expected.end());
    sim::simulation s{std::move(p)};
    s.run();
    s.results();
    REQUIRE(seen.starts.size() == expected.size());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i != expected.size(); ++i) {
        const auto& [submit, entry, row] = expected[i];
        const auto& w = seen.starts[i].what;
        if (w.source != entry || w.name != row || s.records(entry)[static_cast<std::size_t>(row)].submit != at(submit))
            ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(s.num_sources() == 5);
    CHECK(s.records(2).empty());
    CHECK(s.records(3).size() == 2500);
    CHECK(s.source(3).progress() == 1.0);
    CHECK(s.reading_s() >= 0);
}

// ---- counters and observers

TEST_CASE("the counters integrate to waiting and response times", "[simulation]") {
    for (const std::string policy : {"fifo", "fifo-skip", "easy", "conservative", "sjf"}) {
        CAPTURE(policy);
        sim::simulation s{make(fleet_state::pool(16), policy, random_jobs(11, 400))};
        std::int64_t waited = 0;
        std::int64_t present = 0;
        instant last = start_of_time;
        std::uint64_t waiting = 0;
        std::uint64_t live = 0;
        while (s.step() == sim::status::paused) {
            waited += static_cast<std::int64_t>(waiting) * ticks(s.now() - last);
            present += static_cast<std::int64_t>(live) * ticks(s.now() - last);
            last = s.now();
            waiting = s.waiting();
            live = s.arrived() - s.departed();
            if (waiting > live || live - waiting > 16) FAIL(live << " jobs, " << waiting << " of them wait");
            if (waiting > s.peak_queue()) FAIL("more wait than at the peak");
        }
        CHECK(s.arrived() == 400);
        CHECK(s.departed() == 400);
        CHECK(s.waiting() == 0);
        s.results();
        std::int64_t expected_waited = 0;
        std::int64_t expected_present = 0;
        for (const auto& r : s.records(0)) {
            if (r.state != outcome::finished) continue;
            expected_waited += ticks(r.first_start - r.submit);
            expected_present += ticks(r.finish - r.submit);
        }
        CHECK(waited == expected_waited);
        CHECK(present == expected_present);
        CHECK(waited > 0);
    }
}

TEST_CASE("the peak of the queue is taken after the pass", "[simulation]") {
    const auto peak = [](jobs_list jobs, std::optional<duration> until = {}) {
        sim::parts p = make(fleet_state::pool(2), "fifo", std::move(jobs));
        p.until = until;
        sim::simulation s{std::move(p)};
        s.run();
        return s.peak_queue();
    };
    CHECK(peak({}) == 0);
    CHECK(peak({job(0, 5), job(0, 5)}) == 0);
    CHECK(peak({job(0, 5), job(0, 5), job(0, 5), job(1, 5)}) == 2);
    CHECK(peak({job(0, 0), job(0, 0), job(0, 0)}) == 1);
    CHECK(peak({job(0, 5, 3), job(0, 5, 0)}) == 0);  // rejected jobs never wait
    CHECK(peak({job(0, 10, 2), job(3, 1), job(4, 1), job(5, 1)}, duration{4}) == 2);
}

TEST_CASE("observers see each start once, in order, with its place", "[simulation]") {
    recorder seen;
    recorder also;
    sim::parts p = make(fleet_state::flat_nodes(4, 4), "srtf", random_jobs(13, 300));
    p.observers = {&seen, &also};
    sim::simulation s{std::move(p)};
    s.run();
    s.results();
    const auto r = s.records(0);
    std::vector<std::uint32_t> attempts(r.size(), 0);
    instant last = start_of_time;
    for (const auto& [what, where] : seen.starts) {
        const auto i = static_cast<std::size_t>(what.name);
        CHECK(what.attempt == ++attempts[i]);
        CHECK(what.at >= last);
        if (what.attempt == 1) CHECK(what.at == r[i].first_start);
        last = what.at;
        std::uint64_t gpus = 0;
        std::set<node_id> nodes;
        for (const auto& share : where) {
            gpus += static_cast<std::uint64_t>(std::popcount(share.gpus));
            CHECK(nodes.insert(share.node).second);
            CHECK(index(share.node) < 4);
        }
        CHECK(gpus == r[i].gpus);
    }
    for (std::size_t i = 0; i != r.size(); ++i)
        CHECK(attempts[i] == (r[i].state == outcome::finished ? r[i].preemptions + 1 : 0));
    CHECK(s.results().preemptions > 0);
    CHECK(also.starts.size() == seen.starts.size());
    CHECK(seen.samples.empty());
}

TEST_CASE("samples show the state behind everything else of their instant", "[simulation]") {
    recorder seen;
    const auto parts = [] { return make(fleet_state::pool(16), "easy", random_jobs(14, 300, false)); };
    sim::parts p = parts();
    p.observers = {&seen};
    p.sample_every = duration{25};
    sim::simulation s{std::move(p)};
    s.run();
    const sim::summary& sum = s.results();
    REQUIRE(seen.samples.size() > 100);
    CHECK(start_of_time + sum.simulated > seen.samples.back().at - duration{25});
    sim::simulation other{parts()};
    std::size_t i = 0;
    for (const sim::sample& x : seen.samples) {
        CAPTURE(i);
        CHECK(x.at == at(static_cast<std::int64_t>(25 * i++)));
        other.run_until(x.at);
        CHECK(x.queued == other.waiting());
        CHECK(x.running == other.arrived() - other.departed() - other.waiting());
        CHECK(x.busy_gpus + x.free_gpus == 16);
        CHECK(x.busy_gpus >= x.running);
    }
    other.run();
    other.results();
    for (const sim::sample& x : seen.samples) {
        std::uint64_t finished = 0;
        std::uint64_t busy = 0;
        for (const auto& r : other.records(0)) {
            if (r.state != outcome::finished) continue;
            if (r.finish <= x.at) ++finished;
            if (r.first_start <= x.at && x.at < r.finish) busy += r.gpus;
        }
        CHECK(x.finished == finished);
        CHECK(x.busy_gpus == busy);
    }
}

TEST_CASE("sampling changes no result", "[simulation]") {
    for (const std::string policy : {"fifo", "las", "conservative"}) {
        for (const std::optional<duration> until :
             {std::optional<duration>{}, std::optional{duration{777}}, std::optional{duration{100'000}}}) {
            CAPTURE(policy, until.has_value());
            const auto parts = [&](std::optional<duration> every) {
                sim::parts p = make(fleet_state::flat_nodes(4, 4), policy, random_jobs(15, 200));
                p.until = until;
                p.sample_every = every;
                return p;
            };
            const std::string plain = run(parts({}));
            for (const std::int64_t every : {1, 10, 33, 1'000'000}) CHECK(run(parts(duration{every})) == plain);
        }
    }
}

TEST_CASE("samples go on until the end that was asked for, and no longer", "[simulation]") {
    const auto samples = [](std::optional<duration> until) {
        recorder seen;
        sim::parts p = make(fleet_state::pool(1), "fifo", {job(3, 14)});
        p.until = until;
        p.sample_every = duration{10};
        p.observers = {&seen};
        sim::simulation s{std::move(p)};
        s.run();
        std::vector<std::int64_t> times;
        for (const auto& x : seen.samples) times.push_back(ticks(x.at));
        return times;
    };
    CHECK(samples({}) == std::vector<std::int64_t>{0, 10, 20});
    CHECK(samples(duration{9}) == std::vector<std::int64_t>{0});
    CHECK(samples(duration{40}) == std::vector<std::int64_t>{0, 10, 20, 30, 40});
    CHECK(samples(duration{49}) == std::vector<std::int64_t>{0, 10, 20, 30, 40});
}

// ---- wishes to be woken

TEST_CASE("a wish to be woken brings a tick and a pass at its instant", "[simulation]") {
    using wishes = std::vector<std::pair<std::int64_t, instant>>;
    // One job at 0 and one at 20 make the policy decide; `asked` is what it wishes then.
    const auto ticks_of = [](const wishes& asked) {
        std::vector<std::string> told;
        auto p = std::make_unique<scripted>();
        p->on_decide = [&asked](const view& v, plan& decided) {
            start_all(v, decided);
            for (const auto& [when, wish] : asked) {
                if (at(when) == v.now) decided.wake_at(wish);
            }
        };
        bool ticked = false;
        p->on_any = [&](const std::string& what, const view& v, job_id) {
            if (what == "tick") told.push_back("tick " + std::to_string(ticks(v.now)));
            if (what == "decide" && ticked) told.push_back("decide " + std::to_string(ticks(v.now)));
            ticked = what == "tick";
        };
        sim::simulation s{make(fleet_state::pool(4), std::move(p), {job(0, 100), job(20, 100)})};
        s.run();
        CHECK(s.results().finished == 2);
        return told;
    };
    using list = std::vector<std::string>;
    CHECK(ticks_of({}).empty());
    CHECK(ticks_of({{0, at(10)}}) == list{"tick 10", "decide 10"});
    CHECK(ticks_of({{0, at(50)}}) == list{"tick 50", "decide 50"});                // a pass without a wish keeps it
    CHECK(ticks_of({{0, at(50)}, {20, at(30)}}) == list{"tick 30", "decide 30"});  // an earlier one replaces it
    CHECK(ticks_of({{0, at(50)}, {20, at(70)}}) == list{"tick 70", "decide 70"});  // so does a later one
    CHECK(ticks_of({{0, at(50)}, {20, never}}).empty());                           // never withdraws it
    CHECK(ticks_of({{0, never}}).empty());
    CHECK(ticks_of({{0, at(50)}, {0, at(60)}}) == list{"tick 60", "decide 60"});  // the last of one plan counts
    CHECK(ticks_of({{0, at(50)}, {0, never}}).empty());
    CHECK(ticks_of({{0, at(20)}}) == list{"tick 20", "decide 20"});  // with an arrival: one pass
    CHECK(ticks_of({{0, at(5)}, {5, at(6)}, {6, at(300)}}) ==
          list{"tick 5", "decide 5", "tick 6", "decide 6", "tick 300", "decide 300"});
}

// ---- faults

TEST_CASE("a policy that proposes nonsense is stopped", "[simulation]") {
    const auto run_with = [](const std::function<void(const view&, plan&)>& nonsense) {
        auto p = std::make_unique<scripted>();
        p->on_decide = [&nonsense](const view& v, plan& decided) {
            start_all(v, decided);
            if (v.now == at(10)) nonsense(v, decided);
        };
        sim::simulation s{
            make(fleet_state::flat_nodes(2, 4), std::move(p), {job(0, 100, 4), job(10, 100, 2), job(20, 1, 8)})};
        try {
            s.run();
        } catch (const plan_error& e) {
            CHECK(e.exit_status() == 5);
            CHECK(s.now() == at(10));
            // The plan was taken back as a whole, so the second job still waits, and the books balance.
            CHECK(s.waiting() == 1);
            CHECK(s.results().books[account::useful] == 40);
            CHECK(s.records(0)[1].first_start == sim::unset);
            return std::string{e.what()};
        }
        return std::string{"accepted"};
    };
    const auto has = [](const std::string& text, const std::string& part) {
        return text.find(part) != std::string::npos;
    };
    const auto job_by_order = [](const view& v, std::uint64_t order) {
        for (std::uint32_t i = 0; i != v.jobs.size(); ++i) {
            if (v.jobs[i].order == order) return job_id{i};
        }
        return none<job_id>;
    };
    CHECK(has(run_with([&](const view& v, plan& p) { p.start(job_by_order(v, 0)); }), "job number 0 by arrival"));
    CHECK(has(run_with([&](const view& v, plan& p) { p.preempt(job_by_order(v, 1)); }), "has just started it"));
    CHECK(has(run_with([&](const view&, plan& p) { p.reject(job_id{55}); }), "job id 55"));
    CHECK(has(run_with([&](const view& v, plan& p) { p.wake_at(v.now); }), "not after now"));
    CHECK(has(run_with([&](const view& v, plan& p) { p.resize(job_by_order(v, 0), 2); }), "it is rigid"));
    CHECK(has(run_with([&](const view& v, plan& p) {
                  p.preempt(job_by_order(v, 0));
                  const std::array where{fleet::gpu_share{.node = node_id{1}, .gpus = 0xF}};
                  p.start(job_by_order(v, 0), where);
              }),
              "GPUs of node 1 are not free"));
    CHECK(run_with([&](const view& v, plan& p) { p.preempt(job_by_order(v, 0)); }) == "accepted");
}

TEST_CASE("what a policy throws passes through", "[simulation]") {
    for (const std::string where : {"submit", "decide", "start", "finish", "preempt", "tick"}) {
        for (const bool pool : {true, false}) {
            CAPTURE(where, pool);
            auto p = std::make_unique<scripted>();
            p->on_decide = [](const view& v, plan& decided) {
                if (v.now == at(10)) decided.preempt(job_id{0});
                start_all(v, decided);
                if (v.now == at(0)) decided.wake_at(at(15));
            };
            p->on_any = [&where](const std::string& what, const view& v, job_id) {
                if (what == where && v.now >= at(10)) throw policy_fault{};
            };
            sim::simulation s{make(pool ? fleet_state::pool(8) : fleet_state::flat_nodes(2, 4), std::move(p),
                                   {job(0, 30, 4), job(10, 30, 4), job(11, 5, 8)})};
            CHECK_THROWS_AS(s.run(), policy_fault);
            CHECK(s.now() >= at(10));
        }
    }
    auto p = std::make_unique<scripted>();
    p->on_decide = [](const view& v, plan& decided) {  // behind proposals, and not an exception of the standard library
        start_all(v, decided);
        if (v.now == at(10)) throw 17;
    };
    sim::simulation s{make(fleet_state::flat_nodes(2, 4), std::move(p), {job(0, 30, 4), job(10, 30, 4)})};
    CHECK_THROWS_AS(s.run(), int);
    CHECK(s.results().unfinished == 2);
    CHECK(s.records(0)[1].first_start == sim::unset);
}

TEST_CASE("jobs that cannot be are refused", "[simulation]") {
    const auto refused = [](const std::function<void(workload::job_request&)>& change) {
        jobs_list jobs{job(0, 1), job(5, 1, 2)};
        jobs[1].kind = workload::job_kind::elastic;
        change(jobs[1]);
        sim::simulation s{make(fleet_state::pool(4), "fifo", jobs)};
        try {
            s.run();
        } catch (const scenario_error&) {
            return true;
        }
        return false;
    };
    CHECK_FALSE(refused([](auto&) {}));
    CHECK_FALSE(refused([](auto& r) { r.gpus_min = 1; }));
    CHECK_FALSE(refused([](auto& r) { r.gpus_max = 2U << 20U; }));
    CHECK(refused([](auto& r) { r.gpus_min = 0; }));
    CHECK(refused([](auto& r) { r.gpus_min = 3; }));
    CHECK(refused([](auto& r) { r.gpus_max = 1; }));
    CHECK(refused([](auto& r) { r.gpus_max = (2U << 20U) + 1; }));
    CHECK(refused([](auto& r) { r.serial_fraction = 1.5; }));
    CHECK(refused([](auto& r) { r.serial_fraction = std::numeric_limits<double>::quiet_NaN(); }));
    CHECK(refused([](auto& r) {
        r.kind = workload::job_kind::rigid;
        r.gpus_max = 3;
    }));
    jobs_list service{job(0, 1)};
    service[0].kind = workload::job_kind::service;
    sim::simulation t{make(fleet_state::pool(4), "fifo", service)};
    CHECK_THROWS_AS(t.run(), scenario_error);
}

TEST_CASE("a run beyond the range of time is refused", "[simulation]") {
    const jobs_list jobs{job(0, ticks(years(150))), job(0, ticks(years(150))), job(0, 1)};
    for (const std::string policy : {"fifo", "srtf", "las", "easy", "conservative"}) {
        CAPTURE(policy);
        sim::simulation s{make(fleet_state::pool(1), policy, jobs)};
        try {
            s.run();
            FAIL("accepted");
        } catch (const scenario_error& e) {
            CHECK(e.exit_status() == 2);
            CHECK(std::string{e.what()}.find("292 years") != std::string::npos);
            CHECK(e.details().key == "until");
        }
        // With an end there is nothing to refuse.
        sim::parts p = make(fleet_state::pool(1), policy, jobs);
        p.until = years(200);
        sim::simulation bounded{std::move(p)};
        bounded.run();
        CHECK(bounded.results().finished >= 1);
        CHECK(bounded.results().unfinished >= 1);
        CHECK(bounded.results().books.capacity == ticks(years(200)));
    }
}

// ---- speeds

TEST_CASE("a job at another speed ends after its work divided by it", "[simulation]") {
    // 1.7 as a double is mantissa / 2^52.
    const auto mantissa = static_cast<uint128>(1.7 * 4503599627370496.0);
    const auto time_for_work = [mantissa](std::uint64_t work, double speed) -> std::int64_t {
        uint128 above = work;
        uint128 below = 1;
        if (speed == 0.5) above *= 2;
        if (speed == 3.0) below = 3;
        if (speed == 1.7) {
            above <<= 52U;
            below = mantissa;
        }
        return static_cast<std::int64_t>((above + below - 1) / below);
    };
    std::mt19937_64 random{21};
    constexpr std::array speeds{0.5, 3.0, 1.7, 1.0};
    for (const std::string policy : {"fifo", "fifo-skip", "sjf", "srtf", "las", "easy"}) {
        jobs_list jobs;
        for (std::size_t i = 0; i != 400; ++i) {
            const auto work = static_cast<std::int64_t>(random() % (i % 3 == 0 ? 10U : 1'000'000'007U));
            jobs.push_back(job(static_cast<std::int64_t>(i) * 100'000'000, work,
                               static_cast<std::uint32_t>(1 + random() % 4), speeds[random() % 4]));
        }
        recorder seen;
        sim::parts p = make(fleet_state::pool(6), policy, jobs);
        p.observers = {&seen};
        sim::simulation s{std::move(p)};
        s.run();
        const sim::summary& sum = s.results();  // the books balance
        CHECK(sum.finished == 400);
        const auto r = s.records(0);
        gpu_time useful = 0;
        for (std::size_t i = 0; i != 400; ++i) {
            CAPTURE(policy, i);
            const std::int64_t alone =
                time_for_work(static_cast<std::uint64_t>(ticks(jobs[i].work)), jobs[i].accelerator.speed);
            useful += gpu_time{ticks(r[i].useful)} * r[i].gpus;
            if (r[i].preemptions == 0) {
                if (r[i].finish != r[i].first_start + duration{alone})
                    FAIL("ends at " << ticks(r[i].finish) << " from " << ticks(r[i].first_start));
                if (r[i].useful != duration{alone}) FAIL("useful " << ticks(r[i].useful) << ", not " << alone);
            } else if (ticks(r[i].useful) < alone || ticks(r[i].useful) > alone + 2 * r[i].preemptions) {
                FAIL("useful " << ticks(r[i].useful) << " instead of about "
                               << alone);  // each cut loses a part of one step of work
            }
        }
        CHECK(sum.books[account::useful] == useful);
        if (policy == "srtf") CHECK(sum.preemptions > 0);
    }
}

TEST_CASE("a preempted job goes on with what is left at its speed", "[simulation]") {
    const std::vector<std::int64_t> cuts{1, 3, 10, 1001, 1002, 5000};
    struct expected {
        double speed = 1;
        std::int64_t finish = 0;
    };
    // Work 9001 ns. Done by the cuts, piece by piece, at half speed: 0 + 1 + 3 + 495 + 0 + 1999; the other 6503 take
    // 13006. At speed 3: 3 + 6 + 21 + 2973 + 3 + 5995 left take 1999 (rounded up); at 1: 9001 in all. At 1.7: 1 + 3 +
    // 11 + 1684 + 1 + 6796; the other 505 take 298.
    for (const expected& e :
         {expected{0.5, 5000 + 13'006}, expected{3.0, 1002 + 1999}, expected{1.0, 9001}, expected{1.7, 5000 + 298}}) {
        CAPTURE(e.speed);
        auto p = std::make_unique<scripted>();
        p->on_decide = [&cuts](const view& v, plan& decided) {
            for (const std::int64_t cut : cuts) {
                if (v.now == at(cut) && v.jobs[0].state == job_state::running) decided.preempt(job_id{0});
            }
            start_all(v, decided);
            const auto next = std::upper_bound(cuts.begin(), cuts.end(), ticks(v.now));
            if (next != cuts.end()) decided.wake_at(at(*next));
        };
        sim::simulation s{make(fleet_state::flat_nodes(1, 8), std::move(p), {job(0, 9001, 5, e.speed)})};
        s.run();
        const sim::summary& sum = s.results();
        const auto& r = s.records(0)[0];
        CHECK(r.finish == at(e.finish));
        CHECK(r.useful == duration{e.finish});
        CHECK(r.preemptions == (e.speed == 3.0 ? 5 : 6));
        CHECK(r.first_start == at(0));
        CHECK(sum.books[account::useful] == gpu_time{5} * e.finish);
    }
}

TEST_CASE("an enforced estimate is run time, whatever the speed", "[simulation]") {
    jobs_list jobs{job(0, 100, 2, 0.5), job(0, 100, 2, 3.0)};
    for (auto& j : jobs) j.estimate = duration{60};
    sim::parts p = make(fleet_state::pool(4), "fifo", jobs);
    p.enforce_estimate = true;
    sim::simulation s{std::move(p)};
    s.run();
    const sim::summary& sum = s.results();
    CHECK(sum.killed == 1);
    CHECK(s.records(0)[0].state == outcome::killed);
    CHECK(s.records(0)[0].finish == at(60));
    CHECK(s.records(0)[0].lost == duration{60});
    CHECK(s.records(0)[0].useful == duration::zero());
    CHECK(s.records(0)[1].finish == at(34));
    CHECK(sum.books[account::lost] == 120);
    CHECK(sum.books[account::useful] == 68);
}

// ---- several simulations

TEST_CASE("simulations side by side do not meet", "[simulation]") {
    const std::array policies{"fifo", "fifo-skip", "sjf", "srtf", "las", "easy", "conservative"};
    const auto parts = [&policies](std::size_t i) {
        return make(i % 2 == 0 ? fleet_state::pool(16) : fleet_state::flat_nodes(4, 4), policies[i % 7],
                    random_jobs(30 + i % 3, 200));
    };
    std::vector<sim::simulation> together;
    for (std::size_t i = 0; i != 14; ++i) together.emplace_back(parts(i));
    std::mt19937_64 random{1};
    for (bool more = true; more;) {
        more = false;
        for (auto& s : together) {
            const sim::status after = random() % 2 == 0 ? s.step() : s.run_rounds(1 + random() % 20);
            more = more || after == sim::status::paused;
        }
    }
    for (std::size_t i = 0; i != 14; ++i) {
        CAPTURE(i);
        CHECK(results(together[i]) == run(parts(i)));
    }
}

TEST_CASE("a simulation can be moved while it runs", "[simulation]") {
    const auto parts = [](std::uint64_t seed) {
        return make(fleet_state::flat_nodes(4, 4), "las", random_jobs(seed, 200));
    };
    sim::simulation first{parts(41)};
    first.run_until(at(300));
    const instant there = first.now();
    sim::simulation moved{std::move(first)};
    CHECK(moved.now() == there);
    moved.run_until(at(600));
    sim::simulation other{parts(42)};
    other.run_until(at(100));
    other = std::move(moved);
    other.run();
    CHECK(results(other) == run(parts(41)));
    sim::simulation last{std::move(other)};
    CHECK(results(last) == run(parts(41)));
}

TEST_CASE("reservations of jobs at other speeds hold no one up", "[simulation]") {
    sim::simulation fast{make(fleet_state::pool(1), "conservative", {job(0, 30, 1, 3.0), job(5, 1)})};
    fast.run();
    CHECK(fast.results().finished == 2);
    CHECK(fast.records(0)[1].first_start == at(10));
    for (const std::string policy : {"easy", "conservative"}) {
        CAPTURE(policy);
        // The third job would run until 14 and delay the second, which can start at 10.
        sim::simulation slow{make(fleet_state::pool(2), policy, {job(0, 10), job(1, 5, 2), job(2, 6, 1, 0.5)})};
        slow.run();
        slow.results();
        CHECK(slow.records(0)[1].first_start == at(10));
    }
}

TEST_CASE("srtf knows what is left at another speed", "[simulation]") {
    sim::simulation fast{make(fleet_state::pool(1), "srtf", {job(0, 100, 1, 2.0), job(40, 30)})};
    fast.run();
    CHECK(fast.results().preemptions == 0);  // 10 ns are left of it at 40
    sim::simulation slow{make(fleet_state::pool(1), "srtf", {job(0, 100, 1, 0.5), job(40, 70)})};
    slow.run();
    slow.results();
    CHECK(slow.records(0)[1].first_start == at(40));  // 160 ns are left of the first
}

TEST_CASE("samples end with time", "[simulation]") {
    for (const std::optional<duration> until : {std::optional<duration>{}, std::optional{years(200)}}) {
        recorder seen;
        sim::parts p = make(fleet_state::pool(1), "fifo", {job(0, ticks(years(150))), job(0, ticks(years(150)))});
        p.until = until;
        p.sample_every = years(100);
        p.observers = {&seen};
        sim::simulation s{std::move(p)};
        if (until) {
            s.run();
            CHECK(s.results().unfinished == 1);
        } else {
            CHECK_THROWS_AS(s.run(), scenario_error);
        }
        CHECK(seen.samples.size() == 3);
    }
}

TEST_CASE("simulations on several threads do not disturb each other", "[simulation]") {
    const std::array<std::string_view, 4> policies{"easy", "conservative", "srtf", "las"};
    const auto run = [](std::string_view name) {
        sim::parts p{.fleet = fleet_state::flat_nodes(8, 8),
                     .sources = {},
                     .policy = policy::make_policy(name, {}),
                     .placer = policy::make_pack()};
        p.sources.push_back(std::make_unique<workload::synthetic_source>(
            workload::synthetic_options{.seed = 5,
                                        .jobs = 2'000,
                                        .rate_per_s = 0.02,
                                        .median = std::chrono::minutes{10},
                                        .sigma = 1.5,
                                        .sizes = {{1, 50}, {4, 20}, {8, 20}, {16, 10}},
                                        .estimate = {{1, 3}}}));
        sim::simulation s(std::move(p));
        s.run();
        std::vector<std::pair<instant, instant>> times;
        s.results();
        for (const auto& r : s.records(0)) times.emplace_back(r.first_start, r.finish);
        return times;
    };
    std::array<std::vector<std::pair<instant, instant>>, 4> together;
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i != policies.size(); ++i)
            threads.emplace_back([&, i] { together[i] = run(policies[i]); });
    }
    for (std::size_t i = 0; i != policies.size(); ++i) {
        INFO(policies[i]);
        CHECK(together[i].size() == 2'000);
        CHECK(together[i] == run(policies[i]));
    }
}
