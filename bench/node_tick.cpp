// What does a control tick cost per node: power, cap, temperature, throttle, energy and wear?
//
// Baseline: an array of structs with the same state, walked node by node without vectors, as one would write it first.
// Beside it the machine's own limit: a triad a = b + s c over the same number of bytes as the tick moves. The answer
// that a fast wrong tick fails: energy and temperature of all nodes after all ticks agree with the walk.

#include "table.hpp"

#include <ampacity/power/node_columns.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace ampacity::power;
using namespace bench;

constexpr float dt_s = 60;
// Columns that a tick reads, and that it writes; of those that it only writes a cache line is read first, too.
constexpr double bytes_per_node = (6 + 6 + 1) * sizeof(float);

struct walked_node {
    float load_w, cap_w, coolant_c, power_w, temperature_c, throttles, energy_j, wear_s;
};

#pragma GCC push_options
#pragma GCC optimize("no-tree-vectorize")
void walk(const node_model& m, std::vector<walked_node>& nodes, float approach) {
    for (walked_node& n : nodes) {
        if (n.temperature_c >= m.throttle_c)
            n.throttles = 1;
        else if (n.temperature_c < m.release_c)
            n.throttles = 0;
        float p = std::min(n.load_w, n.cap_w);
        if (n.throttles != 0) p = std::min(p, m.throttled_w);
        n.temperature_c += (n.coolant_c + m.k_per_w * p - n.temperature_c) * approach;
        n.power_w = p;
        n.energy_j += p * dt_s;
        n.wear_s += dt_s * std::exp2((n.temperature_c - m.wear_at_c) * m.wear_doubles_per_k);
    }
}
#pragma GCC pop_options

void triad(std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& c) {
    float* __restrict to = a.data();
    const float* __restrict x = b.data();
    const float* __restrict y = c.data();
    for (std::size_t i = 0; i != a.size(); ++i) to[i] = x[i] + 3.0F * y[i];
}

template <class F>
double fastest_ns(int repeats, F f) {
    double best = 1e300;
    for (int i = 0; i != repeats; ++i) {
        const stopwatch watch;
        f();
        best = std::min(best, watch.ns());
    }
    return best;
}

void measure(table& t, std::size_t n, std::optional<double> wanted, std::optional<double> of_triad) {
    const node_model m{.throttled_w = 1500, .wear_doubles_per_k = 0.1F};
    const float approach = static_cast<float>(1 - std::exp(-static_cast<double>(dt_s) / m.tau_s));
    node_columns columns(n, 900, 35);
    std::vector<walked_node> nodes;
    for (std::size_t i = 0; i != n; ++i) {
        columns.load_w[i] = 2000 + static_cast<float>(i * 7919 % 5000);
        if (i % 3 == 0) columns.cap_w[i] = 4000;
        columns.coolant_c[i] = 30 + static_cast<float>(i % 12);
        nodes.push_back({columns.load_w[i], columns.cap_w[i], columns.coolant_c[i], 900, 35, 0, 0, 0});
    }
    const int ticks = static_cast<int>(std::clamp<std::size_t>(20'000'000 / n, 10, 400));
    const double ours = fastest_ns(3, [&] {
        for (int k = 0; k != ticks; ++k) tick(m, columns, 0, n, dt_s);
    });
    const double base = fastest_ns(3, [&] {
        for (int k = 0; k != ticks; ++k) walk(m, nodes, approach);
    });
    bool same = true;
    for (std::size_t i = 0; i != n; ++i) {
        same = same && std::abs(columns.temperature_c[i] - nodes[i].temperature_c) < 1e-2F;
        same = same && std::abs(columns.energy_j[i] - nodes[i].energy_j) <= 1e-3F * nodes[i].energy_j;
        same = same && std::abs(columns.wear_s[i] - nodes[i].wear_s) <= 1e-3F * nodes[i].wear_s;
    }
    t.expect(same, "the state after all ticks");
    const double each = static_cast<double>(n) * ticks;
    const std::string nodes_text = std::to_string(n) + " nodes";
    t.row("tick, " + nodes_text + ", against structs", cell{base / each, "ns"}, {ours / each, "ns"}, speedup(wanted));

    const auto length = static_cast<std::size_t>(static_cast<double>(n) * bytes_per_node / (4 * sizeof(float)));
    std::vector<float> a(length, 0);
    const std::vector<float> b(length, 1);
    const std::vector<float> c(length, 2);
    const double moved = static_cast<double>(length) * 4 * sizeof(float);  // with the line of `a` that is read first
    const double limit = fastest_ns(5, [&] {
        for (int k = 0; k != ticks; ++k) triad(a, b, c);
    });
    const double triad_gb_s = moved * ticks / limit;
    const double tick_gb_s = bytes_per_node * each / ours;
    t.row("    bandwidth against a triad", cell{triad_gb_s, "GB/s"}, {tick_gb_s, "GB/s"},
          of_triad ? at_least(*of_triad * triad_gb_s) : multiple());

    std::vector<std::uint32_t> racks;
    for (std::size_t i = 0; i < n; i += 18) racks.push_back(static_cast<std::uint32_t>(i));
    racks.push_back(static_cast<std::uint32_t>(n));
    std::vector<double> sums(racks.size() - 1);
    const double summed = fastest_ns(5, [&] {
        for (int k = 0; k != ticks; ++k) sum_segments(columns.power_w, racks, sums);
    });
    t.row("    sums of racks of 18", {}, {summed / each, "ns"}, multiple());
}

}  // namespace

int main() {
    table t;
    measure(t, 10'000, {}, {});
    measure(t, 100'000, 5, {});
    measure(t, 1'000'000, 2.5, 0.6);
    return t.exit_status();
}
