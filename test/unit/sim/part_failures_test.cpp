// Failures at random in a run: the same as outages at the same times, soft ones by hand, in reservations and with
// deliveries.
#include "support/catch.hpp"
#include "support/failing_run.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/faults/part_failures.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
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

faults::failure_plan mixed_plan(std::uint64_t seed) {
    return {.processes = {{.cause = "gpu",
                           .part = part_kind::gpu,
                           .mean_s = 120 * 30 * hour_s,
                           .repair = lognormal_distribution{6 * hour_s, 1}},
                          {.cause = "rack",
                           .part = part_kind::rack,
                           .mean_s = 5 * 80 * hour_s,
                           .repair = uniform_distribution{hour_s, 9 * hour_s}},
                          {.cause = "fan",
                           .part = part_kind::node,
                           .mean_s = 30 * 50 * hour_s,
                           .shape = 0.8,
                           .repair = constant_distribution{3 * hour_s}}},
            .crews = 2,
            .seed = seed};
}

/// What that plan comes to where nothing else takes nodes away: outages, by start.
std::vector<sim::outage> outages_of(faults::failure_plan plan, instant until) {
    const fleet::fleet_state fleet = racks();
    std::vector<fleet::node_state> states(fleet.states().begin(), fleet.states().end());
    std::vector<int> down(states.size(), 0);
    faults::part_failures machine{std::move(plan), faults::fleet_layout::of(fleet.empty()), states};
    std::vector<sim::outage> out;
    std::vector<std::pair<std::size_t, part_change>> open;
    while (machine.next() < until || !open.empty()) {
        const instant now = machine.next();
        const auto what = machine.advance(states);
        if (!what) continue;
        if (what->what == part_change::kind::fails) {
            open.emplace_back(out.size(), *what);
            auto& o = out.emplace_back();
            o.start = now;
            for (std::uint32_t n = what->first_node; n != what->last_node; ++n) o.nodes.push_back(node_id{n});
        } else {
            const auto at = std::find_if(open.begin(), open.end(), [&](const auto& f) {
                return f.second.process == what->process && f.second.first_node == what->first_node;
            });
            out[at->first].end = now;
            open.erase(at);
        }
        for (std::uint32_t n = what->first_node; n != what->last_node; ++n) {
            down[n] += what->what == part_change::kind::fails ? 1 : -1;
            states[n] = down[n] != 0 ? fleet::node_state::down : fleet::node_state::up;
        }
        if (now > until + hours{24 * 30}) break;
    }
    return out;
}

void check_same(const sim::job_record& a, const sim::job_record& b) {
    CHECK(a.first_start == b.first_start);
    CHECK(a.finish == b.finish);
    CHECK(a.useful == b.useful);
    CHECK(a.lost == b.lost);
    CHECK(a.restarts == b.restarts);
    CHECK(a.state == b.state);
}

}  // namespace

TEST_CASE("failures at random are outages at their times, to every policy", "[faults][sim]") {
    std::uint64_t restarts = 0, failures = 0;
    for (const std::string policy : {"fifo", "fifo-skip", "easy", "conservative", "srtf", "las", "elastic"}) {
        for (std::uint64_t seed = 1; seed != 4; ++seed) {
            INFO(policy << ' ' << seed);
            const instant until = start_of_time + hours{24 * 12};
            sim::parts at_random = parts_of(random_jobs(seed, 300), policy);
            at_random.failures = mixed_plan(seed);
            at_random.until = until - start_of_time;
            sim::parts given = parts_of(random_jobs(seed, 300), policy);
            given.outages = outages_of(mixed_plan(seed), until);
            std::erase_if(given.outages, [until](const sim::outage& o) { return o.start > until; });
            given.until = until - start_of_time;
            sim::simulation a{std::move(at_random)}, b{std::move(given)};
            a.run();
            b.run();
            const sim::summary& of_a = a.results();
            const sim::summary& of_b = b.results();
            CHECK(of_a.books == of_b.books);
            CHECK(of_b.failures.empty());
            REQUIRE(of_a.failures.size() == 3);
            for (std::size_t i = 0; i != a.records(0).size(); ++i) check_same(a.records(0)[i], b.records(0)[i]);
            std::uint64_t stopped = 0;
            for (const sim::cause_result& c : of_a.failures) {
                stopped += c.jobs_stopped;
                failures += c.failures;
            }
            CHECK(stopped == of_a.restarts);
            restarts += stopped;
        }
    }
    CHECK(restarts > 300);
    CHECK(failures > 300);
}

TEST_CASE("what needs no repair stops the job that holds the GPU, and nothing else", "[faults][sim]") {
    // Two jobs share each node.
    std::vector<workload::job_request> jobs;
    for (std::size_t i = 0; i != 4; ++i) {
        jobs.push_back(gpu_job(2, hours{400}));
        jobs.back().row = i;
        jobs.back().name = static_cast<std::int64_t>(i);
    }
    sim::parts p = parts_of(jobs, "fifo", fleet::fleet_state::flat_nodes(2, 4));
    p.failures = {.processes = {{.cause = "nccl", .part = part_kind::gpu, .mean_s = 8 * 20 * hour_s}}, .seed = 9};
    p.until = hours{300};
    sim::simulation s{std::move(p)};
    s.run();
    const sim::summary& all = s.results();
    // By hand: job i always holds the GPUs 2 i and 2 i + 1, as it starts again at once where it was.
    const auto layout = faults::fleet_layout::of(fleet::fleet_state::flat_nodes(2, 4).empty());
    const std::vector<fleet::node_state> up(2, fleet::node_state::up);
    faults::part_failures machine{
        {.processes = {{.cause = "nccl", .part = part_kind::gpu, .mean_s = 8 * 20 * hour_s}}, .seed = 9}, layout, up};
    std::vector<std::uint32_t> stops(4, 0);
    std::vector<duration> lost(4), useful(4);
    std::vector<instant> since(4, start_of_time);
    const auto end_run = [&](std::size_t i, instant now, bool fails) {
        duration left = now - since[i];
        if (stops[i] != 0) left -= std::min<duration>(left, minutes{7});
        const std::int64_t whole = left / minutes{61};
        const duration rest = std::min<duration>(left - whole * minutes{61}, hours{1});
        useful[i] += whole * duration{hours{1}};
        (fails ? lost : useful)[i] += rest;
    };
    while (machine.next() <= start_of_time + hours{300}) {
        const instant now = machine.next();
        const auto what = machine.advance(up);
        REQUIRE(what);
        CHECK(what->what == part_change::kind::stops);
        const std::size_t job = what->first_node * 2 + (what->gpus >= 4 ? 1 : 0);
        end_run(job, now, true);
        ++stops[job];
        since[job] = now;
    }
    for (std::size_t i = 0; i != 4; ++i) {
        INFO(i);
        end_run(i, start_of_time + hours{300}, false);
        CHECK(s.records(0)[i].restarts == stops[i]);
        CHECK(s.records(0)[i].lost == lost[i]);
        CHECK(s.records(0)[i].useful == useful[i]);
        CHECK(stops[i] != 0);
    }
    CHECK(all.books[account::down] == 0);
    CHECK(all.books[account::idle] == 0);
    CHECK(all.failures.front().jobs_stopped == all.restarts);
    CHECK(all.failures.front().node_s == 0);
}

TEST_CASE("failures reach the jobs of reservations, and nest in outages", "[faults][sim]") {
    std::vector<workload::job_request> jobs{gpu_job(16, hours{500}), gpu_job(16, hours{500})};
    for (std::size_t i = 0; i != 2; ++i) {
        jobs[i].row = 0;
        jobs[i].name = 0;
    }
    sim::parts p = parts_of({jobs[0]}, "fifo", fleet::fleet_state::flat_nodes(12, 4));
    p.sources.push_back(std::make_unique<workload::vector_source>(std::vector{jobs[1]}));
    std::vector<node_id> own;
    for (std::uint32_t n = 6; n != 12; ++n) own.push_back(node_id{n});
    p.reservations.push_back({.name = "theirs",
                              .what = {.start = start_of_time, .end = start_of_time + hours{24 * 40}, .nodes = own},
                              .kind = sim::reservation_kind::advance,
                              .policy = policy::make_policy("fifo", {}),
                              .placer = policy::make_placer("first-fit")});
    p.reserved_for = {"", "theirs"};
    p.outages.push_back({.start = start_of_time + hours{10}, .end = start_of_time + hours{200}, .nodes = {node_id{3}}});
    p.failures = {.processes = {{.cause = "hard",
                                 .part = part_kind::node,
                                 .mean_s = 12 * 15 * hour_s,
                                 .repair = uniform_distribution{hour_s, 20 * hour_s}},
                                {.cause = "soft", .part = part_kind::gpu, .mean_s = 48 * 15 * hour_s}},
                  .seed = 4};
    p.until = hours{300};
    sim::simulation s{std::move(p)};
    s.run();
    const sim::summary& all = s.results();
    CHECK(s.records(0)[0].restarts > 5);
    CHECK(s.records(1)[0].restarts > 5);
    CHECK(all.failures[0].jobs_stopped > 5);
    CHECK(all.failures[1].jobs_stopped > 5);
    // The outage stops the first job, too, if it holds node 3 then.
    CHECK(all.failures[0].jobs_stopped + all.failures[1].jobs_stopped + 1 >= all.restarts);
    CHECK(all.restarts == s.records(0)[0].restarts + s.records(1)[0].restarts);
}

TEST_CASE("nodes that have not come do not fail", "[faults][sim]") {
    for (const double shape : {1.0, 0.7}) {
        sim::parts p = parts_of({gpu_job(40, hours{2000})}, "fifo", fleet::fleet_state::flat_nodes(20, 4));
        std::vector<node_id> later;
        for (std::uint32_t n = 10; n != 20; ++n) later.push_back(node_id{n});
        p.deliveries.push_back({.at = start_of_time + hours{500}, .nodes = later});
        p.failures = {.processes = {{.cause = "hard",
                                     .part = part_kind::node,
                                     .mean_s = 100 * hour_s,
                                     .shape = shape,
                                     .repair = constant_distribution{hour_s}}},
                      .seed = 8};
        p.until = hours{500};
        sim::parts q = parts_of({gpu_job(40, hours{2000})}, "fifo", fleet::fleet_state::flat_nodes(10, 4));
        q.failures = p.failures;
        q.until = p.until;
        sim::simulation a{std::move(p)}, b{std::move(q)};
        a.run();
        b.run();
        const auto failures = static_cast<double>(a.results().failures.front().failures);
        // Ten nodes at 101 hours a cycle.
        CHECK(failures > 25);
        CHECK(failures < 80);
        CHECK(a.results().failures.front().node_s <= failures * hour_s);
        // With a clock for each node even at the same times.
        if (shape != 1) CHECK(failures == static_cast<double>(b.results().failures.front().failures));
    }
}

TEST_CASE("a log of failures is outages at its times, to every policy", "[faults][sim]") {
    std::uint64_t restarts = 0;
    for (const std::string policy : {"fifo", "easy", "conservative", "srtf", "elastic"}) {
        for (std::uint64_t seed = 1; seed != 4; ++seed) {
            INFO(policy << ' ' << seed);
            random_stream draw{seed, purpose::test, 7};
            sim::parts logged = parts_of(random_jobs(seed, 300), policy);
            sim::parts given = parts_of(random_jobs(seed, 300), policy);
            logged.failures.processes = {{.cause = "log"}};
            logged.failures.crews = 1;  // says nothing of repairs that have been
            instant now = start_of_time;
            for (std::size_t i = 0; i != 120; ++i) {
                now += minutes{1 + draw.below(280)};
                faults::logged_failure l{.at = now, .part = static_cast<part_kind>(draw.below(3))};
                l.index = draw.below(l.part == part_kind::gpu ? 120 : l.part == part_kind::node ? 30 : 5);
                l.repair = minutes{1 + draw.below(900)};
                logged.failures.log.push_back(l);
                auto& o = given.outages.emplace_back();
                o.start = l.at;
                o.end = l.at + *l.repair;
                const auto first = static_cast<std::uint32_t>(l.part == part_kind::gpu    ? l.index / 4
                                                              : l.part == part_kind::rack ? l.index * 6
                                                                                          : l.index);
                for (std::uint32_t n = first; n != first + (l.part == part_kind::rack ? 6 : 1); ++n)
                    o.nodes.push_back(node_id{n});
            }
            logged.until = given.until = hours{24 * 12};
            const auto within = std::count_if(logged.failures.log.begin(), logged.failures.log.end(),
                                              [](const auto& l) { return l.at <= start_of_time + hours{24 * 12}; });
            sim::simulation a{std::move(logged)}, b{std::move(given)};
            a.run();
            b.run();
            CHECK(a.results().books == b.results().books);
            for (std::size_t i = 0; i != a.records(0).size(); ++i) check_same(a.records(0)[i], b.records(0)[i]);
            CHECK(a.results().failures.front().jobs_stopped == a.results().restarts);
            CHECK(a.results().failures.front().failures == static_cast<std::uint64_t>(within));
            restarts += a.results().restarts;
        }
    }
    CHECK(restarts > 300);
}
