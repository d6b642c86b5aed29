#pragma once
/// \file
/// The exit statuses of the program. A constant table.

#include <array>
#include <string_view>

namespace ampacity::cli {

struct exit_code {
    int status;
    std::string_view text;
};

inline constexpr std::array exit_codes{
    exit_code{0, "done"},
    exit_code{1, "a bug of ours; the message says what to report"},
    exit_code{2, "bad usage or a bad scenario; the message names file, line, column, key, value and remedy"},
    exit_code{3, "unreadable or bad input data; the message names file, line, column, value and remedy"},
    exit_code{4, "interrupted; partial results are saved and marked, unless a second interrupt ended it at once"},
    exit_code{5, "a policy, a placer or a plug-in broke the rules, or a plug-in does not match; the message says why"},
};

}  // namespace ampacity::cli
