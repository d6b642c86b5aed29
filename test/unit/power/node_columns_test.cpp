// The control tick against the same rules in doubles, node by node; sums and windows.
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/power/node_columns.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace ampacity;
using namespace ampacity::power;

namespace {

struct plain_node {
    double load = 0, cap = 1e30, coolant = 0, power = 0, temperature = 0, throttles = 0, energy = 0, wear = 0;
};

void walk(const node_model& m, std::vector<plain_node>& nodes, double dt) {
    for (plain_node& n : nodes) {
        if (n.temperature >= static_cast<double>(m.throttle_c))
            n.throttles = 1;
        else if (n.temperature < static_cast<double>(m.release_c))
            n.throttles = 0;
        n.power = std::min(n.load, n.cap);
        if (n.throttles != 0) n.power = std::min(n.power, static_cast<double>(m.throttled_w));
        const double end = n.coolant + static_cast<double>(m.k_per_w) * n.power;
        n.temperature = end + (n.temperature - end) * std::exp(-dt / static_cast<double>(m.tau_s));
        n.energy += n.power * dt;
        n.wear += dt * std::exp2((n.temperature - static_cast<double>(m.wear_at_c)) *
                                 static_cast<double>(m.wear_doubles_per_k));
    }
}

}  // namespace

TEST_CASE("a tick does to every node what its rules say, at any number of nodes", "[power]") {
    // Resistances and limits such that no node comes so close to a limit that floats decide.
    const node_model m{.throttled_w = 1500, .wear_doubles_per_k = 0.1F};
    for (const std::size_t size : {1U, 7U, 16U, 33U, 1000U}) {
        naive::test_random random(size);
        node_columns columns(size, 900, 35);
        std::vector<plain_node> plain(size, {.load = 900, .coolant = 35, .power = 900, .temperature = 35});
        CHECK(columns.size() == size);
        for (int step = 0; step != 200; ++step) {
            for (std::size_t i = 0; i != size; ++i) {
                if (!random.chance(20)) continue;
                const auto load = static_cast<float>(random.between(900, 9000));
                const auto cap = random.chance(50) ? static_cast<float>(random.between(2000, 6000)) : 1e30F;
                const auto coolant = static_cast<float>(random.between(20, 50));
                columns.load_w[i] = load;
                columns.cap_w[i] = cap;
                columns.coolant_c[i] = coolant;
                plain[i].load = static_cast<double>(load);
                plain[i].cap = static_cast<double>(cap);
                plain[i].coolant = static_cast<double>(coolant);
            }
            const auto dt = static_cast<float>(random.between(1, 600)) / 10;
            tick(m, columns, 0, size, dt);
            walk(m, plain, static_cast<double>(dt));
            for (std::size_t i = 0; i != size; ++i) {
                INFO("size " << size << " step " << step << " node " << i);
                // Where floats and doubles fall on two sides of a limit, go on from the same state.
                if (static_cast<double>(columns.throttles[i]) != plain[i].throttles) {
                    const double t = plain[i].temperature;
                    plain[i].throttles = static_cast<double>(columns.throttles[i]);
                    plain[i].power = static_cast<double>(columns.power_w[i]);
                    plain[i].temperature = static_cast<double>(columns.temperature_c[i]);
                    plain[i].energy = static_cast<double>(columns.energy_j[i]);
                    plain[i].wear = static_cast<double>(columns.wear_s[i]);
                    REQUIRE(std::abs(t) < 1000);
                    continue;
                }
                REQUIRE(static_cast<double>(columns.power_w[i]) == Approx(plain[i].power).epsilon(1e-6));
                REQUIRE(static_cast<double>(columns.temperature_c[i]) == Approx(plain[i].temperature).margin(1e-3));
                REQUIRE(static_cast<double>(columns.energy_j[i]) == Approx(plain[i].energy).epsilon(2e-5));
                REQUIRE(static_cast<double>(columns.wear_s[i]) == Approx(plain[i].wear).epsilon(2e-4));
            }
        }
    }
}

TEST_CASE("a range of nodes is ticked alone, and a tick in parts is the tick", "[power]") {
    const node_model m{.throttled_w = 1000};
    const auto fill = [](node_columns& c) {
        for (std::size_t i = 0; i != c.size(); ++i) c.load_w[i] = 1000 + static_cast<float>(37 * i % 5000);
    };
    node_columns whole(100, 900, 30);
    node_columns parts(100, 900, 30);
    fill(whole);
    fill(parts);
    tick(m, whole, 0, 100, 30);
    tick(m, parts, 41, 100, 30);
    CHECK(parts.energy_j[40] == 0);
    CHECK(parts.energy_j[41] == whole.energy_j[41]);
    tick(m, parts, 0, 13, 30);
    tick(m, parts, 13, 41, 30);
    for (std::size_t i = 0; i != 100; ++i) {
        CHECK(parts.temperature_c[i] == whole.temperature_c[i]);
        CHECK(parts.power_w[i] == whole.power_w[i]);
        CHECK(parts.wear_s[i] == whole.wear_s[i]);
    }
    tick(m, parts, 5, 5, 30);
    CHECK(parts.energy_j[5] == whole.energy_j[5]);
}

TEST_CASE("a node throttles from its limit until it has cooled below the release", "[power]") {
    const node_model m{.k_per_w = 0.01F, .tau_s = 10, .throttle_c = 87, .release_c = 80, .throttled_w = 3000};
    node_columns c(1, 900, 40);
    c.load_w[0] = 6000;  // settles at 100
    while (c.temperature_c[0] < 87) {
        CHECK(c.throttles[0] == 0);
        CHECK(c.temperature_c[0] < 100);
        tick(m, c, 0, 1, 1);
        CHECK(c.power_w[0] == 6000);
    }
    tick(m, c, 0, 1, 1);  // settles at 70 now
    CHECK(c.throttles[0] == 1);
    CHECK(c.power_w[0] == 3000);
    float before = c.temperature_c[0];
    while (c.temperature_c[0] >= 80) {
        tick(m, c, 0, 1, 1);
        CHECK(c.power_w[0] == 3000);
        CHECK(c.temperature_c[0] < before);
        before = c.temperature_c[0];
    }
    tick(m, c, 0, 1, 1);
    CHECK(c.throttles[0] == 0);
    CHECK(c.power_w[0] == 6000);
    // A lower cap never draws more.
    c.cap_w[0] = 2000;
    tick(m, c, 0, 1, 1);
    CHECK(c.power_w[0] == 2000);
}

TEST_CASE("sums of segments, and windows that are folded into the books", "[power]") {
    node_columns c(55, 0, 30);
    for (std::size_t i = 0; i != 55; ++i) c.load_w[i] = static_cast<float>(i) + 0.25F;
    tick({}, c, 0, 55, 2);
    const std::vector<std::uint32_t> bounds{0, 18, 36, 36, 37, 55};
    std::vector<double> sums(5);
    sum_segments(c.power_w, bounds, sums);
    for (std::size_t s = 0; s != 5; ++s) {
        double expected = 0;
        for (std::uint32_t i = bounds[s]; i != bounds[s + 1]; ++i) expected += i + 0.25;
        CHECK(sums[s] == expected);
    }
    std::vector<double> energy(55, 1000);
    std::vector<double> wear(55, 0);
    fold(c, energy, wear);
    CHECK(energy[3] == 1000 + 2 * 3.25);
    CHECK(wear[3] == Approx(2));
    CHECK(c.energy_j[3] == 0);
    fold(c, energy, wear);
    CHECK(energy[3] == 1000 + 2 * 3.25);
}
