// What a failure takes: parts that are slow, are swapped, hang until it is noticed, or compute wrong results until
// then; all against failures laid out by hand from the streams.
#include "support/catch.hpp"

#include <ampacity/core/fnv.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/faults/part_failures.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

using namespace ampacity;
using faults::failure_plan;
using faults::failure_process;
using faults::part_change;
using faults::part_kind;
using kind = faults::part_change::kind;
using std::chrono::hours;

namespace {

constexpr double hour_s = 3600;
constexpr double day_s = 24 * hour_s;
constexpr std::uint32_t racks = 5, per_rack = 4, gpus = 4;
constexpr std::uint32_t num_nodes = racks * per_rack;
const instant end = start_of_time + hours{24 * 60};

struct happened {
    instant at{};
    kind what{};
    std::uint32_t process = 0, first = 0, last = 0;
    std::uint64_t mask = 0;
    instant since{};

    friend auto operator<=>(const happened&, const happened&) = default;
};

fleet::fleet_state some_racks() {
    fleet::topology where;
    where.add({.count = racks, .nodes = per_rack});
    return fleet::fleet_state::racks(std::move(where), gpus);
}

/// One failure, with all that becomes of it.
struct failure {
    std::uint32_t process = 0, first = 0, last = 0;
    std::uint64_t part = 0, mask = 0;
    instant at{}, noticed{}, swapped{}, over{};
};

/// Where a part stands.
failure place(const failure_process& p, std::uint64_t part) {
    failure out{.part = part, .mask = ~std::uint64_t{0}};
    switch (p.part) {
        case part_kind::gpu:
            out.first = static_cast<std::uint32_t>(part / gpus);
            out.mask = std::uint64_t{1} << part % gpus;
            break;
        case part_kind::node:
        case part_kind::nic: out.first = static_cast<std::uint32_t>(part / p.each); break;
        default:
            out.first = static_cast<std::uint32_t>(part / p.each) * per_rack;
            out.last = out.first + per_rack;
            return out;
    }
    out.last = out.first + 1;
    return out;
}
std::uint64_t parts_of(const failure_process& p) {
    switch (p.part) {
        case part_kind::gpu: return num_nodes * gpus;
        case part_kind::node:
        case part_kind::nic: return num_nodes * p.each;
        default: return racks * p.each;
    }
}

/// All failures until the end, of exponential causes.
std::vector<failure> by_hand(const failure_plan& plan) {
    std::vector<failure> candidates;
    for (std::uint32_t i = 0; i != plan.processes.size(); ++i) {
        const failure_process& p = plan.processes[i];
        random_stream stream{plan.seed, purpose::failures, fnv_1a(p.cause)};
        for (instant t = start_of_time; t <= end;) {
            t += draw_duration(exponential_distribution{p.mean_s / static_cast<double>(parts_of(p))}, stream);
            failure f = place(p, stream.below(parts_of(p)));
            f.process = i;
            f.at = t;
            candidates.push_back(f);
        }
    }
    std::sort(candidates.begin(), candidates.end(), [](const failure& a, const failure& b) {
        return std::tuple(a.at, a.process) < std::tuple(b.at, b.process);
    });
    std::vector<random_stream> repairs, delays;
    for (const failure_process& p : plan.processes) {
        repairs.emplace_back(plan.seed, purpose::repairs, fnv_1a(p.cause));
        delays.emplace_back(plan.seed, purpose::delays, fnv_1a(p.cause));
    }
    std::vector<failure> out;
    for (failure f : candidates) {
        if (f.at > end) continue;
        const failure_process& p = plan.processes[f.process];
        const auto is_down = [&](std::uint32_t node) {
            return std::any_of(out.begin(), out.end(), [&](const failure& o) {
                return o.first <= node && node < o.last && o.swapped <= f.at && f.at < o.over;
            });
        };
        bool any_up = false;
        for (std::uint32_t n = f.first; n != f.last; ++n) any_up = any_up || !is_down(n);
        const bool is_open = std::any_of(out.begin(), out.end(), [&](const failure& o) {
            return o.process == f.process && o.part == f.part && f.at < std::max(o.over, o.noticed);
        });
        if (!any_up || (is_open && (p.speed || p.detection))) continue;
        f.noticed = f.swapped = f.over = f.at;
        if (p.detection) f.noticed = f.swapped = f.over = f.at + faults::draw(*p.detection, delays[f.process]);
        if (p.swap_after) f.swapped = f.over = f.at + faults::draw(*p.swap_after, delays[f.process]);
        if (p.repair) f.over = f.swapped + faults::draw(*p.repair, repairs[f.process]);
        if (p.speed && !p.swap_after) f.swapped = f.over;
        out.push_back(f);
    }
    return out;
}

std::vector<happened> events_of(const failure_plan& plan, const std::vector<failure>& all) {
    std::vector<happened> out;
    for (const failure& f : all) {
        const failure_process& p = plan.processes[f.process];
        const auto add = [&](instant at, kind what, std::uint64_t mask, instant since) {
            if (at <= end) out.push_back({at, what, f.process, f.first, f.last, mask, since});
        };
        const bool leaves = p.repair && (!p.speed || p.swap_after);
        if (p.detection) add(f.at, p.silent ? kind::corrupts : kind::hangs, f.mask, start_of_time);
        if (p.speed) add(f.at, kind::slows, f.mask, f.at);
        if (leaves) add(f.swapped, kind::fails, f.mask, f.at);
        if (!p.repair) add(f.noticed, kind::stops, f.mask, f.at);
        if (leaves) add(f.over, kind::repaired, ~std::uint64_t{0}, start_of_time);
        if (p.speed && !p.swap_after) add(f.over, kind::recovers, f.mask, start_of_time);
    }
    std::sort(out.begin(), out.end());
    return out;
}

failure_plan random_plan(std::uint64_t seed) {
    random_stream draw{seed, purpose::test, 3};
    failure_plan plan{.seed = seed};
    for (std::size_t i = 0; i != 4; ++i) {
        failure_process& p = plan.processes.emplace_back();
        p.cause = "cause " + std::to_string(i);
        p.part = static_cast<part_kind>(draw.below(5));
        p.each = p.part == part_kind::switch_tray ? 9 : p.part == part_kind::nic ? 2 : 1;
        p.mean_s = static_cast<double>(parts_of(p)) * day_s * static_cast<double>(1 + draw.below(4));
        const std::uint64_t how = draw.below(5);
        if (how != 3 || draw.below(2) != 0) p.repair = lognormal_distribution{12 * hour_s, 1};
        if (how == 1 || how == 2) p.speed = 0.1 + 0.8 * draw.uniform01();
        if (how == 2) p.swap_after = uniform_distribution{hour_s, 60 * hour_s};
        if (how >= 3) p.detection = exponential_distribution{10 * hour_s};
        p.silent = how == 4;
    }
    return plan;
}

/// What the module says of each GPU now, against the failures going on.
void check_effects(const faults::part_failures& machine, const failure_plan& plan, const std::vector<failure>& all,
                   instant now) {
    for (std::uint32_t n = 0; n != num_nodes; ++n) {
        for (std::uint64_t g = 0; g != gpus; ++g) {
            const std::uint64_t mask = std::uint64_t{1} << g;
            double speed = 1;
            bool hangs = false, corrupts = false;
            for (const failure& f : all) {
                const failure_process& p = plan.processes[f.process];
                if (n < f.first || n >= f.last || (f.mask & mask) == 0 || f.at > now) continue;
                if (p.speed && now < f.swapped) speed *= *p.speed;
                if (p.detection && now < f.noticed) (p.silent ? corrupts : hangs) = true;
            }
            REQUIRE(machine.speed_of(n, mask) == speed);
            REQUIRE(machine.hangs(n, mask) == hangs);
            REQUIRE(machine.corrupts(n, mask) == corrupts);
        }
    }
}

}  // namespace

TEST_CASE("failures take the course that their process has", "[faults]") {
    std::size_t seen = 0, slow = 0, hang = 0;
    for (std::uint64_t seed = 1; seed != 60; ++seed) {
        INFO("seed " << seed);
        const failure_plan plan = random_plan(seed);
        const auto all = by_hand(plan);
        const auto fleet = some_racks();
        std::vector<fleet::node_state> states(num_nodes, fleet::node_state::up);
        std::vector<int> down(num_nodes, 0);
        faults::part_failures machine{plan, faults::fleet_layout::of(fleet.empty()), states};
        std::vector<happened> out;
        while (machine.next() <= end) {
            const instant now = machine.next();
            const auto what = machine.advance(states);
            if (machine.next() != now && now != start_of_time) check_effects(machine, plan, all, now);
            if (!what) continue;
            out.push_back({now, what->what, what->process, what->first_node, what->last_node, what->gpus, what->since});
            slow += what->what == kind::slows ? 1U : 0U;
            hang += what->what == kind::hangs ? 1U : 0U;
            if (what->what != kind::fails && what->what != kind::repaired) continue;
            for (std::uint32_t n = what->first_node; n != what->last_node; ++n) {
                down[n] += what->what == kind::fails ? 1 : -1;
                states[n] = down[n] != 0 ? fleet::node_state::down : fleet::node_state::up;
            }
        }
        std::sort(out.begin(), out.end());
        REQUIRE(out == events_of(plan, all));
        seen += out.size();
        for (std::uint32_t i = 0; i != plan.processes.size(); ++i) {
            std::uint64_t failures = 0;
            int128 node_ns = 0, slow_ns = 0;
            for (const failure& f : all) {
                if (f.process != i) continue;
                ++failures;
                const auto time = [&](instant from, instant to) {
                    return int128{ticks(std::max(std::min(to, end), from) - from)} * (f.last - f.first);
                };
                if (f.swapped <= end) node_ns += time(f.swapped, f.over);
                if (plan.processes[i].speed) slow_ns += time(f.at, f.swapped);
            }
            const faults::cause_tally tally = machine.tally(i, end);
            CHECK(tally.failures == failures);
            CHECK(tally.node_ns == node_ns);
            CHECK(tally.slow_ns == slow_ns);
        }
    }
    CHECK(seen > 10'000);
    CHECK(slow > 500);
    CHECK(hang > 500);
}

TEST_CASE("a clock begins anew when its part is repaired, however that went", "[faults]") {
    for (int how = 0; how != 4; ++how) {
        INFO(how);
        failure_process p{.cause = "nic", .part = part_kind::nic, .each = 2, .mean_s = 6 * day_s, .shape = 1.7};
        if (how != 2) p.repair = constant_distribution{5 * hour_s};
        if (how == 0 || how == 1) p.speed = 0.5;
        if (how == 1) p.swap_after = constant_distribution{7 * hour_s};
        if (how >= 2) p.detection = constant_distribution{3 * hour_s};
        const hours takes{how == 0 ? 5 : how == 1 ? 12 : how == 2 ? 3 : 8};
        // Each node by itself, so that no repair of the other NIC comes between.
        const auto fleet = fleet::fleet_state::flat_nodes(1, gpus);
        const std::vector<fleet::node_state> up(1, fleet::node_state::up);
        faults::part_failures machine{{.processes = {p}, .seed = 6}, faults::fleet_layout::of(fleet.empty()), up};
        std::vector<instant> seen;
        while (machine.next() <= start_of_time + hours{24 * 900}) {
            const instant now = machine.next();
            const auto what = machine.advance(up);
            REQUIRE(what);
            if (what->what == kind::slows || what->what == kind::hangs) seen.push_back(now);
        }
        std::vector<instant> wanted;
        const weibull_distribution law{1.7, 6 * day_s / weibull_distribution{1.7, 1}.mean()};
        for (std::uint32_t nic = 0; nic != 2; ++nic) {
            random_stream stream{6, purpose::failures, (fnv_1a("nic") ^ (nic + 1)) * 0x100'0000'01B3U};
            instant now = start_of_time + draw_duration(law, stream);
            for (; now <= start_of_time + hours{24 * 900}; now += takes + draw_duration(law, stream))
                wanted.push_back(now);
        }
        std::sort(wanted.begin(), wanted.end());
        CHECK(seen == wanted);
        CHECK(seen.size() > 200);
    }
}

TEST_CASE("crews repair what is slow, too, and a swap waits for one", "[faults]") {
    const failure_plan plan{.processes = {{.cause = "tray",
                                           .part = part_kind::switch_tray,
                                           .each = 9,
                                           .mean_s = 9 * 2 * day_s,
                                           .repair = uniform_distribution{hour_s, 20 * hour_s},
                                           .speed = 0.9,
                                           .swap_after = uniform_distribution{hour_s, 40 * hour_s}},
                                          {.cause = "nic",
                                           .part = part_kind::nic,
                                           .each = 4,
                                           .mean_s = 4 * 20 * day_s,
                                           .repair = uniform_distribution{hour_s, 20 * hour_s},
                                           .speed = 0.5}},
                            .crews = 1,
                            .seed = 9};
    const auto fleet = some_racks();
    const std::vector<fleet::node_state> up(num_nodes, fleet::node_state::up);
    faults::part_failures machine{plan, faults::fleet_layout::of(fleet.empty()), up};
    // The one crew takes needs in their order: of a tray when it is swapped, of a NIC when it fails.
    std::vector<random_stream> repairs{{9, purpose::repairs, fnv_1a("tray")}, {9, purpose::repairs, fnv_1a("nic")}};
    random_stream delays{9, purpose::delays, fnv_1a("tray")};
    struct need {
        instant at{};
        duration takes{};
        kind ends{};
    };
    std::vector<need> needs;
    std::vector<std::pair<instant, kind>> seen, wanted;
    while (machine.next() <= end) {
        const instant now = machine.next();
        const auto what = machine.advance(up);
        if (!what) continue;
        if (what->what == kind::slows && what->process == 0)
            needs.push_back({now + draw_duration(uniform_distribution{hour_s, 40 * hour_s}, delays),
                             draw_duration(uniform_distribution{hour_s, 20 * hour_s}, repairs[0]), kind::repaired});
        if (what->what == kind::slows && what->process == 1)
            needs.push_back(
                {now, draw_duration(uniform_distribution{hour_s, 20 * hour_s}, repairs[1]), kind::recovers});
        if (what->what == kind::recovers || what->what == kind::repaired) seen.emplace_back(now, what->what);
    }
    std::stable_sort(needs.begin(), needs.end(), [](const need& a, const need& b) { return a.at < b.at; });
    instant free = start_of_time;
    for (const need& n : needs) {
        free = std::max(free, n.at) + n.takes;
        if (free <= end) wanted.emplace_back(free, n.ends);
    }
    CHECK(seen == wanted);
    CHECK(seen.size() > 50);
}
