// Ten weeks of the Philly trace on 512 GPUs. The trace is not in the repository: without AMPACITY_DATA this is skipped.

#include "golden/replay.hpp"
#include "support/catch.hpp"
#include "support/data.hpp"
#include "support/golden.hpp"

#include <ampacity/io/job_traces.hpp>

#include <cmath>

using namespace ampacity;

TEST_CASE("the Philly trace is replayed as recorded") {
    const auto file = test::real_data("jobs/philly_to_2017-11-12.csv.gz");
    if (!file) return;
    const auto open = [&] { return io::open_job_trace({.path = *file, .format = "philly-csv"}); };
    std::string text;
    for (const std::string policy : {"fifo", "fifo-skip", "sjf", "srtf", "easy"}) {
        INFO(policy);
        auto s = golden::run(open(), {policy, "", 64});
        const auto& result = s.results();
        text += policy + ": " + golden::figures(s) + '\n';

        // What no policy changes: all 62,194 jobs run to their end, for 760,933.9 GPU-hours; the books balance.
        CHECK(result.submitted == 62'194);
        CHECK(result.finished == 62'194);
        CHECK(std::abs(to_gpu_hours(result.books[account::useful]) - 760'933.9) < 0.05);
        CHECK(result.books.booked() == result.books.capacity);
        CHECK(result.books.capacity == gpu_time{512} * ticks(result.simulated));
        if (policy != "fifo") continue;
        // As in README.md.
        CHECK(std::abs(result.jct_s->mean - 537'975.7) < 0.05);
        CHECK(std::abs(result.jct_s->p99 - 950'394) < 0.5);
        CHECK(std::abs(result.wait_s->mean - 524'417.8) < 0.05);
        CHECK(std::abs(result.wait_s->p99 - 873'394) < 0.5);
        CHECK(std::abs(result.bounded_slowdown->mean - 2'805.32) < 0.005);
        CHECK(std::abs(*result.utilisation - 0.7109) < 0.00005);
    }
    test::check_golden("philly_pool_512.txt", text);
}
