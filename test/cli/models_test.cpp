// Models of hardware as `list` and `describe` show them.

#include "cli/program.hpp"

#include <ampacity/io/catalogue.hpp>

#include <string>

namespace io = ampacity::io;
using namespace ampacity::test;

TEST_CASE("models of hardware are listed by kind and all together") {
    const auto all = ampacity::test::ampacity({"list", "models"});
    CHECK(all.status == 0);
    CHECK(all.err.empty());
    std::size_t count = 0;
    for (const auto& k : io::model_kinds()) {
        const auto list = ampacity::test::ampacity({"list", std::string{k.plural}});
        INFO(list.out);
        CHECK(list.status == 0);
        CHECK(list.err.empty());
        const auto models = io::find_models(k.folder);
        REQUIRE(lines_of(list.out).size() == models.size());
        count += models.size();
        for (std::size_t i = 0; i != models.size(); ++i) {
            CHECK(lines_of(list.out)[i].starts_with(models[i].name + ' '));
            CHECK(contains(all.out, '\n' + models[i].name + ' ') == (i != 0 || count > models.size()));
        }
    }
    count += io::find_models("workloads").size();
    CHECK(lines_of(all.out).size() == count);
    CHECK(contains(all.out, "rack: 72 GB300 GPUs"));
    CHECK(contains(all.out, "workload: "));
    check_refused(ampacity::test::ampacity({"describe", "gb300-nvl7"}), 2);
}

TEST_CASE("a model is described with its numbers, sources, parts and what follows from them") {
    for (const auto& k : io::model_kinds()) {
        for (const auto& at : io::find_models(k.folder)) {
            const auto told = ampacity::test::ampacity({"describe", at.name});
            INFO(told.out);
            CHECK(told.status == 0);
            const auto model = io::read_model_text(k.kind, at.file);
            CHECK(told.out.starts_with(at.name + ": " + model.doc + '\n'));
            CHECK(contains(told.out, at.file.string()));
            for (const auto& f : model.figures) {
                CHECK(contains(told.out, "\n  " + f.key + ' '));
                CHECK(contains(told.out, ' ' + f.value + ' '));
                CHECK(contains(told.out, f.note));
                for (const auto& s : f.sources) CHECK(contains(told.out, s.text));
            }
            for (const auto& t : model.totals) CHECK(contains(told.out, t.text() + ' '));
            for (const auto& p : model.parts) CHECK(contains(told.out, std::to_string(p.count) + " x " + p.name));
        }
    }
}

TEST_CASE("a rack shows what its trays and GPUs add up to") {
    const auto told = ampacity::test::ampacity({"describe", "gb300-nvl72"});
    for (const char* const part : {
             "  node.model           18 x gb300-compute-tray  ",
             "  power.nameplate                    142 kW (132 kW .. 142 kW)       published    ra300, smc   ",
             "  gpus              72            72, published (guide)            18 x gb300-compute-tray of 4",
             "  memory            20.74 TB      20.7 TB, published (sheet)       HBM of 72 x gb300",
             "  nvlink            129.6 TB/s    130 TB/s, published (sheet)      ",
             "  power.full        128.2 kW      128 kW, derived (smi, budget)    ",
             "  storage           4.68 kJ ",
         }) {
        INFO(told.out << "\n" << part);
        CHECK(contains(told.out, part));
    }
}

TEST_CASE("a kind is described by the keys of its files") {
    for (const auto& k : io::model_kinds()) {
        const auto told = ampacity::test::ampacity({"describe", std::string{k.plural}});
        INFO(told.out);
        CHECK(told.status == 0);
        CHECK(contains(told.out, "ampacity-" + std::string{k.name} + ": 1"));
        for (const auto& key : io::model_keys(k.kind)) {
            CHECK(contains(told.out, "\n  " + key.path + ' '));
            CHECK(contains(told.out, key.doc));
        }
    }
}

TEST_CASE("one's own model is described by its path, and what is wrong with it by its place") {
    const workspace here;
    here.write("ours.yaml",
               "ampacity-rack: 1\nname: ours\ndoc: \"a rack of ours\"\nbased_on: gb300-nvl72\nsources: { smi: \"our "
               "meter\" }\n"
               "power:\n  nameplate: { value: 135 kW, source: smi, confidence: measured }\n");
    const auto told = here.call({"describe", "ours.yaml"});
    INFO(told.out);
    CHECK(told.status == 0);
    CHECK(contains(told.out, "  based on  gb300-nvl72\n"));
    CHECK(contains(told.out, "135 kW"));
    // Both files have a source of this name.
    CHECK(contains(told.out, "\n  smi        our meter\n"));
    CHECK(contains(told.out, "\n  smi'       nvidia-smi"));
    CHECK_FALSE(contains(told.out, "142 kW"));

    here.write("bad.yaml", "ampacity-rack: 1\nname: bad\ndoc: \"x\"\nbased_on: gb300-nvl72\npower: { nameplat: 1 }\n");
    const auto bad = check_refused(here.call({"describe", "bad.yaml"}), 2);
    CHECK(bad.file == "bad.yaml");
    CHECK(bad.line == 5);
    CHECK(bad.key == "power.nameplat");
    CHECK(bad.remedy == "did you mean `nameplate`?");
    check_refused(here.call({"describe", "none.yaml"}), 2);
    here.write("scenario.yaml", "name: x\n");
    CHECK(contains(here.call({"describe", "scenario.yaml"}).err, "no model of hardware; begin with the kind"));
}

TEST_CASE("a bad file among the models of hardware hides none of the good ones") {
    const workspace here;
    std::filesystem::create_directory(here.path("racks"));
    here.write("racks/bad.yaml", "ampacity-rack: 1\nname: bad\ndoc: \"x\"\nnodes: 3\n");
    process_options options;
    options.environment = {{"AMPACITY_MODELS", here.path().string()}};
    for (const auto& list : {here.call({"list", "racks"}, options), here.call({"list", "models"}, options),
                             here.call({"list", "racks", "--markdown"}, options)}) {
        INFO(list.err);
        CHECK(list.status == 0);
        CHECK(contains(list.out, "gb300-nvl72"));
        CHECK(lines_of(list.err).size() == 1);
        CHECK(list.err.starts_with(here.path("racks/bad.yaml").string() + ":4:1: error: nodes: unknown key (nodes)"));
    }
    CHECK(here.call({"describe", "gb300-nvl72"}, options).status == 0);
    CHECK(check_refused(here.call({"describe", "bad"}, options), 2).line == 4);
    const auto completion = here.call({"completion", "bash"}, options);
    CHECK(completion.err.empty());
    CHECK(contains(completion.out, "gb300-nvl72"));
    CHECK(contains(completion.out, "power-topologies"));
}

TEST_CASE("the page of models names every model and every key") {
    const auto page = ampacity::test::ampacity({"list", "models", "--markdown"});
    CHECK(page.status == 0);
    for (const auto& k : io::model_kinds()) {
        for (const auto& m : io::find_models(k.folder)) CHECK(contains(page.out, "| `" + m.name + "` | "));
        for (const auto& key : io::model_keys(k.kind)) CHECK(contains(page.out, "| `" + key.path + "` | "));
    }
    const auto one = ampacity::test::ampacity({"list", "regions", "--markdown"});
    CHECK(contains(one.out, "## regions"));
    CHECK_FALSE(contains(one.out, "## racks"));
}
