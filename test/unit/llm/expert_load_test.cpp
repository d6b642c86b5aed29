#include "support/catch.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/expert_load.hpp>
#include <ampacity/llm/inference_replica.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <set>
#include <vector>

using namespace ampacity;
using counts = std::vector<std::uint32_t>;

namespace {

std::vector<double> some_loads(std::size_t experts, std::mt19937_64& random) {
    std::vector<double> loads(experts);
    for (double& l : loads) l = std::exp(std::normal_distribution<>{}(random));
    return loads;
}

/// The least largest load per copy over all ways to give copies from expert `i` on.
double least_load(const std::vector<double>& loads, std::uint32_t sets, std::uint32_t redundant, std::size_t i = 0) {
    if (i == loads.size()) return redundant == 0 ? 0 : INFINITY;
    double least = INFINITY;
    for (std::uint32_t more = 0; more < sets && more <= redundant; ++more)
        least = std::min(least, std::max(loads[i] / (more + 1), least_load(loads, sets, redundant - more, i + 1)));
    return least;
}

/// The least largest load of a set over all ways to place copies from `i` on.
double least_set(const std::vector<double>& copies, std::vector<double>& sets, counts& free, std::size_t i = 0) {
    if (i == copies.size()) return *std::max_element(sets.begin(), sets.end());
    double least = INFINITY;
    for (std::size_t g = 0; g < sets.size(); ++g) {
        if (free[g] == 0) continue;
        const double before = sets[g];
        sets[g] += copies[i];
        --free[g];
        least = std::min(least, least_set(copies, sets, free, i + 1));
        ++free[g];
        sets[g] = before;
    }
    return least;
}

std::vector<double> loads_of_copies(const std::vector<double>& loads, const counts& copies) {
    std::vector<double> out;
    for (std::size_t i = 0; i < loads.size(); ++i) out.insert(out.end(), copies[i], loads[i] / copies[i]);
    return out;
}

}  // namespace

TEST_CASE("copies and sets of four experts by hand", "[llm]") {
    // 8, 4, 2, 2: the first gets a copy (4 and 4), then it again, being before the second (8/3 each).
    const std::vector<double> loads{8, 4, 2, 2};
    CHECK(llm::expert_copies(loads, 2, 0) == counts{1, 1, 1, 1});
    CHECK(llm::expert_copies(loads, 3, 1) == counts{2, 1, 1, 1});
    CHECK(llm::expert_copies(loads, 3, 2) == counts{3, 1, 1, 1});
    // No more copies of one than sets.
    CHECK(llm::expert_copies(loads, 2, 2) == counts{2, 2, 1, 1});
    CHECK(llm::expert_copies(loads, 2, 4) == counts{2, 2, 2, 2});
    // Two sets of two: 8 and 2 against 4 and 2. Of three: 4, 2, 2 on each.
    CHECK(llm::expert_imbalance(loads, 2, 0) == Approx(10.0 / 8).epsilon(1e-15));
    CHECK(llm::place_experts(loads, counts{1, 1, 1, 1}, 2) == counts{0, 1, 1, 0});
    CHECK(llm::expert_imbalance(loads, 2, 2) == 1);
    CHECK(llm::place_experts(loads, counts{2, 2, 1, 1}, 2) == counts{0, 1, 0, 1, 0, 1});
    // An expert on each of four sets: the busiest has half of all, four times a half.
    CHECK(llm::expert_imbalance(loads, 4, 0) == 2);
    CHECK(llm::zipf_loads(4, 1) == std::vector<double>{1, 1.0 / 2, 1.0 / 3, 1.0 / 4});
    CHECK(llm::expert_imbalance(std::vector<double>{0, 0}, 2, 0) == 1);
}

TEST_CASE("even loads are even without copies and where copies fill all sets alike", "[llm]") {
    for (const auto& [experts, sets] : {std::pair{256U, 32U}, {160U, 8U}, {128U, 1U}, {60U, 60U}})
        CHECK(llm::expert_imbalance(llm::zipf_loads(experts, 0), sets, 0) == 1);
    // 224 experts and 64 halves: seven of the former and two of the latter on each.
    CHECK(llm::expert_imbalance(llm::zipf_loads(256, 0), 32, 32) == 1);
}

TEST_CASE("no choice of copies has a smaller largest load, and their sets are near the best", "[llm]") {
    std::mt19937_64 random{11};
    double excess = 0;
    int cases = 0;
    for (int trial = 0; trial < 60; ++trial) {
        const auto sets = static_cast<std::uint32_t>(2 + random() % 2);
        const std::vector<double> loads = some_loads(2 + random() % 4, random);
        const auto most = static_cast<std::uint32_t>(loads.size()) * (sets - 1);
        for (std::uint32_t r = 0; r <= std::min(4U, most); ++r) {
            const counts copies = llm::expert_copies(loads, sets, r);
            const std::vector<double> each = loads_of_copies(loads, copies);
            CHECK(each.size() == loads.size() + r);
            CHECK(*std::max_element(copies.begin(), copies.end()) <= sets);
            const double largest = *std::max_element(each.begin(), each.end());
            CHECK(largest == Approx(least_load(loads, sets, r)).epsilon(1e-12));
            if (each.size() % sets != 0) continue;
            std::vector<double> load(sets, 0);
            counts free(sets, static_cast<std::uint32_t>(each.size()) / sets);
            const double best = least_set(each, load, free) * sets / std::accumulate(loads.begin(), loads.end(), 0.0);
            const double have = llm::expert_imbalance(loads, sets, r);
            CHECK(have > best * (1 - 1e-12));
            CHECK(have < best * 4 / 3);
            excess += have / best - 1;
            ++cases;
        }
    }
    CHECK(cases > 60);
    CHECK(excess / cases < 0.04);
}

TEST_CASE("imbalance of random loads is between its bounds and falls with copies", "[llm]") {
    std::mt19937_64 random{12};
    const std::uint32_t experts = 64, sets = 16;
    std::vector<double> mean(4, 0);
    for (int trial = 0; trial < 40; ++trial) {
        std::vector<double> loads = some_loads(experts, random);
        const double total = std::accumulate(loads.begin(), loads.end(), 0.0);
        for (std::uint32_t k = 0; k < mean.size(); ++k) {
            const std::uint32_t r = k * sets;
            const counts copies = llm::expert_copies(loads, sets, r);
            const std::vector<double> each = loads_of_copies(loads, copies);
            const counts placed = llm::place_experts(loads, copies, sets);
            std::vector<double> load(sets, 0);
            std::vector<std::multiset<std::size_t>> held(sets);
            std::size_t copy = 0;
            for (std::size_t i = 0; i < loads.size(); ++i) {
                for (std::uint32_t c = 0; c < copies[i]; ++c, ++copy) {
                    load[placed[copy]] += each[copy];
                    held[placed[copy]].insert(i);
                    CHECK(held[placed[copy]].count(i) == 1);
                }
            }
            for (const auto& of : held) CHECK(of.size() == (experts + r) / sets);
            const double have = llm::expert_imbalance(loads, sets, r);
            CHECK(have == Approx(*std::max_element(load.begin(), load.end()) * sets / total).epsilon(1e-12));
            CHECK(have >= std::max(1.0, *std::max_element(each.begin(), each.end()) * sets / total * (1 - 1e-12)));
            CHECK(have <= sets);
            CHECK(have == llm::expert_imbalance(loads, sets, r));
            mean[k] += have / 40;
        }
        // Whose experts they are does not matter.
        const double before = llm::expert_imbalance(loads, sets, sets);
        std::shuffle(loads.begin(), loads.end(), random);
        CHECK(llm::expert_imbalance(loads, sets, sets) == Approx(before).epsilon(1e-12));
    }
    // Near 1 it is the placement that is left, which is no optimum.
    for (std::size_t k = 1; k < mean.size(); ++k) CHECK(mean[k] < mean[k - 1] + 0.01);
    CHECK(mean[1] < mean[0] - 0.05);
    CHECK(mean.back() < 1.05);
}

TEST_CASE("redundant experts take memory and are read", "[llm]") {
    const auto m = io::read_model<llm::model>("deepseek-v3").value;
    const auto s = llm::system_of(io::read_model<hardware::rack>("gb200-nvl72").value);
    const auto e = io::read_model<llm::inference_efficiency>("inference").value;
    const double expert = 3.0 * 7168 * 2048;
    const llm::inference_plan even{.attention_dp = 32, .ep = 32, .precision = llm::precision_kind::fp8};
    llm::inference_plan more = even;
    more.redundant_experts = 32;
    REQUIRE(llm::fault_of(m, more, s) == "");
    // One further expert of 58 layers on each of 32 GPUs.
    CHECK(llm::weight_bytes(m, more) - llm::weight_bytes(m, even) == Approx(58 * expert));
    CHECK(llm::cache_tokens(m, more, s, 4096) < llm::cache_tokens(m, even, s, 4096));
    const auto read_b = [&](const llm::inference_plan& p, double decodes) {
        return llm::iteration_of(m, p, {.decodes = decodes, .context = 10}, s, e, e.find_software("trtllm")).expert_b;
    };
    CHECK(read_b(more, 1) == Approx(58 * 8 * expert / 32));
    CHECK(read_b(more, 64) == Approx(58 * 288 * (1 - std::pow(1 - 8.0 / 288, 64)) * expert / 32));
    CHECK(read_b(more, 1e5) == Approx(58 * 9 * expert));
    CHECK(read_b(even, 1e5) == Approx(58 * 8 * expert));

    CHECK(llm::expert_imbalance(m, more, 0.7) == llm::expert_imbalance(llm::zipf_loads(256, 0.7), 32, 32));
    CHECK(llm::expert_imbalance(m, more, 0.7) < llm::expert_imbalance(m, even, 0.7));
    CHECK(llm::redundant_from(m, 32, 0) == 0);
    CHECK(llm::redundant_from(m, 32, 1) == 32);
    CHECK(llm::redundant_from(m, 72, 0) == 32);
    CHECK(llm::redundant_from(m, 2, 256) == 256);
    CHECK(!llm::redundant_from(m, 2, 257));
    more.redundant_experts = 7;
    CHECK(llm::fault_of(m, more, s) == "ep 32 does not divide experts and 7 copies");
    more.ep = 1;
    CHECK(llm::fault_of(m, more, s) == "7 redundant experts with ep 1, which holds each");
}
