#pragma once
/// \file
/// What a simulation did, in the words of the naive engines, so that the two can be compared job by job.

#include "support/naive_replay.hpp"

#include <ampacity/sim/simulation.hpp>

#include <map>
#include <string>
#include <vector>

namespace naive {

/// The starts of all jobs of one source by number.
struct start_recorder final : ampacity::sim::observer {
    void on_start(const ampacity::sim::job_start& s) override;
    std::map<std::int64_t, std::vector<attempt>> of;
};

/// The job as the engine is asked to run it, named by its number; its speeds are a row of the fleet's types.
ampacity::workload::job_request request(const job& j, std::size_t number, std::uint8_t speeds_row = 0);

/// The costs in the engine's words.
ampacity::preemption_options costs_of(const overheads& how);

/// Outcomes of the jobs of source 0, by number. \pre the results have been asked for
std::vector<outcome> outcomes_of(const ampacity::sim::simulation& s, const start_recorder& starts, std::size_t jobs);

/// One line that differs where two outcomes differ; without the accounts that the engine keeps for all jobs together.
std::string describe(const outcome& o);

/// Do the books hold the checkpoints and restarts of these jobs?
bool same_overheads(const ampacity::ledger& books, const std::vector<outcome>& expected);

}  // namespace naive
