// Parts that fail at random, alone: draws of named streams by hand, counts against closed forms, crews, and parts that
// are not in service.
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/faults/part_failures.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using faults::failure_process;
using faults::part_change;
using faults::part_kind;
using std::chrono::hours;

namespace {

constexpr double hour_s = 3600;
constexpr double day_s = 24 * hour_s;

struct happened {
    instant at{};
    part_change what{};
};

/// A fleet whose nodes are down while a failure of theirs is not repaired.
class world {
public:
    explicit world(faults::failure_plan plan, fleet::fleet_state of = fleet::fleet_state::flat_nodes(100, 8),
                   std::vector<std::uint32_t> to_come = {})
        : states_(of.states().begin(), of.states().end()), failures_(states_.size(), 0) {
        for (const std::uint32_t n : to_come) states_[n] = fleet::node_state::uncommissioned;
        machine.emplace(std::move(plan), faults::fleet_layout::of(of.empty()), states_);
    }

    std::vector<happened> run(duration length) {
        std::vector<happened> out;
        while (machine->next() <= start_of_time + length) {
            const instant now = machine->next();
            const auto what = machine->advance(states_);
            if (!what) continue;
            out.push_back({now, *what});
            if (what->what == part_change::kind::stops) continue;
            for (std::uint32_t n = what->first_node; n != what->last_node; ++n) {
                what->what == part_change::kind::fails ? ++failures_[n] : --failures_[n];
                if (states_[n] == fleet::node_state::uncommissioned) continue;
                states_[n] = failures_[n] != 0 ? fleet::node_state::down : fleet::node_state::up;
            }
        }
        return out;
    }
    void deliver(instant now, std::vector<node_id> nodes) {
        for (const node_id n : nodes) states_[index(n)] = fleet::node_state::up;
        machine->commission(now, nodes);
    }
    /// For good.
    void take_down(std::uint32_t node) {
        ++failures_[node];
        states_[node] = fleet::node_state::down;
    }

    std::optional<faults::part_failures> machine;

private:
    std::vector<fleet::node_state> states_;
    std::vector<int> failures_;
};

fleet::fleet_state racks_of(std::uint32_t count, std::uint32_t nodes) {
    fleet::topology where;
    where.add({.count = count, .nodes = nodes});
    return fleet::fleet_state::racks(std::move(where), 4);
}

/// Within so many standard deviations of a Poisson count.
void check_count(std::uint64_t count, double mean, double deviations = 4.5) {
    INFO(count << " of " << mean);
    CHECK(std::abs(static_cast<double>(count) - mean) < deviations * std::sqrt(mean));
}

std::uint64_t count_of(const std::vector<happened>& all, part_change::kind what, std::uint32_t process = 0) {
    return static_cast<std::uint64_t>(std::count_if(
        all.begin(), all.end(), [&](const happened& h) { return h.what.what == what && h.what.process == process; }));
}

std::uint64_t fnv(const std::string& text) {
    std::uint64_t hash = 0xCBF2'9CE4'8422'2325U;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01B3U;
    return hash;
}

}  // namespace

TEST_CASE("failure k of a cause takes draws 2 k and 2 k + 1 of its stream, and the k-th repair time", "[faults]") {
    world w{{.processes = {{.cause = "gpu dies",
                            .part = part_kind::gpu,
                            .mean_s = 50 * day_s,
                            .repair = exponential_distribution{hour_s}}},
             .seed = 42}};
    const auto all = w.run(hours{24 * 20});
    REQUIRE(count_of(all, part_change::kind::fails) > 200);

    random_stream failures{42, purpose::failures, fnv("gpu dies")};
    random_stream repairs{42, purpose::repairs, fnv("gpu dies")};
    const exponential_distribution between{50 * day_s / 800};
    std::vector<std::pair<instant, std::uint32_t>> back;
    instant now = start_of_time;
    std::size_t seen = 0;
    for (const happened& h : all) {
        if (h.what.what == part_change::kind::repaired) {
            const auto at = std::find(back.begin(), back.end(), std::pair{h.at, h.what.first_node});
            REQUIRE(at != back.end());
            back.erase(at);
            continue;
        }
        // Draws that hit a node that is being repaired do not happen.
        while (true) {
            now += draw_duration(between, failures);
            const std::uint64_t gpu = failures.below(800);
            const bool is_down = std::any_of(back.begin(), back.end(),
                                             [&](const auto& b) { return b.second == gpu / 8 && b.first > now; });
            if (is_down) continue;
            REQUIRE(h.at == now);
            REQUIRE(h.what.first_node == gpu / 8);
            REQUIRE(h.what.last_node == gpu / 8 + 1);
            REQUIRE(h.what.gpus == std::uint64_t{1} << gpu % 8);
            back.emplace_back(now + draw_duration(exponential_distribution{hour_s}, repairs), h.what.first_node);
            ++seen;
            break;
        }
    }
    CHECK(w.machine->tally(0, start_of_time + hours{24 * 20}).failures == seen);
}

TEST_CASE("counts, victims and time out of service are as the rates say", "[faults]") {
    world w{{.processes = {{.cause = "soft", .part = part_kind::gpu, .mean_s = 10 * day_s},
                           {.cause = "hard",
                            .part = part_kind::node,
                            .mean_s = 50 * day_s,
                            .repair = lognormal_distribution{10 * hour_s, 0.5}},
                           {.cause = "old", .part = part_kind::node, .mean_s = 20 * day_s, .shape = 3}},
             .seed = 7}};
    const double days = 400;
    const auto all = w.run(hours{24 * 400});
    // A node of 100 is down for a share of the time: it fails again a mean after it is back.
    const double mean_repair_s = lognormal_distribution{10 * hour_s, 0.5}.mean();
    const double up = 50 * day_s / (50 * day_s + mean_repair_s);
    check_count(count_of(all, part_change::kind::stops, 0), 800 * days / 10 * up);
    check_count(count_of(all, part_change::kind::fails, 1), 100 * days * day_s / (50 * day_s + mean_repair_s));
    // Of shape 3 clocks are nearly regular; what is due on a node that is down starts anew.
    const auto old = static_cast<double>(count_of(all, part_change::kind::stops, 2));
    CHECK(old == Approx(100 * days / 20 * up).epsilon(0.05));

    const auto hard = w.machine->tally(1, start_of_time + hours{24 * 400});
    CHECK(static_cast<double>(hard.node_ns) / 1e9 ==
          Approx(static_cast<double>(hard.failures) * mean_repair_s).epsilon(0.15));
    CHECK(w.machine->tally(0, start_of_time + hours{24 * 400}).node_ns == 0);
    std::vector<std::uint64_t> hits(100, 0);
    for (const happened& h : all) {
        if (h.what.process == 0) ++hits[h.what.first_node];
    }
    double chi = 0;
    const double each = static_cast<double>(count_of(all, part_change::kind::stops, 0)) / 100;
    for (const std::uint64_t n : hits) chi += (static_cast<double>(n) - each) * (static_cast<double>(n) - each) / each;
    CHECK(chi < 99 + 4.5 * std::sqrt(2 * 99.0));
    CHECK(chi > 99 - 4.5 * std::sqrt(2 * 99.0));
}

TEST_CASE("one cause moves no draw of another", "[faults]") {
    const failure_process a{.cause = "a", .part = part_kind::gpu, .mean_s = 30 * day_s};
    const failure_process b{.cause = "b", .part = part_kind::node, .mean_s = 9 * day_s, .shape = 0.7};
    const failure_process c{.cause = "c", .part = part_kind::node, .mean_s = 2 * day_s};
    const auto of = [](std::vector<failure_process> all, const std::string& cause) {
        std::vector<std::pair<instant, std::uint32_t>> out;
        world w{{.processes = all, .seed = 3}};
        for (const happened& h : w.run(hours{24 * 50})) {
            if (all[h.what.process].cause == cause) out.emplace_back(h.at, h.what.first_node);
        }
        return out;
    };
    const auto alone = of({a}, "a");
    REQUIRE(alone.size() > 500);
    CHECK(of({c, b, a}, "a") == alone);
    CHECK(of({b}, "b") == of({a, b, c}, "b"));
    CHECK(of({a}, "a") != of({failure_process{.cause = "z", .part = part_kind::gpu, .mean_s = 30 * day_s}}, "z"));
}

TEST_CASE("parts with clocks of their own follow their streams", "[faults]") {
    world w{{.processes = {{.cause = "fan",
                            .part = part_kind::node,
                            .mean_s = 5 * day_s,
                            .shape = 0.6,
                            .repair = constant_distribution{7200}}},
             .seed = 11},
            fleet::fleet_state::flat_nodes(20, 8)};
    std::map<std::uint32_t, std::vector<instant>> seen;
    const instant end = start_of_time + hours{24 * 100};
    for (const happened& h : w.run(hours{24 * 100})) {
        if (h.what.what == part_change::kind::fails) seen[h.what.first_node].push_back(h.at);
    }
    const weibull_distribution law{0.6, 5 * day_s / weibull_distribution{0.6, 1}.mean()};
    std::uint64_t failures = 0;
    for (std::uint32_t n = 0; n != 20; ++n) {
        std::uint64_t entity = fnv("fan");
        entity = (entity ^ (n + 1)) * 0x100'0000'01B3U;
        random_stream stream{11, purpose::failures, entity};
        instant now = start_of_time;
        for (const instant at : seen[n]) {
            now += draw_duration(law, stream);
            CHECK(at == now);
            now += hours{2};
        }
        CHECK(now + draw_duration(law, stream) > end);
        failures += seen[n].size();
    }
    CHECK(failures > 300);
}

TEST_CASE("crews repair first come first served", "[faults]") {
    const auto plan = [](std::optional<std::uint64_t> crews) {
        return faults::failure_plan{.processes = {{.cause = "n",
                                                   .part = part_kind::node,
                                                   .mean_s = 100 * 6 * hour_s,
                                                   .repair = uniform_distribution{hour_s, 9 * hour_s}}},
                                    .crews = crews,
                                    .seed = 5};
    };
    const duration length = hours{24 * 60};
    world w{plan(2)};
    const auto all = w.run(length);
    // By hand: whoever is free first takes the failure that waits longest.
    random_stream repairs{5, purpose::repairs, fnv("n")};
    std::vector<instant> crews(2, start_of_time);
    std::map<std::uint32_t, std::vector<instant>> ends;
    int128 out = 0;
    bool any_waited = false;
    for (const happened& h : all) {
        if (h.what.what == part_change::kind::repaired) continue;
        const auto crew = std::min_element(crews.begin(), crews.end());
        any_waited = any_waited || *crew > h.at;
        *crew = std::max(*crew, h.at) + draw_duration(uniform_distribution{hour_s, 9 * hour_s}, repairs);
        ends[h.what.first_node].push_back(*crew);
        out += ticks(std::min(*crew, start_of_time + length) - h.at);
    }
    CHECK(any_waited);
    for (const happened& h : all) {
        if (h.what.what != part_change::kind::repaired) continue;
        auto& of = ends[h.what.first_node];
        REQUIRE(!of.empty());
        CHECK(of.front() == h.at);
        of.erase(of.begin());
    }
    for (const auto& [node, left] : ends) {
        for (const instant at : left) CHECK(at > start_of_time + length);
    }
    CHECK(w.machine->tally(0, start_of_time + length).node_ns == out);
    world unlimited{plan(std::nullopt)};
    unlimited.run(length);
    CHECK(unlimited.machine->tally(0, start_of_time + length).node_ns < out);
}

TEST_CASE("racks fail as a whole, and what is not in service does not fail", "[faults]") {
    const failure_process rack{
        .cause = "r", .part = part_kind::rack, .mean_s = 3 * day_s, .repair = constant_distribution{3600}};
    world w{{.processes = {rack}, .seed = 2}, racks_of(6, 9)};
    std::uint64_t failures = 0;
    for (const happened& h : w.run(hours{24 * 90})) {
        CHECK(h.what.last_node - h.what.first_node == 9);
        CHECK(h.what.first_node % 9 == 0);
        failures += h.what.what == part_change::kind::fails ? 1U : 0U;
    }
    check_count(failures, 6 * 90 / (3 + 1.0 / 24));

    // Node 1 is down for another reason, racks 1 to 5 have not come.
    std::vector<std::uint32_t> to_come;
    for (std::uint32_t n = 9; n != 54; ++n) to_come.push_back(n);
    for (const double shape : {1.0, 2.0}) {
        failure_process node{.cause = "n", .part = part_kind::node, .mean_s = 3 * day_s, .shape = shape};
        failure_process ours = rack;
        ours.shape = shape;
        world late{{.processes = {node, ours}, .seed = 2}, racks_of(6, 9), to_come};
        late.take_down(1);
        for (const happened& h : late.run(hours{24 * 60})) {
            CHECK(h.what.first_node < 9);
            CHECK((h.what.process == 1 || h.what.first_node != 1));
        }
        late.deliver(start_of_time + hours{24 * 60}, {node_id{9}, node_id{10}, node_id{11}, node_id{12}, node_id{13},
                                                      node_id{14}, node_id{15}, node_id{16}, node_id{17}});
        bool nodes = false, rack_1 = false;
        for (const happened& h : late.run(hours{24 * 120})) {
            CHECK(h.what.first_node < 18);
            CHECK(h.at > start_of_time + hours{24 * 60});
            nodes = nodes || (h.what.process == 0 && h.what.first_node >= 9);
            rack_1 = rack_1 || (h.what.process == 1 && h.what.first_node == 9);
        }
        CHECK(nodes);
        CHECK(rack_1);
    }
}
