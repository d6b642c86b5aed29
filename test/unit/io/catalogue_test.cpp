#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/models_variable.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/catalogue.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// All models that the source tree has.
void for_each_model(const std::function<void(const io::model_text&)>& f) {
    for (const auto& k : io::model_kinds()) {
        for (const auto& at : io::find_models(k.folder)) {
            INFO(at.file);
            f(io::read_model_text(k.kind, at.file));
        }
    }
}

const io::model_total* total(const io::model_text& text, const std::string& key) {
    for (const auto& t : text.totals) {
        if (t.key == key) return &t;
    }
    return nullptr;
}

const io::model_figure* figure(const io::model_text& text, const std::string& key) {
    for (const auto& f : text.figures) {
        if (f.key == key) return &f;
    }
    return nullptr;
}

template <class T>
T read(const std::string& name) {
    return io::read_model<T>(name).value;
}

}  // namespace

TEST_CASE("every model of the source tree is read, each number with a source and a confidence", "[catalogue]") {
    std::map<io::model_kind, std::size_t> count;
    std::set<std::string> names;
    std::size_t figures = 0;
    for_each_model([&](const io::model_text& m) {
        ++count[m.kind];
        CHECK(names.insert(m.name).second);  // `describe` knows them by name alone
        CHECK_FALSE(m.doc.empty());
        CHECK(io::kind_of_file(m.files.front().path) == m.kind);
        for (const auto& f : m.figures) {
            INFO(f.key);
            ++figures;
            CHECK_FALSE(f.value.empty());
            CHECK_FALSE(f.doc.empty());
            CHECK(f.where.line > 0);
            REQUIRE_FALSE(f.sources.empty());
            for (const auto& s : f.sources) CHECK(s.text.size() > 3);
            // A number that nobody published says why it is what it is, or that it was not looked up.
            if (f.trust == io::confidence::assumption) {
                bool says = !f.note.empty();
                for (const auto& s : f.sources) says = says || s.id == "usual" || s.id == "ieee493";
                CHECK(says);
            }
        }
    });
    CHECK(count.size() == io::model_kinds().size());
    CHECK(figures > 800);
    for (const char* name : {"h100",
                             "h200",
                             "b200",
                             "b300",
                             "gb200",
                             "gb300",
                             "dgx-h100",
                             "dgx-b200",
                             "dgx-b300",
                             "gb200-compute-tray",
                             "gb300-compute-tray",
                             "p6e-gb200.36xlarge",
                             "p6-b200.48xlarge",
                             "gb200-nvl72",
                             "gb300-nvl72",
                             "gb200-nvl36x2",
                             "dgx-h100-x4",
                             "superpod-gb200",
                             "2n",
                             "n-plus-1",
                             "3n2",
                             "4n3",
                             "block-redundant",
                             "ab-shelves",
                             "4n3-hall",
                             "us-east-1",
                             "eu-north-1"}) {
        INFO(name);
        CHECK(names.count(name) == 1);
    }
}

TEST_CASE("no file of the catalogue names a source that it does not use", "[catalogue]") {
    for_each_model([](const io::model_text& m) {
        std::ostringstream text;
        text << std::ifstream(m.files.front().path).rdbuf();
        std::istringstream lines(text.str());
        bool inside = false;
        std::set<std::string> ids;
        for (std::string line; std::getline(lines, line);) {
            if (line == "sources:") {
                inside = true;
            } else if (inside && line.starts_with("  ")) {
                ids.insert(line.substr(2, line.find(':') - 2));
            } else {
                inside = false;
            }
        }
        for (const auto& f : m.figures) {
            for (const auto& s : f.sources) ids.erase(s.id);
        }
        for (const auto& p : m.published) {
            for (const auto& s : p.figure.sources) ids.erase(s.id);
        }
        for (const auto& id : ids) {
            INFO(m.files.front().path);
            FAIL_CHECK("never used: " << id);
        }
    });
}

TEST_CASE("what follows from the parts agrees with what was published for the whole", "[catalogue]") {
    std::size_t compared = 0;
    for_each_model([&](const io::model_text& m) {
        for (const auto& p : m.published) {
            INFO(p.key);
            const auto* const t = total(m, p.key);
            REQUIRE(t != nullptr);
            CHECK(std::abs(t->value - p.value) <= (p.tolerance + 1e-12) * p.value);
            ++compared;
        }
    });
    CHECK(compared >= 60);
}

TEST_CASE("a GB300 NVL72 is what its maker says, and the sum of its parts", "[catalogue]") {
    const auto rack = read<hardware::rack>("gb300-nvl72");
    CHECK(rack.nodes == 18);
    CHECK(rack.gpus() == 72);
    CHECK(rack.node.name == "gb300-compute-tray");
    CHECK(rack.node.gpu.name == "gb300");
    CHECK(rack.node.gpu.memory_b == 288e9);
    CHECK(rack.node.gpu.peaks.fp4_flop_s == 15e15);
    CHECK(rack.memory_b() == Approx(20.736e12));
    CHECK(rack.node.network->bandwidth_b_s == 100e9);
    CHECK(rack.nvlink->domain_gpus == 72);
    CHECK(rack.storage_j() == 4680);
    CHECK(rack.shelves->rating_w() == 264e3);
    CHECK(rack.shelves->usable_w() == 132e3);
    // By hand: 18 (2 x 2900 + 440) / 0.983 + 10600 at the busbar; 47 % of the shelves' rating has 97.5 % less little.
    const double dc = 18 * (2 * 2900.0 + 440) / 0.983 + 10600;
    const double shelf = 0.965 + 0.01 * (dc / 264e3 - 0.1) / 0.4;
    CHECK(rack.full_power_w() == Approx(dc / shelf).epsilon(1e-12));
    CHECK(rack.full_power_w() == Approx(128e3).epsilon(0.005));
    CHECK(rack.idle_power_w() == Approx(31e3).epsilon(0.015));
    CHECK(rack.power.idle_w / rack.power.nameplate_w == Approx(0.22).margin(0.005));
    // The nameplate leaves room for transients above the limits of the modules.
    CHECK(rack.full_power_w() < rack.power.nameplate_w);
    CHECK(rack.power.nameplate_w < 1.2 * rack.full_power_w());

    const auto block = read<hardware::block>("superpod-gb300");
    CHECK(block.racks == 8);
    CHECK(block.racks * block.rack.power.nameplate_w == Approx(1.14e6).epsilon(0.005));
    CHECK(block.racks * block.rack.power.idle_w == Approx(0.25e6).epsilon(0.01));
    // What eight racks take while all of them train: every GPU at the median of bf16 GEMM, capped by its module.
    const double training = 8 * *rack.power.training_w;
    CHECK(training > 0.95e6);
    CHECK(training < 1.05e6);
}

TEST_CASE("power by phase is measured on GB200 only, and scaled elsewhere", "[catalogue]") {
    const auto gb200 = io::read_model<hardware::accelerator>("gb200");
    const auto& floor = gb200.value.power;
    for (const char* name : {"gb300", "b200", "b300", "h200", "h100"}) {
        INFO(name);
        const auto other = io::read_model<hardware::accelerator>(name);
        const auto& power = other.value.power;
        const double scale = (power.limit_w - power.context_w) / (floor.limit_w - floor.context_w);
        const auto scaled = [&](double w) { return power.context_w + (w - floor.context_w) * scale; };
        const auto& p = power.phases;
        const auto& q = floor.phases;
        CHECK(p.gemm_bf16_w == Approx(scaled(q.gemm_bf16_w)).margin(0.51));
        CHECK(p.gemm_fp8_w == Approx(scaled(q.gemm_fp8_w)).margin(0.51));
        if (p.gemm_fp4_w) CHECK(*p.gemm_fp4_w == Approx(scaled(*q.gemm_fp4_w)).margin(0.51));
        CHECK(p.gemm_fp4_w.has_value() == other.value.peaks.fp4_flop_s.has_value());
        CHECK(p.prefill_attention_w == Approx(scaled(q.prefill_attention_w)).margin(0.51));
        CHECK(p.decode_gemm_w == Approx(scaled(q.decode_gemm_w)).margin(0.51));
        CHECK(p.decode_attention_w == Approx(scaled(q.decode_attention_w)).margin(0.51));
        CHECK(p.decode_mla_w == Approx(scaled(q.decode_mla_w)).margin(0.51));
        CHECK(p.communication_w == power.limit_w / 2);
        for (const auto& f : other.text.figures)
            if (f.key.starts_with("power.phases.")) CHECK(f.trust == io::confidence::derived);
    }
    for (const auto& f : gb200.text.figures) {
        if (f.key.starts_with("power.phases.") && f.key != "power.phases.communication")
            CHECK(f.trust == io::confidence::measured);
    }
    // The published anchor of the fit: 5 % less at 1000 of 1200 W.
    const auto& cap = floor.compute_bound;
    CHECK(1 - cap.loss * std::pow(1 - 1000.0 / 1200, cap.exponent) == Approx(0.95).margin(0.001));
}

TEST_CASE("power devices and topologies say what the power tree needs", "[catalogue]") {
    const auto ups = read<hardware::power_device>("ups-generic");
    REQUIRE(ups.overload);
    const auto& points = ups.overload->points;
    REQUIRE(points.size() == 4);
    // 15 s at 150 % use half of what is borne; at 125 % the other half lasts 60 s.
    CHECK((points[2].load == 1.5 && points[2].time == 30s));
    CHECK((points[1].load == 1.25 && points[1].time == 120s));
    CHECK((1 - 15.0 / 30) * to_seconds(points[1].time) == 60);
    CHECK(points[3].time == 250ms);
    const auto flex = read<hardware::power_device>("ups-flex");
    CHECK(flex.efficiency == ups.efficiency);
    CHECK(flex.overload->points.size() == 1);

    const auto substation = read<hardware::power_device>("unit-substation").efficiency;
    CHECK(substation.at(0.5) == Approx(0.9955));
    CHECK(substation.at(0.75) == Approx(0.993));
    CHECK(substation.at(0) == substation.at(0.5));
    CHECK(substation.at(2) == Approx(0.9905));

    const std::map<std::string, double> usable{
        {"single", 1.0}, {"2n", 0.5},      {"n-plus-1", 0.8}, {"block-redundant", 0.8},
        {"4n3", 0.75},   {"3n2", 2.0 / 3}, {"flex", 1.0},     {"ab-shelves", 0.5}};
    for (const auto& [name, share] : usable) {
        INFO(name);
        const auto t = read<hardware::power_topology>(name);
        CHECK(t.usable_share() == share);
        if (!t.stages.empty()) CHECK(t.efficiency(1) == Approx(0.929).margin(0.0005));
    }
    CHECK(read<hardware::power_topology>("block-redundant").idle_reserve);
}

TEST_CASE("a GB300 at its limit needs facility water of at most 42 degC", "[catalogue]") {
    const auto gpu = read<hardware::accelerator>("gb300");
    const auto w45 = read<hardware::cooling>("warm-water-w45");
    const auto w40 = read<hardware::cooling>("warm-water-w40");
    const double highest =
        gpu.thermal.throttle_c - gpu.thermal.resistance_k_per_w * gpu.power.limit_w - w45.units->approach_k;
    CHECK(highest == Approx(42));
    CHECK(*w45.supply_c > highest);
    CHECK(*w40.supply_c < highest);
    CHECK(gpu.thermal.resistance_k_per_w * gpu.thermal.heat_capacity_j_per_k == Approx(12));
    CHECK(gpu.power.limit_w / gpu.thermal.heat_capacity_j_per_k == Approx(3.5));
    // Without heat rejection the loop of a rack warms by half a kelvin a second.
    const auto rack = read<hardware::rack>("gb300-nvl72");
    CHECK(*rack.liquid_share * *rack.power.training_w / *w45.rack_loop_j_per_k == Approx(0.48).margin(0.005));
}

TEST_CASE("regions and failures are in SI units", "[catalogue]") {
    const auto stockholm = read<hardware::region>("eu-north-1");
    CHECK(stockholm.carbon.mean_kg_per_j * 3.6e6 == Approx(0.02471));
    CHECK(*stockholm.carbon.marginal_kg_per_j * 3.6e6 == Approx(0.79126));
    CHECK(stockholm.carbon.market_kg_per_j == 0.0);
    CHECK(stockholm.water_m3_per_j * 3.6e6 == Approx(2e-5));
    const auto virginia = read<hardware::region>("us-east-1");
    CHECK(virginia.price_usd_per_j * 3.6e6 == Approx(0.0892));
    CHECK(virginia.pue == 1.15);
    CHECK(virginia.weather_zone == "US-MIDA-PJM");
    CHECK(virginia.longitude_deg == -77.5544);

    const auto llama = read<hardware::reliability>("llama3-h100");
    CHECK(llama.causes.size() == 18);
    CHECK(llama.causes.front().name == "faulty_gpu");
    CHECK(*llama.per_gpu_s * 86400 * 16384 * 54 == Approx(419).epsilon(0.001));
    const auto racks = read<hardware::reliability>("gb200-nvl72-2025");
    REQUIRE(racks.repairs.size() == 8);
    CHECK(racks.repairs[2].drains == hardware::drain_scope::rack);
    CHECK(racks.repairs[2].usual == 2h);
    CHECK(racks.infant->horizon == 24h * 90);
}

namespace {

const std::string good = R"(ampacity-power-device: 1
name: mine
doc: "for tests"
sources:
  me: "measured here"
  sheet: "a data sheet"
kind: ups
rating: { value: 1.25 MW, range: [1 MW, 1.5 MW], source: me, confidence: measured, note: "two of them" }
modules: { value: 4, source: [sheet, me], confidence: published }
efficiency: { points: [[50 %, 97 %], [100 %, 96.5 %]], source: sheet, confidence: published }
overload:
  holds: 100 %
  points: [[125 %, 2 min], [150 %, 30 s]]
  source: sheet
  confidence: derived
battery: { value: 5 min, source: me, confidence: assumption }
)";

std::string with(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

std::string refusal(const std::string& text) {
    try {
        (void)io::read_model_text<hardware::power_device>("m.yaml", text);
    } catch (const scenario_error& e) {
        return e.what();
    }
    return "accepted";
}

}  // namespace

TEST_CASE("numbers and their texts come out as they were written", "[catalogue]") {
    const auto m = io::read_model_text<hardware::power_device>("m.yaml", good);
    const auto& d = m.value;
    CHECK(d.name == "mine");
    CHECK(d.kind == hardware::power_device_kind::ups);
    CHECK(d.rating_w == 1.25e6);
    CHECK(d.modules == 4U);
    CHECK(d.efficiency.points == std::vector<hardware::efficiency_point>{{0.5, 0.97}, {1, 0.965}});
    CHECK(d.overload == hardware::overload_curve{.holds = 1, .points = {{1.25, 2min}, {1.5, 30s}}});
    CHECK(d.battery == 5min);
    CHECK_FALSE(d.rating_va);
    CHECK_FALSE(d.start);

    CHECK(m.text.doc == "for tests");
    CHECK(m.text.kind == io::model_kind::power_device);
    CHECK(m.text.words == std::vector<std::pair<std::string, std::string>>{{"kind", "ups"}});
    REQUIRE(m.text.figures.size() == 6);
    const auto& rating = m.text.figures[0];
    CHECK(rating.key == "rating");
    CHECK(rating.value == "1.25 MW");
    CHECK(rating.range == "1 MW .. 1.5 MW");
    CHECK(rating.note == "two of them");
    CHECK(rating.trust == io::confidence::measured);
    CHECK(rating.sources == std::vector<io::figure_source>{{"me", "measured here", "m.yaml"}});
    CHECK((rating.where.file == "m.yaml" && rating.where.line == 8 && rating.where.column == 18));
    CHECK(figure(m.text, "modules")->sources.size() == 2);
    CHECK(figure(m.text, "efficiency")->value == "50 %: 97 %, 100 %: 96.5 %");
    CHECK(figure(m.text, "overload.holds")->value == "100 %");
    CHECK(figure(m.text, "overload")->trust == io::confidence::derived);
    REQUIRE(m.text.files.size() == 1);
    CHECK(m.text.files[0].path == "m.yaml");
}

TEST_CASE("what is wrong with a model is said with its place", "[catalogue]") {
    const auto says = [](const std::string& from, const std::string& to, const std::string& expected) {
        CHECK(refusal(with(good, from, to)) == "m.yaml:" + expected);
    };
    CHECK(refusal(good) == "accepted");
    says("value: 1.25 MW", "value: 1.25",
         "8:18: error: rating.value: expected a power, found a bare number (1.25); write the unit, such as \"120 kW\" "
         "(units: W, kW, MW, GW)");
    says("value: 1.25 MW", "value: 1.25 kWh",
         "8:18: error: rating.value: expected a power, found an energy (1.25 kWh); write one of the units of a power: "
         "W, kW, MW, GW");
    says("value: 1.25 MW", "value: 1.25 mw", "8:18: error: rating.value: unknown unit (1.25 mw); did you mean `MW`?");
    says("value: 1.25 MW", "value: -1 MW", "8:18: error: rating.value: too small (-1 MW); write at least 0 W");
    says("value: 1.25 MW", "valu: 1.25 MW", "8:11: error: rating.valu: unknown key (valu); did you mean `value`?");
    says("value: 4", "value: 4.5",
         "9:19: error: modules.value: expected a whole number (4.5); write digits only, such as 512");
    says("value: 4", "value: 0", "9:19: error: modules.value: too small (0); write at least 1");
    says("value: 5 min", "value: 5",
         "16:19: error: battery.value: expected a duration, found a bare number (5); write the unit, such as \"60 s\" "
         "(units: ns, us, ms, s, min, h, d, w, y)");
    says("value: 5 min, ", "", "16:1: error: battery.value: required key is missing; add it, such as `value: 178 W`");
    says("source: me, confidence: assumption", "confidence: assumption",
         "16:1: error: battery.source: required key is missing; add it, such as `source: ID`");
    says(", confidence: assumption", "",
         "16:1: error: battery.confidence: required key is missing; add it, such as `confidence: published`");
    says("confidence: assumption", "confidence: asumption",
         "16:50: error: battery.confidence: unknown name (asumption); did you mean `assumption`?");
    says("source: me, confidence: assumption", "source: mee, confidence: assumption",
         "16:34: error: battery.source: not one of `sources` (mee); did you mean `me`?");
    says("[sheet, me]", "[]", "9:30: error: modules.source: an empty list; name an id of `sources`");
    says("battery: { value: 5 min, source: me, confidence: assumption }", "battery: 5 min",
         "16:10: error: battery: expected a map, found a single value (5 min); write it as in { value: 178 W, source: "
         "smi, confidence: measured }");
    says("battery", "batery", "16:1: error: batery: unknown key (batery); did you mean `battery`?");
    says("[1 MW, 1.5 MW]", "[1.3 MW, 1.5 MW]",
         "8:34: error: rating.range: does not hold the value (1.3 MW .. 1.5 MW); write the least and the most of it");
    says("[1 MW, 1.5 MW]", "[1 MW]", "8:34: error: rating.range: not two values (1); write the least and the most");
    says("kind: ups", "kind: upss", "7:7: error: kind: unknown name (upss); did you mean `ups`?");
    says("kind: ups\n", "", "1:1: error: kind: required key is missing; add it, such as `kind: a word`");
    says("[100 %, 96.5 %]]", "[50 %, 96.5 %]]",
         "10:38: error: efficiency.points.1: not above the point before (50 %); write the points by rising load");
    says("96.5 %]]", "101 %]]",
         "10:23: error: efficiency.points: an efficiency outside of 0 .. 100 %; write output / input");
    says("[150 %, 30 s]", "[150 %, 3 min]",
         "13:11: error: overload.points: a larger load is borne for longer; write times that fall with the load");
    says("[150 %, 30 s]", "[150 %]",
         "13:28: error: overload.points.1: not two values (1); write it as in [[50 %, 99 %], [100 %, 98 %]]");
    says("  points: [[125 %, 2 min], [150 %, 30 s]]\n", "",
         "11:1: error: overload.points: required key is missing; add it, such as `points: [[50 %, 99 %], [100 %, 98 "
         "%]]`");
    says("ampacity-power-device: 1", "ampacity-power-device: 2",
         "1:1: error: ampacity-power-device: not supported (2); write 1");
    says("ampacity-power-device: 1\n", "",
         "1:1: error: ampacity-power-device: required key is missing; add it, such as `ampacity-power-device: 1`");
    says("ampacity-power-device", "ampacity-node",
         "1:1: error: ampacity-node: a file of another kind (node); name a power-device here");
    says("doc: \"for tests\"\n", "",
         "1:1: error: doc: required key is missing; add it, such as `doc: \"what it is, in a phrase\"`");
    says("  me: \"measured here\"", "  me: ~", "5:3: error: sources.me: expected a text; write who says so, and where");
    says("battery:",
         "published: [{ total: memory, value: 1 GB, tolerance: 0 %, source: me, confidence: derived }]\nbattery:",
         "16:22: error: published.0.total: nothing that follows from the parts (memory); remove it: no totals follow "
         "here");
    CHECK(refusal("[]") == "m.yaml:1:1: error: not a map; begin with `ampacity-power-device: 1`");
    CHECK(refusal("") == "m.yaml:1:1: error: not a map; begin with `ampacity-power-device: 1`");
}

TEST_CASE("halls have generators, and UPS have batteries", "[catalogue]") {
    const auto hall = io::read_model<hardware::hall>("4n3-hall").value;
    REQUIRE(hall.generator);
    CHECK(hall.generator->kind == hardware::power_device_kind::generator);
    CHECK(hall.generator->start == 10s);
    CHECK(hall.generator->tank == 24h);
    CHECK(*hall.generator->fuel_kg_per_j * 3.6e6 == Approx(0.697));
    CHECK(*hall.generator->fuel_usd_per_j * 3.6e6 == Approx(0.26));
    CHECK(hall.generator_share == 1.2);
    CHECK(hall.generator_of_site == false);
    const auto& stages = hall.topology.stages;
    const auto ups = std::find_if(stages.begin(), stages.end(),
                                  [](const auto& d) { return d.kind == hardware::power_device_kind::ups; });
    REQUIRE(ups != stages.end());
    CHECK(ups->battery == 5min);
    CHECK(*ups->recharge == Approx(0.115));
    CHECK(*ups->battery_efficiency == Approx(0.9));

    const std::string keeps_nothing =
        refusal(good + "battery_efficiency: { value: 0 %, source: me, confidence: assumption }\n");
    CHECK(keeps_nothing.find("battery_efficiency: a battery that keeps nothing; write a share above 0") !=
          std::string::npos);
    const auto hall_with = [](const std::string& generator) {
        try {
            (void)io::read_model_text<hardware::hall>("h.yaml",
                                                      "ampacity-hall: 1\nname: h\ndoc: \"d\"\nbased_on: "
                                                      "single-hall\nsources: { me: \"here\" }\ngenerator: " +
                                                          generator + '\n');
        } catch (const scenario_error& e) {
            return std::string{e.what()};
        }
        return std::string{"accepted"};
    };
    CHECK(hall_with("generator") == "accepted");
    CHECK(hall_with("ups-generic").find("generator: not a generator; name a device of that kind") != std::string::npos);
}

TEST_CASE("a model takes over what it does not say from the one it is based on", "[catalogue]") {
    const test::temporary_directory a;
    fs::create_directories(a.path() / "racks");
    const test::models_variable set(a.path().string());
    const auto file = a.path() / "racks" / "mine.yaml";
    const std::string text = R"(ampacity-rack: 1
name: mine
doc: "a rack of ours"
based_on: gb300-nvl72
sources:
  guide: "our own guide"
power:
  nameplate: { value: 135 kW, source: guide, confidence: assumption }
)";
    test::write_file(file, text);
    const auto base = io::read_model<hardware::rack>("gb300-nvl72");
    const auto mine = io::read_model<hardware::rack>("mine");
    auto expected = base.value;
    expected.name = "mine";
    expected.power.nameplate_w = 135e3;
    CHECK(mine.value == expected);
    CHECK(mine.text.based_on == "gb300-nvl72");
    CHECK(mine.text.doc == "a rack of ours");
    CHECK(mine.text.figures.size() == base.text.figures.size());
    // Each number has the source of the file it stands in, although both call it the same.
    CHECK(figure(mine.text, "power.nameplate")->sources.front().text == "our own guide");
    CHECK(figure(mine.text, "node.count")->sources == figure(base.text, "node.count")->sources);
    CHECK(mine.text.published.empty());
    CHECK(mine.text.files.size() == base.text.files.size() + 1);
    // By its path, too, from anywhere.
    CHECK(io::read_model<hardware::rack>("racks/mine.yaml", a.path()).value == expected);
    CHECK(io::kind_of_file(file) == io::model_kind::rack);

    // A part of one's own, by its path relative to the file that names it.
    fs::create_directories(a.path() / "parts");
    test::write_file(a.path() / "parts" / "gpu.yaml",
                     "ampacity-accelerator: 1\nname: gpu\ndoc: \"hotter\"\nbased_on: gb300\nsources: { me: \"here\" "
                     "}\npower:\n  limit: { value: 1500 W, source: me, confidence: assumption }\n");
    test::write_file(a.path() / "parts" / "tray.yaml",
                     "ampacity-node: 1\nname: tray\ndoc: \"ours\"\nbased_on: gb300-compute-tray\nsources: { me: "
                     "\"here\" }\ngpu: { model: gpu.yaml, count: 4, source: me, confidence: assumption }\n");
    test::write_file(file,
                     text + "node: { model: ../parts/tray.yaml, count: 17, source: guide, confidence: assumption }\n");
    const auto own = io::read_model<hardware::rack>("mine").value;
    CHECK(own.nodes == 17);
    CHECK(own.node.gpu.power.limit_w == 1500);
    CHECK(own.node.gpu.power.idle_w == 178);

    const auto says = [&](const std::string& content, const std::string& expected_text) {
        test::write_file(file, content);
        try {
            (void)io::read_model<hardware::rack>("mine");
            FAIL_CHECK("accepted: " << expected_text);
        } catch (const scenario_error& e) {
            CHECK(e.what() == expected_text);
        }
    };
    const std::string at = file.string();
    says(with(text, "based_on: gb300-nvl72", "based_on: gb300-nvl27"),
         at + ":4:11: error: based_on: no such rack (gb300-nvl27); did you mean `gb300-nvl72`?");
    says(with(text, "based_on: gb300-nvl72", "based_on: mine"),
         at + ":4:11: error: based_on: a model that is based on itself (mine -> mine); name a model that does not lead "
              "back here");
    says(with(text, "based_on: gb300-nvl72", "based_on: none.yaml"),
         at + ":4:11: error: based_on: the file of the rack cannot be read (" +
             (a.path() / "racks/none.yaml").string() + "); check the path; No such file or directory");
    says(with(text, "source: guide", "source: ra300"),
         at + ":8:39: error: power.nameplate.source: not one of `sources` (ra300); known: guide");
    says(text + "node: { model: gb300-tray, count: 18, source: guide, confidence: derived }\n",
         at + ":9:16: error: node.model: no such node (gb300-tray); known: dgx-b200, dgx-b300, dgx-h100, "
              "gb200-compute-tray, gb300-compute-tray, p5.48xlarge, p6-b200.48xlarge, p6-b300.48xlarge, "
              "p6e-gb200.36xlarge, p6e-gb300.36xlarge");
    says(text + "nvlink: ../parts/gpu.yaml\n",
         (a.path() / "racks/../parts/gpu.yaml").string() +
             ":1:1: error: ampacity-accelerator: a file of another kind (accelerator); name a network here");
    says(with(text, "135 kW", "30 kW"),
         (fs::path{AMPACITY_SOURCE_DIR} / "models/racks/gb300-nvl72.yaml").string() +
             ":28:18: error: power.idle: above power.nameplate; write at most power.nameplate");
    says(with(text, "name: mine", "name: yours"),
         at + ":2:7: error: name: not the name of the file (yours); write mine");

    // Two that are based on each other.
    test::write_file(a.path() / "racks" / "other.yaml", "ampacity-rack: 1\nname: other\ndoc: \"x\"\nbased_on: mine\n");
    says(with(text, "based_on: gb300-nvl72", "based_on: other"),
         (a.path() / "racks/other.yaml").string() +
             ":4:11: error: based_on: a model that is based on itself (mine -> other -> mine); name a model that does "
             "not lead back here");
    CHECK_THROWS_WITH(
        io::read_model<hardware::rack>("gb300"),
        "gb300: error: no such rack (gb300); known: dgx-b200-x4, dgx-b300-x4, dgx-h100-x4, gb200-nvl36x2, gb200-nvl72, "
        "gb300-nvl72, mine, other, u-p6e-gb200x36, u-p6e-gb200x72, u-p6e-gb300x72");
}

TEST_CASE("a model that lacks any one line is read, or refused with its place", "[catalogue]") {
    std::size_t accepted = 0;
    std::size_t refused = 0;
    const auto try_all = [&]<class T>(T*, const std::string& name) {
        const fs::path file = io::read_model<T>(name).text.files.front().path;
        std::ostringstream whole;
        whole << std::ifstream(file).rdbuf();
        std::vector<std::string> lines;
        std::istringstream in(whole.str());
        for (std::string line; std::getline(in, line);) lines.push_back(line + '\n');
        for (std::size_t left_out = 0; left_out != lines.size(); ++left_out) {
            std::string text;
            for (std::size_t i = 0; i != lines.size(); ++i) text += i == left_out ? "" : lines[i];
            INFO(name << " without line " << left_out + 1 << ": " << lines[left_out]);
            try {
                (void)io::read_model_text<T>("m.yaml", text, file.parent_path());
                ++accepted;
            } catch (const scenario_error& e) {
                ++refused;
                CHECK(e.details().where.file == "m.yaml");
                CHECK(e.details().where.line > 0);
                CHECK_FALSE(e.details().remedy.empty());
            }
        }
    };
    try_all(static_cast<hardware::accelerator*>(nullptr), "gb200");
    try_all(static_cast<hardware::network_tier*>(nullptr), "nvlink5-72");
    try_all(static_cast<hardware::power_device*>(nullptr), "ups-generic");
    try_all(static_cast<hardware::power_topology*>(nullptr), "4n3");
    try_all(static_cast<hardware::hall*>(nullptr), "4n3-hall");
    try_all(static_cast<hardware::cap_control*>(nullptr), "power-brake");
    try_all(static_cast<hardware::node*>(nullptr), "gb300-compute-tray");
    try_all(static_cast<hardware::rack*>(nullptr), "gb300-nvl72");
    try_all(static_cast<hardware::block*>(nullptr), "superpod-gb200");
    try_all(static_cast<hardware::cooling*>(nullptr), "chilled-liquid");
    try_all(static_cast<hardware::region*>(nullptr), "us-east-1");
    try_all(static_cast<hardware::reliability*>(nullptr), "gb200-nvl72-2025");
    CHECK(accepted > 50);
    CHECK(refused > 100);
}

TEST_CASE("the keys of each kind are known", "[catalogue]") {
    for (const auto& k : io::model_kinds()) {
        INFO(k.name);
        CHECK(&io::describe(k.kind) == &k);
        std::set<std::string> paths;
        for (const auto& key : io::model_keys(k.kind)) {
            CHECK(paths.insert(key.path).second);
            CHECK_FALSE(key.doc.empty());
            CHECK_FALSE(key.type.empty());
        }
        CHECK(paths.size() >= 3);
    }
    const auto keys = io::model_keys(io::model_kind::reliability);
    CHECK(std::any_of(keys.begin(), keys.end(),
                      [](const auto& k) { return k.path == "causes.N.per_gpu" && k.type == "rate"; }));
    CHECK_THROWS_AS(io::kind_of_file("/does/not/exist.yaml"), scenario_error);
}

TEST_CASE("totals are shown in the unit that suits them", "[catalogue]") {
    using scenario::dimension;
    const auto text = [](double value, std::optional<dimension> of) {
        return io::model_total{"x", value, of, ""}.text();
    };
    CHECK(text(20.736e12, dimension::data_size) == "20.74 TB");
    CHECK(text(4680, dimension::energy) == "4.68 kJ");
    CHECK(text(0.92938, dimension::share) == "92.94 %");
    CHECK(text(31057, dimension::power) == "31.06 kW");
    CHECK(text(0, dimension::power) == "0 W");
    CHECK(text(1.08e18, dimension::compute) == "1080 PFLOP/s");
    CHECK(text(72, {}) == "72");
}
