#include "support/data.hpp"

#include "support/files.hpp"

#include <cstdlib>
#include <iostream>
#include <string>

namespace ampacity::test {

// The mark is what test/CMakeLists.txt gives ctest as its SKIP_REGULAR_EXPRESSION.
void skip(std::string_view reason) { std::cout << "AMPACITY_SKIP: " << reason << std::endl; }

std::optional<std::filesystem::path> real_data(std::string_view path) {
    const char* given = std::getenv("AMPACITY_DATA");
    const auto directory = given != nullptr && *given != '\0' ? std::filesystem::path{given}
                                                              : source_directory().parent_path() / "shared" / "data";
    auto file = directory / path;
    if (std::filesystem::exists(file)) return file;
    skip("no " + file.string() + "; AMPACITY_DATA names the directory of real traces");
    return std::nullopt;
}

}  // namespace ampacity::test
