// What ties jobs to each other in jobs-csv and swf.
#include "support/byte_offset.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/convert_trace.hpp>
#include <ampacity/io/job_traces.hpp>
#include <ampacity/workload/links.hpp>

#include <memory>
#include <string>
#include <vector>

using namespace ampacity;
using namespace ampacity::io;
using workload::dependency;
using workload::dependency_kind;

namespace {

/// A trace read to its end; the links lie in the source.
struct trace {
    std::unique_ptr<trace_source> source;
    std::vector<workload::job_request> jobs;

    [[nodiscard]] std::vector<dependency> after(std::size_t row) const {
        if (jobs.at(row).links == nullptr) return {};
        return {jobs[row].links->after.begin(), jobs[row].links->after.end()};
    }
};

struct files {
    test::temporary_directory directory;

    [[nodiscard]] job_trace_options operator()(std::string_view text, const std::string& format) const {
        const auto file = directory.path() / "t.csv";
        test::write_file(file, text);
        return {.path = file, .format = format, .dependencies = format == "swf"};
    }
};

trace read(const job_trace_options& options) {
    trace got{.source = open_job_trace(options), .jobs = {}};
    std::vector<workload::job_request> batch(3);
    while (const std::size_t n = got.source->next(batch))
        got.jobs.insert(got.jobs.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(n));
    return got;
}

std::string csv(const std::string& columns, const std::vector<std::string>& rows) {
    std::string text = "job_id,submit_s,gpus,duration_s," + columns + '\n';
    for (const auto& row : rows) text += row + '\n';
    return text;
}

/// The fault of the last row.
std::string fault_of(const std::string& columns, const std::vector<std::string>& rows) {
    const files make;
    const auto options = make(csv(columns, rows), "jobs-csv");
    try {
        read(options);
        return "read";
    } catch (const data_error& e) {
        return test::without_byte(std::string{e.what()}.substr(options.path.parent_path().string().size() + 1),
                                  test::read_file(options.path));
    }
}

dependency ok(std::uint64_t row) { return {row, dependency_kind::after_ok}; }
dependency any(std::uint64_t row) { return {row, dependency_kind::after_any}; }

}  // namespace

TEST_CASE("jobs-csv names jobs to wait for by id, of both kinds and in any number", "[job_traces]") {
    const files make;
    const trace got =
        read(make(csv("after,after_any,think_s", {"7,0,1,1,,,", "x y,0,1,1,7,,1.5", "007,0,1,1,,7,0",
                                                  "\"a,b\",0,1,1,\"x y; 007\",7,", "last,5,1,1,\"a,b\",,"}),
                  "jobs-csv"));
    CHECK(got.source->records_links());
    REQUIRE(got.jobs.size() == 5);
    CHECK(got.jobs[0].links == nullptr);
    CHECK(got.after(1) == std::vector{ok(0)});
    CHECK(got.jobs[1].links->think == std::chrono::milliseconds{1500});
    CHECK(got.after(2) == std::vector{any(0)});
    CHECK(got.jobs[2].links->think == duration{});
    CHECK(got.after(3) == std::vector{ok(1), ok(2), any(0)});
    CHECK(got.after(4) == std::vector{ok(3)});
    CHECK(got.jobs[4].links->array == 0);
}

TEST_CASE("rows that are sorted keep the rows that they wait for", "[job_traces]") {
    const files make;
    const trace got = read(make(csv("after", {"a,60,1,1,", "b,0,1,1,a", "c,30,1,1,b"}), "jobs-csv"));
    REQUIRE(got.jobs.size() == 3);
    CHECK(got.jobs[0].row == 1);
    CHECK(got.after(0) == std::vector{ok(0)});
    CHECK(got.jobs[1].row == 2);
    CHECK(got.after(1) == std::vector{ok(1)});
}

TEST_CASE("jobs-csv groups tasks of arrays, which can be waited for as a whole", "[job_traces]") {
    const files make;
    const trace got = read(make(csv("array,array_limit,after", {"0,0,1,1,A,2,", "1,0,1,1,A,,", "2,0,1,1,B,,0",
                                                                "3,0,1,1,A,2,", "4,0,1,1,,,A;2", "5,0,1,1,A,2,A"}),
                                "jobs-csv"));
    REQUIRE(got.jobs.size() == 6);
    for (const std::size_t row : {0U, 1U, 3U, 5U}) {
        CHECK(got.jobs[row].links->array == 1);
        CHECK(got.jobs[row].links->array_limit == 2);
    }
    CHECK(got.jobs[2].links->array == 2);
    CHECK(got.jobs[2].links->array_limit == 0);
    CHECK(got.after(2) == std::vector{ok(0)});
    CHECK(got.after(4) == std::vector{ok(0), ok(1), ok(3), ok(2)});
    CHECK(got.after(5) == std::vector{ok(0), ok(1), ok(3)});
}

TEST_CASE("ties that cannot be are refused at their field", "[job_traces]") {
    const std::string above = "; name jobs of rows above this one, or move the row down";
    CHECK(fault_of("after", {"a,0,1,1,", "b,0,1,1,c", "c,0,1,1,"}) ==
          "t.csv:3:9: error: after: no row above has the job_id or array c (c)" + above);
    CHECK(fault_of("after", {"a,0,1,1,a"}) ==
          "t.csv:2:9: error: after: no row above has the job_id or array a (a)" + above);
    CHECK(fault_of("after_any", {"a,0,1,1,", "b,0,1,1,a;;a"}) ==
          "t.csv:3:9: error: after_any: an id is missing between the semicolons (a;;a)" + above);
    CHECK(fault_of("after", {"a,0,1,1,", "a,0,1,1,", "c,0,1,1,a"}) ==
          "t.csv:4:9: error: after: more than one row above has the job_id a (a)" + above);
    CHECK(fault_of("after,array", {"A,0,1,1,,A", "c,0,1,1,A,"}) ==
          "t.csv:3:9: error: after: A is a job and an array (A)" + above);
    CHECK(fault_of("after,think_s", {"a,0,1,1,,3"}) ==
          "t.csv:2:10: error: think_s: the job waits for no other (3); name one in `after` or `after_any`, or give 0");
    CHECK(fault_of("after,think_s", {"a,0,1,1,,", "b,0,1,1,a,-3"}) ==
          "t.csv:3:11: error: think_s: negative (-3); give seconds from 0 to 200 years");
    CHECK(fault_of("array,array_limit", {"a,0,1,1,,3"}) ==
          "t.csv:2:10: error: array_limit: the job is of no array (3); name it in `array`, or leave this empty");
    CHECK(fault_of("array,array_limit", {"a,0,1,1,A,0"}) ==
          "t.csv:2:11: error: array_limit: no number of tasks (0); give a whole number from 1 up, or nothing");
    CHECK(fault_of("array,array_limit", {"a,0,1,1,A,2", "b,0,1,1,A,3"}) ==
          "t.csv:3:11: error: array_limit: not that of the array's first row (3); give all rows of an array one limit");
}

TEST_CASE("swf has preceding jobs and think times where they are asked for", "[job_traces]") {
    const std::string text =
        "1 0 -1 10 1 -1 -1 -1 -1 -1 1 -1 -1 -1 -1 -1 -1 -1\n"
        "2 0 -1 10 0 -1 -1 0 -1 -1 1 -1 -1 -1 -1 -1 -1 -1\n"  // no GPUs: skipped
        "3 5 -1 10 1 -1 -1 -1 -1 -1 1 -1 -1 -1 -1 -1 1 30\n"
        "4 5 -1 10 1 -1 -1 -1 -1 -1 1 -1 -1 -1 -1 -1 2 30\n"
        "5 5 -1 10 1 -1 -1 -1 -1 -1 1 -1 -1 -1 -1 -1 3 -1\n";
    const files make;
    auto options = make(text, "swf");
    const trace got = read(options);
    REQUIRE(got.jobs.size() == 4);
    CHECK(got.after(1) == std::vector{any(0)});
    CHECK(got.jobs[1].links->think == std::chrono::seconds{30});
    CHECK(got.jobs[2].links == nullptr);
    CHECK(got.after(3) == std::vector{any(1)});
    CHECK(got.jobs[3].links->think == duration{});

    // Converted, they mean the same.
    std::string converted;
    convert_to_jobs_csv(options, [&](std::string_view part) { converted += part; });
    const files again;
    const trace twice = read(again(converted, "jobs-csv"));
    REQUIRE(twice.jobs.size() == 4);
    for (std::size_t row = 0; row != 4; ++row) {
        CHECK(twice.after(row) == got.after(row));
        if (got.jobs[row].links != nullptr) CHECK(twice.jobs[row].links->think == got.jobs[row].links->think);
    }

    options.dependencies = false;
    const trace plain = read(options);
    CHECK_FALSE(plain.source->records_links());
    for (const auto& job : plain.jobs) CHECK(job.links == nullptr);
}
