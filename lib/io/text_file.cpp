#include "text_file.hpp"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

namespace ampacity::io {

text_file read_text_file(const std::filesystem::path& file) {
    // A folder would open like a file and fail on its first read.
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored)) return {{}, "it is a folder"};
    errno = 0;
    std::ifstream stream{file, std::ios::binary};
    if (!stream) return {{}, errno != 0 ? std::generic_category().message(errno) : "unknown reason"};
    return {std::string{std::istreambuf_iterator<char>{stream}, {}}, {}};
}

}  // namespace ampacity::io
