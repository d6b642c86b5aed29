#pragma once
/// \file
/// Checks of a scenario that need more than one value, and of scenarios that were built in code.
///
/// `check` needs the scenario only; `validate` also knows which policies and placers exist, so that
/// this module depends on no registry. Both throw on the first fault, in the order of the keys.

#include <ampacity/core/error.hpp>
#include <ampacity/scenario/scenario.hpp>

#include <functional>
#include <span>
#include <string_view>

namespace ampacity::scenario {

/// Where the value of a key path stands in its file; empty for scenarios that were built in code.
using locator = std::function<source_position(std::string_view key_path)>;

/// Ranges, exactly-one rules, and rules between keys. \throws scenario_error
void check(const scenario& s, const locator& locate = {});

/// The same for the value of one key `synthetic` at this path.
void check(const synthetic_jobs& jobs, std::string_view path, const locator& locate = {});

/// `check`, and the names of the policy and the placer. \throws scenario_error
void validate(const scenario& s, std::span<const std::string_view> known_policies,
              std::span<const std::string_view> known_placers, const locator& locate = {});

}  // namespace ampacity::scenario
