// The same inputs give the same bytes of summary.json and every CSV file, however and wherever the program is run.

#include "cli/program.hpp"
#include "support/gzip.hpp"
#include "support/random_workload.hpp"

#include <ampacity/core/decimal.hpp>

#include <array>

using namespace ampacity::test;

namespace {

const naive::fleet nodes{.nodes = 6, .gpus_per_node = 8, .placer = "pack"};
const naive::fleet pool{.pool_gpus = 48};

/// jobs-csv of a random workload.
std::string trace_of(const std::vector<naive::job>& jobs) {
    std::string text = "job_id,submit_s,gpus,duration_s,estimate_s,spread\n";
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        const auto& j = jobs[i];
        text += std::to_string(i) + ',' + ampacity::format_ns_as_seconds(j.submit_ns) + ',' + std::to_string(j.gpus) +
                ',' + ampacity::format_ns_as_seconds(j.duration_ns) + ',' +
                (j.estimate_ns ? ampacity::format_ns_as_seconds(*j.estimate_ns) : "") + ',' + (j.spread ? "1" : "") +
                '\n';
    }
    return text;
}

std::vector<naive::job> workload(const naive::fleet& where, std::size_t jobs = 300) {
    return naive::random_workload(5, naive::flavour::mixed, where, jobs, false);
}

std::string scenario_on(const naive::fleet& where) {
    const std::string fleet = where.pool_gpus != 0 ? "pool_gpus: 48" : "nodes: { gpus: 8, count: 6 }";
    return with(with(small_scenario, "pool_gpus: 4", fleet), "policy: fifo", "policy: easy, placer: pack") +
           "output: { placement: true, telemetry: \"7 s\" }\n";
}

const std::string synthetic_scenario = R"(ampacity: 1
name: synthetic
seed: 42
fleet: { nodes: { gpus: 8, count: 6 } }
workload:
  - synthetic:
      jobs: 500
      rate: "60 /h"
      cv: 2
      duration: { median: "22 min", sigma: 1.5, max: "2 d" }
      gpus: [{ gpus: 1, weight: 6 }, { gpus: 8, weight: 2 }, { gpus: 16, weight: 1 }]
      estimate_factor: { min: 1, max: 5 }
scheduler: { policy: easy, placer: pack }
output: { placement: true, telemetry: "10 min" }
)";

file_texts without(file_texts files, const std::vector<std::string>& names) {
    for (const auto& name : names) files.erase(name);
    return files;
}

/// jobs.csv as the naive replay would have it.
std::string expected_jobs(const std::vector<naive::job>& jobs, const std::vector<naive::outcome>& outcomes) {
    std::string text = "job_id,submit_s,start_s,finish_s,gpus,state,preemptions,restarts,useful_gpu_s,lost_gpu_s\n";
    const auto time = [](const std::optional<std::int64_t>& ns) {
        return ns ? ampacity::format_ns_as_seconds(*ns) : std::string{};
    };
    const std::array<std::string, 4> states{"finished", "rejected", "killed", "unfinished"};
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        const auto& o = outcomes[i];
        text += std::to_string(i) + ',' + time(jobs[i].submit_ns) + ',' + time(o.first_start_ns) + ',' +
                time(o.finish_ns) + ',' + std::to_string(jobs[i].gpus) + ',' + states[static_cast<std::size_t>(o.st)] +
                ',' + std::to_string(o.preemptions) + ",0," + ampacity::format_gpu_seconds(o.useful_gpu_ns) + ',' +
                ampacity::format_gpu_seconds(o.lost_gpu_ns) + '\n';
    }
    return text;
}

}  // namespace

TEST_CASE("a run repeats itself byte for byte") {
    for (const std::string policy :
         {"fifo", "fifo-skip", "sjf", "srtf", "las", "easy", "conservative", "priority", "fair-share", "drf"}) {
        INFO(policy);
        const workspace here{scenario_on(nodes), trace_of(workload(nodes))};
        here.run_well({"--policy", policy}, "one");
        here.run_well({"--policy", policy}, "two");
        CHECK(here.results("one").size() == 5);
        check_same(here.results("two"), here.results("one"));
        CHECK(here.read("one/resolved.yaml") == here.read("two/resolved.yaml"));
    }
}

TEST_CASE("progress changes no result") {
    const workspace here{scenario_on(nodes), trace_of(workload(nodes))};
    here.run_well({}, "one");
    here.run_to(0, {"--progress"}, "two");
    here.run_to(0, {"--no-progress"}, "three");
    check_same(here.results("two"), here.results("one"));
    check_same(here.results("three"), here.results("one"));
}

TEST_CASE("telemetry and placement change no other result") {
    const auto end = GENERATE(as<std::string>{}, "drained", "100 s");
    INFO("until " << end);
    const workspace here{scenario_on(nodes), trace_of(workload(nodes))};
    const std::vector<std::string> optional_files{"telemetry.csv", "placement.csv"};
    here.run_well({"--until", end}, "all");
    here.run_well({"--until", end, "--set", "output.telemetry=false"}, "placement");
    here.run_well({"--until", end, "--set", "output.placement=false", "--set", "output.telemetry=1 min"}, "telemetry");
    here.run_well({"--until", end, "--set", "output={ jobs: true }"}, "none");
    const auto expected = here.results("none");
    REQUIRE(expected.size() == 3);
    check_same(without(here.results("all"), optional_files), expected);
    check_same(without(here.results("placement"), optional_files), expected);
    check_same(without(here.results("telemetry"), optional_files), expected);
    CHECK(here.results("all")["placement.csv"] == here.results("placement")["placement.csv"]);
}

TEST_CASE("the working directory and the environment change no result") {
    const workspace here{scenario_on(nodes), trace_of(workload(nodes))};
    here.run_well({}, "one");
    process_options elsewhere;
    elsewhere.directory = "/";
    elsewhere.environment = {
        {"TZ", "Asia/Tokyo"}, {"LC_ALL", "de_DE.UTF-8"}, {"LANG", "de_DE.UTF-8"}, {"HOME", "/nowhere"}};
    const auto r = here.call({"run", here.path("s.yaml").string(), "-o", here.path("two").string()}, elsewhere);
    CHECK(r.status == 0);
    check_same(here.results("two"), here.results("one"));
    here.write("below/s.yaml", with(scenario_on(nodes), "path: jobs.csv", "path: ../jobs.csv"));
    const auto below = here.call({"run", "below/s.yaml", "-o", "three"});
    CHECK(below.status == 0);
    check_same(here.results("three"), here.results("one"));
}

TEST_CASE("compression line ends and a byte order mark change no result") {
    const auto trace = trace_of(workload(nodes));
    const workspace here{scenario_on(nodes), trace};
    here.run_well({}, "plain");
    const auto expected = here.results("plain");
    const auto check_file = [&](const std::string& name, const std::string& bytes) {
        INFO(name);
        here.write(name, bytes);
        here.run_well({"--set", "workload.0.trace.path=" + name}, "other");
        check_same(here.results("other"), expected);
    };
    check_file("jobs.csv.gz", gzip(trace));
    check_file("quick.csv.gz", gzip(trace, 1));
    check_file("members.csv.gz", gzip(trace.substr(0, 1000)) + gzip(trace.substr(1000)));
    check_file("gzip.csv", gzip(trace));
    check_file("crlf.csv", std::regex_replace(trace, std::regex{"\n"}, "\r\n"));
    check_file("mark.csv", "\xEF\xBB\xBF" + trace);
    check_file("no_end.csv", trace.substr(0, trace.size() - 1));
}

TEST_CASE("the seed changes nothing where nothing is random") {
    const workspace here{scenario_on(nodes), trace_of(workload(nodes))};
    here.run_well({"--seed", "1"}, "one");
    here.run_well({"--seed", "987654321"}, "two");
    auto one = here.results("one");
    auto two = here.results("two");
    auto first = nlohmann::json::parse(one["summary.json"]);
    auto second = nlohmann::json::parse(two["summary.json"]);
    CHECK(first.at("seed").get<int>() == 1);
    CHECK(second.at("seed").get<int>() == 987654321);
    first.erase("seed");
    second.erase("seed");
    CHECK(first.dump() == second.dump());
    check_same(without(two, {"summary.json"}), without(one, {"summary.json"}));
}

TEST_CASE("a synthetic run follows from its seed") {
    const workspace here{synthetic_scenario};
    here.run_well({}, "one");
    here.run_well({}, "two");
    here.run_well({"--seed", "43"}, "other");
    CHECK(here.summary("one").number("jobs.submitted") == 500);
    CHECK(here.summary("one").number("jobs.finished") == 500);
    check_same(here.results("two"), here.results("one"));
    CHECK(here.read("one/jobs.csv") != here.read("other/jobs.csv"));
}

TEST_CASE("policies see the same synthetic jobs") {
    const workspace here{synthetic_scenario};
    const auto jobs = [&](const std::string& policy) {
        here.run_well({"--policy", policy}, policy);
        std::vector<std::vector<std::string>> asked;
        for (const auto& line : lines_of(here.read(policy + "/jobs.csv"))) {
            const auto fields = fields_of(line);
            asked.push_back({fields.at(0), fields.at(1), fields.at(4), fields.at(8)});
        }
        return asked;
    };
    const auto expected = jobs("fifo");
    CHECK(expected.size() == 501);
    for (const std::string policy : {"sjf", "srtf", "las", "easy", "conservative"}) {
        INFO(policy);
        const auto actual = jobs(policy);
        CHECK(actual == expected);
    }
}

TEST_CASE("from file to file the schedule is the naive one") {
    for (const auto& where : {pool, nodes}) {
        const auto jobs = workload(where, 120);
        const workspace here{scenario_on(where), trace_of(jobs)};
        for (const std::string policy : {"fifo", "fifo-skip", "sjf", "srtf", "las", "easy", "conservative"}) {
            INFO(policy << (where.pool_gpus != 0 ? " on a pool" : " on nodes"));
            here.run_well({"--policy", policy, "--set", "workload.0.trace.reorder=1000 d"});
            check_same({{"jobs.csv", here.read("out/jobs.csv")}},
                       {{"jobs.csv", expected_jobs(jobs, naive::replay(jobs, where, {.policy = policy}))}});
        }
    }
}
