// Services whose replicas come and go, from file to file: the scenario that is shipped, what is written, what is
// refused.
#include "cli/program.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace ampacity;
using namespace ampacity::test;

const std::string scaled = R"(ampacity: 1
name: c
seed: 4
fleet: { nodes: { gpus: 4, count: 2 } }
workload:
  - service:
      name: chat
      gpus_per_replica: 4
      autoscale: { policy: fixed, start: "1.5 s" }
      engine:
        kv_capacity_tokens: 4000
        step: { base: "1 ms", per_token: "1 us" }
      requests: { path: requests.csv }
scheduler: { policy: fifo }
output: { requests: true, placement: true, telemetry: "1 s" }
)";

/// One answer of 3 tokens and one of 1: steps of 1010, 1001 and 1001 us, and 1020 us.
const std::string two_requests = "arrival_s,prompt_tokens,output_tokens\n0.5,10,3\n2,20,1\n";

void refused_at(const std::string& from, const std::string& to, const std::string& key, const std::string& what) {
    INFO(to);
    const workspace here{with(scaled, from, to)};
    here.write("requests.csv", two_requests);
    const auto m = check_refused(here.run(), 2);
    CHECK(m.line != 0);
    CHECK(m.key == key);
    CHECK(m.what == what);
}

const std::string fixed = "autoscale: { policy: fixed, start: \"1.5 s\" }";

}  // namespace

TEST_CASE("a replica that starts cold is what one reckons by hand") {
    const workspace here{with(scaled, "  - service:", "  - trace: { path: jobs.csv }\n  - service:"),
                         header + "a,0,4,1\nb,1,8,1\n"};
    here.write("requests.csv", two_requests);
    const auto run = here.run_well();
    CHECK(contains(run.out, "1 cold starts, 0 failures, 0 preemptions; 0 requests requeued, 0 failed"));
    CHECK(here.read("out/requests.csv") ==
          "request,arrival_s,ttft_s,finish_s,prompt_tokens,output_tokens,preemptions,replica,state\n"
          "0,0.5,1.00101,1.503012,10,3,0,0,finished\n"
          "1,2,0.00102,2.00102,20,1,0,0,finished\n");
    CHECK(here.read("out/replicas.csv") ==
          "time_s,service,wanted,cold,serving,draining\n0,chat,1,1,0,0\n1,chat,1,1,0,0\n2,chat,1,0,1,0\n"
          "3,chat,0,0,0,0\n4,chat,0,0,0,0\n");
    CHECK(contains(here.read("out/placement.csv"), "chat/0,1,0,0:4\n"));
    // Jobs are told of as ever: `b` waits for the last request.
    const auto jobs = lines_of(here.read("out/jobs.csv"));
    REQUIRE(jobs.size() == 3);
    CHECK(fields_of(jobs[2])[2] == "2.00102");
    const auto s = here.summary();
    check_books(s);
    CHECK(s.number("jobs.submitted") == 2);
    CHECK(s.number("gpu_hours.useful") == Approx((4 * 1 + 8 * 1 + 4 * 2.00102) / 3600));
    CHECK(s.number("services.chat.held_gpu_hours") == Approx(4 * 2.00102 / 3600));
    CHECK(s.number("services.chat.cold_gpu_hours") == Approx(4 * 1.5 / 3600));
    CHECK(s.number("services.chat.draining_gpu_hours") == 0);
    CHECK(s.number("services.chat.replicas.hours") == Approx(2.00102 / 3600));
    CHECK(s.number("services.chat.replicas.mean") == Approx(0.50102 / 2.00102));
    CHECK(s.number("services.chat.replicas.max") == 1);
    CHECK(s.number("services.chat.replicas.cold_starts") == 1);
    CHECK(s.number("services.chat.failed") == 0);
    CHECK(s.number("services.chat.tokens_per_s_per_gpu") == Approx(4 / (2.00102 * 4)));
    here.run_well({"--until", "1 s"});
    CHECK(lines_of(here.read("out/requests.csv"))[1] == "0,0.5,,,10,3,0,,unfinished");
    check_books(here.summary());
}

TEST_CASE("a replica on slow nodes is what one reckons by hand") {
    const std::string slow = "{ nodes: 0-1, start: \"1.7 s\", duration: \"1 h\", speed: 0.8 }";
    const workspace here{with(scaled, "count: 2 } }", "count: 2 }, slowdowns: [ " + slow + " ] }")};
    here.write("requests.csv", two_requests);
    here.run_well();
    // 1020 us at 0.8 of full speed.
    CHECK(here.read("out/requests.csv") ==
          "request,arrival_s,ttft_s,finish_s,prompt_tokens,output_tokens,preemptions,replica,state\n"
          "0,0.5,1.00101,1.503012,10,3,0,0,finished\n"
          "1,2,0.001275,2.001275,20,1,0,0,finished\n");
    const auto s = here.summary();
    check_books(s);
    CHECK(s.number("services.chat.slowed_share") == Approx(0.301275 / 0.501275));
    CHECK(s.number("services.chat.mean_pace") == Approx(1 - 0.2 * 0.301275 / 0.501275));
    here.run_well({}, "again");
    check_same(here.results("again"), here.results());
}

TEST_CASE("behind a limited meter a service slows down unless jobs give first") {
    const workspace here;
    std::filesystem::copy_file(source_directory() / "scenarios/serving/power-cap.yaml", here.path("s.yaml"),
                               std::filesystem::copy_options::overwrite_existing);
    const std::vector<std::string> shorter{"--until", "150 min", "--set", "workload.0.service.synthetic.rate=\"5 /s\""};
    const auto with_more = [&](std::vector<std::string> more) {
        more.insert(more.begin(), shorter.begin(), shorter.end());
        return more;
    };
    here.run_well(shorter);
    here.run_well(shorter, "again");
    here.run_well(with_more({"--set", "power.control.policy=priority"}), "first");
    here.run_well(with_more({"--set", "power.events.0.power=\"900 kW\""}), "free");
    check_same(here.results("again"), here.results());
    for (const char* out : {"out", "first", "free"}) {
        const auto s = here.summary(out);
        check_books(s);
        double sum = 0;
        for (const char* state : {"finished", "rejected", "failed", "unfinished"})
            sum += s.number(std::string{"services.chat."} + state);
        CHECK(sum == s.number("services.chat.requests"));
        CHECK(s.number("services.chat.replicas.failures") == 0);
    }
    const auto all = here.summary(), first = here.summary("first"), free = here.summary("free");
    CHECK(all.number("services.chat.slowed_share") == Approx(0.2).epsilon(0.02));  // the last of two and a half hours
    CHECK(all.number("services.chat.mean_pace") < 0.99);
    CHECK(all.number("services.chat.tpot_s.p99") > 1.05 * free.number("services.chat.tpot_s.p99"));
    CHECK(first.number("services.chat.slowed_share") == 0);
    CHECK(first.number("services.chat.mean_pace") == 1);
    CHECK(first.number("services.chat.tpot_s.mean") == free.number("services.chat.tpot_s.mean"));
    CHECK(first.number("energy_kwh.it") < free.number("energy_kwh.it"));
}

TEST_CASE("a replica waits for a node that is delivered later") {
    const workspace here{
        with(with(scaled, "count: 2 } }", "count: 2 }, deliveries: [ { at: \"2.5 s\", nodes: \"1\" } ] }"),
             "      gpus_per_replica: 4", "      replicas: 2\n      gpus_per_replica: 4")};
    here.write("requests.csv", "arrival_s,prompt_tokens,output_tokens\n0,10,3\n5,10,1\n5,10,1\n");
    here.run_well();
    CHECK(here.read("out/replicas.csv") ==
          "time_s,service,wanted,cold,serving,draining\n0,chat,2,1,0,0\n1,chat,2,1,0,0\n2,chat,2,0,1,0\n"
          "3,chat,2,1,1,0\n4,chat,2,0,2,0\n5,chat,2,0,2,0\n6,chat,0,0,0,0\n");
    const auto rows = lines_of(here.read("out/requests.csv"));
    CHECK(rows[2] == "1,5,0.00101,5.00101,10,1,0,1,finished");
    CHECK(rows[3] == "2,5,0.00101,5.00101,10,1,0,0,finished");
    const auto s = here.summary();
    check_books(s);
    CHECK(s.number("gpu_hours.uncommissioned") == Approx(4 * 2.5 / 3600));
    CHECK(s.number("services.chat.held_gpu_hours") == Approx((4 * 5.00101 + 4 * 2.50101) / 3600));
    CHECK(s.number("services.chat.replicas.cold_starts") == 2);
}

TEST_CASE("a service that serves by day holds as many nodes as are published") {
    const workspace here;
    std::filesystem::copy_file(source_directory() / "scenarios/serving/day-night.yaml", here.path("s.yaml"),
                               std::filesystem::copy_options::overwrite_existing);
    here.run_well({"--until", "1 d", "--set", "output.requests=true"});
    const auto s = here.summary();
    check_books(s);
    CHECK(s.number("services.chat.replicas.max") == 278);
    CHECK(s.number("services.chat.replicas.hours") == Approx(24 * 226.75).epsilon(1e-4));
    CHECK(s.number("services.chat.replicas.mean") == Approx(226.75).epsilon(0.002));
    CHECK(s.number("services.chat.replicas.preemptions") == 0);
    CHECK(s.number("jobs.preemptions") > 20);
    double sum = 0;
    for (const char* state : {"finished", "rejected", "failed", "unfinished"})
        sum += s.number(std::string{"services.chat."} + state);
    CHECK(sum == s.number("services.chat.requests"));
    std::map<std::string, std::vector<std::string>> rows;
    for (const auto& line : lines_of(here.read("out/replicas.csv"))) rows[fields_of(line)[0]] = fields_of(line);
    CHECK(rows["28800"] == std::vector<std::string>{"28800", "chat", "155", "0", "155", "0"});
    CHECK(rows["32400"] == std::vector<std::string>{"32400", "chat", "278", "123", "155", "0"});
    CHECK(rows["34200"] == std::vector<std::string>{"34200", "chat", "278", "0", "278", "0"});
    CHECK(rows["84600"][4] == "155");
    here.run_well({"--until", "1 d", "--set", "output.requests=true"}, "again");
    for (const char* file : {"summary.json", "requests.csv", "jobs.csv", "replicas.csv", "telemetry.csv"})
        CHECK(here.read(std::string{"out/"} + file) == here.read(std::string{"again/"} + file));
    CHECK(here.call({"run", "out/resolved.yaml", "-o", "resolved"}).status == 0);
    check_same(here.results("resolved"), here.results("out"));
}

TEST_CASE("nodes of replicas that come and go may fail") {
    const std::string faults =
        "faults: { outages: [ { nodes: 0, start: \"1.8 s\", duration: \"1 s\" } ], processes: [ { cause: a, mtbf: "
        "\"100 d\", repair: { exponential: \"1 h\" } } ] }\n";
    const workspace here{scaled + faults};
    here.write("requests.csv", two_requests);
    here.run_well();
    const auto s = here.summary();
    check_books(s);
    CHECK(s.number("services.chat.replicas.failures") == 1);
    CHECK(s.number("services.chat.replicas.cold_starts") == 2);
    // It starts anew at once on the other node.
    CHECK(lines_of(here.read("out/requests.csv"))[2] == "1,2,1.30102,3.30102,20,1,0,0,finished");
}

TEST_CASE("replicas are gone from nodes that are worked on") {
    const auto last_request = [](const std::string& keys, const std::string& drain) {
        const workspace here{with(scaled, "start: \"1.5 s\"", "start: \"1.5 s\"" + drain) +
                             "faults: { maintenance: [ { name: fw, nodes: 0, start: \"1.8 s\", duration: \"1 s\"" +
                             keys + " } ] }\n"};
        here.write("requests.csv", two_requests);
        here.run_well();
        const auto s = here.summary();
        check_books(s);
        CHECK(s.number("services.chat.replicas.preemptions") == (drain.empty() ? 1 : 0));
        CHECK(s.number("services.chat.replicas.cold_starts") == 2);
        CHECK(s.number("reservations.fw 1.jobs_stopped") == (drain.empty() ? 1 : 0));
        return lines_of(here.read("out/requests.csv"))[2];
    };
    // It starts anew at once on the other node; or 100 ms before, when it is known, as it has nothing to do.
    CHECK(last_request("", "") == "1,2,1.30102,3.30102,20,1,0,0,finished");
    CHECK(last_request(", notice: \"100 ms\"", ", drain: \"200 ms\"") == "1,2,1.20102,3.20102,20,1,0,0,finished");
}

TEST_CASE("work goes round the racks of two sites beneath a service") {
    const workspace here;
    std::filesystem::copy_file(source_directory() / "scenarios/serving/maintenance.yaml", here.path("s.yaml"),
                               std::filesystem::copy_options::overwrite_existing);
    const std::vector<std::string> more{
        "--until", "30 h", "--set", "workload.0.service.synthetic.rate=0.5 /s", "--set", "faults.processes=[]"};
    here.run_well(more);
    const auto s = here.summary();
    check_books(s);
    CHECK(s.number("reservations.firmware 1.closed_gpu_hours") == 72 * 4);
    CHECK(s.number("reservations.firmware 2.closed_gpu_hours") == 72 * 2);
    CHECK(s.number("gpu_hours.down") == Approx(72 * 6));
    CHECK(s.number("sites.ohio.down_gpu_hours") == Approx(72 * 6));
    CHECK(s.number("sites.oregon.down_gpu_hours") == 0);
    CHECK(s.number("services.chat.replicas.preemptions") == 0);
    CHECK(s.number("services.chat.requeued") == 0);
    CHECK(s.number("services.chat.replicas.cold_starts") > 24);
    std::uint64_t drained = 0;
    for (const auto& line : lines_of(here.read("out/replicas.csv"))) drained += fields_of(line)[5] == "0" ? 0U : 1U;
    CHECK(drained > 2);
    here.run_well(more, "again");
    for (const char* file : {"summary.json", "jobs.csv", "replicas.csv", "telemetry.csv"})
        CHECK(here.read(std::string{"out/"} + file) == here.read(std::string{"again/"} + file));
    CHECK(here.call({"run", "out/resolved.yaml", "-o", "resolved"}).status == 0);
    check_same(here.results("resolved"), here.results("out"));
}

TEST_CASE("what does not go together with replicas that come and go is refused") {
    refused_at(fixed, "priority: 3", "workload.0.service.priority", "is for replicas that come and go");
    refused_at(fixed, "placement: { within: rack }", "workload.0.service.placement",
               "is for replicas that come and go");
    refused_at(fixed, "autoscale: { policy: fixed, target: 0.5 }", "workload.0.service.autoscale.target",
               "is not for this policy");
    refused_at(fixed, "autoscale: { policy: schedule }", "workload.0.service.autoscale",
               "lacks what its policy needs: schedule");
    refused_at(fixed, "autoscale: { schedule: [ { at: \"1 h\", replicas: 1 } ] }",
               "workload.0.service.autoscale.schedule", "is not for this policy");
    refused_at(fixed, "autoscale: { policy: slo }", "workload.0.service.autoscale.policy",
               "there are no targets that requests could miss");
    refused_at(fixed, "autoscale: { start: \"1 s\", weights: \"1 GB\", bandwidth: \"1 GB/s\" }",
               "workload.0.service.autoscale.start", "says twice how long a start takes");
    refused_at(fixed, "autoscale: { weights: \"1 GB\" }", "workload.0.service.autoscale.weights",
               "goes with its other half");
    refused_at(fixed, "autoscale: { min: 2 }", "workload.0.service.autoscale.min",
               "more than the most that are wanted");
    refused_at(fixed, "replicas: 3\n      autoscale: { max: 2 }", "workload.0.service.replicas",
               "outside of autoscale.min and max");
    refused_at(fixed, "autoscale: { max: 3 }", "workload.0.service.autoscale",
               "only 2 of 3 replicas of 4 GPUs have a place on the fleet");
    refused_at(
        fixed,
        "autoscale: { policy: schedule, schedule: [ { at: \"2 h\", replicas: 1 }, { at: \"2 h\", replicas: 2 } ] }",
        "workload.0.service.autoscale.schedule.1.at", "not later than the step before");
    refused_at(fixed, "autoscale: { policy: schedule, schedule: [ { at: \"24 h\", replicas: 1 } ] }",
               "workload.0.service.autoscale.schedule.0.at", "beyond the period");
    refused_at("scheduler:",
               "faults: { processes: [ { cause: a, mtbf: \"1 d\", detection: { constant: \"1 s\" } } ] }\nscheduler:",
               "faults.processes.0.detection", "not supported together with services yet");
}

TEST_CASE("what cannot be slowed down exactly is refused beside slow nodes") {
    const std::string slow =
        with(scaled, "count: 2 } }",
             "count: 2 }, slowdowns: [ { nodes: 0, start: \"1 s\", duration: \"1 s\", speed: 0.5 } ] }");
    const workspace here{with(slow, "per_token: \"1 us\"", "per_token: \"0.0000000000001 ns\"")};
    here.write("requests.csv", two_requests);
    const auto m = check_refused(here.run(), 2);
    CHECK(m.line != 0);
    CHECK(m.key == "workload.0.service.engine.step");
    CHECK(m.what == "times have too many decimals for a step that is slowed down");
    CHECK(contains(m.remedy, "fewer decimals"));
}
