// What does a sweep add to the runs that it is made of, what does a second core bring, what does a worker hold?
//
// Short runs of some 0.1 ms, for the cost of a trial beside its run: preparing and simulating the same descriptions by
// hand, against the whole way from a variant to a committed row, medians of interleaved repeats. Runs of some ten
// milliseconds for the efficiency on two cores, the best of interleaved repeats, which needs two cores that have
// nothing else to do; processor time tells on any machine what two threads cost more than one, and what is not the
// runs'. Peak memory of processes of their own that do the same with one, two and four workers. The answer that a fast
// wrong sweep fails: the store of two threads is that of one, and its numbers are those of the runs by hand.

#include "support/files.hpp"
#include "table.hpp"

#include <ampacity/experiment/run_sweep.hpp>
#include <ampacity/io/prepare.hpp>
#include <ampacity/io/run_files.hpp>

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace ampacity;
using namespace ampacity::experiment;
using namespace bench;

double wall_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// A sweep of 4 variants over a pool with so many jobs.
sweep sweep_of(const std::filesystem::path& folder, int jobs, int replications) {
    test::write_file(folder / "s.yaml", R"(ampacity: 1
name: s
fleet: { pool_gpus: 64 }
workload:
  - synthetic:
      jobs: )" + std::to_string(jobs) + R"(
      rate: "16 /h"
      duration: { median: "8 min", sigma: 1.5, max: "12 h" }
      gpus: [ { gpus: 1, weight: 60 }, { gpus: 8, weight: 30 }, { gpus: 32, weight: 10 } ]
      estimate_factor: { min: 1, max: 3 }
scheduler: { policy: fifo }
)");
    return expand(io::read_sweep_text("sweep.yaml",
                                      "ampacity-sweep: 1\nname: x\nbase: s.yaml\nseed: 7\n"
                                      "axes: { scheduler.policy: [fifo, easy, sjf, srtf] }\nreplications: " +
                                          std::to_string(replications) + '\n',
                                      folder));
}

/// Processor time of this process, or of this thread.
double cpu_s(int who) {
    rusage used{};
    getrusage(who, &used);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

struct swept {
    double wall_s = 0;
    double cpu_s = 0;     ///< of all threads
    double writer_s = 0;  ///< of the one that gives out trials and stores results
    std::string content{};
};

swept run(const sweep& s, const std::filesystem::path& folder, unsigned threads) {
    std::filesystem::remove(folder / "a.db");
    trial_runner runner(s);
    auto store = result_store::create(folder / "a.db", provenance_of(s, runner.check(1)));
    const double begin = wall_s(), cpu = cpu_s(RUSAGE_SELF), writer = cpu_s(RUSAGE_THREAD);
    static_cast<void>(run_sweep(s, runner, store, {.threads = threads}));
    swept out{.wall_s = wall_s() - begin, .cpu_s = cpu_s(RUSAGE_SELF) - cpu, .writer_s = cpu_s(RUSAGE_THREAD) - writer};
    store.write_csv([&](std::string_view text) { out.content += text; });
    return out;
}

/// The runs alone: prepared and simulated by hand; the sum of one of their numbers.
double by_hand(const std::vector<io::loaded_scenario>& loaded, std::uint64_t replications, double& sum) {
    const double begin = wall_s();
    sum = 0;
    for (std::uint64_t r = 0; r != replications; ++r) {
        for (const io::loaded_scenario& of : loaded) {
            io::loaded_scenario one = of;
            one.value.seed = seed_of(7, r);
            sim::simulation s(io::prepare(one).parts);
            s.run();
            sum += s.results().jct_s->mean;
        }
    }
    return wall_s() - begin;
}

void overhead(table& t, const std::filesystem::path& folder) {
    constexpr int replications = 250;
    const sweep s = sweep_of(folder, 60, replications);
    std::vector<io::loaded_scenario> loaded;
    for (std::size_t v = 0; v != s.variants.size(); ++v) loaded.push_back(s.load(v, 1));
    std::vector<double> alone_s, swept_s;
    double sum = 0;
    for (int repeat = 0; repeat != 5; ++repeat) {
        alone_s.push_back(by_hand(loaded, replications, sum));
        swept_s.push_back(run(s, folder, 1).wall_s);
    }
    const double trials = 4.0 * replications;
    const double alone = median(alone_s) / trials * 1e3, all = median(swept_s) / trials * 1e3;
    t.row("a trial of 60 jobs, whole, against its run", {{alone, "ms"}}, {all, "ms"}, multiple());
    t.row("a trial beside its run", {}, {all - alone, "ms"}, at_most(1));
    t.row("short trials on one thread", {}, {1e3 / all, "trials/s"}, multiple());
    double stored = 0;
    const auto store = result_store::open(folder / "a.db");
    for (const auto& [key, of] : store.values("jct_s.mean")) {
        for (const auto& [replication, x] : of) stored += x;
    }
    t.expect(std::abs(stored - sum) <= 1e-9 * sum, "the numbers of the runs");
}

/// This program is pinned to one core by `./dev bench`.
void use_all_cores() {
    cpu_set_t all;
    CPU_ZERO(&all);
    for (unsigned i = 0; i != std::thread::hardware_concurrency(); ++i) CPU_SET(i, &all);
    sched_setaffinity(0, sizeof all, &all);
}

void keep_least(swept& best, const swept& next, bool first) {
    for (double swept::* const of : {&swept::wall_s, &swept::cpu_s, &swept::writer_s})
        best.*of = first ? next.*of : std::min(best.*of, next.*of);
}

void efficiency(table& t, const std::filesystem::path& folder) {
    use_all_cores();
    const sweep s = sweep_of(folder, 18'000, 30);
    // The best of interleaved repeats: whatever else the machine does only adds time.
    swept one, two;
    for (int repeat = 0; repeat != 6; ++repeat) {
        const swept a = run(s, folder, 1), b = run(s, folder, 2);
        t.expect(a.content == b.content, "the same store from two threads");
        keep_least(one, a, repeat == 0);
        keep_least(two, b, repeat == 0);
    }
    t.row("120 trials of 18,000 jobs on two threads, against one", cell{one.wall_s, "s"}, {two.wall_s, "s"},
          speedup(1.9));
    t.row("processor time of all threads", cell{one.cpu_s, "s"}, {two.cpu_s, "s"}, multiple(1.05));
    t.row("of it, giving out trials and storing results", cell{1e3 * one.writer_s / 120, "ms/trial"},
          {1e3 * two.writer_s / 120, "ms/trial"}, multiple());
}

/// Peak of a process that does nothing but the sweep [MB].
double peak_mb(const sweep& s, const std::filesystem::path& folder, unsigned threads) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        static_cast<void>(run(s, folder, threads));
        _exit(0);
    }
    int status = 0;
    rusage used{};
    wait4(child, &status, 0, &used);
    return static_cast<double>(used.ru_maxrss) / 1024;
}

void memory(table& t, const std::filesystem::path& folder) {
    const sweep s = sweep_of(folder, 100'000, 2);
    std::map<unsigned, double> mb;
    for (const unsigned threads : {1U, 2U, 4U}) mb[threads] = peak_mb(s, folder, threads);
    t.row("peak memory of a worker more, runs of 100,000 jobs", {{mb[1], "MB of one"}},
          {(mb[4] - mb[1]) / 3, "MB each"}, multiple(1));
    t.note(std::to_string(mb[2]) + " MB with two workers, " + std::to_string(mb[4]) + " MB with four");
}

}  // namespace

int main() {
    const test::temporary_directory folder;
    table t;
    memory(t, folder.path());
    overhead(t, folder.path());
    efficiency(t, folder.path());
    return t.exit_status();
}
