// Traces that are refused: status 3, one message with place, column, value and remedy, and no summary left behind.

#include "cli/program.hpp"
#include "support/cases.hpp"
#include "support/gzip.hpp"
#include "support/random_workload.hpp"
#include "support/zstd.hpp"

#include <unistd.h>

using namespace ampacity::test;

namespace {

message refused(const workspace& here) {
    const auto m = check_refused(here.run(), 3);
    CHECK_FALSE(here.has("out/summary.json"));
    return m;
}

message refused_at(const workspace& here, std::uint64_t line) {
    const auto m = refused(here);
    check_placed(m, "jobs.csv");
    CHECK(m.line == line);
    return m;
}

/// The message for this row, the second of three.
message refused_row(const std::string& row) {
    INFO(row);
    const workspace here{small_scenario, header + "a,0,1,10\n" + row + "\nc,9,1,1\n"};
    return refused_at(here, 3);
}

void check_row(const std::string& row, std::uint64_t column, const std::string& key, const std::string& value) {
    const auto m = refused_row(row);
    CHECK(m.column == column);
    CHECK(m.key == key);
    CHECK(m.value == value);
}

/// The message for this header line.
message refused_header(const std::string& head) {
    INFO(head);
    const workspace here{small_scenario, head + "\n"};
    return refused_at(here, 1);
}

std::string long_trace() {
    std::string text = header;
    for (int i = 0; i < 20'000; ++i)
        text += std::to_string(i) + ',' + std::to_string(i * 7) + ",1," + std::to_string(i % 97) + '\n';
    return text;
}

const std::string zipped_scenario = with(small_scenario, "jobs.csv", "jobs.csv.gz");

}  // namespace

TEST_CASE("malformed numbers are refused at their field") {
    check_row("b,one,1,5", 3, "submit_s", "one");
    check_row("b,1,one,5", 5, "gpus", "one");
    check_row("b,1,1,5s", 7, "duration_s", "5s");
    check_row("b,1,1,0x5", 7, "duration_s", "0x5");
    check_row("b,1,1, 5", 7, "duration_s", " 5");
    check_row("b,,1,5", 3, "submit_s", "");
    check_row("b,1,,5", 5, "gpus", "");
    check_row("b,1,1,", 7, "duration_s", "");
    check_row(",1,1,5", 1, "job_id", "");
}

TEST_CASE("negative numbers are refused") {
    check_row("b,-1,1,5", 3, "submit_s", "-1");
    check_row("b,1,-1,5", 5, "gpus", "-1");
    check_row("b,1,1,-5", 7, "duration_s", "-5");
    check_row("b,1,1,-1e-9", 7, "duration_s", "-1e-9");
}

TEST_CASE("numbers that are not finite are refused") {
    for (const std::string number : {"nan", "NaN", "-nan", "inf", "Inf", "-inf", "infinity"}) {
        check_row("b," + number + ",1,5", 3, "submit_s", number);
        check_row("b,1,1," + number, 7, "duration_s", number);
        check_row("b,1," + number + ",5", 5, "gpus", number);
    }
}

TEST_CASE("times beyond 200 years are refused") {
    for (const std::string number : {"1e10", "6.4e9", "1e999", "99999999999999999999999999"}) {
        check_row("b," + number + ",1,5", 3, "submit_s", number);
        check_row("b,1,1," + number, 7, "duration_s", number);
    }
    const workspace longest{small_scenario, header + "a,0,1,6307200000\nb,6307200000,1,1\n"};
    longest.run_well();
    // Times that are valid alone may add up to more than the clock holds.
    const workspace beyond{small_scenario, header + "a,6307200000,1,6307200000\nb,6307200000,4,6307200000\n"};
    check_refused(beyond.run(), 2);
    CHECK_FALSE(beyond.has("out/summary.json"));
}

TEST_CASE("counts of GPUs are whole and at most 2 to the 31") {
    check_row("b,1,1.5,5", 5, "gpus", "1.5");
    check_row("b,1,2147483649,5", 5, "gpus", "2147483649");
    check_row("b,1,1e10,5", 5, "gpus", "1e10");
    check_row("b,1,1e-1,5", 5, "gpus", "1e-1");
    const workspace largest{small_scenario, header + "a,0,2147483648,1\nb,0,4.0,1\nc,0,1e0,1\n"};
    largest.run_well();
    CHECK(largest.summary().number("jobs.rejected") == 1);
    CHECK(largest.summary().number("jobs.finished") == 2);
}

TEST_CASE("bad estimates are refused") {
    const std::string head = "job_id,submit_s,gpus,duration_s,estimate_s\n";
    for (const std::string number : {"-1", "nan", "x", "7e9"}) {
        const workspace here{small_scenario, head + "a,0,1,10,\nb,1,1,5," + number + "\n"};
        const auto m = refused_at(here, 3);
        CHECK(m.column == 9);
        CHECK(m.key == "estimate_s");
        CHECK(m.value == number);
    }
}

TEST_CASE("rows with too few or too many fields are refused") {
    const auto few = refused_row("b,1,1");
    CHECK(contains(few.what, "too few"));
    const auto one = refused_row("b");
    CHECK(contains(one.what, "too few"));
    const auto many = refused_row("b,1,1,5,9");
    CHECK(contains(many.what, "too many"));
    CHECK(many.column == 9);
    const auto open = refused_row("\"b,1,1,5");
    CHECK(open.column == 1);
    const auto after = refused_row("\"b\"x,1,1,5");
    CHECK(after.column == 4);
}

TEST_CASE("columns are found by name and strangers among them refused") {
    const auto unknown = refused_header("job_id,submit_s,gpus,duration_s,estimat_s");
    CHECK(unknown.column == 33);
    CHECK(unknown.key == "estimat_s");
    CHECK(contains(unknown.remedy, "did you mean `estimate_s`"));
    const auto missing = refused_header("job_id,submit_s,gpus");
    CHECK(missing.key == "duration_s");
    const auto first = refused_header("job,submit_s,gpus,duration_s");
    CHECK(first.column == 1);
    const auto again = refused_header("job_id,submit_s,gpus,duration_s,gpus");
    CHECK(again.column == 33);
    const auto semicolons = refused_header("job_id;submit_s;gpus;duration_s");
    CHECK(semicolons.column == 1);

    const workspace here{
        small_scenario,
        "status,duration_s,gpus,user,submit_s,job_id\nFAILED,10,2,u,0,a\n,5,4,,1.5,b\n,2.5e-1,1,,2,c\n"};
    const workspace usual;
    here.run_well();
    usual.run_well();
    CHECK(here.read("out/jobs.csv") == usual.read("out/jobs.csv"));
}

TEST_CASE("a submit that steps back too far names its line") {
    const std::string trace = header + "a,10000,1,1\nb,10001,1,1\nc,6400.5,1,1\n";
    const workspace here{small_scenario, trace};
    const auto m = refused_at(here, 4);
    CHECK(m.column == 3);
    CHECK(m.key == "submit_s");
    CHECK(m.value == "6400.5");
    CHECK(contains(m.what + m.remedy, "reorder"));
    here.run_to(0, {"--set", "workload.0.trace.reorder=3600.5 s"});
    here.run_to(3, {"--set", "workload.0.trace.reorder=3600.499999999 s"});
    // By default an hour is allowed.
    here.write("jobs.csv", with(trace, "6400.5", "6401"));
    here.run_well();
}

TEST_CASE("a fault far down in a long trace is found") {
    const workspace here{small_scenario, long_trace() + "x,140000,1,oops\n"};
    const auto m = refused_at(here, 20'002);
    CHECK(m.column == 12);
    CHECK(m.value == "oops");
}

TEST_CASE("validate reads traces to their end") {
    const workspace here{small_scenario, long_trace() + "x,140000,1,oops\n"};
    const auto validated = here.call({"validate", "s.yaml"});
    const auto ran = here.run();
    const auto m = check_refused(validated, 3);
    CHECK(m.line == 20'002);
    CHECK(validated.err == ran.err);
    here.write("s.yaml", with(small_scenario, "jobs.csv", "none.csv"));
    check_refused(here.call({"validate", "s.yaml"}), 3);
}

TEST_CASE("a missing trace is a fault of the data") {
    const workspace here{with(small_scenario, "jobs.csv", "none.csv")};
    const auto m = check_refused(here.run(), 3);
    // Either the trace, or the place in the scenario that names it.
    check_whole_file(m, m.file == "s.yaml" ? "s.yaml" : "none.csv");
    CHECK(contains(m.file + m.value + m.what, "none.csv"));
    CHECK(contains(m.value + m.what, "No such file"));
}

TEST_CASE("a trace that cannot be read is a fault of the data") {
    const workspace here{with(small_scenario, "jobs.csv", "sub")};
    std::filesystem::create_directory(here.path("sub"));
    check_refused(here.run(), 3);
    if (::geteuid() != 0) {
        std::filesystem::permissions(here.path("jobs.csv"), std::filesystem::perms::none);
        check_refused(here.run({"--set", "workload.0.trace.path=jobs.csv"}), 3);
    }
}

TEST_CASE("truncated gzip data is refused wherever it ends") {
    const auto whole = gzip(long_trace());
    const workspace here{zipped_scenario};
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{100}, whole.size() / 2,
                                   whole.size() - 9, whole.size() - 1}) {
        INFO(size);
        here.write("jobs.csv.gz", whole.substr(0, size));
        const auto m = refused(here);
        check_whole_file(m, "jobs.csv.gz");
        CHECK(contains(m.what, "truncated"));
    }
    here.write("jobs.csv.gz", whole);
    here.run_well();
}

TEST_CASE("corrupt gzip data is refused") {
    const auto whole = gzip(long_trace());
    const workspace here{zipped_scenario};
    for (const std::size_t at :
         {std::size_t{2}, std::size_t{12}, whole.size() / 2, whole.size() - 8, whole.size() - 4}) {
        INFO(at);
        auto text = whole;
        text[at] = static_cast<char>(text[at] ^ 0x55);
        here.write("jobs.csv.gz", text);
        check_whole_file(refused(here), "jobs.csv.gz");
    }
    for (const auto& text : {whole + "more", small_trace}) {
        here.write("jobs.csv.gz", text);
        check_whole_file(refused(here), "jobs.csv.gz");
    }
}

TEST_CASE("damage of compressed data is named as such, also where its text reads wrongly first") {
    const auto check = [](const std::string& packed, const std::string& file, const std::string& kind) {
        const workspace here{with(small_scenario, "jobs.csv", file)};
        for (std::size_t i = 1; i < 16; ++i) {
            const std::size_t at = packed.size() * i / 16;
            INFO(file << ", byte " << at);
            auto text = packed;
            text[at] = static_cast<char>(text[at] ^ 0x55);
            here.write(file, text);
            const auto m = refused(here);
            check_placed(m, file);
            CHECK((m.what == "corrupt " + kind + " data" || m.what == "truncated " + kind + " data"));
            CHECK(contains(m.value, "compressed byte"));
        }
    };
    check(gzip(long_trace()), "jobs.csv.gz", "gzip");
    check(zstd(long_trace()), "jobs.csv.zst", "Zstandard");
    // A sound file with a bad row is no damage.
    const workspace here{zipped_scenario};
    here.write("jobs.csv.gz", gzip(header + "a,0,1,oops\n"));
    CHECK(refused(here).value == "oops");
}

TEST_CASE("a zstd trace is read or refused and never misread") {
    const workspace usual;
    usual.run_well();
    // One frame of one raw block: magic, one byte for the size, block header, bytes.
    const auto size = small_trace.size();
    REQUIRE(size < 256);
    const std::string frame = std::string{"\x28\xB5\x2F\xFD\x20"} + static_cast<char>(size) +
                              static_cast<char>((size << 3U | 1U) & 0xFFU) + static_cast<char>(size >> 5U) + '\0' +
                              small_trace;
    const workspace here{with(small_scenario, "jobs.csv", "jobs.csv.zst")};
    here.write("jobs.csv.zst", frame);
    const auto r = here.run();
    if (r.status == 0)
        CHECK(here.read("out/jobs.csv") == usual.read("out/jobs.csv"));
    else
        check_whole_file(check_refused(r, 3), "jobs.csv.zst");
}

TEST_CASE("mutated traces are read or refused and nothing else") {
    naive::test_random random{12};
    const std::vector<std::string> pieces{
        ",", "\n", "\r\n", "\"", "-", ".", "e9", "nan", " ", ";", "\t", "\xFF", std::string(1, '\0'), "99999999999"};
    std::size_t refusals = 0;
    // Enough that some are read, however few cases are asked for.
    const auto tries = std::max<std::size_t>(random_cases(80), 40);
    for (std::size_t i = 0; i < tries; ++i) {
        std::string text = small_trace;
        for (auto edits = random.between(1, 3); edits > 0; --edits) {
            const auto at = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(text.size())));
            const auto& piece = pieces[static_cast<std::size_t>(random.next() % pieces.size())];
            if (random.chance(60))
                text.insert(at, piece);
            else
                text.erase(at, static_cast<std::size_t>(random.between(1, 6)));
        }
        const workspace here{small_scenario, text};
        const auto r = here.run();
        INFO(text << "\nstderr: " << r.err);
        if (r.status == 0) {
            CHECK(r.err.empty());
            continue;
        }
        ++refusals;
        check_placed(check_refused(r, 3), "jobs.csv");
    }
    CHECK(refusals > tries / 3);
    CHECK(refusals < tries);
}
