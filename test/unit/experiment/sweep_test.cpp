#include "support/catch.hpp"
#include "support/files.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/experiment/sweep.hpp>
#include <ampacity/io/xxh64.hpp>

#include <set>
#include <string>
#include <vector>

using namespace ampacity;
using namespace ampacity::experiment;

namespace {

const std::string scenario_text = R"(ampacity: 1
name: small
fleet: { pool_gpus: 4 }
workload:
  - synthetic:
      jobs: 10
      rate: "10 /h"
      duration: { median: "1 h", sigma: 1 }
      gpus: [ { gpus: 1, weight: 1 } ]
scheduler: { policy: fifo }
)";

/// A sweep over it with these lines; line 1 of `more` is line 5 of the file.
sweep expand_text(const std::string& more) {
    static const test::temporary_directory folder;
    static const bool written = (test::write_file(folder.path() / "s.yaml", scenario_text), true);
    static_cast<void>(written);
    return expand(
        io::read_sweep_text("sweep.yaml", "ampacity-sweep: 1\nname: x\nbase: s.yaml\nseed: 7\n" + more, folder.path()));
}

std::vector<std::string> keys_of(const sweep& s) {
    std::vector<std::string> out;
    for (const auto& v : s.variants) out.push_back(v.key);
    return out;
}

using texts = std::vector<std::string>;

/// Refused with a message that begins with the place and holds this text.
void check_refused(const std::string& more, const std::string& begin, const std::string& part) {
    INFO(more);
    try {
        const auto s = expand_text(more);
        for (std::size_t i = 0; i != s.variants.size(); ++i) static_cast<void>(s.load(i, 1));
        FAIL("accepted");
    } catch (const scenario_error& e) {
        INFO(e.what());
        CHECK(std::string{e.what()}.starts_with(begin));
        CHECK(std::string{e.what()}.find(part) != std::string::npos);
    }
}

}  // namespace

TEST_CASE("sweep: lists combine with each other and the first is slowest") {
    const auto s = expand_text(R"(axes:
  scheduler.policy: [fifo, easy]
  workload.0.synthetic.rate: ["10 /h", "20 /h"]
replications: 3
)");
    CHECK(keys_of(s) == texts{"scheduler.policy=fifo, workload.0.synthetic.rate=10 /h",
                              "scheduler.policy=fifo, workload.0.synthetic.rate=20 /h",
                              "scheduler.policy=easy, workload.0.synthetic.rate=10 /h",
                              "scheduler.policy=easy, workload.0.synthetic.rate=20 /h"});
    CHECK(s.num_trials() == 12);
    CHECK(*s.variants[1].parameter("workload.0.synthetic.rate") == "20 /h");
    CHECK(s.variants[1].parameter("fleet") == nullptr);
    const auto loaded = s.load(3, 99);
    CHECK(loaded.value.seed == 99);
    CHECK(loaded.value.scheduler.policy == "easy");
}

TEST_CASE("sweep: without axes the base alone") {
    const auto s = expand_text("replications: 5\n");
    CHECK(keys_of(s) == texts{"base"});
    CHECK(s.num_trials() == 5);
    CHECK(s.load(0, 1).value.scheduler.policy == "fifo");
}

TEST_CASE("sweep: ranges are linear or logarithmic and keep their unit and hit their ends") {
    CHECK(keys_of(expand_text("axes:\n  fleet.pool_gpus: { from: 4, to: 10, steps: 3 }\n")) ==
          texts{"fleet.pool_gpus=4", "fleet.pool_gpus=7", "fleet.pool_gpus=10"});
    CHECK(keys_of(expand_text(
              "axes:\n  workload.0.synthetic.rate: { from: \"1 /h\", to: \"1000 /h\", steps: 4, scale: log }\n")) ==
          texts{"workload.0.synthetic.rate=1 /h", "workload.0.synthetic.rate=10 /h", "workload.0.synthetic.rate=100 /h",
                "workload.0.synthetic.rate=1000 /h"});
    CHECK(keys_of(expand_text("axes:\n  fleet.pool_gpus: { from: 4, to: 9, steps: 3, whole: true }\n")) ==
          texts{"fleet.pool_gpus=4", "fleet.pool_gpus=6", "fleet.pool_gpus=9"});
    CHECK(keys_of(expand_text("axes:\n  workload.0.synthetic.cv: { from: 2, to: 1, steps: 3 }\n"))[1] ==
          "workload.0.synthetic.cv=1.5");
}

TEST_CASE("sweep: zipped keys move together") {
    const auto s = expand_text(R"(axes:
  zip:
    - { fleet.pool_gpus: [4, 8], workload.0.synthetic.jobs: [10, 20] }
    - { scheduler.policy: [fifo, easy] }
)");
    CHECK(keys_of(s) == texts{"fleet.pool_gpus=4, workload.0.synthetic.jobs=10, scheduler.policy=fifo",
                              "fleet.pool_gpus=4, workload.0.synthetic.jobs=10, scheduler.policy=easy",
                              "fleet.pool_gpus=8, workload.0.synthetic.jobs=20, scheduler.policy=fifo",
                              "fleet.pool_gpus=8, workload.0.synthetic.jobs=20, scheduler.policy=easy"});
}

TEST_CASE("sweep: named variants set several keys or whole maps or none") {
    const auto s = expand_text(R"(axes:
  size:
    variants:
      small: {}
      large: { fleet: { nodes: { gpus: 8, count: 4 } }, scheduler.placer: "pack", workload.0.synthetic.jobs: 50 }
)");
    CHECK(keys_of(s) == texts{"size=small", "size=large"});
    CHECK(*s.variants[1].parameter("size") == "large");
    CHECK(*s.variants[1].parameter("workload.0.synthetic.jobs") == "50");
    const auto large = s.load(1, 1);
    CHECK(large.value.fleet.nodes->count == 4);
    CHECK(large.value.scheduler.placer == "pack");
    CHECK(large.value.workload[0].synthetic->jobs == 50);
}

TEST_CASE("sweep: samples are numbered points with values in their intervals") {
    const std::string text = R"(axes:
  sample:
    method: latin-hypercube
    points: 20
    over:
      workload.0.synthetic.rate: { from: "10 /h", to: "1000 /h", scale: log }
      workload.0.synthetic.cv: { mean: 2, deviation: 0.1 }
      fleet.pool_gpus: { from: 4, to: 100, whole: true }
)";
    const auto s = expand_text(text);
    REQUIRE(s.variants.size() == 20);
    CHECK(s.variants[17].key == "sample=17");
    std::set<std::uint64_t> pools;
    int below = 0;
    for (std::size_t i = 0; i != 20; ++i) {
        const auto rate = io::split_number(*s.variants[i].parameter("workload.0.synthetic.rate"));
        CHECK(rate->unit == " /h");
        CHECK((rate->number >= 10 && rate->number <= 1000));
        below += rate->number < 100 ? 1 : 0;
        pools.insert(*s.load(i, 1).value.fleet.pool_gpus);
    }
    CHECK(below == 10);  // the logarithm is uniform
    CHECK(pools.size() > 15);
    CHECK(keys_of(expand_text(text)) == keys_of(s));
    CHECK(expand_text(text).variants[3].parameters == s.variants[3].parameters);
}

TEST_CASE("sweep: filters leave out and keep") {
    const std::string axes = R"(axes:
  scheduler.policy: [fifo, easy, sjf]
  workload.0.synthetic.rate: ["10 /h", "20 /h", "40 /h"]
)";
    CHECK(expand_text(axes +
                      "exclude: [ { scheduler.policy: fifo, workload.0.synthetic.rate: [\"10 /h\", \"20 /h\"] } ]\n")
              .variants.size() == 7);
    CHECK(expand_text(axes + "only: [ { scheduler.policy: fifo }, { workload.0.synthetic.rate: \"<= 20 /h\" } ]\n")
              .variants.size() == 7);
    CHECK(expand_text(axes +
                      "only: [ { workload.0.synthetic.rate: \"> 20 /h\" } ]\nexclude: [ { scheduler.policy: sjf } ]\n")
              .variants.size() == 2);
    check_refused(axes + "only: [ { workload.0.synthetic.rate: \"> 90 /h\" } ]\n",
                  "sweep.yaml:1:1: error: axes: ", "leave nothing");
    check_refused(axes + "exclude: [ { workload.0.synthetic.rate: \"> 20\" } ]\n",
                  "sweep.yaml:8:14: error: ", "cannot be compared");
}

TEST_CASE("sweep: seeds depend on master and replication alone and are 53 bits of XXH64") {
    std::set<std::uint64_t> seeds;
    for (std::uint64_t r = 0; r != 1000; ++r) {
        seeds.insert(seed_of(7, r));
        CHECK(seed_of(7, r) < (std::uint64_t{1} << 53U));
    }
    CHECK(seeds.size() == 1000);
    CHECK(seed_of(7, 0) != seed_of(8, 0));
    io::xxh64 hash;
    hash.update(std::string{"\x07\0\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0", 16});
    CHECK(seed_of(7, 0x201) == hash.digest() >> 11U);
}

TEST_CASE("sweep: faults name their place in the sweep file and what to do") {
    check_refused("axes:\n  scheduler.polcy: [fifo]\n", "sweep.yaml:6:21: error: scheduler.polcy: unknown key",
                  "did you mean `policy`?");
    check_refused("axes:\n  fleet.pool_gpus: [4, many]\n", "sweep.yaml:6:24: error: fleet.pool_gpus: ", "many");
    check_refused("axes:\n  workload.0.synthetic.rate: [10]\n",
                  "sweep.yaml:6:31: error: workload.0.synthetic.rate: ", "unit");
    check_refused("axis: {}\n", "sweep.yaml:5:1: error: axis: unknown key", "did you mean `axes`?");
    check_refused("replications: 0\n", "sweep.yaml:5:15: error: replications: ", "at least 1");
    check_refused("seed: 8\n", "sweep.yaml:5:1: error: seed: duplicate key", "line 4");
    check_refused("axes: { seed: [1, 2] }\n", "sweep.yaml:5:9: error: axes.seed: ", "replications");
    check_refused("axes: { scheduler.policy: fifo }\n",
                  "sweep.yaml:5:27: error: axes.scheduler.policy: ", "a list or a range");
    check_refused("axes: { scheduler.policy: [] }\n", "sweep.yaml:5:27: error: axes.scheduler.policy: ", "empty");
    check_refused("axes: { scheduler.policy: [fifo, fifo] }\n",
                  "sweep.yaml:5:34: error: axes.scheduler.policy.1: ", "twice");
    check_refused("axes: { zip: { a: [1, 2], b: [1] } }\n", "sweep.yaml:5:27: error: axes.zip.b: ", "2 values");
    check_refused("axes: { a: { from: 1, to: 2 } }\n", "sweep.yaml:5:12: error: axes.a.steps: ", "missing");
    check_refused("axes: { a: { from: 1, to: 2, steps: 1 } }\n",
                  "sweep.yaml:5:37: error: axes.a.steps: ", "at least 2");
    check_refused("axes: { a: { from: 1 s, to: 2 h, steps: 2 } }\n", "sweep.yaml:5:29: error: axes.a.to: ", "unit");
    check_refused("axes: { a: { from: 0, to: 2, steps: 2, scale: log } }\n",
                  "sweep.yaml:5:47: error: axes.a.scale: ", "above 0");
    check_refused("axes: { a: { from: 0, to: 2, steps: 2, scale: lin } }\n",
                  "sweep.yaml:5:47: error: axes.a.scale: ", "linear");
    check_refused("axes: { a: [1], zip: { a: [2] } }\n", "sweep.yaml:5:22: error: axes.a: ", "two axes");
    check_refused("axes: { sample: { method: sobel, points: 2, over: { a: { from: 1, to: 2 } } } }\n",
                  "sweep.yaml:5:27: error: axes.sample.method: ", "did you mean `sobol`?");
    check_refused("axes: { sample: { method: sobol, points: 2, over: { a: { from: 2, to: 1 } } } }\n",
                  "sweep.yaml:5:71: error: axes.sample.over.a.to: ", "above");
    check_refused("metrics: [jct_s.maen]\n", "sweep.yaml:5:11: error: metrics.0: unknown metric",
                  "did you mean `jct_s.mean`?");
    check_refused("exclude: [ { scheduler.policy: easy } ]\n",
                  "sweep.yaml:5:14: error: exclude.0.scheduler.policy: ", "no axis");
    check_refused("axes: { scheduler.policy: [easy, fifo] }\nexclude: [ { scheduler.policy: eas } ]\n",
                  "sweep.yaml:6:32: error: exclude.0.scheduler.policy: ", "did you mean `easy`?");
    check_refused("until: ci(jct_s.mean) < 1\nreplications: 100\n",
                  "sweep.yaml:5:8: error: until: ", "ci(jct_s.mean) < 1 %");
    check_refused("until: ci(jct_s.mean) < 1 %\nreplications: 9\n", "sweep.yaml:5:8: error: until: ", "100");
    check_refused("until: ci(jct_s.mean) < 1 %\nreplications: 99\nmetrics: [utilisation]\n",
                  "sweep.yaml:5:8: error: until: ", "add it to `metrics`");
}

TEST_CASE("sweep: values arrive as they are written") {
    const auto s = expand_text(R"(axes:
  workload:
    - - trace: { path: "a, b.csv" }
    - - synthetic:
          jobs: 5
          rate: 3 /h
          duration: { median: 1 h, sigma: 0.5 }
          gpus: [ { gpus: 2, weight: 1 } ]
    - - trace:
          path: c, d] e.csv
  name: ["tab\tand \"quotes\"", plain words]
)");
    REQUIRE(s.variants.size() == 6);
    CHECK(s.load(1, 1).value.workload[0].trace->path == "a, b.csv");
    CHECK(s.load(3, 1).value.workload[0].synthetic->jobs == 5);
    CHECK(s.load(5, 1).value.workload[0].trace->path == "c, d] e.csv");
    CHECK(s.load(5, 1).value.name == "plain words");
    CHECK(s.described.axes[1].points[0].settings[0].yaml == R"("tab\x09and \"quotes\"")");
}

TEST_CASE("sweep: damaged files are read or refused and nothing else") {
    const std::string whole = R"(axes:
  scheduler.policy: [fifo, easy]
  workload.0.synthetic.rate: { from: "1 /h", to: "9 /h", steps: 3, scale: log }
  zip: [ { fleet.pool_gpus: [4, 8], workload.0.synthetic.jobs: [1, 2] } ]
  costs: { variants: { free: {}, dear: { scheduler.preemption.restart: "5 min" } } }
  sample: { method: sobol, points: 4, over: { workload.0.synthetic.cv: { from: 1, to: 4 } } }
exclude: [ { scheduler.policy: fifo, fleet.pool_gpus: 8 } ]
only: [ { workload.0.synthetic.cv: "< 3" } ]
replications: 20
until: ci(jct_s.mean) < 1 %
metrics: [jct_s.mean, utilisation]
)";
    CHECK(expand_text(whole).variants.size() > 10);
    int read = 0, refused = 0;
    for (std::uint64_t e = 0; e != 3000; ++e) {
        random_stream stream{51, purpose::test, e};
        std::string text = whole;
        for (std::uint64_t k = 0; k <= stream.below(3); ++k) {
            const std::size_t at = stream.below(text.size());
            static const std::string bytes = "{}[]:,\"' \n-0x#<%";
            switch (stream.below(3)) {
                case 0: text.erase(at, 1 + stream.below(4)); break;
                case 1: text.insert(at, 1, bytes[stream.below(bytes.size())]); break;
                default: text[at] = bytes[stream.below(bytes.size())];
            }
        }
        try {
            static_cast<void>(expand_text(text));
            ++read;
        } catch (const scenario_error& error) {
            ++refused;
            CHECK(error.details().where.file == "sweep.yaml");
            CHECK(error.details().where.line >= 1);
            CHECK_FALSE(error.details().remedy.empty());
        }
    }
    INFO(read << ' ' << refused);
    CHECK(read > 100);
    CHECK(refused > 1000);
}

TEST_CASE("sweep: that of the repository is seven policies under five loads") {
    const auto s = expand(io::read_sweep(test::source_directory() / "scenarios/sweeps/policies-by-load.yaml"));
    CHECK(s.variants.size() == 35);
    CHECK(s.num_trials() == 700);
    for (std::size_t i = 0; i != s.variants.size(); ++i) CHECK(s.load(i, 1).value.name == "busy-pool");
}

TEST_CASE("sweep: a base that cannot be read is named at its key") {
    try {
        static_cast<void>(
            io::read_sweep_text("sweep.yaml", "ampacity-sweep: 1\nname: x\nbase: none.yaml\nseed: 7\n", "/nowhere"));
        FAIL("accepted");
    } catch (const scenario_error& e) {
        CHECK(std::string{e.what()}.starts_with(
            "sweep.yaml:3:7: error: base: the scenario cannot be read (/nowhere/none.yaml"));
    }
}
