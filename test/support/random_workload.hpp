#pragma once
/// \file
/// Small random workloads for comparing the engine with the naive replay, made to hit ties.
///
/// Everything follows from a 64-bit seed with integer arithmetic only, so a seed names the same
/// workload on every machine and compiler. Pure functions, any thread; cost linear in the jobs.

#include "support/naive_replay.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace naive {

/// SplitMix64: enough for test data, independent of the library's streams under test.
class test_random {
public:
    explicit constexpr test_random(std::uint64_t seed) noexcept : state_(seed) {}

    constexpr std::uint64_t next() noexcept {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }

    /// An integer in [low, high]; the modulo's bias does not matter here.
    constexpr std::int64_t between(std::int64_t low, std::int64_t high) noexcept {
        return low + static_cast<std::int64_t>(next() % (static_cast<std::uint64_t>(high - low) + 1));
    }

    constexpr bool chance(std::int64_t percent) noexcept { return between(0, 99) < percent; }

private:
    std::uint64_t state_;
};

/// What a workload stresses.
enum class flavour {
    mixed,          ///< a bit of everything, load near 1
    congested,      ///< offered load about 3: long queues
    light,          ///< offered load about 0.3
    all_at_once,    ///< every job submitted at 0
    same_size,      ///< one size, one duration, few submit times: only file order decides
    zero_heavy,     ///< most durations are zero, several submits share an instant
    fractions,      ///< odd nanoseconds everywhere
    bad_estimates,  ///< estimates from far too short to far too long, many missing
    oversized,      ///< many jobs of 0 GPUs or more than the fleet, many near its size
    spread_jobs,    ///< most jobs may be cut into pieces
    long_jobs,      ///< several LAS thresholds crossed per job
};

inline constexpr std::array all_flavours{flavour::mixed,       flavour::congested,     flavour::light,
                                         flavour::all_at_once, flavour::same_size,     flavour::zero_heavy,
                                         flavour::fractions,   flavour::bad_estimates, flavour::oversized,
                                         flavour::spread_jobs, flavour::long_jobs};

inline constexpr std::array all_policies{"fifo", "fifo-skip", "sjf", "srtf", "las", "easy", "conservative"};
inline constexpr std::array all_placers{"first-fit", "pack", "spread"};

/// Name of a flavour, for test messages.
inline std::string name_of(flavour kind) {
    static constexpr std::array names{"mixed",     "congested",   "light",     "all_at_once",
                                      "same_size", "zero_heavy",  "fractions", "bad_estimates",
                                      "oversized", "spread_jobs", "long_jobs"};
    return names.at(static_cast<std::size_t>(kind));
}

/// GPUs of a fleet; of a mixed one those of its largest type.
inline std::uint64_t gpus_of(const fleet& where) {
    std::uint64_t most = 0;
    for (const fleet& type : where.types) most = std::max(most, gpus_of(type));
    if (most > 0) return most;
    return where.pool_gpus > 0 ? where.pool_gpus : std::uint64_t{where.nodes} * where.gpus_per_node;
}

/// A pool of 1 to 40 GPUs.
inline fleet random_pool(std::uint64_t seed) {
    test_random random(seed ^ 0x706f6f6cU);
    return {.pool_gpus = static_cast<std::uint64_t>(random.between(1, 40))};
}

/// 1 to 7 nodes of 1 to 8 GPUs (now and then 64) with the given placer.
inline fleet random_nodes(std::uint64_t seed, const std::string& placer) {
    test_random random(seed ^ 0x6e6f646573U);
    fleet where{.nodes = static_cast<std::uint32_t>(random.between(1, 7)), .placer = placer};
    where.gpus_per_node = random.chance(5) ? 64U : static_cast<std::uint32_t>(random.between(1, 8));
    return where;
}

/// Options with the details drawn at random: `by: estimate`, thresholds, enforcement and, with a
/// chance of one in four, an `until` on the grid of the workloads' times.
inline options random_options(std::uint64_t seed, const std::string& policy) {
    test_random random(seed ^ 0x6f7074696f6e73U);
    options how{.policy = policy};
    how.by_estimate = (policy == "sjf" || policy == "srtf") && random.chance(40);
    how.enforce_estimate = random.chance(30);
    if (random.chance(75)) {
        how.las_thresholds_gpu_s.clear();
        std::int64_t threshold = 0;
        for (std::int64_t i = random.between(1, 4); i > 0; --i) {
            threshold += random.between(1, 60);
            how.las_thresholds_gpu_s.push_back(threshold);
        }
    }
    if (random.chance(25)) how.until_ns = random.between(0, 100) * 1'000'000'000;
    return how;
}

/// `jobs` jobs for a fleet. File order is submit order, unless `sorted` is false: then the same
/// jobs are shuffled.
inline std::vector<job> random_workload(std::uint64_t seed, flavour kind, const fleet& where, std::size_t jobs = 40,
                                        bool sorted = true) {
    test_random random(seed * all_flavours.size() + static_cast<std::uint64_t>(kind));
    constexpr std::int64_t second = 1'000'000'000;
    const auto fleet_gpus = static_cast<std::int64_t>(gpus_of(where));
    const auto node_gpus = static_cast<std::int64_t>(where.gpus_per_node == 0 ? 4U : where.gpus_per_node);
    const std::int64_t tick = kind == flavour::fractions ? 1 : kind == flavour::long_jobs ? 500 * second : second;
    const std::int64_t longest = kind == flavour::fractions ? 20 * second : 20;  // [ticks]

    const auto draw_gpus = [&]() -> std::int64_t {
        const std::int64_t odd = kind == flavour::oversized ? 40 : 6;
        if (random.chance(odd)) {
            const std::int64_t which = random.between(0, 3);
            if (which == 0) return 0;
            if (which == 1) return fleet_gpus + random.between(1, 9);
            if (which == 2) return fleet_gpus;
            return std::max<std::int64_t>(1, fleet_gpus - 1);
        }
        const std::int64_t shape = random.between(0, 9);
        if (shape < 4) return random.between(1, std::max<std::int64_t>(1, std::min(fleet_gpus, node_gpus) / 2));
        if (shape < 7) return random.between(1, std::min(fleet_gpus, node_gpus));
        if (shape < 8) return std::min(fleet_gpus, node_gpus * random.between(1, 3));
        return random.between(1, fleet_gpus);
    };
    const auto draw_duration = [&]() -> std::int64_t {
        if (random.chance(kind == flavour::zero_heavy ? 60 : 6)) return 0;
        if (kind == flavour::mixed && random.chance(15)) return random.between(1, 20 * second);
        return tick * random.between(1, random.chance(50) ? std::max<std::int64_t>(1, longest / 5) : longest);
    };
    const auto draw_estimate = [&](std::int64_t duration) -> std::optional<std::int64_t> {
        const std::int64_t wild = kind == flavour::bad_estimates ? 80 : 30;
        if (random.chance(25)) return std::nullopt;
        if (!random.chance(wild)) return duration;
        const std::int64_t which = random.between(0, 4);
        if (which == 0) return 0;
        if (which == 1) return duration / 2;
        if (which == 2) return duration - std::min<std::int64_t>(duration, 1);
        if (which == 3) return duration * random.between(2, 5);
        return duration + tick * random.between(0, 10);
    };

    std::vector<job> list(jobs);
    const job first{.duration_ns = tick * random.between(1, 9),
                    .gpus = static_cast<std::uint64_t>(random.between(1, std::max<std::int64_t>(1, fleet_gpus / 2)))};
    std::int64_t work = 0;  // [GPU-ns] of jobs that can run; small numbers, no overflow
    for (job& j : list) {
        if (kind == flavour::same_size) {
            j = first;
        } else {
            j.gpus = static_cast<std::uint64_t>(draw_gpus());
            j.duration_ns = draw_duration();
            j.estimate_ns = draw_estimate(j.duration_ns);
            j.spread = random.chance(kind == flavour::spread_jobs ? 70 : 8);
        }
        if (j.gpus <= gpus_of(where)) work += static_cast<std::int64_t>(j.gpus) * (j.duration_ns / 1000);
    }

    // Submits fall on a coarse grid over the span that gives the wanted load, so that they meet
    // each other and the ends of jobs.
    const std::int64_t load_percent = kind == flavour::light ? 30 : kind == flavour::congested ? 300 : 100;
    const std::int64_t span = kind == flavour::all_at_once ? 0 : work / fleet_gpus * 1000 / load_percent * 100;
    for (job& j : list) {
        j.submit_ns = random.between(0, span / tick) * tick;
        if (kind == flavour::zero_heavy) j.submit_ns -= j.submit_ns % (4 * tick);
    }
    std::stable_sort(list.begin(), list.end(), [](const job& a, const job& b) { return a.submit_ns < b.submit_ns; });
    if (!sorted)
        for (std::size_t i = list.size(); i > 1; --i)
            std::swap(list[i - 1], list[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(i) - 1))]);
    return list;
}

/// Some of the nodes leave and come back: fail, or as planned. On the grid of the workloads' times, so that ends and
/// beginnings meet, and off it.
inline void add_leaves(std::uint64_t seed, flavour kind, fleet& where) {
    test_random random(seed ^ 0x6c65617665U);
    const std::int64_t tick = kind == flavour::long_jobs ? 500'000'000'000 : 1'000'000'000;
    const auto draw = [&](std::int64_t least, std::int64_t most) {
        return random.chance(15) ? random.between(least * tick, most * tick) : random.between(least, most) * tick;
    };
    for (std::int64_t left = random.between(1, 5); left > 0; --left) {
        leave l{.start_ns = draw(0, 50), .end_ns = 0, .nodes = {}, .planned = random.chance(60)};
        l.end_ns = l.start_ns + draw(1, 20);
        const std::int64_t share = random.between(10, 100);
        for (std::uint32_t n = 0; n < where.nodes; ++n)
            if (random.chance(share)) l.nodes.push_back(n);
        if (!l.nodes.empty()) where.leaves.push_back(std::move(l));
    }
    if (!where.racks.empty() && random.chance(60))
        where.drain_at_millionths = static_cast<std::uint32_t>(random.between(1, 20)) * 50'000;
}

/// What is planned is known some time before, or not.
inline void add_notices(std::uint64_t seed, flavour kind, fleet& where) {
    test_random random(seed ^ 0x6e6f74696365U);
    const std::int64_t tick = kind == flavour::long_jobs ? 500'000'000'000 : 1'000'000'000;
    for (leave& l : where.leaves) {
        if (l.planned) l.known_ns = std::max<std::int64_t>(0, l.start_ns - random.between(0, 20) * tick);
    }
}

/// The same of failures alone, also of a mixed fleet of nodes. Nothing drains.
inline void add_outages(std::uint64_t seed, flavour kind, fleet& where) {
    fleet all{.nodes = where.nodes};
    for (const fleet& type : where.types) all.nodes += type.nodes;
    add_leaves(seed, kind, all);
    for (leave& l : all.leaves) l.planned = false;
    where.leaves = std::move(all.leaves);
}

/// Some of the nodes are slow for a while: a few long slowdowns or many short ones, which overlap, begin while jobs run
/// and before they start, and meet other instants of the workload or not.
inline void add_slowdowns(std::uint64_t seed, flavour kind, fleet& where) {
    test_random random(seed ^ 0x736c6f77U);
    std::uint32_t nodes = where.nodes;
    for (const fleet& type : where.types) nodes += type.nodes;
    const std::int64_t tick = kind == flavour::long_jobs ? 500'000'000'000 : 1'000'000'000;
    const auto draw = [&](std::int64_t least, std::int64_t most) {
        return random.chance(30) ? random.between(least * tick, most * tick) : random.between(least, most) * tick;
    };
    static constexpr std::array speeds{0.5, 0.25, 0.3, 0.7, 0.9, 1.0, 1.0 / 3, 0.05};
    const std::int64_t longest = random.chance(50) ? 3 : 40;
    for (std::int64_t left = random.between(1, longest == 3 ? 40 : 8); left > 0; --left) {
        slowdown d{.start_ns = draw(0, 60), .end_ns = 0, .nodes = {}, .speed = speeds[random.next() % speeds.size()]};
        d.end_ns = d.start_ns + std::max<std::int64_t>(1, draw(0, longest));
        const std::int64_t share = random.between(10, 100);
        for (std::uint32_t n = 0; n < nodes; ++n)
            if (random.chance(share)) d.nodes.push_back(n);
        if (!d.nodes.empty()) where.slowdowns.push_back(std::move(d));
    }
}

/// For messages.
inline std::string text_of_leaves(const fleet& where) {
    std::string out;
    for (const slowdown& d : where.slowdowns) {
        out += " at " + std::to_string(d.speed) + " [" + std::to_string(d.start_ns) + ", " + std::to_string(d.end_ns) +
               "):";
        for (const std::uint32_t n : d.nodes) out += " " + std::to_string(n);
    }
    for (const leave& l : where.leaves) {
        out += (l.planned ? " planned [" : " failed [") + std::to_string(l.start_ns) + ", " + std::to_string(l.end_ns) +
               ")" + (l.known_ns != 0 ? " known at " + std::to_string(l.known_ns) : "") + ":";
        for (const std::uint32_t n : l.nodes) out += " " + std::to_string(n);
    }
    return out + (where.drain_at_millionths == 0 ? "" : " drain at " + std::to_string(where.drain_at_millionths));
}

}  // namespace naive
