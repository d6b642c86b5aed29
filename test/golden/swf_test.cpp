// Logs of two machines, Theta and Curie, under backfilling. They are not in the repository: without AMPACITY_DATA these
// are skipped.

#include "golden/replay.hpp"
#include "support/catch.hpp"
#include "support/data.hpp"
#include "support/golden.hpp"
#include "support/naive_replay.hpp"

#include <ampacity/io/input_stream.hpp>
#include <ampacity/io/job_traces.hpp>

#include <array>
#include <cmath>
#include <filesystem>
#include <memory>
#include <sstream>
#include <vector>

using namespace ampacity;

namespace {

constexpr std::uint32_t theta_gpus = 4'360;
constexpr std::uint32_t curie_gpus = 93'312;

/// The first jobs of a log.
std::unique_ptr<workload::job_source> first_jobs(const std::filesystem::path& file, std::size_t most) {
    const auto source = io::open_job_trace({.path = file, .format = "swf"});
    std::vector<workload::job_request> jobs(most);
    jobs.resize(source->next(jobs));
    return std::make_unique<workload::vector_source>(std::move(jobs));
}

/// The same read by streams of the standard library, by the rules of the format alone.
std::vector<naive::job> first_records(const std::filesystem::path& file, std::size_t most) {
    io::input_stream in{file};
    std::string text;
    std::array<char, 65536> block{};
    while (const std::size_t n = in.read(block)) text.append(block.data(), n);
    std::istringstream lines{text};
    std::vector<naive::job> jobs;
    for (std::string line; jobs.size() < most && std::getline(lines, line);) {
        if (line.starts_with(';')) continue;
        std::istringstream fields{line};
        std::array<std::int64_t, 18> f{};
        for (auto& value : f) fields >> value;
        REQUIRE(fields);
        const std::int64_t gpus = f[4] > 0 ? f[4] : f[7];
        if (gpus <= 0 || f[3] < 0) continue;
        naive::job job{.submit_ns = f[1] * 1'000'000'000,
                       .duration_ns = f[3] * 1'000'000'000,
                       .gpus = static_cast<std::uint64_t>(gpus)};
        if (f[8] > 0) job.estimate_ns = f[8] * 1'000'000'000;
        jobs.push_back(job);
    }
    const std::int64_t first = jobs.at(0).submit_ns;  // these logs are sorted
    for (naive::job& job : jobs) job.submit_ns -= first;
    return jobs;
}

}  // namespace

TEST_CASE("the Theta log is replayed as recorded") {
    const auto file = test::real_data("jobs/theta_2022.swf.gz");
    if (!file) return;
    std::string text;
    for (const auto& [policy, wait_s] : {std::pair{"easy", 44'663.78}, {"conservative", 57'196.83}}) {
        INFO(policy);
        auto s = golden::run(io::open_job_trace({.path = *file, .format = "swf"}), {policy, "", theta_gpus / 8});
        const auto& result = s.results();
        text += std::string{policy} + ": " + golden::figures(s) + '\n';
        CHECK(result.finished == 23'911);
        CHECK(std::abs(to_gpu_hours(result.books[account::useful]) - 28'894'790.5) < 0.05);
        CHECK(result.books.booked() == result.books.capacity);
        CHECK(std::abs(result.wait_s->mean - wait_s) < 0.005);  // as in docs/replays.md
    }
    test::check_golden("theta_pool_4360.txt", text);
}

TEST_CASE("the first jobs of the Curie log are replayed as recorded") {
    const auto file = test::real_data("jobs/CEA-Curie-2011-2.1-cln_first26w.swf.gz");
    if (!file) return;
    std::string text;
    for (const std::string policy : {"easy", "conservative"}) {
        INFO(policy);
        auto s = golden::run(first_jobs(*file, 30'000), {policy, "", curie_gpus / 8});
        text += policy + ": " + golden::figures(s) + '\n';
        CHECK(s.results().finished == 30'000);
    }
    test::check_golden("curie_pool_93312_first_30000.txt", text);
}

TEST_CASE("the first jobs of the logs start when a naive replay starts them") {
    struct log {
        const char* file;
        std::uint32_t gpus;
    };
    // Fewer processors than the machines have, so that jobs wait; of Theta's jobs some are then too large.
    for (const log& l : {log{"theta_2022.swf.gz", 2'048}, log{"CEA-Curie-2011-2.1-cln_first26w.swf.gz", 4'096}}) {
        const auto file = test::real_data(std::string{"jobs/"} + l.file);
        if (!file) return;
        const auto records = first_records(*file, 400);
        for (const std::string policy : {"easy", "conservative"}) {
            CAPTURE(l.file, policy);
            const auto expected = naive::replay(records, {.pool_gpus = l.gpus}, {.policy = policy});
            auto s = golden::run(first_jobs(*file, 400), {policy, "", l.gpus / 8});
            const auto actual = s.records(0);
            REQUIRE(actual.size() == expected.size());
            std::size_t waited = 0;
            for (std::size_t i = 0; i < actual.size(); ++i) {
                CAPTURE(i);
                REQUIRE((actual[i].state == sim::outcome::rejected) == (expected[i].st == naive::state::rejected));
                if (actual[i].state == sim::outcome::rejected) continue;
                REQUIRE(ticks(actual[i].first_start) == expected[i].first_start_ns);
                REQUIRE(ticks(actual[i].finish) == expected[i].finish_ns);
                if (actual[i].first_start > actual[i].submit) ++waited;
            }
            CHECK(waited > 50);
        }
    }
}
