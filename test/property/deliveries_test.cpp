// Nodes that come into service later are to jobs what nodes are that failed at the start and are repaired then, and
// nodes that leave for good what nodes are that close without end; only the books name their time otherwise.
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/engine_outcomes.hpp"
#include "support/engine_replay.hpp"
#include "support/random_racks.hpp"
#include "support/random_workload.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;

namespace {

struct answer {
    std::vector<naive::outcome> jobs;
    sim::summary sums;
};

answer run(sim::parts p, const std::vector<naive::job>& jobs) {
    naive::start_recorder seen;
    p.observers.push_back(&seen);
    p.sources.push_back(std::make_unique<workload::vector_source>(test::requests(jobs)));
    sim::simulation s(std::move(p));
    s.run();
    const sim::summary sums = s.results();
    return {naive::outcomes_of(s, seen, jobs.size()), sums};
}

/// Some of the nodes, in one to three lots.
std::vector<sim::delivery> random_deliveries(std::uint64_t seed, naive::flavour kind, std::uint32_t nodes) {
    naive::test_random random(seed ^ 0x64656c6976U);
    const std::int64_t tick = kind == naive::flavour::long_jobs ? 500'000'000'000 : 1'000'000'000;
    std::vector<sim::delivery> out(static_cast<std::size_t>(random.between(1, 3)));
    for (sim::delivery& d : out) d.at = start_of_time + duration{random.between(1, 40) * tick};
    for (std::uint32_t n = 0; n != nodes; ++n) {
        const auto to = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(out.size())));
        if (to != out.size()) out[to].nodes.push_back(node_id{n});
    }
    return out;
}

/// Nodes fail and close, and nothing else.
sim::parts parts_of(const naive::fleet& where, const std::string& policy) {
    sim::parts p{.fleet = test::fleet_of(where),
                 .policy = policy::make_policy(policy, {}),
                 .placer = policy::make_placer(where.placer, {})};
    for (const naive::leave& l : where.leaves) {
        std::vector<node_id> nodes;
        for (const std::uint32_t n : l.nodes) nodes.push_back(node_id{n});
        const instant start{duration{l.start_ns}}, end{duration{l.end_ns}};
        if (l.planned)
            p.reservations.push_back({.name = "r", .what = {.start = start, .end = end, .nodes = nodes}});
        else
            p.outages.push_back({.start = start, .end = end, .nodes = nodes});
    }
    return p;
}

void compare(const std::string& policy, std::uint64_t seed, naive::flavour kind) {
    naive::fleet where = naive::random_nodes_or_racks_that_leave(seed, kind);
    where.drain_at_millionths = 0;  // counts what has failed, not what is to come
    auto jobs = naive::random_workload(seed, kind, where, 40);
    if (!where.racks.empty()) naive::add_wishes(seed, jobs);
    const auto parts = [&] { return parts_of(where, policy); };
    const auto list = random_deliveries(seed, kind, where.nodes);
    sim::parts late = parts(), down = parts();
    for (const sim::delivery& d : list) {
        down.outages.push_back({.start = start_of_time, .end = d.at, .nodes = d.nodes});
        late.deliveries.push_back(d);
    }
    const answer as_late = run(std::move(late), jobs);
    const answer as_down = run(std::move(down), jobs);
    INFO(policy << " seed " << seed << " flavour " << naive::name_of(kind) << naive::text_of_leaves(where));
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        INFO("job " << i);
        REQUIRE(naive::describe(as_late.jobs[i]) == naive::describe(as_down.jobs[i]));
    }
    const ledger &a = as_late.sums.books, &b = as_down.sums.books;
    const auto installed =
        static_cast<gpu_time>(ticks(as_late.sums.simulated)) * test::fleet_of(where).installed_gpus();
    CHECK((a.capacity + a[account::uncommissioned] == installed));
    CHECK((a[account::uncommissioned] + a[account::down] == b[account::down]));
    CHECK((b.capacity == installed));
    CHECK((a[account::idle] == b[account::idle]));
    CHECK((a[account::useful] == b[account::useful]));
    CHECK((a[account::lost] == b[account::lost]));
}

/// Of the nodes some come, of which some leave for good later, known from the start.
void compare_leaving(const std::string& policy, std::uint64_t seed, naive::flavour kind) {
    naive::fleet where = naive::random_nodes_or_racks_that_leave(seed, kind);
    where.drain_at_millionths = 0;
    auto jobs = naive::random_workload(seed, kind, where, 40);
    if (!where.racks.empty()) naive::add_wishes(seed, jobs);
    sim::parts gone = parts_of(where, policy), closed = parts_of(where, policy);
    const std::int64_t tick = kind == naive::flavour::long_jobs ? 500'000'000'000 : 1'000'000'000;
    gone.deliveries = closed.deliveries = random_deliveries(seed, kind, where.nodes);
    naive::test_random random(seed ^ 0x72657469U);
    std::int64_t at = 40;
    for (const sim::delivery& d : random_deliveries(seed ^ 1U, kind, where.nodes)) {
        if (d.nodes.empty()) continue;
        at += random.between(1, 20);
        const instant start = start_of_time + duration{at * tick};
        gone.retirements.push_back({.known = start_of_time, .at = start, .nodes = d.nodes});
        closed.reservations.push_back({.name = "r", .what = {.start = start, .end = never, .nodes = d.nodes}});
    }
    gone.until = closed.until = duration{2000 * tick};
    const answer as_gone = run(std::move(gone), jobs);
    const answer as_closed = run(std::move(closed), jobs);
    INFO(policy << " seed " << seed << " flavour " << naive::name_of(kind) << naive::text_of_leaves(where));
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        INFO("job " << i);
        REQUIRE(naive::describe(as_gone.jobs[i]) == naive::describe(as_closed.jobs[i]));
    }
    const ledger &a = as_gone.sums.books, &b = as_closed.sums.books;
    const auto installed =
        static_cast<gpu_time>(ticks(as_gone.sums.simulated)) * test::fleet_of(where).installed_gpus();
    CHECK((a.capacity + a[account::uncommissioned] == installed));
    CHECK((a[account::uncommissioned] + a[account::down] == b[account::uncommissioned] + b[account::down]));
    CHECK((a[account::idle] == b[account::idle]));
    CHECK((a[account::useful] == b[account::useful]));
    CHECK((a[account::lost] == b[account::lost]));
}

std::string some_policy() {
    std::vector<std::string> policies;
    for (const auto& d : policy::policies()) {
        if (d.name != "explain" && d.name != "round") policies.emplace_back(d.name);
    }
    return GENERATE_COPY(from_range(policies));
}

}  // namespace

TEST_CASE("nodes to come are to jobs nodes that failed at the start") {
    const std::string policy = some_policy();
    for (std::uint64_t seed = 0; seed != test::random_cases(60); ++seed) {
        for (const auto kind : naive::all_flavours) compare(policy, seed, kind);
    }
}

TEST_CASE("nodes that leave for good are to jobs nodes that close without end") {
    const std::string policy = some_policy();
    for (std::uint64_t seed = 0; seed != test::random_cases(30); ++seed) {
        for (const auto kind : naive::all_flavours) compare_leaving(policy, seed, kind);
    }
}
