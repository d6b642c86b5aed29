#pragma once
/// \file
/// Texts as fields of CSV files that we write (RFC 4180).

#include <string>
#include <string_view>

namespace ampacity::io {

/// Appends `text`, quoted where CSV needs it.
inline void append_csv_text(std::string& out, std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
        out += text;
        return;
    }
    out += '"';
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

}  // namespace ampacity::io
