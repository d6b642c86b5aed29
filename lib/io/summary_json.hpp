#pragma once
/// \file
/// summary.json.

#include <ampacity/scenario/scenario.hpp>
#include <ampacity/sim/result.hpp>
#include <ampacity/workload/source.hpp>

#include <nlohmann/json.hpp>

#include <span>

namespace ampacity::io {

/// The whole document.
[[nodiscard]] nlohmann::ordered_json summary_of(const scenario::scenario& sc, const sim::summary& s, bool interrupted,
                                                std::span<const workload::skipped_records> skipped);

}  // namespace ampacity::io
