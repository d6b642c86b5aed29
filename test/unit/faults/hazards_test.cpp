// Lemons and early failures: by hand from the streams, the counts against closed forms, and what another share moves.
#include "support/catch.hpp"

#include <ampacity/core/fnv.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/faults/part_failures.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

using namespace ampacity;
using faults::failure_plan;
using faults::part_change;
using faults::part_kind;
using std::chrono::hours;

namespace {

constexpr double hour_s = 3600;
constexpr double day_s = 24 * hour_s;
constexpr std::uint32_t num_nodes = 60;
constexpr std::uint32_t gpus = 4;

struct happened {
    instant at{};
    std::uint32_t node = 0;
    std::uint64_t mask = 0;
    bool back = false;

    friend auto operator<=>(const happened&, const happened&) = default;
};

/// Some nodes come at `delivered_at`.
struct late_nodes {
    std::uint32_t first = num_nodes;
    instant at = start_of_time;
};

std::vector<happened> run(const failure_plan& plan, duration length, late_nodes late = {}) {
    const auto fleet = fleet::fleet_state::flat_nodes(num_nodes, gpus);
    std::vector<fleet::node_state> states(num_nodes, fleet::node_state::up);
    std::vector<int> down(num_nodes, 0);
    std::vector<node_id> come;
    for (std::uint32_t n = late.first; n < num_nodes; ++n) {
        states[n] = fleet::node_state::uncommissioned;
        come.push_back(node_id{n});
    }
    faults::part_failures machine{plan, faults::fleet_layout::of(fleet.empty()), states};
    std::vector<happened> out;
    while (machine.next() <= start_of_time + length) {
        if (!come.empty() && machine.next() >= late.at) {
            for (const node_id n : come) states[index(n)] = fleet::node_state::up;
            machine.commission(late.at, come);
            come.clear();
            continue;
        }
        const instant now = machine.next();
        const auto what = machine.advance(states);
        if (!what) continue;
        const bool back = what->what == part_change::kind::repaired;
        out.push_back({now, what->first_node, what->gpus, back});
        if (what->what == part_change::kind::stops || what->what == part_change::kind::hangs) continue;
        down[what->first_node] += back ? -1 : 1;
        states[what->first_node] = down[what->first_node] != 0 ? fleet::node_state::down : fleet::node_state::up;
    }
    return out;
}

bool is_lemon(const failure_plan& plan, std::uint32_t node) {
    return plan.lemons && random_stream{plan.seed, purpose::lemons, node}.uniform01() < plan.lemons->share;
}
double hazard(const failure_plan& plan, std::uint32_t node, instant at, late_nodes late) {
    double out = is_lemon(plan, node) ? plan.lemons->factor : 1;
    const instant came = node >= late.first ? late.at : start_of_time;
    if (plan.infant && at - came < plan.infant->horizon) out *= plan.infant->multiplier;
    return out;
}

/// The one exponential cause of the plan, of GPUs, from its streams: all candidates, each looked at.
std::vector<happened> by_hand(const failure_plan& plan, duration length, late_nodes late = {}) {
    const faults::failure_process& p = plan.processes.front();
    const std::uint64_t parts = num_nodes * gpus;
    const double mean_s = p.mean_s / static_cast<double>(parts);
    struct candidate {
        instant at{};
        int beyond = 0;
        std::uint64_t number = 0, part = 0;
        double mark = 0;
    };
    std::vector<candidate> all;
    random_stream usual{plan.seed, purpose::failures, fnv_1a(p.cause)};
    for (instant t = start_of_time; t <= start_of_time + length;) {
        t += draw_duration(exponential_distribution{mean_s}, usual);
        all.push_back({.at = t, .part = usual.below(parts)});
    }
    const double most = (plan.lemons ? plan.lemons->factor : 1) * (plan.infant ? plan.infant->multiplier : 1);
    random_stream more{plan.seed, purpose::excess_failures, fnv_1a(p.cause)};
    std::uint64_t number = 0;
    for (instant t = start_of_time; most > 1 && t <= start_of_time + length;) {
        t += draw_duration(exponential_distribution{mean_s / (most - 1)}, more);
        const std::uint64_t part = more.below(parts);
        all.push_back({t, 1, number++, part, (most - 1) * more.uniform01()});
    }
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return std::tuple(a.at, a.beyond) < std::tuple(b.at, b.beyond); });
    random_stream repairs{plan.seed, purpose::repairs, fnv_1a(p.cause)};
    random_stream more_repairs{plan.seed, purpose::excess_repairs, fnv_1a(p.cause)};
    std::vector<happened> out;
    random_stream delays{plan.seed, purpose::delays, fnv_1a(p.cause)};
    random_stream more_delays{plan.seed, purpose::excess_delays, fnv_1a(p.cause)};
    std::vector<std::vector<std::pair<instant, instant>>> down(num_nodes);
    std::vector<instant> noticed(parts, start_of_time);
    for (const candidate& c : all) {
        if (c.at > start_of_time + length) break;
        const auto node = static_cast<std::uint32_t>(c.part / gpus);
        if (node >= late.first && c.at < late.at) continue;
        const bool is_down = std::any_of(down[node].begin(), down[node].end(),
                                         [&](const auto& d) { return d.first <= c.at && c.at < d.second; });
        if (is_down || c.at < noticed[c.part]) continue;
        if (c.beyond != 0 && c.mark >= hazard(plan, node, c.at, late) - 1) continue;
        const auto add = [&](instant at, std::uint64_t mask, bool back) {
            if (at <= start_of_time + length) out.push_back({at, node, mask, back});
        };
        const std::uint64_t mask = std::uint64_t{1} << c.part % gpus;
        add(c.at, mask, false);
        instant now = c.at;
        if (p.detection) {
            more_delays.seek(c.number);
            now += faults::draw(*p.detection, c.beyond != 0 ? more_delays : delays);
            noticed[c.part] = now;
            add(now, mask, false);
        }
        if (!p.repair) continue;
        more_repairs.seek(c.number);
        const instant back = now + faults::draw(*p.repair, c.beyond != 0 ? more_repairs : repairs);
        down[node].emplace_back(now, back);
        add(back, ~std::uint64_t{0}, true);
    }
    std::sort(out.begin(), out.end());
    return out;
}

failure_plan random_plan(std::uint64_t seed) {
    random_stream draw{seed, purpose::test, 1};
    failure_plan plan{.processes = {{.cause = "c",
                                     .part = part_kind::gpu,
                                     .mean_s = day_s * static_cast<double>(5 + draw.below(60))}},
                      .seed = seed};
    if (draw.below(3) != 0) plan.processes[0].repair = lognormal_distribution{9 * hour_s, 0.8};
    if (draw.below(3) == 0) plan.processes[0].detection = exponential_distribution{5 * hour_s};
    if (draw.below(4) != 0) plan.lemons = {0.3 * draw.uniform01(), 1 + static_cast<double>(draw.below(20))};
    if (draw.below(4) != 0) plan.infant = {1 + 4 * draw.uniform01(), hours{1 + draw.below(900)}};
    return plan;
}

void check_count(double count, double mean) {
    INFO(count << " of " << mean);
    CHECK(std::abs(count - mean) < 4.5 * std::sqrt(mean));
}

}  // namespace

TEST_CASE("lemons and new nodes fail as their streams say", "[faults]") {
    std::size_t seen = 0;
    for (std::uint64_t seed = 1; seed != 60; ++seed) {
        INFO("seed " << seed);
        const failure_plan plan = random_plan(seed);
        const late_nodes late{.first = static_cast<std::uint32_t>(20 + seed % 41),
                              .at = start_of_time + hours{24 * (seed % 30)}};
        auto all = run(plan, hours{24 * 50}, late);
        std::sort(all.begin(), all.end());
        REQUIRE(all == by_hand(plan, hours{24 * 50}, late));
        seen += all.size();
    }
    CHECK(seen > 10'000);
}

TEST_CASE("another share of lemons adds their failures and moves no other", "[faults]") {
    failure_plan plan{.processes = {{.cause = "c", .part = part_kind::gpu, .mean_s = 30 * day_s}}, .seed = 5};
    const auto of = [&plan](double share) {
        plan.lemons = {share, 8};
        const auto all = run(plan, hours{24 * 100});
        return std::set<happened>(all.begin(), all.end());
    };
    const auto none = of(0), few = of(0.1), more = of(0.4);
    CHECK(none.size() < few.size());
    CHECK(few.size() < more.size());
    CHECK(std::includes(few.begin(), few.end(), none.begin(), none.end()));
    CHECK(std::includes(more.begin(), more.end(), few.begin(), few.end()));
    const auto lemon_at = [&plan](double share, std::uint32_t node) {
        plan.lemons->share = share;
        return is_lemon(plan, node);
    };
    for (const happened& h : more) {
        if (few.contains(h)) continue;
        CHECK_FALSE(lemon_at(0.1, h.node));
        CHECK(lemon_at(0.4, h.node));
    }
}

TEST_CASE("lemons fail by their factor more often, whatever the shape", "[faults]") {
    for (const double shape : {1.0, 0.7, 2.5}) {
        INFO("shape " << shape);
        failure_plan plan{.processes = {{.cause = "n", .part = part_kind::node, .mean_s = 20 * day_s, .shape = shape}},
                          .seed = 12,
                          .lemons = faults::lemon_nodes{0.25, 6}};
        double lemons = 0, others = 0, of_lemons = 0, of_others = 0;
        for (std::uint32_t n = 0; n != num_nodes; ++n) ++(is_lemon(plan, n) ? lemons : others);
        CHECK(lemons > 5);
        for (const happened& h : run(plan, hours{24 * 4000})) ++(is_lemon(plan, h.node) ? of_lemons : of_others);
        if (shape == 1) {
            check_count(of_lemons, lemons * 4000 / 20 * 6);
            check_count(of_others, others * 4000 / 20);
        } else {
            CHECK(of_lemons == Approx(lemons * 4000 / 20 * 6).epsilon(0.05));
            CHECK(of_others == Approx(others * 4000 / 20).epsilon(0.05));
        }
    }
}

TEST_CASE("early failures end with the horizon, and a delivery begins them anew", "[faults]") {
    double early = 0, later = 0, early_late = 0;
    for (std::uint64_t seed = 1; seed != 30; ++seed) {
        const failure_plan plan{.processes = {{.cause = "n", .part = part_kind::gpu, .mean_s = 100 * day_s}},
                                .seed = seed,
                                .infant = faults::early_failures{3, hours{24 * 20}}};
        const late_nodes late{.first = 40, .at = start_of_time + hours{24 * 50}};
        for (const happened& h : run(plan, hours{24 * 100}, late)) {
            const instant came = h.node >= 40 ? late.at : start_of_time;
            ++(h.at - came >= hours{24 * 20} ? later : h.node >= 40 ? early_late : early);
        }
    }
    check_count(early, 29 * 40 * 4 * 20 * 3 / 100.0);
    check_count(early_late, 29 * 20 * 4 * 20 * 3 / 100.0);
    check_count(later, 29 * 4 * (40 * 80 + 20 * 30) / 100.0);
}

TEST_CASE("clocks of lemons and of new nodes run faster", "[faults]") {
    const failure_plan plan{.processes = {{.cause = "fan",
                                           .part = part_kind::node,
                                           .mean_s = 8 * day_s,
                                           .shape = 1.8,
                                           .repair = constant_distribution{7200}}},
                            .seed = 3,
                            .lemons = faults::lemon_nodes{0.3, 4},
                            .infant = faults::early_failures{2.5, hours{24 * 15}}};
    const late_nodes late{.first = 30, .at = start_of_time + hours{24 * 10}};
    std::map<std::uint32_t, std::vector<instant>> seen;
    for (const happened& h : run(plan, hours{24 * 120}, late)) {
        if (!h.back) seen[h.node].push_back(h.at);
    }
    const weibull_distribution law{1.8, 8 * day_s / weibull_distribution{1.8, 1}.mean()};
    std::size_t failures = 0;
    for (std::uint32_t n = 0; n != num_nodes; ++n) {
        const double factor = is_lemon(plan, n) ? 4 : 1;
        const double came = n >= 30 ? 10 * day_s : 0;
        // The life that a node has used up by then.
        const auto used = [&](double t) {
            return factor * (2.5 * std::min(t - came, 15 * day_s) + std::max(t - came - 15 * day_s, 0.0));
        };
        std::uint64_t entity = fnv_1a("fan");
        entity = (entity ^ (n + 1)) * 0x100'0000'01B3U;
        random_stream stream{3, purpose::failures, entity};
        double now = came;
        for (const instant at : seen[n]) {
            const double life = law(stream);
            const double then = to_seconds(at - start_of_time);
            CHECK(used(then) - used(now) == Approx(life).epsilon(1e-9));
            now = then + 7200;
        }
        CHECK(used(120 * day_s) - used(now) < law(stream));
        failures += seen[n].size();
    }
    CHECK(failures > 1000);
}
