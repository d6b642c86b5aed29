#pragma once
/// \file
/// The units that quantities carry in scenario files, one data table: `"120 kW"`, `"30 d"`, `"36 /h"`.
///
/// A quantity is `NUMBER UNIT`, with or without a space between them. Times and GPU-times become
/// exact integers (half to even); the others become doubles in the SI base of their dimension by one
/// multiplication or division, so equal texts give equal bits on every machine. Pure functions.

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/serving/exact_time.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ampacity::scenario {

/// What a unit measures, with the base that values are kept in.
enum class dimension : std::uint8_t {
    time,                ///< ns, integer
    gpu_time,            ///< GPU-ns, integer
    rate,                ///< 1/s
    power,               ///< W
    energy,              ///< J
    data_rate,           ///< B/s
    price,               ///< USD/J
    share,               ///< 1
    data_size,           ///< B
    compute,             ///< FLOP/s
    frequency,           ///< Hz
    voltage,             ///< V
    apparent_power,      ///< VA
    temperature,         ///< degC
    temperature_step,    ///< K
    thermal_resistance,  ///< K/W
    heat_capacity,       ///< J/K
    loop_capacity,       ///< J/K per W
    specific_flow,       ///< m3/s per W
    volume_per_energy,   ///< m3/J
    carbon_intensity,    ///< kg/J
    share_per_kelvin,    ///< 1/K
    mass,                ///< kg
    length,              ///< m
    angle,               ///< degree
    money,               ///< USD
    money_rate,          ///< USD/s
    money_per_power,     ///< USD/W
    tokens,              ///< 1
};

/// One row of the table: 1 `symbol` = `num`/`den` of the base.
struct unit {
    std::string_view symbol;
    dimension of;
    std::int64_t num;
    std::int64_t den;
};

/// All units, smallest first within a dimension.
std::span<const unit> units() noexcept;

/// The symbol of the base: "W", "kg/J".
std::string_view base_of(dimension d) noexcept;

/// "a duration", "a power": for messages.
std::string_view name_of(dimension d) noexcept;

/// A correct quantity to show in a message: `"1 h"`, `"36 /h"`.
std::string_view example_of(dimension d) noexcept;

/// A number in the base unit of a dimension, kept as a double.
template <dimension D>
struct quantity {
    double value = 0;  ///< in the base of D

    friend constexpr auto operator<=>(const quantity&, const quantity&) = default;
};

using rate = quantity<dimension::rate>;  ///< events per time [1/s]

/// A strong type for integer GPU-time in scenarios.
struct gpu_duration {
    gpu_time value = 0;  ///< [GPU-ns]

    friend constexpr auto operator<=>(const gpu_duration&, const gpu_duration&) = default;
};

/// A time in decimals of a nanosecond, which is never rounded; not negative.
struct exact_duration {
    serving::exact_time value{};  ///< without trailing zeros

    friend constexpr bool operator==(const exact_duration&, const exact_duration&) = default;
};

/// A date on the UTC calendar, as integer ns since 1970 (years 1678 to 2261).
using date = std::chrono::sys_time<std::chrono::nanoseconds>;

/// Why a text is not the wanted value; the reader adds file, place, key and the text itself.
struct fault {
    std::string what;
    std::string remedy;
};

/// Each reads `text` into `out`; nothing on success. `bare_unit`, if given, is the unit that a number
/// without one has.
std::optional<fault> parse(std::string_view text, duration& out, std::string_view bare_unit = {});
std::optional<fault> parse(std::string_view text, gpu_duration& out, std::string_view bare_unit = {});
std::optional<fault> parse(std::string_view text, exact_duration& out, std::string_view bare_unit = {});
std::optional<fault> parse_quantity(std::string_view text, dimension d, double& base, std::string_view bare_unit = {});
/// The same for a quantity of any dimension.
template <dimension D>
std::optional<fault> parse(std::string_view text, quantity<D>& out, std::string_view bare_unit = {}) {
    return parse_quantity(text, D, out.value, bare_unit);
}

/// A decimal number without unit.
std::optional<fault> parse(std::string_view text, double& out);

/// A whole number, such as `512` or `1e9`.
std::optional<fault> parse(std::string_view text, std::uint64_t& out);

/// ISO 8601: `2026-01-01`, `2026-01-01T06:30:00.5Z`, `...+02:00`; without a zone it is UTC.
std::optional<fault> parse(std::string_view text, date& out);

/// The canonical text: exact, re-readable by `parse` to the same value, in the largest unit that
/// gives a whole number (integers) or the shortest text (doubles).
std::string format(duration value);
std::string format(gpu_duration value);
std::string format(exact_duration value);
std::string format_quantity(double base, dimension d);
/// The same for a quantity of any dimension.
template <dimension D>
std::string format(quantity<D> value) {
    return format_quantity(value.value, D);
}
/// The same for plain numbers and dates.
std::string format(double value);
std::string format(std::uint64_t value);
std::string format(date value);

}  // namespace ampacity::scenario
