#include <ampacity/scenario/values.hpp>

#include <algorithm>
#include <array>

namespace ampacity::scenario::detail {
namespace {

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
}

/// Texts that need no quotes in YAML: words of letters, digits and a few signs that are not read as
/// something else.
bool is_plain(std::string_view text) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const auto inner = [&](char c) {
        return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '/';
    };
    if (text.empty() || !letter(text.front()) || !std::all_of(text.begin(), text.end(), inner)) return false;
    constexpr std::array<std::string_view, 9> words{"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    std::string lower{text};
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return std::find(words.begin(), words.end(), lower) == words.end();
}

}  // namespace

std::optional<fault> read_bool(std::string_view text, bool quoted, bool& out) {
    const bool yes = text == "true" || text == "True" || text == "TRUE";
    const bool no = text == "false" || text == "False" || text == "FALSE";
    if (!yes && !no) return fault{"expected true or false", "write true or false"};
    if (quoted) return fault{"expected true or false, found text", "remove the quotes"};
    out = yes;
    return std::nullopt;
}

std::optional<fault> read_text(std::string_view text, std::string& out) {
    if (std::any_of(text.begin(), text.end(), is_control))
        return fault{"control characters in a text", "write it without them"};
    out = text;
    return std::nullopt;
}

fault unknown_name(std::string_view text, std::span<const std::string_view> known,
                   std::span<const std::string_view> reserved) {
    if (std::find(reserved.begin(), reserved.end(), text) != reserved.end())
        return fault{"not supported yet", suggestion({}, known)};
    return fault{"unknown name", suggestion(text, known)};
}

std::string yaml_text_of(std::string_view text) {
    if (is_plain(text)) return std::string{text};
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (is_control(c)) {
            constexpr std::string_view hex = "0123456789ABCDEF";
            const auto byte = static_cast<unsigned char>(c);
            out += "\\x";
            out += hex[byte >> 4U];
            out += hex[byte & 0xFU];
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string yaml_text_of(const free_options& map) {
    if (map.entries.empty()) return "{}";
    std::string out = "{ ";
    for (const auto& [key, value] : map.entries) {
        if (out.size() > 2) out += ", ";
        out += yaml_text_of(std::string_view{key}) + ": " + yaml_text_of(std::string_view{value});
    }
    return out + " }";
}

std::string yaml_text_of(const speed_table& table) {
    std::string out;
    for (const speed_table::row& row : table.rows) {
        std::string speeds;
        for (const auto& [gpu, speed] : row.speeds)
            speeds += (speeds.empty() ? "" : ", ") + yaml_text_of(std::string_view{gpu}) + ": " + format(speed);
        out += (out.empty() ? "" : ", ") + yaml_text_of(std::string_view{row.model}) + ": { " + speeds + " }";
    }
    return "{ " + out + " }";
}

}  // namespace ampacity::scenario::detail
