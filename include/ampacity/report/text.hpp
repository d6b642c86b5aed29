#pragma once
/// \file
/// Texts and numbers as a report shows them: escaped, with thousands separators and units.
///
/// The same bytes on every machine: no locale, no `printf`. Pure functions, any thread, O(length).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ampacity::report {

/// Text from a file, fit for HTML and SVG, between tags and inside quoted attributes: `& < > " '` are escaped, and what
/// is not UTF-8 or not allowed in XML becomes U+FFFD.
[[nodiscard]] std::string escape(std::string_view text);

/// The first `most` characters of a text, and an ellipsis where it is longer. Bytes that are not UTF-8 count as one
/// character each.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t most);

/// 1234567 as "1,234,567".
[[nodiscard]] std::string grouped(std::uint64_t value);

/// With that many decimals, correctly rounded: 1234.5 as "1,234.50". \pre finite
[[nodiscard]] std::string fixed(double value, int decimals);

/// With that many significant digits, or all those before the point: with 3, 1234.5 is "1,235" and 0.012345 "0.0123".
/// Zeros at the end are left out where nothing was rounded: 2 is "2", 2.001 is "2.00". Below 1e-6 with an exponent.
/// \pre finite, digits >= 1
[[nodiscard]] std::string significant(double value, int digits);

/// Seconds in the unit that suits them, three digits: "85 ms", "105 s", "22.7 min", "5.61 d". \pre finite
[[nodiscard]] std::string human_seconds(double seconds);

/// Bytes in the unit that suits them, three digits: "17.1 MiB".
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

/// The share of `part` in `whole` to a tenth of a percent: "57.1 %", "50 %" where it is just that; never "100 %" for
/// less than all or "0 %" for more than nothing ("> 99.9 %", "< 0.1 %"). \pre 0 <= part <= whole, whole > 0
[[nodiscard]] std::string percent(double part, double whole);

}  // namespace ampacity::report
