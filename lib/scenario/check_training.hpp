#pragma once
/// \file
/// Rules between the keys of training jobs, and what they share.

#include "reporter.hpp"

#include <ampacity/scenario/scenario.hpp>

namespace ampacity::scenario {

/// \pre every value is in its own range. \throws scenario_error
void check_training(const scenario& s, const reporter& report);

}  // namespace ampacity::scenario
