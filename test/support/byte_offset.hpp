#pragma once
/// \file
/// Messages that name a byte of a text besides its line and column.

#include "support/catch.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace ampacity::test {

/// Checks that the byte in a message `FILE:LINE:COL: error: WHAT, at byte N...` is the one at that line and column of
/// `text`, and returns the message without it. Messages that name none come back as they are. \pre FILE has no colon
inline std::string without_byte(std::string message, std::string_view text) {
    constexpr std::string_view mark = ", at byte ";
    const std::size_t at = message.find(mark);
    if (at == std::string::npos) return message;
    std::size_t end = at + mark.size();
    while (end < message.size() && message[end] >= '0' && message[end] <= '9') ++end;
    const std::size_t byte = std::stoull(message.substr(at + mark.size()));

    const std::size_t colon = message.find(':');
    std::size_t offset = 0;
    for (auto line = std::stoull(message.substr(colon + 1)); line > 1; --line) offset = text.find('\n', offset) + 1;
    offset += std::stoull(message.substr(message.find(':', colon + 1) + 1)) - 1;
    CAPTURE(message);
    CHECK(byte == offset);
    return message.erase(at, end - at);
}

}  // namespace ampacity::test
