#pragma once
/// \file
/// Dates of traces as they are written. Pure functions.

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace ampacity::io {

/// `YYYY-MM-DD HH:MM:SS[.fraction]` as ns since 1970, for years that fit (1970 to 2261).
[[nodiscard]] std::optional<std::int64_t> unix_ns(std::string_view text) noexcept;

/// What a date of a trace is to a run that begins at `start_ns`. `fail(what, remedy)` throws. `keeps_dates`: it is the
/// date of the scenario that the run begins at.
template <class Fail>
[[nodiscard]] instant since_start(std::string_view text, std::int64_t start_ns, bool keeps_dates, Fail fail) {
    const auto date = unix_ns(text);
    if (!date)
        fail(text.empty() ? "value missing" : "not a date from 1970 to 2261", "give YYYY-MM-DD HH:MM:SS, read as UTC");
    if (*date < start_ns) fail("before the scenario's start", "set an earlier `start`, or `align: first`");
    const int128 since = static_cast<int128>(*date) - start_ns;
    if (keeps_dates && since > longest_input.count())
        fail("more than 200 years after the scenario's start", "set a later `start`, or `align: first`");
    return instant{duration{static_cast<std::int64_t>(since)}};
}

}  // namespace ampacity::io
