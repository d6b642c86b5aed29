#include "support/golden.hpp"

#include "support/catch.hpp"
#include "support/files.hpp"

#include <algorithm>
#include <cstdlib>

namespace ampacity::test {
namespace {

bool update_wanted() {
    const char* value = std::getenv("AMPACITY_UPDATE_GOLDEN");
    return value != nullptr && std::string_view{value} == "1";
}

std::string_view line_at(std::string_view text, std::size_t begin) {
    return begin < text.size() ? text.substr(begin, text.find('\n', begin) - begin) : "(end of text)";
}

}  // namespace

std::string first_difference(std::string_view expected, std::string_view actual) {
    if (expected == actual) return {};
    const auto shorter = std::min(expected.size(), actual.size());
    const auto at = static_cast<std::size_t>(
        std::mismatch(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(shorter), actual.begin()).first -
        expected.begin());
    const auto before = expected.substr(0, at);
    const auto line_begin = before.rfind('\n') + 1;
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    std::string text = "line " + std::to_string(line) + "\n  expected: ";
    text += line_at(expected, line_begin);
    text += "\n  actual:   ";
    text += line_at(actual, line_begin);
    return text;
}

void check_golden(std::string_view name, std::string_view actual) {
    const auto file = source_directory() / "test" / "golden" / name;
    if (update_wanted()) {
        write_file(file, actual);
        SUCCEED("rewritten");
        return;
    }
    INFO("golden file " << file.string() << "; AMPACITY_UPDATE_GOLDEN=1 rewrites it");
    REQUIRE(std::filesystem::exists(file));
    const auto difference = first_difference(read_file(file), actual);
    INFO(difference);
    CHECK(difference.empty());
}

}  // namespace ampacity::test
