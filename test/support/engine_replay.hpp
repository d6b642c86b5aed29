#pragma once
/// \file
/// The engine's side of a comparison with a naive replay: the same jobs, the same fleet, the same kind of answer.

#include "support/engine_outcomes.hpp"

#include <ampacity/core/accounts.hpp>
#include <ampacity/core/run_costs.hpp>
#include <ampacity/fleet/fleet_state.hpp>
#include <ampacity/fleet/gpu_types.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/workload/job.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::test {

/// What the scenario says about scheduling.
struct engine_options {
    std::string policy;
    policy::policy_options options{};
    preemption_options preemption{};
    bool enforce_estimate = false;
    std::optional<std::int64_t> until_ns{};
    std::optional<std::int64_t> every_ns{};  ///< decides in rounds
    std::int64_t decision_ns = 0;
    std::int64_t decision_per_job_ns = 0;
    std::function<void(workload::job_request&)> change{};  ///< of each job, before it is replayed
    policy::known_signals signals{};
    std::vector<std::string> names{};  ///< what the numbers of users and groups stand for; none: for themselves
};

/// The jobs as a source gives them; a job's name is its row. Of a mixed fleet: `types` know their speeds.
std::vector<workload::job_request> requests(const std::vector<naive::job>& jobs, fleet::gpu_types* types = nullptr);

/// The same fleet, with nobody on it; a mixed one has these types.
fleet::fleet_state fleet_of(const naive::fleet& where, std::shared_ptr<const fleet::gpu_types> types = nullptr);

/// Its slow nodes.
std::vector<sim::slowdown> slowdowns_of(const naive::fleet& where);

/// Replays the jobs; outcomes are in the order of `jobs`. The books
/// are checked, and copied to `books` if given.
std::vector<naive::outcome> replay_by_engine(const std::vector<naive::job>& jobs, const naive::fleet& where,
                                             const engine_options& how, ledger* books = nullptr);

}  // namespace ampacity::test
