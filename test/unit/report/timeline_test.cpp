#include "lib/report/timeline.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::report;
using namespace std::chrono_literals;

namespace {

instant second(std::int64_t s) { return start_of_time + std::chrono::seconds{s}; }

void add_job(job_columns& to, std::int64_t submit, std::int64_t start, std::int64_t finish, std::uint32_t gpus,
             std::uint32_t runs = 1) {
    to.submit.push_back(second(submit));
    to.start.push_back(second(start));
    to.finish.push_back(second(finish));
    to.gpus.push_back(gpus);
    to.useful_gpu_s.push_back(0);
    to.state.push_back(sim::outcome::finished);
    to.runs.push_back(runs);
    to.names += std::to_string(to.ends.size());
    to.ends.push_back(to.names.size());
    if (runs != 1) to.ran_in_one_piece = false;
}

run_files run_of(std::int64_t length_s, double gpus) {
    run_files run;
    run.summary.simulated = std::chrono::seconds{length_s};
    run.summary.capacity_gpu_hours = gpus * static_cast<double>(length_s) / 3600;
    run.jobs.emplace();
    return run;
}

/// No GPU is held twice at any instant, and each job holds as many as it asks for from its start to its end.
void check_rectangles(const timeline& t, const job_columns& jobs) {
    std::map<std::size_t, std::int64_t> area;
    for (std::size_t i = 0; i != t.rectangles.size(); ++i) {
        const held& a = t.rectangles[i];
        area[a.job] += static_cast<std::int64_t>(a.gpus) * ticks(a.end - a.start);
        CHECK(a.first + a.gpus <= t.gpus);
        for (std::size_t k = i + 1; k != t.rectangles.size(); ++k) {
            const held& b = t.rectangles[k];
            const bool same_time = a.start < b.end && b.start < a.end;
            const bool same_gpus = a.first < b.first + b.gpus && b.first < a.first + a.gpus;
            if (same_time && same_gpus) FAIL("jobs " << a.job << " and " << b.job << " hold one GPU");
        }
    }
    for (std::size_t j = 0; j != jobs.size(); ++j) {
        if (jobs.start[j] == sim::unset) continue;
        CHECK(area[j] == std::int64_t{jobs.gpus[j]} * ticks(jobs.finish[j] - jobs.start[j]));
    }
}

/// The occupancy adds up to the GPU-time that jobs hold.
void check_occupancy(const timeline& t) {
    double held_ns = 0;
    for (const held& h : t.rectangles)
        held_ns += static_cast<double>(h.gpus) * static_cast<double>(ticks(h.end - h.start));
    double cells = 0;
    for (std::size_t b = 0; b != t.bands.size(); ++b) {
        for (std::size_t c = 0; c != t.columns; ++c)
            cells += t.occupancy[b * t.columns + c] / 250.0 * static_cast<double>(t.bands[b].gpus);
    }
    const double whole = static_cast<double>(t.gpus) * static_cast<double>(ticks(t.length));
    CHECK(cells / static_cast<double>(t.columns) / static_cast<double>(t.gpus) ==
          Approx(held_ns / whole).margin(0.003));
}

}  // namespace

TEST_CASE("jobs on a pool take the lowest free GPUs", "[report]") {
    run_files run = run_of(100, 8);
    add_job(*run.jobs, 0, 0, 100, 2);
    add_job(*run.jobs, 0, 0, 50, 2);
    add_job(*run.jobs, 0, 10, 100, 2);
    add_job(*run.jobs, 0, 50, 100, 4);  // in two pieces, around the job above
    const timeline t = timeline_of(run);
    REQUIRE(t.rectangles.size() == 5);
    CHECK(t.rectangles[2].first == 4);
    CHECK(t.rectangles[3].first == 2);
    CHECK(t.rectangles[4].first == 6);
    CHECK(t.unit == "GPUs");
    check_rectangles(t, *run.jobs);
    check_occupancy(t);
}

TEST_CASE("timelines of random schedules hold each GPU once", "[report]") {
    std::mt19937 draw{11};
    for (int round = 0; round != 60; ++round) {
        CAPTURE(round);
        const bool has_nodes = round % 2 == 0;
        const auto size = static_cast<std::uint32_t>(1 + draw() % 9);
        const auto nodes = static_cast<std::uint32_t>(1 + draw() % 12);
        run_files run = run_of(1000, static_cast<double>(size * nodes));
        if (has_nodes) {
            run.fleet.node_gpus.assign(nodes, size);
            run.placement.emplace();
        }
        // A naive schedule: at each second jobs end, then new ones take what is free.
        std::vector<std::uint32_t> free(nodes, size);
        std::vector<std::pair<std::int64_t, std::vector<std::uint32_t>>> running;
        for (std::int64_t now = 0; now < 1000; now += 1 + static_cast<std::int64_t>(draw() % 5)) {
            std::erase_if(running, [&](const auto& r) {
                if (r.first > now) return false;
                for (std::uint32_t n = 0; n != nodes; ++n) free[n] += r.second[n];
                return true;
            });
            std::vector<std::uint32_t> taken(nodes);
            std::uint32_t sum = 0;
            for (std::uint32_t n = 0; n != nodes; ++n) {
                if (draw() % 3 != 0 || free[n] == 0) continue;
                taken[n] = static_cast<std::uint32_t>(1 + draw() % free[n]);
                free[n] -= taken[n];
                sum += taken[n];
            }
            if (sum == 0) continue;
            const std::int64_t end = std::min<std::int64_t>(1000, now + 1 + static_cast<std::int64_t>(draw() % 80));
            add_job(*run.jobs, now, now, end, sum);
            if (has_nodes) {
                run.placement->job.push_back(run.jobs->size() - 1);
                run.placement->start.push_back(second(now));
                for (std::uint32_t n = 0; n != nodes; ++n)
                    if (taken[n] != 0) run.placement->parts.push_back({n, taken[n]});
                run.placement->ends.push_back(run.placement->parts.size());
            }
            running.emplace_back(end, std::move(taken));
        }
        const timeline t = timeline_of(run);
        check_rectangles(t, *run.jobs);
        check_occupancy(t);
        if (!has_nodes) continue;
        for (const held& h : t.rectangles) {  // true to nodes
            std::size_t at = 0;
            while (run.placement->job[at] != h.job) ++at;
            const auto first = static_cast<std::ptrdiff_t>(at == 0 ? 0 : run.placement->ends[at - 1]);
            const auto last = static_cast<std::ptrdiff_t>(run.placement->ends[at]);
            for (std::uint64_t g = h.first; g != h.first + h.gpus; ++g) {
                CHECK(std::any_of(run.placement->parts.begin() + first, run.placement->parts.begin() + last,
                                  [&](const auto& p) { return p.node == g / size; }));
            }
        }
    }
}

TEST_CASE("a preempted run is drawn until its GPUs are taken", "[report]") {
    run_files run = run_of(100, 4);
    run.fleet.node_gpus = {4};
    add_job(*run.jobs, 0, 0, 100, 4, 2);
    add_job(*run.jobs, 30, 30, 60, 4);
    run.placement = placement_columns{.job = {0, 1, 0},
                                      .start = {second(0), second(30), second(60)},
                                      .ends = {1, 2, 3},
                                      .parts = {{0, 4}, {0, 4}, {0, 4}}};
    const timeline t = timeline_of(run);
    REQUIRE(t.rectangles.size() == 3);
    CHECK(t.rectangles[0].end == second(30));
    CHECK(t.rectangles[1].end == second(60));
    CHECK(t.rectangles[2].end == second(100));
    CHECK(t.source.find("cut short") != std::string::npos);
    run.placement.reset();
    CHECK(timeline_of(run).rectangles.empty());
    CHECK(timeline_of(run).source.find("set output.placement to true") != std::string::npos);
}

TEST_CASE("bands follow racks and are few", "[report]") {
    run_files run = run_of(100, 3000 * 4);
    run.fleet.node_gpus.assign(3000, 4);
    for (std::uint32_t r = 0; r != 1000; ++r) run.fleet.rack_begin.push_back(3 * r);
    run.fleet.rack_site.assign(1000, "");
    add_job(*run.jobs, 0, 0, 100, 4);
    run.placement = placement_columns{.job = {0}, .start = {second(0)}, .ends = {1}, .parts = {{2999, 4}}};
    const timeline t = timeline_of(run);
    CHECK(t.bands.size() == 250);
    CHECK(t.bands.back().name == "racks 996\u2013999");
    CHECK(t.bands.back().first + t.bands.back().gpus == 12'000);
    CHECK(t.rectangles[0].first == 11'996);
    CHECK(t.occupancy.back() == 21);  // 4 of 48 GPUs, of 250
}
