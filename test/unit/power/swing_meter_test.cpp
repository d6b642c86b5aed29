// Swings of jobs on rows and sites: by hand on whole racks, and against a sum over all jobs on random ones.
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/power/swing_meter.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

using namespace ampacity;
using namespace ampacity::power;

namespace {

power_tree racks(const hardware::rack& rack, std::uint32_t count, std::uint32_t per_row) {
    std::vector<powered_unit> units;
    for (std::uint32_t i = 0; i != count; ++i) units.push_back({.first_node = rack.nodes * i, .nodes = rack.nodes});
    return {{{.node = rack.node, .rack = rack}},
            std::move(units),
            {{.name = "a", .units = count / 2, .halls = {.units_per_row = per_row}},
             {.name = "b", .units = count - count / 2, .halls = {.units_per_row = per_row}}}};
}

std::vector<fleet::gpu_share> nodes(std::uint32_t first, std::uint32_t last) {
    std::vector<fleet::gpu_share> out;
    for (std::uint32_t n = first; n != last; ++n) out.push_back({.node = node_id{n}, .gpus = 0xF});
    return out;
}

double height_w(const hardware::rack& r, double gpus, double floor_w = 0) {
    const auto& p = r.node.gpu.power.phases;
    const double high = std::max(p.gemm_bf16_w, floor_w);
    const double low = std::max(p.communication_w, floor_w);
    return gpus * (high - low) / r.node.converter->efficiency.at(1) / r.shelves->shelf.efficiency.at(1);
}

}  // namespace

TEST_CASE("a rack's storage takes its part of a swing, and feeds add up what is left", "[power][swing]") {
    const auto rack = io::read_model<hardware::rack>("gb300-nvl72").value;
    const power_tree tree = racks(rack, 8, 2);
    swing_meter m{tree};
    const swing_pattern slow{.hz = 1, .transition_s = 0.05};
    const double left = height_w(rack, 72) - 18'720;
    REQUIRE(left > 0);
    m.start(slow, phase::gemm_bf16, nodes(0, 18 * 3));
    CHECK(m.of_site(0).coherent_w == Approx(3 * left).epsilon(1e-7));
    CHECK(m.of_site(0).incoherent_w == Approx(3 * left).epsilon(1e-7));
    CHECK(m.of_site(0).ramp_w_per_s == Approx(3 * left / 0.05).epsilon(1e-7));
    CHECK(m.of_row(0).coherent_w == Approx(2 * left).epsilon(1e-7));
    CHECK(m.of_row(1).coherent_w == Approx(left).epsilon(1e-7));
    CHECK(m.of_site(1).coherent_w == 0);
    // Another job is independent of it: the sum is a bound, the root of the squares is likely.
    m.start(slow, phase::gemm_bf16, nodes(18 * 3, 18 * 4));
    CHECK(m.of_site(0).coherent_w == Approx(4 * left).epsilon(1e-7));
    CHECK(m.of_site(0).incoherent_w == Approx(std::sqrt(10.0) * left).epsilon(1e-7));
    m.stop(slow, phase::gemm_bf16, nodes(0, 18 * 3));
    m.stop(slow, phase::gemm_bf16, nodes(18 * 3, 18 * 4));
    CHECK(m.of_site(0).coherent_w == 0);
    CHECK(m.of_site(0).incoherent_w == 0);
    CHECK(m.of_site(0).ramp_w_per_s == 0);
    // At 3 Hz storage takes 56 kW of it; a floor at the high power takes all.
    const swing_pattern fast{.hz = 3};
    m.start(fast, phase::gemm_bf16, nodes(0, 18));
    CHECK(m.of_row(0).coherent_w == Approx(std::max(0.0, height_w(rack, 72) - 56'160)).margin(0.01));
    const swing_pattern flat{.hz = 1, .floor_w = rack.node.gpu.power.phases.gemm_bf16_w};
    m.start(flat, phase::gemm_bf16, nodes(18 * 6, 18 * 8));
    CHECK(m.of_site(1).coherent_w == 0);
}

TEST_CASE("random jobs swing as the sum over all of them says", "[power][swing]") {
    const auto rack = io::read_model<hardware::rack>("gb300-nvl72").value;
    const power_tree tree = racks(rack, 6, 2);
    for (std::uint64_t seed = 0; seed != 50; ++seed) {
        CAPTURE(seed);
        naive::test_random random(seed);
        struct job {
            swing_pattern p;
            std::vector<fleet::gpu_share> where;
        };
        std::vector<job> jobs;
        swing_meter m{tree};
        for (int i = 0; i != 40; ++i) {
            if (!jobs.empty() && random.between(0, 2) == 0) {
                m.stop(jobs.back().p, phase::gemm_bf16, jobs.back().where);
                jobs.pop_back();
                continue;
            }
            job j{.p = {.hz = 0.2 + 0.1 * static_cast<double>(random.between(0, 20)),
                        .floor_w = static_cast<double>(random.between(0, 800)),
                        .transition_s = 0.01 * static_cast<double>(random.between(1, 20))},
                  .where = {}};
            for (std::int64_t k = random.between(1, 30); k > 0; --k) {
                j.where.push_back({.node = node_id{static_cast<std::uint32_t>(random.between(0, 107))},
                                   .gpus = static_cast<std::uint64_t>(random.between(1, 15))});
            }
            m.start(j.p, phase::gemm_bf16, j.where);
            jobs.push_back(j);
        }
        for (std::uint32_t site = 0; site != 2; ++site) {
            double coherent = 0;
            double squares = 0;
            double ramp = 0;
            for (const job& j : jobs) {
                std::map<std::uint32_t, int> gpus;
                for (const auto& s : j.where) gpus[tree.unit_of(index(s.node))] += std::popcount(s.gpus);
                double of_job = 0;
                for (const auto& [unit, n] : gpus) {
                    if (tree.site_of(unit) != site) continue;
                    of_job += std::max(0.0, height_w(rack, n, j.p.floor_w) - 4 * j.p.hz * 65 * n);
                }
                coherent += of_job;
                squares += of_job * of_job;
                ramp += of_job / j.p.transition_s;
            }
            CHECK(m.of_site(site).coherent_w == Approx(coherent).margin(0.1));
            CHECK(m.of_site(site).incoherent_w == Approx(std::sqrt(squares)).epsilon(1e-6).margin(0.1));
            CHECK(m.of_site(site).ramp_w_per_s == Approx(ramp).epsilon(1e-6).margin(10));
        }
    }
}
