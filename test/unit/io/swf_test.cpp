#include "support/byte_offset.hpp"
#include "support/catch.hpp"
#include "support/data.hpp"
#include "support/files.hpp"
#include "support/zstd.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/job_traces.hpp>

#include <limits>
#include <string>
#include <vector>

using namespace ampacity;
using namespace ampacity::io;
using workload::job_request;

namespace {

instant at(double seconds) { return instant{duration{static_cast<std::int64_t>(seconds * 1e9)}}; }

/// Keeps what an observer sees.
struct recorder final : record_observer {
    void on_record(const job_request& job, const record_facts& f) override {
        rows.push_back(job.row);
        facts.push_back(f);
    }
    std::vector<std::uint64_t> rows;
    std::vector<record_facts> facts;
};

struct trace {
    std::vector<job_request> jobs;
    std::vector<std::string> names, users, groups;
    std::vector<workload::skipped_records> skipped;
    trace_header header;
    duration time_zero{};
    recorder seen;
};

struct files {
    test::temporary_directory directory;

    [[nodiscard]] job_trace_options operator()(std::string_view text) const {
        const auto file = directory.path() / "t.swf";
        test::write_file(file, text);
        return {.path = file, .format = "swf"};
    }
};

trace read(job_trace_options options) {
    trace got;
    options.observer = &got.seen;
    const auto source = open_job_trace(options);
    got.header = source->header();
    std::vector<job_request> batch(3);
    while (const std::size_t n = source->next(batch)) {
        for (std::size_t i = 0; i < n; ++i) {
            const job_request& job = got.jobs.emplace_back(batch[i]);
            got.names.push_back(job.name_is_text ? std::string{source->text(job.name)} : std::to_string(job.name));
            got.users.emplace_back(source->text(job.user));
            got.groups.emplace_back(source->text(job.group));
            CHECK(job.gpus_min == job.gpus);
            CHECK(job.gpus_max == job.gpus);
        }
    }
    got.skipped = source->skipped();
    got.time_zero = source->time_zero();
    return got;
}

trace read_text(std::string_view text) {
    const files make;
    return read(make(text));
}

std::string fault(const job_trace_options& options) {
    try {
        read(options);
        return "read";
    } catch (const data_error& e) {
        const std::string message = std::string{e.what()}.substr(options.path.parent_path().string().size() + 1);
        return test::without_byte(message, test::read_file(options.path));
    }
}

std::string fault_of(std::string_view text) {
    const files make;
    return fault(make(text));
}

std::string record(std::string_view submit, std::string_view run = "100") {
    return "1 " + std::string{submit} + " 5 " + std::string{run} + " 8 -1 -1 8 3600 -1 1 7 2 -1 1 -1 -1 -1\n";
}

}  // namespace

TEST_CASE("swf records become jobs by its rules", "[swf]") {
    const trace got = read_text(
        "; Version: 2.2\n"
        ";   UnixStartTime: 1296571124\n"
        "; Note: MaxProcs: 7\n"
        ";\tMaxProcs: 93312 (all)\n"
        "; MaxProcs: 5\n"
        ";MaxNodes: -1\n"
        ";MaxNodes:\n"
        "; Queues: none: MaxProcs\n"
        "; MaxJobs: lots\n"
        "\n"
        "272393 1000 33492 86395 256 -1 -1 512 86400 -1 1 87 95 -1 -1 4 -1 -1\n"
        "; a comment among the records\n"
        "  2\t1000.5   -1 0.25 -1 32096.5 89734 160 -1 -1 0 -1 -1 1 1 -1 -1 -1  \r\n"
        "007 1001 0 0 0 0 0 1 0 -1 5 7 0 -1 -1 -1 -1 -1\n"
        "4 1002 0 10 2147483648 -1 -1 -1 0.5 -1 2 87 95 -1 -1 -1 -1 -1");
    REQUIRE(got.jobs.size() == 4);
    CHECK(got.names == std::vector<std::string>{"272393", "2", "007", "4"});
    CHECK(got.users == std::vector<std::string>{"87", "", "7", "87"});
    CHECK(got.groups == std::vector<std::string>{"95", "", "0", "95"});
    CHECK_FALSE(got.jobs[0].name_is_text);
    CHECK(got.jobs[2].name_is_text);
    CHECK(got.jobs[0].submit == instant{});
    CHECK(got.jobs[1].submit == at(0.5));
    CHECK(got.jobs[3].submit == at(2));
    CHECK(got.time_zero == std::chrono::seconds{1000});
    CHECK(got.jobs[0].work == std::chrono::seconds{86395});
    CHECK(got.jobs[1].work == std::chrono::milliseconds{250});
    CHECK(got.jobs[2].work == duration::zero());
    CHECK(got.jobs[0].gpus == 256);
    CHECK(got.jobs[1].gpus == 160);
    CHECK(got.jobs[2].gpus == 1);
    CHECK(got.jobs[3].gpus == 2147483648U);
    CHECK(got.jobs[0].estimate == std::chrono::seconds{86400});
    CHECK(got.jobs[1].estimate == workload::no_estimate);
    CHECK(got.jobs[2].estimate == workload::no_estimate);
    CHECK(got.jobs[3].estimate == std::chrono::milliseconds{500});
    CHECK(got.skipped.empty());

    CHECK(got.header.unix_start_s == 1296571124);
    CHECK(got.header.max_procs == 93312U);
    CHECK_FALSE(got.header.max_nodes);

    CHECK(got.seen.rows == std::vector<std::uint64_t>{0, 1, 2, 3});
    CHECK(got.seen.facts[0].wait == std::chrono::seconds{33492});
    CHECK_FALSE(got.seen.facts[1].wait);
    CHECK(got.seen.facts[2].wait == duration::zero());
    CHECK(got.seen.facts[0].end == ending::finished);
    CHECK(got.seen.facts[1].end == ending::failed);
    CHECK(got.seen.facts[2].end == ending::cancelled);
    CHECK(got.seen.facts[3].end == ending::partial);
}

TEST_CASE("swf records that are no jobs are counted by reason", "[swf]") {
    const std::string text =
        "1 0 0 10 -1 -1 -1 -1 60 -1 1 1 1 -1 -1 -1 -1 -1\n"
        "2 5 0 10 1 -1 -1 -1 60 -1 1 1 1 -1 -1 -1 -1 -1\n"
        "3 6 0 -1 1 -1 -1 -1 60 -1 1 1 1 -1 -1 -1 -1 -1\n"
        "4 7 0 -1 0 -1 -1 0 60 -1 1 1 1 -1 -1 -1 -1 -1\n"
        "5 9 0 10 2 -1 -1 -1 60 -1 1 1 1 -1 -1 -1 -1 -1\n"
        "6 9 0 -2.5 -1 -1 -1 3 60 -1 1 1 1 -1 -1 -1 -1 -1\n";
    const trace got = read_text(text);
    CHECK(got.names == std::vector<std::string>{"2", "5"});
    CHECK(got.jobs[1].row == 1);
    CHECK(got.jobs[1].submit == at(4));  // the first record that is kept is time 0
    REQUIRE(got.skipped.size() == 2);
    CHECK(got.skipped[0].reason == "no_gpus");
    CHECK(got.skipped[0].count == 2);
    CHECK(got.skipped[1].reason == "no_run_time");
    CHECK(got.skipped[1].count == 2);

    // Up to an instant: as jobs, by their submit.
    const files make;
    const auto source = open_job_trace(make(text));
    std::vector<job_request> batch(10);
    CHECK(source->next(batch) == 2);
    const auto early = source->skipped(at(1));
    REQUIRE(early.size() == 2);
    CHECK(early[0].count == 1);
    CHECK(early[1].count == 1);
    CHECK(source->skipped(at(3.999)).at(1).count == 1);
    CHECK(source->skipped(at(4)).at(1).count == 2);
}

TEST_CASE("swf keeps its dates on request", "[swf]") {
    const files make;
    auto options = make("; UnixStartTime: 1767225600\n" + record("10") + record("4.5"));
    options.align = scenario::alignment::absolute;
    options.unix_start_ns = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z
    const trace got = read(options);
    CHECK(got.jobs.at(0).submit == at(4.5));
    CHECK(got.jobs.at(1).submit == at(10));
    CHECK(got.time_zero == duration::zero());

    options.unix_start_ns += 4'500'000'001;
    CHECK(fault(options) ==
          "t.swf:3:3: error: submit: before the scenario's start (4.5); set an earlier `start`, or `align: first`");
    options.unix_start_ns = std::numeric_limits<std::int64_t>::min();
    CHECK(fault(options).find("t.swf:2:3: error: submit: more than 200 years after the scenario's start") == 0);

    // Times that are Unix times already: the header says 0.
    options = make("; UnixStartTime: 0\n" + record("1767225610"));
    options.align = scenario::alignment::absolute;
    options.unix_start_ns = 1'767'225'600'000'000'000;
    CHECK(read(options).jobs.at(0).submit == at(10));

    for (const std::string head : {"", "; UnixStartTime:\n"}) {
        options = make(head + record("10"));
        options.align = scenario::alignment::absolute;
        CHECK(fault(options) == "t.swf:" + std::to_string(head.empty() ? 1 : 2) +
                                    ":1: error: UnixStartTime: missing from the header; add it as `; UnixStartTime: "
                                    "SECONDS`, or set `align: first`");
    }
}

TEST_CASE("keys of the swf header that are used hold numbers", "[swf]") {
    const std::string remedy = "; give a whole number, or -1 for unknown, or remove the line";
    CHECK(fault_of("; Version: 2\n;  MaxProcs: abc def\n" + record("0")) ==
          "t.swf:2:14: error: MaxProcs: not a number (abc)" + remedy);
    CHECK(fault_of(";MaxNodes:1.5\n" + record("0")) ==
          "t.swf:1:11: error: MaxNodes: not a whole number (1.5)" + remedy);
    CHECK(fault_of("; UnixStartTime: soon\n" + record("0")) ==
          "t.swf:1:18: error: UnixStartTime: not a number (soon)" + remedy);
    CHECK(fault_of("; Note: see MaxProcs: abc\n; maxprocs: abc\n" + record("0") + "; MaxProcs: abc\n") == "read");
}

TEST_CASE("swf refuses what is not a record", "[swf]") {
    CHECK(fault_of("") == "t.swf:1:1: error: the file is empty; give a file with records");
    CHECK(read_text("; nothing\n").jobs.empty());
    CHECK(read_text("\n").jobs.empty());
    CHECK(fault_of(record("0") + "2 0 0 10\n") ==
          "t.swf:2:9: error: too few fields (4 where a record has 18); complete the line; an unknown value is -1");
    CHECK(fault_of(record("0") + "2 5 0 1 1 -1 -1 1 1 -1 1 1 1 -1 1 -1 -1 -1  77 8\n") ==
          "t.swf:2:45: error: too many fields (20 where a record has 18); remove what is too much");
    CHECK(fault_of(record("x")) ==
          "t.swf:1:3: error: submit: not a number (x); give seconds up to 200 years, or -1 for unknown");
    CHECK(fault_of(record("-1")) ==
          "t.swf:1:3: error: submit: negative (-1); give the submission, or remove the record");
    CHECK(fault_of(record("0", "7e9")) ==
          "t.swf:1:7: error: run: beyond 200 years (7e9); give seconds up to 200 years, or -1 for unknown");
    CHECK(fault_of(record("0", "nan")) ==
          "t.swf:1:7: error: run: not a finite number (nan); give seconds up to 200 years, or -1 for unknown");
    const std::string whole = "; give a whole number up to 2147483648, or -1 for unknown";
    CHECK(fault_of("1 0 0 10 1.5 -1 -1 8 3600 -1 1 7 2 -1 1 -1 -1 -1\n") ==
          "t.swf:1:10: error: procs_allocated: not a whole number (1.5)" + whole);
    CHECK(fault_of("1 0 0 10 0 -1 -1 2147483649 3600 -1 1 7 2 -1 1 -1 -1 -1\n") ==
          "t.swf:1:18: error: procs_requested: too large (2147483649)" + whole);
    CHECK(fault_of("1 0 0 10 8 -1 -1 8 3600 -1 1 7 2 -1 main -1 -1 -1\n") ==
          "t.swf:1:37: error: queue: not a number (main); give a number, or -1 for unknown");
    CHECK(fault_of(record("7200") + "; between\n" + record("3599"))
              .find("t.swf:3:3: error: submit: steps back by 3601") == 0);
    CHECK(fault_of(record("7200") + record("3600")) == "read");
    CHECK(fault_of("; " + std::string(1'048'575, 'x') + "\n") ==
          "t.swf:1:1: error: line of more than 1 MiB; check that it is text");
    CHECK(fault_of("; " + std::string(1'048'574, 'x') + "\n") == "read");
    CHECK(fault_of("; " + std::string(5'000'000, 'x')).find("t.swf:1:1: error: line of more than 1 MiB") == 0);
}

TEST_CASE("swf faults name their byte, and compressed traces the same", "[swf]") {
    const test::temporary_directory directory;
    const auto file = directory.path() / "t.swf.zst";
    std::string text = "; header\n";
    for (int i = 0; i < 9000; ++i) text += record(std::to_string(i));
    test::write_file(file, test::zstd(text));
    CHECK(read({.path = file, .format = "swf"}).jobs.size() == 9000);
    const std::string byte = std::to_string(text.size() + 2);
    test::write_file(file, test::zstd(text + record("soon")));
    CHECK_THROWS_WITH(read({.path = file, .format = "swf"}),
                      file.string() + ":9002:3: error: submit: not a number, at byte " + byte +
                          " (soon); give seconds up to 200 years, or -1 for unknown");
}

TEST_CASE("formats are told by the name or the first line", "[swf]") {
    const test::temporary_directory directory;
    const auto guess = [&](const std::string& name, std::string_view text) {
        test::write_file(directory.path() / name, text);
        return guess_job_trace_format(directory.path() / name);
    };
    CHECK(guess("a.swf", "anything") == "swf");
    CHECK(guess("a.swf.gz", "anything") == "swf");
    CHECK(guess("a.txt", "\n  ; Version: 2\n") == "swf");
    CHECK(guess("b.txt", record("0")) == "swf");
    CHECK(guess("b.zst", test::zstd(record("0"))) == "swf");
    CHECK(guess("c", "job_id,submit_s,gpus,duration_s\n") == "jobs-csv");
    CHECK(guess("c", "\"user\",\"duration_s\",\"gpus\",\"submit_s\",\"job_id\"\r\n") == "jobs-csv");
    CHECK(guess("c", "timestamp,duration,num_gpus,gpu_time,cluster\n") == "philly-csv");
    CHECK(guess("c",
                "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,"
                "scheduled_time\n") == "alibaba-openb");
    CHECK_THROWS_WITH(guess("d.csv", "job,submit\n"),
                      (directory.path() / "d.csv").string() +
                          ":1:1: error: format: not recognised by the first line (job,submit); name it with --format: "
                          "jobs-csv, swf, philly-csv, alibaba-openb");
    CHECK_THROWS_AS(guess("d.csv", ""), data_error);
    CHECK_THROWS_AS(guess("d.csv", "1 2 3\n"), data_error);
    CHECK_THROWS_AS(guess_job_trace_format(directory.path() / "none"), data_error);
}

TEST_CASE("the logs of the archive are read whole", "[swf]") {
    struct expectation {
        const char* file;
        std::size_t jobs;
        std::uint64_t skipped;
        std::uint64_t max_procs;
        double proc_hours;
    };
    // Counts and processor-hours as the collection of the data states them.
    for (const expectation& e :
         {expectation{"theta_2022.swf.gz", 23'911, 0, 4'360, 28'894'790.5},
          expectation{"UniLu-Gaia-2014-1.swf.gz", 51'860, 127, 2'004, 1'938'352.9},
          expectation{"CEA-Curie-2011-2.1-cln_first26w.swf.gz", 178'171, 18, 93'312, 240'207'475.8}}) {
        const auto file = test::real_data(std::string{"jobs/"} + e.file);
        if (!file) return;
        CAPTURE(e.file);
        const trace got = read({.path = *file, .format = std::string{guess_job_trace_format(*file)}});
        CHECK(got.jobs.size() == e.jobs);
        CHECK((got.skipped.empty() ? 0 : got.skipped.at(0).count) == e.skipped);
        CHECK(got.header.max_procs == e.max_procs);
        long double hours = 0;
        for (const job_request& job : got.jobs) hours += static_cast<long double>(ticks(job.work)) * job.gpus / 3.6e12L;
        CHECK(std::abs(static_cast<double>(hours) - e.proc_hours) < 0.05);
    }
}
