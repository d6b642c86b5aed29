#pragma once
/// \file
/// Language models that services serve, as engines of requests see them.

#include <ampacity/io/models.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/io/shared_inputs.hpp>
#include <ampacity/scenario/build.hpp>

#include <cstdint>
#include <vector>

namespace ampacity::io {

/// What the model of the service of entry number `entry` comes to; the files that are read are added to `files`. \pre
/// valid \throws scenario_error
[[nodiscard]] scenario::served_model serve_model(const loaded_scenario& loaded,
                                                 const scenario::inference_service& service, std::uint16_t entry,
                                                 std::vector<model_file>& files, shared_inputs* shared);

}  // namespace ampacity::io
