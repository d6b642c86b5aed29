#pragma once
/// \file
/// What has become of services and their requests in summary.json.

#include <ampacity/scenario/scenario.hpp>
#include <ampacity/sim/result.hpp>

#include <nlohmann/json.hpp>

#include <optional>

namespace ampacity::io {

/// A value of the key `services`.
[[nodiscard]] nlohmann::ordered_json to_json(const sim::service_result& s, const scenario::inference_service& of,
                                             const std::optional<scenario::energy>& energy);

}  // namespace ampacity::io
