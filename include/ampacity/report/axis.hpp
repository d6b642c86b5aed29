#pragma once
/// \file
/// Axes of charts: a range, the places of its ticks and their labels.
///
/// Ticks stand at numbers that people read easily: 1-2-5 steps for counts; whole seconds, minutes, hours or days for
/// time, with the divisors of 60 and 24; decades for factors. Pure functions, any thread.

#include <ampacity/core/time.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace ampacity::report {

/// A labelled place on an axis.
struct tick {
    double at = 0;
    std::string label;
};

/// A range of values and its ticks, in increasing order, all within it.
struct axis {
    double low = 0;
    double high = 1;
    bool logarithmic = false;
    std::string unit;  ///< of the labels, where they do not carry their own
    std::vector<tick> ticks;

    /// Where a value stands: 0 at `low`, 1 at `high`; values outside are taken to the nearer end.
    [[nodiscard]] double share(double value) const noexcept;
};

/// From 0 to `top`, for whole numbers: steps of 1, 2 or 5 times a power of ten, never below 1, at most `most` ticks
/// beside 0. \pre top > 0, most >= 1
[[nodiscard]] axis count_axis(double top, std::size_t most);

/// From a tick at or below `low` to one at or above `high`: steps of 1, 2 or 5 times a power of ten, about `most` of
/// them. Where both are equal it has room on both sides. \pre finite, low <= high, most >= 1
[[nodiscard]] axis value_axis(double low, double high, std::size_t most);

/// From 0 to `length` [ns], with at most `most` ticks beside 0; the unit is that of the step.
/// \pre length > 0, most >= 1
[[nodiscard]] axis time_axis(duration length, std::size_t most);

/// A logarithmic axis for times [s], from a tick at or below the least to a little above the greatest, or, on a short
/// axis, to a tick at or above it. At most nine decades: what is shorter stands at the low end. The labels carry their
/// units. \pre 0 < least <= greatest
[[nodiscard]] axis log_time_axis(double least, double greatest);

/// For factors of at least 1: linear from 1 for up to 10, decades above. \pre greatest >= 1
[[nodiscard]] axis factor_axis(double greatest);

}  // namespace ampacity::report
