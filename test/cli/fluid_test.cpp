// Fluid services from file to file: a day of rates beside the same day of requests, surfaces in files, what is refused.
#include "cli/program.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace {

using namespace ampacity;
using namespace ampacity::test;

/// Four replicas below their capacity, and a minute above it.
const std::string flows = R"(ampacity: 1
name: f
seed: 3
fleet: { nodes: { gpus: 4, count: 8 } }
workload:
  - service:
      name: chat
      fidelity: fluid
      fluid: { tick: "30 s", requests: 4000 }
      replicas: 4
      gpus_per_replica: 4
      router: least-requests
      engine: { max_seqs: 32, kv_capacity_tokens: 100000, step: { base: "5 ms", per_token: "20 us" } }
      synthetic:
        requests: 100000
        rate: "80 /s"
        prompt: { median: "200 token", sigma: 0.5 }
        output: { median: "50 token", sigma: 0.5 }
      slo: { ttft: "1 s", tpot: "30 ms" }
scheduler: { policy: fifo }
until: "10 min"
output: { telemetry: "1 min" }
)";

const std::string at = "services.chat.";

}  // namespace

TEST_CASE("a fluid service comes to what its requests do") {
    const workspace here{flows};
    here.run_well();
    here.run_well({"--set", "workload.0.service.fidelity=request", "--set", "workload.0.service.fluid=null"},
                  "requests");
    const auto a = here.summary(), b = here.summary("requests");
    check_books(a);
    const auto near = [&](const std::string& key, double share) {
        INFO(key);
        CHECK(a.number(at + key) == Approx(b.number(at + key)).epsilon(share));
    };
    near("requests", 0.03);
    near("finished", 0.03);
    near("output_tokens", 0.03);
    near("prompt_tokens", 0.03);
    near("busy_share", 0.03);
    near("kv_occupancy.mean", 0.05);
    near("ttft_s.p50", 0.1);
    near("tpot_s.p50", 0.1);
    near("e2e_s.p50", 0.1);
    near("ttft_s.p99", 0.2);
    near("tpot_s.p99", 0.2);
    near("e2e_s.p99", 0.2);
    near("slo_attainment", 0.03);
    CHECK(a.number(at + "held_gpu_hours") == b.number(at + "held_gpu_hours"));
    CHECK(a.number(at + "requests") == 48'000);
    CHECK(a.number(at + "finished") + a.number(at + "rejected") + a.number(at + "unfinished") == 48'000);
    CHECK(a.has(at + "fluid.mean_load"));
    CHECK_FALSE(a.has(at + "steps"));
    CHECK_FALSE(b.has(at + "fluid"));
    const auto rows = lines_of(here.read("out/flows.csv"));
    REQUIRE(rows.size() == 12);
    CHECK(rows[0] == "time_s,service,serving,offered_per_s,served_per_s,load,backlog,ttft_p50_s,ttft_p99_s");
    CHECK(rows[3].substr(0, 18) == "120,chat,4,80,80,0");
    CHECK_FALSE(here.has("requests/flows.csv"));
}

TEST_CASE("a fluid service on slow nodes comes to what its requests do there") {
    const std::string slow = with(flows, "count: 8 } }",
                                  "count: 8 }, slowdowns: [ { nodes: 0-7, start: \"2 min\", duration: \"5 min\", "
                                  "speed: 0.6 } ] }");
    const workspace here{
        with(slow, "      replicas: 4\n", "      replicas: 4\n      autoscale: { policy: fixed, start: \"0 s\" }\n")};
    here.run_well();
    here.run_well({"--set", "workload.0.service.fidelity=request", "--set", "workload.0.service.fluid=null"},
                  "requests");
    const auto a = here.summary(), b = here.summary("requests");
    check_books(a);
    check_books(b);
    CHECK(a.number(at + "slowed_share") == 0.5);
    CHECK(a.number(at + "mean_pace") == Approx(0.8));
    for (const char* key : {"slowed_share", "mean_pace", "held_gpu_hours"})
        CHECK(a.number(at + key) == Approx(b.number(at + key)));
    const auto near = [&](const std::string& key, double share) {
        INFO(key);
        CHECK(a.number(at + key) == Approx(b.number(at + key)).epsilon(share));
    };
    near("finished", 0.03);
    near("busy_share", 0.05);
    near("ttft_s.p50", 0.1);
    near("tpot_s.mean", 0.05);
    near("e2e_s.mean", 0.05);
}

TEST_CASE("a burst beyond the capacity waits, in rates as in requests") {
    const workspace here{
        with(flows, "        prompt:",
             "        arrivals: { surges: [ { at: \"2 min\", length: \"3 min\", factor: 6 } ] }\n        prompt:")};
    here.run_well();
    here.run_well({"--set", "workload.0.service.fidelity=request", "--set", "workload.0.service.fluid=null"},
                  "requests");
    const auto a = here.summary(), b = here.summary("requests");
    CHECK(a.number(at + "requests") == 100'000);
    CHECK(a.number(at + "fluid.max_backlog") > 1000);
    const auto near = [&](const std::string& key, double share) {
        INFO(key);
        CHECK(a.number(at + key) == Approx(b.number(at + key)).epsilon(share));
    };
    near("finished", 0.03);
    near("ttft_s.mean", 0.1);
    near("ttft_s.p99", 0.1);
    near("slo_attainment", 0.1);
}

TEST_CASE("a fluid service that scales follows its load, byte for byte the same each time") {
    const workspace here{
        with(with(flows, "      replicas: 4\n",
                  "      replicas: 2\n      autoscale: { policy: target-utilisation, max: 8, target: 0.5, "
                  "interval: \"30 s\", start: \"20 s\" }\n"),
             "        rate: \"80 /s\"", "        rate: \"150 /s\"")};
    here.run_well();
    const auto a = here.summary();
    check_books(a);
    CHECK(a.number(at + "replicas.max") > 2);
    CHECK(a.number(at + "replicas.max") <= 8);
    CHECK(a.number(at + "finished") + a.number(at + "unfinished") + a.number(at + "rejected") ==
          a.number(at + "requests"));
    here.run_well({}, "again");
    check_same(here.results("again"), here.results());
}

TEST_CASE("a surface is measured once and used by those that it is of") {
    const workspace here{flows};
    const auto made = here.call({"surface", "s.yaml", "-o", "chat.json", "--steps", "3", "--span", "1.5", "--requests",
                                 "2000", "--check", "3"});
    INFO(made.err);
    REQUIRE(made.status == 0);
    CHECK(made.err.empty());
    CHECK(contains(made.out, "chat: 9 mixes x 16 loads x 2000 requests x 4 replicas"));
    CHECK(contains(made.out, "surface / engine - 1, on 3 mixes"));
    CHECK(contains(made.out, "TTFT p99"));
    const std::string with_file = "workload.0.service.fluid={ surface: chat.json }";
    here.run_well({"--set", with_file});
    const auto one = here.results();
    const auto again = here.call({"surface", "s.yaml", "-o", "again.json", "--steps", "3", "--span", "1.5",
                                  "--requests", "2000", "--threads", "3"});
    REQUIRE(again.status == 0);
    here.run_well({"--set", "workload.0.service.fluid={ surface: again.json }"}, "again");
    check_same(here.results("again"), one);
    CHECK(here.about().at("inputs").dump().find("chat.json") != std::string::npos);

    const auto m = check_refused(here.run({"--set", with_file, "--set", "workload.0.service.engine.max_seqs=33"}), 2);
    CHECK(m.key == "workload.0.service.fluid.surface");
    CHECK(contains(m.what, "the surface is of another engine"));
    here.write("none.json", "{}");
    CHECK(check_refused(here.run({"--set", "workload.0.service.fluid={ surface: none.json }"}), 3).file == "none.json");
}

TEST_CASE("a surface that was built is read by the next run, and changes nothing") {
    const workspace here{flows};
    here.run_well();
    const auto expected = here.results();
    CHECK(here.about().text("surfaces.chat.from") == "engine");
    CHECK_FALSE(here.about().has("surfaces.chat.file"));
    const std::string digest = here.about().text("surfaces.chat.digest");
    const auto run = [&](const std::string& from, const std::vector<std::string>& more = {}) {
        std::vector<std::string> arguments{"run", "s.yaml", "-o", "out"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const auto result = here.call(arguments, {.environment = {{"AMPACITY_CACHE", "kept"}}});
        INFO(result.err);
        REQUIRE(result.status == 0);
        CHECK(here.about().text("surfaces.chat.from") == from);
        CHECK(here.has(here.about().text("surfaces.chat.file")));
    };
    run("engine");
    check_same(here.results(), expected);
    run("cache");
    check_same(here.results(), expected);
    CHECK(here.about().text("surfaces.chat.digest") == digest);
    const std::string file = here.about().text("surfaces.chat.file");
    const std::string whole = here.read(file);
    here.write(file, whole.substr(0, whole.size() - 100));
    run("engine");
    check_same(here.results(), expected);
    CHECK(here.read(file) == whole);
    run("engine", {"--set", "workload.0.service.engine.max_seqs=33"});
    run("engine", {"--set", "workload.0.service.fluid.requests=4001"});
    run("cache", {"--set", "workload.0.service.synthetic.rate=70 /s"});
}

TEST_CASE("windows of requests stand beside the rates, and change nothing") {
    const workspace here{flows};
    here.run_well();
    const std::vector<std::string> windows{
        "--set", "workload.0.service.fluid.windows={ every: 3 min, length: 100 s, warm_up: 30 s, replicas: 3 }"};
    const auto shown = here.run_well(windows, "with");
    here.run_well(windows, "again");
    check_same(here.results("again"), here.results("with"));
    auto with_windows = nlohmann::json::parse(here.read("with/summary.json"));
    const auto w = with_windows["services"]["chat"]["fluid"]["windows"];
    with_windows["services"]["chat"]["fluid"].erase("windows");
    CHECK(with_windows == nlohmann::json::parse(here.read("out/summary.json")));
    CHECK(here.read("with/flows.csv") == here.read("out/flows.csv"));

    // From 3 to 9 minutes; that from 9 on ends behind the run.
    CHECK(w.at("compared") == 2);
    CHECK(w.at("not_compared") == 0);
    REQUIRE(w.at("each").size() == 2);
    CHECK(w.at("each")[1].at("from_s") == 360.0);
    CHECK(w.at("each")[1].at("replicas") == 3);
    const auto near = [&](const nlohmann::json& of, double share) {
        INFO(of.dump());
        CHECK(of.at("flow").get<double>() == Approx(of.at("engine").get<double>()).epsilon(share));
        CHECK(of.at("error").get<double>() ==
              Approx(of.at("flow").get<double>() / of.at("engine").get<double>() - 1).margin(1e-12));
    };
    near(w.at("served_per_s"), 0.05);
    near(w.at("busy_share"), 0.05);
    near(w.at("ttft_s").at("p50"), 0.1);
    near(w.at("tpot_s").at("p50"), 0.1);
    near(w.at("ttft_s").at("p99"), 0.2);
    near(w.at("tpot_s").at("p99"), 0.2);
    CHECK(w.at("served_per_s").at("flow").get<double>() == Approx(20));
    CHECK(contains(shown.out, "2 windows with requests, 0 not compared; rates / requests - 1:"));
    const auto m = check_refused(here.run({"--set", "workload.0.service.fluid.windows={ every: 14 min }"}), 2);
    CHECK(m.key == "workload.0.service.fluid.windows.every");
}

TEST_CASE("what a flow knows nothing of is refused") {
    const auto refused = [](const std::vector<std::string>& sets, const std::string& key) {
        std::vector<std::string> more;
        for (const std::string& s : sets) {
            more.push_back("--set");
            more.push_back("workload.0.service." + s);
        }
        const workspace here{flows};
        CHECK(check_refused(here.run(more), 2).key == "workload.0.service." + key);
    };
    refused({"fidelity=request"}, "fluid");
    refused({"router=session"}, "router");
    refused({"admission={ max_waiting: 8 }"}, "admission");
    refused({"engine.priorities=true"}, "engine.priorities");
    refused({"engine.prefix_cache=true"}, "engine.prefix_cache");
    refused({"engine.timeout=5 s"}, "engine.timeout");
    refused({"engine.max_wait=5 s"}, "engine.max_wait");
    refused({"synthetic.sessions={ turns: 3 }"}, "synthetic.sessions");
    refused({"synthetic.clients=[ { weight: 1 } ]"}, "synthetic.clients");
    refused({"synthetic.arrivals={ batches: { share: 0.1, mean: 8 } }"}, "synthetic.arrivals.batches");
    refused({"synthetic.arrivals={ beat: 1 s }"}, "synthetic.arrivals.beat");
}
