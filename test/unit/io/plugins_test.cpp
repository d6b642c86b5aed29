// Plug-ins inside one process: what is made from a library keeps it loaded, failures leave nothing behind.
#include "support/catch.hpp"

#include <ampacity/io/plugins.hpp>
#include <ampacity/io/prepare.hpp>
#include <ampacity/policy/plugin_abi.hpp>

#include <array>
#include <string>
#include <string_view>

using namespace ampacity;

namespace {

std::string library(const std::string& name) { return std::string{AMPACITY_TEST_PLUGINS} + '/' + name + ".so"; }

const std::string scenario_text = R"(ampacity: 1
name: small
seed: 1
fleet: { nodes: { gpus: 8, count: 2 } }
workload:
  - plugin: { name: drizzle, options: { jobs: 200, most_gpus: 16 } }
scheduler: { policy: in-order, placer: from-last }
)";

sim::simulation make(const std::string& text, const std::array<std::string, 2>& files) {
    const io::plugins more{files};
    return sim::simulation{io::prepare(io::read_scenario_text("s.yaml", text), &more).parts};
}  // here the plug-ins' value ends

}  // namespace

TEST_CASE("a simulation keeps its plug-ins loaded") {
    auto s = make(scenario_text, {library("good"), library("faulty")});
    s.run();
    CHECK(s.results().finished == 200);
    CHECK(s.source(0).text(s.records(0)[7].name) == "drop-7");
}

TEST_CASE("several simulations with plug-ins live side by side") {
    auto a = make(scenario_text, {library("good"), library("faulty")});
    auto b = make(scenario_text, {library("faulty"), library("good")});
    while (a.run_rounds(10) == sim::status::paused) b.run_rounds(10);
    b.run();
    CHECK(a.results().wait_s->mean == b.results().wait_s->mean);
}

TEST_CASE("a simulation whose policy has thrown can be destroyed, and says when") {
    std::string text = scenario_text;
    text.replace(text.find("in-order"), 8, "bad, policy_options: { how: on_finish }");
    auto s = make(text, {library("good"), library("faulty")});
    try {
        s.run();
        FAIL("it throws");
    } catch (const plugin_error& e) {
        CHECK(e.exit_status() == 5);
        CHECK(e.details().where.file == library("faulty"));
        CHECK(e.details().key == "policy bad");
        CHECK(e.details().what.find(" s of simulated time") != std::string::npos);
        CHECK(e.details().value == "ends are sad");
    }
}

TEST_CASE("the text of the binary interface names what crosses") {
    const std::string_view text = plugin::abi.text;
    for (const auto* part : {"ampacity ", "plug-in interface ", "view ", "plan ", "job ", "request ", "layout "})
        CHECK(text.find(part) != std::string_view::npos);
    CHECK(text.size() + 1 < sizeof plugin::abi.text);
}
