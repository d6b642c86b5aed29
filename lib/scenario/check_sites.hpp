#pragma once
/// \file
/// Rules between the keys of sites that schedule their own jobs, and what others say of them.

#include "reporter.hpp"

#include <ampacity/scenario/scenario.hpp>

namespace ampacity::scenario {

/// \pre every value is in its own range. \throws scenario_error
void check_sites(const scenario& s, const reporter& report);

}  // namespace ampacity::scenario
