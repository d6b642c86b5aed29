#pragma once
/// \file
/// Small random fleets of several GPU types, and jobs that run at different speeds on them.
///
/// Everything follows from a seed. Pure functions.

#include "support/random_racks.hpp"
#include "support/random_workload.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace naive {

/// 1 to 4 types: pools, or flat nodes and racks.
inline fleet random_mixed(std::uint64_t seed, const std::string& placer, bool pools) {
    test_random random(seed ^ 0x6d69786564U);
    fleet where{.placer = placer};
    for (std::int64_t n = random.chance(10) ? 1 : random.between(2, 4); n > 0; --n) {
        fleet part{.placer = placer};
        if (pools) {
            part.pool_gpus = static_cast<std::uint64_t>(random.between(1, 16));
        } else if (random.chance(50)) {
            part = rack_fleet_of(random_sites(random, 3, 3), static_cast<std::uint32_t>(random.between(1, 4)), placer);
        } else {
            part.nodes = static_cast<std::uint32_t>(random.between(1, 4));
            part.gpus_per_node = static_cast<std::uint32_t>(random.between(1, 8));
            if (placer == "topology" || placer == "block") part.placer = "pack";  // that is what they are without racks
        }
        where.types.push_back(part);
    }
    return where;
}

/// Jobs of up to four models, of which some run on some types only.
inline void add_speeds(std::uint64_t seed, const fleet& where, std::vector<job>& jobs) {
    test_random random(seed ^ 0x737065656473U);
    static constexpr std::array some{0, 16, 32, 37, 64, 64, 96, 128};
    std::vector<std::vector<std::int64_t>> models;
    for (std::int64_t n = random.between(1, 4); n > 0; --n) {
        models.emplace_back();
        for (std::size_t t = 0; t < where.types.size(); ++t)
            models.back().push_back(some[static_cast<std::size_t>(random.between(0, some.size() - 1))]);
    }
    for (job& j : jobs) {
        if (random.chance(15)) continue;
        j.speeds = models[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(models.size()) - 1))];
    }
}

inline std::string text_of_mixed(const fleet& where) {
    std::string out = " " + where.placer + " mixed:";
    for (const fleet& f : where.types) {
        out += " [" +
               (f.pool_gpus > 0 ? std::to_string(f.pool_gpus)
                                : std::to_string(f.nodes) + "x" + std::to_string(f.gpus_per_node) + " in " +
                                      std::to_string(f.racks.size()) + " racks") +
               "]";
    }
    return out;
}

}  // namespace naive
