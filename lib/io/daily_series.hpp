#pragma once
/// \file
/// Mean days of a region as a signal: hours of the day, winter and summer half, around the mean of a year.
///
/// Four calendar years (UTC) of steps of an hour, from the January of the start of the scenario on, and again and
/// again. Their mean is that of the region. Pure functions.

#include <ampacity/core/step_series.hpp>
#include <ampacity/hardware/region.hpp>
#include <ampacity/scenario/units.hpp>

#include <memory>

namespace ampacity::io {

/// `mean` x share, over what the shares come to. \pre 24 hours each
[[nodiscard]] std::shared_ptr<const step_series<double>> daily_series(scenario::date start,
                                                                      const hardware::daily_shares& winter,
                                                                      const hardware::daily_shares& summer,
                                                                      double mean);
/// `mean` + step, less what the steps come to. \pre 24 hours each
[[nodiscard]] std::shared_ptr<const step_series<double>> daily_series(scenario::date start,
                                                                      const hardware::daily_steps& winter,
                                                                      const hardware::daily_steps& summer, double mean);

}  // namespace ampacity::io
