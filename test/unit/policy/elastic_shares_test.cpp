// The shares against a list of all steps, sorted: from any beginning, and from the last shares after a change.
#include "lib/policy/elastic_shares.hpp"

#include "support/allocations.hpp"
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace ampacity;
using policy::elastic_job;
using policy::elastic_options;
using policy::elastic_shares;
using policy::gpu_steps;

namespace {

std::vector<std::uint32_t> shares_of(elastic_shares& s, const std::vector<elastic_job>& jobs,
                                     const std::vector<std::uint32_t>& held, std::uint64_t room,
                                     std::uint32_t node_gpus) {
    s.begin(node_gpus);
    for (std::size_t i = 0; i != jobs.size(); ++i) s.add(job_id{static_cast<std::uint32_t>(i)}, i, jobs[i], held[i]);
    s.deal(room);
    std::vector<std::uint32_t> out;
    for (const auto& share : s.all()) out.push_back(share.gpus);
    return out;
}

}  // namespace

TEST_CASE("identical jobs get equal shares, the first the GPU that is left over", "[elastic]") {
    elastic_shares s{{}};
    const elastic_job j{.gpus_min = 1, .gpus = 4, .gpus_max = 100};
    CHECK(shares_of(s, {j, j}, {0, 0}, 14, 0) == std::vector<std::uint32_t>{8, 8});
    CHECK(shares_of(s, {j, j}, {8, 8}, 15, 0) == std::vector<std::uint32_t>{9, 8});
    CHECK(shares_of(s, {j, j, j}, {9, 8, 0}, 14, 0) == std::vector<std::uint32_t>{6, 6, 5});
    CHECK(shares_of(s, {j}, {6}, 1000, 0) == std::vector<std::uint32_t>{100});
    CHECK(shares_of(s, {}, {}, 1000, 0).empty());
}

TEST_CASE("the arithmetic mean gives all to whom it helps most", "[elastic]") {
    elastic_shares s{{.arithmetic = true}};
    const elastic_job linear{.gpus_min = 1, .gpus = 4, .gpus_max = 10};
    const elastic_job saturating{.gpus_min = 1, .gpus = 4, .gpus_max = 10, .serial_fraction = 0.25};
    CHECK(shares_of(s, {linear, linear}, {0, 0}, 9, 0) == std::vector<std::uint32_t>{10, 1});
    // The second GPU of the saturating job brings 7/16 x 3/4 / (1 x 5/4) = 0.26 speed, the third 0.175; of the linear
    // one each brings 0.25.
    CHECK(shares_of(s, {linear, saturating}, {0, 0}, 8, 0) == std::vector<std::uint32_t>{8, 2});
}

TEST_CASE("all serial jobs get nothing beyond their smallest number", "[elastic]") {
    elastic_shares s{{}};
    const elastic_job serial{.gpus_min = 2, .gpus = 4, .gpus_max = 10, .serial_fraction = 1};
    CHECK(shares_of(s, {serial}, {0}, 9, 0) == std::vector<std::uint32_t>{2});
}

TEST_CASE("steps go through the numbers that a job may have", "[elastic]") {
    const elastic_job j{.gpus_min = 3, .gpus = 4, .gpus_max = 21};
    std::vector<std::uint32_t> powers;
    std::vector<std::uint32_t> nodes;
    std::vector<std::uint32_t> on_pool;
    elastic_shares by_powers{{.steps = gpu_steps::powers_of_two}};
    elastic_shares by_nodes{{.steps = gpu_steps::whole_nodes}};
    for (std::uint64_t room = 0; room != 20; ++room) {
        powers.push_back(shares_of(by_powers, {j}, {0}, room, 8)[0]);
        nodes.push_back(shares_of(by_nodes, {j}, {0}, room, 8)[0]);
        on_pool.push_back(shares_of(by_nodes, {j}, {0}, room, 0)[0]);
    }
    CHECK(powers == std::vector<std::uint32_t>{3, 4, 4, 4, 4, 8, 8, 8, 8, 8, 8, 8, 8, 16, 16, 16, 16, 16, 21, 21});
    CHECK(nodes == std::vector<std::uint32_t>{3, 3, 3, 3, 3, 8, 8, 8, 8, 8, 8, 8, 8, 16, 16, 16, 16, 16, 21, 21});
    for (std::uint32_t room = 0; room != 19; ++room) CHECK(on_pool[room] == 3 + room);
    // And back.
    CHECK(shares_of(by_powers, {j}, {21}, 17, 8)[0] == 16);
    CHECK(shares_of(by_powers, {j}, {21}, 4, 8)[0] == 4);
    CHECK(shares_of(by_nodes, {j}, {21}, 17, 8)[0] == 16);
    CHECK(shares_of(by_nodes, {j}, {21}, 4, 8)[0] == 3);
}

TEST_CASE("shares do not depend on what the jobs had", "[elastic]") {
    for (std::uint64_t seed = 0; seed != test::random_cases(2000); ++seed) {
        naive::test_random random(seed);
        elastic_options o;
        o.steps = std::array{gpu_steps::any, gpu_steps::powers_of_two,
                             gpu_steps::whole_nodes}[static_cast<std::size_t>(random.between(0, 2))];
        o.arithmetic = random.chance(50);
        const auto node_gpus = static_cast<std::uint32_t>(random.between(0, 5));
        std::vector<elastic_job> jobs;
        for (std::int64_t n = random.between(0, 12); n != 0; --n) {
            elastic_job j{.gpus_min = static_cast<std::uint32_t>(random.between(1, 5))};
            j.gpus = j.gpus_min + static_cast<std::uint32_t>(random.between(0, 5));
            j.gpus_max = j.gpus + static_cast<std::uint32_t>(random.between(0, 40));
            j.serial_fraction = random.chance(40) ? 0 : static_cast<double>(random.between(0, 100)) / 100;
            jobs.push_back(j);
        }
        elastic_shares s{o};
        const std::vector<std::uint32_t> nothing(jobs.size(), 0);
        const auto room = static_cast<std::uint64_t>(random.between(0, 100));
        const auto fresh = shares_of(s, jobs, nothing, room, node_gpus);
        // Any numbers that the steps allow: what other rooms give.
        std::vector<std::uint32_t> held(jobs.size());
        for (std::size_t i = 0; i != jobs.size(); ++i) {
            const auto alone = static_cast<std::uint64_t>(random.between(0, 50));
            held[i] = random.chance(20) ? 0 : shares_of(s, {jobs[i]}, {0}, alone, node_gpus)[0];
        }
        CAPTURE(seed);
        REQUIRE(shares_of(s, jobs, held, room, node_gpus) == fresh);
    }
}

TEST_CASE("shares allocate nothing in steady state", "[elastic]") {
    elastic_shares s{{}};
    const elastic_job j{.gpus_min = 1, .gpus = 4, .gpus_max = 500, .serial_fraction = 0.01};
    const auto deal = [&](std::uint64_t room) {
        s.begin(8);
        for (std::uint32_t i = 0; i != 50; ++i) s.add(job_id{i}, i, j, 1 + i % 7);
        s.deal(room);
    };
    std::uint64_t spent = 0;
    for (int i = 0; i != 20; ++i) {
        const std::uint64_t before = test::allocations();
        deal(1000 + static_cast<std::uint64_t>(i % 5) * 100);
        if (i >= 5) spent += test::allocations() - before;
    }
    CHECK(spent == 0);
}
