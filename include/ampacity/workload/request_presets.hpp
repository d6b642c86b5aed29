#pragma once
/// \file
/// Lengths and burstiness of requests as published traces have them.
///
/// Lengths are quantiles of the trace, every 2 % and finer above 94 %, linear between: means within 1 %, percentiles
/// of the table exact. Immutable; made at the first call.

#include <ampacity/workload/synthetic_requests.hpp>

#include <string_view>
#include <vector>

namespace ampacity::workload {

struct request_preset {
    std::string_view name;
    std::string_view source;
    double cv = 1;  ///< of the times between arrivals; 1 where the trace has no times
    token_lengths prompt;
    token_lengths output;
};

[[nodiscard]] const std::vector<request_preset>& request_presets();
/// nullptr: there is none of this name.
[[nodiscard]] const request_preset* find_request_preset(std::string_view name);

}  // namespace ampacity::workload
