#pragma once
/// \file
/// Laws of times between failures and of repairs.
///
/// Values in seconds; what is drawn is at least a nanosecond, so that time goes on. Pure functions.

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/core/time.hpp>

#include <variant>

namespace ampacity::faults {

/// [s]
using duration_law = std::variant<constant_distribution, uniform_distribution, exponential_distribution,
                                  lognormal_distribution, weibull_distribution>;

/// Weibull with this mean; exponential where the shape is 1. \pre mean_s > 0, shape >= 0.1
[[nodiscard]] duration_law law_of_mean(double mean_s, double shape);

[[nodiscard]] duration draw(const duration_law& of, random_stream& stream);

}  // namespace ampacity::faults
