// Jobs that run go to other sites at their checkpoints: by hand, and held to an engine that is written as the rule
// reads.
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/failing_run.hpp"
#include "support/random_workload.hpp"

#include <ampacity/execution/training.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
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

constexpr gpu_time gpu_s = 1'000'000'000;

instant at(std::int64_t s) { return start_of_time + seconds{s}; }

std::vector<node_id> nodes(std::uint32_t first, std::uint32_t last) {
    std::vector<node_id> out;
    for (std::uint32_t n = first; n <= last; ++n) out.push_back(node_id{n});
    return out;
}

/// Steps that begin at these times [s].
power::signal steps(const std::vector<std::pair<std::int64_t, double>>& list) {
    std::vector<instant> begins;
    std::vector<double> values;
    for (const auto& [s, value] : list) {
        begins.push_back(at(s));
        values.push_back(value);
    }
    return {std::make_shared<const step_series<double>>(begins, values, begins.back() + hours{1}, outside::held), {}};
}

workload::job_request job(std::uint64_t row, std::uint32_t gpus, std::int64_t work_s, std::int64_t submit_s,
                          std::uint16_t site = 0) {
    workload::job_request j = gpu_job(gpus, seconds{work_s}, seconds{submit_s});
    j.row = row;
    j.name = static_cast<std::int64_t>(row);
    j.site = site;
    return j;
}

constexpr double unlimited = std::numeric_limits<double>::infinity();

/// Sites a and b, of two nodes with four GPUs each; a costs 1 and b 2, but from 25 s on a costs `later`. Looks come
/// every 20 s. Of jobs checkpoints come every 10 s of work and take 2 s, a restart takes 3 s, and the way 5 s.
sim::parts two_sites(std::vector<workload::job_request> jobs, double later = 3, const std::string& policy = "fifo") {
    sim::parts p{.fleet = fleet::fleet_state::flat_nodes(4, 4),
                 .policy = policy::make_policy(policy, {}),
                 .placer = policy::make_placer("first-fit"),
                 .preemption = {.checkpoint_interval = seconds{10}, .checkpoint = seconds{2}, .restart = seconds{3}}};
    p.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
    p.sites.sites.push_back({.name = "a", .nodes = nodes(0, 1), .price = steps({{0, 1}, {25, later}})});
    p.sites.sites.push_back({.name = "b", .nodes = nodes(2, 3), .price = power::signal{2}});
    p.sites.place = site_preference::cheapest;
    p.sites.transfer = seconds{5};
    p.sites.migrate = {.interval = seconds{20}, .gain = 0.1, .min_stay = seconds{50}, .bandwidth_b_s = unlimited};
    p.sites.make_policy = [policy] { return policy::make_policy(policy, {}); };
    p.sites.make_placer = [] { return policy::make_placer("first-fit"); };
    return p;
}

void check_job(const sim::simulation& s, std::size_t row, std::int64_t start_s, std::int64_t finish_s,
               std::uint32_t preemptions) {
    INFO("job " << row);
    CHECK(s.records(0)[row].first_start == at(start_s));
    CHECK(s.records(0)[row].finish == at(finish_s));
    CHECK(s.records(0)[row].state == sim::outcome::finished);
    CHECK(s.records(0)[row].preemptions == preemptions);
}

}  // namespace

TEST_CASE("a job goes to the cheaper site when its next checkpoint is complete") {
    sim::simulation s{two_sites({job(0, 4, 100, 0)})};
    s.run();
    const sim::summary& all = s.results();
    // The look at 40 s finds it; 40 s of work are kept at 48 s, and the way is 5 s. At b: 3 s, and five more pauses.
    check_job(s, 0, 0, 48 + 5 + 3 + 60 + 5 * 2, 1);
    CHECK(s.records(0)[0].lost == duration::zero());
    REQUIRE(all.migrations);
    CHECK(all.migrations->moves == 1);
    CHECK(all.migrations->stayed == 0);
    CHECK(all.migrations->bytes == 0);
    CHECK(all.sites[0].left == 1);
    CHECK(all.sites[1].came == 1);
    CHECK(all.sites[0].jobs.held == 4 * 48 * gpu_s);
    CHECK(all.sites[1].jobs.held == 4 * 73 * gpu_s);
    CHECK(all.books[account::useful] == 4 * 100 * gpu_s);
    CHECK(all.books[account::checkpoint] == 4 * 9 * 2 * gpu_s);
    CHECK(all.books[account::restart] == 4 * 3 * gpu_s);
    CHECK(all.books[account::lost] == 0);
}

TEST_CASE("a job stays where the gain is too small, where it must, and where nobody looks") {
    const auto stays = [](sim::parts p) {
        sim::simulation s{std::move(p)};
        s.run();
        check_job(s, 0, 0, 100 + 9 * 2, 0);
        if (s.results().migrations) CHECK(s.results().migrations->moves == 0);
    };
    stays(two_sites({job(0, 4, 100, 0)}, 2.2));  // 2 is 9 % cheaper
    stays(two_sites({job(0, 4, 100, 0, 1)}));
    sim::parts p = two_sites({job(0, 4, 100, 0)});
    p.sites.migrate.reset();
    stays(std::move(p));
    p = two_sites({job(0, 4, 100, 0)});
    p.sites.pinned = {1};
    stays(std::move(p));
    p = two_sites({job(0, 4, 100, 0), job(1, 8, 200, 0, 2)});  // b is full
    stays(std::move(p));
    p = two_sites({job(0, 4, 100, 0)});
    p.outages.push_back({.start = at(30), .end = at(500), .nodes = nodes(2, 3)});
    stays(std::move(p));

    sim::simulation goes{two_sites({job(0, 4, 100, 0)}, 2.25)};
    goes.run();
    CHECK(goes.results().migrations->moves == 1);
}

TEST_CASE("a job whose nodes fail before its checkpoint stays") {
    sim::parts p = two_sites({job(0, 4, 100, 0)});
    p.outages.push_back({.start = at(45), .end = at(46), .nodes = nodes(0, 0)});
    p.sites.sites[0].price = steps({{0, 1}, {25, 3}, {50, 1}});
    sim::simulation s{std::move(p)};
    s.run();
    CHECK(s.results().migrations->moves == 0);
    CHECK(s.results().migrations->stayed == 0);
    // It had kept 30 s, and goes on at once on the other node.
    check_job(s, 0, 0, 45 + 3 + 70 + 6 * 2, 0);
    CHECK(s.records(0)[0].restarts == 1);
}

TEST_CASE("a job whose new site is full by then stays, and goes later") {
    sim::simulation s{two_sites({job(0, 4, 100, 0), job(1, 8, 10, 44, 2)})};
    s.run();
    CHECK(s.results().migrations->stayed == 1);
    CHECK(s.results().migrations->moves == 1);
    check_job(s, 1, 44, 54, 0);
    // The look at 60 s finds b free again; 50 s of work are kept at 60 s, when it leaves.
    check_job(s, 0, 0, 60 + 5 + 3 + 50 + 4 * 2, 1);
}

TEST_CASE("a job stays for a while where it has come to, and then goes back") {
    const auto run = [](duration min_stay) {
        sim::parts p = two_sites({job(0, 4, 200, 0)});
        p.sites.sites[0].price = steps({{0, 1}, {25, 3}, {65, 1}});
        p.sites.migrate->min_stay = min_stay;
        sim::simulation s{std::move(p)};
        s.run();
        return std::pair{s.results().migrations->moves, s.records(0)[0].finish};
    };
    // At b from 53 s on; pauses end there at 56 + 12 k s. The look at 80 s may send it back, or that at 120 s.
    CHECK(run(seconds{27}) == std::pair{std::uint64_t{2}, at(80 + 5 + 3 + 140 + 13 * 2)});
    CHECK(run(seconds{28}) == std::pair{std::uint64_t{2}, at(104 + 5 + 3 + 120 + 11 * 2)});
    CHECK(run(seconds{48}) == std::pair{std::uint64_t{2}, at(128 + 5 + 3 + 100 + 9 * 2)});
    CHECK(run(hours{1}) == std::pair{std::uint64_t{1}, at(53 + 3 + 160 + 15 * 2)});
}

TEST_CASE("jobs that are chosen, and those on their way, have their place at the other site") {
    // b has place for one of them.
    sim::parts p = two_sites({job(0, 4, 100, 0), job(1, 2, 100, 1), job(2, 2, 100, 2), job(3, 4, 500, 0, 2)});
    sim::simulation s{std::move(p)};
    s.run();
    CHECK(s.results().migrations->moves == 1);
    CHECK(s.results().migrations->stayed == 0);
    check_job(s, 0, 0, 48 + 5 + 3 + 60 + 5 * 2, 1);
    check_job(s, 1, 1, 119, 0);
    check_job(s, 2, 2, 120, 0);

    // The way takes until 148 s: the looks until then find all of b taken by the first.
    p = two_sites({job(0, 8, 100, 0), job(1, 4, 150, 30, 1)});
    p.sites.transfer = seconds{100};
    p.sites.sites[0].price = steps({{0, 1}, {25, 3}});
    p.sites.pinned.clear();
    sim::simulation far{std::move(p)};
    far.run();
    CHECK(far.results().migrations->moves == 1);
    check_job(far, 0, 0, 148 + 3 + 60 + 5 * 2, 1);
    check_job(far, 1, 48, 48 + 150 + 14 * 2, 0);
}

TEST_CASE("a job without checkpoints goes at once, with all it has done") {
    sim::parts p = two_sites({job(0, 4, 100, 0)});
    p.preemption = {.checkpoint = seconds{7}, .restart = seconds{3}};
    sim::simulation s{std::move(p)};
    s.run();
    check_job(s, 0, 0, 40 + 5 + 7 + 3 + 60, 1);
    p = two_sites({job(0, 4, 100, 0)});
    p.preemption = {};
    p.sites.transfer = {};
    sim::simulation free{std::move(p)};
    free.run();
    check_job(free, 0, 0, 100, 1);
    CHECK(free.results().sites[1].jobs.held == 4 * 60 * gpu_s);
}

TEST_CASE("a training job goes with a checkpoint that it does not work on during, and takes its bytes along") {
    const auto run = [](bool asynchronous, duration look, std::vector<sim::outage> outages = {}) {
        const std::vector<execution::training_terms> terms{{.name = "t",
                                                            .steps = 400,
                                                            .step = seconds{1},
                                                            .checkpoint = {.interval = seconds{60},
                                                                           .blocking = seconds{2},
                                                                           .bytes = 100,
                                                                           .asynchronous = asynchronous},
                                                            .restart = seconds{9}}};
        workload::job_request j = job(0, 8, 0, 0);
        j.work = j.estimate = execution::work_of(terms.front());
        j.training = 1;
        sim::parts p = two_sites({j});
        p.trainings = terms;
        p.store_b_s = 10;
        p.outages = std::move(outages);
        p.sites.migrate->interval = look;
        p.sites.migrate->bandwidth_b_s = 50;
        p.sites.migrate->min_stay = hours{1};
        sim::simulation s{std::move(p)};
        s.run();
        const sim::summary& all = s.results();
        CHECK(all.books[account::lost] == (s.records(0)[0].restarts == 0 ? 0 : all.books[account::lost]));
        REQUIRE(all.trainings[0].moves);
        CHECK(*all.trainings[0].moves == all.migrations->moves);
        CHECK(all.migrations->bytes == 100.0 * static_cast<double>(all.migrations->moves));
        return std::pair{all.migrations->moves, s.records(0)[0].finish};
    };
    // Synchronous: 60 s, then 12 s of pause. The look at 65 s comes in the pause that ends at 72 s.
    CHECK(run(false, seconds{65}) == std::pair{std::uint64_t{1}, at(72 + 5 + 2 + 9 + 340 + 5 * 12)});
    CHECK(run(false, seconds{73}) == std::pair{std::uint64_t{1}, at(144 + 5 + 2 + 9 + 280 + 4 * 12)});
    // Asynchronous: that of 60 s is written until 72 s beside the work. The next one begins at 122 s, and stops it.
    CHECK(run(true, seconds{65}) == std::pair{std::uint64_t{1}, at(134 + 5 + 2 + 9 + 280 + 4 * 2)});
    // In the 2 s in which it stands still anyway: it goes on standing.
    CHECK(run(true, seconds{61}) == std::pair{std::uint64_t{1}, at(72 + 5 + 2 + 9 + 340 + 5 * 2)});
    // A node fails before: at 130 s, while it is written; 60 s are kept. It waits for the node, looks at 195 s and
    // 260 s, and goes with the checkpoint that begins at 272 s: one is behind it at b.
    CHECK(run(true, seconds{65}, {{.start = at(130), .end = at(140), .nodes = nodes(0, 0)}}) ==
          std::pair{std::uint64_t{1}, at(140 + 9 + 60 + 12 + 5 + 2 + 9 + 280 + 4 * 2)});
}

TEST_CASE("balanced moves compare sites as if the job held nothing") {
    const auto moves = [](double gain, std::vector<workload::job_request> jobs) {
        sim::parts p = two_sites(std::move(jobs));
        p.sites.place = site_preference::balanced;
        p.sites.migrate->gain = gain;
        p.sites.migrate->min_stay = {};
        sim::simulation s{std::move(p)};
        s.run();
        return s.results().migrations->moves;
    };
    CHECK(moves(0, {job(0, 4, 300, 0)}) == 0);
    // Without the job, half of a is free and all of b.
    CHECK(moves(0.5, {job(0, 4, 300, 0), job(1, 4, 300, 0, 1)}) == 1);
    CHECK(moves(0.51, {job(0, 4, 300, 0), job(1, 4, 300, 0, 1)}) == 0);
    CHECK(moves(0.4, {job(0, 2, 300, 0), job(1, 2, 300, 0, 1), job(2, 2, 300, 0, 1)}) == 1);
    CHECK(moves(0.6, {job(0, 2, 300, 0), job(1, 2, 300, 0, 1), job(2, 2, 300, 0, 1)}) == 0);
}

TEST_CASE("jobs go home first, and may leave it") {
    sim::parts p = two_sites({job(0, 4, 100, 0)}, 1);
    p.sites.homes = {2};
    p.sites.migrate->gain = 0.6;
    sim::simulation stays{std::move(p)};
    stays.run();
    CHECK(stays.results().sites[1].jobs.finished == 1);

    p = two_sites({job(0, 4, 100, 0)}, 1);
    p.sites.homes = {2};
    sim::simulation leaves{std::move(p)};
    leaves.run();
    CHECK(leaves.results().sites[1].jobs.submitted == 1);
    CHECK(leaves.results().sites[0].jobs.finished == 1);

    p = two_sites({job(0, 4, 100, 1)}, 1);
    p.sites.homes = {2};
    p.outages.push_back({.start = at(0), .end = at(50), .nodes = nodes(2, 3)});
    sim::simulation dark{std::move(p)};
    dark.run();
    CHECK(dark.results().sites[0].jobs.submitted == 1);
}

TEST_CASE("looks alone keep no run alive") {
    // Two jobs wait for nodes that have left for good.
    sim::parts p = two_sites({job(0, 4, 100, 0), job(1, 8, 100, 0, 2), job(2, 8, 10, 1, 2)});
    p.retirements.push_back({.known = at(5), .at = at(5), .nodes = nodes(2, 3)});
    p.sample_every = seconds{7};
    sim::simulation s{std::move(p)};
    s.run();
    CHECK(s.results().unfinished == 2);
    CHECK(s.results().simulated <= seconds{140});
}
