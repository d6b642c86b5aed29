#pragma once
/// \file
/// What has become of training jobs in summary.json.

#include <ampacity/sim/result.hpp>

#include <nlohmann/json.hpp>

namespace ampacity::io {

/// A value of the key `training`.
[[nodiscard]] nlohmann::ordered_json to_json(const sim::training_result& t);

}  // namespace ampacity::io
