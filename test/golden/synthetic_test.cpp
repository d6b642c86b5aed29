// A synthetic stream at a fixed seed and what every policy and placer makes of it. A difference here is a change of
// results: of the draws if the stream differs, else of the schedule.

#include "golden/replay.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"

#include <ampacity/workload/synthetic.hpp>

#include <vector>

using namespace ampacity;
using test::check_golden;

namespace {

constexpr std::uint32_t nodes = 4;

/// Like scenarios/quickstart.yaml, for 32 GPUs: bursts, many short jobs, few that are long and large, some too large,
/// two sizes elastic.
workload::synthetic_options options(std::uint64_t jobs) {
    return {.seed = 42,
            .entry = 0,
            .jobs = jobs,
            .rate_per_s = 4.0 / 3600,
            .cv = 3,
            .median = std::chrono::seconds{1356},
            .sigma = 2.15,
            .max = std::chrono::hours{24 * 5},
            .sizes = {{1, 68},
                      {2, 6},
                      {.gpus = 4, .weight = 8, .gpus_min = 1, .gpus_max = 12, .serial_fraction = 0.02},
                      {8, 13},
                      {12, 2},
                      {.gpus = 16, .weight = 3.5, .gpus_min = 4, .gpus_max = 32, .serial_fraction = 0.01},
                      {32, 1},
                      {33, 2}},
            .estimate = workload::synthetic_options::factor{1, 5}};
}

std::unique_ptr<workload::job_source> stream(std::uint64_t jobs = 200) {
    return std::make_unique<workload::synthetic_source>(options(jobs));
}

std::vector<std::string> names_of(std::span<const policy::description> table) {
    std::vector<std::string> names;
    for (const auto& d : table) names.emplace_back(d.name);
    return names;
}

/// All that decide themselves; power-aware without feeds is fifo.
std::vector<std::string> deciding_policies() {
    std::vector<std::string> names = names_of(policy::policies());
    std::erase_if(
        names, [](const std::string& name) { return name == "round" || name == "explain" || name == "power-aware"; });
    return names;
}

/// A pool, and nodes with each placer.
std::vector<std::string> pool_and_placers() {
    std::vector<std::string> names = names_of(policy::placers());
    names.insert(names.begin(), "");
    return names;
}

}  // namespace

TEST_CASE("the synthetic stream is the recorded one") {
    const auto source = stream(20'000);
    std::vector<workload::job_request> jobs(20'000);
    std::size_t count = 0;
    while (const std::size_t n = source->next(std::span{jobs}.subspan(count))) count += n;
    REQUIRE(count == jobs.size());
    std::string rows;
    std::string first = "job_id,submit_ns,gpus,duration_ns,estimate_ns\n";
    for (const auto& j : jobs) {
        rows += std::to_string(j.name) + ',' + std::to_string(ticks(j.submit)) + ',' + std::to_string(j.gpus) + ',' +
                std::to_string(ticks(j.work)) + ',' + std::to_string(ticks(j.estimate)) + '\n';
        if (j.name == 49) first += rows;
    }
    check_golden("synthetic_stream.txt", first + "all 20000 jobs: " + golden::digest(rows) + '\n');
}

TEST_CASE("every policy and placer makes the recorded schedule") {
    std::string text;
    for (const auto& policy : deciding_policies()) {
        for (const auto& placer : pool_and_placers()) {
            golden::placements seen;
            auto s = golden::run(stream(), {policy, placer, nodes}, &seen);
            text += policy + (placer.empty() ? " pool: " : ' ' + placer + ": ") + golden::figures(s) + " starts " +
                    golden::digest(seen.text) + '\n';
        }
    }
    check_golden("synthetic_schedules.txt", text);
}

TEST_CASE("each job finishes when it is recorded to") {
    std::vector<std::string> lines(61, "job_id");
    for (std::size_t i = 1; i != lines.size(); ++i) lines[i] = std::to_string(i - 1);
    for (const auto& policy : deciding_policies()) {
        lines[0] += ',' + policy;
        const auto s = golden::run(stream(), {policy, "pack", nodes});
        for (std::size_t i = 1; i != lines.size(); ++i) {
            const auto& r = s.records(0)[i - 1];
            lines[i] += ',' + (r.finish == sim::unset ? std::string{} : format_ns_as_seconds(ticks(r.finish)));
        }
    }
    std::string text;
    for (const auto& line : lines) text += line + '\n';
    check_golden("synthetic_finishes.csv", text);
}
