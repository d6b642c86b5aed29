/// \file
/// The naive replay against cases worked out by hand from the semantics: it is what the engine is
/// compared with, so it needs a check that is no program.

#include "support/naive_replay.hpp"

#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <stdexcept>

using namespace naive;

namespace {

constexpr std::int64_t s = 1'000'000'000;

/// A job in seconds.
job make(std::int64_t submit, std::int64_t duration, std::uint64_t gpus, std::optional<std::int64_t> estimate = {}) {
    job j{.submit_ns = submit * s, .duration_ns = duration * s, .gpus = gpus};
    if (estimate) j.estimate_ns = *estimate * s;
    return j;
}

job make_spread(std::int64_t submit, std::int64_t duration, std::uint64_t gpus) {
    job j = make(submit, duration, gpus);
    j.spread = true;
    return j;
}

fleet pool(std::uint64_t gpus) { return {.pool_gpus = gpus}; }

fleet flat(std::uint32_t nodes, std::uint32_t gpus, const std::string& placer = "first-fit") {
    return {.nodes = nodes, .gpus_per_node = gpus, .placer = placer};
}

/// Pairs of whole seconds; of a job: first start and finish, -1 where there is none.
using spans = std::vector<std::pair<std::int64_t, std::int64_t>>;

spans spans_of(const std::vector<outcome>& all) {
    spans result;
    for (const outcome& o : all)
        result.emplace_back(o.first_start_ns ? *o.first_start_ns / s : -1, o.finish_ns ? *o.finish_ns / s : -1);
    return result;
}

/// Places of the jobs' first attempts.
std::vector<placement> places_of(const std::vector<outcome>& all) {
    std::vector<placement> result;
    for (const outcome& o : all) result.push_back(o.attempts.empty() ? placement{} : o.attempts.front().nodes);
    return result;
}

spans attempts_of(const outcome& o) {  // (start [s], first node)
    spans result;
    for (const attempt& a : o.attempts) {
        const std::int64_t node = a.nodes.empty() ? -1 : std::int64_t{a.nodes.front().first};
        result.emplace_back(a.start_ns / s, node);
    }
    return result;
}

}  // namespace

TEST_CASE("naive fifo: the first that does not fit blocks all behind it", "[naive]") {
    // 3 of 4 GPUs are taken until 10; the second job needs 2 and blocks the third, which needs 1.
    const std::vector<job> jobs{make(0, 10, 3), make(1, 5, 2), make(2, 1, 1)};
    CHECK(spans_of(replay(jobs, pool(4), {.policy = "fifo"})) == spans{{0, 10}, {10, 15}, {10, 11}});
    CHECK(spans_of(replay(jobs, pool(4), {.policy = "fifo-skip"})) == spans{{0, 10}, {10, 15}, {2, 3}});
}

TEST_CASE("naive order: submit first, file order at equal submits", "[naive]") {
    // Not sorted in the file: the last line is submitted first; lines 0 and 1 tie at 5.
    const std::vector<job> jobs{make(5, 3, 2), make(5, 1, 2), make(0, 10, 2)};
    CHECK(spans_of(replay(jobs, pool(2), {.policy = "fifo"})) == spans{{10, 13}, {13, 14}, {0, 10}});
}

TEST_CASE("naive sjf: true duration, or the planning estimate", "[naive]") {
    const std::vector<job> jobs{make(0, 10, 4), make(1, 5, 4), make(2, 3, 4, 8), make(3, 3, 4), make(3, 3, 4, 1)};
    // By duration: 3 (submit 2), 3 (submit 3, line 3), 3 (line 4), 5.
    CHECK(spans_of(replay(jobs, pool(4), {.policy = "sjf"})) == spans{{0, 10}, {19, 24}, {10, 13}, {13, 16}, {16, 19}});
    // By max(estimate, duration): 3 (no estimate), 3 (estimate 1 < duration), 5, 8.
    CHECK(spans_of(replay(jobs, pool(4), {.policy = "sjf", .by_estimate = true})) ==
          spans{{0, 10}, {16, 21}, {21, 24}, {10, 13}, {13, 16}});
}

TEST_CASE("naive sjf: a short wide job blocks", "[naive]") {
    const std::vector<job> jobs{make(0, 10, 2), make(1, 1, 4), make(1, 2, 2)};
    CHECK(spans_of(replay(jobs, pool(4), {.policy = "sjf"})) == spans{{0, 10}, {10, 11}, {11, 13}});
}

TEST_CASE("naive srtf on a pool", "[naive]") {
    SECTION("a shorter job preempts, progress is kept") {
        // At 2: 8 s remain of the first, 3 of the second. The first resumes at 5 and ends at 13.
        const std::vector<outcome> o = replay({make(0, 10, 4), make(2, 3, 4)}, pool(4), {.policy = "srtf"});
        CHECK(spans_of(o) == spans{{0, 13}, {2, 5}});
        CHECK(o[0].preemptions == 1);
        CHECK(attempts_of(o[0]) == spans{{0, -1}, {5, -1}});
        CHECK(o[0].useful_gpu_ns == 40 * s);
        CHECK(o[1].preemptions == 0);
    }
    SECTION("at equal remaining time the earlier submit goes first") {
        CHECK(spans_of(replay({make(0, 10, 4), make(5, 5, 4)}, pool(4), {.policy = "srtf"})) ==
              spans{{0, 10}, {10, 15}});
    }
    SECTION("equal keys and submits: file order; a later shorter job passes the waiting one") {
        const std::vector<outcome> o =
            replay({make(0, 4, 4), make(0, 4, 4), make(2, 2, 4)}, pool(4), {.policy = "srtf"});
        CHECK(spans_of(o) == spans{{0, 4}, {6, 10}, {4, 6}});
        CHECK(o[0].preemptions == 0);
    }
    SECTION("the prefix ends at the first job that does not fit") {
        // At 1: order 5 s (3 GPUs), 9 s left (2), 20 s (1). The second does not fit beside the first;
        // the third would, but the prefix has ended. At 6 both others start.
        const std::vector<outcome> o =
            replay({make(0, 10, 2), make(1, 5, 3), make(1, 20, 1)}, pool(4), {.policy = "srtf"});
        CHECK(spans_of(o) == spans{{0, 15}, {1, 6}, {6, 26}});
        CHECK(o[0].preemptions == 1);
    }
    SECTION("by estimate") {
        // At 2 the first plans 8 s more, the second 20: no preemption, though 3 < 8 in truth.
        const std::vector<job> jobs{make(0, 10, 4, 10), make(2, 3, 4, 20)};
        CHECK(spans_of(replay(jobs, pool(4), {.policy = "srtf", .by_estimate = true})) == spans{{0, 10}, {10, 13}});
    }
    SECTION("a zero-duration job preempts for one round") {
        // At 4 the key 0 goes first, 2 GPUs do not fit beside it; the next round of 4 resumes the first.
        const std::vector<outcome> o = replay({make(0, 10, 2), make(4, 0, 1)}, pool(2), {.policy = "srtf"});
        CHECK(spans_of(o) == spans{{0, 10}, {4, 4}});
        CHECK(o[0].preemptions == 1);
        CHECK(attempts_of(o[0]) == spans{{0, -1}, {4, -1}});
    }
}

TEST_CASE("naive las on a pool", "[naive]") {
    SECTION("crossings are events") {
        // 4 GPUs reach 8 GPU-s at 2. The second, still in bucket 0, runs 2 to 3; the first resumes
        // and ends after 8 s more. It reaches 40 GPU-s only at its end.
        const std::vector<outcome> o =
            replay({make(0, 10, 4), make(1, 1, 4)}, pool(4), {.policy = "las", .las_thresholds_gpu_s = {8, 40}});
        CHECK(spans_of(o) == spans{{0, 11}, {2, 3}});
        CHECK(o[0].preemptions == 1);
    }
    SECTION("within a bucket the earlier submit goes first, running or not") {
        // Both in bucket 1 from 4 on (the second ran 2 to 4): the first takes the pool back.
        const std::vector<outcome> o =
            replay({make(0, 10, 4), make(1, 6, 4)}, pool(4), {.policy = "las", .las_thresholds_gpu_s = {8}});
        CHECK(spans_of(o) == spans{{0, 12}, {2, 16}});
        CHECK(attempts_of(o[1]) == spans{{2, -1}, {12, -1}});
        CHECK(o[1].preemptions == 1);
    }
    SECTION("a crossing is at the first ns that has reached the threshold") {
        // 3 GPUs reach 1 GPU-s = 1e9 GPU-ns at ceil(1e9 / 3) = 333333334 ns.
        job late = make(0, 1, 3);
        late.submit_ns = 1;
        const std::vector<outcome> o =
            replay({make(0, 1, 3), late}, pool(3), {.policy = "las", .las_thresholds_gpu_s = {1}});
        CHECK(o[1].first_start_ns == 333'333'334);
        REQUIRE(o[0].attempts.size() == 2);
        CHECK(o[0].attempts[1].start_ns == 666'666'668);
        CHECK(o[0].finish_ns == 1'333'333'334);  // 666666668 + (1e9 - 333333334)
        CHECK(o[1].finish_ns == 2'000'000'000);
    }
    SECTION("the default thresholds are 3600 and 36000 GPU-s") {
        // One GPU: preempted at 3600 for the newcomer, whose crossing 3600 s later gives it back;
        // from there 400 s remain of the first.
        const std::vector<outcome> o = replay({make(0, 4000, 1), make(10, 5000, 1)}, pool(1), {.policy = "las"});
        CHECK(spans_of(o) == spans{{0, 7600}, {3600, 9000}});
    }
}

TEST_CASE("naive easy on a pool", "[naive]") {
    SECTION("ends by the shadow time, or within extra") {
        // Line 0 holds 4 of 6 until 10. Line 1 (head, 5): shadow 10, extra 1.
        // Line 2 would end at 11, but takes the one extra GPU: starts at 2; extra is now 0.
        // Line 3 would end at 11 too: not before the head. Line 4 plans to end at exactly 10: starts
        // at 3, and ends at 5. At 5 line 3 fits but would end at 13. At 10 the head takes 5 of 5
        // free; at 11 line 2 ends and line 3 starts.
        const std::vector<job> jobs{make(0, 10, 4), make(1, 10, 5), make(2, 9, 1), make(3, 8, 1), make(3, 2, 1, 7)};
        CHECK(spans_of(replay(jobs, pool(6), {.policy = "easy"})) ==
              spans{{0, 10}, {10, 20}, {2, 11}, {11, 19}, {3, 5}});
    }
    SECTION("all planned ends of the shadow instant count") {
        // Two jobs of 2 end at 10: 5 free, extra 2. With one of them only, extra would be 0.
        const std::vector<job> jobs{make(0, 10, 2), make(0, 10, 2), make(1, 5, 3), make(2, 20, 1)};
        CHECK(spans_of(replay(jobs, pool(5), {.policy = "easy"})) == spans{{0, 10}, {0, 10}, {10, 15}, {2, 22}});
    }
    SECTION("extra is used up within one pass") {
        // 3 of 7 are free at 1; at 10 all 7 are, the head needs 4: extra 3. Lines 3 and 4 (2 GPUs
        // each, long): the first starts (extra 1), the second finds 1 free. Line 5 takes the last extra.
        const std::vector<job> jobs{make(0, 10, 2), make(0, 10, 2), make(1, 5, 4),
                                    make(2, 20, 2), make(2, 20, 2), make(2, 20, 1)};
        CHECK(spans_of(replay(jobs, pool(7), {.policy = "easy"})) ==
              spans{{0, 10}, {0, 10}, {10, 15}, {2, 22}, {15, 35}, {2, 22}});
        // 5 of 9 are free at 1, extra 9 - 6 = 3. Of two jobs of 2 that both fit, one may delay nothing.
        const std::vector<job> wide{make(0, 10, 4), make(1, 5, 6), make(2, 20, 2), make(2, 20, 2)};
        CHECK(spans_of(replay(wide, pool(9), {.policy = "easy"})) == spans{{0, 10}, {10, 15}, {2, 22}, {15, 35}});
    }
    SECTION("a short estimate counts as the duration, a missing one too") {
        // Line 2 says 1 s, but plans its 9: 2 + 9 > 10 and extra is 0.
        const std::vector<job> jobs{make(0, 10, 3), make(1, 5, 4), make(2, 9, 1, 1), make(2, 8, 1)};
        CHECK(spans_of(replay(jobs, pool(4), {.policy = "easy"})) == spans{{0, 10}, {10, 15}, {15, 24}, {2, 10}});
    }
}

TEST_CASE("naive conservative on a pool", "[naive]") {
    SECTION("no reservation is delayed") {
        // Slots: line 1 at 10, line 2 at 10. Line 3 at 3 would hold 1 GPU until 11, when none is
        // left: slot 20. Easy only protects line 1 and starts it (extra 2).
        const std::vector<job> jobs{make(0, 10, 3), make(1, 10, 2), make(2, 10, 2), make(3, 8, 1)};
        CHECK(spans_of(replay(jobs, pool(4), {.policy = "conservative"})) ==
              spans{{0, 10}, {10, 20}, {10, 20}, {20, 28}});
        CHECK(spans_of(replay(jobs, pool(4), {.policy = "easy"})) == spans{{0, 10}, {10, 20}, {11, 21}, {3, 11}});
    }
    SECTION("a hole before a reservation is used up to its last ns") {
        const std::vector<job> jobs{make(0, 10, 2), make(1, 10, 4), make(2, 5, 4), make(3, 7, 2), make(4, 6, 2)};
        CHECK(spans_of(replay(jobs, pool(4), {.policy = "conservative"})) ==
              spans{{0, 10}, {10, 20}, {20, 25}, {3, 10}, {25, 31}});
    }
    SECTION("an early end rebuilds the profile") {
        const std::vector<job> jobs{make(0, 5, 4, 10), make(1, 5, 4)};
        CHECK(spans_of(replay(jobs, pool(4), {.policy = "conservative"})) == spans{{0, 5}, {5, 10}});
    }
}

TEST_CASE("naive rounds: a zero-duration job holds its GPUs until the next round", "[naive]") {
    // fifo-skip, round 1: the zero job starts, 2 GPUs do not fit beside it, 1 does. Round 2: 1 free.
    const std::vector<job> jobs{make(0, 0, 1), make(0, 5, 2), make(0, 5, 1)};
    CHECK(spans_of(replay(jobs, pool(2), {.policy = "fifo-skip"})) == spans{{0, 0}, {5, 10}, {0, 5}});
    // conservative, round 1: line 1 has the slot now in the profile, but does not fit now, and
    // keeps its reservation, so line 2 has no slot now. Round 2: line 1 starts.
    CHECK(spans_of(replay(jobs, pool(2), {.policy = "conservative"})) == spans{{0, 0}, {0, 5}, {5, 10}});
    // A second zero job behind them finds no GPU free in the profile at 0, though one is: it waits.
    std::vector<job> more = jobs;
    more.push_back(make(0, 0, 1));
    CHECK(spans_of(replay(more, pool(2), {.policy = "conservative"})) == spans{{0, 0}, {0, 5}, {5, 10}, {5, 5}});
}

TEST_CASE("naive placers: remainders", "[naive]") {
    SECTION("first-fit: lowest node that has room, lowest GPUs") {
        const std::vector<job> jobs{make(0, 9, 1), make(0, 9, 3), make(0, 9, 3), make(0, 9, 1), make(0, 9, 2)};
        CHECK(places_of(replay(jobs, flat(3, 4), {.policy = "fifo"})) ==
              std::vector<placement>{{{0, 0b0001}}, {{0, 0b1110}}, {{1, 0b0111}}, {{1, 0b1000}}, {{2, 0b0011}}});
    }
    SECTION("pack: least free that fits") {
        // All nodes empty: 0. Then 2 free on 0 are too few for 3: node 1. Then 1: node 1 has 1 free.
        const std::vector<job> jobs{make(0, 9, 2), make(0, 9, 3), make(0, 9, 1), make(0, 9, 2), make(0, 9, 4)};
        CHECK(places_of(replay(jobs, flat(3, 4, "pack"), {.policy = "fifo"})) ==
              std::vector<placement>{{{0, 0b0011}}, {{1, 0b0111}}, {{1, 0b1000}}, {{0, 0b1100}}, {{2, 0b1111}}});
    }
    SECTION("spread: most free, then index; whole jobs then find no whole node") {
        const std::vector<job> jobs{make(0, 9, 1), make(0, 9, 1), make(0, 9, 2), make(0, 9, 1), make(0, 9, 4)};
        const std::vector<outcome> o = replay(jobs, flat(3, 4, "spread"), {.policy = "fifo"});
        CHECK(places_of(o) ==
              std::vector<placement>{{{0, 0b0001}}, {{1, 0b0001}}, {{2, 0b0011}}, {{0, 0b0010}}, {{0, 0b1111}}});
        CHECK(o[4].first_start_ns == 9 * s);
    }
}

TEST_CASE("naive placers: whole nodes, then the remainder", "[naive]") {
    // Node 0 has 3 free. 6 GPUs = node 1 whole + 2 on: the lowest index / the least free / the most free.
    const std::vector<job> jobs{make(0, 9, 1), make(0, 9, 6)};
    CHECK(places_of(replay(jobs, flat(3, 4), {.policy = "fifo"}))[1] == placement{{0, 0b0110}, {1, 0b1111}});
    CHECK(places_of(replay(jobs, flat(3, 4, "pack"), {.policy = "fifo"}))[1] == placement{{0, 0b0110}, {1, 0b1111}});
    CHECK(places_of(replay(jobs, flat(3, 4, "spread"), {.policy = "fifo"}))[1] == placement{{1, 0b1111}, {2, 0b0011}});
}

TEST_CASE("naive placers: fragments do not add up unless the job is spread", "[naive]") {
    // 2 + 1 GPUs are free on two nodes.
    const std::vector<job> whole{make(0, 9, 2), make(0, 9, 3), make(1, 1, 3)};
    CHECK(spans_of(replay(whole, flat(2, 4), {.policy = "fifo"})) == spans{{0, 9}, {0, 9}, {9, 10}});
    const std::vector<job> cut{make(0, 9, 2), make(0, 9, 3), make_spread(1, 1, 3)};
    const std::vector<outcome> o = replay(cut, flat(2, 4), {.policy = "fifo"});
    CHECK(spans_of(o) == spans{{0, 9}, {0, 9}, {1, 2}});
    CHECK(places_of(o)[2] == placement{{0, 0b1100}, {1, 0b1000}});
}

TEST_CASE("naive placers: spread jobs take all of each node in the placer's order", "[naive]") {
    // Free masks per node: none, two, one.
    const std::vector<std::uint64_t> a{0, 0b1100, 0b1000};
    CHECK(place_on_nodes(a, 4, "first-fit", 2, true) == placement{{1, 0b1100}});
    CHECK(place_on_nodes(a, 4, "pack", 2, true) == placement{{1, 0b0100}, {2, 0b1000}});
    CHECK(place_on_nodes(a, 4, "spread", 2, true) == placement{{1, 0b1100}});
    // None, one, two.
    const std::vector<std::uint64_t> b{0, 0b1000, 0b1010};
    CHECK(place_on_nodes(b, 4, "first-fit", 2, true) == placement{{1, 0b1000}, {2, 0b0010}});
    CHECK(place_on_nodes(b, 4, "pack", 2, true) == placement{{1, 0b1000}, {2, 0b0010}});
    CHECK(place_on_nodes(b, 4, "spread", 2, true) == placement{{2, 0b1010}});
    CHECK(place_on_nodes(b, 4, "spread", 3, true) == placement{{1, 0b1000}, {2, 0b1010}});
    CHECK_FALSE(place_on_nodes(b, 4, "spread", 4, true));
    // 64 GPUs in a node.
    CHECK(place_on_nodes({~std::uint64_t{0}}, 64, "pack", 64, false) == placement{{0, ~std::uint64_t{0}}});
}

TEST_CASE("naive easy on nodes: the head's place counts, not the number of GPUs", "[naive]") {
    // Nodes of 4. 0: line 0 takes 3 of node 0 until 10; line 1 takes 3 of node 1 until 20.
    // Head (line 2) needs a whole node: shadow 10, node 0.
    // At 2: line 3 (long) would go to node 0: the head could not be placed at 10, though 8 - 3 - 4 = 1
    // GPU is "extra": no. Line 4 ends at 10: starts on node 0.
    // At 3 (line 5 arrives): line 3 is now offered node 1, where it does not matter: starts.
    // Line 5 finds nothing free. 10: head on node 0 until 15; node 1 is full; 15: line 5.
    const std::vector<job> jobs{make(0, 10, 3),  make(0, 20, 3), make(1, 5, 4),
                                make(2, 100, 1), make(2, 8, 1),  make(3, 100, 1)};
    const std::vector<outcome> o = replay(jobs, flat(2, 4), {.policy = "easy"});
    CHECK(spans_of(o) == spans{{0, 10}, {0, 20}, {10, 15}, {3, 103}, {2, 10}, {15, 115}});
    CHECK(places_of(o) ==
          std::vector<placement>{
              {{0, 0b0111}}, {{1, 0b0111}}, {{0, 0b1111}}, {{1, 0b1000}}, {{0, 0b1000}}, {{0, 0b0001}}});
}

TEST_CASE("naive easy on nodes: earlier backfilled jobs that outlive the shadow time stay in place", "[naive]") {
    // Three nodes of 2. 0: line 0 holds nodes 0 and 1, line 1 half of node 2 until 4.
    // Head: 2 whole nodes. Lines 3 and 4 are single and long.
    // Node 2 has one GPU free at 1. Shadow: at 4 only node 2 is whole: no; at 10 all: yes.
    // Line 3 takes node 2's free GPU at 1: at 10 nodes 0 and 1 remain: starts. At 4 line 4 takes the
    // other GPU of node 2: the head still has nodes 0 and 1: starts.
    const std::vector<job> jobs{make(0, 10, 4), make(0, 4, 1), make(1, 5, 4), make(1, 50, 1), make(1, 50, 1)};
    CHECK(spans_of(replay(jobs, flat(3, 2), {.policy = "easy"})) == spans{{0, 10}, {0, 4}, {10, 15}, {1, 51}, {4, 54}});
    // The head needs all three nodes but one GPU (5 = 2 whole + 1): with line 3 in place it fits, with
    // line 4 as well it does not. Both are offered in one pass at 1 here, as node 2 is free.
    const std::vector<job> tight{make(0, 10, 4), make(1, 5, 5), make(1, 50, 1), make(1, 50, 1)};
    CHECK(spans_of(replay(tight, flat(3, 2), {.policy = "easy"})) == spans{{0, 10}, {10, 15}, {1, 51}, {15, 65}});
}

TEST_CASE("naive conservative on nodes: a slot without a place keeps its reservation", "[naive]") {
    // Each node has one GPU free. Line 2 needs 2 on one node: slot now by count, no place.
    // Line 3 finds no GPU in the profile until 7, and nothing happens at 7. At 10 both start.
    const std::vector<job> jobs{make(0, 10, 3), make(0, 10, 3), make(1, 5, 2), make(2, 3, 1)};
    CHECK(spans_of(replay(jobs, flat(2, 4), {.policy = "conservative"})) ==
          spans{{0, 10}, {0, 10}, {10, 15}, {10, 13}});
}

TEST_CASE("naive srtf on nodes: claimed jobs move or are preempted", "[naive]") {
    SECTION("move, then preempt") {
        // 0: line 1 (50) on node 0, line 0 (100) on node 1. 10: line 2 (5) first; all GPUs are held, so
        // it claims on node 0. Line 1 has lost GPUs: nothing unheld is whole, node 1 is unclaimed:
        // it moves there. Line 0 finds nothing: preempted. 15: it starts on node 0, 90 s left.
        const std::vector<outcome> o =
            replay({make(0, 100, 4), make(0, 50, 4), make(10, 5, 2)}, flat(2, 4), {.policy = "srtf"});
        CHECK(spans_of(o) == spans{{0, 105}, {0, 50}, {10, 15}});
        CHECK(attempts_of(o[0]) == spans{{0, 1}, {15, 0}});
        CHECK(attempts_of(o[1]) == spans{{0, 0}, {10, 1}});
        CHECK(attempts_of(o[2]) == spans{{10, 0}});
        CHECK(o[0].preemptions == 1);
        CHECK(o[1].preemptions == 1);
        CHECK(o[1].useful_gpu_ns == 200 * s);
    }
    SECTION("GPUs held by running jobs still to be walked are avoided") {
        // Node 0 is held by line 0, node 1 has one GPU taken by line 1. Line 2 (2 GPUs) goes to node 1's
        // free GPUs although first-fit would take node 0: nobody moves.
        const std::vector<outcome> o =
            replay({make(0, 100, 4), make(0, 90, 1), make(10, 5, 2)}, flat(2, 4), {.policy = "srtf"});
        // At 0 the shorter line 1 goes first: node 0. Line 0 then has node 1.
        CHECK(places_of(o) == std::vector<placement>{{{1, 0b1111}}, {{0, 0b0001}}, {{0, 0b0110}}});
        CHECK(o[0].preemptions + o[1].preemptions == 0);
        CHECK(spans_of(o) == spans{{0, 100}, {0, 90}, {10, 15}});
    }
    SECTION("a claimed job without a place is preempted and ends the walk") {
        // Line 0 holds GPUs 0 and 1, line 1 GPU 2. Line 2 (2 GPUs) finds only GPU 3 unheld and claims 0
        // and 1. Line 1 (20 s left) keeps GPU 2. Line 0 (30 s left) has only GPU 3: preempted.
        const std::vector<outcome> o =
            replay({make(0, 40, 2), make(5, 25, 1), make(10, 5, 2)}, flat(1, 4), {.policy = "srtf"});
        CHECK(spans_of(o) == spans{{0, 45}, {5, 30}, {10, 15}});
        CHECK(o[0].preemptions == 1);
        CHECK(o[1].preemptions == 0);
        // 0: line 0 (50) on node 0, line 1 (60) on GPU 0 of node 1. 10: line 2 (5 s, 6 GPUs) has no unheld
        // place; node 0 is wholly unclaimed, its remainder goes to GPUs 0 and 1 of node 1. Line 0 (40,
        // 4 GPUs) finds no node: the walk stops, and line 1 stops too, though 2 GPUs stay idle.
        const std::vector<outcome> stop =
            replay({make(0, 50, 4), make(0, 60, 1), make(10, 5, 6)}, flat(2, 4), {.policy = "srtf"});
        CHECK(spans_of(stop) == spans{{0, 55}, {0, 65}, {10, 15}});
        CHECK(stop[0].preemptions == 1);
        CHECK(stop[1].preemptions == 1);
    }
    SECTION("a moved job may use what is left of its own GPUs") {
        // Line 0 holds GPU 0, line 1 GPUs 1 and 2. At 10 line 2 (5 s, 2 GPUs) finds only GPU 3 unheld
        // and claims 0 and 1; line 1 (31 s left) moves to 2 (its own) and 3; line 0 (90) is preempted
        // and starts at 15 on GPU 0.
        const std::vector<outcome> o =
            replay({make(0, 100, 1), make(1, 40, 2), make(10, 5, 2)}, flat(1, 4), {.policy = "srtf"});
        CHECK(spans_of(o) == spans{{0, 105}, {1, 41}, {10, 15}});
        REQUIRE(o[1].attempts.size() == 2);
        CHECK(o[1].attempts[0].nodes == placement{{0, 0b0110}});
        CHECK(o[1].attempts[1].nodes == placement{{0, 0b1100}});
        REQUIRE(o[0].attempts.size() == 2);
        CHECK(o[0].attempts[1].nodes == placement{{0, 0b0001}});
        CHECK(o[1].preemptions == 1);
    }
}

TEST_CASE("naive las on nodes moves jobs as srtf does", "[naive]") {
    // Nodes of 2, threshold 4 GPU-s: both first jobs cross at 2. Line 2 claims node 0, line 0 moves
    // to node 1, line 1 is preempted and starts on node 0 at 3 with 8 s left.
    const std::vector<outcome> o = replay({make(0, 10, 2), make(0, 10, 2), make(1, 1, 2)}, flat(2, 2),
                                          {.policy = "las", .las_thresholds_gpu_s = {4}});
    CHECK(spans_of(o) == spans{{0, 10}, {0, 11}, {2, 3}});
    CHECK(attempts_of(o[0]) == spans{{0, 0}, {2, 1}});
    CHECK(attempts_of(o[1]) == spans{{0, 1}, {3, 0}});
    CHECK(o[0].preemptions == 1);
    CHECK(o[1].preemptions == 1);
}

TEST_CASE("naive enforce_estimate", "[naive]") {
    SECTION("killed at the raw estimate; the GPU-time is lost") {
        const std::vector<job> jobs{make(0, 10, 2, 4), make(0, 3, 2, 3), make(0, 2, 2)};
        const std::vector<outcome> o = replay(jobs, pool(2), {.policy = "fifo", .enforce_estimate = true});
        CHECK(spans_of(o) == spans{{0, 4}, {4, 7}, {7, 9}});
        CHECK(o[0].st == state::killed);
        CHECK(o[0].lost_gpu_ns == 8 * s);
        CHECK(o[0].useful_gpu_ns == 0);
        CHECK(o[1].st == state::finished);
        CHECK(o[2].st == state::finished);
        CHECK(spans_of(replay(jobs, pool(2), {.policy = "fifo"})) == spans{{0, 10}, {10, 13}, {13, 15}});
    }
    SECTION("run time before a preemption counts") {
        // 0 to 2, then 3 to 7: 6 s in all.
        const std::vector<outcome> o =
            replay({make(0, 10, 2, 6), make(2, 1, 2)}, pool(2), {.policy = "srtf", .enforce_estimate = true});
        CHECK(spans_of(o) == spans{{0, 7}, {2, 3}});
        CHECK(o[0].st == state::killed);
        CHECK(o[0].lost_gpu_ns == 12 * s);
    }
    SECTION("plans do not know of the kill") {
        // Line 0 is killed at 4 but planned until 10, so line 2 (7 s, ends at 9) is backfilled at 2 and
        // the head starts at 9, not at 4.
        const std::vector<job> jobs{make(0, 10, 3, 4), make(1, 5, 4), make(2, 7, 1)};
        CHECK(spans_of(replay(jobs, pool(4), {.policy = "easy", .enforce_estimate = true})) ==
              spans{{0, 4}, {9, 14}, {2, 9}});
    }
}

TEST_CASE("naive until", "[naive]") {
    // Events at 4 are processed with their pass; the second job has its start, but no GPU-time.
    // The third waits, the fourth never arrives.
    const std::vector<job> jobs{make(0, 4, 2), make(1, 5, 1), make(4, 3, 2), make(5, 1, 1)};
    const std::vector<outcome> o = replay(jobs, pool(2), {.policy = "fifo", .until_ns = 4 * s});
    CHECK(spans_of(o) == spans{{0, 4}, {4, -1}, {-1, -1}, {-1, -1}});
    CHECK(o[0].st == state::finished);
    CHECK((o[1].st == state::unfinished && o[2].st == state::unfinished && o[3].st == state::unfinished));
    CHECK(o[1].useful_gpu_ns == 0);
    const std::vector<outcome> later = replay(jobs, pool(2), {.policy = "fifo", .until_ns = 6 * s + 1});
    CHECK(later[1].useful_gpu_ns == 2 * s + 1);
    // Zero durations at `until` run through all rounds of the instant.
    CHECK(spans_of(replay({make(4, 0, 2), make(4, 0, 2)}, pool(2), {.policy = "fifo", .until_ns = 4 * s})) ==
          spans{{4, 4}, {4, 4}});
}

TEST_CASE("naive rejection never blocks", "[naive]") {
    const std::vector<job> jobs{make(0, 1, 0), make(0, 1, 5), make(0, 1, 4), make(0, 1, std::uint64_t{1} << 31)};
    for (const fleet& where : {pool(4), flat(2, 2, "pack")}) {
        const std::vector<outcome> o = replay(jobs, where, {.policy = "fifo"});
        CHECK(spans_of(o) == spans{{-1, -1}, {-1, -1}, {0, 1}, {-1, -1}});
        CHECK(o[0].st == state::rejected);
        CHECK(o[1].st == state::rejected);
        CHECK(o[2].st == state::finished);
        CHECK(o[3].st == state::rejected);
    }
}

TEST_CASE("naive replay refuses what it does not know", "[naive]") {
    CHECK_THROWS_AS(replay({}, pool(1), {.policy = "lifo"}), std::invalid_argument);
    CHECK_THROWS_AS(replay({}, flat(1, 1, "best-fit"), {.policy = "fifo"}), std::invalid_argument);
    CHECK_THROWS_AS(replay({}, flat(1, 65), {.policy = "fifo"}), std::invalid_argument);
    CHECK(replay({}, pool(1), {.policy = "fifo"}).empty());
}

TEST_CASE("random workloads are repeatable, and no job is lost in the naive replay", "[naive]") {
    std::size_t finished = 0, rejected = 0, preempted = 0, killed = 0, waited = 0;
    for (const flavour kind : all_flavours) {
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            const fleet nodes = random_nodes(seed, all_placers.at(seed % all_placers.size()));
            for (const fleet& where : {random_pool(seed), nodes}) {
                const std::vector<job> jobs = random_workload(seed, kind, where, 30, seed != 2);
                const std::vector<job> again = random_workload(seed, kind, where, 30, seed != 2);
                for (const char* policy : all_policies) {
                    INFO(name_of(kind) << " seed " << seed << " " << policy
                                       << (where.pool_gpus > 0 ? " pool" : " nodes"));
                    options how = random_options(seed, policy);
                    how.until_ns.reset();
                    const std::vector<outcome> o = replay(jobs, where, how);
                    const std::vector<outcome> o2 = replay(again, where, how);
                    REQUIRE(o.size() == jobs.size());
                    CHECK(spans_of(o) == spans_of(o2));
                    for (std::size_t i = 0; i < o.size(); ++i) {
                        const bool fits = jobs[i].gpus > 0 && jobs[i].gpus <= gpus_of(where);
                        CHECK(o[i].st != state::unfinished);
                        CHECK((o[i].st == state::rejected) == !fits);
                        if (!fits) {
                            ++rejected;
                            continue;
                        }
                        REQUIRE((o[i].first_start_ns && o[i].finish_ns));
                        CHECK(*o[i].first_start_ns >= jobs[i].submit_ns);
                        CHECK(o[i].attempts.size() == o[i].preemptions + 1U);
                        if (o[i].preemptions == 0 && o[i].st == state::finished)
                            CHECK(*o[i].finish_ns - *o[i].first_start_ns == jobs[i].duration_ns);
                        if (o[i].st == state::killed)
                            CHECK(*o[i].finish_ns >= *o[i].first_start_ns + *jobs[i].estimate_ns);
                        finished += o[i].st == state::finished ? 1U : 0U;
                        killed += o[i].st == state::killed ? 1U : 0U;
                        preempted += o[i].preemptions > 0 ? 1U : 0U;
                        waited += *o[i].first_start_ns > jobs[i].submit_ns ? 1U : 0U;
                    }
                }
            }
        }
    }
    // The workloads do reach what they are made for.
    CHECK(rejected > 200);
    CHECK(finished > 8000);
    CHECK(killed > 100);
    CHECK(preempted > 500);
    CHECK(waited > 3000);
}
