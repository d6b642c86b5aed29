#include "support/catch.hpp"
#include "support/files.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/io/trace_cache.hpp>
#include <ampacity/workload/links.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

using namespace ampacity;

namespace {

/// Everything that a run can see of a source, read in batches of this size.
std::string seen(workload::job_source& source, std::size_t batch_size) {
    std::string out;
    std::vector<workload::job_request> batch(batch_size);
    while (const std::size_t n = source.next(batch)) {
        for (std::size_t i = 0; i != n; ++i) {
            const auto& j = batch[i];
            out += std::to_string(j.row) + ' ' + std::to_string(j.source) + ' ' + std::to_string(ticks(j.submit)) +
                   ' ' + std::to_string(ticks(j.work)) + ' ' + std::to_string(ticks(j.estimate)) + ' ' +
                   std::to_string(j.gpus) + ' ' + std::to_string(j.priority) + ' ';
            out += j.name_is_text ? std::string{source.text(j.name)} : std::to_string(j.name);
            out += ' ';
            out += source.text(j.user);
            if (j.links != nullptr) {
                for (const auto& d : j.links->after) out += " after " + std::to_string(d.row);
            }
            out += '\n';
        }
    }
    for (const auto until : {start_of_time + std::chrono::seconds{500}, never}) {
        for (const auto& [reason, count] : source.skipped(until))
            out += std::string{reason} + ' ' + std::to_string(count) + '\n';
    }
    return out;
}

std::string random_csv(std::uint64_t entity) {
    random_stream s{31, purpose::test, entity};
    std::string out = "job_id,submit_s,gpus,duration_s,estimate_s,user,priority,after\n";
    std::uint64_t submit = 4000;
    const std::uint64_t rows = s.below(300);
    for (std::uint64_t i = 0; i != rows; ++i) {
        submit = submit + s.below(100) - s.below(40);
        out += (i % 3 == 0 ? "j" : "") + std::to_string(i) + ',' + std::to_string(submit) + ',' +
               std::to_string(s.below(9)) + ',' + std::to_string(s.below(5000)) + ',' +
               (i % 4 == 0 ? std::string{} : std::to_string(s.below(9000))) + ",u" + std::to_string(s.below(5)) + ',' +
               std::to_string(s.below(3)) + ',';
        if (i % 5 == 4) out += (i % 3 == 1 ? "j" : "") + std::to_string(i - 1);
        out += '\n';
    }
    return out;
}

}  // namespace

TEST_CASE("trace cache: shared sources show what the files do") {
    const test::temporary_directory folder;
    for (std::uint64_t e = 0; e != 30; ++e) {
        const auto file = folder.path() / (std::to_string(e) + ".csv");
        test::write_file(file, random_csv(e));
        io::trace_cache cache;
        const io::job_trace_options options{.path = file, .source = 3};
        const std::string expected = seen(*io::open_job_trace(options), 256);
        // Two sources of one trace that are read in turns.
        const auto a = cache.open(options), b = cache.open(options);
        std::array<workload::job_request, 1> one;
        b->next(one);
        CHECK(seen(*a, 7) == expected);
        CHECK(seen(*cache.open(options), 1000) == expected);
        CHECK(cache.parsed() == 1);
        CHECK(a->finish_digest() == io::open_job_trace(options)->finish_digest());
        CHECK(a->path() == file.string());
        // The entry of the workload is no part of the trace, the tolerance of its order is.
        static_cast<void>(cache.open({.path = file, .source = 4}));
        CHECK(cache.parsed() == 1);
        static_cast<void>(cache.open({.path = file, .reorder = std::chrono::hours{2}}));
        CHECK(cache.parsed() == 2);
    }
}

TEST_CASE("trace cache: records that are no jobs are counted up to an instant as by the file") {
    const test::temporary_directory folder;
    const auto file = folder.path() / "t.swf";
    std::string text = "; MaxProcs: 8\n";
    for (int i = 1; i != 60; ++i)
        text += std::to_string(i) + ' ' + std::to_string(20 * i) + " 0 " + (i % 4 == 0 ? "-1" : "30") + ' ' +
                (i % 7 == 0 ? "0" : "2") + " -1 -1 2 60 -1 1 1 1 1 1 -1 -1 -1\n";
    test::write_file(file, text);
    io::trace_cache cache;
    const io::job_trace_options options{.path = file, .format = "swf"};
    const auto expected = seen(*io::open_job_trace(options), 16);
    REQUIRE(expected.find("no_run_time") != std::string::npos);
    CHECK(seen(*cache.open(options), 16) == expected);
    CHECK(cache.open(options)->header().max_procs == 8U);
}

TEST_CASE("trace cache: what does not fit or has a fault is read anew each time") {
    const test::temporary_directory folder;
    const auto good = folder.path() / "good.csv", bad = folder.path() / "bad.csv";
    test::write_file(good, "job_id,submit_s,gpus,duration_s\n1,0,1,1\n2,5,1,1\n");
    test::write_file(bad, "job_id,submit_s,gpus,duration_s\n1,0,1,1\n2,x,1,1\n");
    io::trace_cache small(sizeof(workload::job_request));
    CHECK(seen(*small.open({.path = good}), 9) == seen(*io::open_job_trace({.path = good}), 9));
    CHECK(small.parsed() == 0);
    CHECK(small.bytes() == 0);
    io::trace_cache cache;
    for (int i = 0; i != 2; ++i) {
        const auto source = cache.open({.path = bad});
        std::array<workload::job_request, 8> jobs;
        CHECK_THROWS_AS(source->next(jobs), data_error);
        CHECK_THROWS_AS(cache.open({.path = folder.path() / "none.csv"}), data_error);
    }
    CHECK(cache.parsed() == 0);
}

TEST_CASE("trace cache: many threads parse a trace once") {
    const test::temporary_directory folder;
    const auto file = folder.path() / "t.csv";
    test::write_file(file, random_csv(1));
    const std::string expected = seen(*io::open_job_trace({.path = file}), 64);
    io::trace_cache cache;
    std::vector<std::string> got(8);
    {
        std::vector<std::jthread> threads;
        for (auto& text : got) threads.emplace_back([&] { text = seen(*cache.open({.path = file}), 64); });
    }
    for (const auto& text : got) CHECK(text == expected);
    CHECK(cache.parsed() == 1);
}
