#include "program.hpp"
#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/experiment/result_store.hpp>
#include <ampacity/experiment/sweep.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace ampacity;
using namespace ampacity::test;

namespace {

const std::string base = R"(ampacity: 1
name: base
fleet: { pool_gpus: 16 }
workload:
  - synthetic:
      jobs: 400
      rate: "30 /h"
      duration: { median: "10 min", sigma: 1.2 }
      gpus: [ { gpus: 1, weight: 2 }, { gpus: 8, weight: 1 } ]
      estimate_factor: { min: 1, max: 3 }
scheduler: { policy: fifo }
)";

std::string sweep_text(const std::string& more) {
    return "ampacity-sweep: 1\nname: policies\nbase: s.yaml\nseed: 7\n" + more;
}

const std::string policies_by_load = sweep_text(R"(axes:
  scheduler.policy: [fifo, easy]
  workload.0.synthetic.rate: ["20 /h", "30 /h"]
replications: 6
)");

/// A folder with the base and a sweep over it.
struct sweeping : workspace {
    explicit sweeping(const std::string& sweep = policies_by_load) : workspace{base} { write("sweep.yaml", sweep); }
};

std::string content_of(const workspace& here, const std::string& db) {
    const auto result = here.call({"export", db});
    CHECK(result.status == 0);
    CHECK(result.err.empty());
    return result.out;
}

void sweep_to(int status, const workspace& here, std::vector<std::string> more) {
    std::vector<std::string> arguments{"sweep", "sweep.yaml"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto result = here.call(arguments);
    INFO(result.err);
    CHECK(result.status == status);
}

/// Trials that are done in a store that may not be there yet.
std::size_t done_in(const std::filesystem::path& db) {
    try {
        return experiment::result_store::open(db).done().size();
    } catch (const error&) {
        return 0;
    }
}

/// Ends a sweep by a signal when some of its trials are done.
process_result end_by(int signal, const workspace& here, const std::string& db) {
    return run_process(
        {AMPACITY_PROGRAM, "sweep", "sweep.yaml", "-o", db, "-j", "2"},
        {.directory = here.path(), .signal = signal, .signal_when = [&] { return done_in(here.path(db)) >= 5; }});
}

}  // namespace

TEST_CASE("sweep: the store holds what runs with the same seeds would say") {
    const sweeping here;
    const auto result = here.call({"sweep", "sweep.yaml"});
    INFO(result.err);
    REQUIRE(result.status == 0);
    CHECK(contains(result.err, "4 variants x 6 replications: 24 trials; about "));
    CHECK(result.out.starts_with("policies: 24 of 24 trials, 24 of them in "));
    CHECK(contains(result.out, ": out/policies.db\n"));

    const auto store = experiment::result_store::open(here.path("out/policies.db"));
    const auto trials = store.trials();
    REQUIRE(trials.size() == 24);
    const auto& t = trials[6 * 3 + 2];
    CHECK(t.key == "scheduler.policy=easy, workload.0.synthetic.rate=30 /h");
    CHECK(t.replication == 2);
    CHECK(t.seed == experiment::seed_of(7, 2));
    here.run_well({"--seed", std::to_string(t.seed), "--policy", "easy", "--set", "workload.0.synthetic.rate=30 /h"});
    const auto summary = here.summary();
    const auto metrics = store.metrics(t.id);
    CHECK(metrics.size() > 25);
    for (const auto& [name, value] : metrics) {
        INFO(name);
        CHECK(summary.number(name) == value);
    }
}

TEST_CASE("sweep: threads and parts and repetition change nothing") {
    const sweeping here;
    sweep_to(0, here, {"-o", "one.db", "-j", "1"});
    const auto expected = content_of(here, "one.db");
    CHECK(lines_of(expected).size() == 25);
    sweep_to(0, here, {"-o", "two.db", "-j", "2"});
    CHECK(content_of(here, "two.db") == expected);

    for (const std::string k : {"1", "2", "3"}) sweep_to(0, here, {"--shard", k + "/3"});
    CHECK(here.has("out/policies-2-of-3.db"));
    const auto merged =
        here.call({"merge", "all.db", "out/policies-3-of-3.db", "out/policies-1-of-3.db", "out/policies-2-of-3.db"});
    CHECK(merged.status == 0);
    CHECK(merged.out == "policies: 24 of 24 trials, 0 of them failed: all.db\n");
    CHECK(content_of(here, "all.db") == expected);
    const auto part = here.call({"merge", "some.db", "out/policies-1-of-3.db"});
    CHECK(part.out == "policies: 8 of 24 trials, 0 of them failed: some.db\n");

    sweep_to(2, here, {"-o", "one.db"});
    sweep_to(0, here, {"-o", "one.db", "--resume"});
    sweep_to(0, here, {"-o", "new.db", "--resume"});
    CHECK(content_of(here, "one.db") == expected);
    CHECK(content_of(here, "new.db") == expected);
}

TEST_CASE("sweep: killed half way and resumed it ends with the content of an undisturbed one") {
    const sweeping here{with(policies_by_load, "replications: 6", "replications: 250")};
    const auto killed = end_by(SIGKILL, here, "killed.db");
    CHECK(killed.signal == SIGKILL);
    const std::size_t done = done_in(here.path("killed.db"));
    CHECK(done >= 5);
    CHECK(done < 1000);
    const auto resumed = here.call({"sweep", "sweep.yaml", "-o", "killed.db", "--resume"});
    CHECK(resumed.status == 0);
    CHECK(contains(resumed.err, "1000 trials, " + std::to_string(done) + " of them done; about "));
    CHECK(contains(resumed.out, "1000 of 1000 trials, " + std::to_string(1000 - done) + " of them in "));
    sweep_to(0, here, {"-o", "whole.db"});
    CHECK(content_of(here, "killed.db") == content_of(here, "whole.db"));
}

TEST_CASE("sweep: interrupted it ends at once with status 4 and can go on") {
    const sweeping here{with(policies_by_load, "replications: 6", "replications: 250")};
    const auto begin = std::chrono::steady_clock::now();
    const auto result = end_by(SIGINT, here, "i.db");
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{20});
    CHECK(result.signal == 0);
    CHECK(result.status == 4);
    CHECK(contains(result.err, "interrupted; what was done is saved, go on with --resume"));
    const std::size_t done = done_in(here.path("i.db"));
    CHECK(done >= 5);
    CHECK(done < 1000);
    CHECK(contains(result.out, "policies: " + std::to_string(done) + " of 1000 trials"));
    CHECK(here.call({"compare", "i.db"}).status == 0);
}

TEST_CASE("sweep: a dry run lists the trials and writes nothing") {
    const sweeping here;
    const auto result = here.call({"sweep", "sweep.yaml", "--dry-run", "--shard", "2/4"});
    CHECK(result.status == 0);
    const auto lines = lines_of(result.out);
    REQUIRE(lines.size() == 6);
    CHECK(lines[1] == "1\t" + std::to_string(experiment::seed_of(7, 1)) +
                          "\tscheduler.policy=fifo, workload.0.synthetic.rate=30 /h");
    CHECK_FALSE(here.has("out"));
}

TEST_CASE("sweep: progress is shown on demand") {
    const sweeping here{with(policies_by_load, "replications: 6", "replications: 200")};
    const auto shown = here.call({"sweep", "sweep.yaml", "-j", "1", "-o", "a.db", "--progress"});
    CHECK(contains(shown.err, " of 800 trials  "));
    CHECK(contains(shown.err, "ETA "));
    const auto silent = here.call({"sweep", "sweep.yaml", "-j", "1", "-o", "b.db"});
    CHECK_FALSE(contains(silent.err, "ETA "));
}

TEST_CASE("sweep: trials that fail are told and the others stand") {
    workspace here{small_scenario};
    here.write("bad.csv", header + "a,0,2,10\nb,x,1,1\n");
    here.write("sweep.yaml", sweep_text("axes: { workload.0.trace.path: [jobs.csv, bad.csv] }\nreplications: 2\n"));
    const auto result = here.call({"sweep", "sweep.yaml", "-o", "a.db"});
    CHECK(result.status == 0);
    CHECK(contains(result.err, "2 trials failed, the first with: bad.csv:3:3: error: submit_s: "));
    CHECK(contains(here.call({"compare", "a.db"}).out, "2 trials done, 2 failed"));
    here.write("sweep.yaml", sweep_text("axes: { workload.0.trace.path: [bad.csv] }\n"));
    CHECK(here.call({"sweep", "sweep.yaml", "-o", "b.db"}).status == 3);
    // Repaired, it is another input.
    here.write("bad.csv", header + "a,0,2,10\n");
    const auto m = check_refused(here.call({"sweep", "sweep.yaml", "-o", "b.db", "--resume"}), 2);
    CHECK(contains(m.what, "an input differs"));
}

TEST_CASE("sweep: compare says what is better and how sure that is") {
    const sweeping here{with(policies_by_load, "replications: 6", "replications: 20")};
    sweep_to(0, here, {"-o", "a.db"});
    const auto result = here.call(
        {"compare", "a.db", "--baseline", "fifo", "--metric", "wait_s.mean", "--metric", "jct_s.p99", "--pareto"});
    REQUIRE(result.status == 0);
    CHECK(result.err.empty());
    const auto lines = lines_of(result.out);
    CHECK(lines[0] == "policies: 80 trials done, 0 failed, up to 20 replications");
    CHECK(contains(
        lines[1], "differences to fifo, on the same random draws; intervals and p values corrected for 4 comparisons"));
    CHECK(contains(result.out, "wait_s.mean [s], lower is better\n"));
    CHECK(
        contains(result.out, "few values: a run has as few as 400 finished jobs, so that fewer than 100 lie above it"));
    CHECK(contains(result.out, "  workload.0.synthetic.rate=30 /h\n"));
    int better = 0;
    for (const auto& line : lines) better += line.starts_with("  easy") && line.ends_with("  better") ? 1 : 0;
    CHECK(better >= 2);
    CHECK(contains(result.out, "Pareto front of wait_s.mean, jct_s.p99\n"));
    CHECK(here.call({"compare", "a.db"}).status == 0);
}

TEST_CASE("sweep: what moves a metric most as text, as a picture and on the page") {
    const sweeping here{sweep_text(R"(axes:
  case:
    variants:
      base: {}
      load-low: { workload.0.synthetic.rate: "28 /h" }
      load-high: { workload.0.synthetic.rate: "32 /h" }
      "<b>&-low": { fleet.pool_gpus: 48 }
      half-high: { fleet.pool_gpus: 15 }
      srtf: { scheduler.policy: srtf }
replications: 6
)")};
    sweep_to(0, here, {"-o", "a.db"});
    const std::vector<std::string> which{"a.db", "--by", "case", "--baseline", "base", "--metric", "wait_s.mean"};
    const auto with_options = [&](const std::string& command, const std::vector<std::string>& more) {
        std::vector<std::string> all{command};
        all.insert(all.end(), which.begin(), which.end());
        all.insert(all.end(), more.begin(), more.end());
        return here.call(all);
    };

    const auto text = with_options("compare", {"--tornado"});
    REQUIRE(text.status == 0);
    CHECK(text.err.empty());
    const auto lines = lines_of(text.out);
    const auto heads =
        std::find_if(lines.begin(), lines.end(), [](const auto& l) { return l.starts_with("  factor"); });
    REQUIRE(lines.end() - heads == 5);
    CHECK((heads - 1)->starts_with("  base: "));
    // The means that the table without the option has, and their largest differences in falling order.
    std::map<std::string, double> means;
    for (const auto& line : lines_of(with_options("compare", {}).out)) {
        std::istringstream words(line);
        std::string name, runs;
        if (double mean = 0; words >> name >> runs >> mean) means[name] = mean;
    }
    REQUIRE(means.size() == 6);
    double before = std::numeric_limits<double>::infinity();
    std::set<std::string> factors;
    for (auto line = heads + 1; line != lines.end(); ++line) {
        INFO(*line);
        std::istringstream words(*line);
        std::string factor, low, high;
        words >> factor >> low;
        factors.insert(factor);
        double reach = 0;
        for (const char* const end : {"-low", "-high", ""})
            if (means.count(factor + end) != 0)
                reach = std::max(reach, std::abs(means.at(factor + end) - means.at("base")));
        CHECK(reach <= before);
        before = reach;
        CHECK((low == "-") == (means.count(factor + "-low") == 0));
        if (low != "-") CHECK(std::stod(low) == Approx(means.at(factor + "-low")).margin(0.2));
        CHECK(line->ends_with("]"));
        CHECK(line->size() == heads->size());
    }
    CHECK(factors == std::set<std::string>{"load", "<b>&", "half", "srtf"});

    REQUIRE(with_options("report", {"-o", "a.svg"}).status == 0);
    REQUIRE(with_options("report", {"-o", "b.svg"}).status == 0);
    CHECK(here.read("a.svg") == here.read("b.svg"));
    CHECK(contains(here.read("a.svg"), "wait_s.mean [s]</text>"));
    CHECK(contains(here.read("a.svg"), ">&lt;b&gt;&amp;</text>"));
    CHECK_FALSE(contains(here.read("a.svg"), "<b>"));
    REQUIRE(with_options("report", {"-o", "a.html"}).status == 0);
    CHECK(contains(here.read("a.html"), "aria-label=\"Tornado chart: wait_s.mean"));
    // By what has no ends.
    CHECK(check_refused(here.call({"compare", "a.db", "--by", "scheduler.policy", "--tornado"}), 2).key == "--tornado");
}

TEST_CASE("sweep: refusals") {
    const sweeping here;
    check_whole_file(check_refused(here.call({"sweep", "none.yaml"}), 2), "none.yaml");
    check_whole_file(check_refused(here.call({"compare", "none.db"}), 3), "none.db");
    check_whole_file(check_refused(here.call({"export", "s.yaml"}), 3), "s.yaml");
    check_whole_file(check_refused(here.call({"merge", "out.db", "none.db"}), 3), "none.db");
    CHECK_FALSE(here.has("out.db"));
    CHECK_FALSE(here.has("out.db.partial"));
    CHECK(check_refused(here.call({"sweep", "sweep.yaml", "--shard", "4/3"}), 2).value == "4/3");
    CHECK(check_refused(here.call({"sweep", "sweep.yaml", "--shard", "x"}), 2).value == "x");
    here.write("sweep.yaml", with(policies_by_load, "fifo, easy", "fifo, eazy"));
    const auto m = check_refused(here.call({"sweep", "sweep.yaml"}), 2);
    CHECK(m.file == "sweep.yaml");
    CHECK(m.line == 6);
    CHECK(m.column == 28);
    CHECK(m.key == "scheduler.policy");
    CHECK(contains(m.remedy, "easy"));
    CHECK_FALSE(here.has("out"));
    here.write("sweep.yaml", policies_by_load);
    sweep_to(0, here, {"-o", "a.db", "--shard", "1/2"});
    here.write("sweep.yaml", with(policies_by_load, "seed: 7", "seed: 8"));
    sweep_to(0, here, {"-o", "b.db", "--shard", "2/2"});
    CHECK(contains(check_refused(here.call({"merge", "c.db", "a.db", "b.db"}), 2).what, "another sweep"));
    CHECK_FALSE(here.has("c.db"));
    CHECK(
        contains(check_refused(here.call({"sweep", "sweep.yaml", "-o", "a.db", "--resume"}), 2).what, "another sweep"));
    CHECK(contains(check_refused(here.call({"compare", "a.db", "--metric", "jct_s.men"}), 2).remedy, "jct_s.mean"));
    CHECK(here.call({"sweep", "sweep.yaml", "-j", "0"}).status == 2);
}
