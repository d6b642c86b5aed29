// Failures of a log, alone: each at its time for as long as it says, beside those at random, with and without crews.
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/faults/part_failures.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

using namespace ampacity;
using faults::logged_failure;
using faults::part_change;
using faults::part_kind;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

struct happened {
    instant at{};
    part_change::kind what{};
    std::uint32_t process = 0, first = 0, last = 0;
    std::uint64_t gpus = 0;

    friend auto operator<=>(const happened&, const happened&) = default;
};

/// Two racks of 5 and 3 nodes, of 4 GPUs.
fleet::fleet_state two_racks() {
    fleet::topology where;
    where.add({.count = 1, .nodes = 5});
    where.add({.count = 1, .nodes = 3});
    return fleet::fleet_state::racks(std::move(where), 4);
}

std::vector<happened> run(const faults::failure_plan& plan, std::uint32_t to_come = 8) {
    const auto fleet = two_racks();
    std::vector<fleet::node_state> states(8, fleet::node_state::up);
    for (std::uint32_t n = to_come; n < 8; ++n) states[n] = fleet::node_state::uncommissioned;
    std::vector<int> down(8, 0);
    faults::part_failures machine{plan, faults::fleet_layout::of(fleet.empty()), states};
    std::vector<happened> out;
    while (machine.next() <= start_of_time + hours{1000}) {
        const instant now = machine.next();
        const auto what = machine.advance(states);
        if (!what) continue;
        out.push_back({now, what->what, what->process, what->first_node, what->last_node, what->gpus});
        if (what->what == part_change::kind::stops) continue;
        for (std::uint32_t n = what->first_node; n != what->last_node; ++n) {
            down[n] += what->what == part_change::kind::fails ? 1 : -1;
            if (states[n] != fleet::node_state::uncommissioned)
                states[n] = down[n] != 0 ? fleet::node_state::down : fleet::node_state::up;
        }
    }
    return out;
}

std::vector<logged_failure> random_log(std::uint64_t seed) {
    random_stream draw{seed, purpose::test, 2};
    std::vector<logged_failure> out;
    instant now = start_of_time;
    for (std::size_t i = 0; i != 200; ++i) {
        now += minutes{draw.below(300)};
        logged_failure l{.at = now,
                         .process = static_cast<std::uint32_t>(draw.below(2)),
                         .part = static_cast<part_kind>(draw.below(3))};
        l.index = draw.below(l.part == part_kind::gpu ? 32 : l.part == part_kind::node ? 8 : 2);
        if (draw.below(3) != 0) l.repair = minutes{1 + draw.below(2000)};
        out.push_back(l);
    }
    return out;
}

/// Straight from the rows.
std::vector<happened> by_hand(const std::vector<logged_failure>& log, std::uint32_t to_come) {
    std::vector<happened> out;
    for (const logged_failure& l : log) {
        happened h{.at = l.at,
                   .what = l.repair ? part_change::kind::fails : part_change::kind::stops,
                   .process = l.process,
                   .gpus = ~std::uint64_t{0}};
        switch (l.part) {
            case part_kind::gpu:
                h.first = static_cast<std::uint32_t>(l.index / 4);
                h.gpus = std::uint64_t{1} << l.index % 4;
                h.last = h.first + 1;
                break;
            case part_kind::node:
                h.first = static_cast<std::uint32_t>(l.index);
                h.last = h.first + 1;
                break;
            default: h.first = l.index == 0 ? 0 : 5; h.last = l.index == 0 ? 5 : 8;
        }
        if (h.first >= to_come) continue;
        out.push_back(h);
        if (!l.repair) continue;
        h.at += *l.repair;
        h.what = part_change::kind::repaired;
        h.gpus = ~std::uint64_t{0};
        if (h.at <= start_of_time + hours{1000}) out.push_back(h);
    }
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace

TEST_CASE("what a log has happens as it says", "[faults]") {
    std::size_t seen = 0;
    for (std::uint64_t seed = 1; seed != 40; ++seed) {
        INFO("seed " << seed);
        faults::failure_plan plan{.processes = {{.cause = "a"}, {.cause = "b"}}, .seed = seed, .log = random_log(seed)};
        const std::uint32_t to_come = seed % 3 == 0 ? 5 : 8;
        auto all = run(plan, to_come);
        std::sort(all.begin(), all.end());
        REQUIRE(all == by_hand(plan.log, to_come));
        seen += all.size();

        std::uint64_t failures = 0;
        int128 node_ns = 0;
        const auto fleet = two_racks();
        const std::vector<fleet::node_state> up(8, fleet::node_state::up);
        faults::part_failures machine{plan, faults::fleet_layout::of(fleet.empty()), up};
        while (machine.next() != never) static_cast<void>(machine.advance(up));
        for (const logged_failure& l : plan.log) {
            if (l.process != 1) continue;
            ++failures;
            const std::int64_t nodes = l.part != part_kind::rack ? 1 : l.index == 0 ? 5 : 3;
            if (l.repair) node_ns += int128{ticks(*l.repair)} * nodes;
        }
        CHECK(machine.tally(1, start_of_time + hours{5000}).failures == failures);
        CHECK(machine.tally(1, start_of_time + hours{5000}).node_ns == node_ns);
    }
    CHECK(seen > 5000);
}

TEST_CASE("repairs of a log need no crew and move no draw", "[faults]") {
    const faults::failure_process fan{
        .cause = "fan", .part = part_kind::gpu, .mean_s = 3600 * 300, .repair = uniform_distribution{3600, 36000}};
    const faults::failure_process clock{.cause = "clock",
                                        .part = part_kind::node,
                                        .mean_s = 3600 * 100,
                                        .shape = 2,
                                        .repair = constant_distribution{9}};
    faults::failure_plan alone{.processes = {fan, clock, {.cause = "log"}}, .crews = 1, .seed = 4};
    faults::failure_plan both = alone;
    for (std::uint64_t i = 0; i != 60; ++i)
        both.log.push_back({.at = start_of_time + hours{10 * i},
                            .process = i % 2 == 0 ? 2U : 1U,
                            .part = part_kind::node,
                            .index = 0,
                            .repair = minutes{1}});
    const auto of = [](const std::vector<happened>& all, bool logged) {
        std::vector<happened> out;
        for (const happened& h : all) {
            const bool is_of_log = ticks(h.at - start_of_time) % ticks(hours{10}) == 0 ||
                                   ticks(h.at - start_of_time - minutes{1}) % ticks(hours{10}) == 0;
            if (is_of_log == logged) out.push_back(h);
        }
        return out;
    };
    const auto with_log = run(both);
    CHECK(of(with_log, true).size() == 120);
    CHECK(of(with_log, false) == run(alone));
    CHECK(run(alone).size() > 100);
}
