// The output folder: reused, made, refused; and disks that are full. An output that cannot be written is status 2.

#include "cli/program.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace ampacity::test;

namespace {

/// Status 2, nothing but the fault on stderr, and the path named.
void check_unusable(const process_result& r, const std::string& path) {
    INFO("stderr: " << r.err);
    CHECK(r.status == 2);
    CHECK(contains(r.err, "error: "));
    CHECK(contains(r.err, path));
    CHECK(lines_of(r.err).size() == 1);
}

/// A run with every file, whose files cannot grow beyond so many blocks of 512 bytes.
process_result run_on_small_disk(const workspace& here, int blocks) {
    process_options options;
    options.directory = here.path();
    const std::string script = "trap '' XFSZ; ulimit -f " + std::to_string(blocks) + "; exec \"$@\"";
    auto r = run_process({"sh", "-c", script, "sh", AMPACITY_PROGRAM, "run", "s.yaml", "-o", "out"}, options);
    INFO("stderr: " << r.err);
    CHECK(r.signal == 0);
    return r;
}

std::string many_jobs(int count) {
    std::string text = header;
    for (int i = 0; i < count; ++i) text += std::to_string(i) + ',' + std::to_string(i) + ",1,1\n";
    return text;
}

}  // namespace

TEST_CASE("a folder is made with those above it") {
    const workspace here;
    here.run_well({}, "deep/down/out");
    CHECK(here.has("deep/down/out/summary.json"));
    here.run_well({}, here.path("absolute").string());
    CHECK(here.has("absolute/summary.json"));
    here.run_well({}, "with blank/");
    CHECK(here.has("with blank/summary.json"));
}

TEST_CASE("a folder is reused and only our old files leave it") {
    const workspace here;
    here.write("out/notes.txt", "mine");
    here.write("out/jobs.csv.bak", "mine too");
    here.write("out/sub/summary.json", "also mine");
    here.run_well({"--set", "output.placement=true", "--set", "output.telemetry=1 s", "--set", "output.events=true"});
    for (const char* file :
         {"jobs.csv", "placement.csv", "telemetry.csv", "events.json", "summary.json", "run.json", "resolved.yaml"}) {
        INFO(file);
        CHECK(here.has(std::string{"out/"} + file));
    }
    here.run_well({"--set", "output.jobs=false"});
    for (const char* file : {"jobs.csv", "placement.csv", "telemetry.csv", "events.json"}) {
        INFO(file);
        CHECK_FALSE(here.has(std::string{"out/"} + file));
    }
    CHECK(here.summary().text("scenario") == "small");
    CHECK(here.read("out/notes.txt") == "mine");
    CHECK(here.read("out/jobs.csv.bak") == "mine too");
    CHECK(here.read("out/sub/summary.json") == "also mine");
}

TEST_CASE("results of an earlier run do not outlive a run that fails") {
    const workspace here;
    here.run_well();
    here.write("jobs.csv", small_trace + "d,3,1,oops\n");
    here.run_to(3);
    CHECK_FALSE(here.has("out/summary.json"));
}

TEST_CASE("a link among our old files is replaced and its target kept") {
    const workspace here;
    here.write("precious.csv", "mine");
    std::filesystem::create_directory(here.path("out"));
    std::filesystem::create_symlink(here.path("precious.csv"), here.path("out") / "jobs.csv");
    here.run_well();
    CHECK(here.read("precious.csv") == "mine");
    CHECK_FALSE(std::filesystem::is_symlink(here.path("out/jobs.csv")));
}

TEST_CASE("an input that has the name of a file of ours is refused and kept") {
    const workspace here;
    check_unusable(here.run({}, "."), "jobs.csv");
    check_unusable(here.run({}, here.path().string()), "jobs.csv");
    CHECK(here.read("jobs.csv") == small_trace);
}

TEST_CASE("a folder that cannot be made or written is refused") {
    const workspace here;
    here.write("file", "mine");
    check_unusable(here.run({}, "file"), "file");
    check_unusable(here.run({}, "file/below"), "file/below");
    check_unusable(here.run({}, "/dev/null/out"), "/dev/null/out");
    check_unusable(here.run({}, "/proc/ampacity"), "/proc/ampacity");
    CHECK(here.read("file") == "mine");
    if (::geteuid() != 0) {
        std::filesystem::create_directory(here.path("closed"));
        std::filesystem::permissions(here.path("closed"),
                                     std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
        check_unusable(here.run({}, "closed"), "closed");
    }
}

TEST_CASE("a file of ours that cannot be replaced is refused") {
    const workspace here;
    here.write("out/summary.json/stays", "mine");
    check_unusable(here.run(), "summary.json");
    CHECK(here.read("out/summary.json/stays") == "mine");
}

TEST_CASE("a disk that is full is reported") {
    const workspace here{small_scenario, many_jobs(1000)};
    check_unusable(run_on_small_disk(here, 0), "out/");
}

TEST_CASE("a disk that fills up on the way is reported") {
    // 4 KiB hold summary.json, run.json and resolved.yaml, but not the rows of 1000 jobs.
    const workspace here{small_scenario, many_jobs(1000)};
    check_unusable(run_on_small_disk(here, 8), "jobs.csv");
    const workspace placed{with(small_scenario, "pool_gpus: 4", "nodes: { gpus: 4, count: 1 }") +
                               "output: { jobs: false, placement: true }\n",
                           many_jobs(1000)};
    check_unusable(run_on_small_disk(placed, 8), "placement.csv");
    const workspace sampled{small_scenario + "output: { jobs: false, telemetry: \"1 s\" }\n", many_jobs(1000)};
    check_unusable(run_on_small_disk(sampled, 8), "telemetry.csv");
    const auto fits = run_on_small_disk(workspace{small_scenario, many_jobs(10)}, 64);
    CHECK(fits.status == 0);
}

TEST_CASE("a standard output that cannot be written is an error but no bug") {
    const workspace here;
    process_options options;
    options.directory = here.path();
    for (const std::string command : {"run", "validate"}) {
        const auto r =
            run_process({"sh", "-c", "exec \"$@\" >/dev/full", "sh", AMPACITY_PROGRAM, command, "s.yaml"}, options);
        INFO(command << " stderr: " << r.err);
        CHECK(r.signal == 0);
        CHECK(r.status == 2);
        CHECK_FALSE(r.err.empty());
    }
}

TEST_CASE("results that cannot reach stdout are an error of every command") {
    const workspace here;
    for (const std::string command : {"list keys", "describe easy", "completion bash", "trace jobs.csv --json"}) {
        INFO(command);
        process_options options;
        options.directory = here.path();
        const auto r =
            run_process({"sh", "-c", std::string{AMPACITY_PROGRAM} + ' ' + command + " >/dev/full"}, options);
        CHECK(r.status == 2);
        CHECK(contains(r.err, "stdout:1:1: error: "));
    }
}

TEST_CASE("a symbolic link stays and its target is replaced, a pipe is written as it is") {
    const workspace here;
    here.write("target.csv", "old");
    REQUIRE(::chmod(here.path("target.csv").c_str(), 0600) == 0);
    std::filesystem::create_symlink("target.csv", here.path("link.csv"));
    CHECK(here.call({"trace", "jobs.csv", "--to", "jobs-csv", "-o", "link.csv"}).status == 0);
    CHECK(std::filesystem::is_symlink(here.path("link.csv")));
    const auto converted = here.read("target.csv");
    CHECK(contains(converted, "job_id,submit_s"));
    CHECK((std::filesystem::status(here.path("target.csv")).permissions() & std::filesystem::perms::all) ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));

    REQUIRE(::mkfifo(here.path("pipe").c_str(), 0600) == 0);
    const int reader = ::open(here.path("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(reader >= 0);
    CHECK(here.call({"trace", "jobs.csv", "--to", "jobs-csv", "-o", "pipe"}).status == 0);
    std::string got(4096, '\0');
    const auto n = ::read(reader, got.data(), got.size());
    ::close(reader);
    REQUIRE(n > 0);
    got.resize(static_cast<std::size_t>(n));
    CHECK(got == converted);
    CHECK(std::filesystem::is_fifo(here.path("pipe")));
    CHECK_FALSE(here.has("pipe.partial"));
}

TEST_CASE("a folder or a file that another process writes is left alone") {
    const workspace here;
    here.run_well();
    const auto before = here.results();
    const int folder = ::open(here.path("out").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(::flock(folder, LOCK_EX) == 0);
    const auto second = here.run({"--seed", "2"});
    CHECK(second.status == 2);
    CHECK(contains(second.err, "out:1:1: error: is the output folder of another run"));
    check_same(here.results(), before);
    ::close(folder);
    here.run_well({"--seed", "2"});

    here.write("x.csv.partial", "half");
    const int aside = ::open(here.path("x.csv.partial").c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(::flock(aside, LOCK_EX) == 0);
    const auto other = here.call({"trace", "jobs.csv", "--to", "jobs-csv", "-o", "x.csv"});
    CHECK(other.status == 2);
    CHECK(contains(other.err, "x.csv:1:1: error: is being written by another process"));
    CHECK(here.read("x.csv.partial") == "half");
    ::close(aside);
    CHECK(here.call({"trace", "jobs.csv", "--to", "jobs-csv", "-o", "x.csv"}).status == 0);
    CHECK_FALSE(here.has("x.csv.partial"));
}

TEST_CASE("a converted trace is plain text and is not called otherwise") {
    const workspace here;
    const auto r = here.call({"trace", "jobs.csv", "--to", "jobs-csv", "-o", "x.csv.gz"});
    CHECK(r.status == 2);
    CHECK(contains(r.err, "x.csv.gz:1:1: error: converted traces are written as plain text (.gz); "));
    CHECK_FALSE(here.has("x.csv.gz"));
}
