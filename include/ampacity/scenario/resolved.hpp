#pragma once
/// \file
/// `resolved.yaml`: a scenario written out in full, every default spelt out.
///
/// Reading the text gives an equal scenario again; equal scenarios give equal bytes. O(size).

#include <ampacity/scenario/scenario.hpp>

#include <string>

namespace ampacity::scenario {

/// The scenario as YAML. Keys stand in the order of `fields`; optional keys that are absent and have
/// no text for "none" are left out. Paths are written as they were given.
std::string write_resolved(const scenario& s);

}  // namespace ampacity::scenario
