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
