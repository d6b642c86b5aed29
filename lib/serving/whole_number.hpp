#pragma once
/// \file
/// A refusal that all options of the engine share.

#include <ampacity/core/error.hpp>

#include <cstdint>
#include <string>

namespace ampacity::serving {

/// \throws scenario_error for a value outside of least .. most
inline void check_number(const char* key, std::int64_t value, std::int64_t least, std::int64_t most) {
    if (least <= value && value <= most) return;
    throw scenario_error({{},
                          key,
                          value < least ? "too small" : "too large",
                          std::to_string(value),
                          "give a whole number from " + std::to_string(least) + " to " + std::to_string(most)});
}

}  // namespace ampacity::serving
