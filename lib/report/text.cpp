#include <ampacity/report/text.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <span>

namespace ampacity::report {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";
constexpr std::string_view ellipsis = "\xE2\x80\xA6";

/// Length of the character that begins the text; 0 where it is not UTF-8 (Unicode 15, table 3-7) or not a character
/// of XML 1.0. \pre not empty
std::size_t character_length(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const auto within = [&](std::size_t i, unsigned low, unsigned high) { return byte(i) >= low && byte(i) <= high; };
    const unsigned lead = byte(0);
    if (lead < 0x80) {
        const bool control = lead < 0x20 && lead != '\n' && lead != '\t' && lead != '\r';
        return control || lead == 0x7F ? 0 : 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) return within(1, 0x80, 0xBF) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (lead == 0xEF && byte(1) == 0xBF && byte(2) >= 0xBE) return 0;
        const bool second = within(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF);
        return second && within(2, 0x80, 0xBF) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        const bool second = within(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF);
        return second && within(2, 0x80, 0xBF) && within(3, 0x80, 0xBF) ? 4 : 0;
    }
    return 0;
}

std::string with_separators(std::string_view number) {
    const std::size_t first = number.starts_with('-') ? 1 : 0;
    std::size_t point = number.find('.');
    if (point == std::string_view::npos) point = number.size();
    std::string out;
    for (std::size_t i = 0; i < number.size(); ++i) {
        if (i > first && i < point && (point - i) % 3 == 0) out += ',';
        out += number[i];
    }
    return out;
}

std::string formatted(double value, std::chars_format format, int precision) {
    std::array<char, 400> room{};  // 309 digits before the point at most
    const auto [end, fault] = std::to_chars(room.data(), room.data() + room.size(), value, format, precision);
    return {room.data(), end};
}

void strip_zeros(std::string& number) {
    if (number.find('.') == std::string::npos) return;
    number.erase(number.find_last_not_of('0') + 1);
    if (number.ends_with('.')) number.pop_back();
}

struct unit {
    double size;
    std::string_view name;
    double from;  ///< the smallest value that is shown in it, besides whole multiples
};

std::string in_unit(double value, std::span<const unit> units) {
    const unit* best = &units.front();
    for (const unit& u : units) {
        if (value >= u.from || (value >= u.size && std::fmod(value, u.size) == 0)) best = &u;
    }
    return significant(value / best->size, 3) + "\u00A0" + std::string{best->name};
}

}  // namespace

std::string escape(std::string_view text) {
    std::string out;
    out.reserve(text.size() + text.size() / 8);
    while (!text.empty()) {
        const std::size_t length = character_length(text);
        switch (length == 0 ? '\0' : text.front()) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            case '\'': out += "&#39;"; break;
            case '\0': out += replacement; break;
            default: out += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

std::string shortened(std::string_view text, std::size_t most) {
    std::size_t at = 0;
    for (std::size_t n = 0; n < most && at < text.size(); ++n) {
        const std::size_t length = character_length(text.substr(at));
        at += length == 0 ? 1 : length;
    }
    std::string out{text.substr(0, at)};
    if (at < text.size()) out += ellipsis;
    return out;
}

std::string grouped(std::uint64_t value) { return with_separators(std::to_string(value)); }

std::string fixed(double value, int decimals) {
    return with_separators(formatted(value, std::chars_format::fixed, decimals));
}

std::string significant(double value, int digits) {
    if (value == 0) return "0";
    std::string scientific = formatted(value, std::chars_format::scientific, digits - 1);
    const std::size_t e = scientific.find('e');
    const std::size_t sign = scientific[e + 1] == '+' ? 2 : 1;
    int exponent = 0;
    std::from_chars(scientific.data() + e + sign, scientific.data() + scientific.size(), exponent);
    if (exponent < -6) {
        std::string mantissa = scientific.substr(0, e);
        strip_zeros(mantissa);
        return mantissa + 'e' + std::to_string(exponent);
    }
    std::string out = formatted(value, std::chars_format::fixed, exponent < digits ? digits - 1 - exponent : 0);
    double shown = 0;
    std::from_chars(out.data(), out.data() + out.size(), shown);
    if (std::abs(shown - value) <= 1e-12 * std::abs(value)) strip_zeros(out);
    return with_separators(out);
}

std::string human_seconds(double seconds) {
    static constexpr std::array units{unit{1e-9, "ns", 0},     unit{1e-6, "\u00B5s", 1e-6}, unit{1e-3, "ms", 1e-3},
                                      unit{1, "s", 1},         unit{60, "min", 120},        unit{3600, "h", 7200},
                                      unit{86400, "d", 172800}};
    if (seconds == 0) return "0\u00A0s";
    return in_unit(seconds, units);
}

std::string human_bytes(std::uint64_t bytes) {
    static constexpr std::array units{unit{1, "B", 0}, unit{1024, "KiB", 1024}, unit{1048576, "MiB", 1048576},
                                      unit{1073741824, "GiB", 1073741824}};
    return in_unit(static_cast<double>(bytes), units);
}

std::string percent(double part, double whole) {
    const double share = 100 * part / whole;
    if (part > 0 && share < 0.1) return "<\u00A00.1\u00A0%";
    if (part < whole && share > 99.9) return ">\u00A099.9\u00A0%";
    return fixed(share, share == std::round(share) ? 0 : 1) + "\u00A0%";
}

}  // namespace ampacity::report
