// What does it cost to find a place for a job, take it and give it back?
//
// A fleet of 8-GPU nodes where random jobs come and go so that about 85 % of the GPUs are taken. One iteration gives
// the GPUs of a job back and places a job of the same size. Argument: nodes. Counter: shares per placed job, from
// a fixed number of iterations so that it is the same everywhere.
//
// And on 1,000 racks of 18 nodes of 4 GPUs, half full with jobs of 1 to 72 GPUs. Argument: GPUs of the job that is
// placed and given back: 1, 8 nodes of one rack, 64 nodes.

#include "draws.hpp"

#include <ampacity/fleet/free_index.hpp>
#include <ampacity/policy/registry.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;

void give_and_place(benchmark::State& state, const std::string& placer_name) {
    constexpr std::uint32_t sizes[] = {1, 1, 1, 1, 2, 4, 8, 8, 16, 32};
    const auto nodes = static_cast<std::uint32_t>(state.range(0));
    const auto placer = policy::make_placer(placer_name);
    fleet::free_index free = fleet::free_index::nodes(nodes, 8);
    bench::draws d(1);
    struct job {
        std::uint32_t gpus;
        std::vector<fleet::gpu_share> where;
    };
    std::vector<job> running;
    const std::uint64_t spare = free.free_gpus() * 15 / 100;
    while (free.free_gpus() > spare) {
        job j{.gpus = sizes[d.bits() % std::size(sizes)], .where = {}};
        if (!policy::place(*placer, free, {.gpus = j.gpus}, j.where)) break;
        free.take({.gpus = j.gpus}, j.where);
        running.push_back(std::move(j));
    }
    std::uint64_t shares = 0;
    for (auto _ : state) {
        job& j = running[d.bits() % running.size()];
        free.give({.gpus = j.gpus}, j.where);
        j.where.clear();
        const bool placed = policy::place(*placer, free, {.gpus = j.gpus}, j.where);
        if (!placed) return state.SkipWithError("GPUs that were given back are not found");
        free.take({.gpus = j.gpus}, j.where);
        shares += j.where.size();
    }
    state.counters["shares"] = benchmark::Counter(static_cast<double>(shares), benchmark::Counter::kAvgIterations);
}

BENCHMARK_CAPTURE(give_and_place, first_fit, "first-fit")->Arg(133)->Arg(12'500)->Arg(125'000)->Iterations(1'000'000);
BENCHMARK_CAPTURE(give_and_place, pack, "pack")->Arg(133)->Arg(12'500)->Arg(125'000)->Iterations(1'000'000);
BENCHMARK_CAPTURE(give_and_place, spread, "spread")->Arg(133)->Arg(12'500)->Arg(125'000)->Iterations(1'000'000);

void place_on_racks(benchmark::State& state, const std::string& placer_name) {
    constexpr std::uint32_t sizes[] = {1, 1, 1, 2, 4, 4, 8, 16, 32, 72};
    const fleet::demand wanted{.gpus = static_cast<std::uint32_t>(state.range(0))};
    const auto placer = policy::make_placer(placer_name);
    fleet::topology racks;
    racks.add({.count = 1000, .nodes = 18, .usable = 0, .racks_per_block = 8});
    auto free = fleet::free_index::racks(std::make_shared<const fleet::topology>(racks), 4);
    bench::draws d(1);
    struct job {
        std::uint32_t gpus;
        std::vector<fleet::gpu_share> where;
    };
    // More than half come, and random ones leave, so that there are holes.
    std::vector<job> running;
    const std::uint64_t half = free.free_gpus() / 2;
    while (free.free_gpus() > half / 2) {
        job j{.gpus = sizes[d.bits() % std::size(sizes)], .where = {}};
        if (!policy::place(*placer, free, {.gpus = j.gpus}, j.where)) break;
        free.take({.gpus = j.gpus}, j.where);
        running.push_back(std::move(j));
    }
    while (free.free_gpus() < half) {
        std::swap(running[d.bits() % running.size()], running.back());
        free.give({.gpus = running.back().gpus}, running.back().where);
        running.pop_back();
    }
    std::vector<fleet::gpu_share> where;
    for (auto _ : state) {
        where.clear();
        if (!policy::place(*placer, free, wanted, where)) return state.SkipWithError("there is no place");
        free.take(wanted, where);
        free.give(wanted, where);
    }
    state.counters["shares"] = static_cast<double>(where.size());
}

BENCHMARK_CAPTURE(place_on_racks, first_fit, "first-fit")->Arg(1)->Arg(32)->Arg(256);
BENCHMARK_CAPTURE(place_on_racks, pack, "pack")->Arg(1)->Arg(32)->Arg(256);
BENCHMARK_CAPTURE(place_on_racks, spread, "spread")->Arg(1)->Arg(32)->Arg(256);
BENCHMARK_CAPTURE(place_on_racks, topology, "topology")->Arg(1)->Arg(32)->Arg(256);
BENCHMARK_CAPTURE(place_on_racks, block, "block")->Arg(1)->Arg(32)->Arg(256);

}  // namespace
