#pragma once
/// \file
/// Data for the scripts of a page: JSON texts, and numbers as bytes in Base64.
///
/// Pure functions, any thread, O(length).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::report {

/// A text in quotes, fit for JSON inside of a script element: `<`, `>` and `&` are escaped, what is not UTF-8 becomes
/// U+FFFD.
[[nodiscard]] std::string json_text(std::string_view text);

/// A number of JSON with as many significant digits, `null` where it is not finite.
[[nodiscard]] std::string json_number(double value, int digits = 6);
[[nodiscard]] std::string json_numbers(std::span<const double> values, int digits = 6);

[[nodiscard]] std::string base64(std::span<const std::uint8_t> bytes);

/// Appends a number in groups of seven bits, the lowest first, the top bit telling that more follow.
void append_varint(std::vector<std::uint8_t>& to, std::uint64_t value);

/// What a content security policy calls a script: from its SHA-256 as 64 hexadecimal digits.
[[nodiscard]] std::string csp_source(std::string_view sha256_hex);

}  // namespace ampacity::report
