// Elastic jobs from file to file: columns of jobs-csv, keys of a scenario, the files of a run, and what is refused.

#include "cli/program.hpp"

using namespace ampacity::test;

namespace {

const std::string scenario = R"(ampacity: 1
name: small
seed: 1
fleet: { nodes: { gpus: 8, count: 2 } }
workload:
  - trace: { path: jobs.csv }
scheduler: { policy: elastic, placer: pack, preemption: { resize: "4 s" } }
output: { placement: true, events: true, telemetry: "10 s" }
)";

const std::string columns = "job_id,submit_s,gpus,duration_s,gpus_min,gpus_max,serial_fraction\n";

/// `a` has both nodes until `b` takes one at 30 s, and again from 50 s on.
const std::string trace = columns + "a,0,8,100,1,16,0\nb,30,8,20,,,\n";

std::string squeezed(const std::string& text) { return std::regex_replace(text, std::regex{" +"}, " "); }

}  // namespace

TEST_CASE("a job that is resized is told in every file") {
    const workspace here{scenario, trace};
    const auto r = here.run_well();
    CHECK(contains(r.out, "2 finished"));
    // 60 s are done at 30 s, 76 s at 50 s, for 4 s of each stretch that follows a resize go by without work.
    CHECK(here.read("out/jobs.csv") ==
          "job_id,submit_s,start_s,finish_s,gpus,state,preemptions,restarts,useful_gpu_s,lost_gpu_s\n"
          "a,0,0,66,8,finished,0,0,800,0\n"
          "b,30,30,50,8,finished,0,0,160,0\n");
    CHECK(here.read("out/placement.csv") ==
          "job_id,attempt,start_s,nodes\n"
          "a,1,0,0:8;1:8\n"
          "a,1,30,0:8\n"
          "b,1,30,1:8\n"
          "a,1,50,0:8;1:8\n");
    const auto s = here.summary();
    check_books(s);
    CHECK(s.number("jobs.resizes") == 2);
    CHECK(s.number("jobs.preemptions") == 0);
    CHECK(s.number("gpu_hours.useful") == Approx(960 / 3600.0).epsilon(1e-12));
    CHECK(s.number("gpu_hours.restart") == Approx(96 / 3600.0).epsilon(1e-12));
    CHECK(s.number("gpu_hours.idle") == 0);
    CHECK(s.number("utilisation") == Approx(960 / (16 * 66.0)).epsilon(1e-12));
    CHECK(s.number("bounded_slowdown.max") == 1);
    for (const auto& row : lines_of(here.read("out/telemetry.csv"))) {
        const auto f = fields_of(row);
        if (f[0] != "time_s" && f[0] != "70") CHECK(f[3] == "16");
    }

    const document events{here.read("out/events.json")};
    std::vector<std::string> of_a;
    for (const auto& e : events.at("traceEvents")) {
        if (e.at("ph") != "X" || e.at("name") != "a" || e.at("pid") != 3) continue;  // node 0
        of_a.push_back(std::to_string(e.at("ts").get<std::int64_t>() / 1'000'000) + ' ' +
                       std::to_string(e.at("dur").get<std::int64_t>() / 1'000'000) + ' ' +
                       std::to_string(e.at("args").at("gpus").get<int>()) + ' ' +
                       e.at("args").at("end").get<std::string>());
    }
    CHECK(of_a == std::vector<std::string>{"0 30 16 resized", "30 20 8 resized", "50 16 16 finished"});

    const auto why = here.call({"why", "s.yaml", "--job", "a"});
    INFO(why.out);
    CHECK(contains(squeezed(why.out),
                   " 0 started on 16 GPUs\n 30 resized from 16 to 8 GPUs\n"
                   " 50 resized from 8 to 16 GPUs\n 66 finished\n\nit never waited\n"));

    // What is written resolves to the same run.
    const auto files = here.read("out/jobs.csv") + here.read("out/summary.json");
    here.run_well();
    CHECK(here.read("out/jobs.csv") + here.read("out/summary.json") == files);
    CHECK(contains(here.read("out/resolved.yaml"), "resize: \"4 s\""));
    here.run_well({"--set", "fleet={ pool_gpus: 16 }"});
    CHECK(contains(here.read("out/jobs.csv"), "a,0,0,66,8,finished,0,0,800,0\n"));
}

TEST_CASE("another policy runs elastic jobs with the GPUs that they prefer, and counts no resizes") {
    const workspace here{scenario, trace};
    here.run_well({"--policy", "fifo"});
    CHECK(contains(here.read("out/jobs.csv"), "a,0,0,100,8,finished,0,0,800,0\n"));
    CHECK(here.summary().number("jobs.resizes") == 0);
    here.write("jobs.csv", header + "a,0,8,100\n");
    here.run_well();
    CHECK_FALSE(here.summary().has("jobs.resizes"));
}

TEST_CASE("a job that prefers more than the fleet has runs where the policy chooses") {
    const workspace here{scenario, columns + "a,0,64,10,1,64,0\nb,0,64,10,17,64,0\nc,0,64,10,,,\n"};
    here.run_well();
    CHECK(contains(here.read("out/jobs.csv"), "a,0,0,40,64,finished,0,0,640,0\n"));
    CHECK(here.summary().number("jobs.rejected") == 2);
    const auto rows = lines_of(here.read("out/rejected.csv"));
    REQUIRE(rows.size() == 3);
    CHECK(rows[1].starts_with("b,0,64,"));
    CHECK(contains(rows[1], "17"));
    here.run_well({"--policy", "fifo"});
    CHECK(here.summary().number("jobs.rejected") == 3);
}

TEST_CASE("why tells what an elastic job waits for") {
    // `b` can have 14 GPUs once `a` has its 2, `c` stands behind it; at 60 s, the end of the interval, `a` shrinks.
    const workspace here{with(with(scenario, "{ nodes: { gpus: 8, count: 2 } }", "{ pool_gpus: 16 }"),
                              "placer: pack, preemption: { resize: \"4 s\" }", "elastic: { interval: \"60 s\" }"),
                         columns + "a,0,8,1000,2,16,0\nb,10,15,10,14,16,0\nc,20,1,10,,,\nd,70,16,10,16,17,0\n"};
    const auto told = [&](const std::string& job) {
        const auto r = here.call({"why", "s.yaml", "--job", job});
        CHECK(r.status == 0);
        INFO(r.out);
        return squeezed(r.out);
    };
    CHECK(
        contains(told("b"), " 10 50 2 0 came after the last round; the next one is at 60 s\n 60 started on 14 GPUs\n"));
    CHECK(contains(told("c"), " 20 40 1 1 behind job b: "));
    CHECK(contains(told("d"), "needs 16 GPUs"));
}

TEST_CASE("ranges of GPUs that cannot be are refused where they stand") {
    const auto refused = [](const std::string& row) {
        const workspace here{scenario, columns + "a,0,8,100,1,16,0\n" + row + "\n"};
        const auto m = check_refused(here.run(), 3);
        check_placed(m, "jobs.csv");
        CHECK(m.line == 3);
        CHECK_FALSE(here.has("out/summary.json"));
        return std::to_string(m.column) + ' ' + m.key + ' ' + m.value;
    };
    CHECK(refused("b,0,8,100,9,16,0") == "11 gpus_min 9");
    CHECK(refused("b,0,8,100,1,7,0") == "13 gpus_max 7");
    CHECK(refused("b,0,8,100,1,16,2") == "16 serial_fraction 2");

    const auto wrong = [](const std::string& from, const std::string& to) {
        const workspace here{with(scenario, from, to)};
        const auto m = check_refused(here.run(), 2);
        return std::to_string(m.line) + ' ' + m.key + ' ' + m.value + ' ' + m.remedy;
    };
    CHECK(contains(wrong("resize: \"4 s\"", "resize: 4"), "7 scheduler.preemption.resize 4 "));
    CHECK(contains(wrong("resize:", "resise:"), "did you mean `resize`?"));
    const std::string synthetic =
        "synthetic: { jobs: 9, rate: \"1 /h\", duration: { median: \"1 h\", sigma: 1 }, "
        "gpus: [{ gpus: 4, weight: 1, elastic: { min: 5, max: 8 } }] }";
    CHECK(contains(wrong("trace: { path: jobs.csv }", synthetic),
                   "6 workload.0.synthetic.gpus.0.elastic.min 5 write at most 4"));
    CHECK(contains(wrong("placer: pack", "elastic: { steps: power-of-two }"), "did you mean `powers-of-two`?"));
}

TEST_CASE("synthetic jobs are elastic where their size says so") {
    const std::string synthetic =
        "synthetic: { jobs: 200, rate: \"20 /h\", duration: { median: \"1 h\", sigma: 1 }, gpus: "
        "[{ gpus: 4, weight: 1, elastic: { min: 1, max: 16, serial_fraction: 0.05 } }, { gpus: 2, weight: 1 }] }";
    const workspace here{with(scenario, "trace: { path: jobs.csv }", synthetic)};
    here.run_well();
    const auto s = here.summary();
    check_books(s);
    CHECK(s.number("jobs.finished") == 200);
    CHECK(s.number("jobs.resizes") > 50);
    const auto jobs = here.read("out/jobs.csv");
    here.run_well({"--policy", "round", "--set", "scheduler.round.policy=elastic"});
    CHECK(here.summary().number("jobs.resizes") > 10);
    CHECK(here.read("out/jobs.csv") != jobs);
}

TEST_CASE("the example of elastic jobs runs, and they wait less than rigid ones") {
    const workspace here;
    here.write("s.yaml", read_file(std::filesystem::path{AMPACITY_SOURCE_DIR} / "scenarios/elastic.yaml"));
    here.run_well();
    const auto elastic = here.summary();
    check_books(elastic);
    CHECK(elastic.number("jobs.finished") == 5000);
    CHECK(elastic.number("jobs.resizes") > 1000);
    CHECK(elastic.number("gpu_hours.restart") > 0);
    here.run_well({"--policy", "fifo-skip"});
    CHECK(here.summary().number("jct_s.mean") > 2 * elastic.number("jct_s.mean"));
}
