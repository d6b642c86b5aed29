// The share of useful time of one job under exponential failures, against its exact form: between two failures with
// mean M, work of tau that is kept takes M exp(u / M) (exp((tau + delta) / M) - 1) on average, u being the restart and
// delta the pause of a checkpoint (Daly).
#include "support/catch.hpp"
#include "support/powered_run.hpp"

#include <ampacity/core/accounts.hpp>
#include <ampacity/faults/part_failures.hpp>
#include <ampacity/sim/simulation.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::test;
using std::chrono::hours;
using std::chrono::seconds;

namespace {

constexpr double node_day_s = 86400;
/// Of nodes of eight GPUs (Meta RSC-1, arXiv 2410.21680).
constexpr double per_node_day = 6.50e-3;

struct point {
    std::uint32_t gpus = 0;
    double tau_s = 0, delta_s = 0, restart_s = 0;
    int failures = 0;  ///< to simulate
};

double exact(const point& p, double m) {
    return p.tau_s / (m * std::exp(p.restart_s / m) * std::expm1((p.tau_s + p.delta_s) / m));
}

double simulated(const point& p, double m, std::uint64_t seed) {
    const std::uint32_t nodes = p.gpus / 8;
    sim::parts parts{
        .fleet = fleet::fleet_state::flat_nodes(nodes, 8),
        .policy = policy::make_policy("fifo", {}),
        .placer = policy::make_placer("first-fit"),
        .until = duration{std::llround(m * p.failures * 1e9)},
        .preemption = {.checkpoint_interval = duration{std::llround(p.tau_s * 1e9)},
                       .checkpoint = duration{std::llround(p.delta_s * 1e9)},
                       .restart = duration{std::llround(p.restart_s * 1e9)}},
        .failures = {
            .processes = {{.cause = "any", .part = faults::part_kind::gpu, .mean_s = 8 * node_day_s / per_node_day}},
            .seed = seed}};
    parts.sources.push_back(
        std::make_unique<workload::vector_source>(std::vector{gpu_job(p.gpus, hours{24 * 365 * 100})}));
    sim::simulation s{std::move(parts)};
    s.run();
    const ledger& books = s.results().books;
    CHECK(books[account::idle] == 0);
    return static_cast<double>(books[account::useful]) / static_cast<double>(books.capacity);
}

}  // namespace

TEST_CASE("goodput of a job under exponential failures is its exact form, within a hundredth") {
    for (const point& p :
         {point{1024, 7200, 60, 900, 1500}, point{1024, 1800, 10, 300, 1500}, point{16'384, 1800, 30, 600, 3000},
          point{16'384, 600, 5, 900, 3000}, point{131'072, 120, 3, 105, 1500}, point{131'072, 300, 20, 300, 1500}}) {
        const double m = node_day_s / per_node_day / (p.gpus / 8);
        INFO(p.gpus << " GPUs, mean time to failure " << m / 3600 << " h");
        CHECK(simulated(p, m, 1) == Approx(exact(p, m)).margin(0.01));
    }
}

TEST_CASE("mean times to failure are those that Meta projects") {
    CHECK(node_day_s / per_node_day / 2048 / 3600 == Approx(1.8).margin(0.01));
    CHECK(node_day_s / per_node_day / 16'384 / 3600 == Approx(0.23).margin(0.005));
}
