// How many jobs per second does the whole engine replay on one core, ledger, metrics and per-job records included?
//
// Synthetic jobs (jobs.hpp) on 1064 GPUs, at a load of 0.85 and at one of 1.15, where the queue grows for as long as
// jobs arrive; the peak of the queue stands under each row. Timed: run() and results(), with the jobs in memory.
// Baselines: loops for one policy that count only, and for a long queue EASY as a policy that walks it.
// The answer that a fast wrong engine fails: the sum of all waits is the loop's to the nanosecond, and the hash over
// start and finish of all jobs is the walk's.
//
// `--full` lets the walk replay all of the congested 1e6 jobs (minutes).

#include "jobs.hpp"
#include "replay_loops.hpp"
#include "table.hpp"

#include <ampacity/core/wide.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using namespace bench;

constexpr int num_repeats = 3;    // of each row; the fastest counts
constexpr double patience_s = 5;  // of a row, after which it is not repeated

struct measured {
    double s = std::numeric_limits<double>::infinity();
    int128 waits = 0;        ///< [ns]
    std::uint64_t hash = 0;  ///< over start and finish
    std::uint64_t events = 0;
    std::uint64_t peak_queue = 0;
    double mean_wait_s = 0;

    [[nodiscard]] std::string counters() const {
        char out[160];
        std::snprintf(out, sizeof out, "%llu events, peak queue %llu, mean wait %.1f s, schedule %016llx",
                      static_cast<unsigned long long>(events), static_cast<unsigned long long>(peak_queue), mean_wait_s,
                      static_cast<unsigned long long>(hash));
        return out;
    }
};

cell rate(const job_list& jobs, double seconds) { return {static_cast<double>(jobs.size()) / seconds * 1e-6, "M/s"}; }

std::string power(std::uint64_t n) {
    char out[32];
    std::snprintf(out, sizeof out, "%.0e", static_cast<double>(n));
    std::string text = out;  // 1e+06
    text.erase(text.find("+0"), 2);
    return text;
}

void replay_once(table& t, measured& m, fleet_state fleet, policy_owner policy, const job_list& jobs) {
    sim::simulation s = make_engine(std::move(fleet), std::move(policy), jobs);
    const stopwatch watch;
    s.run();
    const sim::summary& summary = s.results();
    m.s = std::min(m.s, watch.s());
    m.events = s.events_processed();
    m.peak_queue = s.peak_queue();
    t.expect(summary.finished == jobs.size(), "all jobs finish");
    m.mean_wait_s = summary.wait_s->mean;
    m.waits = 0;
    const std::uint64_t hash_before = std::exchange(m.hash, 0);
    const auto& records = s.records(0);
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        const auto& r = records[i];
        m.waits += ticks(r.first_start - r.submit);
        m.hash = (m.hash ^ static_cast<std::uint64_t>(ticks(r.first_start))) * 0x100000001B3U;
        m.hash = (m.hash ^ static_cast<std::uint64_t>(ticks(r.finish))) * 0x100000001B3U;
    }
    t.expect(hash_before == 0 || hash_before == m.hash, "the same schedule in each repeat");
}

/// The engine against a loop that yields the sum of the waits.
template <class Loop>
void against_loop(table& t, const std::string& question, const std::string& policy, const job_list& jobs, double wanted,
                  Loop loop) {
    const std::vector<slim_job> slim_jobs = slim(jobs);
    measured ours;
    double baseline_s = std::numeric_limits<double>::infinity();
    int128 waits = 0;
    for (int i = 0; i != num_repeats; ++i) {
        const stopwatch watch;
        waits = loop(slim_jobs);
        baseline_s = std::min(baseline_s, watch.s());
        replay_once(t, ours, a_pool(), built_in(policy), jobs);
    }
    t.expect(waits == ours.waits, "sum of waits, " + question);
    t.row(question, rate(jobs, baseline_s), rate(jobs, ours.s), at_least(wanted));
    t.note(ours.counters());
}

/// The engine alone.
void replay(table& t, const std::string& question, const std::string& policy, bool nodes, const job_list& jobs,
            std::optional<double> wanted = {}) {
    measured ours;
    const stopwatch all;
    for (int i = 0; i == 0 || (i != num_repeats && all.s() < patience_s); ++i) {
        replay_once(t, ours, nodes ? some_nodes() : a_pool(), built_in(policy), jobs);
    }
    t.row(question, {}, rate(jobs, ours.s), wanted ? at_least(*wanted) : multiple());
    t.note(ours.counters());
}

/// EASY of the engine against EASY that walks the queue.
void against_walk(table& t, std::uint64_t num_jobs, estimate_factor estimate) {
    const job_list jobs = make_jobs({.jobs = num_jobs, .load = congested, .estimate = estimate});
    const char* const kind = estimate ? "x 1..3" : "exact";
    const std::string question = "easy, pool, congested, " + power(num_jobs) + " jobs, " + kind + ", against a walk";
    measured ours, walk;
    replay_once(t, ours, a_pool(), built_in("easy"), jobs);
    replay_once(t, walk, a_pool(), std::make_unique<easy_walk>(), jobs);
    replay_once(t, ours, a_pool(), built_in("easy"), jobs);
    t.expect(ours.hash == walk.hash, "schedule, " + question);
    t.row(question, rate(jobs, walk.s), rate(jobs, ours.s), multiple());
    t.note(ours.counters());
}

/// How many of the jobs a policy replays here.
struct portion {
    const char* policy;
    std::uint64_t when_light;  ///< 0: it has rows of its own
    std::uint64_t when_congested;
};
constexpr portion portions[] = {
    {"fifo", 0, 1'000'000},
    {"fifo-skip", 1'000'000, 200'000},
    {"sjf", 1'000'000, 1'000'000},
    {"srtf", 1'000'000, 200'000},
    {"las", 1'000'000, 200'000},
    {"easy", 0, 1'000'000},
    {"conservative", 200'000, 20'000},
};

job_list first(const job_list& jobs, std::uint64_t n) {
    return {jobs.begin(), jobs.begin() + static_cast<std::ptrdiff_t>(n)};
}

void measure_light(table& t) {
    const job_list as_planned = make_jobs({.jobs = 1'000'000, .estimate = exact});
    const job_list early = make_jobs({.jobs = 1'000'000, .estimate = loose});
    const auto fifo = [](std::span<const slim_job> jobs) { return fifo_loop(jobs, fleet_gpus); };
    const auto easy = [](std::span<const slim_job> jobs) { return easy_loop(jobs, fleet_gpus).run(); };
    against_loop(t, "fifo, pool, light, 1e6 jobs, against a loop", "fifo", as_planned, 3.0, fifo);
    against_loop(t, "easy, pool, light, 1e6 jobs, exact, against a loop", "easy", as_planned, 1.0, easy);
    against_loop(t, "easy, pool, light, 1e6 jobs, x 1..3, against a loop", "easy", early, 1.0, easy);
    replay(t, "fifo, 133 nodes of 8, pack, light, 1e6 jobs", "fifo", true, as_planned, 1.0);
    replay(t, "easy, 133 nodes of 8, pack, light, 1e6 jobs, exact", "easy", true, as_planned);
    replay(t, "easy, 133 nodes of 8, pack, light, 1e6 jobs, x 1..3", "easy", true, early);
    for (const portion& p : portions) {
        if (p.when_light == 0) continue;
        const std::string question = std::string(p.policy) + ", pool, light, " + power(p.when_light) + " jobs, x 1..3";
        replay(t, question, p.policy, false, first(early, p.when_light));
    }
}

void measure_congested(table& t) {
    const job_list early = make_jobs({.jobs = 1'000'000, .load = congested, .estimate = loose});
    for (const portion& p : portions) {
        const std::string policy = p.policy;
        const std::string question = policy + ", pool, congested, " + power(p.when_congested) + " jobs, x 1..3";
        const auto wanted = policy == "easy" ? std::optional(0.3) : std::nullopt;
        replay(t, question, policy, false, first(early, p.when_congested), wanted);
    }
}

}  // namespace

int main(int argc, char* argv[]) {
    const bool full = argc > 1 && std::strcmp(argv[1], "--full") == 0;
    table t;
    measure_light(t);
    against_walk(t, 20'000, exact);
    against_walk(t, 20'000, loose);
    against_walk(t, 200'000, loose);
    if (full) against_walk(t, 1'000'000, loose);
    measure_congested(t);
    return t.exit_status();
}
