#pragma once
/// \file
/// Lists of numbers as people write them: "0-3,7". Pure functions.

#include <cstdint>
#include <string_view>
#include <vector>

namespace ampacity::scenario {

/// Rising, each once; empty if the text is none, or names a number of `count` or more.
[[nodiscard]] std::vector<std::uint32_t> parse_rows(std::string_view text, std::uint64_t count);

}  // namespace ampacity::scenario
