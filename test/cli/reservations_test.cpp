// Jobs inside reservations, from file to file: advance reservations and capacity blocks.

#include "cli/program.hpp"

#include <string>

using namespace ampacity::test;

namespace {

/// Two nodes of one GPU, of which node 1 is reserved over [100, 200) for jobs that name it.
std::string scenario_of(const std::string& kind, const std::string& policy = "fifo") {
    return with(with(small_scenario, "{ pool_gpus: 4 }", "{ nodes: { gpus: 1, count: 2 } }"), "policy: fifo",
                "policy: " + policy + ", reservations: [ { name: own, kind: " + kind +
                    R"(, start: "100 s", duration: "100 s", nodes: "1" } ])") +
           "output: { placement: true }\n";
}

const std::string columns = "job_id,submit_s,gpus,duration_s,estimate_s,reservation\n";

std::string starts(const workspace& here) {
    std::string out;
    const auto rows = lines_of(here.read("out/placement.csv"));
    for (std::size_t i = 1; i < rows.size(); ++i) out += rows[i] + ' ';
    return out;
}
std::string states(const workspace& here) {
    std::string out;
    const auto rows = lines_of(here.read("out/jobs.csv"));
    for (std::size_t i = 1; i < rows.size(); ++i) {
        const auto f = fields_of(rows[i]);
        out += f[0] + ' ' + f[3] + ' ' + f[5] + ", ";
    }
    return out;
}

}  // namespace

TEST_CASE("jobs of an advance reservation run in it alone, if they are planned to end by its end") {
    // b waits from 0 to 100 although node 1 is free until then. c would end at 210. e is planned too long as it comes.
    // Of the others f has node 0, and g, planned over 100, has to wait for it; h is over in time.
    const workspace here{scenario_of("advance", "fifo-skip"),
                         columns + "b,0,1,60,60,own\nf,0,1,300,300,\ng,1,1,120,120,\nh,2,1,90,90,\nc,3,1,50,50,own\n" +
                             "d,4,1,40,40,own\ne,5,1,10,101,own\nlate,200,1,1,1,own\n"};
    const auto r = here.run_well();
    CHECK(starts(here) == "f,1,0,0:1 h,1,2,1:1 b,1,100,1:1 d,1,160,1:1 g,1,200,1:1 ");
    CHECK(states(here) ==
          "b 160 finished, f 300 finished, g 320 finished, h 92 finished, c  rejected, d 200 finished, "
          "e  rejected, late  rejected, ");
    const document summary = here.summary();
    CHECK(summary.number("reservations.own.jobs.submitted") == 5);
    CHECK(summary.number("reservations.own.jobs.finished") == 2);
    CHECK(summary.number("reservations.own.jobs.killed") == 0);
    CHECK(summary.number("reservations.own.jobs.rejected") == 3);
    CHECK(summary.number("reservations.own.held_gpu_hours") * 3600 == Approx(100));
    CHECK(summary.number("reservations.own.idle_gpu_hours") * 3600 == Approx(0).margin(1e-9));
    CHECK(summary.number("reservations.own.closed_gpu_hours") * 3600 == Approx(100));
    CHECK(summary.number("gpu_hours.down") == 0);
    CHECK(summary.number("gpu_hours.capacity") * 3600 == Approx(640));
    const std::string why = here.read("out/rejected.csv");
    CHECK(contains(why, "its reservation own is over"));
    CHECK(contains(why, "it is planned to run beyond the end of its reservation own"));
    CHECK(contains(r.out, "5 jobs of its own: 2 finished, 0 killed, 3 rejected"));
}

TEST_CASE("a capacity block stops its jobs at its end") {
    const workspace here{scenario_of("capacity-block"), columns + "a,0,1,60,60,own\nb,0,1,60,600,own\nc,1,1,5,5,own\n"};
    here.run_well();
    CHECK(starts(here) == "a,1,100,1:1 b,1,160,1:1 ");
    CHECK(states(here) == "a 160 finished, b 200 killed, c  rejected, ");
    const document summary = here.summary();
    CHECK(summary.number("gpu_hours.useful") * 3600 == Approx(60));
    CHECK(summary.number("gpu_hours.lost") * 3600 == Approx(40));
    CHECK(summary.number("reservations.own.jobs.killed") == 1);
    // With 15 s between them, all of its GPUs' time is told: 30 s for jobs, 70 s without.
    const workspace idle{scenario_of("capacity-block"), columns + "a,110,1,10,,own\nb,135,1,20,,own\n"};
    idle.run_well({"--set", "until=\"250 s\""});
    CHECK(idle.summary().number("reservations.own.held_gpu_hours") * 3600 == Approx(30));
    CHECK(idle.summary().number("reservations.own.idle_gpu_hours") * 3600 == Approx(70));
    CHECK(idle.summary().number("gpu_hours.capacity") * 3600 == Approx(500));
}

TEST_CASE("a reservation that has not begun when the run ends has cost nothing yet") {
    const workspace here{scenario_of("advance"), columns + "a,0,1,60,60,own\nb,0,1,70,70,\n"};
    here.run_well({"--set", "until=\"50 s\""});
    const document summary = here.summary();
    CHECK(summary.number("gpu_hours.capacity") * 3600 == Approx(100));
    CHECK(summary.number("gpu_hours.down") == 0);
    CHECK(summary.number("reservations.own.held_gpu_hours") == 0);
    CHECK(summary.number("reservations.own.idle_gpu_hours") == 0);
}

TEST_CASE("all jobs of a workload entry may belong to a reservation") {
    const workspace here{with(scenario_of("advance"), "path: jobs.csv }", "path: jobs.csv }\n    reservation: own"),
                         header + "a,0,1,60\n"};
    here.run_well();
    CHECK(starts(here) == "a,1,100,1:1 ");
    CHECK(contains(here.read("out/resolved.yaml"), "reservation: "));
}

TEST_CASE("jobs of a reservation wait for jobs outside of it, and nodes that fail stop them") {
    const workspace here{
        scenario_of("advance") + R"(faults: { outages: [ { nodes: "1", start: "150 s", duration: "10 s" } ] })" + "\n",
        "job_id,submit_s,gpus,duration_s,reservation,after\na,0,1,120,,\nb,0,1,40,own,a\n"};
    here.run_well();
    // b enters the queue at 120, has lost 30 s at 150, and goes on at 160 for 40 s.
    CHECK(starts(here) == "a,1,0,0:1 b,1,120,1:1 b,2,160,1:1 ");
    CHECK(states(here) == "a 120 finished, b 200 finished, ");
    CHECK(here.summary().number("reservations.own.down_gpu_hours") * 3600 == Approx(10));
    CHECK(here.summary().number("gpu_hours.down") * 3600 == Approx(10));
}

TEST_CASE("why tells a job of a reservation what it waits for") {
    const workspace here{scenario_of("advance"), columns + "b,0,1,60,60,own\n"};
    const auto r = here.call({"why", "s.yaml", "--job", "b"});
    INFO(r.out);
    CHECK(r.status == 0);
    CHECK(contains(r.out, "nodes that it needs are out of service; some come back at 100 s"));
}

TEST_CASE("reservations that cannot be meant are refused where they stand") {
    const auto refused = [](const std::string& scenario, const std::string& trace, int status) {
        const workspace here{scenario, trace};
        const auto r = here.call({"run", "s.yaml"});
        CHECK(r.status == status);
        return r.err;
    };
    CHECK(contains(refused(scenario_of("advance"), columns + "a,0,1,60,60,own\nb,0,1,60,60,onw\n", 3),
                   "jobs.csv:3:13: error: reservation: no reservation of this name takes jobs, at byte 83 (onw); did "
                   "you mean `own`?"));
    CHECK(contains(refused(scenario_of("maintenance"), columns + "a,0,1,60,60,own\n", 3),
                   "jobs.csv:2:13: error: reservation: no reservation of this name takes jobs, at byte 67 (own)"));
    CHECK(contains(
        refused(with(scenario_of("advance"), "path: jobs.csv }", "path: jobs.csv }\n    reservation: won"), header, 2),
        "workload.0.reservation: no reservation of this name takes jobs (won); did you mean `own`?"));
    CHECK(contains(refused(with(scenario_of("advance"), R"(nodes: "1" } ])",
                                R"(nodes: "1" }, { name: late, start: "199 s", duration: "1 s", nodes: "0-1" } ])"),
                           header, 2),
                   "scheduler.reservations.1: reserves node 1 at a time when own has it (late)"));
    CHECK(contains(refused(scenario_of("advanced"), header, 2), "did you mean `advance`?"));
}
