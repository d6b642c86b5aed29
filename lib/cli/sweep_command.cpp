#include "sweep_command.hpp"

#include "interrupts.hpp"
#include "progress.hpp"
#include "trials.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/experiment/run_sweep.hpp>
#include <ampacity/io/plugins.hpp>
#include <ampacity/io/xxh64.hpp>

#include <fmt/core.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

namespace ampacity::cli {
namespace {

namespace fs = std::filesystem;
using experiment::trial;

[[noreturn]] void refuse_shard(const std::string& text) {
    throw scenario_error(
        {{"--shard " + text, 0, 0}, {}, "not K/N", text, "write a part and their number, from 1/4 to 4/4"});
}

experiment::shard shard_of(const std::string& text) {
    if (text.empty()) return {};
    experiment::shard out;
    const char* const end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), end, out.number);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '/') refuse_shard(text);
    const auto second = std::from_chars(first.ptr + 1, end, out.of);
    if (second.ec != std::errc{} || second.ptr != end) refuse_shard(text);
    if (out.number < 1 || out.number > out.of) refuse_shard(text);
    return out;
}

fs::path store_file(const sweep_options& o, const experiment::sweep& s, const experiment::shard& part) {
    if (!o.output.empty()) return o.output;
    const std::string suffix = part.of == 1 ? std::string{} : fmt::format("-{}-of-{}", part.number, part.of);
    return fs::path{"out"} / (s.described.name + suffix + ".db");
}

int list_trials(const experiment::sweep& s, const experiment::shard& part) {
    for (const trial& t : experiment::trials_of(s, s.described.replications, part))
        fmt::print("{}\t{}\t{}\n", t.replication, experiment::seed_of(s.described.seed, t.replication),
                   s.variants[t.variant].key);
    return 0;
}

/// Mean time of a trial [s], from a few variants that are run for a quarter of a second in all.
std::optional<double> time_of_some(const experiment::sweep& s, const experiment::trial_runner& runner,
                                   std::uint64_t replication) {
    constexpr std::size_t some = 16;
    const std::size_t count = std::min(some, s.variants.size());
    double sum = 0;
    std::size_t told = 0;
    for (std::size_t i = 0; i != count; ++i) {
        const auto each =
            runner.time_of({i * s.variants.size() / count, replication}, 0.25 / static_cast<double>(count));
        sum += each.value_or(0);
        if (each) ++told;
    }
    if (told == 0) return std::nullopt;
    return sum / static_cast<double>(told);
}

/// Says what is about to be done, and how long it may take.
void announce(const experiment::sweep& s, const experiment::shard& part, const experiment::trial_runner& runner,
              const experiment::result_store& store, unsigned threads, int ranks) {
    const auto done = store.done();
    const auto all = experiment::trials_of(s, s.described.replications, part);
    const auto is_open = [&](const trial& t) { return done.count({s.variants[t.variant].key, t.replication}) == 0; };
    const auto first = std::find_if(all.begin(), all.end(), is_open);
    const auto open = static_cast<std::size_t>(std::count_if(all.begin(), all.end(), is_open));
    fmt::print(stderr, "{} variants x {}{} replications: {} trials", s.variants.size(), s.until ? "up to " : "",
               s.described.replications, all.size());
    if (part.of != 1) fmt::print(stderr, " in part {} of {}", part.number, part.of);
    if (open != all.size()) fmt::print(stderr, ", {} of them done", all.size() - open);
    if (first != all.end()) {
        auto each_s = store.mean_wall_s();
        if (!each_s) each_s = time_of_some(s, runner, first->replication);
        if (each_s)
            fmt::print(stderr, "; about {} on {} thread{}",
                       clock_text(std::max(1.0, *each_s * static_cast<double>(open) / threads / ranks)), threads,
                       threads == 1 ? "" : "s");
        if (each_s && ranks != 1) fmt::print(stderr, " of each of {} ranks", ranks);
    }
    fmt::print(stderr, "\n");
}

/// Joins the stores into a new one; what there is then.
std::string merged(const fs::path& output, const std::vector<std::string>& inputs) {
    const auto about = experiment::result_store::open(inputs.front()).about();
    auto out = experiment::result_store::create(output, about);
    for (const std::string& in : inputs) out.merge(experiment::result_store::open(in));
    const auto trials = out.trials();
    const auto failed = std::count_if(trials.begin(), trials.end(), [](const auto& t) { return !t.done; });
    return fmt::format("{}: {} of {}{} trials, {} of them failed", about.sweep, trials.size(),
                       about.until.empty() ? "" : "up to ", about.variants.size() * about.replications, failed);
}

/// Failed trials are results; where there is nothing else, the sweep has failed like them.
int status_of(const experiment::sweep_outcome& outcome, const experiment::result_store& store) {
    if (outcome.interrupted) return 4;
    return outcome.state.failed != 0 && store.done().empty() ? 3 : 0;
}

/// The sweep on this process, or on all ranks of which it is rank 0.
int lead(const sweep_options& options, experiment::ranks* others) {
    const auto part = shard_of(options.shard);
    const auto s = experiment::expand(io::read_sweep(options.sweep));
    const unsigned threads = threads_for(options.threads, options.plugins);
    const io::plugins plugins{options.plugins};
    experiment::trial_runner runner(s, options.plugins.empty() ? nullptr : &plugins);
    auto inputs = with_plugins(runner.check(threads), plugins);
    if (options.dry_run) return list_trials(s, part);
    const fs::path file = store_file(options, s, part);
    const auto about = experiment::provenance_of(s, std::move(inputs));
    auto store =
        options.resume ? experiment::result_store::resume(file, about) : experiment::result_store::create(file, about);
    catch_interrupts();
    announce(s, part, runner, store, threads, others == nullptr ? 1 : others->count());
    experiment::sweep_outcome outcome;
    {
        sweep_line line(options.progress);
        const auto watch = [&](const experiment::sweep_state& state) {
            line.update(state);
            return !interrupted();
        };
        outcome = experiment::run_sweep(s, runner, store,
                                        {.threads = threads,
                                         .part = part,
                                         .others = others,
                                         .fingerprint = experiment::fingerprint_of(about),
                                         .watch = watch});
    }
    const auto& state = outcome.state;
    fmt::print("{}: {} of {} trials", s.described.name, state.ended, state.trials);
    if (s.until && !outcome.interrupted) fmt::print(", {} replications of each variant", outcome.replications);
    fmt::print(", {} of them in {}: {}\n", state.ended_here, clock_text(state.wall_s), file.string());
    for (const std::string& absence : outcome.absences) fmt::print(stderr, "{}\n", absence);
    if (state.failed != 0)
        fmt::print(stderr, "{} trials failed, the first with: {}\n", state.failed, outcome.first_error);
    if (outcome.interrupted) fmt::print(stderr, "ampacity: interrupted; what was done is saved, go on with --resume\n");
    return status_of(outcome, store);
}

/// A rank that runs what rank 0 hands out. What is wrong with the sweep is said by rank 0.
void follow(const sweep_options& options, experiment::ranks& all) {
    catch_interrupts();
    try {
        const auto s = experiment::expand(io::read_sweep(options.sweep));
        const unsigned threads = threads_for(options.threads, options.plugins);
        const io::plugins plugins{options.plugins};
        experiment::trial_runner runner(s, options.plugins.empty() ? nullptr : &plugins);
        const auto about = experiment::provenance_of(s, with_plugins(runner.check(threads), plugins));
        experiment::serve_trials(
            all, runner, {.threads = threads, .fingerprint = experiment::fingerprint_of(about), .interrupted = [] {
                              return interrupted();
                          }});
    } catch (const input_error& e) {
        experiment::decline_trials(all, e.what());
    }
}

}  // namespace

int sweep(const sweep_options& options) {
    return on_all_ranks([&](experiment::ranks* others) { return lead(options, others); },
                        [&](experiment::ranks& all) { follow(options, all); });
}

int merge(const std::string& output, const std::vector<std::string>& inputs) {
    std::error_code ignored;
    if (fs::exists(output, ignored))
        throw scenario_error({{output, 1, 1}, {}, "exists", {}, "remove it, or choose another file"});
    // The file stands under its name when it is complete.
    const fs::path partial = output + ".partial";
    fs::remove(partial, ignored);
    std::string summary;
    try {
        summary = merged(partial, inputs);
        fs::rename(partial, output);
    } catch (...) {
        fs::remove(partial, ignored);
        throw;
    }
    fmt::print("{}: {}\n", summary, output);
    return 0;
}

}  // namespace ampacity::cli
