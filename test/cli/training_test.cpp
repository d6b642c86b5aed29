// Training jobs from file to file: what they come to, that nothing that only looks changes them, and what is refused.
#include "cli/program.hpp"

#include <string>

using namespace ampacity::test;

namespace {

const std::string head =
    "ampacity: 1\n"
    "name: t\n"
    "seed: 3\n"
    "scheduler: { policy: easy, placer: topology }\n";

/// Two jobs that share a network, and one that follows them.
const std::string two =
    head +
    "fleet:\n"
    "  racks: { nodes_per_rack: 2, gpus_per_node: 4, count: 6, racks_per_block: 2 }\n"
    "  network: { part: block, oversubscription: 2 }\n"
    "workload:\n"
    "  - training:\n"
    "      - { name: a, step: { compute: \"1 s\", exchange: \"0.4 s\" }, gpus: 24, steps: 100, count: 2 }\n"
    "      - { name: b, step: { compute: \"2 s\" }, gpus: 8, steps: 50, after: [ a ] }\n";

const std::string pretrain = head +
                             "until: \"20 d\"\n"
                             "fleet:\n"
                             "  racks: { model: gb300-nvl72, count: 10, usable_per_rack: 16 }\n"
                             "  storage: { bandwidth: \"200 GB/s\", node: \"10 GB/s\" }\n"
                             "workload:\n"
                             "  - training:\n"
                             "      name: p\n"
                             "      model: llama-3.1-70b\n"
                             "      gpus: 512\n"
                             "      tokens: \"1 T\"\n"
                             "      batch: 1024\n"
                             "      evaluation: { every: 500, takes: \"2 min\" }\n"
                             "      checkpoint: { rule: young, asynchronous: true, blocking: \"2 s\" }\n"
                             "      restart: \"5 min\"\n"
                             "faults: { model: llama3-h100, scale: 8 }\n";

std::string refusal(const std::string& text) {
    const workspace here{text};
    const auto run = here.run();
    CHECK(run.status == 2);
    return run.err;
}

}  // namespace

TEST_CASE("jobs that share an uplink take 1.8 s a step, and the one behind them is alone") {
    const workspace here{two};
    here.run_well({}, "out");
    const auto s = here.summary("out");
    CHECK(s.number("training.a.step_s.mean") == Approx(1.8));
    CHECK(s.number("training.a.hours.elapsed") == Approx(2 * 180.0 / 3600));
    CHECK(s.number("training.a.steps") == 200);
    CHECK(s.number("training.b.step_s.mean") == 2);
    CHECK(s.number("makespan_s") == Approx(280));
    here.run_well({"--set", "fleet.network.interleave=true"}, "out");
    CHECK(here.summary("out").number("training.a.step_s.mean") == Approx(1.4));
}

TEST_CASE("a model trains, fails and keeps what its checkpoints have, whatever is looked at") {
    const workspace here{pretrain};
    const auto run = here.run_well({}, "plain");
    CHECK(run.out.find("effective training time") != std::string::npos);
    const auto s = here.summary("plain");
    CHECK(s.number("training.p.failures") > 3);
    CHECK(s.number("training.p.failures") == s.number("jobs.restarts"));
    CHECK(s.number("training.p.checkpoints") > 50);
    CHECK(s.number("training.p.tokens") == s.number("training.p.steps") * 1024 * 8192);
    CHECK(s.number("training.p.mfu") > 0.2);
    CHECK(s.number("training.p.mfu") < 0.6);
    double hours = 0;
    for (const char* part : {"training", "evaluating", "lost", "checkpoint", "restart", "stalled", "waiting"})
        hours += s.number(std::string{"training.p.hours."} + part);
    CHECK(hours == Approx(s.number("training.p.hours.elapsed")));
    CHECK(s.number("gpu_hours.restart") == Approx(512 * s.number("training.p.hours.restart")));
    here.run_well({"--set", "output.telemetry=\"7 min\"", "--set", "output.events=true"}, "out");
    CHECK(here.read("out/summary.json") == here.read("plain/summary.json"));
    const auto again = here.call({"run", "plain/resolved.yaml", "-o", "again"});
    CHECK(again.status == 0);
    CHECK(here.read("again/summary.json") == here.read("plain/summary.json"));
}

TEST_CASE("training jobs that cannot be are refused with their place and a remedy") {
    CHECK(refusal(with(two, "gpus: 24, steps: 100", "gpus: 24"))
              .find("workload.0.training.0: does not say how long it trains (a); give one of: tokens, steps") !=
          std::string::npos);
    CHECK(refusal(with(two, "after: [ a ]", "after: [ c ]"))
              .find("workload.0.training.1.after.0: no training job before it has this name (c); did you mean `a`?") !=
          std::string::npos);
    CHECK(refusal(with(two, "racks: { nodes_per_rack: 2, gpus_per_node: 4, count: 6, racks_per_block: 2 }",
                       "pool_gpus: 48"))
              .find("fleet.network: the fleet has no racks; describe the fleet by racks, or remove it") !=
          std::string::npos);
    CHECK(refusal(with(pretrain, "tokens: \"1 T\"", "tokens: \"1 TB\"")).find("expected a number of tokens") !=
          std::string::npos);
    CHECK(refusal(with(pretrain, "rule: young, ", "rule: yuong, ")).find("did you mean `young`?") != std::string::npos);
    CHECK(refusal(with(pretrain, "gpus: 512", "gpus: 500")).find("the best plan does not use all of them (500)") !=
          std::string::npos);
    CHECK(refusal(with(pretrain, "gpus: 512", "gpus: 1")).find("no plan for llama-3.1-70b") != std::string::npos);
    CHECK(refusal(with(pretrain, "faults: { model: llama3-h100, scale: 8 }\n", ""))
              .find("workload.0.training.checkpoint.rule: nothing fails at random (young)") != std::string::npos);
}

TEST_CASE("synthetic jobs train what their size says, for as long as they were drawn") {
    const std::string text =
        head +
        "fleet: { nodes: { model: dgx-h100, count: 12 } }\n"
        "workload:\n"
        "  - synthetic:\n"
        "      jobs: 60\n"
        "      rate: \"4 /h\"\n"
        "      duration: { median: \"2 h\", sigma: 0.5 }\n"
        "      gpus: [ { gpus: 1, weight: 1 }, { gpus: 8, weight: 1 }, { gpus: 16, weight: 1 } ]\n"
        "    trains:\n"
        "      - { name: small, gpus: 8, model: llama-3.1-8b, batch: 128 }\n"
        "      - { name: large, gpus: 16, step: { compute: \"2 s\" }, checkpoint: { interval: \"10 min\", "
        "blocking: \"5 s\" } }\n";
    const workspace here{text};
    here.run_well();
    const auto s = here.summary();
    CHECK(s.number("training.small-8.jobs") + s.number("training.large-16.jobs") < 60);
    CHECK(s.number("training.small-8.jobs") > 5);
    CHECK(s.number("training.small-8.steps") > 1000);
    CHECK(s.number("training.small-8.mfu") > 0.2);
    CHECK(s.number("training.large-16.step_s.mean") == 2);
    CHECK(s.number("training.large-16.checkpoints") > s.number("training.large-16.jobs"));
    CHECK(s.number("training.large-16.hours.training") * 1800 ==
          Approx(s.number("training.large-16.steps")).margin(s.number("training.large-16.jobs")));
    CHECK(refusal(with(text, "gpus: 8, model", "gpus: 8, steps: 5, model"))
              .find("workload.0.trains.0.steps: unknown key (steps)") != std::string::npos);
    CHECK(refusal(with(text, "name: large, gpus: 16", "name: large, gpus: 8"))
              .find("workload.0.trains.1.gpus: not above those of the entry before it (8)") != std::string::npos);
}
