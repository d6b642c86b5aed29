// Dependencies between jobs and job arrays, as a user sees them.

#include "cli/program.hpp"

using namespace ampacity::test;

namespace {

const std::string tied_header = "job_id,submit_s,gpus,duration_s,after,after_any,think_s,array,array_limit\n";

/// Runs of blanks as one.
std::string squeezed(const std::string& text) { return std::regex_replace(text, std::regex{" +"}, " "); }

}  // namespace

TEST_CASE("jobs.csv tells when jobs with dependencies entered the queue") {
    const workspace here{small_scenario, tied_header +
                                             "a,0,2,10,,,,,\n"
                                             "b,0,2,5,a,,3,,\n"
                                             "c,1,5,5,,,,,\n"
                                             "d,1,1,1,c,,,,\n"
                                             "e,1,1,1,,c,,,\n"
                                             "t0,3,1,4,,,,T,1\n"
                                             "t1,3,1,4,,,,T,1\n"
                                             "g,4,4,1,T;a,,,,\n"};
    here.run_well();
    CHECK(here.read("out/jobs.csv") ==
          "job_id,submit_s,start_s,finish_s,gpus,state,preemptions,restarts,useful_gpu_s,lost_gpu_s,eligible_s\n"
          "a,0,0,10,2,finished,0,0,20,0,0\n"
          "b,0,13,18,2,finished,0,0,10,0,13\n"
          "c,1,,,5,rejected,0,0,0,0,\n"
          "d,1,,,1,rejected,0,0,0,0,\n"
          "e,1,1,2,1,finished,0,0,1,0,1\n"
          "t0,3,3,7,1,finished,0,0,4,0,3\n"
          "t1,3,7,11,1,finished,0,0,4,0,7\n"
          "g,4,11,12,4,finished,0,0,4,0,11\n");
    CHECK(here.read("out/rejected.csv") ==
          "job_id,time_s,gpus,reason\n"
          "c,1,5,needs 5 GPUs; the fleet has 4\n"
          "d,1,1,\"waits for job c to finish, which was rejected\"\n");
    const auto summary = here.summary();
    CHECK(summary.number("jobs.held") == 0);
    CHECK(summary.number("wait_s.max") == 0);
    CHECK(summary.number("jct_s.max") == 10);
    check_books(summary);
    CHECK(here.call({"report", "out"}).status == 0);

    const auto cut = here.run_well({"--until", "5 s"});
    CHECK(contains(cut.out, "5 unfinished (3 not in the queue)"));
    CHECK(here.summary().number("jobs.unfinished") == 5);
    CHECK(here.summary().number("jobs.held") == 3);
    CHECK(here.call({"report", "out"}).status == 0);
}

TEST_CASE("a trace without ties is told as before") {
    const workspace here;
    here.run_well();
    CHECK_FALSE(contains(here.read("out/jobs.csv"), "eligible_s"));
    CHECK_FALSE(here.summary().has("jobs.held"));
}

TEST_CASE("why says what a job waits for before it enters the queue") {
    const workspace here{small_scenario, tied_header +
                                             "a,0,4,10,,,,,\nb,1,4,5,a,,3,,\nc,12,4,5,,,,,\nd,1,1,1,b;c,,,,\n"
                                             "e,2,9,1,,,,,\nf,3,1,1,,b,,,\ng,3,1,1,f;e,,,,\n"
                                             "t0,40,1,4,,,,T,1\nt1,40,1,4,,,,T,1\n"};
    const auto story = [&](const std::string& job, const std::vector<std::string>& more = {}) {
        std::vector<std::string> arguments{"why", "s.yaml", "--job", job};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const auto r = here.call(arguments);
        CHECK(r.status == 0);
        return squeezed(r.out);
    };
    const std::string b = story("b");
    INFO(b);
    CHECK(contains(b, "job b: 4 GPUs, submitted at 1 s; small policy fifo\n"));
    CHECK(contains(b,
                   " 1 not in the queue: waits for job a to finish\n"
                   " 10 not in the queue: think time until 13 s\n"
                   " 13 enters the queue\n"
                   " 13 4 1 0 needs 4 GPUs, 0 free\n"
                   " 17 started\n"));
    CHECK(contains(b, "all waiting 4\n"));
    CHECK(
        contains(story("d"), " 1 not in the queue: waits for job b to finish, and for 1 more\n 22 enters the queue\n"));
    CHECK(contains(story("t1"),
                   " 40 not in the queue: as many tasks of its array are in the system as are allowed (1)\n"
                   " 44 enters the queue\n 44 started\n"));
    CHECK(contains(story("g"), " 3 rejected: waits for job e to finish, which was rejected\n\nit never waited\n"));
    CHECK(contains(story("f", {"--until", "5 s"}),
                   " 5 still not in the queue at the end of the run\n\nit never waited\n"));
}

TEST_CASE("ties that cannot be are refused") {
    const workspace here{small_scenario, tied_header + "a,0,1,10,b,,,,\nb,1,1,5,a,,,,\n"};
    const auto m = check_refused(here.run(), 3);
    check_placed(m, "jobs.csv");
    CHECK(m.line == 2);
    CHECK(m.column == 10);
    CHECK(m.key == "after");
    CHECK(contains(m.what, "no row above has the job_id or array b"));
    CHECK(contains(m.remedy, "rows above"));
    CHECK_FALSE(here.has("out/summary.json"));
    CHECK(check_refused(here.run({"--set", "workload.0.trace.dependencies=true"}), 2).key ==
          "workload.0.trace.dependencies");
}

TEST_CASE("an swf trace has dependencies only where they are asked for") {
    const workspace here{with(small_scenario, "path: jobs.csv", "path: t.swf, format: swf")};
    here.write("t.swf",
               "1 0 -1 10 1 -1 -1 -1 -1 -1 1 -1 -1 -1 -1 -1 -1 -1\n"
               "2 1 -1 10 1 -1 -1 -1 -1 -1 1 -1 -1 -1 -1 -1 1 5\n");
    here.run_well();
    CHECK(contains(here.read("out/jobs.csv"), "\n2,1,1,11,"));
    here.run_well({"--set", "workload.0.trace.dependencies=true"});
    CHECK(contains(here.read("out/jobs.csv"), "\n2,1,15,25,1,finished,0,0,10,0,15\n"));
}

TEST_CASE("a trace with ties is converted with them") {
    const workspace here{small_scenario, tied_header + "a,0,1,10,,,,A,3\nb,1,1,5,a,\"A; a\",2,,\n"};
    CHECK(here.call({"trace", "jobs.csv", "--to", "jobs-csv", "-o", "again.csv"}).status == 0);
    here.run_well();
    here.run_well({"--set", "workload.0.trace.path=again.csv"}, "twice");
    CHECK(here.read("twice/jobs.csv") == here.read("out/jobs.csv"));
    CHECK(contains(here.read("again.csv"), ",after,after_any,think_s,array,array_limit\n"));
}
