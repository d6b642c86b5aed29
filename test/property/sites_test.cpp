// Sites with schedulers of their own: jobs that name their site run as on a fleet of that site alone, and the books of
// all sites together are those of the fleet.
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/engine_outcomes.hpp"
#include "support/engine_replay.hpp"
#include "support/random_racks.hpp"
#include "support/random_workload.hpp"

#include <ampacity/policy/registry.hpp>
#include <ampacity/policy/wrappers.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;

namespace {

constexpr std::int64_t second = 1'000'000'000;

/// What happens in a run, by the numbers of the whole fleet.
struct world {
    naive::fleet where;
    std::vector<std::vector<node_id>> sites{};
    std::vector<naive::job> jobs{};
    std::vector<std::uint16_t> site_of{};  ///< (jobs) from 1
    std::vector<sim::delivery> deliveries{};
    std::vector<sim::retirement> retirements{};
    bool elastic = false;
    std::string policy;
    policy::policy_options options{};
    std::optional<duration> round{};
    preemption_options preemption{};
    sim::decision_time decision_time{};
    bool enforce_estimate = false;
    duration until{};

    [[nodiscard]] std::unique_ptr<policy::policy> make_policy() const {
        auto made = policy::make_policy(policy, options);
        return round ? policy::make_round(std::move(made), *round) : std::move(made);
    }
};

/// One to three sites, of whole racks where there are any.
std::vector<std::vector<node_id>> random_sites(naive::test_random& random, const naive::fleet& where) {
    std::vector<std::uint32_t> ends;  // of what is not cut
    if (where.racks.empty()) {
        for (std::uint32_t n = 1; n <= where.nodes; ++n) ends.push_back(n);
    } else {
        for (const naive::rack& r : where.racks) ends.push_back((ends.empty() ? 0 : ends.back()) + r.nodes);
    }
    std::vector<std::vector<node_id>> out(1);
    std::uint32_t n = 0;
    for (const std::uint32_t end : ends) {
        for (; n != end; ++n) out.back().push_back(node_id{n});
        if (end != ends.back() && out.size() != 3 && random.chance(40)) out.emplace_back();
    }
    return out;
}

world random_world(const std::string& policy, std::uint64_t seed, naive::flavour kind) {
    naive::test_random random(seed ^ 0x7369746573U);
    const std::int64_t tick = (kind == naive::flavour::long_jobs ? 500 : 1) * second;
    world w{.where = naive::random_nodes_or_racks_that_leave(seed, kind), .policy = policy};
    if (seed % 3 != 0) naive::add_notices(seed, kind, w.where);
    w.sites = random_sites(random, w.where);
    w.jobs = naive::random_workload(seed, kind, w.where, 40);
    if (!w.where.racks.empty()) naive::add_wishes(seed, w.jobs);
    for (naive::job& j : w.jobs) {
        j.user = static_cast<std::uint32_t>(random.between(0, 4));
        j.group = static_cast<std::uint32_t>(random.between(0, 2));
        j.priority = static_cast<std::int32_t>(random.between(0, 3));
        w.site_of.push_back(static_cast<std::uint16_t>(random.between(1, static_cast<std::int64_t>(w.sites.size()))));
    }
    if (seed % 4 == 1) {
        w.deliveries.resize(2);
        for (sim::delivery& d : w.deliveries) d.at = start_of_time + duration{random.between(1, 40) * tick};
        for (std::uint32_t n = 0; n != w.where.nodes; ++n) {
            if (const std::int64_t to = random.between(0, 2); to != 2)
                w.deliveries[static_cast<std::size_t>(to)].nodes.push_back(node_id{n});
        }
        w.where.drain_at_millionths = 0;
    }
    if (seed % 4 == 2) {
        w.retirements.resize(2);
        for (sim::retirement& r : w.retirements) {
            r.at = start_of_time +
                   duration{random.between(10, 60) * tick + (&r - w.retirements.data())};  // no two at once
            r.known = r.at - duration{random.between(0, 9) * tick};
        }
        std::uint32_t n = 0;
        const auto leaves = [&](std::uint32_t count) {
            const std::int64_t to = random.between(0, 4);
            for (const std::uint32_t end = n + count; n != end; ++n) {
                if (to < 2) w.retirements[static_cast<std::size_t>(to)].nodes.push_back(node_id{n});
            }
        };
        for (const naive::rack& r : w.where.racks) leaves(r.nodes);
        while (n != w.where.nodes) leaves(1);
        std::erase_if(w.retirements, [](const sim::retirement& r) { return r.nodes.empty(); });
        w.where.drain_at_millionths = 0;
    }
    w.elastic = seed % 3 == 1;
    w.enforce_estimate = seed % 3 == 0;
    w.options.topology_keeps_racks_whole = w.where.keep_racks_whole;
    if (seed % 5 == 0) w.round = duration{3 * tick};
    if (seed % 2 == 1) w.preemption = {.checkpoint_interval = duration{7 * tick}, .restart = duration{tick}};
    if (seed % 7 == 3) w.decision_time = {.base = duration{tick / 2}, .per_job = duration{tick / 8}};
    w.until = duration{random.between(10, 400) * tick};
    return w;
}

/// Those among these nodes, counted from the first of these.
std::vector<node_id> among(const std::vector<node_id>& some, const std::vector<node_id>& all) {
    std::vector<node_id> out;
    for (const node_id n : some) {
        if (std::binary_search(all.begin(), all.end(), n))
            out.push_back(node_id{static_cast<std::uint32_t>(index(n) - index(all.front()))});
    }
    return out;
}

std::vector<node_id> ids_of(const std::vector<std::uint32_t>& nodes) {
    std::vector<node_id> out;
    for (const std::uint32_t n : nodes) out.push_back(node_id{n});
    return out;
}

struct answer {
    std::vector<naive::outcome> jobs;
    sim::summary sums;
};

/// The whole with its sites, or one site alone: its number from 0.
answer run(const world& w, std::optional<std::size_t> alone) {
    const fleet::fleet_state whole = test::fleet_of(w.where);
    std::vector<node_id> all;
    for (std::uint32_t n = 0; n != w.where.nodes; ++n) all.push_back(node_id{n});
    const std::vector<node_id>& nodes = alone ? w.sites[*alone] : all;
    naive::start_recorder seen;
    sim::parts p{.fleet = alone ? fleet::fleet_state::part(whole, nodes) : test::fleet_of(w.where),
                 .policy = w.make_policy(),
                 .placer = policy::make_placer(w.where.placer, w.options),
                 .until = w.until,
                 .enforce_estimate = w.enforce_estimate,
                 .preemption = w.preemption,
                 .decision_time = w.decision_time,
                 .drain_racks_at = w.where.drain_at_millionths,
                 .observers = {&seen}};
    for (const naive::leave& l : w.where.leaves) {
        auto here = among(ids_of(l.nodes), nodes);
        if (here.empty()) continue;
        const instant start{duration{l.start_ns}}, end{duration{l.end_ns}};
        if (l.planned)
            p.reservations.push_back({.name = std::to_string(&l - w.where.leaves.data()),
                                      .what = {.start = start, .end = end, .nodes = std::move(here)},
                                      .known = instant{duration{l.known_ns}}});
        else
            p.outages.push_back({.start = start, .end = end, .nodes = std::move(here)});
    }
    for (const sim::delivery& d : w.deliveries) {
        auto here = among(d.nodes, nodes);
        if (!here.empty()) p.deliveries.push_back({.at = d.at, .nodes = std::move(here)});
    }
    for (const sim::retirement& r : w.retirements) {
        auto here = among(r.nodes, nodes);
        if (!here.empty()) p.retirements.push_back({.known = r.known, .at = r.at, .nodes = std::move(here)});
    }
    std::vector<naive::job> jobs{};
    std::vector<std::uint16_t> site_of;
    for (std::size_t i = 0; i != w.jobs.size(); ++i) {
        if (alone && w.site_of[i] != 1 + *alone) continue;
        jobs.push_back(w.jobs[i]);
        site_of.push_back(w.site_of[i]);
    }
    auto asked = test::requests(jobs);
    for (std::size_t i = 0; i != asked.size(); ++i) {
        workload::job_request& r = asked[i];
        if (!alone) r.site = site_of[i];
        if (!w.elastic || r.gpus == 0 || r.submit.time_since_epoch().count() % 2 == 1) continue;
        r.kind = workload::job_kind::elastic;
        r.gpus_min = (r.gpus + 1) / 2;
        r.gpus_max = 2 * r.gpus;
        r.serial_fraction = 0.1;
    }
    p.sources.push_back(
        std::make_unique<workload::vector_source>(std::move(asked), std::vector<std::string>{"", "1", "2", "3", "4"}));
    if (!alone) {
        for (const auto& s : w.sites) p.sites.sites.push_back({.name = "s", .nodes = s});
        p.sites.make_policy = [&w] { return w.make_policy(); };
        p.sites.make_placer = [&w] { return policy::make_placer(w.where.placer, w.options); };
    }
    p.snapshots = {start_of_time + w.until / 2 + duration{1}};
    sim::simulation s(std::move(p));
    s.run();
    const sim::summary sums = s.results();
    return {naive::outcomes_of(s, seen, jobs.size()), sums};
}

std::string text_of(const naive::outcome& o, std::size_t first_node) {
    std::string out = naive::describe({.st = o.st,
                                       .first_start_ns = o.first_start_ns,
                                       .finish_ns = o.finish_ns,
                                       .preemptions = o.preemptions,
                                       .restarts = o.restarts,
                                       .useful_gpu_ns = o.useful_gpu_ns,
                                       .lost_gpu_ns = o.lost_gpu_ns});
    for (const naive::attempt& a : o.attempts) {
        out += " " + std::to_string(a.start_ns) + ":";
        for (const auto& [node, gpus] : a.nodes)
            out += " " + std::to_string(first_node + node) + "/" + std::to_string(gpus);
    }
    return out;
}

void compare(const world& w, std::uint64_t seed, naive::flavour kind) {
    INFO(w.policy << " placer " << w.where.placer << " seed " << seed << " flavour " << naive::name_of(kind)
                  << naive::text_of_leaves(w.where) << " sites " << w.sites.size());
    const answer all = run(w, {});
    REQUIRE(all.sums.sites.size() == w.sites.size());
    ledger sum;
    std::map<std::string, sim::reservation_result> planned;
    for (std::size_t s = 0; s != w.sites.size(); ++s) {
        INFO("site " << s);
        const answer alone = run(w, s);
        std::size_t k = 0;
        for (std::size_t i = 0; i != w.jobs.size(); ++i) {
            if (w.site_of[i] != 1 + s) continue;
            INFO("job " << i);
            REQUIRE(text_of(all.jobs[i], 0) == text_of(alone.jobs[k], index(w.sites[s].front())));
            ++k;
        }
        const sim::site_result& r = all.sums.sites[s];
        const ledger& b = alone.sums.books;
        CHECK(r.jobs.submitted == alone.sums.submitted);
        CHECK(r.jobs.finished == alone.sums.finished);
        CHECK(r.jobs.killed == alone.sums.killed);
        CHECK(r.jobs.rejected == alone.sums.rejected);
        CHECK(r.jobs.idle == b[account::idle]);
        CHECK(r.jobs.down == b[account::down] + b[account::draining]);
        CHECK(r.jobs.held == b.capacity - r.jobs.idle - r.jobs.down);
        CHECK(r.came + r.left == 0);
        CHECK(r.count.books == b);
        REQUIRE(all.sums.snapshots.size() == alone.sums.snapshots.size());
        for (std::size_t at = 0; at != all.sums.snapshots.size(); ++at) {
            const sim::site_count& then = all.sums.snapshots[at].counts.at(s);
            CHECK(then.books == alone.sums.snapshots[at].books);
            CHECK(then.interruptions == alone.sums.snapshots[at].interruptions);
        }
        for (const sim::reservation_result& n : alone.sums.reservations) {
            planned[n.name].idle_before += n.idle_before;
            planned[n.name].stopped += n.stopped;
        }
        sum += b;
    }
    CHECK(all.sums.books == sum);
    for (const sim::reservation_result& n : all.sums.reservations) {
        INFO("planned " << n.name);
        CHECK(n.idle_before == planned[n.name].idle_before);
        CHECK(n.stopped == planned[n.name].stopped);
    }
}

}  // namespace

TEST_CASE("jobs that name their site run as on a fleet of that site alone") {
    std::vector<std::string> policies;
    for (const auto& d : policy::policies()) {
        if (d.name != "explain" && d.name != "round") policies.emplace_back(d.name);
    }
    const std::string policy = GENERATE_COPY(from_range(policies));
    for (std::uint64_t seed = 0; seed != test::random_cases(40); ++seed) {
        for (const auto kind : naive::all_flavours) compare(random_world(policy, seed, kind), seed, kind);
    }
    SUCCEED();
}
