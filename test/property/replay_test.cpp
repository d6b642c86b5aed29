// Every policy and placer, on pools, nodes and racks, against the naive re-implementation: start, finish, preemptions,
// places and GPU-time of each job, on random workloads with ties, zero durations, fractions and wrong estimates.

#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/engine_replay.hpp"
#include "support/naive_replay.hpp"
#include "support/random_mixed.hpp"
#include "support/random_racks.hpp"
#include "support/random_workload.hpp"

#include <ampacity/policy/registry.hpp>

#include <algorithm>
#include <array>
#include <string>

namespace {

using namespace ampacity;

std::vector<naive::outcome> engine(const std::vector<naive::job>& jobs, const naive::fleet& where,
                                   const naive::options& how, ledger& books) {
    policy::policy_options options{
        .sjf_by_estimate = how.by_estimate, .srtf_by_estimate = how.by_estimate, .las_thresholds = {}};
    naive::set_placer_options(where, options);
    for (const auto t : how.las_thresholds_gpu_s) options.las_thresholds.push_back(gpu_time{t} * 1'000'000'000);
    return test::replay_by_engine(jobs, where,
                                  {.policy = how.policy,
                                   .options = options,
                                   .preemption = naive::costs_of(how.costs),
                                   .enforce_estimate = how.enforce_estimate,
                                   .until_ns = how.until_ns,
                                   .every_ns = how.every_ns,
                                   .decision_ns = how.decision_ns,
                                   .decision_per_job_ns = how.decision_per_job_ns},
                                  &books);
}

/// True if the schedules and the books are the same.
bool compare(std::uint64_t seed, naive::flavour kind, const naive::fleet& where, const naive::options& how) {
    const auto& policy = how.policy;
    INFO(policy << " seed " << seed << " flavour " << naive::name_of(kind) << " placer " << where.placer
                << naive::text_of_leaves(where));
    auto jobs = naive::random_workload(seed, kind, where, 40);
    if (!where.racks.empty()) naive::add_wishes(seed, jobs);
    if (!where.types.empty()) {
        if (seed % 2 == 0 && where.types.front().pool_gpus == 0) naive::add_wishes(seed, jobs);
        naive::add_speeds(seed, where, jobs);
    }
    const auto expected = naive::replay(jobs, where, how);
    ledger books;
    const auto actual = engine(jobs, where, how, books);
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        if (naive::describe(expected[i]) != naive::describe(actual[i])) {
            INFO(policy << " seed " << seed << " flavour " << naive::name_of(kind) << " pool " << where.pool_gpus
                        << " nodes " << where.nodes << "x" << where.gpus_per_node << " placer " << where.placer
                        << " job " << i << ": " << naive::text(jobs[i]) << " every " << how.every_ns.value_or(0)
                        << " decision " << how.decision_ns << " + " << how.decision_per_job_ns
                        << (where.racks.empty() ? "" : naive::text(where, naive::empty_racks(where)))
                        << (where.types.empty() ? "" : naive::text_of_mixed(where)));
            CHECK(naive::describe(actual[i]) == naive::describe(expected[i]));
            return false;
        }
    }
    if (naive::same_overheads(books, expected)) return true;
    FAIL_CHECK(policy << " seed " << seed << " books other overheads");
    return false;
}

TEST_CASE("every policy on pools gives the naive schedule") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    for (std::uint64_t seed = 0; seed != test::random_cases(300); ++seed) {
        for (const auto kind : naive::all_flavours)
            compare(seed, kind, naive::random_pool(seed), naive::random_options(seed, policy));
    }
    SUCCEED();
}

TEST_CASE("every policy on nodes gives the naive schedule and places") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    const std::string placer =
        GENERATE(from_range(std::vector<std::string>(naive::all_placers.begin(), naive::all_placers.end())));
    for (std::uint64_t seed = 0; seed != test::random_cases(150); ++seed) {
        for (const auto kind : naive::all_flavours)
            compare(seed, kind, naive::random_nodes(seed, placer), naive::random_options(seed, policy));
    }
    SUCCEED();
}

/// Options with some or all of the costs of preemption, on the grid of the workloads' times and off it.
naive::options with_costs(std::uint64_t seed, const std::string& policy, naive::flavour kind) {
    naive::options how = naive::random_options(seed, policy);
    naive::test_random random(seed ^ 0x636f737473U);
    const std::int64_t tick = kind == naive::flavour::long_jobs ? 500'000'000'000 : 1'000'000'000;
    const auto draw = [&](std::int64_t most) {
        return random.chance(30) ? random.between(0, most * tick) : random.between(0, most) * tick;
    };
    if (random.chance(70)) how.costs.checkpoint_interval_ns = std::max(draw(8), tick / 7);
    if (random.chance(70)) how.costs.checkpoint_ns = draw(3);
    if (random.chance(70)) how.costs.restart_ns = draw(4);
    return how;
}

TEST_CASE("checkpoints and restarts give the naive schedule and books") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    for (std::uint64_t seed = 0; seed != test::random_cases(200); ++seed) {
        const std::string placer = naive::all_placers.at(seed % naive::all_placers.size());
        for (const auto kind : naive::all_flavours) {
            compare(seed, kind, naive::random_pool(seed), with_costs(seed, policy, kind));
            compare(seed, kind, naive::random_nodes(seed, placer), with_costs(seed, policy, kind));
        }
    }
    SUCCEED();
}

TEST_CASE("every policy on racks gives the naive schedule and places") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    const std::string placer =
        GENERATE(from_range(std::vector<std::string>(naive::all_rack_placers.begin(), naive::all_rack_placers.end())));
    std::size_t wrong = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(60); ++seed) {
        const naive::fleet where = naive::random_racks(seed, placer);
        for (const auto kind : naive::all_flavours) {
            const auto how = seed % 2 == 0 ? naive::random_options(seed, policy) : with_costs(seed, policy, kind);
            wrong += compare(seed, kind, where, how) ? 0U : 1U;
            if (wrong == 3) return;
        }
    }
    SUCCEED();
}

TEST_CASE("every policy on mixed fleets gives the naive schedule, places and types") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    std::size_t wrong = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(150); ++seed) {
        const std::string placer = naive::all_rack_placers.at(seed % naive::all_rack_placers.size());
        const naive::fleet where = naive::random_mixed(seed, placer, seed % 3 == 0);
        for (const auto kind : naive::all_flavours) {
            const auto how = seed % 2 == 0 ? naive::random_options(seed, policy) : with_costs(seed, policy, kind);
            wrong += compare(seed, kind, where, how) ? 0U : 1U;
            if (wrong == 3) return;
        }
    }
    SUCCEED();
}

TEST_CASE("every policy gives the naive schedule on mixed fleets whose nodes fail") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    std::size_t wrong = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(150); ++seed) {
        const std::string placer = naive::all_rack_placers.at(seed % naive::all_rack_placers.size());
        for (const auto kind : naive::all_flavours) {
            naive::fleet where = naive::random_mixed(seed, placer, false);
            naive::add_outages(seed, kind, where);
            const auto how = seed % 2 == 0 ? naive::random_options(seed, policy) : with_costs(seed, policy, kind);
            wrong += compare(seed, kind, where, how) ? 0U : 1U;
            if (wrong == 3) return;
        }
    }
    SUCCEED();
}

TEST_CASE("every policy gives the naive schedule where nodes leave and come back") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    const std::string placer =
        GENERATE(from_range(std::vector<std::string>(naive::all_rack_placers.begin(), naive::all_rack_placers.end())));
    const bool on_nodes = placer != "topology" && placer != "block";
    std::size_t wrong = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(60); ++seed) {
        for (const auto kind : naive::all_flavours) {
            naive::fleet where =
                on_nodes && seed % 3 == 0 ? naive::random_nodes(seed, placer) : naive::random_racks(seed, placer);
            naive::add_leaves(seed, kind, where);
            if (seed % 3 != 0) naive::add_notices(seed, kind, where);
            const auto how = seed % 2 == 0 ? naive::random_options(seed, policy) : with_costs(seed, policy, kind);
            wrong += compare(seed, kind, where, how) ? 0U : 1U;
            if (wrong == 3) return;
        }
    }
    SUCCEED();
}

TEST_CASE("every policy in rounds gives the naive schedule") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    constexpr std::int64_t second = 1'000'000'000;
    for (std::uint64_t seed = 0; seed != test::random_cases(30); ++seed) {
        for (const auto kind : naive::all_flavours) {
            // From every instant of the workload to longer than most of its jobs.
            for (const std::int64_t every : {second / 2, second, 3 * second, 7 * second + 1, 60 * second}) {
                naive::options how = naive::random_options(seed, policy);
                how.every_ns = every;
                compare(seed, kind, naive::random_pool(seed), how);
                compare(seed, kind, naive::random_nodes(seed, "pack"), how);
            }
        }
    }
    SUCCEED();
}

/// Options with decisions that take time. Whole seconds meet the instants of the workload, odd times miss them; either
/// part may be 0.
naive::options with_slow_decisions(std::uint64_t seed, naive::options how) {
    static constexpr std::int64_t second = 1'000'000'000;
    static constexpr std::array times{std::int64_t{0}, std::int64_t{1}, second / 3, second, 3 * second, 40 * second};
    how.decision_ns = times[seed % times.size()];
    how.decision_per_job_ns = times[seed / times.size() % times.size()] / 4;
    return how;
}

TEST_CASE("decisions that take time give the naive schedule") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    for (std::uint64_t seed = 0; seed != test::random_cases(100); ++seed) {
        for (const auto kind : naive::all_flavours) {
            for (const naive::options& how : {naive::random_options(seed, policy), with_costs(seed, policy, kind)}) {
                compare(seed, kind, naive::random_pool(seed), with_slow_decisions(seed, how));
                compare(seed, kind, naive::random_nodes(seed, "pack"), with_slow_decisions(seed, how));
            }
        }
    }
    SUCCEED();
}

TEST_CASE("every policy gives the naive schedule where nodes are slow for a while") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    std::size_t wrong = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(300); ++seed) {
        for (const auto kind : naive::all_flavours) {
            const naive::fleet where = naive::random_nodes_or_racks_that_are_slow(seed, kind);
            naive::options how = seed % 4 == 0 ? naive::random_options(seed, policy) : with_costs(seed, policy, kind);
            if (seed % 5 == 0) how.every_ns = 1'000'000'000 * (1 + static_cast<std::int64_t>(seed % 7));
            if (seed % 5 == 1) how = with_slow_decisions(seed, how);
            wrong += compare(seed, kind, where, how) ? 0U : 1U;
            if (wrong == 3) return;
        }
    }
    SUCCEED();
}

TEST_CASE("every policy gives the naive schedule where nodes of several types are slow for a while") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    std::size_t wrong = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(100); ++seed) {
        const std::string placer = naive::all_rack_placers.at(seed % naive::all_rack_placers.size());
        for (const auto kind : naive::all_flavours) {
            naive::fleet where = naive::random_mixed(seed, placer, false);
            naive::add_slowdowns(seed, kind, where);
            const auto how = seed % 2 == 0 ? naive::random_options(seed, policy) : with_costs(seed, policy, kind);
            wrong += compare(seed, kind, where, how) ? 0U : 1U;
            if (wrong == 3) return;
        }
    }
    SUCCEED();
}

}  // namespace
