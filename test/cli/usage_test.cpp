// How the program is called: commands, options, help, version; bad usage is status 2 and leaves nothing behind.

#include "cli/program.hpp"

#include <ampacity/core/version.hpp>

using namespace ampacity::test;

namespace {

const std::vector<std::string> contract_commands{"run",  "validate", "sweep", "compare", "report",
                                                 "list", "describe", "trace", "bench"};

/// Bad usage: status 2, nothing on stdout, and the offending text named on stderr.
void check_bad_usage(const std::vector<std::string>& arguments, const std::string& named) {
    const workspace here;
    const auto r = here.call(arguments);
    INFO("stderr: " << r.err << "expected to name: " << named);
    CHECK(r.status == 2);
    CHECK(r.out.empty());
    CHECK(contains(r.err, named));
    CHECK_FALSE(here.has("out"));
}

}  // namespace

TEST_CASE("the program and each of its commands explain themselves") {
    const auto program = ampacity::test::ampacity({"--help"});
    CHECK(program.status == 0);
    CHECK(program.err.empty());
    std::size_t commands = 0;
    for (const auto& command : contract_commands) {
        INFO(command);
        if (!std::regex_search(program.out, std::regex{"\n +" + command + "\\b"})) continue;
        ++commands;
        const auto r = ampacity::test::ampacity({command, "--help"});
        CHECK(r.status == 0);
        CHECK(r.err.empty());
        CHECK(contains(r.out, command));
        CHECK(contains(r.out, "--help"));
    }
    CHECK(commands >= 3);
}

TEST_CASE("the help of run names every option") {
    const auto r = ampacity::test::ampacity({"run", "--help"});
    for (const char* option :
         {"SCENARIO", "-o", "--set", "--seed", "--policy", "--until", "--progress", "--no-progress", "--sparklines"}) {
        INFO(option);
        CHECK(contains(r.out, option));
    }
}

TEST_CASE("the version goes to stdout") {
    const auto r = ampacity::test::ampacity({"--version"});
    CHECK(r.status == 0);
    CHECK(r.err.empty());
    CHECK(contains(r.out, std::string{ampacity::version}));
    CHECK(lines_of(r.out).size() == 1);
}

TEST_CASE("policies and placers are listed on stdout") {
    const auto policies = ampacity::test::ampacity({"list", "policies"});
    CHECK(policies.status == 0);
    CHECK(policies.err.empty());
    for (const char* name : {"fifo", "fifo-skip", "sjf", "srtf", "las", "easy", "conservative"}) {
        INFO(name);
        CHECK(std::regex_search(policies.out, std::regex{std::string{"(^|\n)"} + name + "[ \n]"}));
    }
    const auto placers = ampacity::test::ampacity({"list", "placers"});
    CHECK(placers.status == 0);
    CHECK(placers.err.empty());
    for (const char* name : {"first-fit", "pack", "spread", "topology", "block"}) {
        INFO(name);
        CHECK(std::regex_search(placers.out, std::regex{std::string{"(^|\n)"} + name + "[ \n]"}));
    }
}

TEST_CASE("no command is bad usage") { check_bad_usage({}, "--help"); }
TEST_CASE("an unknown command is named") { check_bad_usage({"rnu", "s.yaml"}, "rnu"); }
TEST_CASE("an unknown option is named") { check_bad_usage({"run", "s.yaml", "-o", "out", "--sead", "1"}, "--sead"); }
TEST_CASE("an unknown option of the program is named") { check_bad_usage({"--frobnicate"}, "--frobnicate"); }
TEST_CASE("a missing scenario argument is named") { check_bad_usage({"run"}, "SCENARIO"); }
TEST_CASE("an option without its value is named") { check_bad_usage({"run", "s.yaml", "--seed"}, "--seed"); }
TEST_CASE("a second scenario is named") { check_bad_usage({"run", "s.yaml", "t.yaml", "-o", "out"}, "t.yaml"); }
TEST_CASE("an unknown list is named") { check_bad_usage({"list", "policys"}, "policys"); }
TEST_CASE("an option of another command is named") { check_bad_usage({"validate", "s.yaml", "-o", "out"}, "-o"); }

TEST_CASE("an empty text is not the same as an option that is not given") {
    for (const std::string option : {"-o", "--output", "--seed", "--policy", "--until"}) {
        const std::string named = option == "-o" ? "--output" : option;
        check_bad_usage({"run", "s.yaml", option, ""}, named + ": is given an empty text");
    }
    check_bad_usage({"run", "s.yaml", "--output="}, "--output");
    check_bad_usage({"validate", "s.yaml", "--seed", ""}, "--seed");
    check_bad_usage({"report", "out", "-o", ""}, "--output");
    check_bad_usage({"trace", "jobs.csv", "--format", ""}, "--format");
    check_bad_usage({"trace", "jobs.csv", "--reorder", ""}, "--reorder");
    check_bad_usage({"trace", "jobs.csv", "--to", "jobs-csv", "-o", ""}, "--output");
    check_bad_usage({"completion", "bash", "-o", ""}, "--output");
}

TEST_CASE("bad overrides are refused with their text and a remedy") {
    struct fault {
        std::vector<std::string> arguments;
        std::string file, key, value, remedy;
    };
    const std::vector<fault> faults{
        {{"--set", "x"}, "--set x", "", "x", "key.path=value|--set"},
        {{"--set", "=x"}, "--set =x", "", "=x", "key.path=value|--set"},
        {{"--set", "seed="}, "--set seed=", "seed", "", "value"},
        {{"--set", "scheduler.polcy=easy"},
         "--set scheduler.polcy=easy",
         "scheduler.polcy",
         "polcy",
         "did you mean `policy`"},
        {{"--set", "sede=2"}, "--set sede=2", "sede", "sede", "did you mean `seed`"},
        {{"--set", "workload.1.trace=x"}, "--set workload.1.trace=x", "workload.1.trace", "", ""},
        {{"--set", "workload.7.trace.path=x"}, "--set workload.7.trace.path=x", "workload.7.trace.path", "", "index"},
        {{"--set", "workload.first.trace.path=x"},
         "--set workload.first.trace.path=x",
         "workload.first.trace.path",
         "",
         "index"},
        {{"--set", "name.x=1"}, "--set name.x=1", "name.x", "", ""},
        {{"--set", "scheduler.policy=eazy"},
         "--set scheduler.policy=eazy",
         "scheduler.policy",
         "eazy",
         "did you mean `easy`"},
        {{"--policy", "eazy"}, "--policy eazy", "scheduler.policy", "eazy", "did you mean `easy`"},
        {{"--seed", "x"}, "--seed x", "seed", "x", ""},
        {{"--seed", "-1"}, "--seed -1", "seed", "-1", ""},
        {{"--seed", "1.5"}, "--seed 1.5", "seed", "1.5", ""},
        {{"--until", "5"}, "--until 5", "until", "5", "unit"},
        {{"--until", "5 kW"}, "--until 5 kW", "until", "5 kW", "unit"},
        {{"--until", "-5 s"}, "--until -5 s", "until", "-5 s", ""},
    };
    const workspace here;
    for (const auto& f : faults) {
        INFO(f.file);
        const auto m = check_refused(here.run(f.arguments), 2);
        CHECK(m.file == f.file);
        CHECK(m.key == f.key);
        if (!f.value.empty()) CHECK(m.value == f.value);
        CHECK(std::regex_search(m.remedy, std::regex{f.remedy}));
    }
    CHECK_FALSE(here.has("out"));
}

TEST_CASE("overrides are taken in order and reach into lists") {
    const workspace here;
    here.write("other.csv", header + "z,0,1,1\n");
    here.run_well({"--set", "workload.0.trace.path=other.csv"});
    CHECK(lines_of(here.read("out/jobs.csv")).size() == 2);
    here.run_well({"--set", "fleet.pool_gpus=2", "--set", "fleet.pool_gpus=3", "--set", "name=renamed"});
    CHECK(here.summary().text("scenario") == "renamed");
    CHECK(here.summary().number("jobs.rejected") == 1);
    here.run_well({"--set", "workload.1.trace.path=other.csv"});
    CHECK(here.summary().number("jobs.submitted") == 4);
    here.run_well({"--set", "workload.0=null"});
    CHECK(here.summary().number("jobs.submitted") == 0);
}

TEST_CASE("a scenario without a seed needs the option") {
    const workspace here{with(small_scenario, "seed: 1\n", "")};
    const auto m = check_refused(here.run(), 2);
    CHECK(m.file == "s.yaml");
    CHECK(m.line == 1);
    CHECK(m.column == 1);
    CHECK(m.key == "seed");
    here.run_well({"--seed", "18446744073709551615"});
    CHECK(here.summary().at("seed").get<std::uint64_t>() == 18446744073709551615U);
}

TEST_CASE("the options seed policy and until take the place of the file") {
    const workspace here;
    here.run_well({"--seed", "7", "--policy", "fifo-skip", "--until", "1.5 min"});
    const auto s = here.summary();
    CHECK(s.number("seed") == 7);
    CHECK(s.text("policy") == "fifo-skip");
    const auto resolved = here.read("out/resolved.yaml");
    CHECK(contains(resolved, "seed: 7\n"));
    CHECK(contains(resolved, "policy: fifo-skip\n"));
    CHECK(contains(resolved, "until: \"90 s\"\n"));
    here.run_well({"--until", "drained"});
    CHECK(contains(here.read("out/resolved.yaml"), "until: drained\n"));
}

TEST_CASE("the output folder is named after the scenario by default") {
    const workspace here;
    const auto r = here.call({"run", "s.yaml"});
    CHECK(r.status == 0);
    CHECK(here.has("out/small/summary.json"));
}
