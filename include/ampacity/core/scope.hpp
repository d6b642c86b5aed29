#pragma once
/// \file
/// The parts of a fleet that can hold a whole job, from the largest to the smallest. A plain value.

#include <array>
#include <cstdint>
#include <string_view>

namespace ampacity {

/// Sites hold blocks (scalable units), blocks hold racks (NVLink domains).
enum class scope : std::uint8_t { fleet, site, block, rack };

/// Their names in files, by value.
inline constexpr std::array<std::string_view, 4> scope_names{"fleet", "site", "block", "rack"};

}  // namespace ampacity
