// Shell completion: bash itself is asked what it would offer. Where a shell is not installed its script is read only.

#include "cli/program.hpp"

#include <ampacity/io/catalogue.hpp>

#include <set>

using namespace ampacity::test;

namespace {

bool installed(const std::string& shell) {
    return run_process({"sh", "-c", "command -v " + shell + " >/dev/null"}).status == 0;
}

/// What bash offers for the last of these words, which are cut as bash cuts them.
std::set<std::string> offered(const workspace& here, const std::vector<std::string>& words) {
    std::string script = "set -u\nsource ./completion.bash\nCOMP_WORDS=(";
    for (const auto& w : words) script += " '" + w + "'";
    script += ")\nCOMP_CWORD=" + std::to_string(words.size() - 1) +
              "\n_ampacity\nif [ ${#COMPREPLY[@]} -gt 0 ]; then printf '%s\\n' \"${COMPREPLY[@]}\"; fi\n";
    process_options options;
    options.directory = here.path();
    const auto r = run_process({"bash", "--norc", "-c", script}, options);
    INFO(r.err);
    CHECK(r.status == 0);
    CHECK(r.err.empty());
    const auto lines = lines_of(r.out);
    return {lines.begin(), lines.end()};
}

/// First words of the lines of `ampacity list WHAT`.
std::set<std::string> listed(const std::string& what) {
    std::set<std::string> out;
    for (const auto& line : lines_of(ampacity::test::ampacity({"list", what}).out))
        out.insert(line.substr(0, line.find(' ')));
    return out;
}

}  // namespace

TEST_CASE("bash completes commands, options and names") {
    if (!installed("bash")) {
        WARN("AMPACITY_SKIP: no bash");
        return;
    }
    const workspace here;
    const auto script = here.call({"completion", "bash"});
    REQUIRE(script.status == 0);
    here.write("completion.bash", script.out);
    CHECK(here.call({"completion", "bash", "-o", "other.bash"}).status == 0);
    CHECK(here.read("other.bash") == script.out);

    using words = std::set<std::string>;
    const auto commands = offered(here, {"ampacity", ""});
    for (const char* command : {"run", "validate", "report", "list", "describe", "completion"}) {
        INFO(command);
        CHECK(commands.count(command) == 1);
    }
    CHECK(offered(here, {"ampacity", "va"}) == words{"validate"});
    CHECK(offered(here, {"ampacity", "--ver"}) == words{"--version"});
    CHECK(offered(here, {"ampacity", "run", "--pol"}) == words{"--policy"});
    CHECK(offered(here, {"ampacity", "run", "s.yaml", "--no-p"}) == words{"--no-progress"});
    CHECK(offered(here, {"ampacity", "run", "--policy", ""}) == listed("policies"));
    CHECK(offered(here, {"ampacity", "run", "--policy", "=", "conserv"}) == words{"conservative"});
    CHECK(offered(here, {"ampacity", "run", "--policy", "="}) == listed("policies"));
    words of_jobs = listed("formats");
    for (const char* of_requests : {"requests-csv", "azure-llm", "mooncake-jsonl", "burstgpt", "servegen"})
        CHECK(of_jobs.erase(of_requests) == 1);
    CHECK(offered(here, {"ampacity", "trace", "--format", ""}) == of_jobs);
    CHECK(offered(here, {"ampacity", "run", "--until", ""}) == words{"drained"});
    CHECK(offered(here, {"ampacity", "run", "--set", "output.tel"}) ==
          words{"output.telemetry=", "output.telemetry_columns="});
    CHECK(offered(here, {"ampacity", "run", "--set", "workload.0.trace.p"}) == words{"workload.0.trace.path="});
    CHECK(offered(here, {"ampacity", "run", "--set", "scheduler.policy", "=", "sj"}) == words{"sjf"});
    CHECK(offered(here, {"ampacity", "run", "--set", "scheduler.placer", "="}) == listed("placers"));
    CHECK(offered(here, {"ampacity", "run", "--set", "name", "=", "x"}).empty());
    CHECK(offered(here, {"ampacity", "list", "pla"}) == words{"placers"});
    auto all = listed("policies");
    for (const char* what : {"placers", "models", "formats", "metrics", "keys", "files"}) all.merge(listed(what));
    for (const auto& k : ampacity::io::model_kinds()) all.emplace(k.plural);
    CHECK(offered(here, {"ampacity", "describe", ""}) == all);
    CHECK(offered(here, {"ampacity", "describe", "gb300-n"}) == words{"gb300-nvl72"});
    CHECK(offered(here, {"ampacity", "list", "power-t"}) == words{"power-topologies"});
    // Left to bash, which offers files.
    CHECK(offered(here, {"ampacity", "run", ""}).empty());
    CHECK(offered(here, {"ampacity", "run", "-o", ""}).empty());
    // Offers from the middle of a line do not look at what stands behind.
    CHECK(offered(here, {"ampacity", "run", "s.yaml", "--seed", "1", "--spark"}) == words{"--sparklines"});
}

TEST_CASE("scripts for zsh and fish name what there is and can be read") {
    for (const std::string shell : {"zsh", "fish"}) {
        const auto script = ampacity::test::ampacity({"completion", shell});
        CHECK(script.status == 0);
        for (const auto& name : {"run", "policy", "fifo-skip", "workload.0.trace.path=", "jobs-csv", "placers"}) {
            INFO(shell << ' ' << name);
            CHECK(contains(script.out, name));
        }
        if (!installed(shell)) continue;
        const workspace here;
        here.write("script", script.out);
        process_options options;
        options.directory = here.path();
        const auto read = run_process({shell, "-n", "script"}, options);
        INFO(read.err);
        CHECK(read.status == 0);
    }
}

TEST_CASE("no other shells are known") {
    const auto r = ampacity::test::ampacity({"completion", "tcsh"});
    CHECK(r.status == 2);
    CHECK(r.out.empty());
    CHECK(contains(r.err, "tcsh"));
}
