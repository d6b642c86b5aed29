// Jobs of a reservation and all others, each compared with a run of their own: the nodes of a reservation are to its
// jobs a fleet that is closed before its start, and to all others nodes that close.
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
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;

namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t for_good = std::int64_t{1} << 62U;

/// A reservation with jobs of its own, in the words of the naive engines.
struct reserved {
    std::string name;
    std::int64_t start_ns = 0;
    std::int64_t end_ns = 0;
    std::vector<std::uint32_t> nodes{};
    bool planned = false;  ///< its jobs are planned to end by its end
};

/// One to three, of different nodes.
std::vector<reserved> random_reservations(std::uint64_t seed, naive::flavour kind, const naive::fleet& where) {
    naive::test_random random(seed ^ 0x72657376U);
    const std::int64_t tick = kind == naive::flavour::long_jobs ? 500 * second : second;
    std::vector<reserved> out;
    for (std::int64_t i = random.between(1, 3); i > 0; --i) {
        out.push_back({.name = "r" + std::to_string(i),
                       .start_ns = random.chance(20) ? 0 : random.between(0, 40) * tick,
                       .planned = random.chance(50)});
        out.back().end_ns = out.back().start_ns + random.between(1, 40) * tick;
    }
    for (std::uint32_t n = 0; n != where.nodes; ++n) {
        const auto to = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(out.size())));
        if (to != out.size()) out[to].nodes.push_back(n);
    }
    std::erase_if(out, [](const reserved& r) { return r.nodes.empty(); });
    return out;
}

std::vector<node_id> ids_of(const std::vector<std::uint32_t>& nodes) {
    std::vector<node_id> out;
    for (const std::uint32_t n : nodes) out.push_back(node_id{n});
    return out;
}
fleet::closing closing_of(std::int64_t start_ns, std::int64_t end_ns, const std::vector<std::uint32_t>& nodes) {
    return {.start = instant{duration{start_ns}}, .end = instant{duration{end_ns}}, .nodes = ids_of(nodes)};
}

struct terms {
    std::string policy;
    policy::policy_options options{};
    std::string placer;
    bool enforce_estimate = false;
    preemption_options preemption{};
    std::optional<std::int64_t> round_ns{};

    [[nodiscard]] std::unique_ptr<policy::policy> make_policy() const {
        auto made = policy::make_policy(policy, options);
        return round_ns ? policy::make_round(std::move(made), duration{*round_ns}) : std::move(made);
    }
    [[nodiscard]] std::unique_ptr<policy::placer> make_placer() const { return policy::make_placer(placer, options); }
    [[nodiscard]] sim::parts parts(fleet::fleet_state on) const {
        return {.fleet = std::move(on),
                .sources = {},
                .policy = make_policy(),
                .placer = make_placer(),
                .until = {},
                .enforce_estimate = enforce_estimate,
                .preemption = preemption,
                .sample_every = {},
                .observers = {}};
    }
};

struct answer {
    std::vector<naive::outcome> jobs;
    sim::summary sums;
};

/// `belongs[i]`: number of the reservation of job i, from 1.
answer run(sim::parts p, const std::vector<naive::job>& jobs, const std::vector<std::uint32_t>& belongs = {},
           const std::vector<std::string>& names = {}) {
    naive::start_recorder seen;
    p.observers.push_back(&seen);
    auto asked = test::requests(jobs);
    std::vector<std::string> texts{""};
    for (std::uint32_t i = 1; i <= 8; ++i) texts.push_back(std::to_string(i));
    for (std::size_t i = 0; i != belongs.size(); ++i)
        asked[i].reservation = belongs[i] == 0 ? 0 : static_cast<std::uint32_t>(texts.size()) + belongs[i] - 1;
    texts.insert(texts.end(), names.begin(), names.end());
    p.sources.push_back(std::make_unique<workload::vector_source>(std::move(asked), std::move(texts)));
    sim::simulation s(std::move(p));
    s.run();
    const sim::summary sums = s.results();
    return {naive::outcomes_of(s, seen, jobs.size()), sums};
}

std::string text_of(const std::vector<naive::attempt>& attempts, const std::vector<std::uint32_t>& rows = {}) {
    std::string out;
    for (const naive::attempt& a : attempts) {
        out += " " + std::to_string(a.start_ns) + ":";
        for (const auto& [node, gpus] : a.nodes)
            out += " " + std::to_string(rows.empty() ? node : rows[node]) + "/" + std::to_string(gpus);
    }
    return out;
}

void compare(std::uint64_t seed, naive::flavour kind, const naive::fleet& where, const terms& how) {
    naive::test_random random(seed ^ 0x62656c6f6e67U);
    auto jobs = naive::random_workload(seed, kind, where, 40);
    if (!where.racks.empty()) naive::add_wishes(seed, jobs);
    const auto reservations = random_reservations(seed, kind, where);
    std::vector<std::string> names;
    for (const reserved& r : reservations) names.push_back(r.name);
    std::vector<std::uint32_t> belongs(jobs.size(), 0);
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        jobs[i].user = static_cast<std::uint32_t>(random.between(0, 4));
        jobs[i].group = static_cast<std::uint32_t>(random.between(0, 2));
        jobs[i].priority = static_cast<std::int32_t>(random.between(0, 3));
        if (random.chance(60))
            belongs[i] = static_cast<std::uint32_t>(random.between(0, static_cast<std::int64_t>(reservations.size())));
    }
    const auto outages = [&where](sim::parts& p, const std::vector<std::uint32_t>& only) {
        for (const naive::leave& l : where.leaves) {
            if (l.planned) continue;
            std::vector<std::uint32_t> nodes;
            for (std::uint32_t i = 0; i != (only.empty() ? where.nodes : only.size()); ++i) {
                if (std::find(l.nodes.begin(), l.nodes.end(), only.empty() ? i : only[i]) != l.nodes.end())
                    nodes.push_back(i);
            }
            if (nodes.empty()) continue;
            p.outages.push_back(
                {.start = instant{duration{l.start_ns}}, .end = instant{duration{l.end_ns}}, .nodes = ids_of(nodes)});
        }
        p.drain_racks_at = where.drain_at_millionths;
    };

    auto parts = how.parts(test::fleet_of(where));
    outages(parts, {});
    for (const reserved& r : reservations) {
        parts.reservations.push_back(
            {.name = r.name,
             .what = closing_of(r.start_ns, r.end_ns, r.nodes),
             .kind = r.planned ? sim::reservation_kind::advance : sim::reservation_kind::capacity_block,
             .policy = how.make_policy(),
             .placer = how.make_placer()});
    }
    const answer all = run(std::move(parts), jobs, belongs, names);
    std::string head = how.policy + " placer " + how.placer + " seed " + std::to_string(seed) + " flavour " +
                       naive::name_of(kind) + naive::text_of_leaves(where);
    for (const reserved& r : reservations) {
        head += "\n" + r.name + (r.planned ? " advance [" : " block [") + std::to_string(r.start_ns) + ", " +
                std::to_string(r.end_ns) + "):";
        for (const std::uint32_t n : r.nodes) head += " " + std::to_string(n);
    }
    INFO(head);

    const auto of = [&](std::uint32_t number) {
        std::vector<std::size_t> rows;
        for (std::size_t i = 0; i != jobs.size(); ++i)
            if (belongs[i] == number) rows.push_back(i);
        return rows;
    };
    const auto these = [&](const std::vector<std::size_t>& rows) {
        std::vector<naive::job> out;
        for (const std::size_t i : rows) out.push_back(jobs[i]);
        return out;
    };

    // All others: the nodes close.
    auto others = how.parts(test::fleet_of(where));
    outages(others, {});
    for (const reserved& r : reservations)
        others.reservations.push_back({.name = r.name, .what = closing_of(r.start_ns, r.end_ns, r.nodes)});
    const auto rest = of(0);
    const answer alone = run(std::move(others), these(rest));
    for (std::size_t k = 0; k != rest.size(); ++k) {
        INFO("job " << rest[k]);
        REQUIRE(naive::describe(all.jobs[rest[k]]) == naive::describe(alone.jobs[k]));
    }

    // Those of a reservation: a fleet of its nodes, closed before it.
    for (std::uint32_t number = 1; number <= reservations.size(); ++number) {
        const reserved& r = reservations[number - 1];
        const fleet::fleet_state whole = test::fleet_of(where);
        auto own = how.parts(fleet::fleet_state::part(whole, ids_of(r.nodes)));
        outages(own, r.nodes);
        std::vector<std::uint32_t> every;
        for (std::uint32_t n = 0; n != r.nodes.size(); ++n) every.push_back(n);
        if (r.start_ns != 0) own.reservations.push_back({.name = "before", .what = closing_of(0, r.start_ns, every)});
        if (r.planned)
            own.reservations.push_back({.name = "behind", .what = closing_of(r.end_ns, for_good, every)});
        else
            own.outages.push_back(
                {.start = instant{duration{r.end_ns}}, .end = instant{duration{for_good}}, .nodes = ids_of(every)});
        own.until = duration{r.end_ns};
        const bool plans = r.planned && !own.policy->runs_into_closings();
        auto rows = of(number);
        const auto is_too_long = [&](std::size_t i) {
            const naive::job& j = jobs[i];
            const std::int64_t planned = std::max(j.duration_ns, j.estimate_ns.value_or(0));
            return plans && std::max(j.submit_ns, r.start_ns) + planned > r.end_ns;
        };
        for (const std::size_t i : rows) {
            INFO("job " << i);
            if (is_too_long(i)) REQUIRE(all.jobs[i].st == naive::state::rejected);
        }
        std::erase_if(rows, is_too_long);
        const answer expected = run(std::move(own), these(rows));
        for (std::size_t k = 0; k != rows.size(); ++k) {
            const naive::outcome& e = expected.jobs[k];
            const naive::outcome& a = all.jobs[rows[k]];
            INFO("job " << rows[k] << " of " << r.name);
            REQUIRE(text_of(a.attempts) == text_of(e.attempts, r.nodes));
            if (e.st == naive::state::unfinished) {
                // What stops it at the end is counted there.
                const bool was_stopped = a.preemptions + a.restarts + 1 == e.preemptions + e.restarts;
                if (!was_stopped) REQUIRE(a.preemptions + a.restarts == e.preemptions + e.restarts);
                REQUIRE(a.st == (was_stopped ? naive::state::killed : naive::state::rejected));
                if (was_stopped) REQUIRE(a.finish_ns == r.end_ns);
                REQUIRE(a.useful_gpu_ns == 0);
                continue;
            }
            REQUIRE(naive::describe({.st = a.st,
                                     .first_start_ns = a.first_start_ns,
                                     .finish_ns = a.finish_ns,
                                     .preemptions = a.preemptions,
                                     .restarts = a.restarts,
                                     .useful_gpu_ns = a.useful_gpu_ns,
                                     .lost_gpu_ns = a.lost_gpu_ns}) ==
                    naive::describe({.st = e.st,
                                     .first_start_ns = e.first_start_ns,
                                     .finish_ns = e.finish_ns,
                                     .preemptions = e.preemptions,
                                     .restarts = e.restarts,
                                     .useful_gpu_ns = e.useful_gpu_ns,
                                     .lost_gpu_ns = e.lost_gpu_ns}));
        }
        // Its books are those of that run, from its start.
        const auto found = std::find_if(all.sums.reservations.begin(), all.sums.reservations.end(),
                                        [&r](const sim::reservation_result& x) { return x.name == r.name; });
        REQUIRE(found != all.sums.reservations.end());
        REQUIRE(found->jobs.has_value());
        CHECK(found->jobs->submitted == of(number).size());
        CHECK(found->jobs->finished + found->jobs->killed + found->jobs->rejected <= found->jobs->submitted);
    }
}

}  // namespace

TEST_CASE("jobs of reservations run as on a fleet of their own, and all others as if nodes closed") {
    std::vector<std::string> policies;
    for (const auto& d : policy::policies()) {
        if (d.name != "explain" && d.name != "round") policies.emplace_back(d.name);
    }
    const std::string policy = GENERATE_COPY(from_range(policies));
    for (std::uint64_t seed = 0; seed != test::random_cases(100); ++seed) {
        for (const auto kind : naive::all_flavours) {
            naive::fleet where = naive::random_nodes_or_racks_that_leave(seed, kind);
            terms how{.policy = policy, .placer = where.placer, .enforce_estimate = seed % 3 == 0};
            how.options.topology_keeps_racks_whole = where.keep_racks_whole;
            if (seed % 5 == 0) how.round_ns = (kind == naive::flavour::long_jobs ? 500 : 1) * 3 * second;
            compare(seed, kind, where, how);
        }
    }
    SUCCEED();
}
