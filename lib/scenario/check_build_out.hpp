#pragma once
/// \file
/// Rules between the keys of racks that come into service over weeks, and leave.

#include "reporter.hpp"

#include <ampacity/scenario/scenario.hpp>

namespace ampacity::scenario {

/// \pre every value is in its own range. \throws scenario_error
void check_build_out(const scenario& s, const reporter& report);

}  // namespace ampacity::scenario
