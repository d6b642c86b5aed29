// Failures that do not stop jobs at once, in a run: slow parts are slowdowns at the same times, jobs that hang by hand,
// and the books of all of it together.
#include "support/catch.hpp"
#include "support/failing_run.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/faults/part_failures.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <array>
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
using faults::part_change;
using faults::part_kind;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

faults::failure_plan slow_plan(std::uint64_t seed) {
    return {.processes = {{.cause = "nic",
                           .part = part_kind::nic,
                           .each = 4,
                           .mean_s = 120 * 10 * hour_s,
                           .repair = lognormal_distribution{6 * hour_s, 1},
                           .speed = 0.7},
                          {.cause = "tray",
                           .part = part_kind::switch_tray,
                           .each = 9,
                           .mean_s = 45 * 60 * hour_s,
                           .repair = uniform_distribution{hour_s, 9 * hour_s},
                           .speed = 0.9}},
            .crews = 3,
            .seed = seed};
}

/// What that plan comes to: slowdowns, by failure.
std::vector<sim::slowdown> slowdowns_of(const faults::failure_plan& plan, instant until) {
    const fleet::fleet_state fleet = racks();
    const std::vector<fleet::node_state> up(30, fleet::node_state::up);
    faults::part_failures machine{plan, faults::fleet_layout::of(fleet.empty()), up};
    std::vector<sim::slowdown> out;
    std::vector<std::pair<std::size_t, part_change>> open;
    while (machine.next() < until || !open.empty()) {
        const instant now = machine.next();
        const auto what = machine.advance(up);
        if (!what) continue;
        if (what->what == part_change::kind::slows) {
            open.emplace_back(out.size(), *what);
            auto& s = out.emplace_back();
            s.start = now;
            s.end = now + hours{24 * 60};
            s.speed = *plan.processes[what->process].speed;
            for (std::uint32_t n = what->first_node; n != what->last_node; ++n) s.nodes.push_back(node_id{n});
            continue;
        }
        // Two NICs of a node may be slow at a time; which of them recovers makes no difference.
        const auto at = std::find_if(open.begin(), open.end(), [&](const auto& f) {
            return f.second.process == what->process && f.second.first_node == what->first_node;
        });
        out[at->first].end = now;
        open.erase(at);
        if (now > until + hours{24 * 30}) break;
    }
    return out;
}

}  // namespace

TEST_CASE("slow parts are slowdowns at their times, to every policy", "[faults][sim]") {
    std::uint64_t slow_jobs = 0;
    for (const std::string policy : {"fifo", "fifo-skip", "easy", "conservative", "srtf", "las", "elastic"}) {
        for (std::uint64_t seed = 1; seed != 4; ++seed) {
            INFO(policy << ' ' << seed);
            const instant until = start_of_time + hours{24 * 12};
            sim::parts at_random = parts_of(random_jobs(seed, 250), policy);
            at_random.failures = slow_plan(seed);
            at_random.until = until - start_of_time;
            sim::parts given = parts_of(random_jobs(seed, 250), policy);
            given.slowdowns = slowdowns_of(slow_plan(seed), until);
            given.until = until - start_of_time;
            sim::simulation a{std::move(at_random)}, b{std::move(given)};
            a.run();
            b.run();
            CHECK(a.results().books == b.results().books);
            CHECK(a.results().restarts == 0);
            CHECK(a.results().books[account::down] == 0);
            CHECK(a.results().failures.front().failures > 10);
            CHECK(a.results().failures.front().jobs_stopped == 0);
            for (std::size_t i = 0; i != a.records(0).size(); ++i) {
                CHECK(a.records(0)[i].first_start == b.records(0)[i].first_start);
                CHECK(a.records(0)[i].finish == b.records(0)[i].finish);
                CHECK(a.records(0)[i].useful == b.records(0)[i].useful);
                slow_jobs += a.records(0)[i].useful > random_jobs(seed, 250)[i].work ? 1U : 0U;
            }
        }
    }
    CHECK(slow_jobs > 300);
}

TEST_CASE("a tray that goes on at lower speed takes its rack when it is swapped", "[faults][sim]") {
    workload::job_request job = gpu_job(24, hours{400});
    job.name = 0;
    sim::parts p = parts_of({job}, "fifo", [] {
        fleet::topology where;
        where.add({.count = 1, .nodes = 6});
        return fleet::fleet_state::racks(std::move(where), 4);
    }());
    const faults::failure_plan plan{.processes = {{.cause = "tray",
                                                   .part = part_kind::switch_tray,
                                                   .each = 9,
                                                   .mean_s = 9 * 60 * hour_s,
                                                   .repair = constant_distribution{2 * hour_s},
                                                   .speed = 0.5,
                                                   .swap_after = constant_distribution{10 * hour_s}}},
                                    .seed = 5};
    p.failures = plan;
    p.preemption = {.checkpoint_interval = hours{1}};
    p.until = hours{350};
    sim::simulation s{std::move(p)};
    s.run();
    // By hand: what the job has done, and what was not kept when the rack left.
    const std::vector<fleet::node_state> up(6, fleet::node_state::up);
    std::vector<fleet::node_state> states = up;
    fleet::topology where;
    where.add({.count = 1, .nodes = 6});
    faults::part_failures machine{
        plan, faults::fleet_layout::of(fleet::fleet_state::racks(std::move(where), 4).empty()), states};
    duration lost{}, down{}, since_checkpoint{};
    instant now = start_of_time, left_at = start_of_time;
    int down_for = 0;
    std::uint64_t stops = 0;
    const auto advance = [&](instant to) {
        if (down_for == 0) since_checkpoint = (since_checkpoint + (to - now)) % duration{hours{1}};
        now = to;
    };
    while (machine.next() <= start_of_time + hours{350}) {
        advance(machine.next());
        const auto what = machine.advance(states);
        if (!what) continue;
        if (what->what == part_change::kind::fails && down_for++ == 0) {
            ++stops;
            lost += since_checkpoint;
            since_checkpoint = {};
            left_at = now;
        }
        if (what->what == part_change::kind::repaired && --down_for == 0) down += now - left_at;
        std::fill(states.begin(), states.end(), down_for != 0 ? fleet::node_state::down : fleet::node_state::up);
    }
    advance(start_of_time + hours{350});
    if (down_for != 0) down += now - left_at;
    CHECK(stops > 1);
    CHECK(s.results().failures[0].jobs_stopped == stops);
    CHECK(s.records(0)[0].restarts == stops);
    CHECK(s.records(0)[0].lost == lost);
    CHECK(s.records(0)[0].useful == duration{hours{350}} - down - lost);
    CHECK(s.results().books[account::down] == gpu_time{ticks(down)} * 24);
}

TEST_CASE("jobs hang from the failure until it is noticed", "[faults][sim]") {
    // Two jobs share each node.
    std::vector<workload::job_request> jobs;
    for (std::size_t i = 0; i != 4; ++i) {
        jobs.push_back(gpu_job(2, hours{600}));
        jobs.back().row = i;
        jobs.back().name = static_cast<std::int64_t>(i);
    }
    const faults::failure_plan plan{.processes = {{.cause = "nccl",
                                                   .part = part_kind::gpu,
                                                   .mean_s = 8 * 5 * hour_s,
                                                   .detection = exponential_distribution{3 * hour_s}}},
                                    .seed = 9};
    sim::parts p = parts_of(jobs, "fifo", fleet::fleet_state::flat_nodes(2, 4));
    p.failures = plan;
    p.until = hours{500};
    sim::simulation s{std::move(p)};
    s.run();
    // By hand: job i always holds the GPUs 2 i and 2 i + 1, as it starts again at once where it was.
    const std::vector<fleet::node_state> up(2, fleet::node_state::up);
    faults::part_failures machine{plan, faults::fleet_layout::of(fleet::fleet_state::flat_nodes(2, 4).empty()), up};
    struct run {
        instant since = start_of_time;
        std::optional<instant> hangs{};
        int bad = 0;  // of its GPUs
        std::uint32_t stops = 0;
        duration lost{}, useful{}, stalled{};
    };
    std::array<run, 4> runs;
    const auto end_run = [](run& r, instant now, bool fails) {
        const instant until = r.hangs ? *r.hangs : now;
        r.stalled += now - until;
        duration left = until - r.since;
        if (r.stops != 0) left -= std::min<duration>(left, minutes{7});
        const std::int64_t whole = left / minutes{61};
        const duration rest = std::min<duration>(left - whole * minutes{61}, hours{1});
        r.useful += whole * duration{hours{1}};
        (fails ? r.lost : r.useful) += rest;
    };
    std::uint64_t at_once = 0;
    while (machine.next() <= start_of_time + hours{500}) {
        const instant now = machine.next();
        const auto what = machine.advance(up);
        if (!what) continue;
        run& r = runs[what->first_node * 2 + (what->gpus >= 4 ? 1 : 0)];
        if (what->what == part_change::kind::hangs) {
            ++r.bad;
            if (!r.hangs) r.hangs = now;
            continue;
        }
        CHECK(what->what == part_change::kind::stops);
        end_run(r, now, true);
        ++r.stops;
        r.since = now;
        r.hangs.reset();
        if (--r.bad != 0) r.hangs = now;
        at_once += r.bad != 0 ? 1U : 0U;
    }
    CHECK(at_once > 1);
    const sim::summary& all = s.results();
    gpu_time stalled = 0;
    for (std::size_t i = 0; i != 4; ++i) {
        INFO(i);
        end_run(runs[i], start_of_time + hours{500}, false);
        CHECK(s.records(0)[i].restarts == runs[i].stops);
        CHECK(s.records(0)[i].lost == runs[i].lost);
        CHECK(s.records(0)[i].useful == runs[i].useful);
        CHECK(runs[i].stops > 10);
        stalled += gpu_time{ticks(runs[i].stalled)} * 2;
    }
    CHECK(stalled > 0);
    CHECK(all.books[account::stalled] == stalled);
    CHECK(all.books[account::idle] == 0);
}

TEST_CASE("jobs fall back to before the failure when wrong results are found", "[faults][sim]") {
    // Two jobs share each node.
    std::vector<workload::job_request> jobs;
    for (std::size_t i = 0; i != 4; ++i) {
        jobs.push_back(gpu_job(2, hours{900}));
        jobs.back().row = i;
        jobs.back().name = static_cast<std::int64_t>(i);
    }
    const faults::failure_plan plan{.processes = {{.cause = "sdc",
                                                   .part = part_kind::gpu,
                                                   .mean_s = 8 * 9 * hour_s,
                                                   .detection = exponential_distribution{6 * hour_s},
                                                   .silent = true},
                                                  {.cause = "soft", .part = part_kind::gpu, .mean_s = 8 * 40 * hour_s}},
                                    .seed = 9};
    sim::parts p = parts_of(jobs, "fifo", fleet::fleet_state::flat_nodes(2, 4));
    p.failures = plan;
    p.until = hours{800};
    sim::simulation s{std::move(p)};
    s.run();
    const sim::summary& all = s.results();
    // By hand: job i always holds the GPUs 2 i and 2 i + 1, as it starts again at once where it was.
    const std::vector<fleet::node_state> up(2, fleet::node_state::up);
    faults::part_failures machine{plan, faults::fleet_layout::of(fleet::fleet_state::flat_nodes(2, 4).empty()), up};
    struct run {
        instant since = start_of_time;
        std::optional<duration> sound{};  // what was useful of this run when the first of its GPUs failed
        int bad = 0;
        std::uint32_t stops = 0;
        duration lost{}, useful{};
    };
    std::array<run, 4> runs;
    struct spent {
        duration kept{}, rest{};
    };
    const auto spent_of = [](const run& r, instant now) {
        duration left = now - r.since;
        if (r.stops != 0) left -= std::min<duration>(left, minutes{7});
        const std::int64_t whole = left / minutes{61};
        return spent{whole * duration{hours{1}}, std::min<duration>(left - whole * minutes{61}, hours{1})};
    };
    std::uint64_t undone = 0;
    while (machine.next() <= start_of_time + hours{800}) {
        const instant now = machine.next();
        const auto what = machine.advance(up);
        if (!what) continue;
        run& r = runs[what->first_node * 2 + (what->gpus >= 4 ? 1 : 0)];
        if (what->what == part_change::kind::corrupts) {
            ++r.bad;
            if (!r.sound) r.sound = spent_of(r, now).kept;
            continue;
        }
        CHECK(what->what == part_change::kind::stops);
        const spent t = spent_of(r, now);
        const bool found = what->process == 0;
        r.bad -= found ? 1 : 0;
        const duration kept = found ? std::min(t.kept, *r.sound) : t.kept;
        undone += kept != t.kept ? 1U : 0U;
        r.useful += kept;
        r.lost += t.kept - kept + t.rest;
        ++r.stops;
        r.since = now;
        r.sound.reset();
        if (r.bad != 0) r.sound = duration::zero();
    }
    CHECK(undone > 50);
    for (std::size_t i = 0; i != 4; ++i) {
        INFO(i);
        const spent t = spent_of(runs[i], start_of_time + hours{800});
        CHECK(s.records(0)[i].restarts == runs[i].stops);
        CHECK(s.records(0)[i].lost == runs[i].lost);
        CHECK(s.records(0)[i].useful == runs[i].useful + t.kept + t.rest);
    }
    CHECK(all.books[account::stalled] == 0);
    CHECK(all.books[account::idle] == 0);
}

TEST_CASE("a job that has fallen back does its work again", "[faults][sim]") {
    std::uint32_t restarts = 0;
    for (std::uint64_t seed = 1; seed != 20; ++seed) {
        workload::job_request job = gpu_job(4, hours{100});
        job.name = 0;
        sim::parts p = parts_of({job}, "fifo", fleet::fleet_state::flat_nodes(1, 4));
        p.failures = {.processes = {{.cause = "sdc",
                                     .part = part_kind::node,
                                     .mean_s = 60 * hour_s,
                                     .detection = constant_distribution{5 * hour_s},
                                     .silent = true}},
                      .seed = seed};
        sim::simulation s{std::move(p)};
        s.run();
        CHECK(s.results().finished == 1);
        const sim::job_record& r = s.records(0)[0];
        CHECK(r.useful == duration{hours{100}});
        // What it has done in five hours, but for a restart and pauses, and since the checkpoint before.
        CHECK(r.lost >= r.restarts * duration{minutes{5 * 60 - 7 - 5}});
        CHECK(r.lost <= r.restarts * duration{hours{6}});
        restarts += r.restarts;
    }
    CHECK(restarts > 20);
}

TEST_CASE("whatever failures do, the books balance and the stops add up", "[faults][sim]") {
    gpu_time stalled = 0;
    std::uint64_t restarts = 0;
    for (const std::string policy : {"fifo", "easy", "conservative", "srtf", "las", "elastic", "ftf", "max-min", "drf",
                                     "fair-share", "priority"}) {
        for (std::uint64_t seed = 1; seed != 4; ++seed) {
            INFO(policy << ' ' << seed);
            const auto make = [&] {
                sim::parts p = parts_of(random_jobs(seed, 300, policy == "elastic"), policy);
                p.failures = slow_plan(seed);
                p.failures.processes.push_back({.cause = "hard",
                                                .part = part_kind::gpu,
                                                .mean_s = 120 * 12 * hour_s,
                                                .repair = lognormal_distribution{4 * hour_s, 1},
                                                .detection = exponential_distribution{hour_s}});
                p.failures.processes.push_back({.cause = "soft",
                                                .part = part_kind::nic,
                                                .each = 2,
                                                .mean_s = 60 * 20 * hour_s,
                                                .shape = 1.5,
                                                .detection = uniform_distribution{60, 5 * hour_s}});
                p.failures.processes.push_back({.cause = "tray to swap",
                                                .part = part_kind::switch_tray,
                                                .each = 9,
                                                .mean_s = 45 * 30 * hour_s,
                                                .repair = uniform_distribution{hour_s, 4 * hour_s},
                                                .speed = 0.8,
                                                .swap_after = exponential_distribution{12 * hour_s}});
                p.failures.processes.push_back({.cause = "silent",
                                                .part = part_kind::gpu,
                                                .mean_s = 120 * 12 * hour_s,
                                                .repair = lognormal_distribution{4 * hour_s, 1},
                                                .detection = exponential_distribution{4 * hour_s},
                                                .silent = true});
                p.failures.lemons = faults::lemon_nodes{0.1, 5};
                p.failures.infant = faults::early_failures{3, hours{48}};
                p.until = hours{24 * 12};
                return p;
            };
            sim::simulation a{make()}, b{make()};
            a.run();
            b.run();
            const sim::summary& r = a.results();  // checks the books
            CHECK(r.books == b.results().books);
            std::uint64_t stopped = 0;
            for (const sim::cause_result& c : r.failures) stopped += c.jobs_stopped;
            CHECK(stopped == r.restarts);
            CHECK(r.books[account::stalled] > 0);
            stalled += r.books[account::stalled];
            restarts += stopped;
        }
    }
    CHECK(restarts > 500);
    CHECK(stalled > gpu_time{ticks(duration{hours{1}})});
}
