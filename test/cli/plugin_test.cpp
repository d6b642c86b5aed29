// Plug-ins: what they add works as if it were built in, whatever they do wrong ends the run with the right status and a
// message that names them.

#include "cli/program.hpp"

#include <map>

using namespace ampacity::test;

namespace {

std::string library(const std::string& name) { return std::string{AMPACITY_TEST_PLUGINS} + '/' + name + ".so"; }

const std::string nodes_scenario = with(small_scenario, "pool_gpus: 4", "nodes: { gpus: 8, count: 2 }");

const std::string source_scenario =
    with(small_scenario, "  - trace: { path: jobs.csv }\n", "  - plugin: { name: drizzle, options: { jobs: 50 } }\n");

/// A fault of a plug-in: status 5 and one line that names the file.
std::string check_broken(const process_result& r, const std::string& file) {
    INFO("stderr: " << r.err);
    CHECK(r.status == 5);
    CHECK(r.out.empty());
    CHECK(r.err.starts_with(file + ": error: "));
    CHECK(lines_of(r.err).size() == 1);
    return r.err;
}

}  // namespace

TEST_CASE("a policy of a plug-in gives the schedule of the built-in one that it copies") {
    const workspace here;
    here.run_well({}, "built-in");
    here.run_well({"--plugin", library("good"), "--policy", "in-order"});
    CHECK(here.read("out/jobs.csv") == here.read("built-in/jobs.csv"));
    CHECK(here.summary().text("policy") == "in-order");

    const auto run = here.about();
    CHECK(run.at("inputs").at(library("good")).get<std::string>().starts_with("xxh64:"));
    CHECK(run.at("plugins").at(library("good")).size() == 5);
    CHECK(run.at("plugins").at(library("good"))[0] == "policy in-order");
    const std::string resolved = here.read("out/resolved.yaml");
    CHECK(contains(resolved, "policy: in-order\n"));
    CHECK(contains(resolved, "# --plugin " + library("good") + "  xxh64:"));

    // What was resolved runs again, with the same plug-in.
    const auto again = here.call({"run", "out/resolved.yaml", "--plugin", library("good"), "-o", "again", "--set",
                                  "workload.0.trace.path=../jobs.csv"});
    CHECK(again.status == 0);
    CHECK(here.read("again/summary.json") == here.read("out/summary.json"));
}

TEST_CASE("a policy of a plug-in decides in rounds, says why jobs wait, and serves jobs of reservations") {
    const std::string nodes = with(small_scenario, "pool_gpus: 4", "nodes: { gpus: 2, count: 2 }");
    for (const std::string wrapper : {"round", "explain"}) {
        INFO(wrapper);
        const workspace here{with(nodes, "policy: fifo",
                                  "policy: " + wrapper + ", " + wrapper + ": { policy: fifo" +
                                      (wrapper == "round" ? ", every: \"3 s\" }" : ", jobs: [ b ] }") +
                                      ", reservations: [ { name: own, kind: advance, start: \"20 s\", duration: "
                                      "\"30 s\", nodes: \"1\" } ]"),
                             "job_id,submit_s,gpus,duration_s,reservation\na,0,4,10,\nb,1,2,5,\nc,2,2,4,own\n"};
        here.run_well({}, "built-in");
        here.run_well({"--plugin", library("good"), "--set", "scheduler." + wrapper + ".policy=in-order"});
        CHECK(here.read("out/jobs.csv") == here.read("built-in/jobs.csv"));
        if (wrapper == "explain") CHECK(lines_of(here.read("out/explain.csv")).size() > 1);
    }
}

TEST_CASE("a plug-in is found beside the scenario by a plain name") {
    const workspace here;
    std::filesystem::copy(library("good"), here.path("libmine.so"));
    here.run_well({"--plugin", "libmine.so", "--policy", "in-order"});
}

TEST_CASE("options reach a policy of a plug-in, and wrong ones are faults of the scenario") {
    const workspace here{small_scenario, header + "a,0,4,10\nb,1,4,5\nc,2,4,1\n"};
    const std::string file = library("good");
    const auto run = [&](const std::string& options) {
        return here.run({"--plugin", file, "--policy", "by-estimate", "--set", "scheduler.policy_options=" + options});
    };
    CHECK(run("{}").status == 0);
    CHECK(fields_of(lines_of(here.read("out/jobs.csv"))[3])[2] == "10");  // c before b
    CHECK(run("{ longest_first: true }").status == 0);
    CHECK(fields_of(lines_of(here.read("out/jobs.csv"))[3])[2] == "15");
    CHECK(contains(here.read("out/resolved.yaml"), "policy_options: { longest_first: \"true\" }\n"));

    auto m = check_refused(run("{ longest: true }"), 2);
    CHECK(m.key == "scheduler.policy_options.longest");
    CHECK(m.what == "unknown option");
    CHECK(m.value == "true");
    CHECK(m.remedy == "write one of: longest_first, patience_s");
    m = check_refused(run("{ longest_first: maybe }"), 2);
    CHECK(m.what == "expected true or false");
    m = check_refused(run("{ patience_s: -1 }"), 2);
    CHECK(m.what == "too small");
    CHECK(check_refused(run("{ patience_s: soon }"), 2).what == "expected a number");
    CHECK(check_refused(run("{ patience_s: [1] }"), 2).what == "expected a single value, found a list");

    here.write("s.yaml", with(small_scenario, "{ policy: fifo }",
                              "\n  policy: by-estimate\n  policy_options:\n    longest_first: true\n    what: ever"));
    m = check_refused(here.run({"--plugin", file}), 2);
    check_placed(m, "s.yaml");
    CHECK(m.line == 11);
    CHECK(m.column == 11);
    check_placed(check_refused(here.call({"validate", "s.yaml", "--plugin", file}), 2), "s.yaml");

    m = check_refused(here.run({"--policy", "fifo"}), 2);
    CHECK(m.key == "scheduler.policy_options");
}

TEST_CASE("a policy of a plug-in resizes jobs") {
    // Prefers more than there is. On 1 GPU it has done 1 s at 8 s, on 3 then 0.75 s at 10 s, and on 4 the rest.
    const workspace here{small_scenario,
                         "job_id,submit_s,gpus,duration_s,gpus_min,gpus_max\na,0,8,10,1,8\nb,8,1,2,,\n"};
    here.run_well({"--plugin", library("good"), "--policy", "stretching"});
    CHECK(lines_of(here.read("out/jobs.csv"))[1] == "a,0,0,26.5,8,finished,0,0,80,0");
    CHECK(here.summary().number("jobs.resizes") == 2);
    here.run_well({"--plugin", library("good"), "--policy", "in-order"});
    CHECK(here.summary().number("jobs.rejected") == 1);
}

TEST_CASE("a placer of a plug-in places") {
    const workspace here{nodes_scenario + "output: { placement: true }\n"};
    here.run_well({"--plugin", library("good"), "--set", "scheduler.placer=from-last"});
    CHECK(lines_of(here.read("out/placement.csv"))[1] == "a,1,0,1:2");
}

TEST_CASE("a source of a plug-in yields jobs") {
    const workspace here{source_scenario};
    here.run_well({"--plugin", library("good")});
    const auto jobs = lines_of(here.read("out/jobs.csv"));
    CHECK(jobs.size() == 51);
    CHECK(fields_of(jobs[2])[0] == "drop-1");
    CHECK(fields_of(jobs[2])[1] == "60");
    here.run_well({"--plugin", library("good")}, "twice");
    CHECK(here.read("twice/jobs.csv") == here.read("out/jobs.csv"));
    here.run_well({"--plugin", library("good"), "--seed", "2"}, "other");
    CHECK(here.read("other/jobs.csv") != here.read("out/jobs.csv"));

    const auto valid = here.call({"validate", "s.yaml", "--plugin", library("good")});
    CHECK(valid.status == 0);
    CHECK(contains(valid.out, "options: { jobs: \"50\" }"));
    CHECK(contains(valid.out, "# --plugin "));

    // One without end is read as far as the run goes.
    const std::vector<std::string> endless{"--plugin", library("good"), "--until",
                                           "1 h",      "--set",         "workload.0.plugin.options.jobs=1000000000000"};
    std::vector<std::string> check{"validate", "s.yaml"};
    check.insert(check.end(), endless.begin(), endless.end());
    CHECK(here.call(check).status == 0);
    here.run_well(endless, "endless");
    CHECK(here.summary("endless").number("jobs.submitted") == 61);

    auto m = check_refused(here.run(), 2);
    CHECK(m.key == "workload.0.plugin.name");
    CHECK(contains(m.remedy, "--plugin"));
    m = check_refused(here.run({"--plugin", library("good"), "--set", "workload.0.plugin.name=drizle"}), 2);
    CHECK(m.remedy == "did you mean `drizzle`?");
    m = check_refused(here.run({"--plugin", library("good"), "--set", "workload.0.plugin.options.jobs=many"}), 2);
    CHECK(m.key == "workload.0.plugin.options.jobs");
}

TEST_CASE("what plug-ins have is listed, described and suggested") {
    const workspace here;
    CHECK(contains(here.call({"list", "policies", "--plugin", library("good")}).out, "by-estimate"));
    CHECK(contains(here.call({"list", "placers", "--plugin", library("good")}).out, "from-last"));
    CHECK(contains(here.call({"list", "workloads", "--plugin", library("good")}).out, "drizzle"));
    CHECK_FALSE(contains(here.call({"list", "policies"}).out, "by-estimate"));
    CHECK(here.call({"describe", "in-order", "--plugin", library("good")}).out == "in-order: submit order, as fifo\n");
    CHECK(here.call({"describe", "drizzle", "--plugin", library("good")}).status == 0);
    const auto m = check_refused(here.run({"--plugin", library("good"), "--policy", "in-ordr"}), 2);
    CHECK(m.remedy == "did you mean `in-order`?");
}

TEST_CASE("a library that is no plug-in of this build is refused with the reason") {
    const workspace here;
    here.write("text.so", "this is no library");
    const std::map<std::string, std::string> reasons{
        {library("other_abi"), "does not match this build: it has `ampacity 9.7`, this build `ampacity "},
        {library("no_table"), "its table is empty"},
        {library("no_function"), "it has no function ampacity_plugin"},
        {library("undefined"), "nobody_has_this"},
        {library("built_in_name"), "policy fifo: has the name of a built-in one"},
        {library("no_parts"), "has no policy, placer or source"},
        {library("bad_name"), "has a part with an unusable name (two words)"},
        {"text.so", "cannot be loaded"},
    };
    for (const auto& [file, reason] : reasons) {
        INFO(file);
        CHECK(contains(check_broken(here.run({"--plugin", file}), file), reason));
        check_broken(here.call({"validate", "s.yaml", "--plugin", file}), file);
        check_broken(here.call({"list", "policies", "--plugin", file}), file);
    }
    CHECK_FALSE(here.has("out"));
}

TEST_CASE("a plug-in that cannot be read, or is given twice, is bad usage") {
    const workspace here;
    for (const std::string file : {"no-such.so", "."}) {
        const auto m = check_refused(here.run({"--plugin", file}), 2);
        check_whole_file(m, file);
        CHECK(m.key == "--plugin");
        CHECK(m.what == "the plug-in cannot be read");
    }
    for (const std::string second : {"good", "good_twin"}) {
        const auto m = check_refused(here.run({"--plugin", library("good"), "--plugin", library(second)}), 2);
        CHECK(m.what == "two plug-ins have a policy in-order");
        CHECK(m.value == library("good"));
    }
    here.run_well({"--plugin", library("good"), "--plugin", library("faulty")});
}

TEST_CASE("a policy of a plug-in that breaks the rules ends the run with status 5") {
    const workspace here{nodes_scenario};
    const std::string file = library("faulty");
    const std::map<std::string, std::vector<std::string>> expected{
        {"factory", {"policy bad: threw an exception from its constructor (no luck\\x0Aat all)"}},
        {"on_submit", {"threw an exception from on_submit at 0 s of simulated time (no such job wanted)"}},
        {"on_finish", {"threw an exception from on_finish at 2.25 s of simulated time (ends are sad)"}},
        {"decide", {"policy bad: threw an exception from decide at 0 s of simulated time (cannot decide)"}},
        {"int", {"threw what is no std::exception from decide at 0 s"}},
        {"long", {"xxxxxxxx"}},
        {"taken", {"threw an exception from decide", "assertion failed"}},
        {"twice",
         {"policy bad: the policy's plan at 0 s is impossible", "job number 0 by arrival", "it is not queued"}},
        {"swallow", {"policy bad: the policy's plan at 0 s is impossible", "job number 0 by arrival"}},
        {"stranger", {"job id 12345", "it is not queued"}},
        {"preempt", {"job number 0 by arrival", "it is not running"}},
        {"count", {"job number 0 by arrival", "it needs 2 GPUs and was given 8"}},
        {"no_node", {"job number 0 by arrival", "node 77 does not exist"}},
        {"past", {"wake_at 0 s is not after now"}},
        {"resize", {"job number 0 by arrival", "cannot resize it: it is not running"}},
    };
    for (const auto& [how, texts] : expected) {
        INFO(how);
        const auto r = here.run({"--plugin", file, "--policy", "bad", "--set", "scheduler.policy_options.how=" + how});
        const auto message = check_broken(r, file);
        for (const auto& text : texts) CHECK(contains(message, text));
        CHECK(message.size() < 2000);
        CHECK_FALSE(here.has("out/summary.json"));
    }
    const auto m = check_refused(
        here.run({"--plugin", file, "--policy", "bad", "--set", "scheduler.policy_options.how=option"}), 2);
    CHECK(m.what == "not today");
    CHECK(m.remedy == "try tomorrow");
}

TEST_CASE("a placer of a plug-in that breaks the rules ends the run with status 5") {
    const workspace here{nodes_scenario, header + "a,0,3,10\nb,1,3,5\n"};
    const std::string file = library("faulty");
    const std::map<std::string, std::string> expected{
        {"throw",
         "placer bad: threw an exception from place for job number 1 by arrival (id 1) at 1 s of simulated time "
         "(no place)"},
        {"outside", "node 99: it does not exist for job number 1 by arrival"},
        {"taken", "node 0: its GPUs are not free for job number 1 by arrival"},
        {"nothing", "node 1: no GPU of it is named"},
        {"few", "chose 1 GPUs for a job"},
        {"twice", "node 1: it is named twice"},
        {"none", "chose 0 GPUs for a job"},
        {"false", "place returned false and changed its output"},
    };
    for (const auto& policy : {"fifo", "easy", "conservative", "srtf"}) {
        for (const auto& [how, text] : expected) {
            // It only asks `fits`, whose output nobody sees.
            if (std::string{policy} == "conservative" && how == "false") continue;
            INFO(policy << ' ' << how);
            const auto r = here.run({"--plugin", file, "--policy", policy, "--set", "scheduler.placer=bad", "--set",
                                     "scheduler.placer_options.how=" + how});
            const auto message = check_broken(r, file);
            if (std::string{policy} == "fifo") CHECK(contains(message, text));
        }
    }
}

TEST_CASE("a source of a plug-in that yields what cannot be ends the run with status 5") {
    const workspace here{
        with(small_scenario, "  - trace: { path: jobs.csv }\n", "  - plugin: { name: bad, options: { how: none } }\n")};
    const std::string file = library("faulty");
    here.run_well({"--plugin", file});
    CHECK(lines_of(here.read("out/jobs.csv")).size() == 4);
    const std::map<std::string, std::string> expected{
        {"throw", "source bad: threw an exception from next"},
        {"overfull", "yielded more jobs than there is room for"},
        {"unsorted", "number 1 from 0: its submit is before that of the job before it"},
        {"negative", "number 0 from 0: its submit is out of range"},
        {"work", "its duration is out of range"},
        {"estimate", "its estimate is out of range"},
        {"gpus", "it asks for too many GPUs"},
        {"elastic", "its numbers of GPUs do not go together"},
        {"speed", "its speed is out of range"},
        {"text", "threw an exception from text"},
    };
    for (const auto& [how, text] : expected) {
        INFO(how);
        const auto r = here.run({"--plugin", file, "--set", "workload.0.plugin.options.how=" + how});
        CHECK(contains(check_broken(r, file), text));
    }
}
