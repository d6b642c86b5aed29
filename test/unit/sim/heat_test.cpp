// Temperatures that act on a run: jobs that slow down or fail because GPUs are too hot; against hand arithmetic.
#include "support/catch.hpp"
#include "support/powered_run.hpp"
#include "support/random_workload.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/power/cap_policy.hpp>
#include <ampacity/sim/simulation.hpp>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::test;
using power::feed_event;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr double w40 = 43, w45 = 48;  // at the cold plates

/// All GPUs may draw 1400 W at once.
hardware::rack unbound_gb300() {
    auto rack = io::read_model<hardware::rack>("gb300-nvl72").value;
    rack.node.modules.reset();
    rack.node.gpu.power.phases.gemm_bf16_w = 1400;
    return rack;
}

power::plant_plan racks(std::uint32_t count, std::optional<double> coolant_c) {
    static const hardware::rack rack = unbound_gb300();
    power::plant_plan p = plant_of(count, "4n3", 1, rack);
    if (coolant_c) p.coolant.push_back(power::coolant_plan{.supply_c = *coolant_c, .rack_loop_j_per_k = 240e3});
    return p;
}

feed_event event(feed_event::kind what, duration from, duration length, const std::string& where) {
    return {.start = start_of_time + from, .end = start_of_time + from + length, .what = what, .device = where};
}

}  // namespace

TEST_CASE("a job on warm water slows down when its GPUs have come to the throttle temperature", "[heat][sim]") {
    const powered_outcome warm = run_powered(racks(1, w45), {gpu_job(4, hours{2})});
    // From 53.34 degC to 87 on the way to 90; then 1300 of 1400 W.
    const double full_s = 12 * std::log((90 - 53.34) / 3);
    const double pace = 1 - 1.5 * std::pow(1 - 1300.0 / 1400, 1.9);
    CHECK(to_seconds(warm.jobs[0].finish) == Approx(full_s + (7200 - full_s) / pace).epsilon(1e-10));
    CHECK(warm.jobs[0].preemptions == 0);
    CHECK(*warm.all.energy->throttles == 1);
    CHECK(*warm.all.energy->shutdowns == 0);
    CHECK(run_powered(racks(1, w40), {gpu_job(4, hours{2})}).jobs[0].finish == start_of_time + hours{2});
    // One job behind the other: the nodes had no time to cool down.
    const powered_outcome two = run_powered(racks(1, w45), {gpu_job(72, hours{2}), gpu_job(72, hours{2})});
    CHECK(to_seconds(two.jobs[1].finish - two.jobs[0].finish) == Approx(7200 / pace).epsilon(1e-10));
    CHECK(*two.all.energy->throttles == 18);
}

TEST_CASE("heat that never comes to a limit changes nothing", "[heat][sim]") {
    naive::test_random random(3);
    std::vector<workload::job_request> jobs;
    for (int i = 0; i != 100; ++i)
        jobs.push_back(gpu_job(static_cast<std::uint32_t>(random.between(1, 100)), seconds{random.between(0, 5000)},
                               seconds{100 * i}));
    for (const char* const policy : {"fifo", "easy", "srtf"}) {
        CAPTURE(policy);
        const powered_outcome plain = run_powered(racks(2, {}), jobs, policy);
        // Followed, since something happens when all jobs are over.
        power::plant_plan followed = racks(2, w40);
        followed.events.push_back(event(feed_event::kind::flow_loss, hours{1000}, hours{1}, "iad"));
        const powered_outcome cool = run_powered(std::move(followed), jobs, policy);
        for (std::size_t i = 0; i != jobs.size(); ++i) CHECK(plain.jobs[i].finish == cool.jobs[i].finish);
        CHECK(plain.all.energy->it_j == cool.all.energy->it_j);
        CHECK(plain.all.energy->losses_j == cool.all.energy->losses_j);
        CHECK_FALSE(plain.all.energy->throttles);
        CHECK(*cool.all.energy->throttles == 0);
    }
}

TEST_CASE("jobs on nodes that switch themselves off fail, and go on elsewhere or when they have booted",
          "[heat][sim]") {
    power::plant_plan p = racks(2, w40);
    p.boot = minutes{10};
    p.events.push_back(event(feed_event::kind::flow_loss, hours{1}, minutes{5}, "rack-1"));
    const preemption_options costs{.checkpoint_interval = minutes{25}, .restart = minutes{5}};
    const powered_outcome o = run_powered(std::move(p), {gpu_job(72, hours{4}), gpu_job(72, hours{4})}, "fifo", costs);
    CHECK(o.jobs[0].finish == start_of_time + hours{4});
    CHECK(o.jobs[0].restarts == 0);
    CHECK(o.jobs[1].restarts == 1);
    // It had kept 50 minutes; back in 15.
    CHECK(o.jobs[1].finish == start_of_time + hours{1} + minutes{15} + minutes{5} + hours{4} - minutes{50});
    // 85 degC, 3.5 K/s to 87, then 0.5 K/s to 92.
    const double lasts_s = 2 / 3.5 + 10;
    CHECK(to_seconds(o.jobs[1].lost) == Approx(600 + lasts_s).epsilon(1e-6));
    CHECK(static_cast<double>(o.all.books[account::down]) * 1e-9 == Approx(72 * (900 - lasts_s)).epsilon(1e-6));
    CHECK(*o.all.energy->throttles == 18);
    CHECK(*o.all.energy->shutdowns == 18);
    CHECK(*o.all.energy->lost_rack_s == 0);
}

TEST_CASE("heat, limits, losses and preemption together keep all books", "[heat][sim]") {
    std::uint64_t throttles = 0, shutdowns = 0;
    for (std::uint64_t seed = 0; seed != 12; ++seed) {
        CAPTURE(seed);
        naive::test_random random(seed);
        std::vector<workload::job_request> jobs;
        for (int i = 0; i != 60; ++i)
            jobs.push_back(gpu_job(static_cast<std::uint32_t>(random.between(1, 100)),
                                   seconds{random.between(1, 20000)}, seconds{random.between(0, 300) + 200 * i}));
        const auto plan = [&] {
            naive::test_random r(seed + 1000);
            power::plant_plan p = racks(3, seed % 2 == 0 ? w45 : w40);
            p.boot = minutes{r.between(0, 20)};
            p.controls.push_back({.at = power::power_tree::level::row,
                                  .policy = power::make_cap_policy(seed % 3 == 0 ? "priority" : "uniform", {}),
                                  .period = seconds{r.between(1, 20)},
                                  .latency = milliseconds{r.between(0, 5000)}});
            for (int i = 0; i != 10; ++i) {
                const auto what = r.between(0, 3);
                const std::string rack = std::to_string(r.between(0, 2));
                feed_event e = event(what == 0   ? feed_event::kind::loss
                                     : what == 1 ? feed_event::kind::limit
                                     : what == 2 ? feed_event::kind::cooling_loss
                                                 : feed_event::kind::flow_loss,
                                     seconds{r.between(0, 20000)}, seconds{r.between(1, 300)}, "hall-0/row-" + rack);
                e.limit_w = static_cast<double>(r.between(50'000, 130'000));
                p.events.push_back(e);
            }
            return p;
        };
        for (const char* const policy : {"fifo", "easy", "srtf", "las", "conservative"}) {
            CAPTURE(policy);
            const preemption_options costs = seed % 4 < 2 ? preemption_options{}
                                                          : preemption_options{.checkpoint_interval = seconds{900},
                                                                               .checkpoint = seconds{10},
                                                                               .restart = seconds{60}};
            // The books are checked at the end of every run; samples change nothing.
            const powered_outcome a = run_powered(plan(), jobs, policy, costs, hours{9});
            const powered_outcome b = run_powered(plan(), jobs, policy, costs, hours{9}, seconds{13});
            for (std::size_t i = 0; i != jobs.size(); ++i) CHECK(a.jobs[i].finish == b.jobs[i].finish);
            CHECK(a.all.energy->it_j == b.all.energy->it_j);
            CHECK(a.all.energy->losses_j == b.all.energy->losses_j);
            CHECK(*a.all.energy->throttles == *b.all.energy->throttles);
            CHECK(*a.all.energy->shutdowns == *b.all.energy->shutdowns);
            throttles += *a.all.energy->throttles;
            shutdowns += *a.all.energy->shutdowns;
        }
    }
    CHECK(throttles > 1000);
    CHECK(shutdowns > 50);
}
