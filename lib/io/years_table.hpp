#pragma once
/// \file
/// years.csv, and what a contract comes to in summary.json.

#include <ampacity/scenario/scenario.hpp>
#include <ampacity/sim/result.hpp>

#include <nlohmann/json.hpp>

#include <string>

namespace ampacity::io {

/// \pre the summary has snapshots
[[nodiscard]] std::string years_table(const scenario::scenario& described, const sim::summary& s);

/// Adds what is paid and spent to the numbers of a run, that of its services and training jobs included, which are
/// there already. \pre the scenario has a contract
void add_contract(nlohmann::ordered_json& out, const scenario::scenario& described, const sim::summary& s);

/// Adds carbon per useful GPU-hour, and that of services.
void add_carbon_shares(nlohmann::ordered_json& out, const sim::summary& s);

}  // namespace ampacity::io
