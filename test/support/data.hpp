#pragma once
/// \file
/// Real traces for tests. They are too large for the repository: AMPACITY_DATA names the directory that holds them, by
/// default shared/data beside the checkout. A test that does not find its trace says so and ctest lists it as skipped.

#include <filesystem>
#include <optional>
#include <string_view>

namespace ampacity::test {

/// Tells ctest that this test case is skipped, and why; the test case returns after it.
void skip(std::string_view reason);

/// The file at this path below the data directory. Where there is none the test case is skipped: it returns at once.
std::optional<std::filesystem::path> real_data(std::string_view path);

}  // namespace ampacity::test
