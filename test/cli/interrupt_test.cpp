// Interrupts: status 4 soon after, partial results saved and marked; and what a terminal sees meanwhile.

#include "cli/program.hpp"
#include "support/random_workload.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <set>
#include <thread>

using namespace ampacity::test;
using namespace std::chrono_literals;

namespace {

using steady = std::chrono::steady_clock;

/// 40,000 jobs of many sizes in a queue that only grows: hours of work for a backfilling policy.
const std::string& congested_trace() {
    static const std::string text = [] {
        naive::test_random random{3};
        std::string rows = "job_id,submit_s,gpus,duration_s,estimate_s\n";
        for (int i = 0; i < 40'000; ++i) {
            const auto duration = random.between(1'000, 100'000);
            rows += std::to_string(i) + ',' + std::to_string(100 * i) + ',' + std::to_string(random.between(1, 60)) +
                    ',' + std::to_string(duration) + ',' + std::to_string(duration * random.between(1, 5)) + '\n';
        }
        return rows;
    }();
    return text;
}

const std::string congested =
    with(with(small_scenario, "pool_gpus: 4", "pool_gpus: 64"), "policy: fifo", "policy: conservative") +
    "output: { placement: true, telemetry: \"1 h\", events: true }\n";

/// Thousands of millions of jobs that never wait.
const std::string endless = R"(ampacity: 1
name: small
seed: 1
fleet: { pool_gpus: 1000000 }
workload:
  - synthetic:
      jobs: 4000000000
      rate: "1000 /s"
      duration: { median: "1 s", sigma: 1 }
      gpus: [{ gpus: 1, weight: 1 }]
scheduler: { policy: fifo }
output: { jobs: false }
)";

/// Sends `signal` after 0.8 s, by when any machine runs the simulation; expects status 4 within 2 s.
process_result interrupt(const workspace& here, int signal, std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), {"run", "s.yaml", "-o", "out"});
    process_options options;
    options.timeout = 6s;
    options.signal = signal;
    const auto begin = steady::now();
    auto sent = begin;
    options.signal_when = [&] {
        sent = steady::now();
        return sent - begin > 800ms;
    };
    auto r = here.call(arguments, options);
    const std::chrono::duration<double> waited = steady::now() - sent;
    INFO("stderr: " << r.err << "\nended " << waited.count() << " s after the signal");
    REQUIRE(r.status == 4);
    CHECK(waited.count() < 2);
    return r;
}

std::uint64_t count(const document& summary, const std::string& key) {
    return summary.at("jobs." + key).get<std::uint64_t>();
}

void check_partial(const workspace& here) {
    const auto s = here.summary();
    CHECK(s.at("interrupted").get<bool>());
    CHECK(s.number("simulated_s") > 0);
    CHECK(count(s, "submitted") > 0);
    CHECK(count(s, "submitted") ==
          count(s, "finished") + count(s, "rejected") + count(s, "killed") + count(s, "unfinished"));
    check_books(s);
    CHECK(here.has("out/resolved.yaml"));
    CHECK(here.about().number("events") > 0);
}

}  // namespace

TEST_CASE("an interrupt saves and marks partial results") {
    const int signal = GENERATE(SIGINT, SIGTERM);
    const workspace here{congested, congested_trace()};
    const auto r = interrupt(here, signal);
    CHECK(contains(r.out, "small"));
    check_partial(here);
    const auto s = here.summary();
    CHECK(count(s, "unfinished") > 0);
    CHECK(count(s, "submitted") < 40'000);
    const auto text = here.read("out/jobs.csv");
    CHECK(text.back() == '\n');
    const auto rows = lines_of(text);
    CHECK(rows.size() == count(s, "submitted") + 1);
    std::size_t unfinished = 0;
    std::size_t started = 0;
    for (std::size_t i = 1; i < rows.size(); ++i) {
        const auto fields = fields_of(rows[i]);
        REQUIRE(fields.size() == 10);
        REQUIRE(fields[0] == std::to_string(i - 1));
        if (fields[5] == "unfinished") ++unfinished;
        if (!fields[2].empty()) ++started;
    }
    CHECK(unfinished == count(s, "unfinished"));
    const auto placed = here.read("out/placement.csv");
    CHECK(placed.back() == '\n');
    CHECK(lines_of(placed).size() == started + 1);
    const auto sampled = here.read("out/telemetry.csv");
    CHECK(sampled.back() == '\n');
    CHECK(lines_of(sampled).size() > 2);
    // Every run that began has its slice, also those that were cut.
    const auto events = nlohmann::json::parse(here.read("out/events.json"));
    std::size_t slices = 0;
    for (const auto& e : events.at("traceEvents")) {
        if (e.at("ph") == "X") ++slices;
    }
    CHECK(slices == started);
    // What names the inputs is not lost either.
    CHECK(here.about().has("inputs"));
}

TEST_CASE("an endless synthetic stream can be interrupted") {
    const workspace here{endless};
    interrupt(here, SIGINT);
    check_partial(here);
}

TEST_CASE("a second Ctrl-C ends a run at once, and nothing looks whole") {
    std::string rows = header;
    for (int i = 0; i < 40'000; ++i) rows += std::to_string(i) + ',' + std::to_string(10 * i) + ",1,5\n";
    const workspace here{small_scenario + "output: { placement: true, telemetry: \"10 s\" }\n", rows};
    process_options options;
    options.directory = here.path();
    options.timeout = 30s;
    // A trace that comes to a halt holds the run up after the first.
    const auto r = run_process({"sh", "-c",
                                "mkfifo slow.csv && { { cat jobs.csv; exec sleep 20; } >slow.csv & } && writer=$!\n"
                                "\"$1\" run s.yaml -o out --set workload.0.trace.path=slow.csv >said 2>&1 &\n"
                                "sleep 1; kill -INT $!; sleep 0.3; kill -TERM $!; sleep 0.3; kill -0 $! || exit 9\n"
                                "kill -INT $!; wait $!; status=$?; kill $writer; exit $status\n",
                                "sh", AMPACITY_PROGRAM},
                               options);
    INFO(r.err << here.read("said"));
    CHECK(r.status == 4);
    std::set<std::string> left;
    for (const auto& f : std::filesystem::directory_iterator(here.path("out")))
        left.insert(f.path().filename().string());
    CHECK(left == std::set<std::string>{"placement.csv.partial", "telemetry.csv.partial"});
}

TEST_CASE("progress is shown where it is asked for and not in a pipe") {
    const workspace here{congested, congested_trace()};
    const auto shown = interrupt(here, SIGINT, {"--progress"});
    INFO("stderr: " << shown.err);
    CHECK(contains(shown.err, "events/s"));
    CHECK(contains(shown.err, "ETA"));
    CHECK_FALSE(contains(shown.out, "events/s"));
    const auto quiet = interrupt(here, SIGINT);
    INFO("stderr: " << quiet.err);
    CHECK_FALSE(contains(quiet.err, "events/s"));
    CHECK_FALSE(contains(quiet.err, "ETA"));
    CHECK_FALSE(contains(quiet.err, "\r"));
}

TEST_CASE("a terminal sees progress unless it is turned off") {
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(terminal >= 0);
    REQUIRE(::grantpt(terminal) == 0);
    REQUIRE(::unlockpt(terminal) == 0);
    std::array<char, 128> name{};
    REQUIRE(::ptsname_r(terminal, name.data(), name.size()) == 0);
    // Keeps the terminal alive between the runs.
    const int other_end = ::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(other_end >= 0);

    const workspace here{congested, congested_trace()};
    const auto seen_with = [&](const std::string& option) {
        std::string seen;
        std::atomic<bool> over = false;
        std::thread reader([&] {
            std::array<char, 4096> buffer{};
            pollfd watched{terminal, POLLIN, 0};
            while (::poll(&watched, 1, 20) > 0 || !over) {
                if ((watched.revents & POLLIN) == 0) continue;
                const auto n = ::read(terminal, buffer.data(), buffer.size());
                if (n > 0) seen.append(buffer.data(), static_cast<std::size_t>(n));
            }
        });
        process_options options;
        options.directory = here.path();
        options.timeout = 6s;
        options.signal = SIGINT;
        const auto begin = steady::now();
        options.signal_when = [&] { return steady::now() - begin > 800ms; };
        const auto r = run_process(
            {"sh", "-c", "exec \"$@\" 2>\"$TERMINAL\"", "sh", AMPACITY_PROGRAM, "run", "s.yaml", "-o", "out", option},
            [&] {
                options.environment = {{"TERMINAL", name.data()}};
                return options;
            }());
        over = true;
        reader.join();
        CHECK(r.status == 4);
        return seen;
    };
    const auto usual = seen_with("--seed=1");
    INFO(usual);
    CHECK(contains(usual, "events/s"));
    CHECK(contains(usual, "ETA"));
    const auto unwanted = seen_with("--no-progress");
    CHECK_FALSE(contains(unwanted, "events/s"));
    CHECK_FALSE(contains(unwanted, "ETA"));
    ::close(other_end);
    ::close(terminal);
}

TEST_CASE("a short run in a pipe says nothing on stderr") {
    const workspace here;
    here.run_well();
    here.run_well({"--no-progress"});
    here.run_to(0, {"--progress"});
}

TEST_CASE("a kill during output leaves no file that looks whole and is not") {
    const workspace here{
        with(with(with(endless, "jobs: 4000000000", "jobs: 150000"), "rate: \"1000 /s\"", "rate: \"1 /s\""),
             "output: { jobs: false }", "output: { placement: true, telemetry: \"10 s\", events: true }")};
    // All but run.json, which tells the time.
    const auto files_in = [&](const std::string& folder) {
        file_texts files;
        if (!here.has(folder)) return files;
        for (const auto& f : std::filesystem::directory_iterator(here.path(folder))) {
            if (f.path().filename() != "run.json") files[f.path().filename().string()] = read_file(f.path());
        }
        return files;
    };
    const auto partial_files = [&] {
        std::size_t found = 0;
        std::error_code gone;  // files come and go while we look
        for (const auto& f : std::filesystem::directory_iterator(here.path("out"), gone)) {
            if (f.path().extension() == ".partial") ++found;
        }
        return found;
    };
    here.run_well({}, "whole");
    const auto whole = files_in("whole");
    REQUIRE(whole.contains("jobs.csv"));
    REQUIRE(whole.contains("events.json"));
    std::size_t cut = 0;
    for (int later = 0; later != 12; ++later) {
        process_options options;
        options.directory = here.path();
        options.signal = SIGKILL;
        int looks = 0;
        options.signal_when = [&] { return partial_files() != 0 && looks++ == 3 * later; };
        run_process({AMPACITY_PROGRAM, "run", "s.yaml", "-o", "out"}, options);
        if (partial_files() != 0) ++cut;
        for (const auto& [name, text] : files_in("out")) {
            INFO(name << ", killed after " << 3 * later << " looks");
            if (!name.ends_with(".partial")) CHECK(first_difference(whole.at(name), text).empty());
        }
        // The summary is the last: where it stands, all stand.
        if (here.has("out/summary.json")) CHECK(partial_files() == 0);
    }
    CHECK(cut > 0);
    here.run_well();
    check_same(files_in("out"), whole);
}
