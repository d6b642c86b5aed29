#include <ampacity/core/decimal.hpp>
#include <ampacity/scenario/units.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace ampacity::scenario {
namespace {

constexpr std::int64_t us = 1'000;
constexpr std::int64_t ms = 1'000 * us;
constexpr std::int64_t s = 1'000 * ms;
constexpr std::int64_t min = 60 * s;
constexpr std::int64_t h = 60 * min;
constexpr std::int64_t d = 24 * h;

// Either `num` or `den` is 1, so that a conversion rounds once.
constexpr std::array table{
    unit{"ns", dimension::time, 1, 1},
    unit{"us", dimension::time, us, 1},
    unit{"ms", dimension::time, ms, 1},
    unit{"s", dimension::time, s, 1},
    unit{"min", dimension::time, min, 1},
    unit{"h", dimension::time, h, 1},
    unit{"d", dimension::time, d, 1},
    unit{"w", dimension::time, 7 * d, 1},
    unit{"y", dimension::time, 365 * d, 1},
    unit{"GPU-ns", dimension::gpu_time, 1, 1},
    unit{"GPU-us", dimension::gpu_time, us, 1},
    unit{"GPU-ms", dimension::gpu_time, ms, 1},
    unit{"GPU-s", dimension::gpu_time, s, 1},
    unit{"GPU-min", dimension::gpu_time, min, 1},
    unit{"GPU-h", dimension::gpu_time, h, 1},
    unit{"GPU-d", dimension::gpu_time, d, 1},
    unit{"/d", dimension::rate, 1, 86'400},
    unit{"/h", dimension::rate, 1, 3'600},
    unit{"/min", dimension::rate, 1, 60},
    unit{"/s", dimension::rate, 1, 1},
    unit{"W", dimension::power, 1, 1},
    unit{"kW", dimension::power, 1'000, 1},
    unit{"MW", dimension::power, 1'000'000, 1},
    unit{"GW", dimension::power, 1'000'000'000, 1},
    unit{"J", dimension::energy, 1, 1},
    unit{"kJ", dimension::energy, 1'000, 1},
    unit{"Wh", dimension::energy, 3'600, 1},
    unit{"kWh", dimension::energy, 3'600'000, 1},
    unit{"MWh", dimension::energy, 3'600'000'000, 1},
    unit{"B/s", dimension::data_rate, 1, 1},
    unit{"MB/s", dimension::data_rate, 1'000'000, 1},
    unit{"Gbit/s", dimension::data_rate, 125'000'000, 1},
    unit{"GB/s", dimension::data_rate, 1'000'000'000, 1},
    unit{"Tbit/s", dimension::data_rate, 125'000'000'000, 1},
    unit{"TB/s", dimension::data_rate, 1'000'000'000'000, 1},
    unit{"Pbit/s", dimension::data_rate, 125'000'000'000'000, 1},
    unit{"USD/J", dimension::price, 1, 1},
    unit{"USD/MWh", dimension::price, 1, 3'600'000'000},
    unit{"USD/kWh", dimension::price, 1, 3'600'000},
    unit{"%", dimension::share, 1, 100},
    unit{"pu", dimension::share, 1, 1},
    unit{"B", dimension::data_size, 1, 1},
    unit{"MB", dimension::data_size, 1'000'000, 1},
    unit{"GB", dimension::data_size, 1'000'000'000, 1},
    unit{"GiB", dimension::data_size, std::int64_t{1} << 30, 1},
    unit{"TB", dimension::data_size, 1'000'000'000'000, 1},
    unit{"PB", dimension::data_size, 1'000'000'000'000'000, 1},
    unit{"FLOP/s", dimension::compute, 1, 1},
    unit{"TFLOP/s", dimension::compute, 1'000'000'000'000, 1},
    unit{"PFLOP/s", dimension::compute, 1'000'000'000'000'000, 1},
    unit{"Hz", dimension::frequency, 1, 1},
    unit{"MHz", dimension::frequency, 1'000'000, 1},
    unit{"V", dimension::voltage, 1, 1},
    unit{"kV", dimension::voltage, 1'000, 1},
    unit{"VA", dimension::apparent_power, 1, 1},
    unit{"kVA", dimension::apparent_power, 1'000, 1},
    unit{"MVA", dimension::apparent_power, 1'000'000, 1},
    unit{"degC", dimension::temperature, 1, 1},
    unit{"K", dimension::temperature_step, 1, 1},
    unit{"K/W", dimension::thermal_resistance, 1, 1},
    unit{"J/K", dimension::heat_capacity, 1, 1},
    unit{"kJ/K", dimension::heat_capacity, 1'000, 1},
    unit{"MJ/K", dimension::heat_capacity, 1'000'000, 1},
    unit{"MJ/K/MW", dimension::loop_capacity, 1, 1},
    unit{"L/min/kW", dimension::specific_flow, 1, 60'000'000},
    unit{"m3/s/W", dimension::specific_flow, 1, 1},
    unit{"L/kWh", dimension::volume_per_energy, 1, 3'600'000'000},
    unit{"m3/J", dimension::volume_per_energy, 1, 1},
    unit{"g/kWh", dimension::carbon_intensity, 1, 3'600'000'000},
    unit{"kg/J", dimension::carbon_intensity, 1, 1},
    unit{"%/K", dimension::share_per_kelvin, 1, 100},
    unit{"/K", dimension::share_per_kelvin, 1, 1},
    unit{"kg", dimension::mass, 1, 1},
    unit{"t", dimension::mass, 1'000, 1},
    unit{"mm", dimension::length, 1, 1'000},
    unit{"m", dimension::length, 1, 1},
    unit{"deg", dimension::angle, 1, 1},
    unit{"USD", dimension::money, 1, 1},
    unit{"USD/d", dimension::money_rate, 1, 86'400},
    unit{"USD/h", dimension::money_rate, 1, 3'600},
    unit{"USD/s", dimension::money_rate, 1, 1},
    unit{"USD/kW", dimension::money_per_power, 1, 1'000},
    unit{"USD/W", dimension::money_per_power, 1, 1},
    unit{"token", dimension::tokens, 1, 1},
    unit{"M", dimension::tokens, 1'000'000, 1},
    unit{"G", dimension::tokens, 1'000'000'000, 1},
    unit{"T", dimension::tokens, 1'000'000'000'000, 1},
};

/// What messages say of a dimension.
struct dimension_row {
    dimension of;
    std::string_view name;
    std::string_view example;
    std::string_view base;
};

constexpr std::array dimensions{
    dimension_row{dimension::time, "a duration", "\"60 s\"", "ns"},
    dimension_row{dimension::gpu_time, "a GPU-time", "\"1 GPU-h\"", "GPU-ns"},
    dimension_row{dimension::rate, "a rate", "\"36 /h\"", "/s"},
    dimension_row{dimension::power, "a power", "\"120 kW\"", "W"},
    dimension_row{dimension::energy, "an energy", "\"5 kWh\"", "J"},
    dimension_row{dimension::data_rate, "a data rate", "\"8 TB/s\"", "B/s"},
    dimension_row{dimension::price, "a price of energy", "\"0.07 USD/kWh\"", "USD/J"},
    dimension_row{dimension::share, "a share", "\"97.5 %\"", "pu"},
    dimension_row{dimension::data_size, "a data size", "\"288 GB\"", "B"},
    dimension_row{dimension::compute, "a compute rate", "\"2500 TFLOP/s\"", "FLOP/s"},
    dimension_row{dimension::frequency, "a frequency", "\"1980 MHz\"", "Hz"},
    dimension_row{dimension::voltage, "a voltage", "\"415 V\"", "V"},
    dimension_row{dimension::apparent_power, "an apparent power", "\"2500 kVA\"", "VA"},
    dimension_row{dimension::temperature, "a temperature", "\"45 degC\"", "degC"},
    dimension_row{dimension::temperature_step, "a temperature difference", "\"3 K\"", "K"},
    dimension_row{dimension::thermal_resistance, "a thermal resistance", "\"0.03 K/W\"", "K/W"},
    dimension_row{dimension::heat_capacity, "a heat capacity", "\"400 J/K\"", "J/K"},
    dimension_row{dimension::loop_capacity, "a heat capacity per power", "\"25 MJ/K/MW\"", "J/K/W"},
    dimension_row{dimension::specific_flow, "a flow per power", "\"1.5 L/min/kW\"", "m3/s/W"},
    dimension_row{dimension::volume_per_energy, "a volume per energy", "\"0.15 L/kWh\"", "m3/J"},
    dimension_row{dimension::carbon_intensity, "a carbon intensity", "\"400 g/kWh\"", "kg/J"},
    dimension_row{dimension::share_per_kelvin, "a share per kelvin", "\"-2.5 %/K\"", "/K"},
    dimension_row{dimension::mass, "a mass", "\"1.5 t\"", "kg"},
    dimension_row{dimension::length, "a length", "\"600 mm\"", "m"},
    dimension_row{dimension::angle, "an angle", "\"45.5 deg\"", "deg"},
    dimension_row{dimension::money, "a sum of money", "\"3e6 USD\"", "USD"},
    dimension_row{dimension::money_rate, "a rent", "\"12.5 USD/h\"", "USD/s"},
    dimension_row{dimension::money_per_power, "a price of power", "\"12 USD/kW\"", "USD/W"},
    dimension_row{dimension::tokens, "a number of tokens", "\"15.6 T\"", "token"},
};

const dimension_row& row_of(dimension of) {
    return *std::find_if(dimensions.begin(), dimensions.end(), [of](const dimension_row& row) { return row.of == of; });
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The length of the number at the front of `text`: [+-] digits [. digits] [e [+-] digits].
std::size_t number_length(std::string_view text) {
    std::size_t at = 0;
    const auto digits = [&] {
        const std::size_t from = at;
        while (at < text.size() && is_digit(text[at])) ++at;
        return at - from;
    };
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    std::size_t count = digits();
    if (at < text.size() && text[at] == '.') {
        ++at;
        count += digits();
    }
    if (count == 0) return 0;
    // "5e3" is an exponent, "5 eggs" and "5e" are not.
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        std::size_t after = at + 1;
        if (after < text.size() && (text[after] == '+' || text[after] == '-')) ++after;
        if (after < text.size() && is_digit(text[after])) {
            at = after;
            digits();
        }
    }
    return at;
}

std::string symbols(dimension of) {
    std::string out;
    for (const unit& row : table) {
        if (row.of != of) continue;
        if (!out.empty()) out += ", ";
        out += row.symbol;
    }
    return out;
}

const unit* find(std::string_view symbol) {
    const auto* row = std::find_if(table.begin(), table.end(), [&](const unit& u) { return u.symbol == symbol; });
    return row == table.end() ? nullptr : row;
}

/// The unit of dimension `of` that differs from `symbol` in case only.
const unit* find_any_case(std::string_view symbol, dimension of) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    const auto* row = std::find_if(table.begin(), table.end(), [&](const unit& u) {
        return u.of == of && std::equal(u.symbol.begin(), u.symbol.end(), symbol.begin(), symbol.end(),
                                        [&](char a, char b) { return lower(a) == lower(b); });
    });
    return row == table.end() ? nullptr : row;
}

struct split {
    std::string_view number;
    const unit* row = nullptr;
};

std::optional<fault> take_apart(std::string_view text, dimension of, std::string_view bare_unit, split& out) {
    const std::size_t length = number_length(text);
    if (length == 0)
        return fault{"expected " + std::string{name_of(of)},
                     "write a number and a unit, such as " + std::string{example_of(of)}};
    out.number = text.substr(0, length);
    std::string_view symbol = text.substr(length);
    while (!symbol.empty() && symbol.front() == ' ') symbol.remove_prefix(1);
    if (symbol.empty()) symbol = bare_unit;
    if (symbol.empty()) {
        return fault{"expected " + std::string{name_of(of)} + ", found a bare number",
                     "write the unit, such as " + std::string{example_of(of)} + " (units: " + symbols(of) + ")"};
    }
    out.row = find(symbol);
    if (out.row == nullptr) {
        const unit* meant = find_any_case(symbol, of);
        return fault{"unknown unit",
                     meant != nullptr ? "did you mean `" + std::string{meant->symbol} + "`?"
                                      : "write one of the units of " + std::string{name_of(of)} + ": " + symbols(of)};
    }
    if (out.row->of != of) {
        return fault{"expected " + std::string{name_of(of)} + ", found " + std::string{name_of(out.row->of)},
                     "write one of the units of " + std::string{name_of(of)} + ": " + symbols(of)};
    }
    return std::nullopt;
}

/// Reads NUMBER UNIT exactly into an integer count of the base unit.
std::optional<fault> parse_exact(std::string_view text, dimension of, std::string_view bare_unit, std::int64_t limit,
                                 std::int64_t& out) {
    split parts;
    if (auto wrong = take_apart(text, of, bare_unit, parts)) return wrong;
    const auto result = parse_scaled_by(parts.number, parts.row->num, parts.row->den);
    if (result.status == decimal_status::overflow || (result && (result.value > limit || result.value < -limit))) {
        return fault{"too large", of == dimension::time ? "write at most 200 years" : "write at most 2500000 GPU-h"};
    }
    if (!result)
        return fault{"expected " + std::string{name_of(of)},
                     "write a number and a unit, such as " + std::string{example_of(of)}};
    out = result.value;
    return std::nullopt;
}

std::string format_exact(int128 value, dimension of) {
    const unit* best = nullptr;
    for (const unit& row : table) {
        if (row.of != of) continue;
        if (row.num == 365 * d) continue;  // nobody counts times of runs in years
        const bool is_main = row.num == s;
        if (value == 0 ? is_main : value % row.num == 0) best = &row;
    }
    return to_string(value / best->num) + ' ' + std::string{best->symbol};
}

std::optional<double> to_double(std::string_view number) {
    if (!number.empty() && number.front() == '+') number.remove_prefix(1);
    double value = 0;
    const auto [end, status] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (status != std::errc{} || end != number.data() + number.size() || !std::isfinite(value)) return std::nullopt;
    return value;
}

double to_base(double number, const unit& row) {
    return row.den == 1 ? number * static_cast<double>(row.num) : number / static_cast<double>(row.den);
}

std::string shortest(double value) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return {text.data(), end};
}

/// Two or more digits at `at`; moves `at` on.
std::optional<int> fixed_digits(std::string_view text, std::size_t& at, std::size_t count) {
    if (at + count > text.size()) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (!is_digit(text[at + i])) return std::nullopt;
        value = value * 10 + (text[at + i] - '0');
    }
    at += count;
    return value;
}

bool take(std::string_view text, std::size_t& at, char c) {
    if (at >= text.size() || text[at] != c) return false;
    ++at;
    return true;
}

/// `06:30[:15[.25]]` at `at`.
std::optional<std::chrono::nanoseconds> time_of_day(std::string_view text, std::size_t& at) {
    const auto hours = fixed_digits(text, at, 2);
    if (!hours || *hours > 23 || !take(text, at, ':')) return std::nullopt;
    const auto minutes = fixed_digits(text, at, 2);
    if (!minutes || *minutes > 59) return std::nullopt;
    std::chrono::nanoseconds time = std::chrono::hours{*hours} + std::chrono::minutes{*minutes};
    if (!take(text, at, ':')) return time;
    const auto seconds = fixed_digits(text, at, 2);
    if (!seconds || *seconds > 59) return std::nullopt;
    time += std::chrono::seconds{*seconds};
    if (!take(text, at, '.')) return time;
    const std::size_t from = at;
    std::int64_t fraction = 0;
    for (; at < text.size() && is_digit(text[at]); ++at) {
        if (at - from >= 9) return std::nullopt;
        fraction = fraction * 10 + (text[at] - '0');
    }
    if (at == from) return std::nullopt;
    for (std::size_t i = at - from; i < 9; ++i) fraction *= 10;
    return time + std::chrono::nanoseconds{fraction};
}

/// `Z`, `+02:00` or nothing at `at`.
std::optional<std::chrono::minutes> zone(std::string_view text, std::size_t& at) {
    if (at == text.size() || take(text, at, 'Z')) return std::chrono::minutes{0};
    const bool west = take(text, at, '-');
    if (!west && !take(text, at, '+')) return std::nullopt;
    const auto hours = fixed_digits(text, at, 2);
    if (!hours || *hours > 23 || !take(text, at, ':')) return std::nullopt;
    const auto minutes = fixed_digits(text, at, 2);
    if (!minutes || *minutes > 59) return std::nullopt;
    const std::chrono::minutes offset = std::chrono::hours{*hours} + std::chrono::minutes{*minutes};
    return west ? -offset : offset;
}

std::optional<date> read_date(std::string_view text) {
    std::size_t at = 0;
    const auto year = fixed_digits(text, at, 4);
    if (!year || !take(text, at, '-')) return std::nullopt;
    const auto month = fixed_digits(text, at, 2);
    if (!month || !take(text, at, '-')) return std::nullopt;
    const auto day = fixed_digits(text, at, 2);
    if (!day) return std::nullopt;
    const std::chrono::year_month_day calendar{std::chrono::year{*year},
                                               std::chrono::month{static_cast<unsigned>(*month)},
                                               std::chrono::day{static_cast<unsigned>(*day)}};
    // 64-bit ns end in the middle of 1677 and 2262.
    if (!calendar.ok() || *year < 1678 || *year > 2261) return std::nullopt;
    date value{std::chrono::sys_days{calendar}};
    if (at == text.size()) return value;
    if (!take(text, at, 'T') && !take(text, at, ' ')) return std::nullopt;
    const auto time = time_of_day(text, at);
    if (!time) return std::nullopt;
    const auto offset = zone(text, at);
    if (!offset || at != text.size()) return std::nullopt;
    return value + *time - *offset;
}

void append_padded(std::string& out, std::int64_t value, std::size_t width) {
    const std::string digits = std::to_string(value);
    out.append(width - std::min(width, digits.size()), '0');
    out += digits;
}

}  // namespace

std::span<const unit> units() noexcept { return table; }

std::string_view name_of(dimension of) noexcept { return row_of(of).name; }
std::string_view example_of(dimension of) noexcept { return row_of(of).example; }
std::string_view base_of(dimension of) noexcept { return row_of(of).base; }

std::optional<fault> parse(std::string_view text, duration& out, std::string_view bare_unit) {
    std::int64_t ns = 0;
    if (auto wrong = parse_exact(text, dimension::time, bare_unit, longest_input.count(), ns)) return wrong;
    out = duration{ns};
    return std::nullopt;
}

std::optional<fault> parse(std::string_view text, gpu_duration& out, std::string_view bare_unit) {
    std::int64_t ns = 0;
    if (auto wrong = parse_exact(text, dimension::gpu_time, bare_unit, 9'000'000'000 * s, ns)) return wrong;
    out = gpu_duration{ns};
    return std::nullopt;
}

std::optional<fault> parse(std::string_view text, exact_duration& out, std::string_view bare_unit) {
    split parts;
    if (auto wrong = take_apart(text, dimension::time, bare_unit, parts)) return wrong;
    const auto result = serving::parse_exact_time(parts.number, parts.row->num);
    if (result.status == decimal_status::overflow)
        return fault{"too large", "write fewer digits, or a shorter time: at most 9.2e18 of its last decimal"};
    if (result.status == decimal_status::fractional)
        return fault{"too many decimals",
                     "write at most " + std::to_string(serving::max_time_scale) + " decimals of a nanosecond"};
    if (!result) return fault{"expected a duration", "write a number and a unit, such as \"30.5 ns\""};
    if (result.value.mantissa < 0) return fault{"must not be negative", "write 0 or more"};
    out.value = result.value;
    return std::nullopt;
}

std::optional<fault> parse_quantity(std::string_view text, dimension of, double& base, std::string_view bare_unit) {
    split parts;
    if (auto wrong = take_apart(text, of, bare_unit, parts)) return wrong;
    const auto number = to_double(parts.number);
    if (!number || !std::isfinite(to_base(*number, *parts.row)))
        return fault{"not a finite number", "write a smaller number of digits or exponent"};
    base = to_base(*number, *parts.row);
    return std::nullopt;
}

std::optional<fault> parse(std::string_view text, double& out) {
    if (const std::size_t length = number_length(text); length == 0 || length != text.size()) {
        return fault{"expected a number",
                     length != 0 ? "write it without a unit" : "write a decimal number, such as 1.5"};
    }
    const auto value = to_double(text);
    if (!value) return fault{"not a finite number", "write a smaller number of digits or exponent"};
    out = *value;
    return std::nullopt;
}

std::optional<fault> parse(std::string_view text, std::uint64_t& out) {
    if (!text.empty() && std::all_of(text.begin(), text.end(), is_digit)) {
        std::uint64_t value = 0;
        const auto status = std::from_chars(text.data(), text.data() + text.size(), value).ec;
        if (status != std::errc{})
            return fault{"too large", "write at most " + std::to_string(std::numeric_limits<std::uint64_t>::max())};
        out = value;
        return std::nullopt;
    }
    if (const std::size_t length = number_length(text); length != 0 && length != text.size()) {
        return fault{"expected a whole number", "write it without a unit"};
    }
    const auto result = parse_count(text);
    switch (result.status) {
        case decimal_status::ok: out = static_cast<std::uint64_t>(result.value); return std::nullopt;
        case decimal_status::negative: return fault{"must not be negative", "write a whole number from 0 up"};
        case decimal_status::overflow:
            return fault{"too large", "write at most " + std::to_string(std::numeric_limits<std::int64_t>::max())};
        default: return fault{"expected a whole number", "write digits only, such as 512"};
    }
}

std::optional<fault> parse(std::string_view text, date& out) {
    const auto value = read_date(text);
    if (!value)
        return fault{"expected a date",
                     "write an ISO 8601 date of the years 1678 to 2261, such as 2026-01-01T00:00:00Z"};
    out = *value;
    return std::nullopt;
}

std::string format(duration value) { return format_exact(value.count(), dimension::time); }

std::string format(gpu_duration value) { return format_exact(value.value, dimension::gpu_time); }

std::string format(exact_duration value) {
    const auto [mantissa, scale] = value.value;
    if (scale == 0) return format_exact(mantissa, dimension::time);
    std::string digits = std::to_string(mantissa);
    const auto decimals = static_cast<std::size_t>(scale);
    if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
    return digits.insert(digits.size() - decimals, 1, '.') + " ns";
}

std::string format_quantity(double base, dimension of) {
    std::string best;
    for (const unit& row : table) {
        if (row.of != of) continue;
        const double number = row.den == 1 ? base / static_cast<double>(row.num) : base * static_cast<double>(row.den);
        std::array<char, 32> rounded{};
        const auto end =
            std::to_chars(rounded.data(), rounded.data() + rounded.size(), number, std::chars_format::general, 15).ptr;
        for (const std::string& text : {std::string{rounded.data(), end}, shortest(number)}) {
            const auto again = to_double(text);
            if (!again || to_base(*again, row) != base) continue;
            std::string candidate = text + ' ' + std::string{row.symbol};
            // Among equally short texts the base unit wins.
            const bool is_base = row.num == 1 && row.den == 1;
            if (best.empty() || candidate.size() < best.size() || (is_base && candidate.size() == best.size()))
                best = std::move(candidate);
        }
    }
    return best;
}

std::string format(double value) { return shortest(value); }

std::string format(std::uint64_t value) { return std::to_string(value); }

std::string format(date value) {
    const auto day = std::chrono::floor<std::chrono::days>(value);
    const std::chrono::year_month_day calendar{day};
    const std::chrono::hh_mm_ss<std::chrono::nanoseconds> time{value - day};
    std::string out;
    append_padded(out, static_cast<int>(calendar.year()), 4);
    out += '-';
    append_padded(out, static_cast<unsigned>(calendar.month()), 2);
    out += '-';
    append_padded(out, static_cast<unsigned>(calendar.day()), 2);
    out += 'T';
    append_padded(out, time.hours().count(), 2);
    out += ':';
    append_padded(out, time.minutes().count(), 2);
    out += ':';
    append_padded(out, time.seconds().count(), 2);
    if (time.subseconds().count() != 0) {
        out += '.';
        append_padded(out, time.subseconds().count(), 9);
        while (out.back() == '0') out.pop_back();
    }
    out += 'Z';
    return out;
}

}  // namespace ampacity::scenario
