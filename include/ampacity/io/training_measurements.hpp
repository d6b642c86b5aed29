#pragma once
/// \file
/// Measured training steps from CSV files, for `llm::fit_training`.
///
/// In a folder every file is read whose name ends in one of `training_megatron_bridge.csv`,
/// `mlperf_training_pretrain.csv`, `mlperf_training_small.csv`, `training_seqpar_a100.csv`,
/// `training_megatron_sc21.csv`, `collectives_nccl.csv`; columns are found by their names. Each row is a step, or
/// stands in `left_out` with the reason. Models and systems come from the catalogue.

#include <ampacity/llm/calibration.hpp>

#include <filesystem>
#include <string>

namespace ampacity::io {

/// All steps of a folder. \throws data_error, scenario_error (a model of the catalogue)
[[nodiscard]] llm::measured_set read_training_measurements(const std::filesystem::path& folder);

/// The coefficients as the file of a model of the kind `efficiency`, with sources and with how far the fit is from the
/// rows behind each.
[[nodiscard]] std::string calibration_file(const std::string& name, const llm::training_efficiency& e,
                                           const llm::measured_set& set);

}  // namespace ampacity::io
