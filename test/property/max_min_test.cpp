// max-min against its naive re-implementation, on pools, nodes, racks and mixed fleets, and where nodes leave: start,
// finish, preemptions, places, types and GPU-time of each job, with and without costs of preemption.

#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/engine_replay.hpp"
#include "support/naive_max_min.hpp"
#include "support/random_mixed.hpp"
#include "support/random_racks.hpp"
#include "support/random_workload.hpp"

#include <string>

namespace {

using namespace ampacity;

constexpr std::int64_t second = 1'000'000'000;

/// False after a difference.
bool compare(std::uint64_t seed, naive::flavour kind, const naive::fleet& where) {
    naive::test_random random(seed ^ 0x676176656cU);
    const std::int64_t tick = kind == naive::flavour::long_jobs ? 500 * second : second;
    naive::max_min_options how{.round_ns = random.chance(10) ? random.between(tick / 2, 9 * tick)
                                                             : random.between(1, 12) * tick};
    how.enforce_estimate = random.chance(30);
    if (random.chance(25)) how.until_ns = random.between(0, 100) * second;
    if (random.chance(50)) {
        // Less than a round, or nobody ever finishes.
        how.costs.restart_ns = random.between(0, how.round_ns / 3);
        how.costs.checkpoint_ns = random.between(0, how.round_ns / 3);
        if (random.chance(50)) how.costs.checkpoint_interval_ns = how.round_ns / 6;
        if (how.costs.checkpoint_interval_ns) how.costs.checkpoint_ns /= 4;
    }
    auto jobs = naive::random_workload(seed, kind, where, 30);
    if (!where.racks.empty()) naive::add_wishes(seed, jobs);
    if (!where.types.empty()) naive::add_speeds(seed, where, jobs);
    const auto expected = naive::replay(jobs, where, how);
    test::engine_options engine{.policy = "max-min",
                                .options = {.max_min = {.round = duration{how.round_ns}}},
                                .preemption = naive::costs_of(how.costs),
                                .enforce_estimate = how.enforce_estimate,
                                .until_ns = how.until_ns};
    naive::set_placer_options(where, engine.options);
    ledger books;
    const auto actual = test::replay_by_engine(jobs, where, engine, &books);
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        if (naive::describe(expected[i]) == naive::describe(actual[i])) continue;
        INFO("seed " << seed << " flavour " << naive::name_of(kind) << " pool " << where.pool_gpus << " nodes "
                     << where.nodes << "x" << where.gpus_per_node << " placer " << where.placer << " job " << i
                     << " gpus " << jobs[i].gpus << " round " << how.round_ns << naive::text_of_leaves(where)
                     << (where.types.empty() ? "" : naive::text_of_mixed(where)));
        CHECK(naive::describe(actual[i]) == naive::describe(expected[i]));
        return false;
    }
    CHECK(naive::same_overheads(books, expected));
    return true;
}

}  // namespace

TEST_CASE("max-min on pools and nodes gives the naive schedule and places", "[max-min]") {
    for (std::uint64_t seed = 0; seed != test::random_cases(60); ++seed) {
        const std::string placer = naive::all_placers.at(seed % naive::all_placers.size());
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_pool(seed))) return;
            if (!compare(seed, kind, naive::random_nodes(seed, placer))) return;
        }
    }
}

TEST_CASE("max-min on racks gives the naive schedule and places", "[max-min]") {
    for (std::uint64_t seed = 0; seed != test::random_cases(40); ++seed) {
        const std::string placer = naive::all_rack_placers.at(seed % naive::all_rack_placers.size());
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_racks(seed, placer))) return;
        }
    }
}

TEST_CASE("max-min gives the naive schedule where nodes leave and come back", "[max-min]") {
    for (std::uint64_t seed = 0; seed != test::random_cases(60); ++seed) {
        const std::string placer = naive::all_rack_placers.at(seed % naive::all_rack_placers.size());
        const bool on_nodes = placer != "topology" && placer != "block" && seed % 2 == 0;
        for (const auto kind : naive::all_flavours) {
            naive::fleet where = on_nodes ? naive::random_nodes(seed, placer) : naive::random_racks(seed, placer);
            naive::add_leaves(seed, kind, where);
            if (!compare(seed, kind, where)) return;
        }
    }
}

TEST_CASE("max-min on mixed fleets gives the naive schedule, places and types", "[max-min]") {
    for (std::uint64_t seed = 0; seed != test::random_cases(80); ++seed) {
        const std::string placer = naive::all_rack_placers.at(seed % naive::all_rack_placers.size());
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_mixed(seed, placer, seed % 3 == 0))) return;
        }
    }
}

TEST_CASE("max-min on mixed fleets gives the naive schedule where nodes fail", "[max-min]") {
    for (std::uint64_t seed = 0; seed != test::random_cases(80); ++seed) {
        const std::string placer = naive::all_rack_placers.at(seed % naive::all_rack_placers.size());
        for (const auto kind : naive::all_flavours) {
            naive::fleet where = naive::random_mixed(seed, placer, false);
            naive::add_outages(seed, kind, where);
            if (!compare(seed, kind, where)) return;
        }
    }
}

TEST_CASE("max-min gives the naive schedule where nodes are slow for a while", "[max-min]") {
    for (std::uint64_t seed = 0; seed != test::random_cases(100); ++seed) {
        for (const auto kind : naive::all_flavours) {
            if (!compare(seed, kind, naive::random_nodes_or_racks_that_are_slow(seed, kind))) return;
            naive::fleet mixed = naive::random_mixed(seed, "pack", false);
            naive::add_slowdowns(seed, kind, mixed);
            if (!compare(seed, kind, mixed)) return;
        }
    }
}
