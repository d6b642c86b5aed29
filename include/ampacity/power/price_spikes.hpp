#pragma once
/// \file
/// Times at which energy has another price: laid over what it would cost without them.
///
/// Where several are at a time the highest of their prices holds. Pure functions, O(n log n) in spikes and in steps of
/// the price below them.

#include <ampacity/core/step_series.hpp>
#include <ampacity/core/time.hpp>

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::power {

/// From `start` to `end` energy costs `price`, or else `factor` times what it would.
struct price_spike {
    instant start{};
    instant end{};
    std::optional<double> price{};  ///< [USD/J]
    double factor = 1;              ///< [1]
};

/// The price with all spikes [USD/J]. Where it is not known without them it is not with them.
/// \pre start < end of each; nothing lies over `below` yet
[[nodiscard]] step_series<double> with_spikes(const step_series<double>& below, std::span<const price_spike> spikes);

/// Always the same price.
[[nodiscard]] step_series<double> constant_price(double usd_per_j);

}  // namespace ampacity::power
