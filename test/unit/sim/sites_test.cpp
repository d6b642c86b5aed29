// Sites with schedulers of their own: by hand, where jobs go and what becomes of those whose site goes dark; and what
// holds whatever happens.
#include "support/catch.hpp"
#include "support/failing_run.hpp"

#include <ampacity/execution/training.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::test;
using hardware::site_preference;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

instant at(std::int64_t s) { return start_of_time + seconds{s}; }

std::vector<node_id> nodes(std::uint32_t first, std::uint32_t last) {
    std::vector<node_id> out;
    for (std::uint32_t n = first; n <= last; ++n) out.push_back(node_id{n});
    return out;
}

workload::job_request job(std::uint64_t row, std::uint32_t gpus, std::int64_t work_s, std::int64_t submit_s,
                          std::uint16_t site = 0) {
    workload::job_request j = gpu_job(gpus, seconds{work_s}, seconds{submit_s});
    j.row = row;
    j.name = static_cast<std::int64_t>(row);
    j.site = site;
    return j;
}

/// Sites a and b, of two nodes with four GPUs each; a is cheaper.
sim::parts two_sites(std::vector<workload::job_request> jobs, const std::string& policy = "fifo") {
    sim::parts p{.fleet = fleet::fleet_state::flat_nodes(4, 4),
                 .policy = policy::make_policy(policy, {}),
                 .placer = policy::make_placer("first-fit"),
                 .preemption = {.checkpoint_interval = seconds{10}}};
    p.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
    p.sites.sites.push_back({.name = "a", .nodes = nodes(0, 1), .price = power::signal{1}, .carbon = power::signal{5}});
    p.sites.sites.push_back({.name = "b", .nodes = nodes(2, 3), .price = power::signal{2}, .carbon = power::signal{4}});
    p.sites.place = site_preference::cheapest;
    p.sites.make_policy = [policy] { return policy::make_policy(policy, {}); };
    p.sites.make_placer = [] { return policy::make_placer("first-fit"); };
    return p;
}

void check_job(const sim::simulation& s, std::size_t row, std::int64_t start_s, std::int64_t finish_s) {
    INFO("job " << row);
    CHECK(s.records(0)[row].first_start == at(start_s));
    CHECK(s.records(0)[row].finish == at(finish_s));
    CHECK(s.records(0)[row].state == sim::outcome::finished);
}

constexpr gpu_time gpu_s = 1'000'000'000;

/// a has no node from 35 s to 200 s.
sim::parts lost_site(duration transfer) {
    sim::parts p = two_sites({job(0, 8, 100, 0), job(1, 4, 50, 1), job(2, 8, 20, 2), job(3, 4, 10, 3, 1)});
    p.outages.push_back({.start = at(20), .end = at(200), .nodes = nodes(0, 0)});
    p.outages.push_back({.start = at(35), .end = at(200), .nodes = nodes(1, 1)});
    p.sites.transfer = transfer;
    return p;
}

/// GPU-time that jobs hold, by site, naively; of jobs that always have the same GPUs and full speed, with a checkpoint
/// of 5 s after each 5 min and a restart of 30 s, by account, too.
class held_by_site final : public sim::observer {
public:
    explicit held_by_site(const std::vector<std::vector<node_id>>& sites) : sites_(sites), books_(sites.size()) {}
    void on_stop(const sim::job_event& e, sim::run_end how) override { add(e, how); }
    void on_resize(const sim::job_event& before, const sim::job_event& after) override {
        sim::job_event ends = before;
        ends.at = after.at;
        add(ends, sim::run_end::unfinished);
    }
    [[nodiscard]] gpu_time at(std::size_t site) const { return books_[site].capacity; }
    [[nodiscard]] gpu_time of(std::size_t site, account a) const { return books_[site][a]; }

private:
    void add(const sim::job_event& e, sim::run_end how) {
        std::size_t site = 0;
        while (index(e.where.front().node) > index(sites_[site].back())) ++site;
        ledger& to = books_[site];
        const auto book = [&](account a, std::int64_t ns) { to[a] += gpu_time{ns} * e.gpus; };
        const std::int64_t held = ticks(e.at - e.since), second = 1'000'000'000;
        to.capacity += gpu_time{held} * e.gpus;
        const std::int64_t restart = e.attempt == 1 ? 0 : std::min(held, 30 * second);
        const std::int64_t rest = held - restart, whole = rest / (305 * second), part = rest % (305 * second);
        const bool is_over = how == sim::run_end::finished;
        const std::int64_t begun = is_over ? 0 : std::max<std::int64_t>(0, part - 300 * second);
        const std::int64_t lost = is_over ? 0 : part - begun;
        book(account::restart, restart);
        book(account::checkpoint, 5 * second * whole + begun);
        book(account::lost, lost);
        book(account::useful, rest - 5 * second * whole - begun - lost);
    }

    const std::vector<std::vector<node_id>>& sites_;
    std::vector<ledger> books_;
};

}  // namespace

TEST_CASE("a job goes to the cheapest site where it starts at once, else waits at the cheapest that holds it") {
    sim::parts p = two_sites({job(0, 8, 100, 0), job(1, 4, 50, 1), job(2, 4, 50, 2), job(3, 4, 10, 3), job(4, 9, 1, 3),
                              job(5, 8, 1, 3, 2), job(6, 9, 1, 3, 2)});
    sim::simulation s{std::move(p)};
    s.run();
    const auto& all = s.results().sites;
    check_job(s, 0, 0, 100);                                 // a
    check_job(s, 1, 1, 51);                                  // b: a is full
    check_job(s, 2, 2, 52);                                  // b: the other node
    check_job(s, 3, 100, 110);                               // a, where it waits: both are full
    CHECK(s.records(0)[4].state == sim::outcome::rejected);  // fits on neither
    check_job(s, 5, 52, 53);                                 // b, as it says
    CHECK(s.records(0)[6].state == sim::outcome::rejected);  // does not fit where it says
    REQUIRE(all.size() == 2);
    CHECK(all[0].name == "a");
    CHECK(all[0].gpus == 8);
    CHECK(all[0].jobs.submitted == 2);
    CHECK(all[0].jobs.finished == 2);
    CHECK(all[1].jobs.submitted == 4);
    CHECK(all[1].jobs.finished == 3);
    CHECK(all[1].jobs.rejected == 1);
    CHECK(all[0].jobs.held == 8 * 100 * gpu_s + 4 * 10 * gpu_s);
    CHECK(all[1].jobs.held == 2 * 4 * 50 * gpu_s + 8 * gpu_s);
    CHECK(s.results().rejected == 2);
}

TEST_CASE("preferences look at carbon, room and distance") {
    const auto site_of_first = [](site_preference by, std::uint16_t origin) {
        sim::parts p = two_sites({job(0, 4, 10, 0)});
        p.sites.place = by;
        p.sites.sites[0].where = {.latitude_deg = 39, .longitude_deg = -77};
        p.sites.sites[1].where = {.latitude_deg = 50, .longitude_deg = 8};
        p.sites.origins = {origin};
        p.sites.utc_s = 11.5 * 3600;
        sim::simulation s{std::move(p)};
        s.run();
        return s.results().sites[0].jobs.submitted == 1 ? 0 : 1;
    };
    CHECK(site_of_first(site_preference::cheapest, 0) == 0);
    CHECK(site_of_first(site_preference::greenest, 0) == 1);
    CHECK(site_of_first(site_preference::nearest, 0) == 0);
    CHECK(site_of_first(site_preference::nearest, 1) == 1);
    CHECK(site_of_first(site_preference::follow_the_sun, 0) == 1);
    CHECK(site_of_first(site_preference::balanced, 1) == 0);
}

TEST_CASE("jobs of a site that loses its nodes go to another one") {
    sim::simulation s{lost_site({})};
    s.run();
    // Job 0 runs at a until its node 0 fails at 20 s, with 20 s kept; it waits there until the other one fails, too.
    CHECK(s.records(0)[0].restarts == 1);
    check_job(s, 1, 1, 51);
    check_job(s, 0, 0, 51 + 80);
    check_job(s, 2, 131, 151);
    // Job 3 is bound to a.
    check_job(s, 3, 200, 210);
    const sim::summary& all = s.results();
    CHECK(all.sites[0].left == 2);
    CHECK(all.sites[0].came == 0);
    CHECK(all.sites[1].came == 2);
    CHECK(all.sites[1].left == 0);
    CHECK(all.sites[0].jobs.submitted == 3);
    CHECK(all.sites[0].jobs.finished == 1);
    CHECK(all.sites[1].jobs.submitted == 1);
    CHECK(all.sites[1].jobs.finished == 3);
    CHECK(all.sites[0].jobs.held == 8 * 20 * gpu_s + 4 * 10 * gpu_s);
    CHECK(all.sites[0].jobs.down == 4 * 180 * gpu_s + 4 * 165 * gpu_s);
    CHECK(all.sites[1].jobs.held == 4 * 50 * gpu_s + 8 * 80 * gpu_s + 8 * 20 * gpu_s);
    CHECK(all.sites[1].jobs.idle == 8 * 210 * gpu_s - all.sites[1].jobs.held);
}

TEST_CASE("a job that moves enters the other queue after the time of its transfer") {
    sim::simulation s{lost_site(seconds{60})};
    s.run();
    check_job(s, 0, 0, 95 + 80);
    check_job(s, 2, 175, 195);
    check_job(s, 3, 200, 210);

    // The run ends while they are on their way.
    sim::parts p = lost_site(seconds{60});
    p.until = seconds{60};
    sim::simulation cut{std::move(p)};
    cut.run();
    CHECK(cut.results().unfinished == 3);
    CHECK(cut.records(0)[0].state == sim::outcome::unfinished);
    CHECK(cut.records(0)[0].useful == seconds{20});
    CHECK(cut.results().sites[0].left == 2);
    CHECK(cut.results().sites[1].came == 0);
}

TEST_CASE("a job that moves leaves the time that it has used at the site where it used it") {
    // a goes dark at 25 s: of job 0 5 s are lost there; it comes to b at 85 s, and is there for 80 s.
    const auto parts = [](duration estimate) {
        sim::parts p = two_sites({job(0, 8, 100, 0)});
        if (estimate != duration{}) {
            p.sources.clear();
            workload::job_request j = job(0, 8, 100, 0);
            j.estimate = estimate;
            p.sources.push_back(std::make_unique<workload::vector_source>(std::vector{j}));
            p.enforce_estimate = true;
        }
        p.outages.push_back({.start = at(25), .end = at(500), .nodes = nodes(0, 1)});
        p.sites.transfer = seconds{60};
        p.snapshots = {at(40), at(100)};
        return p;
    };
    const auto check = [](const ledger& b, gpu_time useful_s, gpu_time lost_s) {
        CHECK(b[account::useful] == 8 * useful_s * gpu_s);
        CHECK(b[account::lost] == 8 * lost_s * gpu_s);
    };
    sim::simulation s{parts({})};
    s.run();
    const sim::summary& all = s.results();
    check_job(s, 0, 0, 165);
    REQUIRE(all.snapshots.size() == 3);
    for (const sim::snapshot& then : all.snapshots) check(then.counts.at(0).books, 20, 5);
    check(all.snapshots[0].counts.at(1).books, 0, 0);  // on its way
    check(all.snapshots[1].counts.at(1).books, 15, 0);
    check(all.sites[1].count.books, 80, 0);
    CHECK(all.sites[0].count.books == all.snapshots[2].counts[0].books);
    CHECK(all.sites[0].count.interruptions == 1);
    CHECK(all.sites[1].count.interruptions == 0);
    CHECK(all.sites[0].count.books[account::down] == 8 * 140 * gpu_s);
    CHECK(all.sites[1].count.books[account::idle] == 8 * 85 * gpu_s);
    // One that is killed after 60 s of run time has nothing to show, here and there.
    sim::simulation killed{parts(seconds{60})};
    killed.run();
    CHECK(killed.records(0)[0].state == sim::outcome::killed);
    check(killed.results().sites[0].count.books, 0, 25);
    check(killed.results().sites[1].count.books, 0, 35);
    check(killed.results().snapshots[1].counts.at(0).books, 20, 5);
}

TEST_CASE("jobs stay at a dark site until another one can hold them") {
    sim::parts p = two_sites({job(0, 8, 20, 0), job(1, 4, 30, 5)});
    p.outages.push_back({.start = at(1), .end = at(50), .nodes = nodes(2, 2)});
    p.outages.push_back({.start = at(1), .end = at(70), .nodes = nodes(3, 3)});
    p.outages.push_back({.start = at(10), .end = at(500), .nodes = nodes(0, 1)});
    sim::simulation s{std::move(p)};
    s.run();
    // b is back for job 1 at 50 s, and for job 0, which has 10 s left, at 70 s.
    check_job(s, 1, 50, 80);
    check_job(s, 0, 0, 90);
    CHECK(s.results().sites[0].left == 2);
    CHECK(s.results().sites[1].came == 2);
}

TEST_CASE("whatever happens to sites no job and no GPU-time is lost between them") {
    std::uint64_t moved = 0;
    for (const auto& d : policy::policies()) {
        const std::string policy{d.name};
        if (policy == "explain" || policy == "round") continue;
        for (std::uint64_t seed = 1; seed != 4; ++seed) {
            INFO(policy << " seed " << seed);
            sim::parts p = parts_of(random_jobs(seed, 200, seed == 2), policy);
            const std::vector<std::vector<node_id>> all{nodes(0, 11), nodes(12, 17), nodes(18, 29)};
            for (const auto& n : all) p.sites.sites.push_back({.name = "s", .nodes = n});
            p.sites.make_policy = [policy] { return policy::make_policy(policy, {}); };
            p.sites.make_placer = [] { return policy::make_placer("first-fit"); };
            // Shorter than the rounds of max-min, so that its jobs come to an end.
            p.preemption = {.checkpoint_interval = minutes{5}, .checkpoint = seconds{5}, .restart = seconds{30}};
            p.sites.transfer = minutes{seed == 3 ? 17 : 0};
            random_stream draw{seed, purpose::test, 1};
            instant when = start_of_time;
            for (int i = 0; i != 30; ++i) {
                when += minutes{draw.below(200)};
                p.outages.push_back(
                    {.start = when, .end = when + minutes{1 + draw.below(600)}, .nodes = all[draw.below(3)]});
            }
            p.snapshots = {start_of_time + hours{40} + duration{1}, start_of_time + hours{90} + duration{1}};
            held_by_site held{all};
            p.observers = {&held};
            sim::simulation s{std::move(p)};
            s.run();
            const sim::summary& sums = s.results();  // or an exception: the books do not balance
            for (std::size_t k = 0; k != all.size(); ++k) {
                const ledger& b = sums.sites[k].count.books;
                for (const gpu_time account : b.of) CHECK(account >= 0);
                CHECK(b.booked() - b[account::idle] - b[account::down] - b[account::draining] == held.at(k));
                if (seed == 2 || (policy != "fifo" && policy != "easy" && policy != "conservative")) continue;
                for (const auto a : {account::useful, account::lost, account::checkpoint, account::restart})
                    CHECK(b[a] == held.of(k, a));
            }
            sim::reserved_jobs of;
            std::uint64_t came = 0, left = 0, outside = 0;
            for (const sim::site_result& r : sums.sites) {
                of.submitted += r.jobs.submitted;
                of.finished += r.jobs.finished;
                of.held += r.jobs.held;
                of.idle += r.jobs.idle;
                of.down += r.jobs.down;
                came += r.came;
                left += r.left;
                CHECK(r.jobs.submitted + r.came == r.jobs.finished + r.left);
            }
            for (const sim::job_record& r : s.records(0)) outside += r.state == sim::outcome::rejected ? 1U : 0U;
            CHECK(of.submitted + outside == sums.submitted);
            CHECK(of.finished == sums.finished);
            CHECK(sums.finished + outside == sums.submitted);
            CHECK(came == left);
            CHECK(of.held + of.idle + of.down == sums.books.capacity);
            CHECK(of.idle == sums.books[account::idle]);
            CHECK(of.held == sums.books[account::useful] + sums.books[account::lost] + sums.books[account::checkpoint] +
                                 sums.books[account::restart] + sums.books[account::stalled]);
            moved += came;
        }
    }
    CHECK(moved > 1000);
}

TEST_CASE("training jobs of a site run as on a fleet of that site alone, and take their checkpoints along") {
    const std::vector<execution::training_terms> terms{{.name = "t",
                                                        .steps = 1000,
                                                        .step = seconds{1},
                                                        .checkpoint = {.interval = seconds{60}, .blocking = seconds{2}},
                                                        .restart = seconds{5}}};
    const auto training = [&](std::uint64_t row, std::int64_t submit_s, std::uint16_t site) {
        workload::job_request j = job(row, 8, 0, submit_s, site);
        j.work = execution::work_of(terms.front());
        j.training = 1;
        return j;
    };
    sim::parts both = two_sites({training(0, 0, 1), training(1, 10, 2), training(2, 20, 1), training(3, 30, 2)});
    both.trainings = terms;
    both.outages.push_back({.start = at(500), .end = at(600), .nodes = nodes(0, 0)});
    both.outages.push_back({.start = at(700), .end = at(710), .nodes = nodes(3, 3)});
    sim::simulation all{std::move(both)};
    all.run();
    CHECK(all.results().restarts == 2);
    for (std::uint16_t site = 0; site != 2; ++site) {
        sim::parts p{.fleet = fleet::fleet_state::flat_nodes(2, 4),
                     .policy = policy::make_policy("fifo", {}),
                     .placer = policy::make_placer("first-fit"),
                     .preemption = {.checkpoint_interval = seconds{10}},
                     .trainings = terms};
        p.outages.push_back(site == 0 ? sim::outage{.start = at(500), .end = at(600), .nodes = nodes(0, 0)}
                                      : sim::outage{.start = at(700), .end = at(710), .nodes = nodes(1, 1)});
        std::vector<workload::job_request> own{training(0, site == 0 ? 0 : 10, 0), training(1, site == 0 ? 20 : 30, 0)};
        p.sources.push_back(std::make_unique<workload::vector_source>(std::move(own)));
        sim::simulation alone{std::move(p)};
        alone.run();
        alone.results();
        for (std::size_t k = 0; k != 2; ++k) {
            const sim::job_record& a = all.records(0)[2 * k + site];
            const sim::job_record& b = alone.records(0)[k];
            CHECK(a.state == sim::outcome::finished);
            CHECK(a.first_start == b.first_start);
            CHECK(a.finish == b.finish);
            CHECK(a.useful == b.useful);
            CHECK(a.lost == b.lost);
            CHECK(a.restarts == b.restarts);
        }
    }

    // a goes dark at 500 s, when 8 checkpoints are done: the job goes on with 480 s of work at b.
    sim::parts dark = two_sites({training(0, 0, 0)});
    dark.trainings = terms;
    dark.outages.push_back({.start = at(500), .end = at(5000), .nodes = nodes(0, 1)});
    sim::simulation moved{std::move(dark)};
    moved.run();
    CHECK(moved.results().sites[1].came == 1);
    CHECK(moved.records(0)[0].restarts == 1);
    // 480 s of work and 8 pauses of 2 s make 496 s, so 4 s are lost; then a restart, 520 s of work, and 8 more pauses.
    CHECK(moved.records(0)[0].lost == seconds{4});
    CHECK(moved.records(0)[0].finish == at(500 + 5 + 520 + 8 * 2));
}

TEST_CASE("a site that does not exist is refused") {
    sim::parts none = two_sites({job(0, 1, 1, 0, 3)});
    CHECK_THROWS_AS((sim::simulation{std::move(none)}.run()), scenario_error);
    sim::parts alone = parts_of({job(0, 1, 1, 0, 1)}, "fifo");
    CHECK_THROWS_AS((sim::simulation{std::move(alone)}.run()), scenario_error);
}
