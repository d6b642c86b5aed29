// Priorities, quotas and fair shares against their naive re-implementations: start, finish, preemptions, places and
// GPU-time of each job, on random workloads of random owners, with and without costs of preemption.

#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/engine_replay.hpp"
#include "support/naive_sharing.hpp"
#include "support/random_mixed.hpp"
#include "support/random_racks.hpp"
#include "support/random_workload.hpp"

#include <ampacity/policy/registry.hpp>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;

const std::vector<std::string> some_groups{"", "a", "b", "c", "d", "x", "y", "z"};
const std::vector<std::string> some_users{"", "ann", "bob", "carl", "dora", "eve"};

std::vector<naive::owned_job> random_jobs(std::uint64_t seed, naive::flavour kind, const naive::fleet& where,
                                          std::size_t count) {
    naive::test_random random(seed ^ 0x6f776e657273U);
    const std::int64_t groups = random.between(1, static_cast<std::int64_t>(some_groups.size()) - 1);
    const std::int64_t users = random.between(1, static_cast<std::int64_t>(some_users.size()) - 1);
    const std::int64_t levels = random.between(0, 4);
    std::vector<naive::owned_job> out;
    auto jobs = naive::random_workload(seed, kind, where, count);
    if (!where.racks.empty()) naive::add_wishes(seed, jobs);
    if (!where.types.empty()) naive::add_speeds(seed, where, jobs);
    for (const auto& j : jobs) {
        naive::owned_job o{.what = j};
        o.what.priority = static_cast<std::int32_t>(random.between(0, levels)) - 1;
        if (random.chance(2))
            o.what.priority =
                random.chance(50) ? std::numeric_limits<std::int32_t>::max() : std::numeric_limits<std::int32_t>::min();
        o.group = some_groups[static_cast<std::size_t>(random.between(0, groups))];
        o.user = some_users[static_cast<std::size_t>(random.between(0, users))];
        out.push_back(o);
    }
    return out;
}

/// A tree of up to six groups whose quotas need not fit into the fleet.
std::vector<naive::quota_group> random_groups(naive::test_random& random, const naive::fleet& where) {
    const auto gpus = static_cast<std::int64_t>(naive::gpus_of(where));
    std::vector<naive::quota_group> out;
    for (const char* name : {"a", "x", "b", "y", "z", "top"}) {
        if (random.chance(35)) continue;
        naive::quota_group g{.name = name};
        if (!out.empty() && random.chance(50))
            g.parent = out[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(out.size()) - 1))].name;
        if (random.chance(75)) g.quota = static_cast<std::uint64_t>(random.between(0, gpus / 2 + 1));
        g.weight = static_cast<std::uint64_t>(random.between(1, random.chance(50) ? 1 : 4));
        out.push_back(g);
    }
    return out;
}

naive::sharing_options random_sharing(std::uint64_t seed, naive::flavour kind, const naive::fleet& where,
                                      const std::string& policy) {
    naive::test_random random(seed ^ 0x736861726573U);
    naive::sharing_options how{.run = naive::random_options(seed, policy)};
    how.backfill = random.chance(50);
    how.preempt_above = random.chance(60) ? 1 : random.between(1, 3);
    how.groups = random_groups(random, where);
    how.reclaim = random.chance(80);
    how.by_group = random.chance(40);
    how.skip = random.chance(50);
    for (const char* name : {"ann", "carl", "a", "x", "unknown"})
        if (random.chance(40)) how.weights[name] = static_cast<std::uint64_t>(random.between(1, 5));
    if (random.chance(50)) {
        const std::int64_t tick = kind == naive::flavour::long_jobs ? 500'000'000'000 : 1'000'000'000;
        if (random.chance(60)) how.run.costs.checkpoint_interval_ns = random.between(1, 6) * tick;
        how.run.costs.checkpoint_ns = random.chance(60) ? random.between(0, 2 * tick) : 0;
        how.run.costs.restart_ns = random.chance(60) ? random.between(0, 3) * tick : 0;
    }
    return how;
}

policy::policy_options options_of(const naive::sharing_options& how) {
    policy::policy_options o;
    o.priority = {.backfill = how.backfill,
                  .at_checkpoints = how.at_checkpoints,
                  .preempt_above = static_cast<std::uint32_t>(how.preempt_above)};
    o.fair_share.reclaim = how.reclaim;
    o.fair_share.at_checkpoints = how.at_checkpoints;
    for (const auto& g : how.groups)
        o.fair_share.groups.push_back({.name = g.name, .parent = g.parent, .quota = g.quota, .weight = g.weight});
    o.drf.by_group = how.by_group;
    o.drf.skip = how.skip;
    o.drf.weights.assign(how.weights.begin(), how.weights.end());
    return o;
}

/// Victims leave at their next checkpoint, which most have.
void leave_at_checkpoints(std::uint64_t seed, naive::flavour kind, naive::sharing_options& how) {
    naive::test_random random(seed ^ 0x76616361746573U);
    how.at_checkpoints = true;
    if (how.run.costs.checkpoint_interval_ns || random.chance(15)) return;
    const std::int64_t tick = kind == naive::flavour::long_jobs ? 500'000'000'000 : 1'000'000'000;
    how.run.costs.checkpoint_interval_ns =
        random.chance(20) ? random.between(1, 6 * tick) : random.between(1, 6) * tick;
    if (random.chance(40)) how.run.costs.checkpoint_ns = random.between(0, 2 * tick);
}

struct engine_result {
    std::vector<naive::outcome> jobs;
    ledger books;
};

engine_result engine(const std::vector<naive::owned_job>& jobs, const naive::fleet& where,
                     const naive::sharing_options& how) {
    std::vector<std::string> names{""};
    const auto number_of = [&names](const std::string& name) {
        const auto row = static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
        if (row == names.size()) names.push_back(name);
        return static_cast<std::uint32_t>(row);
    };
    std::vector<naive::job> numbered;
    for (const naive::owned_job& j : jobs) {
        numbered.push_back(j.what);
        numbered.back().user = number_of(j.user);
        numbered.back().group = number_of(j.group);
    }
    policy::policy_options options = options_of(how);
    naive::set_placer_options(where, options);
    engine_result result;
    result.jobs = test::replay_by_engine(numbered, where,
                                         {.policy = how.run.policy,
                                          .options = std::move(options),
                                          .preemption = naive::costs_of(how.run.costs),
                                          .enforce_estimate = how.run.enforce_estimate,
                                          .until_ns = how.run.until_ns,
                                          .names = std::move(names)},
                                         &result.books);
    return result;
}

/// False after the first difference.
bool compare(std::uint64_t seed, naive::flavour kind, const naive::fleet& where, const std::string& policy,
             bool at_checkpoints = false) {
    auto how = random_sharing(seed, kind, where, policy);
    if (at_checkpoints) leave_at_checkpoints(seed, kind, how);
    const auto jobs = random_jobs(seed, kind, where, 30);
    const auto expected = naive::share(jobs, where, how);
    const auto actual = engine(jobs, where, how);
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        if (naive::describe(expected[i]) == naive::describe(actual.jobs[i])) continue;
        INFO(policy << " seed " << seed << " flavour " << naive::name_of(kind) << " pool " << where.pool_gpus
                    << " nodes " << where.nodes << "x" << where.gpus_per_node << " placer " << where.placer << " job "
                    << i << " gpus " << jobs[i].what.gpus << naive::text_of_leaves(where)
                    << (where.types.empty() ? "" : naive::text_of_mixed(where)));
        CHECK(naive::describe(actual.jobs[i]) == naive::describe(expected[i]));
        return false;
    }
    CHECK(naive::same_overheads(actual.books, expected));
    return true;
}

}  // namespace

TEST_CASE("sharing policies on pools give the naive schedule", "[sharing]") {
    const std::string policy = GENERATE("priority", "fair-share", "drf");
    for (std::uint64_t seed = 0; seed != test::random_cases(200); ++seed) {
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_pool(seed), policy)) return;
        }
    }
}

TEST_CASE("sharing policies on nodes give the naive schedule and places", "[sharing]") {
    const std::string policy = GENERATE("priority", "fair-share", "drf");
    const std::string placer =
        GENERATE(from_range(std::vector<std::string>(naive::all_placers.begin(), naive::all_placers.end())));
    for (std::uint64_t seed = 0; seed != test::random_cases(100); ++seed) {
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_nodes(seed, placer), policy)) return;
        }
    }
}

TEST_CASE("sharing policies on racks give the naive schedule and places", "[sharing]") {
    const std::string policy = GENERATE("priority", "fair-share", "drf");
    const std::string placer =
        GENERATE(from_range(std::vector<std::string>(naive::all_rack_placers.begin(), naive::all_rack_placers.end())));
    for (std::uint64_t seed = 0; seed != test::random_cases(30); ++seed) {
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_racks(seed, placer), policy)) return;
        }
    }
}

TEST_CASE("sharing policies on mixed fleets give the naive schedule, places and types", "[sharing]") {
    const std::string policy = GENERATE("priority", "fair-share", "drf");
    for (std::uint64_t seed = 0; seed != test::random_cases(80); ++seed) {
        const std::string placer = naive::all_rack_placers.at(seed % naive::all_rack_placers.size());
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_mixed(seed, placer, seed % 3 == 0), policy)) return;
        }
    }
}

TEST_CASE("sharing policies on mixed fleets give the naive schedule where nodes fail", "[sharing]") {
    const std::string policy = GENERATE("priority", "fair-share", "drf");
    for (std::uint64_t seed = 0; seed != test::random_cases(80); ++seed) {
        const std::string placer = naive::all_rack_placers.at(seed % naive::all_rack_placers.size());
        for (const auto kind : naive::all_flavours) {
            naive::fleet where = naive::random_mixed(seed, placer, false);
            naive::add_outages(seed, kind, where);
            if (!compare(seed, kind, where, policy)) return;
        }
    }
}

TEST_CASE("sharing policies give the naive schedule where nodes leave and come back", "[sharing]") {
    const std::string policy = GENERATE("priority", "fair-share", "drf");
    for (std::uint64_t seed = 0; seed != test::random_cases(60); ++seed) {
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_nodes_or_racks_that_leave(seed, kind), policy)) return;
        }
    }
}

TEST_CASE("sharing policies give the naive schedule where nodes are slow for a while", "[sharing]") {
    const std::string policy = GENERATE("priority", "fair-share", "drf");
    for (std::uint64_t seed = 0; seed != test::random_cases(150); ++seed) {
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_nodes_or_racks_that_are_slow(seed, kind), policy)) return;
            if (seed % 2 == 0) continue;
            naive::fleet mixed = naive::random_mixed(seed, "pack", false);
            naive::add_slowdowns(seed, kind, mixed);
            if (!compare(seed, kind, mixed, policy)) return;
        }
    }
}

TEST_CASE("policies whose victims leave at checkpoints give the naive schedule", "[sharing][vacate]") {
    const std::string policy = GENERATE("priority", "fair-share");
    for (std::uint64_t seed = 0; seed != test::random_cases(200); ++seed) {
        const std::string placer = naive::all_placers.at(seed % naive::all_placers.size());
        const std::string rack_placer = naive::all_rack_placers.at(seed % naive::all_rack_placers.size());
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_pool(seed), policy, true)) return;
            if (!compare(seed, kind, naive::random_nodes(seed, placer), policy, true)) return;
            if (seed % 4 != 0) continue;
            if (!compare(seed, kind, naive::random_racks(seed, rack_placer), policy, true)) return;
            if (!compare(seed, kind, naive::random_mixed(seed, rack_placer, seed % 3 == 0), policy, true)) return;
        }
    }
}

TEST_CASE("they do where nodes leave, come back, or are slow for a while", "[sharing][vacate]") {
    const std::string policy = GENERATE("priority", "fair-share");
    for (std::uint64_t seed = 0; seed != test::random_cases(100); ++seed) {
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_nodes_or_racks_that_leave(seed, kind), policy, true)) return;
            if (!compare(seed, kind, naive::random_nodes_or_racks_that_are_slow(seed, kind), policy, true)) return;
            naive::fleet mixed = naive::random_mixed(seed, "pack", false);
            naive::add_outages(seed, kind, mixed);
            naive::add_slowdowns(seed, kind, mixed);
            if (seed % 2 == 0 && !compare(seed, kind, mixed, policy, true)) return;
        }
    }
}
