#include "encode.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/report/text.hpp>

#include <array>
#include <charconv>
#include <cmath>

namespace ampacity::report {
namespace {

std::uint8_t digit(char c) { return static_cast<std::uint8_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10); }

}  // namespace

std::string json_text(std::string_view text) {
    // HTML's escapes tell which bytes are no text; they are taken back in JSON's own way.
    std::string out = "\"";
    const std::string safe = escape(text);
    for (std::size_t i = 0; i != safe.size(); ++i) {
        const std::string_view rest = std::string_view{safe}.substr(i);
        const auto take = [&](std::string_view entity, std::string_view as) {
            if (!rest.starts_with(entity)) return false;
            out += as;
            i += entity.size() - 1;
            return true;
        };
        if (take("&amp;", "\\u0026") || take("&lt;", "\\u003c") || take("&gt;", "\\u003e") || take("&quot;", "\\\"") ||
            take("&#39;", "'") || take("\n", "\\n") || take("\t", "\\t") || take("\r", "\\r") || take("\\", "\\\\"))
            continue;
        out += safe[i];
    }
    return out += '"';
}

std::string json_number(double value, int digits) {
    if (!std::isfinite(value)) return "null";
    std::array<char, 40> room{};
    const auto [end, fault] =
        std::to_chars(room.data(), room.data() + room.size(), value, std::chars_format::general, digits);
    return {room.data(), end};
}

std::string json_numbers(std::span<const double> values, int digits) {
    std::string out = "[";
    for (const double v : values) {
        if (out.size() > 1) out += ',';
        out += json_number(v, digits);
    }
    return out += ']';
}

std::string base64(std::span<const std::uint8_t> bytes) {
    static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto byte = [&](std::size_t k) { return i + k < bytes.size() ? std::uint32_t{bytes[i + k]} : 0U; };
        const std::uint32_t word = byte(0) << 16U | byte(1) << 8U | byte(2);
        for (std::size_t k = 0; k != 4; ++k) out += i + k <= bytes.size() ? digits[word >> (18 - 6 * k) & 63U] : '=';
    }
    return out;
}

void append_varint(std::vector<std::uint8_t>& to, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) to.push_back(static_cast<std::uint8_t>(value | 0x80U));
    to.push_back(static_cast<std::uint8_t>(value));
}

std::string csp_source(std::string_view sha256_hex) {
    AMPACITY_ASSERT(sha256_hex.size() == 64);
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i != 64; i += 2)
        bytes.push_back(static_cast<std::uint8_t>(digit(sha256_hex[i]) << 4U | digit(sha256_hex[i + 1])));
    return "'sha256-" + base64(bytes) + "'";
}

}  // namespace ampacity::report
