#pragma once
/// \file
/// `resolved.yaml`: a scenario written out in full, every default spelt out.
///
/// Reading the text gives an equal scenario again; equal scenarios give equal bytes. O(size).

#include <ampacity/scenario/scenario.hpp>

#include <string>

namespace ampacity::scenario {

/// The scenario as YAML. Keys stand in the order of `fields`; optional keys that are absent and have
/// no text for "none" are left out, and so are empty lists of maps that need not be given. Paths are written as they
/// were given.
std::string write_resolved(const scenario& s);

/// The same for the value of one key `synthetic`.
std::string write_resolved(const synthetic_jobs& jobs);

}  // namespace ampacity::scenario
