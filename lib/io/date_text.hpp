#pragma once
/// \file
/// Dates of traces as they are written. A pure function.

#include <cstdint>
#include <optional>
#include <string_view>

namespace ampacity::io {

/// `YYYY-MM-DD HH:MM:SS[.fraction]` as ns since 1970, for years that fit (1970 to 2261).
[[nodiscard]] std::optional<std::int64_t> unix_ns(std::string_view text) noexcept;

}  // namespace ampacity::io
