#pragma once
/// \file
/// The numbers of summary.json by their dotted names, with units and meaning. A constant table.

#include <span>
#include <string_view>

namespace ampacity::io {

/// One number.
struct metric {
    std::string_view name;  ///< `jct_s.mean`
    std::string_view unit;  ///< empty for counts and ratios
    std::string_view text;
};

/// All of them, in the order of summary.json.
[[nodiscard]] std::span<const metric> metrics() noexcept;

}  // namespace ampacity::io
