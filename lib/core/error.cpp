#include <ampacity/core/error.hpp>
#include <ampacity/core/wide.hpp>

#include <algorithm>

namespace ampacity {
namespace {

/// One line that a terminal shows as it is: control characters as `\xNN`.
std::string one_line(const std::string& text) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7F) {
            out += c;
        } else {
            out += {'\\', 'x', hex[byte >> 4U], hex[byte & 15U]};
        }
    }
    return out;
}

}  // namespace

std::string diagnostic::text() const {
    std::string out;
    if (!where.file.empty()) {
        out += where.file;
        if (where.line != 0) out += ':' + std::to_string(where.line);
        if (where.line != 0 && where.column != 0) out += ':' + std::to_string(where.column);
        out += ": ";
    }
    out += "error: ";
    if (!key.empty()) out += key + ": ";
    out += what;
    if (where.byte) out += ", at byte " + std::to_string(*where.byte);
    if (!value.empty()) out += " (" + value + ")";
    if (!remedy.empty()) out += "; " + remedy;
    return one_line(out);
}

std::string to_string(int128 value) {
    const bool negative = value < 0;
    uint128 rest = negative ? -static_cast<uint128>(value) : static_cast<uint128>(value);
    std::string digits;
    do {
        digits += static_cast<char>('0' + static_cast<int>(rest % 10));
        rest /= 10;
    } while (rest != 0);
    if (negative) digits += '-';
    std::reverse(digits.begin(), digits.end());
    return digits;
}

}  // namespace ampacity
