#include "program.hpp"
#include "support/catch.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/experiment/result_store.hpp>

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

using namespace ampacity;
using namespace ampacity::test;

namespace {

const std::string base = R"(ampacity: 1
name: base
fleet: { pool_gpus: 16 }
workload:
  - synthetic:
      jobs: 400
      rate: "30 /h"
      duration: { median: "10 min", sigma: 1.2 }
      gpus: [ { gpus: 1, weight: 2 }, { gpus: 8, weight: 1 } ]
  - trace: { path: jobs.csv }
scheduler: { policy: fifo }
)";

/// The seventh of the variants of each replication fails.
const std::string sweep_text = R"(ampacity-sweep: 1
name: ranks
base: s.yaml
seed: 7
axes:
  scheduler.policy: [fifo, easy, sjf]
  workload.1.trace.path: [jobs.csv, bad.csv]
only: [ { workload.1.trace.path: jobs.csv }, { scheduler.policy: easy } ]
replications: 10
)";

struct sweeping : workspace {
    explicit sweeping(const std::string& sweep = sweep_text) : workspace{base} {
        write("bad.csv", header + "a,0,2,10\nb,x,1,1\n");
        write("sweep.yaml", sweep);
    }
    [[nodiscard]] std::string content(const std::string& db) const {
        const auto result = call({"export", db});
        CHECK(result.status == 0);
        return result.out;
    }
};

std::size_t done_in(const std::filesystem::path& db) {
    try {
        return experiment::result_store::open(db).done().size();
    } catch (const error&) {
        return 0;
    }
}

#ifdef AMPACITY_MPIEXEC

/// Several ranks, whatever cores there are and whoever runs the tests.
process_result sweep_on(int ranks, const sweeping& here, std::vector<std::string> more, process_options options = {}) {
    std::vector<std::string> command{AMPACITY_MPIEXEC, "-n",    std::to_string(ranks),
                                     AMPACITY_PROGRAM, "sweep", "sweep.yaml"};
    command.insert(command.end(), more.begin(), more.end());
    options.directory = here.path();
    options.environment = {{"OMPI_ALLOW_RUN_AS_ROOT", "1"},
                           {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
                           {"OMPI_MCA_rmaps_base_oversubscribe", "1"},
                           {"OMPI_MCA_hwloc_base_binding_policy", "none"}};
    return run_process(command, options);
}

/// The process of a rank that runs in this folder.
std::optional<pid_t> process_of(const std::string& rank, const std::filesystem::path& folder) {
    const std::string wanted = "OMPI_COMM_WORLD_RANK=" + rank + '\0';
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        if (std::filesystem::read_symlink(entry.path() / "cwd", ignored) != folder) continue;
        std::ifstream in(entry.path() / "environ", std::ios::binary);
        const std::string all{std::istreambuf_iterator<char>(in), {}};
        if (('\0' + all).find('\0' + wanted) != std::string::npos) return std::stoi(name);
    }
    return std::nullopt;
}

#endif

}  // namespace

#ifdef AMPACITY_MPIEXEC

TEST_CASE("mpi: the store of any number of ranks is that of one thread") {
    const sweeping here;
    CHECK(here.call({"sweep", "sweep.yaml", "-o", "one.db", "-j", "1"}).status == 0);
    const auto expected = here.content("one.db");
    CHECK(lines_of(expected).size() == 41);
    for (const int ranks : {1, 2, 4}) {
        const std::string db = std::to_string(ranks) + ".db";
        const auto result = sweep_on(ranks, here, {"-o", db});
        INFO(result.err);
        CHECK(result.status == 0);
        CHECK(result.out.starts_with("ranks: 40 of 40 trials, 40 of them in "));
        CHECK(lines_of(result.out).size() == 1);
        CHECK(contains(result.err, "10 trials failed, the first with: bad.csv:3:3: error: submit_s: "));
        CHECK(contains(result.err, ranks == 1 ? " on 1 thread\n"
                                              : " on 1 thread of each of " + std::to_string(ranks) + " ranks\n"));
        CHECK(here.content(db) == expected);
    }
    const auto threads = sweep_on(2, here, {"-o", "threads.db", "-j", "2"});
    CHECK(contains(threads.err, " on 2 threads of each of 2 ranks\n"));
    CHECK(here.content("threads.db") == expected);
}

TEST_CASE("mpi: after the death of a rank the sweep goes on with what is stored") {
    const sweeping here{with(sweep_text, "replications: 10", "replications: 600")};
    bool killed = false;
    const auto died = sweep_on(4, here, {"-o", "k.db"}, {.signal = SIGKILL, .signal_when = [&] {
                                                             if (killed || done_in(here.path("k.db")) < 10)
                                                                 return false;
                                                             const auto process = process_of(
                                                                 "3", std::filesystem::canonical(here.path()));
                                                             killed = process && kill(*process, SIGKILL) == 0;
                                                             return false;
                                                         }});
    INFO(died.out << died.err);
    CHECK(killed);
    CHECK(died.status != 0);
    const std::size_t done = done_in(here.path("k.db"));
    CHECK((done >= 10 && done < 1800));
    const auto resumed = sweep_on(4, here, {"-o", "k.db", "--resume"});
    CHECK(resumed.status == 0);
    CHECK(contains(resumed.out, "ranks: 2400 of 2400 trials, " + std::to_string(2400 - done) + " of them in "));
    CHECK(here.call({"sweep", "sweep.yaml", "-o", "whole.db"}).status == 0);
    CHECK(here.content("k.db") == here.content("whole.db"));
}

TEST_CASE("mpi: interrupted it says so and what was done is saved") {
    const sweeping here{with(sweep_text, "replications: 10", "replications: 2000")};
    const auto result = sweep_on(3, here, {"-o", "i.db"},
                                 {.signal = SIGTERM, .signal_when = [&] { return done_in(here.path("i.db")) >= 10; }});
    CHECK(contains(result.err, "interrupted; what was done is saved, go on with --resume"));
    const std::size_t done = done_in(here.path("i.db"));
    CHECK((done >= 10 && done < 6000));
    CHECK(here.call({"compare", "i.db"}).status == 0);
}

TEST_CASE("mpi: a fault of the sweep is told once") {
    const sweeping here{with(sweep_text, "sjf", "sjff")};
    const auto result = sweep_on(4, here, {});
    CHECK(result.status == 2);
    const auto at = result.err.find("sweep.yaml:6:34: error: scheduler.policy: ");
    CHECK(at != std::string::npos);
    CHECK(result.err.find("error: ", at + 20) == std::string::npos);
    const auto list = sweep_on(2, sweeping{}, {"--dry-run"});
    CHECK(list.status == 0);
    CHECK(lines_of(list.out).size() == 40);
}

#endif

TEST_CASE("mpi: a program without it does not run all of the sweep once for each rank") {
    const sweeping here;
    std::filesystem::create_directory(here.path("bin"));
    std::filesystem::copy_file(AMPACITY_PROGRAM, here.path("bin/ampacity"));
    const auto started = [&](const char* size, const char* rank) {
        return run_process({here.path("bin/ampacity").string(), "sweep", "sweep.yaml", "-o", "x.db"},
                           {.directory = here.path(), .environment = {{"PMI_SIZE", size}, {"PMI_RANK", rank}}});
    };
    const auto m = check_refused(started("4", "0"), 2);
    CHECK(contains(m.what, "this program cannot use MPI"));
    CHECK(contains(m.remedy, "--shard"));
    const auto silent = started("4", "2");
    CHECK(silent.status == 0);
    CHECK(silent.out.empty());
    CHECK(silent.err.empty());
    CHECK_FALSE(here.has("x.db"));
    CHECK(started("1", "0").status == 0);
    CHECK(here.has("x.db"));
}
