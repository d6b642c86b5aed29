// What `list` and `describe` say of the program's own files and exit statuses is what it writes and returns.

#include "cli/program.hpp"

#include <ampacity/io/output_files.hpp>
#include <ampacity/scenario/reference.hpp>

using namespace ampacity::test;

TEST_CASE("the listed columns are those of the files") {
    const workspace here{
        with(with(small_scenario, "fifo", "explain"), "{ pool_gpus: 4 }",
             "{ sites: [ { name: a, racks: [ { model: gb300-nvl72, count: 1 } ], build_out: { present: 1 } }, { name: "
             "b, "
             "racks: [ { model: gb300-nvl72, count: 1 } ] } ] }") +
            "energy: { region: us-east-1, cooling: warm-water-w40 }\noutput: { requests: "
            "true, placement: true, telemetry: \"1 s\", events: true, feeds: rack, years: true }\n",
        // A column is there only where jobs wait for others.
        "job_id,submit_s,gpus,duration_s,after\na,0,2,10,\nb,1.5,8,5,\nc,2,1,0.25,a\nnever,3,145,1,\n"};
    here.run_well({"--set",
                   "workload.1.service={ name: a, gpus_per_replica: 1, autoscale: { policy: fixed }, fidelity: fluid, "
                   "fluid: { requests: 1000 }, engine: { "
                   "kv_capacity_tokens: 1000, step: { "
                   "base: 1 ms } }, synthetic: { requests: 1, rate: 100 /s, prompt: { median: 9 token }, output: { "
                   "median: 9 token } } }"});
    here.run_well({"--set",
                   "workload.1.service={ name: a, gpus_per_replica: 1, autoscale: { policy: fixed }, engine: { "
                   "kv_capacity_tokens: 1000, step: { base: 1 ms } }, synthetic: { requests: 1, rate: 100 /s, prompt: "
                   "{ median: 9 token }, output: { "
                   "median: 9 token } } }"},
                  "served");
    std::size_t tables = 0;
    for (const auto& file : ampacity::io::output_files()) {
        const std::string name{file.name};
        INFO(name);
        // Of a service with requests, as that of others is of rates.
        const std::string folder = name == "services.csv" ? "served/" : "out/";
        REQUIRE(here.has(folder + name));
        if (file.columns.empty()) {
            CHECK_FALSE(name.ends_with(".csv"));
            continue;
        }
        ++tables;
        std::vector<std::string> listed;
        for (const auto& c : file.columns) {
            CHECK_FALSE(c.text.empty());
            // Temperatures need a key that goes with no service yet.
            if (!c.name.starts_with("gpu_temperature")) listed.emplace_back(c.name);
        }
        // Only where prompts and answers are computed apart, as the tests of services see.
        if (name == "requests.csv") {
            CHECK(listed.back() == "transfer_s");
            listed.pop_back();
        }
        CHECK(listed == fields_of(lines_of(here.read(folder + name)).front()));
    }
    CHECK(tables == 13);
    const workspace warm{with(small_scenario, "{ pool_gpus: 4 }", "{ racks: { model: gb300-nvl72, count: 1 } }") +
                         "energy: { cooling: warm-water-w40 }\npower: { thermal: true }\noutput: { telemetry: 1 s }\n"};
    warm.run_well();
    CHECK(lines_of(warm.read("out/telemetry.csv")).front().ends_with(",gpu_temperature_mean_c,gpu_temperature_max_c"));
    const auto listed = here.call({"list", "files"}).out;
    for (const auto& entry : std::filesystem::directory_iterator(here.path("out"))) {
        INFO(entry.path());
        CHECK(contains(listed, entry.path().filename().string() + ' '));
    }
}

TEST_CASE("a file and its columns are described") {
    const auto r = ampacity::test::ampacity({"describe", "telemetry.csv"});
    CHECK(r.status == 0);
    CHECK(contains(r.out, "output.telemetry"));
    CHECK(contains(r.out, "busy_gpus"));
    CHECK(contains(ampacity::test::ampacity({"describe", "jobs.csv"}).out, "[GPU-s]"));
}

TEST_CASE("names that may be meant are suggested, of whatever kind") {
    const auto remedy = [](const std::string& name) {
        const auto m = check_refused(ampacity::test::ampacity({"describe", name}), 2);
        CHECK(m.value == name);
        return m.remedy;
    };
    CHECK(remedy("esay") == "did you mean `easy`?");
    CHECK(remedy("spraed") == "did you mean `spread`?");
    CHECK(remedy("summary.jsn") == "did you mean `summary.json`?");
    CHECK(remedy("jct") == "did you mean `jct_s.mean`, `jct_s.p50`, `jct_s.p90`, `jct_s.p99`, `jct_s.max`?");
    CHECK(remedy("philly") == "did you mean `philly-csv`, `philly-like`?");
    CHECK(remedy("pool_gpus") == "did you mean `fleet.pool_gpus`?");
    CHECK(remedy("tresholds") == "did you mean `scheduler.las.thresholds`?");
    CHECK(remedy("synthetic").ends_with("`, ...?"));
    CHECK(remedy("tetris").starts_with("see `ampacity list"));
}

TEST_CASE("the keys that ask for a file exist") {
    std::vector<std::string> keys;
    for (const auto& k : ampacity::scenario::key_reference()) keys.push_back(k.path);
    for (const auto& file : ampacity::io::output_files()) {
        INFO(file.name);
        const bool known = std::find(keys.begin(), keys.end(), file.when) != keys.end();
        CHECK((file.when == "always" || known));
    }
}

TEST_CASE("exit statuses are listed, and shown by --help") {
    const auto listed = lines_of(ampacity::test::ampacity({"list", "exit-codes"}).out);
    REQUIRE(listed.size() == 6);
    const auto help = ampacity::test::ampacity({"--help"}).out;
    for (const auto& line : listed) CHECK(contains(help, line));
    CHECK(std::to_string(ampacity::test::ampacity({"fly"}).status) == listed[2].substr(0, 1));
}

TEST_CASE("a list as a page of Markdown has a row for each of its entries") {
    for (const std::string what : {"policies", "placers", "formats", "metrics", "keys", "files", "exit-codes"}) {
        INFO(what);
        const auto page = ampacity::test::ampacity({"list", what, "--markdown"});
        CHECK(page.status == 0);
        CHECK(page.out.starts_with("# "));
        for (const auto& line : lines_of(ampacity::test::ampacity({"list", what}).out)) {
            const auto name = line.substr(0, line.find(' '));
            INFO(name);
            CHECK((contains(page.out, "| `" + name + "` |") || contains(page.out, "\n## " + name + "\n") ||
                   contains(page.out, "\n| " + name + " |")));
        }
        // A bar inside of a cell would be one cell more.
        for (const auto& line : lines_of(page.out)) {
            if (!line.starts_with("| ")) continue;
            INFO(line);
            const auto bars = std::count(line.begin(), line.end(), '|');
            CHECK((bars >= 3 && bars <= 6));
        }
    }
}
