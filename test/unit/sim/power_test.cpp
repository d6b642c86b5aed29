// Power that acts on a run: limits that slow jobs down, feeds that are lost, trips; each against hand arithmetic.
#include "support/catch.hpp"
#include "support/powered_run.hpp"
#include "support/random_workload.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/power/cap_policy.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
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
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

power::controller uniform_on(power::power_tree::level at, duration latency = milliseconds{100}) {
    return {.at = at, .policy = power::make_cap_policy("uniform", {}), .period = seconds{3}, .latency = latency};
}

}  // namespace

TEST_CASE("a limit slows a job by the fit, from when it holds until it is over", "[power][sim]") {
    power::plant_plan p = plant_of(1, "single", 1);
    p.controls.push_back(uniform_on(power::power_tree::level::row));
    p.events.push_back(limit_of("hall-0/row-0", 100e3, hours{1}, hours{3}));
    // The pace under the limit, from a plant that is asked directly.
    power::plant_plan q = plant_of(1, "single", 1);
    q.controls.push_back(uniform_on(power::power_tree::level::row));
    q.events.push_back(limit_of("hall-0/row-0", 100e3, hours{1}, hours{3}));
    power::plant alone{std::move(q)};
    std::vector<fleet::gpu_share> where;
    for (std::uint32_t n = 0; n != 18; ++n) where.push_back({.node = node_id{n}, .gpus = 0xF});
    alone.in_pass(true);
    alone.start(start_of_time, {.where = where});
    alone.in_pass(false);
    // Each stretch between its limits has one pace.
    std::int64_t remaining = ticks(duration{hours{10}});
    instant since = start_of_time;
    double pace = 1;
    int changes = 0;
    while (true) {
        const instant next = std::min(alone.next_change(), alone.next_control());
        if (next == never) break;
        if (alone.next_change() == next) alone.change(next);
        if (alone.next_control() == next) alone.control(next);
        const double then = alone.pace({.where = where});
        if (then == pace) continue;
        remaining -= ticks(work_in(next - since, pace));
        since = next;
        pace = then;
        ++changes;
    }
    CHECK(pace == 1);
    CHECK(changes >= 2);
    const powered_outcome o = run_powered(std::move(p), {gpu_job(72, hours{10})});
    CHECK(o.jobs[0].finish == since + duration{remaining});
    CHECK(o.jobs[0].finish > start_of_time + hours{10});
    CHECK(o.jobs[0].finish < start_of_time + hours{12});
    CHECK(o.jobs[0].preemptions == 0);
    CHECK(*o.all.energy->trips == 0);
    CHECK(*o.all.energy->limits >= 2);
    // Useful time is the time that it ran.
    CHECK(o.jobs[0].useful == o.jobs[0].finish - start_of_time);
}

TEST_CASE("power that does not run short changes no job", "[power][sim]") {
    naive::test_random random(11);
    std::vector<workload::job_request> jobs;
    for (int i = 0; i != 200; ++i) {
        jobs.push_back(gpu_job(static_cast<std::uint32_t>(random.between(1, 72)), seconds{random.between(0, 5000)},
                               seconds{10 * i}, static_cast<std::int32_t>(random.between(0, 2))));
        jobs.back().estimate = jobs.back().work;
    }
    for (const char* const policy : {"fifo", "easy", "srtf", "conservative"}) {
        CAPTURE(policy);
        const powered_outcome plain = run_powered(plant_of(2, "4n3", 1), jobs, policy);
        power::plant_plan p = plant_of(2, "4n3", 1);
        p.sites[0].halls.trips = true;
        p.controls.push_back(uniform_on(power::power_tree::level::source));
        p.controls.push_back(uniform_on(power::power_tree::level::site));
        const powered_outcome watched = run_powered(std::move(p), jobs, policy, {}, {}, seconds{7});
        REQUIRE(plain.jobs.size() == watched.jobs.size());
        for (std::size_t i = 0; i != plain.jobs.size(); ++i) {
            CHECK(plain.jobs[i].finish == watched.jobs[i].finish);
            CHECK(plain.jobs[i].preemptions == watched.jobs[i].preemptions);
        }
        CHECK(plain.all.energy->it_j == watched.all.energy->it_j);
        CHECK(plain.all.energy->losses_j == watched.all.energy->losses_j);
        CHECK_FALSE(plain.all.energy->trips);
        CHECK(*watched.all.energy->limits == 0);
    }
}

TEST_CASE("a lower limit never finishes a job sooner", "[power][sim]") {
    naive::test_random random(5);
    std::vector<workload::job_request> jobs;
    for (int i = 0; i != 40; ++i) jobs.push_back(gpu_job(4, seconds{random.between(60, 9000)}, seconds{100 * i}));
    std::vector<instant> last(jobs.size(), start_of_time);
    for (double w = 150e3; w > 30e3; w *= 0.93) {
        power::plant_plan p = plant_of(1, "single", 1);
        p.controls.push_back(uniform_on(power::power_tree::level::row));
        p.events.push_back(limit_of("hall-0/row-0", w, duration{}, hours{100}));
        const powered_outcome o = run_powered(std::move(p), jobs);
        for (std::size_t i = 0; i != jobs.size(); ++i) {
            CAPTURE(w, i);
            // Bands leave the load between 90 and 100 % of the limit: steps of a tenth are always felt in order.
            CHECK(o.jobs[i].finish >= last[i] - seconds{60});
        }
        for (std::size_t i = 0; i != jobs.size(); ++i) last[i] = std::max(last[i], o.jobs[i].finish);
    }
}

TEST_CASE("a lost feed stops its jobs, which go on elsewhere or wait until its nodes have booted", "[power][sim]") {
    power::plant_plan p = plant_of(2, "single", 1);
    p.boot = minutes{10};
    p.events.push_back({.start = start_of_time + hours{1}, .end = start_of_time + hours{2}, .device = "hall-0/row-1"});
    const preemption_options costs{.checkpoint_interval = minutes{25}, .restart = minutes{5}};
    // First fit: the first job takes rack 0, the second rack 1.
    const powered_outcome o = run_powered(std::move(p), {gpu_job(72, hours{4}), gpu_job(72, hours{4})}, "fifo", costs);
    CHECK(o.jobs[0].finish == start_of_time + hours{4});
    CHECK(o.jobs[0].restarts == 0);
    // It had kept 50 minutes, lost 10, and goes on 10 minutes after the power is back.
    CHECK(o.jobs[1].restarts == 1);
    CHECK(o.jobs[1].lost == minutes{10});
    CHECK(o.jobs[1].finish == start_of_time + hours{2} + minutes{10} + minutes{5} + hours{4} - minutes{50});
    CHECK(o.all.books[account::down] == gpu_time{ticks(duration{minutes{70}})} * 72);
    CHECK(*o.all.energy->lost_rack_s == 3600);
}

TEST_CASE("a source that is lost at peak trips the others unless a controller is quick", "[power][sim]") {
    const auto hall = [](std::optional<duration> latency) {
        power::plant_plan p = plant_of(12, "4n3", 2);
        p.sites[0].halls.trips = true;
        p.sites[0].halls.oversubscription = 1.25;
        p.reclose = hours{1};
        if (latency) p.controls.push_back(uniform_on(power::power_tree::level::source, *latency));
        p.events.push_back(
            {.start = start_of_time + hours{1}, .end = start_of_time + hours{2}, .device = "hall-0/source-0"});
        return p;
    };
    std::vector<workload::job_request> jobs;
    for (int i = 0; i != 12; ++i) jobs.push_back(gpu_job(72, hours{3}));
    const powered_outcome quick = run_powered(hall(seconds{40}), jobs);
    CHECK(*quick.all.energy->trips == 0);
    CHECK(*quick.all.energy->limits > 0);
    for (const auto& j : quick.jobs) {
        CHECK(j.restarts == 0);
        CHECK(j.finish > start_of_time + hours{3});
        CHECK(j.finish < start_of_time + hours{4});
    }
    for (const auto late : {std::optional<duration>{}, std::optional<duration>{hours{1}}}) {
        const powered_outcome dark = run_powered(hall(late), jobs);
        CHECK(*dark.all.energy->trips >= 3);
        for (const auto& j : dark.jobs) CHECK(j.restarts >= 1);
        CHECK(*dark.all.energy->lost_rack_s > 0);
    }
}

TEST_CASE("limits, losses and preemption together keep all books", "[power][sim]") {
    bool gave = false, made = false;
    for (std::uint64_t seed = 0; seed != 30; ++seed) {
        CAPTURE(seed);
        naive::test_random random(seed);
        std::vector<workload::job_request> jobs;
        for (int i = 0; i != 60; ++i) {
            jobs.push_back(gpu_job(static_cast<std::uint32_t>(random.between(1, 100)),
                                   seconds{random.between(1, 20000)}, seconds{random.between(0, 300) + 200 * i},
                                   static_cast<std::int32_t>(random.between(0, 2))));
            jobs.back().estimate = jobs.back().work;
        }
        const auto plan = [&] {
            naive::test_random r(seed + 1000);
            power::plant_plan p = plant_of(4, seed % 2 == 0 ? "2n" : "4n3", 1);
            p.sites[0].halls.trips = true;
            p.sites[0].halls.oversubscription = 1 + 0.1 * static_cast<double>(r.between(0, 6));
            p.reclose = minutes{r.between(1, 100)};
            p.boot = minutes{r.between(0, 20)};
            if (seed % 5 < 3)
                p.sites[0].halls.batteries = power::battery_plan{.ride_through = seconds{r.between(1, 600)}};
            if (seed % 5 < 2)
                p.sites[0].halls.generators = power::generator_plan{
                    .of_site = seed % 2 == 0, .start = seconds{r.between(0, 900)}, .fuel = minutes{r.between(1, 90)}};
            p.controls.push_back({.at = power::power_tree::level::source,
                                  .policy = power::make_cap_policy(seed % 3 == 0 ? "two-threshold" : "priority", {}),
                                  .period = seconds{r.between(1, 20)},
                                  .latency = seconds{r.between(0, 60)}});
            p.controls.push_back(uniform_on(power::power_tree::level::unit, seconds{r.between(0, 5)}));
            for (int i = 0; i != 8; ++i) {
                const auto names = power::power_tree{p.models, p.units, p.sites}.names();
                const auto from = seconds{r.between(0, 20000)};
                power::feed_event e =
                    limit_of(names[static_cast<std::size_t>(r.between(0, static_cast<std::int64_t>(names.size()) - 1))],
                             static_cast<double>(r.between(50'000, 400'000)), from, from + seconds{r.between(1, 6000)});
                e.what = static_cast<power::feed_event::kind>(r.between(0, 2));
                e.share = 0.3;
                p.events.push_back(e);
            }
            return p;
        };
        for (const char* const policy : {"fifo", "easy", "srtf", "las", "conservative", "priority"}) {
            CAPTURE(policy);
            const preemption_options costs = seed % 4 < 2 ? preemption_options{}
                                                          : preemption_options{.checkpoint_interval = seconds{900},
                                                                               .checkpoint = seconds{10},
                                                                               .restart = seconds{60}};
            // The books are checked at the end of every run; samples and repeats change nothing.
            const powered_outcome a = run_powered(plan(), jobs, policy, costs, hours{9});
            const powered_outcome b = run_powered(plan(), jobs, policy, costs, hours{9}, seconds{13});
            for (std::size_t i = 0; i != jobs.size(); ++i) CHECK(a.jobs[i].finish == b.jobs[i].finish);
            CHECK(a.all.energy->it_j == b.all.energy->it_j);
            CHECK(a.all.energy->losses_j >= 0);
            CHECK(*a.all.energy->trips == *b.all.energy->trips);
            CHECK(a.all.energy->batteries_j == b.all.energy->batteries_j);
            CHECK(a.all.energy->generators_j == b.all.energy->generators_j);
            gave = gave || a.all.energy->batteries_j.value_or(0) > 0;
            made = made || a.all.energy->generators_j.value_or(0) > 0;
        }
    }
    CHECK(gave);
    CHECK(made);
}
