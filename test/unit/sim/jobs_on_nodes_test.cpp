// Against a list of jobs for each node.
#include "lib/sim/jobs_on_nodes.hpp"

#include "support/catch.hpp"

#include <ampacity/fleet/allocation.hpp>

#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

using namespace ampacity;

TEST_CASE("jobs on nodes are those that hold GPUs of them", "[jobs_on_nodes]") {
    constexpr std::uint32_t num_nodes = 40;
    for (const std::uint32_t most : {1U, 4U}) {  // jobs on a node
        CAPTURE(most);
        std::mt19937_64 random{most};
        sim::jobs_on_nodes on(num_nodes);
        std::vector<std::set<std::uint32_t>> naive(num_nodes);
        std::vector<std::vector<fleet::gpu_share>> held(60);
        std::size_t shared = 0, wrong = 0;
        for (int step = 0; step != 3000; ++step) {
            const auto job = static_cast<std::uint32_t>(random() % held.size());
            auto& mine = held[job];
            if (mine.empty()) {
                for (std::uint32_t n = 0; n != num_nodes; ++n) {
                    if (random() % 6 == 0 && naive[n].size() < most) mine.push_back({.node = node_id{n}, .gpus = 1});
                }
                on.add(job_id{job}, mine);
                for (const auto& s : mine) naive[index(s.node)].insert(job);
            } else {
                on.remove(job_id{job}, mine);
                for (const auto& s : mine) naive[index(s.node)].erase(job);
                mine.clear();
            }
            std::vector<node_id> asked;
            std::set<std::uint32_t> expected;
            for (std::uint32_t n = 0; n != num_nodes; ++n) {
                shared += naive[n].size() > 1;
                if (random() % 4 != 0) continue;
                asked.push_back(node_id{n});
                expected.insert(naive[n].begin(), naive[n].end());
            }
            std::vector<job_id> found{job_id{7}};
            on.find(asked, found);
            std::vector<job_id> all;
            for (const std::uint32_t j : expected) all.push_back(job_id{j});
            wrong += found != all;
        }
        CHECK(wrong == 0);
        CHECK((shared > 1000) == (most > 1));
    }
}

TEST_CASE("jobs on no nodes are not kept", "[jobs_on_nodes]") {
    sim::jobs_on_nodes none(0);
    const std::vector<fleet::gpu_share> somewhere{{.node = node_id{3}, .gpus = 1}};
    none.add(job_id{1}, somewhere);
    none.remove(job_id{1}, somewhere);
    std::vector<job_id> found{job_id{7}};
    none.find({}, found);
    CHECK(found.empty());
}
