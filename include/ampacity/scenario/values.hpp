#pragma once
/// \file
/// Single values of a scenario as text: reading them from YAML scalars, writing them back, and their
/// ranges. For every value type T of fields.hpp and every x: read_value(yaml_text(x)) gives x again.
///
/// Pure functions without state, O(length of the text).

#include <ampacity/core/suggest.hpp>
#include <ampacity/scenario/fields.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ampacity::scenario {

/// The dimension of a quantity.
template <dimension D>
constexpr dimension dimension_of(quantity<D>) {
    return D;
}

/// The type of a value as the key reference names it.
template <class T>
constexpr std::string_view type_name() {
    if constexpr (std::same_as<T, bool>)
        return "true or false";
    else if constexpr (std::same_as<T, std::uint64_t>)
        return "whole number";
    else if constexpr (std::same_as<T, double>)
        return "number";
    else if constexpr (std::same_as<T, std::string>)
        return "text";
    else if constexpr (std::same_as<T, date>)
        return "date";
    else if constexpr (std::same_as<T, free_options> || std::same_as<T, speed_table>)
        return "map";
    else if constexpr (std::same_as<T, duration>)
        return "duration";
    else if constexpr (std::same_as<T, exact_duration>)
        return "exact duration";
    else if constexpr (std::same_as<T, gpu_duration>)
        return "GPU-time";
    else if constexpr (has_names<T>)
        return "name";
    else if constexpr (described<T>)
        return "map";
    else
        return name_of(dimension_of(T{})).substr(name_of(dimension_of(T{})).find(' ') + 1);
}

namespace detail {

std::optional<fault> read_bool(std::string_view text, bool quoted, bool& out);
std::optional<fault> read_text(std::string_view text, std::string& out);
fault unknown_name(std::string_view text, std::span<const std::string_view> known,
                   std::span<const std::string_view> reserved);
std::string yaml_text_of(std::string_view text);
std::string yaml_text_of(const free_options& map);
std::string yaml_text_of(const speed_table& table);

}  // namespace detail

/// Reads one scalar. `quoted`: it stood in quotes, so it is text and neither a number nor true/false.
/// The range is not looked at.
template <class T>
std::optional<fault> read_value(std::string_view text, bool quoted, const field<T>& f, T& out) {
    if constexpr (std::same_as<T, bool>) {
        return detail::read_bool(text, quoted, out);
    } else if constexpr (std::same_as<T, std::uint64_t> || std::same_as<T, double>) {
        if (quoted)
            return fault{std::string{"expected a "} + std::string{type_name<T>()} + ", found text",
                         "remove the quotes"};
        return parse(text, out);
    } else if constexpr (std::same_as<T, std::string>) {
        return detail::read_text(text, out);
    } else if constexpr (std::same_as<T, date>) {
        return parse(text, out);
    } else if constexpr (has_names<T>) {
        std::vector<std::string_view> known;
        for (const auto& entry : names<T>::known) {
            if (entry.name == text) {
                out = entry.value;
                return std::nullopt;
            }
            known.push_back(entry.name);
        }
        const auto reserved = names_not_yet<T>();
        return detail::unknown_name(text, known, reserved);
    } else {
        return parse(text, out, f.bare_unit);
    }
}

/// The scalar as it stands in YAML; quantities and texts that YAML would take for something else are
/// in double quotes.
template <class T>
std::string yaml_text(const T& value) {
    if constexpr (std::same_as<T, free_options> || std::same_as<T, speed_table>)
        return detail::yaml_text_of(value);
    else if constexpr (std::same_as<T, bool>)
        return value ? "true" : "false";
    else if constexpr (std::same_as<T, std::string>)
        return detail::yaml_text_of(value);
    else if constexpr (has_names<T>)
        return std::string{name_of_value(value)};
    else if constexpr (std::same_as<T, std::uint64_t> || std::same_as<T, double> || std::same_as<T, date>)
        return format(value);
    else
        return '"' + format(value) + '"';
}

/// Why a value is outside its range; nothing where it is inside or where there is none.
template <class T>
std::optional<fault> check_range(const T& value, const field<T>& f) {
    if constexpr (ranged<T>) {
        if (f.min && f.max && *f.min == *f.max && value != *f.min)
            return fault{"not supported", "write " + yaml_text(*f.min)};
        if (f.min && value < *f.min) return fault{"too small", "write at least " + yaml_text(*f.min)};
        if (f.above && !(value > *f.above)) return fault{"too small", "write more than " + yaml_text(*f.above)};
        if (f.max && value > *f.max) return fault{"too large", "write at most " + yaml_text(*f.max)};
        if (value != value) return fault{"not a number", "write a decimal number"};
    }
    return std::nullopt;
}

/// The range as the key reference shows it: `1 .. 64`, `> 0`, empty without limits.
template <class T>
std::string range_text(const field<T>& f) {
    std::string out;
    if constexpr (ranged<T>) {
        if (f.min)
            out = f.max ? yaml_text(*f.min) + " .. " + yaml_text(*f.max) : ">= " + yaml_text(*f.min);
        else if (f.above)
            out = "> " + yaml_text(*f.above) + (f.max ? ", <= " + yaml_text(*f.max) : "");
        else if (f.max)
            out = "<= " + yaml_text(*f.max);
    } else if constexpr (has_names<T>) {
        for (const auto& entry : names<T>::known) {
            if (!out.empty()) out += ", ";
            out += entry.name;
        }
    }
    return out;
}

}  // namespace ampacity::scenario
