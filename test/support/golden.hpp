#pragma once
/// \file
/// Golden files: results that must not move without being looked at. A test compares a text with a file below
/// test/golden/; with AMPACITY_UPDATE_GOLDEN=1 in the environment the file is rewritten instead. A result that moved
/// belongs under "Results change" in the changelog.

#include <string>
#include <string_view>

namespace ampacity::test {

/// Where two texts first differ, by line, with both lines; empty when they are equal.
std::string first_difference(std::string_view expected, std::string_view actual);

/// A Catch2 check that `actual` is the content of test/golden/`name`.
void check_golden(std::string_view name, std::string_view actual);

}  // namespace ampacity::test
