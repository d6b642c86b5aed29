#pragma once
/// \file
/// From a scenario file to a simulation that is ready to run: opens its traces and builds its parts.

#include <ampacity/io/job_traces.hpp>
#include <ampacity/io/models.hpp>
#include <ampacity/io/plugins.hpp>
#include <ampacity/io/request_traces.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/io/shared_inputs.hpp>
#include <ampacity/io/surface_cache.hpp>
#include <ampacity/sim/simulation.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::io {

/// Parts, and those of their sources of jobs and requests that are files; they belong to the parts, then to the
/// simulation.
struct prepared_run {
    sim::parts parts;
    std::vector<trace_source*> traces;
    std::vector<request_trace*> request_traces;                   ///< of services, by entry of the workload
    std::vector<model_file> models{};                             ///< that it was made from, files of signals included
    std::vector<std::pair<std::string, std::uint64_t>> filled{};  ///< steps that files of signals lack, by key path
    std::vector<std::shared_ptr<const used_surface>> surfaces{};  ///< of fluid services without a file
    std::vector<std::string> notes{};                             ///< what whoever reads the results should know
};

/// With what plug-ins add, if there are any. \throws scenario_error,
/// data_error, plugin_error
[[nodiscard]] prepared_run prepare(const loaded_scenario& loaded, const plugins* more = nullptr,
                                   shared_inputs* shared = nullptr);

/// Records of a trace that are no jobs.
struct skipped_in_trace {
    std::string key;  ///< of the trace in the scenario: `workload.0.trace`, `workload.1.service.requests`
    std::vector<workload::skipped_records> records;
};

/// What reading all inputs tells.
struct checked_inputs {
    std::vector<skipped_in_trace> skipped{};                                ///< those that skip nothing left out
    std::vector<std::pair<std::string, sim::modelled_service>> modelled{};  ///< services with a model, by name
    std::vector<std::string> notes{};  ///< what whoever reads the results should know
};

/// Reads the scenario, opens every trace and reads it to its end, so that a run will find no fault in them.
/// \throws scenario_error, data_error, plugin_error
[[nodiscard]] checked_inputs check_inputs(const loaded_scenario& loaded, const plugins* more = nullptr);

}  // namespace ampacity::io
