#pragma once
/// \file
/// Checks of a scenario's contract that ranges of single values do not make.

#include "reporter.hpp"

#include <ampacity/scenario/scenario.hpp>

namespace ampacity::scenario {

/// \pre it has one
void check_contract(const scenario& s, const reporter& report);

}  // namespace ampacity::scenario
