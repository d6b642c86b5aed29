// `ampacity why` and the policies `round` and `explain`: what they print and write, on cases small enough to tell by
// hand.

#include "cli/program.hpp"

using namespace ampacity::test;

namespace {

/// As in the unit tests of the recorder: `c` fits beside `a`, but would delay `b`; `d` ends before that.
const std::string trace = header + "a,0,2,10\nb,1,4,5\nc,2,1,20\nd,3,2,6\n";

/// Runs of blanks as one.
std::string squeezed(const std::string& text) { return std::regex_replace(text, std::regex{" +"}, " "); }

}  // namespace

TEST_CASE("why tells what kept a job, for how long, and who had the GPUs") {
    const workspace here{with(small_scenario, "fifo", "easy"), trace};
    const auto r = here.call({"why", "s.yaml", "--job", "c"});
    CHECK(r.status == 0);
    CHECK(r.err.empty());
    CHECK(squeezed(r.out) == R"(job c: 1 GPU, submitted at 2 s; small policy easy

 from [s] for [s] passes ahead why
 2 8 3 1 fits, 2 free, but would delay job b; planned for 10 s
 10 5 1 0 needs 1 GPU, 0 free; its place is planned for 15 s
 15 started
 35 finished

reason for [s] share
gpus 5 38.5 %
reservation 8 61.5 %
all waiting 13

GPUs meanwhile GPUs GPU-hours share
job b 4 0.01 38.5 %
job a 2 0.00 30.8 %
job d 2 0.00 23.1 %
idle 0.00 7.7 %
)");
    CHECK_FALSE(here.has("out"));
}

TEST_CASE("why follows preempted jobs, and those that neither wait nor start") {
    const workspace here{with(small_scenario, "fifo", "srtf"), header + "a,0,3,10\nb,0,5,1\nc,3,4,2\n"};
    const auto a = here.call({"why", "s.yaml", "--job", "a"});
    INFO(a.out);
    CHECK(contains(squeezed(a.out),
                   " 0 started\n 3 preempted\n 3 2 1 0 needs 3 GPUs, 0 free\n 5 started\n 12 finished\n"));
    CHECK(contains(squeezed(here.call({"why", "s.yaml", "--job", "b"}).out),
                   " 0 rejected: needs 5 GPUs; the fleet has 4\n\nit never waited\n"));
    CHECK(contains(squeezed(here.call({"why", "s.yaml", "--job", "c"}).out),
                   " 3 started\n 5 finished\n\nit never waited\n"));
    CHECK(contains(squeezed(here.call({"why", "s.yaml", "--job", "a", "--until", "4 s"}).out),
                   " 4 still waiting at the end of the run\n"));
    CHECK(contains(squeezed(here.call({"why", "s.yaml", "--job", "a", "--until", "2 s"}).out),
                   " 2 still running at the end of the run\n"));
    CHECK(contains(here.call({"why", "s.yaml", "--job", "a", "--policy", "fifo"}).out, "policy fifo"));
}

TEST_CASE("why shortens a long story unless all of it is asked for") {
    // Under sjf each arrival is shorter than the last, so the job waits behind another one each second.
    std::string jobs = header + "first,0,4,1000\nlast,1,4,900\n";
    for (int i = 0; i != 50; ++i)
        jobs += "j" + std::to_string(i) + ',' + std::to_string(i + 2) + ",4," + std::to_string(100 - i) + '\n';
    const workspace here{with(small_scenario, "fifo", "sjf"), jobs};
    const auto brief = here.call({"why", "s.yaml", "--job", "last"});
    const auto all = here.call({"why", "s.yaml", "--job", "last", "--all"});
    CHECK(contains(squeezed(brief.out), " 1 1 1 0 needs 4 GPUs, 0 free\n"));
    CHECK(contains(brief.out, "behind job j0, then 98 others: without a place"));
    CHECK_FALSE(contains(all.out, "others: without"));
    CHECK(lines_of(all.out).size() == lines_of(brief.out).size() + 98);
    CHECK(lines_of(all.out).back() == lines_of(brief.out).back());
}

TEST_CASE("why leaves the middle of a story out that stays long") {
    // Two GPUs are free now and then: `c` would fit, but delay `b`; a pass in between finds none.
    std::string jobs = header + "a,0,2,1000\nb,1,4,1\nc,1,1,5000\n";
    for (int i = 0; i != 50; ++i) {
        const std::string n = std::to_string(i);
        jobs +=
            "d" + n + ',' + std::to_string(2 + 10 * i) + ",2,9\ne" + n + ',' + std::to_string(6 + 10 * i) + ",4,1\n";
    }
    const workspace here{with(small_scenario, "fifo", "easy"), jobs};
    const auto brief = here.call({"why", "s.yaml", "--job", "c"});
    const auto all = here.call({"why", "s.yaml", "--job", "c", "--all"});
    INFO(brief.out);
    CHECK(contains(brief.out, "more lines; --all shows them"));
    CHECK_FALSE(contains(all.out, "more lines"));
    CHECK(lines_of(all.out).size() > lines_of(brief.out).size() + 50);
}

TEST_CASE("why tells of priorities, quotas, shares and leases") {
    const std::string owned = "job_id,submit_s,gpus,duration_s,user,group,priority\n";
    const workspace here{small_scenario, owned + "a,0,3,10,u,g,5\nb,1,4,5,u,g,4\nc,2,1,20,v,h,3\nd,3,1,20,v,h,3\n"};
    const auto story = [&](const std::string& job, const std::string& policy, const std::string& set = {}) {
        std::vector<std::string> arguments{"why", "s.yaml", "--job", job, "--policy", policy};
        if (!set.empty()) arguments.insert(arguments.end(), {"--set", set});
        const auto r = here.call(arguments);
        CHECK(r.status == 0);
        return squeezed(r.out);
    };
    CHECK(contains(story("b", "priority"), " 1 9 3 0 needs 4 GPUs, 1 free\n"));
    CHECK(contains(story("c", "priority"),
                   " 2 8 2 1 behind job b: without a place, and this policy starts none behind such a job\n"));
    CHECK(contains(story("c", "priority", "scheduler.priority={ backfill: true, preempt_above: 2 }"),
                   " 2 8 2 1 fits, 1 free, but would delay job b; planned for 10 s\n"));
    CHECK(contains(story("d", "drf"),
                   " 3 7 1 0 needs 1 GPU, 0 free\n"
                   " 10 12 1 1 behind job b: without a place"));
    const std::string groups = "scheduler.fair-share={ groups: [{ name: g, quota: 3 }, { name: h, quota: 1 }] }";
    CHECK(contains(
        story("b", "fair-share", groups),
        " 1 29 5 0 needs 4 GPUs, 0 to 3 free; its group would exceed its quota, so it takes none from others\n"));
    const std::string lease = story("b", "ftf", "scheduler.ftf.lease=100 s");
    INFO(lease);
    CHECK(contains(lease, " 1 29 5 0 no place for 4 GPUs, 0 to 3 free; all are offered again at 100 s\n"));
}

TEST_CASE("why refuses a job that is not there") {
    const workspace here;
    const auto m = check_refused(here.call({"why", "s.yaml", "--job", "nobody"}), 2);
    CHECK(m.key == "--job");
    CHECK(m.value == "nobody");
    CHECK(here.call({"why", "s.yaml"}).status == 2);
}

TEST_CASE("explain writes the stretches and changes nothing else") {
    const workspace here{with(small_scenario, "fifo", "easy"), trace};
    here.run_well();
    here.run_well({"--policy", "explain", "--set", "scheduler.explain={ policy: easy, jobs: [c, b, nobody] }"}, "told");
    CHECK(here.read("told/jobs.csv") == here.read("out/jobs.csv"));
    CHECK(with(here.read("told/summary.json"), "\"explain\"", "\"easy\"") == here.read("out/summary.json"));
    CHECK(here.read("told/explain.csv") ==
          "job_id,from_s,to_s,passes,reason,ahead,gpus,least_free,most_free,blocker,until_s\n"
          "c,2,10,3,reservation,1,1,2,2,b,10\n"
          "b,1,10,4,gpus,0,4,2,2,,10\n"
          "c,10,15,1,gpus,0,1,0,0,,15\n");
    // A run without it takes the file away; the resolved scenario of one with it gives it again.
    here.write("again.yaml", here.read("told/resolved.yaml"));
    here.run_well({}, "told");
    CHECK_FALSE(here.has("told/explain.csv"));
    CHECK(here.call({"run", "again.yaml", "-o", "again"}).status == 0);
    CHECK(contains(here.read("again/explain.csv"), "c,2,10,3,reservation"));
}

TEST_CASE("a policy in rounds decides at their instants") {
    const workspace here{with(small_scenario, "policy: fifo", "policy: round, round: { policy: easy, every: \"4 s\" }"),
                         trace};
    here.run_well();
    std::vector<std::string> starts;
    for (const auto& line : lines_of(here.read("out/jobs.csv"))) starts.push_back(fields_of(line)[2]);
    CHECK(starts == std::vector<std::string>{"start_s", "0", "12", "20", "4"});
    CHECK(here.summary().number("simulated_s") == 40);
}

TEST_CASE("wrapped policies that cannot be are refused") {
    const workspace here;
    const auto refused = [&](const std::string& set, const std::string& key) {
        INFO(set);
        const auto m = check_refused(here.run({"--set", set}), 2);
        CHECK(m.key == key);
        return m;
    };
    CHECK(contains(refused("scheduler.round.policy=esay", "scheduler.round.policy").remedy, "easy"));
    CHECK(refused("scheduler.round.policy=round", "scheduler.round.policy").what == "cannot be this policy");
    CHECK(refused("scheduler.round.policy=explain", "scheduler.round.policy").what == "cannot be this policy");
    CHECK(refused("scheduler.explain.policy=explain", "scheduler.explain.policy").what == "cannot be this policy");
    refused("scheduler.round.every=0 s", "scheduler.round.every");
    refused("scheduler.round.every=6", "scheduler.round.every");
}
