// What does a replay hold in memory per job, and does an event allocate?
//
// Allocations: calls of operator new between 60 and 90 % of the events of a light replay (jobs.hpp), when every table
// has grown to its size; the number of jobs is such that the records do not grow in between. A queue that becomes
// longer than ever may still make its tables grow.
// Live jobs: heap and large tables after a burst of jobs that all wait, their records apart. Finished jobs: resident
// memory after jobs that stream in and leave. Expected answer: all jobs wait, or have finished. All but resident memory
// is deterministic; sizes are just below powers of two, where tables that double are full.

#include "jobs.hpp"
#include "support/allocations.hpp"
#include "table.hpp"

#include <malloc.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

namespace {

using namespace ampacity;
using namespace bench;

// --- allocations ----------------------------------------------------------------------------------

void count_allocations(table& t, const std::string& policy, bool nodes, std::uint64_t num_jobs) {
    const job_list jobs = make_jobs({.jobs = num_jobs, .estimate = loose});
    const auto engine = [&] { return make_engine(nodes ? some_nodes() : a_pool(), built_in(policy), jobs); };
    sim::simulation whole = engine();
    whole.run();
    const std::uint64_t events = whole.events_processed();
    sim::simulation s = engine();
    s.run_rounds(events / 10 * 6);
    const std::uint64_t allocations = test::allocations();
    const std::uint64_t first_event = s.events_processed();
    const std::uint64_t peak = s.peak_queue();
    s.run_rounds(events / 10 * 3);
    const std::uint64_t in_window = test::allocations() - allocations;
    t.row("allocations, " + policy + (nodes ? ", nodes" : ", pool"), {}, {static_cast<double>(in_window), ""},
          at_most(0));
    t.note(std::to_string(s.events_processed() - first_event) + " events; peak queue " + std::to_string(peak) +
           " before, " + std::to_string(s.peak_queue()) + " after");
    s.run();
    t.expect(s.results().finished == num_jobs, "all jobs finish, " + policy);
}

// --- bytes ----------------------------------------------------------------------------------------

/// Resident bytes of mappings that ask for huge pages: large tables have their own.
double huge_bytes() {
    std::ifstream in("/proc/self/smaps");
    double total = 0;
    double resident = 0;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("Rss:")) resident = std::strtod(line.c_str() + 4, nullptr) * 1024;
        if (line.starts_with("VmFlags:") && line.find(" hg") != std::string::npos) total += resident;
    }
    return total;
}

/// Bytes that malloc has handed out and not got back, and what large tables hold beside it.
double held_bytes() {
    const struct mallinfo2 m = ::mallinfo2();
    return static_cast<double>(m.uordblks + m.hblkhd) + huge_bytes();
}

/// A line of a file in /proc/self that counts KiB [B]; 0 if there is none.
double from_proc(const char* file, const std::string& field) {
    std::ifstream in(std::string("/proc/self/") + file);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(field + ":")) return std::strtod(line.c_str() + field.size() + 1, nullptr) * 1024;
    }
    return 0;
}
double resident_bytes() { return from_proc("smaps_rollup", "Rss"); }
double peak_bytes() { return from_proc("status", "VmHWM"); }

void live_jobs(table& t, const std::string& policy, std::uint64_t num_jobs) {
    job_list jobs = make_jobs({.jobs = num_jobs, .estimate = loose});
    for (auto& job : jobs) job.submit = start_of_time;
    const double before = held_bytes();
    sim::simulation s = make_engine(a_pool(), built_in(policy), jobs);
    s.run_rounds(1);
    constexpr double record = sizeof(sim::job_record);
    const double each = (held_bytes() - before) / static_cast<double>(num_jobs);
    t.row("bytes per waiting job, " + policy + ", its record apart", {}, {each - record, "B"}, at_most(200));
    t.note(std::to_string(num_jobs) + " jobs, " + std::to_string(s.peak_queue()) + " wait");
    t.expect(s.peak_queue() > num_jobs * 9 / 10, "the jobs wait, " + policy);
}

void finished_jobs(table& t) {
    constexpr std::uint64_t num_jobs = 4'000'000;
    std::ofstream("/proc/self/clear_refs") << 5;  // the peak begins anew
    const double empty = resident_bytes();
    auto source = std::make_unique<workload::synthetic_source>(options_of({.jobs = num_jobs}));
    sim::simulation s = make_engine(a_pool(), built_in("easy"), std::move(source));
    s.run_rounds(num_jobs);  // half of the events
    const double half = resident_bytes();
    s.run();
    const double each = (resident_bytes() - half) / (num_jobs / 2.0);
    const auto peak = [&] { return cell{(peak_bytes() - empty) / num_jobs, "B"}; };
    t.row("bytes per finished job, easy, the second 2e6 jobs", {}, {std::round(each * 10) / 10, "B"}, at_most(64));
    t.row("    at the peak of the run, all jobs", {}, peak(), multiple());
    const sim::summary& summary = s.results();
    t.row("    at the peak, results() included", {}, peak(), multiple());
    t.note(std::to_string(summary.finished) + " jobs finished, peak queue " + std::to_string(s.peak_queue()));
    t.expect(summary.finished == num_jobs, "all jobs finish");
}

}  // namespace

int main() {
    table t;
    finished_jobs(t);  // first, while the heap is empty
    const char* const policies[] = {"fifo", "fifo-skip", "sjf", "srtf", "las", "easy"};
    for (const char* const policy : policies) live_jobs(t, policy, 1'000'000);
    for (const char* const policy : {"srsf", "gittins", "qssf", "priority", "drf", "fair-share", "elastic"})
        live_jobs(t, policy, 1'000'000);
    for (const char* const policy : {"conservative", "ftf", "max-min"}) live_jobs(t, policy, 32'000);
    for (const bool nodes : {false, true}) {
        for (const char* const policy : policies) count_allocations(t, policy, nodes, 250'000);
        count_allocations(t, "conservative", nodes, 30'000);
    }
    return t.exit_status();
}
