// Jobs that share uplinks: the published case, by hand, and max-min fairness on random networks.
#include "support/catch.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/execution/shared_fabric.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

using namespace ampacity;
using execution::shared_fabric;
using use = execution::shared_fabric::use;

namespace {

/// 1.0 s of compute and 0.4 s of traffic over two links that one job alone fills.
void add(shared_fabric& f, std::uint32_t job) {
    const std::vector<use> uses{{0, 4}, {1, 4}};
    f.add(job, 1.4, 0.4, uses);
}

}  // namespace

TEST_CASE("equal jobs on a link that each fills: 1.4 s alone, 1.8 s for two, 2.2 s for three") {
    shared_fabric f{{4, 4}, false};
    add(f, 7);
    CHECK(f.step_s(7) == 1.4);
    CHECK(f.changed().empty());
    add(f, 8);
    CHECK(f.step_s(7) == Approx(1.8));
    CHECK(f.step_s(8) == Approx(1.8));
    CHECK(f.changed().size() == 2);
    add(f, 9);
    CHECK(f.step_s(8) == Approx(2.2));
    f.remove(7);
    f.remove(8);
    CHECK(f.step_s(9) == 1.4);
    const auto changed = f.changed();
    CHECK(std::vector<std::uint32_t>(changed.begin(), changed.end()) == std::vector<std::uint32_t>{});
}

TEST_CASE("jobs whose steps are shifted slow down only where their traffic fills more than a step") {
    shared_fabric f{{4, 4}, true};
    for (std::uint32_t job = 0; job != 3; ++job) {
        add(f, job);
        CHECK(f.step_s(0) == Approx(1.4));
    }
    add(f, 3);
    CHECK(f.step_s(0) == Approx(1.6));
}

TEST_CASE("a job alone on links that are too narrow for it is slow, one without uses is not") {
    shared_fabric f{{2, 8}, false};
    const std::vector<use> uses{{0, 4}, {1, 4}};
    f.add(1, 1.4, 0.4, uses);
    CHECK(f.step_s(1) == Approx(1.8));
    CHECK(f.changed().size() == 1);
    f.add(2, 3.0, 1.0, {});
    CHECK(f.step_s(2) == 3.0);
}

TEST_CASE("shares are max-min fair on random networks") {
    random_stream draw{5, purpose::test, 0};
    for (int n = 0; n != 300; ++n) {
        std::vector<double> capacity;
        for (std::uint64_t i = 1 + draw.below(5); i != 0; --i)
            capacity.push_back(static_cast<double>(1 + draw.below(30)));
        shared_fabric f{capacity, false};
        struct job {
            std::uint32_t name = 0;
            std::vector<use> uses{};
        };
        std::vector<job> jobs;
        for (std::uint32_t k = 0; k != 12; ++k) {
            if (!jobs.empty() && draw.below(4) == 0) {
                const std::size_t row = draw.below(jobs.size());
                f.remove(jobs[row].name);
                jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(row));
                continue;
            }
            job j{.name = k};
            for (std::uint32_t l = 0; l != capacity.size(); ++l) {
                if (draw.below(2) == 0) j.uses.push_back({l, static_cast<double>(1 + draw.below(12))});
            }
            f.add(k, 1, 1, j.uses);  // a step takes 1 / share
            jobs.push_back(std::move(j));
        }
        std::map<std::uint32_t, double> share;
        for (const job& j : jobs) share[j.name] = 1 / f.step_s(j.name);
        std::vector<double> load(capacity.size(), 0);
        for (const job& j : jobs) {
            for (const use& s : j.uses) load[s.link] += share[j.name] * s.gpus;
        }
        for (std::size_t l = 0; l != capacity.size(); ++l) REQUIRE(load[l] <= capacity[l] * (1 + 1e-9));
        // Nobody below its full rate could have more without taking from one that has no more than it.
        for (const job& j : jobs) {
            if (share[j.name] > 1 - 1e-9) continue;
            const bool is_held = std::any_of(j.uses.begin(), j.uses.end(), [&](const use& s) {
                if (load[s.link] < capacity[s.link] * (1 - 1e-9)) return false;
                return std::all_of(jobs.begin(), jobs.end(), [&](const job& other) {
                    const bool is_there = std::any_of(other.uses.begin(), other.uses.end(),
                                                      [&](const use& o) { return o.link == s.link; });
                    return !is_there || share[other.name] <= share[j.name] * (1 + 1e-9);
                });
            });
            REQUIRE(is_held);
        }
    }
}
