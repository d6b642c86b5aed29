#include "support/catch.hpp"
#include "support/data.hpp"
#include "support/files.hpp"
#include "support/gzip.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/trace_statistics.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

using namespace ampacity;
using namespace ampacity::io;

namespace {

struct files {
    test::temporary_directory directory;
    [[nodiscard]] job_trace_options operator()(std::string_view text, std::string format) const {
        const auto file = directory.path() / "t";
        test::write_file(file, text);
        return {.path = file, .format = std::move(format)};
    }
};

double of_rank(std::vector<double>& sorted, double percent) {
    return sorted.at(static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(sorted.size()))) - 1);
}

const job_share& ended(const trace_statistics& s, ending e) { return s.ended[static_cast<std::size_t>(e)]; }

}  // namespace

TEST_CASE("statistics of a trace worked out by hand", "[trace_statistics]") {
    const files make;
    const auto s =
        read_statistics(make("; MaxProcs: 100\n"
                             "1 1000 10 100 8 -1 -1 8 200 -1 1 7 2 -1 1 -1 -1 -1\n"   // to 1110
                             "2 1060 0 3600 2 -1 -1 8 7200 -1 0 7 2 -1 1 -1 -1 -1\n"  // to 4660
                             "3 1050 -1 50 2 -1 -1 8 -1 -1 5 8 3 -1 1 -1 -1 -1\n"     // to 1100
                             "4 1100 0 0 8 -1 -1 8 60 -1 1 9 -1 -1 1 -1 -1 -1\n"      // to 1100
                             "5 1100 20 -1 8 -1 -1 8 60 -1 1 9 -1 -1 1 -1 -1 -1\n",
                             "swf"));
    CHECK(s.format == "swf");
    CHECK(s.all.jobs == 4);
    CHECK(s.all.time == gpu_time{800 + 7200 + 100} * 1'000'000'000);
    REQUIRE(s.skipped.size() == 1);
    CHECK(s.skipped[0].reason == "no_run_time");
    CHECK(s.span == std::chrono::seconds{100});
    CHECK(s.header.max_procs == 100U);

    REQUIRE(s.duration_s);
    CHECK(s.duration_s->count == 4);
    CHECK(s.duration_s->mean == 937.5);
    CHECK(s.duration_s->p50 == 50);
    CHECK(s.duration_s->p90 == 3600);
    CHECK(s.duration_s->max == 3600);
    REQUIRE(s.interarrival_s);  // 50, 10, 40 in order of submission
    CHECK(s.interarrival_s->count == 3);
    CHECK(s.interarrival_s->mean == Approx(100.0 / 3).epsilon(1e-12));
    CHECK(s.interarrival_s->p50 == 40);
    CHECK(s.interarrival_s->max == 50);
    REQUIRE(s.gpus);
    CHECK(s.gpus->mean == 5);
    REQUIRE(s.estimate_factor);  // not the job of no duration
    CHECK(s.estimate_factor->count == 2);
    CHECK(s.estimate_factor->mean == 2);
    REQUIRE(s.wait_s);
    CHECK(s.wait_s->count == 3);
    CHECK(s.wait_s->mean == Approx(10.0 / 3).epsilon(1e-12));
    CHECK(s.wait_s->max == 10);

    REQUIRE(s.sizes.size() == 2);
    CHECK(s.sizes[0].gpus == 2);
    CHECK(s.sizes[0].share.jobs == 2);
    CHECK(s.sizes[0].share.time == gpu_time{7300} * 1'000'000'000);
    CHECK(s.sizes[1].gpus == 8);
    CHECK(s.users.count == 3);
    CHECK(s.users.largest == "7");
    CHECK(s.users.largest_share.jobs == 2);
    CHECK(s.groups.count == 2);
    CHECK(s.groups.largest == "2");

    CHECK(s.records_endings);
    CHECK(ended(s, ending::finished).jobs == 2);
    CHECK(ended(s, ending::failed).jobs == 1);
    CHECK(ended(s, ending::cancelled).jobs == 1);
    // The last submit is at 1100: what ends then has ended, jobs 1 and 2 have not.
    CHECK(s.open_at_last_submit.jobs == 2);
    CHECK(s.open_at_last_submit.time == gpu_time{8000} * 1'000'000'000);

    CHECK(offered_load(s, 100) == Approx(8100.0 / (100 * 100)).epsilon(1e-12));
}

TEST_CASE("statistics of traces without jobs, and of one job", "[trace_statistics]") {
    const files make;
    const std::string head = "job_id,submit_s,gpus,duration_s\n";
    const auto none = read_statistics(make(head, "jobs-csv"));
    CHECK(none.all.jobs == 0);
    CHECK_FALSE(none.span);
    CHECK_FALSE(none.duration_s);
    CHECK_FALSE(offered_load(none, 8));
    CHECK(none.sizes.empty());
    CHECK(none.users.count == 0);
    const auto one = read_statistics(make(head + "a,5,0,7\n", "jobs-csv"));
    CHECK(one.all.jobs == 1);
    CHECK(one.span == duration::zero());
    CHECK(one.duration_s->p50 == 7);
    CHECK_FALSE(one.interarrival_s);
    CHECK_FALSE(offered_load(one, 8));
    CHECK(one.open_at_last_submit.jobs == 1);
    CHECK_THROWS_AS(read_statistics(make(head + "a,5,0,x\n", "jobs-csv")), data_error);
    CHECK_THROWS_AS(read_statistics(make(head, "csv")), scenario_error);
}

TEST_CASE("percentiles of more jobs than are kept are exact", "[trace_statistics]") {
    std::mt19937_64 random{5};
    std::string text = "job_id,submit_s,gpus,duration_s,estimate_s,status\n";
    std::vector<double> durations;
    std::vector<double> gaps;
    std::vector<double> factors;
    std::int64_t submit = 0;
    std::uint64_t open = 0;
    std::vector<std::int64_t> ends;
    for (int i = 0; i < 150'000; ++i) {
        const auto gap = static_cast<std::int64_t>(random() % 40);
        if (i != 0) gaps.push_back(static_cast<double>(gap));
        submit += gap;
        const auto work = static_cast<std::int64_t>(1 + random() % (std::uint64_t{1} << random() % 30));
        const auto estimate = work + static_cast<std::int64_t>(random() % 10'000);
        durations.push_back(static_cast<double>(work));
        factors.push_back(static_cast<double>(estimate) / static_cast<double>(work));
        ends.push_back(submit + work);
        text += std::to_string(i) + ',' + std::to_string(submit) + ",1," + std::to_string(work) + ',' +
                std::to_string(estimate) + ",running\n";
    }
    for (const auto end : ends) open += end > submit ? 1 : 0;
    const files make;
    const auto s = read_statistics(make(test::gzip(text), "jobs-csv"));
    for (auto* values : {&durations, &gaps, &factors}) std::sort(values->begin(), values->end());
    const auto check = [](const value_statistics& v, std::vector<double>& sorted) {
        CHECK(v.count == sorted.size());
        CHECK(v.p50 == of_rank(sorted, 50));
        CHECK(v.p90 == of_rank(sorted, 90));
        CHECK(v.p95 == of_rank(sorted, 95));
        CHECK(v.p99 == of_rank(sorted, 99));
        CHECK(v.max == sorted.back());
        double sum = 0;
        for (const double x : sorted) sum += x;
        CHECK(v.mean == Approx(sum / static_cast<double>(sorted.size())).epsilon(1e-9));
    };
    check(*s.duration_s, durations);
    check(*s.interarrival_s, gaps);
    check(*s.estimate_factor, factors);
    CHECK(s.open_at_last_submit.jobs == open);
    CHECK(ended(s, ending::running).jobs == 150'000);

    // A pipe cannot be read twice, and need not be where there are fewer.
    const auto pipe = make.directory.path() / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const auto feed = [&](const std::string& bytes) {
        test::write_file(make.directory.path() / "bytes", bytes);
        const std::string command =
            "cat '" + (make.directory.path() / "bytes").string() + "' > '" + pipe.string() + "' &";
        REQUIRE(std::system(command.c_str()) == 0);
    };
    feed(text);
    CHECK_THROWS_WITH(read_statistics({.path = pipe}),
                      pipe.string() +
                          ":1:1: error: is no file that can be read twice, which so many jobs need; put "
                          "the trace in a file");
    feed(text.substr(0, text.rfind("\n50000,") + 1));
    CHECK(read_statistics({.path = pipe}).all.jobs == 50'000);
}

TEST_CASE("statistics of the public traces are those of their collection", "[trace_statistics]") {
    struct expectation {
        const char* file;
        const char* format;
        std::uint64_t jobs;
        double span_days;
        double gpu_hours;
        double duration_mean_s;
        double duration_p50_s;
        double interarrival_mean_s;
        double gpus_mean;
    };
    for (const expectation& e :
         {expectation{"philly_to_2017-11-12.csv.gz", "philly-csv", 62'194, 69.56, 760'933.9, 13'557.94, 1359, 96.63,
                      1.249},
          expectation{"theta_2022.swf.gz", "swf", 23'911, 363.71, 28'894'790.5, 8'132.88, 3562, 1'314.29, 311.188},
          expectation{"UniLu-Gaia-2014-1.swf.gz", "swf", 51'860, 89.05, 1'938'352.9, 14'356.6, 689, 148.37, 9.965},
          expectation{"CEA-Curie-2011-2.1-cln_first26w.swf.gz", "swf", 178'171, 181.97, 240'207'475.8, 6'826.3, 112,
                      88.25, 1'021.275}}) {
        const auto file = test::real_data(std::string{"jobs/"} + e.file);
        if (!file) return;
        CAPTURE(e.file);
        const auto s = read_statistics({.path = *file, .format = e.format});
        CHECK(s.all.jobs == e.jobs);
        CHECK(std::abs(to_seconds(*s.span) / 86400 - e.span_days) < 0.005);
        CHECK(std::abs(to_gpu_hours(s.all.time) - e.gpu_hours) < 0.05);
        CHECK(std::abs(s.duration_s->mean - e.duration_mean_s) < 0.05);
        CHECK(s.duration_s->p50 == e.duration_p50_s);
        CHECK(std::abs(s.interarrival_s->mean - e.interarrival_mean_s) < 0.005);
        CHECK(std::abs(s.gpus->mean - e.gpus_mean) < 0.0005);
    }
}
