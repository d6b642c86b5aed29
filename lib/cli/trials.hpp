#pragma once
/// \file
/// What the commands `sweep` and `optimise` share: threads, ranks, progress. Not thread-safe: one command per process.

#include <ampacity/experiment/ranks.hpp>
#include <ampacity/experiment/run_sweep.hpp>
#include <ampacity/io/plugins.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::cli {

/// Calls into a plug-in come from one thread. Ranks are as many as there are processors, unless someone says otherwise.
[[nodiscard]] unsigned threads_for(std::optional<std::uint32_t> wanted, const std::vector<std::string>& plugins);

/// The files that trials read, with the plug-ins.
[[nodiscard]] std::vector<experiment::input_digest> with_plugins(std::vector<experiment::input_digest> inputs,
                                                                 const io::plugins& plugins);

/// Calls `lead` in the only process, or in rank 0 of those that mpirun has started, and `follow` in the others, which
/// say nothing. Returns the exit status. \throws scenario_error where there are ranks and this program has no MPI
int on_all_ranks(const std::function<int(experiment::ranks* others)>& lead,
                 const std::function<void(experiment::ranks& all)>& follow);

/// Runs what rank 0 hands out.
void serve(experiment::ranks& all, const experiment::trial_runner& runner, const experiment::provenance& about,
           unsigned threads);

/// One line on stderr that says how far the trials are.
class sweep_line {
public:
    /// `wanted`: from the command line; without it a line is shown where stderr is a terminal.
    explicit sweep_line(std::optional<bool> wanted);
    sweep_line(const sweep_line&) = delete;
    sweep_line& operator=(const sweep_line&) = delete;
    ~sweep_line();

    void update(const experiment::sweep_state& s);

private:
    using clock = std::chrono::steady_clock;
    bool shown_;
    bool drawn_ = false;
    clock::time_point next_ = clock::now() + std::chrono::milliseconds{250};
};

}  // namespace ampacity::cli
