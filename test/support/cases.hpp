#pragma once
/// \file
/// How many random cases a property is tried on: AMPACITY_TEST_CASES=few in the environment asks for a tenth, for slow
/// builds such as those with sanitizers.

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string_view>

namespace ampacity::test {

/// `usual`, or a tenth of it (at least 1) where few are asked for.
inline std::size_t random_cases(std::size_t usual) {
    const char* value = std::getenv("AMPACITY_TEST_CASES");
    return value != nullptr && std::string_view{value} == "few" ? std::max<std::size_t>(1, usual / 10) : usual;
}

}  // namespace ampacity::test
