// srsf, gittins, qssf and ftf, on pools and nodes, against their naive re-implementation: start, finish, preemptions,
// places and GPU-time of each job, on random workloads with ties, zero durations, fractions, users and wrong estimates.

#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/engine_replay.hpp"
#include "support/naive_ranked.hpp"
#include "support/random_mixed.hpp"
#include "support/random_racks.hpp"
#include "support/random_workload.hpp"

#include <ampacity/policy/registry.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace ampacity;

constexpr std::int64_t second = 1'000'000'000;

naive::ranked_options random_ranked_options(std::uint64_t seed, const std::string& policy) {
    naive::test_random random(seed ^ 0x72616e6bU);
    naive::ranked_options how{.policy = policy};
    how.by_estimate = random.chance(40);
    how.quantum_gpu_ns = random.chance(10) ? 7 * second + 1 : random.between(1, 60) * second;
    how.stages = random.chance(10) ? random.between(1, 2) : random.between(1, 20);
    if (random.chance(40)) {
        for (std::int64_t i = random.between(1, 12); i > 0; --i)
            how.service_gpu_ns.push_back(random.between(0, random.chance(70) ? 100 : 2000) * second);
    }
    how.weight_millionths = random.chance(20) ? 1'000'000 : random.between(1, 999'999);
    how.prior_ns = random.between(1, 20) * second;
    how.skip = random.chance(50);
    how.lease_ns = random.chance(10) ? random.between(1, 9 * second) : random.between(1, 30) * second;
    how.fairness_millionths = random.chance(20) ? random.between(0, 1) * 1'000'000 : random.between(0, 10) * 100'000;
    how.enforce_estimate = random.chance(30);
    if (random.chance(25)) how.until_ns = random.between(0, 100) * second;
    return how;
}

test::engine_options as_engine(const naive::ranked_options& how) {
    return {.policy = how.policy,
            .options = {.srsf_by_estimate = how.by_estimate,
                        .gittins = {.quantum = how.quantum_gpu_ns,
                                    .stages = static_cast<std::size_t>(how.stages),
                                    .service = how.service_gpu_ns},
                        .qssf = {.weight = static_cast<std::uint64_t>(how.weight_millionths),
                                 .prior = duration{how.prior_ns},
                                 .skip = how.skip},
                        .ftf = {.lease = duration{how.lease_ns},
                                .fairness = static_cast<std::uint64_t>(how.fairness_millionths)}},
            .preemption = naive::costs_of(how.costs),
            .enforce_estimate = how.enforce_estimate,
            .until_ns = how.until_ns};
}

/// Some or all of the costs of preemption, on the grid of the workloads' times and off it.
naive::overheads random_costs(std::uint64_t seed, naive::flavour kind) {
    naive::test_random random(seed ^ 0x636f737473U);
    const std::int64_t tick = kind == naive::flavour::long_jobs ? 500 * second : second;
    const auto draw = [&](std::int64_t most) {
        return random.chance(30) ? random.between(0, most * tick) : random.between(0, most) * tick;
    };
    naive::overheads costs;
    if (random.chance(70)) costs.checkpoint_interval_ns = std::max(draw(8), tick / 7);
    if (random.chance(70)) costs.checkpoint_ns = draw(3);
    if (random.chance(70)) costs.restart_ns = draw(4);
    return costs;
}

void compare(std::uint64_t seed, naive::flavour kind, const naive::fleet& where, const std::string& policy,
             const naive::overheads& costs = {}) {
    naive::ranked_options how = random_ranked_options(seed, policy);
    how.costs = costs;
    // With jobs of hours a lease of seconds makes more passes than a naive replay can do.
    if (kind == naive::flavour::long_jobs) {
        how.lease_ns *= 200;
        how.quantum_gpu_ns *= 200;
    }
    auto jobs = naive::random_workload(seed, kind, where, 40);
    if (!where.racks.empty()) naive::add_wishes(seed, jobs);
    if (!where.types.empty()) naive::add_speeds(seed, where, jobs);
    naive::test_random random(seed ^ 0x7573657273U);
    for (naive::job& j : jobs) {
        j.user = static_cast<std::uint32_t>(random.between(0, 4));
        j.group = static_cast<std::uint32_t>(random.between(0, 2));
    }
    const auto expected = naive::replay(jobs, where, how);
    ledger books;
    test::engine_options engine = as_engine(how);
    naive::set_placer_options(where, engine.options);
    const auto actual = test::replay_by_engine(jobs, where, engine, &books);
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        if (naive::describe(expected[i]) != naive::describe(actual[i])) {
            INFO(policy << " seed " << seed << " flavour " << naive::name_of(kind) << " pool " << where.pool_gpus
                        << " nodes " << where.nodes << "x" << where.gpus_per_node << " placer " << where.placer
                        << " job " << i << " gpus " << jobs[i].gpus << naive::text_of_leaves(where)
                        << (where.types.empty() ? "" : naive::text_of_mixed(where)));
            CHECK(naive::describe(actual[i]) == naive::describe(expected[i]));
            return;
        }
    }
    if (!naive::same_overheads(books, expected)) FAIL_CHECK(policy << " seed " << seed << " books other overheads");
}

const std::vector<std::string> ranked_policies{"srsf", "gittins", "qssf", "ftf"};

}  // namespace

TEST_CASE("policies that rank jobs by service, history or fairness give the naive schedule on pools") {
    const std::string policy = GENERATE(from_range(ranked_policies));
    for (std::uint64_t seed = 0; seed != test::random_cases(300); ++seed) {
        for (const auto kind : naive::all_flavours) compare(seed, kind, naive::random_pool(seed), policy);
    }
    SUCCEED();
}

TEST_CASE("policies that rank jobs by service, history or fairness give the naive schedule and places on nodes") {
    const std::string policy = GENERATE(from_range(ranked_policies));
    const std::string placer =
        GENERATE(from_range(std::vector<std::string>(naive::all_placers.begin(), naive::all_placers.end())));
    for (std::uint64_t seed = 0; seed != test::random_cases(150); ++seed) {
        for (const auto kind : naive::all_flavours) compare(seed, kind, naive::random_nodes(seed, placer), policy);
    }
    SUCCEED();
}

TEST_CASE("policies that rank jobs by service, history or fairness give the naive schedule and places on racks") {
    const std::string policy = GENERATE(from_range(ranked_policies));
    const std::string placer =
        GENERATE(from_range(std::vector<std::string>(naive::all_rack_placers.begin(), naive::all_rack_placers.end())));
    for (std::uint64_t seed = 0; seed != test::random_cases(30); ++seed) {
        for (const auto kind : naive::all_flavours) compare(seed, kind, naive::random_racks(seed, placer), policy);
    }
    SUCCEED();
}

TEST_CASE("policies that rank jobs by service, history or fairness give the naive schedule where nodes leave") {
    const std::string policy = GENERATE(from_range(ranked_policies));
    for (std::uint64_t seed = 0; seed != test::random_cases(60); ++seed) {
        for (const auto kind : naive::all_flavours)
            compare(seed, kind, naive::random_nodes_or_racks_that_leave(seed, kind), policy);
    }
    SUCCEED();
}

TEST_CASE("policies that rank jobs by service, history or fairness give the naive schedule where preemption costs") {
    // Not ftf: where leases are shorter than a restart, nobody ever finishes.
    const std::string policy = GENERATE(as<std::string>{}, "srsf", "gittins", "qssf");
    for (std::uint64_t seed = 0; seed != test::random_cases(150); ++seed) {
        const std::string placer = naive::all_placers.at(seed % naive::all_placers.size());
        for (const auto kind : naive::all_flavours) {
            compare(seed, kind, naive::random_pool(seed), policy, random_costs(seed, kind));
            compare(seed, kind, naive::random_nodes(seed, placer), policy, random_costs(seed, kind));
        }
    }
    SUCCEED();
}

TEST_CASE("policies that rank jobs by service, history or fairness give the naive schedule on mixed fleets") {
    const std::string policy = GENERATE(from_range(ranked_policies));
    for (std::uint64_t seed = 0; seed != test::random_cases(100); ++seed) {
        const std::string placer = naive::all_rack_placers.at(seed % naive::all_rack_placers.size());
        const naive::fleet where = naive::random_mixed(seed, placer, seed % 3 == 0);
        for (const auto kind : naive::all_flavours) {
            const bool costs = policy != "ftf" && seed % 2 == 0;
            compare(seed, kind, where, policy, costs ? random_costs(seed, kind) : naive::overheads{});
        }
    }
    SUCCEED();
}

TEST_CASE("policies that rank jobs by service, history or fairness give the naive schedule where mixed nodes fail") {
    const std::string policy = GENERATE(from_range(ranked_policies));
    for (std::uint64_t seed = 0; seed != test::random_cases(100); ++seed) {
        const std::string placer = naive::all_rack_placers.at(seed % naive::all_rack_placers.size());
        for (const auto kind : naive::all_flavours) {
            naive::fleet where = naive::random_mixed(seed, placer, false);
            naive::add_outages(seed, kind, where);
            const bool costs = policy != "ftf" && seed % 2 == 0;
            compare(seed, kind, where, policy, costs ? random_costs(seed, kind) : naive::overheads{});
        }
    }
    SUCCEED();
}

TEST_CASE("policies that rank jobs by service, history or fairness give the naive schedule where nodes are slow") {
    const std::string policy = GENERATE(from_range(ranked_policies));
    for (std::uint64_t seed = 0; seed != test::random_cases(150); ++seed) {
        for (const auto kind : naive::all_flavours) {
            const bool costs = policy != "ftf" && seed % 4 != 0;
            compare(seed, kind, naive::random_nodes_or_racks_that_are_slow(seed, kind), policy,
                    costs ? random_costs(seed, kind) : naive::overheads{});
            if (seed % 2 == 0) continue;
            naive::fleet mixed = naive::random_mixed(seed, "pack", false);
            naive::add_slowdowns(seed, kind, mixed);
            compare(seed, kind, mixed, policy, costs ? random_costs(seed, kind) : naive::overheads{});
        }
    }
    SUCCEED();
}
