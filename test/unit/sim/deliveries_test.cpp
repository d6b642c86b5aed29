// Nodes that come into service while the run goes on; what becomes of jobs, books, power and money is reckoned by hand.
#include "support/catch.hpp"
#include "support/powered_run.hpp"

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

using namespace ampacity;
using std::chrono::hours;

namespace {

constexpr std::int64_t gpus_per_rack = 72;

/// All nodes of these racks.
std::vector<node_id> nodes_of_racks(std::uint32_t first, std::uint32_t last) {
    std::vector<node_id> out;
    for (std::uint32_t n = 18 * first; n != 18 * last; ++n) out.push_back(node_id{n});
    return out;
}

sim::parts two_racks(std::vector<workload::job_request> jobs) {
    auto p = test::powered_parts(test::plant_of(2, "2n", 2), {std::move(jobs)}, {power::phase::gemm_bf16},
                                 policy::make_policy("fifo", {}));
    p.energy->gpu_usd_s = 1.0 / 3600;  // a dollar per GPU-hour
    p.energy->shows_headroom = false;
    return p;
}

gpu_time gpu_hours(std::int64_t n) { return gpu_time{n} * ticks(hours{1}); }

}  // namespace

TEST_CASE("a rack that comes later takes jobs from then on", "[deliveries]") {
    auto p = two_racks({test::gpu_job(144, hours{1}), test::gpu_job(72, hours{1})});
    p.deliveries.push_back({.at = start_of_time + hours{3}, .nodes = nodes_of_racks(1, 2)});
    sim::simulation s{std::move(p)};
    s.run();
    const sim::summary& all = s.results();
    // The first job needs both racks; it is not refused, and fifo lets nobody pass it.
    CHECK(s.records(0)[0].first_start == start_of_time + hours{3});
    CHECK(s.records(0)[1].first_start == start_of_time + hours{4});
    CHECK(all.simulated == hours{5});
    CHECK((all.books[account::uncommissioned] == gpu_hours(3 * gpus_per_rack)));
    CHECK((all.books.capacity == gpu_hours(7 * gpus_per_rack)));
    CHECK((all.books[account::useful] == gpu_hours(3 * gpus_per_rack)));
    CHECK((all.books[account::idle] == gpu_hours(4 * gpus_per_rack)));
    // Both racks for the makespan, the second one from hour 3 on.
    CHECK(*all.utilisation == Approx(3.0 / 7).epsilon(1e-12));
    // A dollar for each GPU-hour of what stands there.
    REQUIRE(all.energy->capacity_usd);
    CHECK(*all.energy->capacity_usd == Approx(7.0 * gpus_per_rack).epsilon(1e-12));
}

TEST_CASE("what is to come draws nothing", "[deliveries]") {
    const auto energy = [](bool later) {
        auto p = two_racks({test::gpu_job(72, hours{4})});
        p.until = hours{4};
        if (later) p.deliveries.push_back({.at = start_of_time + hours{1}, .nodes = nodes_of_racks(1, 2)});
        sim::simulation s{std::move(p)};
        s.run();
        return *s.results().energy;
    };
    const double idle_w = energy(false).it_j - energy(true).it_j;
    // An idle rack, for an hour.
    auto one = test::powered_parts(test::plant_of(1, "2n", 1), {{}}, {power::phase::gemm_bf16},
                                   policy::make_policy("fifo", {}));
    one.until = hours{1};
    sim::simulation s{std::move(one)};
    s.run();
    CHECK(idle_w == Approx(s.results().energy->it_j).epsilon(1e-12));
    CHECK(idle_w > 0);
}

TEST_CASE("racks are delivered by a program as the run goes on", "[deliveries]") {
    auto p = two_racks({test::gpu_job(144, hours{1})});
    p.deliveries.push_back({.nodes = nodes_of_racks(1, 2)});  // some time
    sim::simulation s{std::move(p)};
    CHECK(s.run_until(start_of_time + hours{10}) == sim::status::done);  // nothing else will happen
    CHECK(s.waiting() == 1);
    s.deliver({.at = start_of_time + hours{12}, .nodes = nodes_of_racks(1, 2)});
    CHECK(s.run_until(never) == sim::status::done);
    s.results();
    CHECK(s.records(0)[0].state == sim::outcome::finished);
    CHECK(s.records(0)[0].first_start == start_of_time + hours{12});
    CHECK((s.results().books[account::uncommissioned] == gpu_hours(12 * gpus_per_rack)));
}

TEST_CASE("a rack that is to come may lose its feed, and comes when both are there", "[deliveries]") {
    auto p = two_racks({test::gpu_job(144, hours{1})});
    p.energy->plant.boot = hours{1};
    p.energy->plant.events.push_back({.start = start_of_time + hours{1},
                                      .end = start_of_time + hours{5},
                                      .what = power::feed_event::kind::loss,
                                      .device = "rack-1"});
    p.deliveries.push_back({.at = start_of_time + hours{3}, .nodes = nodes_of_racks(1, 2)});
    sim::simulation s{std::move(p)};
    s.run();
    CHECK(s.records(0)[0].first_start == start_of_time + hours{6});
    CHECK((s.results().books[account::uncommissioned] == gpu_hours(3 * gpus_per_rack)));
    CHECK((s.results().books[account::down] == gpu_hours(3 * gpus_per_rack)));
    // Nobody missed its power before it was there.
    CHECK(s.results().energy->lost_rack_s == Approx(2 * 3600.0));
}

TEST_CASE("a rack that leaves for good takes no job that would run into it", "[deliveries]") {
    // Two hours and four: the second rack leaves after three.
    auto p = two_racks({test::gpu_job(72, hours{4}), test::gpu_job(72, hours{2}), test::gpu_job(72, hours{2}),
                        test::gpu_job(72, hours{1})});
    p.policy = policy::make_policy("easy", {});
    p.retirements.push_back(
        {.known = start_of_time + hours{1}, .at = start_of_time + hours{3}, .nodes = nodes_of_racks(1, 2)});
    p.until = hours{10};
    sim::simulation s{std::move(p)};
    s.run();
    const sim::summary& all = s.results();
    CHECK(s.records(0)[0].first_start == start_of_time);
    CHECK(s.records(0)[1].first_start == start_of_time);
    // The third would end an hour too late; the last has time.
    CHECK(s.records(0)[2].first_start == start_of_time + hours{4});
    CHECK(s.records(0)[3].first_start == start_of_time + hours{2});
    CHECK(all.preemptions == 0);
    CHECK((all.books[account::uncommissioned] == gpu_hours(7 * gpus_per_rack)));
    CHECK((all.books.capacity == gpu_hours(13 * gpus_per_rack)));
    CHECK((all.books[account::useful] == gpu_hours(9 * gpus_per_rack)));
    REQUIRE(all.energy->capacity_usd);
    CHECK(*all.energy->capacity_usd == Approx(13.0 * gpus_per_rack).epsilon(1e-12));
    // Both racks until hour 3, one until the last job's end at 6.
    CHECK(*all.utilisation == Approx(9.0 / 9).epsilon(1e-12));
}

TEST_CASE("jobs of a rack that leaves unannounced are stopped and go on elsewhere", "[deliveries]") {
    auto p = two_racks({test::gpu_job(72, hours{1}), test::gpu_job(72, hours{4})});
    p.preemption.checkpoint_interval = hours{1};
    p.retirements.push_back(
        {.known = start_of_time + hours{3}, .at = start_of_time + hours{3}, .nodes = nodes_of_racks(1, 2)});
    p.until = hours{10};
    sim::simulation s{std::move(p)};
    s.run();
    const sim::summary& all = s.results();
    CHECK(all.preemptions == 1);
    CHECK(s.records(0)[1].finish == start_of_time + hours{4});
    CHECK((all.books[account::uncommissioned] == gpu_hours(7 * gpus_per_rack)));
    CHECK((all.books[account::useful] == gpu_hours(5 * gpus_per_rack)));
    CHECK((all.books[account::idle] == gpu_hours((13 - 5) * gpus_per_rack)));

    // Nothing is drawn there any more: an idle rack less, for seven hours.
    const auto energy = [](bool leaves) {
        auto of = two_racks({});
        of.until = hours{10};
        if (leaves) of.retirements.push_back({.at = start_of_time + hours{3}, .nodes = nodes_of_racks(1, 2)});
        sim::simulation run{std::move(of)};
        run.run();
        return run.results().energy->it_j;
    };
    CHECK(energy(true) == Approx(energy(false) * 13 / 20).epsilon(1e-12));
}

TEST_CASE("one rack comes as another leaves, again and again", "[deliveries]") {
    auto p = two_racks({});
    p.until = hours{10};
    p.deliveries.push_back({.at = start_of_time + hours{4}, .nodes = nodes_of_racks(1, 2)});
    p.retirements.push_back({.known = start_of_time, .at = start_of_time + hours{4}, .nodes = nodes_of_racks(0, 1)});
    p.retirements.push_back(
        {.known = start_of_time + hours{2}, .at = start_of_time + hours{9}, .nodes = nodes_of_racks(1, 2)});
    sim::simulation s{std::move(p)};
    s.run();
    const sim::summary& all = s.results();
    CHECK((all.books[account::uncommissioned] == gpu_hours((4 + 6 + 1) * gpus_per_rack)));
    CHECK((all.books.capacity == gpu_hours(9 * gpus_per_rack)));
}

TEST_CASE("what comes and leaves is paid for at its own site", "[deliveries]") {
    auto plan = test::plant_of(3, "2n", 3);
    plan.sites.push_back(plan.sites.front());
    plan.sites[0].units = 2;
    plan.sites[1].units = 1;
    plan.sites[1].name = "fra";
    auto p = test::powered_parts(std::move(plan), {{}}, {power::phase::gemm_bf16}, policy::make_policy("fifo", {}));
    p.energy->sites.resize(2);
    p.energy->gpu_usd_s = 1.0 / 3600;
    p.energy->shows_headroom = false;
    p.until = hours{10};
    p.deliveries.push_back({.at = start_of_time + hours{3}, .nodes = nodes_of_racks(1, 3)});  // one at each
    p.retirements.push_back({.at = start_of_time + hours{5}, .nodes = nodes_of_racks(0, 1)});
    p.retirements.push_back({.at = start_of_time + hours{9}, .nodes = nodes_of_racks(2, 3)});
    sim::simulation s{std::move(p)};
    s.run();
    REQUIRE(s.results().energy->capacity_usd);
    CHECK(*s.results().energy->capacity_usd == Approx((5.0 + 7 + 6) * gpus_per_rack).epsilon(1e-12));
}
