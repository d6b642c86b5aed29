#include "support/byte_offset.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/gzip.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/io/job_traces.hpp>
#include <ampacity/io/xxh64.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace ampacity;
using namespace ampacity::io;
using workload::job_request;

namespace {

constexpr std::string_view head = "job_id,submit_s,gpus,duration_s\n";
constexpr std::string_view philly_head = "timestamp,duration,num_gpus,gpu_time,cluster\n";

instant at(double seconds) { return instant{duration{static_cast<std::int64_t>(seconds * 1e9)}}; }

/// A trace read to its end, with the texts that belong to it.
struct trace {
    std::vector<job_request> jobs;
    std::vector<std::string> names;
    std::vector<std::string> users;
    std::vector<std::string> groups;
};

trace read(const job_trace_options& options, std::size_t batch_size = 3) {
    trace got;
    const auto source = open_job_trace(options);
    std::vector<job_request> batch(batch_size);
    while (const std::size_t n = source->next(batch))
        got.jobs.insert(got.jobs.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(n));
    CHECK(source->next(batch) == 0);
    CHECK(source->progress() == 1.0);
    for (const job_request& job : got.jobs) {
        got.names.push_back(job.name_is_text ? std::string{source->text(job.name)} : std::to_string(job.name));
        got.users.emplace_back(source->text(job.user));
        got.groups.emplace_back(source->text(job.group));
        CHECK(job.gpus_min == job.gpus);
        CHECK(job.gpus_max == job.gpus);
        CHECK(job.kind == workload::job_kind::rigid);
    }
    return got;
}

struct files {
    test::temporary_directory directory;

    [[nodiscard]] job_trace_options operator()(std::string_view text, std::string format = "jobs-csv") const {
        const auto file = directory.path() / "t.csv";
        test::write_file(file, text);
        return {.path = file, .format = std::move(format)};
    }
};

trace read_text(std::string_view text, std::string format = "jobs-csv") {
    const files make;
    return read(make(text, std::move(format)));
}

/// The message without the directory and the byte, which is checked; "read" where there is none.
std::string fault(const job_trace_options& options) {
    try {
        read(options);
        return "read";
    } catch (const data_error& e) {
        const std::string text = std::filesystem::exists(options.path) ? test::read_file(options.path) : "";
        return test::without_byte(std::string{e.what()}.substr(options.path.parent_path().string().size() + 1), text);
    }
}

std::string fault_of(std::string_view text, std::string format = "jobs-csv") {
    const files make;
    return fault(make(text, std::move(format)));
}

std::string row_fault(std::string_view row) {
    return fault_of(std::string{head} + "1,0,1,5\n" + std::string{row} + "\n");
}

}  // namespace

TEST_CASE("jobs-csv gives requests exactly as written", "[job_traces]") {
    const trace got = read_text(
        "user,job_id,gpus,submit_s,duration_s,estimate_s,group,priority,status,model,segment,within,exclusive,spread\n"
        "ann,7,8,0.0000000005,1.5,,vc1,,ok,gpt,12,block,rack,\n"
        "bob,x-1,0,0.0000000015,0,2e1,,-3,,,0,site,0,true\n"
        ",-12,2147483648,1e3,6324480000,0,vc1,4.0,failed,,65535,rack,true,0\n"
        "ann,007,4.0,1000,3,1,\"vc,2\",,,,,,,1\n");
    REQUIRE(got.jobs.size() == 4);
    CHECK(got.names == std::vector<std::string>{"7", "x-1", "-12", "007"});
    CHECK(got.users == std::vector<std::string>{"ann", "bob", "", "ann"});
    CHECK(got.groups == std::vector<std::string>{"vc1", "", "vc1", "vc,2"});
    CHECK(got.jobs[0].user == got.jobs[3].user);
    CHECK(got.jobs[2].user == 0);
    CHECK_FALSE(got.jobs[0].name_is_text);
    CHECK(got.jobs[1].name_is_text);
    CHECK(got.jobs[2].name == -12);
    CHECK(got.jobs[3].name_is_text);

    CHECK(got.jobs[0].submit == instant{});
    CHECK(got.jobs[1].submit == instant{duration{2}});
    CHECK(got.jobs[2].submit == at(1000));
    CHECK(got.jobs[0].work == duration{1'500'000'000});
    CHECK(got.jobs[1].work == duration::zero());
    CHECK(got.jobs[2].work == longest_input);
    CHECK(got.jobs[0].estimate == workload::no_estimate);
    CHECK(got.jobs[1].estimate == std::chrono::seconds{20});
    CHECK(got.jobs[2].estimate == duration::zero());
    CHECK(got.jobs[0].gpus == 8);
    CHECK(got.jobs[1].gpus == 0);
    CHECK(got.jobs[2].gpus == 2147483648U);
    CHECK(got.jobs[3].gpus == 4);
    CHECK(got.jobs[0].priority == 0);
    CHECK(got.jobs[1].priority == -3);
    CHECK(got.jobs[2].priority == 4);
    using workload::placement_constraint;
    CHECK(got.jobs[0].placement == placement_constraint{.segment = 12, .within = scope::block, .exclusive = true});
    CHECK(got.jobs[1].placement == placement_constraint{.within = scope::site, .spread = true});
    CHECK(got.jobs[2].placement == placement_constraint{.segment = 65535, .within = scope::rack, .exclusive = true});
    CHECK(got.jobs[3].placement == placement_constraint{.spread = true});
    for (std::size_t i = 0; i < 4; ++i) CHECK(got.jobs[i].row == i);
}

TEST_CASE("jobs-csv gives ranges of GPUs", "[job_traces]") {
    const files make;
    const auto options = make(
        "job_id,serial_fraction,gpus_max,submit_s,gpus,duration_s,gpus_min\n"
        "a,0.02,16,0,8,100,2\n"
        "b,,8388608,0,8,100,\n"  // 2^20 times as many
        "c,1e0,,0,8,100,1.0\n"
        "d,0.5,8,0,8,100,8\n"  // rigid
        "e,0.0000000000000005,9,0,8,100,8\n"
        "f,0.3,,0,0,100,\n");
    std::vector<job_request> jobs(10);
    const auto source = open_job_trace(options);
    REQUIRE(source->next(jobs) == 6);
    const auto check = [&](std::size_t i, std::uint32_t min, std::uint32_t max, double serial) {
        CAPTURE(i);
        CHECK(jobs[i].gpus_min == min);
        CHECK(jobs[i].gpus_max == max);
        CHECK(jobs[i].serial_fraction == serial);
        CHECK(jobs[i].kind == (min == max ? workload::job_kind::rigid : workload::job_kind::elastic));
    };
    check(0, 2, 16, 0.02);
    check(1, 8, 8388608, 0);
    check(2, 1, 8, 1);
    check(3, 8, 8, 0);
    check(4, 8, 9, 0);  // half to even
    check(5, 0, 0, 0);

    const auto with = [](std::string_view fields) {
        return fault_of("job_id,submit_s,duration_s,gpus,gpus_min,gpus_max,serial_fraction\n1,0,5," +
                        std::string{fields} + "\n");
    };
    CHECK(with("8,,,") == "read");
    const std::string least = "; give a whole number of GPUs from 1 to 8, as gpus is 8";
    CHECK(with("8,0,,") == "t.csv:2:9: error: gpus_min: too small (0)" + least);
    CHECK(with("8,9,,") == "t.csv:2:9: error: gpus_min: too large (9)" + least);
    CHECK(with("8,-1,,") == "t.csv:2:9: error: gpus_min: negative (-1)" + least);
    CHECK(with("8,1.5,,") == "t.csv:2:9: error: gpus_min: not a whole number (1.5)" + least);
    CHECK(with("8,x,,") == "t.csv:2:9: error: gpus_min: not a number (x)" + least);
    const std::string most = "; give a whole number of GPUs from 8 to 8388608, as gpus is 8";
    CHECK(with("8,,7,") == "t.csv:2:10: error: gpus_max: too small (7)" + most);
    CHECK(with("8,,8388609,") == "t.csv:2:10: error: gpus_max: too large (8388609)" + most);
    CHECK(with("4096,,2147483649,") ==
          "t.csv:2:13: error: gpus_max: too large (2147483649); give a whole number of GPUs from 4096 to 2147483648, "
          "as gpus is 4096");
    CHECK(with("0,1,,") == "t.csv:2:9: error: gpus_min: for a job without GPUs (1); leave it empty where gpus is 0");
    CHECK(with("0,,1,") == "t.csv:2:10: error: gpus_max: for a job without GPUs (1); leave it empty where gpus is 0");
    const std::string share = "; give a number from 0 to 1, or nothing";
    CHECK(with("8,1,,-0.1") == "t.csv:2:12: error: serial_fraction: no share (-0.1)" + share);
    CHECK(with("8,1,,1.1") == "t.csv:2:12: error: serial_fraction: no share (1.1)" + share);
    CHECK(with("8,1,,1e99") == "t.csv:2:12: error: serial_fraction: no share (1e99)" + share);
    CHECK(with("8,1,,nan") == "t.csv:2:12: error: serial_fraction: not a finite number (nan)" + share);
    CHECK(with("8,,,half") == "t.csv:2:11: error: serial_fraction: not a number (half)" + share);
}

TEST_CASE("job names are numbers only in their usual spelling", "[job_traces]") {
    for (const std::string name : {"0", "-1", "9223372036854775807", "-9223372036854775808"}) {
        CAPTURE(name);
        const trace got = read_text(std::string{head} + name + ",0,1,1\n");
        CHECK_FALSE(got.jobs.at(0).name_is_text);
        CHECK(got.names.at(0) == name);
    }
    for (const std::string name : {"-0", "+1", "01", "-", "1.0", "1e3", "9223372036854775808", "1 ", "job 1", "-01"}) {
        CAPTURE(name);
        const trace got = read_text(std::string{head} + name + ",0,1,1\n");
        CHECK(got.jobs.at(0).name_is_text);
        CHECK(got.names.at(0) == name);
    }
    const std::string longest(65535, 'n');
    CHECK(read_text(std::string{head} + longest + ",0,1,1\n").names.at(0) == longest);
    CHECK(row_fault(longest + "n,0,1,1") ==
          "t.csv:3:1: error: job_id: longer than 65535 bytes (" + std::string(60, 'n') + "...); shorten it");
}

TEST_CASE("many job names of text are kept apart", "[job_traces]") {
    std::string text{head};
    std::vector<std::string> expected;
    for (int i = 0; i < 3000; ++i) {
        expected.push_back("job" + std::string(static_cast<std::size_t>(i % 1500), 'x') + std::to_string(i));
        text += expected.back() + ",0,1,1\n";
    }
    CHECK(read_text(text).names == expected);
}

TEST_CASE("an empty trace has no jobs, an empty file is an error", "[job_traces]") {
    CHECK(read_text(head).jobs.empty());
    CHECK(read_text("job_id,submit_s,gpus,duration_s").jobs.empty());
    CHECK(read_text(philly_head, "philly-csv").jobs.empty());
    CHECK(fault_of("") == "t.csv:1:1: error: the file is empty; give a file with a header line");
}

TEST_CASE("headers must fit the format", "[job_traces]") {
    CHECK(fault_of("job_id,submit_s,gpus\n") ==
          "t.csv:1:21: error: duration_s: column missing from the header; add it: jobs-csv needs job_id, submit_s, "
          "gpus, duration_s");
    CHECK(fault_of("job_id,submit_s,gpus,duration_s,estimate\n") ==
          "t.csv:1:33: error: estimate: unknown column; did you mean `estimate_s`?, or remove the column");
    CHECK(fault_of("job_id,submit_s,gpus,gpus,duration_s\n") ==
          "t.csv:1:22: error: duplicate column in the header (gpus); remove or rename one of them");
    CHECK(fault_of("timestamp,duration,num_gpus,cluster\n", "philly-csv") ==
          "t.csv:1:36: error: gpu_time: column missing from the header; add it: philly-csv needs timestamp, duration, "
          "num_gpus, gpu_time, cluster");
}

TEST_CASE("bad fields are named with place, column, value and remedy", "[job_traces]") {
    const std::string seconds = "; give seconds from 0 to 200 years";
    CHECK(row_fault("2,0,1,-5") == "t.csv:3:7: error: duration_s: negative (-5)" + seconds);
    CHECK(row_fault("2,0,1,nan") == "t.csv:3:7: error: duration_s: not a finite number (nan)" + seconds);
    CHECK(row_fault("2,0,1,inf") == "t.csv:3:7: error: duration_s: not a finite number (inf)" + seconds);
    CHECK(row_fault("2,0,1,1e10") == "t.csv:3:7: error: duration_s: beyond 200 years (1e10)" + seconds);
    CHECK(row_fault("2,0,1,6324480000.000000001") ==
          "t.csv:3:7: error: duration_s: beyond 200 years (6324480000.000000001)" + seconds);
    CHECK(row_fault("2,0,1,1e999999999999") ==
          "t.csv:3:7: error: duration_s: beyond 200 years (1e999999999999)" + seconds);
    CHECK(row_fault("2,0,1,-1e30") == "t.csv:3:7: error: duration_s: beyond 200 years (-1e30)" + seconds);
    CHECK(row_fault("2,0,1,") == "t.csv:3:7: error: duration_s: value missing" + seconds);
    CHECK(row_fault("2,0,1,5s") == "t.csv:3:7: error: duration_s: not a number (5s)" + seconds);
    CHECK(row_fault("2,-1,1,5") == "t.csv:3:3: error: submit_s: negative (-1)" + seconds);
    CHECK(row_fault("2,x\x01,1,5") == "t.csv:3:3: error: submit_s: not a number (x\\x01)" + seconds);
    const std::string gpus = "; give a whole number of GPUs from 0 to 2147483648";
    CHECK(row_fault("2,0,-1,5") == "t.csv:3:5: error: gpus: negative (-1)" + gpus);
    CHECK(row_fault("2,0,1.5,5") == "t.csv:3:5: error: gpus: not a whole number (1.5)" + gpus);
    CHECK(row_fault("2,0,2147483649,5") == "t.csv:3:5: error: gpus: too large (2147483649)" + gpus);
    CHECK(row_fault("2,0,,5") == "t.csv:3:5: error: gpus: value missing" + gpus);
    CHECK(row_fault(",0,1,5") == "t.csv:3:1: error: job_id: value missing; name the job");
    CHECK(row_fault("2,0,1") ==
          "t.csv:3:6: error: too few fields (3 where the header names 4); complete the row; an unknown value is an "
          "empty field");

    const auto with = [](std::string_view column, std::string_view value) {
        return fault_of("job_id,submit_s,gpus,duration_s," + std::string{column} + "\n1,0,1,5," + std::string{value} +
                        "\n");
    };
    CHECK(with("estimate_s", "-1") == "t.csv:2:9: error: estimate_s: negative (-1)" + seconds);
    CHECK(with("priority", "1.5") ==
          "t.csv:2:9: error: priority: not a whole number (1.5); give a whole number from -2147483648 to 2147483647");
    CHECK(with("priority", "2147483648") ==
          "t.csv:2:9: error: priority: too large (2147483648); give a whole number from -2147483648 to 2147483647");
    CHECK(with("spread", "yes") ==
          "t.csv:2:9: error: spread: neither true nor false (yes); give 1 or true, 0 or false, or nothing");
    for (const char* column : {"segment", "within", "exclusive", "spread"}) CHECK(with(column, "") == "read");
    const std::string segments = "; give a whole number from 1 to 65535, or nothing";
    CHECK(with("segment", "-1") == "t.csv:2:9: error: segment: no number of nodes (-1)" + segments);
    CHECK(with("segment", "65536") == "t.csv:2:9: error: segment: no number of nodes (65536)" + segments);
    CHECK(with("segment", "1.5") == "t.csv:2:9: error: segment: no number of nodes (1.5)" + segments);
    CHECK(with("segment", "4.0") == "read");
    CHECK(with("within", "row") ==
          "t.csv:2:9: error: within: no part of a fleet (row); give rack, block, site or fleet, or nothing");
    CHECK(with("within", "fleet") == "read");
    CHECK(with("exclusive", "block") ==
          "t.csv:2:9: error: exclusive: neither true nor false (block); give rack, 1 or true, 0 or false, or nothing");
}

TEST_CASE("formats and options are checked", "[job_traces]") {
    const files make;
    auto options = make(head);
    options.format = "jobs_csv";
    CHECK_THROWS_AS(open_job_trace(options), scenario_error);
    CHECK_THROWS_WITH(open_job_trace(options),
                      "error: format: unknown format of job traces (jobs_csv); did you mean `jobs-csv`?");
    options.format = "jobs-csv";
    options.reorder = -std::chrono::seconds{1};
    CHECK_THROWS_WITH(open_job_trace(options), "error: reorder: negative (-1 s); give 0 or more");

    std::vector<std::string> names;
    for (const job_trace_format& format : job_trace_formats()) {
        names.emplace_back(format.name);
        CHECK_FALSE(format.description.empty());
        for (const trace_column& column : format.columns) CHECK_FALSE(column.doc.empty());
    }
    CHECK(names == std::vector<std::string>{"jobs-csv", "swf", "philly-csv", "alibaba-openb"});
}

TEST_CASE("rows are sorted stably within the reorder window", "[job_traces]") {
    const files make;
    auto options = make(std::string{head} + "a,10,1,1\nb,20,1,1\nc,10,1,1\nd,15,1,1\ne,20,1,1\nf,10,1,1\ng,20,1,1\n");
    options.reorder = std::chrono::seconds{10};
    options.source = 3;
    for (const std::size_t batch : {1U, 2U, 100U}) {
        const trace got = read(options, batch);
        CHECK(got.names == std::vector<std::string>{"a", "c", "f", "d", "b", "e", "g"});
        std::vector<std::uint64_t> rows;
        for (const job_request& job : got.jobs) {
            rows.push_back(job.row);
            CHECK(job.source == 3);
        }
        CHECK(rows == std::vector<std::uint64_t>{0, 2, 5, 3, 1, 4, 6});
    }
    options.reorder = duration{9'999'999'999};
    CHECK(fault(options) ==
          "t.csv:4:3: error: submit_s: steps back by 10 s, more than `reorder` allows (10); sort the rows, or set "
          "`reorder` above 9.999999999 s");
    options.reorder = duration::zero();
    CHECK(fault(make(std::string{head} + "1,5,1,1\n2,5,1,1\n3,6,1,1\n")) == "read");
    options = make(std::string{head} + "1,5,1,1\n2,4.999999999,1,1\n");
    options.reorder = duration::zero();
    CHECK(fault(options).find("t.csv:3:3: error: submit_s: steps back by 0.000000001 s") == 0);
    CHECK(fault_of(std::string{head} + "1,3600,1,1\n2,0,1,1\n") == "read");
    CHECK(fault_of(std::string{head} + "1,3601,1,1\n2,0,1,1\n")
              .find("t.csv:3:3: error: submit_s: steps back by 3601 s") == 0);
}

TEST_CASE("the order is that of a stable sort of the whole file", "[job_traces]") {
    std::mt19937_64 random{3};
    for (int trial = 0; trial < 40; ++trial) {
        const auto jitter = static_cast<std::int64_t>(1 + random() % 50);
        std::vector<std::pair<std::int64_t, std::string>> expected;
        std::string text{head};
        std::int64_t now = 100;
        for (int i = 0; i < 400; ++i) {
            now += static_cast<std::int64_t>(random() % 4);
            const std::int64_t submit = now - static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(jitter));
            expected.emplace_back(submit, std::to_string(i));
            text += std::to_string(i) + "," + std::to_string(submit) + ",1,1\n";
        }
        std::stable_sort(expected.begin(), expected.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
        const files make;
        auto options = make(text);
        options.reorder = std::chrono::seconds{jitter};
        const trace got = read(options, 1 + random() % 10);
        REQUIRE(got.jobs.size() == expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            REQUIRE(got.names[i] == expected[i].second);
            REQUIRE(got.jobs[i].submit == at(static_cast<double>(expected[i].first)));
        }
    }
}

TEST_CASE("a trace streams: jobs come out before the file is read", "[job_traces]") {
    std::string text{head};
    for (int i = 0; i < 100'000; ++i) text += std::to_string(i) + "," + std::to_string(i) + ",1,100\n";
    const files make;
    const auto source = open_job_trace(make(text));
    std::vector<job_request> batch(10);
    REQUIRE(source->next(batch) == 10);
    REQUIRE(source->progress());
    CHECK(*source->progress() < 0.5);
    CHECK(*source->progress() > 0.0);

    xxh64 hash;
    hash.update(text);
    CHECK(source->finish_digest() == hash.digest());
    CHECK(source->next(batch) == 0);
}

TEST_CASE("gzip traces read alike, and truncated ones never end quietly", "[job_traces]") {
    const files make;
    std::string text{head};
    for (int i = 0; i < 20; ++i) text += std::to_string(i) + "," + std::to_string(i * 100) + ",1,5\n";
    const std::string packed = test::gzip(text);
    CHECK(read(make(packed)).names == read(make(text)).names);
    const auto file = make.directory.path() / "t.csv.gz";
    for (std::size_t n = 0; n < packed.size(); ++n) {
        CAPTURE(n);
        test::write_file(file, packed.substr(0, n));
        // The place is where the text that could be read ends.
        const std::string got = fault({.path = file});
        REQUIRE(got.starts_with("t.csv.gz:"));
        REQUIRE(got.ends_with(": error: truncated gzip data (ends at compressed byte " + std::to_string(n) +
                              "); fetch or compress the file again"));
    }
    CHECK(fault({.path = make.directory.path() / "none.csv"}) ==
          "none.csv:1:1: error: cannot be opened (No such file or directory); check the path");
}

TEST_CASE("philly-csv counts from its first submit", "[job_traces]") {
    const trace got = read_text(
        "cluster,timestamp,gpu_time,duration,num_gpus\n"
        "aa,2017-09-04 10:30:41,17921552.0,2240194.0,8\n"
        "bb,2017-09-04 10:30:40.5,0,1.25,1\n"
        "aa,2017-09-05 10:30:40.5,-1e3,0,2\n",
        "philly-csv");
    REQUIRE(got.jobs.size() == 3);
    CHECK(got.names == std::vector<std::string>{"1", "0", "2"});
    CHECK(got.groups == std::vector<std::string>{"bb", "aa", "aa"});
    CHECK(got.jobs[0].submit == instant{});
    CHECK(got.jobs[1].submit == at(0.5));
    CHECK(got.jobs[2].submit == at(86400));
    CHECK(got.jobs[1].work == std::chrono::seconds{2'240'194});
    CHECK(got.jobs[1].gpus == 8);
    CHECK(got.jobs[1].estimate == workload::no_estimate);
    CHECK(got.jobs[1].row == 0);
    CHECK(got.jobs[0].row == 1);
}

TEST_CASE("philly-csv keeps its dates on request", "[job_traces]") {
    const files make;
    auto options =
        make(std::string{philly_head} +
                 "2026-01-01 00:00:10,1,1,1,a\n2026-01-01 00:00:00,1,1,1,a\n2028-03-01 00:00:00.0000000015,1,1,1,a\n",
             "philly-csv");
    options.align = scenario::alignment::absolute;
    options.unix_start_ns = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z
    const trace got = read(options);
    REQUIRE(got.jobs.size() == 3);
    CHECK(got.jobs[0].submit == instant{});
    CHECK(got.jobs[1].submit == at(10));
    CHECK(got.jobs[2].submit ==
          instant{std::chrono::hours{24 * (365 + 365 + 31 + 29)} + duration{2}});  // 2028 is a leap year

    options.unix_start_ns += 1;
    CHECK(fault(options) ==
          "t.csv:3:1: error: timestamp: before the scenario's start (2026-01-01 00:00:00); set an earlier `start`, or "
          "`align: first`");
    options.unix_start_ns = std::numeric_limits<std::int64_t>::min();
    CHECK(fault(options).find("t.csv:2:1: error: timestamp: more than 200 years after the scenario's start") == 0);
    options.unix_start_ns = -6'324'480'000'000'000'000;
    CHECK(fault(options).find("t.csv:2:1: error: timestamp: more than 200 years after the scenario's start") == 0);
}

TEST_CASE("philly-csv refuses what is not a date or a number", "[job_traces]") {
    const auto row = [](std::string_view text) {
        return fault_of(std::string{philly_head} + std::string{text} + "\n", "philly-csv");
    };
    const std::string remedy = "; give YYYY-MM-DD HH:MM:SS, read as UTC";
    for (const std::string date :
         {"2017-09-31 00:00:00", "2017-02-29 00:00:00", "2017-13-01 00:00:00", "2017-00-01 00:00:00",
          "2017-01-00 00:00:00", "2017-01-01 24:00:00", "2017-01-01 00:60:00", "2017-01-01 00:00:60",
          "2017-1-1 00:00:00", "2017-01-01T00:00:00", "2017-01-01", "2017-01-01 00:00:00.", "2017-01-01 00:00:00.5e1",
          "2017-01-01 00:00:00Z", "1969-12-31 23:59:59", "2262-01-01 00:00:00", "0", "nan"}) {
        CAPTURE(date);
        CHECK(row(date + ",1,1,1,a") ==
              "t.csv:2:1: error: timestamp: not a date from 1970 to 2261 (" + date + ")" + remedy);
    }
    CHECK(row(",1,1,1,a") == "t.csv:2:1: error: timestamp: value missing" + remedy);
    CHECK(row("2016-02-29 23:59:59,1,1,1,a") == "read");
    CHECK(row("1970-01-01 00:00:00,1,1,1,a") == "read");
    CHECK(row("2017-01-01 00:00:00,1,1,x,a") == "t.csv:2:25: error: gpu_time: not a number (x); give GPU-seconds");
    CHECK(row("2017-01-01 00:00:00,-1,1,1,a") ==
          "t.csv:2:21: error: duration: negative (-1); give seconds from 0 to 200 years");
    CHECK(fault_of(std::string{philly_head} +
                       "2017-01-01 00:00:00,1,1,1,a\n2217-06-02 00:00:00,1,1,1,a\n2217-06-02 00:00:01,1,1,1,a\n",
                   "philly-csv") ==
          "t.csv:4:1: error: timestamp: more than 200 years after time 0 (2217-06-02 00:00:01); check the dates of "
          "this row and of the first");
    CHECK(
        fault_of(std::string{philly_head} + "2017-01-01 01:00:01,1,1,1,a\n2017-01-01 00:00:00,1,1,1,a\n", "philly-csv")
            .find("t.csv:3:1: error: timestamp: steps back by 3601 s") == 0);
}
