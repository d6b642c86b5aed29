#pragma once
/// \file
/// Mean and percentiles in summary.json.

#include <ampacity/sim/result.hpp>

#include <nlohmann/json.hpp>

namespace ampacity::io {

[[nodiscard]] inline nlohmann::ordered_json to_json(const sim::distribution_summary& d) {
    return {{"mean", d.mean}, {"p50", d.p50}, {"p90", d.p90}, {"p99", d.p99}, {"max", d.max}};
}

}  // namespace ampacity::io
