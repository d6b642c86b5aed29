#pragma once
/// \file
/// Ties between the jobs of a random workload: chains, joins and forks of both kinds, think times, and arrays.

#include "support/random_workload.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace naive {

/// Jobs wait for such that stand above them in the file, which may be submitted later.
inline void add_ties(std::uint64_t seed, flavour kind, std::vector<job>& jobs) {
    test_random random(seed ^ 0x74696573U);
    const std::int64_t tick = kind == flavour::long_jobs ? 500'000'000'000 : 1'000'000'000;
    const std::int64_t tied = random.between(5, 70);
    const std::int64_t in_arrays = random.chance(50) ? random.between(10, 90) : 0;
    const std::int64_t reach = random.chance(50) ? 3 : 40;  // short ones make chains
    std::vector<std::uint32_t> limits;
    for (std::int64_t i = random.between(1, 3); i > 0; --i)
        limits.push_back(static_cast<std::uint32_t>(random.between(0, 3)));
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        job& j = jobs[i];
        if (i != 0 && random.chance(tied)) {
            for (std::int64_t n = random.chance(60) ? 1 : random.between(2, 4); n > 0; --n) {
                const auto back = random.between(1, std::min<std::int64_t>(reach, static_cast<std::int64_t>(i)));
                j.after.push_back({.job = i - static_cast<std::size_t>(back), .must_finish = random.chance(50)});
            }
            if (random.chance(40))
                j.think_ns = random.chance(80) ? random.between(0, 5) * tick : random.between(0, tick);
        }
        if (random.chance(in_arrays)) {
            j.array = static_cast<std::uint32_t>(random.between(1, static_cast<std::int64_t>(limits.size())));
            j.array_limit = limits[j.array - 1];
        }
    }
}

}  // namespace naive
