// Preemption at checkpoints from file to file, and what is refused.

#include "cli/program.hpp"

using namespace ampacity::test;

namespace {

const std::string scenario = R"(ampacity: 1
name: small
seed: 1
fleet: { nodes: { gpus: 8, count: 1 } }
workload:
  - trace: { path: jobs.csv }
scheduler:
  policy: priority
  preemption: { at: checkpoint, checkpoint_interval: "10 min", checkpoint: "1 min" }
)";

/// The urgent job comes at 200 s and starts at 660 s.
const std::string trace = "job_id,submit_s,gpus,duration_s,priority\na,0,8,1500,0\nb,200,8,300,5\n";

}  // namespace

TEST_CASE("a job is preempted at its next checkpoint, loses nothing, and the other one is told why it waits") {
    const workspace here{scenario, trace};
    here.run_well();
    CHECK(here.read("out/jobs.csv") ==
          "job_id,submit_s,start_s,finish_s,gpus,state,preemptions,restarts,useful_gpu_s,lost_gpu_s\n"
          "a,0,0,1920,8,finished,1,0,12000,0\n"
          "b,200,660,960,8,finished,0,0,2400,0\n");
    const auto s = here.summary();
    check_books(s);
    CHECK(s.number("gpu_hours.lost") == 0);
    CHECK(s.number("jobs.preemptions") == 1);
    const auto why = here.call({"why", "s.yaml", "--job", "b"});
    CHECK(contains(why.out,
                   "needs 8 GPUs, 0 free; waits for jobs that leave at their next checkpoints; the last of them "
                   "at 660 s"));

    here.run_well({"--set", "scheduler.preemption.at=now"}, "now");
    CHECK(contains(here.read("now/jobs.csv"), "a,0,0,2120,8,finished,1,0,12000,1600\n"));
}

TEST_CASE("policies that preempt at once say so") {
    const workspace here{scenario, trace};
    for (const std::string policy : {"srtf", "las", "srsf", "gittins", "ftf", "max-min"}) {
        CAPTURE(policy);
        const auto r = here.run_to(2, {"--policy", policy}, "refused");
        CHECK(contains(r.err, "scheduler.preemption.at: the policy " + policy +
                                  " preempts at once (checkpoint); write now, or the policy priority or fair-share"));
    }
    here.run_well({"--policy", "fifo"}, "fifo");
    const auto round = here.run_to(2, {"--policy", "round", "--set", "scheduler.round.policy=las"}, "refused");
    CHECK(contains(round.err, "the policy las preempts at once"));
}
