// What decisions cost: facts of the execution stand in run.json, time that is charged moves the starts.

#include "cli/program.hpp"

using namespace ampacity::test;

TEST_CASE("run.json counts the passes and says how long they took") {
    const workspace here;
    here.run_well();
    const auto run = here.about();
    CHECK(run.text("decisions.policy") == "fifo");
    CHECK(run.number("decisions.passes") == 6);  // three submits, three ends
    CHECK(run.number("decisions.measured") == 6);
    std::uint64_t counted = 0;
    std::uint64_t before = 0;
    for (const auto& bin : run.at("decisions.wall_ns.bins")) {
        CHECK(bin.at("up_to").get<std::uint64_t>() > before);
        before = bin.at("up_to").get<std::uint64_t>();
        counted += bin.at("count").get<std::uint64_t>();
    }
    CHECK(counted == 6);
    CHECK(run.number("decisions.wall_ns.max") <= static_cast<double>(before));
    CHECK(run.number("decisions.wall_ns.mean") > 0);
    CHECK(run.number("decisions.per_simulated_hour.max") == 6);
    CHECK_FALSE(contains(here.read("out/summary.json"), "decisions"));
}

TEST_CASE("passes are counted by simulated hours, those without any too") {
    // Hours 0 and 5 have two and two passes; the run ends in hour 5.
    const workspace here{small_scenario, header + "a,0,1,10\nb,18000,1,10\n"};
    here.run_well();
    const auto run = here.about();
    CHECK(run.at("decisions.per_simulated_hour.bins").dump() == R"([{"count":4,"up_to":0},{"count":2,"up_to":3}])");
    CHECK(run.number("decisions.per_simulated_hour.mean") == Approx(4.0 / 6));
}

TEST_CASE("a decision takes the time that the scenario says") {
    const workspace here;
    here.run_well({"--set", "scheduler.decision_time=1 s"});
    // a starts 1 s after its submit; b and c are seen by the pass at 2.5 s, for which b has asked.
    CHECK(here.read("out/jobs.csv") ==
          "job_id,submit_s,start_s,finish_s,gpus,state,preemptions,restarts,useful_gpu_s,lost_gpu_s\n"
          "a,0,1,11,2,finished,0,0,20,0\nb,1.5,12,17,4,finished,0,0,20,0\nc,2,18,18.25,1,finished,0,0,0.25,0\n");
    CHECK(here.about().number("decisions.passes") == 4);
    CHECK(here.summary().number("simulated_s") == 18.25);  // nobody is asked when all have left

    here.run_well({"--set", "scheduler.decision_time_per_job=1 s"});
    // One waits when a, then b comes; none at the end of b but c.
    CHECK(fields_of(lines_of(here.read("out/jobs.csv"))[1])[2] == "1");
    CHECK(fields_of(lines_of(here.read("out/jobs.csv"))[2])[2] == "13");  // two wait at 11
    CHECK(fields_of(lines_of(here.read("out/jobs.csv"))[3])[2] == "19");

    here.run_well({}, "plain");
    here.run_well({"--set", "scheduler.decision_time=0 s"}, "zero");
    CHECK(here.read("zero/jobs.csv") == here.read("plain/jobs.csv"));
    CHECK(check_refused(here.run({"--set", "scheduler.decision_time=-1 s"}), 2).key == "scheduler.decision_time");
    CHECK(check_refused(here.run({"--set", "scheduler.decision_time=1"}), 2).key == "scheduler.decision_time");
}
