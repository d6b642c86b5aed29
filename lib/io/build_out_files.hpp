#pragma once
/// \file
/// What a run writes of racks that come into service over weeks, and leave: `build_out.csv` and a part of summary.json.
///
/// Functions without state.

#include <ampacity/scenario/scenario.hpp>

#include <nlohmann/json.hpp>

#include <filesystem>

namespace ampacity::io {

/// A row for each rack, as it is planned, beyond the end of the run, too. \throws data_error if it cannot be written
void write_build_out(const std::filesystem::path& file, const scenario::scenario& described);

/// What has come and gone by `end`. \pre the scenario has a build-out
[[nodiscard]] nlohmann::ordered_json build_out_summary(const scenario::scenario& described, instant end);

}  // namespace ampacity::io
