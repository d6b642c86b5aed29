#pragma once
/// \file
/// Power, energy, carbon and cost of a run in summary.json.

#include <ampacity/power/site_account.hpp>
#include <ampacity/sim/result.hpp>

#include <nlohmann/json.hpp>

namespace ampacity::io {

/// Adds the keys from `power_w` on.
void add_energy(nlohmann::ordered_json& out, const sim::energy_result& e);
/// Adds those that a site has, under the same names.
void add_energy(nlohmann::ordered_json& out, const power::site_books& e);

}  // namespace ampacity::io
