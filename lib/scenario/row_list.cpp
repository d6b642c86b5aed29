#include "row_list.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace ampacity::scenario {
namespace {

/// Takes a number off the front, with the blanks round it.
std::optional<std::uint64_t> take_number(std::string_view& text) {
    const auto skip = [&text] {
        while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    };
    skip();
    std::uint64_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    skip();
    return n;
}

}  // namespace

std::vector<std::uint32_t> parse_rows(std::string_view text, std::uint64_t count) {
    std::vector<std::uint32_t> rows;
    while (true) {
        const auto first = take_number(text);
        auto last = first;
        if (first && !text.empty() && text.front() == '-') {
            text.remove_prefix(1);
            last = take_number(text);
        }
        if (!first || !last || *last < *first || *last >= count) return {};
        for (std::uint64_t row = *first; row <= *last; ++row) rows.push_back(static_cast<std::uint32_t>(row));
        if (text.empty()) break;
        if (text.front() != ',') return {};
        text.remove_prefix(1);
    }
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    return rows;
}

}  // namespace ampacity::scenario
