#include "cli/program.hpp"
#include "support/catch.hpp"

#include <ampacity/io/models.hpp>

#include <string>

namespace io = ampacity::io;
using namespace ampacity::test;

TEST_CASE("workload models are listed and described") {
    const auto list = ampacity::test::ampacity({"list", "workloads"});
    CHECK(list.status == 0);
    CHECK(list.err.empty());
    for (const auto& at : io::find_models("workloads")) {
        const auto model = io::read_workload_model(at.file);
        CHECK(contains(list.out, model.name + "  "));
        CHECK(contains(list.out, model.doc));
        const auto told = ampacity::test::ampacity({"describe", model.name});
        INFO(told.out);
        CHECK(told.status == 0);
        CHECK(contains(told.out, model.source));
        CHECK(contains(told.out, at.file.string()));
        for (const auto& p : model.parameters) CHECK(contains(told.out, p.source));
        for (const auto& p : model.published) CHECK(contains(told.out, p.figure));
    }
}

TEST_CASE("a bad file among the workload models hides none of the good ones") {
    const workspace here;
    const std::string bad = here.path("workloads/bad.yaml").string();
    std::filesystem::create_directory(here.path("workloads"));
    process_options options;
    options.environment = {{"AMPACITY_MODELS", here.path().string()}};
    for (const auto& [text, fault] :
         {std::pair{"ampacity-workload: 1\nname: bad\nsynthetic: { jbos: 1 }\n", ":1:1: error: doc: "},
          std::pair{"synthetic: [\n", ":1:1: error: not valid YAML"}}) {
        here.write("workloads/bad.yaml", text);
        for (const auto& list :
             {here.call({"list", "workloads"}, options), here.call({"list", "workloads", "--markdown"}, options)}) {
            INFO(list.err);
            CHECK(list.status == 0);
            CHECK(contains(list.out, "philly-like"));
            CHECK_FALSE(contains(list.out, "bad"));
            CHECK(list.err.starts_with(bad + fault));
            CHECK(lines_of(list.err).size() == 1);
        }
        const auto completion = here.call({"completion", "bash"}, options);
        CHECK(completion.status == 0);
        CHECK(completion.err.empty());
        CHECK(contains(completion.out, "philly-like"));
        CHECK(here.call({"describe", "easy"}, options).status == 0);
        CHECK(here.call({"describe", "philly-like"}, options).status == 0);
        CHECK(check_refused(here.call({"describe", "bad"}, options), 2).file == bad);
    }
}

TEST_CASE("a run names the model it took keys from, and its resolved scenario makes the same jobs without it") {
    const workspace here{R"(ampacity: 1
name: preset
seed: 7
fleet: { pool_gpus: 2048 }
workload:
  - synthetic: { preset: acme-like, jobs: 500 }
scheduler: { policy: fifo }
)"};
    here.run_well();
    const auto first = here.results();
    CHECK(contains(here.read("out/run.json"), "models/workloads/acme-like.yaml"));
    const std::string resolved = here.read("out/resolved.yaml");
    CHECK_FALSE(contains(resolved, "acme-like"));
    const workspace again{resolved};
    again.run_well();
    check_same(again.results(), first);
}
