#pragma once
/// \file
/// Decimal text to integers and back, exactly: no floating-point number is involved at any length.
///
/// Grammar of a number: `[+-] digits [. digits] [e [+-] digits]`, at least one digit before the
/// exponent (`5.` and `.5` are numbers), nothing around it, not even blanks. Scaling happens once,
/// rounded half to even on the true value, so `0.5000000000000000000001` never counts as a tie.
/// Short plain decimals take a fast path; the cost is linear in the length of the text. Pure
/// functions without state, callable from any thread; parsing allocates nothing.

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ampacity {

/// What came of reading a number.
enum class decimal_status : std::uint8_t {
    ok,
    empty,       ///< no text at all
    malformed,   ///< not a number of the grammar above
    not_finite,  ///< a spelling of NaN or infinity
    overflow,    ///< a number beyond the range of the result (for times: beyond `longest_input`)
    negative,    ///< below zero where that makes no sense
    fractional,  ///< not a whole number where one is needed
};

/// A status, and the value if it is `ok` (else 0).
template <class T>
struct decimal_result {
    decimal_status status = decimal_status::malformed;
    T value{};

    [[nodiscard]] constexpr explicit operator bool() const noexcept { return status == decimal_status::ok; }
};

/// The largest power of ten that `parse_scaled` takes.
inline constexpr int max_decimal_scale = 18;

/// The number times 10^`scale`, rounded half to even. \pre 0 <= scale <= max_decimal_scale.
/// Status `ok`, `empty`, `malformed`, `not_finite` or `overflow`.
[[nodiscard]] decimal_result<std::int64_t> parse_scaled(std::string_view text, int scale) noexcept;

/// The number times `numerator` / `denominator`, rounded half to even: "1.5" h with 3'600'000'000'000
/// gives nanoseconds. \pre both positive. Status as for `parse_scaled`.
[[nodiscard]] decimal_result<std::int64_t> parse_scaled_by(std::string_view text, std::int64_t numerator,
                                                           std::int64_t denominator = 1) noexcept;

/// Seconds to nanoseconds; `overflow` where the magnitude is above `longest_input`. The sign is kept.
[[nodiscard]] decimal_result<duration> parse_seconds(std::string_view text) noexcept;

/// A whole number of either sign: "4", "4.0" and "40e-1" are 4; "4.5" is `fractional`.
[[nodiscard]] decimal_result<std::int64_t> parse_integer(std::string_view text) noexcept;

/// A whole number from 0 up: as `parse_integer`, but any number below zero is `negative`.
[[nodiscard]] decimal_result<std::int64_t> parse_count(std::string_view text) noexcept;

/// Room for `write_ns_as_seconds`, in characters (no terminator is written).
inline constexpr std::size_t max_seconds_chars = 21;
/// Room for `write_gpu_seconds`, in characters.
inline constexpr std::size_t max_gpu_seconds_chars = 41;

/// Writes `ns` nanoseconds as the shortest exact decimal seconds without an exponent ("12",
/// "0.000000001", "-1.5") at `out` and returns the end. \pre room for `max_seconds_chars`.
char* write_ns_as_seconds(char* out, std::int64_t ns) noexcept;
/// The same for GPU-ns as GPU-s. \pre room for `max_gpu_seconds_chars`.
char* write_gpu_seconds(char* out, gpu_time gpu_ns) noexcept;

/// Appends what `write_ns_as_seconds` writes.
void append_ns_as_seconds(std::string& out, std::int64_t ns);
/// Appends what `write_gpu_seconds` writes.
void append_gpu_seconds(std::string& out, gpu_time gpu_ns);

/// What `write_ns_as_seconds` writes, as a string of its own.
[[nodiscard]] std::string format_ns_as_seconds(std::int64_t ns);
/// What `write_gpu_seconds` writes, as a string of its own.
[[nodiscard]] std::string format_gpu_seconds(gpu_time gpu_ns);

}  // namespace ampacity
