// What a run leaves in its folder, against results computed by hand, and what stands on stdout.

#include "cli/program.hpp"

#include <algorithm>
#include <set>

using namespace ampacity::test;

namespace {

const std::string jobs_header =
    "job_id,submit_s,start_s,finish_s,gpus,state,preemptions,restarts,useful_gpu_s,lost_gpu_s\n";

/// Of so few values that the 99th percentile is the largest.
void check_distribution(const document& summary, const std::string& metric, double mean, double p50, double p90,
                        double max) {
    INFO(metric);
    CHECK(summary.number(metric + ".mean") == Approx(mean).epsilon(1e-12));
    CHECK(summary.number(metric + ".p50") == Approx(p50).epsilon(1e-12));
    CHECK(summary.number(metric + ".p90") == Approx(p90).epsilon(1e-12));
    CHECK(summary.number(metric + ".p99") == Approx(max).epsilon(1e-12));
    CHECK(summary.number(metric + ".max") == Approx(max).epsilon(1e-12));
}

/// The counts of jobs; those that are not given are 0.
void check_counts(const document& summary, const std::map<std::string, int>& above_zero) {
    for (const std::string key : {"submitted", "finished", "rejected", "killed", "unfinished", "preemptions"}) {
        const auto expected = above_zero.find(key);
        INFO(key);
        CHECK(summary.number("jobs." + key) == (expected == above_zero.end() ? 0 : expected->second));
    }
}

/// A run with these options leaves these rows in jobs.csv.
void check_jobs(const workspace& here, const std::vector<std::string>& options, const std::string& rows) {
    here.run_well(options);
    CHECK(here.read("out/jobs.csv") == jobs_header + rows);
    check_books(here.summary());
}

const std::string nodes_scenario =
    with(small_scenario, "pool_gpus: 4", "nodes: { gpus: 8, count: 2 }") + "output: { placement: true }\n";

}  // namespace

TEST_CASE("jobs.csv holds the schedule worked out by hand") {
    const workspace here;
    check_jobs(here, {},
               "a,0,0,10,2,finished,0,0,20,0\n"
               "b,1.5,10,15,4,finished,0,0,20,0\n"
               "c,2,15,15.25,1,finished,0,0,0.25,0\n");
    check_jobs(here, {"--policy", "easy"},
               "a,0,0,10,2,finished,0,0,20,0\n"
               "b,1.5,10,15,4,finished,0,0,20,0\n"
               "c,2,2,2.25,1,finished,0,0,0.25,0\n");
    // At 1.5 s b has less to do than a, at 2 s c has less than b; c leaves no room for b, so b and a wait for it.
    check_jobs(here, {"--policy", "srtf"},
               "a,0,0,15.25,2,finished,1,0,20,0\n"
               "b,1.5,1.5,6.75,4,finished,1,0,20,0\n"
               "c,2,2,2.25,1,finished,0,0,0.25,0\n");
}

TEST_CASE("jobs without GPUs or larger than the fleet are rejected and block nobody") {
    const workspace here{small_scenario,
                         header + "none,0,0,5\nhuge,0,5,5\na,0,4,1\ngiant,0.5,2147483648,5\nb,0.5,4,1\n"};
    for (const std::string policy :
         {"fifo", "fifo-skip", "sjf", "srtf", "las", "easy", "conservative", "priority", "fair-share", "drf"}) {
        INFO(policy);
        check_jobs(here, {"--policy", policy},
                   "none,0,,,0,rejected,0,0,0,0\n"
                   "huge,0,,,5,rejected,0,0,0,0\n"
                   "a,0,0,1,4,finished,0,0,4,0\n"
                   "giant,0.5,,,2147483648,rejected,0,0,0,0\n"
                   "b,0.5,1,2,4,finished,0,0,4,0\n");
        check_counts(here.summary(), {{"submitted", 5}, {"rejected", 3}, {"finished", 2}});
    }
}

TEST_CASE("rows stand in file order and names as they were written") {
    const workspace here{small_scenario, header + "007,5,1,1\n\"x;y\",4,1,1\n-3,4,1,0\n12345678901234567890,5,4,1\n"};
    check_jobs(here, {},
               "007,5,5,6,1,finished,0,0,1,0\n"
               "x;y,4,4,5,1,finished,0,0,1,0\n"
               "-3,4,4,4,1,finished,0,0,0,0\n"
               "12345678901234567890,5,6,7,4,finished,0,0,4,0\n");
}

TEST_CASE("names that hold commas and quotes are quoted again") {
    const workspace here{small_scenario, header + "\"a,b\",0,1,1\n\"say \"\"x\"\"\",0,1,1\n"};
    check_jobs(here, {}, "\"a,b\",0,0,1,1,finished,0,0,1,0\n\"say \"\"x\"\"\",0,0,1,1,finished,0,0,1,0\n");
}

TEST_CASE("decimals are exact and finer ones rounded half to even") {
    const workspace here{small_scenario, header +
                                             "a,0.1,3,0.000000001\n"
                                             "b,1.0000000005,1,1e-10\n"
                                             "c,1.0000000015,1,2.5000000000000000001e-9\n"
                                             "d,1e3,1,6307200000\n"};
    check_jobs(here, {},
               "a,0.1,0.1,0.100000001,3,finished,0,0,0.000000003,0\n"
               "b,1,1,1,1,finished,0,0,0,0\n"
               "c,1.000000002,1.000000002,1.000000005,1,finished,0,0,0.000000003,0\n"
               "d,1000,1000,6307201000,1,finished,0,0,6307200000,0\n");
}

TEST_CASE("at the end of the run what runs or waits is unfinished") {
    const workspace here;
    // The end itself is processed: at 10 s a finishes and b starts.
    check_jobs(here, {"--until", "10 s"},
               "a,0,0,10,2,finished,0,0,20,0\n"
               "b,1.5,10,,4,unfinished,0,0,0,0\n"
               "c,2,,,1,unfinished,0,0,0,0\n");
    check_jobs(here, {"--until", "12.5 s"},
               "a,0,0,10,2,finished,0,0,20,0\n"
               "b,1.5,10,,4,unfinished,0,0,10,0\n"
               "c,2,,,1,unfinished,0,0,0,0\n");
    const auto s = here.summary();
    CHECK(s.number("simulated_s") == 12.5);
    check_counts(s, {{"submitted", 3}, {"finished", 1}, {"unfinished", 2}});
    check_distribution(s, "wait_s", 0, 0, 0, 0);
    // Jobs that come later were never submitted.
    check_jobs(here, {"--until", "1.75 s"}, "a,0,0,,2,unfinished,0,0,3.5,0\nb,1.5,,,4,unfinished,0,0,0,0\n");
    check_jobs(here, {"--until", "0 s"}, "a,0,0,,2,unfinished,0,0,0,0\n");
}

TEST_CASE("jobs are killed at their estimate where it is enforced") {
    const workspace here{small_scenario,
                         "job_id,submit_s,gpus,duration_s,estimate_s\na,0,2,10,3\nb,0,4,5,5\nc,0,1,1,\n"};
    check_jobs(here, {"--set", "enforce_estimate=true"},
               "a,0,0,3,2,killed,0,0,0,6\n"
               "b,0,3,8,4,finished,0,0,20,0\n"
               "c,0,8,9,1,finished,0,0,1,0\n");
    CHECK(here.summary().number("jobs.killed") == 1);
    check_jobs(here, {},
               "a,0,0,10,2,finished,0,0,20,0\n"
               "b,0,10,15,4,finished,0,0,20,0\n"
               "c,0,15,16,1,finished,0,0,1,0\n");
}

TEST_CASE("summary.json holds the figures worked out by hand") {
    const workspace here{small_scenario, small_trace + "d,3,0,7\n"};
    here.run_well();
    const auto s = here.summary();
    CHECK(s.number("schema") == 1);
    CHECK(s.text("scenario") == "small");
    CHECK(s.number("seed") == 1);
    CHECK(s.text("policy") == "fifo");
    CHECK(s.number("simulated_s") == 15.25);
    check_counts(s, {{"submitted", 4}, {"finished", 3}, {"rejected", 1}});
    check_distribution(s, "jct_s", 12.25, 13.25, 13.5, 13.5);
    check_distribution(s, "wait_s", 21.5 / 3, 8.5, 13, 13);
    check_distribution(s, "bounded_slowdown", 3.675 / 3, 1.325, 1.35, 1.35);
    CHECK(s.number("makespan_s") == 15.25);
    CHECK(s.number("utilisation") == Approx(40.25 / 61).epsilon(1e-12));
    CHECK(s.number("gpu_hours.capacity") == Approx(61 / 3600.0).epsilon(1e-12));
    CHECK(s.number("gpu_hours.useful") == Approx(40.25 / 3600.0).epsilon(1e-12));
    CHECK(s.number("gpu_hours.idle") == Approx(20.75 / 3600.0).epsilon(1e-12));
    CHECK(s.number("gpu_hours.lost") == 0);
    check_books(s);
    // What is not modelled is absent, and a run to its end is not marked.
    for (const char* key :
         {"power_w", "energy_kwh", "pue", "carbon_kg", "cost_usd", "services", "training", "interrupted"}) {
        INFO(key);
        CHECK_FALSE(s.has(key));
    }
}

TEST_CASE("what preemption costs stands in the books where it is modelled") {
    const workspace here{small_scenario, header + "a,0,4,10\nb,2,4,1\n"};
    const std::string jobs =
        "a,0,0,14,4,finished,1,0,40,0\n"
        "b,2,2,3,4,finished,0,0,4,0\n";
    check_jobs(here, {"--policy", "srtf", "--set", "scheduler.preemption.restart=3 s"}, jobs);
    CHECK(here.summary().number("gpu_hours.restart") == Approx(12 / 3600.0).epsilon(1e-12));
    CHECK_FALSE(here.summary().has("gpu_hours.checkpoint"));
    check_books(here.summary());
    check_jobs(here, {"--policy", "srtf", "--set", "scheduler.preemption.checkpoint=3 s"}, jobs);
    CHECK(here.summary().number("gpu_hours.checkpoint") == Approx(12 / 3600.0).epsilon(1e-12));
    CHECK_FALSE(here.summary().has("gpu_hours.restart"));
    // 1.5 s of work are kept; the rest is lost with the 0.5 s after it.
    check_jobs(here, {"--policy", "srtf", "--set", "scheduler.preemption.checkpoint_interval=1.5 s"},
               "a,0,0,11.5,4,finished,1,0,40,2\n"
               "b,2,2,3,4,finished,0,0,4,0\n");
    CHECK(here.summary().number("gpu_hours.lost") == Approx(2 / 3600.0).epsilon(1e-12));
    check_books(here.summary());
}

TEST_CASE("groups and priorities of a trace decide") {
    const workspace here{small_scenario,
                         "job_id,submit_s,gpus,duration_s,group,priority\na,0,4,10,lent,0\nb,2,2,1,own,1\n"};
    const std::string preempted =
        "a,0,0,11,4,finished,1,0,40,0\n"
        "b,2,2,3,2,finished,0,0,2,0\n";
    check_jobs(here, {"--policy", "priority"}, preempted);
    check_jobs(here, {"--policy", "fair-share", "--set", "scheduler.fair-share.groups=[{ name: own, quota: 2 }]"},
               preempted);
    check_jobs(here, {"--policy", "fair-share"},
               "a,0,0,10,4,finished,0,0,40,0\n"
               "b,2,10,11,2,finished,0,0,2,0\n");
}

TEST_CASE("an empty trace is a run with zero counts") {
    const std::string no_entries = with(small_scenario, "workload:\n  - trace: { path: jobs.csv }\n", "workload: []\n");
    const std::string no_end = header.substr(0, header.size() - 1);
    const std::vector<std::pair<std::string, std::string>> cases{
        {small_scenario, header}, {no_entries, header}, {small_scenario, no_end}};
    for (const auto& [scenario, trace] : cases) {
        INFO(scenario << trace);
        const workspace here{scenario + "output: { placement: true, telemetry: \"60 s\" }\n", trace};
        const auto r = here.run_well();
        CHECK(contains(r.out, "small"));
        const auto s = here.summary();
        check_counts(s, {});
        CHECK(s.number("simulated_s") == 0);
        for (const char* key : {"jct_s", "wait_s", "bounded_slowdown", "makespan_s", "utilisation"}) {
            INFO(key);
            CHECK_FALSE(s.has(key));
        }
        check_books(s);
        CHECK(here.read("out/jobs.csv") == jobs_header);
        CHECK(here.read("out/placement.csv") == "job_id,attempt,start_s,nodes\n");
        for (const char* key : {"wall_s", "load_s", "write_s", "events", "events_per_s"}) {
            INFO(key);
            CHECK(here.about().at(key).is_number());
        }
    }
}

TEST_CASE("metrics over zero jobs are absent although jobs were there") {
    const workspace here{small_scenario, header + "a,5,9,1\n"};
    here.run_well();
    const auto s = here.summary();
    check_counts(s, {{"submitted", 1}, {"rejected", 1}});
    for (const char* key : {"jct_s", "wait_s", "bounded_slowdown", "makespan_s", "utilisation"})
        CHECK_FALSE(s.has(key));
}

TEST_CASE("a pool of a thousand million GPUs is valid") {
    const workspace here{with(small_scenario, "pool_gpus: 4", "pool_gpus: 1000000000"),
                         small_trace + "d,2,1000000000,36\n"};
    check_jobs(here, {},
               "a,0,0,10,2,finished,0,0,20,0\n"
               "b,1.5,1.5,6.5,4,finished,0,0,20,0\n"
               "c,2,2,2.25,1,finished,0,0,0.25,0\n"
               "d,2,10,46,1000000000,finished,0,0,36000000000,0\n");
    CHECK(here.summary().number("gpu_hours.capacity") == Approx(46e9 / 3600).epsilon(1e-12));
}

TEST_CASE("placement.csv names nodes and GPUs") {
    const workspace here{nodes_scenario, header + "a,0,12,10\nb,1,4,2\nc,2,16,1\nd,3,17,1\n"};
    here.run_well();
    CHECK(here.read("out/placement.csv") ==
          "job_id,attempt,start_s,nodes\n"
          "a,1,0,0:8;1:4\n"
          "b,1,1,1:4\n"
          "c,1,10,0:8;1:8\n");
    CHECK(contains(here.read("out/jobs.csv"), "d,3,,,17,rejected,0,0,0,0\n"));
}

TEST_CASE("each attempt of a preempted job has its row in placement.csv") {
    const workspace here{nodes_scenario, header + "long,0,16,10\nshort,1,8,2\n"};
    here.run_well({"--policy", "srtf"});
    CHECK(here.read("out/placement.csv") ==
          "job_id,attempt,start_s,nodes\n"
          "long,1,0,0:8;1:8\n"
          "short,1,1,0:8\n"
          "long,2,3,0:8;1:8\n");
}

TEST_CASE("on a pool placement.csv names no nodes") {
    const workspace here;
    here.run_well({"--set", "output.placement=true"});
    CHECK(here.read("out/placement.csv") == "job_id,attempt,start_s,nodes\na,1,0,\nb,1,10,\nc,1,15,\n");
}

TEST_CASE("telemetry.csv samples the state after each instant's decisions") {
    const workspace here;
    here.run_well({"--set", "output.telemetry=5 s"});
    const auto lines = lines_of(here.read("out/telemetry.csv"));
    REQUIRE(lines.size() >= 5);
    const auto names = fields_of(lines[0]);
    const std::vector<std::pair<std::string, std::vector<std::string>>> expected{
        {"time_s", {"0", "5", "10", "15"}},
        {"queued_jobs", {"0", "2", "1", "0"}},
        {"running_jobs", {"1", "1", "1", "1"}},
        {"busy_gpus", {"2", "2", "4", "1"}},
    };
    for (const auto& [name, values] : expected) {
        INFO(name);
        const auto at = static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
        REQUIRE(at < names.size());
        for (std::size_t i = 0; i != values.size(); ++i) CHECK(fields_of(lines[i + 1]).at(at) == values[i]);
    }
}

TEST_CASE("run.json holds what depends on the machine") {
    const workspace here;
    here.run_well();
    const auto about = here.about();
    for (const char* key : {"wall_s", "load_s", "write_s", "events_per_s"}) {
        INFO(key);
        CHECK(about.number(key) >= 0);
    }
    CHECK(about.number("events") >= 6);
    CHECK(about.number("peak_rss_bytes") > 1'000'000);
    CHECK(!about.text("version").empty());
    CHECK(!about.text("compiler").empty());
    CHECK(about.has("host"));
}

TEST_CASE("run.json holds a hash of each input") {
    const workspace here;
    here.run_well();
    const auto hash = [&](const std::string& file) {
        const auto about = here.about();
        for (const auto& [name, value] : about.at("inputs").items()) {
            if (std::filesystem::path{name}.filename() == file) return value.dump();
        }
        return "no hash of " + file;
    };
    const auto trace = hash("jobs.csv");
    CHECK_FALSE(contains(trace, "no hash"));
    here.run_well();
    CHECK(hash("jobs.csv") == trace);
    here.write("jobs.csv", small_trace + "z,99,1,1\n");
    here.run_well();
    CHECK(hash("jobs.csv") != trace);
    const auto scenario = hash("s.yaml");
    here.write("s.yaml", small_scenario + "# a comment\n");
    here.run_well();
    CHECK(hash("s.yaml") != scenario);
}

TEST_CASE("resolved.yaml is what validate prints") {
    const workspace here;
    here.run_well();
    const auto r = here.call({"validate", "s.yaml"});
    CHECK(r.status == 0);
    CHECK(r.out == here.read("out/resolved.yaml"));
}

TEST_CASE("what validate prints reads back to the same and nothing is run") {
    for (const auto& scenario : {small_scenario, nodes_scenario}) {
        const workspace here{scenario};
        const auto first = here.call({"validate", "s.yaml", "--seed", "9", "--set", "output.telemetry=90 s"});
        CHECK(first.status == 0);
        CHECK(first.err.empty());
        CHECK(contains(first.out, "seed: 9\n"));
        CHECK(contains(first.out, "until: drained\n"));
        CHECK(contains(first.out, "start: 2026-01-01T00:00:00Z\n"));
        CHECK(contains(first.out, "placer: first-fit\n"));
        here.write("again.yaml", first.out);
        const auto second = here.call({"validate", "again.yaml"});
        CHECK(second.status == 0);
        CHECK(second.out == first.out);
        std::set<std::string> left;
        for (const auto& entry : std::filesystem::directory_iterator(here.path())) left.insert(entry.path().filename());
        CHECK(left == std::set<std::string>{"s.yaml", "jobs.csv", "again.yaml"});
        here.write("s.yaml", first.out);
        here.run_well();
    }
}

TEST_CASE("only the files that were asked for are written") {
    const workspace here;
    const auto files = [&] {
        std::set<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(here.path("out")))
            names.insert(entry.path().filename());
        return names;
    };
    here.run_well();
    CHECK(files() == std::set<std::string>{"jobs.csv", "resolved.yaml", "run.json", "summary.json"});
    here.run_well({"--set", "output={ jobs: false, placement: true, telemetry: 1 s }"});
    CHECK(files() ==
          std::set<std::string>{"placement.csv", "resolved.yaml", "run.json", "summary.json", "telemetry.csv"});
}

TEST_CASE("stdout carries the summary table") {
    const workspace here;
    const auto r = here.run_well();
    CHECK(contains(r.out, "small"));
    CHECK(contains(r.out, "fifo"));
    CHECK(contains(r.out, "JCT"));
    CHECK(contains(r.out, "12.25"));
    CHECK(lines_of(r.out).size() >= 4);
    CHECK(r.out.back() == '\n');
}

TEST_CASE("sparklines are drawn where they are asked for, and change no file") {
    const workspace here{small_scenario + "output: { placement: true, telemetry: \"1 s\", events: true }\n"};
    const auto plain = here.run_well();
    CHECK_FALSE(contains(plain.out, "\u2581"));
    const auto files = here.results();
    const auto events = here.read("out/events.json");
    const auto drawn = here.run_well({"--sparklines"});
    REQUIRE(contains(drawn.out, plain.out));
    const auto lines = lines_of(drawn.out.substr(plain.out.size()));
    REQUIRE(lines.size() == 3);
    // b waits from 1.5 s, c beside it from 2 s to 15 s; a holds 2 of 4 GPUs until 10 s, b all of them until 15 s.
    CHECK(contains(lines[1], "0 to 2.0"));
    CHECK(contains(lines[2], "0 to 4 GPUs"));
    CHECK(contains(lines[2], "\u2585\u2585\u2585\u2585"));
    CHECK(contains(lines[2], "\u2588\u2588\u2588"));
    check_same(here.results(), files);
    CHECK(here.read("out/events.json") == events);
    CHECK(here.run_well({"--no-sparklines"}).out == plain.out);
}

TEST_CASE("names that are not UTF-8 stay as they are in CSV, and make no invalid JSON or HTML") {
    const workspace here{small_scenario + "output: { placement: true, events: true }\n",
                         "job_id,submit_s,gpus,duration_s,user\nM\xFCller,0,1,5,\xE9va\n\xC3,0,1,5,\xFF\n"};
    here.run_well();
    CHECK(contains(here.read("out/jobs.csv"), "\nM\xFCller,0,"));
    CHECK(contains(here.read("out/placement.csv"), "\n\xC3,"));
    std::size_t replaced = 0;
    const auto events = nlohmann::json::parse(here.read("out/events.json"));  // throws where it is not UTF-8
    for (const auto& e : events.at("traceEvents")) {
        if (e.at("name") == "M\uFFFDller") ++replaced;
    }
    CHECK(replaced >= 2);
    CHECK(here.call({"report", "out"}).status == 0);
    const std::string page = here.read("out/report.html");
    CHECK(contains(page, "M\uFFFDller"));
    CHECK_NOTHROW(nlohmann::json(page).dump());
    for (const char* file : {"summary.json", "run.json"})
        CHECK_NOTHROW(nlohmann::json::parse(here.read(std::string{"out/"} + file)));
    const auto statistics = nlohmann::json::parse(here.call({"trace", "jobs.csv", "--json"}).out);
    CHECK(statistics.at("users").at("largest").at("name") == "\uFFFDva");
}
