// Jobs that wait for others, think times and arrays under every policy, against the naive re-implementations: when each
// job enters the queue, starts and ends, and which are rejected, on random workloads with ties of time and kills.

#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/engine_replay.hpp"
#include "support/naive_ranked.hpp"
#include "support/naive_sharing.hpp"
#include "support/random_mixed.hpp"
#include "support/random_ties.hpp"
#include "support/random_workload.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace ampacity;

std::vector<naive::job> tied_jobs(std::uint64_t seed, naive::flavour kind, const naive::fleet& where) {
    auto jobs = naive::random_workload(seed, kind, where, 40, seed % 4 != 0);
    naive::add_ties(seed, kind, jobs);
    if (!where.types.empty()) naive::add_speeds(seed, where, jobs);
    return jobs;
}

std::string story(const naive::outcome& o) {
    return "entered " + (o.entered_ns ? std::to_string(*o.entered_ns) : "-") + " " + naive::describe(o);
}

/// How often something happened in the naive schedules, so that a test that never sees it fails.
struct counts {
    std::size_t delayed = 0, rejected = 0, held = 0;
};

void compare(const std::vector<naive::job>& jobs, const std::vector<naive::outcome>& expected,
             const std::vector<naive::outcome>& actual, const std::string& which, counts& seen) {
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        if (story(expected[i]) != story(actual[i])) {
            INFO(which << " job " << i);
            CHECK(story(actual[i]) == story(expected[i]));
            return;
        }
        const naive::outcome& o = expected[i];
        if (o.entered_ns && *o.entered_ns > jobs[i].submit_ns) ++seen.delayed;
        if (o.st == naive::state::rejected && !jobs[i].after.empty()) ++seen.rejected;
        if (o.st == naive::state::unfinished && !o.entered_ns) ++seen.held;
    }
}

std::string label(const std::string& policy, std::uint64_t seed, naive::flavour kind, const naive::fleet& where) {
    return policy + " seed " + std::to_string(seed) + " flavour " + naive::name_of(kind) + " pool " +
           std::to_string(where.pool_gpus) + " nodes " + std::to_string(where.nodes) + "x" +
           std::to_string(where.gpus_per_node) + (where.types.empty() ? "" : naive::text_of_mixed(where));
}

/// On a pool and on nodes; on a mixed fleet of either.
template <class F>
void for_cases(std::uint64_t seeds, F f) {
    for (std::uint64_t seed = 0; seed != test::random_cases(seeds); ++seed) {
        for (const auto kind : naive::all_flavours) {
            f(seed, kind, naive::random_pool(seed));
            const std::string placer = naive::all_placers.at(seed % naive::all_placers.size());
            f(seed, kind, naive::random_nodes(seed, placer));
            if (seed % 2 == 0) f(seed, kind, naive::random_mixed(seed, placer, seed % 3 == 0));
        }
    }
}

TEST_CASE("jobs with ties enter the queue, start and end as in the naive schedule") {
    const std::string policy =
        GENERATE(from_range(std::vector<std::string>(naive::all_policies.begin(), naive::all_policies.end())));
    counts seen;
    for_cases(100, [&](std::uint64_t seed, naive::flavour kind, const naive::fleet& where) {
        const auto jobs = tied_jobs(seed, kind, where);
        naive::options how = naive::random_options(seed, policy);
        if (seed % 5 == 1) how.decision_ns = 1'000'000'000;
        policy::policy_options options{
            .sjf_by_estimate = how.by_estimate, .srtf_by_estimate = how.by_estimate, .las_thresholds = {}};
        for (const auto t : how.las_thresholds_gpu_s) options.las_thresholds.push_back(gpu_time{t} * 1'000'000'000);
        const auto actual = test::replay_by_engine(jobs, where,
                                                   {.policy = policy,
                                                    .options = options,
                                                    .enforce_estimate = how.enforce_estimate,
                                                    .until_ns = how.until_ns,
                                                    .decision_ns = how.decision_ns});
        compare(jobs, naive::replay(jobs, where, how), actual, label(policy, seed, kind, where), seen);
    });
    CHECK(seen.delayed > 100);
    CHECK(seen.rejected > 20);
    CHECK(seen.held > 5);
}

TEST_CASE("policies that rank by service or fairness see jobs with ties when they enter the queue") {
    const std::string policy = GENERATE(as<std::string>{}, "srsf", "gittins", "qssf", "ftf");
    counts seen;
    for_cases(30, [&](std::uint64_t seed, naive::flavour kind, const naive::fleet& where) {
        const auto jobs = tied_jobs(seed, kind, where);
        naive::ranked_options how{.policy = policy, .enforce_estimate = seed % 3 == 0};
        how.lease_ns = (kind == naive::flavour::long_jobs ? 2000 : 10) * std::int64_t{1'000'000'000};
        const auto actual = test::replay_by_engine(
            jobs, where,
            {.policy = policy,
             .options = {.qssf = {.weight = static_cast<std::uint64_t>(how.weight_millionths),
                                  .prior = duration{how.prior_ns},
                                  .skip = how.skip},
                         .ftf = {.lease = duration{how.lease_ns},
                                 .fairness = static_cast<std::uint64_t>(how.fairness_millionths)}},
             .enforce_estimate = how.enforce_estimate});
        compare(jobs, naive::replay(jobs, where, how), actual, label(policy, seed, kind, where), seen);
    });
    CHECK(seen.delayed > 100);
}

TEST_CASE("policies of shares see jobs with ties when they enter the queue") {
    const std::string policy = GENERATE(as<std::string>{}, "priority", "fair-share", "drf");
    counts seen;
    for_cases(30, [&](std::uint64_t seed, naive::flavour kind, const naive::fleet& where) {
        auto jobs = tied_jobs(seed, kind, where);
        std::vector<naive::owned_job> owned;
        const std::vector<std::string> names{"", "a", "b", "c"};
        naive::test_random random(seed ^ 0x6f776eU);
        for (naive::job& j : jobs) {
            j.priority = static_cast<std::int32_t>(random.between(0, 3));
            j.user = j.group = static_cast<std::uint32_t>(random.between(1, 3));
            owned.push_back({.what = j, .user = names[j.user], .group = names[j.group]});
        }
        naive::sharing_options how{.run = {.policy = policy}};
        how.backfill = seed % 2 == 0;
        const auto actual =
            test::replay_by_engine(jobs, where,
                                   {.policy = policy,
                                    .options = {.priority = {.backfill = how.backfill, .preempt_above = 1}},
                                    .names = names});
        compare(jobs, naive::share(owned, where, how), actual, label(policy, seed, kind, where), seen);
    });
    CHECK(seen.delayed > 100);
}

}  // namespace
