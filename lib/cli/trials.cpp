#include "trials.hpp"

#include "interrupts.hpp"
#include "launcher.hpp"
#include "progress.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/xxh64.hpp>

#include <fmt/core.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

namespace ampacity::cli {
namespace {

/// Processors that this process may use.
unsigned processors() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return std::max(1U, static_cast<unsigned>(CPU_COUNT(&set)));
}

}  // namespace

unsigned threads_for(std::optional<std::uint32_t> wanted, const std::vector<std::string>& plugins) {
    if (!plugins.empty()) return 1;
    return wanted.value_or(launch_of_this() ? 1 : processors());
}

std::vector<experiment::input_digest> with_plugins(std::vector<experiment::input_digest> inputs,
                                                   const io::plugins& plugins) {
    for (const auto& p : plugins.files()) inputs.push_back({p.path, io::digest_text(p.digest)});
    return inputs;
}

int on_all_ranks(const std::function<int(experiment::ranks* others)>& lead,
                 const std::function<void(experiment::ranks& all)>& follow) {
    const launched how = launch_of_this().value_or(launched{});
    if (how.ranks == 1) return lead(nullptr);
    std::unique_ptr<experiment::ranks> all;
    try {
        all = join_ranks();
    } catch (const scenario_error&) {
        if (how.rank == 0) throw;
        return 0;
    }
    if (all->number() != 0) {
        follow(*all);
        return 0;
    }
    const experiment::rank_dismissal dismissal(*all);
    return lead(all.get());
}

void serve(experiment::ranks& all, const experiment::trial_runner& runner, const experiment::provenance& about,
           unsigned threads) {
    experiment::serve_trials(all, runner,
                             {.threads = threads, .fingerprint = experiment::fingerprint_of(about), .interrupted = [] {
                                  return interrupted();
                              }});
}

sweep_line::sweep_line(std::optional<bool> wanted) : shown_(wanted.value_or(isatty(STDERR_FILENO) != 0)) {}

sweep_line::~sweep_line() {
    if (drawn_) fmt::print(stderr, "\r\033[K");
}

void sweep_line::update(const experiment::sweep_state& s) {
    if (!shown_ || clock::now() < next_) return;
    next_ = clock::now() + std::chrono::milliseconds{250};
    drawn_ = true;
    const double share = s.trials == 0 ? 1 : static_cast<double>(s.ended) / static_cast<double>(s.trials);
    fmt::print(stderr, "\r{:5.1f} %  {} of {} trials", 100 * share, s.ended, s.trials);
    if (s.failed != 0) fmt::print(stderr, ", {} failed", s.failed);
    if (s.ended_here != 0) fmt::print(stderr, "  {:.3g} trials/s", static_cast<double>(s.ended_here) / s.wall_s);
    fmt::print(stderr, "  ETA {}\033[K", s.left_s ? clock_text(*s.left_s) : "-");
    std::fflush(stderr);
}

}  // namespace ampacity::cli
