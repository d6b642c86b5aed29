#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/models_variable.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/models.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/scenario/resolved.hpp>

#include <filesystem>
#include <string>
#include <vector>

using namespace ampacity;

namespace {

const std::string good = R"(ampacity-workload: 1
name: mine
doc: "for tests"
source: "none"
synthetic:
  jobs: 7
  rate: "2 /h"
  duration: { median: "3 min", sigma: 1 }
  gpus: [{ gpus: 1, weight: 1 }, { gpus: 2, weight: 1 }]
  users: { count: 3 }
parameters: []
)";

std::string scenario_with(const std::string& synthetic) {
    return "ampacity: 1\nname: t\nseed: 1\nfleet: { pool_gpus: 8 }\nworkload:\n  - synthetic: " + synthetic +
           "\nscheduler: { policy: fifo }\n";
}

io::loaded_scenario read(const std::string& synthetic, const std::vector<std::string>& set = {},
                         const std::filesystem::path& directory = {}) {
    std::vector<io::scenario_override> overrides;
    for (const auto& text : set) overrides.push_back(io::parse_override(text));
    return io::read_scenario_text("s.yaml", scenario_with(synthetic), overrides, directory);
}

std::string refusal(const std::string& synthetic, const std::vector<std::string>& set = {}) {
    try {
        read(synthetic, set);
    } catch (const scenario_error& e) {
        return e.what();
    }
    return "accepted";
}

}  // namespace

TEST_CASE("models are found along the search path, the first of a name", "[models]") {
    const test::temporary_directory a;
    const test::temporary_directory b;
    for (const auto* folder : {&a, &b}) std::filesystem::create_directories(folder->path() / "workloads");
    test::write_file(a.path() / "workloads" / "mine.yaml", good);
    test::write_file(a.path() / "workloads" / "notes.txt", "no model");
    test::write_file(b.path() / "workloads" / "mine.yaml", "never read");
    test::write_file(b.path() / "workloads" / "helios-like.yaml", "never read");
    const test::models_variable set(a.path().string() + ":/does/not/exist::" + b.path().string());

    const auto directories = io::model_directories();
    REQUIRE(directories.size() >= 3);
    CHECK(directories[0] == a.path());
    CHECK(directories[1] == b.path());
    CHECK(directories[2] == std::filesystem::path{AMPACITY_SOURCE_DIR} / "models");
    std::vector<std::string> names;
    for (const auto& m : io::find_models("workloads")) {
        names.push_back(m.name);
        if (m.name == "mine") CHECK(m.file == a.path() / "workloads" / "mine.yaml");
        if (m.name == "helios-like") CHECK(m.file == b.path() / "workloads" / "helios-like.yaml");
        if (m.name == "philly-like") CHECK(m.file == directories[2] / "workloads" / "philly-like.yaml");
    }
    CHECK(names == std::vector<std::string>{"acme-like", "helios-like", "mine", "philly-like"});
    CHECK(io::find_models("nothing").empty());
    const auto model = io::read_workload_model(a.path() / "workloads" / "mine.yaml");
    CHECK(model.synthetic.jobs == 7);
    CHECK(model.doc == "for tests");
}

TEST_CASE("a preset gives the keys that the scenario does not", "[models]") {
    const test::temporary_directory a;
    std::filesystem::create_directories(a.path() / "workloads");
    const auto file = a.path() / "workloads" / "mine.yaml";
    test::write_file(file, good);
    const test::models_variable set(a.path().string());

    const auto plain = read("{ preset: mine }");
    const auto& jobs = *plain.value.workload[0].synthetic;
    CHECK(jobs.jobs == 7);
    CHECK(jobs.gpus.size() == 2);
    CHECK_FALSE(jobs.preset.has_value());
    REQUIRE(plain.models.size() == 1);
    CHECK(plain.models[0].path == file.string());
    CHECK(plain.models[0].digest != 0);
    // A value's place is in the file that gives it.
    CHECK(plain.locate("workload.0.synthetic.rate").file == file.string());
    CHECK(plain.locate("workload.0.synthetic.rate").line == 7);

    // What is resolved stands alone.
    const std::string resolved = scenario::write_resolved(plain.value);
    CHECK(resolved.find("preset") == std::string::npos);
    const auto again = io::read_scenario_text("r", resolved);
    CHECK(again.value == plain.value);
    CHECK(again.models.empty());

    const auto changed = read("{ jobs: 9, preset: mine, gpus: [{ gpus: 4, weight: 1 }] }");
    CHECK(changed.value.workload[0].synthetic->jobs == 9);
    CHECK(changed.value.workload[0].synthetic->gpus == std::vector<scenario::gpu_share>{{4, 1.0}});
    CHECK(changed.value.workload[0].synthetic->rate == jobs.rate);

    // Overrides reach into what the preset gave, take it away, and replace the preset itself.
    const auto deep =
        read("{ preset: mine }", {"workload.0.synthetic.gpus.1.weight=5", "workload.0.synthetic.users=null"});
    CHECK(deep.value.workload[0].synthetic->gpus[1].weight == 5);
    CHECK_FALSE(deep.value.workload[0].synthetic->users.has_value());
    const auto other = read("{ preset: mine, jobs: 3 }", {"workload.0.synthetic.preset=helios-like"});
    CHECK(other.value.workload[0].synthetic->jobs == 3);
    CHECK_FALSE(other.value.workload[0].synthetic->users.has_value());
    CHECK(other.value.workload[0].synthetic->gpus.size() == 10);
    const auto whole = read("{ preset: helios-like }", {"workload.0.synthetic={ preset: mine, jobs: 4 }"});
    CHECK(whole.value.workload[0].synthetic->jobs == 4);
    CHECK(whole.value.workload[0].synthetic->users->count == 3);
    CHECK(read("&p { preset: mine }\n  - synthetic: *p").value.workload[1].synthetic->jobs == 7);

    // By its file, relative to the scenario.
    const auto by_file = read("{ preset: workloads/mine.yaml }", {}, a.path());
    CHECK(by_file.value == plain.value);
}

TEST_CASE("what is wrong with a preset is said with its place", "[models]") {
    const test::temporary_directory a;
    std::filesystem::create_directories(a.path() / "workloads");
    const auto write = [&](const std::string& text) { test::write_file(a.path() / "workloads" / "mine.yaml", text); };
    const std::string file = (a.path() / "workloads" / "mine.yaml").string();
    const test::models_variable set(a.path().string());
    write(good);
    CHECK(refusal("{ preset: phily-like }") ==
          "s.yaml:6:26: error: workload.0.synthetic.preset: no such workload model (phily-like); did you mean "
          "`philly-like`?");
    CHECK(refusal("{ preset: [mine] }") ==
          "s.yaml:6:26: error: workload.0.synthetic.preset: expected a single value, found a list; write it as in "
          "philly-like");
    CHECK(refusal("{ preset: none.yaml }") ==
          "s.yaml:6:26: error: workload.0.synthetic.preset: the file of the workload model cannot be read (none.yaml); "
          "check the path; No such file or directory");
    CHECK(
        refusal("{ preset: mine, rate: 1 kW }") ==
        "s.yaml:6:38: error: workload.0.synthetic.rate: expected a rate, found a power (1 kW); write one of the units "
        "of a rate: /d, /h, /min, /s");
    const auto without = [](std::string text, const std::string& part, const std::string& by) {
        return text.replace(text.find(part), part.size(), by);
    };
    write(without(good, "sigma: 1", "sigma: wide"));
    CHECK(refusal("{ preset: mine }") == file +
                                             ":8:39: error: workload.0.synthetic.duration.sigma: expected a number "
                                             "(wide); write a decimal number, such as 1.5");
    write(without(good, "jobs: 7", "preset: acme-like"));
    CHECK(refusal("{ preset: mine }") ==
          file + ":6:3: error: synthetic.preset: a preset within a preset; write its keys out");
    write("name: mine\n");
    CHECK(refusal("{ preset: mine }") ==
          file +
              ":1:1: error: synthetic: a workload model needs a map of this name; write it as in "
              "models/workloads/philly-like.yaml");
    write(without(good, "name: mine", "name: yours"));
    CHECK_THROWS_AS(io::read_workload_model(file), scenario_error);
    write(without(good, "doc:", "dog:"));
    CHECK_THROWS_AS(io::read_workload_model(file), scenario_error);
    write(without(good, "{ median: \"3 min\", sigma: 1 }", "{ median: \"3 min\" }"));
    CHECK_THROWS_AS(io::read_workload_model(file), scenario_error);
}

TEST_CASE("a key that does not go with those of a preset is named itself", "[models]") {
    const auto says = [](const std::string& keys, const std::string& expected) {
        const std::string said = refusal("{ preset: philly-like, " + keys + " }");
        INFO(said << "\nexpected " << expected);
        CHECK(said.starts_with("s.yaml:6:" + expected));
    };
    says("users: { count: 3 }", "46: error: workload.0.synthetic.users: users beside groups; give one of both");
    CHECK(refusal("{ preset: philly-like, users: { count: 3 }, groups: [] }") == "accepted");
    says("rate: 6 /h",
         "45: error: workload.0.synthetic.rate: the beat brings as many jobs as the whole rate, or more (6 /h)");
    says("jobs: 4e9",
         "45: error: workload.0.synthetic.jobs: the jobs would take more than 100 years to arrive (4000000000)");

    const std::string whole = "--set workload.0.synthetic={ preset: philly-like, users: { count: 3 } }";
    CHECK(refusal("{}", {whole.substr(6)}).starts_with(whole + ": error: workload.0.synthetic.users: "));
    const std::string part = "--set workload.0.synthetic.users={ count: 3 }";
    CHECK(refusal("{ preset: philly-like }", {part.substr(6)}).starts_with(part + ": error: "));

    const test::temporary_directory a;
    std::filesystem::create_directories(a.path() / "workloads");
    const test::models_variable set(a.path().string());
    const auto beside = [&](const std::string& keys_of_model, const std::string& keys) {
        std::string text = good;
        if (keys_of_model.starts_with("duration"))
            text.erase(text.find("  duration"), text.find("  gpus") - text.find("  duration"));
        text.replace(text.find("  users"), 0, "  " + keys_of_model + '\n');
        test::write_file(a.path() / "workloads" / "mine.yaml", text);
        if (keys.starts_with("--set ")) return refusal("{ preset: mine }", {keys.substr(6)});
        return refusal("{ preset: mine, " + keys + " }");
    };
    CHECK(beside("cv: 1", "groups: [{ name: a, weight: 1 }]")
              .starts_with("s.yaml:6:40: error: workload.0.synthetic.groups: "));
    CHECK(
        beside("arrivals: { process: poisson }", "cv: 2").starts_with("s.yaml:6:36: error: workload.0.synthetic.cv: "));
    CHECK(beside("cv: 2", "arrivals: { process: poisson }")
              .starts_with("s.yaml:6:53: error: workload.0.synthetic.arrivals.process: "));
    const std::string mixture = "--set workload.0.synthetic.duration.mixture=[{ constant: 1 s }]";
    CHECK(beside("cv: 1", mixture).starts_with(mixture + ": error: workload.0.synthetic.duration.mixture: "));
    const std::string median = "--set workload.0.synthetic.duration.median=1 s";
    CHECK(beside("duration: { mixture: [{ constant: 1 s }] }", median)
              .starts_with(median + ": error: workload.0.synthetic.duration.median: "));
}

TEST_CASE("rules between the keys of synthetic jobs are refused with their place", "[models]") {
    const std::string rest = "jobs: 1, rate: 1 /h, gpus: [{ gpus: 1, weight: 1 }]";
    const std::string d = "duration: { median: 1 s, sigma: 1 }";
    const auto says = [](const std::string& synthetic, const std::string& expected) {
        const std::string said = refusal(synthetic);
        INFO(said << "\nexpected " << expected);
        CHECK(said.find("error: workload.0.synthetic" + expected) != std::string::npos);
    };
    CHECK(refusal('{' + rest + ", " + d + '}') == "accepted");
    says('{' + rest + '}', ".duration: required key is missing; add it");
    says('{' + rest + ", duration: { median: 1 s } }", ".duration.sigma: required key is missing; add it");
    says('{' + rest + ", duration: { sigma: 1 } }", ".duration.median: required key is missing; add it");
    const auto law = [&](const std::string& component) {
        return '{' + rest + ", duration: { mixture: [" + component + "] } }";
    };
    CHECK(refusal(law("{ constant: 1 s }, { weight: 2, exponential: 1 h }")) == "accepted");
    says(law(""),
         ".duration.mixture: an empty list; write at least one entry, such as [{ weibull: { scale: \"1 h\", shape: "
         "0.5 } }]");
    says(law("{ weight: 1 }"), ".duration.mixture.0: expected exactly one law, found 0");
    says(law("{ constant: 1 s, exponential: 1 s }"), ".duration.mixture.0: expected exactly one law, found 2");
    says(law("{ weight: 0, constant: 1 s }"), ".duration.mixture: all weights are 0");
    says(law("{ uniform: { min: 2 s, max: 2 s } }"), ".duration.mixture.0.uniform.max: not above min (2 s)");
    says(law("{ pareto: { min: 2 s, alpha: 1, max: 1 s } }"), ".duration.mixture.0.pareto.max: not above min (1 s)");
    says('{' + rest + ", duration: { median: 1 s, sigma: 1, mixture: [{ constant: 1 s }] } }",
         ".duration.mixture: a mixture beside median or sigma");
    const auto points = [&](const std::string& list) { return law("{ quantiles: { points: [" + list + "] } }"); };
    CHECK(refusal(points("{ share: 0, value: 1 s }, { share: 1, value: 1 h }")) == "accepted");
    says(points("{ share: 1, value: 1 s }"), ".duration.mixture.0.quantiles.points: too few points (1)");
    says(points("{ share: 0.1, value: 1 s }, { share: 1, value: 1 h }"),
         ".duration.mixture.0.quantiles.points.0.share: the first share is not 0");
    says(points("{ share: 0, value: 1 s }, { share: 0.9, value: 1 h }"),
         ".duration.mixture.0.quantiles.points.1.share: the last share is not 1");
    says(points("{ share: 0, value: 0 s }, { share: 1, value: 1 h }"),
         ".duration.mixture.0.quantiles.points.0.value: a duration of 0 has no log");
    says(points("{ share: 0, value: 2 s }, { share: 1, value: 1 s }"),
         ".duration.mixture.0.quantiles.points.1.value: below the duration before");
    says("{ jobs: 1, rate: 1 /h, gpus: [{ gpus: 1, weight: 1, duration: { max: 1 h } }] }",
         ".gpus.0.duration: says no duration");
    CHECK(refusal("{ jobs: 1, rate: 1 /h, gpus: [{ gpus: 1, weight: 1, duration: { median: 1 s, sigma: 0 } }] }") ==
          "accepted");
    const auto with = [&](const std::string& more) { return '{' + rest + ", " + d + ", " + more + '}'; };
    says(with("cv: 2, arrivals: { process: poisson }"), ".cv: Poisson arrivals have cv 1 (2)");
    says(with("cv: 0.01, arrivals: { process: weibull }"), ".cv: a cv too small for Weibull arrivals (0.01)");
    says(with("arrivals: { process: pareto }"), ".arrivals.process: unknown name (pareto)");
    says(with("arrivals: { daily: [1, 2] }"), ".arrivals.daily: wrong number of rates (2); write 24 numbers");
    says(with("arrivals: { weekly: [0, 0, 0, 0, 0, 0, 0] }"), ".arrivals.weekly: all rates are 0");
    says(with("arrivals: { beat: 1 h }"),
         ".arrivals.beat: the beat brings as many jobs as the whole rate, or more (1 h)");
    says(with("arrivals: { batches: { share: 0.1, mean: 1 } }"), ".arrivals.batches.mean: too small (1)");
    says(with("users: { count: 3, groups: 4 }"), ".users.groups: more groups than users (4); write at most 3");
    says(with("users: { count: 3 }, groups: [{ name: a, weight: 1 }]"),
         ".groups: users beside groups; give one of both");
    says(with("groups: [{ name: a, weight: 1 }, { name: a, weight: 1 }]"), ".groups.1.name: another group has this");
    says(with("groups: [{ name: a, weight: 0 }]"), ".groups: all weights are 0");
    says(with("priorities: [{ priority: 1, weight: 0 }]"), ".priorities: all weights are 0");
}
