#include "program.hpp"
#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/experiment/result_store.hpp>

#include <csignal>
#include <filesystem>
#include <string>

using namespace ampacity;
using namespace ampacity::test;

namespace {

const std::string base = R"(ampacity: 1
name: base
fleet: { pool_gpus: 16 }
workload:
  - synthetic:
      jobs: 2000
      rate: "30 /h"
      duration: { median: "10 min", sigma: 1.2 }
      gpus: [ { gpus: 1, weight: 2 }, { gpus: 8, weight: 1 } ]
scheduler: { policy: easy }
)";

const std::string question = R"(ampacity-optimise: 1
name: fewest
base: s.yaml
vary: { fleet.pool_gpus: { from: 8, to: 200, whole: true } }
goal: smallest
where: { wait_s.mean: "< 30", utilisation: "> 0.01" }
replications: 40
seed: 7
)";

struct asking : workspace {
    explicit asking(const std::string& text = question) : workspace{base} { write("q.yaml", text); }
};

}  // namespace

TEST_CASE("optimise command: table and JSON and store agree with runs") {
    const asking here;
    const auto result = here.call({"optimise", "q.yaml"});
    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
    CHECK(result.err.empty());
    CHECK(result.out.starts_with("fleet.pool_gpus   runs  wait_s.mean < 30"));
    const auto json = here.call({"optimise", "q.yaml", "--resume", "-j", "1", "--format", "json"});
    REQUIRE(json.status == 0);
    const document found{json.out};
    const auto answer = found.at("answer").at("values").at("fleet.pool_gpus").get<std::string>();
    const auto less = found.at("neighbour").at("values").at("fleet.pool_gpus").get<std::string>();
    CHECK(std::stoi(less) == std::stoi(answer) - 1);
    CHECK(contains(result.out,
                   "smallest fleet.pool_gpus that keeps to the limits: " + answer + "; " + less + " does not\n"));
    CHECK(contains(result.out, std::to_string(found.at("trials").get<int>()) + " trials, of "));
    CHECK(contains(result.out, " values out of 193: out/fewest.db\n"));
    // The store has the runs that the means are of.
    const auto store = experiment::result_store::open(here.path("out/fewest.db"));
    CHECK(store.done().size() == found.at("trials").get<std::size_t>());
    for (const auto& value : found.at("values")) {
        const auto gpus = value.at("values").at("fleet.pool_gpus").get<std::string>();
        double sum = 0;
        const auto waits = store.values("wait_s.mean").at("fleet.pool_gpus=" + gpus);
        for (const auto& [replication, x] : waits) sum += x;
        CHECK(waits.size() == value.at("replications").get<std::size_t>());
        CHECK(value.at("metrics").at(0).at("mean").get<double>() ==
              Approx(sum / static_cast<double>(waits.size())).epsilon(1e-12));
    }
    CHECK(lines_of(here.call({"export", "out/fewest.db"}).out).size() == store.done().size() + 1);
    CHECK(here.call({"optimise", "q.yaml"}).status == 2);  // the store exists
    const auto list = here.call({"optimise", "q.yaml", "--dry-run"});
    CHECK(list.status == 0);
    CHECK(lines_of(list.out).size() == 193);
}

TEST_CASE("optimise command: killed and resumed it says the same") {
    const asking here{with(question, "replications: 40", "replications: 640")};
    const auto done = [&] {
        try {
            return experiment::result_store::open(here.path("k.db")).done().size();
        } catch (const error&) {
            return std::size_t{0};
        }
    };
    const auto killed =
        run_process({AMPACITY_PROGRAM, "optimise", "q.yaml", "-o", "k.db", "-j", "2"},
                    {.directory = here.path(), .signal = SIGKILL, .signal_when = [&] { return done() >= 12; }});
    CHECK(killed.signal == SIGKILL);
    const auto resumed = here.call({"optimise", "q.yaml", "-o", "k.db", "--resume", "--format", "json"});
    const auto whole = here.call({"optimise", "q.yaml", "-o", "w.db", "-j", "1", "--format", "json"});
    CHECK(resumed.status == 0);
    CHECK(resumed.out == whole.out);
    CHECK(here.call({"export", "k.db"}).out == here.call({"export", "w.db"}).out);
}

TEST_CASE("optimise command: interrupted it ends with status 4") {
    const asking here{with(question, "replications: 40", "replications: 100000")};
    const auto result =
        run_process({AMPACITY_PROGRAM, "optimise", "q.yaml", "-o", "i.db"},
                    {.directory = here.path(), .signal = SIGINT, .signal_when = [&] {
                         try {
                             return experiment::result_store::open(here.path("i.db")).done().size() >= 12;
                         } catch (const error&) {
                             return false;
                         }
                     }});
    CHECK(result.status == 4);
    CHECK(contains(result.err, "interrupted; what was done is saved, go on with --resume"));
    CHECK(contains(result.out, "no answer yet: interrupted\n"));
}

TEST_CASE("optimise command: refusals") {
    const asking here;
    check_whole_file(check_refused(here.call({"optimise", "none.yaml"}), 2), "none.yaml");
    CHECK(here.call({"optimise", "q.yaml", "--format", "xml"}).status == 2);
    here.write("q.yaml", with(question, "smallest", "smalest"));
    const auto m = check_refused(here.call({"optimise", "q.yaml"}), 2);
    CHECK(m.file == "q.yaml");
    CHECK(m.line == 5);
    CHECK(m.column == 7);
    CHECK(m.key == "goal");
    CHECK(m.value == "smalest");
    CHECK(contains(m.remedy, "smallest"));
    here.write("q.yaml", with(question, "fleet.pool_gpus", "fleet.pool_gpu"));
    CHECK(check_refused(here.call({"optimise", "q.yaml"}), 2).file == "q.yaml");
    CHECK_FALSE(here.has("out"));
}
