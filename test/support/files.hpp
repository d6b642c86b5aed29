#pragma once
/// \file
/// Files for tests: whole-file reading and writing, and a directory that goes away with its owner.

#include <filesystem>
#include <string>
#include <string_view>

namespace ampacity::test {

/// An empty directory of its own; removed with all that is in it by the destructor.
class temporary_directory {
public:
    temporary_directory();
    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;
    ~temporary_directory();
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

/// The bytes of a file. \throws std::runtime_error when it cannot be read.
std::string read_file(const std::filesystem::path& file);

/// Makes the file have exactly these bytes; makes its directory where needed.
/// \throws std::runtime_error when it cannot be written.
void write_file(const std::filesystem::path& file, std::string_view bytes);

/// The root of the source tree.
std::filesystem::path source_directory();

}  // namespace ampacity::test
