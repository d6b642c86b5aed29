#pragma once
/// \file
/// Measured deployments of language models from CSV files, for `llm::fit_inference`.
///
/// In a folder every file is read whose name ends in one of `inference_e2e_aic_silicon.csv`,
/// `moe_alltoall_gb200.csv`, `moe_deepep_ll.csv`, `moe_expert_gemm_gb200_gb300.csv`,
/// `mlperf_inference_server_latency.csv`, `mlperf_inference_v51.csv`; columns are found by their names.
/// A measurement that stands there under several plans counts once, under the one that tells the number of its workers;
/// measurements of one deployment under one load that disagree by more than 5 % are left out, as is all that does not
/// tell the batch of a replica. Models and systems come from the catalogue.

#include <ampacity/llm/inference_calibration.hpp>

#include <filesystem>
#include <string>

namespace ampacity::io {

/// All deployments of a folder. \throws data_error, scenario_error (a model of the catalogue)
[[nodiscard]] llm::inference_set read_inference_measurements(const std::filesystem::path& folder);

/// The coefficients as the file of a model of the kind `inference-efficiency`, with sources and with how far the fit is
/// from the rows behind each.
[[nodiscard]] std::string calibration_file(const std::string& name, const llm::inference_efficiency& e,
                                           const llm::inference_set& set);

}  // namespace ampacity::io
